"""From a part of the sky or candidates to a ranked table, a map and a sheet; on the sandbox sky."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests import small_models
from tests.unit.tap_stub import serving
from vo_photoz.cli.main import app
from vo_photoz.flow import Flag, Positions
from vo_photoz.hips.moc_files import read_moc, write_moc
from vo_photoz.pipeline.discovery.ranking import ranked
from vo_photoz.sky.footprint import footprint
from vo_photoz.sky.moc import contains
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable

QUERY = """-- title: sources of a stand-in
-- service: http://127.0.0.1:9/tap
-- upload: no
-- parameters: i_max = 25.0 mag in 0..30 (faintest)
-- returns: ra [deg] <pos.eq.ra;meta.main> (right ascension), dec [deg] <pos.eq.dec;meta.main> (declination),
--   name <meta.id;meta.main> (name)
-- positions: ICRS, epoch 2000.0
-- verified: never
-- cite: nobody
SELECT db.ra, db.dec, db.name FROM t AS db WHERE {inside(db.ra, db.dec)} AND db.i <= {i_max}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random networks that tell stars, galaxies and quasars apart, for the bands of the sandbox."""
    folder = tmp_path_factory.mktemp("models") / "random"
    return small_models.write_model(folder, bands=("u", "g", "r", "i", "z"), side=28)


@pytest.fixture(scope="module")
def half(sandbox: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A coverage map that holds some of the sandbox's sources."""
    positions = find_positions(read_table(sandbox / "sources.vot"))
    west = np.flatnonzero(positions.valid & (positions.ra < np.nanmedian(positions.ra)))
    path = tmp_path_factory.mktemp("maps") / "half.fits"
    write_moc(footprint(positions.take(west), order=11), path)
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["discover", *(str(word) for word in words)])


def ok(*words: object) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: object) -> str:
    result = run(*words)
    assert result.exit_code in (1, 2), result.output
    assert result.output.startswith("Error: ")
    return " ".join(result.output.split())


def ids(table: UserTable) -> list[str]:
    return [str(one) for one in table.values(table.names[0])]


