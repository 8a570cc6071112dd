"""FITS tiles of every kind: values as astropy reads them, and clear words about damaged ones."""

import gzip
import io

import numpy as np
import pytest
from astropy.io import fits

from vo_photoz.errors import SurveyError
from vo_photoz.hips.decode import as_image, decode_tile
from vo_photoz.hips.encode import encode_tile

WIDTH = 32


def values(seed=1):
    pixels = np.random.default_rng(seed).normal(100, 20, (WIDTH, WIDTH)).astype(np.float32)
    pixels[3, 4] = np.nan
    return pixels


def written(hdu):
    target = io.BytesIO()
    hdu.writeto(target)
    return target.getvalue()


def decoded(data):
    return as_image(decode_tile(data, WIDTH, "tile.fits"), WIDTH)


def with_cards(data, **cards):
    """The file with further cards in its header, put in by hand: astropy would obey or drop them."""
    end = data.index(b"END     ")
    text = "".join(f"{key:<8}= {value:>20}".ljust(80) for key, value in cards.items()).encode()
    return data[:end] + text + b"END".ljust(80) + data[end + 80 + len(text) :]


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "i4", "u1", "i8"])
def test_every_number_format(kind):
    pixels = np.nan_to_num(values()).astype(kind)
    assert np.array_equal(decoded(written(fits.PrimaryHDU(pixels))), pixels.astype(np.float32))


def test_our_own_tiles_are_read_by_astropy_and_by_us():
    pixels = values()
    data = encode_tile(pixels, {"BUNIT": "it's", "NPIX": 7})
    with fits.open(io.BytesIO(data)) as parts:
        parts.verify("exception")
        assert np.array_equal(parts[0].data, pixels, equal_nan=True)
        assert parts[0].header["BUNIT"] == "it's"
        assert parts[0].header["NPIX"] == 7
    assert len(data) % 2880 == 0
    assert np.array_equal(decoded(data), pixels, equal_nan=True)


@pytest.mark.parametrize("blank", ["-32768", "-32768.0"])
def test_scaled_integers_with_blank(blank):
    raw = np.arange(WIDTH * WIDTH, dtype=np.int16).reshape(WIDTH, WIDTH)
    raw[5, 6] = -32768
    data = with_cards(written(fits.PrimaryHDU(raw)), BSCALE="0.5", BZERO="-1.0E1", BLANK=blank)
    found = decoded(data)
    assert np.isnan(found[5, 6])
    assert np.isfinite(found).sum() == WIDTH * WIDTH - 1
    assert found[1, 1] == pytest.approx(0.5 * 33 - 10)


def test_padding_may_lack_pixels_may_not():
    pixels = values()
    data = encode_tile(pixels, {})
    end = 2880 + WIDTH * WIDTH * 4
    assert np.array_equal(decoded(data[:end]), pixels, equal_nan=True)
    with pytest.raises(SurveyError, match="cut short"):
        decoded(data[: end - 4])


def test_gzip_and_rice_under_the_name_of_a_fits_file():
    pixels = values()
    assert np.array_equal(decoded(gzip.compress(encode_tile(pixels, {}))), pixels, equal_nan=True)
    whole = np.nan_to_num(values()).astype(np.int16)
    rice = written(fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(whole, compression_type="RICE_1")]))
    assert np.array_equal(decoded(rice), whole.astype(np.float32))


def test_trimmed_tile_is_put_where_it_belongs():
    part = values()[4:12, 10:20]
    data = with_cards(encode_tile(part, {}), ONAXIS1=WIDTH, ONAXIS2=WIDTH, TRIM1=10, TRIM2=4)
    found = decoded(data)
    assert np.array_equal(found[4:12, 10:20], part, equal_nan=True)
    assert np.isfinite(found).sum() == np.isfinite(part).sum()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html><body>Not Found</body></html>", "not a FITS file"),
        (b"", "not a FITS file"),
        (b"\x1f\x8b\x08rubbish", "does not unpack"),
        (b"SIMPLE  =                    T" + b" " * 5000, "header has no end"),
        (encode_tile(np.zeros((8, 8), np.float32), {}), "8 x 8 pixels, expected 32 x 32"),
        (written(fits.HDUList([fits.PrimaryHDU()])), "holds no image"),
        (with_cards(encode_tile(np.zeros((8, 8), np.float32), {}), BITPIX=7), "makes no image"),
    ],
)
def test_damaged_tiles_are_told(data, words):
    with pytest.raises(SurveyError, match=words) as caught:
        decoded(data)
    assert "tile.fits" in str(caught.value)
