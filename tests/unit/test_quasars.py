"""Quasars of the simulated sky: distributions, and colours against real SDSS quasars."""

import csv

import numpy as np
import pytest

from vo_photoz.errors import UsageError
from vo_photoz.simulation.filters import LSST, PANSTARRS
from vo_photoz.simulation.quasars.luminosity_function import draw_magnitudes_at
from vo_photoz.simulation.quasars.population import draw_quasars, draw_redshifts

# Noise of a point source, nanomaggies: as in tools/fit_quasars.py.
SKY_AREA = np.array([0.045, 0.017, 0.028, 0.047, 0.18]) * np.array([6.1, 5.7, 5.3, 5.0, 6.5])
FLOOR = np.array([0.02, 0.01, 0.01, 0.01, 0.015])
SOFTENING = np.array([1.4, 0.9, 1.2, 1.8, 7.4]) * 1e-10


def test_redshifts_fill_the_range_and_fall_by_a_quarter():
    z = draw_redshifts(np.random.default_rng(1), 200_000, 2.75, 5.0)
    assert 2.75 <= z.min() < 2.76
    assert 4.99 < z.max() <= 5.0
    first, last = np.histogram(z, [2.75, 2.975, 4.775, 5.0])[0][[0, 2]]
    assert last / first == pytest.approx(0.7625 / 0.9875, rel=0.03)


def test_sdss_magnitudes_are_those_of_the_real_stamps():
    quasars = draw_quasars(np.random.default_rng(2), 4000, z_range=(2.75, 5.0), galactic_ebv=0.0)
    # Percentiles of i measured on real SDSS quasars: 19.56, 20.05, 20.65.
    assert np.percentile(quasars.magnitude[:, 3], [25, 50, 75]) == pytest.approx(
        [19.56, 20.05, 20.65], abs=0.15
    )
    assert set(quasars.kind) == {"QSO"}
    assert np.all(quasars.half_light_arcsec == 0)
    assert np.all(quasars.point_share == 1)


def test_flat_magnitudes_reach_the_limit_of_the_band_that_sees_the_quasar():
    quasars = draw_quasars(np.random.default_rng(3), 6000, magnitudes="flat", galactic_ebv=0.0)
    i, z_band, far = quasars.magnitude[:, 3], quasars.magnitude[:, 4], quasars.z > 5.5
    assert np.percentile(i[~far], [0, 50, 100]) == pytest.approx([16.0, 19.1, 22.2], abs=0.1)
    assert np.percentile(z_band[far], [0, 50, 100]) == pytest.approx([17.0, 19.25, 21.5], abs=0.2)
    assert np.median((i - z_band)[far]) > 1  # a limit in i would have cut them


def test_natural_magnitudes_get_more_numerous_to_the_limit():
    rng = np.random.default_rng(4)
    quasars = draw_quasars(rng, 4000, z=np.full(4000, 2.0), magnitudes="natural", galactic_ebv=0.0)
    counts = np.histogram(quasars.magnitude[:, 3], np.arange(17.2, 22.21, 1.0))[0]
    assert np.all(np.diff(counts) > 0)


def test_given_redshifts_and_magnitudes_are_kept():
    z, i = np.array([0.5, 3.0, 4.5]), np.array([18.0, 19.0, 20.0])
    quasars = draw_quasars(np.random.default_rng(5), 3, z=z, magnitudes=i, galactic_ebv=0.0)
    assert quasars.z == pytest.approx(z)
    assert quasars.magnitude[:, 3] == pytest.approx(i)


def test_near_quasars_have_hosts_and_far_ones_do_not():
    z = np.repeat([0.2, 4.0], 200)
    quasars = draw_quasars(np.random.default_rng(6), 400, z=z, magnitudes=np.full(400, 18.5))
    near, far = quasars.point_share[:200], quasars.point_share[200:]
    assert np.median(near[:, 2]) < 0.8
    assert np.all(np.median(near, axis=0)[:3] > np.median(near, axis=0)[3] - 0.3)
    assert np.all(quasars.half_light_arcsec[:200] > 0.1)
    assert np.all(far == 1)
    assert np.all(quasars.half_light_arcsec[200:] == 0)


def test_dust_of_the_milky_way_is_per_object_with_jitter():
    z = np.full(3000, 2.0)
    clear, dusty = (
        draw_quasars(np.random.default_rng(7), 3000, z=z, magnitudes=np.full(3000, 19.0), galactic_ebv=ebv)
        for ebv in (0.0, np.repeat([0.05, 0.2, 0.4], 1000))
    )
    lost = (dusty.magnitude - clear.magnitude).reshape(3, 1000, 5)
    assert lost.mean(axis=1) == pytest.approx(
        np.outer([0.05, 0.2, 0.4], [4.239, 3.303, 2.285, 1.698, 1.263]), rel=0.03
    )
    assert lost[1, :, 1].std() / lost[1, :, 1].mean() == pytest.approx(0.16, rel=0.1)


