"""What must change in a user's document so that every client can read it; it is little."""

from __future__ import annotations

import copy
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from vo_photoz.tables.user_table import ColumnInfo, UserTable

_RANKS = {
    "TABLE": {"DESCRIPTION": 0, "INFO": 1, "FIELD": 2, "PARAM": 2, "GROUP": 2, "LINK": 3, "DATA": 4},
    "RESOURCE": {"DESCRIPTION": 0, "INFO": 1, "COOSYS": 2, "TIMESYS": 2, "GROUP": 2, "PARAM": 2, "LINK": 3},
}
"""Order of children in the schema; TOPCAT writes LINKs before PARAMs."""


def portable(table: UserTable, *, fixed_text: bool = True) -> tuple[Element, Element, list[NDArray[Any]]]:
    """A copy of the tree whose FIELDs every client can read.

    The changes: ``bit`` becomes ``boolean`` (TOPCAT does not read the former); ``char`` with letters outside
    ASCII becomes ``unicodeChar``; an arraysize too small for its strings becomes ``*``; words of VOTable 1.5
    become those of 1.4; children stand in the order of the schema. Without ``fixed_text`` strings shorter
    than their arraysize make it variable, because Aladin takes padding for text.
    """
    places = list(table.root.iter("TABLE"))
    root = copy.deepcopy(table.root)
    element = list(root.iter("TABLE"))[places.index(table.table)]
    element.attrib.pop("nrows", None)  # of the table that was read
    for field, values in zip(element.findall("FIELD"), table.data, strict=True):
        _fit(field, values, fixed_text)
    for param in root.iter("PARAM"):
        _fit_param(param)
    for holder in list(root.iter()):
        _order(holder)
        for system in holder.findall("COOSYS"):
            _fit_system(system, holder)
    return root, element, table.data


def _fit(field: Element, values: NDArray[Any], fixed_text: bool) -> None:
    column = ColumnInfo.of(field)
    kind = column.kind
    if kind.datatype == "bit":
        field.set("datatype", "boolean")
    if column.arraysize == "1":
        del field.attrib["arraysize"]  # deprecated, and the same as none
    if not kind.text:
        return
    texts = np.ma.getdata(values)
    if kind.datatype == "char" and not all(map(str.isascii, texts)):
        field.set("datatype", "unicodeChar")
    if kind.variable and len(kind.sizes) == 0 and column.arraysize == "*":
        return
    longest = max((len(text.encode("utf-16-le")) // 2 for text in texts), default=0)
    limit = _limit(column.arraysize)
    if column.arraysize in (None, "1") and not all(texts):
        field.set("arraysize", "1*")  # a single character cannot be empty
    if limit is not None and longest > limit:
        field.set("arraysize", "*")
    elif not fixed_text and not kind.variable and any(len(text) < kind.count for text in texts):
        field.set("arraysize", f"{kind.count}*" if len(kind.sizes) < 2 else "*")


def letters_allowed(values: NDArray[Any], column: ColumnInfo) -> bool | None:
    """None where a column of text may hold the values; else whether it needs a wider alphabet."""
    texts = np.ma.getdata(values).tolist()
    together = "".join(texts)
    wide = column.datatype == "char" and not together.isascii()
    limit = _limit(column.arraysize)
    if wide or (limit is not None and max(map(len, texts), default=0) > limit):
        return wide
    if limit is not None and not together.isascii():
        return wide if max(len(text.encode("utf-16-le")) // 2 for text in texts) > limit else None
    return None


def _limit(arraysize: str | None) -> int | None:
    """Longest string that an arraysize allows; None where it sets no limit."""
    total = 1
    for axis in (arraysize or "1").replace(" ", "").split("x"):
        number = axis.rstrip("*")
        if not number:
            return None
        total *= int(number)
    return total


def _fit_param(param: Element) -> None:
    if param.get("datatype") == "bit":
        param.set("datatype", "boolean")
    # TOPCAT makes such PARAMs of FITS cards; astropy refuses them.
    if param.get("datatype") in ("char", "unicodeChar") and "x" in param.get("arraysize", ""):
        param.set("arraysize", "*")


def _order(holder: Element) -> None:
    ranks = _RANKS.get(holder.tag)
    if ranks is None:
        return
    ranked = []
    body = False
    for child in holder:
        body = body or child.tag in ("FIELD", "TABLE", "RESOURCE")
        late = body and child.tag == "INFO"
        ranked.append(9 if late else ranks.get(child.tag, 8 if holder.tag == "RESOURCE" else 5))
    if holder.tag == "RESOURCE" and 9 in ranked:
        ranked = [8 if rank == 9 else rank for rank in ranked]  # each INFO stays behind its table
    if ranked != sorted(ranked):
        holder[:] = [child for _, child in sorted(zip(ranked, holder, strict=True), key=lambda pair: pair[0])]


_SYSTEMS = {"fk4": "eq_FK4", "fk5": "eq_FK5", "galactic": "galactic", "super_galactic": "supergalactic"}


def _fit_system(system: Element, holder: Element) -> None:
    """Put a COOSYS of VOTable 1.5 into words of 1.4."""
    name = system.get("system", "")
    system.attrib.update({"system": _SYSTEMS[name.lower()]} if name.lower() in _SYSTEMS else {})
    position = system.attrib.pop("refposition", None)
    if position:
        place = 1 if len(holder) and holder[0].tag == "DESCRIPTION" else 0
        info = Element("INFO", {"name": "refposition", "value": position})
        if system.get("ID"):
            info.set("ref", system.get("ID", ""))
        holder.insert(place, info)
