"""What cannot teach a network is left out, by the reason, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.redshift.cleaning import GOOD, REASONS, constant, faults, labelled

NO_LABEL, NO_MIDDLE, FILLING = range(3)


def sky(n: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 100, (n, 5, 28, 28)).astype(np.float32)


@pytest.mark.parametrize("value", [np.nan, np.inf, -9999.0, -1.0, 99.0])
def test_a_stand_in_for_a_redshift_is_none(value):
    assert faults(sky(2), [value, 3.0]).tolist() == [NO_LABEL, GOOD]


def test_stars_need_no_redshift():
    kind = np.array(["STAR", "QSO", ""])
    assert labelled([np.nan, np.nan, np.nan], kind).tolist() == [True, False, False]
    assert labelled([-0.0005, 0.0, 7.5]).tolist() == [True, True, True]


def test_missing_pixels_matter_in_the_middle_alone():
    pixels = sky(4)
    pixels[0, 2, 13, 13] = np.nan
    pixels[1, 2, 0, :] = np.nan
    pixels[2, 4, 11, 16] = np.inf
    assert faults(pixels, np.ones(4)).tolist() == [NO_MIDDLE, GOOD, NO_MIDDLE, GOOD]


def test_one_band_that_is_a_filling_is_enough():
    pixels = sky(6)
    pixels[0] = 0.0
    pixels[1, 3] = 0.0
    pixels[2, 0] = 17.5
    pixels[3, 1, 8:20, 8:20] = 0.0  # a hole with the source in it
    pixels[4, 1, :8] = 0.0  # an edge
    assert constant(pixels).tolist() == [True, True, True, True, False, False]
    assert faults(pixels, np.ones(6)).tolist() == [FILLING] * 4 + [GOOD] * 2


def test_the_first_reason_counts():
    pixels = sky(2)
    pixels[:] = np.nan
    found = faults(pixels, [np.nan, 1.0])
    assert [REASONS[one] for one in found] == ["without a redshift", "with missing pixels in the middle"]
