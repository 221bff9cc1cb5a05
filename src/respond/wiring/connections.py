"""How each connection of ``respond.toml`` is reached, as what it signs on, and what it offers."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from respond.adapters.ordinary_file import may_be_there, read_ordinary, write_whole
from respond.core.background import in_background
from respond.core.records import replace
from respond.core.script import Call, Connection
from respond.errors import NotReadyError, StepFailedError, UsageError
from respond.ports import Reader
from respond.systems import discovery_of, vendor
from respond.systems.vendor import CarriedBy

if TYPE_CHECKING:
    from respond.adapters.command import ProgramLine
    from respond.adapters.http.request import Endpoint
    from respond.adapters.way import SmtpServer, WayThere
    from respond.formats.project.project import ConnectionConfig, OidcConfig, Project, SourceConfig
    from respond.systems.discovery import CapabilityTable, Discovery

_NEVER_USED = (
    "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
)  # fmt: skip
"""What would mean a proxy or authorities to other programs; named where a place is not reached."""


def way_of(
    config: ConnectionConfig | SourceConfig | OidcConfig,
    project: Project,
    table: str,
    *,
    inside: bool = True,
) -> WayThere:
    """How to get to what stands in this table of respond.toml."""
    from respond.adapters.way import WayThere

    named = os.path.expanduser(config.ca)  # noqa: PTH111 - raises for nobody
    ca = str((project.folder or Path()) / named) if named else ""
    seen = tuple(name for name in _NEVER_USED if os.environ.get(name))
    return WayThere(ca, config.proxy, inside, table, seen)


def endpoint_of(config: ConnectionConfig, project: Project) -> Endpoint:
    """Where and how a connection is reached; where no address is given, the first request says so.

    So a connection that is not ready yet holds up no run that needs another one.
    """
    from respond.adapters.http.request import Endpoint

    record = vendor(config.system)
    base_urls = {**record.base_urls(config.region), **config.base_urls}

    return Endpoint(
        config.name,
        config.system,
        base_urls,
        auth=record.scheme_set(config.auth, config.options),
        options={
            **{k: str(v) for k, v in config.options.items() if isinstance(v, str | int)},
            **_known_as(config.account, config.identity, config.region or record.region),
        },
        way=_way(config, project),
    )


def check_addresses(config: ConnectionConfig) -> None:
    """See that a connection has an address for each surface.

    Raises:
        NotReadyError: The system has none of its own there, and none is given.
    """
    record = vendor(config.system)
    for surface in record.surfaces:
        if surface not in {**record.base_urls(config.region), **config.base_urls}:
            raise NotReadyError(
                f"the connection {config.name!r} has no address for {surface!r}",
                why=f"{config.system} has none in the region {config.region!r}: its regions are "
                f"{', '.join(record.hosts)}"
                if record.hosts
                else f"{config.system} runs where you put it",
                do=f'add base_urls = {{ {surface} = "https://..." }} under '
                f"[connections.{config.name}]",
            )


def rehearsed_endpoint(connection: Connection, base_urls: Mapping[str, str]) -> Endpoint:
    """Where and how a connection of the simulated company is reached."""
    from respond.adapters.http.request import Endpoint

    return Endpoint(
        connection.name,
        connection.system,
        base_urls,
        auth=vendor(connection.system).scheme_set("bearer", connection.options),
        loopback_ok=True,
        options={
            **{k: str(v) for k, v in connection.options.items()},
            **_known_as(
                connection.account,
                connection.identity,
                connection.region or vendor(connection.system).region,
            ),
        },
    )


def programs_of(connections: Iterable[ConnectionConfig | Connection]) -> dict[str, ProgramLine]:
    """The program of every connection that is reached through its system's own."""
    from respond.adapters.command import ProgramLine

    return {
        each.name: ProgramLine(each.system, record.runs(each.options), record.scheme("").header)
        for each in connections
        if (record := vendor(each.system)).program
    }


