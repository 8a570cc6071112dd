"""Partners in a HATS catalogue: a folder, or an address."""

from __future__ import annotations

from pathlib import Path

MARKS = ("hats.properties", "collection.properties", "properties")
"""Files of which a HATS catalogue has at least one."""


def is_hats(address: str) -> bool:
    """Whether a folder or an address is that of a HATS catalogue; of an address it is believed."""
    if address.startswith(("http://", "https://", "s3://")):
        return True
    folder = Path(address.removeprefix("file://"))
    return any((folder / mark).is_file() for mark in MARKS)
