"""Read GitHub's secret scanning webhooks; every other event of GitHub is news.

The name of the event and the delivery's id stand in headers, which the signature does not cover:
what they say counts only with a body of that shape. The secret itself is never in it: ``missed``
and ``enrich`` never ask for it, and do not keep it where a server shows it all the same.

Source: GitHub documentation, "Webhook events and payloads".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from respond.core.incoming import Incoming, Means
from respond.core.inputs import timestamp_from
from respond.core.records import replace
from respond.errors import StepFailedError, UsageError
from respond.senders.asking import A_PAGE, Asking, Unsent, plain_id, unexpected
from respond.senders.fields import (
    Labels,
    dotted,
    event_id,
    identifier,
    key,
    link,
    moment,
    record,
    text,
    texts,
)
from respond.senders.headers import word
from respond.senders.model import Letter, Options, Sender
from respond.senders.providers import provider_of
from respond.senders.refusals import UnusableError
from respond.senders.signatures import HmacHeader, plain
from respond.systems.vendor import Waits

__all__ = ["SENDER", "enrich", "missed", "read"]

_ALERT: Final = "secret_scanning_alert"
_BEGINS: Final = frozenset({"created", "publicly_leaked", "reopened"})


def read(letter: Letter) -> tuple[Incoming, ...]:
    """Read the one event that the headers name."""
    event = event_id(word(letter.headers, "x-github-event"), "X-GitHub-Event")
    delivery = event_id(word(letter.headers, "x-github-delivery"), "X-GitHub-Delivery")
    body = record(letter.payload)
    action = identifier(body.get("action"))
    alert = record(body.get("alert"))
    number = identifier(alert.get("number")) if event.startswith(_ALERT) else ""
    if event == _ALERT and not number:
        raise UnusableError("it has no alert.number")
    labels = _labels(body, alert) if number else Labels()
    return (
        Incoming(
            key=key(delivery),
            about=_about(body, number) or key("event", delivery),
            type=f"{event}.{action}" if action else event,
            means=_means(event, action, alert),
            title=_title(alert, labels) if number else "",
            status=text(alert.get("state")),
            severity="",
            service=labels.get("repository"),
            at=moment(alert.get("updated_at")) or moment(alert.get("created_at")),
            url=labels.get("html_url"),
            labels=labels.done(),
            body=dict(body),
        ),
    )


def _means(event: str, action: str, alert: Any) -> Means:
    if event == "ping":
        return Means.TEST
    if event != _ALERT:
        return Means.GOES_ON
    if action in _BEGINS or (action == "validated" and alert.get("validity") == "active"):
        return Means.BEGINS
    return Means.IS_OVER if action == "resolved" else Means.GOES_ON


def _about(body: Any, number: str) -> str:
    """Name alert and repository; a number alone is another alert in every repository."""
    owner, slash, name = identifier(dotted(body, "repository.full_name")).partition("/")
    return key("secret", owner, name, number) if slash and number else ""


def _title(alert: Any, labels: Labels) -> str:
    kind = text(alert.get("secret_type_display_name")) or labels.get("secret_type")
    where = labels.get("repository")
    return text(f"{kind or 'Secret'} in {where}" if where else kind)


def _labels(body: Any, alert: Any) -> Labels:
    labels = Labels()
    labels.put("repository", dotted(body, "repository.full_name"))
    labels.put("organization", dotted(body, "organization.login"))
    for name in ("number", "secret_type", "validity", "resolution", "publicly_leaked"):
        labels.put(name, alert.get(name))
    labels.put("html_url", link(alert.get("html_url")))
    labels.put("provider", provider_of(text(alert.get("secret_type"))))
    return labels


# --- what was missed ----------------------------------------------------------------------------

_ALERT_FIELDS: Final = (
    "number", "created_at", "updated_at", "url", "html_url", "locations_url", "state",
    "resolution", "resolved_at", "secret_type", "secret_type_display_name", "validity",
    "push_protection_bypassed", "publicly_leaked", "multi_repo",
)  # fmt: skip
"""What is taken of an alert: an old server shows ``secret`` even when told to hide it."""

_VERSION: Final = (("X-GitHub-Api-Version", "2022-11-28"),)
_HIDDEN: Final = (("hide_secret", "true"),)
_UNSENT: Final = ((b"x-github-event", _ALERT.encode()), (b"x-github-delivery", b"api"))
_REPOSITORY: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,99})/([A-Za-z0-9._-]{1,100})")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_LOCATIONS_MAX: Final = 20


def missed(asked: Asking, options: Options, since_s: int) -> Iterator[Unsent]:
    """The open alerts, latest change first.

    Source: GitHub REST reference, "List secret scanning alerts" for an organization and for a
    repository.
    """
    path, repository = _where_alerts_are(options)
    query = (
        ("state", "open"),
        ("sort", "updated"),
        ("direction", "desc"),
        ("per_page", str(A_PAGE)),
        *_HIDDEN,
    )
    for row in asked.rows(asked.call(*path, query=query, headers=_VERSION)):
        changed_s = _seconds(row.get("updated_at"))
        if changed_s is not None and changed_s < since_s:
            break
        # One that never changed says nothing about the rest of the list.
        made_s = _seconds(row.get("created_at"))
        if changed_s is None and made_s is not None and made_s < since_s:
            continue
        own = row.get("repository")
        named = own.get("full_name") if isinstance(own, dict) else repository
        is_new = made_s is None or made_s >= since_s
        yield _unsent(row, named, "created" if is_new else _what_happened(row))


def _where_alerts_are(options: Options) -> tuple[tuple[str, ...], str]:
    repository = options.get("repository")
    if isinstance(repository, str) and (split := _REPOSITORY.fullmatch(repository)):
        return ("repos", split[1], split[2], "secret-scanning", "alerts"), repository
    if organization := plain_id(options.get("org")):
        return ("orgs", organization, "secret-scanning", "alerts"), ""
    raise UsageError(
        "a source of GitHub does not say whose alerts to ask for",
        do='add options = { org = "..." } or { repository = "owner/name" } to the source',
    )


def _what_happened(row: Mapping[str, Any]) -> str:
    """The action of the webhook that would have told it, as far as the alert lets us know."""
    if row.get("publicly_leaked") is True:
        return "publicly_leaked"
    return "validated" if row.get("validity") == "active" else "reopened"


def _unsent(row: Mapping[str, Any], repository: Any, action: str) -> Unsent:
    alert = {name: row[name] for name in _ALERT_FIELDS if name in row}
    return {"action": action, "alert": alert, "repository": {"full_name": repository}}, _UNSENT


def _seconds(value: Any) -> float | None:
    """Unix seconds of an RFC 3339 time, or None."""
    plain = timestamp_from(value) if isinstance(value, str) else None
    return None if plain is None else datetime.fromisoformat(plain).timestamp()


# --- what a webhook leaves out ------------------------------------------------------------------


def enrich(asked: Asking, event: Incoming) -> Incoming:
    """The alert as it is now, and where the secret stands.

    Source: GitHub REST reference, "Get a secret scanning alert" and "List locations for a secret
    scanning alert".
    """
    repository = _REPOSITORY.fullmatch(event.labels.get("repository", ""))
    number = event.labels.get("number", "")
    if repository is None or not _NUMBER.fullmatch(number):
        return event
    path = ("repos", repository[1], repository[2], "secret-scanning", "alerts", number)
    call = asked.call(*path, query=_HIDDEN, headers=_VERSION)
    _, _, action = event.type.partition(".")
    now = asked.reread(call, _unsent(asked.record(call), repository[0], action))
    if now.about != event.about:
        raise unexpected(call)
    return replace(
        event,
        title=now.title or event.title,
        status=now.status or event.status,
        at=event.at or now.at,
        url=now.url or event.url,
        labels={**event.labels, **now.labels, **_locations(asked, path)},
    )


def _locations(asked: Asking, path: tuple[str, ...]) -> dict[str, str]:
    query = (("per_page", str(_LOCATIONS_MAX)),)
    try:
        rows, more = asked.page(asked.call(*path, "locations", query=query, headers=_VERSION))
    except StepFailedError as error:
        asked.note(error.what)
        return {}
    if more:
        asked.note(f"the secret stands in more than {_LOCATIONS_MAX} places")
    places = [place for place in map(_location, rows[:_LOCATIONS_MAX]) if place]
    return texts([("location", places[0]), ("locations", "\n".join(places))] if places else [])


def _location(row: Mapping[str, Any]) -> str:
    """``path:line``, or what kind of talk it stands in."""
    path, line = dotted(row, "details.path"), dotted(row, "details.start_line")
    if not isinstance(path, str) or not path:
        return plain_id(row.get("type"))
    return f"{path}:{line}" if isinstance(line, int) and not isinstance(line, bool) else path


SENDER: Final = Sender(
    name="github",
    title="GitHub secret scanning",
    scheme=HmacHeader("x-hub-signature-256", prefix=b"sha256=", id_header="x-github-delivery"),
    reader=read,
    patience_s=10,
    set_up="webhook: this address, content type application/json, the secret, and the events "
    "of secret scanning alerts alone",
    ours=plain,
    api="https://api.github.com",
    # Source: GitHub REST API, "Rate limits": 403 or 429, and every answer has the two headers.
    waits=Waits(
        seconds=("retry-after",),
        epoch=("x-ratelimit-reset",),
        if_told=frozenset({403}),
        spent=("x-ratelimit-remaining",),
    ),
    simulated="respond.company.github",
    body_max=5 << 20,
    missed=missed,
    enrich=enrich,
)
