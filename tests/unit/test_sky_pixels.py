"""HEALPix kernels against healpy, and interpolation where the grid has seams."""

import healpy
import numba
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from vo_photoz.errors import CoverageError
from vo_photoz.sky import frames, pixels


def directions(n, seed=1):
    vectors = np.random.default_rng(seed).normal(size=(n, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


@numba.njit
def _interpolated(vectors, nside, gradient):
    out = np.empty(len(vectors))
    faces, px, py = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    weights = np.empty(4)
    for i in range(len(vectors)):
        face, x, y = pixels.place_of(vectors[i, 0], vectors[i, 1], vectors[i, 2], nside)
        pixels.bilinear(face, x, y, nside, faces, px, py, weights)
        out[i] = 0.0
        for c in range(4):
            if weights[c] > 0:
                a, b, z = pixels.direction_of(faces[c], px[c] + 0.5, py[c] + 0.5, nside)
                out[i] += weights[c] * (a * gradient[0] + b * gradient[1] + z * gradient[2])
    return out


@pytest.mark.parametrize("order", [0, 1, 7, 13, 19, 28])
def test_cells_are_those_of_healpy(order):
    vectors = directions(50_000)
    vectors[:1000, :2] *= 1e-6  # next to the poles
    expected = healpy.vec2pix(1 << order, *vectors.T, nest=True)
    assert (pixels.cells_of(vectors, order) == expected).all()


def test_centres_of_pixels_are_those_of_healpy():
    nside = 16
    for number in range(12 * nside**2):
        face, code = divmod(number, nside**2)
        x, y = pixels.deinterleave(code), pixels.deinterleave(code >> 1)
        found = pixels.direction_of(face, x + 0.5, y + 0.5, nside)
        assert np.allclose(found, healpy.pix2vec(nside, number, nest=True), atol=1e-14)
        assert pixels.interleave(x, y) == code


def test_neighbours_are_those_of_healpy():
    nside = 8
    steps = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]  # healpy's order, from SW
    for number in range(12 * nside**2):
        face, code = divmod(number, nside**2)
        x, y = pixels.deinterleave(code), pixels.deinterleave(code >> 1)
        found = []
        for dx, dy in steps:
            other, px, py = pixels.wrapped(face, x + dx, y + dy, nside)
            found.append(-1 if other < 0 else other * nside**2 + pixels.interleave(px, py))
        assert found == healpy.get_all_neighbours(nside, number, nest=True).tolist()


def _along_seams(rng, n, nside):
    z = rng.uniform(0.67, 1, n) * rng.choice([-1, 1], n)
    longitude = rng.integers(0, 4, n) * np.pi / 2 + rng.normal(size=n) / nside
    sine = np.sqrt(1 - z**2)
    return np.stack([sine * np.cos(longitude), sine * np.sin(longitude), z], axis=1)


def _around_corners(rng, n, nside):
    z = rng.choice([-2, 2], n) / 3 + rng.normal(size=n) / nside
    longitude = rng.integers(0, 8, n) * np.pi / 4 + rng.normal(size=n) / nside
    sine = np.sqrt(1 - z**2)
    return np.stack([sine * np.cos(longitude), sine * np.sin(longitude), z], axis=1)


def _around_poles(rng, n, nside):
    xy = rng.normal(size=(n, 2)) * 2 / nside
    vectors = np.column_stack([xy, rng.choice([-1, 1], n)])
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


@pytest.mark.parametrize(
    ("where", "worst"),
    [
        (lambda rng, n, nside: directions(n), 0.02),
        (_along_seams, 0.03),
        (_around_poles, 0.2),  # four pixels meet there
        (_around_corners, 0.5),  # three pixels meet there
    ],
    ids=["anywhere", "seams", "poles", "corners"],
)
def test_interpolation_keeps_a_linear_function(where, worst):
    """Errors in pixels: what a shift by that part of a pixel would make."""
    nside, rng = 512, np.random.default_rng(2)
    gradient = np.array([0.3, -0.5, 0.81])
    vectors = where(rng, 20_000, nside)
    error = np.abs(_interpolated(vectors, nside, gradient) - vectors @ gradient) * nside
    assert np.quantile(error, 0.999) < worst
    assert error.max() < max(worst, 0.5)


@pytest.mark.parametrize(
    ("frame", "name"),
    [("equatorial", "icrs"), ("galactic", "galactic"), ("ecliptic", "barycentricmeanecliptic")],
)
def test_frames_are_those_of_astropy(frame, name):
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, 500), np.degrees(np.arcsin(rng.uniform(-1, 1, 500)))
    turned = frames.unit_vectors(ra, dec) @ frames.rotation_from_icrs(frame).T
    expected = SkyCoord(ra * u.deg, dec * u.deg).transform_to(name).cartesian.xyz.value.T
    expected /= np.linalg.norm(expected, axis=1)[:, None]
    assert np.degrees(np.abs(turned - expected).max()) * 3600 < 1e-6  # arcsec


def test_letters_and_words_name_frames():
    assert [frames.frame_name(word) for word in ("C", "g", " Galactic", "E")] == [
        "equatorial",
        "galactic",
        "galactic",
        "ecliptic",
    ]
    with pytest.raises(CoverageError, match="unknown"):
        frames.frame_name("supergalactic")
