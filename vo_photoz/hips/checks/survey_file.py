"""Keep what was found out about a survey in its file; comments and order of the file stay as they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from vo_photoz.errors import SurveyError
from vo_photoz.hips.survey import own_surveys


def keep_check(file: str | Path, checked: Mapping[str, str], *, tried: str = "") -> Path:
    """Write the outcome of a check into a survey file, as ``checked`` of each band.

    A file that came with the program is copied into the user's folder first, where `load_survey` finds it.

    Parameters
    ----------
    file : path
        The survey file.
    checked : mapping of str to str
        Band to what is written: "yes 2026-11-22 ..." or "no 2026-11-22 ...".
    tried : str
        Written as ``tried`` of the survey where it says "no"; empty leaves it.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    SurveyError
        Raised if the file cannot be read or written.
    """
    source = Path(file)
    target = own_surveys() / source.name if _is_shipped(source) else source
    try:
        document = tomlkit.parse(source.read_bytes().decode("utf-8"))
        _enter(document, checked, tried)
        text = tomlkit.dumps(document)
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, text.encode("utf-8"))
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise SurveyError(
            f"The outcome of the check cannot be kept in {target}: {error}.",
            advice="Make the file writable, or add --no-keep.",
            url=str(target),
        ) from None
    return target


def _enter(document: Any, checked: Mapping[str, str], tried: str) -> None:
    photometry = document.setdefault("photometry", tomlkit.table(is_super_table=True))
    for band, text in checked.items():
        photometry.setdefault(band, tomlkit.table())["checked"] = text
    if tried and str(document["survey"].get("tried", "")) == "no":
        document["survey"]["tried"] = tried


def _is_shipped(file: Path) -> bool:
    return file.resolve().parent == Path(str(resources.files("vo_photoz") / "data" / "surveys")).resolve()


def _replace(target: Path, data: bytes) -> None:
    """The file appears with its new content at once, or stays as it was."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        part.write_bytes(data)
        if target.exists():
            part.chmod(target.stat().st_mode & 0o777)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
