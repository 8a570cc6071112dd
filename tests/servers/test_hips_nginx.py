"""Stamps over a genuine nginx: only what is needed is moved, faults on the way cost time, not stamps."""

import gzip
import io
import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
from astropy.io import fits
from typer.testing import CliRunner

from tests import hips_trees as trees
from tests.conftest import need_commands
from tests.servers.fault_proxy import fault_proxy
from tests.servers.nginx import PROGRAM, nginx
from tests.servers.sparse_sky import PIXEL, SIZE, WIDTH, cut, sparse_sky
from vo_photoz import settings
from vo_photoz.cli.main import app
from vo_photoz.errors import SurveyError
from vo_photoz.flow import Flag, Positions
from vo_photoz.hips.access.server import MISSING_403
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.encode import encode_tile
from vo_photoz.hips.survey import HiPS

pytestmark = pytest.mark.servers
N = 60


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    need_commands(PROGRAM)
    return sparse_sky(tmp_path_factory.mktemp("sky"), N)


@pytest.fixture(scope="module")
def clean(sky):
    pixels, flags = cut(trees.survey_of(sky.root), sky.positions)
    assert not flags.any()
    return pixels


@pytest.fixture
def server(sky, tmp_path):
    with nginx(sky.root, tmp_path / "nginx") as running:
        yield running


@pytest.fixture
def no_cache(monkeypatch, private_home):
    monkeypatch.setenv("VO_PHOTOZ_CACHE_MAX_BYTES", "0")
    settings.defaults.cache_clear()


def tiles_sent(server):
    return [(status, size) for status, size, path in server.sent() if "Npix" in path]


@pytest.mark.parametrize(
    ("extra", "share"), [("", 0.03), ("max_ranges 1;", 0.12)], ids=["many parts", "one part"]
)
def test_only_what_is_needed_is_moved(sky, clean, tmp_path, extra, share):
    with nginx(sky.root, tmp_path / "nginx", extra) as server:
        survey = trees.survey_of(server.address)
        pixels, flags = cut(survey, sky.positions)
        traffic, sent = survey.traffic(), tiles_sent(server)
    assert np.array_equal(pixels, clean)
    assert not flags.any()
    refused = [size for status, size in sent if status == 200]  # until it is known that one part is the most
    assert len(refused) <= (9 if extra else 0)
    counted = traffic.bytes_moved - sum(refused)
    assert counted <= share * sky.whole_bytes
    assert traffic.whole_bytes == sky.whole_bytes
    assert traffic.requests == len(sent)
    assert server.connections() <= settings.defaults().http_connections  # kept alive, and no more
    assert sum(size for _, size in sent) == pytest.approx(traffic.bytes_moved, rel=0.01)  # nginx counted too


def test_a_server_without_ranges_sends_whole_tiles_once_each(sky, clean, tmp_path):
    with nginx(sky.root, tmp_path / "nginx", "max_ranges 0;") as server:
        pixels, _ = cut(trees.survey_of(server.address), sky.positions)
        assert len(tiles_sent(server)) == len(sky.tiles)
    assert np.array_equal(pixels, clean)


def test_the_second_run_moves_nothing_also_offline(sky, clean, server):
    cut(trees.survey_of(server.address), sky.positions)
    first = len(tiles_sent(server))
    again = trees.survey_of(server.address)
    pixels, _ = cut(again, sky.positions)
    assert np.array_equal(pixels, clean)
    assert len(tiles_sent(server)) == first
    assert (again.traffic().requests, again.traffic().bytes_moved) == (0, 0)
    assert again.traffic().cache_hits >= len(sky.tiles)
    before = len(server.sent())
    offline = HiPS(server.address, offline=True)
    pixels, flags = cut(survey_with(offline), sky.positions)
    assert np.array_equal(pixels, clean)
    assert not flags.any()
    assert len(server.sent()) == before


def survey_with(hips):
    survey = trees.survey_of(hips.address)
    survey.hips["u"] = hips
    return survey


def test_offline_says_what_is_missing(sky, clean, server, caplog):
    some = sky.positions.take(slice(0, 20))
    cut(trees.survey_of(server.address), some)
    offline = survey_with(HiPS(server.address, offline=True))
    pixels, flags = cut(offline, sky.positions)
    assert np.array_equal(pixels[:20], clean[:20])
    assert not flags[:20].any()
    assert (flags[20:] & Flag.PIXELS_UNAVAILABLE != 0).all()
    assert "not in the cache" in caplog.text


