"""What an archive answers is read to its end; what it does not say plainly is an error."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from astropy.io.votable import parse

from vo_photoz.errors import ProtocolError, ServiceError, Truncated
from vo_photoz.tap.services.answer import error_words, read_answer
from vo_photoz.tap.services.upload import positions_votable

URL = "https://archive.example/tap/sync"
ROWS = """\
<TABLE><FIELD name="ID" datatype="long"/><FIELD name="z" datatype="double" unit="km/s" ucd="src.redshift">
<DESCRIPTION>A
 redshift</DESCRIPTION></FIELD><FIELD name="kind" datatype="char" arraysize="*"/>
<FIELD name="n" datatype="int"><VALUES null="-9"/></FIELD>
<DATA><TABLEDATA><TR><TD>5</TD><TD>0.5</TD><TD>QSO</TD><TD>-9</TD></TR>
<TR><TD>6</TD><TD></TD><TD></TD><TD>2</TD></TR></TABLEDATA></DATA></TABLE>"""


def document(*status: str, table: str = ROWS, after: str = "") -> bytes:
    infos = "".join(f'<INFO name="QUERY_STATUS" value="{one}">Words of the service</INFO>' for one in status)
    return (
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f'<RESOURCE type="results">{infos}{table}{after}</RESOURCE></VOTABLE>'
    ).encode()


def test_columns_with_what_is_told_of_them() -> None:
    answer = read_answer(document("OK"), URL, 100)
    assert len(answer) == 2
    assert answer.column("id").values.tolist() == [5, 6]
    z = answer.column("Z")
    assert (z.unit, z.ucd, z.description) == ("km.s**-1", "src.redshift", "A redshift")
    assert z.values.tolist() == [0.5, None]
    assert answer.column("kind").values.tolist() == ["QSO", None]
    assert answer.column("n").values.tolist() == [None, 2]
    with pytest.raises(ProtocolError, match="velocity"):
        answer.column("velocity")


def test_overflow_after_an_ok_is_seen() -> None:
    with pytest.raises(Truncated, match="its own limit of 2 rows"):
        read_answer(document("OK", "OVERFLOW"), URL, 100)
    late = '<INFO name="QUERY_STATUS" value="OVERFLOW"/>'
    with pytest.raises(Truncated):
        read_answer(document("OK", after=late), URL, 100)


def test_as_many_rows_as_allowed_are_not_trusted() -> None:
    with pytest.raises(Truncated, match="MAXREC=2"):
        read_answer(document("OK"), URL, 2)


def test_error_after_the_rows_is_seen() -> None:
    late = '<INFO name="QUERY_STATUS" value="ERROR">Disk full</INFO>'
    with pytest.raises(ServiceError, match="Disk full"):
        read_answer(document("OK", after=late), URL, 100)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<!DOCTYPE html><html><body>Maintenance</body></html>", "a page of HTML"),
        (b"", "no words"),
        (b"id,ra,dec\n1,2,3\n", "something else"),
        (b"\x1f\x8b\x08\x00\xff\xfe", "something else"),
        (document("OK")[:-30], "ends in the middle"),
        (document("OK", table=""), "without a table"),
        (document("OK", table="<TABLE><FIELD></TABLE>"), "cannot be read"),
        (document("OK", table=ROWS.replace("<TD>5<", "<TD>five<")), "cannot be read"),
    ],
)
def test_what_is_no_answer(body: bytes, what: str) -> None:
    with pytest.raises(ProtocolError, match=what) as caught:
        read_answer(body, URL, 100)
    assert URL in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_cut_of_an_answer_is_noticed() -> None:
    whole = document("OK")
    for end in range(len(whole)):
        with pytest.raises(ProtocolError):
            read_answer(whole[:end], URL, 100)


def test_words_of_an_error_document() -> None:
    assert error_words(document("ERROR", table="")) == "Words of the service"
    assert error_words(b"<html><script>x()</script><h1>Not here</h1></html>") == "Not here"
    assert error_words(b"") == "(no words)"
    assert len(error_words(b"word " * 1000)) <= 300


def test_upload_is_read_back_by_astropy() -> None:
    rng = np.random.default_rng(1)
    rows = rng.permutation(1000).astype(np.int64)
    ra, dec = rng.uniform(0, 360, 1000), rng.uniform(-90, 90, 1000)
    body = positions_votable(rows, ra, dec)
    assert len(body) < 1000 * 33 * 1.4 + 1000
    table = parse(BytesIO(body), verify="exception").get_first_table().to_table()
    np.testing.assert_array_equal(table["id"], rows)
    np.testing.assert_array_equal(table["ra"], ra)
    np.testing.assert_array_equal(table["dec"], dec)
