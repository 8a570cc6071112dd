"""What is measured on stamps to tell whether they look like those of a training.

Three groups of numbers. *Light*: colours and a magnitude in a Gaussian aperture. *Noise*: the scatter of the
sky in each band, which betrays a zero point that is off, bands that are swapped, or stamps from elsewhere.
*Shape*: of the sum of all bands, each in units of its noise: how concentrated, how large, how far off centre
and how uneven the source is, and the brightest thing beside it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import Float32Array

GROUPS = ("light", "noise", "shape")

APERTURES_PIXELS = (1.2, 2.0, 3.5)
"""Standard deviations of the Gaussian apertures; the second is that of colours and moments."""
BORDER = 0.28
"""Distance from the middle, in sides of a stamp, from which on there is sky."""
CLOSE = 0.2
"""Nearer than this, in sides of a stamp, a neighbour spoils the light of a source; many have one farther."""
SYSTEMATIC = 0.1
"""Of the light of a source, what its profile may be off at any place."""
SMALLEST_NOISE = 1e-3
"""In units of the softening; less is no noise of a detector."""
MEDIAN, LOW = 0.5, 0.1587
CHUNK = 256


class Masks:
    """Weights and places of the pixels of stamps of one size.

    Parameters
    ----------
    side : int
        Pixels.
    """

    def __init__(self, side: int) -> None:
        offset = np.arange(side) - (side - 1) / 2
        x, y = np.meshgrid(offset, offset)
        radius = np.hypot(x, y)
        gauss = [np.exp(-0.5 * (radius / width) ** 2) for width in APERTURES_PIXELS]
        maps = [*gauss, gauss[1] * x, gauss[1] * y, gauss[1] * radius**2]
        self.maps: Float32Array = np.stack([one.ravel() for one in maps], axis=1).astype(np.float32)
        self.map_noise: Float32Array = np.sqrt((self.maps**2).sum(0))
        self.border = np.flatnonzero(radius.ravel() >= BORDER * side)
        self.core = np.flatnonzero(radius.ravel() < 6)
        inside = radius[1:-1, 1:-1].ravel()
        self.beside = np.flatnonzero((inside > 1.5) & (inside < CLOSE * side))
        self.around = np.flatnonzero((inside >= CLOSE * side) & (inside < BORDER * side))
        ring = np.eye(int(radius.max()) + 1)[np.minimum(radius, BORDER * side).astype(int).ravel()]
        ring = ring[:, ring.any(0)]
        self.to_ring: Float32Array = (ring / ring.sum(0)).astype(np.float32)
        self.from_ring: Float32Array = np.ascontiguousarray(ring.T, dtype=np.float32)


def domain_features(pixels: Float32Array, softening: NDArray[np.floating[Any]]) -> dict[str, Float32Array]:
    """Measure stamps; rows that cannot be measured are NaN.

    Parameters
    ----------
    pixels : float32 array, shape (n, band, y, x)
        Stamps with the source in the middle; missing pixels count as empty sky, in the noise not at all.
    softening : float array, shape (band,)
        Noise of a pixel that is usual in the training.

    Returns
    -------
    dict
        By group (`GROUPS`) a float32 array (n, features).
    """
    soft = np.asarray(softening, dtype=np.float32)
    starts = range(0, max(len(pixels), 1), CHUNK)
    parts = [_measured(pixels[start : start + CHUNK], soft) for start in starts]
    return {group: np.concatenate([part[number] for part in parts]) for number, group in enumerate(GROUPS)}


@lru_cache(maxsize=4)
def masks(side: int) -> Masks:
    """The same for all stamps of one size."""
    return Masks(side)


def _measured(pixels: Float32Array, soft: Float32Array) -> tuple[Float32Array, Float32Array, Float32Array]:
    n, bands, side = pixels.shape[:3]
    mask = masks(side)
    flat = np.asarray(pixels, dtype=np.float32).reshape(n, bands, side * side)
    noise = _noise(flat[..., mask.border], soft)
    if not np.isfinite(flat).all():
        flat = np.where(np.isfinite(flat), flat, np.float32(0))
    with np.errstate(all="ignore"):
        light = _light(flat @ mask.maps[:, 1], soft * mask.map_noise[1])
        weight = np.exp(-noise) / (soft * np.float32(np.sqrt(bands)))
        summed = (weight[:, None] @ flat)[:, 0]
        return light, noise, _shape(summed, mask, side)


def _noise(border: Float32Array, soft: Float32Array) -> Float32Array:
    """Ln of the scatter of the sky over the usual one, shape (n, band).

    The half of the pixels below the median tells: neighbours are in the other.
    """
    ordered = np.sort(border, axis=-1)  # what is missing comes last
    valid = np.isfinite(ordered).sum(-1)
    at = [np.take_along_axis(ordered, (q * valid).astype(int)[..., None], -1)[..., 0] for q in (MEDIAN, LOW)]
    with np.errstate(invalid="ignore"):
        scatter = np.maximum((at[0] - at[1]) / soft, np.float32(SMALLEST_NOISE))
    return np.log(np.where(valid > 0, scatter, np.nan)).astype(np.float32)


def _light(flux: Float32Array, noise: Float32Array) -> Float32Array:
    """Colours of bands that follow one another, and the last magnitude but one: asinh, natural logarithm."""
    magnitude = -(np.arcsinh(flux / (2 * noise)) + np.log(noise))
    return np.concatenate([magnitude[:, :-1] - magnitude[:, 1:], magnitude[:, -2:][:, :1]], axis=1)


def _shape(summed: Float32Array, mask: Masks, side: int) -> Float32Array:
    """Of images whose pixels have noise 1, shape (n, 9)."""
    found = summed @ mask.maps
    inner, middle, wide, x, y, r2 = found.T
    light = np.sqrt(middle**2 + (5 * mask.map_noise[1]) ** 2)
    profile = summed @ mask.to_ring
    round_ = np.asarray(profile @ mask.from_ring, dtype=np.float32)
    rest = np.asarray(summed - round_, dtype=np.float32)
    uneven = _smoothed(rest, side) / np.sqrt(1 + (SYSTEMATIC * _smoothed(round_, side)) ** 2)
    turned = (summed - summed[:, ::-1])[:, mask.core]
    asymmetry = (np.mean(turned**2, 1) - 2) / np.hypot(0.14, (0.05 * profile[:, 0] ** 2))
    return np.stack(
        [
            inner / light,
            wide / light,
            np.hypot(x, y) / light,
            r2 / light,
            np.arcsinh(uneven[:, mask.beside].max(1) / 3),
            np.arcsinh(uneven[:, mask.around].max(1) / 3),
            np.arcsinh(asymmetry),
            np.log(np.mean(rest[:, mask.core] ** 2, 1) + np.float32(0.1)),
            np.arcsinh(middle / (2 * mask.map_noise[1])),
        ],
        axis=1,
    )


def _smoothed(images: Float32Array, side: int) -> Float32Array:
    """Sums of 3 x 3 pixels over 3: as much noise as one pixel; without the edge, flat."""
    image = images.reshape(-1, side, side)
    rows = image[:, :-2] + image[:, 1:-1] + image[:, 2:]
    boxes: Float32Array = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    return (boxes / np.float32(3)).reshape(len(images), (side - 2) ** 2)