def test_more_pixels_of_known_tiles_move_only_these(sky, server):
    places = sky.positions.take(slice(0, 20))
    survey = trees.survey_of(server.address)
    cut(survey, places)
    once = survey.traffic().bytes_moved
    moved = Positions(places.ra, places.dec + 30 / 3600, places.valid)
    want, _ = cut(trees.survey_of(sky.root), moved)
    pixels, flags = cut(survey, moved)
    same = flags == 0  # some of them leave the tiles that there are
    assert same.any()
    assert np.array_equal(pixels[same], want[same])
    assert survey.traffic().bytes_moved < 3 * once
    fresh = trees.survey_of(server.address)
    pixels, _ = cut(fresh, moved)
    assert np.array_equal(pixels[same], want[same])
    assert fresh.traffic().bytes_moved == 0


def test_a_changed_tile_is_noticed_when_the_cache_is_old(tmp_path, monkeypatch):
    need_commands(PROGRAM)
    sky = sparse_sky(tmp_path / "sky", 5)
    monkeypatch.setenv("VO_PHOTOZ_CACHE_DAYS", "0")
    settings.defaults.cache_clear()
    with nginx(sky.root, tmp_path / "nginx") as server:
        first, _ = cut(trees.survey_of(server.address), sky.positions)
        asked = len(tiles_sent(server))
        again, _ = cut(trees.survey_of(server.address), sky.positions)
        assert np.array_equal(first, again)
        assert {status for status, _ in tiles_sent(server)[asked:]} == {304}
        sky.tiles[0].write_bytes(encode_tile(np.full((WIDTH, WIDTH), 7, np.float32), {"NEW": "yes"}))
        os.utime(sky.tiles[0], (2e9, 2e9))
        changed, flags = cut(trees.survey_of(server.address), sky.positions)
        assert np.array_equal(changed, np.full_like(changed, 7))
        assert not flags.any()
    stale, flags = cut(survey_with(HiPS(server.address, offline=True)), sky.positions)
    assert np.array_equal(stale, changed)


KINDS = ("503 0.1", "cut", "halfdocument", "garbage", "html", "drop", "stall", "429 0.1", "500")


class Faults:
    """A fault for every fourth time that a tile is asked for, of all kinds; never twice upon each other."""

    def __init__(self, kinds):
        self.kinds = kinds
        self.told = []

    def __call__(self, method, path, count):
        number = zlib.crc32(path.encode())  # the same in every run
        if "Npix" not in path or (number + count) % 4:
            return ""
        self.told.append(self.kinds[len(self.told) % len(self.kinds)])
        return self.told[-1]


@pytest.mark.parametrize("caching", [True, False], ids=["cache", "no cache"])
def test_faults_cost_time_not_stamps(sky, clean, server, monkeypatch, request, caching):
    if not caching:
        request.getfixturevalue("no_cache")
    monkeypatch.setattr("vo_photoz.http.fetch.STALL_SECONDS", 0.3)
    faults = Faults(KINDS[:-1])
    with fault_proxy(server.address, faults) as (address, _):
        survey = trees.survey_of(address)
        pixels, flags = cut(survey, sky.positions)
    assert np.array_equal(pixels, clean)
    assert not flags.any()
    assert set(faults.told) == set(KINDS[:-1])
    if caching:
        pixels, _ = cut(survey_with(HiPS(address, offline=True)), sky.positions)
        assert np.array_equal(pixels, clean)  # no fault found its way into the cache


def test_a_mirror_takes_over_from_a_server_with_faults(sky, clean, server, tmp_path):
    faults = Faults(KINDS[-1:])
    with fault_proxy(server.address, faults) as (address, plan), nginx(sky.root, tmp_path / "two") as mirror:
        pixels, flags = cut(trees.survey_of([address, mirror.address]), sky.positions)
    assert np.array_equal(pixels, clean)
    assert not flags.any()
    assert faults.told
    assert len(plan.asked) < len(sky.tiles)
    assert tiles_sent(mirror)


def test_a_server_that_always_stalls_is_left_for_its_mirror(sky, clean, server, monkeypatch):
    monkeypatch.setattr("vo_photoz.http.fetch.STALL_SECONDS", 0.2)
    with fault_proxy(server.address, lambda _, path, __: "stall" * ("Npix" in path)) as (address, plan):
        pixels, flags = cut(trees.survey_of([address, server.address]), sky.positions)
    assert np.array_equal(pixels, clean)
    assert not flags.any()
    assert len(plan.asked) < 30


