"""Galactic extinction: E(B-V) from a HEALPix map that the user gives, and its correction."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import SurveyError
from vo_photoz.flow import Float32Array, FloatArray, Positions
from vo_photoz.hips.survey import Survey
from vo_photoz.sky.frames import rotation_from_icrs, unit_vectors

FRAMES = {
    "G": "galactic", "GAL": "galactic", "GALACTIC": "galactic",
    "C": "equatorial", "EQU": "equatorial", "EQUATORIAL": "equatorial", "CELESTIAL": "equatorial",
    "ICRS": "equatorial", "E": "ecliptic", "ECL": "ecliptic", "ECLIPTIC": "ecliptic",
}  # fmt: skip
"""Values of COORDSYS in HEALPix files."""
NAMES = {"EBV", "EBMV", "REDDENING", "SFDEBV", "EBVSFD", "EBVMEAN", "EBVSFD98"}
"""Names of the column that holds E(B-V), without signs and letter case."""
LEAST, MOST = -0.5, 1000.0
"""Values outside are no E(B-V): UNSEEN of HEALPix, other fillings. Maps have small negative noise."""


@dataclass(frozen=True)
class DustMap:
    """E(B-V) over the sky.

    Parameters
    ----------
    values : float32 array, shape (12 nside**2,)
        Mag; NaN where the map has none.
    nested : bool
        Whether pixels are numbered in the nested scheme.
    frame : str
        equatorial, galactic or ecliptic.
    file : str
        Where it comes from.
    """

    values: Float32Array
    nested: bool
    frame: str
    file: str

    def at(self, positions: Positions) -> FloatArray:
        """E(B-V) at positions, interpolated bilinearly between HEALPix pixels, mag; shape (n,).

        NaN where there is no position, or one of the four pixels around it has no value.
        """
        import healpy  # noqa: PLC0415 - slow to import

        found = np.full(len(positions), np.nan)
        rows = np.flatnonzero(positions.valid)
        vectors = unit_vectors(positions.ra[rows], positions.dec[rows]) @ rotation_from_icrs(self.frame).T
        theta, phi = np.arccos(np.clip(vectors[:, 2], -1, 1)), np.arctan2(vectors[:, 1], vectors[:, 0])
        found[rows] = healpy.get_interp_val(self.values, theta, phi, nest=self.nested)
        return found


def read_dust_map(path: str | Path) -> DustMap:
    """Read a HEALPix map of E(B-V).

    Parameters
    ----------
    path : path
        FITS file as HEALPix writes it: the frame is told by COORDSYS, the order of the pixels by ORDERING.

    Raises
    ------
    SurveyError
        Raised if the file cannot be read, does not say its frame, or has no or several columns that may be
        E(B-V).
    """
    import healpy  # noqa: PLC0415 - slow to import

    try:
        column, header = _column(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = healpy.read_map(path, field=column, dtype=np.float32, nest=None)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise _bad(path, f"it cannot be read as a HEALPix map ({error})") from None
    frame = FRAMES.get(str(header.get("COORDSYS", header.get("SKYCOORD", ""))).strip().upper())
    if frame is None:
        raise _bad(path, "its header does not say the frame (COORDSYS = 'G' or 'C')")
    values = np.asarray(values)
    values[~((values > LEAST) & (values < MOST))] = np.nan
    nested = str(header.get("ORDERING", "RING")).strip().upper().startswith("NEST")
    return DustMap(values, nested, frame, str(path))


def _column(path: str | Path) -> tuple[int, Any]:
    """Which column is E(B-V), and the header of the table."""
    from astropy.io import fits  # noqa: PLC0415 - slow to import

    with fits.open(path) as parts:
        part = next((one for one in parts if isinstance(one, fits.BinTableHDU)), None)
        if part is None:
            raise ValueError("it has no table")
        names = [re.sub(r"[^A-Z0-9]", "", name.upper()) for name in part.columns.names]
        fitting = [place for place, name in enumerate(names) if name in NAMES]
        values = [place for place, name in enumerate(names) if name not in ("PIXEL", "INDEX")]
        if len(fitting) == 1:
            return fitting[0] - (len(names) - len(values)), part.header.copy()
        if len(values) == 1 and not fitting:
            return 0, part.header.copy()
        raise ValueError(f"of its columns {', '.join(part.columns.names)}, it is not clear which is E(B-V)")


def deredden(pixels: Float32Array, ebv: FloatArray, coefficients: FloatArray) -> Float32Array:
    """Pixels as they would be without dust: times 10^(0.4 A), A = coefficient x E(B-V).

    Parameters
    ----------
    pixels : float32 array, shape (n, band, y, x)
        Linear in flux.
    ebv : float64 array, shape (n,)
        Mag; NaN makes the stamp NaN.
    coefficients : float64 array, shape (band,)
        A(band) / E(B-V).
    """
    factor = 10 ** (0.4 * ebv[:, None] * coefficients)
    return np.asarray(pixels * factor[:, :, None, None], dtype=np.float32)


def coefficients(survey: Survey) -> NDArray[np.float64]:
    """A(band) / E(B-V) of all bands of a survey.

    Raises
    ------
    SurveyError
        Raised if a band has none.
    """
    found = [survey.photometry[band].extinction_coefficient for band in survey.bands]
    missing = [band for band, one in zip(survey.bands, found, strict=True) if one is None]
    if missing:
        raise SurveyError(
            f"Survey {survey.name} has no extinction coefficient for band {missing[0]}.",
            advice=f"Write extinction_coefficient, A / E(B-V), below [photometry.{missing[0]}].",
        )
    return np.array(found, dtype=np.float64)


def _bad(path: str | Path, why: str) -> SurveyError:
    return SurveyError(
        f"The map of E(B-V) {path} cannot be used: {why}.",
        advice="Give a HEALPix FITS file in ebv_map.",
        url=str(path),
    )
