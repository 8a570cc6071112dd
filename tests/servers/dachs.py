"""Bring up a genuine DaCHS (the VO server of GAVO) from a bare Debian 12; root is needed.

What is in place is left alone: packages, database and rows are made once, a later start takes seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .spectra import ROWS, spectra, write_csv

HERE = Path(__file__).resolve().parent
WORK = Path("/var/tmp/vo_photoz-dachs")
INPUTS = Path("/var/gavo/inputs/vo_photoz_tests")
SPHERE = Path("/usr/share/postgresql/15/extension")
BEFORE = ["postgresql-15", "postgresql-15-pgsphere", "postgresql-15-q3c", "python3-gavo"]
SERVER = "gavodachs2-server"
SETTINGS = """\
[web]
bindAddress: 127.0.0.1
serverPort: {port}
serverURL: http://127.0.0.1:{port}
adaptProtocol: False
sitename: vo_photoz test archive
[async]
defaultMAXREC: 20000
hardMAXREC: 2000000
maxTAPRunning: 2
[ivoa]
authority: org.vo-photoz.test
"""


class Unavailable(Exception):
    """DaCHS cannot run here; the message says why."""


@dataclass
class Dachs:
    """A running server; ``ours`` and ``database`` say whether this session started it and PostgreSQL."""

    url: str
    pid: int
    ours: bool
    database: bool = False

    def stop(self) -> None:
        """Stop the server if this session started it and nobody asked to keep it."""
        if not self.ours or os.environ.get("VO_PHOTOZ_KEEP_SERVERS"):
            return
        os.kill(self.pid, signal.SIGTERM)
        for _ in range(50):
            if not alive(self.pid):
                break
            time.sleep(0.1)
        else:
            os.kill(self.pid, signal.SIGKILL)
        (WORK / "running").unlink(missing_ok=True)
        if self.database:
            run(["pg_ctlcluster", "15", "main", "stop"])


def start() -> Dachs:
    """Return a server with the table of `spectra`, set up as far as something is missing."""
    if os.geteuid() != 0:
        raise Unavailable("DaCHS needs root to start PostgreSQL and its own users")
    WORK.mkdir(mode=0o755, exist_ok=True)
    with (WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(BEFORE)
        started = start_postgresql()
        mend_pgsphere()
        # Its post-install script makes the database, so PostgreSQL and pg_sphere come first.
        install([SERVER])
        import_rows()
        server = running() or launch()
        server.database = started
        return server


def install(packages: list[str]) -> None:
    """Install the missing Debian packages."""
    missing = [name for name in packages if not installed(name)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise Unavailable(f"not installed, and no apt-get: {', '.join(missing)}")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600"]
    install_them = [*apt, "install", "-y", "--no-install-recommends", *missing]
    # A half configured package is finished first; a list of packages may be too old for what the server has.
    if run(install_them) and (
        run(["dpkg", "--configure", "-a"]) or run([*apt, "update"]) or run(install_them)
    ):
        raise Unavailable(f"apt-get could not install {', '.join(missing)}; see {WORK / 'log'}")


def installed(package: str) -> bool:
    """Whether dpkg says the package is installed and configured."""
    if not shutil.which("dpkg-query"):
        return False
    ask = ["dpkg-query", "-W", "-f", "${Status}", package]
    return "install ok installed" in subprocess.run(ask, capture_output=True, text=True, check=False).stdout


def start_postgresql() -> bool:
    """Start the cluster 15/main by hand (a machine for tests has no systemd); False if it was running."""
    clusters = subprocess.run(["pg_lsclusters", "-h"], capture_output=True, text=True, check=False).stdout
    lines = [line.split() for line in clusters.splitlines()]
    state = next((fields[3] for fields in lines if fields[:2] == ["15", "main"]), None)
    if state is None:
        must(["pg_createcluster", "15", "main"])
    down = state is None or not state.startswith("online")
    if down:
        must(["pg_ctlcluster", "15", "main", "start"])
    for _ in range(100):
        if run(["pg_isready", "-q"], user="postgres") == 0:
            return down
        time.sleep(0.1)
    raise Unavailable("PostgreSQL does not accept connections")


def mend_pgsphere() -> None:
    """Take two clauses out of the packaged script that PostgreSQL 15.20 refuses.

    The obsolete operators ``@`` on (bigint, smoc) and (spoint, smoc) name a commutator and a negator that
    belong to ``<@``; earlier point releases of PostgreSQL accept this.
    """
    if sphere_loads():
        return
    script = max(SPHERE.glob("pg_sphere--*.sql"), key=lambda path: path.stat().st_size)
    text = script.read_text()
    script.with_suffix(".sql.orig").write_text(text)
    script.write_text(re.sub(r"CREATE OPERATOR @ \([^;]*?\);", without_partners, text))
    if not sphere_loads():
        script.write_text(text)
        raise Unavailable(f"pg_sphere does not load into this PostgreSQL; see {WORK / 'log'}")


def without_partners(operator: re.Match[str]) -> str:
    """Definition of an operator on smoc without its COMMUTATOR and NEGATOR; any other as it is."""
    if not re.search(r"RIGHTARG\s*=\s*smoc", operator[0]):
        return operator[0]
    return re.sub(r",\s*(COMMUTATOR|NEGATOR)\s*=\s*'?[^,\s)']+'?", "", operator[0])


def sphere_loads() -> bool:
    """Whether pg_sphere is in use or can be created in a scratch database."""
    if sql("SELECT 1 FROM pg_extension WHERE extname = 'pg_sphere'", "gavo", quiet=True) == "1":
        return True
    sql("DROP DATABASE IF EXISTS vo_photoz_probe")
    sql("CREATE DATABASE vo_photoz_probe")
    try:
        sql("CREATE EXTENSION pg_sphere", "vo_photoz_probe")
    except Unavailable:
        return False
    finally:
        sql("DROP DATABASE vo_photoz_probe")
    return True


def import_rows() -> None:
    """Make the table and fill it, unless this very content is there."""
    content = b"".join((HERE / name).read_bytes() for name in ("spectra.rd", "spectra.py"))
    stamp = f"{hashlib.sha256(content).hexdigest()} {ROWS}"
    if (INPUTS / "stamp").is_file() and (INPUTS / "stamp").read_text() == stamp:
        return
    INPUTS.mkdir(exist_ok=True)
    shutil.copy(HERE / "spectra.rd", INPUTS / "q.rd")
    write_csv(spectra(), INPUTS / "spectra.csv")
    dachsroot = pwd.getpwnam("dachsroot")
    for path in (INPUTS, *INPUTS.iterdir()):
        os.chown(path, dachsroot.pw_uid, dachsroot.pw_gid)
        path.chmod(0o755 if path.is_dir() else 0o644)
    write_settings(0)
    must(dachs("imp", "vo_photoz_tests/q", "create"), user="dachsroot")
    table = "vo_photoz_tests.spectra"
    sql(f"COPY {table} FROM '{INPUTS / 'spectra.csv'}' WITH (FORMAT csv)", "gavo")
    sql(f"ANALYZE {table}", "gavo")
    (INPUTS / "stamp").write_text(stamp)


def running() -> Dachs | None:
    """Return the server that an earlier session left running, if it answers."""
    with contextlib.suppress(OSError, ValueError):
        pid, url = (WORK / "running").read_text().split()
        if alive(int(pid)) and answers(url):
            return Dachs(url, int(pid), ours=False)
    return None


def launch() -> Dachs:
    """Start a server on a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    write_settings(port)
    url = f"http://127.0.0.1:{port}/tap"
    with (WORK / "server.log").open("w") as log:
        server = subprocess.Popen(as_user("gavo", dachs("serve", "debug")), stdout=log, stderr=log, cwd="/")
    for _ in range(600):
        if server.poll() is not None:
            break
        if answers(url):
            (WORK / "running").write_text(f"{server.pid} {url}")
            return Dachs(url, server.pid, ours=True)
        time.sleep(0.1)
    server.kill()
    raise Unavailable(f"DaCHS did not start; see {WORK / 'server.log'}")


