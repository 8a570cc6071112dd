"""Eight images of every object: made while training, never stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vo_photoz.datasets.augment import STILL, Variation, orientation
from vo_photoz.datasets.rows import Rows
from vo_photoz.datasets.store import create_dataset
from vo_photoz.flow import Stamps
from vo_photoz.redshift.training.mixing import Mixture
from vo_photoz.redshift.training.sources import DatasetSource

N, SIDE, EPOCHS = 24, 16, 60


def by_hand(image: np.ndarray) -> set[bytes]:
    """The eight images of the square's symmetries, pixel by pixel: (y, x) and (x, y), with mirrors."""
    last = image.shape[-1] - 1
    places = [(y, x) for y in range(last + 1) for x in range(last + 1)]
    mirrors = [
        lambda y, x: (y, x),
        lambda y, x: (last - y, x),
        lambda y, x: (y, last - x),
        lambda y, x: (last - y, last - x),
    ]
    maps = [*mirrors, *(lambda y, x, mirror=mirror: mirror(x, y) for mirror in mirrors)]
    found = set()
    for to in maps:
        turned = np.empty_like(image)
        for y, x in places:
            turned[:, y, x] = image[:, to(y, x)[0], to(y, x)[1]]
        found.add(turned.tobytes())
    return found


def test_augmentation_multiplies_by_eight(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    pixels = rng.normal(0, 1, (N, 2, SIDE, SIDE)).astype(np.float32)
    z = np.arange(N) / 10.0
    nothing = np.zeros(N, np.int16)
    rows = Rows(np.arange(N).astype(str), z, z, z, nothing.astype(np.int32), nothing, np.full((N, 2), np.nan))
    parts = iter([(np.arange(N), Stamps(pixels, nothing, ("g", "r"), 0.4, "nJy/arcsec2"))])
    data = create_dataset(tmp_path / "set", parts, rows, source={})
    assert data.images.shape == (N, 2, SIDE, SIDE), "the store holds each object once"
    assert np.array_equal(data.pixels(np.arange(N)), pixels), "as it was cut"

    eight = [by_hand(image) for image in pixels]
    assert all(len(images) == 8 for images in eight), "all eight are distinct"
    for number in range(N):
        made = {np.ascontiguousarray(orientation(pixels[number], which)).tobytes() for which in range(8)}
        assert made == eight[number], "and exact"

    mixture = Mixture([DatasetSource(data, np.arange(N), np.arange(0), ("g", "r"))], [1.0])
    shown: dict[float, list[bytes]] = {}
    for start in range(0, N * EPOCHS, 100):
        block = mixture.stamps((3, 0), start, min(100, N * EPOCHS - start), [Variation(STILL)])
        for image, label in zip(block.pixels, block.labels, strict=True):
            shown.setdefault(round(float(label[0]), 4), []).append(np.ascontiguousarray(image).tobytes())
    assert sum(map(len, shown.values())) == N * EPOCHS
    assert {len(images) for images in shown.values()} == {EPOCHS}, "each object once an epoch"
    distinct = {image for images in shown.values() for image in images}
    assert distinct == set().union(*eight)
    assert len(distinct) == 8 * N, "eight times as many images as objects reach the network"
    for number, redshift in enumerate(z.tolist()):
        assert set(shown[redshift]) == eight[number], "each with the redshift of its object"
        counts = np.unique(shown[redshift], return_counts=True)[1]
        assert counts.max() < 4 * EPOCHS / 8, "no orientation is preferred"


@pytest.mark.parametrize("side", [7, 8])
def test_orientations_keep_what_does_not_depend_on_the_direction(side: int) -> None:
    image = np.random.default_rng(1).normal(0, 1, (1, 3, side, side)).astype(np.float32)
    middle = (side - 1) / 2
    distance = np.hypot(*(np.mgrid[:side, :side] - middle))
    for which in range(8):
        turned = orientation(image, which)
        assert turned.sum() == pytest.approx(image.sum(), abs=1e-4)
        assert (turned * distance).sum() == pytest.approx((image * distance).sum(), abs=1e-4)
