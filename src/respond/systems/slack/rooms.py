"""A room for the incident: a private channel, its topic, its people.

Private, because in a public channel the account that was taken over can read along.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final, TypeVar

from respond.core.records import Frozen
from respond.core.script import (
    STEERS,
    Api,
    Becomes,
    Connection,
    Done,
    Effect,
    MalformedReplyError,
    Me,
    Reply,
    Script,
    Undo,
    Write,
    action,
    answer_as,
)
from respond.core.showable import showable, showable_host
from respond.core.values import Late
from respond.errors import StepFailedError
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.people.recipients import kept_out
from respond.systems.rest import Thing, at, dig, no_in, one, read_record, rows, where, yes
from respond.systems.slack.accounts import find, ourselves
from respond.systems.slack.posting import ChannelId, check_channel, inert
from respond.systems.slack.vendor import A_PAGE, VENDOR

__all__ = ["ArchiveIncidentChannel", "Archived", "Channel", "GatherPeople", "OpenIncidentChannel"]

T = TypeVar("T")

_NAME: Final = re.compile(r"[a-z0-9_-]+")
_NAME_MAX: Final = 80
_TOPIC_MAX: Final = 250
_SUFFIXES_MAX: Final = 9
_IN_ALREADY: Final = frozenset({"already_in_channel", "cant_invite_self"})


class Channel(Frozen):
    """The incident's channel; its id is known once it exists."""

    id: ChannelId | Late
    name: str


class _Rooms(Frozen):
    """Which of the names that we would take exist.

    Attributes:
        ours: Name to id, of the open private ones that our own bot made.
        taken: Names of all others, archived ones included.
    """

    ours: Mapping[str, str]
    taken: frozenset[str]


class _Room(Frozen):
    id: str = at("id")
    name: str = at("name", default="")
    creator: str = at("creator", default="")
    is_private: bool = at("is_private", default=False)
    is_open: bool = at("is_archived", read=lambda archived: archived is False, default=False)

    def is_adopted(self, us: str) -> bool:
        return self.creator == us and self.is_private and self.is_open


def _post(
    slack: Connection, method: str, body: Mapping[str, Any], parse: Callable[[Reply], T]
) -> Api[T]:
    call = VENDOR.call(slack.name, "POST", method, body=dict(body))
    return Api(call, lambda reply: parse(yes(VENDOR, reply)))


def _rooms_named(base: str, us: str) -> Thing[_Rooms]:
    def parse(replies: Sequence[Reply]) -> _Rooms:
        named = [room for room in rows(_Room, "channels")(replies) if room.name.startswith(base)]
        ours = {room.name: room.id for room in named if room.is_adopted(us)}
        return _Rooms(ours, frozenset(room.name for room in named if not room.is_adopted(us)))

    query = (("types", "public_channel,private_channel"), ("limit", A_PAGE))
    return Thing(VENDOR, "channel-named/{base}", ("conversations.list",), parse, query=query)


@action(
    "slack.open_incident_channel",
    effect=Effect.WRITES,
    undo="slack.archive_incident_channel",
    output=Channel,
    source="Slack Web API, methods conversations.list and conversations.create",
)
class OpenIncidentChannel(Frozen):
    """Open a private channel for this incident.

    Its name ends in the run's mark. A private channel with that name is adopted if our own bot
    made it; if somebody else took the name, a number is put behind it. ``slack.gather_people``
    sets its topic and invites people: Slack wants the channel's id for that, which nobody knows
    before it exists.

    Attributes:
        name: Begins the channel's name: lower case, digits, ``-`` and ``_``.
    """

    name: str = field(metadata=STEERS)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            wish = re.sub(r"[^a-z0-9_-]+", "-", self.name.lower()).strip("-")
            hint = f" Try {wish!r}." if wish else ""
            raise ArgumentError(f"name takes a-z, 0-9, - and _ only.{hint}")

    def run(self, me: Me) -> Script[Channel]:
        slack = me.connection
        base = f"{self.name}-{me.mark}"
        names = (base, *(f"{base}-{number}" for number in range(2, _SUFFIXES_MAX + 1)))
        if len(names[-1]) > _NAME_MAX:
            raise StepFailedError(f"the channel name {base} is too long", do="shorten the name")
        us = yield from ourselves(slack)
        named = _rooms_named(base, us)
        rooms = yield from named.of(slack, base=base)
        name = next((name for name in names if name in rooms.ours), "")
        if name:
            return Done(Channel(ChannelId(rooms.ours[name]), name), says=f"#{name} is there")
        name = next((name for name in names if name not in rooms.taken), "")
        if not name:
            raise StepFailedError(
                f"every channel name from {base} to {names[-1]} is taken",
                do="give the step another name",
            )
        made = yield from Write(
            says=f"open the private channel #{name}",
            verb="open",
            target=name,
            where=where(VENDOR, slack),
            effect=Effect.WRITES,
            hands=_post(
                slack,
                "conversations.create",
                {"name": name, "is_private": True},
                lambda reply: Channel(ChannelId(one(_Room, "channel")([reply]).id), name),
            ),
            before={"there": False},
            after={"there": True, "private": True},
            becomes=(
                Becomes(
                    named.subject(slack, base=base),
                    lambda rooms: _Rooms({**rooms.ours, name: "foretold"}, rooms.taken),
                ),
            ),
            foretold=Channel(Late(me.step, "id"), name),
            undo=Undo("slack.archive_incident_channel", {"name": name}),
        )
        return Done(
            answer_as(Channel, made, Channel(Late(me.step, "id"), name)), says=f"opened #{name}"
        )


