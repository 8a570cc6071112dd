"""Pictures of a field of the simulated sky."""

from __future__ import annotations

import numpy as np

from vo_photoz.flow import Float32Array, FloatArray, no_progress
from vo_photoz.flow import Progress as ProgressSink
from vo_photoz.simulation.imaging.drawing import draw_sources, place
from vo_photoz.simulation.imaging.exposures import (
    BANDS,
    PIXEL_ARCSEC,
    SDSS_IMAGING,
    Imaging,
    draw_exposures,
    observe,
)
from vo_photoz.simulation.populations import Population

_TOGETHER = 256


def render_field(
    rng: np.random.Generator,
    population: Population,
    x: FloatArray,
    y: FloatArray,
    shape: tuple[int, int],
    *,
    imaging: Imaging = SDSS_IMAGING,
    pixel_arcsec: float = PIXEL_ARCSEC,
    progress: ProgressSink = no_progress,
) -> Float32Array:
    """Images of a field in all bands.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness (offsets between bands, noise).
    population : Population
        The sources; n rows.
    x, y : float64 array, shape (n,)
        Their places in pixels, counted from 0 at the centre of the first pixel. y grows to the north and x
        to the west, as in a picture with east left.
    shape : (int, int)
        Rows and columns of the image.
    imaging : Imaging
        Seeing and noise.
    pixel_arcsec : float
        Side of a pixel.
    progress : Progress
        Told how many sources are painted.

    Returns
    -------
    float32 array, shape (band, y, x)
        Nanomaggies per pixel, sky subtracted.
    """
    images: Float32Array = np.zeros((1, len(BANDS), *shape), np.float32)
    exposure = draw_exposures(rng, 1, imaging, pixel_arcsec=pixel_arcsec)
    shifts = rng.normal(0, imaging.offset_pixels, (2, len(population), len(BANDS)))
    for first in range(0, len(population), _TOGETHER):
        rows = np.arange(first, min(first + _TOGETHER, len(population)))
        where = x[rows, None] + shifts[0, rows], y[rows, None] + shifts[1, rows]
        sources = place(population.take(rows), np.zeros(len(rows), np.int64), *where, pixel_arcsec)
        draw_sources(images, sources, exposure.spread)
        progress("images", rows[-1] + 1, len(population))
    observe(rng, images, exposure)
    return images.reshape(images.shape[1:])
