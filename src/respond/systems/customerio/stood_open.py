"""What of a Customer.io account stood open to somebody, and what the vendor tells nobody.

In words for people who judge what follows. By the vendor's own pages; where these say nothing, the
words say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from respond.core.exposure import ExposedPlace, Exposure
from respond.core.script import Me
from respond.systems.customerio.facts import KeyId, KeyRef, account_line
from respond.systems.customerio.members import MemberRow, is_admin
from respond.systems.customerio.reading import PlacedKey, WorkspaceRow, counted
from respond.systems.customerio.vendor import VENDOR

__all__ = ["NO_NAMES", "open_to_key", "open_to_member", "system_of"]

_NO_READS: Final = "which people and messages were looked at: no log of Customer.io tells of reads"
_NO_KEY_READS: Final = "what was read with a key: no log of Customer.io tells of it"
NO_NAMES: Final = "who fetched a file: Customer.io counts downloads and names nobody"
_HIDDEN: Final = "whether their role hid attributes that are marked as sensitive: no list says so"

_MIGHT: Final[Mapping[str, str]] = {
    "app": "people with their attributes, messages, segments and exports, as far as the key's own "
    "scope lets it",
    "track": "people and events can be sent in, changed and deleted with it; it is made for "
    "sending and not for reading",
    "write": "events and people can be sent in with it; it is made for sending and not for reading",
    "sa": "all that its service account may: people, messages, exports, settings, keys and team "
    "members of every workspace it has",
}
"""What a key of each kind opens, by the vendor's own pages."""


def system_of(me: Me) -> str:
    """The system with its account, as people know it."""
    return f"{VENDOR.title} {account_line(me)}"


def open_to_key(me: Me, key: KeyId, rows: Sequence[PlacedKey]) -> tuple[Exposure, ...]:
    """What somebody with this key could see; it need not be there any more."""
    ref = KeyRef.of(key)
    row = next((one.row for one in rows if one.row.id == key), None)
    place = next((one.workspace.name for one in rows if one.workspace.id == ref.place[0]), "")
    name = f"the {ref.words} {row.name if row is not None and row.name else ref.number}"
    place = place or ("the whole account" if ref.kind == "sa" else f"workspace {ref.place[0]}")
    reads = (_NO_KEY_READS,) if ref.kind in {"app", "sa"} else ()
    return (Exposure(system_of(me), name, (ExposedPlace(place, _MIGHT[ref.kind]),), unknown=reads),)


def open_to_member(
    me: Me,
    who: str,
    row: MemberRow | None,
    places: Sequence[WorkspaceRow],
    keys: Sequence[str],
) -> Exposure:
    """What a member could see, by their roles; somebody whose rights are not known, everything."""
    roles = row.roles if row is not None else None
    names = {place.id: place.name for place in places}
    unknown = [_NO_READS]
    if row is not None and is_admin(row):
        whole = "all people with their attributes, messages, exports, settings and team members"
        opened = [ExposedPlace("every workspace", f"{whole}, as Account Admin")]
    elif roles is None:
        opened = [ExposedPlace("perhaps every workspace", "their roles cannot be read whole")]
    else:
        unknown.append(_HIDDEN)
        opened = [
            ExposedPlace(
                names.get(each.environment, f"workspace {each.environment}"),
                f"people and messages as {each.role or f'custom role {each.role_id}'}",
            )
            for each in roles.environment_roles
        ]
    if keys:
        opened.append(ExposedPlace("keys", f"{counted(len(keys), 'key')} in full"))
    return Exposure(system_of(me), who, tuple(opened), unknown=tuple(unknown))
