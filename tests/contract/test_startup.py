"""Starting is quick: help and registration load nothing heavy, judged by what is loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROBE = """
import json, sys
sys.argv = ["vo-photoz", *{arguments!r}]
from vo_photoz.cli.main import main
try:
    main()
except SystemExit:
    pass
print("LOADED " + json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})))
"""


def loaded_by(*arguments: str) -> set[str]:
    """Top-level packages that a command has loaded when it ends."""
    code = PROBE.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("LOADED "))
    return set(json.loads(line.removeprefix("LOADED ")))


@pytest.mark.parametrize("command", [[], ["predict"], ["serve"], ["train"], ["cutouts"]])
def test_help_loads_neither_astropy_nor_keras(command: list[str]) -> None:
    heavy = {"astropy", "numpy", "keras", "tensorflow", "pyvo", "numba", "matplotlib"}
    assert not heavy & loaded_by(*command, "--help")


def test_version_is_that_of_the_package() -> None:
    from vo_photoz import __version__

    done = subprocess.run(
        [sys.executable, "-m", "vo_photoz", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["vo-photoz", __version__]


@pytest.mark.parametrize("command", [["surveys", "list"], ["models", "list"], ["queries", "list"]])
def test_lists_do_not_load_keras(command: list[str]) -> None:
    assert not {"keras", "tensorflow"} & loaded_by(*command)
