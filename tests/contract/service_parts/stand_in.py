"""A stand-in for the prediction: copies the table, adds a column, marks it as a product of ours.

What it does follows from the name of the table, so that tests can ask for trouble: "slow 3" takes 3 s, "bad"
fails with an error of ours, "odd" with one of a library, "abort" ends the process.
"""

from __future__ import annotations

import os
import time

from vo_photoz.errors import SurveyError
from vo_photoz.flow import Progress, no_progress
from vo_photoz.pipeline.service.job import Job


def run(job: Job, progress: Progress = no_progress) -> None:
    """Write ``job.result``; every start leaves a line in ``starts.txt`` beside the job folders."""
    from astropy.io.votable import from_table, writeto
    from astropy.io.votable.tree import Info
    from astropy.table import Table

    with (job.folder.parent.parent / "starts.txt").open("a") as starts:
        starts.write(f"{job.id}\n")
    progress("stand-in", 0, 1)
    misbehave(job)
    table = Table.read(job.input, format="fits" if job.format == "fits" else "votable")
    table["z_phot"] = [0.5] * len(table)
    table["pz_url"] = [job.row_page(row) for row in range(len(table))]
    document = from_table(table)
    document.resources[0].infos.append(Info(name="vo_photoz.job", value=job.id))
    partial = job.folder / "result.part"
    writeto(document, str(partial), tabledata_format="tabledata")
    os.replace(partial, job.result)


def misbehave(job: Job) -> None:
    """Do what the name asks for."""
    word, _, seconds = job.name.partition(" ")
    if word == "slow":
        time.sleep(float(seconds))
    elif word == "bad":
        raise SurveyError("The survey has no band u.", advice="Choose another survey.")
    elif word == "odd":
        raise KeyError("a library's mistake")
    elif word == "abort":
        os.abort()
    elif word == "memory":
        raise MemoryError
