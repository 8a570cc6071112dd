"""Stars: the locus, M, L and T dwarfs, counts; against SDSS stars and published counts of dwarfs."""

import time

import numpy as np
import pytest

from tests.sdss_field import AREA_DEG2, EBV, GALACTIC, read_field, read_spectroscopic
from vo_photoz.errors import UsageError
from vo_photoz.simulation.stars.counts import STAR_TYPES, count_nodes, node_types, star_counts
from vo_photoz.simulation.stars.milky_way import ULTRACOOL, Galaxy, count_stars, stellar_density
from vo_photoz.simulation.stars.population import FLAT_SHARES, draw_nodes, draw_stars, stars_at
from vo_photoz.simulation.stars.sequences import main_sequence, ultracool_dwarfs

EXTINCTION = np.array([4.239, 3.303, 2.285, 1.698, 1.263])


def colours(magnitude):
    return -np.diff(magnitude, axis=1)


def flat_stars(seed, n, scatter=1.0):
    """Stars of all types without extinction, and their types."""
    rng = np.random.default_rng(seed)
    node, z = draw_nodes(rng, n, magnitudes="flat")
    return stars_at(rng, node, z, galactic_ebv=0.0, scatter=scatter), node_types()[node]


def test_flat_draws_hold_their_shares_of_red_dwarfs_at_all_magnitudes():
    stars, types = flat_stars(1, 20_000)
    whole = draw_stars(np.random.default_rng(1), 20_000, magnitudes="flat", galactic_ebv=0.0)
    assert np.array_equal(stars.magnitude, whole.magnitude)
    for kind, share in FLAT_SHARES.items():
        assert np.mean(types == kind) == pytest.approx(share, abs=0.015), kind
    z = stars.magnitude[np.isin(types, ["L", "T"]), 4]
    bright, faint = np.histogram(z, [15, 16, 20.5, 21.5])[0][[0, 2]]
    assert bright / faint == pytest.approx(1, abs=0.2)
    assert set(stars.kind) == {"STAR"}
    assert np.all(stars.z == 0)
    assert np.all(stars.point_share == 1)


def test_natural_draws_follow_the_counts():
    node, _ = draw_nodes(np.random.default_rng(2), 50_000, magnitude_range=(15, 20.5))
    types = node_types()[node]
    _, counts = star_counts((15, 20.5))
    total = sum(c.sum() for c in counts.values())
    for kind in ("F", "G", "K", "M0-M4", "M5-M9"):
        assert np.mean(types == kind) == pytest.approx(counts[kind].sum() / total, abs=0.01), kind


def test_dwarfs_redden_in_i_z_from_m_to_t():
    stars, types = flat_stars(3, 20_000)
    i_z = colours(stars.magnitude)[:, 3]
    medians = [np.median(i_z[types == kind]) for kind in ("G", "K", "M0-M4", "M5-M9", "L", "T")]
    assert np.all(np.diff(medians) > 0)
    # SDSS i-z in AB: L dwarfs 1.8 to 3, T dwarfs beyond (Hawley et al. 2002 have 1.8 at L0 and 3 to 4 at T).
    assert np.percentile(i_z[types == "L"], 10) > 1.7
    assert np.percentile(i_z[types == "T"], 10) > 3


def test_no_scatter_leaves_stars_on_their_sequence():
    stars, types = flat_stars(4, 3000, scatter=0.0)
    main = main_sequence()
    colour = colours(stars.magnitude)[np.isin(types, ["F", "G", "K", "M0-M4"])]
    expected = np.interp(colour[:, 1] + colour[:, 2], main.coordinate, main.colours[:, 3])
    assert colour[:, 3] == pytest.approx(expected, abs=0.01)


def test_extinction_reddens_and_dims():
    clear, dusty = (
        draw_stars(np.random.default_rng(5), 2000, galactic_ebv=ebv).magnitude for ebv in (0.0, 0.1)
    )
    assert np.median(dusty - clear, axis=0) == pytest.approx(0.1 * EXTINCTION, abs=0.01)


def test_the_same_seed_gives_the_same_stars():
    one, two = (draw_stars(np.random.default_rng(6), 50, magnitudes="flat").magnitude for _ in range(2))
    assert np.array_equal(one, two)


