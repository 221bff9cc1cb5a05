"""Revoke keys and prove it, make new ones and bring them to their sink, try them.

A key that this tool makes carries run and step in its name, so that a step that comes back
after a crash knows it again. A write key has no name; it is known again by the digest of its
value, and when even that was lost a person has to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from respond.core.script import (
    STEERS,
    Again,
    Becomes,
    Done,
    Effect,
    Me,
    NotYet,
    Proof,
    Script,
    Undo,
    Write,
    action,
)
from respond.core.values import Late, SecretHandle
from respond.errors import UsageError
from respond.systems.customerio.facts import (
    BY_HAND,
    KeyId,
    KeyRef,
    account_line,
    made_by_this_run,
    made_name,
)
from respond.systems.customerio.hands import making, place_words, removing, stays_of
from respond.systems.customerio.identify import is_own
from respond.systems.customerio.probes import (
    ALIVE,
    INCONCLUSIVE,
    PROBED,
    REFUSED,
    UNTRIED,
    Life,
    life_of,
    probe,
)
from respond.systems.customerio.reading import KeyRow, Looking, account, key_list, key_rows
from respond.systems.guards import GuardRefusedError
from respond.systems.sinks.sink import SinkSeen, sink_of

__all__ = [
    "ACTIONS",
    "CreateKey",
    "NewKey",
    "ProbeKey",
    "RemoveMadeKey",
    "RemovedKey",
    "RevokeKey",
    "RevokedKey",
    "Tried",
]

_LOOK_AGAIN_S: Final = 5
_EXCHANGE_AGAIN_S: Final = 10
"""The token exchange counts tries by address; the vendor's client waits that long."""

UNPROVED: Final = "removed, not proved"


def _every_s(ref: KeyRef) -> int:
    return _EXCHANGE_AGAIN_S if ref.kind == "sa" else _LOOK_AGAIN_S


def _life(me: Me, ref: KeyRef, value: SecretHandle | None) -> Looking[Life]:
    """Whether the value works; untried without one, and for kinds that cannot be tried."""
    if value is None or ref.kind not in PROBED:
        return Life(UNTRIED)
    return (yield from probe(me, ref.kind, value, ref.id))


def _account_of(me: Me, ref: KeyRef) -> Looking[str]:
    """The account's number, for paths that need it."""
    if ref.kind != "sa":
        return me.connection.account
    return (yield from account(me))


def _row_of(rows: Sequence[KeyRow] | None, key: KeyId) -> KeyRow | None:
    return next((row for row in rows or () if row.id == key), None)


# --- revoke ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RevokedKey:
    """A key that is gone.

    Attributes:
        name: As given to the step; the list no longer says.
        proved: ``refused``, or ``removed, not proved``.
    """

    id: KeyId
    name: str
    proved: str
    says: str


