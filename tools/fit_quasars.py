"""Fit the population of quasar spectra to the colours of real ones; prints the numbers of `QuasarModel`.

    python tools/fit_quasars.py DATA [--fit]

DATA is the folder with quasars/sdss_quasars_ugriz.npz (SDSS quasars, 2.75 < z < 5) and
catalogues/sdss_dr14_skyserver_10k.csv (850 SDSS quasars, of which z < 2.75 is used). What is fitted:
medians and half widths (16th to 84th percentile) of u-g, g-r, r-i and i-z in steps of 0.25 in redshift, on
sky folds 1 to 4; u-g only below z = 2.75, since SDSS found red quasars more easily at 3 < z < 3.5 (Worseck
& Prochaska 2011). Fold 0 is printed beside it and never fitted. Each number is held near its published
value by a Gaussian prior. Without --fit the comparison of the present numbers is printed.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from vo_photoz.datasets.split import sky_folds
from vo_photoz.simulation.quasars import draw_quasars
from vo_photoz.simulation.quasars.components import GROUPS
from vo_photoz.simulation.quasars.draws import MODEL, QuasarModel
from vo_photoz.simulation.quasars.luminosity_function import draw_magnitudes_at

COPIES = 5
STEP = 0.25  # in redshift
NEAR = 2.75  # below: the 850 quasars; above: those with stamps
U_LIMIT = 19.6
HOSTED = 0.5
FAR_I_LIMIT = 20.5
# Noise of a point source in nanomaggies: that of a pixel of the stamps times the root of the noise-equivalent
# area of the point spread functions of `simulation.imaging.exposures` in pixels (a fifth more in z, from the
# widths of the faint real quasars); and 1 to 2 % of the flux (calibration).
NOISE = np.array([0.045, 0.017, 0.028, 0.047, 0.18]) * np.array([6.1, 5.7, 5.3, 5.0, 6.5])
FLOOR = np.array([0.02, 0.01, 0.01, 0.01, 0.015])
SOFTENING = np.array([1.4, 0.9, 1.2, 1.8, 7.4]) * 1e-10  # of the asinh magnitudes of SDSS
COLOURS = ("u-g", "g-r", "r-i", "i-z")
# Published values, the centres of the priors. Slopes: Temple et al. 2021 (MNRAS 508, 737) and Ross et al.
# 2013 (ApJ 773, 14); equivalent widths of Vanden Berk et al. 2001; scatter of the lines of the order of
# that in Shen et al. 2011 (ApJS 194, 45); most SDSS quasars have E(B-V) < 0.04 (Hopkins et al. 2004, AJ
# 128, 1112) and 6 % are redder (Richards et al. 2003, AJ 126, 1131). Slopes, scatters and shares were
# entered from memory.
START = QuasarModel(
    slope=-0.35, slope_uv=-1.5, slope_red=-0.3, slope_sd=0.25, slope_uv_sd=0.3, slope_red_sd=0.2,
    strength=(1.0,) * 10, strength_sd=(0.2, 0.15, 0.1, 0.12, 0.12, 0.2, 0.2, 0.2, 0.2, 0.2),
    ebv=0.012, red_share=0.06, red_ebv=0.08, forest=1.0, forest_sd=0.15, forest_common_sd=0.05, host=0.15,
    host_sd=0.25,
)  # fmt: skip

# Scalars: name, standard deviation of the prior (of the logarithm where the number is positive by nature).
LINEAR = {"slope": 0.2, "slope_uv": 0.3, "slope_red": 0.4}
LOGARITHMIC = {
    "ebv": 0.4, "forest": 0.1, "host": 0.7, "slope_sd": 0.4, "slope_uv_sd": 0.4, "slope_red_sd": 0.4,
    "forest_sd": 0.4, "forest_common_sd": 0.2, "host_sd": 0.4, "red_share": 0.5, "red_ebv": 0.3,
}  # fmt: skip
STRENGTH = np.array([0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.5, 0.5, 0.5, 0.5])
SPREAD = {"lya": 0.3, "high": 0.3, "ciii": 0.3, "lines": 0.3, "iron": 0.3}  # factors on strength_sd


@dataclass(frozen=True)
class Sample:
    """Real quasars: redshift, asinh magnitudes (n, 5), sky fold."""

    z: np.ndarray
    magnitude: np.ndarray
    fold: np.ndarray

    def take(self, rows: np.ndarray) -> Sample:
        """Some of the quasars."""
        return Sample(self.z[rows], self.magnitude[rows], self.fold[rows])


def read(folder: Path) -> Sample:
    """Both samples as one."""
    with np.load(folder / "quasars" / "sdss_quasars_ugriz.npz", allow_pickle=False) as far:
        parts = [Sample(far["z"].astype(float), far["mag"].astype(float), far["fold"])]
    with (folder / "catalogues" / "sdss_dr14_skyserver_10k.csv").open(encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if row["class"] == "QSO" and float(row["redshift"]) < NEAR
        ]
    z, ra, dec = (np.array([float(row[name]) for row in rows]) for name in ("redshift", "ra", "dec"))
    magnitude = np.array([[float(row[band]) for band in "ugriz"] for row in rows])
    good = (z > 0.05) & (np.abs(magnitude - 19) < 8).all(axis=1)
    parts.append(Sample(z[good], magnitude[good], sky_folds(ra[good], dec[good])))
    return Sample(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("z", "magnitude", "fold")))


def observe(rng: np.random.Generator, magnitude: np.ndarray) -> np.ndarray:
    """Magnitudes as SDSS measures them: noise, then asinh."""
    flux = 10 ** (0.4 * (22.5 - magnitude))
    flux = flux * (1 + FLOOR * rng.standard_normal(flux.shape)) + rng.standard_normal(flux.shape) * NOISE
    return -2.5 / np.log(10) * (np.arcsinh(flux * 1e-9 / (2 * SOFTENING)) + np.log(SOFTENING))


def simulate(sample: Sample, model: QuasarModel, copies: int = COPIES) -> Sample:
    """Simulated quasars at the redshifts of real ones, selected as those were.

    The far sample gets the i magnitudes of the real quasars. The near one was cut at u = 19.6 (and the survey
    at i = 19.1), which favours blue quasars: its magnitudes are natural ones (real ones below z = 0.5, where
    the luminosity function does not count the light of the hosts), and the same cut is made.
    """
    rng = np.random.default_rng(5)
    z = np.tile(sample.z, copies)
    near = z < NEAR
    i = np.tile(sample.magnitude[:, 3], copies) - 0.05  # mean Galactic extinction
    blank = near & (z > HOSTED)
    i[blank] = draw_magnitudes_at(rng, z[blank], (15.0, 19.2))
    drawn = draw_quasars(rng, len(z), z=z, magnitudes=i, model=model)
    seen = observe(rng, drawn.magnitude)
    keep = ~near | (seen[:, 0] < U_LIMIT)
    return Sample(z, seen, np.tile(sample.fold, copies)).take(keep)


def bins(sample: Sample, least: int = 12) -> np.ndarray:
    """Lower ends of the steps in redshift with enough objects."""
    low = np.arange(0, 5, STEP)
    return low[[int(((sample.z >= at) & (sample.z < at + STEP)).sum()) >= least for at in low]]


def statistics(sample: Sample, low: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number, medians and half widths of the colours for each bin."""
    number, rows = [], []
    for at in low:
        here = (sample.z >= at) & (sample.z < at + STEP)
        rows.append(np.percentile(-np.diff(sample.magnitude[here], axis=1), [16, 50, 84], axis=0))
        number.append(here.sum())
    table = np.array(rows)
    return np.array(number), table[:, 1], (table[:, 2] - table[:, 0]) / 2


