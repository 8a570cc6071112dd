"""Galactic extinction in a prediction: which rows it flags, and whether fluxes are corrected for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import ModelError
from vo_photoz.flow import Flag, FlagArray, Float32Array, FloatArray, Positions
from vo_photoz.hips.extinction import coefficients, deredden, read_dust_map
from vo_photoz.hips.survey import Survey
from vo_photoz.redshift.card import Card
from vo_photoz.settings import EBV_HIGH

__all__ = ["EBV_HIGH", "Dust"]


@dataclass(frozen=True)
class Dust:
    """Extinction of the sources of a prediction.

    Parameters
    ----------
    ebv : float64 array, shape (n,), or None
        E(B-V) of each row, mag; None when there is no map.
    per_ebv : float64 array, shape (band,), or None
        A / E(B-V) of the model's bands; None when the model wants fluxes as they are observed.
    limit : float
        E(B-V) above which a row is flagged.
    file : str
        The map.
    """

    ebv: FloatArray | None = None
    per_ebv: FloatArray | None = None
    limit: float = np.inf
    file: str = ""

    @classmethod
    def of(
        cls, ebv_map: str | Path | None, limit: float, card: Card, survey: Survey, positions: Positions
    ) -> Dust:
        """Extinction as the card of a model asks for it.

        Parameters
        ----------
        ebv_map : path or None
            HEALPix map of E(B-V).
        limit : float
            E(B-V) above which a row is flagged, mag.
        card : Card
            Says whether fluxes are dereddened.
        survey : Survey
            With the model's bands, in its order.
        positions : Positions
            Of all rows.

        Raises
        ------
        ModelError
            Raised if the model wants dereddened fluxes and there is no map.
        SurveyError
            Raised if the map cannot be read, or the survey lacks extinction coefficients that are needed.
        """
        if ebv_map is None:
            if card.dereddened:
                raise ModelError(
                    f"The model {card.name} wants fluxes corrected for Galactic extinction, but there is no "
                    "map of E(B-V).",
                    advice="Give a HEALPix map with --ebv-map or the setting ebv_map, or take another model.",
                )
            return cls()
        per_ebv = coefficients(survey) if card.dereddened else None
        dust = read_dust_map(ebv_map)
        return cls(dust.at(positions), per_ebv, limit, Path(dust.file).name)

    def flags(self, count: int) -> FlagArray:
        """`Flag.HIGH_EXTINCTION` where E(B-V) is above the limit; int16, shape (n,)."""
        flags: FlagArray = np.zeros(count, dtype=np.int16)
        if self.ebv is not None:
            with np.errstate(invalid="ignore"):
                flags[self.ebv > self.limit] |= Flag.HIGH_EXTINCTION
        return flags

    def corrected(self, pixels: Float32Array, rows: NDArray[np.intp]) -> Float32Array:
        """Stamps of some rows, shape (n, band, y, x), as the model wants them.

        A row whose E(B-V) the map does not know becomes NaN where the model wants a correction.
        """
        if self.ebv is None or self.per_ebv is None:
            return pixels
        return deredden(pixels, self.ebv[rows], self.per_ebv)

    def told(self) -> dict[str, str]:
        """What is written into provenance; empty without a map."""
        if self.ebv is None:
            return {}
        done = "corrected" if self.per_ebv is not None else "not corrected, flagged only"
        return {"extinction": f"{done}, flag above E(B-V) {self.limit:g} ({self.file})"}
