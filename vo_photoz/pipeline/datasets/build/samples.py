"""Samples of a training set: rows of an archive around the footprint, or of a table, as candidates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vo_photoz.datasets.candidates import RESERVED, candidates, left_out, numbers, part, positions
from vo_photoz.datasets.cuts import passes, told
from vo_photoz.datasets.ledger import Step
from vo_photoz.datasets.recipe_parts import Sample
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.pipeline.datasets.build.step_folders import file_digest
from vo_photoz.tap.queries import Query, load_query

FAR = "far from the footprint (counted, not listed)"


@dataclass(frozen=True)
class SampleSource:
    """A sample and where its rows come from.

    Parameters
    ----------
    sample : Sample
        As in the recipe.
    query : Query or None
        Asks an archive.
    path : Path or None
        Or the file of a table.
    """

    sample: Sample
    query: Query | None = None
    path: Path | None = None

    def inputs(self) -> dict[str, Any]:
        """What the rows hang on, for the key of the step."""
        said = self.sample.model_dump(mode="json")
        if self.query is not None:
            return {**said, "adql": self.query.render(), "services": self.query.services}
        assert self.path is not None  # noqa: S101 - one of the two, as the recipe says
        return {**said, "table": file_digest(self.path)}


@dataclass(frozen=True)
class RawSample:
    """Rows of a sample as they come.

    Parameters
    ----------
    ra, dec : float64 array, shape (n,)
        ICRS degrees; NaN where a row has no position.
    columns : pyarrow.Table
        The columns that the sample uses.
    row : int64 array, shape (n,)
        Which rows of the sample these are, from 0.
    far : int
        Rows that are not among them, since they lie far from the footprint.
    """

    ra: FloatArray
    dec: FloatArray
    columns: pa.Table
    row: NDArray[np.int64]
    far: int = 0


def find_samples(samples: list[Sample], folder: Path) -> list[SampleSource]:
    """Open queries and files of all samples, before anything is fetched.

    Raises
    ------
    UsageError
        Raised if a query does not exist or does not return a column that is used, or the name of a kept
        column is taken.
    TableError
        Raised if a table does not exist.
    """
    return [_find(sample, folder) for sample in samples]


def _find(sample: Sample, folder: Path) -> SampleSource:
    for name in sample.keep:
        if name in RESERVED or name.startswith("mag_"):
            raise UsageError(
                f"The sample '{sample.name}' cannot keep a column named {name}: the data set has its own.",
                advice="Rename it in the query or the table.",
            )
    if sample.table:
        path = folder / Path(sample.table).expanduser()
        if not path.is_file():
            raise TableError(f"The table of the sample '{sample.name}' does not exist: {path}.")
        return SampleSource(sample, path=path)
    query = load_query(query_named(sample.query, folder))
    missing = [name for name in used_columns(sample) if name not in query.returns]
    if missing:
        raise UsageError(
            f"The query {query.name} of the sample '{sample.name}' returns no column '{missing[0]}'.",
            advice=f"It returns {', '.join(query.returns)}.",
        )
    return SampleSource(sample, query=query)


def query_named(name: str, folder: Path) -> str:
    """What a recipe means by a query: a file beside it, or a name, with values of parameters or without."""
    beside = folder / name
    return str(beside) if name.endswith(".adql") and beside.is_file() else name


def used_columns(sample: Sample) -> list[str]:
    """Columns that a sample needs, beside its positions."""
    named = [sample.redshift, sample.redshift_error, sample.id, *sample.magnitudes.values(), *sample.keep]
    return list(dict.fromkeys(name for name in [*named, *sample.where] if name))


def arrow(values: Any, name: str) -> pa.Array:
    """A column of a table or an answer as Arrow.

    Raises
    ------
    TableError
        Raised if its cells are arrays.
    """
    data, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
    if data.ndim != 1 or (data.dtype == object and any(isinstance(one, np.ndarray) for one in data[:1])):
        raise TableError(f"The column '{name}' holds arrays, which a training set cannot use.")
    if data.dtype.kind in "OUS":
        texts = [None if gone else str(one).strip() for one, gone in zip(data, mask, strict=True)]
        return pa.array(texts, pa.string())
    return pa.array(data.astype(data.dtype.newbyteorder("=")), mask=mask)


def to_candidates(sample: Sample, raw: RawSample) -> tuple[pa.Table, pa.Table, Step]:
    """Candidates of a sample: those that pass its cuts, those that do not, and the line of the ledger.

    Parameters
    ----------
    sample : Sample
        The sample.
    raw : RawSample
        Of `vo_photoz.pipeline.datasets.build.table_rows` or `vo_photoz.pipeline.datasets.build.archive_rows`.

    Raises
    ------
    TableError
        Raised if a column does not hold what it should.
    """
    ra, dec, given = raw.ra, raw.dec, raw.columns
    columns: dict[str, Any] = {
        "sample": pa.array([sample.name] * len(ra), pa.string()),
        "row": raw.row,
        "id": given[sample.id].cast(pa.string()).combine_chunks() if sample.id else _names(ra, dec),
        "ra": ra,
        "dec": dec,
        "z": _number(given, sample.redshift, sample),
        "z_err": _number(given, sample.redshift_error, sample),
        **{f"mag_{band}": _number(given, name, sample) for band, name in sorted(sample.magnitudes.items())},
        **{name: given[name].combine_chunks() for name in sample.keep},
    }
    table = candidates(columns)
    reasons = _reasons(sample, table, given)
    good = reasons == ""
    counts = Counter(reasons[~good].tolist())
    name = f"sample {sample.name}"
    if raw.far:
        counts[FAR] = raw.far
    step = Step(name, table.num_rows + raw.far, int(good.sum()), dict(sorted(counts.items())))
    return part(table, good), left_out(part(table, ~good), name, reasons[~good].tolist()), step


def _reasons(sample: Sample, table: pa.Table, raw: pa.Table) -> Any:
    """Why each row is left out; empty where it is not. The first reason counts."""
    reasons = np.full(table.num_rows, "", dtype=object)
    tests = [("no position", positions(table).valid), ("no redshift", np.isfinite(numbers(table, "z")))]
    tests += [
        (f"{name} is not {told(cut)}", passes(raw[name], cut, name)) for name, cut in sample.where.items()
    ]
    for reason, good in tests:
        reasons[(reasons == "") & ~good] = reason
    return reasons


def _number(raw: pa.Table, name: str, sample: Sample) -> FloatArray:
    """A column as float64, NaN where it is null; all NaN where the sample has no such column."""
    if not name:
        return np.full(raw.num_rows, np.nan)
    try:
        return numbers(raw, name)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise TableError(f"The column '{name}' of the sample '{sample.name}' holds no numbers.") from None


def _names(ra: FloatArray, dec: FloatArray) -> list[str]:
    """Names after the positions, as the IAU wants them: JHHMMSS.ss+DDMMSS.s, cut off, not rounded."""
    return [_name(one, other) for one, other in zip(ra.tolist(), dec.tolist(), strict=True)]


def _name(ra: float, dec: float) -> str:
    if not (np.isfinite(ra) and np.isfinite(dec)):
        return ""
    hours, degrees = int(ra % 360 / 15 * 360_000), int(abs(dec) * 36_000)
    sign = "-" if dec < 0 else "+"
    time = f"{hours // 360_000:02d}{hours // 6000 % 60:02d}{hours % 6000 / 100:05.2f}"
    return f"J{time}{sign}{degrees // 36_000:02d}{degrees // 600 % 60:02d}{degrees % 600 / 10:04.1f}"
