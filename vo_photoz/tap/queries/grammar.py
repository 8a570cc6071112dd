"""The grammar of ADQL: whether a text is a query, and which columns it returns.

Lexer and parser are those of queryparser, made from the grammar of ADQL 2.0 with parts of 2.1 (no CASE, CAST,
COALESCE, LOWER). Its translator into SQL is not used: it evaluates arguments of functions as Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from antlr4 import CommonTokenStream, InputStream
from antlr4.error.ErrorListener import ErrorListener
from queryparser.adql.ADQLLexer import ADQLLexer
from queryparser.adql.ADQLParser import ADQLParser

from vo_photoz.errors import UsageError


class _Complaints(ErrorListener):  # type: ignore[misc]
    """What the parser did not expect: line, column, words."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, int, str]] = []

    def syntaxError(self, *told: Any) -> None:  # noqa: N802 - antlr's name
        """Keep what antlr tells: recognizer, symbol, line, column, message, exception."""
        _, symbol, line, column, words, _ = told
        self.found.append((line, column + 1, str(getattr(symbol, "text", "") or words)))


def output_columns(adql: str) -> list[str] | None:
    """Names of the columns that a query returns, in their order.

    Parameters
    ----------
    adql : str
        A whole query, with values in all its places.

    Returns
    -------
    list of str or None
        None where the query says ``*``.

    Raises
    ------
    UsageError
        Raised if the text is not ADQL; says the line of the text and the word.
    """
    found = next(_below(_parse(adql), ADQLParser.Select_listContext), None)
    parts = [part.derived_column() for part in _below(found, ADQLParser.Select_sublistContext)]
    return [_name(part) for part in parts] if parts and None not in parts else None


def _parse(adql: str) -> Any:
    complaints = _Complaints()
    # The grammar wants a semicolon at the end.
    lexer = ADQLLexer(InputStream(adql + "\n;"))
    parser = ADQLParser(CommonTokenStream(lexer))
    for one in (lexer, parser):
        one.removeErrorListeners()
        one.addErrorListener(complaints)
    tree = parser.query()
    if complaints.found:
        line, column, word = complaints.found[0]
        where = "at its end" if word == ";" else f"at '{word}' in line {line}, column {column}"
        raise UsageError(
            f"the text is not understood as ADQL {where}",
            advice="What is known is ADQL 2.0 with parts of 2.1; the archive itself may know more.",
        )
    return tree


def _below(tree: Any, kind: type) -> Iterator[Any]:
    """Nodes of a kind, outermost first; what stands after WITH is no part of the answer."""
    if isinstance(tree, kind):
        yield tree
    elif not isinstance(tree, ADQLParser.With_queryContext):
        for part in getattr(tree, "children", None) or ():
            yield from _below(part, kind)


def _name(column: Any) -> str:
    """Name of a column: after AS, else the last word of `table.column`."""
    given = column.as_clause()
    words = given.getChild(given.getChildCount() - 1).getText() if given else column.getText().split(".")[-1]
    return str(words).strip('"')
