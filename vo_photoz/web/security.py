"""Who may see the pages: this machine, who knows the token, and only our own forms may change something."""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping
from typing import Any

from fastapi import HTTPException, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ["127.0.0.1", "localhost"]
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers would then send no origin with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


class SecurityHeaders:
    """Put the headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add headers when the answer starts."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=_as_scope(message))
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def same_token(given: str, token: str) -> bool:
    """Whether the token is right, in a time that does not tell how much of it is."""
    return secrets.compare_digest(given.encode(), token.encode())


def require_our_page(request: Request) -> None:
    """Refuse a form that another site sent.

    Raises
    ------
    HTTPException
        Raised with status 403 if the browser names another origin, or none.
    """
    ours = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if request.headers.get("origin") != ours:
        raise HTTPException(403, "Only a page of vo_photoz itself may do this.")


def _as_scope(message: Message) -> MutableMapping[str, Any]:
    message.setdefault("headers", [])
    return message
