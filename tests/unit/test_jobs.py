"""The store of jobs, its lock, and the process that works."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vo_photoz.errors import JobError
from vo_photoz.pipeline.service.engine import Stopped, WorkerProcess
from vo_photoz.pipeline.service.job import Job, Offer, State
from vo_photoz.pipeline.service.store import MAX_ATTEMPTS, JobStore
from vo_photoz.pipeline.store_lock import hold

PARTS = Path(__file__).parent.parent / "contract" / "service_parts"
TABLE = """<?xml version="1.0"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
<FIELD name="ra" datatype="double" unit="deg" ucd="pos.eq.ra;meta.main"/>
<FIELD name="dec" datatype="double" unit="deg" ucd="pos.eq.dec;meta.main"/>
<DATA><TABLEDATA><TR><TD>10.5</TD><TD>-3.25</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>
"""


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path)


def arrive(store: JobStore, **about: str) -> tuple[Job, bool]:
    folder = store.incoming()
    (folder / "input.vot").write_text(TABLE)
    fields = {"name": "t", "sender": "topcat", "table_id": "topcat:1", "content_hash": "abc"} | about
    return store.add(Offer(**fields), folder)


def queue(store: JobStore, **about: str) -> Job:
    job, new = arrive(store, **about)
    assert new
    return store.accept(job.id, n_rows=1)


def test_a_job_from_arrival_to_delivery(store: JobStore) -> None:
    job, new = arrive(store)
    assert (new, job.state, job.input.read_text()) == (True, State.RECEIVED, TABLE)
    assert store.accept(job.id, n_rows=1, ra=10.5, dec=-3.25).state == State.QUEUED
    running = store.claim()
    assert running is not None
    assert (running.id, running.state, running.attempts) == (job.id, State.RUNNING, 1)
    assert store.claim() is None
    assert store.finish(job.id).state == State.DONE
    assert [one.id for one in store.undelivered()] == [job.id]
    assert store.set_delivered(job.id).delivered is not None
    assert store.undelivered() == []


def test_the_same_table_twice_is_one_job_until_its_result_is_there(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = queue(store)
    assert arrive(store) == (first, False)
    store.claim()
    assert arrive(store)[1] is False
    store.finish(first.id)
    assert arrive(store)[1] is False, "the result is on its way"
    store.set_delivered(first.id)
    assert arrive(store)[1] is False, "still the time of redelivery"
    monkeypatch.setattr("vo_photoz.pipeline.service.store.REDELIVERY_SECONDS", -1)
    again, new = arrive(store)
    assert new, "the user sends it on purpose"
    assert again.id != first.id
    assert {path.name for path in store.folder.iterdir()} == {first.id, again.id}


@pytest.mark.parametrize("other", [{"sender": "Aladin"}, {"table_id": "2"}, {"content_hash": "d"}])
def test_another_sender_table_or_content_is_another_job(store: JobStore, other: dict[str, str]) -> None:
    queue(store)
    assert arrive(store, **other)[1] is True


def test_many_threads_add_one_job(store: JobStore) -> None:
    news: list[bool] = []
    threads = [threading.Thread(target=lambda: news.append(arrive(store)[1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(news) == [False] * 7 + [True]


def test_states_change_only_from_where_they_may(store: JobStore) -> None:
    job = queue(store)
    with pytest.raises(JobError, match="queued and cannot become done"):
        store.finish(job.id)
    with pytest.raises(JobError, match="There is no job nothing"):
        store.get("nothing")


def test_a_large_table_waits_for_the_word(store: JobStore) -> None:
    job, _ = arrive(store)
    assert store.accept(job.id, n_rows=10**6, wait=True).state == State.WAITING
    assert store.claim() is None
    assert store.confirm(job.id).state == State.QUEUED
    assert store.confirm(job.id).state == State.QUEUED
    assert store.claim() is not None


def test_news_wakes_who_waits(store: JobStore) -> None:
    seen = store.wait(-1, 0)
    threading.Timer(0.1, arrive, (store,)).start()
    start = time.monotonic()
    assert store.wait(seen, 5) != seen
    assert time.monotonic() - start < 3


def test_everything_is_there_after_a_restart(store: JobStore, tmp_path: Path) -> None:
    jobs = [queue(store, table_id=str(number)) for number in range(3)]
    store.claim()
    orphan = store.incoming()
    store.port = 4321
    store.close()

    again = JobStore(tmp_path)
    again.resume()
    assert (again.token, again.port) == (store.token, 4321)
    assert {job.state for job in again.list()} == {State.QUEUED}
    assert [job.id for job in reversed(again.list())] == [job.id for job in jobs]
    assert not orphan.exists()
    page = f"http://127.0.0.1:4321/{again.token}/jobs/{jobs[0].id}"
    assert again.get(jobs[0].id).row_page(7) == f"{page}/rows/7"


def test_a_job_that_ends_the_service_again_and_again_is_given_up(store: JobStore) -> None:
    job = queue(store)
    for _ in range(MAX_ATTEMPTS):
        assert store.claim() is not None
        store.resume()
    assert store.get(job.id).state == State.FAILED
    assert "ended 3 times" in store.get(job.id).error


def test_a_stopped_job_is_not_a_failed_attempt(store: JobStore) -> None:
    job = queue(store)
    for _ in range(MAX_ATTEMPTS + 1):
        assert store.claim() is not None
        store.give_back(job.id)
    assert store.get(job.id).attempts == 0


def test_a_delivery_keeps_its_identifier_until_renewed(store: JobStore) -> None:
    job = queue(store)
    first, outcome = store.delivery(job.id, "topcat")
    assert first.startswith("vo_photoz:")
    assert outcome == ""
    assert store.delivery(job.id, "topcat") == (first, "")
    assert store.delivery(job.id, "Aladin")[0] != first
    renewed, _ = store.delivery(job.id, "topcat", renew=True)
    assert renewed != first
    store.set_outcome(job.id, "topcat", "ok")
    assert store.delivery(job.id, "topcat") == (renewed, "ok")


def test_tables_are_known_by_their_identifiers(store: JobStore) -> None:
    job = queue(store)
    store.claim()
    store.finish(job.id)
    ours, _ = store.delivery(job.id, "topcat")
    for table_id in (ours, "topcat:1"):
        found = store.job_of_table(table_id)
        assert found is not None
        assert found.id == job.id
    assert store.job_of_table("unknown") is None


def test_results_expire_with_their_files(store: JobStore) -> None:
    done, waiting = queue(store, table_id="1"), queue(store, table_id="2")
    store.claim()
    store.finish(done.id)
    assert store.expire(days=1) == 0
    assert store.expire(days=-1) == 1
    assert not done.folder.exists()
    assert [job.id for job in store.list()] == [waiting.id]


def test_a_result_that_nobody_waits_for_is_not_delivered(store: JobStore) -> None:
    job = queue(store, sender="")
    store.claim()
    store.finish(job.id)
    assert store.undelivered() == []


def test_a_store_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "jobs.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(JobError, match="cannot be used"):
        JobStore(tmp_path / "damaged")
    JobStore(tmp_path / "later").close()
    with sqlite3.connect(tmp_path / "later" / "jobs.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(JobError, match="later version"):
        JobStore(tmp_path / "later")


def test_only_the_user_reads_the_store(store: JobStore, tmp_path: Path) -> None:
    queue(store)
    files = [*tmp_path.glob("jobs.sqlite*"), tmp_path / "jobs"]
    assert len(files) == 4
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_a_job_survives_the_way_to_another_process(store: JobStore) -> None:
    job = store.set_delivered(queue(store, name='a "name" \u03b1\n').id)
    assert Job.from_json(job.to_json()) == job
    assert "\n" not in job.to_json()


def test_one_service_at_a_time(tmp_path: Path) -> None:
    code = "import sys, pathlib; from vo_photoz.pipeline.store_lock import hold\n"
    code += "with hold(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(JobError, match=rf"\(process {other.pid}\) already works"), hold(tmp_path):
            pass
        other.kill()
        other.wait()
        with hold(tmp_path):
            assert (tmp_path / "service.lock").read_text() == f"{os.getpid()}\n"


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerProcess:
    monkeypatch.setenv("PYTHONPATH", str(PARTS))
    return WorkerProcess("stand_in:run", log=tmp_path / "worker.log")


def test_worker_runs_jobs_and_outlives_their_failures(worker: WorkerProcess, store: JobStore) -> None:
    steps: list[str] = []
    good = queue(store, name="good")
    worker.run(good, lambda step, done, total: steps.append(step))
    assert good.result.is_file()
    assert steps == ["stand-in"]
    for name, sentence in [
        ("bad", "no band u. Choose"),
        ("odd", "KeyError"),
        ("memory", "not enough memory"),
    ]:
        with pytest.raises(JobError, match=sentence):
            worker.run(queue(store, name=name, table_id=name))
    with pytest.raises(JobError, match="SIGABRT"):
        worker.run(queue(store, name="abort", table_id="abort"))
    worker.run(queue(store, name="good", table_id="after"))
    worker.stop()


def test_worker_that_cannot_be_loaded_is_told(store: JobStore, tmp_path: Path) -> None:
    worker = WorkerProcess("no_such_module:run", log=tmp_path / "worker.log")
    with pytest.raises(JobError, match="cannot be loaded"):
        worker.run(queue(store))
    worker.stop()


def test_worker_is_stopped_in_the_middle_of_a_job(worker: WorkerProcess, store: JobStore) -> None:
    job = queue(store, name="slow 30")
    threading.Timer(1.0, worker.stop).start()
    start = time.monotonic()
    with pytest.raises(Stopped):
        worker.run(job)
    assert time.monotonic() - start < 10


def test_worker_leaves_when_its_parent_is_killed(store: JobStore, tmp_path: Path) -> None:
    job = queue(store, name="slow 60")
    code = "import sys; from vo_photoz.pipeline.service.engine import WorkerProcess\n"
    code += "from vo_photoz.pipeline.service.job import Job\n"
    code += "w = WorkerProcess('stand_in:run'); w._started(); print(w._child.pid, flush=True)\n"
    code += "w.run(Job.from_json(sys.argv[1]))"
    environment = os.environ | {"PYTHONPATH": str(PARTS)}
    command = [sys.executable, "-c", code, job.to_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        started = tmp_path / "starts.txt"
        while not started.exists():
            time.sleep(0.05)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(child)


def running(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
