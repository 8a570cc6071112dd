"""The memory of tiles: bounded, shared by all bands, the least recently used goes first."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vo_photoz.errors import SurveyError
from vo_photoz.hips.access import tiles
from vo_photoz.hips.access.source import Source
from vo_photoz.hips.access.tile_memory import LEAST_BYTES, TileMemory
from vo_photoz.hips.access.tiles import TileStore, tile_path
from vo_photoz.hips.tree import HiPS
from vo_photoz.hips.write import TanImage, write_hips

SIZE = LEAST_BYTES


def brought(memory, key, size=SIZE):
    place, new = memory.find(key)
    if new:
        place.tile.set_result(key)
        memory.weigh(key, place, size)
    return new


def test_the_least_recently_used_goes_first():
    memory = TileMemory(3 * SIZE)
    assert [brought(memory, key) for key in "abcacda"] == [True] * 3 + [False, False, True, False]
    assert brought(memory, "b"), "the one that was not used for longest is gone"
    assert memory.taken == 3 * SIZE


def test_tiles_that_grow_push_others_out():
    memory = TileMemory(4 * SIZE)
    for key in "abc":
        brought(memory, key)
    memory.weigh("c", memory.find("c")[0], 3 * SIZE)
    assert (len(memory), memory.taken) == (2, 4 * SIZE)
    assert brought(memory, "a")
    assert memory.taken <= memory.limit


def test_a_tile_on_its_way_is_never_pushed_out():
    memory = TileMemory(2 * SIZE)
    coming, new = memory.find("slow")
    for key in "abcdef":
        brought(memory, key)
    assert memory.find("slow") == (coming, False)
    assert new


def test_small_tiles_and_missing_ones_are_counted():
    memory = TileMemory(5 * SIZE)
    for key in range(100):
        brought(memory, key, 0)
    assert len(memory) == 5


def test_a_failure_is_believed_for_a_while():
    memory = TileMemory(2 * SIZE)
    place, _ = memory.find("a")
    place.until = float("-inf")
    memory.weigh("a", place, SIZE)
    again, new = memory.find("a")
    assert new
    assert again is not place
    memory.weigh("a", place, 2 * SIZE)  # too late: it is not in memory any more
    assert memory.taken == 0


def test_shares_are_those_of_the_living():
    memory = TileMemory(64 * SIZE)
    stores = [TileStore(Source(["http://127.0.0.1:9/hips"]), 512, memory) for _ in range(8)]
    assert memory.share == 8 * SIZE
    assert {store.ahead for store in stores} == {2}
    del stores[1:]
    gc.collect()
    assert memory.share == memory.limit


def test_threads_share_it():
    memory = TileMemory(16 * SIZE)
    reads, lock = [], threading.Lock()

    def look(seed):
        for key in map(int, np.random.default_rng(seed).integers(0, 40, 500)):
            place, new = memory.find(key)
            if new:
                with lock:
                    reads.append(key)
                place.tile.set_result(key)
                memory.weigh(key, place, SIZE)
            assert place.tile.result(60) == key

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, range(8)))
    assert len(reads) < 8 * 500 * 0.9
    assert memory.taken <= memory.limit
    assert memory.taken == sum(place.size for place in memory._places.values())


@pytest.fixture(scope="module")
def bands(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("bands"), np.random.default_rng(1)
    for number, band in enumerate("gr"):
        image = TanImage(rng.normal(10 * number, 1, (400, 400)), 30.0, 0.0, 0.8)
        write_hips(folder / band, [image], band=band, pixel_order=18, tile_width=64)
    return folder


def test_one_limit_for_all_bands(bands):
    memory = TileMemory(6 * 4 * 64**2)
    stores = [TileStore(HiPS(bands / band).tiles.source, 64, memory) for band in "gr"]
    order = HiPS(bands / "g").order
    numbers = sorted(int(path.stem[4:]) for path in (bands / "g" / f"Norder{order}").rglob("*.fits"))
    assert len(numbers) > 20
    for _ in range(2):
        for number in numbers:
            for level, store in enumerate(stores):
                pixels = store.get(order, number).view(">f4")
                assert np.nanmedian(pixels) == pytest.approx(10 * level, abs=1.5)
            assert len(memory) <= 6
            assert memory.taken <= memory.limit


def test_hips_share_a_memory_unless_their_tiles_are_mapped(bands, tmp_path):
    assert HiPS(bands / "g").tiles._memory is HiPS(bands / "r").tiles._memory is tiles._shared
    folder = Source([str(tmp_path)])
    assert TileStore(folder, 512)._memory is not TileStore(folder, 512)._memory


def test_a_damaged_tile_is_told_again_and_read_when_it_is_mended(bands, monkeypatch):
    hips = HiPS(bands / "g")
    number = next(int(path.stem[4:]) for path in (bands / "g" / f"Norder{hips.order}").rglob("*.fits"))
    path = bands / "g" / tile_path(hips.order, number)
    good = path.read_bytes()
    path.write_bytes(b"<html>")
    for _ in range(2):
        with pytest.raises(SurveyError):
            hips.tiles.get(hips.order, number)
    path.write_bytes(good)
    with pytest.raises(SurveyError):
        hips.tiles.get(hips.order, number)
    monkeypatch.setattr(tiles.time, "monotonic", lambda: 1e12)
    assert hips.tiles.get(hips.order, number) is not None
