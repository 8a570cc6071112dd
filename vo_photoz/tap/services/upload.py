"""The table of positions that travels to an archive."""

from __future__ import annotations

from base64 import encodebytes

import numpy as np

from vo_photoz.flow import FloatArray
from vo_photoz.sky.pairs import IntArray

TABLE = "positions"
MIME = "application/x-votable+xml"

_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<COOSYS ID="system" system="ICRS"/>
<RESOURCE><TABLE name="positions" nrows="{rows}">
<FIELD name="id" datatype="long" ucd="meta.id;meta.main"/>
<FIELD name="ra" datatype="double" unit="deg" ucd="pos.eq.ra;meta.main" ref="system"/>
<FIELD name="dec" datatype="double" unit="deg" ucd="pos.eq.dec;meta.main" ref="system"/>
<DATA><BINARY2><STREAM encoding="base64">
"""
_TAIL = "</STREAM></BINARY2></DATA></TABLE></RESOURCE></VOTABLE>\n"
_ROW = np.dtype([("null", "u1"), ("id", ">i8"), ("ra", ">f8"), ("dec", ">f8")])


def positions_votable(rows: IntArray, ra: FloatArray, dec: FloatArray) -> bytes:
    """Write ids and ICRS positions as a BINARY2 VOTable: 33 bytes a row, a third of TABLEDATA.

    Parameters
    ----------
    rows : int64 array, shape (n,)
        Ids: row indices of ours, nothing of the user's.
    ra, dec : float array, shape (n,)
        Degrees, finite.
    """
    table = np.zeros(len(rows), dtype=_ROW)
    table["id"], table["ra"], table["dec"] = rows, ra, dec
    return _HEAD.format(rows=len(rows)).encode() + encodebytes(table.tobytes()) + _TAIL.encode()


def rows_within(size: int | None) -> int | None:
    """Rows of an upload that is not larger than a number of bytes; None where there is no limit."""
    if size is None:
        return None
    row = _ROW.itemsize * 4 / 3 * 77 / 76  # base64, and a line end after 76 letters
    return max(1, int((size - len(_HEAD) - len(_TAIL) - 2_000) / row))  # 2,000 for what the form adds
