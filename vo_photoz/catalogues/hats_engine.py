"""LSDB and Dask: whether they are there, where they compute, and their failures in our words."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vo_photoz.errors import DeadlineExceeded, PhotozError, ServiceError, TableError, UsageError
from vo_photoz.flow import Progress, no_progress
from vo_photoz.settings import defaults

FILES = ("hats.properties", "collection.properties")
"""Any of them makes a folder a HATS catalogue (one of catalogue and margins together is a collection)."""
REMOTE = ("http", "https", "s3", "gs", "hf")
CONNECT_SECONDS = 20
OUTSIDE = ("aiohttp", "botocore", "distributed", "fsspec", "hats", "pyarrow")
STEP = "work on the catalogue"


def need_lsdb(module: str = "lsdb") -> Any:
    """LSDB, or a module that comes along with it.

    Raises
    ------
    UsageError
        Raised if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"HATS catalogues need the package lsdb, which is not installed ({error}).",
            advice="Install it: pip install 'vo-photoz[hats]'.",
        ) from None


def on_network(address: str | Path) -> bool:
    """Whether an address is on the network."""
    return urlsplit(str(address)).scheme in REMOTE


def is_hats(what: str | Path) -> bool:
    """Whether something is a folder in HATS, or an address on the network (of which it is believed)."""
    if on_network(what):
        return True
    folder = Path(str(what).removeprefix("file://"))
    if any((folder / name).is_file() for name in FILES):
        return True
    try:  # before HATS 1.0 the file had the name that a HiPS has too
        return "hats_" in (folder / "properties").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


@contextmanager
def engine(scheduler: str | None) -> Iterator[Any]:
    """Where Dask computes: the client of a scheduler, or None for threads of this process.

    Raises
    ------
    UsageError
        Raised if the address cannot be meant.
    ServiceError
        Raised if the scheduler does not answer.
    """
    if scheduler is None:
        with need_lsdb("dask").config.set(scheduler="threads", num_workers=threads()):
            yield None
        return
    distributed = need_lsdb("distributed")
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=True)
    except ValueError as error:
        raise UsageError(
            f"The address of the Dask scheduler, {scheduler}, cannot be meant ({error}).",
            advice="Give an address such as tcp://host:8786.",
        ) from None
    except (OSError, TimeoutError) as error:
        raise ServiceError(
            f"The Dask scheduler {scheduler} does not answer ({_first_line(error)}).",
            advice="Check the address, or leave out --scheduler.",
            url=scheduler,
        ) from None
    try:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise ServiceError(
                f"The Dask scheduler {scheduler} has no workers.", advice="Start some.", url=scheduler
            )
        yield client
    finally:
        client.close()


def threads() -> int:
    """Threads of this process that Dask may take."""
    return defaults().threads or os.cpu_count() or 1


def computed(catalogue: Any, client: Any, progress: Progress = no_progress) -> Any:
    """The rows of an LSDB catalogue as a data frame.

    Parameters
    ----------
    catalogue : `lsdb.catalog.Catalog`
        What is to be computed.
    client : `distributed.Client` or None
        As of `engine`.
    progress : Progress
        Told how much is done; of a scheduler's work only the end.
    """
    if client is None:
        with _watched(progress):
            return catalogue.compute(progress_bar=False)
    found = catalogue.compute(progress_bar=False)
    progress(STEP, catalogue.npartitions, catalogue.npartitions)
    return found


def _watched(progress: Progress) -> Any:
    """Dask's callback that tells how many of its tasks are done."""

    def told(_key: Any, _result: Any, _graph: Any, state: Any, _worker: Any) -> None:
        left = sum(len(state[name]) for name in ("ready", "waiting", "running"))
        progress(STEP, len(state["finished"]), len(state["finished"]) + left)

    return need_lsdb("dask.callbacks").Callback(posttask=told)


@contextmanager
def failures_told(address: str | Path) -> Iterator[None]:
    """Failures of LSDB, Dask and the servers behind them, as errors of ours."""
    try:
        yield
    except PhotozError:
        raise
    except KeyError as error:
        raise TableError(f"The HATS catalogue {address} lacks a column ({error}).") from None
    except TimeoutError as error:
        raise DeadlineExceeded(
            f"The HATS catalogue {address} was not read in time ({_first_line(error)}).", url=str(address)
        ) from None
    except FileNotFoundError as error:
        raise _missing(address, error) from None
    except Exception as error:
        if not _from_outside(error):
            raise
        raise ServiceError(
            f"Reading the HATS catalogue {address} failed ({type(error).__name__}: {_first_line(error)}).",
            advice="Try again; a worker that dies may be short of memory.",
            url=str(address),
        ) from None


def _missing(address: str | Path, error: Exception) -> PhotozError:
    if urlsplit(str(address)).scheme:
        return ServiceError(
            f"There is no HATS catalogue at {address}, or its server does not answer.",
            advice="Give the address of the folder with hats.properties or collection.properties.",
            url=str(address),
        )
    return TableError(
        f"{address} is not a HATS catalogue, or not all of one ({_first_line(error)}).",
        advice="Give the folder with hats.properties or collection.properties.",
    )


def _from_outside(error: Exception) -> bool:
    """Whether files, servers or workers failed, and not our own code."""
    return isinstance(error, (OSError, EOFError)) or type(error).__module__.split(".")[0] in OUTSIDE


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
