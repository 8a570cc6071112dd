"""HiPS in object stores, on the file system that fsspec keeps in memory."""

import builtins

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests import hips_trees as trees
from vo_photoz import http
from vo_photoz.errors import SurveyError, TransientError
from vo_photoz.flow import Positions
from vo_photoz.hips.access import cloud
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import load_survey
from vo_photoz.hips.tree import HiPS


@pytest.fixture
def bucket(tmp_path):
    """The same HiPS in a folder and in a store."""
    local = trees.whole_sky(tmp_path / "tree", order=1, width=64)
    store = fsspec.filesystem("memory")
    store.put(str(local), "/bucket/tree", recursive=True)
    yield local, "memory://bucket/tree"
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def places():
    rng = np.random.default_rng(1)
    return Positions(rng.uniform(0, 360, 40), rng.uniform(-80, 80, 40), np.ones(40, bool))


def stamps(survey):
    found = np.zeros((40, 1, 8, 8), np.float32)
    flags = np.zeros(40, int)
    for rows, some in cut_stamps(survey, places(), size=8, pixel_arcsec=1700):
        found[rows], flags[rows] = some.pixels, some.flags
    return found, flags


def test_stamps_are_the_same_as_from_a_folder(bucket, tmp_path):
    local, address = bucket
    (tmp_path / "s.toml").write_text(f'[survey]\nbands = ["u"]\n[hips]\nu = "{address}"\n')
    ours, flags = stamps(load_survey(tmp_path / "s.toml"))
    theirs, _ = stamps(trees.survey_of(local))
    assert not flags.any()
    np.testing.assert_array_equal(ours, theirs)


def test_parts_of_a_file(bucket):
    local, address = bucket
    whole = (local / "Norder1/Dir0/Npix3.fits").read_bytes()
    moved = []
    url = f"{address}/Norder1/Dir0/Npix3.fits"
    answer = cloud.get_ranges(url, [(0, 80), (3000, 3100)], seconds=10, meter=moved.append)
    assert answer.pieces == ((0, whole[:80]), (3000, whole[3000:3100]))
    assert (answer.status, answer.total) == (206, len(whole))
    assert sum(moved) == 180
    full = cloud.get_ranges(url, seconds=10)
    assert full.pieces == ((0, whole),)
    assert full.status == http.WHOLE
    again = cloud.get_ranges(url, seconds=10, headers={"If-Modified-Since": full.modified})
    assert again.status == http.UNCHANGED
    other = cloud.get_ranges(url, seconds=10, headers={"If-Modified-Since": "yesterday"})
    assert other.status == http.WHOLE


def test_forbidden_is_missing(bucket, monkeypatch):
    _, address = bucket

    def forbidden(self, path, **kwargs):
        raise PermissionError("Forbidden")

    assert HiPS(address).tiles.get(1, 99) is None
    monkeypatch.setattr(MemoryFileSystem, "info", forbidden)
    assert cloud.get_ranges(f"{address}/Norder1/Dir0/Npix3.fits", seconds=10) is None


def test_a_store_that_fails_is_told(bucket, monkeypatch):
    _, address = bucket

    def broken(self, path, **kwargs):
        raise RuntimeError("the store is on fire")

    monkeypatch.setattr(MemoryFileSystem, "info", broken)
    with pytest.raises(TransientError, match="the store is on fire"):
        cloud.get_ranges(f"{address}/properties", seconds=10)
    with pytest.raises(SurveyError, match="No HiPS could be opened"):
        _ = HiPS(address).order


def test_files_that_are_too_large_are_refused(bucket):
    _, address = bucket
    with pytest.raises(Exception, match=r"larger|too large|bytes"):
        cloud.get_ranges(f"{address}/Norder1/Dir0/Npix3.fits", seconds=10, max_bytes=1000)


def test_offline_refuses_the_store(bucket):
    _, address = bucket
    with pytest.raises(SurveyError, match="network is forbidden"):
        _ = HiPS(address, offline=True).order


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs")])
def test_without_the_extra_one_sentence_names_it(scheme, package, monkeypatch):
    original = builtins.__import__

    def without(name, *rest, **more):
        if name.split(".")[0] in ("s3fs", "gcsfs"):
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    cloud._store.cache_clear()
    with pytest.raises(SurveyError, match=f"{scheme}:// need the package {package}") as caught:
        _ = HiPS(f"{scheme}://bucket/tree").order
    assert "vo-photoz[cloud]" in str(caught.value)
    cloud._store.cache_clear()
