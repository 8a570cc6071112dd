"""Make a data set from a file of stamps.

The stamps go the way that stamps go in prediction: they are put into a HiPS and cut out of it again, so
that resampling, noise and pixel size are the same when a model is trained and when it is used.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.rows import Rows
from vo_photoz.datasets.split import sky_folds
from vo_photoz.datasets.store import Dataset, create_dataset
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import Flag, Float32Array, Positions, Progress, Stamps, no_progress
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.extinction import read_dust_map
from vo_photoz.hips.stamps.survey import write_stamp_survey
from vo_photoz.hips.survey import Survey, load_survey
from vo_photoz.hips.units import UNITS_NJY, unit_named
from vo_photoz.pipeline.prediction.dust import Dust, dereddening_of

MODEL_UNIT = "nJy/arcsec2"
CLASSES = ("STAR", "GALAXY", "QSO")
NEEDED = ("images", "ra", "dec", "z")


@dataclass(frozen=True)
class StampFile:
    """What a file of stamps holds.

    Parameters
    ----------
    images : float32 array, shape (n, band, y, x)
        The object in the middle, per source pixel; y grows with declination, x falls with right ascension.
    rows : Rows
        What is known of each object.
    """

    images: Float32Array
    rows: Rows


def import_dataset(
    file: str | Path,
    output: str | Path,
    *,
    bands: Sequence[str] = tuple("ugriz"),
    pixel_arcsec: float = 0.396,
    unit: str = "nanomaggy",
    size: int = 28,
    scale_arcsec: float = 0.4,
    ebv_map: str | Path | None = None,
    dereddened_by: str = "",
    extinction: Mapping[str, float] | None = None,
    source: dict[str, Any] | None = None,
    real: bool = True,
    progress: Progress = no_progress,
) -> Dataset:
    """Make a data set from an npz file of stamps.

    Parameters
    ----------
    file : path
        npz with ``images`` (n, band, y, x), ``ra``, ``dec`` (ICRS degrees, middle of the stamp), ``z``;
        optional ``fold``, ``mag`` (n, band), ``id``, ``class`` (STAR, GALAXY, QSO; empty where not known).
        Without ``fold`` objects are split by place on the sky.
    output : path
        Folder to make.
    bands : sequence of str
        Names of the planes.
    pixel_arcsec, unit
        Of the file: side of a pixel, unit of a pixel value (nanomaggy, nJy, ...).
    size, scale_arcsec
        Of the data set: side of the stamps in pixels, and of a pixel in arcsec.
    ebv_map : path or None
        HEALPix map of E(B-V): the stamps are corrected for Galactic extinction. An object where it has no
        value gets an empty stamp and `Flag.BAND_MISSING`.
    dereddened_by : str
        Map of E(B-V) that the images of the file are corrected by already.
    extinction : mapping or None
        A / E(B-V) of each band; needed with either of these.
    source : dict
        Where images and labels come from; kept in the manifest.
    real : bool
        False for simulated stamps.
    progress : Progress
        Told how far it is.

    Returns
    -------
    Dataset
        Stamps in nJy/arcsec2.

    Raises
    ------
    TableError
        Raised if the file lacks an array, or arrays do not fit each other.
    SurveyError
        Raised if the map of E(B-V) cannot be read.
    UsageError
        Raised if an option cannot be meant or the folder exists.
    """
    if Path(output).exists():
        raise UsageError(f"{output} exists already.", advice="Choose another name or remove it.")
    if not unit_named(unit):
        raise UsageError(f"The unit {unit!r} is not known.", advice=f"Known: {', '.join(UNITS_NJY)}.")
    dereddening = dereddening_of(bands, ebv_map, dereddened_by, extinction)
    stamps = read_stamp_file(Path(file), tuple(bands))
    _check_size(stamps.images.shape[-2:], pixel_arcsec, size, scale_arcsec)
    told = {
        **(source or {}),
        "file": Path(file).name,
        "source_pixel_arcsec": pixel_arcsec,
        "source_unit": unit,
        "path": "HiPS of order 19 pixels, bilinear; stamps TAN, bilinear",
    }
    with tempfile.TemporaryDirectory(prefix="vo-photoz-import-") as folder:
        survey = write_stamp_survey(
            folder,
            stamps.images,
            stamps.rows.ra,
            stamps.rows.dec,
            bands=bands,
            pixel_arcsec=pixel_arcsec,
            unit=unit,
            progress=progress,
        )
        parts = _cut(load_survey(survey), stamps.rows, size, scale_arcsec, progress)
        if ebv_map is not None and dereddening is not None:
            parts = _dereddened(parts, stamps.rows, ebv_map, list(dereddening.per_ebv.values()))
        elif dereddening is not None:
            parts = ((rows, replace(part, dereddened=True)) for rows, part in parts)
        return create_dataset(output, parts, stamps.rows, source=told, real=real, dereddening=dereddening)


def read_stamp_file(path: Path, bands: tuple[str, ...]) -> StampFile:
    """Read and check an npz file of stamps.

    Raises
    ------
    TableError
        Raised if it cannot be read, lacks an array, or arrays do not fit each other.
    """
    held = _arrays(path)
    missing = [name for name in NEEDED if name not in held]
    if missing:
        raise TableError(
            f"{path} has no array named {', '.join(missing)} (it has {', '.join(held) or 'none'}).",
            advice="A data set needs images (n, band, y, x), ra, dec and z.",
        )
    images = held["images"]
    if images.ndim != 4 or images.shape[1] != len(bands) or images.dtype.kind not in "fiu":
        raise TableError(
            f"The images of {path} have the shape {images.shape}; {len(bands)} bands are named.",
            advice="Give stamps as (n, band, y, x) and name their bands with --bands.",
        )
    return StampFile(images.astype(np.float32, copy=False), _rows(held, bands, path))


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise TableError(f"The file {path} does not exist.") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise TableError(
            f"{path} cannot be read as npz: {error}.", advice="Write it with numpy.savez."
        ) from None


def _rows(held: dict[str, NDArray[Any]], bands: tuple[str, ...], path: Path) -> Rows:
    n = len(held["images"])
    lengths = {
        name: len(np.atleast_1d(array))
        for name, array in held.items()
        if name in (*NEEDED, "fold", "mag", "id", "class")
    }
    wrong = [f"{name} has {length}" for name, length in lengths.items() if length != n]
    if wrong or not n:
        raise TableError(f"{path} has {n} images, but {', '.join(wrong) or 'nothing to import'}.")
    try:
        ra, dec, z = (np.asarray(held[name], dtype=np.float64) for name in ("ra", "dec", "z"))
        mag = np.asarray(held.get("mag", np.full((n, len(bands)), np.nan)), dtype=np.float64)
        fold = np.asarray(held["fold"], dtype=np.int32) if "fold" in held else None
    except (ValueError, TypeError) as error:
        raise TableError(f"An array of {path} does not hold numbers: {error}.") from None
    if any(column.shape != (n,) for column in (ra, dec, z)) or mag.shape != (n, len(bands)):
        raise TableError(f"In {path}, ra, dec and z need one number an object, and mag one a band.")
    bad = np.flatnonzero(~(np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90)))
    if len(bad):
        raise TableError(
            f"{path} has {len(bad)} objects without a position on the sky, the first in row {bad[0]}.",
            advice="ra and dec are degrees, ICRS; leave such objects out.",
        )
    fold = sky_folds(ra, dec) if fold is None else fold
    name = held["id"].astype(np.str_) if "id" in held else np.array([f"{row:07d}" for row in range(n)])
    return Rows(name, ra, dec, z, fold, np.zeros(n, dtype=np.int16), mag, kind=_classes(held, path))


def _classes(held: dict[str, NDArray[Any]], path: Path) -> NDArray[np.str_] | None:
    if "class" not in held:
        return None
    kind = held["class"].astype(np.str_)
    strange = sorted(set(kind) - {*CLASSES, ""})
    if strange:
        raise TableError(
            f"The classes of {path} hold '{strange[0]}'.",
            advice=f"They are {', '.join(CLASSES)}, or empty where not known.",
        )
    return kind


def _check_size(shape: tuple[int, int], pixel_arcsec: float, size: int, scale_arcsec: float) -> None:
    if min(pixel_arcsec, scale_arcsec) <= 0 or size < 8:
        raise UsageError("Pixels need a size above 0 arcsec, and stamps at least 8 pixels.")
    # A margin of one source pixel: bilinear resampling, twice, reaches beyond the edge of the stamp.
    if (min(shape) - 2) * pixel_arcsec < size * scale_arcsec:
        raise UsageError(
            f"Stamps of {size} pixels of {scale_arcsec:g} arcsec do not fit into images of "
            f"{min(shape)} pixels of {pixel_arcsec:g} arcsec.",
            advice="Choose a smaller --size or --scale.",
        )


def _cut(
    survey: Survey, rows: Rows, size: int, scale_arcsec: float, progress: Progress
) -> Iterator[tuple[NDArray[np.intp], Stamps]]:
    return cut_stamps(
        survey, _positions(rows), size=size, pixel_arcsec=scale_arcsec, flux=MODEL_UNIT, progress=progress
    )


def _dereddened(
    parts: Iterator[tuple[NDArray[np.intp], Stamps]],
    rows: Rows,
    ebv_map: str | Path,
    per_ebv: Sequence[float],
) -> Iterator[tuple[NDArray[np.intp], Stamps]]:
    """Stamps corrected for Galactic extinction, as in a prediction: after they are cut."""
    ebv = read_dust_map(ebv_map).at(_positions(rows))
    dust = Dust(ebv, np.asarray(per_ebv, dtype=np.float64))
    for here, stamps in parts:
        unknown = np.isnan(ebv[here])
        flags = stamps.flags | np.where(unknown, Flag.BAND_MISSING, 0).astype(np.int16)
        yield here, replace(dust.corrected(stamps, here), flags=flags)


def _positions(rows: Rows) -> Positions:
    return Positions(rows.ra, rows.dec, np.ones(len(rows), dtype=bool))
