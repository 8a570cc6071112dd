"""What happened in a run: with which software, survey, model, archives and table."""

from __future__ import annotations

import hashlib
import platform
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from vo_photoz import __version__
from vo_photoz.flow import Match, Positions

PACKAGES = ("astropy", "numpy")
NETWORK_PACKAGES = ("keras", "tensorflow", "onnxruntime")


class HasCard(Protocol):
    """What is needed of a model's card."""

    name: str
    model_version: str
    citation: str
    weights: dict[str, str]


class HasAddresses(Protocol):
    """What is needed of a survey."""

    @property
    def name(self) -> str:
        """Short name."""

    @property
    def title(self) -> str:
        """Long name."""

    @property
    def bands(self) -> Sequence[str]:
        """Names of the bands."""

    @property
    def hips(self) -> Mapping[str, Any]:
        """A HiPS with an ``address`` for each band."""

    @property
    def photometry(self) -> Mapping[str, Any]:
        """What is known of the fluxes of each band: ``checked`` and ``checked_result``."""


class HasSource(Protocol):
    """What is needed of the user's table."""

    @property
    def source(self) -> str:
        """File it came from."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""


@dataclass(frozen=True)
class Record:
    """A run, as it is told in its product.

    Parameters
    ----------
    job : str
        Identifier.
    started, finished : str
        UTC, ISO 8601; ``finished`` is empty while the run lasts.
    software : dict
        Versions by name.
    survey, survey_title : str
        Name of the survey.
    images : dict
        Address of the HiPS of each band.
    checked : dict
        Whether the fluxes of each band were compared with a catalogue, and what was found.
    model, model_version, model_sha256 : str
        The model and the hash of its weights.
    input, input_sha256 : str
        Name (without folders) and hash of the table's file.
    input_rows : int
        Rows of the table.
    positions : str
        Columns and frame the positions were taken from.
    parameters : dict
        Options of the run.
    matches : list of Match
        The crossmatches, failed ones included; their columns are left out.
    cites : list of str
        What to cite.
    """

    job: str
    started: str
    software: dict[str, str]
    finished: str = ""
    survey: str = ""
    survey_title: str = ""
    images: dict[str, str] = field(default_factory=dict)
    checked: dict[str, str] = field(default_factory=dict)
    model: str = ""
    model_version: str = ""
    model_sha256: str = ""
    input: str = ""
    input_sha256: str = ""
    input_rows: int = 0
    positions: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    matches: list[Match] = field(default_factory=list)
    cites: list[str] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        *,
        table: HasSource,
        positions: Positions,
        survey: HasAddresses | None = None,
        model: HasCard | None = None,
        job: str = "",
        file: str | Path | None = None,
        parameters: Mapping[str, object] | None = None,
    ) -> Record:
        """Note what is known when a run begins.

        Parameters
        ----------
        table : UserTable
            The user's table.
        positions : Positions
            Of its rows.
        survey : Survey or None
            Where pixels come from.
        model : Card or None
            Card of the model that predicts.
        job : str
            Identifier; empty makes a new one.
        file : str, Path or None
            The file the table was read from, for its name and hash; None takes ``table.source``.
        parameters : mapping or None
            Options of the run.
        """
        path = Path(file or table.source)
        record = cls(
            job=job or uuid.uuid4().hex,
            started=now(),
            software=software_versions(PACKAGES if model is None else PACKAGES + NETWORK_PACKAGES),
            input=path.name,
            input_sha256=file_sha256(path),
            input_rows=table.n_rows,
            positions=positions.origin,
            parameters={name: str(value) for name, value in (parameters or {}).items()},
        )
        if survey is not None:
            record = replace(
                record,
                survey=survey.name,
                survey_title=survey.title,
                images={band: str(survey.hips[band].address) for band in survey.bands},
                checked={band: _checked(survey.photometry.get(band)) for band in survey.bands},
            )
        if model is not None:
            record = replace(
                record,
                model=model.name,
                model_version=model.model_version,
                model_sha256=weights_sha256(model.weights),
                cites=[model.citation] if model.citation else [],
            )
        return record

    def finish(self, matches: Sequence[Match] = ()) -> Record:
        """Note what happened up to the end; the crossmatches without their columns."""
        cites = [match.infos["cite"] for match in matches if match.infos.get("cite")]
        return replace(
            self,
            finished=now(),
            matches=[replace(match, columns=[]) for match in matches],
            cites=list(dict.fromkeys([*self.cites, *cites])),
        )


def _checked(known: Any) -> str:
    """Whether the fluxes of a band were checked, in words."""
    if known is None or not (known.checked or known.checked_result):
        return "not checked"
    return f"{'yes' if known.checked else 'no'} {known.checked_result}".strip()


def now() -> str:
    """Return the time of now, UTC, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def software_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of what computes here; packages that are not installed are left out."""
    versions = {"vo_photoz": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def weights_sha256(weights: Mapping[str, str]) -> str:
    """One hash of all weights, from the hash of each file in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(weights[name].encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Hash of a file; empty when the table did not come from a file that is still there."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
