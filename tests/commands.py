"""Commands run in this process, as a user types them."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from vo_photoz.cli.main import app


def run(*words: object) -> Result:
    """What a command gives."""
    return CliRunner().invoke(app, [str(word) for word in words])


def ok(*words: object) -> str:
    """What a command says that must succeed."""
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: object) -> str:
    """The one sentence of a command that must be refused."""
    result = run(*words)
    assert result.exit_code in (1, 2), result.output
    assert "Traceback" not in result.output
    assert result.output.startswith("Error: ")
    return " ".join(result.output.split())
