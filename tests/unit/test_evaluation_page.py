"""Pictures and the page of an evaluation, also of odd ones: one object, no rival, names that are code."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from vo_photoz.analysis.bins import Quantity, binned
from vo_photoz.analysis.bootstrap import compare
from vo_photoz.analysis.evaluation_page import page_of, pictures_of
from vo_photoz.analysis.evaluation_plots import stacked
from vo_photoz.analysis.evaluation_view import EvaluationView, SuspectView
from vo_photoz.analysis.judged import judge
from vo_photoz.analysis.metrics import scores_of
from vo_photoz.analysis.plots import SourcePicture
from vo_photoz.analysis.suspects import find_suspects
from vo_photoz.flow import MixturePDF

EVIL = "<script>alert(1)</script>"


def normal(mean: np.ndarray, sigma: float) -> MixturePDF:
    return MixturePDF(np.ones((len(mean), 1)), mean[:, None], np.full((len(mean), 1), sigma))


def view(n: int, *, blank: int = 0) -> EvaluationView:
    rng = np.random.default_rng(1)
    z = rng.uniform(2, 4, n)
    titles = {"model": EVIL, "neighbours": "15 neighbours in colour", "prior": "prior"}
    centre = {name: z + rng.normal(0, 0.05 * k, n) for k, name in enumerate(titles, start=1)}
    centre["neighbours"][:blank] = np.nan
    pdfs = {name: normal(one, 0.06) for name, one in centre.items()}
    for pdf in pdfs.values():
        pdf.weight[np.isnan(pdf.mean)] = np.nan
    judged = {name: judge(pdf, z) for name, pdf in pdfs.items()}
    cells = np.arange(n) % 30
    quantity = Quantity("signal_to_noise", "signal to noise in i", 10 ** rng.uniform(0, 3, n))
    bins = binned(quantity, judged, "model")
    stamp = rng.normal(size=(3, 20, 20)).astype(np.float32)
    picture = SourcePicture(
        stamp, ("g", "r", "i"), np.ones(1), np.array([3.0]), np.array([0.1]), 3.0, 2.9, 3.1, 0.4, 5.0,
        title="a", z_spec=4.0,
    )  # fmt: skip
    return EvaluationView(
        title=f"{EVIL} on sky",
        facts=[("models", EVIL)],
        warnings=["simulated"],
        titles=titles,
        pdfs=pdfs,
        judged=judged,
        scores={name: scores_of(one) for name, one in judged.items()},
        comparisons={
            name: compare(judged["model"], one, cells, rounds=30)
            for name, one in judged.items()
            if name != "model" and one.counted.any()
        },
        binned=[(quantity, bins)] if bins else [],
        suspects=[SuspectView(EVIL, 1.0, -2.0, "", 4.0, 3.0, 3.1, 0.001, None, True)],
        pictures=[picture],
    )


class Checker(HTMLParser):
    """Counts tags and what they load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)
        self.sources += [value for key, value in attrs if key in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_escaped_and_needs_no_other_file():
    shown = view(300, blank=5)
    pictures = pictures_of(shown)
    assert set(pictures) == {
        "redshifts", "stack", "pit", "calibration", "comparisons", "bins_signal_to_noise", "suspects",
    }  # fmt: skip
    assert all(png.startswith(b"\x89PNG") for png in pictures.values())
    page = page_of(shown, pictures)
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert len(checker.sources) == len(pictures)
    assert all(one.startswith("data:image/png;base64,") for one in checker.sources)
    assert "<script" not in page
    assert f"{shown.scores['model'].crps:.4f}" in page
    assert f"{shown.comparisons['neighbours'].crps_ratio:.3f}" in page


def test_one_object_is_enough_for_a_page():
    shown = view(1)
    page = page_of(shown, pictures_of(shown))
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page).lower().replace("nanomaggy", "")


def test_many_objects_are_drawn_as_densities():
    assert pictures_of(view(7000))["redshifts"].startswith(b"\x89PNG")


def test_stacked_densities_have_an_area_of_one():
    grid = np.linspace(0, 6, 3001)
    z = np.random.default_rng(2).uniform(2, 4, 2500)
    pdf = normal(z, 0.1)
    pdf.weight[3] = np.nan
    assert np.trapezoid(stacked(pdf, grid), grid) == pytest.approx(1, abs=1e-3)


def test_suspects_are_labels_far_from_the_density_the_worst_first():
    z = np.array([3.0, 3.0, 3.0, 3.0, np.nan])
    model = judge(normal(np.array([3.0, 4.5, 3.8, 4.5, 3.0]), 0.2), z)
    second = judge(normal(np.array([3.0, 4.4, 3.0, 3.1, 3.0]), 0.2), z)
    found = find_suspects(model, second)
    assert [one.number for one in found] == [1, 3]
    assert [one.backed for one in found] == [True, False]
    assert found[0].near == pytest.approx(0, abs=1e-5)
    assert found[0].of_class is None


def test_suspects_by_class():
    z = np.full(3, 3.0)
    same = judge(normal(z, 0.2), z)
    share = np.array([[0.99, 0.01], [0.3, 0.7], [0.99, 0.01]])
    found = find_suspects(same, same, share, np.array(["QSO", "QSO", ""]), ("STAR", "QSO"))
    assert [one.number for one in found] == [0]
    assert found[0].of_class == pytest.approx(0.01)
