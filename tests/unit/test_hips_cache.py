"""The cache on disk: atomic, checked, bounded, shared by processes, and never in the way."""

import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from vo_photoz import settings
from vo_photoz.errors import ServiceError, SurveyError
from vo_photoz.hips.access.cache import DAY, Cache, Content
from vo_photoz.hips.access.server import MISSING_403, is_missing
from vo_photoz.hips.access.source import Source

URL = "https://example.org/hips/Norder9/Dir0/Npix7.fits"


def content(url=URL, size=1000, **options):
    return Content(url, ((0, random.Random(url).randbytes(size)),), size, "etag", "monday", **options)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "tiles", max_bytes=10_000_000, days=1)


def files(cache):
    return [path for path in cache.folder.rglob("*") if path.is_file()]


def test_what_was_put_is_got(cache):
    parts = Content(URL, ((0, b"head"), (100, b"pixels")), 1000, '"e"', "")
    for one in (content(), parts, Content(URL, (), -1)):
        cache.put(one)
        assert cache.get(URL) == one
    assert cache.get(f"{URL}.other") is None
    assert cache.get(URL).is_missing
    assert len(files(cache)) == 1
    cache.drop(URL)
    assert cache.get(URL) is None


def test_pieces_join():
    one = Content(URL, ((0, b"abcd"), (10, b"klm")), 26, "e")
    other = Content(URL, ((2, b"cdef"), (6, b"gh")), 26, "e")
    assert one.joined(other).pieces == ((0, b"abcdefgh"), (10, b"klm"))
    assert not one.joined(other).is_whole
    assert Content(URL, ((0, b"ab"), (2, b"c")), 3).is_whole
    assert Content(URL, ((0, b"ab"), (2, b"c")), 3).whole() == b"abc"


@pytest.mark.parametrize("harm", ["cut", "bit", "empty", "other", "html"])
def test_a_damaged_entry_is_not_used_and_goes(cache, harm, caplog):
    cache.put(content())
    path = cache.path_of(URL)
    data = bytearray(path.read_bytes())
    if harm == "cut":
        del data[-1]
    elif harm == "bit":
        data[-500] ^= 1
    elif harm == "empty":
        data.clear()
    elif harm == "other":  # an entry that another address put here
        cache.put(content(f"{URL}2"))
        data[:] = cache.path_of(f"{URL}2").read_bytes()
    else:
        data[:] = b"<html>\n<html>"
    path.write_bytes(data)
    assert cache.get(URL) is None
    assert not path.exists()
    assert caplog.text.count("was damaged") == 1


def test_an_entry_grows_old_and_is_confirmed(cache):
    cache.put(content())
    old = time.time() - 1.1 * DAY
    os.utime(cache.path_of(URL), (old, old))
    assert not cache.get(URL).fresh
    assert not cache.get(URL).fresh  # to be read is not to be asked for
    cache.confirm(content())
    assert cache.get(URL).fresh


def test_what_was_not_read_for_longest_goes_first(tmp_path):
    cache = Cache(tmp_path, max_bytes=30_000, days=1)
    for number in range(20):
        cache.put(content(f"{URL}{number}"))
        stamp = 1e9 + number
        os.utime(cache.path_of(f"{URL}{number}"), (stamp, time.time()))
    for number in range(20, 60):
        assert cache.get(f"{URL}0") is not None  # the oldest, but in use
        cache.put(content(f"{URL}{number}"))
    assert sum(path.stat().st_size for path in files(cache)) < 1.5 * 30_000
    assert cache.get(f"{URL}0") is not None
    assert cache.get(f"{URL}1") is None
    assert cache.get(f"{URL}59") is not None


