"""Run every benchmark of this folder, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HELPERS = {"run.py", "alternate.py"}


def main() -> int:
    """Exit status: the number of scripts that failed."""
    failed = 0
    for script in sorted(HERE.glob("*.py")):
        if script.name in HELPERS:
            continue
        print(f"\n== {script.stem}", flush=True)
        failed += subprocess.run([sys.executable, str(script)], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