# --- topic and people ---------------------------------------------------------------------------


class Gathered(Frozen):
    """Who of those named is in the channel, by address."""

    members: tuple[str, ...]


class _Invited(Frozen):
    """Slack's own words for those it did not let in, by user id."""

    refused: dict[str, str]


class _NotIn(Frozen):
    user: str = at("user")


def _topic_in(replies: Sequence[Reply]) -> str:
    topic = dig(replies[0].body, "channel.topic.value")
    if not isinstance(topic, str):
        raise MalformedReplyError("the reply has no channel.topic.value")
    return topic


def _members_in(replies: Sequence[Reply]) -> frozenset[str]:
    pages = [dig(reply.body, "members") for reply in replies]
    if not all(isinstance(page, list) and all(isinstance(m, str) for m in page) for page in pages):
        raise MalformedReplyError("the reply has no list of members")
    return frozenset(member for page in pages for member in page)


_TOPIC: Final = Thing(
    VENDOR,
    "channel/{channel}/topic",
    ("conversations.info",),
    _topic_in,
    query=(("channel", "{channel}"),),
)
_MEMBERS: Final = Thing(
    VENDOR,
    "channel/{channel}/members",
    ("conversations.members",),
    _members_in,
    query=(("channel", "{channel}"), ("limit", A_PAGE)),
)

_Part = Generator[Any, object, tuple[dict[str, str], tuple[str, ...]]]


