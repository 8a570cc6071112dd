"""What the way through a HiPS does to redshifts: predictions of real quasars from HiPS, and without one.

    python benchmarks/hips_path.py [--model NAME] [--limit N] [--widths 64 512] [--maker SCRIPT] [--json FILE]

The SDSS quasars of the fold that the model held out go to the model on several ways:

data set      as training stamps go: `vo-photoz dataset import`
once          the pixels of the file interpolated once, bilinearly, onto the pixels of the model
as they are   the middle pixels of the file, taken for pixels of the model (0.396 for 0.4 arcsec)
HiPS, N px    a HiPS of these stamps with tiles of N pixels, and `predict` with the published positions;
              of another: the tiles written by SCRIPT STAMPS.npz FOLDER --width N

Each way is scored, and compared with the first by a bootstrap over cells of the sky in which both see
the same draws. The stamps are looked for in $VO_PHOTOZ_SHARED or ../shared; SCRIPT is
recipes/hips/from_stamps.py there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vo_photoz.analysis.bootstrap import compare
from vo_photoz.analysis.judged import Judged, judge
from vo_photoz.analysis.metrics import scores_of
from vo_photoz.datasets.split import sky_cells
from vo_photoz.flow import Float32Array, Stamps
from vo_photoz.hips.stamps.survey import write_stamp_survey
from vo_photoz.hips.units import AB_ZERO_NJY
from vo_photoz.pipeline.datasets.import_stamps import import_dataset
from vo_photoz.pipeline.prediction.predict import predict
from vo_photoz.pipeline.score import judgement
from vo_photoz.redshift.model import Model, load_model
from vo_photoz.redshift.predict import predict_stamps

SOURCE_ARCSEC = 0.396
PART = 100
"""Stamps in a HiPS at a time: with tiles of 512 pixels each takes seven megabytes on the disk."""
OURS: dict[str, dict[str, Any]] = {
    "HiPS, 64 px": {"tile_width": 64},
    "HiPS, 512 px": {"tile_width": 512},
    "HiPS, 64 px, galactic": {"tile_width": 64, "frame": "galactic"},
    "HiPS, 64 px, pixels of 0.2 arcsec": {"tile_width": 64, "pixel_order": 20},
    "HiPS, 64 px, pixels of 0.8 arcsec": {"tile_width": 64, "pixel_order": 18},
}
THEIRS = {
    "HiPS of another, 64 px": ("--width", "64"),
    "HiPS of another, 512 px": ("--width", "512"),
    "HiPS of another, 64 px, 16 bits": ("--width", "64", "--dtype", "int16"),
}
SHARED = Path(os.environ.get("VO_PHOTOZ_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def main() -> None:
    """Predict on all ways, print, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="sdss-quasars")
    parser.add_argument("--limit", type=int, default=0, help="only so many objects")
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--maker", type=Path, default=SHARED / "recipes" / "hips" / "from_stamps.py")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    file = SHARED / "data" / "quasars" / "sdss_quasars_ugriz.npz"
    if not file.is_file():
        print(f"no {file}: nothing is measured")
        return
    model = load_model(given.model)
    objects = held_out(file, model.card.training.held_out_fold, given.limit)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        maker = given.maker if given.maker.is_file() else None
        judged = dict(ways(objects, model, given.widths, maker, Path(folder)))
    found = told(judged, sky_cells(objects["ra"], objects["dec"]))
    print(f"{time.perf_counter() - start:.0f} s")
    if given.json:
        about = {"model": given.model, "model_sha256": model.hash, "fold": model.card.training.held_out_fold}
        given.json.write_text(json.dumps({**about, "ways": found}, indent=1) + "\n", encoding="utf-8")


def held_out(file: Path, fold: int, limit: int) -> dict[str, Any]:
    """Arrays of the objects that no network of the model has seen."""
    with np.load(file) as held:
        rows = np.flatnonzero(held["fold"] == fold)[: limit or None]
        return {name: held[name][rows] for name in ("images", "ra", "dec", "z", "mag", "fold")}


