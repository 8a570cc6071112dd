"""Redshift probability densities from survey images, inside the Virtual Observatory.

The public names are loaded on first use, so that ``import vo_photoz`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vo_photoz.hips.hipsfs import HiPSfs
    from vo_photoz.hips.survey import HiPS, Survey, load_survey
    from vo_photoz.pipeline.crossmatch.chain import crossmatch
    from vo_photoz.pipeline.prediction.predict import predict

__version__ = "0.1.0"

__all__ = ["HiPS", "HiPSfs", "Survey", "__version__", "crossmatch", "load_survey", "predict"]

_HOMES = {
    "HiPS": "vo_photoz.hips.survey",
    "HiPSfs": "vo_photoz.hips.hipsfs",
    "Survey": "vo_photoz.hips.survey",
    "load_survey": "vo_photoz.hips.survey",
    "crossmatch": "vo_photoz.pipeline.crossmatch.chain",
    "predict": "vo_photoz.pipeline.prediction.predict",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'vo_photoz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
