"""Photometry of stars on stamps, against stars whose light and place are known; columns of catalogues."""

import numpy as np
import pytest
from astropy.table import Table

from vo_photoz.catalogues.magnitudes import find_magnitudes, magnitudes
from vo_photoz.errors import TableError
from vo_photoz.hips.checks.photometry import Sources, calibrate, measure_sources, scatter_against
from vo_photoz.simulation.imaging.profiles import moffat
from vo_photoz.tables.read import read_table

PIXEL, SIZE = 0.4, 61


def stamp(mag, east, north, *, sky=0.0, noise=0.0, fwhm=1.2, seed=0, width=0.0):
    """A star of a magnitude (zero point 22.5) off the middle by so many arcsec."""
    y, x = (np.indices((SIZE, SIZE)) - (SIZE - 1) / 2) * PIXEL
    light = moffat(x + east, y - north, np.hypot(fwhm, width), 3.0) * PIXEL**2
    return sky + 10 ** (0.4 * (22.5 - mag)) * light + np.random.default_rng(seed).normal(0, noise, x.shape)


def field(count=200, *, seed=1, transfer=lambda flux: flux, **options):
    rng = np.random.default_rng(seed)
    mags = rng.uniform(16, 20, count)
    shifts = rng.normal(0, 0.05, (count, 2)) + options.pop("offset", (0, 0))
    pixels = [
        transfer(stamp(m, e, n, noise=0.02, seed=k, **options))
        for k, (m, (e, n)) in enumerate(zip(mags, shifts, strict=True))
    ]
    return measure_sources(np.array(pixels, np.float32), PIXEL), mags, shifts


def test_place_and_light_of_a_star():
    places = [(0.0, 0.0), (0.3, -0.7), (-1.2, 0.9)]
    pixels = np.array([stamp(18, *place, sky=5.0) for place in places], np.float32)
    found = measure_sources(pixels, PIXEL)
    assert np.allclose(np.stack([found.east, found.north], 1), places, atol=0.005)
    assert found.whole == pytest.approx(10 ** (0.4 * 4.5), rel=0.002)
    # Moffat, beta = 3: what lies beyond R is (1 + (R / a)^2)^-2.
    a = 1.2 / (2 * np.sqrt(2 ** (1 / 3) - 1))
    assert found.flux / found.whole == pytest.approx(1 - (1 + (3 / a) ** 2) ** -2, rel=0.003)


def test_errors_are_right():
    many = np.array([stamp(19, 0, 0, noise=0.05, seed=k) for k in range(300)], np.float32)
    found = measure_sources(many, PIXEL)
    assert found.error == pytest.approx(np.full(300, np.median(found.error)), rel=0.2)
    assert np.std(found.flux) == pytest.approx(np.median(found.error), rel=0.2)


def test_holes_make_no_numbers():
    pixels = np.array([stamp(18, 0, 0)] * 3, np.float32)
    pixels[1, 28:32, 28:32] = np.nan
    pixels[2] = np.nan
    found = measure_sources(pixels, PIXEL)
    assert np.isfinite(found.flux).tolist() == [True, False, False]


def test_empty_sky_has_no_star():
    sky = np.random.default_rng(0).normal(0, 1, (20, SIZE, SIZE)).astype(np.float32)
    assert calibrate(measure_sources(sky, PIXEL), np.full(20, 18.0)) is None


def test_zero_point_offset_and_scatter():
    sources, mags, _ = field(offset=(0.5, -0.3))
    found = calibrate(sources, mags)
    assert found.zero_point == pytest.approx(22.5, abs=0.005)
    assert found.zero_point_error < 0.005
    assert abs(found.slope) < 0.005
    assert (found.east, found.north) == pytest.approx((0.5, -0.3), abs=0.02)
    assert found.rms == pytest.approx(0.05, rel=0.25)
    assert found.scatter < 0.03
    brighter = calibrate(Sources(*(getattr(sources, k) * s for k, s in SCALES.items())), mags)
    assert brighter.zero_point - found.zero_point == pytest.approx(2.5 * np.log10(1.2), abs=1e-6)


SCALES = {"east": 1, "north": 1, "flux": 1.2, "whole": 1.2, "error": 1.2}


def test_compressed_pixels_have_a_slope():
    sources, mags, _ = field(transfer=lambda flux: np.arcsinh(flux / 0.1))
    found = calibrate(sources, mags)
    assert abs(found.slope) > 0.1
    assert abs(found.slope) > 5 * found.slope_error


def test_galaxies_and_outliers_do_not_move_the_zero_point():
    sources, mags, _ = field()
    wide, its_mags, _ = field(30, seed=2, width=2.5)
    both = Sources(*(np.append(getattr(sources, k), getattr(wide, k)) for k in SCALES))
    every = np.append(mags, its_mags)
    every[:10] += 0.7  # variable stars
    found = calibrate(both, every)
    assert found.zero_point == pytest.approx(22.5, abs=0.005)
    assert found.used[200:].sum() < 3


def test_scatter_tells_the_right_band():
    sources, mags, _ = field()
    other = mags + np.random.default_rng(4).uniform(0.2, 1.4, len(mags))
    used = calibrate(sources, mags).used
    assert scatter_against(sources, used, mags) < 0.05 < scatter_against(sources, used, other)
    assert scatter_against(sources, used, np.full(len(mags), np.nan)) == float("inf")


@pytest.mark.parametrize(
    "names",
    [
        {"g": "gmag", "r": "rmag"},
        {"g": "psfMag_g", "r": "psfMag_r"},
        {"g": "gMeanPSFMag", "r": "rMeanPSFMag"},
        {"g": "GMAG", "r": "RMAG"},
        {"g": "g_psf", "r": "r_psf"},
        {"g": "g", "r": "r"},
        {"g": "mag_g", "r": "mag_r"},
    ],
)
def test_columns_are_found_by_name(tmp_path, names):
    columns = {"ra": [1.0], "dec": [2.0], "e_gmag": [0.1], **{name: [18.0] for name in names.values()}}
    Table(columns).write(tmp_path / "t.fits")
    assert find_magnitudes(read_table(tmp_path / "t.fits"), ("g", "r", "z")) == names


def test_columns_are_found_by_ucd(tmp_path):
    table = Table({"ra": [1.0], "dec": [2.0], "blue": [18.0], "red": [17.0], "e": [0.1]})
    path = tmp_path / "t.vot"
    table.write(path, format="votable")
    text = path.read_text()
    for name, ucd in (
        ("blue", "phot.mag;em.opt.B"),
        ("red", "phot.mag;em.opt.R"),
        ("e", "stat.error;phot.mag"),
    ):
        text = text.replace(f'name="{name}"', f'name="{name}" ucd="{ucd}"')
    path.write_text(text)
    assert find_magnitudes(read_table(path), ("g", "r", "i")) == {"g": "blue", "r": "red"}


def test_magnitudes_that_are_none(tmp_path):
    (tmp_path / "t.csv").write_text("ra,dec,gmag,name\n1,2,18.5,a\n1,3,99,b\n1,4,-9999,c\n1,5,,d\n")
    table = read_table(tmp_path / "t.csv")
    assert np.isfinite(magnitudes(table, "gmag")).tolist() == [True, False, False, False]
    with pytest.raises(TableError, match="holds no numbers"):
        magnitudes(table, "name")
    with pytest.raises(TableError, match="has no magnitudes in the bands x") as caught:
        find_magnitudes(table, ("x",))
    assert "--band-columns x=COLUMN" in caught.value.advice
