"""Post messages, once.

A message carries our mark (run and step) in its metadata. Before a message is posted, and after
an answer was lost, the history is searched for it. Only our own bot's messages count: others can
write metadata too, and could make us believe that somebody was told.

A message may have buttons. They are part of the request, so a yes to the message covers them; what
a click comes to is not decided here.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import field
from typing import Any, Final, NewType

from respond.core.records import Frozen
from respond.core.script import (
    STEERS,
    Api,
    Becomes,
    Call,
    Connection,
    Done,
    Effect,
    Me,
    Paging,
    Proof,
    Read,
    Reply,
    Script,
    Subject,
    Write,
    action,
    answer_as,
)
from respond.core.showable import showable, showable_host
from respond.core.values import Late
from respond.errors import StepFailedError
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.people.messages import Button
from respond.systems.people.recipients import refuse_kept_out
from respond.systems.rest import at, dig, no_in, one, read_record, records, where, yes
from respond.systems.slack.accounts import find, ourselves
from respond.systems.slack.vendor import A_PAGE, NEXT_PAGE, UNREADABLE, VENDOR

__all__ = [
    "ChannelId",
    "DirectMessage",
    "PostMessage",
    "Posted",
    "Seen",
    "check_channel",
    "dm_read",
    "inert",
    "post",
]

ChannelId = NewType("ChannelId", str)
"""``C0INC1``: the id at the end of a channel's link. A name can be given to another channel."""

_CHANNEL_ID: Final = re.compile(r"[CGD][A-Z0-9]{4,24}")
_TEXT_MAX: Final = 40_000
_MESSAGES_A_PAGE: Final = "200"
_BEFORE_S: Final = 3600
"""History is read back to so long before the run, by Slack's own clock."""


class Posted(Frozen):
    """Where a message stands: its conversation, and its time stamp, which is its id."""

    channel: str | Late = at("channel")
    ts: str | Late = at("ts")


class Seen(Frozen):
    """Whether our message for this step was seen; without a time stamp it was not.

    Attributes:
        why_not: Why nobody could look, or empty.
    """

    channel: str = ""
    ts: str = at("ts", is_needed=True, default="")
    why_not: str = ""


def inert(text: str) -> str:
    """Text that does nothing in Slack: everything in it shows, and no mention or link comes alive.

    Source: Slack, "Formatting text for app surfaces", section on escaping.
    """
    # An escape has at most ten characters, so nothing is cut off here.
    shown = showable(text, limit=10 * max(1, len(text)), newlines=True)
    return html.escape(shown, quote=False)


def check_channel(channel: str) -> None:
    """Refuse what is no channel's id.

    Raises:
        ArgumentError: A name, or somebody's user id.
    """
    if not _CHANNEL_ID.fullmatch(channel):
        raise ArgumentError("channel must be a channel's id such as C0INC1, not its name")


def _check_text(text: str) -> None:
    if not text.strip():
        raise ArgumentError("text is empty")
    length = len(inert(text))
    if length > _TEXT_MAX:
        raise ArgumentError(f"text has {length} characters; Slack takes at most {_TEXT_MAX}")


def _blocks(text: str, buttons: Sequence[Button]) -> list[dict[str, Any]]:
    """The text as plain text, a section a paragraph, and the buttons below it.

    Source: Slack, "Block Kit", section, actions, button, and the confirmation dialog object.
    """
    said = [{"type": "section", "text": _plain(part)} for part in text.split("\n\n") if part]
    return [*said, {"type": "actions", "elements": [_element(each) for each in buttons]}]


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": inert(text), "emoji": False}


def _element(button: Button) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": button.id,
        "value": button.value,
        "text": _plain(button.says),
        "confirm": {
            "title": _plain(button.title),
            "text": _plain(button.asks),
            "confirm": _plain(button.says),
            "deny": _plain("Go back"),
        },
    }


class _Place(Frozen):
    id: str = at("id")


def _payload(me: Me) -> dict[str, str]:
    return {"run_id": me.run, "step": me.step}


