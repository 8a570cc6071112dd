"""Which addresses may be fetched when another program asks us to."""

from __future__ import annotations

import ipaddress
import socket
import threading
from enum import Enum
from urllib.parse import urlsplit

from vo_photoz.errors import DeadlineExceeded, ServiceError, TransientError, UsageError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

WHAT_IS_FETCHED = "Send a local file, http from this machine, or https from a public server."


class Policy(Enum):
    """From where a file may come.

    ``ANYWHERE`` is for addresses the user has chosen: surveys, archives, models. ``SENT`` is for addresses
    that another program sends: local files, http on this machine (where table tools serve), https on public
    servers.
    """

    ANYWHERE = "anywhere"
    SENT = "sent"


def check_scheme(url: str) -> str:
    """Scheme of an address that may be fetched.

    Parameters
    ----------
    url : str
        Address as another program sent it.

    Returns
    -------
    str
        "file", "http" or "https".

    Raises
    ------
    UsageError
        Raised if the scheme is another one, or the address has no host.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"{url} is not an address.", advice=WHAT_IS_FETCHED, url=url) from None
    if parts.scheme not in ("file", "http", "https"):
        raise UsageError(
            f"Tables are not fetched by {parts.scheme or 'an address without a scheme'}: {url}.",
            advice=WHAT_IS_FETCHED,
            url=url,
        )
    if parts.scheme == "file" and host not in (None, "localhost"):
        raise UsageError(f"{url} is on another machine.", advice=WHAT_IS_FETCHED, url=url)
    if parts.scheme != "file" and not host:
        raise UsageError(f"{url} names no host.", advice=WHAT_IS_FETCHED, url=url)
    return parts.scheme


def is_loopback(address: IPAddress) -> bool:
    """Whether the address is this machine itself."""
    return _unmapped(address).is_loopback


def is_public(address: IPAddress) -> bool:
    """Whether the address is on the public network (not private, link-local, multicast or reserved)."""
    plain = _unmapped(address)
    return plain.is_global and not plain.is_multicast and not plain.is_reserved


def _unmapped(address: IPAddress) -> IPAddress:
    """An IPv4 address in IPv6 clothes (mapped, 6to4, Teredo) is judged as IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        return inner or address
    return address


def resolve(host: str, port: int, seconds: float | None) -> list[IPAddress]:
    """Addresses of a host, within a time: the system's own resolver knows no deadline.

    Raises
    ------
    TransientError
        Raised if the name is not known.
    DeadlineExceeded
        Raised if the name server does not answer in time.
    """
    found: list[list[str]] = []
    trouble: list[OSError] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.append([str(answer[4][0]) for answer in answers])
        except OSError as error:
            trouble.append(error)

    asking = threading.Thread(target=ask, name=f"resolve {host}", daemon=True)
    asking.start()
    asking.join(seconds)
    if trouble:
        raise TransientError(f"The host {host} is not known: {trouble[0].strerror}.") from None
    if not found:
        raise DeadlineExceeded(f"The host {host} could not be looked up in time.")
    return [ipaddress.ip_address(text.partition("%")[0]) for text in found[0]]


def check_addresses(host: str, addresses: list[IPAddress], *, public: bool) -> IPAddress:
    """The address to connect to; every one of the host's addresses must be allowed.

    Parameters
    ----------
    host : str
        Name in the address, for the message.
    addresses : list
        Of `resolve`.
    public : bool
        True: public servers only; False: this machine only.

    Raises
    ------
    ServiceError
        Raised if one of them is not.
    """
    allowed = is_public if public else is_loopback
    refused = next((address for address in addresses if not allowed(address)), None)
    if refused is not None:
        kind = "not on the public network" if public else "not this machine"
        protocol = "https" if public else "http"
        raise ServiceError(
            f"{host} ({refused}) is {kind}, so tables are not fetched from it by {protocol}.",
            advice=WHAT_IS_FETCHED,
        )
    return addresses[0]