def pack(model: QuasarModel) -> np.ndarray:
    """Numbers to fit, in units of the prior, 0 at its centre."""
    linear = [(getattr(model, k) - getattr(START, k)) / s for k, s in LINEAR.items()]
    logs = [np.log(getattr(model, k) / getattr(START, k)) / s for k, s in LOGARITHMIC.items()]
    strength = np.log(np.array(model.strength) / START.strength) / STRENGTH
    spread = np.log(np.array(model.strength_sd) / START.strength_sd)[[0, 1, 2, 3, 6]] / list(SPREAD.values())
    return np.concatenate([linear, logs, strength, spread])


def unpack(numbers: np.ndarray) -> QuasarModel:
    """The reverse."""
    values = iter(numbers)
    changed = {k: getattr(START, k) + next(values) * s for k, s in LINEAR.items()}
    changed |= {k: getattr(START, k) * np.exp(next(values) * s) for k, s in LOGARITHMIC.items()}
    strength = START.strength * np.exp([next(values) * s for s in STRENGTH])
    lya, high, ciii, lines, iron = (np.exp(next(values) * s) for s in SPREAD.values())
    spread = START.strength_sd * np.array([lya, high, ciii] + [lines] * 3 + [iron] * 4)
    return replace(START, **changed, strength=tuple(strength), strength_sd=tuple(spread))


