"""Pieces shrink and grow, and the journal that follows them survives, expires and does without a disk."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from vo_photoz.errors import ServiceError
from vo_photoz.tap.chunks import CAREFUL, QUICK_SECONDS, SMALLEST, Chunks, apart, remaining
from vo_photoz.tap.journal import STALE_SECONDS, JobNote, Journal, Journals, Piece
from vo_photoz.tap.services.answer import Overflow
from vo_photoz.tap.services.failures import TooMuch, UploadTooLarge, failure

SLOW = 2 * QUICK_SECONDS


def chunks(rows: int, size: int, largest: int = 10_000) -> Chunks:
    return Chunks([Piece(0, rows)], [], size=size, largest=largest)


def sizes(run: Chunks, seconds: float) -> list[int]:
    """Rows of all pieces that are left, each done in so many seconds."""
    found = []
    while (piece := run.take()) is not None:
        found.append(len(piece))
        run.done(piece, seconds)
    return found


def test_quick_answers_make_pieces_larger_up_to_the_largest() -> None:
    assert sizes(chunks(1_000, 100, 300), 1.0) == [100, 201, 300, 300, 99]
    assert sizes(chunks(1_000, 300), SLOW) == [300, 300, 300, 100]


def test_upload_that_is_too_large_bounds_all_pieces() -> None:
    run = chunks(2_000, 1_000)
    piece = run.take()
    run.refused(piece, UploadTooLarge("413"))
    assert run.size == 507, "halves of round numbers are not round"
    assert sizes(run, 1.0) == [507, 493, 507, 493]


def test_cut_answer_is_asked_in_pieces_as_large_as_what_came() -> None:
    run = chunks(50_000, 20_000, 50_000)
    piece = run.take()
    run.refused(piece, Overflow("cut", rows=1_000))
    found = sizes(run, 1.0)
    assert found[0] == 1_000
    assert sum(found) == 50_000
    assert max(found[:18]) == 1_000, "that part of the sky is asked in small pieces"
    assert found[21] == int(found[20] * CAREFUL) + 1, "the rest grows again, with care"


@pytest.mark.parametrize(
    ("error", "rows", "least"),
    [
        (Overflow("cut at MAXREC=5", rows=5), 1, 1),
        (UploadTooLarge("413"), 1, 1),
        (TooMuch("time out"), SMALLEST, SMALLEST),
    ],
)
def test_what_cannot_be_smaller_is_the_error(error: ServiceError, rows: int, least: int) -> None:
    run = chunks(rows, rows)
    with pytest.raises(type(error)) as caught:
        run.refused(run.take(), error)
    assert caught.value is error
    run = chunks(8 * rows, 8 * rows)
    for _ in range(20):
        piece = run.take()
        if len(piece) == least:
            break
        run.refused(piece, error)
    assert len(piece) == least


def test_thread_waits_while_a_piece_may_be_split() -> None:
    run = chunks(200, 200)
    first, found = run.take(), []
    waiting = threading.Thread(target=lambda: found.append(run.take()))
    waiting.start()
    time.sleep(0.05)
    assert not found
    run.refused(first, UploadTooLarge("413"))
    waiting.join(5)
    assert len(found[0]) == 107
    run.fail(ServiceError("other"))
    assert run.take() is None


def test_parts_that_nobody_knows() -> None:
    known = [Piece(20, 30), Piece(0, 10)]
    assert remaining(40, known) == [Piece(10, 20), Piece(30, 40)]
    assert remaining(0, []) == []
    assert apart([Piece(0, 10), Piece(5, 15), Piece(20, 30), Piece(35, 50)], [Piece(22, 23)], 40) == [
        Piece(0, 10)
    ]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Query timed out (took too long).", TooMuch),
        ("canceling statement due to statement timeout", TooMuch),
        ("ERROR: out of memory DETAIL: Failed on request of size 5", TooMuch),
        ("java.lang.OutOfMemoryError: Java heap space", TooMuch),
        ("Upload limit exceeded: 20000000 bytes", UploadTooLarge),
        ("The uploaded table has too many rows", UploadTooLarge),
        ("Field query: No such column timestamp", ServiceError),
        ("Could not locate table upload", ServiceError),
    ],
)
def test_words_of_services(words: str, kind: type[ServiceError]) -> None:
    assert type(failure(words, words, "x")) is kind


def test_journal_is_taken_over(tmp_path: Path) -> None:
    first = Journals(tmp_path)
    journal = first.open("key")
    journal.keep(Piece(0, 5), b"answer")
    journal.write_note(Piece(5, 9), JobNote("mark", 100))
    journal.write_note(Piece(5, 9), JobNote("mark", 100, "http://x/1"))
    journal.write_note(Piece(9, 12), JobNote("other", 100))
    journal.forget(Piece(9, 12))
    other = Journals(tmp_path).open("key")
    assert other.folder != journal.folder, "two runs at a time have a folder each"
    assert not other.answers()
    other.close()
    first.release()
    (tmp_path / "key" / ".part-x").write_bytes(b"half")
    (tmp_path / "key" / "0000000020-0000000030.job").write_bytes(b"half")
    again = Journals(tmp_path)
    journal = again.open("key")
    assert journal.answers() == [Piece(0, 5)]
    assert journal.answer(Piece(0, 5)) == b"answer"
    assert journal.notes() == {Piece(5, 9): JobNote("mark", 100, "http://x/1")}
    again.discard()
    assert list(tmp_path.iterdir()) == []


def test_stale_journals_expire(tmp_path: Path) -> None:
    for name in ("old", "new", "held"):
        journals = Journals(tmp_path)
        journals.open(name).keep(Piece(0, 5), b"answer")
        if name != "held":
            journals.release()
    for name in ("old", "held"):
        when = time.time() - STALE_SECONDS - 60
        os.utime(tmp_path / name, (when, when))
    Journals(tmp_path).open("mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held", "mine", "new"]


def test_disk_that_fails_costs_the_journal_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = Journals(tmp_path / "file").open("key")
    assert "cannot be written" in journal.problem
    journal = Journals(tmp_path).open("key")
    os.rename(tmp_path / "key", tmp_path / "away")
    journal.keep(Piece(0, 5), b"answer")
    journal.write_note(Piece(0, 5), JobNote("mark", 1, "http://x/1"))
    assert "cannot be written" in journal.problem
    assert journal.note(Piece(0, 5)) is not None
    assert Journal(None).answers() == []
