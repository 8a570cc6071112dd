"""Stamps of isolated positions over a local nginx: bytes moved, and time with 20 ms added to every request.

The peer asks for the same parts of one tile after the other, over one connection kept alive. Needs nginx.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alternate import alternate, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests import hips_trees as trees
from tests.servers.fault_proxy import fault_proxy
from tests.servers.nginx import nginx
from tests.servers.sparse_sky import Sky, cut, sparse_sky
from vo_photoz import settings

POSITIONS, DELAYED_POSITIONS = 1000, 200


def main(rounds: int = 3) -> None:
    """Print shares of bytes, and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sky = sparse_sky(place / "sky", POSITIONS)
        print(
            f"{POSITIONS} isolated positions, 28 px, {len(sky.tiles)} tiles, {sky.whole_bytes / 1e6:.0f} MB"
        )
        shares(sky, place)
        few = Sky(sky.root, sky.positions.take(slice(0, DELAYED_POSITIONS)), sky.tiles)
        with (
            nginx(sky.root, place / "delayed") as server,
            delayed(server.address) as fast,
            delayed(server.address) as slow,
        ):
            choose(place, connections=8)
            cut(trees.survey_of(fast), few.positions)  # compile, connect
            seconds = alternate(
                {
                    "8 connections, 20 ms a request": lambda: run(few, fast, place, 8),
                    "1 connection, 20 ms a request": lambda: run(few, slow, place, 1),
                },
                rounds,
            )
    report(seconds, per=DELAYED_POSITIONS)


def shares(sky: Sky, place: Path) -> None:
    """Bytes moved by servers of three kinds, and by a second run."""
    kinds = {"many parts": "", "one part": "max_ranges 1;", "whole tiles only": "max_ranges 0;"}
    for kind, extra in kinds.items():
        with nginx(sky.root, place / kind.replace(" ", "_"), extra) as server:
            choose(place / f"cache of {kind}", connections=8, cached=True)
            for turn in ("first run", "second run"):
                survey = trees.survey_of(server.address)
                cut(survey, sky.positions)
                print(f"{kind:18s} {turn:12s} {survey.traffic()}")


def run(sky: Sky, address: str, place: Path, connections: int) -> None:
    """All stamps, without a cache."""
    choose(place, connections=connections)
    _, flags = cut(trees.survey_of(address), sky.positions)
    assert not flags.any()


def choose(place: Path, *, connections: int, cached: bool = False) -> None:
    """Settings of the next run."""
    os.environ["VO_PHOTOZ_CACHE_DIR"] = str(place)
    os.environ["VO_PHOTOZ_CACHE_MAX_BYTES"] = str(10**10 if cached else 0)
    os.environ["VO_PHOTOZ_HTTP_CONNECTIONS"] = str(connections)
    settings.defaults.cache_clear()


@contextmanager
def delayed(upstream: str) -> Iterator[str]:
    """A proxy, in a process of its own, that waits before it answers."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_proxy, args=(upstream, there))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("end")
        process.join()


def _proxy(upstream: str, told: multiprocessing.connection.Connection) -> None:
    with fault_proxy(upstream, lambda *_: "delay") as (address, _):
        told.send(address)
        told.recv()


if __name__ == "__main__":
    main()
