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


@pytest.mark.parametrize("frame", ["equatorial", "galactic", "ecliptic"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_a_hundred_thousand_pixels_over_the_whole_sky(oracle, tmp_path, frame, interpolation):
    """Noise, stamps anywhere: the same as the oracle to the rounding of float32, edges of faces apart."""
    order, width, size, rng = 3, 64, 16, np.random.default_rng(11)
    trees.write_properties(
        tmp_path, hips_order=order, hips_order_min=order, hips_tile_width=width, hips_frame=frame
    )
    for number in range(12 * 4**order):
        trees.write_tile(tmp_path, order, number, rng.normal(100, 10, (width, width)))
    hips, reference = HiPS(tmp_path), oracle.Hips(str(tmp_path))
    # The ecliptic of HiPS does not nod with the axis of the Earth.
    reference.frame = {"ecliptic": "barycentricmeanecliptic"}.get(frame, reference.frame)
    vectors = rng.normal(size=(420, 3))
    ra = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360
    dec = np.degrees(np.arcsin(vectors[:, 2] / np.linalg.norm(vectors, axis=1)))
    scale, compared, off, worst = hips.pixel_arcsec() * 0.7, 0, 0, 0.0
    wanted = np.stack([ra, dec], axis=1)
    for batch in hips.extract_many(wanted, size, scale / 3600, interpolation):
        for index in range(len(batch)):
            row, column = np.mgrid[:size, :size]
            lon, lat = batch.wcs(index).all_pix2world(column.ravel(), row.ravel(), 0)
            expected = reference.sample(lon, lat, method=interpolation)
            inside = _inside_a_base_cell(lon, lat, reference.frame, order + 6)
            error = np.abs(batch.images[index].ravel() - expected)[inside]
            compared += len(error)
            off += int((error > 1e-4).sum())
            worst = max(worst, float(np.median(error)))
    assert compared >= 100_000
    if interpolation == "bilinear":
        assert off == 0
    else:  # the place of a pixel is known to a millionth of it: a few lie that near to a border
        assert off <= 5
    assert worst < 1e-5


def _inside_a_base_cell(lon, lat, frame, depth):
    """Whether the four neighbours of places lie in one base cell."""
    import healpy

    there = SkyCoord(lon, lat, unit="deg").transform_to(frame).spherical
    pixel = healpy.ang2pix(1 << depth, there.lon.deg, there.lat.deg, nest=True, lonlat=True)
    around = healpy.get_all_neighbours(1 << depth, pixel, nest=True)
    return (around >> 2 * depth == pixel >> 2 * depth).all(axis=0)
