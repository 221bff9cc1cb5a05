"""Tell the configured persons, each through one channel that confirms with an id.

The subject of the incident and suspects are never told, and nobody who is not in ``respond.toml``:
an administrator who is seen in a system and known to nobody is a finding.

Which channel serves a person is decided when the step looks: Slack, if it answers and knows an
active person there who is them; else e-mail, one for all of those. A write that is refused later
is not replaced by another one behind the operator's back: the others are still told, that person
is named, and the step does not count as proved.

Whoever is asked for an approval gets buttons in Slack where policy lets chat decide it, and where
their Slack id stands in ``respond.toml``: only then can a click of theirs count.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from respond.core.approval import Verdict
from respond.core.plan import short_digest
from respond.core.script import (
    Api,
    Becomes,
    Connection,
    Done,
    Effect,
    Me,
    Person,
    PersonRecord,
    Proof,
    RefusedError,
    Reply,
    Script,
    Subject,
    Write,
    action,
    answer_as,
)
from respond.core.shapes import Seconds, Timestamp
from respond.core.showable import showable, showable_host
from respond.core.values import Late
from respond.errors import NotReadyError, StepFailedError
from respond.systems.arguments import ArgumentError, one_of
from respond.systems.email.actions import Sent, mail
from respond.systems.pagerduty.actions import on_call, page
from respond.systems.people.messages import MESSAGES, Notice, Particulars, compose
from respond.systems.people.recipients import kept_out, person_of, same_address
from respond.systems.slack import actions as slack

__all__ = ["ACTIONS", "ANSWERS", "NotTold", "Persons", "Told"]

ANSWERS: Final[Mapping[str, Verdict]] = MappingProxyType(
    {"respond.approve": Verdict.APPROVE, "respond.deny": Verdict.DENY}
)
"""What a click on each of our buttons says, by the button's id."""

_ASKS: Final = "approval-needed"
_CHANNELS: Final = ("slack", "email")
_SETTLE_S: Final = 15
_UNSAID: Final = Timestamp("")
_NO_TIME: Final = Seconds(0)


@dataclass(frozen=True, slots=True)
class NotTold:
    """Somebody configured who was not told, and why."""

    person: str
    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """The end of a notice: ids of persons."""

    told: tuple[str, ...]
    not_told: tuple[NotTold, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """Who is to be told, who is not, and what to say about it."""

    to: tuple[PersonRecord, ...]
    out: tuple[NotTold, ...]
    findings: tuple[str, ...]


@action(
    "notify.persons",
    effect=Effect.WRITES,
    output=Told,
    source="the texts of systems.people.messages; Slack Web API; RFC 5321; PagerDuty Events v2",
    by_hand=(
        "Call the other admins, one by one: what was done, since when, what does not work now.",
    ),
)
@dataclass(frozen=True)
class Persons:
    """Tell the configured persons with a role, once each, in a text chosen by name.

    At least one person has to be told, or the step fails: a silence that nobody notices is an
    incident of its own. With ``--by-hand`` the operator tells them.

    Attributes:
        message: Name of a text, e.g. ``key-contained``.
        role: Who is told: all persons with this role.
        to: Ids or addresses, in place of the role. Whoever is not configured is a finding.
        since: When it began; the start of the run when empty.
        until: End of an objection period, for texts that have one; or
        within: its length, when the end is not known yet.
        member: Address of the member whom it is about, for texts that name one; the subject of the
            incident when empty.
        about: Name of the connection whose account it is about; needed only when several could be.
        channels: Which of ``slack`` and ``email`` may be used.
        operator_too: Also tell the person at the terminal.
        page: Also page whoever is on call; only for urgent texts, and never when that could be
            the subject or a suspect.
    """

    message: str
    role: str = "admin"
    to: tuple[str, ...] = ()
    since: Timestamp = _UNSAID
    until: Timestamp = _UNSAID
    within: Seconds = _NO_TIME
    member: str = ""
    about: str = ""
    channels: tuple[str, ...] = _CHANNELS
    operator_too: bool = False
    page: bool = False

    def __post_init__(self) -> None:
        one_of("message", self.message, MESSAGES)
        for channel in self.channels:
            one_of("channels", channel, _CHANNELS)
        if self.page and not MESSAGES[self.message].urgent:
            raise ArgumentError(f"the message {self.message!r} is not urgent enough to page people")

    @property
    def _particulars(self) -> Particulars:
        return Particulars(self.since, self.until, self.within, self.member, self.about)

    def run(self, me: Me) -> Script[Told]:
        notice = compose(self.message, me, self._particulars)
        choice = self._choose(me)
        findings = list(choice.findings)
        results = yield from self._tell(me, notice, choice.to)
        told = tuple(person.id for person, why in results if not why)
        silent = [(person, why) for person, why in results if why]
        not_told = choice.out + tuple(NotTold(person.id, why) for person, why in silent)
        names = [person.id for person, _ in silent]
        findings += [f"{_name(person)} was not told: {why}" for person, why in silent]
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
        self, me: Me, notice: Notice, people: tuple[PersonRecord, ...]
    ) -> Generator[Any, object, list[tuple[PersonRecord, str]]]:
        """Tell each; pairs of person and why not. Slack goes first, and one mail to the rest."""
        if me.by_hand:
            for person in people:
                yield _by_hand(me, person, notice)
            return [(person, "") for person in people]
        results: dict[str, str] = {}
        for_mail: list[PersonRecord] = []
        slack_way = yield from _SlackWay.open(me, self.channels)
        for person in people:
            account = yield from slack_way.account(person)
            if account.why:
                results[person.id] = account.why
                for_mail.append(person)
            else:
                buttons = _buttons(me, person) if self.message == _ASKS else ()
                results[person.id] = yield from slack_way.post(person, account, notice, buttons)
        if "email" in self.channels and for_mail:
            results |= yield from _mail(me, for_mail, notice)
        return [(person, results[person.id]) for person in people]

    def _choose(self, me: Me) -> _Choice:
        """Pick recipients among the configured persons; needs no look at any system."""
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
            wanted = {one.id: one for one in me.persons if self.role in one.roles}
        to: list[PersonRecord] = []
        out: list[NotTold] = []
        for person in wanted.values():
            if why := kept_out(me, (person.id, *person.emails)):
                out.append(NotTold(person.id, why))
            elif person.id == me.operator and not self.operator_too:
                out.append(NotTold(person.id, "is at the terminal"))
            else:
                to.append(person)
        return _Choice(tuple(to), tuple(out), tuple(findings))