def test_what_cannot_be_drawn_is_told():
    with pytest.raises(UsageError, match="Take flat or natural"):
        draw_stars(np.random.default_rng(7), 5, magnitudes="even")
    with pytest.raises(UsageError, match="bright end first"):
        draw_stars(np.random.default_rng(7), 5, magnitude_range=(20, 15))


def test_a_star_costs_less_than_a_hundredth_of_a_millisecond():
    draw_stars(np.random.default_rng(8), 10)
    start = time.process_time()
    draw_stars(np.random.default_rng(8), 50_000)
    assert (time.process_time() - start) / 50_000 < 1e-4


def test_the_disc_falls_by_its_height_towards_the_pole():
    near, far = stellar_density(np.array([100.0, 400.0]), 0, 90, Galaxy(300, 2600))
    assert far / near == pytest.approx(np.exp(-1))


def test_counts_near_the_sun_grow_as_in_empty_space():
    # Euclidean counts: 0.6 dex a magnitude.
    empty = Galaxy(1e6, 1e6)
    counts = count_stars(
        np.array([18.0]), np.array([1e-3]), np.array([14.0, 15, 16]), (0, 60), empty, scatter_mag=0.0
    )
    assert np.log10(counts[0, 1] / counts[0, 0]) == pytest.approx(0.6, abs=0.02)
    sphere = 4 / 3 * np.pi * 10 ** (3 * (15 - 18 + 5) / 5) * 1e-3
    shell = sphere * (1 - 10**-0.6)
    assert counts[0, 0] == pytest.approx(shell / 41253, rel=0.05)


def test_every_type_has_a_node_and_counts():
    assert set(node_types()) == set(STAR_TYPES)
    edges, counts = count_nodes((15, 21))
    assert counts.shape == (len(node_types()), len(edges) - 1)
    assert np.all(counts > 0)


def test_ultracool_dwarfs_are_as_many_as_surveys_found():
    dwarfs = ultracool_dwarfs()
    # z - J (AB - Vega): Skrzypek et al. 2015 and Hewett et al. 2006, M8 to T8.
    z_j = np.array([
        2.17, 2.31, 2.43, 2.52, 2.61, 2.68, 2.74, 2.81, 2.86, 2.92, 2.83, 2.89, 2.95, 3.05, 3.14, 3.26, 3.38,
        3.50, 3.65, 3.79, 3.94,
    ])  # fmt: skip
    cool = dwarfs.coordinate >= 20

    def count(absolute, limit):
        return count_stars(
            absolute[cool], dwarfs.density[cool], np.arange(5, limit + 0.01, 0.1), (180, 60),
            ULTRACOOL, scatter_mag=0.35,
        ).sum()  # fmt: skip

    # 1,361 L and T dwarfs with J < 17.5 in 3,070 deg2 (Skrzypek et al. 2016).
    assert count(dwarfs.absolute_z - z_j, 17.5) * 3070 == pytest.approx(1361, rel=0.15)
    # 3,665 L dwarfs with z < 24 in 130 deg2 (Sorahana et al. 2019; z of Hyper Suprime-Cam, T dwarfs are few).
    assert count(dwarfs.absolute_z, 24.0) * 130 == pytest.approx(3665, rel=0.25)
    # Densities within 20 pc and beyond: Cruz et al. 2007, Reyle et al. 2010.
    l_dwarfs = (dwarfs.coordinate >= 20) & (dwarfs.coordinate < 30)
    assert dwarfs.density[l_dwarfs].sum() > 3.8e-3
    assert dwarfs.density[(dwarfs.coordinate >= 25) & (dwarfs.coordinate <= 30)].sum() == pytest.approx(
        2.0e-3, abs=0.8e-3
    )
    assert dwarfs.density[(dwarfs.coordinate > 30) & (dwarfs.coordinate < 36)].sum() == pytest.approx(
        1.4e-3, abs=0.3e-3
    )


