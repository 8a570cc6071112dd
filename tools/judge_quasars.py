"""Redshifts of real quasars from simulated ones: how far the simulation can be trusted, without any network.

    python tools/judge_quasars.py DATA

Two estimators, 15 nearest neighbours in catalogue colours each (as `analysis.neighbours`): one has seen
the real quasars of the four other sky folds, the other only simulated quasars with noise, the same
redshift histogram and the same distribution of i magnitudes. Both are judged on the real quasars of
DATA/quasars, all folds and fold 0, whose colours the simulation was not fitted to. Real quasars that the
simulation puts more than 0.15 (1 + z) away are listed: most have the colours of another redshift or of no
quasar.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from vo_photoz.analysis.metrics import nmad
from vo_photoz.analysis.neighbours import NEIGHBOUR_SIGMA, NEIGHBOURS, ColourNeighbours, taught
from vo_photoz.flow import MixturePDF
from vo_photoz.redshift.mixture import crps, quantile
from vo_photoz.simulation.imaging.catalogue import measured_magnitudes
from vo_photoz.simulation.quasars import draw_quasars

SIMULATED = 60_000
EDGES = np.arange(2.75, 5.01, 0.25)


def features(magnitude: np.ndarray) -> np.ndarray:
    """Colours and the i magnitude; magnitudes of no flux are cut, since they are noise."""
    return np.column_stack([np.clip(-np.diff(magnitude, axis=1), -4, 6), magnitude[:, 3]])


def densities(teacher: ColourNeighbours, magnitude: np.ndarray) -> MixturePDF:
    """One Gaussian at the redshift of each neighbour."""
    _, near = teacher.tree.query(features(magnitude) / teacher.scale, k=NEIGHBOURS)
    even = np.ones(near.shape)
    return MixturePDF(even / NEIGHBOURS, teacher.z[near], even * NEIGHBOUR_SIGMA)


def simulate(z: np.ndarray, magnitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Redshifts and measured magnitudes of simulated quasars."""
    rng = np.random.default_rng(3)
    counts = np.histogram(z, EDGES)[0]
    low = rng.choice(EDGES[:-1], SIMULATED, p=counts / counts.sum())
    drawn_z = low + rng.random(SIMULATED) * (EDGES[1] - EDGES[0])
    i = rng.choice(magnitude[:, 3], SIMULATED) - 0.05  # mean Galactic extinction
    population = draw_quasars(rng, SIMULATED, z=drawn_z, magnitudes=i)
    return drawn_z, measured_magnitudes(rng, population)[0]


def tell(name: str, pdf: MixturePDF, z: np.ndarray, rows: np.ndarray) -> None:
    """Print the scores of some rows."""
    chosen = MixturePDF(pdf.weight[rows], pdf.mean[rows], pdf.sigma[rows])
    error = (quantile(chosen, 0.5) - z[rows]) / (1 + z[rows])
    print(
        f"{name:28s} n {rows.sum():5d}  CRPS {crps(chosen, z[rows]).mean():.4f}  NMAD {nmad(error):.4f}  "
        f"outliers {np.mean(np.abs(error) > 0.15):.3f}  bias {error.mean():+.4f}"
    )


def main() -> None:
    """Run."""
    with np.load(Path(sys.argv[1]) / "quasars" / "sdss_quasars_ugriz.npz", allow_pickle=False) as data:
        z, magnitude, fold = data["z"].astype(float), data["mag"].astype(float), data["fold"]
    shape = (len(z), NEIGHBOURS)
    real = MixturePDF(*(np.empty(shape) for _ in range(3)))
    for k in range(5):
        teacher = taught(features(magnitude[fold != k]), np.ones(5), z[fold != k])
        part = densities(teacher, magnitude[fold == k])
        for name in ("weight", "mean", "sigma"):
            getattr(real, name)[fold == k] = getattr(part, name)
    simulated_z, simulated_magnitude = simulate(z, magnitude)
    simulated = densities(taught(features(simulated_magnitude), np.ones(5), simulated_z), magnitude)
    parts = {
        "all": z > 0,
        "fold 0": fold == 0,
        "z < 4.25": z < 4.25,
        "z < 4.25, fold 0": (z < 4.25) & (fold == 0),
    }
    for name, rows in parts.items():
        tell(f"real, {name}", real, z, rows)
        tell(f"simulated, {name}", simulated, z, rows)
    median = quantile(simulated, 0.5)
    suspects = np.flatnonzero(np.abs(median - z) > 0.15 * (1 + z))
    print(
        f"{len(suspects)} suspects, {np.mean(z[suspects] > 4.25):.0%} of them at z > 4.25: z, estimate, ugriz"
    )
    for row in suspects[np.argsort(z[suspects])]:
        print(f"{z[row]:.3f} {median[row]:.3f} {np.round(magnitude[row], 2)}")


if __name__ == "__main__":
    main()
