"""The command ``surveys check`` against a catalogue: a survey that is right, and surveys that are wrong."""

from __future__ import annotations

import shutil
import tomllib

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from tests import star_field as field
from vo_photoz.cli.main import app


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Right HiPS of both bands, and wrong ones: 1.2 times the flux, moved, compressed."""
    folder = tmp_path_factory.mktemp("field")
    field.write_catalogue(folder / "stars.fits")
    for band in "gr":
        field.write_band(folder / band, band)
    field.write_band(folder / "bright", "r", values=lambda pixels: 1.2 * pixels)
    field.write_band(folder / "moved", "r", east=0.6, north=-0.8)
    field.write_band(folder / "asinh", "r", values=lambda pixels: np.arcsinh(pixels / 0.1))
    field.write_band(folder / "corner", "r", values=bright_corner)
    return folder


def bright_corner(pixels):
    """A quarter of the field with 1.2 times the flux, as of a detector with another gain."""
    pixels = pixels.copy()
    pixels[300:, 300:] *= 1.2
    return pixels


def check(world, tmp_path, g, r, *more):
    survey = field.write_survey(tmp_path / "field.toml", world / g, world / r)
    answer = run("surveys", "check", survey, "--catalogue", world / "stars.fits", *more)
    return survey, answer


def test_a_right_survey_passes_and_the_outcome_is_kept(world, tmp_path):
    survey, answer = check(world, tmp_path, "g", "r", "-o", tmp_path / "out")
    assert answer.exit_code == 0, answer.output
    found = Table.read(tmp_path / "out" / "photometry.ecsv")
    whole = found[found["region"] == "all"]
    assert list(whole["band"]) == ["g", "r"]
    assert np.abs(whole["zero_point"] - 22.5).max() < 0.005
    assert np.abs(whole["slope"]).max() < 0.01
    assert whole["scatter"].max() < 0.03
    assert np.hypot(whole["east"], whole["north"]).max() < 0.01
    assert whole["stars"].min() > 90
    assert len(found) > 2, "regions"
    assert abs(np.average(found["zero_point"][2:]) - 22.5) < 0.02
    as_votable = Table.read(tmp_path / "out" / "photometry.vot")
    assert as_votable["zero_point"].unit == "mag"
    assert len(as_votable) == len(found)
    assert (tmp_path / "out" / "photometry.png").read_bytes().startswith(b"\x89PNG")

    text = survey.read_text()
    for kept in ("# My own survey: this comment stays.", "# and this one", "# about the red band"):
        assert kept in text
    content = tomllib.loads(text)
    assert content["survey"]["tried"].startswith("20")
    for band in "gr":
        assert content["photometry"][band]["checked"].startswith("yes 20")
        told = content["photometry"][band]["checked"].split("zp=")[1].split()[0]
        assert float(told) == pytest.approx(22.5, abs=0.01)
    assert content["photometry"]["r"]["filter"] == "SLOAN/SDSS.r"
    shown = run("surveys", "show", survey).output
    assert "fluxes checked (20" in shown
    again = run("surveys", "check", survey)
    assert "not compared" not in again.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["field.toml", "out"]


@pytest.mark.parametrize(
    ("g", "r", "words"),
    [
        ("g", "bright", "Band r: the fluxes are 1.20 times those of the catalogue (zero point 22.6"),
        ("g", "moved", "Band r: the images lie +0.60 arcsec east and -0.80 arcsec north of the catalogue."),
        ("g", "asinh", "Band r: the pixels are not linear in flux"),
        ("r", "g", "Band g: the pixels look like band r of the catalogue"),
        ("r", "g", "Band r: the pixels look like band g of the catalogue"),
    ],
)
def test_a_wrong_survey_is_told_in_a_sentence(world, tmp_path, g, r, words):
    survey, answer = check(world, tmp_path, g, r)
    assert answer.exit_code == 1
    assert words in answer.output
    assert "Traceback" not in answer.output
    checked = tomllib.loads(survey.read_text())["photometry"]
    assert checked["r"]["checked"].startswith("no 20")
    if g == "g":
        assert "Band g" not in answer.output, "the right band is not blamed"
        assert checked["g"]["checked"].startswith("yes 20")
    assert "did not agree" in run("surveys", "check", survey).output


def test_a_region_that_differs_is_told(world, tmp_path):
    _, answer = check(world, tmp_path, "g", "corner", "--region-order", "11", "-o", tmp_path / "out")
    assert answer.exit_code == 1
    told = [line for line in answer.output.splitlines() if line.startswith("   Band")]
    assert len(told) == 1
    assert "regions the zero point differs from that of the others" in told[0]
    found = Table.read(tmp_path / "out" / "photometry.vot")
    corner = found[(found["band"] == "r") & (found["region"] != "all")]
    assert corner["zero_point"].max() - corner["zero_point"].min() == pytest.approx(0.198, abs=0.02)
    _, answer = check(world, tmp_path, "g", "r", "--region-order", "11")
    assert answer.exit_code == 0, answer.output


def test_columns_are_given_by_name(world, tmp_path):
    _, answer = check(world, tmp_path, "g", "r", "--band-columns", "g=rmag,r=gmag", "--no-keep")
    assert answer.exit_code == 1
    _, answer = check(world, tmp_path, "g", "r", "--band-columns", "g=nomag")
    assert "The table has no column 'nomag'" in answer.output
    survey, answer = check(world, tmp_path, "g", "r", "--band-columns", "x=gmag")
    assert "The survey has no band 'x'" in answer.output
    assert survey.read_text() == field.SURVEY.format(g=world / "g", r=world / "r"), "nothing is kept"
    _, answer = check(world, tmp_path, "g", "r", "--magnitudes", "5", "6")
    assert "no isolated sources between magnitude 5 and 6" in answer.output
    assert answer.exit_code == 1


def test_bands_that_are_not_compared_and_fewer_stars(world, tmp_path):
    Table.read(world / "stars.fits")["ra", "dec", "gmag"].write(tmp_path / "g.fits")
    survey = field.write_survey(tmp_path / "field.toml", world / "g", world / "r")
    answer = run("surveys", "check", survey, "--catalogue", tmp_path / "g.fits", "--stars", "40")
    assert answer.exit_code == 0, answer.output
    assert "r: not compared, the catalogue has no magnitudes of it" in answer.output
    stars = int(answer.output.split("stars=")[1].split()[0])
    assert 20 < stars <= 40
    assert tomllib.loads(survey.read_text())["photometry"]["r"]["checked"] == "no"


def test_map_and_tiles_are_compared(world, tmp_path):
    shutil.copytree(world / "r", tmp_path / "r")
    tiles = sorted((tmp_path / "r").glob("Norder*/Dir*/Npix*.fits"))
    deepest = max(int(tile.parts[-3][6:]) for tile in tiles)
    there = [tile for tile in tiles if f"Norder{deepest}" in tile.parts]
    number = int(there[0].stem[4:])
    there[0].rename(there[0].with_name(f"Npix{number + 5000}.fits"))
    survey = field.write_survey(tmp_path / "field.toml", world / "g", tmp_path / "r")
    answer = run("surveys", "check", survey)
    assert "1 are missing" in answer.output
    assert str(number) in answer.output
    assert f"The coverage map leaves out 1 tiles of order {deepest}" in answer.output
    assert f"({number + 5000})" in answer.output


def test_a_folder_without_its_deepest_tiles_is_a_problem(world, tmp_path):
    shutil.copytree(world / "r", tmp_path / "r")
    (tmp_path / "r" / "Moc.fits").unlink()
    survey = field.write_survey(tmp_path / "field.toml", world / "g", tmp_path / "r")
    answer = run("surveys", "check", survey)
    assert answer.exit_code == 0
    assert "has no coverage map" in answer.output
    assert answer.output.count("of its pixels have a value") == 2, "a tile is read all the same"
    for folder in (tmp_path / "r").glob("Norder*"):
        folder.rename(tmp_path / "r" / "Norder1")
    answer = run("surveys", "check", survey)
    assert answer.exit_code == 1
    assert "has no FITS tile of order" in answer.output


def test_mirrors_are_looked_at(world, tmp_path):
    survey = tmp_path / "field.toml"
    text = field.SURVEY.format(g=world / "g", r=world / "r")
    mirrors = f'g = ["{world / "g"}", "{tmp_path / "nowhere"}", "{tmp_path / "other"}"]'
    survey.write_text(text.replace(f'g = "{world / "g"}"', mirrors))
    shutil.copytree(world / "g", tmp_path / "other")
    properties = tmp_path / "other" / "properties"
    properties.write_text(properties.read_text().replace("2026-01-01", "2020-01-01"))
    answer = run("surveys", "check", survey)
    assert answer.exit_code == 0
    assert f"The mirror {tmp_path / 'nowhere'} cannot be used" in answer.output
    assert f"The mirror {tmp_path / 'other'} holds another version: hips_release_date" in answer.output


def test_the_outcome_for_a_shipped_survey_goes_to_a_copy_of_its_file(private_home):
    from vo_photoz.hips.checks.survey_file import keep_check
    from vo_photoz.hips.survey import load_survey, survey_file

    shipped = survey_file("sdss")
    before = shipped.read_bytes()
    kept = keep_check(shipped, {"g": "yes 2026-11-22 zp=22.5"}, tried="2026-11-22")
    assert kept == survey_file("sdss") != shipped
    assert private_home in kept.parents
    assert shipped.read_bytes() == before
    survey = load_survey("sdss", offline=True)
    assert survey.tried == "2026-11-22"
    assert survey.photometry["g"].checked
    assert survey.photometry["g"].checked_result == "2026-11-22 zp=22.5"
    assert not survey.photometry["r"].checked
    keep_check(kept, {"g": "no 2026-11-23"})
    assert not load_survey("sdss").photometry["g"].checked


def test_the_sandbox_is_right(sandbox, tmp_path):
    """A sky with galaxies, companions and catalogue errors, whose zero point is 22.5 by its making."""
    text = (sandbox / "survey.toml").read_text()
    (tmp_path / "s.toml").write_text(text.replace('"hips/', f'"{sandbox}/hips/'))
    run("surveys", "check", tmp_path / "s.toml", "--catalogue", sandbox / "sources.vot", "-o", tmp_path)
    found = Table.read(tmp_path / "photometry.ecsv")
    found = found[(found["region"] == "all") & (found["stars"] > 15)]  # the small sandbox has few stars
    assert len(found) >= 3
    error = found["zero_point_error"]
    assert error.max() < 0.03
    assert (np.abs(found["zero_point"] - 22.5) < 3 * error).all()
    assert abs(np.average(found["zero_point"], weights=error**-2) - 22.5) < 0.02
    # Each source of the sandbox is moved by 0.06 arcsec at random in each band; the bands are independent.
    assert abs(np.average(found["east"], weights=found["stars"])) < 0.02
    assert abs(np.average(found["north"], weights=found["stars"])) < 0.02
