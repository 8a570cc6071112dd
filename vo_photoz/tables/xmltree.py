"""A VOTable as a tree: read in one safe pass that takes the rows apart, and written.

Expat is asked without namespaces: prefixes and xmlns attributes of foreign elements stay as they were written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TextIO
from xml.etree.ElementTree import Element
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from vo_photoz.errors import TableError
from vo_photoz.tables.tabledata import clean

NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
_SCHEMA = f"{NAMESPACE} http://www.ivoa.net/xml/VOTable/VOTable-1.4.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_VOTABLE = "http://www.ivoa.net/xml/VOTable/"
_CHUNK = 1 << 20
_DEEPEST = 200
_STREAMS = ("BINARY", "BINARY2", "FITS", "PARQUET")


@dataclass
class Rows:
    """Rows of the chosen table, as the document has them."""

    serialisation: str = "TABLEDATA"
    cells: list[list[str]] = field(default_factory=list)
    """One list a column; TABLEDATA alone."""
    stream: str = ""
    """Content of STREAM; the others."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Of STREAM, and of FITS."""


@dataclass
class Document:
    """A VOTable document: its tree, the table chosen of it, and the rows of that."""

    root: Element
    table: Element | None
    rows: Rows
    tables: int
    """How many TABLEs with FIELDs the document holds."""


class _Reader:
    """Builds the tree; the rows of the first table that has any are kept apart."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.stack: list[Element] = []
        self.text: list[str] = []
        self.root: Element | None = None
        self.prefix = ""
        self.chosen: Element | None = None
        self.rows = Rows()
        self.tables = 0
        self.columns = 0
        self.row: list[str] = []
        self.remarks: list[Element] = []
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.ordered_attributes = False
        parser.EntityDeclHandler = self._entity
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.text.append
        self.parser = parser

    def _entity(self, *_: Any) -> None:
        raise TableError(
            f"{self.source} declares XML entities, which no VOTable needs; it is not read.",
            advice="Remove the DOCTYPE from the document.",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self.root is None:
            self._begin(name)
        name = name.removeprefix(self.prefix) if self.prefix else name
        element = Element(
            name, {key: attributes[key] for key in attributes if not _ours(key, attributes[key])}
        )
        if self.stack:
            self._keep_text()
            self.stack[-1].append(element)
        else:
            self.root = element
        self.stack.append(element)
        if len(self.stack) > _DEEPEST:
            raise TableError(f"{self.source} nests more than {_DEEPEST} elements; it is not read.")
        if name == "DATA" and self._wanted():
            self._data_start()

    def _begin(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local != "VOTABLE":
            what = (
                "an HTML page" if local.lower() == "html" else f"an XML document of the type '{local[:40]}'"
            )
            raise TableError(f"{self.source} is {what}, not a table.", advice="Give a VOTable.")
        self.prefix = name[: -len(local)]

    def _keep_text(self) -> None:
        """Give the text so far to the element it stands in."""
        if not self.text:
            return
        text = "".join(self.text)
        self.text.clear()
        here = self.stack[-1]
        if len(here):
            here[-1].tail = (here[-1].tail or "") + text
        else:
            here.text = (here.text or "") + text

    def _end(self, name: str) -> None:
        self._keep_text()
        element = self.stack.pop()
        if element.tag == "TABLE" and element.find("FIELD") is not None:
            self.tables += 1

    # The rows of the table that is wanted.

    def _wanted(self) -> bool:
        """Whether this DATA belongs to the table that is taken: the first that has rows."""
        if self.chosen is not None or len(self.stack) < 2:
            return False
        if any(element.get("type") == "meta" for element in self.stack):
            return False
        self.columns = len(self.stack[-2].findall("FIELD"))
        return self.stack[-2].tag == "TABLE" and self.columns > 0

    def _data_start(self) -> None:
        self.text.clear()
        self.rows = Rows(cells=[[] for _ in range(self.columns)])
        self.parser.StartElementHandler = self._rows_start
        self.parser.EndElementHandler = self._rows_end

    def _rows_start(self, name: str, attributes: dict[str, str]) -> None:
        self.text.clear()
        if name[-2:] in ("TD", "TR"):
            return
        local = name.removeprefix(self.prefix)
        if local in (*_STREAMS, "TABLEDATA"):
            self.rows.serialisation = local
        if local == "INFO":  # at the end of DATA; it has the same meaning after it
            self.remarks.append(Element("INFO", attributes))
            return
        self.rows.attributes.update(attributes)

    def _rows_end(self, name: str) -> None:
        if name[-2:] == "TD":
            self.row.append("".join(self.text))
            self.text.clear()
        elif name[-2:] == "TR":
            self._row_end()
        elif name.endswith("STREAM"):
            self.rows.stream = "".join(self.text)
            self.text.clear()
        elif name.endswith("INFO"):
            self.remarks[-1].text = "".join(self.text)
            self.text.clear()
        elif name.endswith("DATA") and not name.endswith("TABLEDATA"):
            self._data_end()

    def _row_end(self) -> None:
        row = self.row
        if len(row) != self.columns:
            number = len(self.rows.cells[0]) + 1
            raise TableError(
                f"Row {number} of {self.source} has {len(row)} cells, but there are {self.columns} columns."
            )
        for column, cell in zip(self.rows.cells, row, strict=True):
            column.append(cell)
        self.row = []

    def _data_end(self) -> None:
        self.text.clear()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.stack.pop()
        table = self.stack[-1]
        table.remove(table[-1])
        table.extend(self.remarks)
        self.remarks.clear()
        if self.rows.stream.strip() or self.rows.attributes.get("href") or self.rows.cells[0]:
            self.chosen = table


def _ours(name: str, value: str) -> bool:
    """Whether an attribute declares the namespace of VOTable, which the writer does."""
    return name.startswith("xmlns") and value.startswith(_VOTABLE)


def parse(stream: BinaryIO, source: str) -> Document:
    """Read a VOTable document.

    Parameters
    ----------
    stream : binary file
        The document, unpacked.
    source : str
        Its name, for errors.

    Raises
    ------
    TableError
        Raised if it is not a VOTable, is cut off, or declares entities.
    """
    reader = _Reader(source)
    try:
        while chunk := stream.read(_CHUNK):
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _malformed(reader, error, source) from None
    root = reader.root
    assert root is not None  # noqa: S101 - expat refuses a document without an element
    table = reader.chosen
    if table is None:
        table = next((element for element in root.iter("TABLE") if element.find("FIELD") is not None), None)
        reader.rows = Rows()
        if table is not None:
            reader.rows.cells = [[] for _ in table.findall("FIELD")]
    return Document(root, table, reader.rows, reader.tables)


def _malformed(reader: _Reader, error: expat.ExpatError, source: str) -> TableError:
    codes = expat.errors.codes
    ends = {codes[expat.errors.XML_ERROR_NO_ELEMENTS], codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]}
    ends |= {codes[expat.errors.XML_ERROR_PARTIAL_CHAR], codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION]}
    if error.code in ends and reader.root is not None:
        return TableError(
            f"{source} is cut off: the VOTable ends before its last tag.", advice="Fetch or save it again."
        )
    reason = expat.errors.messages[error.code]
    if reader.root is None:
        return TableError(f"{source} is not a table: {reason} in line {error.lineno}.")
    return TableError(
        f"{source} is not well-formed XML: {reason} in line {error.lineno}.",
        advice="Mend the table where it was made.",
    )


# Writing

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
