"""Where query files lie: those of the program, and the user's own."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from vo_photoz.errors import UsageError
from vo_photoz.settings import config_file, defaults
from vo_photoz.tap.queries.query import Query
from vo_photoz.tap.queries.text import parse_query

log = logging.getLogger(__name__)

_WITH_VALUES = re.compile(r"(?P<query>.+?):(?P<values>[A-Za-z_]\w*\s*=.*)", re.DOTALL)


def shipped_folder() -> Path:
    """Folder of the queries that come with the program."""
    package = Path(str(files("vo_photoz")))
    # An installed package carries the folder; in a working copy it lies beside the package.
    shipped = package / "tap_queries"
    return shipped if shipped.is_dir() else package.parent / "tap_queries"


def own_folders() -> list[Path]:
    """Folders of the user's queries, that of the setting ``queries_dir`` first."""
    chosen = defaults().queries_dir
    beside = config_file().parent / "tap_queries"
    return [chosen.expanduser(), beside] if chosen else [beside]


def is_query(what: str | Path) -> bool:
    """Whether words mean a query: a known name or an .adql file, with or without values of parameters."""
    name, _ = split_values(what)
    return name.endswith(".adql") or name in _files()


def split_values(what: str | Path) -> tuple[str, dict[str, str]]:
    """Name or path of a query, and the values that stand behind it: ``gaia-stars:snr=7,PARAMETER=VALUE``.

    Raises
    ------
    UsageError
        Raised if a value has no name.
    """
    found = _WITH_VALUES.fullmatch(str(what))
    if not found:
        return str(what), {}
    pairs = [part.partition("=") for part in found["values"].split(",")]
    for name, equals, _ in pairs:
        if not equals or not name.strip():
            raise UsageError(f"'{what}' cannot be read.", advice="Write QUERY:NAME=VALUE,NAME=VALUE.")
        if name.strip() == "radius":
            raise UsageError(f"'{what}' gives a radius.", advice="Give it by --radius, in arcsec.")
    return found["query"], {name.strip(): value.strip() for name, _, value in pairs}


def load_query(what: str | Path, **values: Any) -> Query:
    """Return a query by its name or by the path of its file.

    Parameters
    ----------
    what : str or Path
        A name of `list_queries`, or the path of an .adql file; both may be followed by values of parameters:
        ``gaia-stars:snr=7``.
    **values
        Values of parameters, as of `Query.given`; they go before those in the words.

    Raises
    ------
    UsageError
        Raised if there is no such query, its file cannot be understood, or a value cannot be meant.
    """
    name, given = split_values(what)
    path, hides = Path(name), ""
    if path.suffix != ".adql":
        found = _files().get(name, [])
        path = found[0] if found else path.with_suffix(".adql")
        hides = str(found[-1]) if len(found) > 1 and found[-1].parent == shipped_folder() else ""
    if not path.is_file():
        raise UsageError(
            f"There is no query {name}.", advice=f"Known: {', '.join(sorted(_files())) or 'none'}."
        )
    if hides:
        log.warning("The query %s is yours, of %s; that of the program is not used.", path.stem, path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The query file {path} cannot be read: {error}.", url=str(path)) from None
    return replace(parse_query(text, path.stem, str(path)), hides=hides).given(**{**given, **values})


def list_queries() -> list[str]:
    """Names of all queries, sorted; a file of the user's hides a shipped one of the same name."""
    return sorted(_files())


def _files() -> dict[str, list[Path]]:
    """Files of each name; the first is used."""
    found: dict[str, list[Path]] = {}
    for folder in [*own_folders(), shipped_folder()]:
        for path in sorted(folder.glob("*.adql")):
            found.setdefault(path.stem, []).append(path)
    return found
