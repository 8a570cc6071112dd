"""Descriptions of a simulated sky: which sources, seen how, as a TOML file."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vo_photoz.errors import UsageError
from vo_photoz.simulation.imaging import Imaging, Variety

Kind = Literal["QSO", "GALAXY", "STAR"]


class _Part(BaseModel):
    """Unknown keys are an error, for they are misspelt ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourcesWanted(_Part):
    """One kind of sources in the middle of the stamps.

    Parameters
    ----------
    kind : str
        QSO, GALAXY or STAR.
    share : float
        Its part of all sources; the shares are divided by their sum.
    options : dict
        Further arguments of `draw_quasars`, `draw_galaxies` or `draw_stars`, for example
        ``z_range = [2.75, 5.0]``.
    """

    kind: Kind
    share: float = Field(default=1.0, gt=0)
    options: dict[str, Any] = {}


class NeighboursWanted(_Part):
    """What stands beside the sources.

    Parameters
    ----------
    galaxies, stars : float
        Factors on the natural numbers: galaxies with r < 24 (`galaxy_counts`), stars with z < 22.5 at high
        Galactic latitude (`counts`). Chosen so that as many simulated as real stamps show a neighbour.
    isolation_arcsec : float
        Nearer than this, neighbours are rarer in proportion to the distance: samples of point sources with
        spectra leave out blends.
    """

    galaxies: float = Field(default=0.85, ge=0)
    stars: float = Field(default=0.7, ge=0)
    isolation_arcsec: float = Field(default=4.0, ge=0)


class SkyFile(_Part):
    """A simulated sky.

    Parameters
    ----------
    title : str
        For manifests and cards.
    sources : list of SourcesWanted
        What stands in the middle of the stamps.
    imaging, variety : Imaging, Variety
        The camera, and how far fields differ.
    neighbours : NeighboursWanted
        What else is in the stamps.
    """

    title: str = ""
    sources: tuple[SourcesWanted, ...] = Field(min_length=1)
    imaging: Imaging = Imaging()
    variety: Variety = Variety()
    neighbours: NeighboursWanted = NeighboursWanted()


def list_skies() -> list[str]:
    """Names of the descriptions that come with the program."""
    return sorted(_shipped())


def load_sky(name_or_path: str | Path) -> SkyFile:
    """Read and check a description.

    Parameters
    ----------
    name_or_path : str or path
        One of `list_skies`, or a TOML file.

    Raises
    ------
    UsageError
        Raised if there is none of that name, or it has a key or value that cannot be meant; names the key.
    """
    path = _shipped().get(str(name_or_path), Path(name_or_path).expanduser())
    if not path.is_file():
        raise UsageError(
            f"There is no description of a sky {name_or_path}.",
            advice=f"Give a TOML file or one of: {', '.join(list_skies())}.",
        )
    try:
        return SkyFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"The description {path} cannot be read: {error}.", url=str(path)) from None
    except ValidationError as error:
        raise UsageError(f"The description {path} is wrong{_where(error)}.", url=str(path)) from None


def _where(error: ValidationError) -> str:
    """Place and reason of the first complaint."""
    first = error.errors()[0]
    place = f" at {'.'.join(str(step) for step in first['loc'])}" if first["loc"] else ""
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{place}: this key is not known"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason[:1].lower()}{reason[1:]}"


def _shipped() -> dict[str, Path]:
    folder = Path(str(resources.files("vo_photoz") / "data" / "skies"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
