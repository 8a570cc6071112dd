"""Event files for TensorBoard, by the writer of TensorFlow; TensorBoard itself need not be installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vo_photoz.errors import UsageError

Events = Callable[[dict[str, Any]], None]


@contextmanager
def writer(folder: Path | None, number: int) -> Iterator[Events]:
    """A function that takes the figures of every epoch of a network; without a folder it drops them.

    Raises
    ------
    UsageError
        Raised if the folder cannot be written.
    """
    if folder is None:
        yield lambda _figures: None
        return
    import tensorflow as tf  # noqa: PLC0415 - slow to import

    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = tf.summary.create_file_writer(str(folder / f"network-{number + 1}"))
        file.init()
    except (OSError, tf.errors.OpError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.message
        raise UsageError(
            f"Event files cannot be written to {folder}: {reason}.",
            advice="Choose another folder for --tensorboard.",
        ) from None
    kind = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})

    def events(figures: dict[str, Any]) -> None:
        with file.as_default(step=figures["epoch"]):
            for name, value in figures.items():
                if isinstance(value, float):
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=kind)
        file.flush()

    try:
        yield events
    finally:
        file.close()
