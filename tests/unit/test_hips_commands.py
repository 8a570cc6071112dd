"""The commands cutouts, coverage and surveys, on a small survey written here."""

import shutil

import numpy as np
import pytest
import zarr
from astropy.io import fits
from astropy.wcs import WCS
from mocpy import MOC
from typer.testing import CliRunner

from vo_photoz.cli.main import app
from vo_photoz.flow import Flag
from vo_photoz.hips.write import TanImage, write_hips


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    for index, band in enumerate("gr"):
        pixels = np.full((200, 200), 1.0 + index)
        write_hips(folder / band, [TanImage(pixels, 30.0, -5.0, 0.4)], band=band, tile_width=64)
    text = '[survey]\nname="s"\nbands=["g","r"]\npixel_unit="nanomaggy"\n[hips]\ng="g"\nr="r"\n'
    (folder / "s.toml").write_text(text)
    return folder / "s.toml"


@pytest.fixture
def table(tmp_path):
    """Inside, no position, outside, inside."""
    path = tmp_path / "t.csv"
    path.write_text("name,ra,dec\na,30.001,-5.001\nb,,\nc,90,45\nd,29.999,-4.999\n")
    return path


def test_stamps_as_npz(survey, table, tmp_path):
    out = tmp_path / "out.npz"
    answer = run(
        "cutouts", table, "-o", out, "--survey", survey, "--size", 16, "--scale", 0.4, "--flux", "nJy/arcsec2"
    )
    assert answer.exit_code == 0, answer.output
    assert "4 rows, 2 complete stamps" in answer.output
    with np.load(out, allow_pickle=False) as found:
        assert found["stamps"].shape == (4, 2, 16, 16)
        assert found["flags"].tolist() == [0, Flag.NO_POSITION, Flag.BAND_MISSING | Flag.PIXELS_MASKED, 0]
        assert found["bands"].tolist() == ["g", "r"]
        assert str(found["unit"]) == "nJy/arcsec2"
        assert np.allclose(found["stamps"][3, 1], 2 * 3631 / 0.4**2)
        assert np.isnan(found["stamps"][1:3]).all()
        assert found["ra"][3] == 29.999
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.npz", "t.csv"]


def test_stamps_as_zarr_and_as_fits(survey, table, tmp_path):
    for out in (tmp_path / "out.zarr", tmp_path / "fits"):
        assert run("cutouts", table, "-o", out, "--survey", survey, "--size", 16, "--quiet").output == ""
        again = run("cutouts", table, "-o", out, "--survey", survey)
        assert again.exit_code == 2
        assert "exists" in again.output
    group = zarr.open_group(tmp_path / "out.zarr", mode="r")
    assert group["stamps"].shape == (4, 2, 16, 16)
    assert np.allclose(group["stamps"][0, 1], 2)
    assert group.attrs["bands"] == ["g", "r"]
    assert [path.name for path in sorted((tmp_path / "fits").iterdir())] == [
        f"row_000{row}.fits" for row in (0, 2, 3)
    ]
    with fits.open(tmp_path / "fits" / "row_0003.fits") as parts:
        assert np.allclose(parts["R"].data, 2)
        assert WCS(parts["R"].header).all_pix2world(7.5, 7.5, 0) == pytest.approx([29.999, -4.999])
        assert parts["G"].header["FILTER"] == "g"


def test_a_failed_run_leaves_nothing_behind(survey, table, tmp_path):
    table.write_text("name,ra,dec\nb,,\n")
    answer = run("cutouts", table, "-o", tmp_path / "out.npz", "--survey", survey)
    assert answer.exit_code != 0
    assert "position" in answer.output
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_coverage_is_written_for_other_programs(survey, tmp_path):
    answer = run("coverage", survey, "-o", tmp_path / "m.fits")
    assert answer.exit_code == 0, answer.output
    written, band = MOC.load(tmp_path / "m.fits"), MOC.load(survey.parent / "g" / "Moc.fits")
    assert written == band


def test_surveys_are_listed_shown_and_checked(survey, tmp_path):
    assert "sdss" in run("surveys", "list").output
    shown = run("surveys", "show", "panstarrs").output
    assert "asinh" in shown
    assert "never tried" in shown
    checked = run("surveys", "check", survey)
    assert checked.exit_code == 0
    assert "usable for stamps" in checked.output
    assert "1 pixel value = 22693.8 nJy/arcsec2" in checked.output
    assert "of its pixels have a value" in checked.output


def test_a_survey_that_cannot_be_used_is_told(survey, tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "properties").write_text("hips_order = 3\nhips_tile_format = jpeg\n")
    (tmp_path / "s.toml").write_text('[survey]\nname="s"\n[hips]\ng="p"\nr="nowhere"\n')
    answer = run("surveys", "check", tmp_path / "s.toml")
    assert answer.exit_code == 1
    assert "no FITS tiles" in answer.output
    assert "no file 'properties'" in answer.output
    assert "no address works" in answer.output
    assert run("surveys", "check", "sdss", "--offline").exit_code == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--scale", 0), "A pixel cannot measure 0.0 arcsec"),
        (("--scale", 1e9), "at most 648000"),
        (("--pictures", "sheet.pngx"), "'.pngx' is no kind of picture"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_cut(survey, table, tmp_path, words, told):
    answer = run("cutouts", table, "-o", tmp_path / "out.npz", "--survey", survey, *words)
    assert answer.exit_code == 2
    assert told in answer.output
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("name", ["out.fits", "out.NPZ", "out.csv"])
def test_a_folder_is_not_made_under_the_name_of_a_file(survey, table, tmp_path, name):
    answer = run("cutouts", table, "-o", tmp_path / name, "--survey", survey)
    assert answer.exit_code == 2
    assert "would be a folder" in answer.output
    assert not (tmp_path / name).exists()


def test_only_stamps_are_replaced(survey, table, tmp_path):
    out = tmp_path / "out.npz"
    np.savez(out, work_of_a_year=np.arange(3))
    answer = run("cutouts", table, "-o", out, "--survey", survey, "--size", 8)
    assert answer.exit_code == 2
    assert "exists" in answer.output
    with np.load(out) as kept:
        assert kept["work_of_a_year"].tolist() == [0, 1, 2]
    out.unlink()
    for size in (8, 6):  # the second run replaces the stamps of the first
        assert run("cutouts", table, "-o", out, "--survey", survey, "--size", size).exit_code == 0
    with np.load(out) as found:
        assert found["stamps"].shape[-1] == 6


def test_the_folder_of_the_pictures_is_made(survey, table, tmp_path):
    picture = tmp_path / "new" / "sheet.png"
    answer = run("cutouts", table, "-o", tmp_path / "out.npz", "--survey", survey, "--pictures", picture)
    assert answer.exit_code == 0, answer.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_map_that_lies_elsewhere_is_a_fault(survey, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(survey.parent, folder)
    properties = folder / "g" / "properties"
    properties.write_text(properties.read_text().replace("= equatorial", "= galactic"))
    answer = run("surveys", "check", folder / "s.toml", "--no-keep")
    assert answer.exit_code == 1
    assert "lie in different places" in answer.output
