"""Where the report of an evaluation goes: JSON, one page, or a folder with all of it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vo_photoz.analysis.evaluation_page import page_of, pictures_of
from vo_photoz.errors import UsageError
from vo_photoz.pipeline.evaluation.report import report, write_json, write_text
from vo_photoz.pipeline.evaluation.result import MODEL, Evaluation
from vo_photoz.pipeline.evaluation.view import view_of

PAGE, NUMBERS, OBJECTS, PICTURES = "report.html", "report.json", "objects.parquet", "pictures"


def write_report(found: Evaluation, output: Path) -> list[Path]:
    """Write the report.

    A name that ends in .json gives the numbers; one that ends in .html a page that needs no other file, and
    the numbers beside it; any other name a folder with page, numbers, pictures, and a table of the objects.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    UsageError
        Raised if it cannot be written.
    """
    kind = output.suffix.lower()
    if kind == ".json":
        write_json(report(found), output)
        return [output]
    view = view_of(found)
    pictures = pictures_of(view)
    if kind == ".html":
        write_text(page_of(view, pictures), output)
        beside = output.with_suffix(".json")
        write_json(report(found), beside)
        return [output, beside]
    files = [output / PICTURES / f"{name}.png" for name in pictures]
    for path, png in zip(files, pictures.values(), strict=True):
        _write_bytes(png, path)
    write_objects(found, output / OBJECTS)
    write_json(report(found), output / NUMBERS)
    write_text(page_of(view, pictures), output / PAGE)
    return [output / PAGE, output / NUMBERS, output / OBJECTS, *files]


def check_output(output: Path) -> None:
    """Check before any work that a report can be written.

    Raises
    ------
    UsageError
        Raised if not.
    """
    if output.is_file() and output.suffix.lower() not in (".json", ".html"):
        raise UsageError(
            f"{output} is a file, not a folder.", advice="Choose another name, or end it in .json or .html."
        )
    there = next((one for one in output.absolute().parents if one.exists()), output)
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UsageError(
            f"The report cannot be written to {output}: {there} is no folder that can be written to.",
            advice="Choose another place with -o.",
        )


def write_objects(found: Evaluation, path: Path) -> None:
    """Write a table of all objects: what is known, and what each estimator says (Parquet).

    Raises
    ------
    UsageError
        Raised if it cannot be written.
    """
    rows = found.data.rows
    columns = {
        "id": pa.array([str(one) for one in rows.id[found.rows]]),
        "ra": rows.ra[found.rows],
        "dec": rows.dec[found.rows],
        "fold": rows.fold[found.rows],
        "z": found.judged[MODEL].z,
    }
    if found.kind is not None:
        columns["class"] = pa.array([str(one) or None for one in found.kind])
    for name, one in found.judged.items():
        key = name.replace("-", "_")
        columns |= {
            f"{key}_z_phot": one.median,
            f"{key}_sigma": one.sigma,
            f"{key}_crps": one.crps,
            f"{key}_nll": one.nll,
            f"{key}_pit": one.pit,
        }
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), buffer)
    _write_bytes(buffer.getvalue().to_pybytes(), path)


def _write_bytes(content: bytes, path: Path) -> None:
    """Write a file, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        raise UsageError(f"The report cannot be written to {path}: {error.strerror}.") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
