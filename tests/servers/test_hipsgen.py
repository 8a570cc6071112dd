"""Stamps out of a HiPS that the genuine Hipsgen of Aladin made: positions and fluxes of known sources."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from tests.conftest import absent, need_commands
from tests.hips_trees import survey_of
from vo_photoz.flow import Positions
from vo_photoz.hips.coverage import hips_coverage
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.sky.moc import contains

pytestmark = pytest.mark.servers

JARS = [Path("/usr/share/java/aladin.jar"), Path("/usr/share/java/Aladin.jar")]
PIXEL, SIDE, SIGMA = 0.4, 1000, 2.5  # arcsec, pixels, pixels
CENTRE, ROTATION = (150.1, 2.2), 17.0  # degrees
STAMP = 48


def sky_wcs():
    """TAN, turned; with CDi_j cards, since Hipsgen misreads PCi_j with CDELT 1."""
    turn = np.radians(ROTATION)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = CENTRE, (SIDE / 2 + 0.5, SIDE / 2 + 0.5)
    cosine, sine = np.cos(turn) * PIXEL / 3600, np.sin(turn) * PIXEL / 3600
    wcs.wcs.cd = [[-cosine, sine], [sine, cosine]]
    return wcs


def sources():
    """Places on a grid with random offsets: pixel x, y and total flux."""
    rng = np.random.default_rng(11)
    grid = np.arange(70, SIDE - 60, 75.0)
    x, y = (part.ravel() + rng.uniform(-5, 5, part.size) for part in np.meshgrid(grid, grid))
    return x, y, 10 ** rng.uniform(2, 4, x.size)


@pytest.fixture(scope="module", params=["equatorial", "galactic"])
def field(request, tmp_path_factory):
    """The folder of the HiPS, and ra, dec, flux of its sources."""
    need_commands("java", "aladin")
    jar = next((path for path in JARS if path.exists()), None)
    if jar is None:
        absent("the jar of Aladin was not found")
    folder = tmp_path_factory.mktemp("hipsgen")
    (folder / "images").mkdir()
    x, y, flux = sources()
    image = np.zeros((SIDE, SIDE))
    for px, py, total in zip(x, y, flux, strict=True):
        i, j = round(px), round(py)
        row, column = np.mgrid[j - 20 : j + 21, i - 20 : i + 21]
        blob = np.exp(-((column - px) ** 2 + (row - py) ** 2) / (2 * SIGMA**2)) / (2 * np.pi * SIGMA**2)
        image[j - 20 : j + 21, i - 20 : i + 21] += total * blob
    wcs = sky_wcs()
    header = fits.Header()
    for axis in (1, 2):
        header[f"CTYPE{axis}"] = wcs.wcs.ctype[axis - 1]
        header[f"CRVAL{axis}"], header[f"CRPIX{axis}"] = wcs.wcs.crval[axis - 1], wcs.wcs.crpix[axis - 1]
        for other in (1, 2):
            header[f"CD{axis}_{other}"] = wcs.wcs.cd[axis - 1, other - 1]
    fits.writeto(folder / "images" / "field.fits", image.astype(np.float32), header)
    command = ["java", "-Xmx2g", "-Djava.awt.headless=true", "-jar", str(jar), "-hipsgen", "maxThread=2"]
    command += [
        f"in={folder / 'images'}",
        f"out={folder / 'hips'}",
        "creator_did=TEST/P/field",
        f"hips_frame={request.param}",
        "hips_order=11",
    ]
    ran = subprocess.run(
        [*command, "-f", "INDEX", "TILES"], capture_output=True, text=True, timeout=300, check=False
    )
    assert (folder / "hips" / "properties").exists(), ran.stdout[-2000:] + ran.stderr[-2000:]
    ra, dec = wcs.all_pix2world(x, y, 0)
    return folder / "hips", ra, dec, flux


def test_positions_and_fluxes_are_kept(field):
    root, ra, dec, flux = field
    survey = survey_of(root)
    assert survey.source_pixel_arcsec("u") == pytest.approx(PIXEL, rel=1e-3)
    assert survey.hips["u"].order == 11
    # Hipsgen writes the coverage map of a galactic HiPS in galactic cells.
    assert hips_coverage(survey.hips["u"]).sky_fraction < 1e-5
    everywhere = Positions(ra, dec, np.ones(len(ra), bool))
    assert contains(hips_coverage(survey.hips["u"]), ra, dec).all()
    row, column = np.mgrid[:STAMP, :STAMP] - (STAMP - 1) / 2
    offsets, ratios = np.empty((len(ra), 2)), np.empty(len(ra))
    for rows, stamps in cut_stamps(survey, everywhere, size=STAMP, pixel_arcsec=PIXEL, flux="per_pixel"):
        assert not stamps.flags.any()
        for index, image in zip(rows, stamps.pixels[:, 0].astype(float), strict=True):
            inside = np.hypot(row, column) < 18
            total = image[inside].sum()
            offsets[index] = (column * image)[inside].sum() / total, (row * image)[inside].sum() / total
            ratios[index] = total / flux[index]
    offsets *= PIXEL
    assert np.sqrt((offsets**2).mean()) <= 0.003  # arcsec, each axis
    assert np.abs(offsets).max() <= 0.01
    assert abs(ratios.mean() - 1) <= 0.001
    assert ratios.std() <= 0.002
    print(f"rms {np.sqrt((offsets**2).mean()):.5f} arcsec, flux {ratios.mean():.5f} +- {ratios.std():.5f}")
