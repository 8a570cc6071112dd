"""Bad input gives one clear sentence, never a traceback, and never half a table."""

from __future__ import annotations

import gzip
import random
import resource
from pathlib import Path

import pytest
from astropy.io import fits

from vo_photoz.errors import TableError, UsageError
from vo_photoz.tables.read import read_table
from vo_photoz.tables.write import write_table

DATA = Path(__file__).resolve().parent.parent / "data" / "tables"
RICH = (DATA / "rich.vot").read_bytes()


def with_entities(declarations: str, cell: str) -> bytes:
    fields = '<FIELD name="x" datatype="char" arraysize="*"/>'
    rows = f"<DATA><TABLEDATA><TR><TD>{cell}</TD></TR></TABLEDATA></DATA>"
    table = f"<VOTABLE><RESOURCE><TABLE>{fields}{rows}</TABLE></RESOURCE></VOTABLE>"
    return f'<?xml version="1.0"?><!DOCTYPE VOTABLE [{declarations}]>{table}'.encode()


BOMB = with_entities('<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">', "&b;&b;&b;")
EXTERNAL = with_entities('<!ENTITY a SYSTEM "file:///etc/passwd">', "&a;")
FAILED = '<INFO name="QUERY_STATUS" value="ERROR">No such\n table</INFO>'


def document(fields: str, rows: str) -> bytes:
    data = f"<DATA>{rows}</DATA>"
    return f'<VOTABLE version="1.4"><RESOURCE><TABLE>{fields}{data}</TABLE></RESOURCE></VOTABLE>'.encode()


INTEGER = '<FIELD name="n" datatype="int"/>'
CASES = {
    "empty": (b"", "x.vot is empty"),
    "blank": (b"  \n\n", "x.vot is empty"),
    "bomb": (BOMB, "declares XML entities"),
    "external": (EXTERNAL, "declares XML entities"),
    "html": (b"<!DOCTYPE html><html><body>Login</body></html>", "is an HTML page"),
    "html without doctype": (b"<HTML><body>Login</body></HTML>", "is an HTML page"),
    "other XML": (b"<?xml version='1.0'?><rss/>", "an XML document of the type 'rss'"),
    "no columns": (document("", ""), "without a table that has columns"),
    "no table": (b"<VOTABLE/>", "without a table that has columns"),
    "undeclared entity": (
        document(INTEGER, "<TABLEDATA><TR><TD>&x;</TD></TR></TABLEDATA>"),
        "undefined entity",
    ),
    "service error": (
        f"<VOTABLE><RESOURCE>{FAILED}</RESOURCE></VOTABLE>".encode(),
        "the error of a service: No such table",
    ),
    "ragged": (
        document(INTEGER, "<TABLEDATA><TR><TD>1</TD></TR><TR/></TABLEDATA>"),
        "Row 2 of x.vot has 0 cells",
    ),
    "no number": (
        document(INTEGER, "<TABLEDATA><TR><TD>one</TD></TR></TABLEDATA>"),
        "'one', which is no int",
    ),
    "too large": (
        document(INTEGER, "<TABLEDATA><TR><TD>3000000000</TD></TR></TABLEDATA>"),
        "which is no int",
    ),
    "datatype": (document('<FIELD name="n" datatype="word"/>', ""), "unknown datatype 'word'"),
    "arraysize": (document('<FIELD name="n" datatype="int" arraysize="x"/>', ""), "arraysize 'x'"),
    "binary rows cut": (
        document(INTEGER, '<BINARY><STREAM encoding="base64">AAAAAQA=</STREAM></BINARY>'),
        "inside a row",
    ),
    "base64": (
        document(INTEGER, '<BINARY2><STREAM encoding="base64">A</STREAM></BINARY2>'),
        "cannot be decoded",
    ),
    "elsewhere": (
        document(INTEGER, '<BINARY><STREAM href="file:///etc/passwd"/></BINARY>'),
        "lie in another file",
    ),
    "unclosed": (b"<VOTABLE><RESOURCE></VOTABLE>", "not well-formed XML"),
    "nested": (b"<VOTABLE>" + b"<GROUP>" * 10_000, "nests more than"),
    "binary": (b"\x7fELF\0\0\0\0", "binary data of no known format"),
    "FITS cut": (b"SIMPLE  =                    T" + b" " * 50, "FITS"),
    "Parquet cut": (b"PAR1abcdefgh", "cannot be read as Parquet"),
    "gzip cut": (gzip.compress(RICH)[:900], "cut off"),
    "json": (b'{"a": [1, 2]}\n', "is not what its name says"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence(case: str, tmp_path: Path) -> None:
    raw, sentence = CASES[case]
    (tmp_path / "x.vot").write_bytes(raw)
    with pytest.raises(TableError, match=sentence.replace("(", r"\(")) as error:
        read_table(tmp_path / "x.vot")
    assert "\n" not in str(error.value)
    assert str(error.value).isascii()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(path.name for path in DATA.iterdir()))
def test_damaged_bytes_are_told_or_read_but_never_a_traceback(name: str, tmp_path: Path) -> None:
    dice = random.Random(name)
    for _ in range(60):
        raw = bytearray((DATA / name).read_bytes())
        for _ in range(dice.choice([1, 1, 3])):
            place = dice.randrange(len(raw))
            if dice.random() < 0.6:
                raw[place] = dice.randrange(256)
            else:
                del raw[place : place + dice.randrange(1, 30)]
        (tmp_path / name).write_bytes(raw)
        try:
            table = read_table(tmp_path / name)
            write_table(
                table, None, tmp_path / "out.vot", serialisation=dice.choice(["BINARY2", "TABLEDATA"])
            )
            assert read_table(tmp_path / "out.vot").n_rows == table.n_rows
        except TableError as error:
            assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.62, 0.7, 0.8, 0.9, 0.97, 0.999])
