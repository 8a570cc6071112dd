"""Settings: defaults < file < environment < command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from vo_photoz import settings
from vo_photoz.errors import UsageError


@pytest.fixture(autouse=True)
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file of this test alone."""
    path = tmp_path / "config" / "vo-photoz.toml"
    monkeypatch.setattr(settings, "config_file", lambda: path)
    return path


def test_the_file_is_written_on_first_use_and_changes_nothing(own_file: Path) -> None:
    first = settings.load()
    text = own_file.read_text()
    for name, field in settings.Settings.model_fields.items():
        assert f"# {name} = " in text
        assert field.description
        assert field.description in text
    assert settings.load() == first


def test_every_line_of_the_file_is_valid_without_its_mark(own_file: Path) -> None:
    settings.load()
    values = [line.removeprefix("# ") for line in own_file.read_text().splitlines() if " = " in line]
    own_file.write_text("\n".join(values))
    assert settings.load() == settings.Settings.model_construct(**settings.load().model_dump())


def test_the_stronger_source_wins(own_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_file.parent.mkdir()
    own_file.write_text('radius_arcsec = 2.0\nz_min = 4.0\nsurvey = "a"\n')
    monkeypatch.setenv("VO_PHOTOZ_Z_MIN", "5")
    monkeypatch.setenv("VO_PHOTOZ_SURVEY", "b")
    loaded = settings.load(survey="c")
    assert (loaded.radius_arcsec, loaded.z_min, loaded.survey) == (2.0, 5.0, "c")


@pytest.mark.parametrize(
    ("text", "word"), [("z_min = -1", "z_min"), ("nonsense = 1", "nonsense"), ("[broken", "vo-photoz.toml")]
)
def test_a_wrong_file_is_one_sentence(own_file: Path, text: str, word: str) -> None:
    own_file.parent.mkdir()
    own_file.write_text(text)
    with pytest.raises(UsageError, match=word):
        settings.load()


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.toml"):
        settings.load(tmp_path / "nothing.toml")
