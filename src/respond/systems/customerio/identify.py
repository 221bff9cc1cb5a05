"""Find out which key a leaked value or a name means, and whether it lives.

Never a guess: a target is named only if exactly one key fits. Several that fit are findings.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import Done, Effect, Looking, Me, Script, action
from respond.core.shapes import Timestamp
from respond.core.values import Late, SecretHandle
from respond.errors import UsageError
from respond.systems.customerio.facts import (
    BY_HAND,
    KIND_WORDS,
    KeyId,
    KeyRef,
    look_back,
    made_by_this_run,
    timestamp,
)
from respond.systems.customerio.probes import (
    ALIVE,
    INCONCLUSIVE,
    PROBED,
    REFUSED,
    UNTRIED,
    Life,
    probe,
)
from respond.systems.customerio.reading import (
    KeyRow,
    PlacedKey,
    WorkspaceRow,
    all_rows,
    counted,
    every_row,
    hint_matches,
    tokens_listed,
    workspaces,
)

__all__ = [
    "ACTIONS",
    "IdentifiedKey",
    "IdentifyKey",
    "KeyList",
    "ListKeys",
    "LookAlike",
    "is_own",
    "key_text",
    "kinds_of",
    "look_alikes",
    "made_here",
]

_ALIKE: Final = 0.7
"""Names at least this similar are mistaken for each other at three in the morning."""
_LOOK_ALIKES_MAX: Final = 8


class LookAlike(Frozen):
    """Another key that could be taken for the one that is meant."""

    id: KeyId
    name: str
    hint: str
    created_at: str
    created_by: str
    workspace_name: str

    @property
    def words(self) -> str:
        ending = f" ...{self.hint}" if self.hint else ""
        place = f", {self.workspace_name}" if self.workspace_name else ""
        return f"{self.name}{ending}{place}"


class IdentifiedKey(Frozen):
    """The key that a value or a name means.

    Attributes:
        found: Exactly one key fits. When false, ``id`` is empty.
        kind: ``app``, ``track``, ``write`` or ``sa``.
        hint: Last characters of the value.
        workspace: Number of the workspace; empty for a service account token.
        region: Where the value was let in, else the connection's region.
        alive: ``alive``, ``refused``, ``inconclusive`` or ``untried``.
        own: It is the credential that this tool works with.
        matches: How many keys fit.
        look_back: Where nobody knows since when strangers had it: when it was made, at most 90
            days before the run.
    """

    found: bool
    id: KeyId
    kind: str
    name: str
    hint: str
    workspace: str
    workspace_name: str
    region: str
    alive: str
    own: bool
    matches: int
    look_alikes: tuple[LookAlike, ...]
    says: str
    look_back: Timestamp = Timestamp("")


def key_text(key: KeyId | Late) -> KeyId:
    """The id of a key that exists; empty for one that a dry run only foretells."""
    return KeyId("") if isinstance(key, Late) else key


def is_own(me: Me, ref: KeyRef, row: KeyRow | None, value: SecretHandle | None) -> bool:
    """Whether this is the credential that the connection works with now.

    By digest or id where those are known. Without either, any token of our own service account
    counts, and an App API key of our own workspace with the ending of ours: a false alarm costs a
    question, a false all-clear the tool's own access.
    """
    options = me.connection.options
    digests, ids = options.get("own_digests") or (), options.get("own_token_ids") or ()
    if value is not None and value.digest and digests:
        return value.digest in digests
    if ids:
        return ref.id in ids or (ref.kind == "sa" and ref.number in map(str, ids))
    if ref.kind == "app" and row is not None and ref.place[0] == str(options.get("app_workspace")):
        return any(hint_matches(row.hint, ending) for ending in options.get("own_hints") or ())
    ours = me.connection.identity
    return ref.kind == "sa" and bool(ours) and row is not None and row.holder == ours


def made_here(me: Me, one: PlacedKey) -> bool:
    """Whether this run has made it, or would: by its name, its value, or its place in a plan."""
    row = one.row
    held = {handle.digest for handle in me.held.values() if handle.name.endswith(".value")}
    return (
        isinstance(row.id, Late) or made_by_this_run(me, row.name) or bool(held & set(row.digests))
    )


def look_alikes(rows: Sequence[PlacedKey], target: PlacedKey) -> tuple[LookAlike, ...]:
    """Keys that share the ending of the target, or nearly its name."""
    alike = [found for found in rows if found is not target and _alike(found.row, target.row)]
    return tuple(
        LookAlike(
            key_text(found.row.id),
            found.row.name,
            found.row.hint,
            timestamp(found.row.created_at),
            found.row.created_by,
            found.workspace.name,
        )
        for found in alike[:_LOOK_ALIKES_MAX]
    )


def _alike(one: KeyRow, other: KeyRow) -> bool:
    if hint_matches(one.hint, other.hint):
        return True
    names = one.name.casefold(), other.name.casefold()
    return all(names) and difflib.SequenceMatcher(None, *names).ratio() >= _ALIKE


def kinds_of(value: SecretHandle | None) -> tuple[str, ...]:
    """What a value may be, by its form; without a value anything."""
    if value is None:
        return tuple(KIND_WORDS)
    if value.prefix.startswith("sa_"):
        return ("sa",)
    by_form: Mapping[str, tuple[str, ...]] = {"hex32": ("app",), "pair": ("track",)}
    # The secret half of a Track pair and a write key look the same.
    return by_form.get(value.form, ("write", "track"))


def _fits(found: PlacedKey, value: SecretHandle | None, name: str) -> bool:
    row = found.row
    if name and name.casefold() not in {row.name.casefold(), row.holder.casefold(), row.id}:
        return False
    if value is None:
        return True
    if row.digests and value.digest:
        return value.digest in row.digests
    # A list that shows no ending proves nothing; then the name has to be enough.
    return hint_matches(row.hint, value.hint) if row.hint else bool(name)


class ListedKey(Frozen):
    """A key as a person picks it from a list."""

    id: KeyId
    name: str
    hint: str
    kind: str
    workspace_name: str
    created_at: str


class KeyList(Frozen):
    """Keys of every kind in every workspace."""

    keys: tuple[ListedKey, ...]
    count: int


@action(
    "customerio.list_keys",
    effect=Effect.READS,
    output=KeyList,
    source="customerio/cli: ext_api_keys, site_ids, sources (CLI-SHOWN)",
)
class ListKeys(Frozen):
    """List the keys of every workspace, to pick one."""

    def run(self, me: Me) -> Script[KeyList]:
        found = yield from every_row(me)
        keys = tuple(
            ListedKey(
                key_text(one.row.id),
                one.row.name or one.row.holder,
                one.row.hint,
                one.kind,
                one.workspace.name,
                timestamp(one.row.created_at),
            )
            for one in found
        )
        return Done(KeyList(keys, len(keys)), says=counted(len(keys), "key"))


@action(
    "customerio.identify_key",
    effect=Effect.READS,
    output=IdentifiedKey,
    source="customerio/cli: ext_api_keys, site_ids, sources (CLI-SHOWN); probes as in probes.py",
)
class IdentifyKey(Frozen):
    """Find the key that a leaked value or a name means, and see whether it lives.

    Attributes:
        value: The leaked value.
        name: Its name in the console (for a write key, its source's), or its id.
        workspace: Name or number; all workspaces when empty.
    """

    value: SecretHandle | None = None
    name: str = ""
    workspace: str = ""

    def run(self, me: Me) -> Script[IdentifiedKey]:
        if self.value is None and not self.name:
            raise UsageError("neither a value nor a name was given", do="give one of them")
        kinds = kinds_of(self.value)
        places = () if kinds == ("sa",) else (yield from self._places(me))
        rows = yield from all_rows(me, kinds, places)
        fitting = [row for row in rows if _fits(row, self.value, self.name)]
        life = yield from self._try(me, kinds[0], fitting)
        if len(fitting) > 1 and life.workspace:
            # A Track pair tells which workspace it opens.
            fitting = [row for row in fitting if row.workspace.id == life.workspace]
        if len(fitting) == 1 and not self._only_ends_alike(fitting[0].row, life):
            return self._found(me, fitting[0], rows, life)
        if len(fitting) == 1:
            return self._dead(me, kinds, fitting[0], life)
        if not fitting and kinds == ("sa",) and not tokens_listed(me):
            return self._unlisted(me, life)
        return self._not_found(me, kinds, rows, fitting, life)

    def _places(self, me: Me) -> Looking[tuple[WorkspaceRow, ...]]:
        places = yield from workspaces(me)
        if not self.workspace:
            return places
        wanted = self.workspace.casefold()
        chosen = tuple(one for one in places if wanted in {one.id, one.name.casefold()})
        if not chosen:
            raise UsageError(
                f"there is no workspace called {self.workspace[:80]!r}",
                do=f"use one of {', '.join(one.name for one in places)}",
            )
        return chosen

    def _try(self, me: Me, kind: str, fitting: Sequence[PlacedKey]) -> Looking[Life]:
        if self.value is None or kind not in PROBED:
            return Life(UNTRIED)
        known = key_text(fitting[0].row.id) if len(fitting) == 1 else ""
        stand_in = f"value-{self.value.digest[:12] or self.value.name}"
        return (yield from probe(me, kind, self.value, known or stand_in))

    def _only_ends_alike(self, row: KeyRow, life: Life) -> bool:
        """Whether nothing but its ending says that this is the key of a value that is refused."""
        return life.state == REFUSED and not self.name and not row.digests

    def _dead(
        self, me: Me, kinds: Sequence[str], other: PlacedKey, life: Life
    ) -> Done[IdentifiedKey]:
        says = f"...{other.row.hint} is refused already: nothing is left to kill"
        finding = (
            f"{other.words} ends alike and is listed: the value is hardly its own, since it is "
            "refused; if it is, name it"
        )
        return self._done(me, life, says, [finding], kind=kinds[0], matches=0)

    def _found(
        self, me: Me, one: PlacedKey, rows: Sequence[PlacedKey], life: Life
    ) -> Done[IdentifiedKey]:
        row, key = one.row, key_text(one.row.id)
        own = is_own(me, KeyRef.of(key), row, self.value)
        place = f", {one.workspace.name}" if one.workspace.name else ""
        says = f"{row.words}, {KIND_WORDS[one.kind]}{place}: {life.state.upper()}"
        others = look_alikes(rows, one)
        findings = [f"look-alike, not meant: {other.words}" for other in others]
        if own:
            findings.append(
                f"{row.words} is the credential that respond itself works with: whatever order is "
                "chosen, the new one is in use before it dies"
            )
        if self.value is not None and life.state == REFUSED:
            findings.append(f"{row.words} is listed, and its value is refused already")
        if self.value is not None and not row.hint and not row.digests:
            findings.append(f"the list shows no ending of {row.words}: only its name fits")
        if life.state == INCONCLUSIVE:
            why = f": {life.why}" if life.why else ""
            findings.append(f"whether the value still works could not be told; try again{why}")
        return self._done(
            me,
            life,
            says,
            findings,
            found=True,
            id=key,
            kind=one.kind,
            name=row.name,
            hint=row.hint or (self.value.hint if self.value else ""),
            workspace=one.workspace.id,
            workspace_name=one.workspace.name,
            own=own,
            matches=1,
            look_alikes=others,
            look_back=look_back(me, row.created_at),
        )

    def _done(
        self, me: Me, life: Life, says: str, findings: Sequence[str], **known: Any
    ) -> Done[IdentifiedKey]:
        told = {
            "found": False,
            "id": KeyId(""),
            "name": self.name,
            "hint": self.value.hint if self.value else "",
            "workspace": life.workspace,
            "workspace_name": "",
            "region": life.region or me.connection.region,
            "alive": life.state,
            "own": False,
            "look_alikes": (),
            "look_back": look_back(me),
            **known,
        }
        return Done(IdentifiedKey(says=says, **told), says=says, findings=tuple(findings))

    def _unlisted(self, me: Me, life: Life) -> Done[IdentifiedKey]:
        """A service account token whose list nobody confirmed: a person finds it by its ending."""
        hint = self.value.hint if self.value else ""
        ref = KeyRef("sa", (BY_HAND,), hint or "token")
        lives = life.state == ALIVE
        says = f"service account token ...{hint}: {life.state.upper()}"
        return self._done(
            me,
            life,
            says,
            (f"no API lists service account tokens here; look for ...{hint}",),
            kind="sa",
            found=lives,
            id=ref.id if lives else KeyId(""),
            own=is_own(me, ref, None, self.value),
            matches=int(lives),
        )

    def _not_found(
        self,
        me: Me,
        kinds: Sequence[str],
        rows: Sequence[PlacedKey],
        fitting: Sequence[PlacedKey],
        life: Life,
    ) -> Done[IdentifiedKey]:
        ending = f"...{self.value.hint}" if self.value is not None and self.value.hint else ""
        wanted = " ".join(filter(None, (self.name, ending)))
        findings = [f"fits as well: {one.words}" for one in fitting]
        if fitting:
            says = f"{len(fitting)} keys fit {wanted}; name the one that is meant"
        else:
            says = f"no key fits {wanted or 'the value that was given'}: none of {len(rows)} here"
            if life.state == ALIVE:
                whose = f"another key than {self.name}" if self.name else "of another account"
                says += f"; the value works, so it is {whose}"
            if life.state == REFUSED:
                says = f"{says}: nothing is left to kill"
            by_value = [one for one in rows if self.name and _fits(one, self.value, "")]
            if self.value is not None:
                findings = [f"the value fits {one.words}, not {self.name}" for one in by_value]
            if life.state == ALIVE:
                findings.append("the value works and no list shows it: another account may own it")
        kind = kinds[0] if len(kinds) == 1 else ""
        return self._done(me, life, says, findings, kind=kind, matches=len(fitting))


ACTIONS: tuple[type, ...] = (IdentifyKey, ListKeys)
