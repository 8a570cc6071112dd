"""Photometry of all objects of a data set, measured once and shared by the rivals and the bins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.features import Softening, features
from vo_photoz.datasets.photometry import Photometry, joined, photometry
from vo_photoz.datasets.store import Dataset
from vo_photoz.flow import FloatArray, Progress, no_progress
from vo_photoz.pipeline.evaluation.tasks import Task, stop_fold

PART = 1024


@dataclass
class Catalogue:
    """Photometry of a data set.

    Parameters
    ----------
    data : Dataset
        Where the stamps are.
    progress : Progress
        Told how far the measuring is.
    """

    data: Dataset
    progress: Progress = no_progress

    @cached_property
    def measured(self) -> Photometry:
        """Photometry of every object."""
        n, parts = len(self.data), []
        for start in range(0, n, PART):
            rows = np.arange(start, min(start + PART, n))
            parts.append(photometry(self.data.pixels(rows), self.data.manifest.pixel_arcsec))
            self.progress("photometry", min(start + PART, n), n)
        return joined(parts)

    def for_task(self, task: Task) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        """Features of the other objects, of the test objects, and which of the others choose options."""
        bands = task.order(self.data)
        others = self.measured.take(task.others, bands)
        softening = Softening.of(others)
        stop = self.data.rows.fold[task.others] == stop_fold(self.data, task.fold)
        test = self.measured.take(task.test, bands)
        return features(others, softening), features(test, softening), np.asarray(stop)

    def signal_to_noise(self, rows: NDArray[Any], band: int) -> FloatArray:
        """PSF flux over its error in a band."""
        ratio: FloatArray = self.measured.psf[rows, band] / self.measured.psf_error[rows, band]
        return ratio
