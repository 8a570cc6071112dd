"""Every kind of tile that HiPS 1.0 allows decodes to the values that its header says."""

import gzip
import io
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from tests import hips_trees as trees
from vo_photoz.hips.decode import as_image, decode_tile
from vo_photoz.hips.survey import HiPS

BITPIX = {8: "u1", 16: ">i2", 32: ">i4", -32: ">f4", -64: ">f8"}
WIDTHS = (64, 128, 256, 512, 1024)


def file_of(stored, *, padded=True, **cards):
    """Bytes of a FITS file, written by hand: a library would correct what is wrong in it."""
    bitpix = {v: k for k, v in BITPIX.items()}[stored.dtype.str.replace("|", "")]
    known = {
        "SIMPLE": "T",
        "BITPIX": bitpix,
        "NAXIS": 2,
        "NAXIS1": stored.shape[1],
        "NAXIS2": stored.shape[0],
    }
    lines = [f"{key:<8}= {value!s:>20}".ljust(80) for key, value in {**known, **cards}.items()]
    head = "".join([*lines, "END".ljust(80)]).encode()
    data = head.ljust(-(-len(head) // 2880) * 2880) + stored.tobytes()
    return data + bytes(-len(data) % 2880) if padded else data


def numbers(bitpix, width, rng):
    if bitpix < 0:
        return rng.normal(100, 30, (width, width)).astype(BITPIX[bitpix])
    info = np.iinfo(BITPIX[bitpix])
    return rng.integers(info.min, info.max, (width, width), endpoint=True).astype(BITPIX[bitpix])


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("bitpix", list(BITPIX))
@pytest.mark.parametrize("blank", [None, 7, "7.0"])
def test_plain_tiles(bitpix, packed, padded, blank):
    rng = np.random.default_rng(bitpix % 97)
    stored = numbers(bitpix, 64, rng)
    stored[3, 5] = 7
    cards = {"BSCALE": 0.25, "BZERO": -3.5} | ({} if blank is None else {"BLANK": blank})
    data = file_of(stored, padded=padded, **cards)
    found = as_image(decode_tile(gzip.compress(data) if packed else data, 64), 64)
    expected = stored.astype(float) * 0.25 - 3.5
    if blank is not None and bitpix > 0:
        expected[stored == 7] = np.nan
    assert np.array_equal(found, expected.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2"])
@pytest.mark.parametrize("bitpix", [16, 32, -32])
def test_compressed_images_inside_a_fits_file(kind, bitpix):
    rng = np.random.default_rng(1)
    stored = rng.normal(500, 20, (128, 128)).astype(BITPIX[bitpix])
    hdu = fits.CompImageHDU(
        stored, compression_type=kind, quantize_level=16 if kind == "RICE_1" else 0, dither_seed=1
    )
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
    found = as_image(decode_tile(file.getvalue(), 128), 128)
    exact = bitpix > 0 or kind != "RICE_1"
    assert np.allclose(found, stored, rtol=0, atol=1e-6 if exact else 20 / 16)


@pytest.mark.parametrize("bitpix", [16, -32])
def test_trimmed_tiles(bitpix):
    """TRIMi are the pixels cut away at the low side; the rest of the tile is blank."""
    stored = np.arange(30 * 20).reshape(30, 20).astype(BITPIX[bitpix])
    data = file_of(stored, ONAXIS1=64, ONAXIS2=64, TRIM1=11, TRIM2=5)
    found = as_image(decode_tile(data, 64), 64)
    assert np.array_equal(found[5:35, 11:31], stored.astype(np.float32))
    assert np.isfinite(found).sum() == stored.size


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("bitpix", [16, -32])
def test_widths(tmp_path, width, bitpix):
    """One value a tile: the place of every tile is right for every width and way of reading."""
    trees.write_properties(tmp_path, hips_order=0, hips_order_min=0, hips_tile_width=width)
    for number in range(12):
        stored = np.full((width, width), number, BITPIX[bitpix])
        trees.write_tile(tmp_path, 0, number, file_of(stored, padded=bool(number % 2)))
    import healpy

    for number in range(12):
        ra, dec = healpy.pix2ang(1, number, nest=True, lonlat=True)
        image = HiPS(tmp_path).extract((ra, dec), 8, 0.01).image
        assert np.array_equal(image, np.full((8, 8), number, np.float32))


def test_against_astropy_where_it_reads_right():
    stored = numbers(16, 64, np.random.default_rng(3))
    data = file_of(stored, BSCALE=0.5, BZERO=10.0, BLANK=-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        expected = fits.getdata(io.BytesIO(data))
    assert np.array_equal(as_image(decode_tile(data, 64), 64), expected.astype(np.float32), equal_nan=True)
