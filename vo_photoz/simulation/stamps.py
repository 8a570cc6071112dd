"""Pictures of the simulated sky: point spread functions, profiles, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vo_photoz.flow import Float32Array, FloatArray, no_progress
from vo_photoz.flow import Progress as ProgressSink
from vo_photoz.simulation.filters import nanomaggies
from vo_photoz.simulation.populations import Population

PIXEL_ARCSEC = 0.396  # of the SDSS camera
BANDS = ("u", "g", "r", "i", "z")

_REACH = 26  # pixels from the centre of a point source that are painted; the Moffat wing beyond has 1e-4
_FINE = 3  # subdivisions of a pixel for galaxies


@dataclass(frozen=True)
class Imaging:
    """What a camera does to the sky, one number a band (ugriz).

    Parameters
    ----------
    fwhm_arcsec : tuple of float
        Full width at half maximum of the point spread function, pixel included. The default was measured by
        Moffat fits to 49 to 108 bright quasars a band among public SDSS DR16 stamps. With the wings of
        ``beta`` = 3 the effective width is 1.29 times that: 1.41 arcsec in r, where SDSS DR7 gives a median
        of 1.43.
    beta : float
        Exponent of the Moffat (1969, A&A 3, 455) profile, from the same fits (2.9 to 3.4).
    sky_sigma : tuple of float
        Noise of a pixel of empty sky, nanomaggies; measured at the borders of the same stamps.
    sky_nanomaggies : tuple of float
        Light of the sky in a pixel, from 22.0, 21.8, 20.9, 20.3, 19.1 mag/arcsec2 (r: median of SDSS DR1, the
        others typical); sets the photon noise of sources, since sky noise is photon noise.
    offset_pixels : float
        Rms of the random shift of each source in each band, per axis.
    """

    fwhm_arcsec: tuple[float, ...] = (1.24, 1.17, 1.09, 1.02, 1.09)
    beta: float = 3.0
    sky_sigma: tuple[float, ...] = (0.045, 0.017, 0.028, 0.047, 0.18)
    sky_nanomaggies: tuple[float, ...] = (0.25, 0.30, 0.68, 1.19, 3.59)
    offset_pixels: float = 0.15


SDSS_IMAGING = Imaging()


def moffat(dx: FloatArray, dy: FloatArray, fwhm: float, beta: float) -> FloatArray:
    """Moffat profile whose integral over the plane is 1; offsets and width in the same unit."""
    scale = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    return np.asarray((beta - 1) / (np.pi * scale**2) * (1 + (dx**2 + dy**2) / scale**2) ** -beta)


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
        Told after each band.

    Returns
    -------
    float32 array, shape (band, y, x)
        Nanomaggies per pixel, sky subtracted.
    """
    flux = nanomaggies(population.magnitude)
    images = np.zeros((len(BANDS), *shape), np.float32)
    shifts = rng.normal(0, imaging.offset_pixels, (len(BANDS), 2, len(population)))
    for b in range(len(BANDS)):
        clean = np.zeros(shape)
        fwhm = imaging.fwhm_arcsec[b] / pixel_arcsec
        for k in range(len(population)):
            place = x[k] + shifts[b, 0, k], y[k] + shifts[b, 1, k]
            if population.half_light_arcsec[k] > 0:
                profile = _galaxy(population, k, place, fwhm, imaging.beta, pixel_arcsec)
            else:
                profile = _point(place, fwhm, imaging.beta)
            _add(clean, profile, place, float(flux[k, b]))
        images[b] = clean + _noise(rng, clean, imaging, b)
        progress("images", b + 1, len(BANDS))
    return images


def _noise(rng: np.random.Generator, clean: FloatArray, imaging: Imaging, band: int) -> FloatArray:
    """Photon noise of sky and sources, Gaussian."""
    per_flux = imaging.sky_sigma[band] ** 2 / imaging.sky_nanomaggies[band]
    variance = imaging.sky_sigma[band] ** 2 + per_flux * np.maximum(clean, 0)
    return rng.standard_normal(clean.shape) * np.sqrt(variance)


