"""Predicts and trains under limits of memory, in a process of its own; lines of JSON come out.

``python -m tests.memory_limit predict MODEL RUNTIME BATCH MB...``: for each limit, megabytes above what the
process has, the batch at the end, and how far the densities are from those without a limit, or the error.
``python -m tests.memory_limit train DATASET MODEL ARCHITECTURE BATCH MB``: what was told, and the batches.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.limits import status
from tests.small_models import stamps
from vo_photoz.errors import PhotozError

ROWS = 20_000


@contextmanager
def limited(spare_mb: int) -> Iterator[None]:
    """Memory that can be written to is at most so much more than now.

    A limit of the address space would count what the C library sets aside for every thread, too.
    """
    most = status("VmData") * 1024 + spare_mb * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def predict(folder: Path, runtime: str, batch: int, spares_mb: list[int]) -> None:
    from vo_photoz.redshift.inference.runner import mixtures
    from vo_photoz.redshift.model import load_model

    model, pixels, rows = load_model(folder, runtime), stamps(ROWS).pixels, np.arange(ROWS)
    expected = mixtures(model.runner, pixels, rows, model.card.components)
    for spare in spares_mb:
        model.runner.batch, told = batch, {}
        try:
            with limited(spare):
                found = mixtures(model.runner, pixels, rows, model.card.components)
            told["difference"] = float(np.abs(found - expected).max())
        except (PhotozError, MemoryError) as error:
            told["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps({"batch": model.runner.batch, **told}), flush=True)


def train(dataset: Path, output: Path, architecture: str, batch: int, spare_mb: int) -> None:
    from vo_photoz.pipeline.training.train import train as train_model
    from vo_photoz.redshift.options import TrainingOptions

    # What is imported and started only once is there before the limit.
    small = TrainingOptions(members=1, epochs=1, batch=64, components=2, epoch_objects=64)
    train_model(dataset, output.with_name("warm"), options=small)
    told: list[str] = []
    options = TrainingOptions(
        members=1, epochs=1, batch=batch, components=2, architecture=architecture, epoch_objects=batch
    )
    found = {}
    try:
        with limited(spare_mb):
            made = train_model(dataset, output, options=options, tell=told.append)
        found["batches"] = made.card.training.options.get("batches")
    except (PhotozError, MemoryError) as error:
        found["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps({"told": told, **found}), flush=True)


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "predict":
        predict(Path(words[0]), words[1], int(words[2]), [int(one) for one in words[3:]])
    else:
        train(Path(words[0]), Path(words[1]), words[2], int(words[3]), int(words[4]))
