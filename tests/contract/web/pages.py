"""Addresses of the page under test."""

from __future__ import annotations

TOKEN = "a-token-that-no-other-page-knows"
ORIGIN = "http://127.0.0.1:4711"
EVIL = '<script>alert("x")</script>&'


def at(path: str) -> str:
    """A path of the page as its owner sees it."""
    return f"/{TOKEN}/{path}"
