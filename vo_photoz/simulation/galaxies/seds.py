"""Spectra of galaxies: a library of SDSS galaxies as sums of templates, and their fluxes at any redshift."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.filters import SDSS, maggies, wavelength_grid

BAND_SHIFT = 0.1
"""Absolute magnitudes of galaxies are those in r at this redshift (Blanton et al. 2003, ApJ 592, 819)."""
Z_MAX = 1.1
"""Highest redshift at which the library has fluxes."""

_STEP = 0.005  # of the table of fluxes, in redshift
_NEIGHBOURS = 25  # galaxies of the library that may stand for one, on either side in absolute magnitude


@dataclass(frozen=True)
class Library:
    """Galaxies as sums of templates; see ``data/galaxies/README.md``.

    Parameters
    ----------
    wavelength : float64 array, shape (w,)
        Rest frame, Angstrom.
    spectra : float64 array, shape (template, w)
        f_lambda.
    coefficients : float64 array, shape (g, template)
        The flux in r at redshift 0.1 is 1.
    absolute : float64 array, shape (g,)
        Absolute magnitude in r at redshift 0.1, rising within the blue and within the red galaxies.
    red : bool array, shape (g,)
        Blue galaxies come first.
    """

    wavelength: FloatArray
    spectra: FloatArray
    coefficients: FloatArray
    absolute: FloatArray
    red: NDArray[np.bool_]


@cache
def library() -> Library:
    """The library that comes with the package."""
    path = files("vo_photoz").joinpath("data/galaxies/library.npz")
    with path.open("rb") as handle, np.load(handle, allow_pickle=False) as kept:
        numbers = {
            name: kept[name].astype(float) for name in ("wavelength", "spectra", "coefficients", "absolute")
        }
        return Library(red=kept["red"].astype(bool), **numbers)


@cache
def template_fluxes(filters: tuple[str, ...] = SDSS) -> tuple[FloatArray, FloatArray]:
    """Redshifts (m,) and the maggies of the templates there (m, template, band)."""
    templates, grid = library(), wavelength_grid(filters)
    z = np.arange(0, Z_MAX + _STEP, _STEP)
    fluxes = []
    for one in 1 + z:
        seen = [np.interp(grid / one, templates.wavelength, spectrum) / one for spectrum in templates.spectra]
        fluxes.append(maggies(grid, np.stack(seen), filters))
    return z, np.stack(fluxes)


def draw_members(rng: np.random.Generator, absolute: FloatArray, red: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Galaxies of the library with about the given absolute magnitudes and of the given kind.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    absolute : float64 array, shape (n,)
        Absolute magnitudes in r at redshift 0.1.
    red : bool array, shape (n,)
        Kind.

    Returns
    -------
    integer array, shape (n,)
        Rows of the library.
    """
    member = np.empty(len(absolute), np.intp)
    blue = int(np.argmax(library().red))
    for kind, first, last in ((False, 0, blue), (True, blue, len(library().red))):
        here = np.flatnonzero(red == kind)
        nearest = np.searchsorted(library().absolute[first:last], absolute[here])
        # Galaxies beyond the ends take those at the ends.
        middle = np.clip(nearest, _NEIGHBOURS, last - first - _NEIGHBOURS - 1)
        member[here] = first + middle + rng.integers(-_NEIGHBOURS, _NEIGHBOURS + 1, len(here))
    return member


def member_fluxes(member: NDArray[np.integer], z: FloatArray, filters: tuple[str, ...] = SDSS) -> FloatArray:
    """Fluxes of members of the library at redshifts.

    Parameters
    ----------
    member : integer array, shape (n,)
        Rows of the library.
    z : float64 array, shape (n,)
        Redshifts up to `Z_MAX`.
    filters : tuple of str
        Filters of speclite.

    Returns
    -------
    float64 array, shape (n, band)
        Maggies for the same bolometric flux at all redshifts: distances are not in them.
    """
    _, table = template_fluxes(filters)
    place = np.clip(z / _STEP, 0, len(table) - 1.001)
    low = place.astype(np.intp)
    part = (place - low)[:, None]
    coefficients = library().coefficients[member]
    below, above = (np.einsum("nt,ntb->nb", coefficients, table[row]) for row in (low, low + 1))
    return np.asarray(below * (1 - part) + above * part)


@cache
def dimming() -> FloatArray:
    """What a magnitude in r gains over absolute magnitude and distance modulus, shape (2, m).

    Rows are blue and red galaxies (medians of members between -23 and -20), columns the redshifts of
    `template_fluxes`. It is the K correction from r at redshift 0.1 (Hogg et al. 2002, astro-ph/0210394).
    """
    templates = library()
    fluxes = np.einsum(
        "gt,mt->gm", templates.coefficients, template_fluxes()[1][:, :, SDSS.index("sdss2010-r")]
    )
    shifted = fluxes[:, round(BAND_SHIFT / _STEP)]
    gain = -2.5 * np.log10(fluxes / shifted[:, None]) - 2.5 * np.log10(1 + BAND_SHIFT)
    bright = (templates.absolute > -23) & (templates.absolute < -20)
    return np.stack([np.median(gain[bright & (templates.red == kind)], axis=0) for kind in (False, True)])
