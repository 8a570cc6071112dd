"""Survey files and properties: what is read, what pixel values mean, what is refused."""

import numpy as np
import pytest

from tests import hips_trees as trees
from vo_photoz.errors import SurveyError
from vo_photoz.flow import Positions
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.properties import parse_properties
from vo_photoz.hips.survey import HiPS, list_surveys, load_survey

SURVEY = """
[survey]
name = "small"
bands = ["g", "r"]
pixel_unit = "nanomaggy"
[hips]
g = "trees/g"
r = ["nowhere", "trees/r"]
[photometry.g]
source_pixel_arcsec = 0.5
"""


@pytest.fixture
def survey_file(tmp_path):
    for band in "gr":
        trees.whole_sky(tmp_path / "trees" / band, order=0, width=16)
    file = tmp_path / "small.toml"
    file.write_text(SURVEY)
    return file


def test_folders_are_relative_to_the_file_and_mirrors_are_tried_in_turn(survey_file, monkeypatch):
    monkeypatch.chdir("/")
    survey = load_survey(survey_file)
    assert (survey.name, survey.bands, survey.pixel_unit) == ("small", ("g", "r"), "nanomaggy")
    assert survey.hips["r"].address == str(survey_file.parent / "trees/r")
    place = Positions(np.array([10.0]), np.array([20.0]), np.ones(1, bool))
    for _, stamps in cut_stamps(survey, place, size=4, pixel_arcsec=13000):
        assert np.isfinite(stamps.pixels).all()


def test_file_addresses(survey_file):
    hips = HiPS((survey_file.parent / "trees" / "g").as_uri())
    assert hips.order == 0
    assert hips.tiles.get(0, 3) is not None


def test_surface_brightness_of_units_and_zero_points(survey_file):
    survey = load_survey(survey_file)
    assert survey.surface_brightness("g") == pytest.approx(3631 / 0.5**2)
    assert survey.surface_brightness("r") == pytest.approx(3631 / 0.36**2)  # s_pixel_scale = 1E-4 degrees
    with_zero_point = trees.survey_of(survey_file.parent / "trees/g", zero_point=22.5, ab_offset=2.5)
    # 22.5 mag (AB) is one nanomaggy; 2.5 mag fainter is a tenth.
    assert with_zero_point.surface_brightness("u") == pytest.approx(363.1 / 0.36**2, rel=1e-6)
    survey.need_photometric()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('pixel_unit = "nanomaggy"', "", "does not say what a pixel value"),
        ("source_pixel_arcsec = 0.5", 'scaling = "asinh"', "asinh pixel values"),
    ],
)
def test_values_that_are_no_fluxes_are_refused(survey_file, old, new, words):
    survey_file.write_text(SURVEY.replace(old, new))
    survey = load_survey(survey_file)
    for refused in (survey.need_photometric, lambda: survey.surface_brightness("g")):
        with pytest.raises(SurveyError, match=words):
            refused()


def test_an_unknown_source_pixel_is_told(survey_file):
    trees.write_properties(survey_file.parent / "trees/r", hips_order=0, s_pixel_scale="")
    with pytest.raises(SurveyError, match="source pixel of band r"):
        load_survey(survey_file).surface_brightness("r")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[survey]", "[survey", "cannot be read"),
        ("[hips]", "[other]", r"no table \[hips\]"),
        ('g = "trees/g"', "g = 3", "not a text"),
        ('g = "trees/g"', "", "no address for band 'g'"),
        ("source_pixel_arcsec", "pixel_arcsec", "unknown key 'pixel_arcsec'"),
        ("0.5", "-1", "not a number above 0"),
        ("[photometry.g]", '[photometry.g]\nscaling = "log"', "scaling of band g is 'log'"),
        ("pixel_unit", "pixelunit", "unknown key 'pixelunit'"),
        ('["g", "r"]', "3", "not a list of names"),
    ],
)
def test_wrong_survey_files_are_told(survey_file, old, new, words):
    survey_file.write_text(SURVEY.replace(old, new, 1))
    with pytest.raises(SurveyError, match=words) as caught:
        load_survey(survey_file)
    assert str(survey_file) in str(caught.value)


def test_a_folder_with_a_survey_file_is_a_survey(survey_file):
    folder = survey_file.parent
    with pytest.raises(SurveyError, match=r"folder .* has no survey\.toml"):
        load_survey(folder / "trees")
    survey_file.rename(folder / "survey.toml")
    assert load_survey(folder).hips["g"].order == 0


def test_an_unknown_survey_names_those_that_there_are():
    with pytest.raises(SurveyError, match=r"There is no survey 'sdsss'.*sdss"):
        load_survey("sdsss")


@pytest.mark.parametrize("name", ["sdss", "panstarrs", "dss2"])
def test_surveys_that_come_with_the_program(name):
    assert name in list_surveys()
    survey = load_survey(name, offline=True)
    assert survey.tried == "no"
    assert all(address.startswith("https://") for hips in survey.hips.values() for address in hips.addresses)
    factors = {"sdss": 3631 / 0.396**2}
    if name in factors:
        assert [survey.surface_brightness(band) for band in survey.bands] == pytest.approx(
            [factors[name]] * 5
        )
    else:
        with pytest.raises(SurveyError, match="no fluxes"):
            survey.need_photometric()


def test_offline_refuses_the_network():
    with pytest.raises(SurveyError, match="the network is forbidden"):
        _ = load_survey("sdss", offline=True).hips["u"].order


def test_old_properties_are_read():
    text = "# comment\n\nnonsense\n#hips_order = 9\nhips_order = 3\nhips_order=4\nobs_title = a = b\n"
    assert parse_properties(text) == {"hips_order": "3", "obs_title": "a = b"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"hips_order": "three"}, "hips_order = 'three'"),
        ({"hips_tile_width": "500"}, "power of two"),
        ({"hips_frame": "supergalactic"}, "hips_frame = 'supergalactic'"),
    ],
)
def test_wrong_properties_are_told(tmp_path, entry, words):
    trees.write_properties(tmp_path, **{"hips_order": 3, **entry})
    with pytest.raises(SurveyError, match=words):
        HiPS(tmp_path).extract((1, 1), 4, 0.1)


def test_a_folder_that_is_no_hips_is_told(tmp_path):
    with pytest.raises(SurveyError, match="has no file 'properties'"):
        _ = HiPS(tmp_path).order
