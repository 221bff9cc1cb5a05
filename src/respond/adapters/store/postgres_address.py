"""The address of a PostgreSQL database: where it leads, and that who is far has to prove itself.

It is read by libpq itself, so that nothing is taken for near which libpq goes far for. Nobody else
has a say in where it leads, as whom, or how well that is protected: no file of services, and none
of the environment variables that libpq would fill in where an address is silent.
"""

from __future__ import annotations

import os
import pwd
from ipaddress import ip_address
from typing import Any, Final

from psycopg import ProgrammingError, conninfo, pq

from respond.errors import JournalUnusableError

__all__ = ["begin_with", "parts_of", "place_at", "said_of", "way_to"]

_SERVICE: Final = "PGSERVICE"
_LISTS: Final = ("host", "hostaddr", "port")
_PORT: Final = "5432"
_WITHOUT: Final = {
    "sslcertmode": "allow",
    "min_protocol_version": "3.0",
    "max_protocol_version": "3.0",
}
"""What libpq does without these; it takes no empty text for them."""


def way_to(url: str) -> dict[str, Any]:
    """What an address says, and what has to be said with it: an argument of ``connect`` each.

    A host that may be another machine has to come with a certificate for its name, unless the
    address itself says otherwise with ``sslmode``. One such host of several is enough.

    Raises:
        JournalUnusableError: It is no address, or it leaves to a file where it leads.
    """
    way: dict[str, Any] = dict(parts_of(url))
    hosts = [each for name in ("host", "hostaddr") for each in str(way.get(name, "")).split(",")]
    if "sslmode" not in way and not all(map(_is_near, hosts)):
        # Kerberos would be asked first, and come instead of the certificate.
        way |= {"sslmode": "verify-full", "gssencmode": "disable"}
        way.setdefault("sslrootcert", "system")
    if os.environ.get(_SERVICE) is not None:
        raise JournalUnusableError(
            f"the environment variable {_SERVICE} is set",
            why="it would lead the connection where a file of this machine says, and nobody reads"
            " that in respond.toml",
            do=f"unset {_SERVICE}",
        )
    return _as_if_unset() | way


def begin_with(way: dict[str, Any], host: str, port: int) -> dict[str, Any]:
    """The same way, its hosts asked in turn from this one on; as it was where it names no such."""
    lists = {name: str(way[name]).split(",") for name in _LISTS if way.get(name)}
    count = max((len(each) for each in lists.values()), default=1)
    lists = {name: each if len(each) == count else each * count for name, each in lists.items()}
    silent = [""] * count
    names = [a or b for a, b in zip(*(lists.get(each, silent) for each in _LISTS[:2]), strict=True)]
    entries = list(zip(names, lists.get("port", [_PORT] * count), strict=True))
    if (host, str(port)) not in entries:
        return way
    at = entries.index((host, str(port)))
    return way | {name: ",".join((*each[at:], *each[:at])) for name, each in lists.items()}


def said_of(url: str) -> str:
    """What messages call it: its database, and every host that the address names.

    Raises:
        JournalUnusableError: As ``way_to``.
    """
    given = parts_of(url)
    host, at = given.get("host", ""), given.get("hostaddr", "")
    where = f"{host} at {at}" if host and at else host or at or "this machine"
    return f"database {given.get('dbname', given.get('user', ''))} on {where}"


def place_at(url: str) -> str:
    """The same for everybody who means this database, whoever they come in as.

    Raises:
        JournalUnusableError: As ``way_to``.
    """
    given = parts_of(url)
    at = f"@{given['hostaddr']}" if given.get("hostaddr") else ""
    return f"{given.get('host', '')}{at}:{given.get('port', _PORT)}/{given.get('dbname', '')}"


def parts_of(url: str) -> dict[str, str]:
    """What an address says, by libpq's keywords.

    Raises:
        JournalUnusableError: It is no address, or it leaves to a file where it leads.
    """
    try:
        given = {name: str(said) for name, said in conninfo.conninfo_to_dict(url).items()}
    except ProgrammingError as error:
        raise JournalUnusableError(
            "the address of the database cannot be read",
            why=" ".join(str(error).split()),
            do="write it as postgresql://USER@HOST/DATABASE; what may follow '?' says PostgreSQL's"
            " manual under 'Connection Strings'",
        ) from error
    if "service" in given:
        raise JournalUnusableError(
            "the address of the database names a service",
            why="then a file of each machine says where it leads, and they may not say the same",
            do="write host, port and the rest into the address, and take 'service' out",
        )
    return given


def _is_near(host: str) -> bool:
    """Whether a host can be nothing but this machine; no host is its own socket."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _as_if_unset() -> dict[str, str]:
    """For each variable of libpq that is set here: what holds without it.

    libpq asks the environment for what an address does not say; so it has to be said.
    """
    found = {}
    for option in pq.Conninfo.get_defaults():
        if option.envvar and option.envvar.decode() in os.environ:
            name = option.keyword.decode()
            found[name] = _WITHOUT.get(name, (option.compiled or b"").decode())
    if "user" in found:
        found["user"] = _user()
    return found


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return ""  # The server says that a name is missing.
