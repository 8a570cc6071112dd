"""From positions to redshift densities: stamps are cut and predicted, batch after batch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.stamp_checks import check_stamps
from vo_photoz.flow import (
    NOT_PREDICTED,
    Flag,
    FlagArray,
    Float32Array,
    FloatArray,
    MixturePDF,
    Positions,
    Predictions,
    Progress,
    no_progress,
)
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import Survey
from vo_photoz.pipeline.prediction.artefacts import JobFolder
from vo_photoz.pipeline.prediction.checkpoint import Checkpoint, fingerprint
from vo_photoz.pipeline.prediction.dust import Dust
from vo_photoz.pipeline.prediction.flags import flag_notes
from vo_photoz.redshift import mixture
from vo_photoz.redshift.model import Model
from vo_photoz.redshift.predict import outside_domain, predict_stamps
from vo_photoz.redshift.priors import magnitudes

Orientations = Literal[1, 8]
MODEL_UNIT: Literal["nJy/arcsec2"] = "nJy/arcsec2"


@dataclass(frozen=True)
class Densities:
    """What stamps tell of all rows.

    Parameters
    ----------
    pdf : MixturePDF
        Densities as the model gives them; NaN where there are none.
    magnitude : float32 array, shape (n,)
        Of the sources in the band of the prior; NaN where it was not measured.
    """

    pdf: MixturePDF
    magnitude: Float32Array


def open_checkpoint(
    output: Path,
    positions: Positions,
    survey: Survey,
    model: Model,
    dust: Dust,
    *,
    band: str = "",
    orientations: Orientations | None = None,
) -> Checkpoint:
    """What an earlier run of the same left beside the output, or an empty one."""
    run = {
        "positions": fingerprint(positions.ra, positions.dec),
        "images": " ".join(str(survey.hips[band].address) for band in survey.bands),
        "model": model.hash,
        "calibration": json.dumps(model.card.calibration),
        "orientations": str(orientations or model.card.orientations),
        "magnitude": band,
        **dust.told(),
    }
    folder = output.with_name(f".{output.name}.unfinished")
    return Checkpoint(folder, run, len(positions), model.card.components)


def densities(
    positions: Positions,
    flags: FlagArray,
    survey: Survey,
    model: Model,
    dust: Dust,
    *,
    band: str = "",
    orientations: Orientations | None = None,
    folder: Path | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress = no_progress,
) -> Densities:
    """Cut and predict, batch after batch.

    Parameters
    ----------
    positions : Positions
        Of all rows.
    flags : int16 array, shape (n,)
        Rows without a position or coverage are left out; the flags of what could not be had are added.
    survey, model, dust : Survey, Model, Dust
        Pixels, networks, and the extinction they see.
    band : str
        Band in which magnitudes are measured; empty: none are.
    orientations : {1, 8} or None
        As of `redshift.predict.predict_stamps`.
    folder : Path or None
        Where the stamps are kept.
    checkpoint : Checkpoint or None
        What an earlier run has done, and where this one keeps what it does.
    progress : Progress
        Told how many rows are done.
    """
    card = model.card
    rows = np.flatnonzero(flags & NOT_PREDICTED == 0)
    shape = (len(positions), card.components)
    whole = MixturePDF(*(np.full(shape, np.nan, dtype=np.float32) for _ in range(3)))
    magnitude = np.full(len(positions), np.nan, dtype=np.float32)
    if checkpoint is not None:
        rows = rows[~checkpoint.done[rows]]
        checkpoint.restore(whole, magnitude, flags)
    keep = JobFolder(folder).stamps(len(positions), card) if folder is not None else None
    done = 0
    batches = cut_stamps(
        survey, positions.take(rows), size=card.stamp_pixels, pixel_arcsec=card.pixel_arcsec, flux=MODEL_UNIT
    )
    for part, stamps in batches:
        here = rows[part]
        flags[here] |= stamps.flags | check_stamps(stamps)
        shown = dust.corrected(stamps, here)
        pdf = predict_stamps(model, shown, orientations=orientations)
        magnitude[here] = magnitudes(shown, band)
        usable = flags[here] & NOT_PREDICTED == 0
        blind = usable & np.isnan(pdf.weight).any(axis=1)  # a hole where the source is
        flags[here[blind]] |= Flag.BAND_MISSING
        flags[here[usable & ~blind & outside_domain(model, shown)]] |= Flag.OUTSIDE_DOMAIN
        for column, part_of_it in zip(_columns(whole), _columns(pdf), strict=True):
            column[here[usable]] = part_of_it[usable]
        if checkpoint is not None:
            checkpoint.keep(here, whole, magnitude, flags)
        if keep is not None:
            keep[here] = stamps.pixels
        done += len(here)
        progress("stamps and densities", done, len(rows))
    return Densities(whole, magnitude)


def _columns(pdf: MixturePDF) -> tuple[NDArray[np.floating[Any]], ...]:
    return pdf.weight, pdf.mean, pdf.sigma


def summary(pdf: MixturePDF, p_high: FloatArray, flags: FlagArray, z_min: float) -> Predictions:
    """Numbers and notes that tell of the densities."""
    low, median, high = mixture.quantile(pdf, np.array([0.16, 0.5, 0.84])).T.astype(np.float32)
    modes = mixture.modes(pdf)
    return Predictions(
        pdf=pdf,
        median=median,
        low=low,
        high=high,
        peak=mixture.peak(pdf).astype(np.float32),
        sigma=mixture.sigma(pdf).astype(np.float32),
        p_high=p_high.astype(np.float32),
        flags=flags,
        notes=flag_notes(flags),
        z_min=z_min,
        n_modes=modes.count,
        second_mode=modes.z[:, 1].astype(np.float32),
        second_probability=modes.probability[:, 1].astype(np.float32),
    )
