"""One process at a time works on a folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vo_photoz.errors import JobError


@contextmanager
def hold(
    data_dir: Path,
    *,
    who: str = "vo-photoz service",
    advice: str = "Stop it, or set VO_PHOTOZ_DATA_DIR to another folder.",
) -> Iterator[None]:
    """Hold the lock of a folder; the system frees it however the process ends.

    Parameters
    ----------
    data_dir : Path
        Made when missing.
    who, advice : str
        Who else may hold it, and what to do then.

    Raises
    ------
    JobError
        Raised if another process holds it, or the folder cannot be written.
    """
    path = data_dir / "service.lock"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JobError(
            f"The data folder {data_dir} cannot be used: {error.strerror}.",
            advice="Set data_dir to another folder.",
        ) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
            raise JobError(
                f"Another {who} (process {holder}) already works on {data_dir}.", advice=advice
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
