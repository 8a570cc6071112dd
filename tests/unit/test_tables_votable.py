"""VOTables of every serialisation and version are read, and written back as they were."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from astropy.io.votable import parse_single_table
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import need_commands
from vo_photoz.flow import NewColumn
from vo_photoz.tables.fields import Kind, masked, objects
from vo_photoz.tables.read import read_table
from vo_photoz.tables.serialisations import binary, binary_write, tabledata
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.write import Additions, NewParam, ServiceDescriptor, write_table

DATA = Path(__file__).resolve().parent.parent / "data" / "tables"
GOLDEN = sorted(path.name for path in DATA.iterdir())
DOCUMENTS = ["rich.vot", "rich_binary.vot", "rich_binary2.vot", "rich_v1.1.vot"]
SERIALISATIONS = ["BINARY2", "TABLEDATA"]


def cells(values: np.ndarray) -> list:
    """Values with what a serialisation cannot tell apart made equal: null and NaN, null and empty text."""

    def one(value):
        if isinstance(value, list):
            return [one(part) for part in value]
        if value is None or (isinstance(value, float) and np.isnan(value)) or value == "":
            return None
        return repr(value).replace("\\x01", "\ufffd")  # XML forbids it

    return [one(listed(None if cell is np.ma.masked else cell)) for cell in values]


def listed(cell):
    cell = cell.tolist() if hasattr(cell, "tolist") else cell
    return "" if isinstance(cell, list) and not cell else cell


def additions(table: UserTable) -> Additions:
    n = table.n_rows
    mask = np.arange(n) % 2 == 1
    columns = [
        NewColumn("z_phot", np.where(mask, np.nan, 0.1).astype("f4"), "", "src.redshift.phot", "median"),
        NewColumn("photoz_flag", np.arange(n, dtype="i2"), "", "meta.code.qual", "bits < & >"),
        NewColumn(
            "sdss_nmatch", np.ma.MaskedArray(np.arange(n, dtype="i4"), mask=mask), "", "meta.number", "n"
        ),
        NewColumn("photoz_note", objects(["a < b & c"] * n), "", "meta.note", "note"),
        NewColumn("star", mask, "", "meta.code", "boolean"),
        NewColumn("pz_mean", np.tile(np.array([0.1, 1e-30, np.nan], "f4"), (n, 1)), "", "stat.mean", "means"),
    ]
    params = [
        NewParam("z_min", 3.0, "", "src.redshift.phot", "limit"),
        NewParam("pz_grid", np.linspace(0, 1, 5)),
    ]
    infos = [("vo_photoz.job", "job-1"), ("creator", "vo_photoz"), ("citation", 'a "quoted" <name>')]
    service = ServiceDescriptor(
        "p(z)", "http://127.0.0.1:1/pz", {"ID": table.names[0]}, "picture", "image/png"
    )
    return Additions(columns, params, infos, [service])


def tree(element: Element) -> tuple:
    """What a document tells, without the layout of its text."""
    text = " ".join((element.text or "").split())
    return element.tag, sorted(element.attrib.items()), text, [tree(child) for child in element]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_values_are_those_of_the_document(name: str) -> None:
    table = read_table(DATA / name)
    assert table.n_rows == 4
    assert table.values("id").tolist() == [1, None, 9007199254740993, 4]
    assert table.values("short").tolist() == [-7, None, 32767, 0]
    assert table.values("byte").tolist() == [0, None, 254, 7]
    assert table.values("count").tolist() == [0, None, 2147483647, -2147483648]
    assert table.values("good").tolist() == [True, False, None, True]
    assert table.values("name").tolist()[0] == "NGC <1> & co"
    assert table.values("name").tolist()[2:] == [" two  blanks ", "line\ntwo"]
    assert table.values("name_2")[1] == "日本"
    assert table.values("matrix").shape == (4, 3, 2)
    assert table.values("matrix")[0].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert [len(cell) for cell in np.ma.getdata(table.values("list"))] == [3, 0, 1, 9]
    assert table.values("complex")[0] == 1.5 - 2j
    assert table.values("vector").dtype == np.float32
    assert table.values("flux")[3] == -np.inf


def test_the_metadata_are_told() -> None:
    table = read_table(DATA / "rich.vot")
    column = table.columns[table.index("RAJ2000")]
    assert (column.unit, column.ucd, column.ref) == ("deg", "pos.eq.ra;meta.main", "sys")
    assert table.columns[0].null == "-1"
    assert table.coosys == {"sys": "eq_FK5"}
    assert table.infos["QUERY_STATUS"] == "OK"
    assert table.params["seeing"] == "1.25"
    assert table.title == "rich"
    assert table.description == "Four rows"
    assert table.job is None
    assert "2 tables" in table.note


@pytest.mark.parametrize("serialisation", SERIALISATIONS)
@pytest.mark.parametrize("name", GOLDEN)
def test_rows_and_metadata_come_back(name: str, serialisation: str, tmp_path: Path) -> None:
    table = read_table(DATA / name)
    out = tmp_path / "out.vot"
    write_table(table, additions(table), out, serialisation=serialisation)
    back = read_table(out)
    assert back.names[: len(table.names)] == table.names
    assert back.names[len(table.names) :] == [column.name for column in additions(table).columns]
    for before, after in zip(table.data, back.data, strict=False):
        assert cells(after) == cells(before)
    for before, after in zip(table.columns, back.columns, strict=False):
        assert (before.unit, before.ucd, before.description) == (after.unit, after.ucd, after.description)
    assert back.job == "job-1"


@pytest.mark.parametrize("serialisation", SERIALISATIONS)
def test_the_tree_without_our_additions_is_the_users(serialisation: str, tmp_path: Path) -> None:
    table = read_table(DATA / "rich.vot")
    write_table(table, None, tmp_path / "out.vot", serialisation=serialisation)
    back = read_table(tmp_path / "out.vot")
    code = back.table.find("FIELD[@name='code']")
    assert code is not None
    if serialisation == "BINARY2":
        assert code.get("arraysize") == "5*"  # shorter strings are not padded
        code.set("arraysize", "5")
    assert [tree(child) for child in back.root] == [tree(child) for child in table.root]


@pytest.mark.parametrize("serialisation", SERIALISATIONS)
@pytest.mark.parametrize("name", GOLDEN)
def test_votlint_finds_nothing(name: str, serialisation: str, tmp_path: Path) -> None:
    need_commands("stilts")
    table = read_table(DATA / name)
    out = tmp_path / "out.vot"
    write_table(table, additions(table), out, serialisation=serialisation)
    done = subprocess.run(
        ["stilts", "votlint", "ucd=true", "unit=true", str(out)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = (done.stdout + done.stderr).splitlines()
    # A single character is what her FIELD says; votlint merely remarks it.
    assert [line for line in found if line.strip() and "FIELD implies single character" not in line] == []


@pytest.mark.parametrize("serialisation", SERIALISATIONS)
def test_stilts_reads_the_same_rows(serialisation: str, tmp_path: Path) -> None:
    need_commands("stilts")
    table = read_table(DATA / "rich.vot")
    write_table(table, additions(table), tmp_path / "out.vot", serialisation=serialisation)
    for source, target in ((DATA / "rich.vot", "a.vot"), (tmp_path / "out.vot", "b.vot")):
        keep = 'keepcols "' + " ".join(f"${place}" for place in range(1, len(table.names) + 1)) + '"'
        subprocess.run(
            [
                "stilts",
                "tpipe",
                f"in={source}",
                f"cmd={keep}",
                f"out={tmp_path / target}",
                "ofmt=votable-tabledata",
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=True,
        )
    one, other = read_table(tmp_path / "a.vot"), read_table(tmp_path / "b.vot")
    for before, after in zip(one.data, other.data, strict=True):
        assert cells(after) == cells(before)


@pytest.mark.parametrize("serialisation", SERIALISATIONS)
def test_astropy_reads_what_is_written(serialisation: str, tmp_path: Path) -> None:
    table = read_table(DATA / "topcat_comments.vot")
    write_table(table, additions(table), tmp_path / "out.vot", serialisation=serialisation)
    back = parse_single_table(tmp_path / "out.vot").to_table()
    assert back["ra"].tolist() == [10.0, 20.0, 30.0]
    assert back["sdss_nmatch"].tolist() == [0, None, 2]
    assert back["pz_mean"].shape == (3, 3)
    assert back["photoz_note"].tolist() == ["a < b & c"] * 3
    assert back["star"].tolist() == [False, True, False]


def test_packed_documents_are_read(tmp_path: Path) -> None:
    import bz2
    import gzip

    raw = (DATA / "rich.vot").read_bytes()
    (tmp_path / "a.vot.gz").write_bytes(gzip.compress(raw))
    (tmp_path / "b").write_bytes(bz2.compress(raw))
    (tmp_path / "c.xml").write_bytes(raw.decode().replace("UTF-8", "UTF-16").encode("utf-16"))
    for name in ("a.vot.gz", "b", "c.xml"):
        assert read_table(tmp_path / name).values("name_2")[1] == "日本"


def test_prefixes_doctype_and_remarks_after_the_rows(tmp_path: Path) -> None:
    (tmp_path / "a.vot").write_text(
        '<!DOCTYPE VOTABLE SYSTEM "http://us-vo.org/xml/VOTable.dtd">'
        '<v:VOTABLE version="1.2" xmlns:v="http://www.ivoa.net/xml/VOTable/v1.2"><v:RESOURCE><v:TABLE>'
        '<v:FIELD name="a" datatype="bit" arraysize="3"/><v:FIELD name="b" datatype="string"/>'
        "<v:DATA><v:TABLEDATA><v:TR><v:TD>101</v:TD><v:TD>x&#233;</v:TD></v:TR></v:TABLEDATA>"
        '<v:INFO name="QUERY_STATUS" value="OVERFLOW"/></v:DATA></v:TABLE></v:RESOURCE></v:VOTABLE>'
    )
    table = read_table(tmp_path / "a.vot")
    assert table.values("a").tolist() == [[True, False, True]]
    assert table.infos["QUERY_STATUS"] == "OVERFLOW"
    write_table(table, None, tmp_path / "b.vot")
    text = (tmp_path / "b.vot").read_text()
    assert 'datatype="bit"' not in text
    assert text.index("</DATA>") < text.index("OVERFLOW")
    assert read_table(tmp_path / "b.vot").values("b").tolist() == ["xé"]


def test_words_of_later_versions_become_those_of_1_4(tmp_path: Path) -> None:
    need_commands("stilts")
    text = (DATA / "rich.vot").read_text(encoding="utf-8")
    later = text.replace('system="eq_FK5"', 'system="FK5" refposition="BARYCENTER"').replace('"1.4"', '"1.5"')
    (tmp_path / "a.vot").write_text(later, encoding="utf-8")
    write_table(read_table(tmp_path / "a.vot"), None, tmp_path / "b.vot")
    back = read_table(tmp_path / "b.vot")
    assert back.coosys == {"sys": "eq_FK5"}
    assert back.infos["refposition"] == "BARYCENTER"
    done = subprocess.run(
        ["stilts", "votlint", str(tmp_path / "b.vot")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "ERROR" not in done.stdout


@pytest.mark.parametrize("serialisation", SERIALISATIONS)
def test_nulls_that_no_cell_can_hold(serialisation: str, tmp_path: Path) -> None:
    fields = (
        '<FIELD name="f" datatype="float"><VALUES null="N/A"/></FIELD>'
        '<FIELD name="b" datatype="unsignedByte"><VALUES null="-99"/></FIELD>'
        '<FIELD name="d" datatype="double"><VALUES null="-99.5"/></FIELD>'
        '<FIELD name="v" datatype="short" arraysize="3"><VALUES null="-1"/></FIELD>'
    )
    rows = "<TR><TD>N/A</TD><TD>-99</TD><TD>-99.5</TD><TD>1 -1 2</TD></TR>"
    rows += "<TR><TD>1</TD><TD>2</TD><TD>3</TD><TD/></TR>"
    table = f"<TABLE>{fields}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE>"
    (tmp_path / "a.vot").write_text(f"<VOTABLE><RESOURCE>{table}</RESOURCE></VOTABLE>")
    write_table(read_table(tmp_path / "a.vot"), None, tmp_path / "b.vot", serialisation=serialisation)
    for name in ("a.vot", "b.vot"):
        back = read_table(tmp_path / name)
        assert [back.values(name).tolist() for name in "fbd"] == [[None, 1.0], [None, 2], [None, 3.0]]
        assert back.values("v").tolist() == [[1, None, 2], [None] * 3]


@pytest.mark.parametrize("kind", ["votable", "fits"])
def test_the_mark_of_ours_survives_stilts(kind: str, tmp_path: Path) -> None:
    need_commands("stilts")
    table = read_table(DATA / "topcat_comments.vot")
    write_table(table, additions(table), tmp_path / "a.vot", serialisation="TABLEDATA")
    subprocess.run(
        [
            "stilts",
            "tcopy",
            f"in={tmp_path / 'a.vot'}",
            f"out={tmp_path / 'b'}",
            "ifmt=votable",
            f"ofmt={kind}",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=True,
    )
    back = read_table(tmp_path / "b")
    assert back.job == "job-1"
    write_table(back, additions(back), tmp_path / "c.vot")
    again = read_table(tmp_path / "c.vot")
    assert again.names == back.names == read_table(tmp_path / "a.vot").names
    assert list(again.infos) == list(read_table(tmp_path / "a.vot").infos)


# Cells, by property


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(width=32), min_size=1, max_size=30), st.booleans())
def test_floats_are_exact(numbers: list[float], single: bool) -> None:
    kind = Kind("float" if single else "double")
    values = np.array(numbers, dtype=kind.dtype)
    text = tabledata.decode(tabledata.encode(values, kind, None), kind, None, "x")
    raw = b"".join(binary_write.encode([values], [kind], [None]))
    stream = binary.decode(raw, [kind], [None], flags=True)[0]
    for back in (text, stream):
        np.testing.assert_array_equal(back, values)
        assert (np.signbit(back) == np.signbit(values))[~np.isnan(values)].all()


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_rows_of_any_shape_come_back_from_binary2(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    texts = data.draw(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=n, max_size=n
        )
    )
    counts = data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    columns = [
        objects(texts),
        masked(np.arange(n, dtype="i2"), gone),
        objects([np.arange(count, dtype="f8") for count in counts]),
        np.arange(6 * n, dtype="i8").reshape(n, 3, 2),
        masked(np.arange(n) % 2 == 0, gone),
    ]
    kinds = [
        Kind("unicodeChar", (), True),
        Kind("short"),
        Kind("double", (), True),
        Kind("long", (2, 3)),
        Kind("boolean"),
    ]
    nulls = [None] * 5
    raw = b"".join(binary_write.encode(columns, kinds, nulls))
    back = binary.decode(raw, kinds, nulls, flags=True)
    for before, after in zip(columns, back, strict=True):
        assert [np.asarray(cell).tolist() for cell in before] == [np.asarray(cell).tolist() for cell in after]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8))
def test_any_text_is_well_formed_in_tabledata(texts: list[str]) -> None:
    from xml.etree import ElementTree

    for text, cell in zip(texts, tabledata.encode(objects(texts), Kind("char", (), True), None), strict=True):
        back = ElementTree.fromstring(f"<TD>{cell}</TD>").text or ""
        assert len(back) == len(text)
        assert all(one in (other, "\ufffd") for one, other in zip(back, text, strict=True))
