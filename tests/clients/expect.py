"""What a prediction of the sandbox's sources must say, and what a validator says of the document."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.clients.cells import Document, differences, read_votable
from tests.clients.desktop import Desktop

JOB = "vo_photoz.job"
SOURCES = 64  # in the field; then five outside it, one without a position, one that repeats the first
NO_POSITION, OUTSIDE, REPEATED = 1, 2, 1024
RADIUS_ARCSEC = 1.5


def job_of(document: Document) -> str:
    """The job that a document names."""
    named = document.infos.get(JOB) or document.params.get(JOB)
    assert named, f"no {JOB} in {document.infos} {document.params}"
    return named


def assert_same_cells(held: Document, written: Path) -> None:
    """A client holds, cell by cell, what the service wrote."""
    expected = read_votable(written.read_bytes())
    assert differences(held, expected) == []
    assert [name for name in held.columns if name not in expected.columns] == []


def assert_predicted(document: Document) -> None:
    """Every source of the field has a density, every other row says why it has none, in her order."""
    cells = {name: column.cells for name, column in document.columns.items()}
    ids, flags, z = cells["id"], cells["photoz_flag"], cells["z_phot"]
    assert ids[:2] == ["VSB0001", "VSB0002"]
    assert ids[SOURCES:] == ["OUT1", "OUT2", "OUT3", "OUT4", "OUT5", "NOPOS", "AGAIN"]
    assert flags[SOURCES : SOURCES + 5] == [OUTSIDE] * 5
    assert flags[SOURCES + 5] == NO_POSITION
    assert flags[SOURCES + 6] & REPEATED
    assert z[SOURCES : SOURCES + 6] == [None] * 6
    assert z[SOURCES + 6] == z[0]
    assert all(cells["photoz_note"][SOURCES:])
    for row in (*range(SOURCES), SOURCES + 6):
        assert 0 < cells["z_phot_lo"][row] <= z[row] <= cells["z_phot_hi"][row]
        assert abs(sum(cells["pz_weight"][row]) - 1) < 1e-5
        assert len(cells["pz_mean"][row]) == len(cells["pz_sigma"][row]) == len(cells["pz_weight"][row])
    assert len(set(z[:SOURCES])) > SOURCES / 2, "all sources have the same redshift"


def assert_crossmatched(document: Document) -> None:
    """Sources with a spectrum have that very spectrum beside them."""
    cells = {name: column.cells for name, column in document.columns.items()}
    found = [row for row in range(SOURCES) if cells["spectra_id"][row]]
    assert len(found) > 10
    for row in found:
        assert cells["spectra_id"][row] == f"SPEC{row + 1:04d}"
        assert 0 <= cells["spectra_separation"][row] < RADIUS_ARCSEC
        assert cells["spectra_nmatch"][row] == 1
    # TOPCAT would draw her sources at the positions of their spectra, if it took those for the main ones.
    assert not document.columns["spectra_ra"].ucd.startswith("pos.eq.ra")
    assert not any(
        c.ucd.endswith("meta.main") for n, c in document.columns.items() if n.startswith("spectra_")
    )
    assert cells["spectra_z"][SOURCES : SOURCES + 6] == [None] * 6


def votlint(desktop: Desktop, document: Path) -> str:
    """All that STILTS finds wrong with a VOTable; empty when it is valid."""
    command = ["stilts", "votlint", f"votable={document}"]
    environment = {k: v for k, v in desktop.environment.items() if k != "JAVA_TOOL_OPTIONS"}
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr
