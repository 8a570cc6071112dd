"""Make the sandbox: a small simulated survey with its catalogues, the offline world of demo and tests.

A folder holds::

    survey.toml      the survey "sandbox": five FITS HiPS in nanomaggies
    hips/u ... z     order 10, tiles of 512 pixels
    sources.vot      what a user sends: positions and magnitudes (sources.fits: the same)
    spectra.vot      a spectroscopic catalogue of a part of them
    truth.fits       redshift, class and true magnitudes of every source, for scoring
    sandbox.json     the version stamp and the plan it was made from

Nothing of it was ever used to train a model that the program ships.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from vo_photoz.errors import UsageError
from vo_photoz.flow import Float32Array, no_progress
from vo_photoz.flow import Progress as ProgressSink
from vo_photoz.sandbox.layout import (
    FULL,
    SMALL,
    Plan,
    draw_places,
    draw_population,
    nearest_neighbour,
    to_pixels,
    to_sky,
)
from vo_photoz.sandbox.tables import (
    sources_columns,
    spectra_columns,
    truth_columns,
    write_fits,
    write_votable,
)
from vo_photoz.simulation.imaging.exposures import BANDS, PIXEL_ARCSEC
from vo_photoz.simulation.populations import EXTINCTION_UGRIZ
from vo_photoz.simulation.stamps import render_field

__all__ = ["FULL", "SMALL", "Plan", "ensure", "is_current", "make"]

VERSION = 6
"""Raised whenever the same plan gives another sky."""

STAMP_FILE = "sandbox.json"
_DATE = "2026-01-01T00:00:00Z"  # of the tiles: the same plan gives the same bytes


def make(
    folder: str | Path, plan: Plan = FULL, *, overwrite: bool = False, progress: ProgressSink = no_progress
) -> Path:
    """Make a sandbox folder; it appears only when it is complete.

    Parameters
    ----------
    folder : path
        Folder to make.
    plan : Plan
        `FULL` (0.2 deg, 1,000 sources, 110 MB) or `SMALL` (0.08 deg, 64 sources) or one's own.
    overwrite : bool
        Replace a sandbox that stands there. A folder that is no sandbox is never replaced.
    progress : Progress
        Told the steps.

    Returns
    -------
    path
        The folder.

    Raises
    ------
    UsageError
        Raised if the folder exists and may not be replaced, or the plan cannot be meant.
    """
    target = Path(folder).expanduser().resolve()
    _check_target(target, overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        _fill(part, plan, progress)
        part.chmod(0o755)
        _put_in_place(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def ensure(folder: str | Path, plan: Plan = FULL, *, progress: ProgressSink = no_progress) -> Path:
    """The sandbox in this folder, made when it is missing or of another version or plan.

    Parameters and errors as in `make`.
    """
    target = Path(folder).expanduser().resolve()
    return target if is_current(target, plan) else make(target, plan, overwrite=True, progress=progress)


def is_current(folder: Path, plan: Plan = FULL) -> bool:
    """Whether a complete sandbox of this version and plan stands in the folder."""
    try:
        return bool(json.loads((folder / STAMP_FILE).read_text(encoding="utf-8")) == _stamp(plan))
    except (OSError, ValueError):
        return False


def _stamp(plan: Plan) -> dict[str, object]:
    return {"version": VERSION, "plan": asdict(plan)}


def _check_target(target: Path, overwrite: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / STAMP_FILE).is_file():
        raise UsageError(
            f"{target} exists and is no sandbox.", advice="Give another folder.", url=str(target)
        )
    if not overwrite:
        raise UsageError(
            f"The sandbox {target} exists.", advice="Add --overwrite to make it anew.", url=str(target)
        )


def _put_in_place(part: Path, target: Path) -> None:
    """Give the finished folder its name; an old one steps aside first."""
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        os.replace(target, old)
        os.replace(part, target)
        shutil.rmtree(old)
    else:
        os.replace(part, target)


def _fill(folder: Path, plan: Plan, progress: ProgressSink) -> None:
    # One stream of numbers a purpose: a change in one does not shake the others.
    people, places, camera, tables = (np.random.default_rng([plan.seed, k]) for k in range(4))
    population = draw_population(people, plan)
    west, north = draw_places(places, plan)
    ra, dec = to_sky(plan, west, north)
    x, y = to_pixels(plan, west, north)
    images = render_field(camera, population, x, y, (plan.pixels, plan.pixels), progress=progress)
    _write_survey(folder, plan, images, progress)
    sources = sources_columns(tables, plan, population, ra, dec)
    write_votable(folder / "sources.vot", sources, "sources", "Sources of the sandbox sky, without redshifts")
    write_fits(folder / "sources.fits", sources)
    spectra = spectra_columns(tables, plan, population, ra, dec)
    write_votable(folder / "spectra.vot", spectra, "spectra", "Spectroscopic catalogue of the sandbox sky")
    write_fits(folder / "truth.fits", truth_columns(population, ra, dec, nearest_neighbour(west, north)))
    (folder / STAMP_FILE).write_text(json.dumps(_stamp(plan), indent=1) + "\n", encoding="utf-8")


def _write_survey(folder: Path, plan: Plan, images: Float32Array, progress: ProgressSink) -> None:
    from vo_photoz.hips.write import TanImage, write_hips  # noqa: PLC0415 - numba

    for b, band in enumerate(BANDS):
        image = TanImage(images[b], plan.ra, plan.dec, PIXEL_ARCSEC)
        title = f"vo_photoz sandbox {band}"
        write_hips(folder / "hips" / band, [image], band=band, title=title, date=_DATE)
        progress("HiPS", b + 1, len(BANDS))
    (folder / "survey.toml").write_text(_survey_toml(), encoding="utf-8")


def _survey_toml() -> str:
    lines = [
        "# A simulated sky: see sandbox.json for how it was made.",
        "[survey]",
        'name = "sandbox"',
        'title = "Simulated SDSS-like sky of vo_photoz"',
        f"bands = {json.dumps(list(BANDS))}",
        'pixel_unit = "nanomaggy"',
        "",
        "[hips]",
        *(f'{band} = "hips/{band}"' for band in BANDS),
    ]
    for band, coefficient in zip(BANDS, EXTINCTION_UGRIZ, strict=True):
        lines += ["", f"[photometry.{band}]", f"source_pixel_arcsec = {PIXEL_ARCSEC}"]
        lines += [
            f'filter = "SLOAN/SDSS.{band}"',
            f"extinction_coefficient = {coefficient}",
            'checked = "yes"',
        ]
    return "\n".join(lines) + "\n"
