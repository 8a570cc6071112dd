"""Flags of rows that follow from their positions, and flags in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FLAG_MEANINGS, Flag, FlagArray, Positions
from vo_photoz.hips.coverage import survey_coverage
from vo_photoz.hips.survey import Survey
from vo_photoz.sky.moc import contains

SAME_POSITION_DEG = 1e-9


def position_flags(positions: Positions, survey: Survey) -> FlagArray:
    """Flags that follow from the position alone."""
    flags: FlagArray = np.zeros(len(positions), dtype=np.int16)
    flags[~positions.valid] |= Flag.NO_POSITION
    # Without a coverage map, cutting finds what is missing.
    coverage = survey_coverage(survey, unknown_is_whole=True)
    covered = contains(coverage, positions.ra, positions.dec)
    flags[positions.valid & ~covered] |= Flag.OUTSIDE_COVERAGE
    flags[_repeated(positions)] |= Flag.DUPLICATE_POSITION
    return flags


def _repeated(positions: Positions) -> NDArray[np.intp]:
    """Rows whose position an earlier row has too."""
    rows = np.flatnonzero(positions.valid)
    keys = np.round(np.column_stack([positions.ra[rows], positions.dec[rows]]) / SAME_POSITION_DEG)
    _, first = np.unique(keys.astype(np.int64), axis=0, return_index=True)
    return np.setdiff1d(rows, rows[first])


def flag_notes(flags: FlagArray) -> list[str]:
    """The flags of each row in words, the gravest first; empty where there is none."""
    values, which = np.unique(flags, return_inverse=True)
    texts = ["; ".join(text for flag, text in FLAG_MEANINGS.items() if value & flag) for value in values]
    return [texts[i] for i in which]
