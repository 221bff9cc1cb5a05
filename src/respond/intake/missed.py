"""Ask a sender's own API for what its webhooks leave out: whole deliveries, and details.

GitHub and GitGuardian try once, so ``missed`` lists what they have. PagerDuty, incident.io and
GitHub say little in a webhook, so ``enrich`` looks the thing up. Everything here is a read, sent by
a ``Reader``; nothing could write. What comes back is put into the shape of the sender's webhook and
read by the sender's own reader, so that a thing is the same thing whichever way it came. The secret
that was found is never asked for, and not kept where a server shows it all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from respond.core.incoming import Incoming, Means
from respond.core.inputs import timestamp_from
from respond.core.script import Call, Reply
from respond.core.showable import showable
from respond.errors import NotReadyError, StepFailedError, UsageError
from respond.ports import Reader
from respond.senders import SENDERS, UnusableError

if TYPE_CHECKING:
    from respond.formats.project.project_file import SourceConfig

__all__ = ["PAGES_MAX", "Enriched", "enrich", "missed"]

PAGES_MAX: Final = 10
_PATIENCE_S: Final = 5
_A_PAGE: Final = 100
_ALERTS_MAX: Final = 25
_LOCATIONS_MAX: Final = 20
_LABELS_MAX: Final = 200
_NAME_MAX: Final = 200
_TEXT_MAX: Final = 4_000
_ITEMS_MAX: Final = 50
_LINK_MAX: Final = 8_192

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REPOSITORY: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,99})/([A-Za-z0-9._-]{1,100})")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_LINKED: Final = re.compile(r"<([^<>]{1,2000})>([^<>]{0,200})")
_NEXT: Final = re.compile(r';\s*rel\s*=\s*"?next"?\s*(?:[;,]|\Z)')
_CURSORS: Final = frozenset({"page", "after", "cursor"})
_CURSOR: Final = re.compile(r"[!-~]{1,500}")

_ALERT_FIELDS: Final = (
    "number", "created_at", "updated_at", "url", "html_url", "locations_url", "state",
    "resolution", "resolved_at", "secret_type", "secret_type_display_name", "validity",
    "push_protection_bypassed", "publicly_leaked", "multi_repo",
)  # fmt: skip
"""What is taken of a GitHub alert: an old server shows ``secret`` even when told to hide it."""

_GITHUB_HEADERS: Final = (("X-GitHub-Api-Version", "2022-11-28"),)
_STANDARD_HEADERS: Final = ((b"webhook-id", b"api"), (b"webhook-signature", b""))


@dataclass(frozen=True, slots=True)
class Enriched:
    """An event with what could be found out about it.

    Attributes:
        event: The same event; where nothing was found out, exactly as it came.
        note: What could not be found out and why, or empty. Showable.
    """

    event: Incoming
    note: str = ""


def missed(
    reader: Reader,
    source_name: str,
    sender: str,
    options: Mapping[str, Any],
    since_s: int,
    *,
    note: Callable[[str], None] | None = None,
) -> list[Incoming]:
    """What a sender that delivers once has found or changed since, as its webhook would tell it.

    A thing that came by webhook too is about the same, and joins. What the API does not tell
    (which change it was) is told so that a run may be proposed: an open alert too much costs a
    look, one too few the incident.

    Args:
        options: Of the source; GitHub's needs ``org`` or ``repository``.
        since_s: Unix seconds; ask again with the same when this fails.
        note: Told what was left out: entries that cannot be read, and more than 1,000.

    Raises:
        UsageError: The options do not say where to look.
        StepFailedError, NotReadyError: The API did not answer; nothing is known.
    """
    asked = _Asked(reader, source_name, sender, note or _unheard)
    match sender:
        case "github":
            return _missed_alerts(asked, options, since_s)
        case "gitguardian":
            return _missed_incidents(asked, since_s)
        case _:
            return []


def enrich(reader: Reader, source: SourceConfig, event: Incoming) -> Enriched:
    """Look up what the webhook does not say. It never fails: the note says why nothing came."""
    finder = _FINDERS.get(source.sender)
    can_ask = source.connection or f"{source.name}/token" in source.references
    if finder is None or not can_ask or event.means is Means.TEST:
        return Enriched(event)
    notes: list[str] = []
    connection, surface = _place(source)
    asked = _Asked(reader, connection, surface, notes.append)
    try:
        event = finder(asked, event)
    except (StepFailedError, NotReadyError) as error:
        notes.append(error.what)
    return Enriched(event, showable("; ".join(notes), limit=500))


def _place(source: SourceConfig) -> tuple[str, str]:
    """Connection and surface of the lookups: the source's own token, or a connection's."""
    if not source.connection:
        return source.name, source.sender
    # A connection of PagerDuty has surfaces of its own; for the others it is a plain http one.
    return source.connection, "rest" if source.sender == "pagerduty" else ""


# --- asking -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where questions go, and who is told what they leave open."""

    reader: Reader
    connection: str
    surface: str
    note: Callable[[str], None]

    def call(
        self,
        *path: str,
        query: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Call:
        return Call(
            self.connection, self.surface, "GET", path, query, headers, timeout_s=_PATIENCE_S
        )

    def record(self, call: Call) -> Mapping[str, Any]:
        """The object that answers a call. Raises StepFailedError for anything else."""
        body = self.reader.fetch(call).body
        if not isinstance(body, dict):
            raise _unexpected(call)
        return body

    def rows(self, call: Call) -> Iterator[Mapping[str, Any]]:
        """The objects of all pages, in order; after the last page that is asked for, a note."""
        for _ in range(PAGES_MAX):
            reply = self.reader.fetch(call)
            yield from _records(call, reply)
            cursor = _cursor(reply.headers.get("link", ""))
            if not cursor:
                return
            kept = tuple(pair for pair in call.query if pair[0] not in cursor)
            call = replace(call, query=(*kept, *cursor.items()))
        self.note(f"{self.connection} has more than {PAGES_MAX} pages; the rest was not read")


def _records(call: Call, reply: Reply) -> list[Mapping[str, Any]]:
    if not isinstance(reply.body, list) or len(reply.body) > _A_PAGE:
        raise _unexpected(call)
    return [row for row in reply.body if isinstance(row, dict)]


def _cursor(header: str) -> dict[str, str]:
    """What leads to the next page. Of the link only that is taken: it must not choose the host."""
    for url, parameters in _LINKED.findall(header[:_LINK_MAX]):
        if _NEXT.search(parameters):
            try:
                pairs = parse_qsl(urlsplit(url).query, max_num_fields=20)
            except ValueError:
                return {}
            return {k: v for k, v in pairs if k in _CURSORS and _CURSOR.fullmatch(v)}
    return {}


def _unexpected(call: Call) -> StepFailedError:
    what = f"{call.connection} answered {call.says} with something unexpected"
    return StepFailedError(showable(what), request=call.says)


def _unheard(_: str) -> None:
    """Nobody wants to know."""


def _reread(
    sender: str, payload: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]] = ()
) -> Incoming:
    """What the sender's reader makes of a webhook that was never sent; may raise UnusableError."""
    body = json.dumps(payload, ensure_ascii=True).encode()
    return SENDERS[sender].events({}, headers, body)[0]