def test_ranges_of_a_compressed_body_are_not_believed(tmp_path):
    """A server that keeps its files compressed may cut ranges out of the compressed bytes."""
    need_commands(PROGRAM)
    sky = sparse_sky(tmp_path / "sky", 20)
    want, _ = cut(trees.survey_of(sky.root), sky.positions)
    plain = sky.tiles[0].read_bytes()
    sky.tiles[0].write_bytes(gzip.compress(plain, 1))  # all of them are links to one file
    gzipped = "location ~ [.]fits$ { add_header Content-Encoding gzip; }"
    with nginx(sky.root, tmp_path / "nginx", gzipped) as server:
        pixels, flags = cut(trees.survey_of(server.address), sky.positions)
        assert np.array_equal(pixels, want)
        assert not flags.any()
        refused = [status for status, _ in tiles_sent(server) if status == 206]
        assert len(refused) < len(sky.tiles)


def test_a_tile_damaged_everywhere_is_one_flag(tmp_path, caplog):
    need_commands(PROGRAM)
    sky = sparse_sky(tmp_path / "sky", 8)
    harmed = sky.tiles[0]
    harmed.unlink()
    harmed.write_bytes(b"<html>Monday</html>" * 1000)
    with nginx(sky.root, tmp_path / "nginx") as server:
        _, flags = cut(trees.survey_of(server.address), sky.positions)
        assert (flags & Flag.PIXELS_UNAVAILABLE != 0).sum() == 1
        assert "not a FITS file" in caplog.text
        harmed.unlink()
        os.link(sky.tiles[1], harmed)
        _, flags = cut(trees.survey_of(server.address), sky.positions)
        assert not flags.any()  # what was damaged is not in the cache


def test_tiles_that_differ_are_not_misread(tmp_path):
    """Other headers, other types and gzip among plain tiles: each by its own header."""
    need_commands(PROGRAM)
    sky = sparse_sky(tmp_path / "sky", 12)
    pixels = np.random.default_rng(1).normal(size=(WIDTH, WIDTH)).astype(np.float32)
    long = {f"NOTE{number}": "x" for number in range(60)}
    others = [
        encode_tile(pixels, long),
        gzip.compress(encode_tile(pixels, {})),
        as_fits(pixels.astype(np.float64)),
        as_fits((1000 * pixels).astype(np.int16), bscale=0.25, bzero=3.0),
    ]
    for path, data in zip(sky.tiles[::3], others, strict=False):
        path.unlink()
        path.write_bytes(data)
    want, _ = cut(trees.survey_of(sky.root), sky.positions)
    with nginx(sky.root, tmp_path / "nginx") as server:
        for _ in range(2):
            pixels, flags = cut(trees.survey_of(server.address), sky.positions)
            assert np.array_equal(pixels, want)
            assert not flags.any()


def as_fits(pixels, **cards):
    hdu, buffer = fits.PrimaryHDU(pixels), io.BytesIO()
    hdu.header.update(cards)
    hdu.writeto(buffer)
    return buffer.getvalue()


def test_rice_tiles_and_missing_ones(tmp_path):
    need_commands(PROGRAM)
    pixels, buffer = np.arange(WIDTH**2, dtype=np.float32).reshape(WIDTH, WIDTH), io.BytesIO()
    fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(pixels.astype(np.int32), compression_type="RICE_1")]
    ).writeto(buffer)
    sky = sparse_sky(tmp_path / "sky", 6, buffer.getvalue())
    sky.tiles[-1].unlink()
    want, flagged = cut(trees.survey_of(sky.root), sky.positions)
    with nginx(sky.root, tmp_path / "nginx") as server:
        for _ in range(2):
            got, flags = cut(trees.survey_of(server.address), sky.positions)
            assert np.array_equal(got, want, equal_nan=True)
            assert np.array_equal(flags, flagged)
        statuses = [status for status, _ in tiles_sent(server)]
    assert statuses.count(404) == 1  # it is remembered that there is none


