"""The demo: the main job from end to end, offline, on the sandbox sky."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vo_photoz.cli.common import say
from vo_photoz.errors import DeadlineExceeded, JobError

if TYPE_CHECKING:
    from vo_photoz.flow import Progress
    from vo_photoz.sandbox.astronomer import Astronomer

MODEL = "sdss-quasars"
SERVICE = "vo_photoz"
HUB_SECONDS = 60.0
ANSWER_SECONDS = 1800
"""A machine that is busy with other things takes long to load the networks; usually it is seconds."""
TELL_SECONDS = 30


def run_demo(output: Path, *, quiet: bool, progress: Progress) -> None:
    """Make the sky, start the service, send a table as TOPCAT would, score and draw what comes back."""
    from vo_photoz.sandbox import report, world

    output.mkdir(parents=True, exist_ok=True)
    sky = world.ensure(output / "sky", progress=progress)
    say(f"The sandbox sky is in {sky}.", quiet)
    say("Starting the service and sending it sources.vot over SAMP, as TOPCAT would ...", quiet)
    predictions = output / "predictions.vot"
    shown = _ask_the_service(output, sky, predictions, quiet)
    text = report.write(predictions, sky, MODEL, output / "sources.png")
    say(f"\n{text}\n", quiet)
    say(f"Written: {predictions} and {output / 'sources.png'}", quiet)
    if shown:
        say(f"Sent to {', '.join(shown)} too.", quiet)
    say(_how_to_go_on(sky), quiet)


def _ask_the_service(output: Path, sky: Path, predictions: Path, quiet: bool) -> list[str]:
    """Let the table go to the service and back; names of other clients that got the result."""
    from vo_photoz.sandbox.astronomer import Astronomer

    running: set[str] = set()
    with contextlib.suppress(DeadlineExceeded), Astronomer(sky) as visitor:
        running = visitor.clients(SERVICE)  # somebody's service with another survey is not ours to ask
    log = output / "service.log"
    with _service(output, sky, log) as process:
        try:
            with Astronomer(sky, hub_seconds=HUB_SECONDS) as astronomer:
                astronomer.send(SERVICE, "sources.vot", seconds=HUB_SECONDS, but_not=running)
                part = predictions.with_suffix(".part")
                part.write_bytes(_answer(astronomer, process, quiet))
                part.replace(predictions)
                return astronomer.show(predictions)
        except DeadlineExceeded as error:
            raise JobError(f"The demo got no answer: {error}", advice=f"The log is {log}.") from None


def _answer(astronomer: Astronomer, process: subprocess.Popen[bytes], quiet: bool) -> bytes:
    """What comes back; tells now and then that it has not come yet.

    Raises
    ------
    DeadlineExceeded
        Raised if the service has ended, or takes too long.
    """
    for waited in range(TELL_SECONDS, ANSWER_SECONDS + 1, TELL_SECONDS):
        try:
            return astronomer.result(seconds=TELL_SECONDS)
        except DeadlineExceeded:
            if process.poll() is not None:
                raise DeadlineExceeded(f"the service ended (exit code {process.returncode}).") from None
            say(f"The service has been at work for {waited} s ...", quiet)
    raise DeadlineExceeded(f"No result came within {ANSWER_SECONDS} s.")


@contextlib.contextmanager
def _service(output: Path, sky: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the real service as a process of its own, with its own folders."""
    folders = {"VO_PHOTOZ_DATA_DIR": str(output / "service"), "VO_PHOTOZ_LOG_DIR": str(output / "service")}
    command = [sys.executable, "-m", "vo_photoz", "serve", "--model", MODEL]
    command += ["--survey", str(sky / "survey.toml"), "--crossmatch", str(sky / "spectra.vot")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **folders}, stdout=out, stderr=out)  # noqa: S603
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _how_to_go_on(sky: Path) -> str:
    return (
        "Try it with TOPCAT: start topcat, then\n"
        f"    vo-photoz serve --survey {sky / 'survey.toml'} --crossmatch {sky / 'spectra.vot'}\n"
        f"load {sky / 'sources.vot'} in TOPCAT and choose Interop > Send table to > vo_photoz."
    )
