"""Memory does not grow with the number of positions: five bands, 64 pixels, streamed and written."""

import subprocess
import sys

import numpy as np
import pytest

from vo_photoz.hips.write import TanImage, write_hips

LIMIT_MB = 400
STREAM = """
import sys
import numpy as np
from pathlib import Path
from vo_photoz.hips.survey import load_survey
survey, n, size = load_survey(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(1)
places = np.stack([30 + rng.uniform(-0.2, 0.2, n), rng.uniform(-0.2, 0.2, n)], axis=1)
"""
COUNT = """
seen = sum(len(rows) for rows, _ in survey.extract_many(places, size, 0.8 / 3600))
assert seen == n
"""
WRITE = """
from vo_photoz.hips.batches import positions_of
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.stamps.files import write_stamps
cut = lambda some: cut_stamps(survey, some, size=size, pixel_arcsec=0.8)
write_stamps(Path(sys.argv[4]), positions_of(places), cut, options={})
"""
# Not ru_maxrss: that of a child begins with what its parent had.
PEAK = """
status = Path("/proc/self/status").read_text()
print(next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")))
"""
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("survey"), np.random.default_rng(1)
    image = TanImage(rng.normal(size=(2000, 2000)), 30.0, 0.0, 0.8)
    for band in "ugriz":
        write_hips(folder / band, [image], band=band, pixel_order=18)
    hips = "".join(f'{band} = "{band}"\n' for band in "ugriz")
    path = folder / "survey.toml"
    path.write_text(f'[survey]\nname="s"\nbands={list("ugriz")}\npixel_unit="nJy"\n[hips]\n{hips}')
    return path


def peak(script, *words):
    command = [sys.executable, "-c", script, *map(str, words)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_memory_of_a_stream(survey):
    few, many = (peak(STREAM + COUNT + PEAK, survey, n, 64) for n in (3_000, 10_000))
    assert many < LIMIT_MB
    assert many < few + 60


@pytest.mark.parametrize("name", ["out.npz", "out.zarr"])
def test_memory_of_files(survey, tmp_path, name):
    """The file is larger than the limit."""
    assert peak(STREAM + WRITE + PEAK, survey, 6_000, 64, tmp_path / name) < LIMIT_MB


@pytest.mark.soak
def test_memory_at_a_million_positions(survey):
    assert peak(STREAM + COUNT + PEAK, survey, 1_000_000, 64) < LIMIT_MB
