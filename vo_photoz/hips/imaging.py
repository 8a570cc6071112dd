"""A survey's bands, their HiPS, and what a pixel value means in nJy / arcsec2."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vo_photoz.errors import SurveyError
from vo_photoz.hips.access.traffic import Traffic, total
from vo_photoz.hips.tree import HiPS
from vo_photoz.hips.units import AB_ZERO_NJY, UNITS_NJY, unit_named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vo_photoz.flow import Stamps


UNKNOWN = "unknown"


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
        Unit of a pixel value, per source pixel; "unknown": the tiles may tell it.
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

    def unit(self, band: str) -> str:
        """Unit of the pixel values of a band: of the survey, else as a tile says; empty if not known."""
        if self.pixel_unit == UNKNOWN:
            return self.hips[band].tile_unit
        return unit_named(self.pixel_unit)

    def surface_brightness(self, band: str) -> float:
        """Factor from a pixel value to nJy / arcsec2.

        Raises
        ------
        SurveyError
            Raised if the values are not linear, or their unit, zero point or source pixel is not known.
        """
        known = self.photometry[band]
        self._need_linear(band)
        if known.zero_point is not None:
            unit_njy = AB_ZERO_NJY * 10 ** (-0.4 * known.zero_point)
        elif unit := self.unit(band):
            unit_njy = UNITS_NJY[unit]
        else:
            given = f"unit '{self.pixel_unit}'"
            if self.pixel_unit == UNKNOWN:
                given = f"no unit, not in the tiles of {self.hips[band].address} either"
            raise SurveyError(
                f"Survey {self.name} does not say what a pixel value of band {band} means "
                f"({given}, no zero point).",
                advice=f'Write zero_point below [photometry.{band}], or pixel_unit = "nanomaggy" or "nJy".',
            )
        return unit_njy * 10 ** (-0.4 * known.ab_offset) / self.source_pixel_arcsec(band) ** 2

    def zero_point(self, band: str) -> float | None:
        """AB magnitude of a pixel value of 1, per source pixel; None when the survey does not say it."""
        known = self.photometry[band]
        if known.zero_point is not None:
            return known.zero_point + known.ab_offset
        unit = self.unit(band)
        return -2.5 * math.log10(UNITS_NJY[unit] / AB_ZERO_NJY) + known.ab_offset if unit else None

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
        from vo_photoz.hips.arguments import arcsec_of  # noqa: PLC0415
        from vo_photoz.hips.batches import positions_of  # noqa: PLC0415 - needs numba
        from vo_photoz.hips.cutouts import cut_stamps  # noqa: PLC0415

        places = positions_of(coordinates)
        return cut_stamps(self, places, size=size, pixel_arcsec=arcsec_of(resolution), **options)

    def need_photometric(self) -> None:
        """Refuse a survey whose fluxes are not known.

        Raises
        ------
        SurveyError
            Raised if a band has no FITS tiles, its fluxes are not known, or its HiPS cannot be opened.
        """
        for band in self.bands:
            self._need_linear(band)  # first what needs no network
        for band in self.bands:
            self.hips[band].need_fits()  # before a tile is opened for its unit
            self.surface_brightness(band)

    def _need_linear(self, band: str) -> None:
        scaling = self.photometry[band].scaling
        if scaling != "linear":
            raise SurveyError(
                f"Band {band} of survey {self.name} has {scaling} pixel values, which are no fluxes.",
                advice="Use a survey with linear fluxes.",
            )
