"""ADQL as text: what is a comment, what stands in quotes, where one statement ends. Pure text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vo_photoz.errors import UsageError

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^']|'')*')
      | (?P<name>"(?:[^"]|"")*")
      | (?P<place>\{[^{}]*\})
      | (?P<other>[^'"{};/-]+|.)""",
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kind (comment, text, name, place, other) and words of each part; together they are the text."""
    for found in _TOKEN.finditer(text):
        yield str(found.lastgroup), found[0]


def clean_statement(text: str) -> str:
    """One statement without its comments and its last semicolon; line breaks stay where they are.

    Raises
    ------
    UsageError
        Raised if a quote is not closed, a place stands inside quotes, or there is more than one statement.
        The message begins with the line, counted from 0, and a colon.
    """
    kept: list[str] = []
    line, ended = 0, False
    for kind, words in tokens(text):
        if kind in ("text", "name") and re.search(r"\{[^{}]*\}", words):
            raise UsageError(
                f"{line}:a place stands inside the quotes {words}",
                advice="Values bring their own quotes: write {NAME} without any.",
            )
        if words in ("'", '"', "{", "}"):
            raise UsageError(f"{line}:{words} is not closed", advice=f"Close it with {_closing(words)}.")
        if ended and words.strip() and kind != "comment":
            raise UsageError(f"{line}:more than one statement", advice="A query file holds one SELECT.")
        if words == ";":
            ended = True
        else:
            kept.append("\n" * words.count("\n") if kind == "comment" else words)
        line += words.count("\n")
    return "\n".join(one.rstrip() for one in "".join(kept).split("\n")).rstrip()


def _closing(words: str) -> str:
    return {"{": "}", "}": "{"}.get(words, words)


def places(text: str) -> Iterator[tuple[int, str]]:
    """Line, counted from 0, and content of each ``{place}``."""
    line = 0
    for kind, words in tokens(text):
        if kind == "place":
            yield line, words[1:-1]
        line += words.count("\n")


def table_names(text: str) -> list[str]:
    """Tables after FROM and JOIN, as they are written; those of subqueries too."""
    plain = "".join("" if kind == "comment" else words for kind, words in tokens(text))
    name = r'(?:\w+|"(?:[^"]|"")*")(?:\.(?:\w+|"(?:[^"]|"")*"))*'
    return list(dict.fromkeys(re.findall(rf"\b(?:FROM|JOIN)\s+({name})", plain, re.IGNORECASE)))
