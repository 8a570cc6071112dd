"""Surveys: which bands, where their HiPS are, and what their pixel values mean."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vo_photoz.errors import SurveyError
from vo_photoz.hips.traffic import Traffic, total
from vo_photoz.hips.tree import HiPS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vo_photoz.flow import Stamps
from vo_photoz.settings import config_file

__all__ = ["BandPhotometry", "HiPS", "Survey", "list_surveys", "load_survey"]

AB_ZERO_NJY = 3631e9
"""Flux density of magnitude 0 in the AB system, nJy (Oke & Gunn 1983, ApJ 266, 713: 3631 Jy)."""
UNITS_NJY = {
    "nJy": 1.0,
    "uJy": 1e3,
    "mJy": 1e6,
    "Jy": 1e9,
    "nanomaggy": 1e-9 * AB_ZERO_NJY,
    "maggy": AB_ZERO_NJY,
}
SURVEY_KEYS = {"name", "title", "bands", "pixel_unit", "tried", "description", "citation"}


@dataclass(frozen=True)
class BandPhotometry:
    """What is known of the pixel values of one band.

    Parameters
    ----------
    zero_point : float or None
        AB magnitude of one unit of pixel value.
    source_pixel_arcsec : float or None
        Side of the pixels that the values belong to; None: ``s_pixel_scale`` of the HiPS.
    scaling : str
        "linear", "asinh" or "unknown".
    filter : str
        SVO identifier, for example "SLOAN/SDSS.u".
    ab_offset : float
        Magnitude to add to the survey's own system to come to AB.
    epoch : float or None
        Mean epoch of the images, Julian year.
    extinction_coefficient : float or None
        A(band) / E(B-V).
    checked : bool
        Whether the fluxes were compared with a catalogue, and agree.
    checked_result : str
        What `vo-photoz surveys check` found, and when; the survey file has it behind the yes or no.
    """

    zero_point: float | None = None
    source_pixel_arcsec: float | None = None
    scaling: str = "linear"
    filter: str = ""
    ab_offset: float = 0.0
    epoch: float | None = None
    extinction_coefficient: float | None = None
    checked: bool = False
    checked_result: str = ""


@dataclass(frozen=True)
class Survey:
    """Images of a part of the sky in several bands.

    Parameters
    ----------
    name, title : str
        Short and long name.
    bands : tuple of str
        Names of the bands.
    pixel_unit : str
        Unit of a pixel value, per source pixel; "unknown" when it is not known.
    hips : mapping of str to HiPS
        One HiPS a band.
    photometry : mapping of str to BandPhotometry
        What is known of the fluxes.
    tried : str
        Whether the addresses were ever used: "no", or when.
    file : str
        Where the definition comes from.
    """

    name: str
    title: str
    bands: tuple[str, ...]
    pixel_unit: str
    hips: Mapping[str, HiPS]
    photometry: Mapping[str, BandPhotometry] = field(default_factory=dict)
    tried: str = ""
    file: str = ""

    def only(self, bands: Sequence[str]) -> Survey:
        """The survey with these of its bands, in this order."""
        return replace(self, bands=tuple(bands))

    def traffic(self) -> Traffic:
        """Bytes moved for tiles of its bands so far, beside the size of the whole tiles."""
        return total(self.hips[band].traffic for band in self.bands)

    def source_pixel_arcsec(self, band: str) -> float:
        """Side of the pixels that the values of a band belong to.

        Raises
        ------
        SurveyError
            Raised if neither the definition nor the HiPS says it.
        """
        side = self.photometry[band].source_pixel_arcsec or self.hips[band].source_pixel_arcsec
        if side is None:
            raise SurveyError(
                f"The source pixel of band {band} of survey {self.name} is not known.",
                advice=f"Write source_pixel_arcsec below [photometry.{band}] of the survey file.",
            )
        return side

    @property
    def pixel_arcsec(self) -> float:
        """Side of a HEALPix pixel at the deepest order: the coarsest of the bands."""
        return max(self.hips[band].pixel_arcsec() for band in self.bands)

    def surface_brightness(self, band: str) -> float:
        """Factor from a pixel value to nJy / arcsec2.

        Raises
        ------
        SurveyError
            Raised if the values are not linear, or their unit, zero point or source pixel is not known.
        """
        known = self.photometry[band]
        if known.scaling != "linear":
            raise SurveyError(
                f"Band {band} of survey {self.name} has {known.scaling} pixel values, which are no fluxes.",
                advice="Use a survey with linear fluxes.",
            )
        if known.zero_point is not None:
            unit_njy = AB_ZERO_NJY * 10 ** (-0.4 * known.zero_point)
        elif self.pixel_unit in UNITS_NJY:
            unit_njy = UNITS_NJY[self.pixel_unit]
        else:
            raise SurveyError(
                f"Survey {self.name} does not say what a pixel value of band {band} means "
                f"(unit '{self.pixel_unit}', no zero point).",
                advice=f'Write zero_point below [photometry.{band}], or pixel_unit = "nanomaggy" or "nJy".',
            )
        return unit_njy * 10 ** (-0.4 * known.ab_offset) / self.source_pixel_arcsec(band) ** 2

    def zero_point(self, band: str) -> float | None:
        """AB magnitude of a pixel value of 1, per source pixel; None when the survey does not say it."""
        known = self.photometry[band]
        if known.zero_point is not None:
            return known.zero_point + known.ab_offset
        if self.pixel_unit not in UNITS_NJY:
            return None
        return -2.5 * math.log10(UNITS_NJY[self.pixel_unit] / AB_ZERO_NJY) + known.ab_offset

    def extract_many(
        self, coordinates: Any, size: int | tuple[int, int], resolution: Any, **options: Any
    ) -> Iterator[tuple[NDArray[np.intp], Stamps]]:
        """Stamps of many positions in all bands, a batch at a time: rows, and the stamps of these rows.

        Parameters
        ----------
        coordinates, size, resolution
            As in `HiPS.extract_many`.
        **options
            interpolation, flux, batch, threads and progress of `vo_photoz.hips.cutouts.cut_stamps`.
        """
        from vo_photoz.hips.batches import positions_of  # noqa: PLC0415 - needs numba
        from vo_photoz.hips.cutouts import arcsec_of, cut_stamps  # noqa: PLC0415

        places = positions_of(coordinates)
        return cut_stamps(self, places, size=size, pixel_arcsec=arcsec_of(resolution), **options)

    def why_not_photometric(self) -> str:
        """Empty when all bands have FITS tiles and known fluxes; otherwise the first reason why not."""
        for band in self.bands:
            try:
                self.surface_brightness(band)
                self.hips[band].need_fits()
            except SurveyError as error:
                return error.message
        return ""


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
        A name of `list_surveys`, or the path of a TOML file; its relative folders are relative to the file.
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
    return Survey(
        name=str(about.get("name", path.stem)),
        title=str(about.get("title", about.get("name", path.stem))),
        bands=tuple(bands),
        pixel_unit=str(about.get("pixel_unit", "unknown")),
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
    if known.scaling not in ("linear", "asinh", "unknown"):
        raise _bad(path, f"scaling of band {band} is '{known.scaling}', expected linear, asinh or unknown")
    return known


def _bad(path: Path, why: str) -> SurveyError:
    return SurveyError(f"The survey file {path} is wrong: {why}.", advice="See the how-to of survey files.")
