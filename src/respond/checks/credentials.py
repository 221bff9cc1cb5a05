"""Try the credential of a connection with harmless reads, and say what it may do.

For ``connect`` and ``doctor``. Nothing here writes: each probe gets a ``Reader``. What can only be
known by writing is called *not tried*, never *allowed*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from respond.core.script import Call, Reply
from respond.errors import (
    NoAnswerError,
    NotReadyError,
    RefusedBySystemError,
    RespondError,
    StepFailedError,
)

if TYPE_CHECKING:
    from respond.adapters.http.request import Endpoint
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.smtp import SmtpServer
    from respond.formats.project.project_file import ConnectionConfig, Project
    from respond.ports import Clock, Reader, Secrets

__all__ = [
    "FURTHER",
    "Allowed",
    "Line",
    "Probed",
    "Right",
    "Verdict",
    "line_of",
    "open_line",
    "probe",
    "sign_on_line",
]

FURTHER: Final[Mapping[str, Mapping[str, str]]] = {
    "customerio": {
        "app": "App API key: exports, reporting webhooks",
        "track": "Track API pair, SITE_ID:API_KEY",
        "cdp": "Pipelines write key",
    },
    "pagerduty": {"events": "integration key of Events API v2: paging"},
}
"""Further credentials of a system by name, and what each is for."""


class Verdict(Enum):
    """What the system made of a credential."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"
    UNTRIED = "not tried"


class Allowed(Enum):
    """Whether a credential may do something."""

    YES = "allowed"
    NO = "missing"
    UNTRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Right:
    """Something that actions need.

    Attributes:
        name: What it allows, as a person says it.
        grant: What to grant in the system.
        actions: Which actions need it.
        why: What the system said, when it is missing or could not be tried.
    """

    name: str
    grant: str
    actions: frozenset[str]
    allowed: Allowed = Allowed.UNTRIED
    why: str = ""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found.

    Attributes:
        says: What the system said, or why nothing could be tried.
        do: What to do about it.
        mismatch: What differs from ``respond.toml``: account or region; one sentence each.
        notes: What a person should know besides.
        date: The system's own clock, an HTTP date; empty where it told none.
    """

    verdict: Verdict
    says: str = ""
    do: str = ""
    account: str = ""
    account_name: str = ""
    identity: str = ""
    region: str = ""
    rights: tuple[Right, ...] = ()
    mismatch: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    date: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Where a connection leads: an HTTP endpoint, a mail server, or neither (a command)."""

    endpoint: Endpoint | None = None
    server: SmtpServer | None = None


def line_of(project: Project, name: str) -> Line:
    """Where a connection of ``respond.toml`` leads. Only https, as for every real request.

    Raises:
        NotReadyError: The system has no address of its own, and none is given.
    """
    from respond.wiring.session import _mail_server, endpoint_of

    config = project.connections[name]
    if config.system == "command":
        return Line()
    if config.system == "email":
        return Line(server=_mail_server(config, project))
    return Line(endpoint=endpoint_of(config))


def sign_on_line(issuer: str) -> Line:
    """Where the page's identity provider is. Plain http is read from ``respond.toml`` only for
    this machine itself.
    """
    from respond.adapters.http.request import Endpoint
    from respond.formats.project.project import OIDC

    plain = issuer.startswith("http://")
    base = {"http": issuer.rstrip("/")}
    return Line(endpoint=Endpoint(OIDC, "http", base, auth="none", loopback_ok=plain))


