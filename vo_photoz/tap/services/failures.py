"""Failures of an archive that tell what to do next: ask for less, or ask again."""

from __future__ import annotations

import re

from vo_photoz.errors import ServiceError


class Refused(ServiceError):
    """An HTTP status of 400 and above.

    Parameters
    ----------
    message : str
        As in `vo_photoz.errors.PhotozError`.
    status : int
        The HTTP status.
    url
        As in `vo_photoz.errors.PhotozError`.
    """

    code = "service-refused"

    def __init__(self, message: str, *, status: int, url: str | None = None) -> None:
        super().__init__(message, url=url)
        self.status = status


class TooMuch(ServiceError):
    """What was asked takes the service too long or too much memory; less of it may pass."""

    code = "service-too-much"


class UploadTooLarge(TooMuch):
    """The service takes smaller uploads only."""

    code = "service-upload"


_UPLOAD = re.compile(
    r"upload\w*\b.{0,80}\b(too (large|big|long|many)|exceed|limit|maximum)"
    r"|(too (large|big|many)|exceed|limit|maximum)\b.{0,80}\bupload",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\btim(e|ed)[- ]?out\b|statement timeout|time limit|execution ?duration|took too long|\bdeadline\b",
    re.IGNORECASE,
)
_MEMORY = re.compile(
    r"out of memory|not enough memory|memory (limit|exhausted)|temporary file size exceeds"
    r"|no space left|disk quota|OutOfMemoryError|could not resize shared memory",
    re.IGNORECASE,
)


def failure(message: str, words: str, url: str) -> ServiceError:
    """Return the error that belongs to the words of a service.

    Parameters
    ----------
    message : str
        Sentence of the error.
    words : str
        What the service says; no standard gives these failures a code.
    url : str
        The address concerned.
    """
    if _UPLOAD.search(words):
        return UploadTooLarge(message, advice="Send fewer rows at a time.", url=url)
    if _TIME.search(words) or _MEMORY.search(words):
        return TooMuch(message, advice="Ask for fewer rows at a time, or a smaller radius.", url=url)
    return ServiceError(message, url=url)
