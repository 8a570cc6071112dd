"""The order of candidates: by P(z > z_min), with doubtful ones apart and none left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vo_photoz.flow import NOT_PREDICTED, Flag, FlagArray, NewColumn

GROUPS = ("ranked", "outside domain", "not predicted")
"""Those whose probability counts; those unlike all that the model knows, whose probability may be anything;
those without one."""


@dataclass(frozen=True)
class Ranking:
    """The order of candidates.

    Parameters
    ----------
    order : int array, shape (n,)
        Rows of the candidates, group after group, the most probable first.
    group : int array, shape (n,)
        Of each candidate, a place in `GROUPS`.
    place : int array, shape (n,)
        Of each candidate, its place in its group from 1; 0 without a prediction.
    """

    order: NDArray[np.intp]
    group: NDArray[np.int16]
    place: NDArray[np.int32]

    def count(self, group: int) -> int:
        """Candidates of a group."""
        return int((self.group == group).sum())

    def columns(self) -> list[NewColumn]:
        """Columns that tell the ranking, for rows in the new order."""
        names = np.empty(len(self.order), dtype=object)
        names[:] = [GROUPS[group] for group in self.group[self.order]]
        place = self.place[self.order]
        return [
            NewColumn(
                "discovery_rank", np.ma.masked_array(place, place == 0), "", "stat.rank",
                "Place by p_high_z, from 1, within discovery_group; null without a prediction",
            ),
            NewColumn(
                "discovery_group", names, "", "meta.code.class",
                "ranked; outside domain: photoz_flag has 16, ranked apart; not predicted",
            ),
        ]  # fmt: skip


def ranked(p_high: ArrayLike, flags: FlagArray) -> Ranking:
    """Rank candidates.

    Parameters
    ----------
    p_high : float array, shape (n,)
        P(z > z_min and no star); NaN without a prediction.
    flags : int16 array, shape (n,)
        Bits of `Flag`.
    """
    probability = np.asarray(p_high, dtype=np.float64)
    group = np.where(flags & np.int16(Flag.OUTSIDE_DOMAIN), 1, 0).astype(np.int16)
    group[((flags & np.int16(NOT_PREDICTED)) != 0) | np.isnan(probability)] = 2
    order = np.lexsort((np.arange(len(group)), -np.nan_to_num(probability), group))
    place = np.zeros(len(group), dtype=np.int32)
    for number in (0, 1):
        rows = order[group[order] == number]
        place[rows] = np.arange(1, len(rows) + 1)
    return Ranking(order, group, place)
