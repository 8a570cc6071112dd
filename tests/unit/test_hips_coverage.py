"""Coverage maps of HiPS: both codings, other frames, and what is refused."""

import io

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from mocpy import MOC

from tests import hips_trees as trees
from vo_photoz.errors import CoverageError
from vo_photoz.hips.coverage import hips_coverage, read_moc, survey_coverage, write_moc
from vo_photoz.hips.survey import HiPS
from vo_photoz.sky.moc import contains


def moc_file(path, cells, order, *, frame="C", v1=True):
    moc = MOC.from_healpix_cells(
        np.array(cells, np.uint64), np.full(len(cells), order, np.uint8), max_depth=order
    )
    moc.save(str(path), format="fits", overwrite=True, v1_compatible=v1)
    with fits.open(path, mode="update") as parts:
        parts[1].header["COORDSYS"] = frame
    return path.read_bytes()


def some_sky(n=20_000):
    rng = np.random.default_rng(1)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


@pytest.mark.parametrize("v1", [True, False], ids=["uniq", "ranges"])
def test_both_codings_give_the_cells(tmp_path, v1):
    cells = [3, 77, 78, 79, 500]
    coverage = read_moc(moc_file(tmp_path / "m.fits", cells, 3, v1=v1), "m.fits")
    ra, dec = some_sky()
    expected = np.isin(healpy.ang2pix(8, ra, dec, nest=True, lonlat=True), cells)
    assert (contains(coverage, ra, dec) == expected).all()
    assert coverage.max_order == 3
    assert coverage.sky_fraction == pytest.approx(5 / 768)


@pytest.mark.parametrize("order", [2, 5, 9])
def test_a_galactic_map_loses_nothing_when_turned(tmp_path, order):
    """Hipsgen writes the map of a galactic HiPS in galactic cells; most readers take it for ICRS."""
    rng = np.random.default_rng(2)
    cells = np.unique(rng.integers(0, 12 * 4**order, 40))
    coverage = read_moc(moc_file(tmp_path / "m.fits", cells, order, frame="G"), "m.fits")
    inside = (np.repeat(cells, 200) << 12) + rng.integers(0, 1 << 12, 200 * len(cells))
    lon, lat = healpy.pix2ang(1 << (order + 6), inside, nest=True, lonlat=True)
    places = SkyCoord(lon * u.deg, lat * u.deg, frame="galactic").icrs
    assert contains(coverage, places.ra.deg, places.dec.deg).all()
    cell_deg = np.degrees(np.sqrt(4 * np.pi / 12)) / 2**order
    assert (
        coverage.sky_fraction * 12 * 4**order / len(cells)
        < (1 + 2 * max(0.5 * cell_deg, 0.001) / cell_deg) ** 2
    )
    far = SkyCoord(places.ra.deg * u.deg, places.dec.deg * u.deg).directional_offset_by(
        0 * u.deg, 2 * cell_deg * u.deg
    )
    outside = ~np.isin(
        healpy.ang2pix(1 << order, far.galactic.l.deg, far.galactic.b.deg, nest=True, lonlat=True),
        healpy.get_all_neighbours(1 << order, cells, nest=True).ravel().tolist() + cells.tolist(),
    )
    assert not contains(coverage, far.ra.deg[outside], far.dec.deg[outside]).any()


def test_whole_sky_stays_whole_in_any_frame(tmp_path):
    coverage = read_moc(moc_file(tmp_path / "m.fits", range(12), 0, frame="G"), "m.fits")
    assert coverage.sky_fraction == 1


def test_survey_coverage_is_what_all_bands_cover(tmp_path):
    for band, cells in (("u", [1, 2, 3]), ("g", [2, 3, 4])):
        trees.write_properties(tmp_path / band, hips_order=3)
        moc_file(tmp_path / band / "Moc.fits", cells, 3)
    survey = trees.survey_of(tmp_path / "u", tmp_path / "g")
    assert survey_coverage(survey).sky_fraction == pytest.approx(2 / 768)
    write_moc(survey_coverage(survey), tmp_path / "out" / "both.fits")
    assert MOC.load(tmp_path / "out" / "both.fits").sky_fraction == pytest.approx(2 / 768)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["both.fits"]


def test_a_missing_map_is_an_error_or_the_whole_sky(tmp_path):
    trees.write_properties(tmp_path, hips_order=3)
    with pytest.raises(CoverageError, match="no coverage map"):
        hips_coverage(HiPS(tmp_path))
    assert hips_coverage(HiPS(tmp_path), unknown_is_whole=True).sky_fraction == 1


def _image_file():
    target = io.BytesIO()
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(target)
    return target.getvalue()


@pytest.mark.parametrize("data", [b"<html></html>", b"", _image_file()], ids=["html", "empty", "image"])
def test_what_is_no_map_is_told(data):
    with pytest.raises(CoverageError, match="not a coverage map"):
        read_moc(data, "m.fits")


def cell_orders(moc):
    """Orders of the cells; old files of CDS state 29 whatever they have."""
    return {int(np.log2(number // 4) // 2) for number in moc.uniq_hpx.tolist()}


@pytest.mark.shared
def test_real_maps(shared):
    for name in ("P-SDSS9-r.fits", "CDS_VII_279_dr12q.fits", "P-GALEXGR6-AIS-FUV.fits"):
        path = shared / "data" / "moc" / name
        coverage, moc = read_moc(path.read_bytes(), name), MOC.load(path)
        assert coverage.sky_fraction == pytest.approx(moc.sky_fraction)
        assert coverage.max_order == max(cell_orders(moc))
    with pytest.raises(CoverageError, match="not a coverage map of space alone"):
        read_moc((shared / "data/moc/STMoc-DECaLS-g.fits").read_bytes(), "stmoc")


def test_a_column_without_a_name_is_read(tmp_path):
    """As some old files have it."""
    data = moc_file(tmp_path / "m.fits", [5], 2)
    named = next(data[i : i + 80] for i in range(0, len(data), 80) if data[i : i + 8] == b"TTYPE1  ")
    coverage = read_moc(data.replace(named, b"COMMENT no name".ljust(80)), "m.fits")
    assert coverage.sky_fraction == pytest.approx(1 / 192)
