"""The steps of a build that look at rows alone: merge, footprint, cuts, flags of the stamps, split.

Each takes candidates and gives those that are left, those that are left out with the reason of each, and its
line of the ledger.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vo_photoz.catalogues.merge import Merged, merge
from vo_photoz.datasets.candidates import end_to_end, left_out, numbers, part, positions
from vo_photoz.datasets.cuts import passes, told
from vo_photoz.datasets.ledger import Step
from vo_photoz.datasets.recipe import Recipe
from vo_photoz.datasets.recipe_parts import Cuts, Split, StampsWanted
from vo_photoz.datasets.split import across_borders, sky_folds
from vo_photoz.errors import UsageError
from vo_photoz.flow import BoolArray, Coverage, Flag, FlagArray
from vo_photoz.pipeline.datasets.build.outcomes import Outcome
from vo_photoz.sky.frames import unit_vectors
from vo_photoz.sky.moc import DEEPEST, contains
from vo_photoz.sky.pixels import cells_of

FLAG_REASONS = {
    Flag.PIXELS_UNAVAILABLE: "pixels could not be had",
    Flag.BAND_MISSING: "no data in at least one band",
    Flag.PIXELS_MASKED: "some pixels have no value",
}
CONFLICT = "a redshift that contradicts it was left out too"


def merge_samples(tables: list[pa.Table], recipe: Recipe) -> Outcome:
    """One row for each object of all samples, in the order of the sky."""
    table = end_to_end(tables)
    names, wanted = table["sample"].to_pylist(), recipe.merge
    rank = np.array([recipe.precedence.index(name) for name in names], dtype=np.int64)
    z = numbers(table, "z")
    merged = merge(
        numbers(table, "ra"),
        numbers(table, "dec"),
        z,
        numbers(table, "z_err"),
        rank,
        radius_arcsec=wanted.radius_arcsec,
        conflict=wanted.conflict,
    )
    reasons = _merge_reasons(names, merged, drop=wanted.on_conflict == "drop")
    conflicts = int(merged.conflict.sum())
    told = f"{conflicts:,} redshifts contradict that of their object: conflicts.parquet"
    winners = {
        "winner_sample": table["sample"].take(pa.array(merged.winner)),
        "winner_id": table["id"].take(pa.array(merged.winner)),
        "winner_z": pa.array(z[merged.winner]),
        "separation_arcsec": pa.array(merged.separation),
        "conflict": pa.array(merged.conflict),
    }
    table = _with_magnitudes(table, merged, rank)
    outcome = _parted("merge", table, reasons, [told] if conflicts else [], beside=pa.table(winners))
    return Outcome(_by_place(outcome.kept), outcome.dropped, outcome.step)


def _with_magnitudes(table: pa.Table, merged: Merged, rank: NDArray[np.int64]) -> pa.Table:
    """Magnitudes that the winner lacks are taken from the other rows of the object, by precedence."""
    lost = np.flatnonzero(~merged.kept)
    lost = lost[np.argsort(rank[lost], kind="stable")[::-1]]  # what is written last counts
    for place, name in enumerate(table.column_names):
        if not name.startswith("mag_"):
            continue
        magnitude = numbers(table, name)
        known = lost[np.isfinite(magnitude[lost])]
        spare = np.full(len(magnitude), np.nan)
        spare[merged.winner[known]] = magnitude[known]
        filled = np.where(np.isfinite(magnitude), magnitude, spare)
        table = table.set_column(place, name, pa.array(filled))
    return table


def _merge_reasons(names: list[str], merged: Merged, *, drop: bool) -> list[str]:
    winner, kept = merged.winner.tolist(), merged.kept
    reasons = [
        "" if good else _same_object(names[row], names[winner[row]]) for row, good in enumerate(kept.tolist())
    ]
    if drop:
        for row in np.unique(merged.winner[merged.conflict]).tolist():
            reasons[row] = CONFLICT
    return reasons


def _same_object(name: str, winner: str) -> str:
    return f"of {name}: the object is in {winner} already" if name != winner else f"twice in {name}"


def inside_footprint(table: pa.Table, coverage: Coverage) -> Outcome:
    """Candidates where all bands have images."""
    where = positions(table)
    return _where("footprint", table, [("outside the footprint", contains(coverage, where.ra, where.dec))])


def inside_cuts(table: pa.Table, cuts: Cuts) -> Outcome:
    """Candidates within the limits of redshift and magnitudes.

    Raises
    ------
    UsageError
        Raised if there is a cut on a magnitude that no sample gives.
    """
    tests = []
    if cuts.redshift is not None:
        tests.append((f"redshift is not {told(cuts.redshift)}", passes(table["z"], cuts.redshift, "z")))
    for band, cut in sorted(cuts.magnitude.items()):
        name = f"mag_{band}"
        if name not in table.column_names:
            raise UsageError(
                f"The recipe cuts on the magnitude {band}, but no sample gives it.",
                advice="Name its column below [sample.magnitudes].",
            )
        reason = f"magnitude {band} is not {told(cut)}"
        tests.append((reason, passes(table[name], cut, name)))
    return _where("cuts", table, tests)


def with_good_stamps(table: pa.Table, flags: FlagArray, cuts: Cuts) -> Outcome:
    """Candidates whose stamps carry none of the flags that are unwanted."""
    unwanted = [Flag.PIXELS_UNAVAILABLE, *(Flag[name] for name in cuts.flags)]
    tests = [(reason, flags & flag == 0) for flag, reason in FLAG_REASONS.items() if flag in unwanted]
    return _where("stamps", table, tests)


def split_by_sky(table: pa.Table, split: Split, stamps: StampsWanted) -> tuple[Outcome, NDArray[np.int32]]:
    """Candidates whose stamps share no sky with a stamp of another fold, and the folds of those left."""
    ra, dec = numbers(table, "ra"), numbers(table, "dec")
    folds = sky_folds(ra, dec, split.folds, order=split.cell_order)
    diagonal = stamps.size * stamps.pixel_arcsec * np.sqrt(2)
    away = ~across_borders(ra, dec, folds, diagonal)
    outcome = _where("split", table, [(f"an object of another fold is within {diagonal:.1f} arcsec", away)])
    kept = folds[away]
    number, count = np.unique(kept, return_counts=True)
    listed = ", ".join(f"{one}: {many:,}" for one, many in zip(number, count, strict=True))
    outcome.step.notes.append(f"objects of each fold: {listed}")
    if len(number) < 3:
        outcome.step.notes.append("a training needs three folds: take smaller cells, [split] cell_order")
    return outcome, kept


def _where(name: str, table: pa.Table, tests: list[tuple[str, BoolArray]]) -> Outcome:
    """Candidates that pass all tests; the first that one fails is its reason."""
    reasons = np.full(table.num_rows, "", dtype=object)
    for reason, good in tests:
        reasons[(reasons == "") & ~good] = reason
    return _parted(name, table, reasons.tolist(), [])


def _parted(name: str, table: pa.Table, reasons: list[str], notes: list[str], beside: Any = None) -> Outcome:
    """Candidates with and without a reason to be left out; columns of ``beside`` go with the latter."""
    good = np.array([not reason for reason in reasons], dtype=bool)
    counts = Counter(reason for reason in reasons if reason)
    step = Step(name, table.num_rows, int(good.sum()), dict(sorted(counts.items())), notes)
    told = table
    for column in beside.column_names if beside is not None else ():
        told = told.append_column(column, beside[column])
    dropped = left_out(part(told, ~good), name, [reason for reason in reasons if reason])
    return Outcome(part(table, good), dropped, step)


def _by_place(table: pa.Table) -> pa.Table:
    """Candidates in the order of the sky: neighbours follow one another."""
    ra, dec = numbers(table, "ra"), numbers(table, "dec")
    cells = cells_of(unit_vectors(ra, dec), DEEPEST) if len(ra) else np.zeros(0, np.int64)
    return part(table, np.argsort(cells, kind="stable"))