def _history(connection: str, channel: str) -> Call:
    query = (
        ("channel", channel),
        ("include_all_metadata", "true"),
        ("limit", _MESSAGES_A_PAGE),
    )
    return VENDOR.call(connection, "GET", "conversations.history", query=query)


def _marked(reply: Reply, me: Me, us: str) -> str:
    """Time stamp of our own message for this step on a page of history, or empty."""
    for message in dig(reply.body, "messages") or ():
        payload = dig(message, "metadata.event_payload")
        is_marked = isinstance(payload, dict) and payload.items() >= _payload(me).items()
        if is_marked and dig(message, "user") == us:
            return read_record(Seen, message).ts
    return ""


def _is_before(reply: Reply, me: Me) -> bool:
    """Whether a page of history, newest first, goes back to before the run.

    Slack's time stamps are held against our time as Slack has it: our clock may be a day ahead.
    """
    messages = dig(reply.body, "messages")
    if not isinstance(messages, list) or not messages:
        return False
    ts = str(dig(messages[-1], "ts") or "").partition(".")[0]
    return ts.isdecimal() and int(ts) < me.now - max(reply.ahead_s, 0) - _BEFORE_S


def _look(
    me: Me,
    subject: Subject[Seen],
    us: str,
    call: Call,
    *,
    channel: str = "",
    user: str = "",
) -> Read[Seen]:
    """Look for our message in a channel, or in the one that the list has for this person."""

    def direct(reply: Reply) -> str:
        places = dig(reply.body, "channels") or ()
        ours = (read_record(_Place, each).id for each in places if dig(each, "user") == user)
        return next(ours, "")

    def after(asked: Call, reply: Reply, so_far: int) -> Call | None:
        if (found := direct(reply)) and not dict(asked.query).get("channel"):
            return _history(call.connection, found)
        if _marked(reply, me, us) or _is_before(reply, me):
            return None
        return NEXT_PAGE.after(asked, reply, so_far)

    def parse(replies: Sequence[Reply]) -> Seen:
        place = channel
        for reply in replies:
            if (code := no_in(VENDOR, reply)) in UNREADABLE:
                return Seen(why_not=code)
            records([yes(VENDOR, reply)], "messages" if place else "channels")
            place = place or direct(reply)
            if ts := _marked(reply, me, us):
                return Seen(place, ts)
        return Seen()

    return Read(subject, call, parse, Paging(after))


def dm_read(
    connection: Connection, me: Me, subject: Subject[Seen], user: str, us: str
) -> Read[Seen]:
    """Look for our message in the direct messages with somebody.

    One look over two methods: the list of conversations says whether there is one with this
    person, and its history whether our message is in it. No conversation, no message. A look that
    fails ends the step: a message that could not be looked for must not pass for one not sent.
    """
    query = (("types", "im"), ("exclude_archived", "true"), ("limit", A_PAGE))
    call = VENDOR.call(connection.name, "GET", "conversations.list", query=query)
    return _look(me, subject, us, call, user=user)


def post(
    connection: Connection,
    me: Me,
    *,
    subject: Subject[Seen],
    seen: Seen,
    channel: str,
    text: str,
    to: str,
    buttons: Sequence[Button] = (),
) -> Write[Posted]:
    """Post with our mark. Where the history cannot be read, nobody can see whether it arrived.

    ``channel`` is a conversation's id, or somebody's user id: that posts into the direct messages
    with them, opened if need be. ``to`` is whom a reader takes it to be for. With buttons the text
    stands in blocks too, and by itself serves where those are not shown.

    Source: Slack Web API, method chat.postMessage.
    """

    def parse(reply: Reply) -> Posted:
        return one(Posted)([yes(VENDOR, reply)])

    body: dict[str, Any] = {
        "channel": channel,
        "text": inert(text),
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": "respond_step", "event_payload": _payload(me)},
    }
    if buttons:
        body["blocks"] = _blocks(text, buttons)
    return Write(
        says=f"Slack message to {to}",
        verb="post",
        target=to,
        where=where(VENDOR, connection),
        effect=Effect.WRITES,
        hands=Api(VENDOR.call(connection.name, "POST", "chat.postMessage", body=body), parse),
        before={"posted": False},
        after={"posted": True, "to": to},
        becomes=(Becomes(subject, lambda _: Seen(channel=channel, ts="foretold")),),
        foretold=Posted(Late(me.step, "channel"), Late(me.step, "ts")),
        proof=Proof.BLIND if seen.why_not else Proof.SEEN,
        tells=(to,),
    )


