"""What a table may cost whoever reads it: files that unpack without end, or declare more than they hold."""

from __future__ import annotations

import io
import re
from typing import Any, BinaryIO

from vo_photoz.errors import TableError

MOST_COLUMNS = 20_000
"""Columns of a table; the widest catalogues have some thousand."""

LARGEST_UNPACKED = 16 * 2**30
"""Bytes that any packed table may have when unpacked."""

_FREE = 256 * 2**20
_RATIO = 250
"""A packed file may be unpacked to so many times its size; tables of numbers reach 20."""

_LARGEST_HEADER = 16 * 2**20
_LARGEST_META = 1_000_000
"""Nodes that the header of an ECSV file may have when its aliases are written out."""


def largest_unpacked(packed: int) -> int:
    """Bytes to which a file of so many packed bytes may unpack; more is taken for a trap."""
    return min(LARGEST_UNPACKED, max(_FREE, _RATIO * packed))


def too_many_columns(source: str, count: int) -> TableError:
    """Error of a table that is wider than any catalogue."""
    return TableError(
        f"{source} has {count} columns; more than {MOST_COLUMNS} are not read.",
        advice="Leave out columns that are not needed.",
    )


def trap(source: str, what: str) -> TableError:
    """Error of a file that is small but would fill the memory."""
    return TableError(f"{source} {what}; it is not read.", advice="Check where it comes from.")


class Bounded(io.RawIOBase):
    """An unpacking stream that ends with an error where the file unpacks to more than is plausible.

    Parameters
    ----------
    stream : binary file
        Unpacks what it reads.
    packed : int
        Bytes of the packed file.
    name : str
        Of the file, for errors.
    """

    def __init__(self, stream: BinaryIO, packed: int, name: str) -> None:
        self.stream = stream
        self.name = name
        self.packed = packed
        self.most = largest_unpacked(packed)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is; backwards it unpacks again from the beginning."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; the end is found by unpacking up to it."""
        if whence == io.SEEK_CUR:
            offset += self.tell()
        target = None if whence == io.SEEK_END else offset
        if target is not None and target <= self.tell():
            return self.stream.seek(target)
        while target is None or self.tell() < target:
            step = _FREE if target is None else min(_FREE, target - self.tell())
            if not self.stream.read(min(step, 1 << 20)):
                break
            self._check()
        return self.stream.seek(self.tell() + offset) if target is None and offset else self.tell()

    def tell(self) -> int:
        """Bytes that were unpacked."""
        return self.stream.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer."""
        chunk = self.stream.read(len(buffer))
        self._check()
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _check(self) -> None:
        if self.tell() > self.most:
            raise trap(self.name, f"unpacks from {self.packed} bytes to more than {self.most}")

    def close(self) -> None:
        """Close the packed file as well."""
        self.stream.close()
        super().close()


def check_ecsv(stream: BinaryIO, source: str) -> None:
    """Look at the header of an ECSV file before YAML does; the stream is back at its beginning then.

    Raises
    ------
    TableError
        Raised if it has too many columns, or aliases that multiply without end.
    """
    lines: list[bytes] = []
    size = 0
    for line in stream:
        if not line.startswith(b"#"):
            break
        size += len(line)
        lines.append(line[1:])
        if size > _LARGEST_HEADER:
            raise trap(source, f"has a header of more than {_LARGEST_HEADER} bytes")
    stream.seek(0)
    header = b"".join(lines)
    columns = len(re.findall(rb"^\s*-\s*\{?\s*name\s*:", header, re.MULTILINE))
    if columns > MOST_COLUMNS:
        raise too_many_columns(source, columns)
    if b"<<" in header or re.search(rb"[\s\[{,]\*\w", header):
        _check_aliases(header[header.find(b"---") :], source)


def _check_aliases(header: bytes, source: str) -> None:
    import yaml  # noqa: PLC0415 - rare

    try:
        root = yaml.compose(header, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TableError(f"{source} cannot be read as ECSV: {reason}.") from None
    if _written_out(root, {}) > _LARGEST_META:
        raise trap(source, "has a header whose aliases multiply to more than a million entries")


def _written_out(node: Any, known: dict[int, int]) -> int:
    """Nodes below one when every alias is written out; those of an alias are counted once."""
    if id(node) not in known:
        known[id(node)] = _LARGEST_META  # of one that holds itself
        children = node.value if isinstance(getattr(node, "value", None), list) else []
        parts = [part for child in children for part in (child if isinstance(child, tuple) else (child,))]
        known[id(node)] = 1 + sum(_written_out(part, known) for part in parts)
    return known[id(node)]


def check_parquet(stream: BinaryIO, source: str) -> None:
    """Look at the footer of a Parquet file before its rows are read; the stream is back at its beginning.

    Raises
    ------
    TableError
        Raised if it has too many columns, or rows that take hardly any room: equal values are kept once.
    """
    import pyarrow as pa  # noqa: PLC0415 - only for this format
    from pyarrow import parquet as pq  # noqa: PLC0415

    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    try:
        told = pq.read_metadata(pa.PythonFile(stream, mode="r"))
    except (pa.ArrowException, OSError, ValueError):
        return  # the reader tells it
    finally:
        stream.seek(0)
    if told.num_columns > MOST_COLUMNS:
        raise too_many_columns(source, told.num_columns)
    if 4 * told.num_rows * told.num_columns > max(4 * _FREE, _RATIO * size):
        raise trap(source, f"holds {told.num_rows} rows of {told.num_columns} columns in {size} bytes")