def ways(
    objects: dict[str, Any], model: Model, widths: list[int], maker: Path | None, folder: Path
) -> Iterator[tuple[str, Judged]]:
    """What the model says on every way."""
    file = folder / "stamps.npz"
    np.savez(file, **objects)
    data = import_dataset(file, folder / "dataset")
    order = np.argsort(data.rows.id.astype(str))  # a data set lies in the order of the sky
    yield "data set", judge(predict_stamps(model, data.stamps(order)), objects["z"])
    side, pixel = model.card.stamp_pixels, model.card.pixel_arcsec
    for name, step in (("once", pixel / SOURCE_ARCSEC), ("as they are", 1.0)):
        stamps = in_model_units(interpolated(objects["images"], side, step), model)
        yield name, judge(predict_stamps(model, stamps), objects["z"])
    for name, options in OURS.items():
        if options.get("tile_width", 64) in widths:
            yield name, through_hips(objects, model, folder, partial(ours, **options))
    for name, words in THEIRS.items() if maker is not None else ():
        if int(words[1]) in widths:
            yield name, through_hips(objects, model, folder, partial(theirs, maker=maker, words=words))


def interpolated(images: Float32Array, side: int, step: float) -> Float32Array:
    """Bilinear values (n, band, side, side) around the middle, ``step`` pixels apart."""
    place = (images.shape[-1] - 1) / 2 + (np.arange(side) - (side - 1) / 2) * step
    low = np.floor(place).astype(int)
    part = (place - low).astype(np.float32)
    rows = images[:, :, low] * (1 - part)[:, None] + images[:, :, low + 1] * part[:, None]
    return rows[..., low] * (1 - part) + rows[..., low + 1] * part


def in_model_units(pixels: Float32Array, model: Model) -> Stamps:
    """Stamps in nJy/arcsec2 of pixels in nanomaggies per pixel of the file."""
    scale = 1e-9 * AB_ZERO_NJY / SOURCE_ARCSEC**2
    flags = np.zeros(len(pixels), dtype=np.int16)
    card = model.card
    return Stamps(
        (pixels * scale).astype(np.float32), flags, tuple("ugriz"), card.pixel_arcsec, card.pixel_unit
    )


def through_hips(
    objects: dict[str, Any], model: Model, folder: Path, make: Callable[[dict[str, Any], Path], Path]
) -> Judged:
    """Predictions of the whole chain on a HiPS of the stamps, a part of them at a time."""
    parts = []
    for start in range(0, len(objects["z"]), PART):
        some = {name: values[start : start + PART] for name, values in objects.items()}
        with tempfile.TemporaryDirectory(dir=folder) as place:
            survey = make(some, Path(place))
            table = Path(place) / "quasars.csv"
            rows = zip(some["ra"], some["dec"], some["z"], strict=True)
            lines = ["ra,dec,z_spec", *(f"{ra:.9f},{dec:.9f},{z}" for ra, dec, z in rows)]
            table.write_text("\n".join(lines) + "\n", encoding="utf-8")
            result = predict(table, output=Path(place) / "out.vot", survey=survey, model=model)
            parts.append(judgement(result.path).judged)
    names = Judged.__dataclass_fields__
    return Judged(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


def ours(some: dict[str, Any], place: Path, **options: Any) -> Path:
    """A survey whose HiPS we write."""
    return write_stamp_survey(
        place, some["images"], some["ra"], some["dec"], bands="ugriz", pixel_arcsec=SOURCE_ARCSEC,
        unit="nanomaggy", **options,
    )  # fmt: skip


def theirs(some: dict[str, Any], place: Path, *, maker: Path, words: tuple[str, ...]) -> Path:
    """A survey whose HiPS another program wrote, and whose unit its tiles tell."""
    stamps = place / "stamps.npz"
    np.savez(stamps, **some)
    command = [sys.executable, str(maker), str(stamps), str(place / "hips"), *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    survey = place / "survey.toml"
    hips = "\n".join(f'{band} = "hips/{band}"' for band in "ugriz")
    survey.write_text(f"[survey]\nbands = {list('ugriz')}\n[hips]\n{hips}\n", encoding="utf-8")
    return survey


def told(judged: dict[str, Judged], cells: np.ndarray) -> dict[str, Any]:
    """Print the table; its numbers."""
    first = next(iter(judged.values()))
    print(f"{'':36s}{'n':>5s}{'CRPS':>9s}{'bias':>9s}{'NMAD':>8s}{'in 68 %':>9s}   CRPS of the first's")
    found = {}
    for name, one in judged.items():
        score, beside = scores_of(one), compare(one, first, cells)
        ratio = f"{beside.crps_ratio:.4f} +- {beside.crps_ratio_error:.4f}"
        print(
            f"{name:36s}{score.n:5d}{score.crps:9.4f}{score.bias:+9.4f}{score.nmad:8.4f}"
            f"{score.coverage_68:9.3f}   {ratio}"
        )
        found[name] = {"scores": score.as_dict(), "beside_the_first": beside.as_dict()}
    return found


if __name__ == "__main__":
    main()