@action(
    "customerio.revoke_key",
    effect=Effect.DESTROYS,
    output=RevokedKey,
    source="customerio/cli: lists (CLI-SHOWN); removal GUESS until discovered, by hand DOC",
    by_hand=(
        "Open API Credentials (for a Pipelines key: the source, API Keys).",
        "Find the key by name and ending. Check both before you click; leave look-alikes alone.",
        "Choose Revoke (Pipelines: Delete), and confirm.",
        "https://fly.customer.io/settings/api_credentials",
    ),
)
@dataclass(frozen=True)
class RevokeKey:
    """Take a key away, and prove that its value is refused.

    Proof of death needs proof of life: ``was`` is what ``identify_key`` saw before. Without it,
    or without the value, the result reads "removed, not proved".

    Attributes:
        value: The leaked value, to try before and after.
        was: ``alive`` of the step that identified the key.
        name: Its name, for the report.
        replacement: The credential that respond works with by now, when the key was its own. A
            plan cannot know it, so the step is planned when it is there.
        workspace: Its workspace's name, as the console shows it.
    """

    key: KeyId
    value: SecretHandle | None = None
    was: str = ""
    name: str = ""
    replacement: SecretHandle | None = None
    workspace: str = ""

    def run(self, me: Me) -> Script[RevokedKey]:
        ref = KeyRef.of(self.key)
        number = yield from _account_of(me, ref)
        rows = None if ref.place[0] == BY_HAND else (yield from key_rows(me, ref))
        life = yield from _life(me, ref, self.value)
        row = _row_of(rows, ref.id)
        stays = None if rows is None else stays_of(rows, but=ref.id)
        gone = row is None if rows is not None else life.state == REFUSED
        if not gone:
            self._guard(me, ref, row, rows)
            yield _revocation(
                me,
                ref,
                row,
                rows,
                account=number,
                says=f"revoke {row.words if row else f'...{ref.number}'}",
                state=(self.was or "listed", REFUSED if self._tries(ref) else "removed"),
                life=life,
                workspace=self.workspace,
            )
            return self._done(ref, Life(REFUSED if self._tries(ref) else UNTRIED), stays)
        if life.state in {ALIVE, INCONCLUSIVE}:
            word = "is still let in" if life.state == ALIVE else "could not be tried"
            return NotYet(f"{ref.id} is off the list, and its value {word}", _every_s(ref))
        return self._done(ref, life, stays)

    def _tries(self, ref: KeyRef) -> bool:
        return self.value is not None and ref.kind in PROBED

    def _guard(
        self, me: Me, ref: KeyRef, row: KeyRow | None, rows: Sequence[KeyRow] | None
    ) -> None:
        # In a plan a replacement is foretold by the step that makes it, and its id is late. When
        # it comes to the write, the replacement has to be the credential in use by then.
        foretold = any(isinstance(one.id, Late) for one in rows or ())
        in_use = me.connection.options.get("own_digests") or ()
        if self.replacement is not None and self.replacement.digest in in_use:
            return
        if is_own(me, ref, row, self.value) and not foretold:
            raise GuardRefusedError(
                f"{ref.id} is the credential that respond itself works with",
                why="without it nothing more could be seen or done",
                do="make a new one with customerio.create_key and the sink own, then go on",
            )

    def _done(self, ref: KeyRef, life: Life, stays: tuple[str, ...] | None) -> Done[RevokedKey]:
        proved = life.state == REFUSED and self.was == ALIVE
        word = REFUSED if proved else UNPROVED
        says = f"{self.name or ref.id}: {word}"
        findings: tuple[str, ...] = ()
        if life.state == REFUSED and not proved:
            findings = (f"{says}: its value is refused now, and was not seen to work before",)
        elif not proved:
            findings = (f"{says}: no list shows it, and its value was not tried",)
        return Done(
            RevokedKey(ref.id, self.name, word, says),
            says=says,
            findings=findings,
            proved=proved,
            stays=stays,
        )


def _revocation(
    me: Me,
    ref: KeyRef,
    row: KeyRow | None,
    rows: Sequence[KeyRow] | None,
    *,
    account: str,
    says: str,
    state: tuple[str, str],
    life: Life,
    cleans_up: bool = False,
    workspace: str = "",
) -> Write[None]:
    """The write that takes a key away; ``rows`` is None where no list shows it."""
    avoid = stays_of(rows or (), but=ref.id)

    gone: Becomes[tuple[KeyRow, ...]] = Becomes(
        key_list(me, ref), lambda before: tuple(one for one in before if one.id != ref.id)
    )
    seen = rows is not None or life.state != UNTRIED
    changes: list[Becomes[Any]] = [gone] if rows is not None else []
    if ref.kind in PROBED:
        changes.append(Becomes(life_of(me, ref.id), lambda _: Life(REFUSED)))
    return Write(
        says=says,
        verb="delete" if ref.kind == "write" else "revoke",
        target=(row.hint or row.name or ref.number) if row else ref.number,
        where=account_line(me, place_words(ref, workspace)),
        effect=Effect.WRITES if cleans_up else Effect.DESTROYS,
        hands=removing(me, ref, row, account=account, avoid=avoid, workspace=workspace),
        before={"id": ref.id, "state": state[0]},
        after={"id": ref.id, "state": state[1]},
        becomes=tuple(changes),
        foretold=None,
        proof=Proof.SEEN if seen else Proof.WORD,
        breaks="" if cleans_up else f"Whatever uses this {ref.words} stops working now.",
        stays=avoid,
        # A key that is gone cannot be taken away again: the vendor answers 404.
        repeatable=True,
        cleans_up=cleans_up,
    )


