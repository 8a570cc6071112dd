"""The command ``vo-photoz hub``."""

from __future__ import annotations

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, say
from vo_photoz.cli.foreground import leave, stop_signals


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("hub")(hub)


def hub(quiet: Quiet = False, debug: Debug = False) -> None:
    """Run a SAMP hub on this machine until Ctrl-C, for programs that have none.

    The lockfile is ~/.samp, or the one that SAMP_HUB names. A hub that already runs is never replaced.
    """
    with errors_told(debug), stop_signals() as stop:
        from vo_photoz.samp.hub import OwnHub
        from vo_photoz.samp.lockfile import lockfile_path

        own = OwnHub()
        own.start()
        say(f"The SAMP hub runs (lockfile {lockfile_path()}). Ctrl-C stops it.", quiet)
        while not stop.wait(1.0):
            own.keep_lockfile()
        own.stop()
        say("The SAMP hub has stopped.", quiet)
    leave()
