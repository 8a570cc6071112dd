"""Quasars of the simulated sky: redshifts, magnitudes, hosts."""

from __future__ import annotations

from typing import Literal

import numpy as np

from vo_photoz.errors import UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.simulation.cosmology import distance_modulus
from vo_photoz.simulation.extinction import draw_ebv, extinction
from vo_photoz.simulation.filters import SDSS, catalogue_offsets
from vo_photoz.simulation.populations import Population
from vo_photoz.simulation.quasars.draws import (
    MODEL,
    QuasarModel,
    draw_shapes,
    log_luminosity,
)
from vo_photoz.simulation.quasars.fluxes import band_fluxes
from vo_photoz.simulation.quasars.luminosity_function import Z_MAX, draw_magnitudes_at

Magnitudes = Literal["flat", "natural", "sdss"]

MAGNITUDE_RANGE = (16.0, 22.2)
"""Bright end and limit in i; the limit is that of the SDSS quasars below."""
FAR_MAGNITUDE_RANGE = (17.0, 21.5)
"""The same in z for quasars beyond redshift 5.5: there i has lost the light blueward of Lyman alpha, and a
limit in i would cut the quasars that are looked for."""
DROPOUT = 5.5

# i magnitudes of SDSS DR16 quasars at 2.75 < z < 5: percentiles measured on 1,634 public stamps; the ends
# are rounded inwards, where labels and photometry are doubtful.
_QUASAR_I = (
    np.array([0, 1, 5, 10, 25, 50, 75, 90, 95, 100]) / 100,
    np.array([17.2, 17.94, 18.67, 19.03, 19.56, 20.05, 20.65, 21.24, 21.67, 22.2]),
)
_QUASAR_I_SLOPE = -0.42  # median i per unit redshift in the same stamps, about z = 3.75
_HOST_RADIUS_KPC = 6.0  # half-light radius of a host, +- 0.2 dex; a round number for luminous galaxies
# A host is part of the picture where it has this share of the light in a band, out to this redshift.
_VISIBLE_HOST, _HOST_Z = 0.02, 1.2


def draw_redshifts(rng: np.random.Generator, n: int, low: float, high: float) -> FloatArray:
    """Redshifts whose density falls linearly by a quarter from ``low`` to ``high``.

    This is a choice, not the population of the sky: it fills the range of a model evenly.
    """
    u = rng.random(n)
    # Inverse of the cumulative (x - x^2 / 8) / (7 / 8).
    return np.asarray(low + (high - low) * 4 * (1 - np.sqrt(1 - u * 7 / 16)))


def draw_quasars(
    rng: np.random.Generator,
    n: int,
    *,
    z_range: tuple[float, float] = (0.0, 7.0),
    z: FloatArray | None = None,
    magnitudes: Magnitudes | FloatArray = "sdss",
    far_limit: float = FAR_MAGNITUDE_RANGE[1],
    filters: tuple[str, ...] = SDSS,
    scatter: float = 1.0,
    galactic_ebv: FloatArray | float | None = None,
    model: QuasarModel = MODEL,
) -> Population:
    """Quasars with the colours and the scatter of real ones.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    n : int
        How many.
    z_range : (float, float)
        Range of redshift; the density falls by a quarter across it.
    z : float64 array, shape (n,), or None
        Redshifts to take instead, for example those of `luminosity_function.draw_sky`.
    magnitudes : "flat", "natural", "sdss" or float64 array, shape (n,)
        Magnitudes in the band of detection (i, and z beyond redshift 5.5) without Galactic extinction:
        evenly between `MAGNITUDE_RANGE` or `FAR_MAGNITUDE_RANGE`; as the luminosity function has them in the
        same ranges; like SDSS quasars with spectra at 2.75 < z < 5; or given ones.
    far_limit : float
        Limit in z of "flat" and "natural" magnitudes beyond redshift 5.5, in place of that of
        `FAR_MAGNITUDE_RANGE`.
    filters : tuple of str
        Filters of speclite; i and z must be among them.
    scatter : float
        Factor on the scatter of the spectra.
    galactic_ebv : float, float64 array, shape (n,), or None
        E(B-V) of a dust map towards each quasar; None draws it. The magnitudes are not corrected for it.
    model : QuasarModel
        Means and scatters of the spectra.

    Returns
    -------
    Population
        Magnitudes as in the survey's catalogue. Hosts that matter have a radius, and the share of the quasar
        in each band is ``point_share``.

    Raises
    ------
    UsageError
        Raised if a redshift is beyond 7.5, a choice of magnitudes is unknown, or i or z is missing.
    """
    redshift = draw_redshifts(rng, n, *z_range) if z is None else np.asarray(z, float)
    if redshift.size and not (redshift.min() >= 0 and redshift.max() <= Z_MAX):
        raise UsageError(f"Quasars can be drawn at redshifts from 0 to {Z_MAX}.", advice="Change the range.")
    near, far = (_band(filters, letter) for letter in "iz")
    detection = np.where(redshift > DROPOUT, far, near)
    drawn = _magnitudes(rng, redshift, magnitudes, far_limit, filters, near, far)
    luminosity = log_luminosity(redshift, drawn, filters, detection)
    shapes = draw_shapes(rng, redshift, luminosity, model=model, scatter=scatter)
    quasars, hosts = band_fluxes(redshift, shapes, filters)
    total = quasars + hosts
    # What hydrogen has taken away wholly gets the magnitude of a hundred-millionth of the brightest band.
    total = np.maximum(total, 1e-8 * total.max(axis=1, keepdims=True, initial=1e-300))
    magnitude = -2.5 * np.log10(total) + catalogue_offsets(filters)
    magnitude += (drawn - magnitude[np.arange(n), detection])[:, None]
    ebv = draw_ebv(rng, n) if galactic_ebv is None else galactic_ebv
    magnitude += extinction(rng, ebv, n, filters)
    return _population(rng, redshift, magnitude, np.minimum(quasars / np.maximum(quasars + hosts, 1e-300), 1))