@pytest.mark.parametrize("name", ["rich.vot", "rich_binary.vot", "rich_binary2.vot", "rich_fits.vot"])
def test_a_votable_cut_anywhere_is_told(name: str, part: float, tmp_path: Path) -> None:
    raw = (DATA / name).read_bytes().rstrip()
    (tmp_path / "x.vot").write_bytes(raw[: int(len(raw) * part)])
    with pytest.raises(TableError, match="is cut off"):
        read_table(tmp_path / "x.vot")


def test_a_deep_bomb_takes_no_memory(tmp_path: Path) -> None:
    lines = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 20))
    (tmp_path / "x.vot").write_text(f'<!DOCTYPE VOTABLE [<!ENTITY e0 "x">{lines}]><VOTABLE>&e19;</VOTABLE>')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TableError, match="declares XML entities"):
        read_table(tmp_path / "x.vot")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_missing_and_folders(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="does not exist"):
        read_table(tmp_path / "none.vot")
    with pytest.raises(TableError, match="cannot be read"):
        read_table(tmp_path)
    with pytest.raises(UsageError, match="format 'xls' is not known"):
        read_table(tmp_path / "x.xls", format="xls")


def test_fits_without_a_table(tmp_path: Path) -> None:
    fits.PrimaryHDU().writeto(tmp_path / "x.fits")
    with pytest.raises(TableError, match="without a table"):
        read_table(tmp_path / "x.fits")


@pytest.mark.parametrize("text", ["a,b\n1,2\n3\n", "a,b\n1,2,3\n"])
def test_csv_with_ragged_rows(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(TableError, match="cannot be read as CSV"):
        read_table(tmp_path / "x.csv")


def test_an_empty_table_and_one_row_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.vot").write_bytes(document(INTEGER, "<TABLEDATA></TABLEDATA>"))
    table = read_table(tmp_path / "x.vot")
    assert (table.n_rows, table.names) == (0, ["n"])
    (tmp_path / "y.vot").write_bytes(document(INTEGER, "<TABLEDATA><TR><TD>5</TD></TR></TABLEDATA>"))
    assert read_table(tmp_path / "y.vot").values("n").tolist() == [5]
    (tmp_path / "z.csv").write_text("ra,dec\n")
    assert read_table(tmp_path / "z.csv").n_rows == 0
