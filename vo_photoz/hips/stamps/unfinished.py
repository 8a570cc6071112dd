"""A run that cuts stamps into files: what it has cut survives its death, and the next run goes on."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz import __version__
from vo_photoz.errors import UsageError
from vo_photoz.flow import Flag, FlagArray, Float32Array, Positions, Stamps

Cut = Callable[[Positions], Iterable[tuple[NDArray[np.intp], Stamps]]]
"""Cuts the stamps of the valid positions, as `cut_stamps` does."""

SYNC_SECONDS = 60.0
"""What is written reaches the disk at least this often: it survives a power cut too."""


class Unfinished:
    """Stamps that are on their way into a file, in a hidden folder beside it.

    Files: ``manifest.json`` (what is being cut), ``stamps.npy`` and ``log`` (row, flags and fraction of NaN
    of every stamp that is there). A row goes into the log after its pixels are written.

    Parameters
    ----------
    target : path
        The file or folder that is to be.
    positions : Positions
        Of all rows.
    options : mapping
        Everything else that the pixels depend on; values that JSON can hold.
    tell : callable
        Takes a sentence for the user.

    Raises
    ------
    UsageError
        Raised if another process writes the same, or the folder cannot be written.
    """

    def __init__(
        self, target: Path, positions: Positions, options: Mapping[str, Any], tell: Callable[[str], None]
    ) -> None:
        self.folder = target.parent / f".{target.name}.unfinished"
        self.positions = positions
        self._wanted = {"version": __version__, "positions": _digest(positions), **options}
        self._manifest: dict[str, Any] = {}
        self._synced = time.monotonic()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"Another run is writing {target}.", advice="Wait for it.") from None
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}.") from None
        self._go_on(tell)

    def _go_on(self, tell: Callable[[str], None]) -> None:
        """Take over what an earlier run left, if it was cutting the same."""
        try:
            manifest = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return  # nothing there, or it died before it began
        if manifest.get("wanted") != json.loads(json.dumps(self._wanted)):
            tell("An unfinished run with another input or other options is thrown away: all is cut anew.")
            return
        self._manifest = manifest
        if (
            manifest["boot"] != _boot()
        ):  # what a machine that went down had not brought to its disk is not trusted
            os.truncate(self.folder / "log", manifest["synced"])
            self._keep_manifest()
        there = len(np.unique(self._log()["row"]))
        valid = int(self.positions.valid.sum())
        tell(f"Going on where an earlier run stopped: {there} of {valid} stamps are there.")

    def _log(self) -> NDArray[Any]:
        """What is there, a record a stamp; a later record of a row is worth more than an earlier one."""
        if not self._manifest:
            return np.empty(0, _record(1))
        kind, data = _record(len(self.known["bands"])), (self.folder / "log").read_bytes()
        return np.frombuffer(data[: len(data) // kind.itemsize * kind.itemsize], kind)

    @property
    def known(self) -> dict[str, Any]:
        """Bands, pixel_arcsec, unit and shape of the stamps."""
        return dict(self._manifest["stamps"])

    def cut(self, cut: Cut) -> tuple[FlagArray, Float32Array]:
        """Cut what is missing; flags and fractions of NaN of all rows, shapes (n,) and (n, band).

        Raises
        ------
        UsageError
            Raised if no position is valid, or the disk is full (what is cut so far stays).
        """
        places, log = self.positions, self._log()
        left = places.valid.copy()
        # A row whose tiles could not be had is tried again.
        left[log["row"][(log["flags"] & Flag.PIXELS_UNAVAILABLE) == 0]] = False
        for rows, stamps in cut(Positions(places.ra, places.dec, left, places.origin)):
            if not self._manifest:
                self._begin(stamps)
            self._add(rows, stamps)
        if not self._manifest:
            raise UsageError("No row has a valid position: there is nothing to cut.")
        log = self._log()
        flags = np.where(places.valid, 0, Flag.NO_POSITION).astype(np.int16)
        empty = np.ones((len(places), len(self.known["bands"])), np.float32)
        flags[log["row"]], empty[log["row"]] = log["flags"], log["nan_fraction"]
        return flags, empty

    @property
    def stamps(self) -> Path:
        """Path of the pixels, an .npy file of shape (n, band, y, x)."""
        return self.folder / "stamps.npy"

    def rows(self, first: int, stop: int) -> Float32Array:
        """Stamps of some rows, read from the disk."""
        shape = self.known["shape"]
        with self.stamps.open("rb") as file:
            file.seek(self._place_of(first))
            data = np.fromfile(file, np.float32, (stop - first) * int(np.prod(shape)))
        return data.reshape(stop - first, *shape)

    def _place_of(self, row: int) -> int:
        """Byte at which the stamp of a row begins."""
        return int(self._manifest["start"]) + row * 4 * int(np.prod(self.known["shape"]))

    def close(self) -> None:
        """Let another process have it; the folder stays."""
        self._lock.close()

    def leave(self) -> None:
        """The run ends early: keep what it has cut, but no empty folder."""
        if self._manifest:
            self.close()
        else:
            self.remove()

    def remove(self) -> None:
        """The result is there: remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def _begin(self, stamps: Stamps) -> None:
        """Make the files; the manifest comes last."""
        n, shape = len(self.positions), stamps.pixels.shape[1:]
        about = {
            "bands": list(stamps.bands),
            "pixel_arcsec": stamps.pixel_arcsec,
            "unit": stamps.unit,
            "shape": list(shape),
        }
        (self.folder / "manifest.json").unlink(missing_ok=True)
        (self.folder / "log").write_bytes(b"")
        with self.stamps.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (n, *shape)}
            np.lib.format.write_array_header_2_0(file, header)
            start, size = file.tell(), file.tell() + n * 4 * int(np.prod(shape))
            file.truncate(size)
            if hasattr(os, "posix_fallocate"):  # a full disk is told now, not after hours
                os.posix_fallocate(file.fileno(), 0, size)
        self._manifest = {"wanted": self._wanted, "stamps": about, "start": start, "synced": 0}
        nothing = np.full((1, *shape), np.nan, np.float32)
        with self.stamps.open("rb+", buffering=0) as file:
            for row in np.flatnonzero(~self.positions.valid):
                _write_all(file, self._place_of(int(row)), nothing)
        self._keep_manifest()

    def _keep_manifest(self) -> None:
        self._manifest["boot"] = _boot()
        part = self.folder / "manifest.part"
        part.write_text(json.dumps(self._manifest, indent=1), encoding="utf-8")
        os.replace(part, self.folder / "manifest.json")

    def _add(self, rows: NDArray[np.intp], stamps: Stamps) -> None:
        """Write a batch: pixels first, then the records."""
        order = np.argsort(rows)
        runs = np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1)
        # Written, not mapped: a full disk is then an error, not the death of the process.
        with self.stamps.open("rb+", buffering=0) as file:
            for run in runs:
                _write_all(file, self._place_of(int(rows[run[0]])), stamps.pixels[run])
        records = np.empty(len(rows), _record(len(stamps.bands)))
        records["row"], records["flags"], records["nan_fraction"] = rows, stamps.flags, stamps.nan_fraction
        path = self.folder / "log"
        with path.open("rb+", buffering=0) as log:
            whole = path.stat().st_size // records.itemsize * records.itemsize  # a run died amid a record
            _write_all(log, whole, records)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()

    def _sync(self) -> None:
        """Bring all to the disk, then say so."""
        for path in (self.stamps, self.folder / "log"):
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        self._manifest["synced"] = (self.folder / "log").stat().st_size
        self._keep_manifest()
        self._synced = time.monotonic()


def _write_all(file: Any, place: int, data: NDArray[Any]) -> None:
    view = memoryview(data.tobytes())
    while view:
        written = os.pwrite(file.fileno(), view, place)
        view, place = view[written:], place + written


def _record(bands: int) -> np.dtype[Any]:
    """What the log keeps of a stamp."""
    return np.dtype([("row", "<i8"), ("flags", "<i2"), ("nan_fraction", "<f4", (bands,))])


def _digest(positions: Positions) -> str:
    """Fingerprint of positions."""
    digest = hashlib.sha256()
    for array in (positions.ra, positions.dec, positions.valid):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _boot() -> str:
    """What changes when the machine is started anew; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
