"""Pixel for pixel against an independent, slow cutout, on simulated and on real tiles."""

import importlib.util
import shutil

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from scipy.ndimage import uniform_filter

from tests import hips_trees as trees
from vo_photoz.flow import Flag, Positions
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.decode import as_image
from vo_photoz.hips.survey import HiPS
from vo_photoz.hips.write import TanImage, write_hips

pytestmark = [
    pytest.mark.shared,
    pytest.mark.filterwarnings(
        "ignore::astropy.utils.exceptions.AstropyWarning"
    ),  # the oracle reads with astropy
]


@pytest.fixture(scope="module")
def oracle(shared):
    spec = importlib.util.spec_from_file_location(
        "oracle", shared / "recipes" / "hips" / "reference_cutout.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compare(oracle, root, places, size, scale, interpolation, frame=None):
    """Largest difference to the oracle relative to the largest value, and pixels valid in one alone."""
    reference, worst, masks = oracle.Hips(str(root)), 0.0, 0
    if frame:
        reference.frame = frame
    for ra, dec in places:
        found = HiPS(root).extract((ra, dec), size, scale / 3600, interpolation).image
        expected, _ = reference.cutout(ra, dec, size, scale, method=interpolation)
        masks += int((np.isnan(found) != np.isnan(expected)).sum())
        both = np.isfinite(found) & np.isfinite(expected)
        if both.any():
            worst = max(worst, float(np.abs(found - expected)[both].max() / np.abs(expected[both]).max()))
    return worst, masks


@pytest.mark.parametrize("frame", ["equatorial", "galactic"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("width", [64, 512])
def test_noise_agrees_pixel_for_pixel(oracle, tmp_path, frame, interpolation, width):
    rng = np.random.default_rng(4)
    image = TanImage(rng.normal(size=(500, 500)), 359.99, 33.0, 0.4)  # across right ascension 0
    write_hips(tmp_path / "r", [image], band="r", tile_width=width, frame=frame)
    places = zip(
        (359.99 + rng.uniform(-0.025, 0.025, 12)) % 360, 33.0 + rng.uniform(-0.02, 0.02, 12), strict=True
    )
    worst, masks = compare(oracle, tmp_path / "r", places, 48, 0.4, interpolation)
    assert worst < 1e-6
    assert masks == 0


@pytest.mark.parametrize("tree", ["DSS2Red", "IRAC4", "Planck-HFI143"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_real_tiles_agree_pixel_for_pixel(oracle, shared, tree, interpolation):
    """Unpadded files, BLANK as a float, int16, NaN, a galactic frame, widths 256 and 512, missing tiles."""
    root = shared / "data" / "hips" / tree
    hips, rng = HiPS(root), np.random.default_rng(6)
    # Places in and on the edge of four neighbouring tiles.
    places = [_sky_of(hips, number, rng) for number in (280, 281, 282, 283, 448, 449, 450, 451, 432) * 2]
    places += [_sky_of(hips, number, None) for number in (283, 451)]  # where four tiles meet
    worst, masks = compare(oracle, root, places, 40, hips.pixel_arcsec(), interpolation)
    assert worst < 2e-5
    assert masks == 0


def _sky_of(hips, number, rng):
    """ICRS degrees of a place in a tile of order 3: at random, or its southern corner."""
    import healpy

    corners = healpy.boundaries(8, number, nest=True).T
    weights = rng.dirichlet(np.ones(4)) if rng is not None else np.array([0.0, 0.0, 1.0, 0.0])
    vector = weights @ corners
    frame = {"equatorial": "icrs", "galactic": "galactic"}[hips.frame]
    place = SkyCoord(*vector, representation_type="cartesian", frame=frame).icrs.spherical
    return place.lon.deg, place.lat.deg


def test_two_real_bands_of_different_width(shared):
    """IRAC4 (512 px) and Planck (256 px): one survey, two grids, both frames galactic."""
    survey = trees.survey_of(shared / "data/hips/IRAC4", shared / "data/hips/Planck-HFI143")
    tile = as_image(survey.hips["u"].tiles.get(3, 281), 512)
    middle = uniform_filter(np.isfinite(tile).astype(float), 61) > 0.999  # far from pixels without value
    row, column = np.argwhere(middle)[0]
    vector = trees.pixel_vectors(3, 512, 281)[row, column]
    inside = SkyCoord(*vector, representation_type="cartesian", frame="galactic").icrs.spherical
    places = Positions(np.array([inside.lon.deg, 0.0]), np.array([inside.lat.deg, 89.0]), np.ones(2, bool))
    for rows, stamps in cut_stamps(survey, places, size=32, pixel_arcsec=60):
        flags = dict(zip(rows.tolist(), stamps.flags.tolist(), strict=True))
    assert flags[1] & Flag.BAND_MISSING
    assert not flags[0] & (Flag.BAND_MISSING | Flag.PIXELS_UNAVAILABLE)


def test_blank_pixels_of_a_real_tile_are_nan(shared):
    hips = HiPS(shared / "data/hips/DSS2Red")
    tile = as_image(hips.tiles.get(3, 432), hips.width)
    assert np.isnan(tile).sum() == 3
    assert np.nanmin(tile) > -32768


def test_a_real_tile_cut_short_is_unavailable_not_zero(shared, tmp_path):
    root = tmp_path / "planck"
    shutil.copytree(shared / "data/hips/Planck-HFI143", root)
    path = root / "Norder3/Dir0/Npix281.fits"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1000])
    hips = HiPS(root)
    cutout = hips.extract(_sky_of(hips, 281, np.random.default_rng(1)), 8, hips.pixel_arcsec() / 3600)
    assert not cutout.complete
    assert np.isnan(cutout.image).all()


@pytest.mark.parametrize("tree", ["CDS_P_DSS2_color", "CFHT", "PanSTARRS_DR1_color-z-zg-g"])
def test_pictures_are_refused(shared, tree):
    with pytest.raises(Exception, match="no FITS tiles"):
        HiPS(shared / "data/hips" / tree).extract((0, 0), 8, 0.1)