def write_settings(port: int) -> None:
    """Write settings of our own, so that those of the machine stay as they are."""
    path = WORK / "gavo.rc"
    path.write_text(SETTINGS.format(port=port or 8080))
    path.chmod(0o644)


def dachs(*arguments: str) -> list[str]:
    """Command line of DaCHS with our settings."""
    return ["env", f"GAVOSETTINGS={WORK / 'gavo.rc'}", "HOME=/var/gavo", "dachs", *arguments]


def answers(url: str) -> bool:
    """Whether the TAP service says it is available."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/availability", timeout=5) as answer:
        return b"available>true" in answer.read()
    return False


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended but was not waited for does not)."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return Path(f"/proc/{pid}").exists()


def sql(statement: str, database: str = "postgres", quiet: bool = False) -> str:
    """Answer of a statement, as PostgreSQL's own user."""
    command = ["psql", "-tAq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement]
    done = subprocess.run(as_user("postgres", command), capture_output=True, text=True, check=False, cwd="/")
    if done.returncode and not quiet:
        with (WORK / "log").open("a") as log:
            log.write(f"{statement}\n{done.stderr}")
        raise Unavailable(f"PostgreSQL refused {statement!r}: {done.stderr.strip()}")
    return done.stdout.strip()


def end_queries() -> int:
    """End what the database still computes for jobs of the archive; how many there were."""
    busy = "FROM pg_stat_activity WHERE usename = 'untrusted' AND state = 'active'"
    return len(sql(f"SELECT pg_terminate_backend(pid) {busy}", "gavo").splitlines())


def as_user(user: str, command: list[str]) -> list[str]:
    """Command line that runs as another user, in the same process."""
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups", *command]


def run(command: list[str], user: str | None = None) -> int:
    """Exit status of a command; what it says goes to the log."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    with (WORK / "log").open("a") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        command = as_user(user, command) if user else command
        return subprocess.run(
            command, env=environment, stdout=log, stderr=log, cwd="/", check=False
        ).returncode


def must(command: list[str], user: str | None = None) -> None:
    """Run a command that has to succeed."""
    if run(command, user):
        raise Unavailable(f"{' '.join(command)} failed; see {WORK / 'log'}")


@contextlib.contextmanager
def serving() -> Iterator[Dachs]:
    """Serve while a test session lasts."""
    server = start()
    try:
        yield server
    finally:
        server.stop()
