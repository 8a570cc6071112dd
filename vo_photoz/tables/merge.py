"""Additions put into the tree of the user's table; what an earlier run added is replaced."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from vo_photoz.errors import TableError
from vo_photoz.flow import NewColumn
from vo_photoz.tables.additions import Additions, NewParam, ServiceDescriptor
from vo_photoz.tables.fields import Kind, free_null, kind_of, plain
from vo_photoz.tables.predictions import PREDICTION_COLUMNS, PREDICTION_PARAMS
from vo_photoz.tables.serialisations.tabledata import encode
from vo_photoz.tables.user_table import UserTable

ADDED = {tag: f"vo_photoz.added_{tag.lower()}s" for tag in ("FIELD", "PARAM", "INFO")}
"""INFOs that list the names of what we added, so that a later run knows it again."""

_SERVICE = "vo_photoz service"
_NCNAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
_SUFFIX = "_vopz"


def with_additions(table: UserTable, additions: Additions) -> UserTable:
    """The table with the additions; the one given is left as it is.

    Parameters
    ----------
    table : UserTable
        The user's table.
    additions : Additions
        What is new.

    Raises
    ------
    TableError
        Raised if a new column has another number of rows.
    """
    place = list(table.root.iter()).index(table.table)
    root = copy.deepcopy(table.root)
    element = list(root.iter())[place]
    merged = _Merge(UserTable(root, element, list(table.data), source=table.source, note=table.note))
    merged.columns(additions.columns)
    merged.params(additions.params)
    merged.services(additions.services)
    merged.infos(additions.infos)
    return UserTable(root, element, merged.data, source=table.source, note=table.note)


class _Merge:
    """The steps of one merge, in the order of `with_additions`."""

    def __init__(self, table: UserTable) -> None:
        self.root = table.root
        self.table = table.table
        self.resource = table.resource
        self.around = list(table.around())
        self.data = table.data
        self.n_rows = table.n_rows if table.data else 0
        self.ids = {element.get("ID", "") for element in self.root.iter()}
        ours = table.job is not None
        self.earlier = {
            tag: set((table.infos.get(name) or table.params.get(name) or "").split())
            for tag, name in ADDED.items()
        }
        if ours and not self.earlier["FIELD"]:
            self.earlier["FIELD"] = set(PREDICTION_COLUMNS)
            self.earlier["PARAM"] |= set(PREDICTION_PARAMS)
        self.predicts = False
        self.added: dict[str, list[str]] = {tag: [] for tag in ADDED}
        self.refs: dict[str, str] = {}

    # Columns

    def columns(self, columns: Iterable[NewColumn]) -> None:
        columns = list(columns)
        names = {column.name for column in columns}
        self.predicts = bool(names & {"z_phot", "photoz_flag"})
        self._drop_columns(names)
        at = self._after("FIELD", self.table)
        for column in columns:
            field = self._field(column)
            self.table.insert(at, field)
            at += 1

    def _drop_columns(self, names: set[str]) -> None:
        stale = names | {name + _SUFFIX for name in names}
        if self.predicts:
            stale |= set(PREDICTION_COLUMNS)
        stale &= self.earlier["FIELD"]
        self.earlier["FIELD"] -= stale
        fields = self.table.findall("FIELD")
        for place in reversed(range(len(fields))):
            if fields[place].get("name") in stale:
                self.table.remove(fields[place])
                del self.data[place]
                self._forget(fields[place].get("ID"))

    def _forget(self, identifier: str | None) -> None:
        """Remove references to a column that is no more."""
        self.ids.discard(identifier or "")
        for parent in list(self.root.iter()):
            for child in list(parent):
                if child.tag in ("FIELDref", "PARAMref") and child.get("ref") == identifier:
                    parent.remove(child)

    def _field(self, column: NewColumn) -> Element:
        if len(column.values) != self.n_rows and (self.data or self.n_rows):
            raise TableError(
                f"The new column '{column.name}' has {len(column.values)} rows, the table {self.n_rows}."
            )
        values, datatype, arraysize = plain(column.values)
        name = self._free(column.name)
        field = Element("FIELD", {"ID": self._identifier(name), "name": name})
        self.refs[column.name] = field.attrib["ID"]
        _describe(field, datatype, arraysize, column)
        null = free_null(values)
        if null is not None:
            SubElement(field, "VALUES", {"null": str(null)})
        self.data.append(values)
        self.added["FIELD"].append(name)
        return field

    def _free(self, name: str) -> str:
        taken = {field.get("name", "").lower() for field in self.table.findall("FIELD")}
        while name.lower() in taken:
            name += _SUFFIX
        return name

    def _identifier(self, name: str) -> str:
        wanted = name if _NCNAME.fullmatch(name) else "vopz_" + re.sub(r"[^A-Za-z0-9._-]", "_", name)
        number, identifier = 1, wanted
        while identifier in self.ids:
            number += 1
            identifier = f"{wanted}_{number}"
        self.ids.add(identifier)
        return identifier

    # Parameters and remarks

    def params(self, params: Iterable[NewParam]) -> None:
        params = list(params)
        stale = {param.name for param in params} | (set(PREDICTION_PARAMS) if self.predicts else set())
        self._drop("PARAM", stale)
        at = self._after("PARAM", self.table)
        for number, param in enumerate(params):
            element = self._param(param)
            element.set("ID", self._identifier(param.name))
            self.table.insert(at + number, element)
            self.added["PARAM"].append(param.name)

    def _drop(self, tag: str, names: set[str]) -> None:
        """Remove what an earlier run added under these names; an INFO may have become a PARAM."""
        stale = names & self.earlier[tag]
        self.earlier[tag] -= stale
        for holder in self.around:
            for child in list(holder):
                if child.tag in {tag, "PARAM"} and child.get("name") in stale:
                    holder.remove(child)
                    self.ids.discard(child.get("ID", ""))

    def _param(self, param: NewParam) -> Element:
        value, datatype, arraysize = plain(np.asarray(param.value)[np.newaxis])
        if datatype == "char":
            arraysize = "*"
        kind = Kind(datatype, variable=True) if datatype == "char" else kind_of(datatype, arraysize)
        element = Element("PARAM", {"name": param.name})
        _describe(element, datatype, arraysize, param)
        text = str(param.value) if kind.text else encode(value, kind, None)[0]
        element.set("value", _plain_text(text))
        return element

    def infos(self, infos: Iterable[tuple[str, str]]) -> None:
        infos = list(infos)
        marks = set(ADDED.values())
        self.earlier["INFO"] |= marks | {"vo_photoz.job"}
        self._drop("INFO", marks | {name for name, _ in infos})
        self.added["INFO"] += [name for name, _ in infos]
        for tag, mark in ADDED.items():
            names = dict.fromkeys([*sorted(self.earlier[tag]), *self.added[tag]])
            names.pop("vo_photoz.job", None) if tag == "INFO" else None
            if names:
                infos.append((mark, " ".join(names)))
        at = self._after("INFO", self.resource, ("DESCRIPTION",))
        for number, (name, value) in enumerate(infos):
            info = Element("INFO", {"name": name, "value": _plain_text(str(value))})
            info.tail = "\n"
            self.resource.insert(at + number, info)

    # Services

    def services(self, services: Iterable[ServiceDescriptor]) -> None:
        services = list(services)
        if services or self.predicts:
            for parent in list(self.root.iter("VOTABLE")) + list(self.root.iter("RESOURCE")):
                for child in parent.findall("RESOURCE"):
                    if (child.get("name") or "").startswith(_SERVICE):
                        parent.remove(child)
        top = self.around[-2]
        at = list(self.root).index(top) + 1
        for number, service in enumerate(services):
            self.root.insert(at + number, self._service(service))

    def _service(self, service: ServiceDescriptor) -> Element:
        attributes = {"type": "meta", "utype": "adhoc:service", "name": f"{_SERVICE}: {service.name}"}
        attributes["ID"] = self._identifier("vo_photoz_service")
        resource = Element("RESOURCE", attributes)
        resource.tail = "\n"
        if service.description:
            SubElement(resource, "DESCRIPTION").text = service.description
        resource.append(self._param(NewParam("accessURL", service.access_url)))
        if service.content_type:
            resource.append(self._param(NewParam("contentType", service.content_type)))
        group = SubElement(resource, "GROUP", {"name": "inputParams"})
        for name, value in service.fixed.items():
            group.append(self._param(NewParam(name, value)))
        for name, column in service.inputs.items():
            group.append(self._input(name, column))
        return resource

    def _input(self, name: str, column: str) -> Element:
        field = self._find(column)
        attributes = {"name": name, "datatype": field.get("datatype", "char"), "value": ""}
        if attributes["datatype"] not in ("char", "unicodeChar"):
            attributes["value"] = "0"
        if field.get("arraysize"):
            attributes["arraysize"] = field.get("arraysize", "*")
        return Element("PARAM", attributes | {"ref": field.attrib["ID"]})

    def _find(self, name: str) -> Element:
        name = self.refs.get(name, name)
        for field in self.table.findall("FIELD"):
            if name in (field.get("ID"), field.get("name")):
                if not field.get("ID"):
                    field.set("ID", self._identifier(field.get("name", "column")))
                return field
        raise TableError(f"A service of the table needs the column '{name}', which is not there.")

    @staticmethod
    def _after(tag: str, parent: Element, before: tuple[str, ...] = ()) -> int:
        """Place after the last child of a kind (the leading ones, for INFOs)."""
        if tag == "INFO":
            place = 0
            while place < len(parent) and parent[place].tag in ("INFO", *before):
                place += 1
            return place
        places = [place + 1 for place, child in enumerate(parent) if child.tag in ("FIELD", "PARAM", "GROUP")]
        if tag == "FIELD":
            places = [place + 1 for place, child in enumerate(parent) if child.tag == "FIELD"] or places
        return max(places, default=_Merge._after("INFO", parent, ("DESCRIPTION",)))


def _describe(element: Element, datatype: str, arraysize: str | None, told: NewColumn | NewParam) -> None:
    element.set("datatype", datatype)
    if arraysize:
        element.set("arraysize", arraysize)
    if told.unit:
        element.set("unit", told.unit)
    if told.ucd:
        element.set("ucd", told.ucd)
    if told.description:
        SubElement(element, "DESCRIPTION").text = _plain_text(told.description)
    element.tail = "\n"


def _plain_text(text: str) -> str:
    """ASCII without control characters, as clients and hubs need it."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).encode("ascii", "backslashreplace").decode("ascii")
