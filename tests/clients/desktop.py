"""A throw-away desktop: Xvfb, a window manager, an isolated home, and every process that a test starts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeVar

COMMANDS = ("Xvfb", "openbox", "xdotool", "import")
SCREEN = "1600x1000x24"
PRIVATE = ("XAUTHORITY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "SAMP_HUB", "JAVA_TOOL_OPTIONS")

T = TypeVar("T")


class NotInTime(AssertionError):
    """Something waited for did not happen."""


def until(condition: Callable[[], T], seconds: float, what: str) -> T:
    """Poll a condition until it is true and return its value; never a blind sleep."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise NotInTime(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


class Desktop:
    """One display and one home; ``with Desktop(folder) as desktop`` ends all it started.

    Parameters
    ----------
    folder : Path
        Holds ``home``, ``tmp``, ``log`` and ``shots``; made when missing.

    Notes
    -----
    SAMP_HUB is obeyed by TOPCAT, STILTS, JSAMP and pyvo. Aladin reads ``${user.home}/.samp`` instead, and
    Java takes user.home from the passwd entry, not from HOME. Hence one file for both.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.tmp, self.logs, self.shots = (folder / n for n in ("home", "tmp", "log", "shots"))
        for one in (self.home, self.tmp, self.logs, self.shots):
            one.mkdir(parents=True, exist_ok=True)
        self.lockfile = self.home / ".samp"
        self.environment = {k: v for k, v in os.environ.items() if k not in PRIVATE}
        self.environment |= {
            "HOME": str(self.home),
            "SAMP_HUB": f"std-lockurl:file://{self.lockfile}",
            "JAVA_TOOL_OPTIONS": f"-Duser.home={self.home} -Djava.io.tmpdir={self.tmp}",
        }
        for name in ("CONFIG", "DATA", "CACHE", "STATE"):
            (self.home / name.lower()).mkdir(exist_ok=True)
            self.environment[f"XDG_{name}_HOME"] = str(self.home / name.lower())
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Desktop:
        try:
            self._open_display()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_display(self) -> None:
        """Start Xvfb, which chooses a free number itself and tells it, and wait for the window manager."""
        ours, theirs = os.pipe()
        command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", SCREEN, "-nolisten", "tcp"]
        self.start("xvfb", command, pass_fds=(theirs,))
        os.close(theirs)
        with os.fdopen(ours) as pipe:
            number = pipe.readline().strip()  # empty when Xvfb ended at once
        assert number, self.log("xvfb")
        self.environment["DISPLAY"] = f":{number}"
        until(self._has_window_manager, 20, "window manager")

    def _has_window_manager(self) -> bool:
        """Start openbox, again if it came too early for the display; it sets this property when ready."""
        if not self.runs("openbox"):
            self.end("openbox")
            self.start("openbox", ["openbox"])
        return self.xdo("get_desktop").isdigit() and self.runs("openbox")

    # --- processes -----------------------------------------------------------------------------------------
    def start(
        self, name: str, command: list[str], variables: dict[str, str] | None = None, **options: Any
    ) -> None:
        """Start a process in a group of its own; its output goes to ``log/NAME.log``."""
        assert not self.runs(name), f"{name} runs already"
        log: IO[bytes]
        with (self.logs / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                env=self.environment | (variables or {}),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **options,
            )

    def runs(self, name: str) -> bool:
        """Whether a process of that name was started and lives."""
        return name in self._processes and self._processes[name].poll() is None

    def end(self, name: str, first: int = signal.SIGTERM) -> None:
        """End the process and its children: ``/usr/bin/topcat`` is a shell script that does not exec java."""
        process = self._processes.pop(name, None)
        if process is None:
            return
        for number in (first, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(NotInTime):
                until(lambda: not self._has_members(process), 10, f"the end of {name}")
                return
        raise NotInTime(f"{name} does not end")

    @staticmethod
    def _has_members(process: subprocess.Popen[bytes]) -> bool:
        """Whether a process of the group lives; the shell ends before the java that it started."""
        process.poll()
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """End everything, the display last."""
        for name in list(self._processes)[::-1]:
            self.end(name)

    def log(self, name: str, lines: int = 30) -> str:
        """The end of what a process has written."""
        path = self.logs / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    # --- windows -------------------------------------------------------------------------------------------
    def xdo(self, *arguments: object) -> str:
        """What xdotool prints; empty when it fails (no such window, say)."""
        command = ["xdotool", *map(str, arguments)]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )
        return done.stdout.strip()

    def window(self, pattern: str) -> str:
        """Identifier of the newest visible window whose title matches, or empty."""
        return (self.xdo("search", "--onlyvisible", "--name", pattern).split() or [""])[-1]

    def activate(self, pattern: str, seconds: float = 30) -> str:
        """Bring a window to the front and wait until it has the keyboard."""
        window = until(lambda: self.window(pattern), seconds, f"window {pattern}")

        def active() -> bool:
            self.xdo("windowactivate", window)
            return self.xdo("getactivewindow") == window

        until(active, seconds, f"window {pattern} in front")
        return window

    def size(self, window: str) -> tuple[int, int]:
        """Width and height of a window, pixels."""
        lines = self.xdo("getwindowgeometry", "--shell", window).splitlines()
        values = dict(line.split("=") for line in lines)
        return int(values["WIDTH"]), int(values["HEIGHT"])

    def keys(self, *keys: str) -> None:
        """Press keys one after the other, slowly enough for Swing."""
        self.xdo("key", "--delay", 100, *keys)

    def click(self, x: int, y: int, *, window: str = "") -> None:
        """Click with the left button at a place on the screen or in a window."""
        inside = ("--window", window) if window else ()
        self.xdo("mousemove", *inside, x, y)
        self.xdo("click", 1)

    def pixels(self, x: int, y: int, width: int, height: int, window: str = "root") -> bytes:
        """What is drawn in a part of the screen or of a window."""
        command = ["import", "-window", window, "-crop", f"{width}x{height}+{x}+{y}", "-depth", "8", "rgb:-"]
        return subprocess.run(
            command, env=self.environment, timeout=60, check=True, capture_output=True
        ).stdout

    def shot(self, name: str, window: str = "root") -> Path:
        """Screenshot of the display or of one window, as PNG."""
        path = self.shots / f"{name}.png"
        command = ["import", "-window", window, str(path)]
        subprocess.run(command, env=self.environment, timeout=60, check=False, capture_output=True)
        return path
