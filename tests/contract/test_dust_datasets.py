"""Raw or dereddened: a training set says it, its model inherits it, and what does not fit is refused."""

from __future__ import annotations

import json
from pathlib import Path

import healpy
import numpy as np
import pytest

from tests.commands import ok, refused
from vo_photoz.datasets.store import open_dataset
from vo_photoz.errors import ModelError
from vo_photoz.flow import Flag
from vo_photoz.redshift.model import load_model
from vo_photoz.redshift.predict import predict_stamps

N = 120
COEFFICIENTS = (3.303, 1.263)
EBV = 0.2


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Round sources in g and z, spread over the sky."""
    rng = np.random.default_rng(3)
    z = rng.uniform(2.5, 4.5, N)
    offset = np.arange(24) - 11.5
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.6**2)
    flux = np.stack([10 ** (4 - z), np.ones(N)], axis=1)
    images = flux[:, :, None, None] * psf + rng.normal(0, 0.02, (N, 2, 24, 24))
    dec = np.degrees(np.arcsin(rng.uniform(-0.9, 0.9, N)))
    path = tmp_path_factory.mktemp("dusty") / "stamps.npz"
    np.savez(path, images=images.astype(np.float32), ra=rng.uniform(0, 360, N), dec=dec, z=z)
    return path


@pytest.fixture(scope="module")
def dust_map(npz: Path) -> Path:
    """One E(B-V) everywhere but around the north celestial pole, where there is none."""
    values = np.full(12 * 8**2, EBV)
    values[
        healpy.ang2vec(*healpy.pix2ang(8, np.arange(len(values)), lonlat=True), lonlat=True)[:, 2] > 0.8
    ] = healpy.UNSEEN
    healpy.write_map(npz.parent / "ebv.fits", values, coord="C", column_names=["EBV"])
    return npz.parent / "ebv.fits"


def imported(npz: Path, name: str, *words: str | Path) -> Path:
    folder = npz.parent / name
    if not folder.exists():
        ok("dataset", "import", npz, "-o", folder, "--bands", "g,z", "--size", "16", *words)
    return folder


def extinction(*coefficients: float) -> tuple[str, str]:
    return "--extinction", ",".join(map(str, coefficients))


@pytest.fixture(scope="module")
def raw(npz: Path) -> Path:
    return imported(npz, "raw")


@pytest.fixture(scope="module")
def corrected(npz: Path, dust_map: Path) -> Path:
    return imported(npz, "corrected", "--ebv-map", dust_map, *extinction(*COEFFICIENTS))


@pytest.fixture(scope="module")
def models(raw: Path, corrected: Path) -> dict[str, Path]:
    made = {}
    for data in (raw, corrected):
        made[data.name] = data.parent / f"{data.name}-model"
        ok("train", data, "-o", made[data.name], "--members", "1", "--epochs", "1", "--batch", "32")
    return made


def test_stamps_are_corrected_as_in_a_prediction(raw: Path, corrected: Path, dust_map: Path) -> None:
    plain, bright = open_dataset(raw), open_dataset(corrected)
    assert list(plain.rows.id) == list(bright.rows.id)
    rows = np.arange(N)
    ratio = bright.pixels(rows) / plain.pixels(rows)
    unknown = np.isnan(bright.pixels(rows)).all((1, 2, 3))
    assert 2 < unknown.sum() < N / 3
    assert (bright.rows.dec[unknown] > 45).all()
    np.testing.assert_array_equal((bright.rows.flags & Flag.BAND_MISSING) != 0, unknown)
    for band, coefficient in enumerate(COEFFICIENTS):
        assert ratio[~unknown, band] == pytest.approx(10 ** (0.4 * coefficient * EBV), rel=1e-5)


def test_a_data_set_and_its_model_say_what_they_are(raw, corrected, models) -> None:
    held = json.loads((raw / "manifest.json").read_text())
    assert (held["dereddened"], held["dereddening"]) == (False, None)
    how = {"map": "ebv.fits", "per_ebv": {"g": 3.303, "z": 1.263}}
    for file in (corrected / "manifest.json", models["corrected"] / "card.json"):
        held = json.loads(file.read_text())
        assert (held["dereddened"], held["dereddening"]) == (True, how)
    assert not json.loads((models["raw"] / "card.json").read_text())["dereddened"]
    told = "yes, by ebv.fits, A / E(B-V): g 3.303 z 1.263"
    assert told in ok("dataset", "show", corrected)
    assert told in ok("models", "show", models["corrected"])
    assert "no: fluxes as observed" in ok("dataset", "show", raw)
    assert "--ebv-map ebv.fits --extinction 3.303,1.263" in ok("models", "show", models["corrected"])
    assert "good" in ok("models", "check", models["corrected"])


def test_a_model_refuses_a_data_set_of_the_other_kind(raw, corrected, models, tmp_path) -> None:
    report = ("-o", tmp_path / "report.json")
    ok("evaluate", models["corrected"], corrected, *report)
    told = refused("evaluate", models["corrected"], raw, *report)
    assert "needs fluxes corrected for Galactic extinction, those of the data set are as observed" in told
    assert "--ebv-map and --extinction" in told
    told = refused("evaluate", models["raw"], corrected, *report)
    assert "needs fluxes as observed, those of the data set are corrected" in told
    assert "without --ebv-map and --dereddened-by" in told
    stamps = open_dataset(raw).stamps(np.arange(3))
    with pytest.raises(ModelError, match="those of the stamps are as observed"):
        predict_stamps(load_model(models["corrected"]), stamps)


def test_a_model_refuses_other_coefficients(npz, models, tmp_path) -> None:
    """The file may be corrected already; then the data set says by what."""
    report = ("-o", tmp_path / "report.json")
    other = imported(npz, "other", "--dereddened-by", "SFD 1998", *extinction(3.793, 1.263))
    held = open_dataset(other)
    assert held.manifest.dereddening is not None
    assert held.manifest.dereddening.map == "SFD 1998"
    np.testing.assert_array_equal(
        held.pixels(np.arange(N)), open_dataset(npz.parent / "raw").pixels(np.arange(N))
    )
    told = refused("evaluate", models["corrected"], other, *report)
    assert "A / E(B-V) = 3.303 in band g; the data set has 3.793" in told
    assert "with 3.303 for band g in --extinction" in told
    same = imported(npz, "same", "--dereddened-by", "SFD 1998", *extinction(3.31, 1.263))
    ok("evaluate", models["corrected"], same, *report)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--dereddened-by", "SFD", "--ebv-map", "x.fits", *extinction(1, 2)),
            "cannot be corrected once more",
        ),
        (("--dereddened-by", "SFD"), "there is no g, z"),
        (extinction(3.3, 1.2), "no map of E(B-V)"),
        (("--dereddened-by", "SFD", *extinction(3.3)), "not one number for each of the bands g, z"),
        (("--dereddened-by", "SFD", "--extinction", "nan,1"), "there is no g"),
        (("--ebv-map", "none.fits", *extinction(3.3, 1.2)), "none.fits cannot be used"),
    ],
)
def test_what_contradicts_itself_is_told(npz, tmp_path, words, message) -> None:
    told = refused("dataset", "import", npz, "-o", tmp_path / "set", "--bands", "g,z", "--size", "16", *words)
    assert message in told
    assert list(tmp_path.iterdir()) == []
