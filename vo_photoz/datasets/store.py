"""Training sets at rest: a folder with images (Zarr), rows (Parquet) and a manifest.

    images.zarr     float32 (n, band, y, x)
    rows.parquet    id, ra, dec, z, fold, flags, mag_<band>, class
    manifest.json   what it is, where it comes from, a hash of it all

A folder appears whole or not at all: it is written under another name beside its place.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from vo_photoz.datasets.manifest import FILE, Dereddening, Manifest, read_manifest
from vo_photoz.datasets.rows import Rows, class_values, read_rows, write_rows
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import Float32Array, FloatArray, Stamps

IMAGES = "images.zarr"
ROWS = "rows.parquet"
CHUNK = 256
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REMOVALS = 50


@dataclass(frozen=True)
class Dataset:
    """A data set that is open for reading; images stay on disk until they are asked for.

    Parameters
    ----------
    folder : Path
        Where it lies.
    manifest : Manifest
        What it holds.
    rows : Rows
        What is known of each object.
    images : zarr.Array, shape (n, band, y, x)
        The stamps.
    """

    folder: Path
    manifest: Manifest
    rows: Rows
    images: zarr.Array[Any]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    def pixels(self, rows: NDArray[np.intp]) -> Float32Array:
        """Images of some rows, in that order, shape (len(rows), band, y, x)."""
        order = np.argsort(rows, kind="stable")
        found = np.empty((len(rows), *self.images.shape[1:]), dtype=np.float32)
        if len(rows):
            found[order] = self.images.oindex[np.asarray(rows)[order]]
        return found

    def stamps(self, rows: NDArray[np.intp]) -> Stamps:
        """Stamps of some rows, in that order."""
        held = self.manifest
        return Stamps(
            self.pixels(rows),
            self.rows.flags[rows],
            tuple(held.bands),
            held.pixel_arcsec,
            held.unit,
            held.dereddened,
        )

    def labelled(self) -> NDArray[np.bool_]:
        """Whether each object has a redshift."""
        return np.isfinite(self.rows.z)

    def hash(self) -> str:
        """Hash of what lies on the disk now; the manifest's if nothing was changed."""
        digest = hashlib.sha256()
        for start in range(0, len(self), CHUNK):
            digest.update(_bytes(np.asarray(self.images[start : start + CHUNK])))
        return _with_rows(digest, self.rows)


