"""The demo's report: a short table of scores, and a picture of six sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vo_photoz.analysis.plots import SourcePicture, draw_sources
from vo_photoz.redshift.card import Card
from vo_photoz.redshift.model import load_model
from vo_photoz.sandbox.score import Comparison, compare, stamps_of
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable

PICTURES = 6


def write(predictions: Path, sky: Path, model: str, picture: Path) -> str:
    """Score the predictions of the sandbox, draw six sources, and tell of it in a few lines.

    Parameters
    ----------
    predictions : Path
        The table that came back.
    sky : Path
        Folder of the sandbox.
    model : str
        The model that predicted.
    picture : Path
        PNG file to write.
    """
    table, card = read_table(predictions), load_model(model).card
    comparison = compare(table, sky, card)
    chosen = _spread(comparison)
    stamps = stamps_of(table, sky, comparison.rows[chosen], card)
    sources = [
        _source(table, int(comparison.rows[which]), pixels, card, comparison.z[which])
        for which, pixels in zip(chosen, stamps, strict=True)
    ]
    draw_sources(sources).savefig(picture)
    sent = read_table(sky / "sources.vot").n_rows
    rows = f"{sent} rows went out, {table.n_rows} rows came back."
    return "\n\n".join([rows, _examples(sources), _scores(comparison), _others(comparison)])


def _examples(sources: list[SourcePicture]) -> str:
    lines = [f"{'source':12s}{'true z':>8s}{'z_phot':>8s}   {'16-84 %':s}"]
    lines += [f"{s.title:12s}{s.z_spec:8.3f}{s.median:8.3f}   {s.low:.3f}-{s.high:.3f}" for s in sources]
    return "\n".join(lines)


def _scores(comparison: Comparison) -> str:
    """Smaller is better in every column."""
    lines = [f"{len(comparison.rows)} quasars at the redshifts that the model knows best:"]
    lines += [f"{'':24s}{'CRPS':>8s}{'NMAD':>8s}{'outliers':>10s}"]
    for name, s in comparison.scores.items():
        lines.append(f"{name:24s}{s.crps:8.3f}{s.nmad:8.3f}{100 * s.outliers:9.1f}%")
    return "\n".join(lines)


def _others(comparison: Comparison) -> str:
    others = ", ".join(f"{count} {kind}" for kind, count in comparison.outside.items())
    return f"Others, not scored: {others}."


def _spread(comparison: Comparison) -> list[int]:
    """Six of the scored quasars, spread over the redshifts."""
    order = np.argsort(comparison.z)
    return [
        int(order[k]) for k in np.linspace(0, len(order) - 1, min(PICTURES, len(order))).round().astype(int)
    ]


def _source(table: UserTable, row: int, pixels: np.ndarray, card: Card, z: float) -> SourcePicture:
    value = {name: table.values(name)[row] for name in table.names}
    return SourcePicture(
        stamps=pixels,
        bands=tuple(card.bands),
        weight=np.asarray(value["pz_weight"]),
        mean=np.asarray(value["pz_mean"]),
        sigma=np.asarray(value["pz_sigma"]),
        median=float(value["z_phot"]),
        low=float(value["z_phot_lo"]),
        high=float(value["z_phot_hi"]),
        pixel_arcsec=card.pixel_arcsec,
        z_max=card.z_max,
        title=str(value["id"]).strip(),
        z_spec=float(z),
    )
