"""A room for the incident: a private channel, its topic, its people.

Private, because in a public channel the account that was taken over can read along.
"""

from __future__ import annotations

import html
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from respond.core.script import (
    Api,
    Becomes,
    Connection,
    Done,
    Effect,
    MalformedReplyError,
    Me,
    Read,
    Reply,
    Script,
    Subject,
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
from respond.systems.slack.accounts import PEOPLE_A_PAGE, find, ourselves
from respond.systems.slack.posting import ChannelId, check_channel, inert
from respond.systems.slack.replies import (
    PAGES,
    SETTLE_S,
    body_and_code,
    get,
    records,
    send,
    text_at,
    where,
    yes,
)

__all__ = ["ArchiveIncidentChannel", "Archived", "Channel", "GatherPeople", "OpenIncidentChannel"]

_NAME: Final = re.compile(r"[a-z0-9_-]+")
_NAME_MAX: Final = 80
_TOPIC_MAX: Final = 250
_SUFFIXES_MAX: Final = 9
_IN_ALREADY: Final = frozenset({"already_in_channel", "cant_invite_self"})


@dataclass(frozen=True, slots=True)
class Channel:
    """The incident's channel; its id is known once it exists."""

    id: ChannelId | Late
    name: str


@dataclass(frozen=True, slots=True)
class _Rooms:
    """Which of the names that we would take exist.

    Attributes:
        ours: Name to id, of the open private ones that our own bot made.
        taken: Names of all others, archived ones included.
    """

    ours: Mapping[str, str]
    taken: frozenset[str]


def _rooms_read(connection: Connection, base: str, us: str) -> Read[_Rooms]:
    def parse(replies: Sequence[Reply]) -> _Rooms:
        ours: dict[str, str] = {}
        taken: set[str] = set()
        for place in (place for reply in replies for place in records(yes(reply), "channels")):
            name = str(place.get("name", ""))
            if not name.startswith(base):
                continue
            made_by_us = place.get("creator") == us and place.get("is_private") is True
            if made_by_us and place.get("is_archived") is False:
                ours[name] = text_at(place, "id")
            else:
                taken.add(name)
        return _Rooms(ours, frozenset(taken))

    query = (("types", "public_channel,private_channel"), ("limit", PEOPLE_A_PAGE))
    return Read(
        _named(connection, base), get(connection, "conversations.list", *query), parse, PAGES
    )


def _named(connection: Connection, base: str) -> Subject[_Rooms]:
    return Subject(f"{connection.name}/channel-named/{base}", settle_s=SETTLE_S)


@action(
    "slack.open_incident_channel",
    effect=Effect.WRITES,
    output=Channel,
    source="Slack Web API, methods conversations.list and conversations.create",
)
@dataclass(frozen=True)
class OpenIncidentChannel:
    """Open a private channel for this incident.

    Its name ends in the run's mark. A private channel with that name is adopted if our own bot
    made it; if somebody else took the name, a number is put behind it. ``slack.gather_people``
    sets its topic and invites people: Slack wants the channel's id for that, which nobody knows
    before it exists.

    Attributes:
        name: Begins the channel's name: lower case, digits, ``-`` and ``_``.
    """

    name: str

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
        rooms = yield from _rooms_read(slack, base, us)
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
            where=where(slack),
            effect=Effect.WRITES,
            hands=Api(
                send(slack, "conversations.create", {"name": name, "is_private": True}),
                lambda reply: Channel(ChannelId(text_at(yes(reply), "channel", "id")), name),
            ),
            before={"there": False},
            after={"there": True, "private": True},
            becomes=(
                Becomes(
                    _named(slack, base),
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


@dataclass(frozen=True, slots=True)
class Gathered:
    """Who of those named is in the channel, by address."""

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Invited:
    """Slack's own words for those it did not let in, by user id."""

    refused: dict[str, str]


_Part = Generator[Any, object, tuple[dict[str, str], tuple[str, ...]]]


@action(
    "slack.gather_people",
    effect=Effect.WRITES,
    output=Gathered,
    source="Slack Web API, methods conversations.setTopic, conversations.members and .invite",
)
@dataclass(frozen=True)
class GatherPeople:
    """Set the topic of the incident's channel, and invite people into it.

    Slack may let some in and refuse others: those are findings, and so is everybody who is left
    out because the incident is about them, or because Slack does not know them.

    Attributes:
        channel: The channel's id.
        people: Their addresses.
        topic: What the channel is for; the run is named behind it. Stays as it is when empty.
    """

    channel: ChannelId
    people: tuple[str, ...]
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
            seen = yield from Read(
                self._topic_of(slack),
                get(slack, "conversations.info", ("channel", self.channel)),
                lambda replies: _topic_in(yes(replies[0])),
            )
            # Slack may hand the same topic back with or without its escapes.
            if html.unescape(seen) != html.unescape(self._wanted_topic(me)):
                yield self._set_topic(me, seen)
        wanted, findings = yield from self._wanted(me)
        inside = yield from Read(
            self._members_of(slack),
            get(
                slack,
                "conversations.members",
                ("channel", self.channel),
                ("limit", PEOPLE_A_PAGE),
            ),
            lambda replies: frozenset(m for reply in replies for m in _members(yes(reply))),
            PAGES,
        )
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

    def _topic_of(self, slack: Connection) -> Subject[str]:
        return Subject(f"{slack.name}/channel/{self.channel}/topic", settle_s=SETTLE_S)

    def _members_of(self, slack: Connection) -> Subject[frozenset[str]]:
        return Subject(f"{slack.name}/channel/{self.channel}/members", settle_s=SETTLE_S)

    def _wanted_topic(self, me: Me) -> str:
        mark = f" [respond {me.run}]"
        return f"{inert(self.topic)[: _TOPIC_MAX - len(mark)]}{mark}"

    def _set_topic(self, me: Me, seen: str) -> Write[bool]:
        topic = self._wanted_topic(me)
        body = {"channel": self.channel, "topic": topic}
        return Write(
            says=f"set the topic of {self.channel}",
            verb="set",
            target=self.channel,
            where=where(me.connection),
            effect=Effect.WRITES,
            hands=Api(
                send(me.connection, "conversations.setTopic", body), lambda reply: bool(yes(reply))
            ),
            before={"topic": seen},
            after={"topic": topic},
            becomes=(Becomes(self._topic_of(me.connection), lambda _: topic),),
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
            where=where(slack),
            effect=Effect.WRITES,
            hands=Api(send(slack, "conversations.invite", body), _invited),
            before={"in": []},
            after={"in": sorted(missing)},
            becomes=(Becomes(self._members_of(slack), lambda inside: inside | set(users)),),
            foretold=_Invited({}),
            repeatable=True,
        )


def _invited(reply: Reply) -> _Invited:
    """Who did not get in. Slack names each one, and says yes or no to the whole.

    Source: Slack Web API, method conversations.invite, section on errors.
    """
    body, code = body_and_code(reply)
    errors = body.get("errors") or []
    refused = {
        text_at(row, "user"): showable(str(row.get("error", "refused")), limit=80)
        for row in errors
        if isinstance(row, dict) and row.get("error") not in _IN_ALREADY
    }
    if code and code not in _IN_ALREADY and not errors:
        yes(reply)
    return _Invited(refused)


def _members(body: Mapping[str, Any]) -> list[str]:
    members = body.get("members")
    if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
        raise MalformedReplyError("the reply has no list of members")
    return members


def _topic_in(body: Mapping[str, Any]) -> str:
    channel = body.get("channel")
    topic = channel.get("topic") if isinstance(channel, dict) else None
    value = topic.get("value") if isinstance(topic, dict) else None
    if not isinstance(value, str):
        raise MalformedReplyError("the reply has no channel.topic.value")
    return value


# --- and its end --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Archived:
    """Whether the channel is closed now. False: there is none that is ours."""

    archived: bool


@action(
    "slack.archive_incident_channel",
    effect=Effect.WRITES,
    output=Archived,
    source="Slack Web API, method conversations.archive",
)
@dataclass(frozen=True)
class ArchiveIncidentChannel:
    """Close a channel that our own bot opened; what was written in it stays readable.

    Attributes:
        name: Its whole name, mark included.
    """

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ArgumentError("name takes a-z, 0-9, - and _ only")

    def run(self, me: Me) -> Script[Archived]:
        slack = me.connection
        us = yield from ourselves(slack)
        rooms = yield from _rooms_read(slack, self.name, us)
        room = rooms.ours.get(self.name)
        if room is None:
            return Done(Archived(self.name in rooms.taken), says=f"no open #{self.name} of ours")
        yield Write(
            says=f"archive #{self.name}",
            verb="archive",
            target=self.name,
            where=where(slack),
            effect=Effect.WRITES,
            hands=Api(
                send(slack, "conversations.archive", {"channel": room}),
                lambda reply: bool(yes(reply)),
            ),
            before={"archived": False},
            after={"archived": True},
            becomes=(
                Becomes(
                    _named(slack, self.name),
                    lambda rooms: _Rooms(
                        {name: id_ for name, id_ in rooms.ours.items() if name != self.name},
                        rooms.taken | {self.name},
                    ),
                ),
            ),
            foretold=True,
        )
        return Done(Archived(archived=True), says=f"archived #{self.name}")
