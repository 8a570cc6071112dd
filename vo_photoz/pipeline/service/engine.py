"""Where predictions run: a process of its own, so that its crash or hunger for memory costs one job.

The process lives on between jobs and keeps its model. It gets a job as one line on its standard input and
answers with lines on a pipe of its own; its standard output belongs to whatever the libraries print. When its
parent ends, however suddenly, its input ends and it leaves.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, Protocol

from vo_photoz.errors import JobError
from vo_photoz.flow import Progress, no_progress
from vo_photoz.pipeline.service.job import Job

PREDICTOR = "vo_photoz.pipeline.service.run:run"
STOP_SECONDS = 5.0
LOG_BYTES = 5_000_000
"""A log that has grown beyond this begins anew with the next process."""


class Engine(Protocol):
    """Runs one job at a time."""

    def run(self, job: Job, progress: Progress = no_progress) -> None:
        """Run a job to its end; raise a `PhotozError` that says why it failed."""

    def stop(self) -> None:
        """End what runs; `run` then raises `Stopped`."""


class Stopped(JobError):
    """The job did not fail, it was stopped."""


class WorkerProcess:
    """Runs jobs in a child process, which starts with the first job.

    Parameters
    ----------
    predictor : str
        Function as "module:name", called with a `Job` and a `Progress`; it writes ``job.result``.
    log : Path or None
        Where the output of the process goes; None: to ours.
    """

    def __init__(self, predictor: str = PREDICTOR, log: Path | None = None) -> None:
        self._predictor = predictor
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._answers: IO[bytes] | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, job: Job, progress: Progress = no_progress) -> None:
        """Run a job to its end.

        Raises
        ------
        PhotozError
            Raised if the job fails, or the process dies.
        Stopped
            Raised if `stop` was called.
        """
        with self._lock:
            child, answers = self._started()
        try:
            assert child.stdin is not None  # noqa: S101 - opened as a pipe
            child.stdin.write(job.to_json().encode() + b"\n")
            child.stdin.flush()
            for line in answers:
                if self._ended(json.loads(line), progress):
                    return
        except BrokenPipeError:
            pass
        raise self._death(child)

    def stop(self) -> None:
        """End the process."""
        with self._lock:
            self._stopped = True
            child = self._child
        if child is None or child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _started(self) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        if self._stopped:
            raise Stopped("The service is stopping.")
        if self._child is not None and self._answers is not None and self._child.poll() is None:
            return self._child, self._answers
        reading, writing = os.pipe()
        output = _opened(self._log) if self._log else None
        command = [sys.executable, "-m", "vo_photoz.pipeline.service.worker", str(writing), self._predictor]
        self._child = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, pass_fds=(writing,),
            start_new_session=True,
        )  # fmt: skip
        os.close(writing)
        if output is not None:
            output.close()
        self._answers = os.fdopen(reading, "rb")
        return self._child, self._answers

    def _ended(self, answer: dict[str, Any], progress: Progress) -> bool:
        if "progress" in answer:
            progress(*answer["progress"])
            return False
        if "error" in answer:
            raise JobError(answer["error"])
        return True

    def _death(self, child: subprocess.Popen[bytes]) -> JobError:
        code = child.wait()
        if self._answers is not None:
            self._answers.close()
        self._child = self._answers = None
        if self._stopped:
            return Stopped("The service is stopping.")
        how = f"by the signal {signal.Signals(-code).name}" if code < 0 else f"with the status {code}"
        where = f" The log is {self._log}." if self._log else ""
        reason = "The computer may be short of memory" if code == -signal.SIGKILL else "The log says more"
        return JobError(
            f"The process that predicts ended {how}.{where}", advice=f"{reason}; send the table again."
        )


def _opened(log: Path) -> IO[bytes]:
    large = log.exists() and log.stat().st_size > LOG_BYTES
    return log.open("wb" if large else "ab")