def test_a_map_and_a_table_give_a_ranked_table_a_map_and_a_sheet(sandbox, model, half, tmp_path):
    out = tmp_path / "far.vot"
    told = ok(
        half, "--table", sandbox / "sources.vot", "-o", out, "--z-min", "4", "--survey",
        sandbox / "survey.toml", "--model", model, "--rows", "5", "--offline",
    )  # fmt: skip
    sent, found = read_table(sandbox / "sources.vot"), read_table(out)
    positions = find_positions(sent)
    inside = contains(read_moc(half.read_bytes(), "half"), positions.ra, positions.dec)
    assert 0 < inside.sum() < sent.n_rows
    assert found.names[: len(sent.names)] == sent.names
    assert sorted(ids(found)) == sorted(np.array(ids(sent))[inside])  # none lost, none twice
    p_high, group = found.values("p_high_z"), found.values("discovery_group").tolist()
    place = found.values("discovery_rank")
    assert group == sorted(group, key=["ranked", "outside domain", "not predicted"].index)
    for name in ("ranked", "outside domain"):
        rows = [row for row, one in enumerate(group) if one == name]
        assert (np.diff(p_high[rows]) <= 0).all()
        assert list(place[rows]) == list(range(1, len(rows) + 1))
    assert np.ma.getmaskarray(place)[[one == "not predicted" for one in group]].all()
    assert found.values("p_star") + found.values("p_galaxy") + found.values("p_quasar") == pytest.approx(
        np.ones(found.n_rows), abs=1e-4, nan_ok=True
    )
    assert found.infos["vo_photoz.model"].startswith("random")
    assert "candidates received" in found.infos["vo_photoz.candidates"]
    searched = read_moc((tmp_path / "far.moc.fits").read_bytes(), "searched")
    assert 0 < searched.sky_fraction <= read_moc(half.read_bytes(), "half").sky_fraction * (1 + 1e-9)
    assert (tmp_path / "far.png").read_bytes().startswith(b"\x89PNG")
    assert "The best 5" in told
    names = ["far.html", "far.moc.fits", "far.png", "far.vot"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    page = (tmp_path / "far.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 5
    for row in range(5):
        assert f'<span class="name">{ids(found)[row]}</span>' in page
        assert f"P(z &gt; 4) = {p_high[row]:.3f}" in page
    assert page.count("P(STAR)") == page.count('src="data:image/png;base64,') == 5


def test_a_table_alone_is_searched_where_it_has_sources(sandbox, model, tmp_path):
    out = tmp_path / "far.parquet"
    ok(
        sandbox / "sources.vot", "-o", out, "--z-min", "4", "--survey", sandbox / "survey.toml", "--model",
        model, "--rows", "0", "--offline",
    )  # fmt: skip
    assert read_table(out).n_rows == read_table(sandbox / "sources.vot").n_rows
    assert not list(tmp_path.glob("*.png")) + list(tmp_path.glob("*.html"))


def test_the_ranking_keeps_the_doubtful_apart_and_the_rest_at_the_end():
    p_high = [0.2, np.nan, 0.9, 0.5, 0.99, 0.5, 0.1]
    flags = np.array([0, Flag.BAND_MISSING, 0, 0, Flag.OUTSIDE_DOMAIN, Flag.NEIGHBOUR, 16 | 8], np.int16)
    found = ranked(p_high, flags)
    assert list(found.order) == [2, 3, 5, 0, 4, 6, 1]
    assert list(found.place) == [4, 0, 1, 2, 1, 3, 2]
    assert [found.count(group) for group in range(3)] == [4, 2, 1]


class Archive:
    """A TAP service that knows no more than one answer, and counts who asks for rows."""

    def __init__(self, table: UserTable, positions: Positions) -> None:
        rows = np.flatnonzero(positions.valid)
        cells = "".join(
            f"<TR><TD>{float(positions.ra[row])!r}</TD><TD>{float(positions.dec[row])!r}</TD><TD>s{row}</TD></TR>"
            for row in rows.tolist()
        )
        fields = "".join(
            f'<FIELD name="{name}" datatype="{kind}"/>'
            for name, kind in (("ra", "double"), ("dec", "double"), ("name", 'char" arraysize="*'))
        )
        self.answer = (
            '<VOTABLE version="1.4"><RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/><TABLE>'
            f"{fields}<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
        ).encode()
        self.asked = 0

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        status = 404 if handler.command == "GET" and "QUERY" not in handler.path else 200
        self.asked += status == 200
        body = self.answer if status == 200 else b"no"
        handler.send_response(status)
        handler.send_header("Content-Type", "application/x-votable+xml")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


def test_a_query_asks_the_archive_and_a_killed_run_does_not_ask_again(
    sandbox, model, half, tmp_path, monkeypatch
):
    (tmp_path / "stand-in.adql").write_text(QUERY)
    sent = read_table(sandbox / "sources.vot")
    archive, out = Archive(sent, find_positions(sent)), tmp_path / "far.vot"
    words = [
        tmp_path / "stand-in.adql", "--inside", half, "-o", out, "--z-min", "4", "--survey",
        sandbox / "survey.toml", "--model", model, "--rows", "0",
    ]  # fmt: skip
    from vo_photoz.pipeline.discovery import discover as chain

    real = chain.write_moc

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with serving(archive) as address:
        monkeypatch.setattr(chain, "write_moc", killed)
        first = run(*words, "--service", address)
        assert first.exit_code == 1, first.output
        asked = archive.asked
        assert asked >= 1
        assert not out.exists()
        monkeypatch.setattr(chain, "write_moc", real)
        told = ok(*words, "--service", address, "--resume")
        assert archive.asked == asked  # the answer was kept
    assert "candidates received" in told
    assert read_table(out).values("name").tolist()[0].startswith("s")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{half}"], "No query is known that lists the sources"),
        (["{half}", "--table", "{table}", "--query", "gaia-stars"], "not from both"),
        (["{half}", "--inside", "{half}", "--table", "{table}"], "is a part of the sky already"),
        (["{table}", "--table", "{table}"], "gives candidates already"),
        (["sdss-point-sources"], "needs a part of the sky. Give one with --inside"),
        (["sdss-point-sources", "--inside", "{half}", "--offline"], "connections are off"),
        (["nothing.fits", "--table", "{table}"], "neither a survey, a HiPS, a coverage map nor a table"),
        (["{half}", "--table", "{elsewhere}"], "candidates lies in"),
        (["{table}", "--rows", "5000"], "cannot be drawn"),
    ],
)
def test_what_cannot_be_searched_is_told_in_one_sentence(sandbox, model, half, tmp_path, words, message):
    (tmp_path / "elsewhere.csv").write_text("ra,dec\n200.0,-80.0\n201.0,-80.0\n")
    places = {"half": half, "table": sandbox / "sources.vot", "elsewhere": tmp_path / "elsewhere.csv"}
    given = [word.format(**places) for word in words]
    more = ["--z-min", "4", "--survey", sandbox / "survey.toml", "--model", model]
    assert message in refused(*given, "-o", tmp_path / "out" / "far.vot", *more)
    assert not list(tmp_path.glob("out/*")) + list(tmp_path.glob("out/.*"))


def test_a_model_without_classes_is_told(sandbox, half, tmp_path):
    plain = small_models.write_model(tmp_path / "plain", bands=("u", "g", "r", "i", "z"), side=28, classes=())
    card = json.loads((plain / "card.json").read_text())
    assert card["classes"] == []
    told = ok(
        half, "--table", sandbox / "sources.vot", "-o", tmp_path / "o.vot", "--z-min", "8", "--survey",
        sandbox / "survey.toml", "--model", plain, "--rows", "0", "--offline",
    )  # fmt: skip
    assert "Mind: The model plain tells no classes" in told
    assert "knows redshifts up to 7 only" in told
