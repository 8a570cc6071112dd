"""The last step of a build: the files of the data set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_photoz import __version__
from vo_photoz.datasets.candidates import end_to_end, rows_of, write
from vo_photoz.datasets.ledger import Ledger
from vo_photoz.datasets.store import write_dataset
from vo_photoz.errors import TableError
from vo_photoz.pipeline.datasets.build.archive_rows import TOLD
from vo_photoz.pipeline.datasets.build.inputs import BuildInputs
from vo_photoz.pipeline.datasets.build.outcomes import DROPPED, dropped_rows, kept_rows, step_of
from vo_photoz.pipeline.datasets.build.stamp_parts import StampParts

FOOTPRINT, PROVENANCE, RECIPE = "footprint.fits", "provenance.json", "recipe.toml"
CONFLICTS = "conflicts.parquet"
FOLDS = "folds.npy"


def write_output(
    folder: Path,
    inputs: BuildInputs,
    *,
    steps: Sequence[Path],
    stamps: StampParts,
    candidates: pa.Table,
    footprint: Path,
) -> None:
    """Write all files of a data set into an empty folder.

    Parameters
    ----------
    folder : Path
        Gets its name from the caller when all is there.
    inputs : BuildInputs
        What it is made from.
    steps : sequence of Path
        Finished steps with rows, in order; the last one is the split.
    stamps : StampParts
        Stamps of the candidates, all cut.
    candidates : pyarrow.Table
        The rows that stamps were cut for.
    footprint : Path
        The coverage map.

    Raises
    ------
    TableError
        Raised if the ledger does not add up.
    """
    ledger = Ledger([step_of(step) for step in steps])
    if not ledger.adds_up():
        raise TableError("The ledger of the build does not add up.", advice="Please report this.")
    table = kept_rows(steps[-1])
    rows = rows_of(table, np.load(steps[-1] / FOLDS), inputs.survey.bands)
    kept = pc.is_in(_keys(candidates), value_set=_keys(table).combine_chunks()).to_numpy()
    real = inputs.recipe.dataset.real
    write_dataset(folder, stamps.stamps(kept.astype(bool)), rows, source=_source(inputs), real=real)
    ledger.write(folder)
    dropped = end_to_end([dropped_rows(step) for step in steps])
    write(dropped, folder / DROPPED)
    write(dropped.filter(pc.fill_null(dropped["conflict"], False)), folder / CONFLICTS)
    shutil.copyfile(footprint, folder / FOOTPRINT)
    shutil.copyfile(inputs.file, folder / RECIPE)
    told = json.dumps(_provenance(inputs, steps), indent=1, sort_keys=True)
    (folder / PROVENANCE).write_text(told + "\n", encoding="utf-8")


def _source(inputs: BuildInputs) -> dict[str, str]:
    """For the manifest: no times, so that it is the same in every run."""
    about = inputs.recipe.dataset
    cites = [source.query.cite for source in inputs.samples if source.query is not None]
    told = {
        "title": about.title,
        "citation": "; ".join(dict.fromkeys(text for text in [about.citation, *cites] if text)),
        "licence": about.licence,
        "survey": f"{inputs.survey.name}: {inputs.survey.title}",
        "samples": ", ".join(source.sample.name for source in inputs.samples),
        "recipe": inputs.file.name,
        "made_by": f"vo-photoz dataset build {inputs.file.name} -o {inputs.file.stem}",
        "build": inputs.key,
    }
    return {name: text for name, text in told.items() if text}


def _provenance(inputs: BuildInputs, steps: Sequence[Path]) -> dict[str, Any]:
    """What may differ from run to run: times, and which services answered."""
    answers = {source.sample.name: step / TOLD for source, step in zip(inputs.samples, steps, strict=False)}
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "samples": {name: json.loads(path.read_text()) for name, path in answers.items() if path.is_file()},
        "images": {band: inputs.survey.hips[band].address for band in inputs.survey.bands},
        "vo-photoz": __version__,
    }


def _keys(table: pa.Table) -> Any:
    """Key of a candidate: its sample and its row there."""
    return pc.binary_join_element_wise(table["sample"], table["row"].cast(pa.string()), " ")
