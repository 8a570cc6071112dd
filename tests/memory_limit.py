"""Predicts under a limit of memory in a process of its own: ``python -m tests.memory_limit MODEL MB BATCH``.

One line of JSON comes out: the batch at the end, and how far the densities are from those without a limit.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np

from tests.limits import status
from tests.small_models import stamps

ROWS = 20_000


def main(folder: Path, spare_mb: int, batch: int) -> None:
    from vo_photoz.redshift.model import load_model
    from vo_photoz.redshift.predict import predict_stamps

    model, shown = load_model(folder, "onnx"), stamps(ROWS)
    expected = predict_stamps(model, shown)
    model.runner.batch = batch
    most = status("VmSize") * 1024 + spare_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    found = predict_stamps(model, shown)
    difference = float(np.abs(found.mean - expected.mean).max())
    print(json.dumps({"batch": model.runner.batch, "difference": difference}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
