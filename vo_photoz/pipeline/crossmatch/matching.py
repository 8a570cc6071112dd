"""One crossmatch from positions to columns, with its ledger, its chance matches and its separations."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vo_photoz.catalogues.report import Ledger, MatchReport
from vo_photoz.errors import ServiceError, UsageError
from vo_photoz.flow import BoolArray, Coverage, Match, NewColumn, Positions, Progress
from vo_photoz.pipeline.crossmatch.archive_partners import ArchivePartners, VizierPartners
from vo_photoz.pipeline.crossmatch.partners import Partners
from vo_photoz.settings import defaults
from vo_photoz.sky.chance import Chance, measured, shifted
from vo_photoz.sky.chunks import usable
from vo_photoz.sky.moc import contains
from vo_photoz.sky.motion import Motion, positions_at
from vo_photoz.sky.pairs import IntArray, Pairs, best_partners, closest, null_partners
from vo_photoz.sky.separations import Separations
from vo_photoz.sky.symmetric import symmetric_best

Matches = Literal["best", "all", "best-symmetric"]
LARGEST_RADIUS_ARCSEC = 3600.0
CHANCE_SECONDS = 300.0
"""An archive that takes longer for the few shifted positions leaves the rate unknown."""


@dataclass(frozen=True)
class Found:
    """Pairs, and which of them are taken.

    Parameters
    ----------
    partners : Partners
        Where they come from.
    pairs : Pairs
        All within the radius.
    taken : int64 array
        Elements of the pairs that are the result.
    searched : bool array, shape (n,)
        Rows that were searched for.
    report : MatchReport
        What became of the rows.
    """

    partners: Partners
    pairs: Pairs
    taken: IntArray
    searched: BoolArray
    report: MatchReport

    def match(self) -> Match:
        """The taken pairs as columns for every row, null where there is none."""
        name, n = self.partners.name, len(self.searched)
        if not self.pairs.columns and self.partners.returns:
            columns = null_partners(name, self.partners.returns, n, self.partners.described)
        else:
            columns = best_partners(name, self.pairs, n, self.taken)
            columns[-1] = unknown_where(columns[-1], ~self.searched)
        return Match(name, columns, infos=self.report.all_infos())


def search(
    partners: Partners,
    positions: Positions,
    radius_arcsec: float,
    *,
    matches: Matches = "best",
    motion: Motion | None = None,
    coverage: Coverage | None = None,
    chance: bool = True,
    progress: Progress,
) -> Found:
    """Find the partners of all rows.

    Parameters
    ----------
    partners : Partners
        Of `vo_photoz.pipeline.crossmatch.partners.find_partners`.
    positions : Positions
        ICRS.
    radius_arcsec : float
        Largest separation.
    matches : {"best", "all", "best-symmetric"}
        The closest partner of each row; all pairs; or the pairs in which each is the closest of the other.
    motion : Motion or None
        Of the rows: carries them to the epoch of the partners, before anything is sent.
    coverage : Coverage or None
        Rows outside it are not searched for.
    chance : bool
        Whether the chance matches are measured, by a second, small search.
    progress : Progress
        Told how many rows are done.

    Raises
    ------
    UsageError
        Raised if the radius cannot be meant.
    TableError, ServiceError
        Raised if the table or the archive cannot be used.
    """
    _check_radius(radius_arcsec)
    started = time.monotonic()
    positions, moved = _at_epoch(positions, motion, partners.epoch)
    located = usable(positions)
    searched = located if coverage is None else located & contains(coverage, positions.ra, positions.dec)
    pairs, told = partners.pairs(replace(positions, valid=searched), radius_arcsec, progress)
    told.update(moved)
    if coverage is not None:
        told["coverage"] = coverage.origin or "a coverage map"
        told["coverage_route"] = "rows outside the coverage were not sent"
    taken = {"best": closest, "all": _all, "best-symmetric": symmetric_best}[matches](pairs)
    rate = _chance(partners, replace(positions, valid=searched), radius_arcsec, coverage) if chance else None
    report = MatchReport(
        partners.name,
        Ledger.of(located, searched, pairs.rows, pairs.rows[taken]),
        len(pairs),
        Separations.of(pairs.separation[taken], radius_arcsec),
        rate or Chance(failed="not asked for"),
        {**told, "matches": matches, "seconds": f"{time.monotonic() - started:.1f}"},
    )
    return Found(partners, pairs, taken, searched, report)


def _check_radius(radius_arcsec: float) -> None:
    if not 0 < radius_arcsec <= LARGEST_RADIUS_ARCSEC:
        raise UsageError(
            f"A radius of {radius_arcsec:g} arcsec cannot be meant.",
            advice=f"Give more than 0 and at most {LARGEST_RADIUS_ARCSEC:g} arcsec.",
        )


def _at_epoch(
    positions: Positions, motion: Motion | None, epoch: float | None
) -> tuple[Positions, dict[str, str]]:
    """Positions at the epoch of the partners, and what was done and assumed, in words."""
    if motion is None:
        return positions, {}
    if epoch is None:
        told = "not applied: the epoch of the partners is not known"
        return positions, {"motion": f"{motion.told} {told}".strip()}
    moved = positions_at(positions, motion, epoch)
    told = moved.origin.removeprefix(positions.origin).lstrip(", ")
    return moved, {"motion": f"{motion.told} Positions {told}.".strip()}


def _all(pairs: Pairs) -> IntArray:
    return np.arange(len(pairs), dtype=np.int64)


def _chance(
    partners: Partners, positions: Positions, radius_arcsec: float, coverage: Coverage | None
) -> Chance:
    """Search again with shifted positions; a failure costs the rate, not the matches that were found."""
    there = shifted(positions, radius_arcsec, most=partners.trials, coverage=coverage)
    if not len(there):
        return Chance()
    try:
        pairs, _ = _hurried(partners).pairs(there.positions, radius_arcsec, _silent)
    except ServiceError as error:
        return Chance(failed=str(error))
    return measured(there, len(np.unique(pairs.rows)))


def _hurried(partners: Partners) -> Partners:
    """The same with less time: matches that were found must not wait long for their rate."""
    if not isinstance(partners, (ArchivePartners, VizierPartners)):
        return partners
    seconds = defaults().tap_seconds if partners.seconds is None else partners.seconds
    return replace(partners, seconds=min(seconds, CHANCE_SECONDS))


def _silent(step: str, done: int, total: int) -> None:
    """Nobody waits for this part."""


def unknown_where(column: NewColumn, rows: BoolArray) -> NewColumn:
    """Null where nobody looked: that is not the same as 0 partners."""
    if not rows.any():
        return column
    return replace(column, values=np.ma.MaskedArray(column.values, mask=rows))
