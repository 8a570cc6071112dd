"""Stamps varied for training: what changes the picture but not the redshift.

Eight turns and flips (the symmetry group D4 of the square); sources dimmed, with the noise that a dim source
has; zero points that are a little off; bands that are a little off their place. All in numpy, on stamps
(n, band, y, x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
    """

    zero_point_mag: float = 0.02
    dim_mag: float = 0.5
    noise: float = 0.3
    shift_pixels: float = 0.5
    band_shift_pixels: float = 0.3


def varied(stamps: Float32Array, sky: FloatArray, jitter: Jitter, rng: np.random.Generator) -> Float32Array:
    """Random variants of stamps.

    Parameters
    ----------
    stamps : float32 array, shape (n, band, y, x)
        They stay as they are.
    sky : float array, shape (band,)
        Standard deviation of the sky noise of a pixel.
    jitter : Jitter
        How far to go.
    rng : numpy Generator
        Same state, same variants.

    Returns
    -------
    float32 array, shape (n, band, y, x)
    """
    return shifted(dimmed(turned(stamps, rng), sky, jitter, rng), jitter, rng)


def turned(stamps: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Each stamp in one of its eight orientations."""
    which = rng.integers(0, 8, len(stamps))
    out = np.empty_like(stamps)
    for number in range(8):
        rows = which == number
        out[rows] = orientation(stamps[rows], number)
    return out


def orientation(stamps: Float32Array, number: int) -> Float32Array:
    """Orientation 0..7 of all stamps: ``number % 4`` quarter turns, mirrored from 4 on."""
    seen = stamps[..., ::-1] if number >= 4 else stamps
    return np.rot90(seen, number % 4, axes=(-2, -1))


def dimmed(stamps: Float32Array, sky: FloatArray, jitter: Jitter, rng: np.random.Generator) -> Float32Array:
    """Fainter sources under an unchanged sky, zero points off, extra noise."""
    n, bands = stamps.shape[:2]
    faint = rng.uniform(0, jitter.dim_mag, (n, 1)) * (rng.random((n, 1)) < 0.5)
    factor = np.power(10, -0.4 * faint)
    extra = rng.uniform(0, jitter.noise, (n, 1))
    lost = (sky * np.sqrt(np.maximum(1 - factor**2, 0) + extra**2)).astype(np.float32)
    zero_point = np.power(10, 0.4 * rng.normal(0, jitter.zero_point_mag, (n, bands)))
    scale = (factor * zero_point).astype(np.float32)
    noise = rng.standard_normal(stamps.shape, dtype=np.float32) * lost[..., None, None]
    varied_flux: Float32Array = stamps * scale[..., None, None] + noise
    return varied_flux


def shifted(stamps: Float32Array, jitter: Jitter, rng: np.random.Generator) -> Float32Array:
    """Stamps and bands moved by parts of a pixel, bilinearly; the edge pixels repeat."""
    n, bands = stamps.shape[:2]
    whole = rng.uniform(-jitter.shift_pixels, jitter.shift_pixels, (2, n, 1))
    single = rng.uniform(-jitter.band_shift_pixels, jitter.band_shift_pixels, (2, n, bands))
    out = stamps
    for axis, move in zip((-2, -1), whole + single, strict=True):
        out = _moved(out, move, axis)
    return out


def _moved(stamps: Float32Array, move: FloatArray, axis: int) -> Float32Array:
    """Stamps moved by ``move`` (n, band) pixels, within -1..1, along an axis."""
    step = np.clip(move, -1, 1)[..., None, None].astype(np.float32)
    ahead = np.concatenate([_edge(stamps, axis, 0), _cut(stamps, axis, slice(None, -1))], axis)
    behind = np.concatenate([_cut(stamps, axis, slice(1, None)), _edge(stamps, axis, -1)], axis)
    there: Float32Array = stamps * (1 - np.abs(step)) + np.maximum(step, 0) * ahead
    there += np.maximum(-step, 0) * behind
    return there


def _cut(stamps: Float32Array, axis: int, part: slice) -> Float32Array:
    index = [slice(None)] * stamps.ndim
    index[axis] = part
    return stamps[tuple(index)]


def _edge(stamps: Float32Array, axis: int, which: int) -> Float32Array:
    return _cut(stamps, axis, slice(0, 1) if which == 0 else slice(-1, None))
