"""HiPS that we write: same bytes each time, complete properties, coverage that every reader takes."""

import hashlib
import subprocess

import numpy as np
import pytest
from mocpy import MOC

from tests import hips_trees as trees
from tests.conftest import need_commands
from vo_photoz.errors import SurveyError, UsageError
from vo_photoz.hips.coverage import hips_coverage
from vo_photoz.hips.decode import as_image
from vo_photoz.hips.survey import HiPS
from vo_photoz.hips.write import TanImage, write_hips
from vo_photoz.sky.moc import contains

# HiPS 1.0, section 4.4.1: the entries that are required, and those we promise besides.
REQUIRED = [
    "creator_did",
    "obs_title",
    "dataproduct_type",
    "hips_version",
    "hips_release_date",
    "hips_status",
    "hips_tile_format",
    "hips_order",
    "hips_frame",
    "hips_tile_width",
    "hips_order_min",
    "s_pixel_scale",
    "hips_pixel_scale",
    "obs_description",
]


def image(seed=0, ra=150.0, dec=2.0, size=120, scale=0.4):
    return TanImage(np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32), ra, dec, scale)


def digest(root):
    names = sorted(path for path in root.rglob("*") if path.is_file())
    return hashlib.sha256(
        b"".join(str(path.relative_to(root)).encode() + path.read_bytes() for path in names)
    ).hexdigest()


def write(root, images, **options):
    write_hips(root, images, **{"band": "g", "tile_width": 64, "date": "2026-01-01T00:00Z", **options})
    return HiPS(root)


def test_same_images_give_the_same_bytes(tmp_path, monkeypatch):
    several = [image(1), image(2, ra=150.02)]
    write(tmp_path / "a", several, min_order=11)
    write(tmp_path / "b", several, min_order=11)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    hips = write(tmp_path / "c", several, date="")
    assert hips.properties["hips_release_date"] == "2023-11-14T22:13Z"


def test_properties_say_what_the_standard_asks_for(tmp_path):
    hips = write(tmp_path / "g", [image()], title="a title", properties={"obs_ack": "thanks\nto all"})
    assert [key for key in REQUIRED if not hips.properties.get(key)] == []
    assert hips.properties["obs_title"] == "a title"
    assert hips.properties["obs_ack"] == "thanks\\nto all"
    assert (hips.order, hips.min_order, hips.width, hips.frame) == (13, 13, 64, "equatorial")
    assert hips.source_pixel_arcsec == pytest.approx(0.4, rel=1e-8)


@pytest.mark.parametrize("frame", ["equatorial", "galactic"])
def test_coverage_holds_all_pixels_and_little_more(tmp_path, frame):
    hips = write(tmp_path / "g", [image()], frame=frame)
    coverage = hips_coverage(hips)
    half = 60 * 0.4 / 3600
    rng = np.random.default_rng(0)
    ra = 150 + rng.uniform(-half, half, 500) / np.cos(np.radians(2))
    assert contains(coverage, ra, 2 + rng.uniform(-half, half, 500)).all()
    assert not contains(coverage, np.array([150.1, 150.0]), np.array([2.0, 2.1])).any()
    moc = MOC.load(tmp_path / "g" / "Moc.fits")
    assert moc.max_order == 13
    assert float(hips.properties["moc_sky_fraction"]) == pytest.approx(moc.sky_fraction, rel=1e-5)


def test_coverage_is_not_empty_for_stilts(tmp_path):
    need_commands("stilts")
    write(tmp_path / "g", [image()])
    (tmp_path / "t.csv").write_text("ra,dec\n150.0,2.0\n151.0,2.0\n")
    command = ["stilts", "tpipe", "ifmt=csv", f"in={tmp_path / 't.csv'}", "omode=count"]
    command.append(f"cmd=select 'inMoc(\"{tmp_path / 'g' / 'Moc.fits'}\",ra,dec)'")
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "rows: 1" in answer.stdout


