"""The report of an evaluation as JSON: scores, and what they were made with."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from vo_photoz import __version__
from vo_photoz.analysis.bins import binned
from vo_photoz.analysis.metrics import scores_of
from vo_photoz.errors import UsageError
from vo_photoz.pipeline.evaluation.conditions import by_class, classification, quantities
from vo_photoz.pipeline.evaluation.natural import natural_sky
from vo_photoz.pipeline.evaluation.result import MODEL, Evaluation
from vo_photoz.pipeline.evaluation.tasks import name_of
from vo_photoz.pipeline.evaluation.view import MOST_SUSPECTS, suspect_view, suspects_of


def report(found: Evaluation) -> dict[str, Any]:
    """What goes into the file."""
    first = found.tasks[0].model
    return {
        "model": name_of(found.tasks),
        "model_sha256": first.hash,
        "dataset": found.data.name,
        "dataset_sha256": found.data.manifest.sha256,
        "real": found.data.manifest.real,
        "fold": found.fold,
        "folds": _folds(found),
        "seen_in_training": found.seen,
        "prior": found.prior_seen,
        "not_predicted": found.not_predicted,
        "scores": {name: one.as_dict() for name, one in found.by_estimator.items()},
        "comparisons": {name: one.as_dict() for name, one in found.comparisons.items()},
        "over_neighbours": {name: one.as_dict() for name, one in found.over_neighbours.items()},
        "titles": dict(found.titles),
        "costs": {name: cost for name, cost in found.costs.items() if cost is not None},
        "by_class": {
            kind: {name: one.as_dict() for name, one in scores.items()}
            for kind, scores in by_class(found).items()
        },
        "comparisons_by_class": _comparisons_by_class(found),
        "classification": classification(found),
        "bins": {
            one.name: {
                "title": one.title,
                "bins": [each.as_dict() for each in binned(one, found.judged, MODEL)],
            }
            for one in quantities(found)
        },
        "natural_sky": None if (natural := natural_sky(found)) is None else asdict(natural),
        "suspects": [asdict(suspect_view(found, one)) for one in suspects_of(found)[:MOST_SUSPECTS]],
        "crps_gain_over_neighbours": found.gain,
        "crps_gain_error": found.gain_error,
        "point_estimate": "median of the density",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"vo-photoz {__version__}",
    }


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write JSON, whole or not at all; what is not a number becomes null.

    Raises
    ------
    UsageError
        Raised if it cannot be written.
    """
    write_text(json.dumps(_without_nan(content), indent=2) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write a text file, whole or not at all.

    Raises
    ------
    UsageError
        Raised if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}-", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise UsageError(f"The report cannot be written to {path}: {error.strerror}.") from None


def _comparisons_by_class(found: Evaluation) -> dict[str, dict[str, Any]]:
    if found.kind is None:
        return {}
    return {
        kind: {name: one.as_dict() for name, one in found.compared(found.kind == kind).items()}
        for kind in found.classes
    }


def _folds(found: Evaluation) -> list[dict[str, Any]]:
    """Each fold by itself."""
    fold = found.data.rows.fold[found.rows]
    return [
        {
            "fold": task.fold,
            "model": task.model.card.name,
            "model_sha256": task.model.hash,
            "seen_in_training": task.seen,
            "scores": {
                name: scores_of(one.take(fold == task.fold)).as_dict() for name, one in found.judged.items()
            },
        }
        for task in found.tasks
        if found.judged[MODEL].take(fold == task.fold).counted.any()
    ]


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
