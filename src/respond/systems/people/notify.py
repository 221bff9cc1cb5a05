"""Tell the configured persons, each through one channel that confirms with an id.

The subject of the incident and suspects are never told, and nobody who is not in ``respond.toml``:
an administrator who is seen in a system and known to nobody is a finding.

Which channel serves a person is decided when the step looks: the preferred one that answers and
knows them, each in the way that its vendor supplies. A write that is refused later is not replaced
by another one behind the operator's back: the others are still told, that person is named, and the
step does not count as proved.

Whoever is asked for an approval gets buttons where policy lets chat decide it, and where their id
in that chat stands in ``respond.toml``: only then can a click of theirs count.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Any, Final

from respond.core.approval import Verdict
from respond.core.plan import short_digest
from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Becomes,
    Done,
    Effect,
    Me,
    Person,
    PersonRecord,
    Proof,
    Script,
    Write,
    action,
)
from respond.core.shapes import Seconds, Timestamp
from respond.core.showable import showable, showable_host
from respond.errors import StepFailedError
from respond.systems import channels
from respond.systems.arguments import ArgumentError, one_of
from respond.systems.people.channels import (
    Reached,
    channel_of,
    connection_of,
    name_of,
    notice_to,
)
from respond.systems.people.messages import MESSAGES, Button, Notice, compose
from respond.systems.people.recipients import kept_out, person_of
from respond.systems.vendor import Reaches

__all__ = ["ACTIONS", "ANSWERS", "NotTold", "Persons", "Told"]

ANSWERS: Final[Mapping[str, Verdict]] = MappingProxyType(
    {"respond.approve": Verdict.APPROVE, "respond.deny": Verdict.DENY}
)
"""What a click on each of our buttons says, by the button's id."""

_ASKS: Final = "approval-needed"
_CHANNELS: Final = tuple(channels(Reaches.EACH, Reaches.MANY))
_UNSAID: Final = Timestamp("")
_NO_TIME: Final = Seconds(0)


class NotTold(Frozen):
    """Somebody configured who was not told, and why."""

    person: str
    why: str


class Told(Frozen):
    """The end of a notice: ids of persons."""

    told: tuple[str, ...]
    not_told: tuple[NotTold, ...]


@action(
    "notify.persons",
    effect=Effect.WRITES,
    output=Told,
    source="the texts of systems.people.messages; Slack Web API; RFC 5321; PagerDuty Events v2",
    by_hand=(
        "Call the other admins, one by one: what was done, since when, what does not work now.",
    ),
)
class Persons(Frozen):
    """Tell the configured persons with a role, once each, in a text chosen by name.

    At least one person has to be told, or the step fails: a silence that nobody notices is an
    incident of its own. With ``--by-hand`` the operator tells them.

    Attributes:
        message: Name of one of the tool's texts, such as ``key-contained``.
        role: Who is told: all persons with this role.
        also: Persons with this role as well, if there are any.
        to: Ids or addresses, in place of the role. Whoever is not configured is a finding.
        since: When it began; the start of the run when empty.
        until: End of an objection period, for texts that have one; this, or ``within``.
        within: Length of an objection period whose end is not known yet.
        member: Address of the member whom it is about, for texts that name one; the subject of the
            incident when empty.
        about: Name of the connection whose account it is about; needed only when several could be.
        channels: Which of ``slack`` and ``email`` may be used.
        operator_too: Also tell the person at the terminal.
        page: Also page whoever is on call; only for urgent texts, and never when that could be
            the subject or a suspect.
    """

    message: str
    role: str = field(default="admin", metadata=STEERS)
    also: str = field(default="", metadata=STEERS)
    to: tuple[str, ...] = field(default=(), metadata=STEERS)
    since: Timestamp = _UNSAID
    until: Timestamp = _UNSAID
    within: Seconds = _NO_TIME
    member: str = ""
    about: str = field(default="", metadata=STEERS)
    channels: tuple[str, ...] = field(default=_CHANNELS, metadata=STEERS)
    operator_too: bool = False
    page: bool = False

    def __post_init__(self) -> None:
        one_of("message", self.message, MESSAGES)
        for channel in self.channels:
            one_of("channels", channel, _CHANNELS)
        if self.page and not MESSAGES[self.message].urgent:
            raise ArgumentError(f"the message {self.message!r} is not urgent enough to page people")

    def run(self, me: Me) -> Script[Told]:
        notice = compose(
            self.message,
            me,
            since=self.since,
            until=self.until,
            within_s=self.within,
            member=self.member,
            connection=self.about,
        )
        to, out, findings = self._choose(me)
        results = yield from self._tell(me, notice, to)
        told = tuple(person.id for person, why in results if not why)
        silent = [(person, why) for person, why in results if why]
        not_told = tuple(out) + tuple(NotTold(person.id, why) for person, why in silent)
        names = [person.id for person, _ in silent]
        findings += [f"{name_of(person)} was not told: {why}" for person, why in silent]
        if not told:
            raise StepFailedError(
                "nobody could be told",
                why="; ".join(f"{one.person}: {one.why}" for one in not_told)
                or f"nobody in respond.toml has the role {showable(self.role, limit=40)!r}",
                do="tell them yourself; then correct [[person]] and the connections for Slack and "
                "e-mail in respond.toml",
                by_hand=True,
            )
        if self.page and not me.by_hand:
            findings += yield from _page(me, notice)
        return Done(
            Told(told, not_told),
            says=f"told {', '.join(told)}" + (f"; not {', '.join(names)}" if silent else ""),
            findings=tuple(findings),
            proved=not silent,
        )

    def _tell(
        self, me: Me, notice: Notice, people: Sequence[PersonRecord]
    ) -> Generator[Any, object, list[tuple[PersonRecord, str]]]:
        """Tell each; pairs of person and why not."""
        if me.by_hand:
            for person in people:
                yield _by_hand(me, person, notice)
            return [(person, "") for person in people]
        if self.message == _ASKS:
            notice = replace(notice, buttons=_buttons(me))
        results = dict.fromkeys((one.id for one in people), Reached("no channel", is_next=True))
        before = ""
        for system, known in channels(Reaches.EACH, Reaches.MANY).items():
            if system in self.channels:
                left = [person for person in people if results[person.id].is_next]
                found = yield from _through(me, system, left, notice)
                for name, one in found.items():
                    why = before + one.why_not if one.is_next else one.why_not
                    results[name] = replace(one, why_not=why)
            before += f"no {known.title} account and "
        return [(person, results[person.id].why_not) for person in people]

    def _choose(self, me: Me) -> tuple[list[PersonRecord], list[NotTold], list[str]]:
        """Who is to be told, who is not, and what to say about it; looks at no system."""
        findings: list[str] = []
        wanted: dict[str, PersonRecord] = {}
        if self.to:
            for name in self.to:
                person = person_of(me, name)
                if person is not None:
                    wanted[person.id] = person
                elif not kept_out(me, (name,)):
                    findings.append(f"{showable_host(name)} is known to nobody here, and not told")
        else:
            roles = {self.role, self.also} - {""}
            wanted = {one.id: one for one in me.persons if roles & {*one.roles}}
        to: list[PersonRecord] = []
        out: list[NotTold] = []
        for person in wanted.values():
            if why := kept_out(me, (person.id, *person.emails)):
                out.append(NotTold(person.id, why))
            elif person.id == me.operator and not self.operator_too:
                out.append(NotTold(person.id, "is at the terminal"))
            else:
                to.append(person)
        return to, out, findings


