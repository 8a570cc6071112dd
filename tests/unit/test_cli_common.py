"""Errors on the command line: one sentence, the right exit code."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from vo_photoz.cli.common import errors_told
from vo_photoz.errors import TableError, UsageError


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (TableError("No rows in x.vot.", advice="Send more."), 1, "Error: No rows in x.vot. Send more."),
        (UsageError("Which?"), 2, "Error: Which?"),
        (RuntimeError("odd\nsecond line"), 1, "RuntimeError: odd). --debug"),
        (KeyboardInterrupt(), 1, "Stopped."),
    ],
)
def test_an_error_is_one_line(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, errors_told():
        raise error
    assert caught.value.exit_code == code
    told = capsys.readouterr().err.strip()
    assert words in told
    assert len(told.splitlines()) == 1


def test_debug_shows_the_error_itself() -> None:
    with pytest.raises(RuntimeError), errors_told(debug=True):
        raise RuntimeError("odd")


def test_an_exit_passes() -> None:
    with pytest.raises(typer.Exit) as caught, errors_told():
        raise typer.Exit(0)
    assert caught.value.exit_code == 0


def test_a_reader_that_leaves_is_no_fault() -> None:
    code = (
        "from vo_photoz.cli.common import errors_told, say\n"
        "with errors_told():\n"
        "    for _ in range(10000): say('x' * 100)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert "fault of vo-photoz" not in process.stderr.read()


def test_a_connection_that_breaks_is_not_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), errors_told():
        raise BrokenPipeError(32, "Broken pipe")
    assert "Broken pipe" in capsys.readouterr().err


def test_memory_that_runs_out_is_no_fault_of_ours(capsys):
    with pytest.raises(typer.Exit) as caught, errors_told():
        bytearray(2**62)
    assert caught.value.exit_code == 1
    told = capsys.readouterr().err
    assert "there is not enough memory" in told
    assert "fault of vo-photoz" not in told
