"""What the page of an evaluation shows, gathered from the data set and the densities."""

from __future__ import annotations

import numpy as np

from vo_photoz import __version__
from vo_photoz.analysis.bins import binned
from vo_photoz.analysis.evaluation_view import EvaluationView, SuspectView
from vo_photoz.analysis.metrics import scores_of
from vo_photoz.analysis.plots import SourcePicture
from vo_photoz.analysis.suspects import Suspect, find_suspects
from vo_photoz.datasets.manifest import dereddening_text
from vo_photoz.pipeline.evaluation.conditions import by_class, classification, quantities
from vo_photoz.pipeline.evaluation.natural import natural_sky
from vo_photoz.pipeline.evaluation.result import MODEL, Evaluation
from vo_photoz.redshift import mixture

SECOND = "neighbours"
PICTURED = 16
MOST_SUSPECTS = 1000


def suspects_of(found: Evaluation) -> list[Suspect]:
    """Suspected labels, the worst first."""
    share = found.class_shares.get(MODEL)
    return find_suspects(found.judged[MODEL], found.judged[SECOND], share, found.kind, found.classes)


def view_of(found: Evaluation) -> EvaluationView:
    """All that the page shows."""
    fold, suspects = found.data.rows.fold[found.rows], suspects_of(found)
    folds = [
        (task.fold, {name: scores_of(one.take(fold == task.fold)) for name, one in found.judged.items()})
        for task in found.tasks
        if (fold == task.fold).any()
    ]
    bins = [(one, binned(one, found.judged, MODEL)) for one in quantities(found)]
    return EvaluationView(
        title=_title(found),
        facts=_facts(found),
        warnings=_warnings(found),
        titles=found.titles,
        pdfs=found.pdfs,
        judged=found.judged,
        scores=found.by_estimator,
        comparisons=found.comparisons,
        over_neighbours=found.over_neighbours,
        folds=folds if len(folds) > 1 else (),
        by_class=by_class(found),
        classification=classification(found),
        costs={name: cost for name, cost in found.costs.items() if cost is not None},
        binned=[(quantity, some) for quantity, some in bins if some],
        natural=natural_sky(found),
        suspects=[suspect_view(found, one) for one in suspects],
        pictures=_pictures(found, suspects[:PICTURED]),
    )


def _title(found: Evaluation) -> str:
    many = len(found.folds)
    return f"{found.titles[MODEL]} on {found.data.name}" + (f", {many} folds pooled" if many > 1 else "")


def suspect_view(found: Evaluation, suspect: Suspect) -> SuspectView:
    """A suspected label with what is known of the object."""
    rows, number = found.data.rows, suspect.number
    row = int(found.rows[number])
    return SuspectView(
        id=str(rows.id[row]),
        ra=float(rows.ra[row]),
        dec=float(rows.dec[row]),
        kind="" if found.kind is None else str(found.kind[number]),
        z=float(found.judged[MODEL].z[number]),
        z_phot=float(found.judged[MODEL].median[number]),
        z_second=float(found.judged[SECOND].median[number]),
        near=suspect.near,
        of_class=suspect.of_class,
        backed=suspect.backed,
    )


def _pictures(found: Evaluation, suspects: list[Suspect]) -> list[SourcePicture]:
    numbers = np.array([one.number for one in suspects], dtype=np.intp)
    if not len(numbers):
        return []
    held, order = found.data.manifest, found.tasks[0].order(found.data)
    stamps, pdf = found.data.pixels(found.rows[numbers])[:, order], found.pdf.take(numbers)
    low, median, high = mixture.quantile(pdf, np.array([0.16, 0.5, 0.84])).T
    z, z_max = found.judged[MODEL].z, max(task.model.card.z_max for task in found.tasks)
    return [
        SourcePicture(
            stamps=stamps[k],
            bands=tuple(held.bands[band] for band in order),
            weight=pdf.weight[k],
            mean=pdf.mean[k],
            sigma=pdf.sigma[k],
            median=float(median[k]),
            low=float(low[k]),
            high=float(high[k]),
            pixel_arcsec=held.pixel_arcsec,
            z_max=z_max,
            title=str(found.data.rows.id[found.rows[number]]),
            z_spec=float(z[number]),
        )
        for k, number in enumerate(numbers)
    ]


def _warnings(found: Evaluation) -> list[str]:
    told = []
    if found.seen:
        told.append("The networks have seen these objects in training: the scores say little.")
    if not found.data.manifest.real:
        told.append("The objects are simulated: the scores say nothing about the real sky.")
    if found.not_predicted:
        told.append(f"{found.not_predicted} objects have no usable stamp and do not count.")
    return told


def _facts(found: Evaluation) -> list[tuple[str, str]]:
    held, models = found.data.manifest, {task.fold: task.model for task in found.tasks}
    return [
        ("models", ", ".join(f"{one.card.name} (fold {fold})" for fold, one in sorted(models.items()))),
        ("weights, sha256", ", ".join(one.hash[:16] for _, one in sorted(models.items()))),
        ("data set", f"{found.data.name}, {held.n:,} objects, sha256 {held.sha256[:16]}"),
        ("pixels", f"{held.stamp_pixels} x {held.stamp_pixels} of {held.pixel_arcsec:g} arcsec, {held.unit}"),
        ("corrected for dust", dereddening_text(held.dereddened, held.dereddening)),
        ("prior of the models", found.prior_seen),
        ("scored", f"{len(found.rows):,} objects in fold {', '.join(map(str, found.folds))} of the sky"),
        ("software", f"vo-photoz {__version__}"),
    ]
