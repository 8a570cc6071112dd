"""Any table in: the format is told by the bytes, then by the name."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from vo_photoz.errors import TableError, UsageError
from vo_photoz.tables.bounds import Bounded, check_ecsv, check_parquet
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.votable.read import read_votable

FORMATS = ("votable", "fits", "parquet", "ecsv", "csv")

_NAMES = {
    "votable": (".vot", ".votable", ".xml"),
    "fits": (".fits", ".fit", ".fts"),
    "parquet": (".parquet", ".parq", ".pq"),
    "ecsv": (".ecsv",),
    "csv": (".csv", ".tsv", ".txt", ".dat"),
}
_HEAD = 4096
_CHECKS = {"ecsv": check_ecsv, "parquet": check_parquet}


def read_table(path: str | Path, *, format: str | None = None) -> UserTable:
    """Read a table: VOTable 1.0 to 1.5, FITS, Parquet, ECSV or CSV, each also packed with gzip or bzip2.

    Parameters
    ----------
    path : str or Path
        The file.
    format : str or None
        One of `FORMATS`; None finds it from the content, then from the name.

    Raises
    ------
    TableError
        Raised if the file is missing, empty, damaged, or no table.
    UsageError
        Raised if the format is not known.
    """
    with opened(path, format) as (stream, kind):
        return _reader(kind)(stream, Path(path).name)


@contextmanager
def opened(path: str | Path, format: str | None = None) -> Iterator[tuple[BinaryIO, str]]:
    """Stream of a table, unpacked, and its format; faults of the file while it is open are told as ours.

    Arguments and errors as of `read_table`.
    """
    path = Path(path)
    if format is not None and format not in FORMATS:
        raise UsageError(f"The format '{format}' is not known.", advice=f"Formats are {', '.join(FORMATS)}.")
    try:
        with _unpacked(path) as stream:
            head = stream.read(_HEAD)
            stream.seek(0)
            if not head.strip():
                raise TableError(f"{path.name} is empty.")
            kind = format or sniff(head, path.name)
            if kind in _CHECKS:
                _CHECKS[kind](stream, path.name)
            yield stream, kind
    except FileNotFoundError:
        raise TableError(f"The file {path} does not exist.", advice="Check its name.") from None
    except (EOFError, UnicodeDecodeError, zlib.error, gzip.BadGzipFile) as error:
        raise TableError(
            f"{path.name} is cut off or damaged: {error}.", advice="Fetch or save it again."
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise TableError(f"{path.name} cannot be read: {reason}.") from None
    except MemoryError:
        raise TableError(f"{path.name} is too large for the memory of this machine.") from None


def _unpacked(path: Path) -> BinaryIO:
    raw = path.open("rb")
    magic = raw.read(3)
    raw.seek(0)
    packed: BinaryIO
    if magic[:2] == b"\x1f\x8b":
        packed = cast("BinaryIO", gzip.GzipFile(fileobj=raw))
    elif magic == b"BZh":
        packed = cast("BinaryIO", bz2.BZ2File(raw))
    else:
        return raw
    return cast("BinaryIO", io.BufferedReader(Bounded(packed, path.stat().st_size, path.name)))


def sniff(head: bytes, name: str) -> str:
    """Format of a table, from its first bytes and its name.

    Raises
    ------
    TableError
        Raised if it is surely no table.
    """
    if head.startswith(b"SIMPLE  ="):
        return "fits"
    if head.startswith(b"PAR1"):
        return "parquet"
    text = _text(head).lstrip("\ufeff \t\r\n")
    if text.startswith("# %ECSV"):
        return "ecsv"
    if text.startswith("<"):
        if (text[:9].lower() == "<!doctype" and "html" in text[:40].lower()) or text[:5].lower() == "<html":
            raise TableError(
                f"{name} is an HTML page, not a table.", advice="Perhaps the link needs a login."
            )
        return "votable"
    if "\0" in text:
        raise TableError(f"{name} is not a table: it holds binary data of no known format.")
    lower = name.lower().removesuffix(".gz").removesuffix(".bz2")
    named = [kind for kind, endings in _NAMES.items() if lower.endswith(endings)]
    if named and named[0] in ("votable", "fits", "parquet"):
        raise TableError(f"{name} is not what its name says: it does not begin like a {named[0]} file.")
    return "ecsv" if named == ["ecsv"] else "csv"


def _text(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "replace")
    return head.decode("latin-1").removeprefix("\xef\xbb\xbf")


def _reader(kind: str) -> Callable[[BinaryIO, str], UserTable]:
    """Reader of a format; those that need heavy libraries are loaded only then."""
    if kind == "votable":
        return read_votable
    if kind == "fits":
        from vo_photoz.tables.formats.fits import read_fits  # noqa: PLC0415

        return read_fits
    if kind == "parquet":
        from vo_photoz.tables.formats.parquet import read_parquet  # noqa: PLC0415

        return read_parquet
    from vo_photoz.tables.formats import text  # noqa: PLC0415

    return text.read_ecsv if kind == "ecsv" else text.read_csv
