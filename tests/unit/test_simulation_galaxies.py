"""Galaxies: counts, colours against SDSS galaxies of all redshifts at hand, sizes and shapes."""

import time

import numpy as np
import pytest

from tests.sdss_field import AREA_DEG2, EBV, read_field
from vo_photoz.errors import UsageError
from vo_photoz.simulation.filters import PANSTARRS
from vo_photoz.simulation.galaxies.counts import galaxy_cells, red_share, volume_per_deg2
from vo_photoz.simulation.galaxies.population import draw_galaxies, galaxies_at
from vo_photoz.simulation.galaxies.seds import BAND_SHIFT, dimming, library, member_fluxes, template_fluxes

EXTINCTION = np.array([4.239, 3.303, 2.285, 1.698, 1.263])


def colours(magnitude):
    return -np.diff(magnitude, axis=1)


@pytest.fixture(scope="module")
def bright():
    return draw_galaxies(
        np.random.default_rng(1),
        60_000,
        magnitude_range=(14.5, 17.9),
        z_range=(0.005, 0.3),
        galactic_ebv=0.03,
    )


def test_natural_counts_are_those_of_the_sky():
    r, _, counts = galaxy_cells((14.0, 22.0), (0.005, 1.0))
    by_r = counts.sum(axis=(0, 2))
    # The main galaxy sample of SDSS has 90 per deg2 (Strauss et al. 2002).
    assert by_r[r < 17.77].sum() == pytest.approx(90, rel=0.15)


def test_natural_draws_reach_the_redshifts_of_their_magnitudes():
    galaxies = draw_galaxies(np.random.default_rng(2), 20_000, galactic_ebv=0.0)
    r = galaxies.magnitude[:, 2]
    near, far = (np.median(galaxies.z[(r > low) & (r < low + 0.5)]) for low in (17.25, 20.75))
    assert near == pytest.approx(0.11, abs=0.02)  # the main galaxy sample: 0.1
    assert far == pytest.approx(0.41, abs=0.05)
    assert np.all((galaxies.z > 0) & (galaxies.z <= 1))
    assert r.min() > 14.9
    assert r.max() < 21.6


def test_flat_draws_fill_magnitudes_and_redshifts():
    rng = np.random.default_rng(3)
    flat, natural = (
        draw_galaxies(rng, 20_000, magnitudes=kind, galactic_ebv=0.0) for kind in ("flat", "natural")
    )
    counts = np.histogram(flat.magnitude[:, 2], np.arange(15, 21.6, 0.5))[0]
    assert counts.min() / counts.max() > 0.8
    wide, narrow = (np.std(one.z[one.magnitude[:, 2] > 20.5]) for one in (flat, natural))
    assert wide > 1.15 * narrow


def test_red_galaxies_are_bright_and_grow_in_number_with_time():
    assert red_share(np.array(-23.0), np.array(0.1)) > red_share(np.array(-19.0), np.array(0.1))
    assert red_share(np.array(-22.0), np.array(0.1)) > 1.5 * red_share(np.array(-23.4), np.array(0.95))


def test_distant_red_galaxies_pass_through_the_bands():
    z = np.array([0.1, 0.35, 0.7])
    red = galaxies_at(
        np.random.default_rng(4), np.repeat(z, 300), np.full(900, 20.0), np.ones(900, bool), galactic_ebv=0.0
    )
    median = [np.median(colours(red.magnitude)[red.z == one], axis=0) for one in z]
    assert median[1][1] > median[0][1] + 0.4  # the break at 4000 Angstrom has left g at z = 0.35
    assert median[2][2] > median[1][2] + 0.4  # and r at z = 0.7


def test_volume_and_dimming():
    # All the sky within z = 0.1: 4 pi / 3 (418 Mpc)^3, 0.3064 Gpc3 (Ned Wright's calculator, flat, 0.3, 70).
    z = np.linspace(0.0025, 0.0975, 20)
    assert volume_per_deg2(z).sum() * 0.005 * 41_253 == pytest.approx(0.306e9, rel=0.02)
    # A K correction from r at 0.1 to r is -2.5 log10(1.1) for every spectrum.
    assert dimming()[:, round(BAND_SHIFT / 0.005)] == pytest.approx(-0.1035, abs=1e-3)
    assert np.all(dimming()[1][60:] > dimming()[0][60:])


def test_fluxes_between_redshifts_of_the_table():
    z, table = template_fluxes()
    member = np.array([0, 700])
    middle = member_fluxes(member, np.full(2, (z[40] + z[41]) / 2))
    expected = library().coefficients[member] @ ((table[40] + table[41]) / 2)
    assert middle == pytest.approx(expected, rel=1e-9)


