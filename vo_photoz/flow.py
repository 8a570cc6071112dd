"""What flows between the rooms: positions, coverage, stamps, redshift PDFs, flags.

Arrays, not row objects: every container holds columns of equal length, in the order of the user's rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
FlagArray = NDArray[np.int16]


class Flag(IntFlag):
    """Bits of the column ``photoz_flag``."""

    NO_POSITION = 1
    OUTSIDE_COVERAGE = 2
    BAND_MISSING = 4
    PIXELS_MASKED = 8
    OUTSIDE_DOMAIN = 16
    PIXELS_UNAVAILABLE = 32
    CROSSMATCH_FAILED = 64
    NEIGHBOUR = 128
    OFF_CENTRE = 256
    HIGH_EXTINCTION = 512
    DUPLICATE_POSITION = 1024


NOT_PREDICTED = Flag.NO_POSITION | Flag.OUTSIDE_COVERAGE | Flag.BAND_MISSING | Flag.PIXELS_UNAVAILABLE
"""A row with any of these bits has no prediction (NaN)."""

FLAG_MEANINGS: dict[Flag, str] = {
    Flag.NO_POSITION: "no position",
    Flag.OUTSIDE_COVERAGE: "outside the coverage of the survey",
    Flag.BAND_MISSING: "no data in at least one band",
    Flag.PIXELS_MASKED: "some pixels are masked",
    Flag.OUTSIDE_DOMAIN: "outside the training domain of the model",
    Flag.PIXELS_UNAVAILABLE: "pixels could not be had",
    Flag.CROSSMATCH_FAILED: "crossmatch failed, its columns are null",
    Flag.NEIGHBOUR: "a neighbour in the core of the stamp",
    Flag.OFF_CENTRE: "source off centre by more than 1.5 arcsec",
    Flag.HIGH_EXTINCTION: "high Galactic extinction",
    Flag.DUPLICATE_POSITION: "same position as an earlier row",
}


@dataclass(frozen=True)
class Positions:
    """ICRS positions, one a row of the user's table.

    Parameters
    ----------
    ra, dec : float64 array, shape (n,)
        Degrees; NaN where ``valid`` is False.
    valid : bool array, shape (n,)
        False where the row has no usable position.
    origin : str
        Where they come from, for provenance: "columns RA_ICRS and DE_ICRS (UCD), ICRS".
    """

    ra: FloatArray
    dec: FloatArray
    valid: BoolArray
    origin: str = ""

    def __len__(self) -> int:
        return len(self.ra)

    def take(self, rows: NDArray[np.intp] | slice) -> Positions:
        """Positions of the given rows."""
        return Positions(self.ra[rows], self.dec[rows], self.valid[rows], self.origin)


@dataclass(frozen=True)
class Coverage:
    """A part of the sky, as HEALPix ranges.

    Parameters
    ----------
    ranges : int64 array, shape (n, 2)
        Sorted, disjoint, half open ranges of nested ICRS cells of order 29.
    max_order : int
        The order at which the map was made (its resolution).
    origin : str
        Where it comes from, for provenance.
    """

    ranges: NDArray[np.int64]
    max_order: int
    origin: str = ""

    @property
    def sky_fraction(self) -> float:
        """Covered fraction of the sphere."""
        return float((self.ranges[:, 1] - self.ranges[:, 0]).sum()) / (12 * 4**29)


@dataclass(frozen=True)
class Stamps:
    """Multi-band images of sources, a batch.

    Parameters
    ----------
    pixels : float32 array, shape (n, band, y, x)
        NaN where there is no value. North up (y grows with declination), east left.
    flags : int16 array, shape (n,)
        Bits of `Flag` that the cutting set.
    bands : tuple of str
        Names, in the order of the second axis.
    pixel_arcsec : float
        Side of a pixel.
    unit : str
        Unit of the pixel values, for example "nanomaggy" (per source pixel) or "nJy/arcsec2".
    dereddened : bool
        True if they are corrected for Galactic extinction.
    """

    pixels: Float32Array
    flags: FlagArray
    bands: tuple[str, ...]
    pixel_arcsec: float
    unit: str
    dereddened: bool = False

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def mask(self) -> BoolArray:
        """True where a pixel has no value; shape (n, band, y, x)."""
        return ~np.isfinite(self.pixels)

    @property
    def nan_fraction(self) -> Float32Array:
        """Share of the pixels without a value; shape (n, band)."""
        return np.asarray(self.mask.mean(axis=(2, 3)), dtype=np.float32)


@dataclass(frozen=True)
class MixturePDF:
    """Redshift densities as Gaussian mixtures.

    Parameters
    ----------
    weight, mean, sigma : float array, shape (n, k)
        Weights sum to 1 over k; a row without a prediction is NaN.
    """

    weight: NDArray[np.floating]
    mean: NDArray[np.floating]
    sigma: NDArray[np.floating]

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, rows: NDArray[np.intp] | slice) -> MixturePDF:
        """Densities of the given rows."""
        return MixturePDF(self.weight[rows], self.mean[rows], self.sigma[rows])


@dataclass(frozen=True)
class NewColumn:
    """A column that is added to the user's table.

    Parameters
    ----------
    name : str
        Name of the column.
    values : array, shape (n,) or (n, k)
        Masked array where rows have no value; strings as an object or str array.
    unit, ucd, description : str
        Metadata. The unit is empty for dimensionless numbers.
    """

    name: str
    values: NDArray[Any]
    unit: str = ""
    ucd: str = ""
    description: str = ""


@dataclass(frozen=True)
class Match:
    """The outcome of one crossmatch: the best partner of each row.

    Parameters
    ----------
    name : str
        Name of the query or table (prefix of its columns).
    columns : list of NewColumn
        What was joined, with ``<name>_separation`` (arcsec) and ``<name>_nmatch``.
    failed : str
        Empty, or the sentence that says why the archive gave nothing: all columns are then null.
    infos : dict
        Provenance: service, query, time, number of partners.
    """

    name: str
    columns: list[NewColumn]
    failed: str = ""
    infos: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Predictions:
    """Redshift densities and what is told of them, one a row of the user's table.

    Parameters
    ----------
    pdf : MixturePDF
        The densities; NaN where nothing was predicted.
    median, low, high, peak, sigma, p_high : float32 array, shape (n,)
        Median, 16th and 84th percentile, highest mode, standard deviation, P(z > z_min).
    flags : int16 array, shape (n,)
        Bits of `Flag`.
    notes : list of str
        Empty, or why the row has no or a doubtful value (ASCII).
    z_min : float
        Redshift above which ``p_high`` counts.
    n_modes : int16 array, shape (n,), or None
        Number of modes; None if they were not sought.
    second_mode, second_probability : float32 array, shape (n,), or None
        Place and probability of the most probable mode but one; NaN where there is none.
    """

    pdf: MixturePDF
    median: Float32Array
    low: Float32Array
    high: Float32Array
    peak: Float32Array
    sigma: Float32Array
    p_high: Float32Array
    flags: FlagArray
    notes: list[str]
    z_min: float
    n_modes: NDArray[np.int16] | None = None
    second_mode: Float32Array | None = None
    second_probability: Float32Array | None = None


class Progress(Protocol):
    """Where a long chain tells how far it is."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Take note that ``done`` of ``total`` parts of ``step`` are finished."""


def no_progress(step: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