def fit(sample: Sample) -> QuasarModel:
    """Least squares of medians and widths, with priors."""
    low = bins(sample)
    number, median, width = statistics(sample, low)
    use = np.ones(median.shape, bool)
    use[low >= NEAR, 0] = False
    use[low >= 4.75] = False  # many labels are wrong there
    error = np.hypot(1.25 * width / np.sqrt(number)[:, None], 0.01)
    relative = np.hypot(1.0 / np.sqrt(number)[:, None], 0.03)

    def residuals(numbers: np.ndarray) -> np.ndarray:
        _, ours, spread = statistics(simulate(sample, unpack(numbers)), low)
        middle, spread = (ours - median) / error, np.log(spread / width) / relative
        result = np.concatenate([middle[use], spread[use], numbers])
        print(f"{(result**2).sum():10.1f}", flush=True)
        return result

    found = least_squares(residuals, pack(MODEL), diff_step=0.05, x_scale=1.0, max_nfev=8, loss="soft_l1")
    return unpack(found.x)


def tell(sample: Sample, model: QuasarModel) -> None:
    """Print simulated minus real medians, and ratios of the widths."""
    low = bins(sample)
    number, median, width = statistics(sample, low)
    _, ours, spread = statistics(simulate(sample, model), low)
    names = "".join(f"{colour:>7}" for colour in COLOURS)
    print(f"    z    n  median: {names}   width ratio: {names}")
    for row in range(len(low)):
        middle = "".join(f"{v:+7.3f}" for v in ours[row] - median[row])
        ratio = "".join(f"{v:7.2f}" for v in spread[row] / width[row])
        print(f"{low[row] + STEP / 2:5.3f} {number[row]:4d}          {middle}                {ratio}")


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    sample = read(arguments.data)
    # The faint far quasars tell more about noise than about spectra.
    sample = sample.take((sample.z < NEAR) | (sample.magnitude[:, 3] < FAR_I_LIMIT))
    training, test = sample.take(sample.fold != 0), sample.take(sample.fold == 0)
    model = fit(training) if arguments.fit else MODEL
    for name in QuasarModel.__dataclass_fields__:
        value = getattr(model, name)
        shown = (
            tuple(round(float(v), 3) for v in value) if isinstance(value, tuple) else round(float(value), 4)
        )
        print(f"    {name} = {shown}")
    print(dict(zip(GROUPS, np.round(model.strength, 2), strict=True)))
    print("folds 1 to 4")
    tell(training, model)
    print("fold 0")
    tell(test, model)


if __name__ == "__main__":
    main()