@action(
    "slack.gather_people",
    effect=Effect.WRITES,
    output=Gathered,
    source="Slack Web API, methods conversations.setTopic, conversations.members and .invite",
)
class GatherPeople(Frozen):
    """Set the topic of the incident's channel, and invite people into it.

    Slack may let some in and refuse others: those are findings, and so is everybody who is left
    out because the incident is about them, or because Slack does not know them.

    Attributes:
        channel: The channel's id.
        people: Their addresses.
        topic: What the channel is for; the run is named behind it. Stays as it is when empty.
    """

    channel: ChannelId = field(metadata=STEERS)
    people: tuple[str, ...] = field(metadata=STEERS)
    topic: str = ""

    def __post_init__(self) -> None:
        check_channel(self.channel)
        if self.topic:
            one_line("topic", self.topic)
        for email in self.people:
            one_line("people", email)

    def run(self, me: Me) -> Script[Gathered]:
        slack = me.connection
        if self.topic:
            seen = yield from _TOPIC.of(slack, channel=self.channel)
            # Slack may hand the same topic back with or without its escapes.
            if html.unescape(seen) != html.unescape(self._wanted_topic(me)):
                yield self._set_topic(me, seen)
        wanted, findings = yield from self._wanted(me)
        inside = yield from _MEMBERS.of(slack, channel=self.channel)
        missing = {email: user for email, user in wanted.items() if user not in inside}
        if missing:
            answer = yield from self._invite(me, missing)
            refused = answer_as(_Invited, answer, _Invited({})).refused
            findings += tuple(
                f"{showable_host(email)} was not let in: {refused[user]}"
                for email, user in missing.items()
                if user in refused
            )
            wanted = {email: user for email, user in wanted.items() if user not in refused}
        return Done(
            Gathered(tuple(wanted)),
            says=f"{len(wanted)} of {len(self.people)} are in",
            findings=findings,
        )

    def _wanted(self, me: Me) -> _Part:
        """User ids of those to invite, by address, and why the others are left out."""
        wanted: dict[str, str] = {}
        findings: list[str] = []
        for email in dict.fromkeys(self.people):
            why = kept_out(me, (email,))
            if not why:
                person = yield from find(me.connection, email)
                why = kept_out(me, (person.email,))
                if not why and (not person.active or person.bot):
                    why = "not an active person in Slack"
                if not why:
                    wanted[email] = person.id
            if why:
                findings.append(f"{showable_host(email)} is not invited: {why}")
        return wanted, tuple(findings)

    def _wanted_topic(self, me: Me) -> str:
        mark = f" [respond {me.run}]"
        return f"{inert(self.topic)[: _TOPIC_MAX - len(mark)]}{mark}"

    def _set_topic(self, me: Me, seen: str) -> Write[bool]:
        topic, thing = self._wanted_topic(me), _TOPIC.subject(me.connection, channel=self.channel)
        body = {"channel": self.channel, "topic": topic}
        return Write(
            says=f"set the topic of {self.channel}",
            verb="set",
            target=self.channel,
            where=where(VENDOR, me.connection),
            effect=Effect.WRITES,
            hands=_post(me.connection, "conversations.setTopic", body, bool),
            before={"topic": seen},
            after={"topic": topic},
            becomes=(Becomes(thing, lambda _: topic),),
            foretold=True,
            repeatable=True,
        )

    def _invite(self, me: Me, missing: Mapping[str, str]) -> Write[_Invited]:
        slack = me.connection
        users = tuple(missing.values())
        # With force, those who cannot come in do not keep the others out.
        body = {"channel": self.channel, "users": ",".join(users), "force": True}
        names = ", ".join(showable_host(email) for email in missing)
        return Write(
            says=f"invite {names}",
            verb="invite",
            target=str(len(users)),
            where=where(VENDOR, slack),
            effect=Effect.WRITES,
            hands=Api(VENDOR.call(slack.name, "POST", "conversations.invite", body=body), _invited),
            before={"in": []},
            after={"in": sorted(missing)},
            becomes=(
                Becomes(
                    _MEMBERS.subject(slack, channel=self.channel),
                    lambda inside: inside | set(users),
                ),
            ),
            foretold=_Invited({}),
            repeatable=True,
        )


def _invited(reply: Reply) -> _Invited:
    """Who did not get in. Slack names each one, and says yes or no to the whole.

    Source: Slack Web API, method conversations.invite, section on errors.
    """
    code, errors = no_in(VENDOR, reply), dig(reply.body, "errors") or []
    refused = {
        read_record(_NotIn, row).user: showable(str(row.get("error", "refused")), limit=80)
        for row in errors
        if isinstance(row, dict) and row.get("error") not in _IN_ALREADY
    }
    if code and code not in _IN_ALREADY and not errors:
        yes(VENDOR, reply)
    return _Invited(refused)


# --- and its end --------------------------------------------------------------------------------


class Archived(Frozen):
    """Whether the channel is closed now. False: there is none that is ours."""

    archived: bool


@action(
    "slack.archive_incident_channel",
    effect=Effect.WRITES,
    output=Archived,
    source="Slack Web API, method conversations.archive",
)
class ArchiveIncidentChannel(Frozen):
    """Close a channel that our own bot opened; what was written in it stays readable.

    Attributes:
        name: Its whole name, mark included.
    """

    name: str = field(metadata=STEERS)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ArgumentError("name takes a-z, 0-9, - and _ only")

    def run(self, me: Me) -> Script[Archived]:
        slack = me.connection
        us = yield from ourselves(slack)
        named = _rooms_named(self.name, us)
        rooms = yield from named.of(slack, base=self.name)
        room = rooms.ours.get(self.name)
        if room is None:
            return Done(Archived(self.name in rooms.taken), says=f"no open #{self.name} of ours")
        yield Write(
            says=f"archive #{self.name}",
            verb="archive",
            target=self.name,
            where=where(VENDOR, slack),
            effect=Effect.WRITES,
            hands=_post(slack, "conversations.archive", {"channel": room}, bool),
            before={"archived": False},
            after={"archived": True},
            becomes=(
                Becomes(
                    named.subject(slack, base=self.name),
                    lambda rooms: _Rooms(
                        {name: id_ for name, id_ in rooms.ours.items() if name != self.name},
                        rooms.taken | {self.name},
                    ),
                ),
            ),
            foretold=True,
        )
        return Done(Archived(archived=True), says=f"archived #{self.name}")
