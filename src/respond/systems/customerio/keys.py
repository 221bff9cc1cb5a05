"""Revoke keys and prove it, make new ones and bring them to their sink, try them.

A key that this tool makes carries run and step in its name, so that a step that comes back
after a crash knows it again. A write key has no name; it is known again by the digest of its
value, and when even that was lost a person has to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Again,
    Api,
    Becomes,
    Done,
    Effect,
    Keep,
    Looking,
    MalformedReplyError,
    Me,
    NotYet,
    Person,
    Proof,
    Script,
    Undo,
    Write,
    action,
)
from respond.core.values import Json, Late, SecretHandle
from respond.errors import UsageError
from respond.systems.customerio.facts import (
    BY_HAND,
    FIELDS,
    KeyId,
    KeyRef,
    account_line,
    by_api,
    field_of,
    id_of,
    link,
    made_by_this_run,
    made_name,
    number,
    text_of,
)
from respond.systems.customerio.identify import is_own, kinds_of
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
from respond.systems.customerio.reading import (
    KeyRow,
    account,
    collection,
    hint_matches,
    key_list,
    key_rows,
)
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import dig
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
_BY_ENDING: Final = "known-by-its-ending"
"""What is known of a value from before its key was revoked: that it ends as the key did."""
_TELLS_APART: Final = 4
"""Characters of an ending by which a value is told to be a key's own."""


def _every_s(ref: KeyRef) -> int:
    return _EXCHANGE_AGAIN_S if ref.kind == "sa" else _LOOK_AGAIN_S


# --- kinds ----------------------------------------------------------------------------------------


class _Kind(Frozen):
    """What differs between the kinds of keys.

    Attributes:
        wrapper: Name around the one thing in bodies.
        task: Machine name of a person's task, without its verb.
        section: Of the page API Credentials, in the console.
    """

    plural: str
    wrapper: str
    task: str
    section: str = ""
    removal: str = "revoke"


_KINDS: Final[Mapping[str, _Kind]] = {
    "app": _Kind("app_keys", "ext_api_key", "app_key", "App API Keys"),
    "track": _Kind("track_keys", "site_id", "track_key", "Track API Keys"),
    "write": _Kind("write_keys", "api_key", "write_key", removal="delete"),
    "sa": _Kind("sa_tokens", "token", "sa_token", "Service Accounts"),
}