def test_what_a_killed_process_left_is_removed(tmp_path):
    cache = Cache(tmp_path, max_bytes=100_000, days=1)
    cache.put(content())
    old, new = (cache.path_of(URL).with_name(f"{name}.part-x") for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    Cache(tmp_path, max_bytes=100_000, days=1).put(content(f"{URL}2"))
    assert not old.exists()
    assert new.exists()  # perhaps somebody is writing it


WRITER = """
import sys
from pathlib import Path
from tests.unit.test_hips_cache import URL, content
from vo_photoz.hips.access.cache import Cache
cache = Cache(Path(sys.argv[1]), max_bytes=int(sys.argv[2]), days=1)
print("go", flush=True)
for turn in range(int(sys.argv[3])):
    url = f"{URL}{turn % 30}"
    found = cache.get(url)
    assert found is None or found == content(url, 20_000), url
    cache.put(content(url, 20_000))
"""


def writer(folder, max_bytes, turns):
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(folder), str(max_bytes), str(turns)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_share_it(tmp_path):
    processes = [writer(tmp_path, 300_000, 300) for _ in range(2)]  # half of it has to go all the time
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert not errors


def test_killed_in_the_middle_of_a_write(tmp_path, caplog):
    for pause in (0.0, 0.003, 0.01, 0.02):
        process = writer(tmp_path, 10**9, 10**6)
        assert process.stdout.readline() == "go\n"
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
    cache = Cache(tmp_path, max_bytes=10**9, days=1)
    found = [cache.get(f"{URL}{number}") for number in range(30)]
    assert any(found)
    assert all(one is None or one == content(one.url, 20_000) for one in found)
    assert not caplog.text


def test_a_disk_that_takes_no_more_ends_the_writing_not_the_run(tmp_path, caplog):
    cache = Cache(tmp_path, max_bytes=10**9, days=1)
    cache.put(content())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        for number in range(3):
            cache.put(content(f"{URL}{number}", 100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caplog.text.count("goes on without it") == 1
    assert "it is full" in caplog.text
    assert cache.get(URL) == content()
    assert cache.get(f"{URL}1") is None
    assert len(files(cache)) == 1  # nothing half written stays


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_full_disk(tmp_path, caplog):
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        cache = Cache(place, max_bytes=10**9, days=1)
        for number in range(10):
            cache.put(content(f"{URL}{number}", 20_000))
        kept = [cache.get(f"{URL}{number}") for number in range(10)]
        assert 0 < sum(one is not None for one in kept) < 10
        assert all(one in (None, content(f"{URL}{number}", 20_000)) for number, one in enumerate(kept))
        assert caplog.text.count("goes on without it") == 1
        assert not [path for path in files(cache) if ".part-" in path.name]
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_folder_that_cannot_be_made(tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    cache = Cache(tmp_path / "file" / "tiles", max_bytes=1000, days=1)
    assert cache.get(URL) is None
    cache.put(content())
    cache.put(content())
    assert caplog.text.count("goes on without it") == 1


def test_offline_tells_whatis_missing():
    with pytest.raises(SurveyError, match=r"Npix7.fits is needed, but it is not in the cache"):
        Source(["http://127.0.0.1:1/hips"], offline=True).read("Norder9/Dir0/Npix7.fits", max_bytes=1000)


def test_403_is_missing_only_where_it_is_said_or_seen():
    assert is_missing(404, {}, marked=False)
    assert not is_missing(403, {}, marked=False)
    assert is_missing(403, {}, marked=True)
    assert is_missing(403, {"x-amz-request-id": "1"}, marked=False)
    assert not is_missing(500, {"x-amz-request-id": "1"}, marked=True)
    assert Source([f"http://host/a{MISSING_403}"]).url_of("b") == "http://host/a/b"


def test_a_dead_server_without_a_cache_is_an_error():
    with pytest.raises(ServiceError, match="could not be reached"):
        Source(["http://127.0.0.1:1/hips"], seconds=0.5).read("properties", max_bytes=1000)


def test_a_folder_is_a_mirror_too(tmp_path):
    (tmp_path / "properties").write_text("hips_order = 3")
    source = Source(["http://127.0.0.1:1/hips", str(tmp_path)], seconds=0.5)
    assert source.read("properties", max_bytes=1000) == b"hips_order = 3"
    assert source.read("Moc.fits", max_bytes=1000) is None


def test_what_the_cache_has_but_cannot_be_used_is_asked_for_again(tmp_path):
    (tmp_path / "tile").write_bytes(b"good")
    source = Source(["http://127.0.0.1:1/hips", str(tmp_path)], seconds=0.5)
    url = source.url_of("tile")
    source._cache.put(Content(url, ((0, b"bad"),), 3, "etag"))

    def use(found):
        if found.whole() != b"good":
            raise SurveyError("It is bad.")
        return found.whole()

    assert source.take("tile", use, max_bytes=10) == b"good"
    assert source._cache.get(url) is None


def test_an_old_entry_serves_while_the_servers_fail(monkeypatch, caplog):
    monkeypatch.setenv("VO_PHOTOZ_CACHE_DAYS", "0")
    settings.defaults.cache_clear()
    source = Source(["http://127.0.0.1:1/hips"], seconds=0.5)
    source._cache.put(Content(source.url_of("tile"), ((0, b"old"),), 3, "etag"))
    assert source.take("tile", Content.whole, max_bytes=10) == b"old"
    assert "The older one in the cache is used" in caplog.text
