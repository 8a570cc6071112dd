"""Networks: stamps in, mixtures of Gaussians out.

What needs keras is loaded on first use, so that shapes and names of classes cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vo_photoz.redshift.networks.shape import NetworkShape, component_classes, component_starts

if TYPE_CHECKING:
    from vo_photoz.redshift.networks.build import build_network, prepare

__all__ = ["NetworkShape", "build_network", "component_classes", "component_starts", "prepare"]


def __getattr__(name: str) -> Any:
    if name in ("build_network", "prepare"):
        return getattr(import_module("vo_photoz.redshift.networks.build"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
