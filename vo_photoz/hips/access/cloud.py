"""Files of a HiPS in an object store (s3://, gs://), through fsspec; answers as those of a web server."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vo_photoz import http
from vo_photoz.errors import PhotozError, ServiceError, SurveyError, TransientError
from vo_photoz.http.fetch import check_size

SCHEMES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "memory": "fsspec"}
"""Schemes of addresses and the package that speaks to the store (memory: in this process, for tests)."""
CONNECT_SECONDS, READ_SECONDS = 20, 60
PARTIAL = 206


def is_cloud(address: str) -> bool:
    """Whether an address lies in an object store."""
    return urlsplit(address).scheme in SCHEMES


def get_ranges(
    url: str,
    ranges: Sequence[tuple[int, int]] = (),
    *,
    seconds: float,  # noqa: ARG001 - the stores' clients have limits of their own
    max_bytes: int | None = None,
    headers: Mapping[str, str] | None = None,
    missing: Callable[[int, Mapping[str, str]], bool] | None = None,  # noqa: ARG001 - errors tell it
    meter: Callable[[int], None] = lambda _: None,
    attempts: int = 1,  # noqa: ARG001 - likewise
) -> http.Answer | None:
    """Ask for a file, or parts of it; parameters and answer as of `vo_photoz.http.get_ranges`.

    A store answers "forbidden" for a missing file to whoever may not list it: that is "missing" here.

    Raises
    ------
    SurveyError
        Raised if the package that speaks to the store is not installed.
    ServiceError
        Raised if the store fails or the file is too large.
    """
    store = _store(urlsplit(url).scheme)
    path = url.partition("://")[2]
    try:
        info = store.info(path)
        known = {key.lower(): str(value) for key, value in info.items() if value is not None}
        etag = known.get("etag", known.get("md5hash", ""))
        modified = known.get("lastmodified", known.get("updated", known.get("created", "")))
        total = int(info["size"])
        if _unchanged(headers or {}, etag, modified):
            return http.Answer(http.UNCHANGED, (), total, etag, modified)
        parts = [(start, min(stop, total)) for start, stop in ranges if start < total] or [(0, total)]
        check_size(sum(stop - start for start, stop in parts), max_bytes, url)
        pieces = _pieces(store, path, parts)
    except (FileNotFoundError, PermissionError):
        return None
    except PhotozError:
        raise
    except Exception as error:  # noqa: BLE001 - every store has errors of its own
        raise TransientError(
            f"{url} cannot be read: {error or type(error).__name__}.",
            advice="Check the address and the credentials of the store.",
            url=url,
        ) from None
    meter(sum(len(data) for _, data in pieces))
    status = PARTIAL if ranges and parts != [(0, total)] else http.WHOLE
    return http.Answer(status, tuple(pieces), total, etag, modified)


def _pieces(store: Any, path: str, parts: list[tuple[int, int]]) -> list[tuple[int, bytes]]:
    starts, ends = [start for start, _ in parts], [stop for _, stop in parts]
    found = store.cat_ranges([path] * len(parts), starts, ends, on_error="raise")
    for (start, stop), data in zip(parts, found, strict=True):
        if len(data) != stop - start:
            raise ServiceError(f"{path} came in short: {len(data)} of {stop - start} bytes.")
    return [(start, bytes(data)) for start, data in zip(starts, found, strict=True)]


def _unchanged(headers: Mapping[str, str], etag: str, modified: str) -> bool:
    """Whether the file is the one that the validators describe."""
    theirs = {"If-None-Match": etag, "If-Modified-Since": modified}
    asked = {key: value for key, value in headers.items() if key in theirs}
    return bool(asked) and all(theirs[key] == value for key, value in asked.items())


@lru_cache
def _store(scheme: str) -> Any:
    try:
        import fsspec  # noqa: PLC0415 - an extra

        return fsspec.filesystem(scheme, **_options(scheme, fsspec.config.conf))
    except ImportError:
        raise SurveyError(
            f"Addresses with {scheme}:// need the package {SCHEMES[scheme]}: pip install 'vo-photoz[cloud]'.",
            advice="Install it, or use another mirror.",
        ) from None


def _options(scheme: str, configured: Mapping[str, Any]) -> dict[str, Any]:
    """Without credentials, open data; what fsspec's own configuration says counts more."""
    if scheme == "s3":
        keys = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        known = any(key in os.environ for key in keys) or (Path.home() / ".aws").is_dir()
        limits = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        options: dict[str, Any] = {"anon": not known, "config_kwargs": limits}
    elif scheme in ("gs", "gcs"):
        known = "GOOGLE_APPLICATION_CREDENTIALS" in os.environ or (Path.home() / ".config/gcloud").is_dir()
        options = {"timeout": READ_SECONDS, **({} if known else {"token": "anon"})}
    else:
        options = {}
    return {key: value for key, value in options.items() if key not in configured.get(scheme, {})}
