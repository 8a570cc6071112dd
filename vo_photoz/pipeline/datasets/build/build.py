"""Build a training set by a recipe: samples, merge, footprint, cuts, stamps, split, store.

Every step is kept on disk until the data set is there: a run that was killed goes on where it was, and the
data set that comes out is the same to the byte. Times are in ``provenance.json`` alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vo_photoz.datasets.candidates import positions as positions_of
from vo_photoz.datasets.ledger import Ledger, read_ledger
from vo_photoz.datasets.recipe import Recipe
from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import Coverage, Progress, no_progress
from vo_photoz.hips.coverage import find_coverage, read_moc, write_moc
from vo_photoz.pipeline.datasets.build.archive_rows import ArchiveRows
from vo_photoz.pipeline.datasets.build.inputs import BuildInputs
from vo_photoz.pipeline.datasets.build.magnitudes import with_magnitudes
from vo_photoz.pipeline.datasets.build.outcomes import Outcome, kept_rows, nothing_left, step_of
from vo_photoz.pipeline.datasets.build.output import FOLDS, FOOTPRINT, write_output
from vo_photoz.pipeline.datasets.build.samples import SampleSource, to_candidates
from vo_photoz.pipeline.datasets.build.stamp_parts import StampParts
from vo_photoz.pipeline.datasets.build.step_folders import StepFolders
from vo_photoz.pipeline.datasets.build.steps import (
    inside_cuts,
    inside_footprint,
    merge_samples,
    split_by_sky,
    with_good_stamps,
)
from vo_photoz.pipeline.datasets.build.table_rows import TableRows
from vo_photoz.sky.moc import intersection


@dataclass(frozen=True)
class BuildResult:
    """What `build_dataset` made.

    Parameters
    ----------
    dataset : Dataset
        Open for reading.
    ledger : Ledger
        Rows in and out of each step.
    steps : list of str
        Steps that this run made; the others were there from an earlier one.
    """

    dataset: Dataset
    ledger: Ledger
    steps: list[str]


def build_dataset(
    recipe: str | Path, output: str | Path, *, offline: bool = False, progress: Progress = no_progress
) -> BuildResult:
    """Build a training set, or go on with one.

    Parameters
    ----------
    recipe : str or Path
        Name of a recipe, or a TOML file.
    output : path
        Folder to make; it appears when it is complete. One that was built by the very same recipe is left
        as it is.
    offline : bool
        Refuse the network for images.
    progress : Progress
        Told how far it is.

    Raises
    ------
    UsageError
        Raised if the recipe cannot be meant, or the folder exists.
    TableError
        Raised if a table cannot be used, or no object is left.
    SurveyError, CoverageError
        Raised if the survey cannot be used or lacks a band.
    ServiceError
        Raised if an archive fails, or pixels could not be had; the next run goes on.
    """
    inputs = BuildInputs.find(recipe, offline=offline)
    chain = _Chain(inputs, Path(output), StepFolders(Path(output)), progress)
    with chain.work.held():
        found = chain.finished()
        if found is None:
            chain.run()
            found = open_dataset(chain.output)
        chain.work.remove()
    ledger = read_ledger(found.folder)
    assert ledger is not None  # noqa: S101 - it was written with the data set
    return BuildResult(found, ledger, chain.work.repeated)


@dataclass
class _Chain:
    """The steps, and what they share."""

    inputs: BuildInputs
    output: Path
    work: StepFolders
    progress: Progress

    @property
    def recipe(self) -> Recipe:
        """What is wanted."""
        return self.inputs.recipe

    def finished(self) -> Dataset | None:
        """The data set, where it is there already.

        Raises
        ------
        UsageError
            Raised if something else is there.
        """
        if not self.output.exists():
            return None
        try:
            held = open_dataset(self.output)
        except TableError:
            held = None
        if held is None or held.manifest.source.get("build") != self.inputs.key:
            raise UsageError(
                f"{self.output} exists already, and it was not built by this recipe.",
                advice="Choose another name or remove it.",
            )
        return held

    def run(self) -> None:
        """All steps, and the output."""
        wanted = self.recipe.stamps.model_dump(mode="json")
        footprint = self.work.step("map", self.inputs.images_key, self._map)
        samples = [self._sample(source, footprint) for source in self.inputs.samples]
        merged = self._rows("merge", self.recipe.merge, lambda: self._merge(samples), samples)
        covered = self._rows(
            "footprint",
            None,
            lambda: inside_footprint(kept_rows(merged), _coverage(footprint)),
            [merged, footprint],
        )
        measured = self._magnitudes(covered)
        chosen = self._rows(
            "cuts", self.recipe.cuts, lambda: inside_cuts(kept_rows(measured), self.recipe.cuts), [measured]
        )
        cut = self.work.step(
            "stamps", [wanted, self.inputs.images_key], self._cut(kept_rows(chosen)), [chosen]
        )
        usable = self._rows("usable", self.recipe.cuts, lambda: self._usable(chosen, cut), [cut])
        parted = self.work.step(
            "split", [self.recipe.split.model_dump(mode="json"), wanted], self._split(usable), [usable]
        )
        steps = dict.fromkeys([*samples, merged, covered, measured, chosen, usable, parted])
        self._write(list(steps), chosen, cut, footprint)

    def _rows(self, name: str, inputs: Any, make: Callable[[], Outcome], after: list[Path]) -> Path:
        """A step that looks at rows alone."""
        said = inputs.model_dump(mode="json") if inputs is not None else None

        def save(folder: Path) -> None:
            outcome = make()
            outcome.need_objects()
            outcome.save(folder)

        return self.work.step(name, said, save, after)

    def _map(self, folder: Path) -> None:
        given = [read_moc(path.read_bytes(), str(path)) for path in self.inputs.maps]
        hips = [self.inputs.survey.hips[band] for band in self.inputs.survey.bands]
        maps = [find_coverage(one, progress=self.progress) for one in hips]
        write_moc(intersection([*maps, *given]), folder / FOOTPRINT)

    def _sample(self, source: SampleSource, footprint: Path) -> Path:
        """Candidates of one sample near the footprint."""

        def make(folder: Path) -> None:
            if source.query is None:
                raw = TableRows(source, _coverage(footprint)).fetch()
            else:
                self.work.worth_keeping = True
                asked = ArchiveRows(source.query, source.sample.service or None, folder)
                raw = asked.fetch(_coverage(footprint), progress=self.progress)
            kept, dropped, step = to_candidates(source.sample, raw)
            Outcome(kept, dropped, step).save(folder)

        return self.work.step(f"sample-{source.sample.name}", source.inputs(), make, [footprint])

    def _merge(self, samples: list[Path]) -> Outcome:
        tables = [kept_rows(folder) for folder in samples]
        if not sum(table.num_rows for table in tables):
            raise nothing_left([step_of(folder) for folder in samples])
        return merge_samples(tables, self.recipe)

    def _magnitudes(self, covered: Path) -> Path:
        """Magnitudes from a catalogue, where the recipe names one; else the step before."""
        wanted = self.recipe.magnitudes
        if wanted is None or self.inputs.magnitudes is None:
            return covered
        source, inputs = self.inputs.magnitudes

        def make(folder: Path) -> None:
            self.work.worth_keeping = True
            with_magnitudes(kept_rows(covered), wanted, source, progress=self.progress).save(folder)

        return self.work.step("magnitudes", inputs, make, [covered])

    def _parts(self, folder: Path, table: pa.Table) -> StampParts:
        wanted = self.recipe.stamps
        return StampParts(
            folder,
            positions_of(table),
            self.inputs.survey,
            wanted.size,
            wanted.pixel_arcsec,
            wanted.interpolation,
        )

    def _cut(self, table: pa.Table) -> Callable[[Path], None]:
        def make(folder: Path) -> None:
            self.work.worth_keeping = True
            stop = self.recipe.stamps.unavailable == "stop"
            self._parts(folder, table).cut_missing(stop=stop, progress=self.progress)

        return make

    def _usable(self, chosen: Path, cut: Path) -> Outcome:
        table = kept_rows(chosen)
        return with_good_stamps(table, self._parts(cut, table).flags(), self.recipe.cuts)

    def _split(self, usable: Path) -> Callable[[Path], None]:
        def make(folder: Path) -> None:
            outcome, folds = split_by_sky(kept_rows(usable), self.recipe.split, self.recipe.stamps)
            outcome.need_objects()
            outcome.save(folder)
            np.save(folder / FOLDS, folds)

        return make

    def _write(self, steps: list[Path], chosen: Path, cut: Path, footprint: Path) -> None:
        """The data set, under another name until it is complete."""
        making = self.work.folder / "output"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        candidates = kept_rows(chosen)
        write_output(
            making,
            self.inputs,
            steps=steps,
            stamps=self._parts(cut, candidates),
            candidates=candidates,
            footprint=footprint / FOOTPRINT,
        )
        os.replace(making, self.output)


def _coverage(folder: Path) -> Coverage:
    path = folder / FOOTPRINT
    return read_moc(path.read_bytes(), str(path))
