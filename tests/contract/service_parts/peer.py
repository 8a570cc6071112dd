"""A SAMP client of its own making, straight on pyvo."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from pyvo import samp

samp.conf.use_internet = False

MTYPES = ("table.load.votable", "coord.pointAt.sky")


def until(condition: Callable[[], Any], seconds: float = 20, what: str = "") -> Any:
    """What the condition gives once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.03)
    raise AssertionError(f"not within {seconds} s: {what or condition}")


class Peer:
    """Records the tables it gets, fetching each at once; answers as ``answer`` says."""

    def __init__(self, name: str, mtypes: tuple[str, ...] = MTYPES) -> None:
        self.tables: list[dict[str, Any]] = []
        self.pointed: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _: ok()
        self._tags = itertools.count()
        self._lock = threading.Lock()
        self.client = samp.SAMPIntegratedClient(name=name, addr="127.0.0.1")
        self.client.connect()
        for mtype in mtypes:
            self.client.bind_receive_message(mtype, self.received)

    def received(
        self,
        private_key: str,
        sender: str,
        msg_id: str | None,
        mtype: str,
        params: dict[str, Any],
        extra: Any,
    ) -> None:
        try:
            if mtype == "coord.pointAt.sky":
                self.pointed.append(params)
                return
            with urllib.request.urlopen(params["url"], timeout=20) as answer:
                body = answer.read()
            with self._lock:
                self.tables.append({**params, "body": body, "msg_id": msg_id, "sender": sender})
            reply = self.answer(params)
            if msg_id is not None and reply is not None:
                self.client.reply(msg_id, reply)
        except Exception as error:  # noqa: BLE001 - a hub delivers again when a handler raises
            self.tables.append({"failed": repr(error)})

    def find(self, name: str = "vo_photoz") -> str | None:
        for client in self.client.get_registered_clients():
            with contextlib.suppress(Exception):
                if self.client.get_metadata(client).get("samp.name") == name:
                    return client
        return None

    def ask(
        self, mtype: str, params: dict[str, str], seconds: float = 20, to: str | None = None
    ) -> dict[str, Any]:
        """Call the service (or somebody else) with a tag of our own; its answer."""
        answers: list[dict[str, Any]] = []
        came = threading.Event()

        def response(private_key: str, responder: str, tag: str, reply: dict[str, Any]) -> None:
            answers.append(reply)
            came.set()

        tag = f"{id(self)}-{next(self._tags)}"
        self.client.bind_receive_response(tag, response)
        recipient = to or until(self.find, what="vo_photoz at the hub")
        self.client.call(recipient, tag, {"samp.mtype": mtype, "samp.params": params})
        assert came.wait(seconds), f"no answer within {seconds} s"
        return answers[0]

    def send(self, url: str, name: str = "t", table_id: str = "peer:1", **options: Any) -> dict[str, Any]:
        """Send a table; the answer."""
        mtype = options.pop("mtype", "table.load.votable")
        return self.ask(mtype, {"url": url, "name": name, "table-id": table_id}, **options)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.client.disconnect()


def ok() -> dict[str, Any]:
    return {"samp.status": "samp.ok", "samp.result": {}}


def error(text: str) -> dict[str, Any]:
    return {"samp.status": "samp.error", "samp.error": {"samp.errortxt": text}}
