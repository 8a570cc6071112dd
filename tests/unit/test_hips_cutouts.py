"""Stamps: astrometry against analytic skies, flags, fluxes, orders, threads."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from tests import hips_trees as trees
from vo_photoz.errors import SurveyError, UsageError
from vo_photoz.flow import Flag, Positions
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import HiPS
from vo_photoz.hips.write import TanImage, write_hips
from vo_photoz.sky.frames import rotation_from_icrs, unit_vectors

ARCSEC_AT_ORDER_7 = 1650.0  # the pixels of a whole sky of order 1 with tiles of 64


@pytest.fixture(scope="module")
def skies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("skies")
    return {
        frame: trees.whole_sky(folder / frame, frame=frame)
        for frame in ("equatorial", "galactic", "ecliptic")
    }


def positions_of(ra, dec):
    ra, dec = np.atleast_1d(np.asarray(ra, float)), np.atleast_1d(np.asarray(dec, float))
    valid = np.isfinite(ra) & np.isfinite(dec)
    return Positions(ra, dec, valid)


def all_stamps(survey, positions, **options):
    """Stamps and flags of all valid rows, back in the order of the rows."""
    pixels, flags = None, np.zeros(len(positions), np.int16)
    for rows, stamps in cut_stamps(survey, positions, **options):
        if pixels is None:
            pixels = np.full((len(positions), *stamps.pixels.shape[1:]), np.nan, np.float32)
        pixels[rows], flags[rows] = stamps.pixels, stamps.flags
    return pixels, flags


# Inside a face, across edges of faces, at both poles, where three faces meet, and at right ascension 0.
PLACES = [
    (33, 12),
    (90, 60),
    (180.001, 70),
    (45, 0),
    (0, 0.001),
    (359.999, -50),
    (12, 90),
    (77, -90),
    (0, 41.81),
]


@pytest.mark.parametrize("frame", ["equatorial", "galactic", "ecliptic"])
@pytest.mark.parametrize("place", PLACES)
def test_stamps_show_the_sky_wherever_they_lie(skies, frame, place):
    """A smooth function on the sphere comes back at every pixel, also across the seams of the grid."""
    cutout = HiPS(skies[frame]).extract(place, 33, ARCSEC_AT_ORDER_7 * u.arcsec)
    column, row = np.meshgrid(np.arange(33), np.arange(33))
    lon, lat = cutout.wcs.all_pix2world(column.ravel(), row.ravel(), 0)
    vectors = unit_vectors(lon, lat) @ rotation_from_icrs(frame).T
    expected = trees.smooth_function(vectors).reshape(33, 33)
    error = np.abs(cutout.image - expected) / np.radians(ARCSEC_AT_ORDER_7 / 3600)  # in pixels
    assert cutout.complete
    assert np.median(error) < 0.01
    assert error.max() < 0.5  # where three or four pixels meet; elsewhere far less
    assert np.quantile(error, 0.99) < 0.1


def test_fitted_map_is_as_good_as_projecting_every_pixel(tmp_path):
    """Small stamps take a fitted map, large images none: both show the same pixels."""
    rng = np.random.default_rng(1)
    image = TanImage(rng.normal(size=(300, 300)), 150.0, 41.8, 0.4)  # on the rim of a polar cap
    write_hips(tmp_path / "g", [image], band="g", tile_width=64, date="2026-01-01")
    hips = HiPS(tmp_path / "g")
    large = hips.extract((150.0, 41.8), (240, 240), 0.4 / 3600).image
    small = hips.extract((150.0, 41.8), (240, 2), 0.4 / 3600).image
    assert np.allclose(large[119:121], small, atol=1e-5)


def test_source_in_the_middle_with_north_up_and_east_left(tmp_path):
    """Blobs at known places XX of an arcsec, for even and odd sizes."""
    scale, sigma, centre = 0.4, 2.5, (210.3, 12.7)
    y, x = np.mgrid[:256, :256]
    pixels = np.exp(-((x - 127.5) ** 2 + (y - 127.5) ** 2) / (2 * sigma**2))
    pixels += 0.5 * np.exp(-((x - 127.5 - 20) ** 2 + (y - 127.5 - 12) ** 2) / (2 * sigma**2))
    write_hips(tmp_path / "g", [TanImage(pixels, *centre, scale)], band="g", pixel_order=20, tile_width=128)
    for size in (24, 25):
        image = HiPS(tmp_path / "g").extract(centre, size, scale * u.arcsec).image.astype(float)
        row, column = np.mgrid[:size, :size] - (size - 1) / 2
        near = np.hypot(row, column) < 9
        offset = [(part * image)[near].sum() / image[near].sum() * scale for part in (row, column)]
        assert np.hypot(*offset) < 0.01
    # The fainter blob lies 20 pixels to the west (right) and 12 to the north (up).
    wide = HiPS(tmp_path / "g").extract(SkyCoord(*centre, unit="deg"), 81, scale * u.arcsec).image
    assert wide[40 + 12, 40 + 20] == pytest.approx(0.5, abs=0.02)
    assert wide[40 - 12, 40 - 20] < 0.01


def test_flux_of_a_source_is_kept_in_every_unit(tmp_path):
    source, out, sigma = 0.396, 0.7, 3.0
    y, x = np.mgrid[:200, :200] - 99.5
    pixels = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    total = 2 * np.pi * sigma**2
    write_hips(
        tmp_path / "u", [TanImage(pixels, 10.0, -30.0, source)], band="u", pixel_order=19, tile_width=128
    )
    survey, places = trees.survey_of(tmp_path / "u"), positions_of(10.0, -30.0)
    sums = {}
    for flux in ("native", "per_pixel", "per_arcsec2", "nJy/arcsec2"):
        for _, stamps in cut_stamps(survey, places, size=64, pixel_arcsec=out, flux=flux):
            sums[flux] = float(stamps.pixels.sum(dtype=float))
            assert (
                stamps.unit
                == {
                    "native": "nanomaggy",
                    "per_pixel": "nanomaggy",
                    "per_arcsec2": "nanomaggy/arcsec2",
                    "nJy/arcsec2": "nJy/arcsec2",
                }[flux]
            )
    assert sums["per_pixel"] == pytest.approx(total, rel=0.003)
    assert sums["native"] * (out / source) ** 2 == pytest.approx(total, rel=0.003)
    assert sums["per_arcsec2"] * out**2 == pytest.approx(total, rel=0.003)
    assert sums["nJy/arcsec2"] * out**2 == pytest.approx(total * 3631, rel=0.003)


def test_coarser_orders_are_used_for_coarser_stamps(tmp_path):
    image = TanImage(np.ones((400, 400)), 40.0, 5.0, 0.4)
    write_hips(tmp_path / "g", [image], band="g", tile_width=64, min_order=11)
    hips = HiPS(tmp_path / "g")
    assert (hips.order, hips.min_order) == (13, 11)
    used = [hips.grid_for(scale).order for scale in (0.1, 0.396, 0.4026, 0.8, 0.81, 1.61, 3.3, 50)]
    assert used == [13, 13, 13, 13, 12, 11, 11, 11]
    assert np.nanmax(np.abs(hips.extract((40, 5), 16, 1.7 * u.arcsec).image - 1)) < 1e-6


def test_orders_that_are_not_in_the_folder_are_not_used(tmp_path):
    """A HiPS of the deepest order alone, whose properties do not say so."""
    image = TanImage(np.ones((400, 400)), 40.0, 5.0, 0.4)
    write_hips(tmp_path / "g", [image], band="g", tile_width=64)
    path = tmp_path / "g" / "properties"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("hips_order_min")) + "\n")
    hips = HiPS(tmp_path / "g")
    assert (hips.order, hips.min_order, hips.grid_for(1.7).order) == (13, 3, 13)
    assert np.isfinite(hips.extract((40, 5), 16, 1.7 * u.arcsec).image).all()


def test_bands_of_different_grids_show_the_same_sky(skies, tmp_path):
    other = trees.whole_sky(tmp_path / "other", order=2, width=32, frame="equatorial")
    survey = trees.survey_of(skies["equatorial"], other)
    pixels, flags = all_stamps(survey, positions_of([10, 200], [20, -66]), size=16, pixel_arcsec=1700)
    assert not flags.any()
    assert np.allclose(pixels[:, 0], pixels[:, 1], atol=1e-6)


def test_batches_threads_and_order_of_rows_change_nothing(skies):
    rng = np.random.default_rng(5)
    places = positions_of(rng.uniform(0, 360, 150), np.degrees(np.arcsin(rng.uniform(-1, 1, 150))))
    survey = trees.survey_of(skies["equatorial"], skies["equatorial"])
    options = {"size": 12, "pixel_arcsec": 1700.0}
    one, _ = all_stamps(survey, places, threads=1, **options)
    many, _ = all_stamps(survey, places, threads=3, batch=17, **options)
    assert np.array_equal(one, many)
    alone, _ = all_stamps(survey, places.take(slice(140, 150)), **options)
    assert np.array_equal(one[140:], alone)


def test_every_valid_row_comes_once_and_progress_is_told(skies):
    told = []
    ra = np.array([10.0, np.nan, 20.0, 350.0, 10.0])
    places = positions_of(ra, np.array([1.0, 1.0, np.nan, -5.0, 1.0]))
    survey = trees.survey_of(skies["equatorial"])
    rows = [
        row
        for batch, _ in cut_stamps(
            survey, places, size=4, pixel_arcsec=2000, batch=2, progress=lambda *step: told.append(step)
        )
        for row in batch
    ]
    assert sorted(rows) == [0, 3, 4]
    assert told == [("stamps", 2, 3), ("stamps", 3, 3)]


def test_missing_pixels_are_nan_and_flagged(tmp_path):
    """Half covered, uncovered in one band, damaged: three different flags, and never a zero."""
    order, width = 3, 64
    numbers = range(12 * 4**order)
    for band, left_out in (("u", set()), ("g", {100})):
        trees.write_properties(tmp_path / band, hips_order=order, hips_order_min=order, hips_tile_width=width)
        for number in set(numbers) - left_out:
            trees.write_tile(tmp_path / band, order, number, np.full((width, width), 7.0))
    trees.write_tile(tmp_path / "u", order, 200, b"<html>busy</html>")
    import healpy

    ra, dec = healpy.pix2ang(1 << order, [100, 200, 300], nest=True, lonlat=True)
    corner = np.degrees(
        np.array(healpy.boundaries(1 << order, 100, nest=True)[:, 0])
    )  # one corner of tile 100
    edge = SkyCoord(*corner, representation_type="cartesian").spherical
    ra, dec = np.append(ra, edge.lon.deg), np.append(dec, edge.lat.deg)
    survey = trees.survey_of(tmp_path / "u", tmp_path / "g")
    pixels, flags = all_stamps(survey, positions_of(ra, dec), size=16, pixel_arcsec=400)
    assert flags[0] == Flag.BAND_MISSING | Flag.PIXELS_MASKED
    assert flags[1] == Flag.PIXELS_UNAVAILABLE | Flag.BAND_MISSING | Flag.PIXELS_MASKED
    assert flags[2] == 0
    assert flags[3] == Flag.PIXELS_MASKED
    assert np.isnan(pixels[0, 1]).all()
    assert np.allclose(pixels[0, 0], 7)
    assert 0 < np.isnan(pixels[3, 1]).sum() < 256
    assert np.allclose(pixels[np.isfinite(pixels)], 7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 0}, "0 pixels"),
        ({"pixel_arcsec": -1.0}, "-1"),
        ({"interpolation": "cubic"}, "cubic"),
        ({"flux": "magnitudes"}, "magnitudes"),
    ],
)
def test_options_that_cannot_be_meant(skies, options, words):
    survey = trees.survey_of(skies["equatorial"])
    with pytest.raises(UsageError, match=words):
        list(cut_stamps(survey, positions_of(1, 1), **{"size": 4, "pixel_arcsec": 2000.0, **options}))


def test_pictures_are_refused_for_stamps(tmp_path):
    trees.write_properties(tmp_path, hips_order=3, hips_tile_format="jpeg png")
    with pytest.raises(SurveyError, match="no FITS tiles"):
        HiPS(tmp_path).extract((1, 1), 8, 1e-3)
