"""Proper motions of a table that is read in batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vo_photoz.errors import TableError
from vo_photoz.flow import FloatArray
from vo_photoz.sky.motion import Motion
from vo_photoz.tables.positions.proper_motion import find_motion
from vo_photoz.tables.user_table import UserTable


class BatchMotion:
    """Collects the proper motions of batch after batch.

    Parameters
    ----------
    all_rows : bool
        Whether the motion of every row is needed, or only what is told of the columns.
    ra, dec, frame : str or None
        As of `vo_photoz.tables.positions.find_positions`.
    """

    def __init__(
        self, *, all_rows: bool, ra: str | None = None, dec: str | None = None, frame: str | None = None
    ) -> None:
        self._all_rows = all_rows
        self._options = {"ra": ra, "dec": dec, "frame": frame}
        self._parts: list[tuple[int, Motion | None]] = []

    def begin(self) -> None:
        """Forget an earlier reading."""
        self._parts = []

    def add(self, batch: UserTable) -> None:
        """Take the motions of the next rows."""
        known = any(motion is not None for _, motion in self._parts)
        if not batch.n_rows or (known and not self._all_rows):
            return
        try:
            motion = find_motion(batch, **self._options)
        except TableError:  # no position among these rows
            motion = None
        self._parts.append((batch.n_rows, motion))

    def motion(self) -> Motion | None:
        """Motion of all rows; None where the table has none."""
        first = next((motion for _, motion in self._parts if motion is not None), None)
        if first is None or not self._all_rows:
            return first
        return replace(
            first,
            pm_ra=self._all("pm_ra"),
            pm_dec=self._all("pm_dec"),
            epoch=self._all("epoch"),
            parallax=self._all("parallax"),
            radial_velocity=self._all("radial_velocity"),
        )

    def _all(self, name: str) -> FloatArray:
        parts = [(rows, getattr(motion, name, None)) for rows, motion in self._parts]
        return np.concatenate([np.full(rows, np.nan) if part is None else part for rows, part in parts])
