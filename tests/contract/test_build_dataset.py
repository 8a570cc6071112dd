"""Training sets by recipe: what is in them, what was left out and why, kills, bad recipes."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.cfhtls_sky import RECIPE, Sky, make_sky, write_catalogues
from tests.killing import build, build_and_kill, files_of
from vo_photoz.cli.main import app
from vo_photoz.datasets.ledger import read_ledger
from vo_photoz.datasets.recipe import Recipe, list_recipes, load_recipe, recipe_file
from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.flow import Positions
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import load_survey
from vo_photoz.pipeline.datasets.build.magnitudes import find_magnitudes
from vo_photoz.pipeline.datasets.build.samples import find_samples
from vo_photoz.sky.pairs import within


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Sky:
    folder = tmp_path_factory.mktemp("cfhtls")
    made = make_sky(folder, 160, 0.05)
    write_catalogues(made)
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return made


@pytest.mark.soak
def test_two_thousand_objects_killed_ten_times(tmp_path: Path) -> None:
    write_catalogues(make_sky(tmp_path, 3300, 0.3))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    whole = build(recipe, tmp_path / "whole")
    _, words = whole.communicate(timeout=300)
    assert whole.returncode == 0, words.decode()
    assert len(open_dataset(tmp_path / "whole")) >= 2000
    kills = [number for number, _ in build_and_kill(recipe, tmp_path / "killed", 10, seed=1)]
    assert len(kills) >= 10
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")


@pytest.fixture(scope="module")
def built(sky: Sky) -> Dataset:
    output = sky.folder / "set"
    done = CliRunner().invoke(app, ["dataset", "build", str(sky.folder / "recipe.toml"), "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert "left out, and why" in done.output
    return open_dataset(output)


def test_every_row_is_accounted_for(sky: Sky, built: Dataset) -> None:
    ledger = read_ledger(built.folder)
    assert ledger is not None
    assert ledger.adds_up()
    assert ledger.steps[-1].rows_out == len(built)
    names = ["sample older", "sample newer", "merge", "footprint", "cuts", "stamps", "split"]
    assert [step.name for step in ledger.steps] == names
    given = sum(pq.read_table(sky.folder / f"{name}.parquet").num_rows for name in ("older", "newer"))
    dropped = pq.read_table(built.folder / "dropped.parquet").to_pylist()
    assert len(dropped) + len(built) == given
    for step in ledger.steps:
        for reason, count in step.dropped.items():
            rows = [row for row in dropped if row["step"] == step.name and row["reason"] == reason]
            assert len(rows) == count
    everything = {(row["sample"], row["id"]) for row in dropped}
    kept = set(zip(built.rows.more["sample"].to_pylist(), built.rows.id.tolist(), strict=True))
    assert len(everything | kept) == given


def test_what_is_kept_passes_all_cuts(sky: Sky, built: Dataset) -> None:
    rows = built.rows
    assert rows.more["ZWARNING"].to_pylist() == [0] * len(rows)
    assert rows.z.min() >= 0.4
    assert rows.mag[:, list(built.manifest.bands).index("i")].max() <= 22.0
    first, second, _ = within(rows.ra, rows.dec, rows.ra, rows.dec, 1.5)
    assert np.array_equal(first, second), "no object twice"
    truth = np.array([int(name.split("-")[1]) for name in rows.id])
    wrong = np.abs(rows.z - sky.population.z[truth]) > 1e-9
    assert {name.split("-")[0] for name in rows.id[wrong]} <= {"older"}
    assert not (rows.flags & (4 | 8 | 32)).any()


def test_no_object_and_no_neighbour_in_two_splits(built: Dataset) -> None:
    rows, held = built.rows, built.manifest
    reach = held.stamp_pixels * held.pixel_arcsec * np.sqrt(2)
    first, second, _ = within(rows.ra, rows.dec, rows.ra, rows.dec, reach)
    assert (first != second).any(), "there are neighbours"
    assert (rows.fold[first] == rows.fold[second]).all()
    assert len(set(rows.fold.tolist())) >= 3
    dropped = pq.read_table(built.folder / "dropped.parquet").to_pylist()
    assert any(row["step"] == "split" for row in dropped), "the borders of the cells were looked at"


def test_stamps_are_those_of_a_prediction(sky: Sky, built: Dataset) -> None:
    rows = built.rows
    everyone = Positions(rows.ra, rows.dec, np.ones(len(rows), dtype=bool))
    for where, stamps in cut_stamps(
        load_survey(sky.survey), everyone, size=28, pixel_arcsec=0.4, flux="nJy/arcsec2"
    ):
        assert np.array_equal(stamps.pixels, built.pixels(where))
    assert built.hash() == built.manifest.sha256


def test_the_store_explains_itself(built: Dataset) -> None:
    for name in ("recipe.toml", "footprint.fits", "conflicts.parquet", "provenance.json", "ledger.json"):
        assert (built.folder / name).is_file()
    conflicts = pq.read_table(built.folder / "conflicts.parquet").to_pylist()
    told = next(step for step in read_ledger(built.folder).steps if step.name == "merge").notes
    assert told == [f"{len(conflicts)} redshifts contradict that of their object: conflicts.parquet"]
    for row in conflicts:
        assert abs(row["z"] - row["winner_z"]) / (1 + row["winner_z"]) > 0.01
        assert row["separation_arcsec"] <= 1.5
    assert json.loads((built.folder / "provenance.json").read_text())["made"]
    assert not list(built.folder.parent.glob(".*.build"))


def test_the_same_command_again_changes_nothing(sky: Sky, built: Dataset) -> None:
    before = files_of(built.folder)
    again = CliRunner().invoke(
        app, ["dataset", "build", str(sky.folder / "recipe.toml"), "-o", str(built.folder)]
    )
    assert again.exit_code == 0
    assert "was built already" in again.output
    assert files_of(built.folder) == before
    other = sky.folder / "other.toml"
    other.write_text(RECIPE.replace("max = 22.0", "max = 21.5"), encoding="utf-8")
    refused = CliRunner().invoke(app, ["dataset", "build", str(other), "-o", str(built.folder)])
    assert refused.exit_code == 2
    assert "exists already" in refused.output


def test_killed_at_random_moments_the_bytes_are_the_same(sky: Sky, built: Dataset) -> None:
    output = sky.folder / "killed"
    moments = [
        len(kept) for _, kept in build_and_kill(sky.folder / "recipe.toml", output, 3, seed=5, seconds=0.01)
    ]
    assert len(moments) >= 3
    assert files_of(output) == files_of(built.folder)


def test_recipes_that_come_along_and_that_of_the_docs_are_right() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "training-sets.md").read_text()
    shown = tomllib.loads(re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)[0])
    assert Recipe.model_validate(shown).precedence == ["mine", "spectra"]
    assert list_recipes() == ["cfhtls-quasars"]
    for name in list_recipes():
        recipe = load_recipe(name)
        folder = recipe_file(name).parent
        assert [source.query.name for source in find_samples(recipe.sample, folder)] == ["dr12q", "dr7q"]
        assert find_magnitudes(recipe.magnitudes, folder)


def test_two_builds_at_once_do_not_mix(sky: Sky, built: Dataset) -> None:
    import fcntl

    work = sky.folder / ".twice.build"
    work.mkdir()
    handle = os.open(work / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    done = CliRunner().invoke(
        app, ["dataset", "build", str(sky.folder / "recipe.toml"), "-o", str(sky.folder / "twice")]
    )
    os.close(handle)
    assert done.exit_code == 2
    assert "Another process" in done.output
    shutil.rmtree(work)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[merge]", "[merge]\nradius = 2", r"merge\.radius.*not known"),
        ("[merge]", "[merge", "cannot be read"),
        ('id = "SDSS"', 'ident = "SDSS"', r"sample 'older'\.ident.*not known"),
        ("radius_arcsec = 1.5", "radius_arcsec = -1", r"merge\.radius_arcsec.*greater than 0"),
        ('table = "newer.parquet"', 'table = "nowhere.fits"', "'newer' does not exist.*nowhere.fits"),
        ('table = "newer.parquet"', 'query = "nonsuch"', "no query.*nonsuch"),
        ('table = "newer.parquet"', "", "'newer'.*either a query or a table"),
        ('redshift = "z"', 'redshift = "redshift"', "no column 'redshift'"),
        ('redshift = "z"', 'redshift = "SDSS"', "'SDSS'.*holds no numbers"),
        ("ZWARNING = 0", 'ZWARNING = "good"', "does not fit"),
        ('["newer", "older"]', '["newer", "eldest"]', "must name each sample once"),
        ("[merge]", '[stamps]\nbands = ["g", "Y"]\n[merge]', "no band 'Y'"),
        ('survey = "cfhtls-wide.toml"', 'survey = "nonsuch"', "no survey"),
        ("magnitude.i = { max = 22.0 }", "magnitude.r = { max = 22.0 }", "no sample gives it"),
        ("redshift = { min = 0.4 }", "redshift = { min = 9 }", "No object is left after cuts.*redshift"),
        ("redshift = { min = 0.4 }", "redshift = { min = 9, max = 8 }", "min 9 is above max 8"),
        ("[merge]", '[footprint]\nmoc = ["none.fits"]\n[merge]', "none.fits"),
    ],
)
def test_a_bad_recipe_is_one_clear_sentence(sky: Sky, old: str, new: str, words: str) -> None:
    assert old in RECIPE
    recipe, output = sky.folder / "bad.toml", sky.folder / "bad"
    recipe.write_text(RECIPE.replace(old, new, 1), encoding="utf-8")
    done = CliRunner().invoke(app, ["dataset", "build", str(recipe), "-o", str(output)])
    told = " ".join(done.output.split())
    assert done.exit_code in (1, 2), told
    assert told.startswith("Error: ")
    assert re.search(words, told), told
    assert "Traceback" not in told
    assert not output.exists()
    if "No object" not in told:
        assert not list(sky.folder.glob(".bad*"))
    shutil.rmtree(sky.folder / ".bad.build", ignore_errors=True)


def test_pixels_that_cannot_be_had_stop_the_build_and_are_tried_again(sky: Sky, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(sky.folder, folder, ignore=shutil.ignore_patterns("set", "killed", ".*"))
    tile = max((folder / "r").glob("Norder10/**/*.fits"), key=lambda path: path.stat().st_size)
    whole = tile.read_bytes()
    tile.write_bytes(whole[:3000])
    output = folder / "set"
    command = ["dataset", "build", str(folder / "recipe.toml"), "-o", str(output)]
    failed = CliRunner().invoke(app, command)
    assert failed.exit_code == 1
    assert "could not be had" in failed.output
    assert not output.exists()
    tile.write_bytes(whole)
    assert CliRunner().invoke(app, command).exit_code == 0
    assert open_dataset(output).hash() == open_dataset(sky.folder / "set").hash()
