"""Bad input on the command line: exit 1, one clear sentence, nothing written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner, Result

from vo_photoz.cli.main import app

BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<VOTABLE version="1.4"><RESOURCE><TABLE><FIELD name="ra" datatype="double" unit="deg" ucd="pos.eq.ra"/>
<FIELD name="dec" datatype="double" unit="deg" ucd="pos.eq.dec"/>
<FIELD name="t" datatype="char" arraysize="*"/>
<DATA><TABLEDATA><TR><TD>1</TD><TD>2</TD><TD>&c;</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""


def field_centre(sandbox: Path) -> tuple[float, float]:
    """A position that the sandbox sky covers."""
    sources = Table.read(sandbox / "spectra.vot", format="votable")
    return tuple(float(np.median(np.asarray(sources[name]))) for name in ("ra", "dec"))


def no_positions(path: Path, sandbox: Path) -> Path:
    Table({"flux": [1.0, 2.0], "name": ["a", "b"]}).write(path / "t.vot", format="votable")
    return path / "t.vot"


def ambiguous_positions(path: Path, sandbox: Path) -> Path:
    table = Table({name: [150.0 + k, 151.0] for k, name in enumerate(("ra_1", "ra_2"))})
    for k, name in enumerate(("dec_1", "dec_2")):
        table[name] = [2.0 + k, 3.0]
    for name in table.colnames:
        table[name].unit = "deg"
        table[name].meta["ucd"] = "pos.eq.ra" if name.startswith("ra") else "pos.eq.dec"
    table.write(path / "t.vot", format="votable")
    return path / "t.vot"


def empty_table(path: Path, sandbox: Path) -> Path:
    Table({"ra": np.zeros(0), "dec": np.zeros(0)}).write(path / "t.vot", format="votable")
    return path / "t.vot"


def empty_file(path: Path, sandbox: Path) -> Path:
    (path / "t.vot").write_bytes(b"")
    return path / "t.vot"


def cut_off(path: Path, sandbox: Path) -> Path:
    whole = (sandbox / "spectra.vot").read_bytes()
    (path / "t.vot").write_bytes(whole[: len(whole) // 2])
    return path / "t.vot"


def entity_bomb(path: Path, sandbox: Path) -> Path:
    (path / "t.vot").write_text(BOMB)
    return path / "t.vot"


def html_page(path: Path, sandbox: Path) -> Path:
    (path / "t.vot").write_text("<!DOCTYPE html><html><body><p>404 not found<br></body></html>")
    return path / "t.vot"


def missing_file(path: Path, sandbox: Path) -> Path:
    return path / "nothing.fits"


def predict(table: Path, output: Path, sandbox: Path, *more: str) -> Result:
    """Run `vo-photoz predict` on the sandbox sky."""
    survey = [] if "--survey" in more else ["--survey", str(sandbox / "survey.toml")]
    return CliRunner().invoke(app, ["predict", str(table), "-o", str(output), *survey, *more])


def assert_one_sentence(result: Result, *words: str) -> None:
    """Exit 1 and one line on the error stream that holds the words."""
    assert result.exit_code == 1, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in result.output
    for word in words:
        assert re.search(word, lines[0], flags=re.IGNORECASE), f"{word!r} is not in: {lines[0]}"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (no_positions, ["position", "flux", "--ra"]),
        (ambiguous_positions, ["ra_1", "ra_2", "--ra"]),
        (empty_table, ["no rows"]),
        (empty_file, ["t.vot", "empty"]),
        (cut_off, ["t.vot"]),
        (entity_bomb, ["t.vot", "entit"]),
        (html_page, ["t.vot"]),
        (missing_file, ["nothing.fits"]),
    ],
)
def test_bad_table(
    make: Callable[[Path, Path], Path], words: list[str], tmp_path: Path, sandbox: Path
) -> None:
    table, output = make(tmp_path, sandbox), tmp_path / "out" / "result.vot"
    output.parent.mkdir()
    assert_one_sentence(predict(table, output, sandbox), *words)
    assert not list(output.parent.iterdir()), "something was written"


def test_bad_table_keeps_an_older_result(tmp_path: Path, sandbox: Path) -> None:
    output = tmp_path / "result.vot"
    output.write_text("older")
    assert_one_sentence(predict(cut_off(tmp_path, sandbox), output, sandbox))
    assert output.read_text() == "older"


def test_one_row(tmp_path: Path, sandbox: Path) -> None:
    ra, dec = field_centre(sandbox)
    Table({"ra": [ra], "dec": [dec]}).write(tmp_path / "one.csv")
    result = predict(tmp_path / "one.csv", tmp_path / "one.vot", sandbox)
    assert result.exit_code == 0, result.output
    back = Table.read(tmp_path / "one.vot", format="votable")
    assert len(back) == 1
    assert np.isfinite(back["z_phot"][0])


def test_nan_positions_keep_their_rows(tmp_path: Path, sandbox: Path) -> None:
    ra, dec = field_centre(sandbox)
    rows = Table({"name": ["a", "b", "c"], "ra": [np.nan, ra, 400.0], "dec": [dec, dec, dec]})
    rows.write(tmp_path / "t.csv")
    result = predict(tmp_path / "t.csv", tmp_path / "out.vot", sandbox)
    assert result.exit_code == 0, result.output
    back = Table.read(tmp_path / "out.vot", format="votable")
    assert list(back["name"]) == ["a", "b", "c"]
    assert [bool(flag & 1) for flag in back["photoz_flag"]] == [True, False, True]
    assert np.isfinite(np.ma.filled(back["z_phot"], np.nan)).tolist() == [False, True, False]
    assert "position" in back["photoz_note"][0]


def test_survey_without_fits_tiles(tmp_path: Path, sandbox: Path) -> None:
    for band in "ugriz":
        (tmp_path / band).mkdir()
        (tmp_path / band / "properties").write_text(
            "creator_did = ivo://test/P/colour\nhips_order = 3\nhips_frame = equatorial\n"
            "hips_tile_width = 512\nhips_tile_format = jpeg png\n"
        )
    addresses = "\n".join(f'{band} = "{band}"' for band in "ugriz")
    (tmp_path / "colour.toml").write_text(
        '[survey]\nname = "colour"\ntitle = "Pictures"\nbands = ["u", "g", "r", "i", "z"]\n'
        f'pixel_unit = "nanomaggy"\n[hips]\n{addresses}\n'
    )
    table = sandbox / "sources.vot"
    result = predict(table, tmp_path / "out.vot", sandbox, "--survey", str(tmp_path / "colour.toml"))
    assert_one_sentence(result, "fits")


def test_model_with_other_bands(tmp_path: Path, sandbox: Path) -> None:
    text = (sandbox / "survey.toml").read_text()
    text = text.replace('["u", "g", "r", "i", "z"]', '["g", "r", "i", "z"]')
    text = re.sub(r'= "([ugriz])"', lambda m: f'= "{sandbox / m[1]}"', text)
    (tmp_path / "griz.toml").write_text(text)
    result = predict(
        sandbox / "sources.vot", tmp_path / "o.vot", sandbox, "--survey", str(tmp_path / "griz.toml")
    )
    assert_one_sentence(result, "band")


@pytest.mark.parametrize("option", [["--survey", "nosuchsurvey"], ["--model", "nosuchmodel"]])
def test_unknown_name(option: list[str], tmp_path: Path, sandbox: Path) -> None:
    result = predict(sandbox / "sources.vot", tmp_path / "out.vot", sandbox, *option)
    assert_one_sentence(result, option[1])