def _known_as(account: str, identity: str, region: str) -> dict[str, str]:
    """What a trade or a signature may name besides options: which account, who we are, where."""
    named = {"account": account, "identity": identity, "region": region}
    return {name: value for name, value in named.items() if value}


def bound_of(project: Project) -> dict[str, dict[str, str]]:
    """What a yes binds of every connection, as ``respond.toml`` has them now."""
    return {name: connection_of(project, name).bound for name in project.connections}


def connection_of(project: Project, name: str, can: AbstractSet[str] = frozenset()) -> Connection:
    """A connection as actions know it, with where it leads."""
    config, endpoint, server = project.connections[name], None, None
    match vendor(config.system).carried_by:
        case CarriedBy.HTTP:
            endpoint = endpoint_of(config, project)
        case CarriedBy.SMTP:
            server = mail_server_of(config, project)
        case _:
            pass
    return replace(project.connection(name, can), reached=_reached(config, endpoint, server))


def _reached(
    config: ConnectionConfig, endpoint: Endpoint | None, server: SmtpServer | None
) -> dict[str, str]:
    """Where a connection leads and as what it signs on, for a yes to bind."""
    from respond.core.plan import digest_of

    at = (
        {f"address {name}".strip(): url for name, url in endpoint.base_urls.items()}
        if endpoint
        else {}
    )
    if server is not None:
        at = {"address": f"{server.host}:{server.port}"}
    signs = {
        "auth": config.auth,
        "ca": config.ca,
        "proxy": config.proxy,
        **{f"credential {n}": str(p) for n, p in config.references.items()},
    }
    # What only the system knows may be long, or nobody's business in a log.
    return {**at, **signs, "options": digest_of(dict(config.options))[:16]}


def _way(config: ConnectionConfig, project: Project) -> WayThere:
    inside = config.inside or not vendor(config.system).stays_outside
    return way_of(config, project, f"connections.{config.name}", inside=inside)


def mail_server_of(config: ConnectionConfig, project: Project) -> SmtpServer:
    """The server that a connection sends mail through.

    Raises:
        UsageError: Its port is no number.
    """
    from respond.adapters.way import SmtpServer

    options = config.options
    sender = str(options.get("from") or "")
    port = str(options.get("port") or project.notify.smtp_port)
    if not (port.isascii() and port.isdecimal() and len(port) <= len("65535")):
        raise UsageError(
            f"the port {port[:20]!r} of connection '{config.name}' is no number",
            do=f"correct it under [connections.{config.name}.options]",
        )
    return SmtpServer(
        config.name,
        str(options.get("host") or project.notify.smtp_host),
        int(port),
        user=str(options.get("user") or ""),
        # Relays refuse localhost; the domain that the mail comes from is a name that is ours.
        ehlo=str(options.get("ehlo") or sender.rpartition("@")[2] or "localhost"),
        tls="implicit" if options.get("tls") == "implicit" else "starttls",
        way=_way(config, project),
    )


def accepted_table(folder: Path, name: str) -> CapabilityTable | None:
    """What a person accepted for a connection at ``respond connect``, or None.

    Raises:
        NotReadyError: There is something, and it cannot be read.
    """
    from respond.systems.discovery import CapabilityTable

    path = folder / f"{name}.json"
    if not may_be_there(path):
        return None
    try:
        return CapabilityTable.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise NotReadyError(
            f"the accepted table {path} cannot be read",
            why=getattr(error, "strerror", None) or "it is not the JSON that was stored",
            do=f"let this user read it, or accept it anew: respond connect {name}",
        ) from error


