"""A worker without keras and TensorFlow: ``python -m tests.light_worker MODEL STAMPS.npy OUT.npy``.

It predicts with ONNX Runtime where importing keras or TensorFlow fails, and prints its peak memory in MB.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

import numpy as np

from tests.limits import status

FORBIDDEN = ("keras", "tensorflow", "jax", "torch")


class Nowhere(MetaPathFinder):
    """Says that packages are not installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main(folder: Path, shown: Path, out: Path) -> None:
    sys.meta_path.insert(0, Nowhere())
    from vo_photoz.flow import Stamps
    from vo_photoz.redshift.model import load_model
    from vo_photoz.redshift.predict import predict_stamps

    model = load_model(folder)
    pixels = np.load(shown)
    card = model.card
    stamps = Stamps(
        pixels, np.zeros(len(pixels), np.int16), tuple(card.bands), card.pixel_arcsec, card.pixel_unit
    )
    pdf = predict_stamps(model, stamps)
    np.save(out, np.stack([pdf.weight, pdf.mean, pdf.sigma]))
    assert not {"keras", "tensorflow"} & set(sys.modules)
    print(status("VmHWM") / 1024)


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:]))