def test_pixels_outside_all_images_are_nan_and_tiles_without_value_absent(tmp_path):
    empty = TanImage(np.full((50, 50), np.nan), 10.0, 10.0, 0.4)
    hips = write(tmp_path / "g", [image(), empty])
    tiles = {
        path: as_image(hips.tiles.get(13, int(path.stem[4:])), 64) for path in hips_tiles(tmp_path / "g")
    }
    assert all(np.isfinite(tile).any() for tile in tiles.values())
    finite = sum(int(np.isfinite(tile).sum()) for tile in tiles.values())
    assert finite == pytest.approx((120 * 0.4 / hips.pixel_arcsec()) ** 2, rel=0.01)
    with pytest.raises(SurveyError, match="nothing to write"):
        write(tmp_path / "none", [empty])
    assert not (tmp_path / "none").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["g"]


def hips_tiles(root, order=13):
    return sorted((root / f"Norder{order}").rglob("*.fits"))


def test_tiles_hold_the_image_where_it_belongs(tmp_path):
    """Pixel centres of the tiles (by healpy) against the image, interpolated by scipy."""
    from astropy.wcs import WCS
    from scipy.ndimage import map_coordinates

    one = image(3)
    hips = write(tmp_path / "g", [one])
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ("RA---TAN", "DEC--TAN"), (150, 2), (60.5, 60.5)
    wcs.wcs.cdelt = -0.4 / 3600, 0.4 / 3600
    compared = 0
    for path in hips_tiles(tmp_path / "g"):
        number = int(path.stem[4:])
        vectors = trees.pixel_vectors(13, 64, number)
        ra = np.degrees(np.arctan2(vectors[..., 1], vectors[..., 0])) % 360
        x, y = wcs.all_world2pix(ra, np.degrees(np.arcsin(vectors[..., 2])), 0)
        expected = map_coordinates(one.pixels.astype(float), [y, x], order=1, cval=np.nan)
        found = as_image(hips.tiles.get(13, number), 64)
        both = np.isfinite(found) & np.isfinite(expected)
        compared += int(both.sum())
        assert np.allclose(found[both], expected[both], atol=2e-5)
    assert compared > 13_000


def test_lower_orders_are_means_of_what_is_there(tmp_path):
    hips = write(tmp_path / "g", [image()], min_order=12)
    for path in hips_tiles(tmp_path / "g", 12):
        parent = int(path.stem[4:])
        upper = as_image(hips.tiles.get(12, parent), 64)
        # By direction, not by the arithmetic of the layout: the four pixels nearest to a parent.
        vectors = trees.pixel_vectors(12, 64, parent).reshape(-1, 3)
        children = [4 * parent + child for child in range(4)]
        lower = np.concatenate([trees.pixel_vectors(13, 64, child).reshape(-1, 3) for child in children])
        values = np.concatenate(
            [
                np.full(4096, np.nan)
                if (tile := hips.tiles.get(13, child)) is None
                else as_image(tile, 64).ravel()
                for child in children
            ]
        )
        for pixel in np.random.default_rng(1).choice(4096, 60, replace=False):
            four = np.argsort(-(lower @ vectors[pixel]))[:4]
            expected = np.nan if np.isnan(values[four]).all() else np.nanmean(values[four])
            assert upper.ravel()[pixel] == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True)


def test_overlap_takes_the_first_or_the_mean(tmp_path):
    both = [TanImage(np.full((60, 60), value), 20.0, 3.0, 0.4) for value in (1.0, 3.0)]
    both[0].pixels[:, :20] = np.nan
    for overlap, expected in (("first", {1.0, 3.0}), ("mean", {2.0, 3.0})):
        hips = write(tmp_path / overlap, both, overlap=overlap)
        values = hips.extract((20.0, 3.0), 40, 0.4 / 3600, "nearest").image
        assert set(np.unique(values.round(5))) == expected


def test_an_existing_folder_is_kept_unless_allowed(tmp_path):
    write(tmp_path / "g", [image(1)])
    before = digest(tmp_path / "g")
    with pytest.raises(SurveyError, match="exists"):
        write(tmp_path / "g", [image(2)])
    assert digest(tmp_path / "g") == before
    write(tmp_path / "g", [image(2)], overwrite=True)
    assert digest(tmp_path / "g") != before


@pytest.mark.parametrize(
    "options", [{"tile_width": 100}, {"pixel_order": 30}, {"pixel_order": 4}, {"min_order": 14}], ids=str
)
def test_options_that_cannot_be_meant(tmp_path, options):
    with pytest.raises(UsageError):
        write(tmp_path / "g", [image()], **options)
    with pytest.raises(UsageError):
        write(tmp_path / "g", [])