class Offered(AbstractSet[str]):
    """Operations that a connection offers: asked for at once, and waited for when one is needed.

    Args:
        find: Finds them, and what a person should hear of it, a line each.
        say: Told these lines by whoever waits first.
    """

    def __init__(
        self, find: Callable[[], tuple[frozenset[str], Sequence[str]]], say: Callable[[str], None]
    ) -> None:
        self._say = say
        self._found = in_background(find)
        self._lock = threading.Lock()
        self._is_said = False

    def _names(self) -> frozenset[str]:
        names, lines = self._found.result()
        with self._lock:
            was, self._is_said = self._is_said, True
        for line in () if was else lines:
            self._say(line)
        return names

    def __contains__(self, name: object) -> bool:
        return name in self._names()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


def capabilities_of(
    config: ConnectionConfig, folder: Path, reader: Reader, say: Callable[[str], None]
) -> AbstractSet[str]:
    """Accepted operations that the live description still offers; ``say`` is told what differs."""
    discovery = discovery_of(config.system)
    accepted = accepted_table(folder, config.name) if discovery is not None else None
    if discovery is None or accepted is None:
        return frozenset()

    def find() -> tuple[frozenset[str], Sequence[str]]:
        try:
            documents = live_documents(discovery, reader, config.name, folder)
        except StepFailedError as error:
            return frozenset(), (f"{config.name}: what it offers could not be read: {error.what}",)
        return discovery.still_valid(accepted, *documents)

    return Offered(find, say)


def live_documents(
    discovery: Discovery, reader: Reader, connection: str, folder: Path | None = None
) -> tuple[Any, ...]:
    """The account's live API descriptions, fetched together.

    Args:
        folder: Keeps each with its entity tag, so that one that did not change is not sent again
            (RFC 9110, section 13.1.2).

    Raises:
        StepFailedError: One cannot be read.
    """

    def fetch(numbered: tuple[int, Call]) -> Any:
        number, call = numbered
        path = folder / f"{connection}.description-{number}" if folder is not None else None
        kept = _kept(path) if path is not None else {}
        if kept:
            call = replace(call, headers=(("If-None-Match", kept["etag"]),), answers=_SAME)
        reply = reader.fetch(call)
        if reply.status in _SAME:
            return kept["body"]
        if path is not None and (etag := reply.headers.get("etag")):
            _keep(path, {"etag": etag, "body": reply.body})
        return reply.body

    calls = discovery.calls(connection)
    with ThreadPoolExecutor(len(calls)) as pool:
        return tuple(pool.map(fetch, enumerate(calls)))


_SAME: Final = frozenset({304})


def _kept(path: Path) -> dict[str, Any]:
    """What was kept; nothing where it cannot be read as that, or is not as it was written."""
    try:
        digest, _, text = read_ordinary(path, _KEPT_BYTES_MAX).partition(b"\n")
        kept = json.loads(text)
    except (OSError, ValueError):
        return {}
    is_kept = (
        sha256(text).hexdigest().encode() == digest
        and isinstance(kept, dict)
        and isinstance(kept.get("etag"), str)
        and "body" in kept
    )
    return kept if is_kept and kept["etag"].isascii() and kept["etag"].isprintable() else {}


def _keep(path: Path, kept: Mapping[str, Any]) -> None:
    # What cannot be kept is fetched whole the next time.
    text = json.dumps(kept).encode()
    whole = sha256(text).hexdigest().encode() + b"\n" + text
    with contextlib.suppress(OSError):
        write_whole(path, lambda file: file.write(whole))


_KEPT_BYTES_MAX: Final = 16 * 1024 * 1024


def discovered(reader: Reader, connection: Connection) -> AbstractSet[str]:
    """What the simulated account's live description offers; accepted without asking."""
    discovery = discovery_of(connection.system)
    if discovery is None:
        return frozenset()

    def find() -> tuple[frozenset[str], Sequence[str]]:
        try:
            documents = live_documents(discovery, reader, connection.name)
        except StepFailedError:
            # What cannot be read is not offered: a person's hands do it; the first look says why.
            return frozenset(), ()
        return discovery.match(*documents).confirmed, ()

    return Offered(find, lambda _: None)
