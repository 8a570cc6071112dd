"""A VOTable as its cells, read with nothing but an XML parser: independent of astropy and of our code."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from xml.etree import ElementTree

FLOATS = ("float", "double")
INTEGERS = ("short", "int", "long", "unsignedByte")
TEXTS = ("char", "unicodeChar")

Cell = float | int | str | bool | tuple[float | int | None, ...] | None


@dataclass(frozen=True)
class Column:
    """One FIELD with the values of all rows; None is a null."""

    name: str
    datatype: str
    arraysize: str
    unit: str
    ucd: str
    description: str
    cells: list[Cell]


@dataclass(frozen=True)
class Document:
    """The first table of a VOTable."""

    columns: dict[str, Column]
    infos: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Rows of the table."""
        return len(next(iter(self.columns.values())).cells)


def read_votable(document: bytes) -> Document:
    """Read the first TABLEDATA table of a VOTable of any version."""
    root = ElementTree.fromstring(document)
    for element in root.iter():
        element.tag = element.tag.rsplit("}", 1)[-1]
    table = next(t for t in root.iter("TABLE") if t.find("DATA") is not None)
    rows = [[cell.text or "" for cell in row] for row in table.iterfind("DATA/TABLEDATA/TR")]
    fields = table.findall("FIELD")
    columns = [_column(f, [row[i] for row in rows]) for i, f in enumerate(fields)]
    return Document(
        {column.name: column for column in columns},
        {i.get("name", ""): i.get("value", "") for i in root.iter("INFO")},
        {p.get("name", ""): p.get("value", "") for p in root.iter("PARAM")},
    )


def _column(element: ElementTree.Element, texts: list[str]) -> Column:
    values = element.find("VALUES")
    null = values.get("null") if values is not None else None
    datatype, arraysize = element.get("datatype", "char"), element.get("arraysize", "")
    return Column(
        element.get("name", ""),
        datatype,
        arraysize,
        element.get("unit", ""),
        element.get("ucd", ""),
        " ".join((element.findtext("DESCRIPTION") or "").split()),
        [_cell(text, datatype, arraysize, null) for text in texts],
    )


def _cell(text: str, datatype: str, arraysize: str, null: str | None) -> Cell:
    """A cell as a value; empty text, the declared null and a scalar NaN are all None."""
    if datatype in TEXTS:
        return text.strip() or None
    if arraysize in ("", "1"):
        return None if text.strip() in ("", null) else _number(text, datatype)
    items = tuple(_number(item, datatype) for item in text.split())
    return None if all(item is None for item in items) else items


def _number(text: str, datatype: str) -> float | int | bool | None:
    if datatype in FLOATS:
        value = _float32(float(text)) if datatype == "float" else float(text)
        return None if math.isnan(value) else value
    if datatype in INTEGERS:
        return int(text, 0)
    return text.strip().lower() in ("t", "true", "1")


def _float32(value: float) -> float:
    """The nearest number of 32 bits: programs write it with more or fewer digits."""
    return struct.unpack("f", struct.pack("f", value))[0]


def differences(got: Document, expected: Document) -> list[str]:
    """What `got` has not exactly as `expected`, one line a column; further columns do not count."""
    lines = []
    for name, column in expected.columns.items():
        if name not in got.columns:
            lines.append(f"{name}: missing")
            continue
        mine = got.columns[name].cells
        if len(mine) != len(column.cells):
            lines.append(f"{name}: {len(mine)} rows, not {len(column.cells)}")
            continue
        wrong = [row for row, cell in enumerate(column.cells) if mine[row] != cell]
        if wrong:
            row = wrong[0]
            lines.append(
                f"{name}: {len(wrong)} rows, the first {row}: {mine[row]!r}, not {column.cells[row]!r}"
            )
    return lines
