"""Pairs that are best for both sides: each is the closest of the other."""

from __future__ import annotations

import numpy as np

from vo_photoz.sky.pairs import IntArray, Pairs, ranks


def partner_numbers(pairs: Pairs) -> IntArray:
    """Number of the partner of each pair: the same partner, the same number.

    An archive gives no numbers; there, partners are the same when all their values are.
    """
    if pairs.partners is not None:
        return pairs.partners
    columns = [ranks(column.values) for column in pairs.columns if column.values.ndim == 1]
    if not columns or not len(pairs):
        return np.arange(len(pairs), dtype=np.int64)
    return np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def symmetric_best(pairs: Pairs) -> IntArray:
    """Elements of the pairs that are best for both sides: each is the closest of the other.

    No row and no partner comes twice. At equal separations the earlier row goes first, then the smaller
    partner. STILTS (find=best) has all these pairs, and some second choices in very crowded fields.

    Returns
    -------
    int64 array
        Elements, in the order of the rows.
    """
    partners = partner_numbers(pairs)
    order = np.lexsort((partners, pairs.rows, pairs.separation))
    of_row = order[np.unique(pairs.rows[order], return_index=True)[1]]
    of_partner = order[np.unique(partners[order], return_index=True)[1]]
    found: IntArray = np.intersect1d(of_row, of_partner).astype(np.int64)
    return found[np.argsort(pairs.rows[found], kind="stable")]
