"""Units of pixel values: how they are written, what tiles say of them, and where both differ."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests import hips_trees as trees
from vo_photoz.errors import SurveyError
from vo_photoz.hips.checks.doubts import doubts_of
from vo_photoz.hips.checks.survey import check_survey
from vo_photoz.hips.encode import encode_tile
from vo_photoz.hips.survey import load_survey
from vo_photoz.hips.units import UNITS_NJY, unit_named

NANOMAGGY = 3631 / 0.36**2
"""nJy/arcsec2 of one, with the source pixel of 1e-4 degrees that `hips_trees` writes."""


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("nMgy", "nanomaggy"),
        ("nmgy", "nanomaggy"),
        (" nanomaggies / pixel", ""),
        ("nanomaggies/pixel", "nanomaggy"),
        ("NANOMAGGY", "nanomaggy"),
        ("maggies", "maggy"),
        ("\N{MICRO SIGN}Jy", "uJy"),
        ("nJy/pix", "nJy"),
        ("MJy", ""),
        ("MJy/sr", ""),
        ("Mgy", ""),
        ("mgy", "maggy"),
        ("counts", ""),
        ("", ""),
    ],
)
def test_units_are_known_by_their_usual_names(text: str, unit: str) -> None:
    assert unit_named(text) == unit


def test_every_unit_knows_its_own_name() -> None:
    assert [unit_named(name) for name in UNITS_NJY] == list(UNITS_NJY)


def a_survey(folder: Path, unit: str, bunit: str, *, packed: bool = False) -> Path:
    """A survey of one band with one tile, whose header names a unit."""
    trees.write_properties(folder / "r", hips_order=0)
    cards = {"BUNIT": bunit} if bunit else {}
    data = encode_tile(np.ones((512, 512), np.float32), cards)
    trees.write_tile(folder / "r", 0, 4, gzip.compress(data) if packed else data)
    said = f'pixel_unit = "{unit}"\n' if unit else ""
    file = folder / "survey.toml"
    file.write_text(f'[survey]\nbands = ["r"]\n{said}[hips]\nr = "r"\n')
    return file


@pytest.mark.parametrize("packed", [False, True])
def test_tiles_tell_the_unit_where_the_survey_does_not(tmp_path: Path, packed: bool) -> None:
    survey = load_survey(a_survey(tmp_path, "", "nMgy", packed=packed))
    assert survey.surface_brightness("r") == pytest.approx(NANOMAGGY)
    assert survey.zero_point("r") == pytest.approx(22.5)
    assert doubts_of(survey, 1e9) == []


def test_the_survey_counts_where_both_tell_and_the_difference_is_told(tmp_path: Path) -> None:
    survey = load_survey(a_survey(tmp_path, "nJy", "nanomaggies"))
    assert survey.surface_brightness("r") == pytest.approx(NANOMAGGY / 3631)
    (told,) = doubts_of(survey, 1e9)
    assert "are in nJy, its tiles say nanomaggy (BUNIT): one of them is wrong" in told
    assert told in check_survey(survey)[0].doubts


@pytest.mark.parametrize(("unit", "bunit"), [("", ""), ("", "counts"), ("adu", "nMgy")])
def test_a_unit_that_is_not_known_is_refused_with_what_to_write(
    tmp_path: Path, unit: str, bunit: str
) -> None:
    with pytest.raises(SurveyError, match=r'Write zero_point below .*or pixel_unit = "nanomaggy"'):
        load_survey(a_survey(tmp_path, unit, bunit)).need_photometric()


def test_tiles_coarser_than_the_stamps_are_told(tmp_path: Path) -> None:
    survey = load_survey(a_survey(tmp_path, "nMgy", "nMgy"))
    assert doubts_of(survey, survey.pixel_arcsec / 1.1) == []
    (told,) = doubts_of(survey, survey.pixel_arcsec / 2)
    assert "they are blurred" in told
