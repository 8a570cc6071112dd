"""The file ``properties`` of a HiPS (HiPS 1.0, section 4.4): read, and written for those that we make."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Mapping
from pathlib import Path

from vo_photoz import __version__


def parse_properties(text: str) -> dict[str, str]:
    """Keys and values of a ``properties`` file; comments and lines without ``=`` are passed over.

    The first of several equal keys counts.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.lstrip().startswith("#"):
            found.setdefault(key.strip(), value.strip())
    return found


def describe(
    *,
    band: str,
    title: str,
    date: str,
    frame: str,
    order: int,
    min_order: int,
    width: int,
    overlap: str,
    source_pixel_arcsec: float,
    centre: tuple[float, float],
    limits: tuple[float, float],
    sky_fraction: float,
) -> dict[str, str]:
    """Entries of ``properties``, all that HiPS 1.0 requires and what helps a client.

    Parameters
    ----------
    band, title, date, frame, overlap : str
        As in `write_hips`.
    order, min_order, width : int
        Orders and side of the tiles.
    source_pixel_arcsec : float
        Side of a pixel of the images.
    centre : (float, float)
        Where a client should look first, ICRS degrees.
    limits : (float, float)
        Smallest and largest pixel value.
    sky_fraction : float
        Covered part of the sky.
    """
    when = date or _now()
    pixel = math.degrees(math.sqrt(4 * math.pi / 12)) / 2 ** (order + width.bit_length() - 1)
    low, high = limits
    return {
        "creator_did": f"ivo://vo-photoz/P/{band}",
        "obs_title": title or f"Images in band {band}",
        "obs_description": f"Images in band {band}, resampled bilinearly; values per source pixel",
        "obs_regime": "Optical",
        "dataproduct_type": "image",
        "client_category": "Image/Optical",
        "hips_builder": f"vo_photoz {__version__}",
        "hips_version": "1.4",
        "hips_creation_date": when,
        "hips_release_date": when,
        "hips_status": "public master clonableOnce",
        "hips_frame": frame,
        "hips_order": str(order),
        "hips_order_min": str(min_order),
        "hips_tile_width": str(width),
        "hips_tile_format": "fits",
        "hips_pixel_bitpix": "-32",
        "hips_pixel_scale": f"{pixel:.6E}",
        "s_pixel_scale": f"{source_pixel_arcsec / 3600:.9E}",
        "hips_sampling": "bilinear",
        "hips_overlay": overlap,
        "hips_hierarchy": "mean",
        "hips_pixel_cut": f"{low:.4g} {high:.4g}",
        "hips_data_range": f"{low:.6g} {high:.6g}",
        "hips_initial_ra": f"{centre[0] % 360:.6f}",
        "hips_initial_dec": f"{centre[1]:+.6f}",
        "hips_initial_fov": f"{max(pixel * width, 0.01):.4f}",
        "moc_sky_fraction": f"{sky_fraction:.6E}",
    }


def write_properties(path: Path, entries: Mapping[str, str]) -> None:
    """Write ``properties``; a line break inside a value is written as the two characters backslash and n."""
    lines = [f"{key:<20} = {str(value).replace(chr(10), chr(92) + 'n')}\n" for key, value in entries.items()]
    path.write_text("".join(lines), encoding="utf-8")


def _now() -> str:
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    zone = datetime.UTC
    when = datetime.datetime.fromtimestamp(int(fixed), zone) if fixed else datetime.datetime.now(zone)
    return when.strftime("%Y-%m-%dT%H:%MZ")
