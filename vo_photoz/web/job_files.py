"""What a finished job keeps on disk for its pages: stamps, densities, flags."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.plots import SourcePicture
from vo_photoz.errors import JobError
from vo_photoz.flow import FLAG_MEANINGS, Flag, MixturePDF
from vo_photoz.redshift.mixture import modes

STAMPS = "stamps.npy"
DENSITIES = "pdf.npz"


@dataclass(frozen=True)
class Row:
    """The numbers of one row as a page shows them; None where there is no value.

    Parameters
    ----------
    index : int
        Counted from 0, as in SAMP.
    ra, dec : float or None
        ICRS, degrees.
    median, low, high, z_spec : float or None
        Redshift: median, 16th and 84th percentile, and the known spectroscopic one.
    flag : int
        Bits of `Flag`.
    """

    index: int
    ra: float | None
    dec: float | None
    median: float | None
    low: float | None
    high: float | None
    z_spec: float | None
    flag: int

    @property
    def number(self) -> int:
        """Counted from 1, as TOPCAT shows rows."""
        return self.index + 1

    @property
    def flag_words(self) -> list[str]:
        """Every bit of the flag in words."""
        known = [meaning for bit, meaning in FLAG_MEANINGS.items() if self.flag & bit]
        rest = self.flag & ~int(sum(Flag))
        return [*known, f"unknown bits {rest}"] if rest else known


@dataclass(frozen=True)
class Mode:
    """One of several places where the redshift may be.

    Parameters
    ----------
    z, low, high : float
        Summit of the density, 16th and 84th percentile between the valleys beside it.
    probability : float
        Between these valleys.
    """

    z: float
    low: float
    high: float
    probability: float


@dataclass(frozen=True)
class JobFiles:
    """Stamps (memory-mapped) and densities of all rows of a job; see `pipeline.artefacts` for the format."""

    stamps: NDArray[np.float32]
    densities: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.densities["median"])

    def row(self, index: int) -> Row:
        """Numbers of a row; `JobError` is raised if there is none."""
        if not 0 <= index < len(self):
            raise JobError(f"There is no row {index}: this job has {len(self)} rows, counted from 0.")
        return self.rows(index, index + 1)[0]

    def rows(self, start: int, stop: int) -> list[Row]:
        """Numbers of the rows from ``start`` up to ``stop``."""
        names = ("ra", "dec", "median", "low", "high", "z_spec")
        columns = {name: self._column(name, start, stop) for name in names}
        flags = self.densities["flags"][start:stop]
        return [
            Row(start + n, flag=int(flag), **{name: _number(columns[name][n]) for name in names})
            for n, flag in enumerate(flags)
        ]

    def modes(self, index: int) -> list[Mode]:
        """The modes of the density of a row, the most probable first; none without a prediction."""
        self.row(index)
        parts = (self.densities[name][index : index + 1] for name in ("weight", "mean", "sigma"))
        found = modes(MixturePDF(*parts))
        columns = (found.z[0], found.low[0], found.high[0], found.probability[0])
        return [Mode(*map(float, one)) for one in zip(*columns, strict=True) if np.isfinite(one[0])]

    def picture(self, index: int) -> SourcePicture:
        """What is drawn of a row."""
        row, data = self.row(index), self.densities
        return SourcePicture(
            stamps=np.array(self.stamps[index]),
            bands=tuple(str(band) for band in data["bands"]),
            weight=data["weight"][index],
            mean=data["mean"][index],
            sigma=data["sigma"][index],
            median=float(data["median"][index]),
            low=float(data["low"][index]),
            high=float(data["high"][index]),
            pixel_arcsec=float(data["pixel_arcsec"]),
            z_max=float(data["z_max"]),
            title=_title(row),
            z_spec=row.z_spec,
        )

    def _column(self, name: str, start: int, stop: int) -> NDArray[Any]:
        if name not in self.densities:
            return np.full(len(self), np.nan)[start:stop]
        return self.densities[name][start:stop]


def open_files(folder: Path) -> JobFiles:
    """Files of a finished job.

    Raises
    ------
    JobError
        Raised if the folder has none, or they cannot be read.
    """
    densities = folder / DENSITIES
    try:
        return _open(folder, densities.stat().st_mtime_ns)
    except FileNotFoundError:
        raise JobError(
            "This job kept no stamps and densities.", advice="Send the table again to see its pictures."
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise JobError(f"The files of this job in {folder} cannot be read: {error}.") from error


@lru_cache(maxsize=4)
def _open(folder: Path, changed: int) -> JobFiles:  # noqa: ARG001 - a new file is another entry
    stamps = np.load(folder / STAMPS, mmap_mode="r", allow_pickle=False)
    with np.load(folder / DENSITIES, allow_pickle=False) as archive:
        files = JobFiles(stamps, {name: archive[name] for name in archive.files})
    if len(stamps) != len(files):
        raise ValueError(f"{len(stamps)} stamps but {len(files)} densities")
    return files


def _number(value: Any) -> float | None:
    """None where there is no value."""
    return float(value) if np.isfinite(value) else None


def _title(row: Row) -> str:
    if row.ra is None or row.dec is None:
        return f"Row {row.number}"
    return f"Row {row.number}   RA {row.ra:.5f}  Dec {row.dec:+.5f} deg"
