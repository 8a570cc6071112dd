"""The first failure of the talk: the archive tells no coverage map, and nobody else knows one.

The survey of the sandbox stands on a web server without its ``Moc.fits``, and the MOCServer knows nothing of
it. The map is then made: from the tiles, from their pixels, or from a catalogue of the survey's sources.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from tests.cds import Cds, cds
from vo_photoz import settings
from vo_photoz.cli.main import app
from vo_photoz.flow import NOT_PREDICTED, Flag
from vo_photoz.hips.coverage import survey_coverage
from vo_photoz.hips.survey import load_survey
from vo_photoz.pipeline.coverage import coverage_of
from vo_photoz.sky.moc import contains
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.read import read_table

ARCMIN2 = 1 / 148_510_660.5
"""A square arcminute as a fraction of the sky."""


@pytest.fixture
def archive(
    sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, str, type[Cds]]]:
    """Survey files of the sandbox without maps: in a folder (local.toml) and on a server (web.toml)."""
    root = tmp_path / "archive"
    shutil.copytree(sandbox, root, ignore=shutil.ignore_patterns("Moc.fits"), copy_function=_link)
    assert not list(root.rglob("Moc.fits"))
    text = (sandbox / "survey.toml").read_text()
    (root / "local.toml").write_text(text)
    with cds(root) as (address, handler):
        (root / "web.toml").write_text(text.replace('"hips/', f'"{address}/hips/'))
        monkeypatch.setenv("VO_PHOTOZ_MOC_SERVER", f"{address}/MocServer/query")
        settings.defaults.cache_clear()
        yield root, address, handler


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def run(*words: Any) -> str:
    answer = CliRunner().invoke(app, [str(word) for word in words])
    assert answer.exit_code == 0, answer.output
    return " ".join(answer.output.split())


def with_strangers(sandbox: Path, path: Path) -> Path:
    """The sandbox's sources, and two that lie far outside."""
    table = read_table(sandbox / "sources.vot")
    places = find_positions(table)
    ra, dec = np.append(places.ra, [10.0, 250.0]), np.append(places.dec, [-40.0, 60.0])
    Table({"ra": ra, "dec": dec}).write(path)
    return path


@pytest.fixture(scope="module")
def expected(sandbox: Path, tmp_path_factory: pytest.TempPathFactory) -> Table:
    """The prediction with the survey's own map."""
    folder = tmp_path_factory.mktemp("expected")
    return predicted(sandbox / "survey.toml", sandbox, folder)


def predicted(survey: Path, sandbox: Path, folder: Path) -> Table:
    table = with_strangers(sandbox, folder / "t.csv")
    run(
        "predict", table, "-o", folder / "out.fits", "--survey", survey,
        "--crossmatch", sandbox / "spectra.vot", "--quiet",
    )  # fmt: skip
    return Table.read(folder / "out.fits")


@pytest.mark.parametrize("where", ["local", "web", "web-cds-is-down"])
def test_archive_without_moc(
    where: str, archive: tuple[Path, str, type[Cds]], expected: Table, sandbox: Path, tmp_path: Path
) -> None:
    """Predict and crossmatch give what they give with the map, row by row."""
    root, _, handler = archive
    handler.broken = where == "web-cds-is-down"
    found = predicted(root / f"{'local' if where == 'local' else 'web'}.toml", sandbox, tmp_path)
    assert expected.colnames == found.colnames
    compared = [name for name in found.colnames if name.startswith(("z_", "pz_", "spectra_"))]
    assert len(compared) > 10
    for name in compared:
        if found[name].dtype.kind in "fi":
            ours, theirs = (np.ma.filled(table[name].astype(float), np.nan) for table in (found, expected))
            np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    flags, theirs = np.asarray(found["photoz_flag"]), np.asarray(expected["photoz_flag"])
    outside = theirs & Flag.OUTSIDE_COVERAGE != 0
    assert outside[-2:].all()
    # On a server the tiles of the sources alone are asked for, and these have none.
    assert (flags[outside] & (Flag.OUTSIDE_COVERAGE if where == "local" else Flag.BAND_MISSING) != 0).all()
    assert np.array_equal(flags[~outside], theirs[~outside])
    assert (flags & NOT_PREDICTED == 0).sum() > 40
    asked = [path for path in handler.asked if "MocServer" in path]
    assert bool(asked) == (where != "local")


def test_the_map_is_made_from_tiles_pixels_or_a_catalogue(
    archive: tuple[Path, str, type[Cds]], sandbox: Path, tmp_path: Path
) -> None:
    """All of these hold every source that the survey's own map holds, finer ones with less empty sky."""
    root, _, _ = archive
    sources = find_positions(read_table(sandbox / "sources.vot"))
    own = survey_coverage(load_survey(sandbox / "survey.toml"))
    said = run("coverage", root / "local.toml", "-o", tmp_path / "tiles.fits")
    assert "made from its" in said
    # On the server only tiles of order 10 stand: 12 million could be asked for.
    answer = CliRunner().invoke(app, ["coverage", str(root / "web.toml"), "-o", str(tmp_path / "web.fits")])
    assert answer.exit_code == 1
    assert "Look near the sources of a table" in " ".join(answer.output.split())
    run("coverage", root / "web.toml", "--near", sandbox / "sources.vot", "-o", tmp_path / "web.fits")
    run("coverage", root / "local.toml", "--pixels", "--order", 14, "-o", tmp_path / "pixels.fits")
    run("coverage", sandbox / "sources.vot", "-o", tmp_path / "table.fits")
    maps = {name: coverage_of(tmp_path / f"{name}.fits") for name in ("tiles", "web", "pixels", "table")}
    assert np.array_equal(maps["tiles"].ranges, own.ranges)
    inside = contains(own, sources.ra, sources.dec)
    assert inside.sum() > 40
    for name, one in maps.items():
        assert contains(one, sources.ra[inside], sources.dec[inside]).all(), name
    field = (0.08 * 60) ** 2 * ARCMIN2
    assert field <= maps["pixels"].sky_fraction < 1.2 * field < maps["tiles"].sky_fraction


def test_a_crossmatch_is_kept_to_a_map_that_was_made(
    archive: tuple[Path, str, type[Cds]], sandbox: Path, tmp_path: Path
) -> None:
    """A spectroscopic catalogue of the whole sky, of which only the imaged part is searched for."""
    root, _, _ = archive
    rng = np.random.default_rng(5)
    inner = find_positions(read_table(sandbox / "spectra.vot"))
    ra = np.concatenate([inner.ra, rng.uniform(0, 360, 20_000)])
    dec = np.concatenate([inner.dec, np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000)))])
    Table({"ra": ra, "dec": dec}).write(tmp_path / "spectra.fits")
    for name, survey in (("made", root / "local.toml"), ("own", sandbox / "survey.toml")):
        run(
            "crossmatch", tmp_path / "spectra.fits", "-o", tmp_path / f"{name}.fits", "--with",
            tmp_path / "spectra.fits", "--coverage", survey, "--no-chance",
        )  # fmt: skip
    made, own = (Table.read(tmp_path / f"{name}.fits") for name in ("made", "own"))
    found = ~np.ma.getmaskarray(made["spectra_nmatch"])
    inside = contains(coverage_of(root / "local.toml"), ra, dec)
    assert np.array_equal(found, inside)
    assert np.array_equal(found, ~np.ma.getmaskarray(own["spectra_nmatch"]))
    assert found[: len(inner)].sum() > 10
    assert found[len(inner) :].mean() < 0.001
