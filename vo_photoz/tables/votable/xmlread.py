"""A VOTable as a tree: read in one safe pass that keeps the rows apart.

Expat is asked without namespaces: prefixes and xmlns attributes of foreign elements stay as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element
from xml.parsers import expat

from vo_photoz.errors import TableError
from vo_photoz.tables.bounds import MOST_COLUMNS, too_many_columns
from vo_photoz.tables.votable.rows import Rows, collect

_VOTABLE = "http://www.ivoa.net/xml/VOTable/"
_CHUNK = 1 << 20
_DEEPEST = 200
_STREAM = re.compile(rb"<(?:[\w.-]+:)?STREAM(?:\s[^<>]*)?>")
_LONGEST_TAG = 4096
_LONGEST_MARKUP = 16 << 20


@dataclass
class Document:
    """A VOTable document: its tree, the table chosen of it, and the rows of that."""

    root: Element
    table: Element | None
    rows: Rows
    tables: int
    """How many TABLEs with FIELDs the document holds."""


class Reader:
    """Builds the tree; the rows of the first table that has any are kept apart."""

    def __init__(self, source: str, rowless: bool) -> None:
        self.source = source
        self.rowless = rowless
        self.stack: list[Element] = []
        self.text: list[str] = []
        self.root: Element | None = None
        self.prefix = ""
        self.chosen: Element | None = None
        self.filling: Element | None = None
        self.rows = Rows(0)
        self.tables = 0
        self.fields = 0
        self.fed = 0
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
        if name == "FIELD":
            self._count_field()
        if name == "DATA" and (columns := self._wanted()):
            self._data_start(columns)

    def _count_field(self) -> None:
        self.fields += 1
        if self.fields > MOST_COLUMNS * (self.tables + 1):
            raise too_many_columns(self.source, self.fields)

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

    def _end(self, _name: str) -> None:
        self._keep_text()
        element = self.stack.pop()
        if element.tag == "TABLE" and element.find("FIELD") is not None:
            self.tables += 1

    # The rows of the table that is wanted.

    def _wanted(self) -> int:
        """Number of columns, where this DATA belongs to the table that is taken: the first that has rows."""
        if self.rowless or self.chosen is not None or len(self.stack) < 2 or self.stack[-2].tag != "TABLE":
            return 0
        if any(element.get("type") == "meta" for element in self.stack):
            return 0
        return len(self.stack[-2].findall("FIELD"))

    def _data_start(self, columns: int) -> None:
        self.text.clear()
        self.stack.pop()
        self.stack[-1].remove(self.stack[-1][-1])
        self.rows = Rows(columns)
        self.filling = self.stack[-1]
        collect(self.parser, self.rows, self.text, self.prefix, self.source, self._data_end)

    def _data_end(self) -> None:
        self.text.clear()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        table = self.stack[-1]
        table.extend(self.rows.remarks)
        if not self.rows.empty:
            self.chosen = table

    def so_far(self) -> Document:
        """What is known while rows are read."""
        assert self.root is not None and self.filling is not None  # noqa: S101, PT018 - rows are read
        return Document(self.root, self.filling, self.rows, self.tables)

    def document(self) -> Document:
        """What was read, at the end of the document."""
        root = self.root
        assert root is not None  # noqa: S101 - expat refuses a document without an element
        table = self.chosen
        if table is None:
            table = next((element for element in root.iter("TABLE") if _usable(element, self.rowless)), None)
            self.rows = Rows(0 if table is None else len(table.findall("FIELD")))
        return Document(root, table, self.rows, self.tables)

    # The document, piece by piece.

    def feed(self, stream: BinaryIO) -> Iterator[None]:
        """Take in the document; after every step the rows so far stand in ``rows``.

        The content of a STREAM goes round expat, which is slow with text of that length.

        Raises
        ------
        TableError
            Raised if it is not a VOTable, is cut off, or declares entities.
        """
        try:
            rest = b""
            raw = False
            while chunk := stream.read(_CHUNK):
                rest += chunk
                while rest:
                    if raw:
                        rest, raw = self._raw(rest)
                    elif b"STREAM" in rest and (found := _STREAM.search(rest)) is not None:
                        self._parse(rest[: found.end()])
                        rest, raw = rest[found.end() :], self.rows.in_stream
                    else:
                        tag = rest.rfind(b"<")
                        held = len(rest) if tag < len(rest) - _LONGEST_TAG else tag
                        self._parse(rest[:held])
                        rest = rest[held:]
                        break
                yield
            self.parser.Parse(rest, True)
        except expat.ExpatError as error:
            raise _malformed(self, error, self.source) from None
        except (LookupError, ValueError) as error:  # an encoding that Python or expat does not know
            raise TableError(f"{self.source} cannot be read: {error}.", advice="Save it as UTF-8.") from None

    def _parse(self, data: bytes) -> None:
        """Give expat its next bytes; it looks again and again at a tag that does not end."""
        self.parser.Parse(data, False)
        self.fed += len(data)
        if self.fed - self.parser.CurrentByteIndex > _LONGEST_MARKUP:
            raise TableError(
                f"{self.source} has a tag or comment longer than {_LONGEST_MARKUP} bytes; it is not read."
            )

    def _raw(self, data: bytes) -> tuple[bytes, bool]:
        """Take content of STREAM up to markup; what is left, and whether the content may go on."""
        ends = [at for at in (data.find(b"<"), data.find(b"&")) if at >= 0]
        end = min(ends, default=len(data))
        self.rows.pieces.append(data[:end])
        return data[end:], not ends


def _ours(name: str, value: str) -> bool:
    """Whether an attribute declares the namespace of VOTable, which the writer does."""
    return name.startswith("xmlns") and value.startswith(_VOTABLE)


def parse(stream: BinaryIO, source: str, *, rowless: bool = False) -> Document:
    """Read a VOTable document.

    Parameters
    ----------
    stream : binary file
        The document, unpacked.
    source : str
        Its name, for errors.
    rowless : bool
        Take the first table that has columns but no DATA: its rows stand elsewhere.

    Raises
    ------
    TableError
        Raised if it is not a VOTable, is cut off, or declares entities.
    """
    reader = Reader(source, rowless)
    for _ in reader.feed(stream):
        pass
    return reader.document()


def _usable(table: Element, rowless: bool) -> bool:
    return table.find("FIELD") is not None and not (rowless and table.find("DATA") is not None)


def _malformed(reader: Reader, error: expat.ExpatError, source: str) -> TableError:
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
