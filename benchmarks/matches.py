"""Pairs within 1 arcsec in memory: the compiled search by zones against astropy's search_around_sky."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
from alternate import alternate, report

CASES = ((200_000, 500_000), (5_000_000, 200_000))


def positions(n1: int, n2: int) -> list[np.ndarray]:
    """Two lists over the whole sky; half of the shorter one has a partner."""
    rng = np.random.default_rng(1)
    ra2, dec2 = rng.uniform(0, 360, n2), np.degrees(np.arcsin(rng.uniform(-1, 1, n2)))
    ra1, dec1 = rng.uniform(0, 360, n1), np.degrees(np.arcsin(rng.uniform(-1, 1, n1)))
    half = min(n1, n2) // 2
    ra1[:half] = ra2[:half]
    dec1[:half] = np.clip(dec2[:half] + rng.normal(0, 0.3, half) / 3600, -90, 90)
    return [ra1, dec1, ra2, dec2]


def find(which: str, lists: list[np.ndarray]) -> int:
    """Number of pairs, by one of the two ways."""
    from vo_photoz.sky import pairs

    pairs.MANY = 0 if which == "zones" else sys.maxsize
    return len(pairs.within(*lists, 1.0)[0])


def peak_memory() -> float:
    """Of this process, MB; ru_maxrss would count its parent too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def memory(which: str, n1: int, n2: int) -> None:
    """Print how much a process grows by the search; numba is compiled before."""
    lists = positions(n1, n2)
    find(which, positions(100, 100))
    before = peak_memory()
    found = find(which, lists)
    grown = peak_memory() - before
    print(f"{which:40s} {found} pairs, peak memory grows by {grown:.0f} MB", flush=True)


def main() -> None:
    if len(sys.argv) > 1:
        memory(sys.argv[1], *(int(n) for n in sys.argv[2:]))
        return
    for n1, n2 in CASES:
        print(f"{n1} positions against {n2}", flush=True)
        lists = positions(n1, n2)
        find("zones", lists)
        ways = {which: partial(find, which, lists) for which in ("zones", "astropy")}
        report(alternate(ways, rounds=3))
        for which in ways:
            subprocess.run([sys.executable, __file__, which, str(n1), str(n2)], check=True)


if __name__ == "__main__":
    main()
