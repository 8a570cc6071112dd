"""A small model in a folder, made without a training: two networks with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vo_photoz.flow import Stamps

BANDS = ("g", "r", "i")
SIDE = 20
CLASSES = ("STAR", "GALAXY", "QSO")
SOFTENING = (150.0, 250.0, 400.0)


def shape(architecture: str = "compact", classes: tuple[str, ...] = CLASSES):
    from vo_photoz.redshift.networks import NetworkShape

    return NetworkShape(
        len(BANDS), SIDE, 3, SOFTENING, 3.5, 0.8, core_pixels=12, filters=(6, 8), dense=(16,),
        architecture=architecture, classes=classes,
    )  # fmt: skip


def networks(of_shape, members: int = 2) -> list:
    """Untrained networks; each has its own scaling of the inputs."""
    from vo_photoz.redshift.backend import keras
    from vo_photoz.redshift.networks import build_network, prepare

    made = []
    for seed in range(members):
        keras.utils.set_random_seed(seed)
        network = build_network(of_shape)
        prepare(network, stamps(50, seed=seed).pixels)
        made.append(network)
    return made


def stamps(n: int, seed: int = 1) -> Stamps:
    """Point sources from faint to bright, nJy/arcsec2."""
    rng = np.random.default_rng(seed)
    offset = np.arange(SIDE) - (SIDE - 1) / 2
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.6**2)
    peak = 10 ** rng.uniform(2.5, 5, (n, 1)) * rng.uniform(0.3, 3, (n, len(BANDS)))
    sky = rng.normal(0, np.array(SOFTENING)[None, :, None, None], (n, len(BANDS), SIDE, SIDE))
    pixels = (peak[:, :, None, None] * psf + sky).astype(np.float32)
    return Stamps(pixels, np.zeros(n, np.int16), BANDS, 0.4, "nJy/arcsec2")


def write_model(folder: Path, *, architecture: str = "compact", classes: tuple[str, ...] = CLASSES) -> Path:
    """A model that is whole, but has learnt nothing."""
    from vo_photoz.redshift.card import Card, Training, write_card
    from vo_photoz.redshift.load import save_network
    from vo_photoz.redshift.model import file_hash

    chosen = shape(architecture, classes)
    (folder / "weights").mkdir(parents=True)
    weights = {}
    for number, network in enumerate(networks(chosen)):
        name = f"weights/member-{number}.keras"
        save_network(network, folder / name)
        weights[name] = file_hash(folder / name)
    members = len(weights)
    edges, counts = [0.0, 3.5, 7.0], [1, 1]
    write_card(
        folder,
        Card(
            name=folder.name, bands=list(BANDS), stamp_pixels=SIDE, pixel_arcsec=0.4,
            pixel_unit="nJy/arcsec2", components=members * chosen.mixture_components, members=members,
            classes=list(classes), component_classes=list(chosen.component_classes) * members, z_min=0.0,
            z_max=7.0, weights=weights, training=Training(
                name="none", rows=2, held_out_fold=0, histogram_edges=edges, histogram_counts=counts,
                sha256="0", real=False,
            ),
        ),
    )  # fmt: skip
    return folder
