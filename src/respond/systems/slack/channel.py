"""Tell each person in their direct messages, where their account there is surely theirs."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Connection,
    Looking,
    Me,
    PersonRecord,
    RefusedError,
    Reply,
    Write,
    answer_as,
    both,
    gather,
)
from respond.core.values import Late
from respond.systems.people.channels import NoticeChannel, Reached, name_of, notice_to
from respond.systems.people.messages import Notice
from respond.systems.people.recipients import kept_out, same_address
from respond.systems.slack.accounts import SlackAccount, find, find_by_id, ourselves
from respond.systems.slack.posting import Posted, Seen, dm_read, post
from respond.systems.slack.vendor import VENDOR

__all__ = ["CHANNEL"]


class _Told(Frozen):
    """What became of one message: its time stamp, or the word that Slack refused it with."""

    ts: str | Late = ""
    refused: str = ""


def _silent(reason: str) -> SlackAccount:
    return SlackAccount(why=reason)


def _tell(
    me: Me, connection: Connection, people: Sequence[PersonRecord], notice: Notice
) -> Generator[Any, object, dict[str, Reached]]:
    """If Slack does not answer who we are, it is passed over."""
    why: list[str] = []

    def passed_over(reason: str) -> str:
        why.append(reason)
        return ""

    us, accounts = yield from both(
        ourselves(connection, or_else=passed_over),
        gather(_account(me, connection, person) for person in people),
    )
    if not us:
        return {person.id: Reached("".join(why), is_next=True) for person in people}
    found = {
        person.id: Reached(account.why, is_next=True)
        for person, account in zip(people, accounts, strict=True)
    }
    to = [pair for pair in zip(people, accounts, strict=True) if not pair[1].why]
    # All looks before the first message: after one, what was seen would have to be seen anew.
    messages = yield from gather(
        dm_read(connection, me, notice_to(me, person.id), account.id, us) for person, account in to
    )
    for (person, account), seen in zip(to, messages, strict=True):
        found[person.id] = yield from _post(me, connection, seen, person, account, notice)
    return found


def _account(me: Me, connection: Connection, person: PersonRecord) -> Looking[SlackAccount]:
    """The person's own, active account; ``why`` says what is wrong with what was found."""
    found = SlackAccount(why="has no address that Slack knows")
    if user := person.accounts.get(VENDOR.name):
        found = yield from find_by_id(connection, user, or_else=_silent)
        emails = person.emails
        if found.email and emails and not any(same_address(found.email, one) for one in emails):
            return SlackAccount(why="the Slack id in respond.toml is somebody else's")
    else:
        for email in person.emails:
            found = yield from find(connection, email, or_else=_silent)
            if found.there or found.why:
                break
    if found.why:
        return found
    # Whoever has the subject's address in their profile is the subject, under any id.
    if not found.active or found.bot or kept_out(me, (found.email,)):
        return SlackAccount(why="not an active person in Slack")
    return found


def _post(
    me: Me,
    connection: Connection,
    seen: Seen,
    person: PersonRecord,
    account: SlackAccount,
    notice: Notice,
) -> Generator[Any, object, Reached]:
    """Post, unless it is there already. Only a click from a configured id can count."""
    if seen.ts:
        return Reached()
    write = post(
        connection,
        me,
        subject=notice_to(me, person.id),
        seen=seen,
        channel=account.id,
        text=notice.text,
        to=name_of(person),
        buttons=notice.buttons if VENDOR.name in person.accounts else (),
    )
    answer = yield from _softly(write)
    return Reached(answer_as(_Told, answer, _Told()).refused)


def _softly(write: Write[Any]) -> Write[_Told]:
    """The same write, whose refusal is an answer: one person's setting stops nobody else."""
    hands = write.hands
    assert isinstance(hands, Api)  # noqa: S101 - post makes no other

    def parse(reply: Reply) -> _Told:
        try:
            posted: Posted = hands.parse(reply)
        except RefusedError as error:
            if error.credential:
                raise
            return _Told(refused=f"{error.code}{f', {error.hint}' if error.hint else ''}")
        return _Told(posted.ts)

    return replace(write, hands=Api(hands.call, parse), foretold=_Told(write.foretold.ts))


CHANNEL: Final = NoticeChannel("no Slack", tell=_tell)