@dataclass(slots=True)
class _Open:
    """A connection that can be looked through.

    Attributes:
        sinks: ``MOUNT/PATH`` of every sink that lies in this Vault.
    """

    config: ConnectionConfig
    line: Line
    reader: Reader | None
    secrets: Secrets
    redactor: Redactor
    sinks: tuple[str, ...] = ()
    close: Callable[[], None] = field(default=lambda: None)

    def fetch(self, surface: str, *path: str, query: Mapping[str, str] | None = None) -> Reply:
        """A harmless read. ``StepFailedError`` when there is no good answer."""
        if self.reader is None:
            raise NotReadyError(f"{self.config.name} has no address that can be read")
        call = Call(
            self.config.name, surface, "GET", path, query=tuple((query or {}).items()), timeout_s=20
        )
        return self.reader.fetch(call)


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

    if line.endpoint is None:
        return _Open(config, line, None, secrets, redactor)

    def no_run(handle: Any) -> str:
        raise NotReadyError(f"there is no run that could hold {handle}")

    http = HttpTransport(
        {config.name: line.endpoint},
        secrets,
        no_run,
        clock,
        user_agent=f"respond/{__version__}",
        redactor=redactor,
        waiting=lambda what, s: tell(f"waiting {s:.0f} s for {what}"),
    )
    return _Open(config, line, http.reader(), secrets, redactor, tuple(sinks), http.close)


# --- probing -------------------------------------------------------------------------------------


def probe(opened: _Open, part: str = "") -> Probed:
    """Try the main credential of a connection, or a further one (``app`` of ``cio/app``).

    Raises:
        NotReadyError: There is no credential to try.
    """
    system = opened.config.system
    known = _PROBES.get((system, part))
    if known is None:
        return Probed(Verdict.UNTRIED, says=_UNTRIED.get((system, part), _NO_PROBE))
    try:
        return known(opened)
    except (StepFailedError, _RefusedError) as error:
        return _failed(error)


class _RefusedError(Exception):
    """The system's own word that a credential is not valid."""

    def __init__(self, says: str, do: str = "") -> None:
        super().__init__(says)
        self.do = do


_NO_PROBE: Final = "there is no harmless request that would try it"
_UNTRIED: Final[Mapping[tuple[str, str], str]] = {
    ("customerio", "cdp"): "ingest answers yes to anything, so nothing can be tried without data",
    (
        "pagerduty",
        "events",
    ): "an integration key can only send events, and each would page somebody",
    ("http", ""): "only the service's owner knows which request is harmless",
    ("command", ""): "a command is run, not asked",
}
_UNAUTHORIZED: Final = "401"


def _failed(error: StepFailedError | _RefusedError) -> Probed:
    if isinstance(error, _RefusedError):
        return Probed(Verdict.REFUSED, says=str(error), do=error.do)
    words = f"{error.what}: {error.why}" if error.why else error.what
    refused = isinstance(error, RefusedBySystemError) and error.code == _UNAUTHORIZED
    return Probed(Verdict.REFUSED if refused else Verdict.UNCLEAR, says=words, do=error.do)


def _tried(right: Right, ask: Callable[[], object]) -> Right:
    """The right, after its read: only the system's own no is a no."""
    try:
        ask()
    except RefusedBySystemError as error:
        no = error.code in {"401", "402", "403", "missing_scope", "not_allowed_token_type"}
        allowed = Allowed.NO if no else Allowed.UNTRIED
        return replace(right, allowed=allowed, why=_short(error))
    except (NoAnswerError, NotReadyError) as error:
        return replace(right, why=_short(error))
    return replace(right, allowed=Allowed.YES)


