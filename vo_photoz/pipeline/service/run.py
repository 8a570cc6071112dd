"""One job of the service: the table that came in becomes ``result.vot`` in the folder of its job."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from vo_photoz.flow import Progress
from vo_photoz.hips.survey import Survey, load_survey
from vo_photoz.pipeline.prediction.predict import predict
from vo_photoz.pipeline.service.job import Job
from vo_photoz.redshift.inference.runner import Runtime
from vo_photoz.redshift.model import Model, load_model
from vo_photoz.tables.additions import ServiceDescriptor
from vo_photoz.tables.read import read_table
from vo_photoz.tables.write import write_table

PREDICT_OPTIONS = ("crossmatch", "radius_arcsec", "z_min", "ebv_map", "ebv_high")
"""Options of a job that are handed on to `predict` as they are."""


def run(job: Job, progress: Progress) -> None:
    """Predict the table of a job.

    Raises
    ------
    PhotozError
        Raised if the table, the survey or the model cannot be used.
    """
    options = job.options
    predict(
        job.input,
        output=job.result,
        survey=_survey(options["survey"]),
        model=_model(options["model"], options.get("runtime")),
        serialisation="TABLEDATA",  # Aladin ignores the nulls of BINARY2: see `compact_result`
        job=job.id,
        page=job.row_page if job.page else None,
        services=[_density_service(job)] if job.page else [],
        folder=job.folder,
        progress=progress,
        **_given(options),
    )


def compact_result(job: Job) -> Path:
    """The result in BINARY2, which TOPCAT loads sooner; made when it is first asked for.

    A table with a column of bits stays as it is: TOPCAT cannot load one in BINARY2.
    """
    path = job.folder / "result-binary2.vot"
    if not path.is_file():
        table = read_table(job.result)
        if any(column.datatype == "bit" for column in table.columns):
            return job.result
        write_table(table, None, path, serialisation="BINARY2")
    return path


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in PREDICT_OPTIONS if name in options}


def _density_service(job: Job) -> ServiceDescriptor:
    """Lets a client draw p(z) of a row: TOPCAT's action "Invoke Service"."""
    return ServiceDescriptor(
        "p(z) and stamps of a row",
        f"{job.page}/pz",
        inputs={"row": "pz_url"},
        description="Picture of the stamps and the redshift density of one row",
        content_type="image/png",
    )


@lru_cache(maxsize=2)
def _survey(name: str) -> Survey:
    return load_survey(name)


def _model(name: str, runtime: Runtime | None) -> Model:
    return load_model(name, runtime)  # keeps what it has loaded
