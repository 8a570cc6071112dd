"""Rendered pixels against GalSim: same sources, same point spread function."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.simulation.imaging.drawing import draw_smudges, draw_sources, place
from vo_photoz.simulation.imaging.exposures import BANDS, SDSS_IMAGING, draw_exposures
from vo_photoz.simulation.imaging.profiles import TRUNCATION, sersic_table
from vo_photoz.simulation.populations import Population

galsim = pytest.importorskip("galsim")

SIDE = 34
PIXEL = 0.396
# Radius (arcsec), Sersic index, axis ratio, position angle, share of a central point, place from the middle.
CASES = [
    (0.0, 0.0, 1.0, 0.0, 1.0, (0.0, 0.0)),
    (0.0, 0.0, 1.0, 0.0, 1.0, (0.37, -0.21)),
    (0.25, 1.0, 0.8, 20.0, 0.0, (0.1, 0.4)),
    (0.6, 1.0, 0.5, 70.0, 0.0, (-0.3, 0.2)),
    (0.8, 2.5, 0.7, 130.0, 0.0, (0.5, 0.5)),
    (1.0, 4.0, 0.9, 45.0, 0.0, (0.2, -0.4)),
    (2.2, 4.0, 0.4, 160.0, 0.0, (-0.1, 0.1)),
    (3.5, 1.0, 0.3, 10.0, 0.0, (0.3, 0.3)),
    (1.2, 1.5, 0.6, 90.0, 0.0, (0.0, 0.25)),
    (0.9, 4.0, 0.8, 30.0, 0.7, (-0.2, -0.3)),
    (1.0, 1.0, 0.7, 110.0, 0.0, (11.0, -6.0)),
    (0.0, 0.0, 1.0, 0.0, 1.0, (-12.0, 3.0)),
]


def population() -> Population:
    radius, index, ratio, angle, share, _ = (np.array(one) for one in zip(*CASES, strict=True))
    n = len(CASES)
    magnitude = 18 + 0.3 * np.arange(5) + np.zeros((n, 1))
    return Population(
        np.full(n, "GALAXY"), np.zeros(n), magnitude, radius, ratio, angle, index,
        np.repeat(share[:, None], 5, axis=1),
    )  # fmt: skip


def ours() -> np.ndarray:
    images = np.zeros((len(CASES), 5, SIDE, SIDE), np.float32)
    exposures = draw_exposures(np.random.default_rng(1), len(CASES))
    x, y = ((SIDE - 1) / 2 + np.array([case[5][axis] for case in CASES]) for axis in (0, 1))
    where = (np.repeat(one[:, None], 5, axis=1) for one in (x, y))
    draw_sources(images, place(population(), np.arange(len(CASES)), *where, PIXEL), exposures.spread)
    return images


def genuine(case: int, band: int) -> np.ndarray:
    """One source drawn by GalSim, more finely than it does by itself."""
    radius, index, ratio, angle, share, (dx, dy) = CASES[case]
    fine = galsim.GSParams(folding_threshold=1e-4, maxk_threshold=1e-4, maximum_fft_size=1 << 14)
    wing = SDSS_IMAGING.wing_share[band]
    psf = galsim.Add(
        galsim.Moffat(beta=4, fwhm=SDSS_IMAGING.fwhm_arcsec[band], flux=1 - wing, gsparams=fine),
        galsim.Moffat(beta=3, fwhm=SDSS_IMAGING.wing_arcsec, flux=wing, gsparams=fine),
    )
    source = psf
    if radius:
        # GalSim takes the half-light radius of the profile that ends.
        end = TRUNCATION * float(sersic_table().radius(np.array(radius), np.array(index)))
        galaxy = galsim.Sersic(index, half_light_radius=radius, trunc=end, gsparams=fine)
        # Minor axis shortened, major axis kept; angles from y towards lower x.
        galaxy = galaxy.transform(1, 0, 0, ratio).rotate((90 + angle) * galsim.degrees) / ratio
        source = galsim.Convolve(galaxy, psf, gsparams=fine) * (1 - share) + psf * share
    flux = 10 ** (0.4 * (22.5 - 18 - 0.3 * band))
    image = galsim.ImageD(SIDE, SIDE, scale=PIXEL)
    (source * flux).drawImage(image, method="no_pixel", offset=(dx, dy))
    return image.array


@pytest.mark.parametrize("case", range(len(CASES)))
def test_pixels_and_fluxes_agree(case):
    mine = ours()[case]
    for band in range(5):
        other = genuine(case, band)
        assert np.abs(mine[band] - other).max() < 0.01 * other.max(), BANDS[band]
        assert mine[band].sum() == pytest.approx(other.sum(), rel=1e-3), BANDS[band]


def test_faint_galaxies_without_a_shape_are_as_wide_as_with_one():
    galaxies = [2, 3]
    images = np.zeros((len(galaxies), 5, SIDE, SIDE), np.float32)
    middle = np.full((len(galaxies), 5), (SIDE - 1) / 2)
    exposures = draw_exposures(np.random.default_rng(1), len(galaxies))
    some = place(population().take(np.array(galaxies)), np.arange(len(galaxies)), middle, middle, PIXEL)
    draw_smudges(images, some, exposures.spread)
    shaped = np.zeros_like(images)
    draw_sources(shaped, some, exposures.spread)
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    inside = np.hypot(x, y) < 4
    light, true = images[:, :, inside].sum(axis=2), shaped[:, :, inside].sum(axis=2)
    assert light == pytest.approx(true, rel=0.12)
    assert images.max(axis=(2, 3)) == pytest.approx(shaped.max(axis=(2, 3)), rel=0.35)
