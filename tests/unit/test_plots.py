"""Pictures of sources show what they are given."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from vo_photoz.analysis.plots import SourcePicture, draw_source, draw_sources, redshift_grid
from vo_photoz.analysis.stamp_panels import Stretch, colour_bands
from vo_photoz.flow import MixturePDF
from vo_photoz.redshift.mixture import pdf, quantile


def make_source(**changes: object) -> SourcePicture:
    """A Gaussian blob, brighter to the red, with a mixture of three components."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:16, :16]
    blob = np.exp(-((y - 7.5) ** 2 + (x - 7.5) ** 2) / 8)
    brightness = np.array([0, 2, 6, 8, 9])[:, None, None] * 1e3
    stamps = (brightness * blob + rng.normal(0, 500, (5, 16, 16))).astype(np.float32)
    weight, mean, sigma = np.array([0.6, 0.3, 0.1]), np.array([3.1, 2.6, 3.6]), np.array([0.004, 0.1, 0.3])
    mixture = MixturePDF(weight[None], mean[None], sigma[None])
    low, median, high = (float(quantile(mixture, q)[0]) for q in (0.16, 0.5, 0.84))
    source = SourcePicture(
        stamps, tuple("ugriz"), weight, mean, sigma, median, low, high, 0.396, 6.0, "Row 7", 3.117
    )
    return dataclasses.replace(source, **changes)


def without_prediction() -> SourcePicture:
    nothing = np.full(3, np.nan)
    return make_source(
        weight=nothing, mean=nothing, sigma=nothing, median=np.nan, low=np.nan, high=np.nan, z_spec=None
    )


def words(figure: Figure) -> str:
    """All text of a figure, legends included."""
    found = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
    return " | ".join(found)


def as_pixels(figure: Figure) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    file.seek(0)
    return imread(file)


def test_a_source_tells_its_numbers_and_units():
    source = make_source()
    told = words(draw_source(source))
    for part in ("Row 7", "i r g", '2"', "N", "E", "redshift z", "probability density p(z)", "nJy/arcsec2"):
        assert part in told
    assert f"median {source.median:.3f}" in told
    assert "spectroscopic 3.117" in told
    assert "16-84 %" in told


def test_the_drawn_density_is_the_mixture_and_resolves_narrow_peaks():
    source = make_source()
    line = max(draw_source(source).axes[-1].lines, key=lambda one: len(one.get_xdata()))
    z, density = line.get_xdata(), line.get_ydata()
    assert np.trapezoid(density, z) == pytest.approx(1, abs=2e-3)
    exact = pdf(MixturePDF(source.weight[None], source.mean[None], source.sigma[None]), np.array([3.1]))[0]
    assert density.max() == pytest.approx(exact, rel=0.02)
    assert np.all(np.diff(redshift_grid(source)) > 0)


def test_the_shaded_interval_is_16_to_84_percent():
    source = make_source()
    shade = draw_source(source).axes[-1].collections[0].get_paths()[0].vertices[:, 0]
    assert shade.min() == pytest.approx(source.low, abs=6 / 1000)
    assert shade.max() == pytest.approx(source.high, abs=6 / 1000)


def test_all_bands_share_one_stretch_and_north_is_up():
    images = [axes.images[0] for axes in draw_source(make_source()).axes[1:-1]]
    assert len(images) == 5
    assert len({(image.norm.vmin, image.norm.vmax, image.norm.linear_width) for image in images}) == 1
    assert {image.origin for image in images} == {"lower"}


def test_rows_without_prediction_or_pixels_are_drawn_and_say_so():
    assert "no prediction" in words(draw_source(without_prediction()))
    empty = dataclasses.replace(without_prediction(), stamps=np.full((5, 16, 16), np.nan, np.float32))
    assert words(draw_source(empty)).count("no data") == 6


def test_six_sources_are_900_pixels_wide_and_nothing_is_cut_off():
    sources = [make_source(title=f"row {n}") for n in range(5)] + [without_prediction()]
    figure = draw_sources(sources)
    pixels = as_pixels(figure)
    assert pixels.shape[1] == 900
    edge = np.concatenate([pixels[[0, -1]].reshape(-1, 4), pixels[:, [0, -1]].reshape(-1, 4)])
    assert edge[:, :3].min() > 0.9
    assert "row 4" in words(figure)


@pytest.mark.parametrize(
    ("bands", "chosen"),
    [(tuple("ugriz"), (3, 2, 1)), (("J", "H", "K"), (2, 1, 0)), (("W1", "W2"), None)],
)
def test_bands_of_the_colour_picture(bands: tuple[str, ...], chosen: tuple[int, int, int] | None):
    assert colour_bands(bands) == chosen


def test_two_bands_are_drawn_without_a_colour_picture():
    source = make_source()
    figure = draw_source(dataclasses.replace(source, stamps=source.stamps[:2], bands=("W1", "W2")))
    assert len(figure.axes) == 3


def test_stretch_of_flat_or_absent_pixels_is_usable():
    for stamps in (np.zeros((2, 4, 4)), np.full((2, 4, 4), np.nan), np.full((2, 4, 4), 3.0)):
        stretch = Stretch.of(stamps.astype(np.float32))
        assert stretch.low < stretch.high
        assert stretch.noise > 0


def test_no_global_state_of_matplotlib_is_touched():
    import matplotlib._pylab_helpers as state

    draw_source(make_source())
    assert not state.Gcf.get_all_fig_managers()


def test_the_probability_of_a_star_is_a_bar_beside_a_curve_that_can_be_seen():
    """The Gaussian of stars is a hundred times higher than all else, and has no width to see."""
    weight, mean, sigma = np.array([0.4, 0.6]), np.array([3.0, 0.0]), np.array([0.3, 0.005])
    star = make_source(weight=weight, mean=mean, sigma=sigma, median=0.003, low=0.0, high=3.0)
    for figure in (draw_source(star), draw_sources([star, make_source()])):
        told = words(figure)
        assert "60 % at z = 0" in told
        assert told.count("at z = 0") == 1
        axes = next(one for one in figure.axes if any("at z = 0" in text.get_text() for text in one.texts))
        assert axes.get_ylim()[1] < 10 * 0.4 / (0.3 * np.sqrt(2 * np.pi))
