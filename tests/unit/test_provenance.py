"""What a product tells of the run that made it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from astropy.io.votable import parse
from astropy.io.votable.dataorigin import extract_data_origin

from vo_photoz.flow import Match, NewColumn, Positions
from vo_photoz.provenance.export import ascii_text, infos
from vo_photoz.provenance.record import Record
from vo_photoz.tables.additions import Additions
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.read import read_table
from vo_photoz.tables.write import write_table


@dataclass
class Card:
    name: str = "quasars"
    model_version: str = "1.2"
    citation: str = "Pâris et al."
    weights: dict[str, str] = field(default_factory=lambda: {"b.keras": "22", "a.keras": "11"})


SURVEY = SimpleNamespace(
    name="sdss", title="SDSS DR9", bands=("u", "g"),
    hips={b: SimpleNamespace(address=f"https://hips.example/{b}") for b in "ug"},
    photometry={
        "u": SimpleNamespace(checked=False, checked_result=""),
        "g": SimpleNamespace(checked=True, checked_result="2026-11-22 zp=22.5"),
    },
)  # fmt: skip
WORKED = Match(
    "spectra",
    [NewColumn("spectra_z", np.zeros(2))],
    infos={
        "service": "https://tap.example",
        "adql": "SELECT 1",
        "date": "2026-11-22T00:00:00Z",
        "cite": "Someone 2020",
    },
)
FAILED = Match("milliquas", [], failed="The archive is down.", infos={"cite": "Someone 2020"})


def test_infos_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("ra,dec\n1.5,2.5\n")
    table = read_table(path)
    positions = find_positions(table)
    record = Record.start(
        table=table,
        positions=positions,
        file=path,
        survey=SURVEY,
        model=Card(),
        job="j1",
        parameters={"z_min": 3.0},
    )
    assert record.finished == ""
    done = record.finish([WORKED, FAILED])
    assert done.matches[0].columns == []
    assert WORKED.columns, "what is handed in is left alone"
    told = dict(infos(done))
    assert len(told) == len(infos(done)), "every name once"
    assert told["vo_photoz.job"] == "j1"
    assert told["vo_photoz.model"] == "quasars 1.2"
    assert told["vo_photoz.images_checked"] == "u = not checked; g = yes 2026-11-22 zp=22.5"
    assert told["vo_photoz.model_sha256"] == hashlib.sha256(b"1122").hexdigest()
    assert told["vo_photoz.input"] == "mine.csv"
    assert told["vo_photoz.input_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert told["vo_photoz.input_rows"] == "1"
    assert told["vo_photoz.images"] == "u = https://hips.example/u; g = https://hips.example/g"
    assert told["vo_photoz.query"] == "spectra"
    assert told["vo_photoz.query_adql"] == "SELECT 1"
    assert told["vo_photoz.query_2"] == "milliquas"
    assert told["vo_photoz.query_failed_2"] == "The archive is down."
    assert "vo_photoz.query_failed" not in told
    assert told["cites"] == "Paris et al.; Someone 2020"
    assert told["vo_photoz.parameters"] == "z_min = 3.0"
    assert "keras" in told["vo_photoz.software"]
    assert all(name.isascii() and value.isascii() and value for name, value in infos(done))


def test_run_without_network_does_not_name_one(tmp_path: Path) -> None:
    table = SimpleNamespace(source="", n_rows=0)
    empty = Positions(np.zeros(0), np.zeros(0), np.zeros(0, bool), "none")
    told = dict(infos(Record.start(table=table, positions=empty).finish()))
    assert "keras" not in told["vo_photoz.software"]
    assert "vo_photoz.model" not in told
    assert len(told["vo_photoz.job"]) == 32


def test_astropy_reads_the_data_origin(tmp_path: Path) -> None:
    path, out = tmp_path / "mine.csv", tmp_path / "out.vot"
    path.write_text("ra,dec\n1.5,2.5\n")
    table = read_table(path)
    record = Record.start(table=table, positions=find_positions(table), model=Card()).finish([WORKED])
    write_table(table, Additions([], infos=infos(record)), out)
    origin = extract_data_origin(parse(out))
    assert origin.query.query == "SELECT 1"
    assert origin.query.request_date == record.started
    assert origin.query.server_software.startswith("vo_photoz/")
    assert "Paris et al." in str(origin.origin[0].cites)
    assert "quasars 1.2" in str(origin.origin[0].resource_version)


def test_any_text_becomes_ascii() -> None:
    assert ascii_text("P\u00e2ris\net  al., \u03b1 Cen") == "Paris et al., ? Cen"
