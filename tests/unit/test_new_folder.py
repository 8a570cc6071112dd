"""A folder that takes its name only when all went well, whatever is still writing into it."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path

import pytest

from vo_photoz.datasets.store import new_folder
from vo_photoz.errors import UsageError


def test_nothing_is_left_though_a_thread_goes_on_writing(tmp_path: Path):
    end = time.monotonic() + 0.5

    def chunks(folder: Path) -> None:
        while time.monotonic() < end:
            place = folder / "images.zarr" / "c"
            place.mkdir(parents=True, exist_ok=True)
            (place / str(time.monotonic_ns())).write_bytes(b"0")

    def stubborn(folder: Path) -> None:
        while True:
            try:
                return chunks(folder)
            except FileNotFoundError:  # removed under its hands
                continue

    def fill() -> None:
        with new_folder(tmp_path / "set", "set") as work:
            writer = threading.Thread(target=stubborn, args=(work,))
            writer.start()
            time.sleep(0.05)
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UsageError, match="nothing was kept"):
        fill()
    time.sleep(max(end + 0.1 - time.monotonic(), 0))
    assert list(tmp_path.iterdir()) == []
