"""Photometry of the objects of a data set, measured once and shared by the rivals and the bins."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.features import Softening, features
from vo_photoz.datasets.photometry import Photometry, joined, photometry
from vo_photoz.datasets.store import Dataset
from vo_photoz.errors import TableError
from vo_photoz.flow import FloatArray, Progress, no_progress
from vo_photoz.pipeline.evaluation.tasks import Task, stop_fold

PART = 1024


@dataclass
class Catalogue:
    """Photometry of a data set; an object is measured when it is first asked for.

    Parameters
    ----------
    data : Dataset
        Where the stamps are.
    progress : Progress
        Told how far the measuring is.
    """

    data: Dataset
    progress: Progress = no_progress
    _held: Photometry | None = field(default=None, repr=False)
    _place: NDArray[np.intp] | None = field(default=None, repr=False)

    def of(self, rows: NDArray[np.intp]) -> Photometry:
        """Photometry of some rows, all bands."""
        place = self._places(rows)
        if self._held is None:
            raise TableError("There are no objects to measure.")
        return self._held.take(place[rows], range(len(self.data.manifest.bands)))

    def for_task(self, task: Task) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        """Features of the other objects, of the test objects, and which of the others choose options.

        Raises
        ------
        TableError
            Raised if there are not objects to fit and others to choose by.
        """
        stop = choosing(self.data, task.others, task.fold)
        bands = task.order(self.data)
        others, test = (self.of(rows).take(np.arange(len(rows)), bands) for rows in (task.others, task.test))
        softening = Softening.of(others)
        return features(others, softening), features(test, softening), stop

    def signal_to_noise(self, rows: NDArray[np.intp], band: int) -> FloatArray:
        """PSF flux over its error in a band."""
        found = self.of(rows)
        ratio: FloatArray = found.psf[:, band] / found.psf_error[:, band]
        return ratio

    def _places(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Place of every row among the measured ones, after those that lack were measured."""
        place = np.full(len(self.data), -1, dtype=np.intp) if self._place is None else self._place
        wanted = np.unique(rows[place[rows] < 0])
        parts, before = [], 0 if self._held is None else len(self._held)
        for start in range(0, len(wanted), PART):
            part = wanted[start : start + PART]
            parts.append(photometry(self.data.pixels(part), self.data.manifest.pixel_arcsec))
            self.progress("photometry", min(start + PART, len(wanted)), len(wanted))
        if parts:
            self._held = joined(parts if self._held is None else [self._held, *parts])
            place[wanted] = before + np.arange(len(wanted))
        self._place = place
        return place


def choosing(data: Dataset, others: NDArray[np.intp], fold: int) -> NDArray[np.bool_]:
    """Which of the objects outside a fold choose the options of rivals, shape (len(others),).

    Raises
    ------
    TableError
        Raised if there are not objects to fit and others to choose by.
    """
    stop = np.asarray(data.rows.fold[others] == stop_fold(data, fold))
    n, fitted = int(stop.sum()), int((~stop).sum())
    if n < 1 or fitted < 2:
        raise TableError(
            f"{data.folder} is too small for rivals: without fold {fold} it has {fitted} objects to fit and "
            f"{n} to choose options by.",
            advice="Rivals need objects with redshifts in at least three folds of the sky.",
        )
    return stop
