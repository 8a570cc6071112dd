"""What a training set holds, in words and in pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from vo_photoz.datasets.ledger import read_ledger
from vo_photoz.datasets.manifest import dereddening_text
from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.errors import TableError
from vo_photoz.pipeline.datasets.build.output import PROVENANCE


def open_and_tell(folder: str | Path) -> tuple[Dataset, list[str]]:
    """Open a data set and say what it holds, with the ledger where it was built by a recipe.

    Raises
    ------
    TableError
        Raised if it is no data set, or damaged.
    """
    data = open_dataset(folder)
    held = data.manifest
    unlabelled = len(data) - int(data.labelled().sum())
    told = {
        "objects": f"{held.n}, {unlabelled} without redshift",
        "sky": "real" if held.real else "simulated",
        "bands": " ".join(held.bands),
        "stamps": f"{held.stamp_pixels} pixels of {held.pixel_arcsec:g} arcsec, {held.unit}",
        "dereddened": dereddening_text(held.dereddened, held.dereddening),
        "redshifts": " to ".join(f"{z:.3f}" for z in held.z_range) or "none",
        "folds": ", ".join(f"{fold}: {n}" for fold, n in held.folds.items()),
        **_classes(data),
        # What has parts of its own stands in the manifest.
        **{name: str(text) for name, text in held.source.items() if not isinstance(text, dict)},
        "made": held.made or _made(data.folder),
        "sha256": held.sha256,
    }
    lines = [f"{name:<20} {text}" for name, text in told.items()]
    ledger = read_ledger(data.folder)
    return data, lines + (["", *ledger.lines()] if ledger is not None else [])


def _classes(data: Dataset) -> dict[str, str]:
    if data.rows.kind is None:
        return {}
    names, counts = np.unique(data.rows.kind, return_counts=True)
    pairs = zip(names.tolist(), counts.tolist(), strict=True)
    return {"classes": ", ".join(f"{name or 'unknown'}: {count}" for name, count in pairs)}


def check_hash(data: Dataset) -> None:
    """Read all of a data set.

    Raises
    ------
    TableError
        Raised if it is not what was written.
    """
    if data.hash() != data.manifest.sha256:
        raise TableError(
            f"The data set {data.folder} was changed: its hash is another.", advice="Make it again."
        )


def draw(data: Dataset, output: Path) -> list[Path]:
    """Draw sky, redshifts, magnitudes, colours and stamps; the files that were written.

    Raises
    ------
    UsageError
        Raised if they cannot be written.
    """
    from vo_photoz.analysis.dataset_plots import save_pictures  # noqa: PLC0415 - matplotlib takes a second
    from vo_photoz.analysis.dataset_view import view_of  # noqa: PLC0415

    return save_pictures(view_of(data), output)


def _made(folder: Path) -> str:
    """Time of a build, which stands apart from what is the same in every run."""
    try:
        return str(json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))["made"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
