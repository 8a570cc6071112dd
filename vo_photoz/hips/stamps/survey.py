"""A survey of stamps alone: each band a HiPS of what they show, nothing between them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from vo_photoz.flow import Float32Array, FloatArray, Progress, no_progress
from vo_photoz.hips.survey import FILE
from vo_photoz.hips.write import TanImage, write_hips


def write_stamp_survey(
    folder: str | Path,
    images: Float32Array,
    ra: FloatArray,
    dec: FloatArray,
    *,
    bands: Sequence[str],
    pixel_arcsec: float,
    unit: str,
    tile_width: int = 64,
    pixel_order: int = 19,
    frame: str = "equatorial",
    progress: Progress = no_progress,
) -> Path:
    """Write stamps as a HiPS of each band, and the survey file that names them.

    Parameters
    ----------
    folder : path
        Where the HiPS (``<folder>/<band>``) and the survey file are made.
    images : float32 array, shape (n, band, y, x)
        Per source pixel; y grows with declination, x falls with right ascension.
    ra, dec : float64 array, shape (n,)
        ICRS degrees of the middle of each stamp.
    bands : sequence of str
        Names of the planes.
    pixel_arcsec, unit
        Side of a pixel of the stamps, and what its value means: one of `units.UNITS_NJY`.
    tile_width, pixel_order, frame
        As of `write_hips`.
    progress : Progress
        Told how many bands are done.

    Returns
    -------
    Path
        The survey file.

    Raises
    ------
    UsageError
        Raised if there is no stamp, or an argument cannot be meant.
    SurveyError
        Raised if a folder exists, or no stamp has a value in a band.
    """
    place = Path(folder)
    for number, band in enumerate(bands):
        progress("HiPS of the stamps", number, len(bands))
        pictures = [
            TanImage(image[number], float(lon), float(lat), pixel_arcsec)
            for image, lon, lat in zip(images, ra, dec, strict=True)
        ]
        write_hips(
            place / band,
            pictures,
            band=band,
            unit=unit,
            tile_width=tile_width,
            pixel_order=pixel_order,
            frame=frame,
        )
    progress("HiPS of the stamps", len(bands), len(bands))
    file = place / FILE
    file.write_text(_definition(list(bands), pixel_arcsec, unit), encoding="utf-8")
    return file


def _definition(bands: list[str], pixel_arcsec: float, unit: str) -> str:
    lines = [
        "[survey]",
        'name = "stamps"',
        f"bands = {json.dumps(bands)}",
        f"pixel_unit = {json.dumps(unit)}",
    ]
    lines += ["", "[hips]", *(f"{json.dumps(band)} = {json.dumps(band)}" for band in bands)]
    for band in bands:
        lines += ["", f"[photometry.{json.dumps(band)}]", f"source_pixel_arcsec = {pixel_arcsec}"]
    return "\n".join(lines) + "\n"
