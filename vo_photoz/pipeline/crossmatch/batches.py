"""The chain of a crossmatch for a table of any size: positions first, then rows are copied in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import BoolArray, Coverage, Match, Positions, Progress
from vo_photoz.pipeline.crossmatch.columns import MatchColumns
from vo_photoz.pipeline.crossmatch.matching import Found, Matches, search
from vo_photoz.pipeline.crossmatch.partners import Partners
from vo_photoz.provenance.export import infos
from vo_photoz.provenance.record import Record
from vo_photoz.sky.motion import Motion
from vo_photoz.tables.additions import Additions
from vo_photoz.tables.batch_write import Batch, write_batches
from vo_photoz.tables.batches import TableBatches, again, bytes_of, some_rows
from vo_photoz.tables.positions.batch_motion import BatchMotion
from vo_photoz.tables.positions.batches import BatchPositions
from vo_photoz.tables.user_table import UserTable

RowsWanted = Literal["all", "covered", "matched"]
LARGE_BYTES = 64 << 20
"""A file from this size is read in batches."""
_IN_MEMORY = 100 << 20
"""Bytes of the wanted rows that are kept instead of reading the file twice."""


@dataclass(frozen=True)
class Options:
    """How the positions are found and matched; as of `vo_photoz.pipeline.crossmatch.chain.crossmatch`."""

    radius_arcsec: float
    matches: Matches
    rows: RowsWanted
    coverage: Coverage | None
    chance: bool
    ra: str | None
    dec: str | None
    frame: str | None
    progress: Progress


def is_large(table: str | Path | UserTable) -> bool:
    """Whether a table is a file that should not be read at once."""
    path = Path(table) if isinstance(table, (str, Path)) else None
    return path is not None and path.is_file() and path.stat().st_size >= LARGE_BYTES


def crossmatch_batches(
    table: str | Path | UserTable, output: Path, sources: Sequence[Partners], options: Options, format: str
) -> tuple[int, list[Match], list[Found]]:
    """Join the partners of the wanted rows to them.

    Parameters
    ----------
    table : path or UserTable
        The user's table.
    output : Path
        Where the result is written (atomically).
    sources : sequence of Partners
        What is matched with; none where rows are only chosen.
    options : Options
        How.
    format : {"votable", "fits", "parquet"}
        Format of the output; all but FITS are written in batches.

    Returns
    -------
    rows : int
        Rows of the user's table.
    joined : list of Match
        Without columns.
    found : list of Found
        What was found in each source.

    Raises
    ------
    UsageError, TableError, ServiceError
        As `vo_photoz.pipeline.crossmatch.chain.crossmatch`.
    """
    if options.rows == "covered" and options.coverage is None:
        raise UsageError(
            "Rows inside a coverage map are wanted, but no map is given.", advice="Give --coverage."
        )
    batches: Iterable[UserTable] = [table] if isinstance(table, UserTable) else TableBatches(table)
    reading = _Reading(batches, options, moving=any(source.epoch is not None for source in sources))
    again(reading.read)
    record = Record.start(
        table=reading,
        positions=reading.positions,
        file=None if isinstance(table, UserTable) else table,
        parameters={"radius_arcsec": options.radius_arcsec, "matches": options.matches, "rows": options.rows},
    )
    found = [
        search(
            source,
            reading.positions,
            options.radius_arcsec,
            matches=options.matches,
            motion=reading.motion,
            coverage=options.coverage,
            chance=options.chance,
            progress=options.progress,
        )
        for source in sources
    ]
    joined = [Match(one.partners.name, [], infos=one.report.all_infos()) for one in found]
    _write(reading, output, found, infos(record.finish(joined)), format)
    return reading.n_rows, joined, found


def _write(
    reading: _Reading, output: Path, found: list[Found], told: list[tuple[str, str]], format: str
) -> None:
    columns = [MatchColumns(one) for one in found]
    wanted: BoolArray | None = None
    if reading.options.rows == "matched":
        wanted = np.zeros(len(reading.positions), dtype=bool)
        for one in found:
            wanted[one.pairs.rows[one.taken]] = True
        if not wanted.any():
            raise TableError(f"No row of {reading.source} has a partner, so there is nothing to write.")

    def batches() -> Iterator[Batch]:
        start = 0
        for batch in reading.rows():
            stop = start + batch.n_rows
            added = [column for one in columns for column in one.between(start, stop)]
            if wanted is not None:
                kept = wanted[start:stop]
                added = [replace(column, values=column.values[kept]) for column in added]
                if kept.any():
                    yield some_rows(batch, kept), added
            elif batch.n_rows:
                yield batch, added
            start = stop
            reading.options.progress("rows written", stop, len(reading.positions))

    examples = [column for one in columns for column in one.examples()]
    write_batches(reading.head, Additions(examples, infos=told), batches, output, format=format)


class _Reading:
    """The first reading of a table: positions of the wanted rows, and these rows where they are few."""

    def __init__(self, batches: Iterable[UserTable], options: Options, *, moving: bool) -> None:
        self.batches = batches
        self.options = options
        self.finder = BatchPositions(ra=options.ra, dec=options.dec, frame=options.frame)
        self.motions = BatchMotion(all_rows=moving, ra=options.ra, dec=options.dec, frame=options.frame)
        self.inside = _filter(options)
        self.n_rows = 0
        self.positions = Positions(np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool))
        self.motion: Motion | None = None
        self.masks: list[BoolArray] = []
        self.kept: list[UserTable] | None = []

    @property
    def source(self) -> str:
        """Name of the table."""
        return self.head.source

    def read(self) -> None:
        """Read the table once.

        Raises
        ------
        ReadAgain
            Raised if the reading has to begin again.
        TableError, UsageError
            Raised if the table cannot be used.
        """
        self.finder.begin()
        self.motions.begin()
        self.masks, self.kept, self.n_rows = [], [], 0
        parts: list[Positions] = []
        size = 0
        for batch in self.batches:
            positions = self.finder.of(batch)
            mask = self.inside(positions)
            self.motions.add(some_rows(batch, mask))
            parts.append(positions.take(np.flatnonzero(mask)))
            self.masks.append(mask)
            if not self.n_rows:
                self.head = batch
            if self.kept is not None:
                some = batch if mask.all() else some_rows(batch, mask)
                size += bytes_of(some)
                self.kept.append(some)
                self.kept = self.kept if size <= _IN_MEMORY else None
            self.n_rows += batch.n_rows
            self.options.progress("rows read", self.n_rows, self.n_rows)
        if not self.n_rows:
            raise TableError("The table has no rows.", advice="Give a table with at least one source.")
        self.finder.check()
        self.positions = _joined(parts, self.finder.origin)
        self.motion = self.motions.motion()
        if not len(self.positions):
            raise TableError(
                f"No row of {self.source} lies inside the coverage map.", advice="Give another map or table."
            )

    def rows(self) -> Iterator[UserTable]:
        """Batches of the wanted rows."""
        if self.kept is not None:
            yield from self.kept
            return
        for batch, mask in zip(self.batches, self.masks, strict=True):
            yield batch if mask.all() else some_rows(batch, mask)


def _filter(options: Options) -> Callable[[Positions], BoolArray]:
    """Which rows are read at all."""
    if options.rows == "all" or options.coverage is None:
        return lambda positions: np.ones(len(positions), dtype=bool)
    from vo_photoz.sky.moc_filter import MocFilter  # noqa: PLC0415 - numba only where pixels are computed

    covered = MocFilter(options.coverage)
    return lambda positions: positions.valid & covered(positions.ra, positions.dec)


def _joined(parts: list[Positions], origin: str) -> Positions:
    return Positions(
        np.concatenate([part.ra for part in parts]),
        np.concatenate([part.dec for part in parts]),
        np.concatenate([part.valid for part in parts]),
        origin,
    )
