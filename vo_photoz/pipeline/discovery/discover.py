"""The chain of a discovery: candidates, stamps, densities, ranking, and the files that tell of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from vo_photoz.errors import UsageError
from vo_photoz.flow import Coverage, Progress, no_progress
from vo_photoz.hips.coverage import survey_coverage
from vo_photoz.hips.moc_files import write_moc
from vo_photoz.hips.survey import Survey, load_survey
from vo_photoz.pipeline.discovery.candidates import Candidates, Search, find_candidates, rows_of
from vo_photoz.pipeline.discovery.ranking import Ranking, ranked
from vo_photoz.pipeline.discovery.sheet import write_sheets
from vo_photoz.pipeline.prediction.densities import Orientations
from vo_photoz.pipeline.prediction.posterior import Priors
from vo_photoz.pipeline.prediction.predict import PredictionResult, predict
from vo_photoz.redshift.card import Card
from vo_photoz.redshift.inference.runner import Runtime
from vo_photoz.redshift.model import Model, load_model
from vo_photoz.settings import EBV_HIGH
from vo_photoz.sky.moc import intersection
from vo_photoz.tables.additions import Additions
from vo_photoz.tables.read import read_table
from vo_photoz.tables.write import write_table

KEY_FILE = "search.json"
MOST_PICTURES = 400
"""Candidates on a sheet; more make a picture that few programs open."""
SQUARE_DEGREES = 41252.96124941928
"""Of the whole sky: 4 pi steradian."""


@dataclass(frozen=True)
class Discovery:
    """What `discover` did.

    Parameters
    ----------
    path, moc_path, sheet_path, page_path : Path
        The table, the map of what was searched, and the contact sheet as a picture and as a page.
    result : PredictionResult
        Of the candidates in their own order.
    ranking : Ranking
        Their new order.
    searched : Coverage
        What was searched.
    received : int
        Candidates before those outside the part of the sky were left out.
    pictures : int
        Candidates on the sheets.
    card : Card
        Of the model.
    route : str
        How an archive was asked; empty for a table.
    """

    path: Path
    moc_path: Path
    sheet_path: Path
    page_path: Path
    result: PredictionResult
    ranking: Ranking
    searched: Coverage
    received: int
    pictures: int
    card: Card
    route: str = ""

    def ledger(self) -> list[tuple[str, int]]:
        """What became of the candidates, in words and rows; no row is lost on the way."""
        n = self.result.n_rows
        lines = [
            ("candidates received", self.received),
            ("outside the part of the sky, left out", self.received - n),
            *self.result.ledger(),
            (f"ranked by P(z > {self.result.predictions.z_min:g})", self.ranking.count(0)),
            ("outside the training domain, ranked apart", self.ranking.count(1)),
            ("not predicted, kept at the end", self.ranking.count(2)),
        ]
        return [(text, rows) for text, rows in lines if rows]

    def caveats(self) -> list[str]:
        """What the reader of the ranking must know."""
        told = []
        if not self.card.classes:
            told.append(f"The model {self.card.name} tells no classes: stars are taken for what it knows.")
        if self.result.predictions.z_min > self.card.z_max:
            told.append(f"The model {self.card.name} knows redshifts up to {self.card.z_max:g} only.")
        return told


def discover(
    search: Search,
    output: str | Path,
    *,
    z_min: float,
    survey: str | Path | Survey = "sdss",
    model: str | Path | Model = "sdss-quasars",
    runtime: Runtime | None = None,
    prior: str | Path | None = None,
    orientations: Orientations | None = None,
    rows: int = 24,
    format: str = "votable",
    offline: bool = False,
    resume: bool = False,
    ebv_map: str | Path | None = None,
    ebv_high: float = EBV_HIGH,
    progress: Progress = no_progress,
) -> Discovery:
    """Rank candidates by the probability of a high redshift.

    Parameters
    ----------
    search : Search
        The part of the sky and where its candidates come from.
    output : path
        The table: every candidate with all its columns, those of a prediction and its rank, the best first.
        Beside it, with the endings ``.moc.fits``, ``.png`` and ``.html``, the map of what was searched and
        the contact sheet as a picture and as a page that needs no other file.
    z_min : float
        Candidates are ranked by P(z > z_min).
    survey, model, runtime, prior, orientations, format, offline, ebv_map, ebv_high, progress
        As of `predict`.
    rows : int
        Candidates on the contact sheet, 0 to 400.
    resume : bool
        Go on where an earlier run of the same was killed: neither the archive is asked again, nor the
        densities made again that there are.

    Raises
    ------
    PhotozError
        Raised as by `find_candidates` and `predict`.
    UsageError
        Raised if the search or the number of pictures cannot be meant.
    """
    if not 0 <= rows <= MOST_PICTURES:
        raise UsageError(f"A sheet of {rows} candidates cannot be drawn.", advice=f"0 to {MOST_PICTURES}.")
    images = survey if isinstance(survey, Survey) else load_survey(survey, offline=offline)
    network = model if isinstance(model, Model) else load_model(model, runtime)
    network.card.check_fits(images)
    asked, target = search.resolved(images.name), Path(output)
    work = _work_folder(target, asked, images, resume=resume)
    told = None
    try:
        found = find_candidates(asked, work / "candidates.vot", offline=offline, progress=progress)
        result = predict(
            found.table, output=work / "densities.vot", survey=images, model=network, z_min=z_min,
            ra=search.ra, dec=search.dec, frame=search.frame, offline=offline, resume=True,
            prior=prior, orientations=orientations, ebv_map=ebv_map, ebv_high=ebv_high, progress=progress,
        )  # fmt: skip
        shown = images.only(network.card.bands)
        priors = Priors.of(prior, network.card)
        told = _written(target, found, result, shown, network.card, rows, format, priors)
    finally:
        if told is not None or [path.name for path in work.iterdir()] == [KEY_FILE]:
            shutil.rmtree(work, ignore_errors=True)  # nothing is there to go on from
    return told


def _written(
    target: Path,
    found: Candidates,
    result: PredictionResult,
    images: Survey,
    card: Card,
    rows: int,
    format: str,
    priors: Priors,
) -> Discovery:
    """Write all files; the table last, since it says that all is done."""
    ranking = ranked(result.predictions.p_high, result.predictions.flags)
    searched = intersection([found.area, survey_coverage(images, unknown_is_whole=True)])
    moc_path, sheet, page = (target.with_suffix(ending) for ending in (".moc.fits", ".png", ".html"))
    write_moc(searched, moc_path)
    told = Discovery(
        target, moc_path, sheet, page, result, ranking, searched, found.received, 0, card, found.route
    )
    pictures = write_sheets(
        target, found, result.predictions, ranking, images, card, rows, priors=priors, caveats=told.caveats()
    )
    told = replace(told, pictures=pictures)
    infos = [
        ("vo_photoz.searched", f"{moc_path.name}, {searched.sky_fraction * SQUARE_DEGREES:.4f} deg2"),
        ("vo_photoz.candidates", "; ".join(f"{text}: {n}" for text, n in told.ledger())),
        *(("vo_photoz.caveat", text) for text in told.caveats()),
    ]
    table = rows_of(read_table(result.path), ranking.order)
    write_table(table, Additions(ranking.columns(), infos=infos), target, format=format)
    return told


def _work_folder(target: Path, search: Search, survey: Survey, *, resume: bool) -> Path:
    """Folder beside the output with what is kept until the end; started anew for another search."""
    folder = target.with_name(f".{target.name}.unfinished")
    key = {**asdict(search), "survey": survey.name, "files": _hashes(search)}
    key_file = folder / KEY_FILE
    try:
        same = resume and json.loads(key_file.read_text(encoding="utf-8")) == key
    except (OSError, ValueError):
        same = False
    if not same:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        key_file.write_text(json.dumps(key), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}.") from None
    return folder


def _hashes(search: Search) -> dict[str, str]:
    """Hashes of the files that a search names, so that a changed one is noticed."""
    files = [Path(one) for one in (search.inside, search.query, search.table) if one]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}
