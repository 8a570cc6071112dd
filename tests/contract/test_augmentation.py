"""Eight images of every object: made while training, never stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vo_photoz.datasets.augment import Jitter, orientation
from vo_photoz.datasets.rows import Rows
from vo_photoz.datasets.store import create_dataset
from vo_photoz.flow import Stamps
from vo_photoz.redshift.options import TrainingOptions

N, SIDE, EPOCHS = 24, 16, 60


class Recorder:
    """Takes what a network is shown; everything else of the training is the real one."""

    def __init__(self) -> None:
        self.shown: dict[float, list[bytes]] = {}
        self.images = 0

    def fit(self, pixels: np.ndarray, z: np.ndarray, **options: object) -> Recorder:
        for image, redshift in zip(pixels, z, strict=True):
            self.shown.setdefault(float(redshift), []).append(np.ascontiguousarray(image).tobytes())
        self.images += len(pixels)
        self.history = {"loss": [0.0]}
        return self


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
    from vo_photoz.redshift.training import _one_epoch

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

    recorder, options = Recorder(), TrainingOptions(jitter=Jitter(0, 0, 0, 0, 0), batch=8)
    stream = np.random.default_rng(3)
    for _ in range(EPOCHS):
        _one_epoch(recorder, data, np.arange(N), np.ones(2), options, stream)  # type: ignore[arg-type]
    assert recorder.images == N * EPOCHS
    distinct = {image for images in recorder.shown.values() for image in images}
    assert distinct == set().union(*eight)
    assert len(distinct) == 8 * N, "eight times as many images as objects reach the network"
    for number, redshift in enumerate(z.tolist()):
        assert set(recorder.shown[redshift]) == eight[number], "each with the redshift of its object"
        counts = np.unique(recorder.shown[redshift], return_counts=True)[1]
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
