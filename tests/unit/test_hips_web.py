"""Tiles over HTTP: missing ones are empty sky, failing ones are told, each is fetched once."""

import threading
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tests import hips_trees as trees
from vo_photoz.errors import ServiceError, SurveyError
from vo_photoz.flow import Flag, Positions
from vo_photoz.hips.coverage import hips_coverage
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import HiPS
from vo_photoz.hips.write import TanImage, write_hips


class Handler(SimpleHTTPRequestHandler):
    asked: Counter
    failing: set

    def do_GET(self):
        self.asked[self.path] += 1
        if any(word in self.path for word in self.failing):
            self.send_error(500)
        else:
            super().do_GET()

    def log_message(self, *parts):
        pass


@pytest.fixture
def web(tmp_path):
    handler = type("Here", (Handler,), {"asked": Counter(), "failing": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", tmp_path, handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def places_in(image, n=40):
    rng = np.random.default_rng(1)
    half = 0.4 * image.pixels.shape[0] * 0.4 / 3600
    ra = image.ra + rng.uniform(-half, half, n) / np.cos(np.radians(image.dec))
    return Positions(ra, image.dec + rng.uniform(-half, half, n), np.ones(n, bool))


def one_field(folder):
    image = TanImage(np.random.default_rng(2).normal(size=(300, 300)), 77.0, -8.0, 0.4)
    write_hips(folder / "g", [image], band="g", tile_width=64, date="2026-01-01")
    return image


def stamps_of(address, places, **options):
    survey = trees.survey_of(address)
    pixels, flags = np.zeros((len(places), 1, 16, 16)), np.zeros(len(places), int)
    for rows, stamps in cut_stamps(survey, places, size=16, pixel_arcsec=0.4, **options):
        pixels[rows], flags[rows] = stamps.pixels, stamps.flags
    return pixels, flags


def test_the_web_gives_what_the_folder_gives_and_each_tile_once(web):
    address, folder, handler = web
    image = one_field(folder)
    places = places_in(image)
    from_web, flags = stamps_of(f"{address}/g", places, threads=2)
    from_folder, _ = stamps_of(folder / "g", places)
    assert np.array_equal(from_web, from_folder, equal_nan=True)
    assert not flags.any()
    tiles = {path: count for path, count in handler.asked.items() if "Npix" in path}
    assert len(tiles) > 10
    assert set(tiles.values()) == {1}
    assert hips_coverage(HiPS(f"{address}/g")).sky_fraction == HiPS(folder / "g").coverage.sky_fraction


def test_a_missing_tile_is_empty_sky_and_a_failing_one_is_told(web, caplog):
    address, folder, handler = web
    image = one_field(folder)
    places = Positions(np.array([77.0, 78.0]), np.array([-8.0, -8.0]), np.ones(2, bool))
    _, flags = stamps_of(f"{address}/g", places)
    assert flags.tolist() == [0, Flag.BAND_MISSING | Flag.PIXELS_MASKED]
    handler.failing.add("Npix")
    pixels, flags = stamps_of(f"{address}/g", places_in(image, 3))
    assert (flags & Flag.PIXELS_UNAVAILABLE != 0).all()
    assert np.isnan(pixels).any(axis=(1, 2, 3)).all()
    assert "HTTP 500" in caplog.text


def test_the_next_mirror_is_used_and_all_failures_are_named(web):
    address, folder, handler = web
    one_field(folder)
    hips = HiPS([f"{address}/nowhere", f"{address}/g"])
    assert hips.address == f"{address}/g"
    handler.failing.add("properties")
    with pytest.raises(SurveyError, match=r"HTTP 500.*no file 'properties'"):
        _ = HiPS([f"{address}/g", str(folder)]).order
    with pytest.raises(SurveyError, match="forbidden"):
        _ = HiPS(f"{address}/never", offline=True).order
    assert HiPS(f"{address}/g", offline=True).order == hips.order  # from the cache


def test_a_mirror_takes_over_in_the_middle(web):
    address, folder, handler = web
    image = one_field(folder)
    (folder / "mirror").symlink_to(folder / "g")
    handler.failing.add("/g/Norder")
    survey = trees.survey_of([f"{address}/g", f"{address}/mirror"])
    places = places_in(image, 10)
    for _, stamps in cut_stamps(survey, places, size=16, pixel_arcsec=0.4, threads=1):
        assert not stamps.flags.any()
    assert survey.hips["u"].address == f"{address}/g"  # the mirror served tiles only
    asked = sum(count for path, count in handler.asked.items() if path.startswith("/g/Norder"))
    assert asked < 60  # it is not asked for every tile again


def test_a_dead_server_is_left_alone(web, monkeypatch):
    address, folder, handler = web
    one_field(folder)
    monkeypatch.setattr("vo_photoz.hips.access.source.FAILURES_IN_A_ROW", 2)
    hips = HiPS(f"{address}/g")
    assert hips.order == 13
    handler.failing.add("Norder")
    for number in range(6):
        with pytest.raises(ServiceError):
            hips.tiles.get(13, number)
    tiles_asked = {path for path in handler.asked if "Npix" in path}
    assert len(tiles_asked) == 2