def _posted_from(answer: object) -> Posted:
    """What a post answered; a person's word for it has no ids."""
    return answer_as(Posted, answer, Posted("", ""))


def _unproved(seen: Seen, to: str) -> tuple[str, ...]:
    if not seen.why_not:
        return ()
    return (f"the history with {to} cannot be read ({seen.why_not}): nobody can look it up",)


@action(
    "slack.post_message",
    effect=Effect.WRITES,
    output=Posted,
    source="Slack Web API, methods chat.postMessage and conversations.history",
)
class PostMessage(Frozen):
    """Post a text into a channel, once.

    The text is shown as it is: markup, mentions and previews stay dead. If an answer is lost, the
    message is looked for in the channel's history before anything is posted again; a token that
    cannot read the history makes the message one that nobody can look up.

    Attributes:
        channel: The channel's id.
        text: At most 40,000 characters, once escaped. Never put a secret in.
    """

    channel: ChannelId = field(metadata=STEERS)
    text: str

    def __post_init__(self) -> None:
        check_channel(self.channel)
        _check_text(self.text)

    def run(self, me: Me) -> Script[Posted]:
        slack = me.connection
        us = yield from ourselves(slack)
        subject: Subject[Seen] = Subject(
            f"{slack.name}/message/{self.channel}/{me.run}/{me.step}", settle_s=VENDOR.settle_s
        )
        history = _history(slack.name, self.channel)
        seen = yield from _look(me, subject, us, history, channel=self.channel)
        if seen.ts:
            return Done(Posted(seen.channel, seen.ts), says=f"stands in {self.channel} already")
        posted = yield from post(
            slack,
            me,
            subject=subject,
            seen=seen,
            channel=self.channel,
            text=self.text,
            to=self.channel,
        )
        return Done(
            _posted_from(posted),
            says=f"posted in {self.channel}",
            findings=_unproved(seen, self.channel),
        )


@action(
    "slack.dm",
    effect=Effect.WRITES,
    output=Posted,
    source="Slack Web API, methods users.lookupByEmail, conversations.list, chat.postMessage",
)
class DirectMessage(Frozen):
    """Send somebody a direct message, once; never the subject of the incident or a suspect.

    Posting to somebody's user id opens the conversation when there is none yet, so that nothing
    else has to be written first.

    Attributes:
        email: The address in their Slack profile.
        text: At most 40,000 characters, once escaped. Never put a secret in.
    """

    email: str = field(metadata=STEERS)
    text: str

    def __post_init__(self) -> None:
        one_line("email", self.email)
        _check_text(self.text)

    def run(self, me: Me) -> Script[Posted]:
        slack, to = me.connection, showable_host(self.email)
        refuse_kept_out(me, self.email)
        person = yield from find(slack, self.email)
        # The profile is asked too: an address may lead to somebody else's account.
        refuse_kept_out(me, person.email)
        if not person.active or person.bot:
            raise StepFailedError(
                f"nobody can be told as {to}",
                why="Slack has no active person with this address",
                do="reach them another way",
                by_hand=True,
            )
        us = yield from ourselves(slack)
        subject: Subject[Seen] = Subject(
            f"{slack.name}/dm/{person.id}/{me.run}/{me.step}", settle_s=VENDOR.settle_s
        )
        seen = yield from dm_read(slack, me, subject, person.id, us)
        if seen.ts:
            return Done(Posted(seen.channel, seen.ts), says=f"{to} has it already")
        posted = yield from post(
            slack, me, subject=subject, seen=seen, channel=person.id, text=self.text, to=to
        )
        return Done(_posted_from(posted), says=f"sent to {to}", findings=_unproved(seen, to))
