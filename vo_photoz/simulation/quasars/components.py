"""The parts of a quasar's spectrum that all quasars share, from published numbers."""

from __future__ import annotations

import numpy as np

from vo_photoz.flow import FloatArray

BREAK_UV = 1100.0  # Angstrom; as in the quasar model of Ross et al. 2013 (ApJ 773, 14)
BREAK_RED = 3880.0  # Angstrom; as in the quasar model of Temple et al. 2021 (MNRAS 508, 737)
PIVOT = 1450.0  # Angstrom; the power law is 1 here
BALMER_EDGE = 3646.0  # Angstrom
HOST_PIVOT = 5100.0  # Angstrom

GROUPS = (
    "lya", "high", "ciii", "low", "balmer", "narrow", "iron_1800", "iron_2500", "iron_optical",
    "balmer_continuum",
)  # fmt: skip
"""Components whose strengths vary one by one: Lyman alpha with N V, lines of high ionisation, the blend of
C III], lines of low ionisation, Balmer lines, narrow lines, three regions of Fe II, the Balmer continuum."""

BALDWIN = np.array([-0.09, -0.14, -0.09, -0.09, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
"""Exponent of the Baldwin effect, EW ~ L^exponent, of each group, after Dietrich et al. 2002 (ApJ 581, 912).
Entered by hand, unverified; the colours of real quasars are the check."""

# Broad and narrow lines of the SDSS composite: Vanden Berk et al. 2001 (AJ 122, 549), table 2: observed
# wavelength in the rest frame, rest equivalent width, Gaussian width (all Angstrom). Entered by hand; the
# colours of real quasars are the check. The last column is ours: the group.
_LINES = np.array([
    (1033.03, 9.77, 7.76, 1),      # Ly beta + O VI
    (1216.25, 92.91, 19.46, 0),    # Ly alpha + N V
    (1305.42, 1.66, 5.42, 3),      # O I + Si II
    (1336.60, 0.69, 3.86, 3),      # C II
    (1398.33, 8.13, 14.26, 1),     # Si IV + O IV]
    (1546.15, 23.78, 14.33, 1),    # C IV
    (1637.84, 0.51, 3.94, 1),      # He II
    (1664.74, 0.43, 5.30, 1),      # O III]
    (1856.76, 0.31, 4.95, 2),      # Al III
    (1905.97, 21.19, 23.58, 2),    # C III] + Si III] + Al III
    (2076.62, 2.51, 18.99, 2),     # Fe III
    (2324.73, 2.02, 22.21, 3),     # C II] + Fe II
    (2800.26, 32.28, 34.95, 3),    # Mg II
    (3729.66, 1.56, 3.32, 5),      # [O II]
    (3869.77, 1.38, 5.31, 5),      # [Ne III]
    (4102.73, 5.05, 18.62, 4),     # H delta
    (4346.42, 12.62, 20.32, 4),    # H gamma
    (4853.13, 46.21, 40.44, 4),    # H beta
    (4960.36, 3.50, 3.85, 5),      # [O III]
    (5008.22, 13.23, 6.04, 5),     # [O III]
    (5877.41, 4.94, 23.45, 4),     # He I
    (6564.93, 194.52, 47.39, 4),   # H alpha
])  # fmt: skip

# Blends of Fe II as broad Gaussians (centre, equivalent width, Gaussian width, all Angstrom; group): a sketch
# of the template of Vestergaard & Wilkes 2001 (ApJS 134, 1) in the ultraviolet and of Boroson & Green 1992
# (ApJS 80, 109) around H beta. The strengths of the three groups are fitted to real colours.
_IRON = np.array([
    (1660.0, 4.0, 45.0, 6), (1790.0, 5.4, 55.0, 6), (2080.0, 3.4, 70.0, 6), (2400.0, 15.6, 75.0, 7),
    (2530.0, 25.0, 90.0, 7), (2730.0, 5.0, 50.0, 7), (2950.0, 14.0, 80.0, 7), (3200.0, 9.0, 100.0, 7),
    (4570.0, 23.0, 65.0, 8), (5270.0, 29.0, 90.0, 8),
])  # fmt: skip

_BALMER_STRENGTH = 0.1  # of the power law at the edge; Grandi 1982 (ApJ 255, 25) gives the shape


def emission(rest: FloatArray) -> FloatArray:
    """Emission of each group of components, over the power law at the same wavelength.

    Parameters
    ----------
    rest : float64 array, shape (w,)
        Wavelengths in the frame of the quasar, Angstrom.

    Returns
    -------
    float64 array, shape (w, group)
        Columns in the order of `GROUPS`, strength 1.
    """
    table = np.zeros((len(rest), len(GROUPS)))
    for centre, width, sigma, group in np.concatenate([_LINES, _IRON]):
        profile = np.exp(-0.5 * ((rest - centre) / sigma) ** 2)
        table[:, int(group)] += width / (sigma * np.sqrt(2 * np.pi)) * profile
    table[:, GROUPS.index("balmer_continuum")] = _balmer(rest)
    return table


def _balmer(rest: FloatArray) -> FloatArray:
    """Balmer continuum of partly thick gas, 15,000 K and depth 1 at the edge (Grandi 1982, ApJ 255, 25)."""
    edge = _planck(np.float64(BALMER_EDGE)) * (1 - np.exp(-1.0))
    shape = _planck(rest) * (1 - np.exp(-((rest / BALMER_EDGE) ** 3))) / edge
    # Broad high-order Balmer lines fill the edge; a smooth end stands for them.
    end = 1 / (1 + np.exp((rest - 3720.0) / 40.0))
    # Over the power law of a typical quasar, slope -0.44 in f_nu.
    return np.asarray(_BALMER_STRENGTH * shape * end * (rest / BALMER_EDGE) ** 1.56)


def _planck(wavelength: FloatArray | np.float64, temperature: float = 15_000.0) -> FloatArray:
    """Black body, f_lambda, arbitrary units; hc/k = 1.4388e8 Angstrom K."""
    return np.asarray(wavelength**-5.0 / np.expm1(1.4388e8 / (wavelength * temperature)))


def dust_depth(rest: FloatArray) -> FloatArray:
    """Optical depth of SMC-like dust for E(B-V) = 1: A = 1.39 lambda_um^-1.2 E(B-V).

    Prevot et al. 1984 (A&A 132, 389), as used for SDSS quasars by Richards et al. 2003 (AJ 126, 1131).
    """
    return np.asarray(0.4 * np.log(10) * 1.39 * (rest / 1e4) ** -1.2)


def host(rest: FloatArray) -> FloatArray:
    """f_lambda of a host galaxy, 1 at 5100 Angstrom: an early spiral.

    Power laws about a break at 4000 Angstrom of a factor 2, round numbers between those of an early and a
    late type; the colours of real quasars at z < 0.5 are the check.
    """
    step = 1 / 2.0 + (1 - 1 / 2.0) / (1 + np.exp(-(rest - 3950.0) / 35.0))
    return np.asarray(step * np.minimum(rest / 3500.0, 1.0) ** 2.5)
