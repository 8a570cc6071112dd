"""Spectra of quasars and galaxies, built from published numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.igm import LimitSystems, igm_transmission

# Broad and narrow lines of the SDSS composite: Vanden Berk et al. 2001 (AJ 122, 549), table 2.
# Observed wavelength in the rest frame, rest equivalent width, Gaussian width (all Angstrom), and the
# exponent of the Baldwin effect, EW ~ L^exponent, after Dietrich et al. 2002 (ApJ 581, 912). Entered by hand;
# the colours of real quasars are the check.
_LINES = np.array([
    (1033.03, 9.77, 7.76, -0.14),     # Ly beta + O VI
    (1216.25, 92.91, 19.46, -0.09),   # Ly alpha + N V
    (1305.42, 1.66, 5.42, -0.06),     # O I + Si II
    (1336.60, 0.69, 3.86, -0.06),     # C II
    (1398.33, 8.13, 14.26, -0.06),    # Si IV + O IV]
    (1546.15, 23.78, 14.33, -0.14),   # C IV
    (1637.84, 0.51, 3.94, -0.20),     # He II
    (1664.74, 0.43, 5.30, -0.06),     # O III]
    (1856.76, 0.31, 4.95, -0.06),     # Al III
    (1905.97, 21.19, 23.58, -0.09),   # C III] + Si III] + Al III
    (2076.62, 2.51, 18.99, 0.0),      # Fe III
    (2324.73, 2.02, 22.21, -0.06),    # C II] + Fe II
    (2800.26, 32.28, 34.95, -0.09),   # Mg II
    (3729.66, 1.56, 3.32, 0.0),       # [O II]
    (3869.77, 1.38, 5.31, 0.0),       # [Ne III]
    (4102.73, 5.05, 18.62, 0.0),      # H delta
    (4346.42, 12.62, 20.32, 0.0),     # H gamma
    (4853.13, 46.21, 40.44, 0.0),     # H beta
    (4960.36, 3.50, 3.85, 0.0),       # [O III]
    (5008.22, 13.23, 6.04, 0.0),      # [O III]
    (5877.41, 4.94, 23.45, 0.0),      # He I
    (6564.93, 194.52, 47.39, 0.0),    # H alpha
])  # fmt: skip

# Blends of Fe II as broad Gaussians (centre, width, Angstrom; share of the whole iron strength): a sketch
# of the template of Vestergaard & Wilkes 2001 (ApJS 134, 1) in the ultraviolet and of Boroson & Green 1992
# (ApJS 80, 109) around H beta.
_IRON = np.array([
    (1660.0, 45.0, 0.10), (1790.0, 55.0, 0.12), (2080.0, 70.0, 0.06), (2400.0, 75.0, 0.22),
    (2530.0, 90.0, 0.32), (2730.0, 50.0, 0.06), (2950.0, 80.0, 0.14), (3200.0, 100.0, 0.08),
    (4570.0, 65.0, 0.12), (5270.0, 90.0, 0.12),
])  # fmt: skip

BREAK_UV = 1100.0  # Angstrom; as in the quasar model of Ross et al. 2013 (ApJ 773, 14)
BALMER_EDGE = 3646.0  # Angstrom


@dataclass(frozen=True)
class QuasarShapes:
    """What makes one quasar spectrum different from another; every array has shape (n,).

    Parameters
    ----------
    slope : float array
        Exponent of f_nu redward of 1100 Angstrom.
    slope_uv : float array
        Exponent of f_nu blueward of it.
    line_strength : float array
        Factor on all equivalent widths of the composite.
    luminosity : float array
        log10 of the ultraviolet luminosity over that of the composite; drives the Baldwin effect.
    iron : float array
        Equivalent width of all Fe II between 2000 and 5500 Angstrom, as seen at 3000 Angstrom.
    balmer : float array
        Balmer continuum at the edge, in units of the power law there.
    ebv : float array
        Reddening in the host, magnitudes, SMC-like.
    igm_series : float array
        Factor on the mean optical depth of the Lyman lines.
    limit_systems : LimitSystems or None
        The thick absorbers of each sightline; None takes the mean of all sightlines.
    """

    slope: FloatArray
    slope_uv: FloatArray
    line_strength: FloatArray
    luminosity: FloatArray
    iron: FloatArray
    balmer: FloatArray
    ebv: FloatArray
    igm_series: FloatArray
    limit_systems: LimitSystems | None = None

    def __len__(self) -> int:
        return len(self.slope)

    def _map(self, change: Callable[[FloatArray], FloatArray], systems: LimitSystems | None) -> QuasarShapes:
        """The same change on every array."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "limit_systems"}
        changed: dict[str, Any] = {name: change(array) for name, array in arrays.items()}
        return QuasarShapes(**changed, limit_systems=systems)

    def take(self, rows: NDArray[np.intp]) -> QuasarShapes:
        """The given rows."""
        systems = self.limit_systems
        if systems is not None:
            systems = LimitSystems(systems.z[rows], systems.depth[rows])
        return self._map(lambda array: array[rows], systems)

    def column(self) -> QuasarShapes:
        """The same numbers with shape (n, 1), to be broadcast against wavelengths."""
        return self._map(lambda array: array[:, None], self.limit_systems)


