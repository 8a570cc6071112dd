"""``vo-photoz dataset simulate``: an ordinary data set of a simulated sky."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vo_photoz.cli.main import app
from vo_photoz.datasets.split import sky_folds
from vo_photoz.datasets.store import open_dataset
from vo_photoz.simulation.imaging.exposures import NO_VARIETY, Imaging
from vo_photoz.simulation.sky import BLOCK, SimulatedSky
from vo_photoz.simulation.sky_file import NeighboursWanted, SkyFile, list_skies

N = BLOCK + 90


def run(*words: object):
    return CliRunner().invoke(app, ["dataset", "simulate", *map(str, words)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("simulated") / "set"
    told = run("all-classes", "-o", folder, "--n", N, "--seed", 7)
    assert told.exit_code == 0, told.output
    return open_dataset(folder)


def test_is_an_ordinary_data_set(made):
    held = made.manifest
    assert (held.n, held.bands, held.stamp_pixels, held.pixel_arcsec) == (N, list("ugriz"), 28, 0.4)
    assert held.unit == "nJy/arcsec2"
    assert not held.real
    assert not held.dereddened
    assert held.source["seed"] == 7
    assert SkyFile.model_validate(held.source["description"]).sources  # it can be drawn again
    assert held.source["made_by"] == "vo-photoz dataset simulate all-classes -o set --n 602 --seed 7"
    assert made.hash() == held.sha256
    rows = made.rows
    assert np.array_equal(rows.fold, sky_folds(rows.ra, rows.dec))
    assert set(rows.fold) == {0, 1, 2, 3, 4}
    assert {kind: (rows.kind == kind).mean() for kind in ("QSO", "GALAXY", "STAR")} == pytest.approx(
        dict.fromkeys(("QSO", "GALAXY", "STAR"), 1 / 3), abs=0.08
    )
    assert (rows.z[rows.kind == "STAR"] == 0).all()
    assert rows.z[rows.kind == "QSO"].max() > 6
    assert {"ebv", "half_light_arcsec", "true_r"} <= set(rows.more.column_names)


def test_show_tells_what_it_is(made):
    told = CliRunner().invoke(app, ["dataset", "show", str(made.folder), "--check"]).output
    lines = dict(line.split(maxsplit=1) for line in told.splitlines() if " " in line)
    assert lines["sky"] == "simulated"
    assert lines["classes"].startswith("GALAXY: ")
    assert "description" not in lines  # of many lines; it stands in the manifest
    assert "unchanged" in told


def test_magnitudes_are_true_ones_with_noise(made):
    rows = made.rows
    true = np.stack([rows.more[f"true_{band}"].to_numpy() for band in "ugriz"], axis=1)
    bright = (true[:, 2] < 19.5) & (rows.more["half_light_arcsec"].to_numpy() == 0)
    off = (rows.mag - true)[bright, 2]
    assert 0.005 < off.std() < 0.06
    assert abs(np.median(off)) < 0.01


def test_stamps_hold_the_light_of_their_magnitudes(made):
    rows, pixels = made.rows, made.pixels(np.arange(N))
    true = np.stack([rows.more[f"true_{band}"].to_numpy() for band in "ugriz"], axis=1)
    points = rows.more["half_light_arcsec"].to_numpy() == 0
    y, x = np.indices((28, 28)) - 13.5
    flux = (pixels * (np.hypot(x, y) < 12)).sum(axis=(2, 3)) * 0.4**2 / 3631  # nanomaggies
    for band in range(5):
        bright = points & (true[:, band] < (18.5 if band in (0, 4) else 19.5))
        ratio = flux[bright, band] / 10 ** (0.4 * (22.5 - true[bright, band]))
        inside = SimulatedSky("quasars").file.imaging.inside(12 * 0.4, band)
        assert bright.sum() > 10
        # Neighbours add a little here and there; the median does not see them.
        assert np.median(ratio) == pytest.approx(inside, abs=0.02), band


def test_same_seed_same_pixels_however_many(made, tmp_path):
    assert run("all-classes", "-o", tmp_path / "short", "--n", 40, "--seed", 7).exit_code == 0
    short = open_dataset(tmp_path / "short")
    assert np.array_equal(short.pixels(np.arange(40)), made.pixels(np.arange(40)))
    assert np.array_equal(short.rows.mag, made.rows.mag[:40])
    sky = SimulatedSky("all-classes")
    late = sky.block(7, 1)  # blocks hang on nothing but their number
    assert np.array_equal(late.stamps.pixels[: N - BLOCK], made.pixels(np.arange(BLOCK, N)))
    assert not np.array_equal(sky.draw(8, 5).stamps.pixels, sky.draw(7, 5).stamps.pixels)
    assert np.array_equal(sky.draw(7, N).z, made.rows.z)
    threaded = list(sky.blocks(7, 3 * BLOCK + 5, threads=3))
    assert [len(block) for block in threaded] == [BLOCK, BLOCK, BLOCK, 5]
    assert np.array_equal(threaded[3].stamps.pixels, sky.block(7, 3).stamps.pixels[:5])


def test_the_description_in_the_docs_is_understood(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "how-to" / "simulate.md"
    (tmp_path / "sky.toml").write_text(re.search(r"```toml\n(.*?)```", page.read_text(), flags=re.DOTALL)[1])
    sky = SimulatedSky(tmp_path / "sky.toml")
    assert sky.file.variety.cut_pixels == 0
    assert set(sky.draw(1, 50).kind) == {"QSO", "STAR"}


def test_shipped_skies_are_named():
    assert {"quasars", "all-classes"} <= set(list_skies())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title = 'x'", "sources"),
        ("[[sources]]\nkind = 'PLANET'", "sources.0.kind"),
        ("[[sources]]\nkind = 'QSO'\nshare = 0", "sources.0.share"),
        ("[[sources]]\nkind = 'QSO'\noptions = { redshift = [1, 2] }", "no option redshift"),
        ("[[sources]]\nkind = 'QSO'\noptions = { z_range = [1, 99] }", "redshift"),
        ("[[sources]]\nkind = 'QSO'\noptions = { z_range = 3 }", "z_range"),
        ("[[sources]]\nkind = 'QSO'\noptions = { z_range = [5, 2] }", "empty"),
        ("[[sources]]\nkind = 'QSO'\n[imaging]\nfwhm = 1", "fwhm"),
        ("[[sources]]\nkind = 'QSO'\n[imaging]\nsky_sigma = [1, 2]", "sky_sigma"),
        ("[[sources]]\nkind = 'QSO'\n[imaging]\nfwhm_arcsec = [1, 1, 0, 1, 1]", "fwhm_arcsec"),
        ("[[sources", "cannot be read"),
    ],
)
def test_a_wrong_description_is_told_in_a_sentence(tmp_path, text, says):
    file = tmp_path / "sky.toml"
    file.write_text(text)
    told = run(file, "-o", tmp_path / "set", "--n", 5)
    assert told.exit_code in (1, 2)
    assert says in told.output
    assert "Traceback" not in told.output
    assert "fault of vo-photoz" not in told.output
    assert not (tmp_path / "set").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["sky.toml"]


def test_what_cannot_be_meant_is_refused(tmp_path, made):
    assert "exists already" in run("quasars", "-o", made.folder, "--n", 5).output
    assert "0 sources" in run("quasars", "-o", tmp_path / "set", "--n", 0).output
    assert "seed" in run("quasars", "-o", tmp_path / "set", "--n", 5, "--seed", -1).output
    assert (
        "all-classes, distant-quasars, high-redshift-quasars, quasars, sdss-redshift-quasars"
        in run("nosuch", "-o", tmp_path / "set", "--n", 5).output
    )


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    words = ["-m", "vo_photoz", "dataset", "simulate", "quasars", "-o", str(tmp_path / "set"), "--n", "600"]
    room = 2_000_000, 2_000_000  # bytes a file: less than a chunk of images
    told = subprocess.run(
        [sys.executable, *words],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, room),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 2
    assert "cannot be written: File too large" in told.stderr
    assert "Traceback" not in told.stderr
    assert not list(tmp_path.iterdir())


def test_without_variety_and_neighbours_the_noise_is_that_of_the_camera():
    quiet = NeighboursWanted(galaxies=0, stars=0)
    faint = {"z_range": [6.5, 6.9], "magnitudes": "flat"}  # in u and g there is nothing
    sky = SkyFile(
        sources=({"kind": "QSO", "options": faint},), imaging=Imaging(), variety=NO_VARIETY, neighbours=quiet
    )
    pixels = SimulatedSky(sky).draw(1, 200).stamps.pixels
    for band in (0, 1):
        sigma = pixels[:, band].std() / (3631 / 0.396**2)
        assert 0.47 < sigma / Imaging().sky_sigma[band] < 0.78  # resampled twice
