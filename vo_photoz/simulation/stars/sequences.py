"""Colours, absolute magnitudes and local densities of stars along three sequences.

The stars of the simulated sky come from three sequences: main-sequence stars from A to late M (with the blue
stars of the halo at their blue end), ultracool dwarfs from M9 to T8, and white dwarfs. Each is a list of
nodes; stars lie between neighbouring nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray

# Main sequence: g-i, then u-g, g-r, r-i, i-z corrected for extinction, then the local density of the stars
# that are nearer to this node than to its neighbours, 1e-5 / pc3.
#
# From g-i = 0.2: median locus of Covey et al. 2007 (AJ 134, 2398, table 3; read in the machine-readable
# table), every fifth row and fewer at the red end, where single rows are noisy and were smoothed by eye; u-g
# beyond 3.2 is noise there and held constant. Bluer: medians of the spectroscopic stars of SDSS DR14 with
# u < 19.6 in sdss_dr14_skyserver_10k, corrected for E(B-V) = 0.03.
#
# Densities up to g-i = 3.0: chosen so that the Galaxy of `milky_way` holds the numbers of stars of each
# colour with 15 < i < 19.5 (r-z < 2.6) or 16 < z < 19.6 (redder) in the western half of a field of SDSS DR9
# at l = 223, b = +23 (VizieR V/139, 0.17 deg2; each source once, E(B-V) = 0.04), smoothed over three nodes;
# the eastern half is the test. Redder, where that field has few stars: a smooth fall such that all M dwarfs
# have 0.06 / pc3 (Reyle et al. 2021, A&A 650, A201: 61 % of the stars and brown dwarfs within 10 pc) and M7
# to M9.5 have 4.9e-3 / pc3 (Cruz et al. 2007, AJ 133, 439). The blue stars of the first nodes have no disc:
# see `BLUE_STARS`.
MAIN_SEQUENCE = np.array([
    (-0.30, 1.17, -0.16, -0.15, -0.10, 0), (-0.10, 1.16, -0.05, -0.07, -0.06, 0),
    (0.10, 1.05, 0.09, 0.01, -0.03, 0), (0.20, 1.06, 0.18, 0.03, -0.02, 9.7),
    (0.30, 1.07, 0.24, 0.06, 0.00, 38), (0.40, 1.07, 0.30, 0.10, 0.01, 85),
    (0.50, 1.14, 0.37, 0.13, 0.03, 116), (0.60, 1.25, 0.44, 0.16, 0.04, 107),
    (0.70, 1.40, 0.51, 0.19, 0.06, 85), (0.80, 1.56, 0.58, 0.21, 0.08, 83),
    (0.90, 1.73, 0.66, 0.24, 0.11, 70), (1.00, 1.90, 0.73, 0.27, 0.12, 60),
    (1.10, 2.04, 0.80, 0.30, 0.14, 45), (1.20, 2.17, 0.87, 0.32, 0.16, 64),
    (1.30, 2.28, 0.94, 0.35, 0.18, 66), (1.40, 2.38, 1.02, 0.38, 0.20, 72),
    (1.50, 2.46, 1.08, 0.41, 0.22, 85), (1.60, 2.53, 1.15, 0.45, 0.24, 96),
    (1.70, 2.57, 1.21, 0.49, 0.26, 112), (1.80, 2.61, 1.26, 0.54, 0.29, 108),
    (1.90, 2.61, 1.31, 0.59, 0.32, 144), (2.00, 2.61, 1.35, 0.65, 0.35, 164),
    (2.10, 2.62, 1.38, 0.71, 0.39, 200), (2.20, 2.61, 1.41, 0.79, 0.43, 243),
    (2.30, 2.60, 1.41, 0.88, 0.47, 316), (2.40, 2.59, 1.41, 0.98, 0.52, 370),
    (2.50, 2.59, 1.41, 1.08, 0.57, 409), (2.60, 2.59, 1.41, 1.18, 0.62, 511),
    (2.70, 2.61, 1.42, 1.28, 0.67, 603), (2.80, 2.62, 1.43, 1.36, 0.72, 565),
    (2.90, 2.61, 1.45, 1.45, 0.77, 474), (3.00, 2.62, 1.47, 1.53, 0.81, 347),
    (3.10, 2.62, 1.50, 1.60, 0.85, 350), (3.20, 2.62, 1.52, 1.68, 0.90, 350),
    (3.40, 2.62, 1.56, 1.83, 0.99, 450), (3.60, 2.62, 1.59, 2.00, 1.08, 350),
    (3.80, 2.62, 1.61, 2.19, 1.18, 250), (4.00, 2.62, 1.65, 2.34, 1.28, 200),
    (4.20, 2.62, 1.67, 2.50, 1.37, 170), (4.34, 2.62, 1.68, 2.64, 1.48, 150),
])  # fmt: skip

# Blue horizontal branch and blue stragglers, per deg2 and magnitude: 4,208 stars of the colours of A stars
# with 15 < g < 22 in 370 deg2 (Yanny et al. 2000, ApJ 540, 825; entered from memory). They spread over the
# first nodes of the main sequence.
BLUE_STARS = 1.6

# White dwarfs of spectral type DA: absolute r magnitude, then u-g, g-r, r-i, i-z, local density (1e-5 / pc3).
# The three hottest rows are medians of spectroscopic stars of SDSS DR14 with u-g < 0.4 and g-i < -0.4 (same
# file as above); the others were entered from memory of the models of Holberg & Bergeron 2006 (AJ 132, 1221)
# and could not be checked. Densities: the luminosity function of Harris et al. 2006 (AJ 131, 571) in round
# numbers from memory; the sum, 4.6e-3, is that of the 20 white dwarfs within 10 pc (Reyle et al. 2021).
WHITE_DWARFS = np.array([
    (9.8, -0.30, -0.49, -0.36, -0.31, 1), (10.8, -0.12, -0.40, -0.30, -0.27, 6),
    (11.7, 0.27, -0.27, -0.23, -0.22, 25), (12.3, 0.44, -0.10, -0.14, -0.16, 50),
    (13.1, 0.46, 0.12, 0.00, -0.07, 70), (13.9, 0.60, 0.35, 0.12, 0.02, 100),
    (14.7, 0.92, 0.57, 0.23, 0.09, 130), (15.6, 1.50, 0.92, 0.39, 0.18, 80),
])  # fmt: skip

# Ultracool dwarfs: spectral type (18 is M8, 20 L0, 30 T0), absolute z magnitude, then g-r, r-i, i-z, local
# density (1e-5 / pc3).
#
# i-z from L0: Skrzypek et al. 2015 (A&A 574, A78, table 1: Vega; read in a public copy), turned to AB with
# the offsets of Hewett et al. 2006 (MNRAS 367, 454: 0.366 in i, 0.533 in z; likewise). M8 and M9 join the
# end of the main sequence to L0, since their colours of 2015 were revised in 2016 (A&A 589, A49), which
# could not be read. r-i to L0: West et al. 2008 (AJ 135, 785, table 1; likewise, and 0.05 mag or less from
# Bochanski et al. 2007, AJ 133, 531); to L8 Best et al. 2018 (ApJS 234, 1; likewise) in the Pan-STARRS bands
# plus 0.12, the difference at L0. g-r, and r-i of later types: no measurement could be read; g and r of such
# dwarfs lie below the limit of SDSS.
#
# Absolute z: J (MKO) of Dupuy & Liu 2012 (ApJS 201, 19; coefficients read in a public copy) plus z-Y and Y-J
# of Skrzypek et al.; at M8 the mean with the parallaxes of the main sequence. Those of Best et al. in z of
# Pan-STARRS, a bluer filter, are 0.3 to 1.2 mag fainter with the same course; M_i of Schmidt et al. 2010 (AJ
# 139, 1808; likewise) as a function of i-z is up to 0.6 mag fainter (tests).
#
# Densities: L5 to T0 2.0 +- 0.8, T0.5 to T5.5 1.4 +- 0.3 and T6 to T8 5.3 +- 3.1 (1e-3 / pc3; Reyle et al.
# 2010, A&A 522, A112), L 3.8 or more and M7 to M9.5 4.9 (Cruz et al. 2007), shared among the types so that
# they run smoothly, and lowered from L0 to L3 until the disc of `milky_way` holds the 1,361 L and T dwarfs
# with J < 17.5 in 3,070 deg2 of Skrzypek et al. 2016 (1,414 at b = 60) and the 3,665 L dwarfs with z < 24 in
# 130 deg2 of Sorahana et al. 2019 (about 3,300).
ULTRACOOL_DWARFS = np.array([
    (18, 13.10, 1.70, 2.73, 1.52, 130), (19, 13.62, 1.75, 2.81, 1.68, 120),
    (20, 13.95, 1.80, 2.49, 1.84, 55), (21, 14.30, 1.90, 2.45, 1.85, 48), (22, 14.72, 2.00, 2.41, 1.87, 43),
    (23, 15.19, 2.10, 2.33, 1.93, 42), (24, 15.69, 2.20, 2.37, 2.03, 42), (25, 16.21, 2.20, 2.20, 2.16, 40),
    (26, 16.68, 2.20, 2.20, 2.34, 40), (27, 17.09, 2.20, 2.40, 2.54, 38), (28, 17.25, 2.20, 2.60, 2.76, 35),
    (29, 17.45, 2.20, 2.60, 2.98, 30), (30, 17.55, 2.20, 2.60, 3.19, 30), (31, 17.60, 2.20, 2.60, 3.38, 28),
    (32, 17.59, 2.20, 2.60, 3.53, 28), (33, 17.61, 2.20, 2.60, 3.65, 30), (34, 17.70, 2.20, 2.60, 3.73, 32),
    (35, 17.94, 2.20, 2.60, 3.78, 35), (36, 18.43, 2.20, 2.60, 3.81, 90), (37, 19.21, 2.20, 2.60, 3.84, 120),
    (38, 20.37, 2.20, 2.60, 3.91, 150),
])  # fmt: skip


# Scatter of u-g, g-r and i-z about the sequences. Main sequence: the dispersions of Covey et al. (2007) less
# 0.015 mag of measurement; u-g of red dwarfs is a guess. r-i takes the scatter of g-r with the other sign,
# since the locus is a function of g-i. Ultracool dwarfs: 0.07 mag a band (Skrzypek et al. 2015). White
# dwarfs: a guess that covers spectral types and masses.
_MAIN_SCATTER = np.array([
    (0.15, 0.12, 0.05, 0.05), (0.60, 0.07, 0.02, 0.025), (1.90, 0.12, 0.02, 0.03), (2.50, 0.11, 0.035, 0.035),
    (9.90, 0.15, 0.05, 0.045),
])  # fmt: skip
_ULTRACOOL_SCATTER = (0.3, 0.15, 0.10)
_WHITE_SCATTER = (0.08, 0.04, 0.04)


@dataclass(frozen=True)
class Sequence:
    """Stars along a line in the space of colours; every array has a row a node.

    Parameters
    ----------
    coordinate : float64 array, shape (k,)
        What tells the nodes apart: g-i, the spectral type, or the absolute magnitude in r. It rises.
    absolute_z : float64 array, shape (k,)
        Absolute magnitude in z.
    colours : float64 array, shape (k, 4)
        u-g, g-r, r-i, i-z without extinction.
    scatter : float64 array, shape (k, 3)
        Scatter of u-g, g-r and i-z.
    density : float64 array, shape (k,)
        Stars per pc3 near the Sun that are nearest to each node.
    opposite : float
        How r-i moves with the scatter of g-r: -1 keeps g-i; 0 lets r-i scatter as i-z does.
    """

    coordinate: FloatArray
    absolute_z: FloatArray
    colours: FloatArray
    scatter: FloatArray
    density: FloatArray
    opposite: float = 0.0

    def __len__(self) -> int:
        return len(self.coordinate)

    def draw(
        self, rng: np.random.Generator, node: NDArray[np.integer], scatter: float
    ) -> tuple[FloatArray, FloatArray]:
        """Stars near the given nodes: their coordinates, and their colours, shape (n, 4)."""
        middle = (self.coordinate[1:] + self.coordinate[:-1]) / 2
        edges = np.concatenate([self.coordinate[:1], middle, self.coordinate[-1:]])
        where = edges[node] + rng.random(len(node)) * (edges[node + 1] - edges[node])
        colours = np.stack([np.interp(where, self.coordinate, column) for column in self.colours.T], axis=1)
        noise = rng.normal(0, scatter, (len(node), 4)) * self.scatter[node][:, [0, 1, 2, 2]]
        noise[:, 2] += self.opposite * (noise[:, 1] + noise[:, 2])
        return where, colours + noise


@cache
def main_sequence() -> Sequence:
    """Stars from A to M7."""
    g_i, colours, density = MAIN_SEQUENCE[:, 0], MAIN_SEQUENCE[:, 1:5], MAIN_SEQUENCE[:, 5]
    scatter = _MAIN_SCATTER[np.searchsorted(_MAIN_SCATTER[:, 0], g_i), 1:]
    absolute_z = _absolute_r(colours) - colours[:, 2] - colours[:, 3]
    return Sequence(g_i, absolute_z, colours, scatter, density * 1e-5, opposite=-1.0)


def _absolute_r(colours: FloatArray) -> FloatArray:
    """Photometric parallax of the main sequence.

    To r-i = 1.2 the "faint" relation of Juric et al. (2008, equation 1), then that of Bochanski et al. 2010
    (AJ 139, 2679, table 4; read in a public copy) in r-z; they meet there. The first was entered from memory.
    """
    r_i, r_z = colours[:, 2], colours[:, 2] + colours[:, 3]
    blue = 4.0 + 11.86 * r_i - 10.74 * r_i**2 + 5.99 * r_i**3 - 1.20 * r_i**4
    red = 5.190 + 2.474 * r_z + 0.4340 * r_z**2 - 0.08635 * r_z**3
    return np.where(r_i < 1.2, blue, red)


@cache
def ultracool_dwarfs() -> Sequence:
    """Dwarfs from M8 to T8."""
    spectral_type, absolute_z, density = (
        ULTRACOOL_DWARFS[:, 0],
        ULTRACOOL_DWARFS[:, 1],
        ULTRACOOL_DWARFS[:, 5],
    )
    u_g = np.full(len(spectral_type), 2.6)  # as of the last M dwarfs; far below any limit
    colours = np.column_stack([u_g, ULTRACOOL_DWARFS[:, 2:5]])
    scatter = np.tile(_ULTRACOOL_SCATTER, (len(spectral_type), 1))
    return Sequence(spectral_type, absolute_z, colours, scatter, density * 1e-5)


@cache
def white_dwarfs() -> Sequence:
    """White dwarfs."""
    absolute_r, colours, density = WHITE_DWARFS[:, 0], WHITE_DWARFS[:, 1:5], WHITE_DWARFS[:, 5]
    absolute_z = absolute_r - colours[:, 2] - colours[:, 3]
    scatter = np.tile(_WHITE_SCATTER, (len(absolute_r), 1))
    return Sequence(absolute_r, absolute_z, colours, scatter, density * 1e-5)
