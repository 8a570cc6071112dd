"""What is added to the user's table besides the columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vo_photoz.flow import NewColumn


@dataclass(frozen=True)
class NewParam:
    """A PARAM of the table.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : number, str, bool or array
        Its value; the datatype and arraysize follow from it.
    unit, ucd, description : str
        Metadata.
    """

    name: str
    value: Any
    unit: str = ""
    ucd: str = ""
    description: str = ""


@dataclass(frozen=True)
class ServiceDescriptor:
    """A service that a client may call for a row of the table (DataLink service descriptor).

    Parameters
    ----------
    name : str
        Name that clients show; ASCII.
    access_url : str
        Address of the service.
    inputs : dict
        Parameter of the service to the name of the column that gives its value.
    description : str
        What the service returns.
    content_type : str
        MIME type of what it returns; may be empty.
    fixed : dict
        Parameters with a value that is the same for all rows.
    """

    name: str
    access_url: str
    inputs: dict[str, str]
    description: str = ""
    content_type: str = ""
    fixed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Additions:
    """What `write_table` adds to a table.

    Parameters
    ----------
    columns : list of NewColumn
        Columns after the user's own.
    params : list of NewParam
        Parameters of the table.
    infos : list of (str, str)
        Names and values of INFOs: the mark ``vo_photoz.job``, provenance.
    services : list of ServiceDescriptor
        Services of the rows.
    """

    columns: list[NewColumn] = field(default_factory=list)
    params: list[NewParam] = field(default_factory=list)
    infos: list[tuple[str, str]] = field(default_factory=list)
    services: list[ServiceDescriptor] = field(default_factory=list)
