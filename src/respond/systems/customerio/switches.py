"""What data comes in and goes out by, and how it is shut: reporting webhooks, Pipelines sources.

A webhook is a quiet way out; to stop a source is the blunt way to contain a write key that cannot
be taken away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from msgspec import structs

from respond.core.records import Frozen, replace
from respond.core.script import (
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Person,
    Read,
    Reply,
    Script,
    Undo,
    Write,
    action,
    gather,
)
from respond.core.shapes import Timestamp
from respond.systems.customerio.evidence import read_log
from respond.systems.customerio.facts import (
    SETTING_SETTLE_S,
    KeyId,
    KeyRef,
    WebhookId,
    account_line,
    by_api,
    epoch,
    id_of,
    link,
    number,
    told,
    webhook_place,
)
from respond.systems.customerio.reading import (
    NOWHERE,
    SOURCES,
    SourceRow,
    WorkspaceRow,
    altered,
    counted,
    workspaces,
)
from respond.systems.customerio.vendor import VENDOR
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import KEPT, Thing, at, rows

__all__ = [
    "ACTIONS",
    "DisableSource",
    "DisableWebhook",
    "EnableSource",
    "EnableWebhook",
    "ListWebhooks",
    "SourceState",
    "Webhook",
    "WebhookList",
    "WebhookState",
    "webhooks_of",
]

APP: Final = "app"
"""Stands for the workspace where only our App API key can see it."""

_UNSEEN: Final = frozenset({403, 404})


def _events(found: Any) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()


class WebhookRow(Frozen):
    """A reporting webhook.

    ``endpoint`` and ``events`` are in it because the vendor wants them back with every change.
    """

    id: WebhookId = told("key.id", lambda row, what: WebhookId(id_of(row, what)))
    name: str = at("name", read=lambda text: str(text or ""))
    endpoint: str = at("endpoint", read=lambda text: str(text or ""))
    events: tuple[str, ...] = at("events", read=_events)
    disabled: bool = at("disabled", read=lambda value: value is True)
    full_resolution: bool = at("full_resolution", read=lambda value: value is True)
    with_content: bool = at("with_content", read=lambda value: value is True)

    @property
    def host(self) -> str:
        """Where it sends to. The rest of an address may be a password."""
        try:
            return urlsplit(self.endpoint).hostname or "?"
        except ValueError:
            return "?"


_Rows: TypeAlias = tuple[WebhookRow, ...]


def _list_of(place: str) -> Thing[_Rows]:
    """The webhooks of a workspace."""
    surface = "management"
    path: tuple[str, ...] = ("v1", "environments", place, "webhook_configurations")
    if place == APP:
        path, surface = ("v1", "reporting_webhooks"), APP

    def parse(replies: Sequence[Reply]) -> _Rows:
        found = rows(WebhookRow, path[-1])(replies)
        return tuple(replace(row, id=WebhookId(f"webhook/{place}/{row.id}")) for row in found)

    name = f"webhooks/{place}"
    settle_s = SETTING_SETTLE_S
    return Thing(VENDOR, name, path, parse, settle_s=settle_s, surface=surface, evidence=KEPT)


def _webhooks(me: Me, place: str) -> Read[_Rows | None]:
    """Look at them; None where we may not."""
    return _list_of(place).unless(_UNSEEN, None, me.connection)


class Webhook(Frozen):
    """A reporting webhook, as people see it.

    Attributes:
        host: Where it sends to.
        with_content: Whole messages go there, not only what became of them.
    """

    id: WebhookId
    name: str
    host: str
    disabled: bool
    with_content: bool
    workspace: str


def webhooks_of(
    me: Me, places: Sequence[WorkspaceRow]
) -> Looking[tuple[tuple[Webhook, ...], tuple[str, ...]]]:
    """All of them, and a line for each workspace where they could not be looked at."""
    found: list[Webhook] = []
    unseen: list[WorkspaceRow] = []
    lists = yield from gather(_webhooks(me, place.id) for place in places)
    for place, seen in zip(places, lists, strict=True):
        if seen is None:
            unseen.append(place)
        found.extend(_shown(row, place) for row in seen or ())
    if len(unseen) == len(places) and me.connection.options.get("app"):
        found.extend(_shown(row, NOWHERE) for row in (yield from _webhooks(me, APP)) or ())
    return tuple(found), tuple(f"UNSEEN reporting webhooks of {place.name}" for place in unseen)


class WebhookList(Frozen):
    """All of them.

    Attributes:
        hosts: Where data goes now, without those that are switched off.
        suspect: Those that send and were made or changed since the given time, as far as the
            vendor's own log says so. Empty without a time.
    """

    webhooks: tuple[Webhook, ...]
    count: int
    hosts: tuple[str, ...]
    suspect: tuple[Webhook, ...]


@action(
    "customerio.list_webhooks",
    effect=Effect.READS,
    output=WebhookList,
    source="GET environments/{id}/webhook_configurations (CLI-ROUTE); App API (DOC)",
)
class ListWebhooks(Frozen):
    """List reporting webhooks, where each sends to, and which of them appeared since.

    A webhook does not say when it was made; the audit log does, to whoever may read it.

    Attributes:
        since: Names as suspect what the log has as made or changed since.
    """

    since: Timestamp | None = None

    def run(self, me: Me) -> Script[WebhookList]:
        places = yield from workspaces(me)
        found, closed = yield from webhooks_of(me, places)
        suspect: tuple[Webhook, ...] = ()
        if self.since:
            log = yield from read_log(me, epoch(self.since), places)
            closed = (*closed, *log.unseen)
            touched = {one.object_id for one in log.entries if one.object_type in _LOGGED_AS}
            suspect = tuple(
                one for one in found if not one.disabled and webhook_place(one.id)[1] in touched
            )
        hosts = tuple(sorted({one.host for one in found if not one.disabled}))
        lines = [
            f"{one.name} sends {'whole messages' if one.with_content else 'events'} of "
            f"{one.workspace or 'its workspace'} to {one.host}"
            f"{f', made or changed since {self.since}' if one in suspect else ''}"
            for one in found
            if not one.disabled
        ]
        return Done(
            WebhookList(found, len(found), hosts, suspect),
            says=f"{counted(len(found), 'reporting webhook')}, "
            f"sending to {', '.join(hosts) or 'nobody'}",
            findings=(*lines, *closed),
        )


_LOGGED_AS: Final = frozenset({"reporting_webhook", "webhook_configuration", "webhook"})
"""What the log may call one; the vendor does not say."""


def _shown(row: WebhookRow, place: WorkspaceRow) -> Webhook:
    return Webhook(row.id, row.name, row.host, row.disabled, row.with_content, place.name)


class WebhookState(Frozen):
    """Whether it sends."""

    id: WebhookId
    disabled: bool
    says: str


def _switch(me: Me, webhook: WebhookId, *, disabled: bool) -> Script[WebhookState]:
    place, inner = webhook_place(webhook)
    rows = yield from _webhooks(me, place)
    row = next((one for one in rows or () if one.id == webhook), None)
    word = "disabled" if disabled else "enabled"
    if row is None and disabled and rows is not None:
        says = f"{webhook} is gone"
        return Done(WebhookState(webhook, True, says), says=says)
    if row is None:
        raise GuardRefusedError(
            f"{webhook} cannot be seen",
            why="it is not listed" if rows is not None else "its list cannot be read",
            do="look at it in the console",
        )
    if row.disabled != disabled:
        yield _write(me, row, place, inner, disabled=disabled)
    says = f"{row.name} to {row.host}: {word}"
    return Done(WebhookState(webhook, disabled, says), says=says)


def _write(me: Me, row: WebhookRow, place: str, inner: str, *, disabled: bool) -> Write[None]:
    fields = {**structs.asdict(row), "events": list(row.events), "disabled": disabled}
    del fields["id"]
    options, hands = me.connection.options, None
    if place == APP or (options.get("app") and options.get("app_workspace") == place):
        own = ("v1", "reporting_webhooks", inner)
        operation = "customerio.reporting_webhooks.update"
        hands = by_api(me, operation, "PUT", *own, surface=APP, body=fields)
    if hands is None and place != APP:
        path = ("v1", "environments", place, "webhook_configurations", inner)
        body = {"webhook_configuration": fields}
        hands = by_api(me, "customerio.webhooks.update", "PUT", *path, body=body)
    switch = "off" if disabled else "on"
    workspace = str(options.get("app_workspace") or "") if place == APP else place
    back = "customerio.enable_webhook" if disabled else "customerio.disable_webhook"
    verb = "disable" if disabled else "enable"
    return Write(
        says=f"{verb} {row.name}, which sends to {row.host}",
        verb=verb,
        target=row.name,
        where=account_line(me, place if place != APP else ""),
        effect=Effect.DESTROYS if disabled else Effect.WRITES,
        hands=hands
        or Person(
            steps=(
                f"Switch to workspace {workspace}." if workspace else "Switch to its workspace.",
                "Open Data & Integrations, Reporting Webhooks.",
                f"Open {row.name}, which sends to {row.host}.",
                f"Switch it {switch}, and save. Delete nothing: its settings are evidence.",
            ),
            link=link(me, "webhooks"),
            look_for=f"It is shown as switched {switch}; I keep looking, and go on by myself.",
            task=f"customerio.{verb}_reporting_webhook",
            about={"environment": number(workspace), "id": number(inner)},
            answer=None,
        ),
        before={"id": row.id, "disabled": row.disabled},
        after={"id": row.id, "disabled": disabled},
        becomes=(
            Becomes(_list_of(place).subject(me.connection), altered(row.id, disabled=disabled)),
        ),
        foretold=None,
        undo=Undo(back, {"webhook": row.id}),
        repeatable=True,
        breaks=f"{row.host} gets nothing any more." if disabled else "",
    )


@action(
    "customerio.disable_webhook",
    effect=Effect.DESTROYS,
    undo="customerio.enable_webhook",
    output=WebhookState,
    source="App API PUT /v1/reporting_webhooks/{id} (DOC); management PUT (CLI-ROUTE)",
    by_hand=(
        "Open the workspace's reporting webhooks. Switch off those that nobody of you made.",
        "https://fly.customer.io",
    ),
)
class DisableWebhook(Frozen):
    """Switch a reporting webhook off, and keep its settings as evidence.

    Attributes:
        webhook: Its id, from ``customerio.list_webhooks``.
    """

    webhook: WebhookId

    def run(self, me: Me) -> Script[WebhookState]:
        return (yield from _switch(me, self.webhook, disabled=True))


@action(
    "customerio.enable_webhook",
    effect=Effect.WRITES,
    undo="customerio.disable_webhook",
    output=WebhookState,
    source="the way back of customerio.disable_webhook",
)
class EnableWebhook(Frozen):
    """Switch a reporting webhook on again.

    Attributes:
        webhook: Its id, from ``customerio.list_webhooks``.
    """

    webhook: WebhookId

    def run(self, me: Me) -> Script[WebhookState]:
        return (yield from _switch(me, self.webhook, disabled=False))


# --- sources ------------------------------------------------------------------------------------


class SourceState(Frozen):
    """Whether a source takes anything in."""

    name: str
    enabled: bool
    says: str


def _switch_source(me: Me, key: KeyId, *, enabled: bool) -> Script[SourceState]:
    ref = KeyRef.of(key)
    if ref.kind != "write":
        raise GuardRefusedError(f"{key} is a {ref.words}, which belongs to no source")
    workspace, source = ref.place
    rows = yield from SOURCES.of(me.connection, workspace=workspace)
    row = next((one for one in rows if one.id == source), None)
    if row is None:
        raise GuardRefusedError(f"workspace {workspace} has no source {source}")
    if row.enabled != enabled:
        yield _write_source(me, row, workspace, key, enabled=enabled)
    says = f"source {row.name}: {'enabled' if enabled else 'disabled'}"
    return Done(SourceState(row.name, enabled, says), says=says)


def _write_source(
    me: Me, row: SourceRow, workspace: str, key: KeyId, *, enabled: bool
) -> Write[None]:
    place = SOURCES.subject(me.connection, workspace=workspace)
    verb, back = ("enable", "disable") if enabled else ("disable", "enable")
    return Write(
        says=f"{verb} source {row.name}",
        verb=verb,
        target=row.name,
        where=account_line(me, workspace),
        effect=Effect.WRITES if enabled else Effect.DESTROYS,
        hands=by_api(
            me,
            "customerio.sources.update",
            "PUT",
            *("cdp", "api", "workspaces", workspace, "sources", row.id),
            body={"source": {"enabled": enabled}},
        )
        or Person(
            steps=(
                f"Switch to workspace {workspace}.",
                f"Open Data & Integrations, and the source {row.name}.",
                f"Open its settings, {verb} it, and save.",
            ),
            link=link(me, "write"),
            look_for=f"It is shown as {verb}d; I keep looking, and go on by myself.",
            task=f"customerio.{verb}_source",
            about={"environment": number(workspace), "source": number(row.id)},
            answer=None,
        ),
        before={"source": row.id, "enabled": row.enabled},
        after={"source": row.id, "enabled": enabled},
        becomes=(Becomes(place, altered(row.id, enabled=enabled)),),
        foretold=None,
        undo=Undo(f"customerio.{back}_source", {"key": key}),
        repeatable=True,
        breaks="" if enabled else f"Everything that {row.name} sends is dropped from now on.",
    )


@action(
    "customerio.disable_source",
    effect=Effect.DESTROYS,
    undo="customerio.enable_source",
    output=SourceState,
    source="PUT sources/{id} (CLI route tests); its body GUESS until discovered; by hand DOC",
)
class DisableSource(Frozen):
    """Stop the source of a write key; it takes nothing in until it is enabled again.

    Attributes:
        key: Id of the source's write key, from ``customerio.list_keys``: ``write/...``.
    """

    key: KeyId

    def run(self, me: Me) -> Script[SourceState]:
        return (yield from _switch_source(me, self.key, enabled=False))


@action(
    "customerio.enable_source",
    effect=Effect.WRITES,
    undo="customerio.disable_source",
    output=SourceState,
    source="the way back of customerio.disable_source",
)
class EnableSource(Frozen):
    """Let a source take in again.

    Attributes:
        key: Id of the source's write key, from ``customerio.list_keys``: ``write/...``.
    """

    key: KeyId

    def run(self, me: Me) -> Script[SourceState]:
        return (yield from _switch_source(me, self.key, enabled=True))


ACTIONS: tuple[type, ...] = (
    ListWebhooks,
    DisableWebhook,
    EnableWebhook,
    DisableSource,
    EnableSource,
)
