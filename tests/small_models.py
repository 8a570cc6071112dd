"""A small model in a folder, made without a training: two networks with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vo_photoz.flow import Stamps

BANDS = ("g", "r", "i")
SIDE = 20
CLASSES = ("STAR", "GALAXY", "QSO")


def softening(bands: int) -> tuple[float, ...]:
    """Noise of the pixels of each band, nJy/arcsec2."""
    return tuple(150.0 + 120.0 * band for band in range(bands))


def shape(
    architecture: str = "compact",
    classes: tuple[str, ...] = CLASSES,
    *,
    bands: tuple[str, ...] = BANDS,
    side: int = SIDE,
):
    from vo_photoz.redshift.networks import NetworkShape

    return NetworkShape(
        len(bands), side, 3, softening(len(bands)), 3.5, 0.8, core_pixels=12, filters=(6, 8), dense=(16,),
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
        prepare(network, stamps(50, seed, of_shape.bands, of_shape.stamp_pixels).pixels)
        made.append(network)
    return made


def give_biases(networks: list) -> None:
    """Biases other than zero, as trained networks have them."""
    rng = np.random.default_rng(4)
    for network in networks:
        for weight in network.trainable_weights:
            if weight.name == "bias":
                weight.assign(rng.normal(0, 0.1, weight.shape))


def stamps(n: int, seed: int = 1, bands: int = len(BANDS), side: int = SIDE) -> Stamps:
    """Point sources from faint to bright, nJy/arcsec2."""
    rng = np.random.default_rng(seed)
    offset = np.arange(side) - (side - 1) / 2
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.6**2)
    peak = 10 ** rng.uniform(2.5, 5, (n, 1)) * rng.uniform(0.3, 3, (n, bands))
    noise = np.array(softening(bands))[None, :, None, None]
    pixels = peak[:, :, None, None] * psf + rng.normal(0, noise, (n, bands, side, side))
    return Stamps(pixels.astype(np.float32), np.zeros(n, np.int16), BANDS, 0.4, "nJy/arcsec2")


def write_model(
    folder: Path,
    *,
    architecture: str = "compact",
    classes: tuple[str, ...] = CLASSES,
    bands: tuple[str, ...] = BANDS,
    side: int = SIDE,
) -> Path:
    """A model that is whole, but has learnt nothing."""
    from vo_photoz.redshift.card import Card, Training, write_card
    from vo_photoz.redshift.load import save_network
    from vo_photoz.redshift.model import file_hash
    from vo_photoz.redshift.prior_table import prior_of

    chosen = shape(architecture, classes, bands=bands, side=side)
    (folder / "weights").mkdir(parents=True)
    weights, made = {}, networks(chosen)
    give_biases(made)
    for number, network in enumerate(made):
        name = f"weights/member-{number}.keras"
        save_network(network, folder / name)
        weights[name] = file_hash(folder / name)
    members = len(weights)
    rng = np.random.default_rng(6)
    kind = rng.choice(list(classes), 2000) if classes else None
    z = np.where(kind == "STAR", 0.0, rng.uniform(0, 7, 2000))
    edges, counts = [0.0, 3.5, 7.0], [1, 1]
    write_card(
        folder,
        Card(
            name=folder.name, bands=list(bands), stamp_pixels=side, pixel_arcsec=0.4,
            pixel_unit="nJy/arcsec2", components=members * chosen.mixture_components, members=members,
            classes=list(classes), component_classes=list(chosen.component_classes) * members, z_min=0.0,
            z_max=7.0, prior=prior_of(z, kind, source="nowhere"), weights=weights, training=Training(
                name="none", rows=2, held_out_fold=0, histogram_edges=edges, histogram_counts=counts,
                sha256="0", real=False,
            ),
        ),
    )  # fmt: skip
    return folder
