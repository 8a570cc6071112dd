"""The page of the best candidates: whole, escaped, and true to the densities."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from vo_photoz.analysis.candidates_page import CandidatesView, CandidateView, page_of
from vo_photoz.analysis.density_curve import HEIGHT, WIDTH, curve_of
from vo_photoz.analysis.plots import SourcePicture

EVIL = '<script>alert("x")</script>'


def picture(sigma: float = 0.05, *, predicted: bool = True) -> SourcePicture:
    rng = np.random.default_rng(1)
    stamps = rng.normal(0, 300, (3, 20, 20)).astype(np.float32)
    stamps[2, 9:11, 9:11] += 2e4
    stamps[0, :5] = np.nan
    weight = np.array([0.7, 0.3]) if predicted else np.full(2, np.nan)
    return SourcePicture(
        stamps, ("g", "r", "i"), weight, np.array([5.2, 4.1]), np.array([sigma, 0.2]),
        5.1 if predicted else np.nan, 4.2, 5.25, 0.4, 6.0,
    )  # fmt: skip


def candidate(place: int, source: SourcePicture, **more: object) -> CandidateView:
    return CandidateView(place, EVIL, 10.5, -3.25, source, 0.875, **more)


def page(*candidates: CandidateView) -> str:
    groups = [("Ranked", "It counts.", list(candidates)), ("Apart", "Unlike all.", [])]
    return page_of(CandidatesView(EVIL, 5.0, ("g", "r", "i"), groups, [("model", EVIL)], [EVIL]))


def points(text: str) -> np.ndarray:
    return np.array([one.split(",") for one in text.split()], dtype=float)


def test_the_page_tells_a_candidate_and_needs_nothing_else():
    told = page(
        candidate(
            1, picture(), classes=[("STAR", 0.125)], modes=[(5.2, 0.7), (4.1, 0.3)], flags=["a neighbour"]
        ),
        candidate(2, picture(predicted=False)),
    )
    for words in ("P(z &gt; 5) = 0.875", "P(STAR)", "0.125", "z = 5.20: 70 %, z = 4.10: 30 %", "a neighbour"):
        assert words in told
    assert told.count("<article>") == 2
    assert "no prediction" in told
    assert "Apart" not in told  # a group without candidates
    assert EVIL not in told
    assert "<script" not in told
    assert not re.findall(r'(?:src|href)="(?!data:|https://aladin)', told)
    assert "prefers-color-scheme: dark" in told


def test_the_strip_holds_colour_and_every_band_the_right_way_up():
    strip = imread(io.BytesIO(base64.b64decode(candidate(1, picture()).strip)))
    assert strip.shape == (20, 4 * 22 - 2, 4)
    assert (strip[:, 20:22, 3] == 0).all()  # between stamps nothing is drawn
    green, near_infrared = strip[:, 22:42, :3], strip[:, 66:86, :3]
    assert near_infrared[9:11, 9:11].max() < 0.1  # bright is dark
    empty = np.array([0xD9, 0xD4, 0xC7]) / 255
    np.testing.assert_allclose(green[15:], np.broadcast_to(empty, (5, 20, 3)), atol=0.01)  # south, below


@pytest.mark.parametrize("sigma", [0.005, 0.05, 0.1])
def test_the_curve_is_the_density(sigma):
    source = picture(sigma)
    curve = curve_of(source, source.z_end)
    x, y = points(curve.line).T
    assert (x.min(), x.max()) == (0, WIDTH)
    assert (y >= 0).all()
    assert (y <= HEIGHT + 0.1).all()
    z, height = x / WIDTH * curve.z_end, HEIGHT - y
    area = np.trapezoid(height, z)
    far = np.trapezoid(np.where(z > 4.7, height, 0), z)
    assert far / area == pytest.approx(0.7, abs=0.02)
    assert z[height.argmax()] == pytest.approx(5.2, abs=0.1)
    inside = points(curve.inside)
    assert curve.x(source.low) == pytest.approx(inside[:, 0].min(), abs=0.1)
    assert curve.x(source.high) == pytest.approx(inside[:, 0].max(), abs=0.1)


def test_a_star_is_a_step_whose_area_is_its_probability():
    star = replace(picture(), mean=np.array([5.2, 0.0]), sigma=np.array([0.05, 0.005]))
    curve = curve_of(star, star.z_end)
    x, y = points(curve.line).T
    z, height = x / WIDTH * curve.z_end, HEIGHT - y
    near = np.trapezoid(np.where(z < 1, height, 0), z)
    assert near / np.trapezoid(height, z) == pytest.approx(0.3, abs=0.03)
    assert z[height.argmax()] == pytest.approx(5.2, abs=0.1)


def test_a_density_that_is_missing_has_axes_only():
    curve = curve_of(picture(predicted=False), 6.0)
    assert (curve.line, curve.inside) == ("", "")
    assert [text for _, text in curve.ticks] == ["0", "1", "2", "3", "4", "5", "6"]