# --- by Slack -----------------------------------------------------------------------------------


def _thing(me: Me, person: PersonRecord) -> Subject[Any]:
    """One notice for each run, step and person, whichever way it goes."""
    return Subject(f"notice/{me.run}/{me.step}/{person.id}", settle_s=_SETTLE_S)


@dataclass(frozen=True, slots=True)
class _SlackWay:
    """Slack, if it answers.

    Attributes:
        us: Our own user id there.
        why_not: Why it is not used, or empty.
    """

    me: Me
    connection: Connection | None
    us: str = ""
    why_not: str = ""

    @classmethod
    def open(cls, me: Me, channels: tuple[str, ...]) -> Generator[Any, object, _SlackWay]:
        """See whether Slack is there. If it does not answer, it is passed over."""
        connection = _first(me, "slack")
        if connection is None or "slack" not in channels:
            return cls(me, None, why_not="no Slack")
        why: list[str] = []

        def passed_over(reason: str) -> str:
            why.append(reason)
            return ""

        us = yield from slack.ourselves(connection, or_else=passed_over)
        return cls(me, connection, us, why_not="" if us else "".join(why))

    def account(self, person: PersonRecord) -> Generator[Any, object, slack.Found]:
        """The person's own, active account there, or why there is none."""
        if self.connection is None or self.why_not:
            return slack.Found(why=self.why_not)
        return (yield from _in_slack(self.me, self.connection, person))

    def post(
        self,
        person: PersonRecord,
        account: slack.Found,
        notice: Notice,
        buttons: tuple[slack.Button, ...],
    ) -> Generator[Any, object, str]:
        """Post, unless it is there already. Why Slack refused it, or empty."""
        connection, thing = self.connection, _thing(self.me, person)
        if connection is None:
            return self.why_not
        seen = yield from slack.dm_read(connection, self.me, thing, account.id, self.us)
        if seen.ts:
            return ""
        answer = yield from _softly(
            slack.post(
                connection,
                self.me,
                subject=thing,
                seen=seen,
                channel=account.id,
                text=notice.text,
                to=_name(person),
                buttons=buttons,
            )
        )
        return answer_as(_Posted, answer, _Posted()).refused


def _buttons(me: Me, person: PersonRecord) -> tuple[slack.Button, ...]:
    """Approve and deny, for somebody whose click can count; else none.

    They carry the request's nonce alone: what was asked, and who may answer, the journal knows.
    """
    if not me.request or not person.slack:
        return ()
    run, plan = showable(me.run, limit=40), short_digest(me.plan)
    yes, no = ANSWERS
    return (
        slack.Button(
            yes,
            me.request,
            "Approve",
            f"Approve run {run}?",
            f"You have read plan {plan}, and it may do what it says. Your name is recorded.",
        ),
        slack.Button(
            no,
            me.request,
            "Deny",
            f"Deny run {run}?",
            "One no is enough: the run ends, whoever else agreed. Your name is recorded.",
        ),
    )


