"""On what a training runs: processors or graphics cards, in which precision, spread over how many."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from vo_photoz.errors import UsageError
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.options import TrainingOptions

TENSOR_CORES, BFLOAT16 = (7, 0), (8, 0)
"""CUDA compute capabilities from which cards gain by float16, and have bfloat16."""

CARDS = ("gpu", "cuda", "rocm", "tpu")


@dataclass(frozen=True)
class Hardware:
    """What is used.

    Parameters
    ----------
    backend : str
        Of keras.
    devices : tuple of str
        Names that the backend understands; more than one share every batch.
    description : str
        For the user.
    policy : str
        Precision: ``float32``, ``mixed_bfloat16`` or ``mixed_float16``.
    """

    backend: str
    devices: tuple[str, ...]
    description: str
    policy: str

    def __str__(self) -> str:
        exact = "" if self.policy == "float32" else f", {self.policy.replace('mixed_', 'mixed precision, ')}"
        return f"{self.description} ({self.backend}{exact})"

    @property
    def workers(self) -> int:
        """Threads that prepare stamps: one beside a processor that computes too, more beside a card."""
        if on_card(self.devices):
            return max(min((os.cpu_count() or 2) - 1, 8), 1)
        return 1


def choose_hardware(options: TrainingOptions) -> Hardware:
    """What to use, by the options and by what there is.

    Raises
    ------
    UsageError
        Raised if there are not so many devices.
    """
    backend = keras.backend.backend()
    cards = _devices(backend, "GPU")
    wanted = options.devices
    if wanted == "cpu" or (wanted in ("auto", "all") and not cards):
        devices = _devices(backend, "CPU")[:1]
    elif wanted in ("auto", "all"):
        devices = cards if wanted == "all" else cards[:1]
    else:
        devices = _first(wanted, cards or _devices(backend, "CPU"))
    return Hardware(backend, tuple(devices), _described(backend, devices), _policy(options, devices))


def on_card(devices: Sequence[str]) -> bool:
    """Whether devices are graphics cards."""
    return any(word in devices[0].lower() for word in CARDS)


def _first(wanted: str, there: list[str]) -> list[str]:
    if not wanted.isdigit() or int(wanted) < 1:
        raise UsageError(
            f"--devices {wanted} cannot be meant.", advice="Use auto, all, cpu, or a number of devices."
        )
    if int(wanted) > len(there):
        raise UsageError(
            f"--devices {wanted}: this machine has {len(there)} ({', '.join(there)}).",
            advice="Use --devices all.",
        )
    return there[: int(wanted)]


def _devices(backend: str, kind: str) -> list[str]:
    if backend == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only with this backend

        return [one.name.replace("/device:", "") for one in tf.config.list_logical_devices(kind)]
    if backend == "jax":
        words = CARDS if kind == "GPU" else ("cpu",)
        return [
            one for one in keras.distribution.list_devices() if any(word in one.lower() for word in words)
        ]
    return _torch_devices(kind)


def _torch_devices(kind: str) -> list[str]:
    import torch  # noqa: PLC0415 - only with this backend

    return [f"cuda:{one}" for one in range(torch.cuda.device_count())] if kind == "GPU" else ["cpu"]


def _described(backend: str, devices: list[str]) -> str:
    if not on_card(devices):
        many = f"{len(devices)} devices of " if len(devices) > 1 else ""
        return f"{many}the processor, {len(os.sched_getaffinity(0))} cores"
    name = devices[0]
    if backend == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only with this backend

        name = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0]).get(
            "device_name", name
        )
    return f"{len(devices)} x {name}"


def _policy(options: TrainingOptions, devices: list[str]) -> str:
    card = on_card(devices)
    if options.mixed_precision == "off" or (options.mixed_precision == "auto" and not card):
        return "float32"
    capability = _capability() if card else None
    if capability is not None and capability < TENSOR_CORES and options.mixed_precision == "auto":
        return "float32"
    return "mixed_float16" if capability is not None and capability < BFLOAT16 else "mixed_bfloat16"


def _capability() -> tuple[int, int] | None:
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf  # noqa: PLC0415 - only with this backend

    found: tuple[int, int] | None = tf.config.experimental.get_device_details(
        tf.config.list_physical_devices("GPU")[0]
    ).get("compute_capability")
    return found


@contextmanager
def used(hardware: Hardware, deterministic: bool) -> Iterator[None]:
    """Build and train networks on this hardware."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(hardware.policy)
    if deterministic:
        _make_deterministic(hardware.backend)
    try:
        with _spread(hardware):
            yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def exact() -> Iterator[None]:
    """Build networks in single precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _make_deterministic(backend: str) -> None:
    """From now on all operations of this process give the same bytes."""
    if backend == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only with this backend

        tf.config.experimental.enable_op_determinism()


def _spread(hardware: Hardware) -> AbstractContextManager[Any]:
    """Share every batch among the devices."""
    if hardware.backend == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only with this backend

        if len(hardware.devices) > 1:
            strategy = tf.distribute.MirroredStrategy(list(hardware.devices))
            return strategy.scope()  # type: ignore[no-any-return]
        if not on_card(hardware.devices) and tf.config.list_logical_devices("GPU"):
            return tf.device(hardware.devices[0])  # type: ignore[no-any-return]
    if hardware.backend == "jax" and len(hardware.devices) > 1:
        distribution = keras.distribution.DataParallel(devices=list(hardware.devices))
        return distribution.scope()  # type: ignore[no-any-return]
    return nullcontext()
