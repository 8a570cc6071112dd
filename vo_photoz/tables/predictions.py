"""Columns and parameters of a prediction: names, types, UCDs, descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FLAG_MEANINGS, NewColumn, Predictions
from vo_photoz.tables.additions import NewParam

PREDICTION_COLUMNS = (
    "z_phot",
    "z_phot_lo",
    "z_phot_hi",
    "z_phot_peak",
    "z_phot_sigma",
    "z_phot_modes",
    "z_phot_mode2",
    "p_mode2",
    "pz_weight",
    "pz_mean",
    "pz_sigma",
    "pz",
    "p_high_z",
    "class_phot",
    "p_star",
    "p_galaxy",
    "p_quasar",
    "photoz_flag",
    "photoz_note",
    "pz_url",
)
"""Every column that a prediction can have, in this order."""

PREDICTION_PARAMS = ("z_min", "pz_grid")

_REDSHIFT = "src.redshift.phot"


@dataclass(frozen=True)
class Grid:
    """Densities on a common grid of redshifts.

    Parameters
    ----------
    values : float array, shape (n, N)
        p(z), one row a row of the table.
    z : float array, shape (N,)
        Redshifts of the grid.
    """

    values: NDArray[np.floating]
    z: NDArray[np.floating]


@dataclass(frozen=True)
class Classes:
    """Probabilities of classes.

    Parameters
    ----------
    names : sequence of str
        Classes of the model: STAR, GALAXY, QSO.
    probability : float array, shape (n, class)
        NaN where nothing was predicted.
    """

    names: Sequence[str]
    probability: NDArray[np.floating]


def prediction_columns(
    p: Predictions,
    *,
    grid: Grid | tuple[NDArray[np.floating], NDArray[np.floating]] | None = None,
    pz_url: Sequence[str] | None = None,
    classes: Classes | tuple[Sequence[str], NDArray[np.floating]] | None = None,
    prior: str = "",
) -> tuple[list[NewColumn], list[NewParam]]:
    """Columns and PARAMs that tell of a prediction.

    Parameters
    ----------
    p : Predictions
        One a row of the user's table.
    grid : Grid, (values (n, N), z (N,)) or None
        Adds ``pz`` and the PARAM ``pz_grid``.
    pz_url : sequence of str or None
        Adds the address of the page of each row.
    classes : Classes, (names, probability (n, class)) or None
        Adds ``class_phot`` and a probability a class.
    prior : str
        The prior that ``p_high_z`` is seen with, for its description.

    Returns
    -------
    columns : list of NewColumn
        In the order of `PREDICTION_COLUMNS`.
    params : list of NewParam
        ``z_min`` and, with a grid, ``pz_grid``.
    """
    columns = _points(p) + _modes(p) + _mixture(p)
    params = [NewParam("z_min", float(p.z_min), "", _REDSHIFT, "Redshift above which p_high_z counts")]
    if grid is not None:
        dense = grid if isinstance(grid, Grid) else Grid(*grid)
        columns.append(_on_grid(dense))
        params.append(
            NewParam("pz_grid", np.asarray(dense.z, "f8"), "", _REDSHIFT, "Redshifts at which pz is given")
        )
    told = _HIGH.format(p.z_min) + (f"; prior: {prior}" if prior else "")
    columns.append(_column("p_high_z", p.p_high, f"stat.probability;{_REDSHIFT}", told))
    if classes is not None:
        columns += _classes(classes if isinstance(classes, Classes) else Classes(*classes))
    columns += _told(p)
    if pz_url is not None:
        columns.append(NewColumn("pz_url", _text(pz_url), "", "meta.ref.url", "Page with p(z) of this row"))
    return columns, params


_HIGH = "Probability of a redshift above {:g} (PARAM z_min) of a source that is no star"


def _points(p: Predictions) -> list[NewColumn]:
    percentile = f"stat.percentile;{_REDSHIFT}"
    return [
        _column(
            "z_phot", p.median, f"{_REDSHIFT};stat.median;meta.main", "Photometric redshift: median of p(z)"
        ),
        _column("z_phot_lo", p.low, percentile, "16th percentile of p(z)"),
        _column("z_phot_hi", p.high, percentile, "84th percentile of p(z)"),
        _column("z_phot_peak", p.peak, _REDSHIFT, "Redshift of the highest mode of p(z)"),
        _column("z_phot_sigma", p.sigma, f"stat.stdev;{_REDSHIFT}", "Standard deviation of p(z)"),
    ]


def _modes(p: Predictions) -> list[NewColumn]:
    if p.n_modes is None or p.second_mode is None or p.second_probability is None:
        return []
    number = np.ma.masked_array(np.asarray(p.n_modes, dtype=np.int16), np.asarray(p.n_modes) == 0)
    return [
        NewColumn(
            "z_phot_modes", number, "", f"meta.number;{_REDSHIFT}",
            "Number of modes of p(z) with a probability of 0.05 or more",
        ),
        _column("z_phot_mode2", p.second_mode, _REDSHIFT, "Redshift of the second mode of p(z)"),
        _column(
            "p_mode2", p.second_probability, f"stat.probability;{_REDSHIFT}",
            "Probability of the mode of p(z) at z_phot_mode2",
        ),
    ]  # fmt: skip


def _mixture(p: Predictions) -> list[NewColumn]:
    return [
        _column("pz_weight", p.pdf.weight, "stat.weight", "Weights of the Gaussians of p(z); their sum is 1"),
        _column("pz_mean", p.pdf.mean, f"{_REDSHIFT};stat.mean", "Means of the Gaussians of p(z)"),
        _column(
            "pz_sigma", p.pdf.sigma, f"stat.stdev;{_REDSHIFT}", "Standard deviations of the Gaussians of p(z)"
        ),
    ]


def _on_grid(grid: Grid) -> NewColumn:
    return _column(
        "pz", grid.values, f"stat.probability;{_REDSHIFT}", "p(z) at the redshifts of the PARAM pz_grid"
    )


_CLASSES = {"STAR": "star", "GALAXY": "galaxy", "QSO": "quasar"}


def _classes(classes: Classes) -> list[NewColumn]:
    probability = np.asarray(classes.probability)
    known = np.asarray(np.isfinite(probability).all(axis=1))
    best = np.where(known, np.argmax(np.where(known[:, None], probability, 0), axis=1), 0)
    labels = [classes.names[place] if good else "" for place, good in zip(best, known, strict=True)]
    columns = [
        NewColumn("class_phot", _text(labels), "", "src.class", "Most probable class; empty where none")
    ]
    for place, label in enumerate(classes.names):
        name = _CLASSES.get(label, label.lower())
        told = f"Probability that the source is a {name}"
        columns.append(_column(f"p_{name}", probability[:, place], "stat.probability;src.class", told))
    return columns


def _told(p: Predictions) -> list[NewColumn]:
    legend = ", ".join(f"{flag.value} {meaning}" for flag, meaning in FLAG_MEANINGS.items())
    flags = np.asarray(p.flags, dtype=np.int16)
    return [
        NewColumn(
            "photoz_flag", flags, "", "meta.code.qual", f"Sum of: {legend}. 1, 2, 4, 32: no prediction"
        ),
        NewColumn(
            "photoz_note", _text(p.notes), "", "meta.note", "Why the row has no or a doubtful prediction"
        ),
    ]


def _column(name: str, values: NDArray[Any], ucd: str, description: str) -> NewColumn:
    return NewColumn(name, np.asarray(values, dtype=np.float32), "", ucd, description)


def _text(texts: Sequence[str]) -> NDArray[Any]:
    column = np.empty(len(texts), dtype=object)
    column[:] = list(texts)
    return column
