"""What became of every row in a crossmatch, and how far its matches can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vo_photoz.flow import BoolArray
from vo_photoz.sky.chance import Chance
from vo_photoz.sky.pairs import IntArray
from vo_photoz.sky.separations import Separations


@dataclass(frozen=True)
class Ledger:
    """Rows of the user's table, each counted once.

    Parameters
    ----------
    rows : int
        Rows of the table.
    no_position : int
        Rows that could not be searched for.
    outside : int
        Rows outside the coverage map, not searched for.
    matched, unmatched : int
        Rows that were searched for, with and without a partner.
    taken : int
        Rows whose closest partner lies closer to another row; only in matches that are best for both.
    """

    rows: int
    no_position: int
    outside: int
    matched: int
    unmatched: int
    taken: int = 0

    @classmethod
    def of(cls, located: BoolArray, searched: BoolArray, found: IntArray, matched: IntArray) -> Ledger:
        """Count the rows.

        Parameters
        ----------
        located, searched : bool array, shape (n,)
            Rows with a position, and those of them that were searched for.
        found : int64 array
            Rows with any partner.
        matched : int64 array
            Rows whose partner was taken.
        """
        with_partner, with_match = len(np.unique(found)), len(np.unique(matched))
        return cls(
            rows=len(located),
            no_position=int((~located).sum()),
            outside=int((located & ~searched).sum()),
            matched=with_match,
            unmatched=int(searched.sum()) - with_partner,
            taken=with_partner - with_match,
        )

    @property
    def sent(self) -> int:
        """Rows that were searched for."""
        return self.matched + self.unmatched + self.taken

    def told(self) -> str:
        """Both sums, in words."""
        rows = _sum(("searched", self.sent), ("no position", self.no_position), ("outside", self.outside))
        sent = _sum(
            ("matched", self.matched), ("unmatched", self.unmatched), ("closer to another row", self.taken)
        )
        return f"{self.rows} rows = {rows}, {self.sent} searched = {sent}"


@dataclass(frozen=True)
class MatchReport:
    """What one crossmatch found.

    Parameters
    ----------
    name : str
        Name of the query or table.
    ledger : Ledger
        What became of the rows.
    pairs : int
        All pairs within the radius.
    separations : Separations
        Of the matches.
    chance : Chance
        How often a position is matched by chance.
    infos : dict
        Where and how the partners were found, for provenance: service, route, ...
    """

    name: str
    ledger: Ledger
    pairs: int
    separations: Separations
    chance: Chance
    infos: dict[str, str] = field(default_factory=dict)

    def all_infos(self) -> dict[str, str]:
        """Everything for provenance, as names and texts."""
        ledger = self.ledger
        told = {
            **self.infos,
            "rows": str(ledger.rows),
            "sent": str(ledger.sent),
            "no_position": str(ledger.no_position),
            "outside_coverage": str(ledger.outside),
            "pairs": str(self.pairs),
            "matched": str(ledger.matched),
            "unmatched": str(ledger.unmatched),
            "closer_to_another_row": str(ledger.taken),
            "chance": self.chance.told(),
            "separations_arcsec": self.separations.told(),
        }
        if self.expected_by_chance is not None:
            told["chance_matches"] = f"{self.expected_by_chance:.3g}"
        if ledger.matched:
            told["separation_median_arcsec"] = f"{self.separations.median:.3g}"
        return told

    def lines(self) -> list[str]:
        """Everything for a terminal."""
        where = ", ".join(
            self.infos[key] for key in ("service", "route", "coverage_route") if self.infos.get(key)
        )
        lines = [f"{self.name} ({where}): {self.pairs} pairs", f"  {self.ledger.told()}"]
        lines += [f"  {self.infos['motion']}"] if self.infos.get("motion") else []
        lines.append(f"  by chance: {self.chance.told()}")
        if self.expected_by_chance is not None:
            lines.append(
                f"  of the {self.ledger.matched} matches about {self.expected_by_chance:.2g} are by chance"
            )
        if self.ledger.matched:
            lines.append(f"  separations, arcsec (median {self.separations.median:.3g}):")
            lines += [f"    {line}" for line in self.separations.lines()]
        return lines

    @property
    def expected_by_chance(self) -> float | None:
        """Matches by chance, never more than there are matches; None where it is not known."""
        expected = self.chance.expected(self.ledger.unmatched)
        return min(expected, float(self.ledger.matched)) if np.isfinite(expected) else None


def _sum(*parts: tuple[str, int]) -> str:
    first, *others = parts
    return " + ".join(f"{n} {what}" for what, n in (first, *(one for one in others if one[1])))
