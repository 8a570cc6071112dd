"""The last step of a build: the files of the data set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_photoz import __version__
from vo_photoz.datasets.candidates import end_to_end, rows_of, write
from vo_photoz.datasets.ledger import Ledger
from vo_photoz.datasets.recipe import Recipe
from vo_photoz.datasets.store import write_dataset
from vo_photoz.errors import TableError
from vo_photoz.hips.survey import Survey
from vo_photoz.pipeline.archive_rows import TOLD
from vo_photoz.pipeline.outcomes import DROPPED, dropped_rows, kept_rows, step_of
from vo_photoz.pipeline.samples import SampleSource
from vo_photoz.pipeline.stamp_parts import StampParts

FOOTPRINT, PROVENANCE, RECIPE = "footprint.fits", "provenance.json", "recipe.toml"
CONFLICTS = "conflicts.parquet"
FOLDS = "folds.npy"


@dataclass(frozen=True)
class Described:
    """What a data set is made of, for its manifest and provenance.

    Parameters
    ----------
    recipe : Recipe
        How.
    file : Path
        Its file.
    survey : Survey
        The images.
    samples : list of SampleSource
        The objects.
    key : str
        Hash of all of it.
    """

    recipe: Recipe
    file: Path
    survey: Survey
    samples: list[SampleSource]
    key: str

    def source(self) -> dict[str, str]:
        """For the manifest: no times, so that it is the same in every run."""
        about = self.recipe.dataset
        cites = [source.query.cite for source in self.samples if source.query is not None]
        told = {
            "title": about.title,
            "citation": "; ".join(dict.fromkeys(text for text in [about.citation, *cites] if text)),
            "licence": about.licence,
            "survey": f"{self.survey.name}: {self.survey.title}",
            "samples": ", ".join(source.sample.name for source in self.samples),
            "recipe": self.file.name,
            "made_by": f"vo-photoz dataset build {self.file.name} -o {self.file.stem}",
            "build": self.key,
        }
        return {name: text for name, text in told.items() if text}

    def provenance(self, answers: Mapping[str, Path]) -> dict[str, Any]:
        """What may differ from run to run: times, and which services answered; ``answers`` are folders."""
        told = {name: folder / TOLD for name, folder in answers.items()}
        return {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "samples": {name: json.loads(path.read_text()) for name, path in told.items() if path.is_file()},
            "images": {band: self.survey.hips[band].address for band in self.survey.bands},
            "vo-photoz": __version__,
        }


def write_output(
    folder: Path,
    described: Described,
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
    described : Described
        What it is made of.
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
    rows = rows_of(table, np.load(steps[-1] / FOLDS), described.survey.bands)
    kept = pc.is_in(_keys(candidates), value_set=_keys(table).combine_chunks()).to_numpy()
    real = described.recipe.dataset.real
    write_dataset(folder, stamps.stamps(kept.astype(bool)), rows, source=described.source(), real=real)
    ledger.write(folder)
    dropped = end_to_end([dropped_rows(step) for step in steps])
    write(dropped, folder / DROPPED)
    write(dropped.filter(pc.fill_null(dropped["conflict"], False)), folder / CONFLICTS)
    shutil.copyfile(footprint, folder / FOOTPRINT)
    shutil.copyfile(described.file, folder / RECIPE)
    answers = {source.sample.name: step for source, step in zip(described.samples, steps, strict=False)}
    told = json.dumps(described.provenance(answers), indent=1, sort_keys=True)
    (folder / PROVENANCE).write_text(told + "\n", encoding="utf-8")


def _keys(table: pa.Table) -> Any:
    """Key of a candidate: its sample and its row there."""
    return pc.binary_join_element_wise(table["sample"], table["row"].cast(pa.string()), " ")
