"""Galactic extinction: which rows it flags in a prediction, and whether fluxes are corrected for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.manifest import Dereddening
from vo_photoz.errors import ModelError, UsageError
from vo_photoz.flow import Flag, FlagArray, FloatArray, Positions, Stamps
from vo_photoz.hips.extinction import coefficients, deredden, read_dust_map
from vo_photoz.hips.survey import Survey
from vo_photoz.redshift.card import Card
from vo_photoz.redshift.compatibility import check_extinction
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
            Raised if the model wants dereddened fluxes and there is no map, or the extinction coefficients of
            the survey are not those of its training.
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
        if per_ebv is not None:
            check_extinction(
                card,
                dict(zip(survey.bands, per_ebv.tolist(), strict=True)),
                where=f"survey {survey.name}",
                advice="Set extinction_coefficient = {value} below [photometry.{band}] of the survey file if "
                "its filters are those of the training, or take another model.",
            )
        dust = read_dust_map(ebv_map)
        return cls(dust.at(positions), per_ebv, limit, Path(dust.file).name)

    def flags(self, count: int) -> FlagArray:
        """`Flag.HIGH_EXTINCTION` where E(B-V) is above the limit; int16, shape (n,)."""
        flags: FlagArray = np.zeros(count, dtype=np.int16)
        if self.ebv is not None:
            with np.errstate(invalid="ignore"):
                flags[self.ebv > self.limit] |= Flag.HIGH_EXTINCTION
        return flags

    def corrected(self, stamps: Stamps, rows: NDArray[np.intp]) -> Stamps:
        """Stamps of some rows as the model wants them.

        A row whose E(B-V) the map does not know becomes NaN where the model wants a correction.
        """
        if self.ebv is None or self.per_ebv is None:
            return stamps
        return replace(stamps, pixels=deredden(stamps.pixels, self.ebv[rows], self.per_ebv), dereddened=True)

    def told(self) -> dict[str, str]:
        """What is written into provenance; empty without a map."""
        if self.ebv is None:
            return {}
        done = "corrected" if self.per_ebv is not None else "not corrected, flagged only"
        return {"extinction": f"{done}, flag above E(B-V) {self.limit:g} ({self.file})"}


def dereddening_of(
    bands: Sequence[str],
    ebv_map: str | Path | None,
    dereddened_by: str,
    extinction: Mapping[str, float] | None,
) -> Dereddening | None:
    """How the stamps of a data set are, or are to be, corrected; None where they stay as observed.

    Parameters
    ----------
    bands : sequence of str
        Of the stamps.
    ebv_map : path or None
        HEALPix map that they are to be corrected by.
    dereddened_by : str
        Map that they are corrected by already; empty if they are not.
    extinction : mapping or None
        A / E(B-V) of each band.

    Raises
    ------
    UsageError
        Raised if these contradict each other, or something is missing.
    """
    if ebv_map is not None and dereddened_by:
        raise UsageError(
            "Images that are dereddened already cannot be corrected once more.",
            advice="Give --ebv-map or --dereddened-by, not both.",
        )
    by = dereddened_by or (Path(ebv_map).name if ebv_map is not None else "")
    known = dict(extinction or {})
    if not by and not known:
        return None
    if not by:
        raise UsageError(
            "There are extinction coefficients, but no map of E(B-V).",
            advice="Correct the images with --ebv-map, or say with --dereddened-by how they were corrected.",
        )
    missing = [band for band in bands if not np.isfinite(known.get(band, np.nan))]
    strange = [band for band in known if band not in bands]
    if missing or strange:
        wrong = f"no {', '.join(missing)}" if missing else f"{', '.join(strange)}, which the images have not"
        raise UsageError(
            f"Dereddened images need A / E(B-V) of the bands {', '.join(bands)}; there is {wrong}.",
            advice="Give one number a band with --extinction, in the order of --bands.",
        )
    return Dereddening(map=by, per_ebv={band: float(known[band]) for band in bands})
