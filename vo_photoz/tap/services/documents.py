"""The small XML documents of a service: jobs, lists of jobs, capabilities. None of them is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from vo_photoz.errors import ProtocolError

DOCUMENT_BYTES = 4_000_000
"""Largest document that is read; the capabilities of a big archive have some hundred kilobytes."""

_HREF = "http://www.w3.org/1999/xlink}href"
_DEEPEST = 100


def tree(body: bytes, url: str, what: str) -> Element:
    """Root of a document without entities.

    Parameters
    ----------
    body : bytes
        The document.
    url : str
        Where it comes from.
    what : str
        What it should be, for the error.

    Raises
    ------
    ProtocolError
        Raised if it is not XML, or declares entities.
    """
    builder = _Builder()
    try:
        builder.parser.Parse(body, True)
        return builder.close()
    except (expat.ExpatError, LookupError, ValueError) as error:
        told = f"{url} is not {what}: {error}."
        raise ProtocolError(told, advice="Is it a TAP service?", url=url) from None


class _Builder(TreeBuilder):
    """A tree whose names are written ``namespace}name``; it refuses what only attacks have."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.enter
        self.parser.EndElementHandler = self.leave
        self.parser.CharacterDataHandler = self.data
        # No byte of the document is searched for: entities can be declared in any encoding.
        self.parser.EntityDeclHandler = self.entity

    def enter(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError(f"it nests more than {_DEEPEST} elements")
        self.start(name, attributes)

    def leave(self, name: str) -> None:
        self.depth -= 1
        self.end(name)

    def entity(self, *_: Any) -> None:
        raise ValueError("it declares XML entities")


def local(element: Element) -> str:
    """Name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def inside(element: Element, *names: str) -> Iterator[Element]:
    """All elements below with one of these names, in whatever namespace."""
    return (one for one in element.iter() if local(one) in names)


def text(element: Element, name: str) -> str:
    """Text of the first element of this name below; empty without one."""
    found = next(inside(element, name), None)
    return "" if found is None else " ".join("".join(found.itertext()).split())


@dataclass(frozen=True)
class JobDocument:
    """What a service tells of a job (UWS 1.0 and 1.1).

    Parameters
    ----------
    phase : str
        PENDING, QUEUED, EXECUTING, COMPLETED, ERROR, ABORTED, ...
    run_id : str
        The RUNID it was made with, where the service keeps it.
    parameters : dict of str to str
        What it was made with; names in lower case.
    message : str
        Why it failed.
    results : tuple of (str, str)
        Name and address of each result.
    """

    phase: str
    run_id: str
    parameters: dict[str, str]
    message: str
    results: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, body: bytes, url: str) -> JobDocument:
        """Read the document of a job.

        Raises
        ------
        ProtocolError
            Raised if it is none.
        """
        root = tree(body, url, "the document of a job")
        phase = text(root, "phase").upper()
        if local(root) != "job" or not phase:
            raise ProtocolError(f"{url} is not the document of a job.", url=url)
        parameters = {
            (one.get("id") or "").lower(): "".join(one.itertext()) for one in inside(root, "parameter")
        }
        summary = next(inside(root, "errorSummary"), None)
        message = "" if summary is None else text(summary, "message")
        results = tuple((one.get("id") or "", one.get(_HREF) or "") for one in inside(root, "result"))
        return cls(phase, text(root, "runId"), parameters, message, results)

    def result_address(self, job: str) -> str:
        """Address of the table among the results."""
        found = [(name, href) for name, href in self.results if href]
        fitting = [href for _, href in found if href.endswith("results/result")]
        named = [href for name, href in found if name == "result"]
        return urljoin(f"{job}/", next(iter([*fitting, *named]), "results/result"))


def pending_jobs(body: bytes, url: str) -> list[str]:
    """Addresses in a list of jobs of those that were never started.

    Raises
    ------
    ProtocolError
        Raised if it is no list of jobs.
    """
    root = tree(body, url, "a list of jobs")
    found = []
    for one in inside(root, "jobref"):
        if text(one, "phase").upper() in ("PENDING", ""):
            where = one.get(_HREF) or one.get("id") or ""
            found.append(urljoin(f"{url.partition('?')[0]}/", where))
    return found
