"""What a network is built from; reading it needs no keras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vo_photoz.errors import UsageError
from vo_photoz.redshift.classes import CLASSES, STAR

ARCHITECTURES = ("compact", "dcmdn-1", "dcmdn-2")
SMALLEST_SCALE = 0.01


@dataclass(frozen=True)
class NetworkShape:
    """What a network is built from.

    Parameters
    ----------
    bands : int
        Number of bands.
    stamp_pixels : int
        Side of the stamps, pixels.
    components : int
        Gaussians of the mixture; with classes: of each class but STAR, which has one at redshift 0.
    softening : tuple of float
        Surface brightness per band at which the scaling turns from linear to logarithmic, nJy/arcsec2.
    z_centre, z_scale : float
        Mean and standard deviation of the training redshifts.
    core_pixels : int
        Side of the central part that the convolutions of ``compact`` see.
    filters : tuple of int
        Filters of the convolutions of ``compact``, none by default; the resolution halves after each but the
        last.
    dense : tuple of int
        Units of the dense layers of ``compact``.
    apertures : tuple of float
        Standard deviations of the Gaussian apertures of ``compact``, pixels.
    dropout : float or None
        Share of units dropped in training; None: 0.1 for ``compact``, 0.4 for the DCMDN.
    architecture : str
        ``compact``, ``dcmdn-1`` or ``dcmdn-2``.
    classes : tuple of str
        Classes to tell apart; empty: redshifts alone.
    start_means, start_scales : tuple of float
        Where the components begin and the unit in which the network moves them, from `component_starts`; one
        value for every component but that of STAR. Empty: spread over ``z_centre`` +- 1.5 ``z_scale``.

    Raises
    ------
    UsageError
        Raised if the architecture or a class is unknown, or the starts do not fit the components.
    """

    bands: int
    stamp_pixels: int
    components: int
    softening: tuple[float, ...]
    z_centre: float
    z_scale: float
    core_pixels: int = 20
    filters: tuple[int, ...] = ()
    dense: tuple[int, ...] = (128, 128, 64)
    apertures: tuple[float, ...] = (1.2, 2.0, 3.5)
    dropout: float | None = None
    architecture: str = "compact"
    classes: tuple[str, ...] = ()
    start_means: tuple[float, ...] = ()
    start_scales: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise UsageError(
                f"There is no architecture {self.architecture!r}.",
                advice=f"Known: {', '.join(ARCHITECTURES)}.",
            )
        _check_classes(self.classes)
        for name in ("start_means", "start_scales"):
            found = len(getattr(self, name))
            if found not in (0, self.free_components):
                raise UsageError(
                    f"A network with {self.free_components} free components got {found} {name}.",
                    advice="Make them with component_starts.",
                )

    @property
    def free_components(self) -> int:
        """Components whose mean and width the network chooses: all but that of STAR."""
        return self.components * (sum(one != STAR for one in self.classes) if self.classes else 1)

    @property
    def mixture_components(self) -> int:
        """Gaussians of the whole mixture, k."""
        return self.free_components + (STAR in self.classes)

    @property
    def component_classes(self) -> tuple[str, ...]:
        """Class of every Gaussian; empty without classes."""
        return component_classes(self.classes, self.components)


def _check_classes(classes: Sequence[str]) -> None:
    strange = [one for one in classes if one not in CLASSES]
    if strange:
        raise UsageError(f"There is no class {strange[0]!r}.", advice=f"Known: {', '.join(CLASSES)}.")
    if len(set(classes)) < len(classes) or tuple(classes) == (STAR,):
        raise UsageError(
            f"A network cannot tell {' and '.join(classes)} alone apart.",
            advice="Name each class once, and at least one with redshifts: GALAXY or QSO.",
        )


def component_classes(classes: Sequence[str], components: int) -> tuple[str, ...]:
    """Class of every Gaussian of one network, class by class: STAR has one, each other ``components``.

    Returns
    -------
    tuple of str, length k
        Empty if there are no classes. An ensemble repeats it for every member.
    """
    return tuple(one for one in classes for _ in range(1 if one == STAR else components))


def component_starts(
    z: ArrayLike, components: int, *, kind: ArrayLike | None = None, classes: Sequence[str] = ()
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Means and scales with which the components of a network start: spread over the training redshifts.

    The components of a class lie at the middle quantiles of its redshifts, and each is moved in units of
    their standard deviation, so that galaxies below 1 and quasars up to 7 are learnt at the same speed.

    Parameters
    ----------
    z : float array, shape (n,)
        Training redshifts.
    components : int
        Gaussians of a class.
    kind : str array, shape (n,), optional
        Class of every object; needed with ``classes``.
    classes : sequence of str
        Classes of the network.

    Returns
    -------
    means, scales : tuple of float
        `NetworkShape.start_means` and ``start_scales``.

    Raises
    ------
    UsageError
        Raised if a class has no redshifts, or ``kind`` is missing.
    """
    found = np.asarray(z, dtype=np.float64)
    if not classes:
        return _starts(found, components, "object")
    if kind is None:
        raise UsageError("A network with classes needs the class of every training object.")
    of_class = np.asarray(kind)
    parts = [_starts(found[of_class == one], components, one) for one in classes if one != STAR]
    return tuple(m for means, _ in parts for m in means), tuple(s for _, scales in parts for s in scales)


def _starts(z: np.ndarray, components: int, name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    good = z[np.isfinite(z)]
    if not len(good):
        raise UsageError(f"No training {name} has a redshift.", advice="Train without this class.")
    means = np.quantile(good, (np.arange(components) + 0.5) / components)
    scale = max(float(good.std()), SMALLEST_SCALE)
    return tuple(float(one) for one in means), (scale,) * components