def _as_from_api(event: Incoming) -> Incoming:
    """An event under a key of its own: the same state of the same thing is one event."""
    return replace(event, key=f"api/{event.about}/{event.at or event.status}")


# --- what was missed ----------------------------------------------------------------------------


def _missed_alerts(asked: _Asked, options: Mapping[str, Any], since_s: int) -> list[Incoming]:
    """GitHub's open alerts, latest change first.

    Source: GitHub REST reference, "List secret scanning alerts" for an organization and for a
    repository.
    """
    path, repository = _where_alerts_are(options)
    query = (
        ("state", "open"),
        ("sort", "updated"),
        ("direction", "desc"),
        ("per_page", str(_A_PAGE)),
        ("hide_secret", "true"),
    )
    found: list[Incoming] = []
    for row in asked.rows(asked.call(*path, query=query, headers=_GITHUB_HEADERS)):
        changed_s = _seconds(row.get("updated_at"))
        if changed_s is not None and changed_s < since_s:
            break
        # One that never changed says nothing about the rest of the list.
        made_s = _seconds(row.get("created_at"))
        if changed_s is None and made_s is not None and made_s < since_s:
            continue
        own = row.get("repository")
        named = own.get("full_name") if isinstance(own, dict) else repository
        action = _what_happened(row, since_s)
        _take(asked, found, partial(_alert_event, row, named, action))
    return found