def _offsets(place: tuple[float, float], reach: int) -> tuple[FloatArray, FloatArray]:
    """Distance of the pixels around a source from its centre."""
    steps = np.arange(-reach, reach + 1, dtype=np.float64)
    return steps - (place[0] - round(place[0])), steps - (place[1] - round(place[1]))


def _point(place: tuple[float, float], fwhm: float, beta: float) -> FloatArray:
    dx, dy = _offsets(place, _REACH)
    return moffat(dx[None, :], dy[:, None], fwhm, beta)


def _galaxy(
    population: Population,
    row: int,
    place: tuple[float, float],
    fwhm: float,
    beta: float,
    pixel_arcsec: float,
) -> FloatArray:
    """Sersic profile seen through the point spread function, sampled at the centres of pixels."""
    radius = float(population.half_light_arcsec[row]) / pixel_arcsec
    reach = int(np.clip(7 * radius, 20, 60))  # the profile is cut there and its flux kept
    fine = np.arange(-reach * _FINE, reach * _FINE + 1) / _FINE
    off_x, off_y = place[0] - round(place[0]), place[1] - round(place[1])
    light = sersic(
        fine[None, :] - off_x, fine[:, None] - off_y, radius, float(population.sersic[row]),
        float(population.axis_ratio[row]), float(population.angle_deg[row]),
    )  # fmt: skip
    blurred = _convolve(light / light.sum(), moffat(fine[None, :], fine[:, None], fwhm, beta))
    return blurred[::_FINE, ::_FINE]


def sersic(
    dx: FloatArray, dy: FloatArray, radius: float, index: float, axis_ratio: float, angle_deg: float
) -> FloatArray:
    """Sersic profile, not normalised.

    Parameters
    ----------
    dx, dy : float64 array
        Offsets from the centre to the west and to the north.
    radius : float
        Half-light radius along the major axis, same unit.
    index : float
        Sersic index, 1 (exponential) to 4 (de Vaucouleurs).
    axis_ratio, angle_deg : float
        Minor over major axis; position angle, north through east.

    Returns
    -------
    float64 array
        exp(-b (r / radius)^(1 / index)), b = 2 n - 1/3 + 0.009876 / n (Prugniel & Simien 1997, A&A 321, 111).
    """
    angle = np.radians(angle_deg)
    major = dy * np.cos(angle) - dx * np.sin(angle)
    minor = dy * np.sin(angle) + dx * np.cos(angle)
    # The smallest radius keeps the cusp of a high index from depending on where the pixel grid falls.
    distance = np.sqrt(major**2 + (minor / axis_ratio) ** 2 + (0.3 / _FINE) ** 2)
    b = 2 * index - 1 / 3 + 0.009876 / index
    return np.asarray(np.exp(-b * (distance / radius) ** (1 / index)))


def _convolve(image: FloatArray, kernel: FloatArray) -> FloatArray:
    """Linear convolution of two centred square arrays of the same odd size, cut to that size."""
    n = image.shape[0]
    size = 2 * n
    spectrum = np.fft.rfft2(image, (size, size)) * np.fft.rfft2(kernel, (size, size))
    half = n // 2
    return np.asarray(np.fft.irfft2(spectrum, (size, size))[half : half + n, half : half + n])


def _add(image: FloatArray, profile: FloatArray, place: tuple[float, float], flux: float) -> None:
    """Add a profile to an image; what hangs over the edge is cut."""
    reach = profile.shape[0] // 2
    x0, y0 = round(place[0]) - reach, round(place[1]) - reach
    rows = slice(max(y0, 0), min(y0 + profile.shape[0], image.shape[0]))
    columns = slice(max(x0, 0), min(x0 + profile.shape[1], image.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        image[rows, columns] += (
            flux * profile[rows.start - y0 : rows.stop - y0, columns.start - x0 : columns.stop - x0]
        )
