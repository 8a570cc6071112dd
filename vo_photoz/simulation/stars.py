"""Stars of the simulated sky: the observed locus and number counts."""

from __future__ import annotations

import numpy as np

from vo_photoz.simulation.populations import Population, draw_bins, point_sources

# Stellar locus: g-i, then u-g, g-r, r-i, i-z. Medians of 3,216 point sources brighter than i = 20 in a field
# of VizieR V/139 (SDSS DR9); bluer than g-i = 0.2 those of spectroscopic stars of SDSS DR14. Beyond
# g-i = 2.3 u-g is noise and held constant.
_LOCUS = np.array([
    (-0.50, 0.27, -0.27, -0.23, -0.22), (-0.10, 1.19, -0.04, -0.06, -0.06), (0.10, 1.10, 0.11, 0.01, -0.03),
    (0.34, 0.99, 0.26, 0.08, 0.01), (0.51, 1.13, 0.38, 0.13, 0.04), (0.68, 1.35, 0.50, 0.18, 0.07),
    (0.90, 1.70, 0.65, 0.25, 0.12), (1.10, 2.06, 0.80, 0.30, 0.15), (1.31, 2.30, 0.96, 0.35, 0.19),
    (1.50, 2.50, 1.09, 0.41, 0.23), (1.70, 2.59, 1.21, 0.49, 0.27), (1.91, 2.64, 1.33, 0.58, 0.33),
    (2.10, 2.64, 1.41, 0.69, 0.39), (2.31, 2.60, 1.44, 0.87, 0.48), (2.49, 2.60, 1.46, 1.03, 0.57),
    (2.70, 2.60, 1.48, 1.22, 0.66), (2.88, 2.60, 1.49, 1.39, 0.74), (3.09, 2.60, 1.55, 1.54, 0.83),
    (3.32, 2.60, 1.68, 1.64, 0.89),
])  # fmt: skip
_LOCUS_SCATTER = np.array([0.08, 0.035, 0.025, 0.025])  # intrinsic, same sources
# Stars with i < 20.5 in bins of 0.3 in g-i from -0.6, and with 15 < i < 21 in bins of 0.5, same field.
_STAR_COLOUR_COUNTS = np.array([4, 11, 50, 627, 553, 353, 264, 306, 363, 489, 525, 314, 155])
_STAR_I_COUNTS = np.array([129, 136, 203, 203, 265, 275, 385, 408, 571, 641, 664, 721])


def draw_stars(rng: np.random.Generator, n: int) -> Population:
    """Stars on the observed SDSS locus, with the colours and magnitudes of a field at high latitude.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    n : int
        How many, 15 < i < 21.

    Returns
    -------
    Population
        Point sources at redshift 0.
    """
    colour = -0.6 + 0.3 * draw_bins(rng, n, _STAR_COLOUR_COUNTS)
    colours = np.stack([np.interp(colour, _LOCUS[:, 0], _LOCUS[:, k]) for k in range(1, 5)], axis=1)
    colours += rng.normal(0, 1, (n, 4)) * _LOCUS_SCATTER
    i = 15 + 0.5 * draw_bins(rng, n, _STAR_I_COUNTS)
    r = i + colours[:, 2]
    g = r + colours[:, 1]
    return point_sources(
        "STAR", np.zeros(n), np.stack([g + colours[:, 0], g, r, i, i - colours[:, 3]], axis=1)
    )
