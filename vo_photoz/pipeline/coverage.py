"""Coverage of whatever a user names: a survey, a HiPS, a map, a table, an identifier of the VO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from vo_photoz import http
from vo_photoz.catalogues.hats_engine import is_hats
from vo_photoz.errors import CoverageError, SurveyError, UsageError
from vo_photoz.flow import Coverage, Positions, Progress, no_progress
from vo_photoz.hips.coverage import MAX_MOC_BYTES, find_coverage
from vo_photoz.hips.moc_files import is_moc, read_moc
from vo_photoz.hips.moc_server import moc_server_coverage, vizier_coverage
from vo_photoz.hips.survey import Survey, list_surveys, load_survey
from vo_photoz.hips.tree import HiPS
from vo_photoz.settings import defaults
from vo_photoz.sky.footprint import footprint
from vo_photoz.sky.moc import from_mocpy, intersection, to_mocpy, union
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.read import read_table

VIZIER = "vizier:"
HEAD_BYTES = 100_000
Combine = Literal["intersection", "union"]


def coverage_of(
    what: str | Path | Survey,
    *,
    pixels: bool = False,
    order: int | None = None,
    near: Positions | None = None,
    offline: bool = False,
    progress: Progress = no_progress,
) -> Coverage:
    """Coverage of one thing; its ``origin`` tells by which way it came.

    Parameters
    ----------
    what : str, path or Survey
        Name or file of a survey; folder or address of a HiPS; file or address of a MOC (FITS, JSON, ASCII);
        ``ivo://`` identifier; ``vizier:`` and a VizieR table; or a table or HATS folder, whose positions make
        the map.
    pixels : bool
        Of surveys and HiPS: make the map from the pixels that have a value.
    order : int or None
        Order of a map that is made; one that exists is made coarser.
    near : Positions or None
        A map that is made of tiles knows only those that hold one of these positions.
    offline : bool
        Open no connection.
    progress : Progress
        Told how far the making is.

    Raises
    ------
    CoverageError, SurveyError, TableError, ServiceError
        Raised if there is no coverage map, and none can be made.
    UsageError
        Raised if nothing is known of that name.
    """
    how = _How(pixels, order, near, offline, progress)
    if isinstance(what, Survey):
        return _of_survey(what, how)
    name, path = str(what), Path(what).expanduser()
    if name in list_surveys() or (path.suffix.lower() == ".toml" and path.is_file()):
        return _of_survey(load_survey(what, offline=offline), how)
    if name.startswith(("ivo://", VIZIER)):
        return _of_cds(name, how)
    if urlsplit(name).scheme in ("http", "https", "s3", "gs"):
        return _of_address(name, how)
    if path.is_dir():
        return hats_coverage(path) if is_hats(path) else _of_hips(HiPS(path, offline=offline), how)
    if path.is_file():
        return _of_file(path, order)
    raise UsageError(
        f"There is neither a survey, a HiPS, a coverage map nor a table {what}.",
        advice=f"Surveys: {', '.join(list_surveys())}.",
    )


def combined_coverage(
    what: Sequence[str | Path | Survey],
    *,
    combine: Combine = "intersection",
    pixels: bool = False,
    order: int | None = None,
    near: Positions | None = None,
    offline: bool = False,
    progress: Progress = no_progress,
) -> Coverage:
    """Coverage of several things: where all of them are, or any of them.

    Parameters
    ----------
    what, pixels, order, near, offline, progress
        As of `coverage_of`.
    combine : {"intersection", "union"}
        How they are combined; the bands of a survey always by intersection.

    Raises
    ------
    PhotozError
        Raised as by `coverage_of`.
    """
    maps = [
        coverage_of(one, pixels=pixels, order=order, near=near, offline=offline, progress=progress)
        for one in what
    ]
    found = maps[0]
    if len(maps) > 1:
        found = intersection(maps) if combine == "intersection" else union(maps)
    if order is not None and found.max_order > order:
        return from_mocpy(to_mocpy(found).degrade_to_order(order), found.origin)
    return found


def hats_coverage(path: Path) -> Coverage:
    """Coverage of a HATS catalogue, which keeps a map of its sources.

    Raises
    ------
    CoverageError
        Raised if it has none.
    """
    from vo_photoz.catalogues.hats import open_hats  # noqa: PLC0415 - needs LSDB

    moc = open_hats(path).hc_structure.moc
    if moc is None:
        raise CoverageError(f"The HATS catalogue {path} has no map of its sources.", url=str(path))
    return from_mocpy(moc, f"{path} (map of its sources)")


@dataclass(frozen=True)
class _How:
    """Options of `coverage_of`."""

    pixels: bool
    order: int | None
    near: Positions | None
    offline: bool
    progress: Progress


def _of_survey(survey: Survey, how: _How) -> Coverage:
    return intersection([_of_hips(survey.hips[band], how) for band in survey.bands])


def _of_hips(hips: HiPS, how: _How) -> Coverage:
    return find_coverage(
        hips,
        pixels=how.pixels,
        order=how.order,
        near=how.near,
        servers=not how.offline,
        progress=how.progress,
    )


def _of_cds(name: str, how: _How) -> Coverage:
    if how.offline:
        raise CoverageError(
            f"The coverage of {name} was not asked for: connections are off.", advice="Leave out --offline."
        )
    if name.startswith(VIZIER):
        return vizier_coverage(name.removeprefix(VIZIER), order=how.order)
    return moc_server_coverage(name, order=how.order)


def _of_address(address: str, how: _How) -> Coverage:
    """Coverage of a HiPS, else of a file that is a map, at an address."""
    hips = HiPS(address, offline=how.offline)
    try:
        hips.order  # noqa: B018 - fails where there is no HiPS
    except SurveyError as no_hips:
        if how.offline or urlsplit(address).scheme not in ("http", "https"):
            raise
        seconds = defaults().http_seconds
        data = http.get_bytes(address, seconds=seconds, max_bytes=MAX_MOC_BYTES, missing_ok=True)
        if data is None or not is_moc(data[:HEAD_BYTES]):
            raise CoverageError(
                f"{address} is neither a HiPS nor a coverage map ({no_hips.message})",
                advice="Check the address; of a table, give a file.",
                url=address,
            ) from None
        return read_moc(data, address)
    return _of_hips(hips, how)


def _of_file(path: Path, order: int | None) -> Coverage:
    """Coverage of a map, or made from the positions of a table."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if is_moc(head):
        return read_moc(path.read_bytes(), str(path))
    made = footprint(find_positions(read_table(path)), order=order)
    return replace(made, origin=f"{path.name} ({made.origin})")
