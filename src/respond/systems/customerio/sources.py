"""Stop a Pipelines source: the blunt way to contain a write key that cannot be taken away."""

from __future__ import annotations

from dataclasses import dataclass

from respond.core.script import Becomes, Done, Effect, Me, Person, Script, Undo, Write, action
from respond.systems.customerio.facts import KeyId, KeyRef, account_line, by_api, link, number
from respond.systems.customerio.reading import SOURCES, SourceRow, altered
from respond.systems.guards import GuardRefusedError

__all__ = ["ACTIONS", "DisableSource", "EnableSource", "SourceState"]


@dataclass(frozen=True, slots=True)
class SourceState:
    """Whether a source takes anything in."""

    name: str
    enabled: bool
    says: str


def _switch(me: Me, key: KeyId, *, enabled: bool) -> Script[SourceState]:
    ref = KeyRef.of(key)
    if ref.kind != "write":
        raise GuardRefusedError(f"{key} is a {ref.words}, which belongs to no source")
    workspace, source = ref.place
    rows = yield from SOURCES.of(me.connection, workspace=workspace)
    row = next((one for one in rows if one.id == source), None)
    if row is None:
        raise GuardRefusedError(f"workspace {workspace} has no source {source}")
    if row.enabled != enabled:
        yield _write(me, row, workspace, key, enabled=enabled)
    says = f"source {row.name}: {'enabled' if enabled else 'disabled'}"
    return Done(SourceState(row.name, enabled, says), says=says)


def _write(me: Me, row: SourceRow, workspace: str, key: KeyId, *, enabled: bool) -> Write[None]:
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
    output=SourceState,
    source="PUT sources/{id} (CLI route tests); its body GUESS until discovered; by hand DOC",
)
@dataclass(frozen=True)
class DisableSource:
    """Stop the source of a write key; it takes nothing in until it is enabled again."""

    key: KeyId

    def run(self, me: Me) -> Script[SourceState]:
        return (yield from _switch(me, self.key, enabled=False))


@action(
    "customerio.enable_source",
    effect=Effect.WRITES,
    output=SourceState,
    source="the way back of customerio.disable_source",
)
@dataclass(frozen=True)
class EnableSource:
    """Let a source take in again."""

    key: KeyId

    def run(self, me: Me) -> Script[SourceState]:
        return (yield from _switch(me, self.key, enabled=True))


ACTIONS: tuple[type, ...] = (DisableSource, EnableSource)
