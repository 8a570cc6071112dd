"""Survey files: which surveys there are, and what their definitions say."""

from __future__ import annotations

import math
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vo_photoz.errors import SurveyError
from vo_photoz.hips.imaging import UNKNOWN, BandPhotometry, Survey
from vo_photoz.hips.tree import HiPS
from vo_photoz.settings import config_file

__all__ = [
    "BandPhotometry",
    "HiPS",
    "Survey",
    "list_surveys",
    "load_survey",
    "own_surveys",
    "survey_file",
]

FILE = "survey.toml"
"""The survey file of a folder."""
SURVEY_KEYS = {"name", "title", "bands", "pixel_unit", "tried", "description", "citation"}


def own_surveys() -> Path:
    """Folder of the user's survey files; a file there replaces the shipped one of the same name."""
    return config_file().parent / "surveys"


def list_surveys() -> list[str]:
    """Names of the surveys that come with the program, and of those in the user's folder."""
    shipped = resources.files("vo_photoz") / "data" / "surveys"
    folders = [Path(str(shipped)), own_surveys()]
    return sorted({file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.toml")})


def survey_file(name_or_path: str | Path) -> Path:
    """Where a survey is defined: the user's file of that name, the shipped one, or the path given.

    Raises
    ------
    SurveyError
        Raised if there is no such survey.
    """
    name = str(name_or_path)
    if name in list_surveys():
        own = own_surveys() / f"{name}.toml"
        return own if own.is_file() else Path(str(resources.files("vo_photoz") / "data/surveys" / own.name))
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        if (path / FILE).is_file():
            return path / FILE
        raise SurveyError(
            f"The folder {path} has no {FILE}.",
            advice="Write a survey file that names one HiPS for each band (see the how-to of survey files).",
        )
    if not path.is_file():
        raise SurveyError(
            f"There is no survey '{name_or_path}'.",
            advice=f"Give a TOML file or one of: {', '.join(list_surveys())}.",
        )
    return path


def load_survey(name_or_path: str | Path, *, offline: bool = False) -> Survey:
    """Survey by name, or from a TOML file. Nothing is fetched before pixels are needed.

    Parameters
    ----------
    name_or_path : str or path
        A name of `list_surveys`, or the path of a TOML file or of a folder with a ``survey.toml``; relative
        folders in it are relative to the file.
    offline : bool
        Refuse the network.

    Raises
    ------
    SurveyError
        Raised if there is no such survey or its definition is wrong.
    """
    path = survey_file(name_or_path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SurveyError(f"The survey file {path} cannot be read: {error}.", url=str(path)) from None
    return _survey(content, path, offline)


def _survey(content: dict[str, Any], path: Path, offline: bool) -> Survey:
    about = _table(content, "survey", path)
    unknown = sorted(set(about) - SURVEY_KEYS)
    if unknown:
        raise _bad(path, f"[survey] has the unknown key '{unknown[0]}'")
    hips = _table(content, "hips", path)
    bands = about.get("bands", list(hips))
    if not isinstance(bands, list) or not bands or not all(isinstance(band, str) for band in bands):
        raise _bad(path, "bands is not a list of names")
    missing = [band for band in bands if band not in hips]
    if missing:
        raise _bad(path, f"[hips] has no address for band '{missing[0]}'")
    photometry = content.get("photometry", {})
    if not isinstance(photometry, dict):
        raise _bad(path, "[photometry] is not a table")
    odd = sorted(set(content) - {"survey", "hips", "photometry"})
    if odd:
        raise _bad(path, f"it has the unknown table or key '{odd[0]}'")
    bandless = sorted(set(photometry) - set(bands) - set(hips))
    if bandless:
        raise _bad(path, f"[photometry.{bandless[0]}] belongs to no band of [hips]")
    return Survey(
        name=str(about.get("name", path.stem)),
        title=str(about.get("title", about.get("name", path.stem))),
        bands=tuple(bands),
        pixel_unit=str(about.get("pixel_unit", UNKNOWN)),
        hips={band: HiPS(_addresses(hips[band], path), offline=offline) for band in bands},
        photometry={band: _photometry(photometry.get(band, {}), band, path) for band in bands},
        tried=str(about.get("tried", "")),
        file=str(path),
    )


def _table(content: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    table = content.get(name)
    if not isinstance(table, dict):
        raise _bad(path, f"it has no table [{name}]")
    return table


def _addresses(given: Any, path: Path) -> list[str]:
    """Addresses of a band, relative folders made absolute."""
    several = given if isinstance(given, list) else [given]
    if not several or not all(isinstance(one, str) and one for one in several):
        raise _bad(path, "an address in [hips] is not a text")
    return [
        one if urlsplit(one).scheme else str(path.parent.resolve() / Path(one).expanduser())
        for one in several
    ]


def _photometry(given: Any, band: str, path: Path) -> BandPhotometry:
    if not isinstance(given, dict):
        raise _bad(path, f"[photometry.{band}] is not a table")
    values = dict(given)
    if "checked_result" in values:
        raise _bad(path, f"[photometry.{band}] has the unknown key 'checked_result'")
    told = values.get("checked", False)
    word, _, values["checked_result"] = str(told).partition(" ")
    values["checked"] = told is True or word == "yes"
    try:
        known = BandPhotometry(**values)
    except TypeError:
        wrong = sorted(set(values) - set(BandPhotometry.__dataclass_fields__))
        raise _bad(path, f"[photometry.{band}] has the unknown key '{wrong[0]}'") from None
    side = known.source_pixel_arcsec
    if side is not None and not (isinstance(side, int | float) and side > 0 and math.isfinite(side)):
        raise _bad(path, f"source_pixel_arcsec of band {band} is not a number above 0")
    for key in ("zero_point", "ab_offset", "epoch", "extinction_coefficient"):
        value = getattr(known, key)
        if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
            raise _bad(path, f"{key} of band {band} is not a number")
    if known.scaling not in ("linear", "asinh", "unknown"):
        raise _bad(path, f"scaling of band {band} is '{known.scaling}', expected linear, asinh or unknown")
    return known


def _bad(path: Path, why: str) -> SurveyError:
    return SurveyError(f"The survey file {path} is wrong: {why}.", advice="See the how-to of survey files.")
