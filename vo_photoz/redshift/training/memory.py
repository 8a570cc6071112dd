"""What to do when a batch does not fit into the memory: halve it and go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from vo_photoz.errors import ModelError

T = TypeVar("T")
WORDS = ("resource_exhausted", "resourceexhausted", "out of memory", "oom when allocating")


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
        if batch == 1:
            raise ModelError(
                f"There is not enough memory to train network {number + 1}, even with one stamp a step.",
                advice="Take a smaller --architecture, or another machine.",
            )
        tell(f"Network {number + 1}: not enough memory for {batch} stamps a step; goes on with {batch // 2}.")
        batch //= 2


def is_exhausted(error: BaseException) -> bool:
    """Whether an error of any backend says that memory ran out."""
    text = f"{type(error).__name__} {error}".lower()
    return isinstance(error, MemoryError) or any(word in text for word in WORDS)
