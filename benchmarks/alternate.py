"""Take turns: every candidate once a round, medians and ratios of one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def alternate(candidates: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, list[float]]:
    """Seconds of each candidate in each round; the order turns from round to round."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            start = time.perf_counter()
            candidates[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def report(seconds: dict[str, list[float]], per: float = 1, unit: str = "s") -> None:
    """Print median, range and the ratio to the last candidate, which is the peer.

    Parameters
    ----------
    seconds : dict
        Of `alternate`.
    per : float
        Operations in one call; above 1 the rate per second is printed too.
    unit : str
        What is printed beside the times.
    """
    peer = statistics.median(list(seconds.values())[-1])
    for name, values in seconds.items():
        middle = statistics.median(values)
        rate = f"  {per / middle:12.1f}/s" if per > 1 else ""
        span = f"[{min(values):.4f}-{max(values):.4f}]"
        print(f"{name:40s} {middle:9.4f} {unit} {span}{rate}  {peer / middle:8.2f} x peer")
