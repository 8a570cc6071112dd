"""Two catalogues of one sky as one list of objects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import SHARED
from vo_photoz.catalogues.merge import merge
from vo_photoz.sky.pairs import separation_arcsec, within


def generated_pair() -> tuple[np.ndarray, np.ndarray]:
    """Columns ra, dec, z of two catalogues of which 600 objects are in both, 40 with another redshift."""
    rng = np.random.default_rng(3)
    n = 5000
    ra = np.r_[rng.uniform(0, 360, n - 20), rng.normal(0, 0.1, 10) % 360, rng.uniform(0, 360, 10)]
    dec = np.r_[np.degrees(np.arcsin(rng.uniform(-1, 1, n - 20))), rng.normal(0, 0.1, 10), np.full(10, 89.9)]
    z = rng.uniform(2, 5, n)
    older = np.stack([ra[:3000], dec[:3000], z[:3000]])
    newer = np.stack([ra[2400:], dec[2400:] + 0.3 / 3600, z[2400:]])
    newer[1] = np.clip(newer[1], -90, 90)
    newer[2, :40] += 0.6
    return older, newer


def shared_pair() -> tuple[np.ndarray, np.ndarray]:
    """Quasars of SDSS DR5 and those with images."""
    from astropy.table import Table

    table = Table.read(SHARED / "data" / "catalogues" / "dr5_dlagz_s2n4.fits")
    older = np.stack([np.asarray(table[name][0], dtype=float) for name in ("RA", "DEC", "ZEM")])
    held = np.load(SHARED / "data" / "quasars" / "sdss_quasars_ugriz.npz", allow_pickle=False)
    return older, np.stack([held[name].astype(float) for name in ("ra", "dec", "z")])


@pytest.mark.parametrize(
    ("pair", "radius", "matches", "agreeing"),
    [
        pytest.param(generated_pair, 1.5, 600, 560, id="generated"),
        pytest.param(shared_pair, 2.0, 340, 313, id="shared", marks=pytest.mark.shared),
    ],
)
def test_merge_of_two_quasar_catalogues(request, pair, radius, matches, agreeing) -> None:
    if pair is shared_pair:
        request.getfixturevalue("shared")
    older, newer = pair()
    both = np.concatenate([older, newer], axis=1)
    n, m = older.shape[1], newer.shape[1]
    ra, dec, z = both
    for winner in ("newer", "older"):
        rank = np.r_[np.full(n, winner == "newer"), np.full(m, winner == "older")].astype(np.int64)
        nothing = np.full(n + m, np.nan)
        # A conflict in the reference is a difference of 0.05 in z itself.
        merged = merge(ra, dec, z, nothing, rank, radius_arcsec=radius, conflict=1e-9)
        lost = np.flatnonzero(~merged.kept)
        across = lost[(lost < n) == (winner == "newer")]
        inside = np.setdiff1d(lost, across)
        assert len(across) == matches
        assert (rank[merged.winner[across]] == 0).all(), "the catalogue that wins stands for the object"
        assert (np.abs(z[across] - z[merged.winner[across]]) < 0.05).sum() == agreeing
        assert (merged.separation[lost] <= radius).all()
        first, second, _ = within(
            ra[merged.kept], dec[merged.kept], ra[merged.kept], dec[merged.kept], radius
        )
        assert np.array_equal(first, second), "no object is left twice"
        assert merged.kept.sum() == n + m - matches - len(inside)
    told = merge(ra, dec, z, nothing, rank, radius_arcsec=radius, conflict=0.01)
    apart = np.abs(z - z[told.winner]) / (1 + z[told.winner])
    assert np.array_equal(told.conflict, ~told.kept & (apart > 0.01))


def test_the_better_redshift_of_one_catalogue_wins() -> None:
    ra, dec = np.array([10.0, 10.0, 10.0, 50.0]), np.array([5.0, 5.0, 5.0 + 1 / 3600, 5.0])
    error = np.array([np.nan, 0.01, 0.001, np.nan])
    merged = merge(ra, dec, np.array([1, 2, 3, 4.0]), error, np.zeros(4, int), radius_arcsec=2, conflict=0.1)
    assert merged.winner.tolist() == [2, 2, 2, 3]
    assert merged.conflict.tolist() == [True, True, False, False]
    assert merged.separation == pytest.approx([1, 1, 0, 0], abs=1e-6)


def test_a_chain_of_neighbours_does_not_swallow_what_is_far() -> None:
    dec = np.arange(7) / 3600  # one arcsec apart
    ra, z, error, rank = np.full(7, 20.0), np.ones(7), np.full(7, np.nan), np.zeros(7, int)
    merged = merge(ra, dec, z, error, rank, radius_arcsec=1.5, conflict=0.1)
    assert np.flatnonzero(merged.kept).tolist() == [0, 2, 4, 6]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_merging_is_what_it_says(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    ra, dec = 100 + rng.uniform(0, 20, n) / 3600, rng.uniform(0, 20, n) / 3600
    z, error, rank = rng.uniform(0, 3, n), rng.choice([0.1, 0.2, np.nan], n), rng.integers(0, 3, n)
    merged = merge(ra, dec, z, error, rank, radius_arcsec=2.0, conflict=0.01)
    kept: list[int] = []
    for row in sorted(range(n), key=lambda k: (rank[k], np.inf if np.isnan(error[k]) else error[k], k)):
        apart = separation_arcsec(ra[[row]], dec[[row]], ra[kept], dec[kept])
        near = [one for one, far in zip(kept, apart, strict=True) if far <= 2.0]
        assert merged.winner[row] == (near[0] if near else row)
        if not near:
            kept.append(row)
