"""What a camera and the atmosphere do to the sky, and how it differs from field to field.

All numbers that name no other source were measured on 2,140 public stamps of SDSS DR16 quasars in ugriz.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from vo_photoz.flow import Float32Array, FloatArray
from vo_photoz.simulation.imaging.profiles import CORE_BETA, WING_BETA, moffat_inside, moffat_scale

BANDS = ("u", "g", "r", "i", "z")
PIXEL_ARCSEC = 0.396  # of the SDSS camera

# Correlation between the bands of the logarithm of the noise of the sky.
_NOISE_CORRELATION = np.array([
    (1.00, 0.14, 0.47, 0.36, 0.47), (0.14, 1.00, 0.59, 0.52, 0.04), (0.47, 0.59, 1.00, 0.74, 0.50),
    (0.36, 0.52, 0.74, 1.00, 0.42), (0.47, 0.04, 0.50, 0.42, 1.00),
])  # fmt: skip


@dataclass(frozen=True)
class Imaging:
    """A camera and the atmosphere in the middle of their range, one number a band (ugriz).

    Parameters
    ----------
    fwhm_arcsec : tuple of float
        Full width at half maximum of the core of the point spread function, a Moffat profile of exponent 4,
        pixel included.
    wing_share : tuple of float
        Share of the light in the wing, a Moffat profile of exponent 3. Core and wing were fitted to the 50
        brightest quasars in each of g, r and i; with them the flux is that of the catalogue (0.99 to 1.01;
        a single Moffat profile loses 4 to 7 %).
    wing_arcsec : float
        Full width at half maximum of the wing.
    sky_sigma : tuple of float
        Noise of a pixel of empty sky, nanomaggies.
    sky_nanomaggies : tuple of float
        Light of the sky in a pixel, from 22.0, 21.8, 20.9, 20.3, 19.1 mag/arcsec2 (r: median of SDSS DR1, the
        others typical); sets the photon noise of sources, since sky noise is photon noise.
    offset_pixels : float
        Rms of the random shift of each source in each band, per axis.
    """

    fwhm_arcsec: tuple[float, ...] = (1.18, 1.13, 1.016, 0.96, 0.99)
    wing_share: tuple[float, ...] = (0.10, 0.10, 0.13, 0.15, 0.15)
    wing_arcsec: float = 3.17
    sky_sigma: tuple[float, ...] = (0.0455, 0.0174, 0.0275, 0.0458, 0.177)
    sky_nanomaggies: tuple[float, ...] = (0.25, 0.30, 0.68, 1.19, 3.59)
    offset_pixels: float = 0.12

    def __post_init__(self) -> None:
        """Raise ValueError where a number cannot be meant."""
        _check(self, ("fwhm_arcsec", "wing_share", "sky_sigma", "sky_nanomaggies"))
        for name in ("fwhm_arcsec", "sky_nanomaggies"):
            if min(getattr(self, name)) <= 0:
                raise ValueError(f"{name} must be above 0")
        if max(self.wing_share) > 1 or self.wing_arcsec <= 0:
            raise ValueError("wing_share must be at most 1, wing_arcsec above 0")

    def inside(self, radius_arcsec: float, band: int) -> float:
        """Share of the light of a point source within a radius."""
        core = moffat_inside(radius_arcsec, self.fwhm_arcsec[band], CORE_BETA)
        wing = moffat_inside(radius_arcsec, self.wing_arcsec, WING_BETA)
        return core + self.wing_share[band] * (wing - core)


@dataclass(frozen=True)
class Variety:
    """How far fields differ from the middle.

    Parameters
    ----------
    seeing_dex : float
        Standard deviation of the logarithm (base 10) of the seeing of a field.
    band_seeing_dex : tuple of float
        The same, of each band beyond what all share.
    noise_dex : tuple of float
        The same, of the noise of the sky.
    level : float
        Standard deviation of the error of the level of the sky, in units of its noise; it is common to all
        bands.
    haze : float
        Mean of the light of haloes of bright sources far away, in units of the noise; it falls exponentially.
    cut_pixels : float
        Stamps are cut to whole pixels, in each band on its own: offsets are even within this to either side.
        The stamps measured have 0.5; a mosaic or a HiPS has 0.
    """

    seeing_dex: float = 0.077
    band_seeing_dex: tuple[float, ...] = (0.035, 0.041, 0.020, 0.022, 0.037)
    noise_dex: tuple[float, ...] = (0.071, 0.060, 0.045, 0.055, 0.080)
    level: float = 0.015
    haze: float = 0.03
    cut_pixels: float = 0.5

    def __post_init__(self) -> None:
        """Raise ValueError where a number cannot be meant."""
        _check(self, ("band_seeing_dex", "noise_dex"))


def _check(numbers: Imaging | Variety, each_band: tuple[str, ...]) -> None:
    for field in fields(numbers):
        value = getattr(numbers, field.name)
        if field.name in each_band and len(value) != len(BANDS):
            raise ValueError(f"{field.name} needs one number for each of {', '.join(BANDS)}")
        if min(value if field.name in each_band else (value,)) < 0:
            raise ValueError(f"{field.name} must not be negative")


SDSS_IMAGING = Imaging()
NO_VARIETY = Variety(0, (0,) * 5, (0,) * 5, 0, 0, 0)


@dataclass(frozen=True)
class Exposures:
    """The conditions of m images; every array is float32.

    Parameters
    ----------
    spread : shape (m, band, 3)
        Point spread functions, see `drawing.draw_sources`.
    sigma, per_flux, level : shape (m, band)
        Noise of the sky (nanomaggies per pixel), variance per nanomaggy of a source, error of the level.
    shift : shape (m, band, 2)
        Offsets in x and y of the sources of an image, pixels.
    """

    spread: Float32Array
    sigma: Float32Array
    per_flux: Float32Array
    level: Float32Array
    shift: Float32Array


def draw_exposures(
    rng: np.random.Generator,
    m: int,
    imaging: Imaging = SDSS_IMAGING,
    variety: Variety = NO_VARIETY,
    pixel_arcsec: float = PIXEL_ARCSEC,
) -> Exposures:
    """Conditions of m images.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    m : int
        Number of images.
    imaging, variety
        The middle and the range.
    pixel_arcsec : float
        Side of a pixel.
    """
    bands = len(BANDS)
    seeing = rng.normal(0, 1, (m, 1)) * variety.seeing_dex
    seeing = seeing + rng.normal(0, 1, (m, bands)) * np.array(variety.band_seeing_dex)
    fwhm = np.array(imaging.fwhm_arcsec) * 10**seeing / pixel_arcsec
    noise = rng.normal(0, 1, (m, bands)) @ np.linalg.cholesky(_NOISE_CORRELATION).T
    sigma = np.array(imaging.sky_sigma) * 10 ** (noise * np.array(variety.noise_dex))
    # The light of the sky varies with its noise: both come from the same photons.
    per_flux = np.array(imaging.sky_sigma) ** 2 / np.array(imaging.sky_nanomaggies)
    level = (rng.normal(0, variety.level, (m, 1)) + rng.exponential(variety.haze, (m, 1))) * sigma
    shift = rng.uniform(-variety.cut_pixels, variety.cut_pixels, (m, bands, 2))
    shift = shift + rng.normal(0, imaging.offset_pixels, (m, bands, 2))
    each = np.broadcast_to(per_flux, sigma.shape)
    numbers = (_spread(fwhm, imaging, pixel_arcsec), sigma, each, level, shift)
    return Exposures(*(np.ascontiguousarray(one, np.float32) for one in numbers))


def _spread(fwhm: FloatArray, imaging: Imaging, pixel_arcsec: float) -> FloatArray:
    """Scales of core and wing and the share of the wing."""
    core = fwhm * moffat_scale(1, CORE_BETA)
    wing = np.full_like(core, moffat_scale(imaging.wing_arcsec / pixel_arcsec, WING_BETA))
    return np.stack([core, wing, np.broadcast_to(np.array(imaging.wing_share), core.shape)], axis=-1)


def observe(rng: np.random.Generator, images: Float32Array, exposures: Exposures) -> None:
    """Give clean images (m, band, y, x) the photon noise of sky and sources, Gaussian, in place."""
    from vo_photoz.simulation.imaging.kernels import add_noise  # noqa: PLC0415 - numba

    numbers = rng.standard_normal(images.shape, dtype=np.float32)
    add_noise(images, numbers, exposures.sigma, exposures.per_flux, exposures.level)
