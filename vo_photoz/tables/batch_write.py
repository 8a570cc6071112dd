"""A table written batch by batch, with columns that are added to every batch; whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import NewColumn
from vo_photoz.tables.additions import Additions
from vo_photoz.tables.fields import joined, plain
from vo_photoz.tables.merge import with_additions
from vo_photoz.tables.user_table import ColumnInfo, UserTable
from vo_photoz.tables.votable.portable import letters_allowed, portable
from vo_photoz.tables.votable.write import Serialisation, write_document
from vo_photoz.tables.write import whole

Batch = tuple[UserTable, list[NewColumn]]
"""Some rows of the user's table, and the new columns for them."""


def write_batches(
    head: UserTable,
    additions: Additions,
    batches: Callable[[], Iterable[Batch]],
    path: str | Path,
    *,
    format: str = "votable",
    serialisation: Serialisation = "BINARY2",
) -> None:
    """Write a table whose rows come batch by batch; the file appears whole or not at all.

    Parameters
    ----------
    head : UserTable
        A batch, for what the document tells.
    additions : Additions
        What is added. The values of its columns are examples of all values, a masked one among them where a
        row may have none: types and nulls follow from them.
    batches : function
        Gives the rows from the beginning, with the same new columns. It is called again where a later row
        does not fit what the first rows told of a text.
    path : str or Path
        The file; one that exists is replaced.
    format : str
        "votable" (1.4), "parquet" (VOParquet) or "fits" (FITS-plus), which takes the memory of all rows.
    serialisation : str
        Of a VOTable.

    Raises
    ------
    TableError
        Raised if the table cannot be written.
    """
    merged, kept = _merged(head, additions)
    root, element, _ = portable(merged, fixed_text=serialisation == "TABLEDATA")

    def write(part: Path) -> None:
        rows = _rows(batches(), kept, element)
        if format == "parquet":
            from vo_photoz.tables.formats.parquet import write_parquet_batches  # noqa: PLC0415 - only when asked

            write_parquet_batches(merged, element, rows, part)
        elif format == "fits":
            from vo_photoz.tables.formats.fits import write_fits  # noqa: PLC0415 - astropy.io.fits only when asked

            merged.data[:] = [joined(list(parts)) for parts in zip(*rows, strict=True)]
            write_fits(merged, part)
        else:
            write_document(root, element, rows, part, serialisation)

    while True:
        try:
            whole(Path(path), write)
        except _Misfit as misfit:
            misfit.mend(element)
            misfit.mend(merged.table)
        else:
            return


class _Misfit(Exception):
    """A text that its FIELD does not allow."""

    def __init__(self, place: int, wide: bool) -> None:
        super().__init__()
        self.place, self.wide = place, wide

    def mend(self, table: Element) -> None:
        """Let the FIELD allow texts of any length, and letters of any alphabet where they are met."""
        field = table.findall("FIELD")[self.place]
        field.set("arraysize", "*")
        if self.wide:
            field.set("datatype", "unicodeChar")


def _merged(head: UserTable, additions: Additions) -> tuple[UserTable, list[int]]:
    """The document with the additions, and which of the user's columns it keeps."""
    examples = max([len(column.values) for column in additions.columns], default=1)
    marks = [np.broadcast_to(np.int64(place), examples) for place in range(len(head.data))]
    empty = UserTable(head.root, head.table, list(marks), source=head.source, note=head.note)
    merged = with_additions(empty, additions)
    kept = [
        next(place for place, mark in enumerate(marks) if mark is data)
        for data in merged.data[: len(merged.data) - len(additions.columns)]
    ]
    merged.data[: len(kept)] = [np.ma.asanyarray(head.data[place]) for place in kept]
    return merged, kept


def _rows(batches: Iterable[Batch], kept: list[int], table: Element) -> Iterator[list[NDArray[Any]]]:
    columns = [ColumnInfo.of(field) for field in table.findall("FIELD")]
    for batch, added in batches:
        data = [batch.data[place] for place in kept]
        data += [
            _like(plain(column.values)[0], info)
            for column, info in zip(added, columns[len(kept) :], strict=True)
        ]
        for place, (values, info) in enumerate(zip(data, columns, strict=True)):
            if info.kind.text and (misfit := letters_allowed(values, info)) is not None:
                raise _Misfit(place, misfit)
        yield data


def _like(values: NDArray[Any], info: ColumnInfo) -> NDArray[Any]:
    """Values of a batch in the type of the column."""
    kind = info.kind
    if kind.text or kind.variable or values.dtype == kind.dtype:
        return values
    return values.astype(kind.dtype)
