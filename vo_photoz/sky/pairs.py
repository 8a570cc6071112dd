"""Pairs of positions on the sphere: who lies near whom, and the best partner of each row."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray, NewColumn

IntArray = NDArray[np.int64]

MANY = 20_000
"""From so many positions on a compiled search is worth its start."""

_TEXT_UCDS = ("meta.id", "meta.note", "meta.ref", "meta.title", "src.class")


@dataclass(frozen=True)
class Pairs:
    """Rows of the user's table and the partners found for them, one pair an element.

    Parameters
    ----------
    rows : int64 array, shape (m,)
        Row of the user's table.
    separation : float64 array, shape (m,)
        Arcsec; NaN where the partner has no position.
    columns : list of NewColumn
        What is known of the partners, m values each.
    partners : int64 array, shape (m,), or None
        Row of the partner in its table; None where rows have no numbers, as in an archive.
    """

    rows: IntArray
    separation: FloatArray
    columns: list[NewColumn]
    partners: IntArray | None = None

    def __len__(self) -> int:
        return len(self.rows)


def separation_arcsec(ra1: FloatArray, dec1: FloatArray, ra2: FloatArray, dec2: FloatArray) -> FloatArray:
    """Great-circle separation, exact at all distances (Vincenty 1975, on a sphere).

    Parameters
    ----------
    ra1, dec1, ra2, dec2 : float array, shape (n,)
        Degrees.

    Returns
    -------
    float64 array, shape (n,)
        Arcsec.
    """
    d1, d2 = np.radians(dec1), np.radians(dec2)
    dra = np.radians(ra2 - ra1)
    # cos d1 sin d2 - sin d1 cos d2 cos dra, written so that nothing cancels between close neighbours.
    along = np.sin(np.radians(dec2 - dec1)) + 2 * np.sin(d1) * np.cos(d2) * np.sin(dra / 2) ** 2
    across = np.cos(d2) * np.sin(dra)
    inner = np.sin(d1) * np.sin(d2) + np.cos(d1) * np.cos(d2) * np.cos(dra)
    separation: FloatArray = np.degrees(np.arctan2(np.hypot(across, along), inner)) * 3600
    return separation


def within(
    ra1: FloatArray, dec1: FloatArray, ra2: FloatArray, dec2: FloatArray, radius_arcsec: float
) -> tuple[IntArray, IntArray, FloatArray]:
    """All pairs of two lists of finite positions that are closer than a radius.

    Parameters
    ----------
    ra1, dec1, ra2, dec2 : float array, shapes (n,) and (m,)
        Degrees, finite.
    radius_arcsec : float
        Largest separation, included.

    Returns
    -------
    first, second : int64 array, shape (pairs,)
        Elements of the two lists, sorted by the first, then by the second.
    separation : float64 array, shape (pairs,)
        Arcsec.
    """
    if not len(ra1) or not len(ra2):
        none = np.zeros(0, np.int64)
        return none, none, np.zeros(0)
    # A little more than asked for, then the exact separation decides.
    if len(ra1) + len(ra2) >= MANY:
        from vo_photoz.sky.zones import candidates  # noqa: PLC0415 - imports numba

        first, second = candidates(ra1, dec1, ra2, dec2, radius_arcsec)
    else:
        limit = (radius_arcsec * (1 + 1e-9) + 1e-6) * u.arcsec
        found = search_around_sky(SkyCoord(ra1, dec1, unit="deg"), SkyCoord(ra2, dec2, unit="deg"), limit)
        first, second = found[0].astype(np.int64), found[1].astype(np.int64)
    separation = separation_arcsec(ra1[first], dec1[first], ra2[second], dec2[second])
    near = separation <= radius_arcsec
    first, second, separation = first[near], second[near], separation[near]
    order = np.lexsort((second, first))
    return first[order], second[order], separation[order]


def column_prefix(name: str) -> str:
    """Name of a query or table as the beginning of column names."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def best_partners(name: str, pairs: Pairs, n: int, best: IntArray | None = None) -> list[NewColumn]:
    """Columns of the closest partner of each of ``n`` rows, masked where there is none.

    Among partners at the same separation the one with the smallest values, column by column, is taken:
    archives return rows in any order, and the answer must not depend on it.

    Parameters
    ----------
    name : str
        Prefix of the columns.
    pairs : Pairs
        All pairs.
    n : int
        Rows of the user's table.
    best : int64 array or None
        Element of the pair that is taken for each row that has one; None takes the closest.

    Returns
    -------
    list of NewColumn
        ``<name>_<column>`` for all columns of the pairs, ``<name>_separation`` and ``<name>_nmatch``.
    """
    best = closest(pairs) if best is None else best
    rows, prefix = pairs.rows[best], column_prefix(name)
    separation = NewColumn(
        "separation",
        pairs.separation,
        "arcsec",
        "pos.angDistance",
        f"Distance of the closest match in {name}",
    )
    columns = [
        replace(
            c,
            name=f"{prefix}_{c.name}",
            values=_spread(c.values[best], rows, n),
            ucd=_ucd_beside(c.ucd),
            description=c.description or f"{c.name} of the closest match in {name}",
        )
        for c in (*pairs.columns, separation)
    ]
    count = np.bincount(pairs.rows, minlength=n).astype(np.int32)
    told = f"Number of matches in {name} within the radius"
    return [*columns, NewColumn(f"{prefix}_nmatch", count, "", "meta.number", told)]


