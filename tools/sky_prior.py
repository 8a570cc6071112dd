"""Make vo_photoz/data/priors/sky.csv: what there is on the sky, for ``--prior sky``.

    python tools/sky_prior.py

Quasars, galaxies and stars of `simulation.natural_sky` at high Galactic latitude, per square degree, in bins
of redshift and of z magnitude (AB, Galactic extinction included), down to z = 22.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vo_photoz.simulation.natural_sky import natural_sky

FILE = Path(__file__).resolve().parent.parent / "vo_photoz" / "data" / "priors" / "sky.csv"
AREA_DEG2 = 4_000_000.0  # a hundred skies: bright quasars at high redshift are few
MAGNITUDES = np.arange(15.0, 22.01, 0.5)
REDSHIFTS = {"QSO": np.concatenate([[0.0], np.arange(0.3, 7.01, 0.1)]), "GALAXY": np.arange(0, 1.01, 0.05)}
SEED = 20


def main() -> None:
    """Draw the sky and write the table."""
    sky = natural_sky(
        np.random.default_rng(SEED), AREA_DEG2, z_limit_mag=22.0, blue_stars=True, galaxies=True,
        most_per_stratum=60_000,
    )  # fmt: skip
    kind = np.where(np.isin(sky.kind, ["QSO", "GALAXY"]), sky.kind, "STAR")
    z, magnitude = sky.population.z, sky.population.magnitude[:, 4]
    lines = ["class,z_low,z_high,magnitude_low,magnitude_high,band,n"]
    for one in ("STAR", "GALAXY", "QSO"):
        mine = kind == one
        edges = REDSHIFTS.get(one, np.array([-1.0, 1.0]))
        counts, _, _ = np.histogram2d(magnitude[mine], z[mine], (MAGNITUDES, edges), weights=sky.weight[mine])
        for row, column in np.argwhere(counts > 0):
            low, high = (0.0, 0.0) if one == "STAR" else edges[column : column + 2]
            bright, faint = MAGNITUDES[row : row + 2]
            lines.append(f"{one},{low:.2f},{high:.2f},{bright:.1f},{faint:.1f},z,{counts[row, column]:.5g}")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{FILE}: {len(lines) - 1} bins, {sky.weight.sum():.0f} sources a square degree")


if __name__ == "__main__":
    main()