def quasar_sed(wavelength: FloatArray, z: FloatArray, shapes: QuasarShapes) -> FloatArray:
    """Observed spectra of quasars, intergalactic absorption included.

    Parameters
    ----------
    wavelength : float64 array, shape (w,)
        Observed wavelengths, Angstrom.
    z : float64 array, shape (n,)
        Redshifts.
    shapes : QuasarShapes
        One a quasar.

    Returns
    -------
    float64 array, shape (n, w)
        f_lambda; the power law is 1 at 1450 Angstrom in the rest frame before reddening.
    """
    redshift = np.asarray(z, float)[:, None]
    rest = wavelength[None, :] / (1 + redshift)
    column = shapes.column()
    power = _continuum(rest, column)
    flux = power + _emission_lines(rest, column) + _iron(rest, column) + _balmer(rest, column)
    flux *= smc_reddening(rest, column.ebv)
    return np.asarray(
        flux * igm_transmission(wavelength, redshift, series=column.igm_series, systems=column.limit_systems)
    )


def _continuum(rest: FloatArray, shapes: QuasarShapes) -> FloatArray:
    """Broken power law; f_lambda ~ lambda^-(2 + slope)."""
    middle = (rest / 1450.0) ** -(2 + shapes.slope)
    bluer = (BREAK_UV / 1450.0) ** -(2 + shapes.slope) * (rest / BREAK_UV) ** -(2 + shapes.slope_uv)
    return np.where(rest < BREAK_UV, bluer, middle)


def _emission_lines(rest: FloatArray, shapes: QuasarShapes) -> FloatArray:
    flux = np.zeros(rest.shape)
    for centre, width, sigma, baldwin in _LINES:
        near = np.abs(rest - centre) < 6 * sigma
        if near.any():
            strength = shapes.line_strength * width * 10 ** (baldwin * shapes.luminosity)
            level = strength * _continuum(np.full((1, 1), centre), shapes) / (sigma * np.sqrt(2 * np.pi))
            flux += np.where(near, level * np.exp(-0.5 * ((rest - centre) / sigma) ** 2), 0)
    return flux


def _iron(rest: FloatArray, shapes: QuasarShapes) -> FloatArray:
    """Fe II blends; the strength is relative to the power law at 3000 Angstrom."""
    scale = shapes.iron * _continuum(np.full((1, 1), 3000.0), shapes)
    return np.asarray(scale * sum(
        share / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((rest - centre) / sigma) ** 2)
        for centre, sigma, share in _IRON
    ))  # fmt: skip


def _balmer(rest: FloatArray, shapes: QuasarShapes) -> FloatArray:
    """Balmer continuum of partly thick gas, 15,000 K and depth 1 at the edge (Grandi 1982, ApJ 255, 25)."""
    edge = _planck(np.float64(BALMER_EDGE)) * (1 - np.exp(-1.0))
    shape = _planck(rest) * (1 - np.exp(-((rest / BALMER_EDGE) ** 3))) / edge
    # Broad high-order Balmer lines fill the edge; a smooth end stands for them.
    end = 1 / (1 + np.exp((rest - 3720.0) / 40.0))
    return np.asarray(shapes.balmer * _continuum(np.full((1, 1), BALMER_EDGE), shapes) * shape * end)


def _planck(wavelength: FloatArray | np.float64, temperature: float = 15_000.0) -> FloatArray:
    """Black body, f_lambda, arbitrary units; hc/k = 1.4388e8 Angstrom K."""
    return np.asarray(wavelength**-5.0 / np.expm1(1.4388e8 / (wavelength * temperature)))


def smc_reddening(rest: FloatArray, ebv: FloatArray) -> FloatArray:
    """Transmission of SMC-like dust, A = 1.39 lambda_um^-1.2 E(B-V).

    Prevot et al. 1984 (A&A 132, 389), as used for SDSS quasars by Richards et al. 2003 (AJ 126, 1131).
    """
    return np.asarray(10 ** (-0.4 * 1.39 * (rest / 1e4) ** -1.2 * ebv))


# Continua of galaxies: exponent of f_lambda redward of 4000 Angstrom, ratio of f_lambda above and below the
# break there, exponent below 3500 Angstrom. A sketch: at z = 0.08 the colours are within 0.25 mag of the
# 84th, 50th and 16th percentile of 4,998 galaxies of SDSS DR14.
GALAXY_TYPES = (("early", 0.2, 2.4, 3.0), ("spiral", -0.2, 1.9, 2.0), ("late", -0.8, 1.7, 0.5))


def galaxy_sed(wavelength: FloatArray, z: FloatArray, kinds: NDArray[np.integer]) -> FloatArray:
    """Observed spectra of galaxies.

    Parameters
    ----------
    wavelength : float64 array, shape (w,)
        Observed wavelengths, Angstrom.
    z : float64 array, shape (n,)
        Redshifts.
    kinds : integer array, shape (n,)
        Index into `GALAXY_TYPES`.

    Returns
    -------
    float64 array, shape (n, w)
        f_lambda, 1 at 5500 Angstrom in the rest frame.
    """
    rest = wavelength[None, :] / (1 + np.asarray(z, float)[:, None])
    table = np.array([numbers for _, *numbers in GALAXY_TYPES])[np.asarray(kinds)]
    red, drop, ultraviolet = (column[:, None] for column in table.T)
    shape = (rest / 5500.0) ** red
    # The break is spread over 3850 to 4050 Angstrom, where its absorption lines stand.
    step = 1 / drop + (1 - 1 / drop) / (1 + np.exp(-(rest - 3950.0) / 35.0))
    return np.asarray(shape * step * np.minimum(rest / 3500.0, 1.0) ** ultraviolet)
