"""What to do when a batch does not fit into the memory: halve it and go on."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

from vo_photoz.errors import ModelError
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.inference.memory import says_out_of_memory

T = TypeVar("T")
ONEDNN = "could not execute a primitive"
"""What oneDNN says inside TensorFlow when it gets no memory for a product of matrices; measured under a limit
of the address space."""


def with_less_memory(attempt: Callable[[int], T], batch: int, number: int, tell: Callable[[str], None]) -> T:
    """Try with a batch, and with half of it for as long as the memory does not suffice.

    Parameters
    ----------
    attempt : callable
        Takes the number of stamps a step; goes on from the last state that was kept.
    batch : int
        The first.
    number : int
        Of the network, for the sentence.
    tell : callable
        Takes a sentence for the user.

    Raises
    ------
    ModelError
        Raised if there is not even memory for one stamp.
    """
    while True:
        try:
            return attempt(batch)
        except Exception as error:
            if not is_exhausted(error):
                raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        if batch == 1:
            raise ModelError(
                f"There is no memory to train network {number + 1}, even with one stamp a step: {reason}",
                advice="Take a smaller --architecture, or another machine.",
            )
        tell(f"Network {number + 1}: not enough memory for {batch} stamps a step; goes on with {batch // 2}.")
        batch //= 2
        keras.utils.clear_session(free_memory=False)  # graphs of the network that failed
        gc.collect()


def is_exhausted(error: BaseException) -> bool:
    """Whether an error of any backend says that memory ran out."""
    return says_out_of_memory(error) or ONEDNN in str(error)
