"""Choose the keys that are to be replaced, in their order, each with the place of its new value.

Two new values never go into one place: whoever reads it there would get the wrong one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from respond.core.records import Frozen, replace
from respond.core.script import Done, Effect, Me, Script, action
from respond.systems.customerio.facts import KIND_WORDS, KeyId, KeyRef
from respond.systems.customerio.identify import is_own, key_text, made_here
from respond.systems.customerio.reading import PlacedKey, counted, every_row, tokens_listed

__all__ = ["ACTIONS", "ChooseKeys", "ChosenKey", "ChosenKeys"]

SCREEN: Final = "screen"
OWN: Final = "own"
_TOKENS: Final = "replace them by hand: https://fly.customer.io/settings/api_credentials?keyType=service_accounts"
_KINDS: Final = tuple(KIND_WORDS)


class ChosenKey(Frozen):
    """A key that is to be replaced.

    Attributes:
        label: As people know it: ``backend-prod ...cdef, App API key, Production``.
        sink: Where its new value goes.
        own: It is what this tool works with.
    """

    id: KeyId
    label: str
    sink: str
    own: bool


class ChosenKeys(Frozen):
    """Keys to replace, what this tool works with last.

    Attributes:
        unknown: Ids that were named and stand in no list, for people; empty for none.
    """

    keys: tuple[ChosenKey, ...]
    count: int
    unknown: str


@action(
    "customerio.choose_keys",
    effect=Effect.READS,
    output=ChosenKeys,
    source="customerio/cli: ext_api_keys, site_ids, sources (CLI-SHOWN)",
)
class ChooseKeys(Frozen):
    """Choose the keys to replace: those that are named, or all; what respond works with last.

    Where a new value goes says ``sinks`` in the options of the connection: the key's name, its id,
    or a pattern such as ``backend-prod*``, and a sink. Without one it is shown once on the screen.

    Attributes:
        keys: Ids, as ``customerio.list_keys`` names them; all keys when empty.
    """

    keys: tuple[str, ...] = ()

    def run(self, me: Me) -> Script[ChosenKeys]:
        rows = [one for one in (yield from every_row(me)) if not made_here(me, one)]
        chosen = rows
        known: dict[str, PlacedKey] = {key_text(one.row.id): one for one in rows}
        unknown = ", ".join(key for key in self.keys if key not in known)
        if self.keys:
            chosen = [known[key] for key in dict.fromkeys(self.keys) if key in known]
        found = [_chosen(me, one) for one in chosen]
        # What sees and does all of this has to last until the others are done.
        found.sort(key=lambda one: (one.own, _KINDS.index(KeyRef.of(one.id).kind)))
        keys, findings = _apart(found)
        if not self.keys and not tokens_listed(me):
            findings = (*findings, f"UNSEEN service account tokens: no API lists them; {_TOKENS}")
        labels = "; ".join(one.label for one in keys)
        return Done(
            ChosenKeys(keys, len(keys), unknown),
            says=f"{counted(len(keys), 'key')} to replace: {labels}" if keys else "no key",
            findings=findings,
        )


def _chosen(me: Me, one: PlacedKey) -> ChosenKey:
    row, ref = one.row, KeyRef.of(key_text(one.row.id))
    ending = f" ...{row.hint}" if row.hint else ""
    parts = (f"{row.name}{ending}", KIND_WORDS[one.kind], one.workspace.name)
    own = is_own(me, ref, row, None)
    sink = OWN if own else _sink(me, ref.id, row.name)
    return ChosenKey(ref.id, ", ".join(filter(None, parts)), sink, own)


def _sink(me: Me, key: KeyId, name: str) -> str:
    """The one whose name is the key's, else the longest pattern that fits; else the screen."""
    given = me.connection.options.get("sinks")
    sinks: Mapping[str, str] = given if isinstance(given, Mapping) else {}
    fitting = [each for each in sinks if fnmatchcase(name, each) or each == key]
    best = max(fitting, key=lambda each: (each in {name, key}, len(each)), default="")
    return str(sinks[best]) if best else SCREEN


def _apart(found: Sequence[ChosenKey]) -> tuple[tuple[ChosenKey, ...], tuple[str, ...]]:
    """Each with a place of its own, and what is not so in words."""
    times = Counter(one.sink for one in found)
    shared = {sink for sink, count in times.items() if count > 1 and sink not in {SCREEN, OWN}}
    keys = tuple(replace(one, sink=SCREEN) if one.sink in shared else one for one in found)
    findings = [f"several keys would go to {sink}: each is shown once instead" for sink in shared]
    shown = [one.label for one in keys if one.sink == SCREEN]
    if shown:
        findings.append(
            "shown once on the screen, since options.sinks of the connection names no place: "
            + "; ".join(shown)
        )
    return keys, tuple(sorted(findings))


ACTIONS: tuple[type, ...] = (ChooseKeys,)
