"""E(B-V) from HEALPix maps in every frame and order, and what a prediction makes of it."""

from types import SimpleNamespace

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from vo_photoz.datasets.manifest import Dereddening
from vo_photoz.errors import ModelError, SurveyError
from vo_photoz.flow import Flag, Positions, Stamps
from vo_photoz.hips.extinction import coefficients, deredden, read_dust_map
from vo_photoz.hips.survey import BandPhotometry, HiPS, Survey
from vo_photoz.pipeline.prediction.dust import Dust

NSIDE = 64
FRAMES = {"G": "galactic", "C": "icrs", "E": "barycentrictrueecliptic"}


def dust_at(lon, lat):
    """Dust that thickens towards the plane of a frame, and differs from side to side (radians)."""
    return 0.05 + 0.4 * np.cos(lat) ** 4 * (1.5 + np.cos(lon))


def write_map(path, *, frame="G", nest=False, name="EBV", **changes):
    theta, phi = healpy.pix2ang(NSIDE, np.arange(12 * NSIDE**2), nest=nest)
    values = dust_at(phi, np.pi / 2 - theta)
    for cell, value in changes.items():
        values[int(cell[1:])] = value
    healpy.write_map(path, values, nest=nest, coord=frame, column_names=[name], overwrite=True)
    return path


def places(count=500):
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    return Positions(ra, dec, np.ones(count, bool))


@pytest.mark.parametrize("nest", [False, True])
@pytest.mark.parametrize("frame", ["G", "C", "E"])
def test_frames_and_orders(tmp_path, frame, nest):
    where = places()
    lonlat = SkyCoord(where.ra, where.dec, unit="deg").transform_to(FRAMES[frame]).spherical
    expected = dust_at(lonlat.lon.rad, lonlat.lat.rad)
    dust = read_dust_map(write_map(tmp_path / "m.fits", frame=frame, nest=nest))
    assert np.abs(dust.at(where) / expected - 1).max() < 0.01
    other = read_dust_map(write_map(tmp_path / "n.fits", frame="C" if frame == "G" else "G", nest=nest))
    assert np.abs(other.at(where) / expected - 1).max() > 0.5, "the test would see the wrong frame"


def test_rows_without_a_value(tmp_path):
    where = places(4)
    where.valid[1] = False
    where.ra[1] = where.dec[1] = np.nan
    hole = int(healpy.ang2pix(NSIDE, where.ra[2], where.dec[2], lonlat=True))
    dust = read_dust_map(write_map(tmp_path / "m.fits", frame="C", **{f"p{hole}": healpy.UNSEEN}))
    assert np.isfinite(dust.at(where)).tolist() == [True, False, False, True]


def test_maps_of_a_part_of_the_sky(tmp_path):
    where = Positions(np.array([10.0, 200.0]), np.array([60.0, -60.0]), np.ones(2, bool))
    theta, phi = healpy.pix2ang(NSIDE, np.arange(12 * NSIDE**2))
    values = np.where(theta < np.pi / 2, dust_at(phi, np.pi / 2 - theta), healpy.UNSEEN)
    healpy.write_map(tmp_path / "m.fits", values, coord="C", partial=True, column_names=["EBV"])
    found = read_dust_map(tmp_path / "m.fits").at(where)
    assert found[0] == pytest.approx(dust_at(np.radians(10), np.radians(60)), rel=0.01)
    assert np.isnan(found[1])


def test_the_right_of_several_columns(tmp_path):
    flat = np.full(12, 0.25)
    healpy.write_map(tmp_path / "m.fits", [flat * 9, flat], coord="G", column_names=["TAU353", "E(B-V)"])
    assert np.allclose(read_dust_map(tmp_path / "m.fits").at(places(3)), 0.25)
    healpy.write_map(tmp_path / "n.fits", [flat, flat], coord="G", column_names=["A", "B"])
    with pytest.raises(SurveyError, match=r"not clear which is E\(B-V\)"):
        read_dust_map(tmp_path / "n.fits")


def test_files_that_are_no_map_are_told(tmp_path):
    with pytest.raises(SurveyError, match="cannot be read"):
        read_dust_map(tmp_path / "nowhere.fits")
    (tmp_path / "text.fits").write_text("E(B-V)")
    with pytest.raises(SurveyError, match="cannot be read"):
        read_dust_map(tmp_path / "text.fits")
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "image.fits")
    with pytest.raises(SurveyError, match="it has no table"):
        read_dust_map(tmp_path / "image.fits")
    path = write_map(tmp_path / "m.fits")
    with fits.open(path, mode="update") as parts:
        del parts[1].header["COORDSYS"]
    with pytest.raises(SurveyError, match="does not say the frame"):
        read_dust_map(path)


