"""One tree of errors; every one says what happened, where, and what to do.

PhotozError
|- UsageError              options or settings that cannot be meant
|- TableError              a table that cannot be read, or has no (or several) positions
|- CoverageError           a coverage map that cannot be read or used
|- ServiceError            an archive or web server failed
|  |- TransientError       it may work when asked again
|  |  `- RateLimited       it asked us to wait (``retry_after``)
|  |- DeadlineExceeded     the total time allowed is over
|  |- Truncated            the service returned fewer rows than there are
|  `- ProtocolError        the answer is not what the standard says
|- SurveyError             a survey definition or its HiPS is unusable
|- ModelError              a model is missing, damaged, or does not fit the survey
`- JobError                a job of the service failed or is not known
"""

from __future__ import annotations


class PhotozError(Exception):
    """Base of all errors that a user may see.

    Parameters
    ----------
    message : str
        One sentence: what happened, and to which file, row or address.
    advice : str
        What the user can do about it; may be empty.
    url : str or None
        The file or address concerned.
    """

    code = "error"
    retryable = False

    def __init__(self, message: str, *, advice: str = "", url: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.url = url

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class UsageError(PhotozError):
    """Options or settings that cannot be meant."""

    code = "usage"


class TableError(PhotozError):
    """A table that cannot be read or has no usable positions."""

    code = "table"


class CoverageError(PhotozError):
    """A coverage map that cannot be read or used."""

    code = "coverage"


class ServiceError(PhotozError):
    """An archive or web server failed."""

    code = "service"


class TransientError(ServiceError):
    """A failure that may pass when the same is asked again."""

    code = "service-transient"
    retryable = True


class RateLimited(TransientError):
    """The service asked us to wait.

    Parameters
    ----------
    message : str
        As in `PhotozError`.
    retry_after : float
        Seconds the service asked us to wait.
    advice, url
        As in `PhotozError`.
    """

    code = "service-rate-limited"

    def __init__(self, message: str, *, retry_after: float, advice: str = "", url: str | None = None) -> None:
        super().__init__(message, advice=advice, url=url)
        self.retry_after = retry_after


class DeadlineExceeded(ServiceError):
    """The total time allowed for a request or job is over."""

    code = "service-deadline"


class Truncated(ServiceError):
    """A service returned fewer rows than there are."""

    code = "service-truncated"


class ProtocolError(ServiceError):
    """An answer that is not what the standard says."""

    code = "service-protocol"


class SurveyError(PhotozError):
    """A survey definition or its HiPS cannot be used."""

    code = "survey"


class ModelError(PhotozError):
    """A model is missing, damaged, or does not fit the survey."""

    code = "model"


class JobError(PhotozError):
    """A job of the service failed or is not known."""

    code = "job"
