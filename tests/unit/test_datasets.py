"""Data sets at rest, folds on the sky, variants of stamps."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vo_photoz.datasets.augment import STILL, Variation, orientation, varied
from vo_photoz.datasets.rows import Rows
from vo_photoz.datasets.split import sky_folds
from vo_photoz.datasets.store import Dataset, create_dataset, new_folder, open_dataset
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import Stamps

N = 600


def some_rows(n: int = N) -> Rows:
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    return Rows(
        id=np.array([f"Q{row}" for row in range(n)]),
        ra=ra,
        dec=dec,
        z=rng.uniform(2, 5, n),
        fold=sky_folds(ra, dec),
        flags=np.zeros(n, dtype=np.int16),
        mag=np.full((n, 2), np.nan),
    )


def parts_of(pixels: np.ndarray, order: np.ndarray, step: int = 100):
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        flags = np.where(rows % 7 == 0, 8, 0).astype(np.int16)
        yield rows, Stamps(pixels[rows], flags, ("g", "r"), 0.4, "nJy/arcsec2")


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(6).normal(0, 1, (N, 2, 8, 8)).astype(np.float32)


@pytest.fixture
def dataset(tmp_path: Path, pixels: np.ndarray) -> Dataset:
    order = np.random.default_rng(7).permutation(N)
    return create_dataset(tmp_path / "set", parts_of(pixels, order), some_rows(), source={"title": "test"})


def test_each_object_keeps_its_own_stamp(dataset, pixels):
    again = open_dataset(dataset.folder)
    original = np.array([int(name[1:]) for name in again.rows.id])
    assert len(set(original)) == N
    assert np.array_equal(again.pixels(np.arange(N)), pixels[original])
    wanted = np.array([5, 599, 3, 3, 256])
    assert np.array_equal(again.pixels(wanted), pixels[original[wanted]])
    assert np.array_equal(again.rows.z, some_rows().z[original])
    assert np.array_equal(again.rows.flags, np.where(original % 7 == 0, 8, 0))
    assert again.stamps(wanted).bands == ("g", "r")
    assert again.pixels(np.array([], dtype=int)).shape == (0, 2, 8, 8)


def test_the_hash_tells_a_change(dataset):
    assert dataset.hash() == dataset.manifest.sha256
    import zarr

    array = zarr.open_array(store=str(dataset.folder / "images.zarr"), mode="r+")
    array[17, 1, 3, 3] = 1e6
    assert open_dataset(dataset.folder).hash() != dataset.manifest.sha256


def test_classes_are_kept_and_part_of_the_hash(tmp_path, pixels):
    order = np.arange(N)
    plain = create_dataset(tmp_path / "plain", parts_of(pixels, order), some_rows(), source={})
    assert plain.rows.kind is None
    kind = np.where(order % 3 == 0, "QSO", np.where(order % 3 == 1, "STAR", ""))
    made = create_dataset(
        tmp_path / "set", parts_of(pixels, order), replace(some_rows(), kind=kind), source={}
    )
    assert np.array_equal(made.rows.kind, kind)
    assert made.rows.more is None
    assert np.array_equal(made.rows.take(np.array([4, 0, 2])).kind, ["STAR", "QSO", ""])
    assert made.hash() == made.manifest.sha256 != plain.manifest.sha256


def test_a_kept_column_of_that_name_gives_the_classes_and_the_same_hash(tmp_path, pixels):
    # So a recipe writes the classes that its archive has.
    order, kind = np.arange(N), np.full(N, "QSO")
    more = pa.table({"sample": ["a"] * N, "class": kind.tolist()})
    kept = create_dataset(
        tmp_path / "kept", parts_of(pixels, order), replace(some_rows(), more=more), source={}
    )
    assert np.array_equal(kept.rows.kind, kind)
    assert kept.rows.more.column_names == ["sample"]
    assert kept.hash() == kept.manifest.sha256


def test_the_manifest_says_what_it_holds(dataset):
    held = json.loads((dataset.folder / "manifest.json").read_text())
    assert held["bands"] == ["g", "r"]
    assert sum(held["folds"].values()) == held["n"] == N
    assert held["unit"] == "nJy/arcsec2"
    assert held["source"] == {"title": "test"}


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "manifest.json").unlink(), "no data set"),
        (lambda f: (f / "manifest.json").write_text("{"), "cannot be read"),
        (
            lambda f: (f / "manifest.json").write_text('{"format": "vo-photoz dataset", "version": 99}'),
            "version 99",
        ),
        (
            lambda f: (f / "manifest.json").write_text('{"format": "vo-photoz dataset", "version": 1}'),
            "wrong at",
        ),
        (lambda f: (f / "rows.parquet").write_bytes(b"PAR1"), "cannot be read"),
        (lambda f: (f / "rows.parquet").unlink(), "cannot be read"),
        (lambda f: shutil.rmtree(f / "images.zarr"), "cannot be read"),
    ],
)
def test_a_damaged_data_set_is_told_in_one_sentence(dataset, harm, message):
    harm(dataset.folder)
    with pytest.raises(TableError, match=message):
        open_dataset(dataset.folder)


def test_rows_that_do_not_fit_the_images_are_told(dataset):
    manifest = dataset.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"n": {N}', '"n": 3'))
    with pytest.raises(TableError, match="damaged"):
        open_dataset(dataset.folder)


def test_nothing_half_written_stays(tmp_path, pixels):
    def broken():
        yield from parts_of(pixels, np.arange(200))
        raise TableError("no more")

    with pytest.raises(TableError, match="no more"):
        create_dataset(tmp_path / "set", broken(), some_rows(), source={})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TableError, match="no stamps"):
        create_dataset(tmp_path / "set", iter(()), some_rows(), source={})


def test_an_existing_folder_is_never_replaced(tmp_path):
    (tmp_path / "set").mkdir()
    with pytest.raises(UsageError, match="exists already"), new_folder(tmp_path / "set", "data set"):
        pass


def test_fewer_stamps_than_rows_are_kept_as_they_come(tmp_path, pixels):
    data = create_dataset(tmp_path / "set", parts_of(pixels, np.array([7, 3])), some_rows(), source={})
    assert list(data.rows.id) == ["Q7", "Q3"]
    assert data.hash() == data.manifest.sha256


def test_folds_hang_on_the_place_alone():
    rows = some_rows()
    assert np.array_equal(sky_folds(rows.ra[::-1], rows.dec[::-1]), rows.fold[::-1])
    assert set(rows.fold) == {0, 1, 2, 3, 4}
    near = sky_folds(np.full(50, 10.0) + np.linspace(0, 1e-3, 50), np.full(50, 20.0))
    assert len(set(near)) == 1
    with pytest.raises(TableError, match="no position"):
        sky_folds(np.array([np.nan]), np.array([0.0]))


@pytest.mark.shared
def test_folds_are_those_of_the_quasar_file(shared):
    held = np.load(shared / "data" / "quasars" / "sdss_quasars_ugriz.npz", allow_pickle=False)
    assert np.array_equal(sky_folds(held["ra"], held["dec"]), held["fold"])


def test_the_eight_orientations_are_all_there(pixels):
    seen = {orientation(pixels[:1], number).tobytes() for number in range(8)}
    assert len(seen) == 8
    assert np.array_equal(orientation(pixels, 0), pixels)


def test_variants_repeat_with_the_seed_and_keep_the_flux():
    offset = np.arange(28) - 13.5
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.5**2)
    stamps = np.broadcast_to(1000 * psf, (300, 3, 28, 28)).astype(np.float32)
    jitter = replace(STILL, noise=0.3, shift_pixels=0.5, band_shift_pixels=0.3)
    sky = np.full(3, 2.0)
    one, two = (varied(stamps, Variation(jitter, (), sky), np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, varied(stamps, Variation(jitter, (), sky), np.random.default_rng(5)))
    assert one.sum((2, 3)) == pytest.approx(stamps.sum((2, 3)), rel=0.02)
    middle = (one * np.arange(28)).sum((2, 3)) / one.sum((2, 3)) - 13.5
    assert 0.15 < middle.std() < 0.6
    assert np.array_equal(stamps[0], stamps[1])  # the originals stay


def test_dimmed_sources_keep_their_colours_and_the_noise_of_the_sky():
    rng = np.random.default_rng(1)
    sky = np.array([2.0, 5.0])
    stamps = (rng.normal(0, 1, (400, 2, 20, 20)) * sky[:, None, None]).astype(np.float32)
    stamps[:, :, 8:12, 8:12] += 1000
    jitter = replace(STILL, dim_mag=2.0)
    out = varied(stamps, Variation(jitter, (), sky), np.random.default_rng(2))
    flux = out[:, :, 8:12, 8:12].mean((2, 3))
    assert flux.min() < 300
    assert flux.max() > 990
    assert flux[:, 0] == pytest.approx(flux[:, 1], rel=0.05)
    assert out[:, :, :5].std((0, 2, 3)) == pytest.approx(sky, rel=0.03)


def test_no_jitter_only_turns(pixels):
    out = varied(pixels, Variation(STILL, (), np.ones(2)), np.random.default_rng(3))
    assert np.sort(out[:5].ravel()) == pytest.approx(np.sort(pixels[:5].ravel()), abs=1e-6)