def _band(filters: tuple[str, ...], letter: str) -> int:
    for number, name in enumerate(filters):
        if name.endswith(f"-{letter}"):
            return number
    raise UsageError(
        f"Quasars need a filter {letter}, there is none among {', '.join(filters)}.",
        advice="Their magnitudes are set in i, and in z beyond redshift 5.5.",
    )


def _magnitudes(
    rng: np.random.Generator,
    z: FloatArray,
    kind: Magnitudes | FloatArray,
    far_limit: float,
    filters: tuple[str, ...],
    near: int,
    far: int,
) -> FloatArray:
    """Magnitudes in i, and in z beyond `DROPOUT`."""
    beyond, far_range = z > DROPOUT, (FAR_MAGNITUDE_RANGE[0], far_limit)
    if not isinstance(kind, str):
        return np.asarray(kind, float)
    if kind == "flat":
        low, high = (np.where(beyond, far_range[k], MAGNITUDE_RANGE[k]) for k in (0, 1))
        return np.asarray(low + (high - low) * rng.random(len(z)))
    if kind == "natural":
        drawn = np.empty(len(z))
        ranges = (~beyond, near, MAGNITUDE_RANGE), (beyond, far, far_range)
        for rows, band, limits in ranges:
            drawn[rows] = draw_magnitudes_at(rng, z[rows], limits, filters[band])
        return drawn
    if kind == "sdss":
        drawn = np.interp(rng.random(len(z)), *_QUASAR_I)
        drawn += _QUASAR_I_SLOPE * (np.clip(z, 2.75, 5.0) - 3.75)
        return np.asarray(np.clip(drawn, 17.0, 22.2))
    raise UsageError(
        f"There is no choice of magnitudes named {kind}.", advice="Take flat, natural, sdss or an array."
    )


def _population(
    rng: np.random.Generator, z: FloatArray, magnitude: FloatArray, share: FloatArray
) -> Population:
    """Point sources, in a host where it would be seen."""
    n = len(z)
    seen = ((1 - share).max(axis=1, initial=0) > _VISIBLE_HOST) & (z < _HOST_Z)
    radius = _HOST_RADIUS_KPC * 10 ** rng.normal(0, 0.2, n) / _kpc_per_arcsec(z)
    return Population(
        kind=np.full(n, "QSO"),
        z=z,
        magnitude=magnitude,
        half_light_arcsec=np.where(seen, np.clip(radius, 0.1, 10.0), 0.0),
        axis_ratio=np.where(seen, rng.uniform(0.4, 1.0, n), 1.0),
        angle_deg=np.where(seen, rng.uniform(0, 180, n), 0.0),
        sersic=np.where(seen, np.where(rng.random(n) < 0.5, 1.0, 4.0), 0.0),
        point_share=np.where(seen[:, None], share, 1.0),
    )


def _kpc_per_arcsec(z: FloatArray) -> FloatArray:
    """Scale at the distance of the quasars (H0 = 70, Omega_m = 0.3)."""
    modulus = distance_modulus(z)
    angular_mpc = 10 ** (modulus / 5 - 5) / (1 + z) ** 2
    return np.asarray(angular_mpc * 1e3 * np.pi / 648_000)
