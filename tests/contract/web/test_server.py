"""The local page: the server behind it."""

from __future__ import annotations

import httpx2
import pytest

from tests.contract.web.pages import TOKEN, at
from tests.job_folder import MemoryStore
from vo_photoz.errors import UsageError
from vo_photoz.web.app import create_app
from vo_photoz.web.server import serve_in_thread


def test_the_server_answers_clicks_and_frees_its_port(store: MemoryStore):
    server = serve_in_thread(create_app(store, TOKEN))
    try:
        for row in range(3):
            picture = httpx2.get(f"{server.url}{at(f'jobs/d1/rows/{row}.png')}").raise_for_status()
            assert picture.content.startswith(b"\x89PNG")
    finally:
        server.stop()
    again = serve_in_thread(create_app(store, TOKEN), server.port)
    assert again.port == server.port
    again.stop()


def test_a_taken_port_is_a_clear_error(store: MemoryStore):
    server = serve_in_thread(create_app(store, TOKEN))
    try:
        with pytest.raises(UsageError, match=f"Port {server.port} .* is taken by another program"):
            serve_in_thread(create_app(store, TOKEN), server.port)
        with pytest.raises(UsageError, match="cannot be used"):
            serve_in_thread(create_app(store, TOKEN), 70_000)
    finally:
        server.stop()
