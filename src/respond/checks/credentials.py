"""Try the credential of a connection with harmless reads, and say what it may do.

For ``connect`` and ``doctor``. Nothing here writes: each probe gets a ``Reader``. What can only be
known by writing is called *not tried*, never *allowed*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from respond.core.records import Frozen, Mutable
from respond.core.script import Call, Reply
from respond.core.showable import showable
from respond.errors import NotReadyError, RefusedBySystemError, StepFailedError
from respond.systems import vendor
from respond.systems.vendor import CarriedBy, CredentialRefusedError, CredentialVerdict, Probed

if TYPE_CHECKING:
    from respond.adapters.command import ProgramLine
    from respond.adapters.http.request import Endpoint
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.way import SmtpServer
    from respond.formats.project.project import ConnectionConfig, OidcConfig, Project
    from respond.ports import Clock, Reader, Secrets

__all__ = ["Line", "line_of", "open_line", "probe", "sign_on_line"]


class Line(Frozen):
    """Where a connection leads: an HTTP endpoint, a mail server, a program that can be asked; or
    nowhere that can be looked at (a command).
    """

    endpoint: Endpoint | None = None
    server: SmtpServer | None = None
    program: ProgramLine | None = None


def line_of(project: Project, name: str) -> Line:
    """Where a connection of ``respond.toml`` leads. Only https, as for every real request.

    Raises:
        NotReadyError: The system has no address of its own, and none is given.
    """
    from respond.wiring.connections import (
        check_addresses,
        endpoint_of,
        mail_server_of,
        programs_of,
    )

    config = project.connections[name]
    match vendor(config.system).carried_by:
        case CarriedBy.HTTP:
            check_addresses(config)
            return Line(endpoint=endpoint_of(config, project))
        case CarriedBy.SMTP:
            return Line(server=mail_server_of(config, project))
        case _:
            return Line(program=programs_of((config,)).get(name))


def sign_on_line(project: Project, oidc: OidcConfig) -> Line:
    """Where the page's identity provider is. Plain http is read from ``respond.toml`` only for
    this machine itself.
    """
    from respond.adapters.http.request import Endpoint
    from respond.formats.project.project import OIDC
    from respond.wiring.connections import way_of

    plain = oidc.issuer.startswith("http://")
    base = {"http": oidc.issuer.rstrip("/")}
    way = way_of(oidc, project, "server.oidc")
    return Line(endpoint=Endpoint(OIDC, "http", base, auth="none", loopback_ok=plain, way=way))


class _Open(Mutable):
    """A connection that can be looked through.

    Attributes:
        sinks: ``MOUNT/PATH`` of every sink that lies in this Vault.
        retiring: What was asked and the vendor is about to switch off, with the day (RFC 8594).
    """

    system: str
    name: str
    account: str
    region: str
    identity: str
    options: Mapping[str, Any]
    line: Line
    secrets: Secrets
    redactor: Redactor
    sinks: tuple[str, ...]
    reader: Reader | None = None
    close: Callable[[], None] = field(default=lambda: None)
    retiring: dict[str, str] = field(default_factory=dict)

    def log_in(self) -> tuple[str, str]:
        """Greet the mail server and log in; its address (empty: there is none) and the user."""
        from respond.adapters.smtp import log_in

        server = self.line.server
        if server is None or not server.host:
            return "", ""
        log_in(server, self.secrets, self.redactor, timeout_s=10)
        return f"{server.host}:{server.port}", server.user

    def fetch(
        self, surface: str, *path: str, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Reply:
        """A harmless read. ``StepFailedError`` when there is no good answer."""
        if self.reader is None:
            raise NotReadyError(f"{self.name} has no address that can be read")
        asked = tuple((query or {}).items())
        method = "RUN" if surface == "command" else "GET" if body is None else "POST"
        call = Call(self.name, surface, method, path, query=asked, body=body, timeout_s=20)
        reply = self.reader.fetch(call)
        if sunset := reply.headers.get("sunset"):
            self.retiring[call.says] = showable(sunset, limit=60)
        return reply


def open_line(
    config: ConnectionConfig,
    line: Line,
    *,
    secrets: Secrets,
    redactor: Redactor,
    clock: Clock,
    sinks: Iterable[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> _Open:
    """Get ready to look through a connection; nothing is sent yet. Close it afterwards."""
    from respond import __version__
    from respond.adapters.http.transport import HttpTransport

    opened = _Open(
        config.system,
        config.name,
        config.account,
        config.region,
        config.identity,
        config.options,
        line,
        secrets,
        redactor,
        tuple(sinks),
    )
    if line.program is not None:
        opened.reader = _through(line.program, config.name, secrets, redactor, clock, tell)
    if line.endpoint is None:
        return opened

    http = HttpTransport(
        {config.name: line.endpoint},
        secrets,
        _no_run,
        clock,
        user_agent=f"respond/{__version__}",
        redactor=redactor,
        waiting=lambda what, s: tell(f"waiting {s:.0f} s for {what}"),
    )
    opened.reader, opened.close = http.reader(), http.close
    return opened


def _through(
    line: ProgramLine,
    name: str,
    secrets: Secrets,
    redactor: Redactor,
    clock: Clock,
    tell: Callable[[str], None],
) -> Reader:
    from respond.adapters.command import credentials_in
    from respond.adapters.program_reader import ProgramReader
    from respond.wiring.session import clean_environment

    lines = {name: line}
    return ProgramReader(
        lines,
        redactor,
        clock,
        clean_environment(),
        own=credentials_in(lines, secrets, redactor),
        opener=_no_run,
        tell=tell,
    )


def _no_run(handle: Any) -> str:
    raise NotReadyError(f"there is no run that could hold {handle}")


# --- probing -------------------------------------------------------------------------------------


def probe(opened: _Open, part: str = "") -> Probed:
    """Try the main credential of a connection, or a further one (``app`` of ``cio/app``).

    Raises:
        NotReadyError: There is no credential to try.
    """
    known = vendor(opened.system).probes.get(part, "there is no harmless request that would try it")
    if isinstance(known, str):
        return Probed(CredentialVerdict.UNTRIED, says=known)
    try:
        return known(opened)
    except CredentialRefusedError as error:
        return Probed(CredentialVerdict.REFUSED, says=str(error), do=error.do)
    except StepFailedError as error:
        refused = isinstance(error, RefusedBySystemError) and error.code == "401"
        verdict = CredentialVerdict.REFUSED if refused else CredentialVerdict.UNCLEAR
        return Probed(verdict, says=error.sentence, do=error.do)
