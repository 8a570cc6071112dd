"""Predictions of the sandbox against its truth, beside the colour neighbours of the same sky."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from vo_photoz.analysis.metrics import Scores, scores
from vo_photoz.analysis.neighbours import neighbours_of, prior
from vo_photoz.flow import Float32Array, FloatArray, MixturePDF, Positions
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import load_survey
from vo_photoz.redshift.model import Card
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable

PARTS = 10
"""The neighbours are judged on each tenth of the quasars after learning from the nine others."""
PRIOR_BIN = 0.25


@dataclass(frozen=True)
class Comparison:
    """Scores of the model and its rivals on the same quasars.

    Parameters
    ----------
    scores : dict
        `Scores` by name: "model", "15 colour neighbours", "prior".
    rows : int array
        Rows of the user's table that were scored.
    z : float array
        Their true redshifts.
    outside : dict
        Other predicted sources, which the model does not know, counted by kind.
    """

    scores: dict[str, Scores]
    rows: NDArray[np.intp]
    z: FloatArray
    outside: dict[str, int]


def compare(result: str | Path | UserTable, sky: Path, card: Card) -> Comparison:
    """Score a prediction of the sandbox's sources.

    Quasars at the redshifts that the model knows best are scored: those of its specialist, else all of its
    training. The prior is the distribution of their own redshifts, and the neighbours learn from the same
    sky, ten-fold: both know this sky, the model does not.

    Parameters
    ----------
    result : path or UserTable
        What came back for ``sources.vot`` of the sandbox.
    sky : Path
        Folder of the sandbox.
    card : Card
        Of the model that predicted.
    """
    table = result if isinstance(result, UserTable) else read_table(result)
    truth = _truth(table, sky)
    predicted = np.isfinite(np.ma.filled(table.values("z_phot"), np.nan))
    quasar = truth.kind == "QSO"
    best = card.specialist.innermost if card.specialist else card
    low, high = best.z_min, best.z_max
    inside = (truth.z > low) & (truth.z < high)
    rows = np.flatnonzero(predicted & quasar & inside & ~truth.repeated)
    z = truth.z[rows]

    pdf = MixturePDF(*(np.asarray(table.values(f"pz_{part}"))[rows] for part in ("weight", "mean", "sigma")))
    edges = np.arange(low, high + PRIOR_BIN, PRIOR_BIN)
    rivals = {
        "model": pdf,
        "15 colour neighbours": _neighbours(stamps_of(table, sky, rows, card), z),
        "prior": prior(edges, np.histogram(z, edges)[0], len(z)),
    }
    other = predicted & ~np.isin(np.arange(table.n_rows), rows)
    outside = {
        "quasars at other redshifts": int((other & quasar & ~inside).sum()),
        "galaxies": int((other & (truth.kind == "GALAXY")).sum()),
        "stars": int((other & (truth.kind == "STAR")).sum()),
    }
    return Comparison({name: scores(one, z) for name, one in rivals.items()}, rows, z, outside)


@dataclass(frozen=True)
class _Truth:
    kind: NDArray[np.str_]
    z: FloatArray
    repeated: NDArray[np.bool_]


def _truth(table: UserTable, sky: Path) -> _Truth:
    """Truth of each row of the user's table; rows that are no source of the field have an empty kind."""
    truth = Table.read(sky / "truth.fits")
    known = {str(name).strip(): number for number, name in enumerate(truth["id"])}
    row = np.array([known.get(str(name).strip(), -1) for name in table.values("id")])
    kind = np.where(row >= 0, np.char.strip(np.asarray(truth["class"], dtype=str))[row], "")
    z = np.where(row >= 0, np.asarray(truth["z"], dtype=float)[row], np.nan)
    return _Truth(kind, z, row < 0)


def stamps_of(table: UserTable, sky: Path, rows: NDArray[np.intp], card: Card) -> Float32Array:
    """Stamps of rows, as the model saw them."""
    ra, dec = (np.asarray(table.values(name), dtype=float)[rows] for name in ("ra", "dec"))
    positions = Positions(ra, dec, np.ones(len(rows), dtype=bool))
    survey = load_survey(sky / "survey.toml")
    shape = (len(rows), len(card.bands), card.stamp_pixels, card.stamp_pixels)
    pixels = np.full(shape, np.nan, dtype=np.float32)
    batches = cut_stamps(
        survey, positions, size=card.stamp_pixels, pixel_arcsec=card.pixel_arcsec, flux="nJy/arcsec2"
    )
    for part, stamps in batches:
        pixels[part] = stamps.pixels
    return pixels


def _neighbours(pixels: Float32Array, z: FloatArray) -> MixturePDF:
    """Densities of the colour neighbours; nobody is judged by itself."""
    part = np.random.default_rng(0).permutation(len(z)) % PARTS
    columns: dict[str, list[FloatArray]] = {"weight": [], "mean": [], "sigma": []}
    order = []
    for number in range(PARTS):
        test = np.flatnonzero(part == number)
        learnt = neighbours_of(pixels[part != number], z[part != number])
        pdf = learnt.predict(pixels[test])
        order.append(test)
        for name, values in columns.items():
            values.append(getattr(pdf, name))
    back = np.argsort(np.concatenate(order))
    return MixturePDF(*(np.concatenate(values)[back] for values in columns.values()))