# --- make -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key of ours.

    Attributes:
        id: Known once it is made.
        name: Carries run and step; a write key has none.
        value: Handle of its value.
        sink: Where the value went.
    """

    id: KeyId | Late
    name: str
    kind: str
    value: SecretHandle
    sink: str


@action(
    "customerio.create_key",
    effect=Effect.WRITES,
    output=NewKey,
    source="customerio/cli: POST ext_api_keys, POST api_keys of a source (CLI-SHOWN); rest GUESS",
    by_hand=(
        "In the same place choose Create; name the new key after the old one, with today's date.",
        "Put its value, which is shown once, where the programs that use it find it.",
        "https://fly.customer.io/settings/api_credentials",
    ),
)
@dataclass(frozen=True)
class CreateKey:
    """Make a key like another, and bring its value to a sink.

    Attributes:
        like: The key whose kind and place the new one shares; it need not exist any more.
        sink: As ``systems/sinks/sink.py`` describes.
        name: Name of the old key; the new one is called the same, with run and step behind it.
        instead_of: The leaked value. Where the sink holds another one, overwriting it is asked.
        workspace: Its workspace's name, as the console shows it.
    """

    like: KeyId
    sink: str = field(default="", metadata=STEERS)
    name: str = ""
    instead_of: SecretHandle | None = None
    workspace: str = ""

    def run(self, me: Me) -> Script[NewKey]:
        ref = KeyRef.of(self.like)
        place = _place(me, ref, self.sink)
        sink = sink_of(place, me)
        number = yield from _account_of(me, ref)
        rows = None if ref.place[0] == BY_HAND else (yield from key_rows(me, ref))
        handle = me.handle("value")
        held = handle.name in me.held
        old = _row_of(rows, ref.id)
        base = self.name or (old.name if old else "") or f"{ref.kind}-{ref.number}"
        name = "" if ref.kind == "write" else made_name(me, base)
        ours = _made_before(rows, ref, name, handle if held else None)
        seen: SinkSeen = yield from sink.look(me, handle if held else None)
        known = self.instead_of.digest if self.instead_of is not None else seen.current
        if seen.current and not seen.holds and seen.current != known:
            seen = replace(seen, strange=True)
        if ours is not None and rows is not None and not held:
            # Its value was shown once and is lost; a key that nobody holds only waits to leak.
            yield _orphan(me, rows, ours, account=number)
            return Again(f"removed {ours.words}, whose value was lost")
        made: KeyId | Late
        if ours is not None:
            made = ours.id
        elif rows is None and held:
            made = KeyRef(ref.kind, ref.place, handle.hint or ref.number).id
        else:
            answer = yield from self._creation(me, ref, name, handle, rows, old, number)
            # A person's hands, and an answer that the journal kept of them, name no id.
            made = answer if isinstance(answer, str) else Late(me.step, "id")
        if not seen.holds:
            yield from sink.deliver(me, seen, handle, name or f"the new {ref.words}")
        return Done(
            NewKey(made, name, ref.kind, handle, place),
            says=f"{name or f'new {ref.words}'} -> {place}",
            stays=None if rows is None else stays_of(rows),
        )

    def _creation(
        self,
        me: Me,
        ref: KeyRef,
        name: str,
        handle: SecretHandle,
        rows: Sequence[KeyRow] | None,
        old: KeyRow | None,
        account: str,
    ) -> Write[KeyId | Late]:
        late = Late(me.step, "id")
        holder = old.holder if old else ""

        new = KeyRow(late, name, created_at=me.now, holder=holder)
        # A write key carries no mark: if its answer is lost, only a person can tell it from others.
        proof = Proof.BLIND if ref.kind == "write" else Proof.SEEN
        return Write(
            says=f"make key {name}" if name else f"make a new {ref.words}",
            verb="make",
            target=name or ref.words,
            where=account_line(me, place_words(ref, self.workspace)),
            effect=Effect.WRITES,
            hands=making(
                me, ref, name, handle, account=account, holder=holder, workspace=self.workspace
            ),
            before={"state": "absent"},
            after={"state": ALIVE},
            becomes=(Becomes(key_list(me, ref), lambda before: (*before, new)),),
            foretold=late,
            proof=proof if rows is not None else Proof.WORD,
            undo=Undo("customerio.remove_made_key", {"like": ref.id, "name": name})
            if name
            else None,
        )


def _place(me: Me, ref: KeyRef, sink: str) -> str:
    """Where the value goes, as text; ``own`` is the credential of this kind, and no other."""
    place = sink or me.connection.sink or "screen"
    if place.partition(":")[0] != "own":
        return place
    fitting = _OWN.get(ref.kind)
    if fitting is None or place not in {"own", fitting}:
        raise UsageError(
            f"respond works with no {ref.words} as {place[:40]!r}",
            do="choose another sink",
        )
    return fitting


_OWN: Final = {"sa": "own", "app": "own:app"}


def _made_before(
    rows: Sequence[KeyRow] | None, ref: KeyRef, name: str, handle: SecretHandle | None
) -> KeyRow | None:
    """The key that this step has made in an earlier pass."""
    for row in rows or ():
        if ref.kind == "write":
            if handle is not None and handle.digest in row.digests:
                return row
        elif row.name == name:
            return row
    return None


def _orphan(me: Me, rows: Sequence[KeyRow], ours: KeyRow, *, account: str) -> Write[None]:
    key = ours.id
    if isinstance(key, Late):  # A prediction is held by its own step; nothing else looks here.
        raise GuardRefusedError("a key that is not made yet cannot be removed")
    return _revocation(
        me,
        KeyRef.of(key),
        ours,
        rows,
        account=account,
        says=f"remove {ours.words}, whose value was lost",
        state=("orphan", "removed"),
        life=Life(UNTRIED),
        cleans_up=True,
    )


@dataclass(frozen=True, slots=True)
class RemovedKey:
    """A key of ours that was taken back."""

    name: str
    says: str


@action(
    "customerio.remove_made_key",
    effect=Effect.DESTROYS,
    output=RemovedKey,
    source="the way back of customerio.create_key",
)
@dataclass(frozen=True)
class RemoveMadeKey:
    """Take back a key that this very run has made.

    Attributes:
        like: Any key of the same kind in the same place.
        name: Its full name, mark included.
    """

    like: KeyId
    name: str

    def run(self, me: Me) -> Script[RemovedKey]:
        ref = KeyRef.of(self.like)
        if not made_by_this_run(me, self.name):
            raise GuardRefusedError(
                f"{self.name[:80]!r} does not carry the mark of run {me.run}",
                why="only what this run has made may be taken back",
            )
        number = yield from _account_of(me, ref)
        rows = yield from key_rows(me, ref)
        row = next((one for one in rows or () if one.name == self.name), None)
        if rows is not None and row is None:
            return self._done()
        if row is None or isinstance(row.id, Late):
            raise GuardRefusedError(f"{self.name} is in no list, so it cannot be removed for sure")
        yield _revocation(
            me,
            KeyRef.of(row.id),
            row,
            rows,
            account=number,
            says=f"remove {row.words} again",
            state=(ALIVE, "removed"),
            life=Life(UNTRIED),
        )
        return self._done()

    def _done(self) -> Done[RemovedKey]:
        says = f"{self.name} is gone"
        return Done(RemovedKey(self.name, says), says=says)


# --- try ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a try.

    Attributes:
        state: ``alive`` or ``refused``; ``listed`` or ``absent`` for a write key.
    """

    state: str
    region: str
    says: str


