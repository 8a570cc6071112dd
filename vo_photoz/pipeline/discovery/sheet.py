"""The contact sheet of the best candidates: their stamps, cut again, and p(z)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.plots import SourcePicture, draw_sources
from vo_photoz.flow import Float32Array, Predictions
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import Survey
from vo_photoz.pipeline.discovery.candidates import Candidates
from vo_photoz.pipeline.discovery.ranking import Ranking
from vo_photoz.pipeline.prediction.densities import MODEL_UNIT
from vo_photoz.redshift.card import Card
from vo_photoz.tables.write import whole


def write_sheet(
    path: Path,
    candidates: Candidates,
    predictions: Predictions,
    ranking: Ranking,
    survey: Survey,
    card: Card,
    rows: int,
) -> int:
    """Write the sheet as PNG; returns how many candidates it shows: no file where none has a density."""
    best = ranking.order[ranking.group[ranking.order] < 2][:rows]
    if not len(best):
        return 0
    stamps = _stamps(candidates, best, survey, card)
    pictures = [
        SourcePicture(
            stamps=stamps[number],
            bands=tuple(card.bands),
            weight=predictions.pdf.weight[row],
            mean=predictions.pdf.mean[row],
            sigma=predictions.pdf.sigma[row],
            median=float(predictions.median[row]),
            low=float(predictions.low[row]),
            high=float(predictions.high[row]),
            pixel_arcsec=card.pixel_arcsec,
            z_max=card.z_max,
            title=_title(ranking, predictions, row),
        )
        for number, row in enumerate(best)
    ]
    figure = draw_sources(pictures)
    whole(path, lambda part: figure.savefig(part, format="png"))
    return len(best)


def _stamps(candidates: Candidates, rows: NDArray[np.intp], survey: Survey, card: Card) -> Float32Array:
    """Stamps of some candidates (n, band, y, x), NaN where nothing was cut; tiles come from the cache."""
    shape = (len(rows), len(card.bands), card.stamp_pixels, card.stamp_pixels)
    found = np.full(shape, np.nan, dtype=np.float32)
    positions = candidates.positions.take(rows)
    for part, stamps in cut_stamps(
        survey, positions, size=card.stamp_pixels, pixel_arcsec=card.pixel_arcsec, flux=MODEL_UNIT
    ):
        found[part] = stamps.pixels
    return found


def _title(ranking: Ranking, predictions: Predictions, row: int) -> str:
    apart = "" if ranking.group[row] == 0 else " apart"
    return f"{ranking.place[row]}{apart}: P(z>{predictions.z_min:g}) {predictions.p_high[row]:.3f}"
