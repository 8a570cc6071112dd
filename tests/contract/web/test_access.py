"""The local page: who sees what."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.contract.web.pages import TOKEN, at


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/wrong/",
        "/wrong/jobs/d1",
        "/wrong/jobs/d1/result.vot",
        "/favicon.ico",
        "/docs",
        "/openapi.json",
        f"/{TOKEN[:-1]}/",
        f"/{TOKEN}x/",
        "/%C3%A9%00/",
    ],
)
def test_without_the_token_there_is_nothing(client: TestClient, path: str):
    answer = client.get(path)
    assert answer.status_code == 404
    assert TOKEN not in answer.text
    assert "There is no such page." in answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:4711", 200),
        ("localhost:4711", 200),
        ("127.0.0.1", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example:4711", 400),
    ],
)
def test_only_this_machines_names_are_answered(client: TestClient, host: str, status: int):
    assert client.get(at(""), headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    "path", [at(""), at("jobs/none"), "/wrong", at("jobs/d1/rows/0.png"), at("style.css")]
)
def test_every_answer_has_the_security_headers(client: TestClient, path: str):
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_pages_need_no_script_and_nothing_from_elsewhere(client: TestClient):
    for path in ("", "jobs/d1", "jobs/d1/rows/0", "jobs/none"):
        text = client.get(at(path)).text
        assert "<script" not in text
        assert "http://" not in text
        assert "https://" not in text
        assert "style=" not in text


def test_texts_of_others_are_escaped(client: TestClient):
    for path in ("", "jobs/r1", "jobs/f1", "jobs/%3Cscript%3E"):
        text = client.get(at(path)).text
        assert "<script>" not in text
        assert "&lt;script&gt;" in text
