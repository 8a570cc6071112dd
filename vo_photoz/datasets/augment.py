"""Stamps varied for training: what changes the picture but not the redshift.

Eight turns and flips (the symmetry group D4 of the square); a wider point spread function; sources dimmed,
with the noise that a dim source has; zero points that are a little off; more or less dust of our Galaxy in
front; bands that are a little off their place. All on stamps (n, band, y, x).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import Float32Array, FloatArray


@dataclass(frozen=True)
class Jitter:
    """How far stamps are varied; zeros leave them alone.

    Parameters
    ----------
    zero_point_mag : float
        Standard deviation of an offset of each band, magnitudes.
    dim_mag : float
        Sources are dimmed by up to this, magnitudes, half of them not at all.
    noise : float
        Extra noise, in units of the sky noise, up to this.
    shift_pixels : float
        Largest offset of the stamp along each axis, pixels.
    band_shift_pixels : float
        Largest further offset of each band along each axis, pixels.
    blur_pixels : float
        Largest standard deviation of a Gaussian that each band of half the stamps is convolved with, pixels:
        nights of worse seeing. It blurs the noise too, so fluxes keep their signal to noise.
    ebv : float
        Standard deviation of E(B-V) that is added or taken away, magnitudes. At high latitude maps and sky
        differ by about a hundredth.
    lost : float
        Share of the stamps in which the source is not where it should be: half a stamp aside, so that the
        middle shows the sky. 3 of 2,140 stamps of SDSS quasars are like that, and a network that never saw
        one with its redshift takes it for a source too faint to be seen but in the reddest band.
    """

    zero_point_mag: float = 0.02
    dim_mag: float = 0.5
    noise: float = 0.3
    shift_pixels: float = 0.5
    band_shift_pixels: float = 0.3
    blur_pixels: float = 0.6
    ebv: float = 0.01
    lost: float = 0.003


POOL = 1 << 21
STILL = Jitter(0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Variation:
    """How stamps of one source are varied.

    Parameters
    ----------
    jitter : Jitter
        How far.
    extinction : sequence of float
        A / E(B-V) of each band; empty leaves the dust alone.
    sky : float array, shape (band,)
        Standard deviation of the sky noise of a pixel.
    """

    jitter: Jitter
    extinction: tuple[float, ...] = ()
    sky: FloatArray = field(default_factory=lambda: np.ones(1))

    def about(self, sky: FloatArray) -> Variation:
        """The same about another sky noise."""
        return replace(self, sky=sky)


def varied(stamps: Float32Array, how: Variation, rng: np.random.Generator) -> Float32Array:
    """Random variants of stamps.

    Parameters
    ----------
    stamps : float32 array, shape (n, band, y, x)
        They stay as they are.
    how : Variation
        How far to go.
    rng : numpy Generator
        Same state, same variants.

    Returns
    -------
    float32 array, shape (n, band, y, x)
    """
    from vo_photoz.datasets.augment_kernels import resample  # noqa: PLC0415 - numba takes time to import

    n, bands = stamps.shape[:2]
    turn = rng.integers(0, 8, n)
    factor, noise = _fluxes(n, bands, how, rng)
    move = _moves(n, bands, how.jitter, rng)
    blur = _blurs(n, bands, how.jitter, rng)
    pool = noise_pool(stamps.shape[-1] ** 2)
    place = rng.integers(0, POOL, (n, bands))
    out = np.empty(stamps.shape, dtype=np.float32)
    whole = np.ascontiguousarray(stamps, dtype=np.float32)
    resample(whole, turn, move, blur, factor, noise, pool, place, out)
    lost = rng.random(n) < how.jitter.lost
    half = stamps.shape[-1] // 2
    out[lost] = np.roll(out[lost], (half, half), axis=(-2, -1))
    return out


@cache
def noise_pool(more: int) -> Float32Array:
    """Normal numbers, of which every band of a stamp takes a stretch that begins in the first `POOL`.

    Drawing them anew for every stamp would take more time than all else that is done to it; a stretch comes
    again after two million others, under another source.
    """
    return np.random.default_rng(0).standard_normal(POOL + more, dtype=np.float32)


def orientation(stamps: Float32Array, number: int) -> Float32Array:
    """Orientation 0..7 of all stamps: ``number % 4`` quarter turns, mirrored from 4 on."""
    seen = stamps[..., ::-1] if number >= 4 else stamps
    return np.rot90(seen, number % 4, axes=(-2, -1))


def _fluxes(
    n: int, bands: int, how: Variation, rng: np.random.Generator
) -> tuple[Float32Array, Float32Array]:
    """Factors of the fluxes, and standard deviations of the noise to add, each (n, band).

    A dimmed source lies under an unchanged sky: the noise that was dimmed with it is given back.
    """
    jitter = how.jitter
    faint = rng.uniform(0, 1, (n, 1)) * jitter.dim_mag * (rng.random((n, 1)) < 0.5)
    dimmed = np.power(10, -0.4 * faint)
    extra = rng.uniform(0, 1, (n, 1)) * jitter.noise
    noise = how.sky * np.sqrt(np.maximum(1 - dimmed**2, 0) + extra**2)
    offset = rng.standard_normal((n, bands)) * jitter.zero_point_mag
    dust = rng.standard_normal((n, 1)) * jitter.ebv
    if how.extinction:
        offset += dust * np.asarray(how.extinction)
    factor = dimmed * np.power(10, -0.4 * offset)
    return factor.astype(np.float32), np.broadcast_to(noise, (n, bands)).astype(np.float32)


def _moves(n: int, bands: int, jitter: Jitter, rng: np.random.Generator) -> NDArray[np.float32]:
    """Offsets along y and x of every band, shape (n, band, 2), within one pixel."""
    whole = rng.uniform(-1, 1, (n, 1, 2)) * jitter.shift_pixels
    single = rng.uniform(-1, 1, (n, bands, 2)) * jitter.band_shift_pixels
    return np.clip(whole + single, -1, 1).astype(np.float32)


def _blurs(n: int, bands: int, jitter: Jitter, rng: np.random.Generator) -> Float32Array:
    """Widths of the Gaussians, shape (n, band): the bands of a field are taken minutes apart."""
    whole = rng.uniform(0, 1, (n, 1)) * (rng.random((n, 1)) < 0.5)
    single = rng.uniform(0.7, 1, (n, bands))
    return np.asarray(jitter.blur_pixels * whole * single, dtype=np.float32)
