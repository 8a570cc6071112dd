"""Typed settings: defaults < TOML file < environment (``VO_PHOTOZ_...``) < command line."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from vo_photoz.errors import UsageError

APP = "vo-photoz"
EBV_HIGH = 0.3
"""E(B-V) in mag where the error of a map, 16 per cent (Schlegel, Finkbeiner & Davis 1998, ApJ 500, 525), is
0.2 mag in u and 0.05 mag in g - r: as much as the colours of two redshifts differ by."""


def config_file() -> Path:
    """Path of the user's settings file, whether or not it exists."""
    return Path(platformdirs.user_config_dir(APP)) / "vo-photoz.toml"


class Settings(BaseSettings):
    """Every setting with its default; `write_default_file` documents them in the user's file."""

    model_config = SettingsConfigDict(env_prefix="VO_PHOTOZ_", extra="forbid")

    survey: str = Field("sdss", description="survey whose images are used: a name or a TOML file")
    model: str = Field("sdss-quasars", description="model that predicts: a name or a folder")
    runtime: Literal["auto", "tensorflow", "onnx"] = Field(
        "auto", description="what runs the networks; auto: ONNX Runtime where it and the file are there"
    )
    crossmatch: list[str] = Field([], description="queries or tables joined to every prediction")
    radius_arcsec: float = Field(1.5, gt=0, description="radius of a crossmatch, arcsec")
    z_min: float = Field(3.0, ge=0, description="p_high_z is the probability of a redshift above this")

    ebv_map: Path | None = Field(
        None,
        description="HEALPix map of E(B-V) (FITS): flags dusty sky, corrects fluxes where a model wants it",
    )
    ebv_high: float = Field(EBV_HIGH, gt=0, description="E(B-V) above which a row is flagged, mag")

    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir(APP)), description="jobs and results"
    )
    cache_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir(APP)),
        description="what can be fetched again",
    )
    log_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_log_dir(APP)), description="log files of the service"
    )

    hub: Literal["auto", "start", "none"] = Field(
        "auto", description="auto: use a running SAMP hub or start one; start: always ours; none: page only"
    )
    port: int = Field(0, ge=0, le=65535, description="port of the local page; 0 takes the one used last")
    broadcast: bool = Field(False, description="send results to every table client, not to the sender alone")
    confirm_rows: int = Field(20_000, gt=0, description="a table with more rows waits for the user's word")
    result_days: float = Field(30, gt=0, description="results of the service are kept this long, days")

    fetch_max_bytes: int = Field(2_000_000_000, gt=0, description="largest table fetched, bytes")
    fetch_seconds: float = Field(120, gt=0, description="total time for fetching a table, seconds")
    http_connections: int = Field(8, gt=0, description="connections to one host at a time")
    cache_max_bytes: int = Field(
        20_000_000_000, ge=0, description="most bytes of tiles kept on disk; 0: none"
    )
    cache_days: float = Field(30, ge=0, description="age at which the server is asked whether a tile changed")
    http_seconds: float = Field(300, gt=0, description="total time for one download, seconds")
    tap_seconds: float = Field(3600, gt=0, description="total time for one archive query, seconds")
    moc_server: str = Field(
        "https://alasky.cds.unistra.fr/MocServer/query", description="address of the MOCServer of CDS"
    )
    vizier_mocs: str = Field(
        "https://cdsarc.cds.unistra.fr/viz-bin/moc", description="address of VizieR's coverage maps"
    )
    queries_dir: Path | None = Field(
        None, description="another folder of your query files, besides tap_queries beside this file"
    )
    xmatch_service: str = Field(
        "http://cdsxmatch.u-strasbg.fr/xmatch/api/v1/sync", description="address of CDS X-Match"
    )
    moc_query_service: str = Field(
        "http://cdsxmatch.u-strasbg.fr/QueryCat/QueryCat",
        description="address of CDS QueryCat, which lists what tables of VizieR have inside a coverage map",
    )
    threads: int = Field(0, ge=0, description="threads for cutting stamps; 0 takes all cores")

    @field_validator("ebv_map", "queries_dir", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return value or None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of the sources, strongest first."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=_chosen_file)
        return init_settings, env_settings, toml


_chosen_file: Path = config_file()


def load(file: Path | None = None, **given: Any) -> Settings:
    """Settings from file, environment and the given values (those that are not None).

    The user's own file is written on first use, with every setting explained and commented out.

    Parameters
    ----------
    file : Path or None
        A settings file that must exist; None takes the user's own file where there is one.
    **given
        Values from the command line; None means not given.

    Raises
    ------
    UsageError
        Raised if the file is missing or a value cannot be meant.
    """
    global _chosen_file  # noqa: PLW0603 - pydantic-settings reads the path when the class is made
    if file is not None and not file.is_file():
        raise UsageError(f"The settings file {file} does not exist.", advice="Check --config.")
    _chosen_file = file or config_file()
    if not _chosen_file.exists():
        with suppress(OSError):  # a home that cannot be written to needs no settings file
            write_default_file(_chosen_file)
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"The setting {where} is wrong: {first['msg']}.",
            advice=f"Mend it in {_chosen_file}, the environment or the command line.",
        ) from None
    except ValueError as error:  # a TOML file that cannot be parsed
        raise UsageError(f"The settings file {_chosen_file} cannot be read: {error}.") from None


@cache
def defaults() -> Settings:
    """Settings of this user without a command line, read once."""
    return load()


def write_default_file(path: Path) -> None:
    """Write a settings file in which every setting is explained and commented out."""
    lines = ["# Settings of vo-photoz. Remove the # of a line to change it.", ""]
    for name, info in Settings.model_fields.items():
        value = info.get_default(call_default_factory=True)
        lines += [f"# {info.description}", f"# {name} = {_toml(value)}", ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return '""'
    if isinstance(value, Path):
        value = value.as_posix()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
