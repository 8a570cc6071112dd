"""Files made to hurt whoever reads them, one function a format: name of the case to its bytes."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import struct

import numpy as np
import pyarrow as pa
from astropy.io import fits
from pyarrow import parquet as pq

LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
INT = '<FIELD name="n" datatype="int"/>'
TEXT = '<FIELD name="s" datatype="char" arraysize="*"/>'
ZEROS = 500_000_000
"""Bytes that a packed trap unpacks to."""


def document(fields: str, data: str, *, table: str = "", doctype: str = "") -> bytes:
    """A VOTable."""
    rows = f"<TABLE {table}>{fields}<DATA>{data}</DATA></TABLE>"
    return (
        f'<?xml version="1.0"?>{doctype}<VOTABLE version="1.4"><RESOURCE>{rows}</RESOURCE></VOTABLE>'.encode()
    )


def rows(*cells: str) -> str:
    """TABLEDATA of one column."""
    return "<TABLEDATA>" + "".join(f"<TR><TD>{cell}</TD></TR>" for cell in cells) + "</TABLEDATA>"


def binary2(raw: bytes) -> str:
    """A BINARY2 serialisation."""
    return f'<BINARY2><STREAM encoding="base64">{base64.b64encode(raw).decode()}</STREAM></BINARY2>'


def packed(head: bytes, filling: bytes, tail: bytes = b"", size: int = ZEROS) -> bytes:
    """A small gzip file that unpacks to ``size`` bytes: many members that are all the same."""
    block = filling * (10_000_000 // len(filling))
    return gzip.compress(head) + gzip.compress(block) * (size // len(block)) + gzip.compress(tail)


def votable() -> dict[str, bytes]:
    """VOTables."""
    quadratic = f'<!ENTITY a "{"x" * 50_000}">'
    many = "".join(f'<FIELD name="c{n}" datatype="int"/>' for n in range(1_000_000))
    long_array = '<FIELD name="n" datatype="double" arraysize="*"/>'
    huge_array = '<FIELD name="n" datatype="double" arraysize="999999999"/>'
    small = document(INT, rows("1", "2"))
    return {
        "billion laughs": document(
            TEXT, rows("&e11;"), doctype=f'<!DOCTYPE VOTABLE [<!ENTITY e0 "x">{LAUGHS}]>'
        ),
        "quadratic": document(TEXT, rows("&a;" * 50_000), doctype=f"<!DOCTYPE VOTABLE [{quadratic}]>"),
        "external": document(
            TEXT, rows("&a;"), doctype='<!DOCTYPE VOTABLE [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        ),
        "parameter entity": document(
            TEXT,
            rows("a"),
            doctype='<!DOCTYPE VOTABLE [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x.dtd"> %a;]>',
        ),
        "declared rows": document(INT, rows("1", "2"), table='nrows="1000000000"'),
        "declared binary rows": document(INT, binary2(b"\0\0\0\0\1"), table='nrows="1000000000"'),
        "long array": document(long_array, binary2(b"\0\x7f\xff\xff\xff" + b"\0" * 16)),
        "negative array": document(long_array, binary2(b"\0\xff\xff\xff\xff" + b"\0" * 16)),
        "huge array": document(huge_array, binary2(b"\0" + b"\0" * 16)),
        "huge array of text": document(huge_array, rows("1 2 3")),
        "base64 of another alphabet": document(
            INT, '<BINARY2><STREAM encoding="base64">A%%A$!AAAA#A</STREAM></BINARY2>'
        ),
        "base64 cut": document(INT, '<BINARY2><STREAM encoding="base64">AAAAAA</STREAM></BINARY2>'),
        "base64 with padding inside": document(
            INT, '<BINARY2><STREAM encoding="base64">AAAA=AAAA==</STREAM></BINARY2>'
        ),
        "NUL in a cell": document(TEXT, rows("a\0b")),
        "NUL reference": document(TEXT, rows("a&#0;b")),
        "a million columns": document(many, "<TABLEDATA></TABLEDATA>"),
        "deep": b"<VOTABLE>" + b"<RESOURCE>" * 300_000,
        "encoding": small.replace(b'version="1.0"', b'version="1.0" encoding="utf-7"', 1),
        "packed blanks": packed(b"<VOTABLE><RESOURCE><TABLE>" + INT.encode(), b" "),
        "packed rows": packed(
            document(INT, rows("1")).partition(b"</TABLEDATA>")[0], b"<TR><TD>1" + b" " * 4000 + b"</TD></TR>"
        ),
        "packed binary": packed(document(INT, "<BINARY2><STREAM encoding='base64'>")[:-36], b"AAAA"),
        "endless tag": packed(document(INT, "<BINARY2><STREAM encoding='base64")[:-36], b"AAAA"),
        "packed with bzip2": bz2.compress(b"<VOTABLE>") + bz2.compress(b" " * 10_000_000) * 30,
        "packed and cut": gzip.compress(small)[:-9],
        "packed with a wrong sum": gzip.compress(small)[:-8] + b"\0" * 8,
        "packed, no gzip": b"\x1f\x8b" + small,
    }


def fits_table(**cards: object) -> bytes:
    """A FITS table of 2 rows in which header cards were changed."""
    out = io.BytesIO()
    columns = [
        fits.Column("ra", "D", array=[10.0, 20.0], unit="deg"),
        fits.Column("dec", "D", array=[1.0, 2.0], unit="deg"),
        fits.Column("name", "8A", array=["a", "b"]),
        fits.Column("v", "PD()", array=np.array([np.ones(2), np.ones(3)], dtype=object)),
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(out)
    raw = bytearray(out.getvalue())
    for key, value in cards.items():
        at = raw.index(f"{key:8}=".encode(), 2880)
        raw[at : at + 80] = fits.Card(key, value).image.encode()
    return bytes(raw)


def fits_files() -> dict[str, bytes]:
    """FITS tables."""
    whole = fits_table()
    heap = whole.index(struct.pack(">d", 10.0), 5760) + 24
    outside, long = bytearray(whole), bytearray(whole)
    outside[heap : heap + 8] = struct.pack(">ii", 2, 2_000_000_000)
    long[heap : heap + 8] = struct.pack(">ii", 2_000_000_000, 0)
    return {
        "declared rows": fits_table(NAXIS2=1_000_000_000),
        "declared width": fits_table(NAXIS1=1_000_000_000_000),
        "negative rows": fits_table(NAXIS2=-5),
        "huge heap": fits_table(PCOUNT=1_000_000_000_000),
        "huge string": fits_table(TFORM3="999999999A"),
        "unknown format": fits_table(TFORM2="7Y"),
        "million fields": fits_table(TFIELDS=1_000_000),
        "heap outside": bytes(outside),
        "heap too long": bytes(long),
        "cut": whole[:-2880],
        "cut in the header": whole[:4000],
        "header without end": whole[:5760].replace(b"END" + b" " * 77, b" " * 80) + b" " * 30_000_000,
        "packed zeros": packed(whole, b"\0"),
        "packed rows": packed(fits_table(NAXIS2=ZEROS // 32), b"\0"),
    }  # fmt: skip


def csv() -> dict[str, bytes]:
    """CSV files."""
    lines = b"ra,dec,name\n" + b"10,20,a\n" * 1000
    return {
        "NUL": b"ra,dec\n1\0,2\n",
        "NUL far inside": lines + b"10,2\x000,a\n" + b"10,20,b\n" * 1000,
        "ragged": lines + b"10,20\n",
        "open quote": lines + b'10,20,"' + b"x\n" * 10_000_000,
        "a million columns": b",".join(b"c%d" % n for n in range(1_000_000))
        + b"\n"
        + b"1," * 999_999
        + b"1\n",
        "random": np.random.default_rng(1).bytes(200_000),
        "one line": b"a," * 20_000_000,
        "huge string": lines + b"10,20," + b"x" * 120_000_000 + b"\n",
        "packed rows": packed(b"ra,dec\n", b"1," + b"0" * 4000 + b"2\n"),
        "packed line": packed(b"ra,dec\n", b"1"),
        "packed and cut": gzip.compress(lines)[:-20],
    }


ECSV = """# %ECSV 1.0
# ---
# datatype:
# - {{name: ra, datatype: {kind}{more}}}
{meta}# schema: astropy-2.0
ra
"""


def ecsv() -> dict[str, bytes]:
    """ECSV files."""

    def made(kind: str = "float64", more: str = "", meta: str = "", data: str = "1.5\n") -> bytes:
        return (ECSV.format(kind=kind, more=more, meta=meta) + data).encode()

    laughs = "# meta:\n#   a0: &a0 {x: 1}\n"
    laughs += "".join(f"#   a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 12))
    lists = "# meta:\n#   a0: &a0 [x]\n"
    lists += "".join(f"#   a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    call = "# meta: !!python/object/apply:os.system ['touch /tmp/vo_photoz-was-here']\n"
    serialized = (
        "# meta: !!omap\n# - __serialized_columns__:\n#     ra:\n"
        "#       __class__: os.system\n#       command: touch /tmp/vo_photoz-was-here\n"
    )
    head = "# %ECSV 1.0\n# ---\n# datatype:\n"
    many = "".join(f"# - {{name: c{n}, datatype: int64}}\n" for n in range(1_000_000))
    names = " ".join(f"c{n}" for n in range(1_000_000))
    return {
        "merged bomb": made(meta=laughs),
        "list bomb": made(meta=lists),
        "python object": made(meta=call),
        "serialized class": made(meta=serialized),
        "deep JSON": made("string", ", subtype: json", data="[" * 100_000 + "\n"),
        "unknown type": made("matrix"),
        "no number": made(data="x\n"),
        "NUL": made(data="1\0\n"),
        "header cut": made()[:60],
        "a million columns": (head + many + "# schema: astropy-2.0\n" + names + "\n").encode(),
        "packed rows": packed(made(), b"1." + b"0" * 4000 + b"5\n"),
    }


def parquet() -> dict[str, bytes]:
    """Parquet files."""

    def written(table: pa.Table, **options: object) -> bytes:
        out = io.BytesIO()
        pq.write_table(table, out, **options)
        return out.getvalue()

    small = written(pa.table({"ra": [1.0, 2.0], "dec": [3.0, 4.0]}))
    bomb = document(TEXT, rows("a"), doctype=f'<!DOCTYPE VOTABLE [<!ENTITY e0 "x">{LAUGHS}]>')
    meta = {"IVOA.VOTable-Parquet.version": "1.0", "IVOA.VOTable-Parquet.content": bomb}
    return {
        "declared rows": _same_rows(3_000_000),
        "footer too long": small[:-8] + struct.pack("<i", 2_000_000_000) + b"PAR1",
        "footer negative": small[:-8] + struct.pack("<i", -5) + b"PAR1",
        "footer of noise": small[:200] + b"\x15" * 300 + struct.pack("<i", 300) + b"PAR1",
        "cut": small[:-40],
        "cut in front": small[40:],
        "entity bomb": written(pa.table({"s": ["a"]}).replace_schema_metadata(meta)),
        "structures": written(pa.table({"p": [{"ra": 1.0, "dec": 2.0}]})),
        "many columns": written(pa.table([pa.array([1])] * 25_000, names=[f"c{n}" for n in range(25_000)])),
    }


def _same_rows(rows: int) -> bytes:
    """Equal values take hardly any room."""
    out = io.BytesIO()
    part = pa.table([pa.array(np.zeros(1_000_000, dtype=bool))] * 100, names=[f"c{n}" for n in range(100)])
    with pq.ParquetWriter(out, part.schema) as writer:
        for _ in range(rows // 1_000_000):
            writer.write_table(part)
    return out.getvalue()


FORMATS = {
    "votable": (votable, ".vot"),
    "fits": (fits_files, ".fits"),
    "csv": (csv, ".csv"),
    "ecsv": (ecsv, ".ecsv"),
    "parquet": (parquet, ".parquet"),
}
