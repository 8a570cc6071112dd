"""The user's table with what we add, written so that there is never half a file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from vo_photoz.errors import TableError, UsageError
from vo_photoz.tables.additions import Additions, NewParam, ServiceDescriptor
from vo_photoz.tables.merge import with_additions
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.votable.write import Serialisation, write_votable

__all__ = ["Additions", "NewParam", "Serialisation", "ServiceDescriptor", "with_additions", "write_table"]

FORMATS = ("votable", "fits", "parquet", "qp")


def write_table(
    table: UserTable,
    additions: Additions | None,
    path: str | Path,
    *,
    format: str = "votable",
    serialisation: Serialisation = "BINARY2",
) -> None:
    """Write the table with the additions; the file appears whole or not at all.

    Parameters
    ----------
    table : UserTable
        The user's table; it is not changed.
    additions : Additions or None
        What we add.
    path : str or Path
        The file; one that exists is replaced.
    format : str
        "votable" (1.4), "fits" (FITS-plus), "parquet" (VOParquet) or "qp" (the mixtures, for qp; see
        `vo_photoz.tables.formats.qp`).
    serialisation : str
        Of a VOTable: "BINARY2" for files, "TABLEDATA" for SAMP.

    Notes
    -----
    ``stilts votlint`` finds no fault of ours. What it may still tell is of the user: columns with the same
    name, a char without arraysize, values that no unit or xtype allows.

    Raises
    ------
    TableError
        Raised if the table cannot be written.
    UsageError
        Raised if the format or serialisation is not known.
    """
    if format not in FORMATS:
        raise UsageError(f"The format '{format}' is not known.", advice=f"Formats are {', '.join(FORMATS)}.")
    if serialisation not in ("BINARY2", "TABLEDATA"):
        raise UsageError(
            f"The serialisation '{serialisation}' is not known.", advice="Use BINARY2 or TABLEDATA."
        )
    merged = with_additions(table, additions or Additions())
    whole(Path(path), lambda part: _write(merged, part, format, serialisation))


def _write(table: UserTable, path: Path, kind: str, serialisation: Serialisation) -> None:
    if kind == "votable":
        write_votable(table, path, serialisation)
    elif kind == "fits":
        from vo_photoz.tables.formats.fits import write_fits  # noqa: PLC0415 - astropy.io.fits only when asked

        write_fits(table, path)
    elif kind == "parquet":
        from vo_photoz.tables.formats.parquet import write_parquet  # noqa: PLC0415 - pyarrow only when asked

        write_parquet(table, path)
    else:
        from vo_photoz.tables.formats.qp import write_qp  # noqa: PLC0415 - an optional part

        write_qp(table, path)


def whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let a function write beside the file, then put that in its place.

    Raises
    ------
    TableError
        Raised if the file cannot be written.
    """
    part = path.with_name(f".{path.stem[:100]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        write(part)
        os.replace(part, path)
    except OSError as error:
        raise TableError(
            f"{path} cannot be written: {error.strerror or error}.",
            advice="Check the folder and the space on the disk.",
        ) from None
    finally:
        part.unlink(missing_ok=True)