def _where_alerts_are(options: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    organization, repository = options.get("org"), options.get("repository")
    if isinstance(repository, str) and (split := _REPOSITORY.fullmatch(repository)):
        return ("repos", split[1], split[2], "secret-scanning", "alerts"), repository
    if isinstance(organization, str) and _ID.fullmatch(organization):
        return ("orgs", organization, "secret-scanning", "alerts"), ""
    raise UsageError(
        "a source of GitHub does not say whose alerts to ask for",
        do='add options = { org = "..." } or { repository = "owner/name" } to the source',
    )


def _what_happened(row: Mapping[str, Any], since_s: int) -> str:
    """The action of the webhook that would have told it, as far as the alert lets us know."""
    made_s = _seconds(row.get("created_at"))
    if made_s is None or made_s >= since_s:
        return "created"
    if row.get("publicly_leaked") is True:
        return "publicly_leaked"
    return "validated" if row.get("validity") == "active" else "reopened"


def _alert_event(row: Mapping[str, Any], repository: Any, action: str) -> Incoming:
    alert = {name: row[name] for name in _ALERT_FIELDS if name in row}
    payload: dict[str, Any] = {
        "action": action,
        "alert": alert,
        "repository": {"full_name": repository},
    }
    headers = (
        (b"x-github-event", b"secret_scanning_alert"),
        (b"x-github-delivery", b"api"),
    )
    return _reread("github", payload, headers)


def _missed_incidents(asked: _Asked, since_s: int) -> list[Incoming]:
    """GitGuardian's triggered incidents. One that is old and came back has its old date there.

    Source: GitGuardian API reference, "List secret incidents".
    """
    query = (
        ("status", "TRIGGERED"),
        ("date_after", datetime.fromtimestamp(since_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("per_page", str(_A_PAGE)),
    )
    found: list[Incoming] = []
    for row in asked.rows(asked.call("v1", "incidents", "secrets", query=query)):
        _take(asked, found, partial(_incident_event, row))
    return found


def _incident_event(row: Mapping[str, Any]) -> Incoming:
    status = row.get("status")
    told = {
        "status": status.lower() if isinstance(status, str) else None,
        "occurrence_count": row.get("occurrences_count"),
    }
    payload = {
        "source": "GitGuardian",
        "timestamp": row.get("triggered_at") or row.get("date"),
        "action": "incident_regression" if row.get("regression") is True else "incident_triggered",
        "message": "",
        "incident": {**row, **told},
    }
    return _reread("gitguardian", payload)


def _take(asked: _Asked, found: list[Incoming], make: Callable[[], Incoming]) -> None:
    try:
        found.append(_as_from_api(make()))
    except UnusableError as error:
        asked.note(f"an entry of {asked.connection} was left out: {showable(str(error))}")


def _seconds(value: Any) -> float | None:
    """Unix seconds of an RFC 3339 time, or None."""
    plain = timestamp_from(value) if isinstance(value, str) else None
    return None if plain is None else datetime.fromisoformat(plain).timestamp()


# --- what a webhook leaves out ------------------------------------------------------------------


def _find_pagerduty(asked: _Asked, event: Incoming) -> Incoming:
    """Custom details of the incident's alerts, and its custom fields.

    Anybody who may trigger an alert writes its details: they never take the place of what the
    webhook itself says.

    Source: PagerDuty REST reference, "List alerts for an incident" and "Get Custom Field Values".
    """
    own_id = _id_in(event)
    if not own_id:
        return event
    call = asked.call("incidents", own_id, "alerts", query=(("limit", str(_ALERTS_MAX)),))
    body = asked.record(call)
    if body.get("more") is True:
        asked.note(f"the incident has more than {_ALERTS_MAX} alerts; the rest was not read")
    found = _agreed(asked, [_details(alert) for alert in _list(body.get("alerts"))])
    found = {**found, **_pagerduty_fields(asked, own_id)}
    labels = _joined(asked, event.labels, found)
    return replace(event, labels=labels, runbook=event.runbook or labels.get("runbook", ""))


def _pagerduty_fields(asked: _Asked, own_id: str) -> dict[str, str]:
    """The incident's custom fields; an account without them has nothing to lose."""
    try:
        body = asked.record(asked.call("incidents", own_id, "custom_fields", "values"))
    except StepFailedError as error:
        asked.note(error.what)
        return {}
    pairs = (
        (field.get("name"), field.get("value"))
        for field in _list(body.get("custom_fields"))
        if isinstance(field, dict)
    )
    return _flat_texts({name: value for name, value in pairs if isinstance(name, str)})


def _details(alert: Any) -> dict[str, str]:
    body = alert.get("body") if isinstance(alert, dict) else None
    details = body.get("details") if isinstance(body, dict) else None
    return _flat_texts(details if isinstance(details, dict) else {"details": details})


def _agreed(asked: _Asked, told: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What no alert of the incident contradicts: of two keys, neither is guessed."""
    found: dict[str, str] = {}
    disputed: set[str] = set()
    for one in told:
        disputed |= {name for name, value in one.items() if found.get(name, value) != value}
        found = {**one, **found}
    if disputed:
        names = ", ".join(sorted(disputed)[:_ITEMS_MAX])
        asked.note(f"the incident's alerts do not agree about {names}")
    return {name: value for name, value in found.items() if name not in disputed}


def _find_incidentio(asked: _Asked, event: Incoming) -> Incoming:
    """A private incident, whose webhook holds its id alone.

    Source: incident.io API reference, "Show an incident", version 2.
    """
    own_id = _id_in(event)
    if not own_id or not event.type.startswith("private_incident."):
        return event
    call = asked.call("v2", "incidents", own_id)
    incident = asked.record(call).get("incident")
    if not isinstance(incident, dict) or incident.get("id") != own_id:
        raise _unexpected(call)
    payload = {"event_type": event.type, event.type: incident}
    try:
        whole = _reread("incidentio", payload, _STANDARD_HEADERS)
    except UnusableError as error:
        raise _unexpected(call) from error
    return replace(whole, key=event.key, about=event.about)


def _find_github(asked: _Asked, event: Incoming) -> Incoming:
    """The alert as it is now, and where the secret stands.

    Source: GitHub REST reference, "Get a secret scanning alert" and "List locations for a secret
    scanning alert".
    """
    repository = _REPOSITORY.fullmatch(event.labels.get("repository", ""))
    number = event.labels.get("number", "")
    if repository is None or not _NUMBER.fullmatch(number):
        return event
    path = ("repos", repository[1], repository[2], "secret-scanning", "alerts", number)
    hidden = (("hide_secret", "true"),)
    call = asked.call(*path, query=hidden, headers=_GITHUB_HEADERS)
    _, _, action = event.type.partition(".")
    try:
        now = _alert_event(asked.record(call), repository[0], action)
    except UnusableError as error:
        raise _unexpected(call) from error
    if now.about != event.about:
        raise _unexpected(call)
    return replace(
        event,
        title=now.title or event.title,
        status=now.status or event.status,
        at=event.at or now.at,
        url=now.url or event.url,
        labels={**event.labels, **now.labels, **_locations(asked, path)},
    )


def _locations(asked: _Asked, path: tuple[str, ...]) -> dict[str, str]:
    query = (("per_page", str(_LOCATIONS_MAX)),)
    call = asked.call(*path, "locations", query=query, headers=_GITHUB_HEADERS)
    try:
        reply = asked.reader.fetch(call)
        rows = _records(call, reply)[:_LOCATIONS_MAX]
    except StepFailedError as error:
        asked.note(error.what)
        return {}
    if _cursor(reply.headers.get("link", "")):
        asked.note(f"the secret stands in more than {_LOCATIONS_MAX} places")
    places = [place for place in map(_location, rows) if place]
    if not places:
        return {}
    return _flat_texts({"location": places[0], "locations": "\n".join(places)})


def _location(row: Mapping[str, Any]) -> str:
    """``path:line``, or what kind of talk it stands in."""
    details = row.get("details")
    path = details.get("path") if isinstance(details, dict) else None
    if not isinstance(path, str) or not path or not isinstance(details, dict):
        kind = row.get("type")
        return kind if isinstance(kind, str) and _ID.fullmatch(kind) else ""
    line = details.get("start_line")
    return f"{path}:{line}" if isinstance(line, int) and not isinstance(line, bool) else path


_FINDERS: Final[Mapping[str, Callable[[_Asked, Incoming], Incoming]]] = {
    "pagerduty": _find_pagerduty,
    "incidentio": _find_incidentio,
    "github": _find_github,
}


# --- texts --------------------------------------------------------------------------------------


def _id_in(event: Incoming) -> str:
    """The id of the incident that an event is about; empty when it has none of the usual form."""
    kind, _, own_id = event.about.partition("/")
    return own_id if kind == "incident" and _ID.fullmatch(own_id) else ""


def _list(value: Any) -> list[Any]:
    return value[:_A_PAGE] if isinstance(value, list) else []


def _flat_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Every field that is a text, number, truth value, or a list of such; the rest is no label."""
    found = {name: _flat(value) for name, value in values.items() if 0 < len(name) <= _NAME_MAX}
    return {name: text for name, text in found.items() if text}


def _flat(value: Any) -> str:
    match value:
        case str():
            # The dots make a cut value a different one: it must not pass for a whole.
            return value if len(value) <= _TEXT_MAX else f"{value[: _TEXT_MAX - 3]}..."
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list():
            items = [_flat(item) for item in value[:_ITEMS_MAX] if not isinstance(item, list)]
            return _flat(", ".join(filter(None, items)))
        case _:
            return ""


def _joined(asked: _Asked, own: Mapping[str, str], further: Mapping[str, str]) -> dict[str, str]:
    """An event's own labels, all of them as they are, and further ones as far as there is room."""
    new = [pair for pair in further.items() if pair[0] not in own]
    room = max(0, _LABELS_MAX - len(own))
    if len(new) > room:
        asked.note(f"{len(new) - room} of {len(new)} further labels were left out")
    return {**own, **dict(new[:room])}
