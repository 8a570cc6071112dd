"""Make a data set of a simulated sky, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vo_photoz.datasets.rows import Rows
from vo_photoz.datasets.split import sky_folds
from vo_photoz.datasets.store import Dataset, create_dataset
from vo_photoz.errors import UsageError
from vo_photoz.flow import Progress, Stamps, no_progress
from vo_photoz.simulation.imaging.exposures import BANDS
from vo_photoz.simulation.sky import SimulatedSky

CITATION = "simulated by vo_photoz; the sources of its numbers: docs/explanation/simulated-quasars.md"
LICENCE = "nothing observed is in it; BSD-3-Clause, as the program"


def simulate_dataset(
    sky: str | Path | SimulatedSky,
    output: str | Path,
    *,
    n: int,
    seed: int = 0,
    source: dict[str, Any] | None = None,
    progress: Progress = no_progress,
) -> Dataset:
    """Make a data set of the first n sources of a simulated sky.

    Parameters
    ----------
    sky : str, path or SimulatedSky
        Name or file of the description (`simulation.sky_file`).
    output : path
        Folder to make.
    n : int
        Number of sources. The first of a longer set are those of a shorter one.
    seed : int
        Same seed, same pixels.
    source : dict
        Further words for the manifest.
    progress : Progress
        Told how far it is.

    Returns
    -------
    Dataset
        ``mag`` are magnitudes as a catalogue would give them, with noise. Further columns: ``ebv``,
        ``half_light_arcsec`` and the true magnitudes, ``true_u`` to ``true_z``.

    Raises
    ------
    UsageError
        Raised if the description or the number cannot be meant, or the folder exists.
    """
    if Path(output).exists():
        raise UsageError(f"{output} exists already.", advice="Choose another name or remove it.")
    if n < 1:
        raise UsageError(f"{n} sources cannot be drawn.", advice="Ask for one or more.")
    if seed < 0:
        raise UsageError(f"The seed {seed} is negative.", advice="Give 0 or more.")
    drawn = sky if isinstance(sky, SimulatedSky) else SimulatedSky(sky)
    told = {
        "title": drawn.file.title,
        "citation": CITATION,
        "licence": LICENCE,
        **(source or {}),
        "description": drawn.file.model_dump(mode="json"),
        "seed": seed,
        "path": "HiPS of order 19 pixels, bilinear; stamps TAN, bilinear",
    }
    kept = _Kept()
    parts = kept.parts(drawn, seed, n, progress)
    return create_dataset(output, parts, kept.rows, source=told, real=False)


class _Kept:
    """What is known of the sources whose stamps were written already."""

    def __init__(self) -> None:
        self.columns: list[dict[str, NDArray[Any]]] = []

    def parts(
        self, sky: SimulatedSky, seed: int, n: int, progress: Progress
    ) -> Iterator[tuple[NDArray[np.intp], Stamps]]:
        """The stamps; their other columns are kept."""
        done = 0
        for batch in sky.blocks(seed, n, threads=0):
            self.columns.append({name: one for name, one in vars(batch).items() if name != "stamps"})
            yield np.arange(done, done + len(batch)), batch.stamps
            done += len(batch)
            progress("simulated stamps", done, n)

    def rows(self) -> Rows:
        """Rows of all sources."""
        held = {name: np.concatenate([one[name] for one in self.columns]) for name in self.columns[0]}
        n = len(held["z"])
        more = {"ebv": held["ebv"], "half_light_arcsec": held["half_light_arcsec"]}
        more |= {f"true_{band}": held["magnitude"][:, b] for b, band in enumerate(BANDS)}
        return Rows(
            id=np.array([f"{row:08d}" for row in range(n)]),
            ra=held["ra"],
            dec=held["dec"],
            z=held["z"],
            fold=sky_folds(held["ra"], held["dec"]),
            flags=np.zeros(n, dtype=np.int16),
            mag=held["catalogue"],
            more=pa.table({name: pa.array(column, pa.float64()) for name, column in more.items()}),
            kind=held["kind"].astype(np.str_),
        )
