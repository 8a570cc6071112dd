"""The command cutouts: killed at any moment and started again it makes the same files; nothing is silent."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from astropy.io import fits
from typer.testing import CliRunner

from vo_photoz.cli.main import app
from vo_photoz.flow import Flag
from vo_photoz.hips.access.tiles import tile_path
from vo_photoz.hips.write import TanImage, write_hips

ROWS = 3000


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """A survey of two bands with noise, and a table; a few rows without a position."""
    folder, rng = tmp_path_factory.mktemp("sky"), np.random.default_rng(8)
    for band in "gr":
        image = TanImage(rng.normal(10, 1, (300, 300)), 30.0, -5.0, 0.4)
        write_hips(folder / band, [image], band=band, tile_width=64)
    text = '[survey]\nname="s"\nbands=["g","r"]\npixel_unit="nanomaggy"\n[hips]\ng="g"\nr="r"\n'
    (folder / "s.toml").write_text(text)
    ra, dec = 30 + rng.uniform(-0.013, 0.013, ROWS), -5 + rng.uniform(-0.013, 0.013, ROWS)
    lines = [
        f"{i},{a:.9f},{d:.9f}" if i % 1000 else f"{i},," for i, (a, d) in enumerate(zip(ra, dec, strict=True))
    ]
    (folder / "t.csv").write_text("\n".join(["id,ra,dec", *lines]) + "\n")
    return folder


def words_for(sky, out, *more):
    return [
        "cutouts",
        sky / "t.csv",
        "-o",
        out,
        "--survey",
        sky / "s.toml",
        "--size",
        32,
        "--scale",
        0.4,
        *more,
    ]


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def content_of(path: Path):
    """All bytes of a file or folder, by name."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {
        str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()
    }


