"""What the tiles themselves say of the unit of their pixels."""

from __future__ import annotations

import gzip
import zlib

from vo_photoz.errors import PhotozError
from vo_photoz.hips.access.tiles import tile_path
from vo_photoz.hips.access.web_tiles import MAX_TILE_BYTES
from vo_photoz.hips.checks.tiles import listed_tiles, promised_tiles
from vo_photoz.hips.decode import GZIP, read_header
from vo_photoz.hips.tree import HiPS
from vo_photoz.hips.units import unit_named

TRIES = 8


def unit_in_tiles(hips: HiPS) -> str:
    """The unit that a tile names in its header (BUNIT), as in `units.UNITS_NJY`.

    Empty when it names none that is known, and when no tile can be had.
    """
    try:
        for number in _some_tiles(hips):
            data = hips.tiles.source.read(tile_path(hips.order, number), max_bytes=MAX_TILE_BYTES)
            if data is not None:
                header, _ = read_header(gzip.decompress(data) if data[:2] == GZIP else data)
                return unit_named(str(header.get("BUNIT", "")))
    except (PhotozError, OSError, EOFError, zlib.error):
        pass  # a HiPS that cannot be opened, or a damaged tile, is told when its pixels are needed
    return ""


def _some_tiles(hips: HiPS) -> list[int]:
    """A few tiles of the deepest order that should be there."""
    if (folder := hips.tiles.folder) is not None:
        return sorted(listed_tiles(folder, hips.order))[:1]
    coverage = hips.known_coverage
    return [] if coverage is None else promised_tiles(hips, coverage, TRIES)