def test_scatter_of_the_spectra_can_be_changed():
    widths = []
    for scatter in (0.0, 1.0, 2.0):
        rng = np.random.default_rng(8)
        quasars = draw_quasars(
            rng, 2000, z=np.full(2000, 1.7), magnitudes=np.full(2000, 19.0), scatter=scatter, galactic_ebv=0.0
        )
        widths.append(
            np.subtract(*np.percentile(quasars.magnitude[:, 1] - quasars.magnitude[:, 3], [84, 16]))
        )
    assert widths[0] < 0.35 * widths[1]
    assert widths[2] == pytest.approx(2 * widths[1], rel=0.15)


@pytest.mark.parametrize(("filters", "bands"), [(PANSTARRS, 5), (LSST, 6)])
def test_other_cameras(filters, bands):
    quasars = draw_quasars(np.random.default_rng(9), 50, filters=filters, magnitudes="flat")
    assert quasars.magnitude.shape == (50, bands)


def test_the_same_seed_gives_the_same_sky():
    one, two = (draw_quasars(np.random.default_rng(8), 20) for _ in range(2))
    assert np.array_equal(one.magnitude, two.magnitude)
    assert np.array_equal(one.half_light_arcsec, two.half_light_arcsec)


def test_nobody_can_be_drawn():
    assert len(draw_quasars(np.random.default_rng(10), 0)) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"z": np.array([8.0])}, "redshifts from 0 to 7.5"),
        ({"magnitudes": "bright"}, "no choice of magnitudes named bright"),
        ({"filters": ("sdss2010-g", "sdss2010-r")}, "need a filter i"),
    ],
)
def test_bad_choices_are_one_sentence(arguments, sentence):
    with pytest.raises(UsageError, match=sentence):
        draw_quasars(np.random.default_rng(11), 1, **arguments)


def observed(rng, magnitude):
    """Magnitudes as SDSS measures them."""
    flux = 10 ** (0.4 * (22.5 - magnitude))
    flux = flux * (1 + FLOOR * rng.standard_normal(flux.shape)) + rng.normal(0, 1, flux.shape) * SKY_AREA
    return -2.5 / np.log(10) * (np.arcsinh(flux * 1e-9 / (2 * SOFTENING)) + np.log(SOFTENING))


def compare(simulated, real):
    """Medians of four colours, simulated minus real, and ratios of the widths (16th to 84th percentile)."""
    ours, theirs = (np.percentile(-np.diff(m, axis=1), [16, 50, 84], axis=0) for m in (simulated, real))
    return ours[1] - theirs[1], (ours[2] - ours[0]) / (theirs[2] - theirs[0])


@pytest.mark.shared
def test_colours_and_their_scatter_are_those_of_real_far_quasars(shared):
    with np.load(shared / "data/quasars/sdss_quasars_ugriz.npz", allow_pickle=False) as real:
        use = real["z"] < 4.75  # beyond, many labels are wrong
        z, magnitude = real["z"][use].astype(float), real["mag"][use].astype(float)
    rng = np.random.default_rng(12)
    quasars = draw_quasars(rng, len(z), z=z, magnitudes=magnitude[:, 3] - 0.05)
    simulated = observed(rng, quasars.magnitude)
    for low in np.arange(2.75, 4.75, 0.25):
        here = (z >= low) & (z < low + 0.25)
        median, width = compare(simulated[here], magnitude[here])
        # Without u-g: SDSS found red quasars more easily at 3 < z < 3.5 (Worseck & Prochaska 2011).
        assert np.abs(median[1:]).max() < (0.1 if low < 4.5 else 0.2), f"z = {low}"
        assert np.abs(np.log(width[1:])).max() < np.log(1.6), f"z = {low}"


@pytest.mark.shared
def test_colours_and_their_scatter_are_those_of_real_near_quasars(shared):
    with (shared / "data/catalogues/sdss_dr14_skyserver_10k.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["class"] == "QSO"]
    z = np.array([float(row["redshift"]) for row in rows])
    magnitude = np.array([[float(row[band]) for band in "ugriz"] for row in rows])
    rng = np.random.default_rng(13)
    for low in np.arange(0.5, 2.25, 0.25):
        here = (z >= low) & (z < low + 0.25)
        assert here.sum() > 40
        many = np.repeat(z[here], 20)
        # The sample was cut at u = 19.6 and the survey at i = 19.1.
        i = draw_magnitudes_at(rng, many, (15.0, 19.2))
        simulated = observed(rng, draw_quasars(rng, len(many), z=many, magnitudes=i).magnitude)
        simulated = simulated[simulated[:, 0] < 19.6]
        median, width = compare(simulated, magnitude[here])
        assert np.abs(median[1:]).max() < 0.1, f"z = {low}"
        assert np.abs(median[0]) < 0.15, f"z = {low}"
        assert np.abs(np.log(width)).max() < np.log(1.6), f"z = {low}"