def start(*words):
    command = [sys.executable, "-c", "from vo_photoz.cli.main import main; main()", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("name", ["out.npz", "out.zarr"])
def test_killed_at_any_moment_and_started_again(sky, tmp_path, name):
    whole = tmp_path / f"whole-{name}"
    assert run(*words_for(sky, whole)).exit_code == 0
    expected = content_of(whole)
    out, rng, kills, resumed = tmp_path / name, np.random.default_rng(3), 0, 0
    work = tmp_path / f".{name}.unfinished"
    while not out.exists():
        process = start(*words_for(sky, out))
        there = work.exists()
        while process.poll() is None and not (work / "manifest.json").exists():
            time.sleep(0.002)  # not before it cuts: most of its time goes into imports
        if kills < 3:
            time.sleep(rng.uniform(0, 0.12) if not there else rng.uniform(1.5, 3))
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
        said = process.communicate()[0]
        resumed += "Going on where" in said
        assert process.returncode in (0, -signal.SIGKILL), said
    assert kills
    assert not work.exists()
    assert content_of(out).keys() == expected.keys()
    assert all(content_of(out)[key] == value for key, value in expected.items())
    assert resumed


def stop_after(monkeypatch, batches):
    """Let the cutting fail after some batches, as a crash would end it."""
    from vo_photoz.hips import cutouts

    genuine = cutouts.cut_stamps

    def short_lived(survey, positions, **options):
        for number, batch in enumerate(genuine(survey, positions, batch=300, **options)):
            if number == batches:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(cutouts, "cut_stamps", short_lived)


def test_a_stopped_run_goes_on(sky, tmp_path, monkeypatch):
    out = tmp_path / "out.npz"
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        assert run(*words_for(sky, out)).exit_code == 1
    assert not out.exists()
    answer = run(*words_for(sky, out))
    assert "Going on where an earlier run stopped: 900 of 2997 stamps are there." in answer.output
    again = tmp_path / "again.npz"
    assert run(*words_for(sky, again)).exit_code == 0
    assert out.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("changed", [["--interpolation", "nearest"], ["--flux", "per_arcsec2"], ["table"]])
def test_another_input_starts_anew_and_says_so(sky, tmp_path, monkeypatch, changed):
    out, words = tmp_path / "out.npz", words_for(sky, tmp_path / "out.npz")
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        run(*words)
    if changed == ["table"]:
        lines = (sky / "t.csv").read_text().splitlines()
        (tmp_path / "other.csv").write_text("\n".join(lines[:2000]) + "\n")
        words[1] = tmp_path / "other.csv"
        changed = []
    answer = run(*words, *changed)
    assert answer.exit_code == 0, answer.output
    assert "thrown away: all is cut anew" in answer.output
    clean = tmp_path / "clean.npz"
    words[3] = clean
    run(*words, *changed)
    assert out.read_bytes() == clean.read_bytes()


def test_two_runs_do_not_write_the_same_file(sky, tmp_path):
    import fcntl

    work = tmp_path / ".out.npz.unfinished"
    work.mkdir()
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = run(*words_for(sky, tmp_path / "out.npz"))
    assert answer.exit_code == 2
    assert "Another run" in answer.output


def test_a_full_disk_is_one_sentence_and_loses_nothing(sky, tmp_path, monkeypatch):
    out, genuine, left = tmp_path / "out.npz", os.pwrite, [20]

    def full(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return genuine(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        answer = run(*words_for(sky, out))
    assert answer.exit_code == 2
    assert "No space left" in answer.output
    assert "Make room" in answer.output
    assert run(*words_for(sky, out)).exit_code == 0
    with np.load(out) as found:
        assert np.isfinite(found["stamps"][1]).all()


def test_every_format_tells_what_its_numbers_are(sky, tmp_path):
    more = ["--flux", "nJy/arcsec2"]
    for name in ("a.npz", "a.zarr", "fits"):
        assert run(*words_for(sky, tmp_path / name, *more)).exit_code == 0
    with np.load(tmp_path / "a.npz") as npz:
        group = zarr.open_group(tmp_path / "a.zarr", mode="r")
        for key in ("stamps", "flags", "nan_fraction", "ra", "dec"):
            assert np.array_equal(npz[key], group[key][:], equal_nan=True)
        for key in ("unit", "flux", "survey", "interpolation"):
            assert str(npz[key]) == group.attrs[key]
        assert (str(npz["unit"]), str(npz["flux"]), str(npz["survey"])) == ("nJy/arcsec2", "nJy/arcsec2", "s")
        assert npz["nan_fraction"].shape == (ROWS, 2)
        assert np.array_equal(
            npz["nan_fraction"], np.isnan(npz["stamps"]).mean(axis=(2, 3), dtype=np.float32)
        )
        assert npz["flags"][0] == Flag.NO_POSITION
        assert not (tmp_path / "fits" / "row_0000.fits").exists()
        with fits.open(tmp_path / "fits" / "row_2999.fits") as parts:
            parts.verify("exception")
            assert parts[0].header["FLUXKIND"] == "nJy/arcsec2"
            assert [part.name for part in parts[1:]] == ["g", "r"]
            assert np.array_equal(parts["R"].data, npz["stamps"][2999, 1])
            assert parts["R"].header["NANFRAC"] == npz["nan_fraction"][2999, 1]


def test_wcs_of_a_file_is_that_of_the_image(sky, tmp_path):
    from astropy.wcs import WCS

    from vo_photoz.hips.survey import HiPS

    run(*words_for(sky, tmp_path / "fits"))
    with fits.open(tmp_path / "fits" / "row_0007.fits") as parts:
        found, header = WCS(parts["G"].header), parts["G"].header
    own = HiPS(sky / "g").extract((header["CRVAL1"], header["CRVAL2"]), 32, 0.4 / 3600).wcs
    corners = np.array([0, 31, 0, 31]), np.array([0, 0, 31, 31])
    assert np.allclose(found.all_pix2world(*corners, 0), own.all_pix2world(*corners, 0), rtol=0, atol=1e-12)


def test_a_row_whose_tile_was_damaged_is_tried_again(sky, tmp_path, monkeypatch):
    """The first run dies after a damaged tile; the tile is mended; the second run has all pixels."""
    broken = tmp_path / "sky"
    shutil.copytree(sky, broken)
    tile = next(iter(sorted((broken / "g").glob("Norder*/Dir*/Npix*.fits"))[3:]))
    good = tile.read_bytes()
    tile.write_bytes(b"<html>busy</html>")
    with monkeypatch.context() as patch:
        stop_after(patch, 9)
        assert run(*words_for(broken, tmp_path / "out.npz")).exit_code == 1
    manifest = json.loads((tmp_path / ".out.npz.unfinished" / "manifest.json").read_text())
    assert manifest["stamps"]["bands"] == ["g", "r"]
    tile.write_bytes(good)
    assert run(*words_for(broken, tmp_path / "out.npz")).exit_code == 0
    with np.load(tmp_path / "out.npz") as found:
        assert not (found["flags"] & Flag.PIXELS_UNAVAILABLE).any()
    assert tile.name in tile_path(0, int(tile.stem[4:]))


def test_pictures_of_the_first_sources(sky, tmp_path):
    from matplotlib.image import imread

    picture = tmp_path / "sheet.png"
    answer = run(*words_for(sky, tmp_path / "out.npz", "--pictures", picture))
    assert answer.exit_code == 0, answer.output
    shape = imread(picture).shape
    assert shape[0] > 40 * 100  # a row for each of forty sources
    assert shape[1] > 2 * 100
    assert imread(picture)[..., :3].std() > 0.05
    bad = run(*words_for(sky, tmp_path / "other.npz", "--pictures", tmp_path / "sheet.nothing"))
    assert bad.exit_code == 2
    assert "sheet.nothing cannot be written" in bad.output
