"""Stand-ins for the tables of real archives on DaCHS.

A table whose real name DaCHS cannot have, like "VII/289/dr16q", stands in the schema vo_photoz_standins under
that name in lower case with _ for other signs; `mapped` changes the name after FROM and JOIN of a query, and
nothing else.
"""

from __future__ import annotations

import csv
import dataclasses
import fcntl
import hashlib
import os
import pwd
import re
from pathlib import Path

from vo_photoz.tap.queries import Query
from vo_photoz.tap.queries.adql import table_names

from . import dachs
from .standin_tables import TABLES, Column, rows

HERE = Path(__file__).resolve().parent
SCHEMA = "vo_photoz_standins"
INPUTS = Path("/var/gavo/inputs") / SCHEMA


def local_name(table: str) -> str:
    """Name of the stand-in for a table."""
    return f"{SCHEMA}." + re.sub(r"[^a-z0-9]", "_", "t_" + table.lower())


def mapped(query: Query) -> Query:
    """The query for the stand-ins: other names of tables after FROM and JOIN."""
    adql = query.adql
    for name in table_names(adql):
        if not name.upper().startswith("TAP_UPLOAD"):
            adql = re.sub(
                rf"\b(FROM|JOIN)\s+{re.escape(name)}(?=\s)", rf"\1 {local_name(name.strip(chr(34)))}", adql
            )
    return dataclasses.replace(query, adql=adql)


def resource() -> str:
    """Resource descriptor with all tables."""
    parts = [_table(name, columns) for name, columns in TABLES.items()]
    makes = "".join(f'<make table="{local_name(name).partition(".")[2]}"/>' for name in TABLES)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<resource schema="{SCHEMA}" resdir="{SCHEMA}">
  <meta name="title">Stand-ins</meta>
  <meta name="creationDate">2026-11-01T00:00:00Z</meta>
  <meta name="description">Generated rows under the columns of real archives, for tests.</meta>
  <meta name="subject">redshift-surveys</meta>
  <meta name="creator">The vo_photoz developers</meta>
  {"".join(parts)}
  <data id="create"><nullGrammar/>{makes}</data>
</resource>
"""


def _table(name: str, columns: list[Column]) -> str:
    mixin = ' mixin="//scs#pgs-pos-index"' if any(c.ucd.startswith("pos.eq.ra") for c in columns) else ""
    inner = "".join(
        f'<column name="{c.name}" type="{c.type}" unit="{c.unit}" ucd="{c.ucd}" description="{c.name}">'
        + ("" if c.type in ("text", "real", "double precision") else f'<values nullLiteral="{-32768}"/>')
        + "</column>"
        for c in columns
    )
    return (
        f'<table id="{local_name(name).partition(".")[2]}" onDisk="True" adql="True"{mixin}>{inner}</table>\n'
    )


def install() -> None:
    """Make and fill the tables on a DaCHS that was started, unless this very content is there."""
    content = b"".join((HERE / name).read_bytes() for name in ("standins.py", "standin_tables.py"))
    stamp = hashlib.sha256(content).hexdigest()
    with (dachs.WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (INPUTS / "stamp").is_file() and (INPUTS / "stamp").read_text() == stamp:
            return
        INPUTS.mkdir(exist_ok=True)
        (INPUTS / "q.rd").write_text(resource())
        for table in TABLES:
            _write_csv(table)
        owner = pwd.getpwnam("dachsroot")
        for path in (INPUTS, *INPUTS.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
            path.chmod(0o755 if path.is_dir() else 0o644)
        dachs.must(dachs.dachs("imp", f"{SCHEMA}/q", "create"), user="dachsroot")
        for table in TABLES:
            csv_file = INPUTS / f"{local_name(table)}.csv"
            dachs.sql(f"COPY {local_name(table)} FROM '{csv_file}' WITH (FORMAT csv)", "gavo")
        (INPUTS / "stamp").write_text(stamp)


def _write_csv(table: str) -> None:
    with (INPUTS / f"{local_name(table)}.csv").open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        for row in zip(*rows(table).values(), strict=True):
            writer.writerow(["" if value is None else value for value in row])
