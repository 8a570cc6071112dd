"""Make .venv and install what is missing; with --apt also the genuine clients and servers of the tests.

usage: setup.py [EXTRA ...] [--apt]

A second call with nothing to do takes no time and touches no network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)

CLIENTS = ["topcat", "stilts", "aladin", "jsamp", "xvfb", "openbox", "xdotool", "imagemagick"]
DACHS = ["postgresql-15", "postgresql-15-pgsphere", "postgresql-15-q3c", "python3-gavo"]
SERVERS = ["nginx-light", "curl", "iproute2", *DACHS]
BROWSER = ["chromium", "chromium-driver"]
# gavodachs2-server needs a running PostgreSQL in its post-install script: tests/servers/dachs.py installs it
# when it starts the database.


def main(arguments: list[str]) -> int:
    """Install; 0 when everything needed is in place."""
    if sys.version_info < OLDEST:
        print(f"vo_photoz needs Python 3.11 or newer, not {sys.version.split()[0]}: set PYTHON=python3.11")
        return 1
    extras = sorted(a for a in arguments if not a.startswith("-"))
    install_python(extras)
    if "--apt" in arguments:
        install_debian(CLIENTS + SERVERS + BROWSER)
    return 0


def install_python(extras: list[str]) -> None:
    """Editable installation of the project and its extras into .venv."""
    content = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    if any(stamp.read_text() == content and covers(stamp, extras) for stamp in VENV.glob(".installed-*")):
        return
    if not (VENV / "bin" / "python").exists():
        try:
            run([sys.executable, "-m", "venv", str(VENV)])
        except subprocess.CalledProcessError:
            # Debian keeps ensurepip in a package of its own.
            shutil.rmtree(VENV, ignore_errors=True)
            install_debian([f"python3.{sys.version_info[1]}-venv"])
            run([sys.executable, "-m", "venv", str(VENV)])
    target = "." + (f"[{','.join(extras)}]" if extras else "")
    print(f"Installing {target} into .venv (once; some minutes)", flush=True)
    run([str(VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "-e", target])
    (VENV / f".installed-{'-'.join(extras) or 'plain'}").write_text(content)


def covers(stamp: Path, extras: list[str]) -> bool:
    """Whether the installation that left this stamp had all these extras."""
    return set(extras) <= set(stamp.name.removeprefix(".installed-").split("-"))


def install_debian(packages: list[str]) -> None:
    """Install missing Debian packages as root or with sudo; without apt the tests skip what they miss."""
    missing = [name for name in packages if not debian_has(name)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        print("No apt-get here: tests that need", ", ".join(missing), "will be skipped.")
        return
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n", "--preserve-env=DEBIAN_FRONTEND"]
    if prefix and not shutil.which("sudo"):
        print("Neither root nor sudo: tests that need", ", ".join(missing), "will be skipped.")
        return
    print("Installing", *missing, flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
    update = subprocess.run([*prefix, "apt-get", "update", "-qq"], check=False, **quiet)
    command = [*prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    done = subprocess.run(command, check=False, **quiet)
    if update.returncode or done.returncode:
        print("apt-get failed: tests that need", ", ".join(missing), "may be skipped.")


def debian_has(package: str) -> bool:
    """Whether dpkg says the package is installed."""
    if not shutil.which("dpkg-query"):
        return False
    command = ["dpkg-query", "-W", "-f", "${Status}", package]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return "install ok installed" in answer.stdout


def run(command: list[str]) -> None:
    """Run a command in the repository's root; stop with its exit status when it fails."""
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
