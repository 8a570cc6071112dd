"""A VOTable tree for tables that came from other formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import Plain, free_null, holds, null_value
from vo_photoz.tables.user_table import ColumnInfo, UserTable


@dataclass(frozen=True)
class Told:
    """What a file tells of a column."""

    name: str
    unit: str = ""
    ucd: str = ""
    utype: str = ""
    description: str = ""


def skeleton(
    columns: Sequence[Plain],
    told: Sequence[Told],
    *,
    title: str = "",
    description: str = "",
    infos: Sequence[tuple[str, str]] = (),
    source: str = "",
    note: str = "",
) -> UserTable:
    """A table around columns.

    Parameters
    ----------
    columns : sequence of (values, datatype, arraysize)
        As `vo_photoz.tables.fields.plain` gives them.
    told : sequence of Told
        One a column.
    title, description : str
        Of the table.
    infos : sequence of (str, str)
        INFOs of the table.
    source, note : str
        As in `UserTable`.

    Raises
    ------
    TableError
        Raised if there is no column.
    """
    if not columns:
        raise TableError(f"{source} is a table without columns.")
    root = Element("VOTABLE")
    resource = SubElement(root, "RESOURCE", {"type": "results"})
    table = SubElement(resource, "TABLE")
    if title:
        table.set("name", title)
    if description:
        SubElement(table, "DESCRIPTION").text = description
    for name, value in infos:
        SubElement(table, "INFO", {"name": name, "value": value})
    for (values, datatype, arraysize), column in zip(columns, told, strict=True):
        _field(table, column, datatype, arraysize)
        null = free_null(values)
        if null is not None:
            SubElement(table[-1], "VALUES", {"null": str(null)})
    return UserTable(root, table, [values for values, _, _ in columns], source=source, note=note)


def _field(table: Element, told: Told, datatype: str, arraysize: str | None) -> None:
    field = SubElement(table, "FIELD", {"name": told.name, "datatype": datatype})
    optional = {"arraysize": arraysize, "unit": told.unit, "ucd": told.ucd, "utype": told.utype}
    field.attrib.update({key: value for key, value in optional.items() if value})
    if told.description:
        SubElement(field, "DESCRIPTION").text = told.description
    field.tail = "\n"


def with_columns(empty: UserTable, columns: Sequence[Plain]) -> UserTable:
    """A document without rows filled with columns that a file keeps elsewhere.

    A FIELD that says another type than the file has (FITS knows no variable strings) follows the file.

    Parameters
    ----------
    empty : UserTable
        With as many FIELDs as there are columns.
    columns : sequence of (values, datatype, arraysize)
        As `vo_photoz.tables.fields.plain` gives them.
    """
    fields = empty.table.findall("FIELD")
    for field, told, (values, datatype, arraysize) in zip(fields, empty.columns, columns, strict=True):
        if holds(told.kind, values):
            _mend_null(field, told.null, values)
            continue
        field.set("datatype", datatype)
        field.attrib.pop("arraysize", None)
        if arraysize:
            field.set("arraysize", arraysize)
        for element in field.findall("VALUES"):
            field.remove(element)
    data = [values for values, _, _ in columns]
    return UserTable(empty.root, empty.table, data, source=empty.source, note=empty.note)


def _mend_null(field: Element, null: str | None, values: NDArray[Any]) -> None:
    """Declare another null where rows have the declared one as a value (TOPCAT's FITS has its own nulls)."""
    data = np.ma.getdata(values)
    number = null_value(null, ColumnInfo.of(field).kind)
    if data.dtype.kind not in "iu" or number is None or number not in np.ma.compressed(values):
        return
    declared = field.find("VALUES[@null]")
    if declared is not None:
        del declared.attrib["null"]
        free = free_null(values)
        declared.attrib.update({} if free is None else {"null": str(free)})
