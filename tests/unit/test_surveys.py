"""The survey files that come with the program, and the user's own."""

import math
import re
import tomllib

import pytest

from vo_photoz.errors import SurveyError
from vo_photoz.hips.checks.survey_file import keep_check
from vo_photoz.hips.survey import HiPS, list_surveys, load_survey, own_surveys, survey_file

SHIPPED = ["cfhtls-wide", "dss2", "legacy-dr10", "panstarrs", "sdss", "skymapper"]
PHOTOMETRIC = {"sdss": 22.5, "legacy-dr10": 22.5, "cfhtls-wide": 30.0}
# Schlafly & Finkbeiner (2011), table 6: what any copy must agree with.
EXTINCTION = {("sdss", "u"): 4.239, ("panstarrs", "y"): 1.087, ("legacy-dr10", "g"): 3.237}


def test_which_surveys_are_shipped():
    assert list_surveys() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_survey_is_complete(name):
    survey = load_survey(name, offline=True)
    text = survey_file(name).read_text()
    assert survey.name == name
    assert len(survey.title) > 5
    assert survey.bands
    assert survey.tried == "no"
    assert "Nothing here was tried" in text
    assert "Where each fact comes from" in text
    for band in survey.bands:
        addresses = survey.hips[band].addresses
        assert len(addresses) >= 2, "mirrors"
        assert len(set(addresses)) == len(addresses)
        assert all(re.fullmatch(r"https://[\w.-]+/[\w./-]+", one) for one in addresses)
        assert not survey.photometry[band].checked
        side = survey.photometry[band].source_pixel_arcsec
        assert name == "dss2" or 0.1 < side < 1.1
        assert name == "dss2" or re.fullmatch(r"[\w-]+/[\w-]+\.[a-z]", survey.photometry[band].filter)
    every = [address for band in survey.bands for address in survey.hips[band].addresses]
    assert len(set(every)) == len(every), "no address twice"
    coefficients = [survey.photometry[band].extinction_coefficient for band in survey.bands]
    known = [one for one in coefficients if one is not None]
    assert known == sorted(known, reverse=True), "extinction falls with wavelength"


@pytest.mark.parametrize("name", SHIPPED)
def test_only_known_fluxes_are_photometric(name):
    survey = load_survey(name, offline=True)
    for band in survey.bands:
        if name in PHOTOMETRIC:
            assert survey.zero_point(band) == pytest.approx(PHOTOMETRIC[name], abs=1e-4)
            area = survey.photometry[band].source_pixel_arcsec ** 2
            njy = 3631e9 * 10 ** (-0.4 * PHOTOMETRIC[name])
            assert survey.surface_brightness(band) == pytest.approx(njy / area, rel=1e-6)
        else:
            with pytest.raises(SurveyError, match="no fluxes"):
                survey.surface_brightness(band)


def test_extinction_coefficients():
    for (name, band), value in EXTINCTION.items():
        assert load_survey(name).photometry[band].extinction_coefficient == value


def test_a_file_in_the_users_folder_is_a_survey(private_home):
    own_surveys().mkdir(parents=True)
    (own_surveys() / "mine.toml").write_text('[survey]\nbands = ["r"]\n[hips]\nr = "r"\n')
    assert "mine" in list_surveys()
    survey = load_survey("mine")
    assert survey.name == "mine"
    assert survey.hips["r"].addresses == [str(own_surveys().resolve() / "r")]
    assert survey.zero_point("r") is None


def test_outcomes_of_checks_are_read(tmp_path):
    path = tmp_path / "s.toml"
    text = '[survey]\nbands = ["g", "r", "i"]\n[hips]\ng = "g"\nr = "r"\ni = "i"\n'
    text += '[photometry.g]\nchecked = "yes 2026-11-22 zp=22.498"\n'
    text += '[photometry.r]\nchecked = "no 2026-11-22 zp=22.7"\n[photometry.i]\nchecked = true\n'
    path.write_text(text)
    known = load_survey(path).photometry
    assert (known["g"].checked, known["g"].checked_result) == (True, "2026-11-22 zp=22.498")
    assert (known["r"].checked, known["r"].checked_result) == (False, "2026-11-22 zp=22.7")
    assert (known["i"].checked, known["i"].checked_result) == (True, "")


def test_keeping_changes_nothing_else(tmp_path):
    path = tmp_path / "s.toml"
    text = (
        "# head\n\n[survey]  # about\nname='s'\nbands = [\n  \"g\",  # first\n]\n"
        '[hips]\ng = "g"\n\n[photometry.g]  # flux\n# why\nzero_point = 25.0 # AB\nchecked = "no"\n# end\n'
    )
    path.write_text(text)
    path.chmod(0o640)
    assert keep_check(path, {"g": "yes 2026-11-22"}) == path
    assert path.read_text() == text.replace('checked = "no"', 'checked = "yes 2026-11-22"')
    assert path.stat().st_mode & 0o777 == 0o640
    keep_check(path, {"new": "no 2026-11-22"})
    content = tomllib.loads(path.read_text())
    assert content["photometry"]["new"] == {"checked": "no 2026-11-22"}
    assert content["photometry"]["g"]["zero_point"] == 25.0
    assert path.read_text().startswith("# head\n")
    assert [one.name for one in tmp_path.iterdir()] == ["s.toml"]


def test_what_cannot_be_kept_is_told(tmp_path):
    (tmp_path / "s.toml").write_text("[survey\n")
    with pytest.raises(SurveyError, match="cannot be kept") as caught:
        keep_check(tmp_path / "s.toml", {"g": "yes"})
    assert "--no-keep" in caught.value.advice
    with pytest.raises(SurveyError, match="cannot be kept"):
        keep_check(tmp_path / "gone" / "s.toml", {"g": "yes"})


def test_zero_point_follows_the_unit(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text('[survey]\nbands = ["g"]\npixel_unit = "nJy"\n[hips]\ng = "g"\n')
    assert load_survey(path).zero_point("g") == pytest.approx(31.4, abs=0.001)
    assert math.isclose(load_survey("sdss").zero_point("g"), 22.5)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("[photometri.g]\nzero_point = 22.5", "unknown table or key 'photometri'"),
        ("[photometry.gg]\nzero_point = 22.5", "[photometry.gg] belongs to no band"),
        ('[photometry.g]\nzero_point = "22.5"', "zero_point of band g is not a number"),
        ("[photometry]\nzero_point = 22.5", "[photometry.zero_point] belongs to no band"),
    ],
)
def test_typing_errors_do_not_pass_in_silence(tmp_path, lines, told):
    path = tmp_path / "s.toml"
    path.write_text(f'[survey]\nname = "s"\n[hips]\ng = "g"\n{lines}\n')
    with pytest.raises(SurveyError, match=re.escape(told)):
        load_survey(path)


def test_an_address_that_nobody_can_read_is_told():
    with pytest.raises(SurveyError, match="ftp:// is unknown"):
        HiPS("ftp://example.org/hips")


def test_a_web_page_is_no_hips(tmp_path):
    (tmp_path / "properties").write_text("<!DOCTYPE html><title>Welcome</title>")
    with pytest.raises(SurveyError, match="is a web page"):
        _ = HiPS(f"{tmp_path}/").order
