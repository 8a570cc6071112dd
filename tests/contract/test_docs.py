"""The documentation says what is true: every dependency has its reason, every command exists."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import typer

from vo_photoz.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"generated", "_build"} & set(path.parts))


def dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    every = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    return [re.split(r"[<>=!~\[; ]", one)[0] for one in every]


def test_every_dependency_has_its_reason_and_none_is_left_over():
    headings = re.findall(r"^### (\S+)$", (DOCS / "decisions.md").read_text(), flags=re.MULTILINE)
    assert sorted(headings) == sorted(dependencies())


def commands() -> list[tuple[str, str]]:
    """Page and line of every vo-photoz command in a shell block."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL):
            found += [(page.name, line) for line in block.splitlines() if "vo-photoz " in line]
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_of_the_docs_exists_with_its_options(page: str, line: str):
    words = shlex.split(line)[1:]
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words, f"{page}: {line}"
        assert words[0] in command.commands, f"{page}: there is no command {words[0]}: {line}"
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    for word in words:
        assert not word.startswith("-") or word in known, f"{page}: there is no option {word}: {line}"


def test_docs_name_no_path_of_a_developers_machine():
    for page in [*PAGES, *DOCS.glob("*.py")]:
        assert not re.search(r"/work/|/tmp/|/root/|/home/", page.read_text()), page


def test_every_python_example_is_python_and_imports_what_exists():
    found = set()
    for page in PAGES:
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
            for part in ast.walk(ast.parse(block, page.name)):
                if isinstance(part, ast.ImportFrom):
                    module = import_module(part.module)
                    missing = [name.name for name in part.names if not hasattr(module, name.name)]
                    assert not missing, f"{page.name}: {part.module} has no {missing}"
                    found.add(part.module)
    assert "vo_photoz" in {name.partition(".")[0] for name in found}, "the examples were found"


def test_shown_files_are_understood(tmp_path: Path):
    from vo_photoz.hips.survey import load_survey
    from vo_photoz.settings import load
    from vo_photoz.tap.queries import load_query

    survey, service, query = (
        re.search(rf"```{kind}\n(.*?)```", (DOCS / "how-to" / page).read_text(), flags=re.DOTALL)[1]
        for page, kind in (("survey.md", "toml"), ("service.md", "toml"), ("query.md", "text"))
    )
    (tmp_path / "survey.toml").write_text(survey)
    (tmp_path / "vo-photoz.toml").write_text(service)
    (tmp_path / "mine.adql").write_text(query)
    assert load_survey(tmp_path / "survey.toml", offline=True).bands == ("g", "r", "i")
    assert load(tmp_path / "vo-photoz.toml").confirm_rows == 50_000
    assert load_query(tmp_path / "mine.adql").returns == ("ra", "dec", "z_spec")


def test_the_page_of_the_mixture_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import numpy as np
    from astropy.table import Table

    page = (DOCS / "how-to" / "predict.md").read_text()
    example = re.search(r"```python\n(.*?)```", page, flags=re.DOTALL)[1]
    columns = {"pz_weight": [[0.7, 0.3]], "pz_mean": [[2.0, 3.0]], "pz_sigma": [[0.1, 0.2]]}
    Table({name: np.array(values) for name, values in columns.items()}).write(
        tmp_path / "predictions.vot", format="votable"
    )
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(example, names)
    assert np.trapezoid(names["pz"], names["z"][:, 0]) == pytest.approx(1, abs=1e-6)


def test_reference_pages_can_be_generated(tmp_path: Path):
    script = "import sys, pathlib, generate; generate.write_all(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", script, str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(DOCS)})
    written = "".join(file.read_text() for file in tmp_path.glob("*.md"))
    for part in (
        "z_phot_lo",
        "same position as an earlier row",
        "vo-photoz predict",
        "confirm_rows",
        "RateLimited",
    ):
        assert part in written
