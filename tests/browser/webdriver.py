"""Headless Chromium, driven over the W3C WebDriver protocol by Debian's chromedriver."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx2

COMMANDS = ("chromium", "chromedriver")
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-device-scale-factor=1",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the name the standard gives to references
START_SECONDS = 60


class Browser:
    """One browser window with a profile of its own.

    Parameters
    ----------
    folder : Path
        Where the profile and the log are kept.
    """

    def __init__(self, folder: Path, width: int = 1100, height: int = 1000) -> None:
        self._port = _free_port()
        self._log = (folder / "chromedriver.log").open("wb")
        command = ["chromedriver", f"--port={self._port}", "--allowed-ips=127.0.0.1"]
        self._driver = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)
        self._http = httpx2.Client(
            base_url=f"http://127.0.0.1:{self._port}", timeout=START_SECONDS, trust_env=False
        )
        try:
            self._wait()
            arguments = [*OPTIONS, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{height}"]
            wanted = {
                "browserName": "chrome",
                "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": arguments},
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        except BaseException:
            self._end()
            raise
        self._session = f"/session/{session['sessionId']}"

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._call("DELETE", self._session)
        self._end()

    def open(self, url: str) -> None:
        """Load a page."""
        self._post("/url", url=url)

    def click(self, css: str) -> None:
        """Click on the first element of a CSS selector."""
        element = self._post("/element", using="css selector", value=css)[ELEMENT]
        self._post(f"/element/{element}/click")

    def run(self, script: str) -> Any:
        """Value of a script's return statement."""
        return self._post("/execute/sync", script=script, args=[])

    def complaints(self) -> list[str]:
        """What the browser's console says: failed loads, breaches of the security policy."""
        return [entry["message"] for entry in self._post("/se/log", type="browser")]

    def resize(self, width: int, height: int) -> None:
        """Change the size of the window."""
        self._post("/window/rect", width=width, height=height)

    def picture(self, file: Path) -> Path:
        """A screenshot of the window as PNG."""
        file.write_bytes(base64.b64decode(self._call("GET", f"{self._session}/screenshot")))
        return file

    def _post(self, path: str, **values: Any) -> Any:
        return self._call("POST", f"{self._session}{path}", values)

    def _call(self, method: str, path: str, values: dict[str, Any] | None = None) -> Any:
        answer = self._http.request(method, path, json=values)
        value = answer.json()["value"]
        assert answer.is_success, f"{method} {path}: {value}"
        return value

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except httpx2.TransportError:
                assert self._driver.poll() is None, "chromedriver ended"
            assert time.monotonic() < deadline, "chromedriver did not start"
            time.sleep(0.05)

    def _end(self) -> None:
        self._http.close()
        self._driver.terminate()
        self._driver.wait(10)
        self._log.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
