"""The rows of a VOTable as its document has them, collected while it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element

from vo_photoz.errors import TableError

_SERIALISATIONS = ("TABLEDATA", "BINARY", "BINARY2", "FITS", "PARQUET")


class Rows:
    """Rows of a table, not yet decoded.

    Parameters
    ----------
    columns : int
        Number of FIELDs.
    """

    def __init__(self, columns: int) -> None:
        self.serialisation = "TABLEDATA"
        self.columns = columns
        self.cells: list[str] = []
        """Text of the cells, row after row; TABLEDATA alone."""
        self.pieces: list[bytes] = []
        """Content of STREAM as it stands there; the other serialisations."""
        self.in_stream = False
        """Whether the document is inside STREAM."""
        self.taken = 0
        """Cells that were taken out already."""
        self.seen = False
        """Whether anything was taken out already."""
        self.attributes: dict[str, str] = {}
        """Of STREAM and FITS."""
        self.remarks: list[Element] = []
        """INFOs that stood at the end of DATA."""

    @property
    def empty(self) -> bool:
        """Whether there are no rows."""
        filled = self.cells or any(map(bytes.strip, self.pieces)) or self.attributes.get("href")
        return not (filled or self.seen)

    def column(self, place: int) -> list[str]:
        """Text of the cells of a column."""
        return self.cells[place :: self.columns]

    def take(self, most: int) -> list[list[str]]:
        """Cells of whole rows, column by column, at most so many rows; they are removed here."""
        end = min(most, len(self.cells) // max(self.columns, 1)) * self.columns
        columns = [self.cells[place : end : self.columns] for place in range(self.columns)]
        del self.cells[:end]
        self.taken += end
        self.seen = self.seen or end > 0
        return columns


def collect(
    parser: Any, rows: Rows, text: list[str], prefix: str, source: str, done: Callable[[], None]
) -> None:
    """Let the parser put what stands in DATA into ``rows``.

    Parameters
    ----------
    parser : expat parser
        Inside DATA; its handlers of elements are replaced.
    rows : Rows
        Filled.
    text : list of str
        Where the parser puts the text.
    prefix : str
        Prefix of the elements of VOTable ("vot:"), or empty.
    source : str
        Name of the file, for errors.
    done : function
        Called at the end of DATA; gives the parser its handlers back.
    """
    # Local names and functions instead of a class: these handlers run twice a cell.
    cell_tag, row_tag = f"{prefix}TD", f"{prefix}TR"
    cells, width = rows.cells, rows.columns
    add_cell, join, clear = cells.append, "".join, text.clear
    expected = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        clear()
        if name not in (cell_tag, row_tag):
            _opened(rows, name.removeprefix(prefix), attributes)

    def end(name: str) -> None:
        nonlocal expected
        if name == cell_tag:
            add_cell(join(text))
            clear()
        elif name == row_tag:
            expected += width
            found = len(cells) + rows.taken
            if found != expected:
                raise _ragged(expected // width, found - expected + width, width, source)
        elif name == f"{prefix}DATA":
            done()
        else:
            _closed(rows, name.removeprefix(prefix), join(text))

    parser.StartElementHandler = start
    parser.EndElementHandler = end


def _opened(rows: Rows, name: str, attributes: dict[str, str]) -> None:
    if name == "INFO":
        rows.remarks.append(Element("INFO", attributes))
        return
    rows.in_stream = name == "STREAM"
    if name in _SERIALISATIONS:
        rows.serialisation = name
    rows.attributes.update(attributes)


def _closed(rows: Rows, name: str, text: str) -> None:
    if name == "STREAM":
        rows.in_stream = False
        rows.pieces.append(text.encode("ascii", "replace"))
    elif name == "INFO":
        rows.remarks[-1].text = text


def _ragged(row: int, cells: int, columns: int, source: str) -> TableError:
    return TableError(
        f"Row {row} of {source} has {cells} cells, but there are {columns} columns.",
        advice="Mend the table where it was made.",
    )