def _short(error: RespondError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what


def _record(value: Any, *path: str) -> Mapping[str, Any]:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _text(record: Mapping[str, Any], name: str) -> str:
    """A text or number from outside as text, made showable."""
    from respond.core.showable import showable

    value = record.get(name)
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    return showable(str(value), limit=120) if plain else ""


def _differs(what: str, configured: str, seen: str, key: str, name: str) -> tuple[str, ...]:
    if not configured or not seen or configured == seen:
        return ()
    return (f"{what} is {seen}, and respond.toml says {configured} ({key} of {name})",)


# --- Customer.io ---------------------------------------------------------------------------------

_KEY_LISTS: Final = frozenset(
    {
        "customerio.identify_key", "customerio.list_keys", "customerio.revoke_key",
        "customerio.create_key", "customerio.remove_made_key", "customerio.list_suspect_keys",
        "customerio.list_member_keys", "customerio.list_exposed_keys",
    }
)  # fmt: skip
_MEMBERS: Final = frozenset(
    {
        "customerio.find_member", "customerio.remove_member", "customerio.add_member",
        "customerio.set_member_role", "customerio.await_member", "customerio.end_sessions",
    }
)  # fmt: skip
_ADMIN: Final = "the role Account Admin for the service account"


def _customerio(opened: _Open) -> Probed:
    config = opened.config
    surface = "management"
    moved: tuple[str, ...] = ()
    try:
        reply = opened.fetch(surface, "v1", "accounts", "current")
    except RefusedBySystemError as error:
        if error.code != _UNAUTHORIZED:
            raise
        other = "us" if config.region == "eu" else "eu"
        reply = _elsewhere(opened, other, error)
        surface = f"{other}/management"
        moved = _differs("the region", config.region or "us", other, "region", config.name)
    row = _record(reply.body, "account")
    number, region = _text(row, "id"), _text(row, "data_center")
    places = row.get("environment_ids")
    place = str(places[0]) if isinstance(places, list) and places else ""
    mismatch = moved or (
        *_differs("the account", config.account, number, "account", config.name),
        *_differs("the region", config.region or "us", region, "region", config.name),
    )
    return Probed(
        Verdict.ACCEPTED,
        account=number,
        account_name=_text(row, "name"),
        identity=config.identity,
        region=region,
        rights=_customerio_rights(opened, surface, number, place),
        mismatch=mismatch,
        notes=("whether the token may write is seen only when it writes",),
        date=reply.headers.get("date", ""),
    )


def _elsewhere(opened: _Open, region: str, first: RefusedBySystemError) -> Reply:
    """Ask the other region: there, too, a token of this one looks wrong."""
    try:
        return opened.fetch(f"{region}/management", "v1", "accounts", "current")
    except (StepFailedError, NotReadyError):
        raise first from None


def _customerio_rights(opened: _Open, surface: str, account: str, place: str) -> tuple[Right, ...]:
    def ask(*path: str, limit: str = "") -> Callable[[], object]:
        query = {"limit": limit} if limit else None
        return lambda: opened.fetch(surface, *path, query=query)

    rights = [
        (
            Right("see team members", _ADMIN, _MEMBERS),
            ask("v1", "accounts", account, "users"),
        ),
        (
            Right("read the account's audit log", _ADMIN, frozenset({"customerio.read_audit_log"})),
            ask("v1", "accounts", account, "audit_logs", limit="1"),
        ),
    ]
    if place:
        rights += [
            (
                Right("list App API keys", _ADMIN, _KEY_LISTS),
                ask("v1", "environments", place, "ext_api_keys"),
            ),
        ]
    # With an App API key these are looked up there first.
    if place and not opened.config.options.get("app"):
        rights += [
            (
                Right(
                    "list reporting webhooks",
                    "access to the workspace, or connect an App API key as well",
                    frozenset({"customerio.list_webhooks", "customerio.disable_webhook"}),
                ),
                ask("v1", "environments", place, "webhook_configurations"),
            ),
            (
                Right(
                    "list exports",
                    "access to the workspace, or connect an App API key as well",
                    frozenset({"customerio.list_exports"}),
                ),
                ask("v1", "environments", place, "exports"),
            ),
        ]
    return tuple(_tried(right, asked) for right, asked in rights)


def _customerio_app(opened: _Open) -> Probed:
    reply = opened.fetch("app", "v1", "workspaces")
    rows = _record(reply.body).get("workspaces")
    names = [
        f"{_text(_record(row), 'name')} ({_text(_record(row), 'id')})"
        for row in (rows if isinstance(rows, list) else [])[:5]
    ]
    exports = Right("list exports", "all scopes of the key", frozenset({"customerio.list_exports"}))
    webhooks = Right(
        "list reporting webhooks", "all scopes of the key", frozenset({"customerio.list_webhooks"})
    )
    return Probed(
        Verdict.ACCEPTED,
        account=", ".join(names),
        rights=(
            _tried(exports, lambda: opened.fetch("app", "v1", "exports")),
            _tried(webhooks, lambda: opened.fetch("app", "v1", "reporting_webhooks")),
        ),
        notes=_app_notes(opened.config),
        date=reply.headers.get("date", ""),
    )


def _app_notes(config: ConnectionConfig) -> tuple[str, ...]:
    if config.options.get("app"):
        return ()
    options = 'options = { app = true, app_workspace = "ID" }'
    return (f"it is not used until [connections.{config.name}] says {options}",)


def _customerio_track(opened: _Open) -> Probed:
    reply = opened.fetch("track", "api", "v1", "accounts", "region")
    row = _record(reply.body)
    return Probed(
        Verdict.ACCEPTED,
        account=_text(row, "environment_id"),
        region=_text(row, "region"),
        date=reply.headers.get("date", ""),
    )


# --- Slack ---------------------------------------------------------------------------------------

_POSTS: Final = frozenset(
    {"notify.persons", "slack.post_message", "slack.dm", "slack.open_incident_channel"}
)
_ROOMS: Final = frozenset(
    {"slack.open_incident_channel", "slack.gather_people", "slack.archive_incident_channel"}
)
_SLACK_RIGHTS: Final = (
    Right("post messages", "chat:write", _POSTS),
    Right("write to a person", "im:write", frozenset({"notify.persons", "slack.dm"})),
    Right(
        "find people by e-mail",
        "users:read.email",
        frozenset({"notify.persons", "slack.find_person", "slack.dm", "slack.gather_people"}),
    ),
    Right("see people", "users:read", frozenset({"slack.find_person", "slack.gather_people"})),
    Right("see channels", "channels:read", _ROOMS | {"slack.post_message"}),
    Right("make private channels", "groups:write", _ROOMS),
)
_SLACK_READS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "users:read.email": ("users.lookupByEmail", {"email": "nobody@example.com"}),
    "users:read": ("users.list", {"limit": "1"}),
    "channels:read": ("conversations.list", {"limit": "1"}),
}
"""Reads for a token whose scopes the answer does not list."""

