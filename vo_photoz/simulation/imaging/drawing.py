"""Draw sources into images of several bands: point sources pixel by pixel, galaxies by Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import Float32Array, FloatArray
from vo_photoz.simulation.filters import nanomaggies
from vo_photoz.simulation.imaging.profiles import TRUNCATION, moffat_tables, sersic_table
from vo_photoz.simulation.populations import Population

_REACH = 26  # pixels from the centre of a point source that are painted; 0.1 % of the light lies beyond
_SMUDGE_REACH = 12
_BOXES = np.array([48, 60, 72, 90, 108, 128, 160, 200, 256, 320])  # sides that are quick to transform
_TOGETHER_BYTES = 1 << 21  # of spectra: they should stay in the cache of the processor


@dataclass(frozen=True)
class Sources:
    """Sources with a place in an image; every array has n rows.

    Parameters
    ----------
    owner : int64 array, shape (n,)
        The image that a source belongs to.
    x, y : float32 array, shape (n, band)
        Its place in each band, in pixels counted from 0 at the centre of the first pixel.
    flux : float32 array, shape (n, band)
        Nanomaggies.
    point_share : float32 array, shape (n, band)
        Share of the flux in a central point source.
    radius : float32 array, shape (n,)
        Half-light radius along the major axis, pixels; 0 for point sources.
    axis_ratio, angle, sersic : float32 array, shape (n,)
        Minor over major axis, position angle in radians from y towards lower x, Sersic index.
    """

    owner: NDArray[np.int64]
    x: Float32Array
    y: Float32Array
    flux: Float32Array
    point_share: Float32Array
    radius: Float32Array
    axis_ratio: Float32Array
    angle: Float32Array
    sersic: Float32Array

    def __len__(self) -> int:
        return len(self.owner)

    def take(self, rows: NDArray[np.intp]) -> Sources:
        """Some of the sources."""
        return replace(self, **{name: array[rows] for name, array in vars(self).items()})


def place(
    population: Population, owner: NDArray[np.integer], x: FloatArray, y: FloatArray, pixel_arcsec: float
) -> Sources:
    """Give the members of a population their places.

    Parameters
    ----------
    population : Population
        n rows.
    owner : int array, shape (n,)
        Their images.
    x, y : float array, shape (n, band)
        Their places, pixels.
    pixel_arcsec : float
        Side of a pixel.

    Returns
    -------
    Sources
    """
    extended = population.half_light_arcsec > 0
    share = np.where(extended[:, None], population.point_share, 1)
    floats = (
        x, y, nanomaggies(population.magnitude), share, population.half_light_arcsec / pixel_arcsec,
        population.axis_ratio, np.radians(population.angle_deg), population.sersic,
    )  # fmt: skip
    return Sources(owner.astype(np.int64), *(np.ascontiguousarray(one, np.float32) for one in floats))


def draw_sources(images: Float32Array, sources: Sources, spread: Float32Array) -> None:
    """Add sources to images.

    Parameters
    ----------
    images : float32 array, shape (m, band, y, x)
        Nanomaggies per pixel; added to.
    sources : Sources
        Any number.
    spread : float32 array, shape (m, band, 3)
        The point spread function of each image and band: scales of core and wing in pixels, share of the
        wing. It includes the pixel: profiles are sampled at the centres of pixels.
    """
    from vo_photoz.simulation.imaging.kernels import add_points  # noqa: PLC0415 - numba

    points = sources.take(np.flatnonzero((sources.point_share > 0).any(axis=1)))
    flux, soft = points.flux * points.point_share, np.zeros(len(points), np.float32)
    add_points(images, points.owner, points.x, points.y, flux, soft, spread, _REACH)
    galaxies = sources.take(np.flatnonzero((sources.point_share < 1).any(axis=1)))
    if len(galaxies):
        _draw_galaxies(images, galaxies, spread)


def draw_smudges(images: Float32Array, sources: Sources, spread: Float32Array) -> None:
    """Add sources too faint for their shape to matter: round, as wide as they are behind the atmosphere.

    The arguments are those of `draw_sources`.
    """
    from vo_photoz.simulation.imaging.kernels import add_points  # noqa: PLC0415 - numba

    # Half of the light of the core is inside 0.51 scales; half-light radii add in squares, nearly.
    soft = sources.radius**2 * sources.axis_ratio / np.float32(0.51**2)
    add_points(images, sources.owner, sources.x, sources.y, sources.flux, soft, spread, _SMUDGE_REACH)


def _draw_galaxies(images: Float32Array, galaxies: Sources, spread: Float32Array) -> None:
    table = sersic_table()
    radius = table.radius(galaxies.radius.astype(float), galaxies.sersic.astype(float))
    # Room for all of a galaxy on either side, and for the point spread function between it and its images.
    wanted = 2 * TRUNCATION * radius + 16
    which = np.minimum(np.searchsorted(_BOXES, wanted), len(_BOXES) - 1)
    shape = np.stack(
        [radius, galaxies.axis_ratio, galaxies.angle, table.row(galaxies.sersic.astype(float))], axis=1
    ).astype(np.float32)
    flux = galaxies.flux * (1 - galaxies.point_share)
    for size in np.unique(which):
        rows = np.flatnonzero(which == size)
        box = int(_BOXES[size])
        step = max(1, _TOGETHER_BYTES // (8 * images.shape[1] * box * (box // 2 + 1)))
        for first in range(0, len(rows), step):
            some = rows[first : first + step]
            _draw_boxes(images, galaxies.take(some), flux[some], shape[some], spread, box)


def _draw_boxes(
    images: Float32Array,
    galaxies: Sources,
    flux: Float32Array,
    shape: Float32Array,
    spread: Float32Array,
    box: int,
) -> None:
    """Draw galaxies that need boxes of one size."""
    from scipy.fft import irfft2  # noqa: PLC0415 - slow to import

    from vo_photoz.simulation.imaging.kernels import add_boxes, fill_spectra  # noqa: PLC0415 - numba

    spectra = np.empty((len(galaxies), images.shape[1], box, box // 2 + 1), np.complex64)
    where = galaxies.owner, galaxies.x, galaxies.y
    mtf = np.stack(moffat_tables())
    fill_spectra(spectra, *where, flux, shape, spread, sersic_table().transform, mtf)
    boxes = irfft2(spectra, (box, box), axes=(-2, -1), overwrite_x=True, workers=1)
    add_boxes(images, *where, boxes)
