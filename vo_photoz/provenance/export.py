"""A run as INFOs of a VOTable, by the IVOA note "Data Origin in the VO" and names of our own."""

from __future__ import annotations

import unicodedata

from vo_photoz.provenance.record import Record


def infos(record: Record) -> list[tuple[str, str]]:
    """Names and values of the INFOs that tell of a run.

    Names without a prefix are those of the note (version 1.1, tables 1 and 2); ``vo_photoz.`` begins our own.
    What is not known is left out. Several crossmatches are numbered from the second on:
    ``vo_photoz.query``, ``vo_photoz.query_2``, ...

    Returns
    -------
    list of (str, str)
        ASCII only.
    """
    told = [*_data_origin(record), *_run(record), *_queries(record)]
    return [(name, ascii_text(value)) for name, value in told if value]


def _data_origin(record: Record) -> list[tuple[str, str]]:
    adql = [match.infos["adql"] for match in record.matches if match.infos.get("adql")]
    return [
        ("server_software", f"vo_photoz/{record.software.get('vo_photoz', '')}"),
        ("request_date", record.started),
        ("query", "; ".join(adql)),
        ("resource_version", f"{record.model} {record.model_version}".strip()),
        ("cites", "; ".join(record.cites)),
    ]


def _run(record: Record) -> list[tuple[str, str]]:
    return [
        ("vo_photoz.job", record.job),
        ("vo_photoz.started", record.started),
        ("vo_photoz.finished", record.finished),
        ("vo_photoz.software", _pairs(record.software)),
        ("vo_photoz.survey", record.survey),
        ("vo_photoz.survey_title", record.survey_title),
        ("vo_photoz.images", _pairs(record.images)),
        ("vo_photoz.images_checked", _pairs(record.checked)),
        ("vo_photoz.model", f"{record.model} {record.model_version}".strip()),
        ("vo_photoz.model_sha256", record.model_sha256),
        ("vo_photoz.input", record.input),
        ("vo_photoz.input_sha256", record.input_sha256),
        ("vo_photoz.input_rows", str(record.input_rows)),
        ("vo_photoz.positions", record.positions),
        ("vo_photoz.parameters", _pairs(record.parameters)),
    ]


def _queries(record: Record) -> list[tuple[str, str]]:
    told = []
    for number, match in enumerate(record.matches, start=1):
        end = "" if number == 1 else f"_{number}"
        told += [
            (f"vo_photoz.query{end}", match.name),
            (f"vo_photoz.query_result{end}", _pairs({k: v for k, v in match.infos.items() if k != "adql"})),
            (f"vo_photoz.query_adql{end}", match.infos.get("adql", "")),
            (f"vo_photoz.query_failed{end}", match.failed),
        ]
    return told


def _pairs(values: dict[str, str]) -> str:
    return "; ".join(f"{name} = {value}" for name, value in values.items() if value)


def ascii_text(text: str) -> str:
    """Text in ASCII: accents are dropped, other characters become question marks, line ends become blanks."""
    plain = unicodedata.normalize("NFKD", " ".join(text.split()))
    return "".join(c for c in plain if not unicodedata.combining(c)).encode("ascii", "replace").decode()