def test_ultracool_dwarfs_are_as_luminous_as_those_with_parallaxes():
    dwarfs = ultracool_dwarfs()
    i_z = dwarfs.colours[:, 3]
    here = (i_z > 1.8) & (i_z < 3.2)
    # Schmidt et al. 2010 (AJ 139, 1808), scatter 0.4 mag.
    theirs = -23.27 + 38.4 * i_z - 11.11 * i_z**2 + 1.064 * i_z**3
    difference = (dwarfs.absolute_z + i_z - theirs)[here]
    assert np.abs(difference).max() < 0.75
    assert np.abs(np.mean(difference)) < 0.45


@pytest.fixture(scope="module")
def field(shared):
    return read_field(shared)


@pytest.mark.shared
def test_the_locus_is_that_of_spectroscopic_stars(shared):
    real, _ = read_spectroscopic(shared, "STAR")
    theirs = colours(real)
    ours = colours(
        draw_stars(np.random.default_rng(9), 40_000, magnitudes="flat", galactic_ebv=0.03).magnitude
    )
    for low in np.arange(-0.2, 1.4, 0.2):
        median = []
        for colour in (ours, theirs):
            g_i = colour[:, 1] + colour[:, 2]
            median.append(np.median(colour[(g_i > low) & (g_i < low + 0.2)], axis=0))
        # u-g is not held: spectra were taken of metal-poor stars first.
        assert np.abs(median[0] - median[1])[1:] == pytest.approx([0, 0, 0], abs=0.035), f"g-i = {low:.1f}"


@pytest.mark.shared
def test_red_dwarfs_follow_a_real_field(field):
    magnitude, kind, _ = field
    bright = (kind == 6) & (magnitude[:, 3] < 19) & (magnitude[:, 3] > 15)
    theirs = colours(magnitude[bright])
    ours = colours(
        draw_stars(np.random.default_rng(10), 60_000, galactic=GALACTIC, galactic_ebv=EBV).magnitude
    )
    for low in np.arange(0.3, 1.5, 0.2):
        here = [(c[:, 2] > low) & (c[:, 2] < low + 0.2) for c in (ours, theirs)]
        for column, limit in ((1, 0.05), (3, 0.03)):
            one, two = (c[h][:, column] for c, h in zip((ours, theirs), here, strict=True))
            assert np.median(one) == pytest.approx(np.median(two), abs=limit), f"r-i = {low:.1f}"
            spread = [1.4826 * np.median(np.abs(x - np.median(x))) for x in (one, two)]
            assert spread[0] == pytest.approx(spread[1], abs=0.03)


@pytest.mark.shared
def test_a_real_field_holds_as_many_stars(field):
    magnitude, kind, east = field
    # The densities were chosen with the western half.
    half = magnitude[(kind == 6) & (east > 0)] - EBV * EXTINCTION
    colour, z = colours(half), half[:, 4]
    r_z = colour[:, 2] + colour[:, 3]
    edges, counts = count_nodes((15, 20), GALACTIC)
    node_r_z = np.full(len(counts), -9.0)
    main = main_sequence()
    node_r_z[: len(main)] = main.colours[:, 2:].sum(axis=1)
    for low, high, tolerance in ((0.05, 0.35, 0.25), (0.35, 0.9, 0.25), (0.9, 1.6, 0.2), (1.6, 2.3, 0.25)):
        found = np.sum((r_z > low) & (r_z < high) & (z > 15) & (z < 20))
        expected = counts[(node_r_z > low) & (node_r_z < high)].sum() * AREA_DEG2 / 2
        assert found / expected == pytest.approx(1, abs=tolerance), f"r-z = {low}"
    # The fall of the counts with distance is that of the disc, but for a fifth more at the faint end.
    red = (r_z > 0.9) & (r_z < 2.3)
    found = np.histogram(z[red], [15, 17, 18, 19, 20])[0]
    rows = counts[(node_r_z > 0.9) & (node_r_z < 2.3)].sum(axis=0)
    expected = (
        np.histogram((edges[1:] + edges[:-1]) / 2, [15, 17, 18, 19, 20], weights=rows)[0] * AREA_DEG2 / 2
    )
    assert np.abs(found - expected) == pytest.approx(np.zeros(4), abs=0.28 * expected.max())
