"""Where query files lie: those of the program, and the user's own beside her settings."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from vo_photoz.errors import UsageError
from vo_photoz.settings import config_file
from vo_photoz.tap.query import Parameter, Query
from vo_photoz.tap.query_text import parse_query

__all__ = ["Parameter", "Query", "list_queries", "load_query", "parse_query", "query_folders"]


def query_folders() -> list[Path]:
    """Folders that are searched, the user's own first."""
    package = Path(str(files("vo_photoz")))
    # An installed package carries the folder; in a working copy it lies beside the package.
    shipped = package / "tap_queries"
    return [config_file().parent / "queries", shipped if shipped.is_dir() else package.parent / "tap_queries"]


def load_query(name_or_path: str | Path) -> Query:
    """Return a query by its name or by the path of its file.

    Raises
    ------
    UsageError
        Raised if there is no such query, or the file cannot be understood.
    """
    path = Path(name_or_path)
    if path.suffix != ".adql":
        path = _files().get(str(name_or_path), path.with_suffix(".adql"))
    if not path.is_file():
        raise UsageError(
            f"There is no query {name_or_path}.", advice=f"Known: {', '.join(sorted(_files())) or 'none'}."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The query file {path} cannot be read: {error}.", url=str(path)) from None
    return parse_query(text, path.stem, str(path))


def list_queries() -> list[str]:
    """Names of all queries, sorted; a file of the user's hides a shipped one of the same name."""
    return sorted(_files())


def _files() -> dict[str, Path]:
    return {path.stem: path for folder in reversed(query_folders()) for path in sorted(folder.glob("*.adql"))}
