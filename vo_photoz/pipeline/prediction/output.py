"""What a prediction adds to the user's table: columns, PARAMs and INFOs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vo_photoz.flow import FlagArray, NewColumn, Predictions
from vo_photoz.pipeline.prediction.densities import Densities, summary
from vo_photoz.pipeline.prediction.posterior import Priors, probabilities
from vo_photoz.provenance.export import infos
from vo_photoz.provenance.record import Record
from vo_photoz.redshift import mixture
from vo_photoz.redshift.card import Card
from vo_photoz.tables.additions import NewParam
from vo_photoz.tables.predictions import prediction_columns
from vo_photoz.tables.user_table import UserTable


def seen(found: Densities, priors: Priors, flags: FlagArray, z_min: float) -> Predictions:
    """The densities, seen with the priors of the run."""
    pdf = priors.posterior(found.pdf, found.magnitude)
    return summary(pdf, priors.p_high(found.pdf, found.magnitude, z_min), flags, z_min)


def new_columns(
    predictions: Predictions, card: Card, prior: str, grid: int | None, page: Callable[[int], str] | None
) -> tuple[list[NewColumn], list[NewParam]]:
    """Columns and PARAMs of the predictions; with p(z) on a grid and addresses of pages where wanted."""
    z_grid = np.linspace(0, card.z_max, grid or 0)
    return prediction_columns(
        predictions,
        grid=(mixture.on_grid(predictions.pdf, z_grid), z_grid) if grid else None,
        pz_url=[page(row) for row in range(len(predictions.flags))] if page else None,
        classes=probabilities(predictions.pdf, card),
        prior=prior,
    )


def new_infos(record: Record, source: UserTable, doubts: list[str]) -> list[tuple[str, str]]:
    """Names and values of the INFOs."""
    note = [("vo_photoz.input_note", source.note)] if source.note else []
    return [*infos(record), *note, *(("vo_photoz.survey_note", doubt) for doubt in doubts)]
