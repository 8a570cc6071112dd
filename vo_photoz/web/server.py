"""The page served from a thread of this process, on the loopback interface only."""

from __future__ import annotations

import errno
import socket
import threading
import time

import uvicorn
from starlette.types import ASGIApp

from vo_photoz.errors import UsageError

ADDRESS = "127.0.0.1"
START_SECONDS = 20.0
STOP_SECONDS = 5.0


class Server:
    """A running server.

    Parameters
    ----------
    server : uvicorn.Server
        Not yet started.
    listener : socket.socket
        Bound to the loopback interface.
    """

    def __init__(self, server: uvicorn.Server, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener
        self.port: int = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name=f"web-{self.port}", daemon=True)

    @property
    def url(self) -> str:
        """Address of the server, without the token."""
        return f"http://{ADDRESS}:{self.port}"

    def start(self) -> None:
        """Start, and return when requests are answered."""
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise UsageError(
                    f"The page could not be started on port {self.port}.", advice="The log says why."
                )
            time.sleep(0.01)

    def stop(self) -> None:
        """Finish what is being answered, for some seconds at most, and close the port."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(STOP_SECONDS)
        self._listener.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])


def serve_in_thread(app: ASGIApp, port: int = 0) -> Server:
    """Serve an application on 127.0.0.1.

    Parameters
    ----------
    app : ASGI application
        What `create_app` returns.
    port : int
        Port; 0 takes a free one.

    Returns
    -------
    Server
        With ``port``, ``url`` and ``stop()``.

    Raises
    ------
    UsageError
        Raised if the port is taken or may not be used.
    """
    listener = _listen(port)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, proxy_headers=False, lifespan="off",
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = Server(uvicorn.Server(config), listener)
    server.start()
    return server


def _listen(port: int) -> socket.socket:
    """A socket bound to the port of the loopback interface."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        # Listening at once, so that a taken port shows here and not in the thread.
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "is taken by another program" if taken else f"cannot be used ({error})"
        raise UsageError(
            f"Port {port} of {ADDRESS} {why}.", advice="Choose another with --port, or 0."
        ) from None
    return listener
