"""Stamps of many objects on disk, part by part: a part is there whole, or is cut again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import ServiceError
from vo_photoz.flow import Flag, FlagArray, Float32Array, Positions, Progress, Stamps, no_progress
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import Survey
from vo_photoz.pipeline.datasets.build.step_folders import write_whole

UNIT = "nJy/arcsec2"
PART_BYTES = 1 << 24
PART_ROWS = 512


@dataclass(frozen=True)
class StampParts:
    """Stamps of positions, cut as `cut_stamps` cuts them, in files of a folder.

    Parameters
    ----------
    folder : Path
        Where ``pixels-00000.npy`` and ``flags-00000.npy`` (and so on) lie.
    positions : Positions
        All valid; neighbours on the sky should follow one another.
    survey : Survey
        With the wanted bands only.
    size : int
        Side of a stamp, pixels.
    pixel_arcsec : float
        Side of a pixel.
    interpolation : str
        As in `cut_stamps`.
    """

    folder: Path
    positions: Positions
    survey: Survey
    size: int
    pixel_arcsec: float
    interpolation: str = "bilinear"

    @property
    def rows_a_part(self) -> int:
        """Rows of a part; a part fits easily into memory."""
        each = 4 * len(self.survey.bands) * self.size**2
        return int(max(1, min(PART_ROWS, PART_BYTES // each)))

    @property
    def parts(self) -> list[NDArray[np.intp]]:
        """Rows of each part."""
        rows = np.arange(len(self.positions))
        return [rows[at : at + self.rows_a_part] for at in range(0, len(rows), self.rows_a_part)]

    def cut_missing(self, *, stop: bool, progress: Progress = no_progress) -> None:
        """Cut the parts that are not there.

        Parameters
        ----------
        stop : bool
            Do not keep a part in which pixels of an object could not be had, and raise an error at the end,
            so that the next run tries it again.
        progress : Progress
            Told how many objects are done.

        Raises
        ------
        ServiceError
            Raised if pixels could not be had.
        """
        done, lost = 0, 0
        for number, rows in enumerate(self.parts):
            if not self._file("flags", number).is_file():
                pixels, flags = self._cut(rows)
                missing = int((flags & Flag.PIXELS_UNAVAILABLE != 0).sum())
                lost += missing
                if not (stop and missing):
                    # The flags come last: where they are, the pixels are.
                    self._write("pixels", number, pixels)
                    self._write("flags", number, flags)
            done += len(rows)
            progress("stamps", done, len(self.positions))
        if stop and lost:
            raise ServiceError(
                f"The pixels of {lost} of {len(self.positions)} objects could not be had from the survey "
                f"{self.survey.name}.",
                advice="Run the same command again to try these once more, or write "
                'unavailable = "drop" below [stamps] of the recipe.',
            )

    def flags(self) -> FlagArray:
        """Flags of all stamps, shape (n,)."""
        found = [np.load(self._file("flags", number)) for number in range(len(self.parts))]
        return np.concatenate(found) if found else np.zeros(0, np.int16)

    def stamps(self, kept: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], Stamps]]:
        """Stamps of the rows that are kept, part by part: rows counted among those kept, and stamps."""
        number_of = np.cumsum(kept) - 1
        for number, rows in enumerate(self.parts):
            chosen = kept[rows]
            if not chosen.any():
                continue
            pixels = np.load(self._file("pixels", number), mmap_mode="r")[chosen]
            flags = np.load(self._file("flags", number))[chosen]
            bands = tuple(self.survey.bands)
            yield number_of[rows[chosen]], Stamps(np.asarray(pixels), flags, bands, self.pixel_arcsec, UNIT)

    def _cut(self, rows: NDArray[np.intp]) -> tuple[Float32Array, FlagArray]:
        """Stamps of one part: always cut together, so that a second run cuts the very same."""
        shape = (len(rows), len(self.survey.bands), self.size, self.size)
        pixels, flags = np.full(shape, np.nan, np.float32), np.zeros(len(rows), np.int16)
        batches = cut_stamps(
            self.survey,
            self.positions.take(rows),
            size=self.size,
            pixel_arcsec=self.pixel_arcsec,
            interpolation=self.interpolation,
            flux=UNIT,
        )
        for where, stamps in batches:
            pixels[where], flags[where] = stamps.pixels, stamps.flags
        return pixels, flags

    def _file(self, what: str, number: int) -> Path:
        return self.folder / f"{what}-{number:05d}.npy"

    def _write(self, what: str, number: int, array: NDArray[Any]) -> None:
        def save(path: Path) -> None:
            with path.open("wb") as file:
                np.save(file, array)

        write_whole(self._file(what, number), save)