def test_dereddened_pixels():
    pixels = np.ones((3, 2, 4, 4), np.float32)
    ebv, per_ebv = np.array([0.0, 0.1, np.nan]), np.array([4.239, 1.263])
    found = deredden(pixels, ebv, per_ebv)
    assert found.dtype == np.float32
    assert (found[0] == 1).all()
    # 0.4239 mag brighter in the first band.
    assert found[1, 0, 0, 0] == pytest.approx(10 ** (0.4 * 0.4239), rel=1e-6)
    assert found[1, 1, 0, 0] == pytest.approx(10 ** (0.4 * 0.1263), rel=1e-6)
    assert np.isnan(found[2]).all()


ONES = Stamps(np.ones((2, 2, 3, 3), np.float32), np.zeros(2, np.int16), ("u", "g"), 0.4, "nJy/arcsec2")


def survey(tmp_path, **photometry):
    known = {"u": BandPhotometry(extinction_coefficient=4.239), "g": BandPhotometry(**photometry)}
    return Survey("s", "s", ("u", "g"), "nanomaggy", {band: HiPS(tmp_path) for band in "ug"}, known)


def test_a_raw_model_flags_only(tmp_path):
    card = SimpleNamespace(name="raw", dereddened=False, dereddening=None)
    where = places(40)
    path = write_map(tmp_path / "m.fits")
    dust = Dust.of(path, 0.3, card, survey(tmp_path), where)
    assert dust.ebv is not None
    assert (dust.flags(40) == np.where(dust.ebv > 0.3, Flag.HIGH_EXTINCTION, 0)).all()
    assert 0 < (dust.flags(40) > 0).sum() < 40
    assert dust.corrected(ONES, np.array([0, 1])) is ONES
    assert dust.told() == {"extinction": "not corrected, flagged only, flag above E(B-V) 0.3 (m.fits)"}


def test_a_dereddened_model_corrects(tmp_path):
    card = SimpleNamespace(name="clean", bands=["u", "g"], dereddened=True, dereddening=None)
    where = places(5)
    full = survey(tmp_path, extinction_coefficient=3.303)
    dust = Dust.of(write_map(tmp_path / "m.fits"), 0.3, card, full, where)
    rows = np.array([4, 2])
    found = dust.corrected(ONES, rows)
    expected = 10 ** (0.4 * dust.ebv[rows][:, None] * np.array([4.239, 3.303]))
    assert np.allclose(found.pixels[:, :, 0, 0], expected)
    assert (ONES.dereddened, found.dereddened) == (False, True)
    assert dust.told()["extinction"].startswith("corrected")


def test_a_mismatch_is_an_error(tmp_path):
    card = SimpleNamespace(name="clean", bands=["u", "g"], dereddened=True, dereddening=None)
    with pytest.raises(ModelError, match=r"no map of E\(B-V\)") as caught:
        Dust.of(None, 0.3, card, survey(tmp_path), places(1))
    assert "--ebv-map" in caught.value.advice
    with pytest.raises(SurveyError, match="no extinction coefficient for band g"):
        Dust.of(write_map(tmp_path / "m.fits"), 0.3, card, survey(tmp_path), places(1))
    assert coefficients(survey(tmp_path).only("u")).tolist() == [4.239]


def test_a_survey_with_other_coefficients_is_refused(tmp_path):
    """Coefficients of 1998 and 2011 differ by 14 %, of one filter in two papers by less than 2 %."""
    path, full = write_map(tmp_path / "m.fits"), survey(tmp_path, extinction_coefficient=3.303)
    how = Dereddening(map="SFD98", per_ebv={"u": 4.24, "g": 3.793})
    card = SimpleNamespace(name="clean", bands=["g", "u"], dereddened=True, dereddening=how)
    with pytest.raises(ModelError, match=r"3\.793 in band g; the survey s has 3\.303") as caught:
        Dust.of(path, 0.3, card, full, places(1))
    assert "extinction_coefficient = 3.793 below [photometry.g]" in caught.value.advice
    card.bands = ["u"]
    assert Dust.of(path, 0.3, card, full, places(1)).per_ebv is not None


def test_without_a_map_nothing_happens(tmp_path):
    dust = Dust.of(
        None,
        0.3,
        SimpleNamespace(name="raw", dereddened=False, dereddening=None),
        survey(tmp_path),
        places(3),
    )
    assert not dust.flags(3).any()
    assert dust.told() == {}
