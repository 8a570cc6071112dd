"""The main chain: a table in, the same table with redshift densities out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vo_photoz.errors import ServiceError, TableError
from vo_photoz.flow import (
    FLAG_MEANINGS,
    NOT_PREDICTED,
    Flag,
    FlagArray,
    Match,
    Positions,
    Predictions,
    Progress,
    no_progress,
)
from vo_photoz.hips.access.traffic import Traffic
from vo_photoz.hips.checks.doubts import doubts_of
from vo_photoz.hips.survey import Survey, load_survey
from vo_photoz.pipeline.crossmatch.chain import failed_match, join
from vo_photoz.pipeline.prediction.artefacts import JobFolder, known_redshifts
from vo_photoz.pipeline.prediction.densities import (
    Orientations,
    densities,
    open_checkpoint,
)
from vo_photoz.pipeline.prediction.dust import EBV_HIGH, Dust
from vo_photoz.pipeline.prediction.flags import position_flags
from vo_photoz.pipeline.prediction.output import new_columns, new_infos, seen
from vo_photoz.pipeline.prediction.posterior import Priors
from vo_photoz.provenance.record import Record
from vo_photoz.redshift.inference.runner import Runtime, chosen
from vo_photoz.redshift.model import Model, load_model
from vo_photoz.sky.motion import Motion
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.positions.proper_motion import find_motion
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.write import Additions, Serialisation, write_table

if TYPE_CHECKING:
    from vo_photoz.tables.write import ServiceDescriptor


@dataclass(frozen=True)
class PredictionResult:
    """What `predict` did.

    Parameters
    ----------
    path : Path
        The table that was written.
    positions : Positions
        Of every row.
    predictions : Predictions
        Of every row.
    matches : list of Match
        One for each crossmatch, failed ones included.
    traffic : Traffic
        Bytes moved so far for the tiles of the survey.
    doubts : list of str
        What speaks against the images that were taken.
    """

    path: Path
    positions: Positions
    predictions: Predictions
    matches: list[Match]
    traffic: Traffic
    doubts: list[str]

    @property
    def n_rows(self) -> int:
        """Rows of the table."""
        return len(self.positions)

    @property
    def n_predicted(self) -> int:
        """Rows that have a density."""
        return int((self.predictions.flags & NOT_PREDICTED == 0).sum())

    def ledger(self) -> list[tuple[str, int]]:
        """How many rows carry each flag, in words; the first line counts the predicted rows."""
        counts = [
            (meaning, int((self.predictions.flags & flag != 0).sum()))
            for flag, meaning in FLAG_MEANINGS.items()
        ]
        return [("predicted", self.n_predicted), *((text, n) for text, n in counts if n)]


def predict(
    table: str | Path | UserTable,
    *,
    output: str | Path,
    survey: str | Path | Survey = "sdss",
    model: str | Path | Model = "sdss-quasars",
    runtime: Runtime | None = None,
    crossmatch: Sequence[str | Path] = (),
    radius_arcsec: float = 1.5,
    z_min: float = 3.0,
    grid: int | None = None,
    format: str = "votable",
    serialisation: Serialisation = "BINARY2",
    ra: str | None = None,
    dec: str | None = None,
    frame: str | None = None,
    offline: bool = False,
    job: str = "",
    page: Callable[[int], str] | None = None,
    services: Sequence[ServiceDescriptor] = (),
    folder: Path | None = None,
    resume: bool = False,
    ebv_map: str | Path | None = None,
    ebv_high: float = EBV_HIGH,
    prior: str | Path | None = None,
    orientations: Orientations | None = None,
    progress: Progress = no_progress,
) -> PredictionResult:
    """Predict the redshift density of every row of a table.

    Rows and their order never change; a row that cannot be predicted stays, with NaN, a flag and a note.

    Parameters
    ----------
    table : path or UserTable
        VOTable, FITS, CSV, ECSV or Parquet.
    output : path
        Where the result is written (atomically).
    survey, model : name, path, or loaded object
        Images and network.
    runtime : {"auto", "tensorflow", "onnx"} or None
        What runs the networks of a model that is still to be loaded; None takes the setting ``runtime``.
    crossmatch : sequence of str
        Queries or tables whose best partner within the radius is joined to each row.
    radius_arcsec : float
        Radius of the crossmatches, arcsec.
    z_min : float
        ``p_high_z`` is P(z > z_min).
    grid : int or None
        Adds the column ``pz`` on so many points from 0 to the largest redshift of the model.
    format : {"votable", "fits", "parquet", "qp"}
        Format of the output.
    serialisation : {"BINARY2", "TABLEDATA"}
        Of a VOTable.
    ra, dec, frame : str or None
        Names of the position columns and their frame; None finds them.
    offline : bool
        Opens no connection.
    job : str
        Identifier of the run, kept in the INFO ``vo_photoz.job``; empty makes one.
    page : callable or None
        Gives the address of the p(z) page of a row, for the column ``pz_url``.
    services : sequence of ServiceDescriptor
        Written into the VOTable.
    folder : Path or None
        Where stamps and densities are kept for pages and pictures.
    resume : bool
        Keeps densities in a folder beside the output while they are made, and goes on from there when an
        earlier run of the same was killed.
    ebv_map : path or None
        HEALPix map of E(B-V); needed by models that want fluxes corrected for Galactic extinction.
    ebv_high : float
        E(B-V) of the map above which a row is flagged, mag.
    prior : {"training", "sky"}, path or None
        How sources are distributed in redshift and class: as in the training of the model, as on the sky at
        their magnitude, or as a file says (`redshift.prior_files`). None sees ``p_high_z`` with the prior of
        the sky and all other columns with that of the training.
    orientations : {1, 8} or None
        In how many of its eight turns and flips each stamp is shown; None does as the model's card says.
    progress : Progress
        Told how far the chain is.

    Returns
    -------
    PredictionResult

    Raises
    ------
    TableError
        Raised if the table cannot be read, is empty, or has no or several positions.
    SurveyError, ModelError, CoverageError
        Raised if the survey or the model cannot be used, or do not fit each other.
    UsageError
        Raised if an option cannot be meant.
    """
    source = _with_rows(table)
    positions = find_positions(source, ra=ra, dec=dec, frame=frame)
    images, network = _images_and_network(survey, model, runtime, offline)
    dust = Dust.of(ebv_map, ebv_high, network.card, images, positions)
    priors = Priors.of(prior, network.card)
    asked = {"radius_arcsec": radius_arcsec, "z_min": z_min, **priors.told()}
    asked |= {"runtime": chosen(network, network.runtime), **dust.told()}
    record = _started(job, table, source, positions, images, network, asked)
    motion = find_motion(source, ra=ra, dec=dec, frame=frame) if crossmatch else None
    matches, flags = _join_all(positions, motion, crossmatch, radius_arcsec, offline, progress)
    flags |= position_flags(positions, images) | dust.flags(len(positions))
    checkpoint = None
    if resume:
        checkpoint = open_checkpoint(
            Path(output), positions, images, network, dust, band=priors.band, orientations=orientations
        )
    found = densities(
        positions, flags, images, network, dust, band=priors.band, orientations=orientations,
        folder=folder, checkpoint=checkpoint, progress=progress,
    )  # fmt: skip
    predictions = seen(found, priors, flags, z_min)
    if folder is not None:
        z_spec = known_redshifts(matches, len(positions))
        JobFolder(folder).keep_densities(predictions, positions, network.card, z_spec)
    columns, params = new_columns(predictions, network.card, priors.of_high, grid, page)
    joined = [column for match in matches for column in match.columns]
    doubts = doubts_of(images, network.card.pixel_arcsec)
    told = new_infos(record.finish(matches), source, doubts)
    additions = Additions([*joined, *columns], params, told, list(services))
    write_table(source, additions, Path(output), format=format, serialisation=serialisation)
    if checkpoint is not None:
        checkpoint.remove()
    return PredictionResult(Path(output), positions, predictions, matches, images.traffic(), doubts)


def _with_rows(table: str | Path | UserTable) -> UserTable:
    """The table, opened; one without rows is an error."""
    source = table if isinstance(table, UserTable) else read_table(table)
    if not source.n_rows:
        raise TableError("The table has no rows.", advice="Send a table with at least one source.")
    return source


def _started(
    job: str,
    table: str | Path | UserTable,
    source: UserTable,
    positions: Positions,
    images: Survey,
    network: Model,
    asked: dict[str, Any],
) -> Record:
    """What is known of a run at its start."""
    return Record.start(
        job=job, survey=images, model=network.card, table=source, positions=positions,
        file=None if isinstance(table, UserTable) else table,
        parameters=asked,
    )  # fmt: skip


def _images_and_network(
    survey: str | Path | Survey, model: str | Path | Model, runtime: Runtime | None, offline: bool
) -> tuple[Survey, Model]:
    """Open both and check that they fit; of the survey only the bands that the model needs."""
    images = survey if isinstance(survey, Survey) else load_survey(survey, offline=offline)
    network = model if isinstance(model, Model) else load_model(model, runtime)
    network.card.check_fits(images)
    images = images.only(network.card.bands)
    images.need_photometric()
    return images, network


def _join_all(
    positions: Positions,
    motion: Motion | None,
    what: Sequence[str | Path],
    radius_arcsec: float,
    offline: bool,
    progress: Progress,
) -> tuple[list[Match], FlagArray]:
    """Every crossmatch; an archive that fails costs its columns (null, flag 64), not the predictions."""
    matches: list[Match] = []
    flags: FlagArray = np.zeros(len(positions), dtype=np.int16)
    for one in what:
        try:
            matches.append(
                join(positions, one, radius_arcsec, motion=motion, offline=offline, progress=progress)
            )
        except ServiceError as error:
            matches.append(failed_match(one, error, len(positions)))
            flags |= np.int16(Flag.CROSSMATCH_FAILED)
    return matches, flags