def open_dataset(path: str | Path) -> Dataset:
    """Open a data set.

    Raises
    ------
    TableError
        Raised if it is no data set, or a part of it is missing, cut off or of another length.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    rows = read_rows(folder / ROWS, tuple(manifest.bands))
    try:
        images = zarr.open_array(store=str(folder / IMAGES), mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise TableError(f"The images {folder / IMAGES} cannot be read: {error}.") from None
    side = manifest.stamp_pixels
    if images.shape != (manifest.n, len(manifest.bands), side, side) or len(rows) != manifest.n:
        raise TableError(
            f"The data set {folder} is damaged: {manifest.n} objects are in its manifest, {len(rows)} in its "
            f"rows and {images.shape[0]} in its images.",
            advice="Make the data set again.",
        )
    return Dataset(folder, manifest, rows, images)


@contextmanager
def new_folder(path: str | Path, what: str) -> Iterator[Path]:
    """Give a folder to write into that takes its name only when all went well.

    Raises
    ------
    UsageError
        Raised if something of that name exists, the folder above cannot be written, or the disk is full.
    """
    target = Path(path)
    if target.exists():
        raise UsageError(
            f"{target} exists already.", advice=f"Choose another name for the {what} or remove it."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise UsageError(f"The {what} cannot be written to {target}: {error.strerror}.") from None
    try:
        yield work
        work.chmod(0o755)
        os.replace(work, target)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise UsageError(
            f"The {what} {target} cannot be written: {os.strerror(error.errno or 0)}.",
            advice="Choose a disk with more room; nothing was kept.",
        ) from None
    finally:
        if work.exists():
            _remove(work)


def _remove(folder: Path) -> None:
    """Remove a folder into which threads of zarr may still write chunks: until nothing comes after it."""
    for _ in range(REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)
        if not folder.exists():
            return


def create_dataset(
    path: str | Path,
    parts: Iterator[tuple[NDArray[np.intp], Stamps]],
    rows: Rows | Callable[[], Rows],
    *,
    source: dict[str, Any],
    real: bool = True,
    dereddening: Dereddening | None = None,
) -> Dataset:
    """Write a data set from stamps that come in parts, in the order in which they come.

    Parameters
    ----------
    path : str or Path
        Folder to make.
    parts : iterator of (rows, Stamps)
        Which of ``rows`` the stamps belong to, and the stamps, as `hips.cutouts.cut_stamps` gives them.
    rows : Rows, or a function that gives them once all stamps have come
        What is known of each object; its flags are joined with those of the stamps.
    source : dict
        Where images and labels come from.
    real : bool
        False for a simulated sky.
    dereddening : Dereddening or None
        How the stamps were corrected for Galactic extinction; None where they are as observed.

    Raises
    ------
    TableError
        Raised if no stamps come.
    UsageError
        Raised if the folder exists.
    """
    made = datetime.now(UTC).isoformat(timespec="seconds")
    with new_folder(path, "data set") as work:
        write_dataset(work, parts, rows, source=source, real=real, dereddening=dereddening, made=made)
    return open_dataset(path)


def write_dataset(
    folder: Path,
    parts: Iterator[tuple[NDArray[np.intp], Stamps]],
    rows: Rows | Callable[[], Rows],
    *,
    source: dict[str, Any],
    real: bool = True,
    dereddening: Dereddening | None = None,
    made: str = "",
) -> Manifest:
    """Write the files of a data set into a folder that the caller gives its name when all is well.

    The same stamps and rows give the same bytes. ``made`` is the time for the manifest; the other arguments
    and the errors are those of `create_dataset`.
    """
    written, flags, like, digest = _write_images(folder / IMAGES, parts)
    kept = (rows() if callable(rows) else rows).take(written)
    kept = replace(kept, flags=(kept.flags | flags).astype(np.int16))
    write_rows(kept, like.bands, folder / ROWS)
    manifest = _manifest(kept, like, _with_rows(digest, kept), source, real)
    manifest.dereddened, manifest.dereddening, manifest.made = dereddening is not None, dereddening, made
    (folder / FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def _write_images(
    path: Path, parts: Iterator[tuple[NDArray[np.intp], Stamps]]
) -> tuple[NDArray[np.intp], NDArray[np.int16], Stamps, Any]:
    """Stream stamps to disk; which rows came, their flags, stamps to see bands and unit by, the hash."""
    digest, order, flags, images, done = hashlib.sha256(), [], [], None, 0
    like: Stamps | None = None
    for where, stamps in parts:
        if images is None or like is None:
            like, shape = stamps, stamps.pixels.shape[1:]
            images = zarr.create_array(
                store=str(path), shape=(0, *shape), chunks=(CHUNK, *shape), dtype="float32"
            )
        images.resize((done + len(stamps), *images.shape[1:]))
        images[done : done + len(stamps)] = stamps.pixels
        digest.update(_bytes(stamps.pixels))
        order.append(where)
        flags.append(stamps.flags)
        done += len(stamps)
    if images is None or like is None or not done:
        raise TableError("There are no stamps to make a data set of.")
    return np.concatenate(order), np.concatenate(flags), like, digest


def _manifest(rows: Rows, like: Stamps, sha256: str, source: dict[str, Any], real: bool) -> Manifest:
    known: FloatArray = rows.z[np.isfinite(rows.z)]
    fold, count = np.unique(rows.fold, return_counts=True)
    return Manifest(
        n=len(rows),
        bands=list(like.bands),
        stamp_pixels=like.pixels.shape[-1],
        pixel_arcsec=like.pixel_arcsec,
        unit=like.unit,
        real=real,
        source=source,
        folds={str(one): int(many) for one, many in zip(fold, count, strict=True)},
        z_range=[float(known.min()), float(known.max())] if len(known) else [],
        sha256=sha256,
        software={name: version(name) for name in ("vo-photoz", "numpy", "zarr")},
    )


def _bytes(pixels: Float32Array) -> bytes:
    return np.ascontiguousarray(pixels, dtype="<f4").tobytes()


def _with_rows(digest: Any, rows: Rows) -> str:
    digest = digest.copy()
    for column in (rows.ra, rows.dec, rows.z, rows.fold, rows.flags, rows.mag):
        digest.update(np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<")).tobytes())
    digest.update("\n".join(str(name) for name in rows.id).encode())
    more = {} if rows.more is None else dict(zip(rows.more.column_names, rows.more.columns, strict=True))
    further = {name: column.to_pylist() for name, column in more.items()}
    if rows.kind is not None:
        further["class"] = class_values(rows.kind)
    for name, values in further.items():
        digest.update(f"\n{name}\n{json.dumps(values, default=str)}".encode())
    return str(digest.hexdigest())
