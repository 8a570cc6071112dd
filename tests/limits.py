"""Reads tables in a process of its own under limits of memory and time: ``python -m tests.limits FOLDER``.

One line of JSON comes out for each file: what became of it, the seconds, and how much memory it took at most.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path

ADDRESS_SPACE_MB = 1500
"""What a reader may take more than it has after its imports."""


def status(key: str) -> int:
    """A figure of this process in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def outcome(path: Path, *, batches: bool) -> str:
    """Rows that were read, or the sentence of the error; anything but a TableError comes with its name."""
    from vo_photoz.errors import PhotozError
    from vo_photoz.tables.batches import TableBatches, again
    from vo_photoz.tables.read import read_table

    try:
        if batches:
            source = TableBatches(path)
            return f"rows {again(lambda: sum(batch.n_rows for batch in source))}"
        return f"rows {read_table(path).n_rows}"
    except PhotozError as error:
        return f"{type(error).__name__}: {error}"
    except BaseException as error:  # noqa: BLE001 - this is what the tests look for
        return f"{type(error).__name__}! {error}"[:500]


def main(folder: Path) -> None:
    """Read every file of a folder, once as a whole and once in batches."""
    warnings.simplefilter("ignore")
    for path in sorted((Path(__file__).parent / "data" / "tables").iterdir()):
        for batches in (False, True):
            outcome(path, batches=batches)
    most = (status("VmSize") + ADDRESS_SPACE_MB * 1024) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for path in sorted(folder.iterdir()):
        for batches in (False, True):
            Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
            before, start = status("VmRSS"), time.process_time()
            told = outcome(path, batches=batches)
            taken, seconds = (status("VmHWM") - before) / 1024, time.process_time() - start
            line = {"name": path.name, "batches": batches, "told": told, "mb": taken, "seconds": seconds}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
