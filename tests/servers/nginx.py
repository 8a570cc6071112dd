"""A genuine nginx on loopback that serves a folder, and what it says it sent."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = shutil.which("nginx") or "/usr/sbin/nginx"
CONFIGURATION = """
{user}
worker_processes 1;
daemon off;
pid {run}/pid;
error_log {run}/errors;
events {{ worker_connections 256; }}
http {{
  log_format sizes '$status $request_length $bytes_sent $connection $uri';
  access_log {run}/access sizes;
  keepalive_requests 100000;
  client_body_temp_path {run}/body;
  proxy_temp_path {run}/proxy;
  fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi;
  scgi_temp_path {run}/scgi;
  types {{ image/fits fits; }}
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    {extra}
  }}
}}
"""


@dataclass
class Nginx:
    """A running server."""

    address: str
    run: Path

    def sent(self) -> list[tuple[int, int, str]]:
        """Status, bytes of request and answer, and path of every request so far."""
        return [(int(status), int(asked) + int(sent), path) for status, asked, sent, _, path in self._log()]

    def connections(self) -> int:
        """How many connections there were."""
        return len({line[3] for line in self._log()})

    def _log(self) -> list[list[str]]:
        return [line.split(" ", 4) for line in (self.run / "access").read_text().splitlines()]


@contextmanager
def nginx(root: Path, run: Path, extra: str = "") -> Iterator[Nginx]:
    """Serve a folder while the block runs; ``extra`` are more lines for its server."""
    run.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = "user root;" if os.geteuid() == 0 else ""  # its workers must reach the files
    text = CONFIGURATION.format(user=user, run=run, root=root, port=port, extra=extra)
    (run / "nginx.conf").write_text(text)
    command = [PROGRAM, "-e", str(run / "errors"), "-p", str(run), "-c", str(run / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield Nginx(f"http://127.0.0.1:{port}", run)
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended with status {process.returncode}")
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("nginx does not listen")
