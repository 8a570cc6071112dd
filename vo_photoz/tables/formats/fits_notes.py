"""What astropy notes of its columns in a FITS header: a block of comments in YAML.

Astropy puts descriptions and metadata there, and how to make its own kinds of columns (times, sky
coordinates) of those in the file. We take the columns as they lie there, with descriptions and UCDs.
"""

from __future__ import annotations

from typing import Any

from astropy.io.fits import Header
from astropy.table.meta import get_header_from_yaml

BEGIN, END = "--BEGIN-ASTROPY-SERIALIZED-COLUMNS--", "--END-ASTROPY-SERIALIZED-COLUMNS--"


def take_notes(header: Header) -> dict[str, dict[str, str]]:
    """Remove the block from a header; description, ucd and utype by name of a column."""
    comments = [str(line) for line in header.get("COMMENT", [])]
    if BEGIN not in comments:
        return {}
    first = comments.index(BEGIN)
    last = comments.index(END) if END in comments[first:] else len(comments) - 1
    del header["COMMENT"]
    for line in [*comments[:first], *comments[last + 1 :]]:
        header.add_comment(line)
    return _columns(_unfolded(comments[first + 1 : last]))


def _unfolded(lines: list[str]) -> list[str]:
    """Lines as they were before they were cut to the length of a card: a backslash marks a cut."""
    text = "\n".join(lines)
    return text.replace("\\\n", "").splitlines()


def _columns(lines: list[str]) -> dict[str, dict[str, str]]:
    try:
        columns = get_header_from_yaml(lines).get("datatype", [])
        return {str(column["name"]): _texts(column) for column in columns}
    except Exception:  # noqa: BLE001 - whatever is wrong with notes, the table itself can be read without them
        return {}


def _texts(column: dict[str, Any]) -> dict[str, str]:
    told = {**dict(column.get("meta") or {}), **column}
    return {key: str(told[key]) for key in ("description", "ucd", "utype") if told.get(key)}
