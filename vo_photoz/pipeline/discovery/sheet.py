"""The contact sheets of the best candidates, a picture and a page: their stamps, cut again, and p(z)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_photoz import __version__
from vo_photoz.analysis.candidates_page import CandidatesView, CandidateView, page_of
from vo_photoz.analysis.plots import SourcePicture, draw_sources
from vo_photoz.flow import FLAG_MEANINGS, Float32Array, Predictions
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import Survey
from vo_photoz.pipeline.discovery.candidates import Candidates
from vo_photoz.pipeline.discovery.ranking import Ranking
from vo_photoz.pipeline.prediction.densities import MODEL_UNIT
from vo_photoz.pipeline.prediction.posterior import Priors, probabilities
from vo_photoz.redshift import mixture
from vo_photoz.redshift.card import Card
from vo_photoz.tables.write import whole

GROUPS = (
    ("Ranked", "The probability counts."),
    (
        "Outside the training domain",
        "Unlike all that the model knows: the probability may be anything. Ranked apart, and not dropped.",
    ),
)
NAMES = ("id", "name", "objid", "source_id")


def write_sheets(
    target: Path,
    candidates: Candidates,
    predictions: Predictions,
    ranking: Ranking,
    survey: Survey,
    card: Card,
    rows: int,
    *,
    priors: Priors,
    caveats: Sequence[str] = (),
) -> int:
    """Write the sheet as ``.png`` and ``.html`` beside a table.

    Returns
    -------
    int
        How many candidates they show; there are no files where none has a density.
    """
    best = ranking.order[ranking.group[ranking.order] < 2][:rows]
    if not len(best):
        return 0
    stamps = _stamps(candidates, best, survey, card)
    pictures = [
        _picture(stamps[number], card, predictions, row, _title(ranking, predictions, row))
        for number, row in enumerate(best)
    ]
    figure = draw_sources(pictures)
    whole(target.with_suffix(".png"), lambda part: figure.savefig(part, format="png"))
    told = _views(candidates, predictions, card, best, pictures, ranking)
    of_group = [[one for one, row in zip(told, best, strict=True) if ranking.group[row] == k] for k in (0, 1)]
    page = CandidatesView(
        title=f"{target.stem}: the best {len(best)} of {len(ranking.order)} candidates by "
        f"P(z > {predictions.z_min:g})",
        z_min=predictions.z_min,
        bands=tuple(card.bands),
        groups=[(*words, some) for words, some in zip(GROUPS, of_group, strict=True)],
        facts=_facts(survey, card, priors),
        caveats=caveats,
    )
    text = page_of(page)
    whole(target.with_suffix(".html"), lambda part: _write(part, text))
    return len(best)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _picture(
    stamps: Float32Array, card: Card, predictions: Predictions, row: int, title: str
) -> SourcePicture:
    return SourcePicture(
        stamps=stamps,
        bands=tuple(card.bands),
        weight=predictions.pdf.weight[row],
        mean=predictions.pdf.mean[row],
        sigma=predictions.pdf.sigma[row],
        median=float(predictions.median[row]),
        low=float(predictions.low[row]),
        high=float(predictions.high[row]),
        pixel_arcsec=card.pixel_arcsec,
        z_max=card.z_max,
        title=title,
    )


def _views(
    candidates: Candidates,
    predictions: Predictions,
    card: Card,
    best: NDArray[np.intp],
    pictures: Sequence[SourcePicture],
    ranking: Ranking,
) -> list[CandidateView]:
    pdf = predictions.pdf.take(best)
    classes, modes, names = probabilities(pdf, card), mixture.modes(pdf), _names(candidates, best)
    return [
        CandidateView(
            place=int(ranking.place[row]),
            name=names[number],
            ra=float(candidates.positions.ra[row]),
            dec=float(candidates.positions.dec[row]),
            picture=pictures[number],
            p_high=float(predictions.p_high[row]),
            classes=[]
            if classes is None
            else [
                (name, float(p)) for name, p in zip(classes.names, classes.probability[number], strict=True)
            ],
            modes=[
                (float(z), float(p))
                for z, p in zip(modes.z[number], modes.probability[number], strict=True)
                if np.isfinite(z)
            ],
            flags=[text for flag, text in FLAG_MEANINGS.items() if predictions.flags[row] & flag],
        )
        for number, row in enumerate(best)
    ]


def _names(candidates: Candidates, rows: NDArray[np.intp]) -> list[str]:
    """Names of some sources by the column that holds them; empty if there is none."""
    columns = candidates.table.columns
    main = [one.name for one in columns if (one.ucd or "").lower().startswith("meta.id;meta.main")]
    usual = [one.name for one in columns if one.name.lower() in NAMES]
    if not (main or usual):
        return [""] * len(rows)
    values = candidates.table.values((main or usual)[0])
    return [str(one) for one in np.ma.filled(np.ma.asarray(values)[rows].astype(object), "")]


def _facts(survey: Survey, card: Card, priors: Priors) -> list[tuple[str, str]]:
    return [
        ("survey", survey.title or survey.name),
        ("model", f"{card.name}, version {card.model_version}"),
        ("prior of P(z > z_min)", Path(priors.of_high).name),
        ("prior of p(z) and classes", Path(priors.of_columns).name),
        ("software", f"vo-photoz {__version__}"),
    ]


def _stamps(candidates: Candidates, rows: NDArray[np.intp], survey: Survey, card: Card) -> Float32Array:
    """Stamps of some candidates (n, band, y, x), NaN where nothing was cut; tiles come from the cache."""
    shape = (len(rows), len(card.bands), card.stamp_pixels, card.stamp_pixels)
    found = np.full(shape, np.nan, dtype=np.float32)
    positions = candidates.positions.take(rows)
    for part, stamps in cut_stamps(
        survey, positions, size=card.stamp_pixels, pixel_arcsec=card.pixel_arcsec, flux=MODEL_UNIT
    ):
        found[part] = stamps.pixels
    return found


def _title(ranking: Ranking, predictions: Predictions, row: int) -> str:
    apart = "" if ranking.group[row] == 0 else " apart"
    return f"{ranking.place[row]}{apart}: P(z>{predictions.z_min:g}) {predictions.p_high[row]:.3f}"