class _Shelf(Frozen):
    """Where a key stands, as it was seen, and what can be done there.

    Attributes:
        account: The account's number, for paths that need it.
        rows: The whole list; None where no list shows such a key.
        workspace: Its workspace's name, as the console shows it.
    """

    me: Me
    ref: KeyRef
    account: str
    rows: tuple[KeyRow, ...] | None
    workspace: str = ""

    @property
    def kind(self) -> _Kind:
        return _KINDS[self.ref.kind]

    def row(self) -> KeyRow | None:
        """The key itself."""
        return next((row for row in self.rows or () if row.id == self.ref.id), None)

    def stays(self, but: KeyId | None = None) -> tuple[str, ...]:
        """Every other key of the list, as questions and alarms name it."""
        return tuple(row.words for row in self.rows or () if row.id != but)

    def place(self) -> str:
        """``Production (190001)``: consoles show names, the API numbers."""
        number = self.ref.place[0]
        if self.ref.kind == "sa":
            return ""
        return f"{self.workspace} ({number})" if self.workspace else number

    def about(self) -> dict[str, Json]:
        """The place, as tasks carry it."""
        place = self.ref.place
        if self.ref.kind == "sa":
            return {"service_account": "" if place[0] == BY_HAND else number(place[0])}
        names = ("environment", "source")
        return {name: number(one) for name, one in zip(names, place, strict=False)}

    def way(self, holder: str) -> tuple[str, ...]:
        """The way through the console to a key of this kind."""
        if self.ref.kind == "write":
            source = holder or self.ref.place[1]
            return (
                f"Switch to workspace {self.place()}.",
                f"Open Data & Integrations, the source {source}, then API Keys.",
            )
        opened = f"Open API Credentials, {self.kind.section}."
        if self.ref.kind == "sa":
            named = f" {holder}" if holder else ""
            return (opened, f"Expand the service account{named}.")
        return (opened, f"Look at workspace {self.place()} only.")

    def removing(self, row: KeyRow | None) -> Api[None] | Person[None]:
        """Hands that take the key away. ``row`` is None for a token that no list shows."""
        me, ref, kind = self.me, self.ref, self.kind
        operation = f"customerio.{kind.plural}.{kind.removal if ref.kind == 'sa' else 'delete'}"
        if row is not None:
            path = (*collection(ref, self.account), ref.number)
            # 404: gone already, which is what was wanted.
            ours = by_api(me, operation, "DELETE", *path, answers=frozenset({404}))
            if ours is not None:
                return ours
        about: dict[str, Json] = {**self.about(), "id": number(ref.number)}
        if row is None:
            about = {"service_account": "", "id": "", "hint": ref.number}
        words = row.words if row is not None else f"the token that ends in {ref.number}"
        return Person(
            steps=(
                *self.way(row.holder if row is not None else ""),
                f"Find {words}. Check the ending before you click.",
                f"Choose {kind.removal.capitalize()}, and confirm.",
            ),
            link=link(me, ref.kind),
            look_for="The row is gone; I keep looking, and go on by myself.",
            task=f"customerio.{kind.removal}_{kind.task}",
            about=about,
            answer=None,
            avoid=self.stays(ref.id),
        )

    def making(
        self, name: str, handle: SecretHandle, holder: str
    ) -> Api[KeyId | Late] | Person[KeyId | Late]:
        """Hands that make a key; its value goes into ``handle`` and nowhere else."""
        me, ref, kind = self.me, self.ref, self.kind
        if ref.place[0] != BY_HAND:
            ours = by_api(
                me,
                f"customerio.{kind.plural}.create",
                "POST",
                *collection(ref, self.account),
                # A source's key has no name; its request has no body.
                body=None if ref.kind == "write" else {kind.wrapper: {"name": name}},
                parse=lambda reply: (
                    replace(ref, number=id_of(_wrapped(reply.body, kind.wrapper), "key.id")).id
                ),
                keep=Keep(
                    handle.name,
                    lambda body: _value(ref, _wrapped(body, kind.wrapper)),
                    frozenset(FIELDS[f"{ref.kind}.value"]),
                ),
            )
            if ours is not None:
                return ours
        named = () if ref.kind == "write" else (f"Name it exactly: {name}",)
        paste = (
            "Paste site id and API key as SITE_ID:API_KEY here; nobody sees them."
            if ref.kind == "track"
            else "Copy the value, which is shown once, and paste it here; nobody sees it."
        )
        return Person(
            steps=(*self.way(holder), "Choose Create.", *named, paste),
            link=link(me, ref.kind),
            look_for="The new row is there; I look for it, and go on by myself.",
            task=f"customerio.create_{kind.task}",
            about=self.about() | ({"name": name} if named else {}),
            answer=Late(me.step, "id"),
            keep=handle.name,
        )

    def revocation(
        self,
        row: KeyRow | None,
        *,
        says: str,
        state: tuple[str, str],
        life: Life | None = None,
        cleans_up: bool = False,
    ) -> Write[None]:
        """The write that takes the key away."""
        me, ref, avoid = self.me, self.ref, self.stays(self.ref.id)
        gone: Becomes[tuple[KeyRow, ...]] = Becomes(
            key_list(me, ref), lambda before: tuple(one for one in before if one.id != ref.id)
        )
        changes: list[Becomes[Any]] = [gone] if self.rows is not None else []
        # Whether it works is no look of every kind, and still what this write is about.
        if ref.kind in PROBED or changes:
            changes.append(Becomes(life_of(me, ref.id), lambda _: Life(REFUSED)))
        seen = self.rows is not None or (life is not None and life.state != UNTRIED)
        return Write(
            says=says,
            verb=self.kind.removal,
            target=(row.hint or row.name or ref.number) if row else ref.number,
            where=account_line(me, self.place()),
            effect=Effect.WRITES if cleans_up else Effect.DESTROYS,
            hands=self.removing(row),
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


def _seen(me: Me, ref: KeyRef, workspace: str) -> Looking[_Shelf]:
    number = (yield from account(me)) if ref.kind == "sa" else me.connection.account
    rows = None if ref.place[0] == BY_HAND else (yield from key_rows(me, ref))
    return _Shelf(me, ref, number, rows, workspace)


def _wrapped(body: Any, wrapper: str) -> Mapping[str, Any]:
    row = dig(body, wrapper)
    if not isinstance(row, Mapping):
        raise MalformedReplyError(f"no {wrapper}")
    return row


def _value(ref: KeyRef, row: Mapping[str, Any]) -> str:
    value = field_of(row, f"{ref.kind}.value")
    if not isinstance(value, str) or not value:
        raise MalformedReplyError(f"no {FIELDS[f'{ref.kind}.value'][0]}")
    site = text_of(row, "track.site") if ref.kind == "track" else ""
    return f"{site}:{value}" if site else value


# --- revoke ---------------------------------------------------------------------------------------


class RevokedKey(Frozen):
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
    tries="value",
)
class RevokeKey(Frozen):
    """Take a key away, and prove that its value is refused.

    Proof of death needs proof of life: ``was`` is what ``identify_key`` saw before. Without it,
    or without the value, the result reads "removed, not proved". A value that turns up after the
    run proves it as well, if it ends as the key did.

    Attributes:
        key: Id of the key that dies, from ``customerio.identify_key`` or ``list_keys``.
        value: The leaked value, to try before and after.
        was: ``alive`` of the step that identified the key.
        name: Its name, for the report.
        replacement: The credential that respond works with by now, when the key was its own. A
            plan cannot know it, so the step is planned when it is there.
        workspace: Its workspace's name, as the console shows it.
        hint: How it ends, as its list showed it: by that a value is known that turns up later.
    """

    key: KeyId
    value: SecretHandle | None = None
    was: str = ""
    name: str = ""
    replacement: SecretHandle | None = None
    workspace: str = ""
    hint: str = ""

    def with_value(self, value: SecretHandle) -> RevokeKey:
        """The same, with a value that nobody had at the time.

        Raises:
            UsageError: It cannot be tried, or it is not the value of this key.
        """
        ref, name = KeyRef.of(self.key), self.name or self.key
        if ref.kind not in PROBED:
            raise UsageError(f"{name} ({ref.words}) cannot be tried: any value is let in")
        if len(self.hint) < _TELLS_APART or not value.hint:
            raise UsageError(f"nobody knows how {name} ended, so that no value can be told from it")
        if ref.kind not in kinds_of(value) or not hint_matches(value.hint, self.hint):
            raise UsageError(
                f"that is not the value of {name}",
                why=f"it ends in ...{value.hint}, and {name} ({ref.words}) in ...{self.hint}",
            )
        return replace(self, value=value, was=_BY_ENDING)

    def run(self, me: Me) -> Script[RevokedKey]:
        ref = KeyRef.of(self.key)
        shelf = yield from _seen(me, ref, self.workspace)
        life = Life(UNTRIED)
        if self.value is not None and ref.kind in PROBED:
            life = yield from probe(
                me, ref.kind, self.value, ref.id, proves=shelf.rows is not None and not shelf.row()
            )
        row, rows = shelf.row(), shelf.rows
        stays = None if rows is None else shelf.stays(ref.id)
        gone = row is None if rows is not None else life.state == REFUSED
        if not gone:
            self._guard(me, ref, row, rows)
            yield shelf.revocation(
                row,
                says=f"revoke {row.words if row else f'...{ref.number}'}",
                state=(self.was or "listed", REFUSED if self._tries(ref) else "removed"),
                life=life,
            )
            return self._done(ref, Life(REFUSED if self._tries(ref) else UNTRIED), stays)
        done = self._done(ref, life, stays)
        if life.state in {ALIVE, INCONCLUSIVE}:
            return NotYet(
                f"{ref.id} is off the list, and its value {_word(life)}",
                _every_s(ref),
                done,
                goes_on=life.state == ALIVE,
            )
        return done

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
        # A value that nobody saw work may have a slip in it: then its list has to tell it, too.
        known = self.was == ALIVE or (self.was == _BY_ENDING and stays is not None)
        proved = life.state == REFUSED and known
        word = REFUSED if proved else UNPROVED
        says = f"{self.name or ref.id}: {word}"
        if proved and self.was == _BY_ENDING:
            says = f"{says}; it ends in ...{self.hint} as the key did, and was not tried before"
        findings: tuple[str, ...] = ()
        if life.state == REFUSED and not proved:
            findings = (f"{says}: its value is refused now, and was not seen to work before",)
        elif not proved:
            findings = (f"{says}: no list shows it, and its value {_word(life)}",)
        return Done(
            RevokedKey(ref.id, self.name, word, says),
            says=says,
            findings=findings,
            proved=proved,
            stays=stays,
        )


