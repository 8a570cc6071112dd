"""Coverage maps as files: FITS of MOC 1 and MOC 2, JSON and ASCII in; FITS, JSON and ASCII out."""

from __future__ import annotations

import io
import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from mocpy import MOC
from numpy.typing import NDArray

from vo_photoz.errors import CoverageError, UsageError
from vo_photoz.flow import Coverage
from vo_photoz.hips.moc_frames import orders_of, turned, turned_order
from vo_photoz.sky.frames import frame_name
from vo_photoz.sky.moc import DEEPEST, from_mocpy, to_mocpy

CODINGS = ("NUNIQ", "UNIQ", "RANGE", "RANGE29")
ENDINGS = {".json": "json", ".txt": "ascii", ".ascii": "ascii"}
SPACE_ONLY = "Give a map of space alone; mocpy's query_by_time and query_by_frequency make one of the others."
_Level = tuple[int, list[tuple[int, int]]]
"""An order, and half open ranges of its cells."""
_ASCII = re.compile(r"\s*(?:[tsf]\d*|\d+)/\s*\d*(?:[\s,/-]|$)", re.IGNORECASE)


def is_moc(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a coverage map, of space or of something else.

    Parameters
    ----------
    head : bytes
        The first 100,000 bytes are enough.
    """
    if head.startswith(b"SIMPLE  ="):
        words = (rb"MOCORDER", rb"MOCORD_[ST]", rb"MOCDIM", rb"MOCVERS", rb"ORDERING= 'N?UNIQ")
        return re.search(rb"(?:^|(?<=.{80}))(?:" + b"|".join(words) + b")", head) is not None
    text = head[:1000].decode("ascii", "replace")
    if text.lstrip().startswith(("{", "[")):
        return re.match(r'\s*\[?\s*\{\s*(?:"(?:[stf]|\d+)"\s*:|\})', text) is not None
    return _ASCII.match(text) is not None


def read_moc(data: bytes, where: str) -> Coverage:
    """Coverage from the bytes of a spatial MOC, in FITS of any frame, JSON or ASCII.

    A map in another frame than ICRS is turned so that nothing covered is lost: the result is larger than the
    map, by about a quarter of its finest cell (of a cell of order 8 where it is coarser) along its rim.

    Raises
    ------
    CoverageError
        Raised if the bytes are not a spatial MOC.
    """
    if not data.startswith(b"SIMPLE") and is_moc(data[:1000]):
        return _read_text(data, where)
    header, table = _moc_table(data, where)
    ranges = _ranges(header, table, where)
    order = int(header.get("MOCORD_S", header.get("MOCORDER", _finest(ranges))))
    if not 0 <= order <= DEEPEST:
        raise CoverageError(f"The coverage map {where} has the impossible order {order}.", url=where)
    if order == DEEPEST:  # old files of CDS state what the format allows, not what the map has
        order = _finest(ranges)
    frame = frame_name(str(header.get("COORDSYS", "C")))
    if frame != "equatorial":
        ranges, order = turned(ranges, order, frame), turned_order(order)
    moc = MOC.from_depth29_ranges(order, ranges.astype(np.uint64))
    return from_mocpy(moc, where)


def _read_text(data: bytes, where: str) -> Coverage:
    """Coverage of a MOC in JSON or ASCII; both are in ICRS by the standard."""
    text = data.decode("ascii", "replace").strip()
    levels = _levels_of_json(text, where) if text.startswith(("{", "[")) else _levels_of_ascii(text, where)
    found = [np.empty((0, 2), dtype=np.int64)]
    for order, cells in levels:
        if not 0 <= order <= DEEPEST:
            raise _not_space(where, f"it has the order {order}, as maps of time do")
        numbers = np.array(cells, dtype=np.int64).reshape(-1, 2)
        if (numbers < 0).any() or (numbers > 12 << 2 * order).any() or (numbers[:, 1] < numbers[:, 0]).any():
            raise CoverageError(f"{where} has cell numbers that no cell of order {order} has.", url=where)
        found.append(numbers << 2 * (DEEPEST - order))
    deepest = max((order for order, _ in levels), default=0)
    return from_mocpy(MOC.from_depth29_ranges(deepest, np.concatenate(found).astype(np.uint64)), where)


def _levels_of_json(text: str, where: str) -> list[_Level]:
    """Orders and cells of ``{"3": [1, 2], "4": []}``."""
    try:
        content = json.loads(text)
        if isinstance(content, list):
            raise _not_space(where, "it holds space and time")
        other = {key.lower() for key in content} & set("tf")
        if other:
            raise _not_space(where, f"it holds {_dimensions(other)}")
        levels = content.get("s", content).items()
        return [
            (int(order), [(int(one), int(one) + 1) for one in cells if _whole(one)])
            for order, cells in levels
        ]
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        why = " ".join(str(error).split())[:100]
        raise CoverageError(f"{where} is not a coverage map in JSON ({why}).", url=where) from None


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 62:
        raise ValueError(f"{value!r:.40} is no cell")
    return value


def _levels_of_ascii(text: str, where: str) -> list[_Level]:
    """Orders and cells of ``3/1-2 7 4/``, where the last order may stand without cells."""
    levels: list[_Level] = []
    for word in re.findall(r"[^\s,]*/|[^\s,/]+", text):
        if letter := re.fullmatch(r"([tf])\d*(/?)", word, re.IGNORECASE):
            raise _not_space(where, f"it holds {_dimensions({letter[1].lower()})}")
        if order := re.fullmatch(r"s?(\d{1,3})/", word, re.IGNORECASE):
            levels.append((int(order[1]), []))
        elif levels and (cells := re.fullmatch(r"(\d{1,19})(?:-(\d{1,19}))?", word)):
            first, last = (min(int(cell), 1 << 62) for cell in (cells[1], cells[2] or cells[1]))
            levels[-1][1].append((first, last + 1))
        else:
            raise CoverageError(f"{where} is not a coverage map in ASCII (at '{word[:40]}').", url=where)
    return levels


def _not_space(where: str, why: str) -> CoverageError:
    return CoverageError(
        f"{where} is not a coverage map of space alone ({why}).", advice=SPACE_ONLY, url=where
    )


def _dimensions(letters: set[str]) -> str:
    return " and ".join({"t": "time", "f": "frequency"}[letter] for letter in sorted(letters))


def _moc_table(data: bytes, where: str) -> tuple[Any, NDArray[Any]]:
    """Header and column of a coverage map."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            with fits.open(io.BytesIO(data), memmap=False) as parts:
                part = next(part for part in parts if isinstance(part, fits.BinTableHDU))
                _need_space_alone(part.header, where)
                part.header.setdefault("TTYPE1", "UNIQ")  # some files leave the column without a name
                return part.header.copy(), np.asarray(part.data.field(0))
    except (OSError, ValueError, TypeError, IndexError, StopIteration) as error:
        why = str(error) or "it has no table"
        if not data.startswith(b"SIMPLE"):
            why = "it does not begin as a FITS file does"
        raise CoverageError(f"{where} is not a coverage map in FITS ({why}).", url=where) from None


def _need_space_alone(header: Any, where: str) -> None:
    kind = str(header.get("MOCDIM", header.get("MOC", "SPACE"))).strip().upper()
    coding = str(header.get("ORDERING", "NUNIQ")).strip().upper()
    if kind == "SPACE" and ("TORDER" in header or ("TIMESYS" in header and "COORDSYS" not in header)):
        kind = "TIME"  # as MOC 1.1 marks it
    if kind != "SPACE" or coding not in CODINGS:
        raise _not_space(where, f"it is {kind}, coded as {coding}")


def _ranges(header: Any, column: NDArray[Any], where: str) -> NDArray[np.int64]:
    """Ranges of cells of order 29, in the frame of the file."""
    coding = str(header.get("ORDERING", "NUNIQ")).strip().upper()
    values = column.astype(np.int64)
    if coding.startswith("RANGE"):
        ranges = values.reshape(-1, 2)
        if (ranges < 0).any() or (ranges > 12 << 2 * DEEPEST).any() or (ranges[:, 1] < ranges[:, 0]).any():
            raise CoverageError(f"{where} has ranges that no cell has.", url=where)
        return ranges
    if len(values) and (values.min() < 4 or orders_of(values).max() > DEEPEST):
        raise CoverageError(f"{where} has cell numbers that no cell has.", url=where)
    order = orders_of(values)
    shift = 2 * (DEEPEST - order)
    first = (values - (np.int64(4) << (2 * order))) << shift
    return np.stack([first, first + (np.int64(1) << shift)], axis=1)


def _finest(ranges: NDArray[np.int64]) -> int:
    """Order of the finest cells that ranges need, for files that do not say it."""
    bits = int(np.bitwise_or.reduce(ranges, axis=None)) if len(ranges) else 0
    spare = (bits & -bits).bit_length() - 1 if bits else 2 * DEEPEST
    return DEEPEST - min(spare // 2, DEEPEST)


def write_moc(coverage: Coverage, path: str | Path, *, version: int = 1) -> None:
    """Write a coverage map; it appears only when complete.

    Parameters
    ----------
    coverage : Coverage
        The map.
    path : path
        ``.json`` and ``.txt`` give JSON and ASCII, everything else FITS.
    version : {1, 2}
        Of FITS: 1 codes cells (NUNIQ), which every reader takes; 2 codes ranges (RANGE), which old readers,
        STILTS 3.4 among them, read as an empty map without a warning.

    Raises
    ------
    CoverageError
        Raised if the file cannot be written.
    """
    if version not in (1, 2):
        raise UsageError(f"There is no version {version} of MOC files.", advice="Give 1 or 2.")
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    coding = ENDINGS.get(target.suffix.lower(), "fits")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        options = {"v1_compatible": version == 1} if coding == "fits" else {}
        to_mocpy(coverage).save(str(part), format=coding, overwrite=True, **options)
        os.replace(part, target)
    except OSError as error:
        raise CoverageError(f"{target} cannot be written: {error.strerror or error}.") from None
    finally:
        part.unlink(missing_ok=True)
