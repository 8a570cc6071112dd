"""Purity and completeness of a search for distant quasars, on a simulated sky with natural densities.

Every object of `natural_sky` carries a weight, the number of objects per square degree that it stands for, so
that one quasar beyond z = 5.8 and the million stars around it are both there. Its stamp is drawn and shown to
a model; it counts as found in a range of redshift when P(range, no star), with the prior of the sky, is above
a threshold. Completeness is the share of the quasars of the range that are found; purity the share of these
quasars among all that is found. Both are of simulated quasars, stars and galaxies: they say nothing about
artefacts of real images. ``wrong`` counts the drawn objects that are found and should not be: where it is
small, purity is known no better than by the weight of one, and --per-stratum must be larger.

usage: discover.py [MODEL] [--per-stratum N] [--z-limit MAG] [--scatter 0.5 1 2] [--seed S] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RANGES = ((4.7, 5.3), (5.3, 5.8), (5.8, 7.0))
BINS = (15.0, 19.0, 19.5, 20.0, 20.5, 22.0)
THRESHOLD, COMPLETENESS = 0.5, 0.75
"""A candidate is more likely right than wrong; and the completeness at which XDHZQSO is quoted."""
BLOCK = 512
SKY = "all-classes"


@dataclass(frozen=True)
class Seen:
    """What became of the objects of a sky; n rows."""

    z: NDArray[np.floating]
    magnitude: NDArray[np.floating]
    weight: NDArray[np.floating]
    kind: NDArray[np.str_]
    p_range: NDArray[np.floating]
    """P(z in the range and no star), shape (n, range)."""
    outside: NDArray[np.bool_]


def main() -> None:
    """Draw, predict, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="")
    parser.add_argument("--per-stratum", type=int, default=400)
    parser.add_argument("--z-limit", type=float, default=20.5)
    parser.add_argument("--scatter", type=float, nargs="+", default=[0.5, 1.0, 2.0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    name = given.model or with_classes()
    if not name:
        print("no model here tells classes apart: name one")
        return
    told = {}
    for scatter in given.scatter:
        start = time.perf_counter()
        seen = look(name, scatter, given.per_stratum, given.z_limit, given.seed)
        seconds = time.perf_counter() - start
        print(f"\nmodel {name}, scatter of the spectra x {scatter:g}: {len(seen.z)} objects, {seconds:.0f} s")
        told[f"{scatter:g}"] = tables(seen)
    if given.json:
        given.json.write_text(
            json.dumps({"model": name, **vars(given), "tables": told}, default=str, indent=1)
        )


def with_classes() -> str:
    """The first model that tells classes apart; empty if there is none."""
    from vo_photoz.redshift.card import read_card
    from vo_photoz.redshift.model import find_model, list_models

    return next((name for name in list_models() if "STAR" in read_card(find_model(name)).classes), "")


def look(name: str, scatter: float, per_stratum: int, z_limit: float, seed: int) -> Seen:
    """Draw a sky and show it to a model, block after block."""
    from vo_photoz.pipeline.prediction.posterior import Priors
    from vo_photoz.redshift.model import load_model
    from vo_photoz.simulation.natural_sky import natural_sky
    from vo_photoz.simulation.sky import SimulatedSky

    model, camera = load_model(name), SimulatedSky(SKY)
    priors = Priors.of(None, model.card)
    sky = natural_sky(
        np.random.default_rng([seed, round(100 * scatter)]), 1e7, z_limit_mag=z_limit, scatter=scatter,
        most_per_stratum=per_stratum, galaxies=True, blue_stars=True,
    )  # fmt: skip
    parts = [
        shown(
            model, priors, camera, sky.population.take(np.arange(start, min(start + BLOCK, len(sky)))), start
        )
        for start in range(0, len(sky), BLOCK)
    ]
    p_range, outside = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Seen(
        sky.population.z, sky.population.magnitude[:, 4], sky.weight, np.asarray(sky.kind), p_range, outside
    )


def shown(model: Any, priors: Any, camera: Any, population: Any, number: int) -> tuple[Any, Any]:
    """P of each range, and whether the model takes the object for unknown."""
    from vo_photoz.redshift.predict import outside_domain, predict_stamps
    from vo_photoz.redshift.priors import magnitudes
    from vo_photoz.simulation.extinction import draw_ebv

    rng = np.random.default_rng([number, 7])
    stamps = camera.observed(rng, population, draw_ebv(rng, len(population))).stamps
    pdf, magnitude = predict_stamps(model, stamps), magnitudes(stamps, priors.band)
    above = [priors.p_high(pdf, magnitude, z) for z in sorted({edge for pair in RANGES for edge in pair})]
    edges = sorted({edge for pair in RANGES for edge in pair})
    p_range = np.stack([above[edges.index(low)] - above[edges.index(high)] for low, high in RANGES], axis=1)
    return np.nan_to_num(p_range), outside_domain(model, stamps)


def tables(seen: Seen) -> list[dict[str, Any]]:
    """Print and return a line for each range of redshift and magnitude."""
    print(
        f"{'z':>9s} {'z mag':>11s} {'quasars/deg2':>13s} {'stars/deg2':>11s} {'drawn':>6s}   "
        f"P > {THRESHOLD:g}: purity wrong completeness   at {COMPLETENESS:.0%} completeness: P > purity   "
        f"{'main contaminant':18s} flag 16"
    )
    lines = []
    for number, (low, high) in enumerate(RANGES):
        for faint, fainter in [*pairwise(BINS), (BINS[0], BINS[-1])]:
            here = (seen.magnitude >= faint) & (seen.magnitude < fainter)
            line = figures(seen, number, here)
            if line is None:
                continue
            line |= {"z": [low, high], "z_mag": [faint, fainter]}
            lines.append(line)
            print(
                f"{low:4g}-{high:4g} {faint:5g}-{fainter:5g} {line['quasars_per_deg2']:13.2e} "
                f"{line['stars_per_deg2']:11.1f} {line['drawn']:6d}   "
                f"{line['purity']:15.2f} {line['wrong_drawn']:5d} "
                f"{line['completeness']:12.2f}   {line['threshold']:25.3f} {line['purity_at']:6.2f}   "
                f"{line['contaminant']:18s} {line['outside']:.0%}"
            )
    return lines


def figures(seen: Seen, number: int, here: NDArray[np.bool_]) -> dict[str, Any] | None:
    """Figures of a range of redshift among some objects; None where no quasar was drawn."""
    low, high = RANGES[number]
    weight, p = np.where(here, seen.weight, 0.0), seen.p_range[:, number]
    wanted = (seen.kind == "QSO") & (seen.z >= low) & (seen.z < high)
    drawn = int((wanted & here).sum())
    if not drawn:
        return None
    order = np.argsort(-p[wanted & here], kind="stable")
    reached = np.cumsum(weight[wanted & here][order]) / weight[wanted].sum()
    place = min(int(np.searchsorted(reached, COMPLETENESS)), drawn - 1)
    threshold = float(p[wanted & here][order][place])
    found = p > THRESHOLD
    wrong = found & ~wanted & here
    return {
        "drawn": drawn,
        "quasars_per_deg2": float(weight[wanted].sum()),
        "stars_per_deg2": float(weight[(seen.kind != "QSO") & (seen.kind != "GALAXY")].sum()),
        "completeness": share(weight, found & wanted, wanted),
        "purity": share(weight, found & wanted, found),
        "wrong_drawn": int(wrong.sum()),
        "threshold": threshold,
        "purity_at": share(weight, (p >= threshold) & wanted, p >= threshold),
        "contaminant": largest(seen.kind[wrong], weight[wrong], seen.z[wrong]),
        "outside": share(weight, seen.outside & wanted, wanted),
    }


def share(weight: NDArray[np.floating], part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    """Weighted share; NaN of nothing."""
    total = float(weight[whole].sum())
    return float(weight[part].sum()) / total if total > 0 else float("nan")


def largest(kind: NDArray[np.str_], weight: NDArray[np.floating], z: NDArray[np.floating]) -> str:
    """The kind of object that stands for most of what is found wrongly."""
    if not len(kind):
        return "-"
    names = np.where(kind == "QSO", np.char.add("QSO z ", np.round(z).astype(int).astype(str)), kind)
    totals = {str(name): float(weight[names == name].sum()) for name in np.unique(names)}
    best = max(totals, key=lambda name: totals[name])
    return f"{best} {totals[best] / sum(totals.values()):.0%}"


if __name__ == "__main__":
    main()
