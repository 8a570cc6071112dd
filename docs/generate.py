"""Reference pages that are written from the code at every build, so that they cannot differ from it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import typer

from vo_photoz import errors, settings
from vo_photoz.cli.main import app
from vo_photoz.flow import FLAG_MEANINGS, NOT_PREDICTED, MixturePDF, NewColumn, Predictions
from vo_photoz.hips.survey import list_surveys, load_survey
from vo_photoz.tables.predictions import Classes, Grid, prediction_columns
from vo_photoz.tap.queries import Query, load_query, shipped_folder
from vo_photoz.tap.queries.adql import table_names


def write_all(folder: Path) -> None:
    """Write every page into a folder; files that would not change are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "commands": commands(), "columns": columns(), "flags": flags(), "settings": settings_table(),
        "errors": error_table(), "queries": queries(), "surveys": surveys(),
    }  # fmt: skip
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


# Commands


def commands() -> str:
    """Every command with its arguments and options."""
    return "\n".join(_command(name, command) for name, command in each_command())


def each_command() -> Iterator[tuple[str, Any]]:
    """Full name and command, depth first."""
    yield from _below("vo-photoz", typer.main.get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    for child, one in children.items():
        yield from _below(f"{name} {child}", one)
    if not children:
        yield name, command


def _command(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    usage = " ".join([name, *(one.name.upper() for one in arguments), "[OPTIONS]"])
    text = f"## {name}\n\n{inspect.cleandoc(command.help or '')}\n\n```text\n{usage}\n```\n\n"
    rows = [(f"`{one.name.upper()}`", one.help or "", "") for one in arguments]
    rows += [(", ".join(f"`{word}`" for word in one.opts), one.help or "", _default(one)) for one in options]
    return text + table(("argument or option", "what it is", "default"), rows)


def _default(option: Any) -> str:
    if option.required:
        return "must be given"
    return "" if option.default in (None, False, "") or callable(option.default) else f"`{option.default}`"


# Columns and flags


def columns() -> str:
    """Columns and PARAMs of a prediction, as the code makes them."""
    made, params = prediction_columns(
        _example(),
        grid=Grid(np.zeros((1, 200)), np.linspace(0, 6, 200)),
        classes=Classes(("STAR", "GALAXY", "QSO"), np.ones((1, 3)) / 3),
        pz_url=[""],
    )
    rows = [(f"`{c.name}`", _type(c), f"`{c.ucd}`", c.description.split(". ")[0]) for c in made]
    more = [(f"`{p.name}`", f"`{p.ucd}`", p.description) for p in params]
    return table(("column", "type", "UCD", "meaning"), rows) + "\n" + table(("PARAM", "UCD", "meaning"), more)


def _example() -> Predictions:
    one = np.ones(1, dtype=np.float32)
    mixture = MixturePDF(np.ones((1, 5)) / 5, np.ones((1, 5)), np.ones((1, 5)))
    number = np.ones(1, np.int16)
    return Predictions(
        mixture, one, one, one, one, one, one, 0 * number, [""], 3.0,
        n_modes=number, second_mode=one, second_probability=one,
    )  # fmt: skip


def _type(column: NewColumn) -> str:
    if column.values.dtype == object:
        return "char"
    lengths = {"pz": "[N]", "pz_weight": "[K]", "pz_mean": "[K]", "pz_sigma": "[K]"}
    return str(column.values.dtype) + lengths.get(column.name, "")


def flags() -> str:
    """Bits of the flag."""
    rows = [
        (str(flag.value), meaning, "no" if flag & NOT_PREDICTED else "yes")
        for flag, meaning in FLAG_MEANINGS.items()
    ]
    return table(("bit", "meaning", "predicted?"), rows)


# Settings, errors, what is shipped


def settings_table() -> str:
    """Every setting."""
    home = str(Path.home())
    rows = [
        (f"`{name}`", one.description or "", f"`{one.default}`".replace(home, "~"))
        for name, one in settings.Settings.model_fields.items()
    ]
    return table(("setting", "what it is", "default"), rows)


def error_table() -> str:
    """The tree of errors."""
    tree = [
        one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.PhotozError)
    ]
    tree.sort(key=lambda one: [kind.__name__ for kind in one.__mro__[::-1]])
    rows = [
        (
            f"`{one.__name__}`",
            f"`{one.code}`",
            "yes" if one.retryable else "no",
            (one.__doc__ or "").split("\n")[0],
        )
        for one in tree
    ]
    return table(("error", "code", "worth trying again", "meaning"), rows)


def queries() -> str:
    """Queries that come with the program: all in a table, then each with its parameters and columns."""
    found = [load_query(path) for path in sorted(shipped_folder().glob("*.adql"))]
    rows = [(f"[`{q.name}`](#{q.name})", q.title, ", ".join(q.returns)) for q in found]
    overview = table(("name", "what it matches with", "returns"), rows)
    return "\n".join([overview, *(_query(one) for one in found)])


def _query(query: Query) -> str:
    facts = [
        ("service", ", ".join(query.services)),
        ("table", ", ".join(f"`{name}`" for name in table_names(query.adql) if "TAP_UPLOAD" not in name)),
        ("positions", f"ICRS, epoch {query.epoch:g}"),
        ("cite", query.cite),
        ("verified", query.verified),
    ]
    text = f"({query.name})=\n### {query.name}\n\n{query.title}.\n\n" + table(("", ""), facts)
    if query.parameters:
        given = [(f"`{name}`", p.told, p.limits, p.about) for name, p in query.parameters.items()]
        text += "\n" + table(("parameter", "default", "range", "meaning"), given)
    columns = [(f"`{name}`", c.unit, f"`{c.ucd}`", c.about) for name, c in query.returned.items()]
    return text + "\n" + table(("returns", "unit", "UCD", "meaning"), columns)


def surveys() -> str:
    """Surveys that come with the program."""
    found = [load_survey(name, offline=True) for name in list_surveys()]
    rows = [(f"`{s.name}`", s.title, " ".join(s.bands), s.pixel_unit, s.tried or "no") for s in found]
    return table(("name", "title", "bands", "unit of a pixel value", "tried"), rows)
