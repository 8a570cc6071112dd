"""The manifest of a data set: what it holds, in a small file that is written last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from vo_photoz.errors import TableError

FORMAT = "vo-photoz dataset"
VERSION = 1
FILE = "manifest.json"


class Dereddening(BaseModel):
    """How fluxes were corrected for Galactic extinction.

    Parameters
    ----------
    map : str
        The map of E(B-V).
    per_ebv : dict
        A / E(B-V) of each band.
    """

    map: str
    per_ebv: dict[str, float]


def dereddening_text(dereddened: bool, how: Dereddening | None) -> str:
    """Whether and how fluxes are corrected for Galactic extinction, in words."""
    if not dereddened:
        return "no: fluxes as observed"
    if how is None:
        return "yes"
    return f"yes, by {how.map}, A / E(B-V): {' '.join(f'{band} {a:g}' for band, a in how.per_ebv.items())}"


class Manifest(BaseModel):
    """What a data set holds.

    Parameters
    ----------
    format, version
        What the file is.
    n : int
        Number of objects.
    bands : list of str
        In the order of the second axis of the images.
    stamp_pixels : int
        Side of the stamps, pixels.
    pixel_arcsec : float
        Side of a pixel.
    unit : str
        Unit of the pixels.
    dereddened : bool
        True if the pixels are corrected for Galactic extinction.
    dereddening : Dereddening or None
        By which map and coefficients.
    real : bool
        False for simulated skies.
    source : dict
        Where images and labels come from, and how the stamps were cut.
    folds : dict
        Number of objects in each fold.
    z_range : list of float
        Smallest and largest known redshift; empty where none is known.
    sha256 : str
        Hash of pixels and rows.
    made : str
        Time of making, UTC.
    software : dict
        Versions.
    """

    model_config = ConfigDict(extra="allow")

    format: str = FORMAT
    version: int = VERSION
    n: int
    bands: list[str]
    stamp_pixels: int
    pixel_arcsec: float
    unit: str
    dereddened: bool = False
    dereddening: Dereddening | None = None
    real: bool = True
    source: dict[str, Any] = {}
    folds: dict[str, int] = {}
    z_range: list[float] = []
    sha256: str
    made: str = ""
    software: dict[str, str] = {}


def read_manifest(folder: Path) -> Manifest:
    """Manifest of a data set.

    Raises
    ------
    TableError
        Raised if the folder is no data set, or one of a later version of this program.
    """
    path = folder / FILE
    advice = "Make one with `vo-photoz dataset import`."
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TableError(f"{folder} is no data set: it has no {FILE}.", advice=advice) from None
    except (OSError, ValueError) as error:
        raise TableError(f"The manifest {path} cannot be read: {error}.", advice=advice) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise TableError(f"{path} is not the manifest of a data set.", advice=advice)
    if not isinstance(found.get("version"), int) or found["version"] > VERSION:
        raise TableError(
            f"The data set {folder} has version {found.get('version')}; this program reads up to {VERSION}.",
            advice="Update vo-photoz.",
        )
    try:
        return Manifest.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TableError(f"The manifest {path} is wrong at {where}: {first['msg']}.", advice=advice) from None
