"""What a notice needs of a vendor through which people are told.

Each has a ``channel`` module with ``CHANNEL``, named in its record. It gives the same requests at
every look, tells nobody twice, and leaves whoever must not know to ``recipients.kept_out``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, TypeAlias

from respond.core.records import Frozen
from respond.core.script import Connection, Me, PersonRecord, Subject
from respond.core.showable import showable
from respond.systems import vendor
from respond.systems.people.messages import Notice

__all__ = ["NoticeChannel", "Reached", "channel_of", "connection_of", "name_of", "notice_to"]

_SETTLE_S: Final = 15


class Reached(Frozen):
    """How it came out for one person.

    Attributes:
        why_not: Empty when they were told.
        is_next: The channel does not serve them and tried nothing, so that the next one may.
    """

    why_not: str = ""
    is_next: bool = False


_Tell: TypeAlias = Callable[
    [Me, Connection, Sequence[PersonRecord], Notice], Generator[Any, object, Mapping[str, Reached]]
]
_Page: TypeAlias = Callable[[Me, Connection, Notice], Generator[Any, object, str]]


class NoticeChannel(Frozen):
    """One way to people; it tells those who are named, or pages those who are not.

    Attributes:
        absent: Said where there is no connection for it.
        tell: Tells each of these once; how it came out, by the person's id.
        page: Pages whoever is on call, unless that may be somebody who must not know: why nobody
            was, or empty.
    """

    absent: str
    tell: _Tell | None = None
    page: _Page | None = None


def channel_of(system: str) -> NoticeChannel:
    """What the vendor supplies; imported when somebody is to be told."""
    channel: NoticeChannel = import_module(vendor(system).channel).CHANNEL
    return channel


def connection_of(me: Me, system: str) -> Connection | None:
    """The connection of a system; of several, the first by name."""
    names = sorted(name for name, one in me.connections.items() if one.system == system)
    return me.connections[names[0]] if names else None


def notice_to(me: Me, who: str) -> Subject[Any]:
    """One notice for each run, step and person, whichever way it goes."""
    return Subject(f"notice/{me.run}/{me.step}/{who}", settle_s=_SETTLE_S)


def name_of(person: PersonRecord) -> str:
    """How they are called, in a line."""
    return showable(person.name or person.id, limit=80)