_SLACK_DEAD: Final = frozenset(
    {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"}
)


def _slack(opened: _Open) -> Probed:
    reply = opened.fetch("api", "auth.test")
    row = _record(reply.body)
    if row.get("ok") is not True:
        code = _text(row, "error") or "no reason"
        if code in _SLACK_DEAD:
            raise _RefusedError(f"Slack says {code}", "mint a new bot token")
        return Probed(Verdict.UNCLEAR, says=f"Slack answered {code} to auth.test")
    config = opened.config
    team = _text(row, "team_id")
    scopes = reply.headers.get("x-oauth-scopes", "")
    too_much = [s for s in scopes.replace(" ", "").split(",") if s.startswith("admin")]
    return Probed(
        Verdict.ACCEPTED,
        account=team,
        account_name=_text(row, "team"),
        identity=_text(row, "user"),
        rights=tuple(_slack_right(opened, right, scopes) for right in _SLACK_RIGHTS),
        mismatch=_differs("the workspace", config.account, team, "account", config.name),
        notes=tuple(f"it holds {scope}, which a notifier should not" for scope in too_much[:3]),
        date=reply.headers.get("date", ""),
    )


def _slack_right(opened: _Open, right: Right, scopes: str) -> Right:
    if scopes:
        has = right.grant in scopes.replace(" ", "").split(",")
        return replace(right, allowed=Allowed.YES if has else Allowed.NO)
    if right.grant not in _SLACK_READS:
        return replace(right, why="it can only be seen by writing")
    method, query = _SLACK_READS[right.grant]

    def ask() -> None:
        row = _record(opened.fetch("api", method, query=query).body)
        code = _text(row, "error")
        if row.get("ok") is not True and code != "users_not_found":
            raise RefusedBySystemError(f"Slack answered {code} to {method}", code=code)

    return _tried(right, ask)


# --- PagerDuty -----------------------------------------------------------------------------------


def _pagerduty(opened: _Open) -> Probed:
    reply = opened.fetch("rest", "abilities")
    config = opened.config
    one = {"limit": "1"}
    incidents = frozenset(
        {
            "pagerduty.find_incident", "pagerduty.get_context", "pagerduty.note",
            "pagerduty.set_status",
        }
    )  # fmt: skip
    rights = (
        _tried(
            Right("see incidents", "read access to incidents", incidents),
            lambda: opened.fetch("rest", "incidents", query=one),
        ),
        _tried(
            Right(
                "see who is on call",
                "read access to schedules and escalation policies",
                frozenset({"pagerduty.who_is_on_call"}),
            ),
            lambda: opened.fetch("rest", "oncalls", query=one),
        ),
    )
    sender = str(config.options.get("from") or "")
    notes = ["whether the key may write is seen only when it writes"]
    if not sender:
        notes.append(
            'a general access key cannot write without options = { from = "A USER\'S E-MAIL" }'
        )
    return Probed(
        Verdict.ACCEPTED,
        account=config.account,
        identity=sender,
        region=config.region or "us",
        rights=rights,
        notes=tuple(notes),
        date=reply.headers.get("date", ""),
    )


# --- Vault, mail ---------------------------------------------------------------------------------


def _vault(opened: _Open) -> Probed:
    try:
        reply = opened.fetch("http", "v1", "auth", "token", "lookup-self")
    except RefusedBySystemError as error:
        if error.code == "403":
            # A token that lives may look itself up, unless its policy was cut below the default.
            raise _RefusedError(
                "Vault answered 403 to a look at the token itself: it is dead or not a token",
                "mint a new token, or give its policy read on auth/token/lookup-self",
            ) from error
        raise
    row = _record(reply.body, "data")
    policies = row.get("policies")
    ttl = row.get("ttl")
    notes = [] if not isinstance(ttl, int) or ttl == 0 else [f"it lives for another {_span(ttl)}"]
    if isinstance(policies, list) and "root" in policies:
        notes.append("it is a root token; a token with one policy for the sinks is enough")
    return Probed(
        Verdict.ACCEPTED,
        account=opened.config.account,
        identity=_text(row, "display_name"),
        rights=tuple(_vault_right(opened, sink) for sink in opened.sinks),
        notes=tuple(notes),
        date=reply.headers.get("date", ""),
    )


def _vault_right(opened: _Open, sink: str) -> Right:
    right = Right(
        f"reach the sink {sink}",
        f"create, update, read and patch on the data path of {sink}",
        frozenset({"customerio.create_key", "sink.check"}),
    )
    path = ("v1", "sys", "internal", "ui", "mounts", *sink.split("/"))
    return _tried(right, lambda: opened.fetch("http", *path))


def _span(seconds: int) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _email(opened: _Open) -> Probed:
    from respond.adapters.smtp import log_in

    server = opened.line.server
    if server is None or not server.host:
        return Probed(
            Verdict.UNCLEAR,
            says="there is no mail server",
            do="set smtp_host under [notify], or options.host of the connection",
        )
    try:
        log_in(server, opened.secrets, opened.redactor, timeout_s=10)
    except RefusedBySystemError as error:
        if error.code == "535":
            raise _RefusedError(_short(error), "give the user's password anew") from error
        raise
    login = f"as {server.user}" if server.user else "without logging in"
    return Probed(
        Verdict.ACCEPTED,
        account=f"{server.host}:{server.port}",
        identity=server.user,
        notes=(f"the server was greeted {login}; no mail was sent",),
    )


_PROBES: Final[Mapping[tuple[str, str], Callable[[_Open], Probed]]] = {
    ("customerio", ""): _customerio,
    ("customerio", "app"): _customerio_app,
    ("customerio", "track"): _customerio_track,
    ("slack", ""): _slack,
    ("pagerduty", ""): _pagerduty,
    ("vault", ""): _vault,
    ("email", ""): _email,
}
