"""Stamps at rest: an .npz file, a .zarr folder or a folder of FITS files; complete or not there at all."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import Flag, FlagArray, Positions
from vo_photoz.hips.encode import Cards, encode_images
from vo_photoz.hips.stamps.unfinished import Cut, Unfinished
from vo_photoz.hips.survey import Survey

Arrays = dict[str, NDArray[Any]]
CHUNK_BYTES = 1 << 22
FILE_ENDINGS = (
    *(".fits", ".fit", ".fts", ".gz", ".vot", ".xml", ".csv", ".ecsv", ".parquet"),
    *(".npz", ".npy", ".zarr", ".h5", ".hdf5", ".tar", ".zip", ".png", ".jpg"),
)
"""Names that a folder of FITS files is not meant to have."""
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Date of all members of an .npz file: the same stamps make the same bytes."""


def _silent(sentence: str) -> None:
    """Nobody listens."""


def write_stamps(
    path: Path,
    positions: Positions,
    cut: Cut,
    *,
    options: Mapping[str, Any],
    tell: Callable[[str], None] = _silent,
    look: Callable[[Unfinished, FlagArray], None] | None = None,
) -> FlagArray:
    """Write the stamps of all positions, in the order of the positions.

    They are collected in a hidden folder beside the result, so that memory holds one batch at a time. A run
    that dies leaves it there, and the next one with the same input and options goes on from it.

    Parameters
    ----------
    path : path
        NAME.npz: arrays `stamps` (n, band, y, x), `flags` (n,), `nan_fraction` (n, band), `ra`, `dec`,
        `bands`, `pixel_arcsec`, `unit` and the options. NAME.zarr: the same, those from `bands` on as
        attributes. Else a folder: a FITS file a row, an image a band, with WCS.
    positions : Positions
        Rows without a valid position get NaN and the flag NO_POSITION.
    cut : callable
        Cuts the stamps of the valid ones of some positions, as `cut_stamps` does.
    options : mapping
        What the pixels depend on besides the positions; kept with the stamps.
    tell : callable
        Takes a sentence for the user: that an earlier run is taken up, or thrown away.
    look : callable or None
        May look at the stamps (`Unfinished.rows`) and their flags when all are cut.

    Returns
    -------
    int16 array, shape (n,)
        Flags of all rows.

    Raises
    ------
    UsageError
        Raised if what is to be written exists and is no .npz of stamps, or its ending fits no format, no
        position is valid, or nothing can be written there.
    """
    _need_free(path)
    work = Unfinished(path, positions, options, tell)
    try:
        flags, empty = work.cut(cut)
        if look is not None:
            look(work, flags)
        write = {".npz": _write_npz, ".zarr": _write_zarr}.get(path.suffix, _write_fits)
        part = work.folder / f"part{path.suffix}"
        if part.is_dir():  # an earlier run died while it wrote it
            shutil.rmtree(part)
        arrays: Arrays = {"flags": flags, "nan_fraction": empty, "ra": positions.ra, "dec": positions.dec}
        write(part, work, arrays, {**work.known, **options})
        os.replace(part, path)
    except OSError as error:
        work.close()
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.",
            advice="Make room and start the same command again: it goes on where it was.",
        ) from None
    except BaseException:
        work.leave()
        raise
    work.remove()
    return flags


def _need_free(path: Path) -> None:
    """Refuse to write over what is not ours, and a folder with the name of a file."""
    if path.suffix not in (".npz", ".zarr") and path.suffix.lower() in FILE_ENDINGS:
        raise UsageError(
            f"{path} would be a folder: FITS files are written one a row.",
            advice="Give NAME.npz, NAME.zarr, or the name of a folder without such an ending.",
        )
    if path.exists() and not _is_ours(path):
        raise UsageError(f"{path} exists.", advice="Remove it or choose another name.")


def _is_ours(path: Path) -> bool:
    """Whether it is an .npz file of stamps, which a new run may replace."""
    try:
        with zipfile.ZipFile(path) as archive:
            return path.suffix == ".npz" and {"stamps.npy", "nan_fraction.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def told_of(survey: Survey) -> dict[str, Any]:
    """What is kept of a survey with its stamps: its name, and where each band comes from."""
    return {"survey": survey.name, "addresses": [survey.hips[band].addresses[0] for band in survey.bands]}


def _write_npz(part: Path, work: Unfinished, arrays: Arrays, about: dict[str, Any]) -> None:
    """As `numpy.savez` does, but the arrays go from file to file."""
    with zipfile.ZipFile(part, "w", allowZip64=True) as archive:
        info = zipfile.ZipInfo("stamps.npy", LONG_AGO)
        with archive.open(info, "w", force_zip64=True) as to, work.stamps.open("rb") as origin:
            shutil.copyfileobj(origin, to, CHUNK_BYTES)
        small = {key: value for key, value in about.items() if key != "shape"}
        for name, value in {**arrays, **small}.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, np.asarray(value), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", LONG_AGO), data.getvalue())


def _write_zarr(part: Path, work: Unfinished, arrays: Arrays, about: dict[str, Any]) -> None:
    import zarr  # noqa: PLC0415 - only this format needs it

    group = zarr.open_group(part, mode="w")
    n, shape = len(work.positions), about.pop("shape")
    rows = max(1, min(n, CHUNK_BYTES // (4 * int(np.prod(shape)))))
    stamps = group.create_array(
        "stamps", shape=(n, *shape), chunks=(rows, *shape), dtype="float32", fill_value=np.nan
    )
    for start in range(0, n, rows):
        stop = min(start + rows, n)
        stamps[start:stop] = work.rows(start, stop)
    for name, values in arrays.items():
        group.create_array(name, data=np.ascontiguousarray(values))
    group.attrs.update(about)


def _write_fits(part: Path, work: Unfinished, arrays: Arrays, about: dict[str, Any]) -> None:
    part.mkdir()
    flags = arrays["flags"]
    n, digits = len(flags), max(4, len(str(len(flags) - 1)))
    rows = max(1, CHUNK_BYTES // (4 * int(np.prod(about["shape"]))))
    for start in range(0, n, rows):
        for row, pixels in enumerate(work.rows(start, min(start + rows, n)), start):
            if flags[row] & Flag.NO_POSITION:
                continue
            primary: Cards = {
                "ROW": row,
                "FLAGS": int(flags[row]),
                "SURVEY": str(about.get("survey", "")),
                "FLUXKIND": str(about.get("flux", "")),
                "INTERPOL": str(about.get("interpolation", "")),
            }
            where = _wcs_cards(
                float(arrays["ra"][row]),
                float(arrays["dec"][row]),
                pixels.shape[2],
                float(about["pixel_arcsec"]),
            )
            bands = zip(about["bands"], pixels, arrays["nan_fraction"][row], strict=True)
            images: list[tuple[str, Any, Cards]] = [
                (
                    band,
                    image,
                    {**where, "FILTER": band, "BUNIT": about["unit"], "NANFRAC": float(fraction)},
                )
                for band, image, fraction in bands
            ]
            (part / f"row_{row:0{digits}d}.fits").write_bytes(encode_images(primary, images))


def _wcs_cards(ra: float, dec: float, size: int, pixel_arcsec: float) -> Cards:
    """Cards that say the same as `cutouts.tan_wcs`."""
    middle, step = (size + 1) / 2, pixel_arcsec / 3600
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": middle,
        "CRPIX2": middle,
        "CDELT1": -step,
        "CDELT2": step,
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "LONPOLE": 180.0,
        "RADESYS": "ICRS",
    }