def test_sizes_fall_and_shapes_are_sane(bright):
    faint = draw_galaxies(np.random.default_rng(5), 5000, magnitude_range=(20.5, 21.0))
    main = bright.magnitude[:, 2] > 17
    assert np.median(bright.half_light_arcsec[main]) == pytest.approx(2.1, abs=0.4)
    assert np.median(faint.half_light_arcsec) < 0.4 * np.median(bright.half_light_arcsec[main])
    assert np.all((bright.axis_ratio > 0.05) & (bright.axis_ratio <= 1))
    assert np.all((bright.sersic >= 0.6) & (bright.sersic <= 6.0))
    g_r = colours(bright.magnitude)[:, 1]
    assert np.median(bright.sersic[g_r > 0.9]) > 2 * np.median(bright.sersic[g_r < 0.6])
    assert np.all(bright.point_share == 0)


def test_other_filters_and_extinction():
    rng = np.random.default_rng
    five = draw_galaxies(rng(6), 2000, filters=PANSTARRS, galactic_ebv=0.0, scatter=0.0).magnitude
    sdss = draw_galaxies(rng(6), 2000, galactic_ebv=0.0, scatter=0.0).magnitude
    assert five[:, 1] == pytest.approx(sdss[:, 2], abs=1e-6)  # both are drawn by r
    assert np.median(np.abs(five[:, 2] - sdss[:, 3])) < 0.05
    dusty = draw_galaxies(rng(6), 2000, galactic_ebv=0.1, scatter=0.0).magnitude
    assert np.median(dusty - sdss, axis=0) == pytest.approx(0.1 * EXTINCTION, abs=0.01)


def test_the_same_seed_gives_the_same_galaxies():
    one, two = (draw_galaxies(np.random.default_rng(7), 50) for _ in range(2))
    assert np.array_equal(one.magnitude, two.magnitude)
    assert np.array_equal(one.half_light_arcsec, two.half_light_arcsec)


def test_what_cannot_be_drawn_is_told():
    rng = np.random.default_rng(8)
    with pytest.raises(UsageError, match=r"redshifts up to 1\.1"):
        draw_galaxies(rng, 5, z_range=(0.5, 3.0))
    with pytest.raises(UsageError, match="Take flat or natural"):
        draw_galaxies(rng, 5, magnitudes="even")
    with pytest.raises(UsageError, match="Give a filter r"):
        draw_galaxies(rng, 5, filters=("sdss2010-g",))


def test_a_galaxy_costs_less_than_a_tenth_of_a_millisecond():
    draw_galaxies(np.random.default_rng(9), 10)
    start = time.process_time()
    draw_galaxies(np.random.default_rng(9), 20_000)
    assert (time.process_time() - start) / 20_000 < 1e-4


@pytest.mark.shared
def test_colours_at_each_redshift_are_those_of_sdss_galaxies(shared, bright):
    # Galaxies with RA > 180 (the library is from other galaxies, one number from those with RA < 180). The
    # table was cut at u = 19.6; the cut is made on ours too.
    from astropy.table import Table

    table = Table.read(shared / "data/catalogues/sdss_dr14_skyserver_10k.csv")
    table = table[
        (table["class"] == "GALAXY") & (table["ra"] > 180) & (table["r"] < 17.77) & (table["r"] > 14.5)
    ]
    real, real_z = np.stack([np.asarray(table[b], float) for b in "ugriz"], 1), np.asarray(table["redshift"])
    kept = bright.take(np.flatnonzero((bright.magnitude[:, 2] < 17.77) & (bright.magnitude[:, 0] < 19.6)))
    for low in (0.025, 0.05, 0.075, 0.1, 0.125, 0.15):
        ours, theirs = (
            colours(m[(z > low) & (z < low + 0.05)]) for m, z in ((kept.magnitude, kept.z), (real, real_z))
        )
        residual = np.median(ours, axis=0) - np.median(theirs, axis=0)
        assert np.abs(residual)[1:] == pytest.approx([0, 0, 0], abs=0.09), f"z = {low}"
        assert abs(residual[0]) < 0.15  # u-g is reported, and held loosely
        width = [np.subtract(*np.percentile(c, [84, 16], axis=0)) for c in (ours, theirs)]
        assert width[0][1:] / width[1][1:] == pytest.approx([1, 1, 1], abs=0.3), f"z = {low}"


@pytest.mark.shared
def test_a_real_field_holds_as_many_galaxies_of_such_colours(shared):
    magnitude, kind, _ = read_field(shared)
    real = magnitude[kind == 3] - EBV * EXTINCTION
    edges = np.array([17.0, 19, 20, 21, 21.5])
    r, _, counts = galaxy_cells((17.0, 21.5), (0.005, 1.0))
    expected = np.histogram(r, edges, weights=counts.sum(axis=(0, 2)))[0] * AREA_DEG2
    found = np.histogram(real[:, 2], edges)[0]
    # Clusters and voids: a field of 0.17 deg2 may differ by a quarter.
    assert found / expected == pytest.approx(np.ones(4), abs=0.25)
    ours = colours(
        draw_galaxies(np.random.default_rng(10), 20_000, magnitude_range=(19, 20.5), galactic_ebv=0).magnitude
    )
    theirs = colours(real[(real[:, 2] > 19) & (real[:, 2] < 20.5)])
    # The band that noise spares: medians of g-r and r-i.
    assert np.median(ours, axis=0)[1:3] == pytest.approx(np.median(theirs, axis=0)[1:3], abs=0.2)
