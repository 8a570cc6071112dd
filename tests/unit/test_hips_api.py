"""The Python calls: one image, many images, several bands, the short call of the talk, missing tiles."""

import inspect

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

import vo_photoz
from tests import hips_trees as trees
from vo_photoz.errors import SurveyError, UsageError
from vo_photoz.flow import Flag
from vo_photoz.hips.access.tiles import tile_path
from vo_photoz.hips.survey import HiPS
from vo_photoz.hips.write import TanImage, write_hips


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Whole skies, whose pixels have 0.458 degrees, in two frames."""
    folder = tmp_path_factory.mktemp("sky")
    return {frame: trees.whole_sky(folder / frame, frame=frame) for frame in ("equatorial", "galactic")}


def test_the_call_of_the_talk(sky):
    fs = vo_photoz.HiPSfs(str(sky["equatorial"]))
    pixels = fs.extractCoordinate([350.86, -55.225], [200, 200], 0.002, nested=True)
    assert pixels.shape == (200, 200)
    assert pixels.dtype == np.float32
    assert np.array_equal(pixels, HiPS(sky["equatorial"]).extract((350.86, -55.225), 200, 0.002).image)
    assert np.array_equal(pixels, fs.extractCoordinate((350.86, -55.225), 200, 0.002))
    assert fs.extractCoordinate([10, 20], [30, 20], 0.01).shape == (20, 30)


def test_the_ring_scheme_is_refused(sky):
    with pytest.raises(UsageError, match="ring"):
        vo_photoz.HiPSfs(sky["equatorial"]).extractCoordinate([1, 2], [3, 3], 0.1, nested=False)


def test_a_damaged_tile_is_not_passed_over_by_the_short_call(tmp_path):
    trees.whole_sky(tmp_path, order=0, width=16)
    for number in range(12):
        trees.write_tile(tmp_path, 0, number, b"<html>busy</html>")
    with pytest.raises(SurveyError, match="damaged"):
        vo_photoz.HiPSfs(tmp_path).extractCoordinate([1, 2], [3, 3], 0.1)


@pytest.mark.parametrize("coordinates", ["pairs", "SkyCoord"])
def test_many_images_are_those_of_single_calls(sky, coordinates):
    hips, rng = HiPS(sky["galactic"]), np.random.default_rng(2)
    pairs = np.stack([rng.uniform(0, 360, 30), rng.uniform(-90, 90, 30)], axis=1)
    pairs[7] = np.nan
    given = pairs if coordinates == "pairs" else SkyCoord(*pairs.T, unit="deg")
    seen = []
    stream = hips.extract_many(given, (9, 6), 0.4 * u.deg, batch=8)
    assert inspect.isgenerator(stream)
    for batch in stream:
        assert len(batch) <= 8
        assert batch.images.shape == (len(batch), 6, 9)
        assert not batch.flags.any()
        assert not batch.nan_fraction.any()
        for index, row in enumerate(batch.rows):
            alone = hips.extract(pairs[row], (9, 6), 0.4)
            assert np.allclose(batch.images[index], alone.image, atol=1e-6)
            assert batch.wcs(index).wcs == alone.wcs.wcs
        seen += batch.rows.tolist()
    assert sorted(seen) == [row for row in range(30) if row != 7]


def test_several_bands(sky):
    survey = trees.survey_of(sky["equatorial"], sky["galactic"])
    for rows, stamps in survey.extract_many([(10, 20), (300, -80)], 8, 0.5, flux="native"):
        assert stamps.pixels.shape == (len(rows), 2, 8, 8)
        assert stamps.bands == ("u", "g")
        assert stamps.mask.shape == stamps.pixels.shape
        assert stamps.nan_fraction.shape == (len(rows), 2)


@pytest.mark.parametrize(
    ("size", "resolution", "words"),
    [
        ((8, 8, 8), 0.1, "pixels a side"),
        (2.5, 0.1, "2.5"),
        ("big", 0.1, "big"),
        (0, 0.1, "0 pixels"),
        (8, 3 * u.s, "no size of a pixel"),
        (8, "fine", "fine"),
        (8, np.nan, "nan"),
    ],
)
def test_arguments_that_cannot_be_meant(sky, size, resolution, words):
    hips = HiPS(sky["equatorial"])
    with pytest.raises(UsageError, match=words):
        hips.extract((1, 1), size, resolution)
    with pytest.raises(UsageError, match=words):
        list(hips.extract_many([(1, 1)], size, resolution))


def test_positions_of_another_shape(sky):
    with pytest.raises(UsageError, match="shape"):
        list(HiPS(sky["equatorial"]).extract_many([1, 2, 3], 8, 0.1))
    for strange in ([1, 2, 3], 5, ["a", 1], [None, 1]):
        with pytest.raises(UsageError, match="is not one position"):
            vo_photoz.HiPSfs(sky["equatorial"]).extractCoordinate(strange, 8, 0.1)
    with pytest.raises(UsageError, match=r"\[8, 8, 8\] pixels a side"):
        vo_photoz.HiPSfs(sky["equatorial"]).extractCoordinate([1, 2], [8, 8, 8], 0.1)


@pytest.mark.parametrize("frame", ["equatorial", "galactic", "ecliptic"])
def test_a_tile_missing_inside_the_coverage_is_flagged_outside_it_is_empty(tmp_path, frame, caplog):
    image = TanImage(np.ones((400, 400)), 77.0, 12.0, 0.8)
    write_hips(tmp_path / "g", [image], band="g", tile_width=64, pixel_order=18, frame=frame)
    hips = HiPS(tmp_path / "g")
    whole = hips.extract((77.0, 12.0), 16, 0.8 * u.arcsec)
    assert whole.complete
    assert whole.nan_fraction == 0
    (batch,) = HiPS(tmp_path / "g").extract_many([(77.0, 14.0)], 16, 0.8 * u.arcsec)
    assert batch.flags[0] == Flag.BAND_MISSING | Flag.PIXELS_MASKED  # far outside
    for path in (tmp_path / "g").glob("Norder*/Dir*/*.fits"):
        if path.parent.name.startswith("Dir"):
            path.unlink()
    (batch,) = HiPS(tmp_path / "g").extract_many([(77.0, 12.0)], 16, 0.8 * u.arcsec)
    assert batch.flags[0] & Flag.PIXELS_UNAVAILABLE
    assert np.isnan(batch.images).all()
    assert batch.nan_fraction[0] == 1
    assert "missing inside its coverage" in caplog.text
    caplog.clear()
    hips, many = HiPS(tmp_path / "g"), np.column_stack([np.linspace(76.97, 77.03, 20), np.full(20, 12.0)])
    (batch,) = hips.extract_many(many, 16, 0.8 * u.arcsec)
    assert (batch.flags & Flag.PIXELS_UNAVAILABLE != 0).all()
    assert len(caplog.records) == 4
    assert "not listed" in caplog.records[-1].getMessage()


def test_a_coarse_map_promises_nothing(tmp_path):
    """A map of order 0 says that the whole sky is covered: hundreds of public HiPS are partial copies."""
    from mocpy import MOC

    trees.write_properties(tmp_path, hips_order=3, hips_order_min=3, hips_tile_width=64)
    MOC.from_healpix_cells(np.arange(12, dtype=np.uint64), np.zeros(12, np.uint8), max_depth=0).save(
        str(tmp_path / "Moc.fits"), format="fits"
    )
    (batch,) = HiPS(tmp_path).extract_many([(77.0, 12.0)], 16, 0.1)
    assert batch.flags[0] == Flag.BAND_MISSING | Flag.PIXELS_MASKED


def test_contradicting_properties_are_one_sentence(tmp_path):
    """Tiles of another width than said: flagged, with the reason in the log; no crash."""
    trees.write_properties(tmp_path, hips_order=3, hips_order_min=3, hips_tile_width=128)
    for number in range(768):
        trees.write_tile(tmp_path, 3, number, np.ones((64, 64)))
    (batch,) = HiPS(tmp_path).extract_many([(77.0, 12.0)], 16, 0.1)
    assert batch.flags[0] & Flag.PIXELS_UNAVAILABLE
    assert np.isnan(batch.images).all()
    assert tile_path(3, 0)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"hips_order": "deep"}, "hips_order"),
        ({"hips_order": "99"}, "hips_order"),
        ({"hips_order": "3", "hips_tile_width": "500"}, "hips_tile_width"),
        ({"hips_order": "3", "hips_frame": "supergalactic"}, "hips_frame"),
        ({}, "hips_order"),
    ],
)
def test_properties_that_cannot_be_used(tmp_path, entries, words):
    trees.write_properties(tmp_path, **entries)
    with pytest.raises(SurveyError, match=words):
        HiPS(tmp_path).extract((1, 1), 8, 0.1)
