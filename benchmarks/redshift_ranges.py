"""How good models are by redshift, as they are and with the prior of the sky: simulated quasars of 0 to 7.

    python benchmarks/redshift_ranges.py [MODEL ...]

The quasars are of a seed that no shipped model was trained on. Only those brighter than 20 in z count.
Sources with flag 16 are set aside, but not in the rows of the prior of the sky.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from vo_photoz.analysis.metrics import OUTLIER
from vo_photoz.flow import BoolArray, FloatArray, MixturePDF, Stamps
from vo_photoz.pipeline.datasets.simulate import simulate_dataset
from vo_photoz.redshift import mixture
from vo_photoz.redshift.model import Model, load_model
from vo_photoz.redshift.predict import outside_domain, predict_stamps
from vo_photoz.redshift.priors import magnitudes, prior_named, ratio_of, reweighted, training_prior

SEED, N = 77, 12_000
BRIGHT = 20.0
EDGES = (0, 1, 2, 2.5, 2.75, 3.5, 5, 5.5, 6, 6.4)


def rows_of(model: Model, stamps: Stamps) -> Iterator[tuple[str, MixturePDF, BoolArray]]:
    """Densities as they are and with the prior of the sky, and which of them count."""
    pdf = predict_stamps(model, stamps)
    yield "as it is", pdf, ~outside_domain(model, stamps)
    sky = prior_named("sky")
    if sky is None:
        raise ValueError("the prior of the sky is missing")
    ratio = ratio_of(sky, training_prior(model.card))
    classes = model.card.component_classes
    seen = reweighted(pdf, ratio, component_classes=classes, magnitude=magnitudes(stamps, "z"))
    yield "--prior sky", seen, np.ones(len(pdf), dtype=bool)


def told(pdf: MixturePDF, z: FloatArray, counted: BoolArray) -> Iterator[str]:
    """For every range of redshift: CRPS, share that is wrong, number."""
    crps = mixture.crps(pdf, z)
    wrong = np.abs(mixture.quantile(pdf, 0.5) - z) > OUTLIER * (1 + z)
    for low, high in pairwise(EDGES):
        here = counted & (z > low) & (z <= high)
        yield f"{crps[here].mean():6.3f} {100 * wrong[here].mean():5.1f} %{here.sum():5}"


def main() -> None:
    """Print a table of every model."""
    with tempfile.TemporaryDirectory() as folder:
        data = simulate_dataset("quasars", Path(folder) / "quasars", n=N, seed=SEED)
        bright = np.flatnonzero(np.asarray(data.rows.mag)[:, -1] < BRIGHT)
        stamps, z = data.stamps(bright), data.rows.z[bright]
    for name in sys.argv[1:] or ["sdss-quasars", "sandbox"]:
        for what, pdf, counted in rows_of(load_model(name), stamps):
            print(f"{name}, {what}: CRPS, wrong, quasars")
            for low, high, line in zip(EDGES, EDGES[1:], told(pdf, z, counted), strict=False):
                print(f"  {low:4} to {high:4} {line}")


if __name__ == "__main__":
    main()
