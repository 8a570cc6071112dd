"""What a TAP service says it can do and where its limits are (TAPRegExt 1.0, in its VOSI capabilities)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from vo_photoz.errors import ProtocolError, ServiceError
from vo_photoz.http.exchange import exchange
from vo_photoz.tap.services.documents import DOCUMENT_BYTES, inside, local, text, tree

TAP = "ivo://ivoa.net/std/tap"
EXTENSION = "ivo://ivoa.net/std/tapregext#"
SECONDS = 20.0
"""A service that does not tell its limits in this time works without."""
KEPT_SECONDS = 600.0


@dataclass(frozen=True)
class Limits:
    """What a service says of itself; None or empty where it says nothing.

    Parameters
    ----------
    known : bool
        Whether there were capabilities that could be read.
    problem : str
        Why not.
    inline_upload : bool or None
        Whether tables can be sent with the query.
    upload_rows, upload_bytes : int or None
        Largest upload.
    default_rows, most_rows : int or None
        Rows of an answer without MAXREC, and at most.
    seconds : int or None
        Longest execution.
    geometry : frozenset of str
        Functions of ADQL's geometry, in capitals: POINT, CIRCLE, CONTAINS, ...
    functions : frozenset of str
        Names of the user-defined functions, in lower case (``ivo_healpix_index``, ...).
    moc : bool
        Whether coverage maps can be written into a query: MOC('6/1 2').
    """

    known: bool = False
    problem: str = ""
    inline_upload: bool | None = None
    upload_rows: int | None = None
    upload_bytes: int | None = None
    default_rows: int | None = None
    most_rows: int | None = None
    seconds: int | None = None
    geometry: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    moc: bool = False

    def has(self, function: str) -> bool:
        """Whether a function of ADQL is advertised: geometry or user-defined, in any letter case."""
        return function.upper() in self.geometry or function.lower() in self.functions

    def __str__(self) -> str:
        if not self.known:
            return f"not known: {self.problem}"
        parts = [
            (self.upload_rows, "upload of {} rows"),
            (self.upload_bytes, "upload of {} bytes"),
            (self.most_rows, "{} rows in an answer"),
            (self.seconds, "{} s"),
        ]
        told = [words.format(value) for value, words in parts if value is not None]
        told += ["no uploads"] if self.inline_upload is False else []
        return ", ".join(told) or "none told"


_found: dict[str, tuple[float, Limits]] = {}
_lock = threading.Lock()


def read_limits(url: str, end: float) -> Limits:
    """Limits of a service; it works without them, so that nothing is raised.

    Parameters
    ----------
    url : str
        Base address of the service.
    end : float
        When all must be done, on the clock of `time.monotonic`.
    """
    url = url.rstrip("/")
    with _lock:
        when, found = _found.get(url, (0.0, Limits()))
    if found.known and time.monotonic() - when < KEPT_SECONDS:
        return found
    found = _ask(url, end)
    if found.known:
        with _lock:
            _found[url] = (time.monotonic(), found)
    return found


def _ask(url: str, end: float) -> Limits:
    where = f"{url}/capabilities"
    seconds = max(0.1, min(SECONDS, end - time.monotonic()))
    try:
        reply = exchange("GET", where, seconds=seconds, attempts=3, max_bytes=DOCUMENT_BYTES)
        if reply.status >= 400:
            return Limits(problem=f"{where} answered HTTP {reply.status}")
        return parse_limits(reply.body, where)
    except ServiceError as error:
        return Limits(problem=error.message.rstrip("."))


def parse_limits(body: bytes, url: str) -> Limits:
    """Read the capabilities of a service.

    Raises
    ------
    ProtocolError
        Raised if they are none, or none of a TAP service.
    """
    root = tree(body, url, "a description of capabilities")
    ours = [
        one
        for one in inside(root, "capability")
        if (one.get("standardID") or "").lower().partition("#")[0] == TAP
    ]
    if not ours:
        raise ProtocolError(f"{url} describes no TAP service.", url=url)
    found = _read(ours[0])
    for other in ours[1:]:
        # Versions of TAP beside each other: what one leaves out the next may tell.
        theirs = _read(other)
        found = replace(
            found,
            **{
                name: value
                for name, value in vars(theirs).items()
                if vars(found)[name] in (None, frozenset(), False) and value is not None
            },
        )
    return found


def _read(capability: Element) -> Limits:
    upload = _limit(capability, "uploadLimit")
    output = _limit(capability, "outputLimit")
    methods = [(one.get("ivo-id") or "").lower() for one in inside(capability, "uploadMethod")]
    duration = _limit(capability, "executionDuration")
    return Limits(
        known=True,
        inline_upload=f"{EXTENSION}upload-inline" in methods if methods else None,
        upload_rows=_least(upload, "row"),
        upload_bytes=_least(upload, "byte"),
        default_rows=output.get(("default", "row")),
        most_rows=output.get(("hard", "row")),
        seconds=duration.get(("hard", ""), duration.get(("default", ""))),
        geometry=frozenset(
            form.upper() for form in _forms(capability, "features-adqlgeo", "features-adql-geo")
        ),
        functions=frozenset(
            form.partition("(")[0].strip().lower() for form in _forms(capability, "features-udf")
        ),
        # It is in no standard yet: DaCHS lists it among its own keywords.
        moc=any(
            text(feature, "form").partition("(")[0].strip().upper() == "MOC"
            for features in inside(capability, "languageFeatures")
            for feature in inside(features, "feature")
        ),
    )


def _limit(capability: Element, name: str) -> dict[tuple[str, str], int]:
    """Numbers of a limit by kind (default, hard) and unit."""
    found = {}
    for limit in inside(capability, name):
        for one in limit:
            digits = "".join(one.itertext()).strip()
            # A limit of zero or less means that there is none: nobody would offer it otherwise.
            if digits.isascii() and digits.isdigit() and int(digits[:18]) > 0:
                found[local(one), (one.get("unit") or "").lower()] = int(digits[:18])
    return found


def _least(limit: dict[tuple[str, str], int], unit: str) -> int | None:
    """Smallest number with a unit: what is over the default may be refused as well."""
    return min((value for (_, of), value in limit.items() if of == unit), default=None)


def _forms(capability: Element, *kinds: str) -> list[str]:
    wanted = [f"{EXTENSION}{kind}" for kind in kinds]
    return [
        text(feature, "form")
        for features in inside(capability, "languageFeatures")
        if (features.get("type") or "").lower() in wanted
        for feature in inside(features, "feature")
    ]