@action(
    "customerio.probe_key",
    effect=Effect.READS,
    output=Tried,
    source="App API info/ip_addresses, Track accounts/region (DOC); token exchange (CLI-SHOWN)",
)
@dataclass(frozen=True)
class ProbeKey:
    """Try a key's value until it is as expected.

    Attributes:
        expect: ``alive`` or ``refused``.
    """

    key: KeyId
    value: SecretHandle
    expect: str = ALIVE

    def run(self, me: Me) -> Script[Tried]:
        if self.expect not in {ALIVE, REFUSED}:
            raise UsageError(f"expect is {self.expect[:20]!r}", do="use alive or refused")
        ref = KeyRef.of(self.key)
        if ref.kind == "write":
            return (yield from self._listed(me, ref))
        life = yield from probe(me, ref.kind, self.value, ref.id)
        if life.state != self.expect:
            return NotYet(f"{ref.id} is {life.state}, not {self.expect} yet", _every_s(ref))
        says = f"{ref.id}: {life.state}"
        return Done(Tried(life.state, life.region, says), says=says)

    def _listed(self, me: Me, ref: KeyRef) -> Script[Tried]:
        """Ingest answers 200 to any write key, so the list is all there is."""
        rows = yield from key_rows(me, ref)
        there = any(self.value.digest in row.digests for row in rows or () if self.value.digest)
        if there != (self.expect == ALIVE):
            return NotYet(f"{ref.id} is {'still' if there else 'not'} listed", _LOOK_AGAIN_S)
        state = "listed" if there else "absent"
        says = f"{ref.id}: {state}; a write key cannot be tried"
        return Done(Tried(state, "", says), says=says, proved=False)


ACTIONS: tuple[type, ...] = (RevokeKey, CreateKey, RemoveMadeKey, ProbeKey)
