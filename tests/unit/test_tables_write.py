"""What is added: names, replacement of an earlier run, services, whole files only."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import FLAG_MEANINGS, Flag, MixturePDF, NewColumn, Predictions
from vo_photoz.tables.fields import plain
from vo_photoz.tables.predictions import PREDICTION_COLUMNS, prediction_columns
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.votable.skeleton import Told, skeleton
from vo_photoz.tables.write import Additions, NewParam, ServiceDescriptor, with_additions, write_table

N = 3


def user(*names: str) -> UserTable:
    return skeleton(
        [plain(np.arange(N) * 1.0) for _ in names], [Told(name) for name in names], source="user.vot"
    )


def column(name: str, start: float = 0) -> NewColumn:
    return NewColumn(name, np.arange(N, dtype="f4") + np.float32(start), "", "meta.number", name)


def predictions() -> Predictions:
    parts = np.array([[0.25, 0.75], [0.5, 0.5], [np.nan, np.nan]], "f4")
    ones = np.array([0.5, 1.5, np.nan], "f4")
    flags = np.array([0, 8, 1], "i2")
    return Predictions(
        MixturePDF(parts, parts, parts), ones, ones, ones, ones, ones, ones, flags, ["", "a", "b"], 3.0,
        n_modes=np.array([1, 2, 0], "i2"), second_mode=ones, second_probability=ones,
    )  # fmt: skip


def run(job: str, columns: list[NewColumn], **more) -> Additions:
    return Additions(columns, infos=[("vo_photoz.job", job), ("creator", job)], **more)


def test_columns_of_a_prediction_are_those_of_the_contract() -> None:
    grid = np.linspace(0, 7, 11)
    columns, params = prediction_columns(
        predictions(), grid=(np.ones((N, 11)), grid), pz_url=["u"] * N, prior="sky",
        classes=(["STAR", "GALAXY", "QSO"], np.array([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [np.nan] * 3])),
    )  # fmt: skip
    assert tuple(new.name for new in columns) == PREDICTION_COLUMNS
    by_name = {new.name: new for new in columns}
    assert by_name["z_phot"].ucd == "src.redshift.phot;stat.median;meta.main"
    assert by_name["z_phot_hi"].ucd == "stat.percentile;src.redshift.phot"
    assert by_name["pz_sigma"].ucd == "stat.stdev;src.redshift.phot"
    assert by_name["class_phot"].values.tolist() == ["QSO", "STAR", ""]
    assert by_name["z_phot_modes"].values.mask.tolist() == [False, False, True]
    assert by_name["p_high_z"].description.endswith("prior: sky")
    others = {"class_phot", "z_phot_modes", "photoz_flag", "photoz_note", "pz_url"}
    assert all(by_name[name].values.dtype == np.float32 for name in set(PREDICTION_COLUMNS) - others)
    assert by_name["photoz_flag"].values.dtype == by_name["z_phot_modes"].values.dtype == np.int16
    assert all(f"{flag.value} {FLAG_MEANINGS[flag]}" in by_name["photoz_flag"].description for flag in Flag)
    assert all(new.ucd and new.description and new.description.isascii() for new in columns)
    assert [param.name for param in params] == ["z_min", "pz_grid"]
    np.testing.assert_array_equal(params[1].value, grid)
    plain_columns, plain_params = prediction_columns(predictions())
    assert {"pz", "pz_url", "class_phot"}.isdisjoint(new.name for new in plain_columns)
    assert [param.name for param in plain_params] == ["z_min"]


def test_a_prediction_comes_back(tmp_path: Path) -> None:
    columns, params = prediction_columns(predictions(), grid=(np.ones((N, 4)), np.arange(4.0)))
    write_table(user("ra"), run("1", columns, params=params), tmp_path / "x.vot")
    back = read_table(tmp_path / "x.vot")
    assert back.params == {"z_min": "3.0", "pz_grid": "0.0 1.0 2.0 3.0"}
    field = next(field for field in back.table.iter("FIELD") if field.get("name") == "pz_weight")
    assert (field.get("datatype"), field.get("arraysize"), field.get("ID")) == ("float", "2", "pz_weight")
    np.testing.assert_array_equal(back.values("pz_weight"), predictions().pdf.weight)
    assert back.values("photoz_note").tolist() == ["", "a", "b"]


@pytest.mark.parametrize("kind", ["votable", "fits", "parquet"])
def test_an_earlier_run_is_replaced(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "x"
    first = [column("z_phot"), column("pz"), column("sdss_z_spec"), column("photoz_flag")]
    write_table(
        user("ra"),
        run("1", first, params=[NewParam("z_min", 3.0), NewParam("pz_grid", [1.0])]),
        file,
        format=kind,
    )
    second = [column("z_phot", 10), column("photoz_flag")]
    write_table(read_table(file), run("2", second, params=[NewParam("z_min", 4.0)]), file, format=kind)
    back = read_table(file)
    assert back.names == [
        "ra",
        "sdss_z_spec",
        "z_phot",
        "photoz_flag",
    ]  # pz of the earlier run went with its z_phot
    assert back.values("z_phot").tolist() == [10, 11, 12]
    assert back.job == "2"
    assert back.params == {"z_min": "4.0"}
    assert [info.get("value") for info in back.root.iter("INFO") if info.get("name") == "creator"] == ["2"]


def test_a_crossmatch_leaves_the_prediction_of_an_earlier_run(tmp_path: Path) -> None:
    write_table(user("ra"), run("1", [column("z_phot"), column("pz")]), tmp_path / "x.vot")
    merged = with_additions(read_table(tmp_path / "x.vot"), Additions([column("sdss_z")]))
    assert merged.names == ["ra", "z_phot", "pz", "sdss_z"]
    assert merged.job == "1"


def test_columns_of_the_user_are_never_replaced(tmp_path: Path) -> None:
    write_table(
        user("ra", "z_phot", "Z_PHOT_LO"),
        run("1", [column("z_phot", 5), column("z_phot_lo", 6)]),
        tmp_path / "x.vot",
    )
    once = read_table(tmp_path / "x.vot")
    assert once.names == ["ra", "z_phot", "Z_PHOT_LO", "z_phot_vopz", "z_phot_lo_vopz"]
    assert once.values("z_phot").tolist() == [0, 1, 2]
    again = with_additions(once, run("2", [column("z_phot", 7), column("z_phot_lo", 8)]))
    assert again.names == once.names
    assert again.values("z_phot_vopz").tolist() == [7, 8, 9]


def test_the_mark_survives_topcat_which_makes_params_of_infos(tmp_path: Path) -> None:
    write_table(user("ra"), run("1", [column("z_phot")]), tmp_path / "x.vot")
    text = (tmp_path / "x.vot").read_text()
    infos = re.findall(r"<INFO [^>]*/>", text)
    params = "".join(info.replace("<INFO", '<PARAM datatype="char" arraysize="*"') for info in infos)
    text = re.sub(r"<INFO [^>]*/>", "", text).replace("<DATA>", params + "<DATA>")
    (tmp_path / "x.vot").write_text(text)
    table = read_table(tmp_path / "x.vot")
    assert table.job == "1"
    merged = with_additions(table, run("2", [column("z_phot", 3)]))
    assert merged.names == ["ra", "z_phot"]
    assert merged.job == "2"
    assert "vo_photoz.job" not in merged.params
    assert "creator" not in merged.params


def test_identifiers_are_valid_and_unique() -> None:
    table = user("z phot", "a")
    table.table.findall("FIELD")[1].set("ID", "z_phot")
    merged = with_additions(table, Additions([column("z_phot"), column("1st <col>")]))
    identifiers = [field.get("ID") for field in merged.table.findall("FIELD")]
    assert identifiers == [None, "z_phot", "z_phot_2", "vopz_1st__col_"]


def test_a_service_refers_to_a_column() -> None:
    services = [
        ServiceDescriptor(
            "p(z)", "http://127.0.0.1/pz", {"ID": "obj id"}, "picture", "image/png", {"job": "1"}
        )
    ]
    merged = with_additions(user("obj id"), Additions(services=services))
    resource = merged.root.find("RESOURCE[@utype='adhoc:service']")
    assert resource is not None
    assert resource.get("type") == "meta"
    assert resource.find("PARAM[@name='accessURL']").get("value") == "http://127.0.0.1/pz"
    group = resource.find("GROUP[@name='inputParams']")
    assert group.find("PARAM[@name='job']").get("value") == "1"
    ref = group.find("PARAM[@name='ID']").get("ref")
    assert merged.table.find(f"FIELD[@ID='{ref}']").get("name") == "obj id"
    again = with_additions(merged, Additions(services=services))
    assert len(again.root.findall("RESOURCE[@utype='adhoc:service']")) == 1
    with pytest.raises(TableError, match="needs the column 'none'"):
        with_additions(user("a"), Additions(services=[ServiceDescriptor("x", "y", {"ID": "none"})]))


def test_the_given_table_is_not_changed() -> None:
    table = user("ra")
    with_additions(table, run("1", [column("z_phot")]))
    assert table.names == ["ra"]
    assert table.job is None


def test_rows_must_agree() -> None:
    with pytest.raises(TableError, match="'x' has 4 rows, the table 3"):
        with_additions(user("ra"), Additions([NewColumn("x", np.zeros(4))]))


@pytest.mark.parametrize("values", [np.arange(256, dtype="u1"), np.arange(-3, 3, dtype="i2")])
def test_nulls_are_values_that_no_row_has(values: np.ndarray) -> None:
    masked = np.ma.MaskedArray(values, mask=values == 2)
    merged = with_additions(skeleton([plain(values)], [Told("a")]), Additions([NewColumn("n", masked)]))
    null = merged.columns[1].null
    assert null is not None
    assert int(null) not in masked.compressed()


def test_never_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "x.vot"
    target.write_text("what was there")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vo_photoz.tables.votable.write._write_binary2", full)
    with pytest.raises(TableError, match="No space left"):
        write_table(user("ra"), None, target)
    assert target.read_text() == "what was there"
    assert [path.name for path in tmp_path.iterdir()] == ["x.vot"]
    with pytest.raises(TableError, match="cannot be written"):
        write_table(user("ra"), None, tmp_path / "none" / "x.vot")


def test_options_that_cannot_be_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="format 'xls'"):
        write_table(user("ra"), None, tmp_path / "x", format="xls")
    with pytest.raises(UsageError, match="serialisation 'BINARY'"):
        write_table(user("ra"), None, tmp_path / "x", serialisation="BINARY")  # type: ignore[arg-type]


def test_qp_says_which_extra_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qp", None)
    with pytest.raises(UsageError, match=r"vo-photoz\[qp\]"):
        write_table(user("ra"), None, tmp_path / "x.hdf5", format="qp")


def test_qp_reads_the_mixtures(tmp_path: Path) -> None:
    qp = pytest.importorskip("qp")
    columns, params = prediction_columns(predictions())
    write_table(user("ra"), Additions(columns, params), tmp_path / "x.hdf5", format="qp")
    ensemble = qp.read(str(tmp_path / "x.hdf5"))
    assert ensemble.npdf == N
    np.testing.assert_allclose(ensemble.ancil["z_phot"], predictions().median)
    assert [path.name for path in tmp_path.iterdir()] == ["x.hdf5"]


def test_a_table_without_rows_is_written(tmp_path: Path) -> None:
    empty = skeleton([plain(np.empty(0))], [Told("ra")])
    for kind in ("votable", "fits", "parquet"):
        write_table(empty, Additions([NewColumn("z", np.empty(0, "f4"))]), tmp_path / kind, format=kind)
        assert read_table(tmp_path / kind).names == ["ra", "z"]
    write_table(empty, None, tmp_path / "td.vot", serialisation="TABLEDATA")
    assert read_table(tmp_path / "td.vot").n_rows == 0
