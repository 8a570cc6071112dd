"""The tree of a VOTable written as a document of version 1.4."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

from vo_photoz.tables.serialisations.tabledata import clean

NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
_SCHEMA = f"{NAMESPACE} http://www.ivoa.net/xml/VOTable/VOTable-1.4.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"

DataWriter = Callable[[TextIO], None]


def write(
    root: Element, out: TextIO, *, table: Element | None = None, data: DataWriter | None = None
) -> None:
    """Write the tree as a VOTable 1.4 document.

    Parameters
    ----------
    root : Element
        The VOTABLE element.
    out : text file
        UTF-8.
    table : Element or None
        The TABLE that gets a DATA.
    data : function or None
        Writes the DATA element.
    """
    attributes = {key: value for key, value in root.attrib.items() if key not in ("version", "xmlns")}
    attributes.pop("xmlns:xsi", None)
    for key in [key for key in attributes if key.startswith("xsi:")]:
        del attributes[key]
    attributes |= {"xmlns": NAMESPACE, "version": "1.4", "xmlns:xsi": _XSI, "xsi:schemaLocation": _SCHEMA}
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    copy = Element("VOTABLE", attributes)
    copy.text = root.text
    copy.extend(root)
    _element(copy, out, table, data)
    out.write("\n")


def _element(element: Element, out: TextIO, table: Element | None, data: DataWriter | None) -> None:
    attributes = "".join(f" {key}={quoteattr(value)}" for key, value in element.attrib.items())
    out.write(f"<{element.tag}{attributes}")
    filled = element is table and data is not None
    if not len(element) and not element.text and not filled:
        out.write("/>")
        return
    out.write(">" + clean(element.text or ""))
    tail = _after_data(element) if filled else len(element)
    for child in element[:tail]:
        _child(child, out, table, data)
    if filled and data is not None:
        data(out)
    for child in element[tail:]:
        _child(child, out, table, data)
    out.write(f"</{element.tag}>")


def _child(child: Element, out: TextIO, table: Element | None, data: DataWriter | None) -> None:
    _element(child, out, table, data)
    out.write(clean(child.tail or ""))


def _after_data(table: Element) -> int:
    """Number of children that stand before DATA: an INFO after the last FIELD or LINK follows it."""
    last = 0
    for place, child in enumerate(table):
        if child.tag != "INFO":
            last = place + 1
    return last or len(table)
