"""The training domain: strange stamps are told from ordinary ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vo_photoz.errors import ModelError
from vo_photoz.redshift.domain import Domain, domain_of, load_domain
from vo_photoz.redshift.domain_features import GROUPS, domain_features

SIDE = 28
SKY = np.array([500.0, 200.0, 320.0, 530.0, 2000.0])
"""Noise of SDSS stamps in ugriz, nJy/arcsec2."""
OFFSET = np.arange(SIDE) - (SIDE - 1) / 2


def source(n: int, rng: np.random.Generator, *, dx: float = 0, dy: float = 0) -> np.ndarray:
    """Point sources on a line in colour, of four magnitudes of brightness, without noise."""
    x, y = (rng.normal(0, 0.3, (2, n, 1, 1)).T + np.array([dx, dy])).T
    width = rng.uniform(1.3, 1.7, (n, 1, 1))
    psf = np.exp(-0.5 * ((OFFSET - x) ** 2 + (OFFSET[:, None] - y) ** 2) / width**2)
    place = rng.uniform(0, 1, (n, 1))
    colour = place * np.array([2.5, 1.2, 0.3, 0.1]) + rng.normal(0, 0.05, (n, 4))
    magnitude = np.concatenate([np.zeros((n, 1)), -np.cumsum(colour, axis=1)], axis=1)
    magnitude += rng.uniform(18, 21, (n, 1)) + 2
    peak = 3631e9 * 10 ** (-0.4 * magnitude) / (2 * np.pi * 1.5**2 * 0.16)
    return peak[:, :, None, None] * psf[:, None]


def sky(n: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of fields that differ by 15 per cent, bands by themselves by 5."""
    level = SKY * np.exp(rng.normal(0, 0.15, (n, 1)) + rng.normal(0, 0.05, (n, 5)))
    return level[:, :, None, None] * rng.standard_normal((n, 5, SIDE, SIDE))


def ordinary(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (source(n, rng) + sky(n, rng)).astype(np.float32)


@pytest.fixture(scope="module")
def domain() -> Domain:
    return domain_of(ordinary(3000, 1))


def test_one_in_a_hundred_ordinary_stamps_is_outside(domain):
    assert 0.003 < domain.outside(ordinary(3000, 1)).mean() < 0.012
    assert 0.003 < domain.outside(ordinary(3000, 2)).mean() < 0.03


def test_strange_stamps_are_outside(domain):
    rng = np.random.default_rng(3)
    n = 200
    good = ordinary(n, 4)
    light = source(n, rng)
    saturated = 300 * light
    strange = {
        "empty sky": sky(n, rng),
        "constant": np.ones((n, 5, SIDE, SIDE)) * 1e3,
        "zero": np.zeros((n, 5, SIDE, SIDE)),
        "saturated": np.minimum(saturated, 0.2 * saturated.max((2, 3), keepdims=True)) + sky(n, rng),
        "3 arcsec off": source(n, rng, dx=6, dy=4.5) + sky(n, rng),
        "two of the same 1.6 arcsec apart": light + np.roll(light, 4, axis=-1) + sky(n, rng),
        "all bands in reverse": good[:, ::-1],
        "in nanomaggies": good / 3631,
    }
    strange |= {
        f"band {b} doubled": good * np.where(np.arange(5) == b, 2, 1)[:, None, None] for b in range(5)
    }
    strange |= {
        f"band {b} tenfold": good * np.where(np.arange(5) == b, 10, 1)[:, None, None] for b in range(5)
    }
    strange |= {f"bands {b} and {b + 1} swapped": good[:, swapped(b)] for b in range(4)}
    found = {what: domain.outside(pixels.astype(np.float32)).mean() for what, pixels in strange.items()}
    assert {what: share for what, share in found.items() if share < 0.9} == {}


def swapped(band: int) -> list[int]:
    order = list(range(5))
    order[band], order[band + 1] = band + 1, band
    return order


def test_images_of_another_depth_stay_inside(domain):
    """Noise that is lower in all bands at once, as after another resampling, is no reason for a flag."""
    rng = np.random.default_rng(5)
    deeper = (source(500, rng) + 0.7 * sky(500, rng)).astype(np.float32)
    assert domain.outside(deeper).mean() < 0.06


def test_missing_pixels_beside_the_source_are_no_reason(domain):
    pixels = ordinary(500, 6)
    pixels[:, :, :5] = np.nan
    pixels[7] = np.nan
    out = domain.outside(pixels)
    assert out[7]
    assert out.mean() < 0.06


def test_it_comes_back_from_its_file(domain, tmp_path: Path):
    domain.save(tmp_path / "domain.npz")
    again = load_domain(tmp_path / "domain.npz")
    pixels = np.concatenate([ordinary(200, 7), 0 * ordinary(1, 7)])
    assert (again.outside(pixels) == domain.outside(pixels)).all()
    assert set(again.outside_by_group(pixels)) == set(GROUPS)


@pytest.mark.parametrize(
    ("content", "message"),
    [({}, "earlier version"), ({"light_radius": 1.0}, "cannot be read"), (None, "cannot be read")],
)
def test_a_damaged_file_is_told_in_one_sentence(tmp_path, content, message):
    path = tmp_path / "domain.npz"
    path.write_bytes(b"PK") if content is None else np.savez(path, **content)
    with pytest.raises(ModelError, match=message):
        load_domain(path)


def test_too_few_stamps_tell_no_domain():
    with pytest.raises(ModelError, match="from 4 stamps"):
        domain_of(ordinary(4, 1))


@pytest.mark.parametrize(("bands", "side"), [(1, 28), (3, 16), (5, 33)])
def test_any_bands_and_size_can_be_measured(bands, side):
    rng = np.random.default_rng(8)
    pixels = rng.normal(0, 1, (300, bands, side, side)).astype(np.float32)
    pixels[:, :, side // 2, side // 2] += 50
    found = domain_features(pixels, np.ones(bands))
    assert [found[name].shape for name in GROUPS] == [(300, bands), (300, bands), (300, 9)]
    assert domain_of(pixels).outside(pixels).mean() < 0.02
    assert domain_of(pixels).outside(pixels[:0]).shape == (0,)


def test_noise_is_measured_as_it_is():
    rng = np.random.default_rng(9)
    pixels = (SKY[:, None, None] * rng.standard_normal((400, 5, SIDE, SIDE))).astype(np.float32)
    pixels[:, :, 3:9, 3:9] += 5e4  # a bright neighbour in the corner
    found = domain_features(pixels, SKY)["noise"]
    assert np.median(found, axis=0) == pytest.approx(np.zeros(5), abs=0.12)