@dataclass(frozen=True, slots=True)
class _Posted:
    """What became of one message: its time stamp, or the word that Slack refused it with."""

    ts: str | Late = ""
    refused: str = ""


def _softly(write: Write[slack.Posted]) -> Write[_Posted]:
    """The same write, whose refusal is an answer: one person's setting stops nobody else."""
    hands = write.hands
    assert isinstance(hands, Api)  # noqa: S101 - slack.post makes no other

    def parse(reply: Reply) -> _Posted:
        try:
            return _Posted(hands.parse(reply).ts)
        except RefusedError as error:
            if error.credential:
                raise
            return _Posted(refused=f"{error.code}{f', {error.hint}' if error.hint else ''}")

    return Write(
        says=write.says,
        verb=write.verb,
        target=write.target,
        where=write.where,
        effect=write.effect,
        hands=Api(hands.call, parse),
        before=write.before,
        after=write.after,
        becomes=write.becomes,
        foretold=_Posted(write.foretold.ts),
        proof=write.proof,
    )


def _in_slack(
    me: Me, connection: Connection, person: PersonRecord
) -> Generator[Any, object, slack.Found]:
    """The person's own, active account; ``why`` says what is wrong with what was found."""

    def silent(reason: str) -> slack.Found:
        return slack.Found(why=reason)

    found = slack.Found(why="has no address that Slack knows")
    if person.slack:
        found = yield from slack.find_by_id(connection, person.slack, or_else=silent)
        emails = person.emails
        if found.email and emails and not any(same_address(found.email, one) for one in emails):
            return slack.Found(why="the Slack id in respond.toml is somebody else's")
    else:
        for email in person.emails:
            found = yield from slack.find(connection, email, or_else=silent)
            if found.there or found.why:
                break
    if found.why:
        return found
    # Whoever has the subject's address in their profile is the subject, under any id.
    if not found.active or found.bot or kept_out(me, (found.email,)):
        return slack.Found(why="not an active person in Slack")
    return found


# --- by e-mail, by hand, by pager ---------------------------------------------------------------


def _mail(
    me: Me, people: list[PersonRecord], notice: Notice
) -> Generator[Any, object, dict[str, str]]:
    """One mail to all of these; why each was not told, or empty."""
    connection = _first(me, "email")
    reachable = [person for person in people if person.emails]
    why = {person.id: "no Slack account and no address" for person in people}
    if connection is None:
        return {person.id: "no Slack account and no connection for e-mail" for person in people}
    if not reachable:
        return why
    try:
        write = mail(
            connection,
            me,
            subject_line=notice.title,
            text=notice.text,
            to=tuple(person.emails[0] for person in reachable),
            things=tuple(_thing(me, person) for person in reachable),
        )
    except NotReadyError as error:
        return {person.id: error.what for person in people}
    answer = yield from write
    sent = answer_as(Sent, answer, write.foretold)
    for person in reachable:
        refused = person.emails[0] in sent.refused
        why[person.id] = "the mail server refused the address" if refused else ""
    return why


def _by_hand(me: Me, person: PersonRecord, notice: Notice) -> Write[bool]:
    name = _name(person)
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
        becomes=(Becomes(_thing(me, person), lambda seen: seen),),
        foretold=True,
        proof=Proof.WORD,
    )


def _page(me: Me, notice: Notice) -> Generator[Any, object, list[str]]:
    """Page whoever is on call, unless that may be somebody who must not know."""
    pager = _first(me, "pagerduty")
    if pager is None:
        return ["nobody was paged: there is no connection for PagerDuty"]
    if pager.options.get("events_only", False):
        return ["nobody was paged: it cannot be seen who would be woken"]
    found = yield from on_call(pager, needed=False)
    if found.why_not:
        return [f"nobody was paged: {found.why_not}"]
    if any(kept_out(me, (email,)) for email in found.emails):
        return ["nobody was paged: somebody who must not know is on call"]
    thing: Subject[Any] = Subject(f"notice/{me.run}/{me.step}/on-call", settle_s=_SETTLE_S)
    yield page(pager, me, subject=thing, summary=notice.title, severity="critical", looked=False)
    return []


def _first(me: Me, system: str) -> Connection | None:
    """The connection of a system; of several, the first by name."""
    names = sorted(name for name, one in me.connections.items() if one.system == system)
    return me.connections[names[0]] if names else None


def _name(person: PersonRecord) -> str:
    return showable(person.name or person.id, limit=80)


ACTIONS: tuple[type, ...] = (Persons,)
