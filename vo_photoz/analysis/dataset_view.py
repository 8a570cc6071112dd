"""What is drawn of a training set: positions, redshifts, magnitudes, colours, and stamps of a few objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.colours import APERTURE_PIXELS
from vo_photoz.datasets.rows import Rows
from vo_photoz.datasets.store import Dataset
from vo_photoz.flow import BoolArray, Float32Array, FloatArray

MEASURED_ROWS = 5000
"""So many objects are measured on their stamps where there is no catalogue."""
STAMPS = 24
AB_ZERO = 31.4
"""AB magnitude of one nJy."""
BLOCK = 512


@dataclass(frozen=True)
class DatasetView:
    """Columns to draw, one value an object unless said otherwise.

    Parameters
    ----------
    title : str
        Of the data set.
    bands : tuple of str
        From blue to red.
    ra, dec, z : float64 array, shape (n,)
        ICRS degrees, and redshift.
    fold : int32 array, shape (n,)
        Folds of the sky.
    group : str array, shape (n,)
        Class of the objects, where the data set knows several; else the sample that they come from.
    magnitude : float64 array, shape (n, band)
        AB; NaN where there is none.
    measured : bool
        True where the magnitudes were measured on the stamps, for want of a catalogue.
    shown : int array, shape (m,)
        Objects whose stamps are drawn, from small to large redshift.
    stamps : float32 array, shape (m, band, y, x)
        Their stamps.
    pixel_arcsec : float
        Side of a pixel.
    """

    title: str
    bands: tuple[str, ...]
    ra: FloatArray
    dec: FloatArray
    z: FloatArray
    fold: NDArray[np.int32]
    group: NDArray[np.str_]
    magnitude: FloatArray
    measured: bool
    shown: NDArray[np.intp]
    stamps: Float32Array
    pixel_arcsec: float


def view_of(data: Dataset) -> DatasetView:
    """What is drawn of a data set; reads a few thousand stamps at most."""
    rows, held = data.rows, data.manifest
    known = np.isfinite(rows.mag).any(axis=0)
    measured = not known.all()
    magnitude = _aperture_magnitudes(data) if measured else rows.mag
    shown = _spread(rows.z, min(STAMPS, len(data)))
    return DatasetView(
        title=str(held.source.get("title") or data.name),
        bands=tuple(held.bands),
        ra=rows.ra,
        dec=rows.dec,
        z=rows.z,
        fold=rows.fold,
        group=_groups(rows),
        magnitude=magnitude,
        measured=measured,
        shown=shown,
        stamps=data.pixels(shown),
        pixel_arcsec=held.pixel_arcsec,
    )


def _groups(rows: Rows) -> NDArray[np.str_]:
    """Class or sample of every object; empty where neither is known."""
    if rows.kind is not None and len(np.unique(rows.kind)) > 1:
        return np.where(rows.kind == "", "unknown", rows.kind)
    if rows.more is not None and "sample" in rows.more.column_names:
        return np.array(rows.more["sample"].to_pylist(), dtype=np.str_)
    return np.full(len(rows), "")


def _spread(z: FloatArray, count: int) -> NDArray[np.intp]:
    """Objects spread evenly over the redshifts, in their order; those without a redshift come last."""
    order = np.argsort(z, kind="stable")
    places = np.linspace(0, len(order) - 1, count).round().astype(int)
    return np.asarray(order[places], dtype=np.intp)


def _aperture_magnitudes(data: Dataset) -> FloatArray:
    """AB magnitudes in a small aperture of objects all over the data set; NaN for the others."""
    n, held = len(data), data.manifest
    chosen = np.unique(np.linspace(0, n - 1, min(n, MEASURED_ROWS)).round().astype(int))
    magnitude = np.full((n, len(held.bands)), np.nan)
    inside = _aperture(held.stamp_pixels)
    for start in range(0, len(chosen), BLOCK):
        some = chosen[start : start + BLOCK]
        flux = data.pixels(some)[..., inside].sum(-1, dtype=np.float64) * held.pixel_arcsec**2
        with np.errstate(invalid="ignore", divide="ignore"):
            magnitude[some] = np.where(flux > 0, AB_ZERO - 2.5 * np.log10(flux), np.nan)
    return magnitude


def _aperture(side: int) -> BoolArray:
    offset = np.arange(side) - (side - 1) / 2
    inside: BoolArray = np.hypot(offset[:, None], offset[None, :]) <= APERTURE_PIXELS
    return inside
