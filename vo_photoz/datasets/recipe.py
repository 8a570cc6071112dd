"""Recipes of training sets: which samples, merged how, cut how, as a TOML file."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vo_photoz.datasets.cuts import Cut
from vo_photoz.errors import UsageError
from vo_photoz.settings import config_file

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
ADVICE = "See the how-to of training sets."


class _Part(BaseModel):
    """A part of a recipe; unknown keys are an error, for they are misspelt ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class About(_Part):
    """What the data set is.

    Parameters
    ----------
    title, citation, licence : str
        For cards and reports; what the queries ask to be cited is added.
    survey : str
        Images: name of a survey, or a TOML file (relative to the recipe).
    real : bool
        False for a simulated sky.
    """

    title: str = ""
    citation: str = ""
    licence: str = ""
    survey: str
    real: bool = True


class Sample(_Part):
    """Objects with known redshifts, from an archive or a table.

    Parameters
    ----------
    name : str
        How the sample is called in rows and ledger.
    query, service : str
        A query of `vo-photoz queries list` (or a file), and the TAP service instead of the query's own.
    table : str
        A file instead of a query, relative to the recipe.
    ra, dec, frame : str
        Position columns of the table; found when left out.
    id, redshift, redshift_error : str
        Columns.
    magnitudes : dict
        Column of the catalogue magnitude of each band.
    keep : list of str
        Further columns that go with the objects, for example the redshift warning.
    where : dict
        Cuts on columns of the sample: see `vo_photoz.datasets.cuts`.
    """

    name: Name
    query: str = ""
    service: str = ""
    table: str = ""
    ra: str | None = None
    dec: str | None = None
    frame: str | None = None
    id: str = ""
    redshift: str = "z_spec"
    redshift_error: str = ""
    magnitudes: dict[str, str] = {}
    keep: list[str] = []
    where: dict[str, Cut] = {}

    @model_validator(mode="after")
    def _one_source(self) -> Sample:
        if bool(self.query) == bool(self.table):
            raise ValueError("give either a query or a table")
        if self.query and (self.ra or self.dec or self.frame):
            raise ValueError("ra, dec and frame are for tables; a query returns ra and dec")
        if self.table and self.service:
            raise ValueError("service is for queries")
        return self


class Merge(_Part):
    """How samples become one list of objects.

    Parameters
    ----------
    radius_arcsec : float
        Rows that are closer are the same object.
    precedence : list of str
        Samples, the one that wins first; the order of the samples when left out.
    conflict : float
        Redshifts of one object contradict each other when abs(dz) / (1 + z) is larger.
    on_conflict : {"keep", "drop"}
        Keep the redshift of the sample that wins, or leave the object out.
    """

    radius_arcsec: float = Field(default=1.5, gt=0, le=60)
    precedence: list[str] = []
    conflict: float = Field(default=0.01, gt=0)
    on_conflict: Literal["keep", "drop"] = "keep"


class Footprint(_Part):
    """Where objects are taken from: where all bands have images, and inside these maps.

    Parameters
    ----------
    moc : list of str
        Coverage maps (FITS), relative to the recipe; all of them hold.
    """

    moc: list[str] = []


class Cuts(_Part):
    """Cuts on the merged objects.

    Parameters
    ----------
    redshift : Cut or None
        Range of the redshift.
    magnitude : dict
        Range of the catalogue magnitude of each band; an object without one is left out.
    flags : list of str
        Stamps with one of these flags are left out.
    """

    redshift: Cut | None = None
    magnitude: dict[str, Cut] = {}
    flags: list[Literal["BAND_MISSING", "PIXELS_MASKED"]] = ["BAND_MISSING", "PIXELS_MASKED"]


class StampsWanted(_Part):
    """The images.

    Parameters
    ----------
    size : int
        Side, pixels.
    pixel_arcsec : float
        Side of a pixel.
    bands : list of str
        Of the survey; all when left out.
    interpolation : {"bilinear", "nearest"}
        In the HEALPix grid.
    unavailable : {"stop", "drop"}
        What to do when the server does not give the pixels of an object: stop, and try these again in the
        next run; or leave the object out.
    """

    size: int = Field(default=28, ge=8, le=1024)
    pixel_arcsec: float = Field(default=0.4, gt=0)
    bands: list[str] = []
    interpolation: Literal["bilinear", "nearest"] = "bilinear"
    unavailable: Literal["stop", "drop"] = "stop"


class Split(_Part):
    """Folds of the sky.

    Parameters
    ----------
    cell_order : int
        HEALPix order of the cells that stay together: 4 is 3.7 degrees, 6 is 0.9 degrees.
    folds : int
        Number of folds.
    """

    cell_order: int = Field(default=4, ge=0, le=12)
    folds: int = Field(default=5, ge=3, le=100)


class Recipe(_Part):
    """A whole recipe; see the classes of its parts."""

    dataset: About
    sample: list[Sample] = Field(min_length=1)
    merge: Merge = Merge()
    footprint: Footprint = Footprint()
    cuts: Cuts = Cuts()
    stamps: StampsWanted = StampsWanted()
    split: Split = Split()

    @model_validator(mode="after")
    def _names_fit(self) -> Recipe:
        names = [sample.name for sample in self.sample]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two samples are called {twice[0]}")
        if self.merge.precedence and sorted(self.merge.precedence) != sorted(names):
            raise ValueError(f"merge.precedence must name each sample once: {', '.join(names)}")
        return self

    @property
    def precedence(self) -> list[str]:
        """Names of the samples, the one that wins first."""
        return list(self.merge.precedence) or [sample.name for sample in self.sample]


def own_recipes() -> Path:
    """Folder of the user's recipes; a file there replaces the shipped one of the same name."""
    return config_file().parent / "recipes"


def list_recipes() -> list[str]:
    """Names of the recipes that come with the program, and of those in the user's folder."""
    return sorted(_files())


def recipe_file(name_or_path: str | Path) -> Path:
    """Where a recipe is: one of `list_recipes`, or the path given.

    Raises
    ------
    UsageError
        Raised if there is no such recipe.
    """
    path = _files().get(str(name_or_path), Path(name_or_path).expanduser())
    if not path.is_file():
        raise UsageError(
            f"There is no recipe {name_or_path}.",
            advice=f"Give a TOML file or one of: {', '.join(list_recipes())}.",
        )
    return path


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    UsageError
        Raised if there is no such recipe, or it has a key or value that cannot be meant; names the key.
    """
    path = recipe_file(name_or_path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"The recipe {path} cannot be read: {error}.", url=str(path)) from None
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise UsageError(
            f"The recipe {path} is wrong{_where(error, content)}.", advice=ADVICE, url=str(path)
        ) from None


def _where(error: ValidationError, content: dict[str, Any]) -> str:
    """Place and reason of the first complaint, samples by their names."""
    first = error.errors()[0]
    steps = [str(step) for step in first["loc"]]
    if len(steps) > 1 and steps[0] == "sample" and isinstance(first["loc"][1], int):
        sample = content["sample"][first["loc"][1]]
        given = sample.get("name") if isinstance(sample, dict) else None
        steps[:2] = [f"sample '{given}'" if given else f"sample number {int(steps[1]) + 1}"]
    place = f" at {'.'.join(steps)}" if steps else ""
    if first["type"] == "extra_forbidden":
        return f"{place}: this key is not known"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason[:1].lower()}{reason[1:]}"


def _files() -> dict[str, Path]:
    shipped = Path(str(resources.files("vo_photoz") / "data" / "recipes"))
    folders = [shipped, own_recipes()]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}
