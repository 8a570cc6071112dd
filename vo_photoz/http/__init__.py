"""The one place that opens connections of our own: limits per host, retries, deadlines, checked addresses."""

from __future__ import annotations

from vo_photoz.http.addresses import Policy
from vo_photoz.http.download import download
from vo_photoz.http.fetch import GONE, check_size, get_bytes
from vo_photoz.http.ranges import FORBIDDEN, UNCHANGED, WHOLE, Answer, get_ranges
from vo_photoz.http.transport import USER_AGENT

__all__ = [
    "FORBIDDEN",
    "GONE",
    "UNCHANGED",
    "USER_AGENT",
    "WHOLE",
    "Answer",
    "Policy",
    "check_size",
    "download",
    "get_bytes",
    "get_ranges",
]
