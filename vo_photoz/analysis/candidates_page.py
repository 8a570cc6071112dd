"""Candidates as one HTML page that needs no other file: stamps, p(z), probabilities, flags."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.image import imsave

from vo_photoz.analysis.density_curve import Curve, curve_of
from vo_photoz.analysis.plots import SourcePicture
from vo_photoz.analysis.stamp_panels import Stretch, band_picture, colour_bands, colour_picture

PAPER = 2
"""Transparent pixels between stamps."""


@dataclass(frozen=True)
class CandidateView:
    """A candidate as the page tells it.

    Parameters
    ----------
    place : int
        In its group, from 1.
    name : str
        Of the source; empty if it has none.
    ra, dec : float
        ICRS degrees.
    picture : SourcePicture
        Stamps and density.
    p_high : float
        P(z > z_min).
    classes : list of (str, float)
        Probabilities of the classes, if the model tells any.
    modes : list of (float, float)
        Redshift and probability of each mode of the density.
    flags : list of str
        What to mind, in words.
    """

    place: int
    name: str
    ra: float
    dec: float
    picture: SourcePicture
    p_high: float
    classes: Sequence[tuple[str, float]] = ()
    modes: Sequence[tuple[float, float]] = ()
    flags: Sequence[str] = ()

    @property
    def strip(self) -> str:
        """The stamps side by side as PNG, base64."""
        return base64.b64encode(_strip(self.picture)).decode()

    def curve(self, z_end: float) -> Curve:
        """The density as lines, up to a redshift."""
        return curve_of(self.picture, z_end)


@dataclass(frozen=True)
class CandidatesView:
    """What the page shows.

    Parameters
    ----------
    title : str
        Heading.
    z_min : float
        Redshift of the search.
    bands : tuple of str
        Of the stamps.
    groups : list of (str, str, list of CandidateView)
        Heading, a sentence on what belongs there, and the candidates.
    facts : list of (str, str)
        What it was made with, in words.
    caveats : list of str
        What the reader must know.
    """

    title: str
    z_min: float
    bands: tuple[str, ...]
    groups: Sequence[tuple[str, str, Sequence[CandidateView]]]
    facts: Sequence[tuple[str, str]] = field(default_factory=list)
    caveats: Sequence[str] = field(default_factory=list)

    @property
    def z_end(self) -> float:
        """End of all axes of redshift."""
        return max(one.picture.z_end for *_, some in self.groups for one in some)

    @property
    def panels(self) -> list[str]:
        """What stands above the stamps."""
        chosen = colour_bands(self.bands)
        mixed = [" ".join(self.bands[band] for band in chosen)] if chosen else []
        return [*mixed, *self.bands]


def page_of(view: CandidatesView) -> str:
    """The page; every value is escaped."""
    environment = Environment(
        loader=PackageLoader("vo_photoz.analysis", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("candidates.html").render(view=view)


def _strip(source: SourcePicture) -> bytes:
    chosen, stretch = colour_bands(source.bands), Stretch.of(source.stamps)
    panels = [colour_picture(source.stamps, chosen)] if chosen else []
    panels += [band_picture(band, stretch) for band in source.stamps]
    height, width = panels[0].shape[:2]
    whole = np.zeros((height, len(panels) * (width + PAPER) - PAPER, 4), dtype=np.uint8)
    for number, panel in enumerate(panels):
        start = number * (width + PAPER)
        whole[:, start : start + width] = np.dstack([panel, np.full((height, width), 255, np.uint8)])[::-1]
    file = io.BytesIO()
    imsave(file, whole, format="png")
    return file.getvalue()
