"""Stamps and densities that a job keeps beside its table for pages and pictures, memory-mappable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.format import open_memmap

if TYPE_CHECKING:
    from vo_photoz.flow import Float32Array, Match, Positions, Predictions
    from vo_photoz.redshift.model import Card


class JobFolder:
    """A folder with ``stamps.npy`` and ``pdf.npz``.

    Parameters
    ----------
    path : Path
        The folder; made when missing.

    Notes
    -----
    ``stamps.npy``: float32 (n, band, y, x) in nJy/arcsec2, NaN where nothing was cut.
    ``pdf.npz``: weight, mean, sigma (n, k); median, low, high, flags, ra, dec, z_spec (n,); bands, z_max,
    pixel_arcsec.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def stamps(self, n_rows: int, card: Card) -> Float32Array:
        """Array on disk for the stamps of all rows, NaN until filled."""
        shape = (n_rows, len(card.bands), card.stamp_pixels, card.stamp_pixels)
        array = open_memmap(self.path / "stamps.npy", mode="w+", dtype=np.float32, shape=shape)
        for start in range(0, n_rows, 1024):
            array[start : start + 1024] = np.nan
        return array

    def keep_densities(
        self, predictions: Predictions, positions: Positions, card: Card, z_spec: Float32Array
    ) -> None:
        """Write ``pdf.npz`` atomically; its presence says that the stamps are complete too."""
        target = self.path / "pdf.npz"
        partial = target.with_suffix(".part.npz")
        np.savez(
            partial,
            weight=predictions.pdf.weight,
            mean=predictions.pdf.mean,
            sigma=predictions.pdf.sigma,
            median=predictions.median,
            low=predictions.low,
            high=predictions.high,
            flags=predictions.flags,
            ra=positions.ra,
            dec=positions.dec,
            z_spec=z_spec,
            bands=np.array(card.bands),
            z_max=card.z_max,
            pixel_arcsec=card.pixel_arcsec,
        )
        os.replace(partial, target)


def known_redshifts(matches: list[Match], n_rows: int) -> Float32Array:
    """Spectroscopic redshift of each row from the first crossmatch that has one; NaN elsewhere.

    A column counts when its UCD begins with ``src.redshift`` or its name ends in ``_z_spec``.
    """
    known = np.full(n_rows, np.nan, dtype=np.float32)
    for match in matches:
        for column in match.columns:
            if _is_redshift(column.name, column.ucd):
                values = np.ma.filled(np.ma.asarray(column.values, dtype=np.float32), np.nan)
                known = np.where(np.isfinite(known), known, values)
                break
    return known


def _is_redshift(name: str, ucd: str) -> bool:
    return name.endswith("_z_spec") or ucd.split(";", maxsplit=1)[0].strip() == "src.redshift"