def test_403_for_a_missing_tile_is_empty_sky_only_where_it_is_marked(tmp_path, no_cache):
    need_commands(PROGRAM)
    sky = sparse_sky(tmp_path / "sky", 6)
    places = Positions(
        np.append(sky.positions.ra, 10.0), np.append(sky.positions.dec, 10.0), np.ones(7, bool)
    )
    hidden = "location / { try_files $uri =403; }"
    store = hidden + " add_header x-amz-request-id 1 always;"
    for extra, mark, expected in (
        (hidden, "", Flag.PIXELS_UNAVAILABLE),
        (hidden, MISSING_403, 0),
        (store, "", 0),
    ):
        with nginx(sky.root, tmp_path / "nginx", extra) as server:
            _, flags = cut(trees.survey_of(server.address + mark), places)
        assert not flags[:6].any()
        assert flags[6] & Flag.PIXELS_UNAVAILABLE == expected
        assert flags[6] & Flag.BAND_MISSING


def test_the_command_tells_the_bytes_and_works_offline_afterwards(sky, clean, server, tmp_path):
    rows = [f"{ra:.12f},{dec:.12f}" for ra, dec in zip(sky.positions.ra, sky.positions.dec, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["ra,dec", *rows]) + "\n")
    (tmp_path / "s.toml").write_text(
        f'[survey]\nname = "s"\nbands = ["u"]\npixel_unit = "nanomaggy"\n[hips]\nu = "{server.address}"\n'
    )
    words = ["cutouts", tmp_path / "t.csv", "--survey", tmp_path / "s.toml", "--size", SIZE, "--scale", PIXEL]
    before = None
    for name, more in (("a.npz", []), ("b.npz", ["--offline"])):
        told = CliRunner().invoke(app, [str(word) for word in [*words, "-o", tmp_path / name, *more]])
        assert told.exit_code == 0, told.output
        assert "whole tiles are" in " ".join(told.output.split())
        assert f"{len(rows)} complete stamps" in told.output
        assert np.allclose(np.load(tmp_path / name)["stamps"], clean, atol=1e-6)
        assert before in (None, len(server.sent()))
        before = len(server.sent())


RUN = """
import sys
from pathlib import Path
import numpy as np
from tests import hips_trees as trees
from tests.servers.sparse_sky import cut
from vo_photoz.flow import Positions
ra, dec = np.load(sys.argv[2])
pixels, flags = cut(trees.survey_of(sys.argv[1]), Positions(ra, dec, np.ones(len(ra), bool)))
np.save(sys.argv[3], pixels)
"""


def test_processes_that_share_a_cache(sky, clean, server, tmp_path):
    np.save(tmp_path / "places.npy", np.stack([sky.positions.ra, sky.positions.dec]))
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, server.address, tmp_path / "places.npy", tmp_path / f"{number}.npy"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for number, run in enumerate(runs):
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
        assert np.array_equal(np.load(tmp_path / f"{number}.npy"), clean)
    after = trees.survey_of(server.address)
    pixels, _ = cut(after, sky.positions)
    assert np.array_equal(pixels, clean)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_run_on_a_full_disk(sky, clean, server, tmp_path, monkeypatch, caplog):
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", place], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        monkeypatch.setenv("VO_PHOTOZ_CACHE_DIR", str(place))
        settings.defaults.cache_clear()
        pixels, flags = cut(trees.survey_of(server.address), sky.positions)
        assert np.array_equal(pixels, clean)
        assert not flags.any()
        assert caplog.text.count("goes on without it") == 1
        pixels, _ = cut(trees.survey_of(server.address), sky.positions)
        assert np.array_equal(pixels, clean)
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_dense_field_costs_no_more_than_its_tiles(tmp_path):
    need_commands(PROGRAM)
    root = trees.whole_sky(tmp_path / "sky", order=1, width=128)
    rng = np.random.default_rng(6)
    places = Positions(rng.uniform(100, 110, 400), rng.uniform(-5, 5, 400), np.ones(400, bool))
    with nginx(root, tmp_path / "nginx") as server:
        survey = trees.survey_of(server.address)
        for _, stamps in cut_stamps(survey, places, size=28, pixel_arcsec=800.0, batch=20):
            assert not stamps.flags.any()
        assert survey.traffic().bytes_moved < 1.3 * survey.traffic().whole_bytes


def test_a_broken_address_is_one_sentence(server):
    with pytest.raises(SurveyError, match="no file 'properties'"):
        _ = HiPS(f"{server.address}/nowhere").order
