"""Open connections on a ``WayThere``: its authorities, its proxy, and no address inside."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from respond.adapters.ordinary_file import is_file
from respond.adapters.way import WayThere
from respond.errors import NotReadyError

__all__ = ["InwardError", "outward", "tls_context", "tunnel"]

_HEAD_MAX: Final = 16_384
_AZURE: Final = ip_address("168.63.129.16")
"""The metadata address that lies in public space (Azure, "What is IP address 168.63.129.16")."""
_NAT64: Final = ip_network("64:ff9b::/96")  # RFC 6052, section 2.1


class InwardError(OSError):
    """A name leads to this machine, its own network or its cloud's metadata."""


def tls_context(way: WayThere) -> ssl.SSLContext:
    """A context that trusts the way's own authorities, or those of this machine.

    Raises:
        NotReadyError: The file cannot be read, or holds no certificate.
    """
    try:
        if way.ca:
            return ssl.create_default_context(cafile=way.ca)
        # By name, and the folder even where there is none: without either OpenSSL would take
        # SSL_CERT_FILE and SSL_CERT_DIR of the environment.
        own = ssl.get_default_verify_paths()
        return ssl.create_default_context(
            cafile=own.openssl_cafile if is_file(Path(own.openssl_cafile)) else None,
            capath=own.openssl_capath,
        )
    except (OSError, ssl.SSLError) as error:
        raise NotReadyError(
            f"the authorities in {way.ca} cannot be used",
            why=error.strerror or str(error),
            do=f"set ca under [{way.table}] to a file of certificates in PEM form",
        ) from error


def outward(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, all of which lie outside; one of these is to be connected to.

    Raises:
        InwardError: One lies inside: then none is used.
    """
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for text in found:
        if _lies_inside(ip_address(text)):
            raise InwardError(0, text)
    return found


def _lies_inside(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            wrapped = IPv4Address(int(address) & 0xFFFF_FFFF)
        if wrapped is not None:
            return _lies_inside(wrapped)
    return not address.is_global or address.is_multicast or address == _AZURE


def tunnel(way: WayThere, host: str, port: int, timeout_s: float) -> socket.socket:
    """A connection through the way's proxy.

    Raises:
        OSError: There is none.

    Source: RFC 9110, section 9.3.6.
    """
    proxy = urlsplit(way.proxy)
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    with contextlib.ExitStack() as unless_open:
        sock = socket.create_connection((proxy.hostname or "", proxy.port or 80), timeout_s)
        unless_open.callback(sock.close)
        sock.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode("ascii"))
        head, byte = b"", b"?"
        # Byte by byte: what follows the head belongs to whoever speaks next.
        while byte and not head.endswith(b"\r\n\r\n") and len(head) < _HEAD_MAX:
            byte = sock.recv(1)
            head += byte
        said = head.partition(b"\r\n")[0].decode("ascii", "replace").partition(" ")[2]
        if not said.startswith("2"):
            raise OSError(0, f"the proxy gives no tunnel; it says: {said or 'nothing'}")
        unless_open.pop_all()
    return sock
