"""Child of `engine.WorkerProcess`: ``python -m vo_photoz.pipeline.service.worker PIPE MODULE:NAME``."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from vo_photoz.errors import PhotozError
from vo_photoz.flow import Progress
from vo_photoz.pipeline.service.job import Job

TELL_SECONDS = 0.5
"""Progress is told at most so often."""

Predictor = Callable[[Job, Progress], None]
Tell = Callable[[dict[str, Any]], None]


def main() -> None:
    """Run the jobs that come in, one after the other, and tell how each ends."""
    pipe, name = int(sys.argv[1]), sys.argv[2]
    os.set_inheritable(pipe, False)  # else a process of a library could keep it open after our end
    jobs_in, jobs_out = os.pipe()
    threading.Thread(target=_pass_on, args=(jobs_out,), daemon=True).start()

    def tell(answer: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(pipe, json.dumps(answer).encode() + b"\n")

    predictor: Predictor | None = None
    with os.fdopen(jobs_in, "rb") as jobs:
        for line in jobs:
            predictor = predictor or _imported(name, tell)
            if predictor is not None:
                tell(outcome(predictor, Job.from_json(line.decode()), _told_seldom(tell)))


def outcome(predictor: Predictor, job: Job, progress: Progress) -> dict[str, Any]:
    """Run one job; what is to be told of its end."""
    try:
        predictor(job, progress)
    except PhotozError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "There is not enough memory for this table. Send fewer rows at a time."}
    except Exception as error:  # noqa: BLE001 - whatever a library raises must not end the service
        sys.excepthook(type(error), error, error.__traceback__)
        return {"error": f"The prediction failed: {type(error).__name__}: {error}. The log says more."}
    return {"done": True}


def _imported(name: str, tell: Tell) -> Predictor | None:
    """The function named "module:name"; one that cannot be imported fails the job and not the process."""
    module, _, function = name.partition(":")
    try:
        found: Predictor = getattr(import_module(module), function)
    except Exception as error:  # noqa: BLE001 - as in `outcome`
        sys.excepthook(type(error), error, error.__traceback__)
        tell({"error": f"The prediction cannot be loaded: {type(error).__name__}: {error}."})
        return None
    return found


def _told_seldom(tell: Tell) -> Progress:
    last = 0.0

    def progress(step: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_SECONDS:
            last = time.monotonic()
            tell({"progress": [step, done, total]})

    return progress


def _pass_on(jobs_out: int) -> None:
    """Pass on what the parent sends; leave at once when it is gone, even in the middle of a job."""
    while part := os.read(0, 65536):
        os.write(jobs_out, part)
    os._exit(0)


if __name__ == "__main__":
    main()
