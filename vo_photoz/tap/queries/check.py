"""Whether a query file is whole: its header, its ADQL, and that both speak of the same columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from astropy import units as u
from astropy.io.votable.ucd import check_ucd

from vo_photoz.errors import UsageError
from vo_photoz.tap.queries.grammar import output_columns
from vo_photoz.tap.queries.places import in_cone
from vo_photoz.tap.queries.query import Query

EXAMPLES = ((150.1, 2.2), (359.999, -45.0))


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a query file.

    Parameters
    ----------
    about : {"header", "grammar", "columns"}
        Which check found it.
    words : str
        One sentence.
    """

    about: str
    words: str


def example(query: Query) -> str:
    """ADQL of a query with its defaults, for two positions or a small cone."""
    return query.render(EXAMPLES if not query.upload else (), inside=in_cone(*EXAMPLES[0], 0.01))


def findings(query: Query) -> list[Finding]:
    """What is wrong with a query that could be loaded; empty when nothing is."""
    return [Finding("header", words) for words in _header(query)] + list(_text(query))


def _header(query: Query) -> Iterator[str]:
    for key in ("cite", "verified"):
        if not getattr(query, key):
            yield f"The header has no '-- {key}: ...'."
    for key in ("title", "cite", "verified"):
        if not getattr(query, key).isascii():
            yield f"'{key}' has letters that are not ASCII."
    for name, column in query.returned.items():
        if column.unit and not is_unit(column.unit):
            yield f"'{column.unit}', the unit of {name}, is none of VOUnits."
        if column.ucd and not check_ucd(column.ucd, check_controlled_vocabulary=True):
            yield f"'{column.ucd}', of {name}, is no UCD."
    for name, parameter in query.parameters.items():
        if parameter.unit and not is_unit(parameter.unit):
            yield f"'{parameter.unit}', the unit of the parameter {name}, is none of VOUnits."


def is_unit(text: str) -> bool:
    """Whether a unit is one of VOUnits, or written as VizieR does (astropy's VOUnits have no per cent)."""
    for form in ("vounit", "cds"):
        with suppress(ValueError, TypeError):
            u.Unit(text, format=form)
            return True
    return False


def _text(query: Query) -> Iterator[Finding]:
    try:
        columns = output_columns(example(query))
    except UsageError as error:
        yield Finding("grammar", f"{error.message[0].upper()}{error.message[1:]}. {error.advice}")
        return
    if columns is None:
        yield Finding("columns", "The text selects *: name the columns, so that no others come.")
        return
    expected = [*(["id"] if query.upload else []), *query.returns]
    known, wanted = {one.lower() for one in columns}, {one.lower() for one in expected}
    for name in expected:
        if name.lower() not in known:
            yield Finding("columns", f"'{name}' is returned by the header, but not selected by the text.")
    for name in columns:
        if name.lower() not in wanted:
            yield Finding("columns", f"'{name}' is selected by the text, but not among 'returns'.")