def _ucd_beside(ucd: str) -> str:
    """UCD of a partner's column beside the user's own: never the main one, and no position to plot at.

    TOPCAT takes the first column with a UCD of right ascension for the position of a row; a user's column
    that came from a FITS file has none.
    """
    words = [word.strip() for word in ucd.split(";")]
    words = ["pos.eq" if word.lower() in ("pos.eq.ra", "pos.eq.dec") else word for word in words]
    return ";".join(word for word in words if word.lower() != "meta.main")


def null_partners(
    name: str,
    columns: tuple[str, ...],
    n: int,
    describe: Callable[[str, NewColumn], NewColumn] | None = None,
) -> list[NewColumn]:
    """Columns for ``n`` rows when nothing is known of any partner: all null, the number of matches too.

    Parameters
    ----------
    name : str
        Prefix of the columns.
    columns : tuple of str
        Those of a partner.
    n : int
        Rows of the user's table.
    describe : callable or None
        Puts the unit and UCD of a column where they are known, such as `Query.described`. A column whose UCD
        is that of a name is text, any other a number.
    """
    prefix, none = column_prefix(name), _nothing((n,), np.float64)
    told = f"No values: nothing was obtained from {name}"
    known = [NewColumn(column, none, description=told) for column in columns]
    if describe is not None:
        known = [describe(column.name, column) for column in known]
    empty = [
        replace(
            column,
            name=f"{prefix}_{column.name}",
            values=_nothing((n,), "U1") if column.ucd.startswith(_TEXT_UCDS) else none,
            ucd=_ucd_beside(column.ucd),
        )
        for column in known
    ]
    separation = NewColumn(f"{prefix}_separation", none, "arcsec", "pos.angDistance", told)
    number = NewColumn(f"{prefix}_nmatch", _nothing((n,), np.int32), "", "meta.number", told)
    return [*empty, separation, number]


def closest(pairs: Pairs) -> IntArray:
    """Element of the best pair of each row that has one, in the order of the rows."""
    order = np.lexsort((pairs.separation, pairs.rows))
    rows, separation = pairs.rows[order], pairs.separation[order]
    if np.any((rows[1:] == rows[:-1]) & (separation[1:] == separation[:-1])):
        keys = [ranks(column.values) for column in reversed(pairs.columns) if column.values.ndim == 1]
        order = np.lexsort((*keys, pairs.separation, pairs.rows))
        rows = pairs.rows[order]
    return order[np.unique(rows, return_index=True)[1]].astype(np.int64)


def ranks(values: NDArray[Any]) -> IntArray:
    """Order of values as integers, nulls first; strings and numbers alike."""
    plain = np.ma.getdata(values)
    plain = plain.astype(str) if plain.dtype == object else plain
    order: IntArray = np.unique(plain, return_inverse=True)[1].astype(np.int64)
    order[np.ma.getmaskarray(values)] = -1
    return order


def _spread(values: NDArray[Any], rows: IntArray, n: int) -> NDArray[Any]:
    """Values of some rows as a masked array for all rows."""
    spread: NDArray[Any] = _nothing((n, *values.shape[1:]), values.dtype)
    if values.dtype == object:
        # Texts, or arrays of any length: what is masked still has to be of the same kind.
        first = next((value for value in np.ma.getdata(values) if value is not None), "")
        empty = first[:0] if isinstance(first, (str, bytes, np.ndarray)) else first
        for row in range(n):
            np.ma.getdata(spread)[row] = empty
    spread[rows] = values
    return spread


def _nothing(shape: tuple[int, ...], dtype: Any) -> Any:
    """Array of nulls."""
    return np.ma.MaskedArray(np.zeros(shape, dtype), mask=True)
