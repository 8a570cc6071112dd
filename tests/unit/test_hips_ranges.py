"""Parts of tiles: sets of ranges, answers with several parts, pixels decoded from pieces of a file."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import hips_trees as trees
from vo_photoz.errors import ProtocolError
from vo_photoz.hips.access import ranges
from vo_photoz.hips.access.ranges import Needs
from vo_photoz.hips.decode import decode_tile, empty_tile, layout_of
from vo_photoz.hips.kernels.gathering import gather
from vo_photoz.hips.kernels.planning import Frame, plan_images, used_tiles
from vo_photoz.http.ranges import parse_parts

SOME = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15)), max_size=8)


def as_ranges(pairs):
    return np.array([(start, start + size) for start, size in pairs], np.int64).reshape(-1, 2)


def as_set(found):
    return {place for start, stop in found for place in range(start, stop)}


@given(SOME, SOME)
def test_ranges_are_sets(first, second):
    one, other = (ranges.merged(as_ranges(pairs)) for pairs in (first, second))
    assert as_set(one) == as_set(as_ranges(first))
    assert ranges.length(one) == len(as_set(one))
    assert (one[1:, 0] > one[:-1, 1]).all()
    assert as_set(ranges.subtracted(one, other)) == as_set(one) - as_set(other)
    assert ranges.covers(one, other) == (as_set(other) <= as_set(one))


@given(SOME, st.integers(1, 4), st.integers(0, 10))
def test_closing_gaps_loses_nothing(pairs, most, gap):
    tidy = ranges.merged(as_ranges(pairs))
    few = ranges.fewer(tidy, most)
    assert len(few) <= most or not len(tidy)
    assert as_set(tidy) <= as_set(few)
    wide = ranges.merged(as_ranges(pairs), gap)
    assert as_set(tidy) <= as_set(wide)
    assert (wide[1:, 0] > wide[:-1, 1] + gap).all()


def test_the_smallest_gaps_are_closed():
    found = ranges.fewer(np.array([[0, 1], [2, 3], [50, 51], [54, 55]]), 2)
    assert found.tolist() == [[0, 3], [50, 55]]


def test_parts_are_asked_for_only_when_that_is_cheaper():
    rows = np.array([[start, start + 80] for start in range(2880, 80_000, 2048)])
    (many,) = ranges.requests_for(rows, 1 << 20, many=True)
    assert many == [tuple(pair) for pair in rows]
    assert ranges.requests_for(rows, 1 << 20, many=False) == [[(2880, int(rows[-1, 1]))]]
    assert ranges.requests_for(rows, 10_000, many=True) is None
    assert ranges.requests_for(np.array([[0, 600_000]]), 1 << 20, many=True) is None


def part(start, data, total=1000, mark="x"):
    about = f"Content-Type: image/fits\r\nContent-Range: bytes {start}-{start + len(data) - 1}/{total}"
    return f"\r\n--{mark}\r\n{about}\r\n\r\n".encode() + data


MANY = {"Content-Type": "multipart/byteranges; boundary=x"}


def test_an_answer_with_several_parts():
    tricky = b"\r\n--x\r\npixels that look like a boundary\r\n--x--"
    body = part(500, tricky) + part(0, b"head") + b"\r\n--x--\r\n"
    pieces, total = parse_parts(MANY, body, "here")
    assert pieces == ((0, b"head"), (500, tricky))
    assert total == 1000


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (MANY, part(0, b"head")),  # no end
        (MANY, (part(0, b"head") + part(500, b"pixels"))[:-3] + b"\r\n--x--"),
        (MANY, bytes(500)),
        (MANY, b"\r\n--x\r\n\r\npixels\r\n--x--"),
        ({"Content-Type": "multipart/byteranges"}, part(0, b"head") + b"\r\n--x--"),
        ({"Content-Range": "bytes 0-9/100"}, b"short"),
        ({"Content-Range": "bytes 9-0/100"}, b""),
        ({}, b"pixels"),
    ],
)
def test_an_answer_that_is_not_what_it_says(headers, body):
    with pytest.raises(ProtocolError, match="not what they say"):
        parse_parts({"Content-Type": "image/fits", "Content-Range": "", **headers}, body, "here")


def fits_bytes(stored, **cards):
    from astropy.io import fits

    hdu = fits.PrimaryHDU(stored)
    for key, value in cards.items():
        hdu.header[key] = value
    import io

    buffer = io.BytesIO()
    hdu.writeto(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["u1", ">i2", ">i4", ">i8", ">f4", ">f8"])
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(1, 700)), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None)
def test_pixels_of_pieces_are_those_of_the_whole_tile(kind, pairs):
    stored = np.arange(16 * 16).reshape(16, 16).astype(kind)
    cards = {} if kind[1] == "f" else {"BLANK": 7}
    data = fits_bytes(stored, **cards, **({} if kind == ">f4" else {"BSCALE": 0.3, "BZERO": 2.0}))
    whole, layout = decode_tile(data, 16), layout_of(data, 16)
    pieces = ranges.merged(as_ranges(pairs))
    pixels = empty_tile(16, layout.pixels_of(pieces, 256))
    for start, stop in pieces:
        layout.fill(pixels, start, data[start:stop])
    known = sorted(as_set(layout.pixels_of(pieces, 256)))
    assert np.array_equal(pixels[known], whole[known])
    if known:  # what is not known is NaN all around
        around = np.arange(max(known[0] - 32, 0), min(known[-1] + 32, 256))
        assert np.isnan(pixels[np.setdiff1d(around, known)].view(">f4")).all()


def test_a_tile_that_cannot_be_read_in_pieces_has_no_layout():
    tile = fits_bytes(np.zeros((16, 16), np.float32))
    assert layout_of(tile, 16).start == 2880
    assert layout_of(tile, 32) is None
    assert layout_of(tile[:400], 16) is None
    assert layout_of(b"\x1f\x8b" + tile, 16) is None
    assert layout_of(fits_bytes(np.zeros((16, 16), np.float32), ONAXIS1=32), 16) is None


@pytest.mark.parametrize("smooth", [True, False])
def test_needs_are_exactly_the_pixels_that_are_gathered(tmp_path, smooth):
    width, order = 64, 3
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, 60), np.concatenate([[90, -90], rng.uniform(-90, 90, 58)])
    plan = plan_images(ra, dec, Frame(9, 9, 400.0), frame="galactic", order=order, width=width, smooth=smooth)
    used = used_tiles(plan)
    needs = Needs(plan, used)
    image, one, nan = np.zeros((60, 81), np.float32), *np.array([1, np.nan], ">f4").view(np.uint32)
    for index, number in enumerate(used.numbers):
        tile = np.full(width**2, nan)
        for start, stop in needs[number]:
            tile[start:stop] = one
        for start, stop in needs[number]:  # not one pixel more than needed
            spoiled, less = np.zeros_like(image), tile.copy()
            less[rng.integers(start, stop)] = nan
            gather([less], index, used, plan, spoiled)
            assert np.isnan(spoiled).any()
        gather([tile], index, used, plan, image)
    assert np.allclose(image, 1, atol=1e-5)


def test_a_tree_in_memory_of_parts_only(tmp_path):
    """The helper of other tests and ours agree on how a tile lies in its file."""
    path = trees.write_tile(tmp_path, 3, 7, np.arange(64.0**2).reshape(64, 64))
    data = path.read_bytes()
    layout = layout_of(data[:2880], 64)
    pixels = empty_tile(64, np.array([[0, 64**2]]))
    layout.fill(pixels, 0, data)
    assert np.array_equal(pixels, decode_tile(data, 64))
