"""The compiled search among many positions finds what brute force and astropy find."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_photoz.sky import pairs
from vo_photoz.sky.pairs import separation_arcsec, within
from vo_photoz.sky.zones import candidates

PLACES = st.tuples(
    st.one_of(st.floats(0, 360), st.floats(359.99, 360), st.floats(0, 0.01), st.sampled_from([0.0, 360.0])),
    st.one_of(
        st.floats(-90, 90), st.floats(89.99, 90), st.floats(-90, -89.99), st.sampled_from([-90.0, 0.0, 90.0])
    ),
)


@given(
    st.lists(PLACES, max_size=30),
    st.lists(PLACES, max_size=30),
    st.sampled_from([1e-3, 0.5, 60, 3600]),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_candidates_are_all_there_and_none_twice(one: list, two: list, radius: float, same: bool) -> None:
    two = one + two if same else two  # equal positions too
    ra1, dec1 = np.array(one, dtype=float).reshape(-1, 2).T
    ra2, dec2 = np.array(two, dtype=float).reshape(-1, 2).T
    first, second = candidates(ra1, dec1, ra2, dec2, radius)
    found = list(zip(first.tolist(), second.tolist(), strict=True))
    assert len(found) == len(set(found))
    every = separation_arcsec(ra1[:, None], dec1[:, None], ra2[None], dec2[None])
    assert {tuple(pair) for pair in np.argwhere(every <= radius).tolist()} <= set(found)
    assert all(every[pair] <= radius * (1 + 1e-6) + 1e-4 for pair in found)


@pytest.mark.parametrize("radius", [1.0, 30.0, 600.0])
def test_many_positions_are_those_of_astropy(radius: float) -> None:
    rng = np.random.default_rng(2)
    ra, dec = rng.uniform(0, 360, 15_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 15_000)))
    dec[:500], dec[500:1000] = 90 - rng.uniform(0, 0.2, 500), -90 + rng.uniform(0, 0.2, 500)
    ra[1000:2000] = rng.normal(0, 0.05, 1000)  # some below 0, as tables have them
    dec[1000:2000] = rng.normal(0, 0.05, 1000)
    near = rng.choice(15_000, 8000)
    ra2, dec2 = ra[near] + rng.normal(0, 2e-4, 8000), np.clip(dec[near] + rng.normal(0, 2e-4, 8000), -90, 90)
    assert len(ra) + len(ra2) >= pairs.MANY
    first, second, separation = within(ra, dec, ra2, dec2, radius)
    theirs = search_around_sky(
        SkyCoord(ra, dec, unit="deg"), SkyCoord(ra2, dec2, unit="deg"), radius * u.arcsec
    )
    wanted = set(zip(theirs[0].tolist(), theirs[1].tolist(), strict=True))
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == wanted
    assert len(first) == len(wanted) > 5000
    assert (np.lexsort((second, first)) == np.arange(len(first))).all()
    other, one, swapped = within(ra2, dec2, ra, dec, radius)
    assert set(zip(one.tolist(), other.tolist(), strict=True)) == wanted
    np.testing.assert_allclose(np.sort(separation), np.sort(swapped), atol=1e-9)