def _word(life: Life) -> str:
    """What can be said of a value that was not refused."""
    tried = f"could not be tried{f': {life.why}' if life.why else ''}"
    return {ALIVE: "is still let in", UNTRIED: "was not tried"}.get(life.state, tried)


# --- make -----------------------------------------------------------------------------------------


class NewKey(Frozen):
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
    undo="customerio.remove_made_key",
    output=NewKey,
    source="customerio/cli: POST ext_api_keys, POST api_keys of a source (CLI-SHOWN); rest GUESS",
    by_hand=(
        "In the same place choose Create; name the new key after the old one, with today's date.",
        "Put its value, which is shown once, where the programs that use it find it.",
        "https://fly.customer.io/settings/api_credentials",
    ),
)
class CreateKey(Frozen):
    """Make a key like another, and bring its value to a sink.

    Attributes:
        like: The key whose kind and place the new one shares; it need not exist any more.
        sink: Where the value goes: ``vault:CONNECTION:MOUNT/PATH#FIELD``, ``command:CONNECTION``,
            ``own`` (respond's own credential), or ``screen``.
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
        shelf = yield from _seen(me, ref, self.workspace)
        handle = me.handle("value")
        held = handle.name in me.held
        old, rows = shelf.row(), shelf.rows
        base = self.name or (old.name if old else "") or f"{ref.kind}-{ref.number}"
        name = "" if ref.kind == "write" else made_name(me, base)
        ours = _made_before(rows, ref, name, handle if held else None)
        seen: SinkSeen = yield from sink.look(me, handle if held else None)
        known = self.instead_of.digest if self.instead_of is not None else seen.current
        seen = replace(seen, known=known)
        if ours is not None and rows is not None and not held:
            # Its value was shown once and is lost; a key that nobody holds only waits to leak.
            yield _orphan(shelf, ours)
            return Again(f"removed {ours.words}, whose value was lost")
        made: KeyId | Late
        if ours is not None:
            made = ours.id
        elif rows is None and held:
            made = KeyRef(ref.kind, ref.place, handle.hint or ref.number).id
        else:
            answer = yield from self._creation(shelf, name, handle, old.holder if old else "")
            # A person's hands, and an answer that the journal kept of them, name no id.
            made = answer if isinstance(answer, str) else Late(me.step, "id")
        if not seen.holds:
            yield from sink.deliver(me, seen, handle, name or f"the new {ref.words}")
        return Done(
            NewKey(made, name, ref.kind, handle, place),
            says=f"{name or f'new {ref.words}'} -> {place}",
            stays=None if rows is None else shelf.stays(),
        )

    def _creation(
        self, shelf: _Shelf, name: str, handle: SecretHandle, holder: str
    ) -> Write[KeyId | Late]:
        me, ref = shelf.me, shelf.ref
        late = Late(me.step, "id")
        new = KeyRow(late, name, created_at=me.now, holder=holder)
        # A write key carries no mark: if its answer is lost, only a person can tell it from others.
        proof = Proof.BLIND if ref.kind == "write" else Proof.SEEN
        return Write(
            says=f"make key {name}" if name else f"make a new {ref.words}",
            verb="make",
            target=name or ref.words,
            where=account_line(me, shelf.place()),
            effect=Effect.WRITES,
            hands=shelf.making(name, handle, holder),
            before={"state": "absent"},
            after={"state": ALIVE},
            becomes=(Becomes(key_list(me, ref), lambda before: (*before, new)),),
            foretold=late,
            proof=proof if shelf.rows is not None else Proof.WORD,
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


def _orphan(shelf: _Shelf, ours: KeyRow) -> Write[None]:
    if isinstance(ours.id, Late):  # A prediction is held by its own step; nothing else looks here.
        raise GuardRefusedError("a key that is not made yet cannot be removed")
    return replace(shelf, ref=KeyRef.of(ours.id), workspace="").revocation(
        ours,
        says=f"remove {ours.words}, whose value was lost",
        state=("orphan", "removed"),
        cleans_up=True,
    )


class RemovedKey(Frozen):
    """A key of ours that was taken back."""

    name: str
    says: str


@action(
    "customerio.remove_made_key",
    effect=Effect.DESTROYS,
    output=RemovedKey,
    source="the way back of customerio.create_key",
)
class RemoveMadeKey(Frozen):
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
        number = (yield from account(me)) if ref.kind == "sa" else me.connection.account
        rows = yield from key_rows(me, ref)
        row = next((one for one in rows or () if one.name == self.name), None)
        if rows is not None and row is None:
            return self._done()
        if row is None or isinstance(row.id, Late):
            raise GuardRefusedError(f"{self.name} is in no list, so it cannot be removed for sure")
        yield _Shelf(me, KeyRef.of(row.id), number, rows).revocation(
            row, says=f"remove {row.words} again", state=(ALIVE, "removed")
        )
        return self._done()

    def _done(self) -> Done[RemovedKey]:
        says = f"{self.name} is gone"
        return Done(RemovedKey(self.name, says), says=says)


# --- try ------------------------------------------------------------------------------------------


class Tried(Frozen):
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
class ProbeKey(Frozen):
    """Try a key's value until it is as expected.

    Attributes:
        key: Id of the key whose value this is; it says how the value is tried.
        value: What is tried: a leaked value, or that of a key which was just made.
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
