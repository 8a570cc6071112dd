"""Whatever is asked for: the right shape, values of the right tiles, and no tile opened without need."""

import healpy
import numpy as np
import pytest
from astropy.coordinates import Angle, Latitude, Longitude, SkyCoord
from astropy.coordinates.angles import offset_by
from cdshealpix import nested
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import hips_trees as trees
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import HiPS

ORDER, WIDTH = 3, 64
SIZES = st.one_of(st.integers(1, 64), st.integers(65, 512))
FRAMES = {"equatorial": "icrs", "galactic": "galactic", "ecliptic": "barycentricmeanecliptic"}


@pytest.fixture(scope="module")
def skies(tmp_path_factory):
    """Whole skies in which every pixel of a tile has the number of the tile; the orders 2 and 3."""
    found = {}
    for frame in FRAMES:
        root = found[frame] = tmp_path_factory.mktemp(frame)
        trees.write_properties(
            root, hips_order=ORDER, hips_order_min=2, hips_tile_width=WIDTH, hips_frame=frame
        )
        for order in (2, 3):
            for number in range(12 * 4**order):
                trees.write_tile(root, order, number, np.full((WIDTH, WIDTH), number))
    return found


def opened_by(hips, work):
    """What some work gives, and the tiles that it opened."""
    seen, store = set(), hips.tiles
    genuine = store.get

    def noting(order, number, *more):
        seen.add((order, number))
        return genuine(order, number, *more)

    store.get = noting
    return work(), seen


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    ra=st.floats(0, 360),
    dec=st.one_of(
        st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 0.0, 41.8103148957786, -41.8103148957786])
    ),
    size=st.tuples(SIZES, SIZES),
    zoom=st.floats(-2, 2),
    smooth=st.booleans(),
    frame=st.sampled_from(sorted(FRAMES)),
)
@example(ra=0.0, dec=90.0, size=(512, 512), zoom=2.0, smooth=True, frame="equatorial")
@example(ra=45.0, dec=0.0, size=(1, 1), zoom=-2.0, smooth=True, frame="equatorial")
@example(ra=0.0, dec=0.0, size=(1, 65), zoom=2.0, smooth=False, frame="equatorial")
@example(ra=0.0, dec=0.0, size=(171, 1), zoom=1.0, smooth=False, frame="equatorial")
@example(ra=360.0, dec=-41.8103148957786, size=(3, 200), zoom=0.0, smooth=True, frame="equatorial")
def test_shape_values_and_tiles(skies, ra, dec, size, zoom, smooth, frame):
    hips = HiPS(skies[frame])
    resolution = hips.pixel_arcsec() * 10**zoom / 3600
    kind = "bilinear" if smooth else "nearest"
    cutout, opened = opened_by(hips, lambda: hips.extract((ra, dec), size, resolution, kind))
    assert cutout.image.shape == (size[1], size[0])
    assert cutout.complete
    assert {order for order, _ in opened} == {cutout.order}

    column, row = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    lon, lat = cutout.wcs.all_pix2world(column.ravel(), row.ravel(), 0)
    there = SkyCoord(lon, lat, unit="deg").transform_to(FRAMES[frame]).spherical
    depth, shift = cutout.order + 6, 2 * 6
    own = nested.lonlat_to_healpix(Longitude(there.lon), Latitude(there.lat), depth).astype(np.int64)
    own_tiles = set(np.unique(own >> shift).tolist())
    around = nested.neighbours(np.unique(own).astype(np.uint64), depth).astype(np.int64)
    near_tiles = set(np.unique(around[around >= 0] >> shift).tolist())
    numbers = {number for _, number in opened}
    assert numbers <= near_tiles  # nothing is read that is not needed
    values = cutout.image.ravel()
    if smooth:
        assert np.isfinite(values).all()
        # A pixel all of whose neighbours lie in its tile has the number of the tile.
        border = (nested.neighbours(own.astype(np.uint64), depth).astype(np.int64) >> shift) != (
            own >> shift
        )[:, None]
        inner = ~border.any(axis=1)
        assert np.allclose(values[inner], own[inner] >> shift, rtol=1e-6, atol=0)
        assert {int(number) for number in np.unique(own[inner] >> shift)} <= numbers
    else:
        # A place within a hair of two pixels may go either way: whole meridians run along their corners.
        hair = Angle(1e-4 * nested_pixel_side(depth), "rad")
        near = [tiles_at(*offset_by(there.lon, there.lat, way, hair), depth, shift) for way in WAYS]
        assert (values == np.array(near)).any(axis=0).all()
        assert own_tiles - numbers <= set(np.unique(near).tolist())


WAYS = Angle(np.arange(0, 360, 45), "deg")


def nested_pixel_side(depth: int) -> float:
    """Side of a HEALPix pixel, radians."""
    return np.sqrt(np.pi / 3) / 2**depth


def tiles_at(lon: Angle, lat: Angle, depth: int, shift: int) -> np.ndarray:
    """Tiles of places."""
    return nested.lonlat_to_healpix(Longitude(lon), Latitude(lat), depth).astype(np.int64) >> shift


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    places=st.lists(st.tuples(st.floats(0, 360), st.floats(-90, 90)), min_size=1, max_size=40),
    size=st.integers(1, 48),
    zoom=st.floats(-2, 2),
    batch=st.integers(1, 64),
    threads=st.integers(1, 2),
)
def test_many_are_the_same_as_one_by_one(skies, places, size, zoom, batch, threads):
    from vo_photoz.hips.batches import positions_of

    survey = trees.survey_of(skies["equatorial"], skies["galactic"])
    positions, scale = positions_of(places), survey.hips["u"].pixel_arcsec() * 10**zoom
    seen = np.zeros(len(places), int)
    for rows, stamps in cut_stamps(
        survey, positions, size=size, pixel_arcsec=scale, batch=batch, threads=threads
    ):
        seen[rows] += 1
        assert stamps.pixels.shape == (len(rows), 2, size, size)
        for index, row in enumerate(rows[:2]):
            for band, name in enumerate(survey.bands):
                alone = survey.hips[name].extract(places[row], size, scale / 3600).image
                assert np.allclose(stamps.pixels[index, band], alone, rtol=1e-5)
    assert (seen == 1).all()


def test_a_tile_is_opened_once_for_many_positions(skies):
    """Positions in any order: each tile is read from the disk once."""
    hips, rng = HiPS(skies["equatorial"]), np.random.default_rng(4)
    ra, dec = rng.uniform(0, 40, 3000), rng.uniform(5, 35, 3000)
    reads, genuine = [], hips.tiles._read

    def noting(order, number, *more):
        reads.append((order, number))
        return genuine(order, number, *more)

    hips.tiles._read = noting
    for _ in hips.extract_many(np.stack([ra, dec], axis=1), 4, hips.pixel_arcsec() / 3600, threads=1):
        pass
    vectors = healpy.ang2vec(ra, dec, lonlat=True)
    needed = {*healpy.vec2pix(8, *vectors.T, nest=True).tolist()}
    assert needed <= {number for _, number in reads}
    assert len(reads) == len(set(reads))
