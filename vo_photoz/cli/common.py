"""What all commands share: options, one red sentence for an error, progress. Imports nothing heavy."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vo_photoz.errors import PhotozError, UsageError

if TYPE_CHECKING:
    from vo_photoz.flow import Progress

Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@contextmanager
def errors_told(debug: bool = False) -> Iterator[None]:
    """Turn an error of ours into one red sentence and exit code 1 (2 for a usage error)."""
    try:
        yield
    except PhotozError as error:
        if debug:
            raise
        typer.secho(f"Error: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None
    except (typer.Exit, typer.Abort):
        raise
    except MemoryError as error:
        if debug:
            raise
        reason = f" ({error})" if str(error) else ""
        text = f"Error: there is not enough memory{reason}. Close other programs, or give fewer rows."
        typer.secho(text, fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_has_left():
            raise typer.Exit(1) from None
        if debug:
            raise
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        text = f"Error: this is a fault of vo-photoz ({what}). --debug shows where; please report it."
        typer.secho(text, fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.secho("Stopped.", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None


def _reader_has_left() -> bool:
    """Whether nobody reads our output any more, as after `| head`; then it goes nowhere from now on."""
    try:
        output = sys.stdout.fileno()
        poll = select.poll()
    except (OSError, AttributeError):  # no file (in a test), or a system that cannot tell
        return False
    poll.register(output, 0)
    left = any(event & select.POLLERR for _, event in poll.poll(0))
    if left:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)  # the interpreter flushes at its end
    return left


def say(text: str, quiet: bool = False) -> None:
    """Print a line for the user."""
    if not quiet:
        typer.echo(text)


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Progress]:
    """Progress on a terminal; silent elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield tell


def _silent(step: str, done: int, total: int) -> None:
    """Nobody watches."""