# --- the ways -----------------------------------------------------------------------------------


def _through(
    me: Me, system: str, people: Sequence[PersonRecord], notice: Notice
) -> Generator[Any, object, Mapping[str, Reached]]:
    connection, channel = connection_of(me, system), channel_of(system)
    if connection is None or channel.tell is None:
        return {person.id: Reached(channel.absent, is_next=True) for person in people}
    return (yield from channel.tell(me, connection, people, notice))


def _buttons(me: Me) -> tuple[Button, ...]:
    """Approve and deny, where a click can count; else none.

    They carry the request's nonce alone: what was asked, and who may answer, the journal knows.
    """
    if not me.request:
        return ()
    run, plan = showable(me.run, limit=40), short_digest(me.plan)
    yes, no = ANSWERS
    return (
        Button(
            yes,
            me.request,
            "Approve",
            f"Approve run {run}?",
            f"You have read plan {plan}, and it may do what it says. Your name is recorded.",
        ),
        Button(
            no,
            me.request,
            "Deny",
            f"Deny run {run}?",
            "One no is enough: the run ends, whoever else agreed. Your name is recorded.",
        ),
    )


def _by_hand(me: Me, person: PersonRecord, notice: Notice) -> Write[bool]:
    name = name_of(person)
    return Write(
        says=f"tell {name} yourself",
        verb="tell",
        target=person.id,
        where="by hand",
        effect=Effect.WRITES,
        hands=Person(
            steps=(
                f"Call {name}, or go there. Use no channel that the attacker may read.",
                *(line for line in notice.text.splitlines() if line),
            ),
            link="",
            look_for=f"{name} has understood it.",
            task="none",
            about={"person": person.id, "title": notice.title, "text": notice.text},
            answer=True,
        ),
        before={"told": False},
        after={"told": True},
        becomes=(Becomes(notice_to(me, person.id), lambda seen: seen),),
        foretold=True,
        proof=Proof.WORD,
        tells=(name,),
    )


def _page(me: Me, notice: Notice) -> Generator[Any, object, list[str]]:
    """Page whoever is on call, through the first system that there is a connection for."""
    why = []
    for system in channels(Reaches.ON_CALL):
        pager, channel = connection_of(me, system), channel_of(system)
        if pager is not None and channel.page is not None:
            said = yield from channel.page(me, pager, notice)
            return [f"nobody was paged: {said}"] if said else []
        why.append(channel.absent)
    return [f"nobody was paged: {', '.join(why)}"]


ACTIONS: tuple[type, ...] = (Persons,)
