"""Genuine servers for the tests; each is started when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import absent
from tests.servers.dachs import Dachs, Unavailable, serving
from tests.servers.spectra import Spectra, spectra
from tests.servers.standins import install


@pytest.fixture(scope="session")
def dachs() -> Iterator[Dachs]:
    """Run a TAP service with the table ``vo_photoz_tests.spectra``."""
    try:
        with serving() as server:
            yield server
    except Unavailable as reason:
        absent(str(reason))


@pytest.fixture(scope="session")
def archive(dachs: Dachs) -> Dachs:
    """Return the same service, with stand-ins for the tables of the shipped queries."""
    install()
    return dachs


@pytest.fixture(scope="session")
def catalogue() -> Spectra:
    """The rows of that table."""
    return spectra()
