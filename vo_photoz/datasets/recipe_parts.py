"""The parts of a recipe of a training set, one class a table of the TOML file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vo_photoz.datasets.cuts import Cut

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Part(BaseModel):
    """A part of a recipe; unknown keys are an error, for they are misspelt ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class About(Part):
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


class Sample(Part):
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


class Merge(Part):
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


class Footprint(Part):
    """Where objects are taken from: where all bands have images, and inside these maps.

    Parameters
    ----------
    moc : list of str
        Coverage maps (FITS), relative to the recipe; all of them hold.
    """

    moc: list[str] = []


class Magnitudes(Part):
    """A catalogue of the imaging survey that gives the magnitudes: the nearest source counts.

    Parameters
    ----------
    query, service, table : str
        As of a sample.
    radius_arcsec : float
        Largest separation.
    columns : dict
        Column of the magnitude of each band.
    """

    query: str = ""
    service: str = ""
    table: str = ""
    radius_arcsec: float = Field(default=1.0, gt=0, le=60)
    columns: dict[str, str] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_source(self) -> Magnitudes:
        if bool(self.query) == bool(self.table):
            raise ValueError("give either a query or a table")
        return self


class Cuts(Part):
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


class StampsWanted(Part):
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


class Split(Part):
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
