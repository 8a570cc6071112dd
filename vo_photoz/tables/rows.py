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
        self.stream = ""
        """Content of STREAM; the other serialisations."""
        self.attributes: dict[str, str] = {}
        """Of STREAM and FITS."""
        self.remarks: list[Element] = []
        """INFOs that stood at the end of DATA."""

    @property
    def empty(self) -> bool:
        """Whether there are no rows."""
        return not (self.cells or self.stream.strip() or self.attributes.get("href"))

    def column(self, place: int) -> list[str]:
        """Text of the cells of a column."""
        return self.cells[place :: self.columns]


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
            if len(cells) != expected:
                raise _ragged(expected // width, len(cells) - expected + width, width, source)
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
    if name in _SERIALISATIONS:
        rows.serialisation = name
    rows.attributes.update(attributes)


def _closed(rows: Rows, name: str, text: str) -> None:
    if name == "STREAM":
        rows.stream = text
    elif name == "INFO":
        rows.remarks[-1].text = text


def _ragged(row: int, cells: int, columns: int, source: str) -> TableError:
    return TableError(
        f"Row {row} of {source} has {cells} cells, but there are {columns} columns.",
        advice="Mend the table where it was made.",
    )
