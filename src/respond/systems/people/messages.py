"""The texts of notices, by name.

A notice goes to people while an attacker may read along. So a runbook chooses a text by name and
cannot write one: each says who acts, since when, what pauses, what to do, the run and the anchor
of its log, and there is no place in it for a secret, for where it leaked, for a suspect, for what
comes next, for the text of an alert, or for a link that acts.

Two are about the run itself, and respond sends them by itself. They also name its plan and, where
there is a server, its page: a bare address, and opening it only shows.

The same notice has the same text whenever the step runs again: its time is the run's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from respond.core.plan import short_digest
from respond.core.records import Frozen
from respond.core.script import Me
from respond.core.showable import showable, showable_host
from respond.systems import vendors
from respond.systems.arguments import one_of

__all__ = ["MESSAGES", "Button", "Message", "Notice", "compose"]


class Message(Frozen):
    """One named text.

    Attributes:
        title: Subject line and first line.
        happened: What was done; may hold ``{member}``, ``{account}`` and ``{when}``.
        pauses: What does not work now, or that nothing pauses.
        to_do: What the reader should do; may hold ``{read}``, where the plan can be read, and
            ``{them}``, whom to speak to.
        urgent: May also wake people.
        of_run: It is about the run itself, and names its plan and its page.
    """

    title: str
    happened: str
    pauses: str
    to_do: str
    urgent: bool = False
    of_run: bool = False


class Button(Frozen):
    """A button under a message, and the question that is put before a click counts.

    Attributes:
        id: Which button it is, for whoever reads the click.
        value: Comes back with the click as it is. Anybody in the conversation can read it.
        says: Its label, at most 75 characters.
        title: Of the question, at most 100 characters.
        asks: The question, at most 300 characters.
    """

    id: str
    value: str
    says: str
    title: str
    asks: str


class Notice(Frozen):
    """A text, ready to be sent, with the buttons for those whose click can count."""

    title: str
    text: str
    buttons: tuple[Button, ...] = ()


_FROM_A_HOOK: Final = "hook/"
_PAGE: Final = "Page of the run; opening it shows it, and does nothing:"
_ASK: Final = "Questions: speak to {them}, face to face or by phone."

MESSAGES: Final[Mapping[str, Message]] = MappingProxyType(
    {
        "key-contained": Message(
            title="An access key was contained",
            happened="A key of {account} that strangers may have had was taken out of use.",
            pauses="Whatever used that key does not work until it has the new one.",
            to_do="Leave keys as they are. If something of yours stopped, say so by phone.",
        ),
        "key-replaced": Message(
            title="An access key was replaced",
            happened="A key of {account} was replaced by a new one, and the old one is refused.",
            pauses="Nothing, if everything that used the key was restarted with the new one.",
            to_do="If something of yours is refused since then, restart it and say so by phone.",
        ),
        "keys-to-be-replaced": Message(
            title="Access keys are being replaced",
            happened="Keys of {account} are being replaced by new ones, one after the other.",
            pauses="Nothing: each old key works until what uses it has the new one.",
            to_do="Whoever runs something with such a key is called. Make no new keys meanwhile.",
        ),
        "member-removal-planned": Message(
            title="Removal of a member is planned",
            happened="{member} is to be removed from {account}, {when}.",
            pauses="Nothing yet; once removed, the member cannot sign in.",
            to_do="If this is wrong, object in time: call {them}.",
        ),
        "factor-reset-planned": Message(
            title="Reset of a second factor is planned",
            happened="The second factor of {member} is to be reset, {when}.",
            pauses="Nothing yet; once reset, what was the second factor lets nobody in.",
            to_do="If this is wrong, object in time: call {them}.",
        ),
        "factor-reset": Message(
            title="A second factor was reset",
            happened="The second factor of {member} was reset, and another one may be set up.",
            pauses="What was the second factor lets nobody in any more.",
            to_do="If you did not expect this, speak to {them} now.",
        ),
        "member-removed": Message(
            title="A member was removed",
            happened="{member} was removed from {account}.",
            pauses="The member can no longer sign in; what others made there goes on.",
            to_do="Do not invite the member again. Take over what only the member looked after.",
        ),
        "rights-to-grow": Message(
            title="Somebody is to get more rights",
            happened="{member} is to get more rights in {account}, {when}.",
            pauses="Nothing.",
            to_do="If this is wrong, object in time: call {them}.",
        ),
        "rights-changed": Message(
            title="Somebody's rights were changed",
            happened="What {member} may do in {account} was changed.",
            pauses="What the new rights do not allow does not work for that member any more.",
            to_do="If you did not expect this, speak to {them} now.",
        ),
        "second-admin-made": Message(
            title="There is a second administrator",
            happened="Nobody could sign in to {account} as administrator; now two people can.",
            pauses="Nothing.",
            to_do="If you did not expect this, speak to {them} now.",
        ),
        "member-restored": Message(
            title="A member has access again",
            happened="{member} has access to {account} again.",
            pauses="Nothing.",
            to_do="If you did not expect this, speak to {them} now.",
        ),
        "user-contained": Message(
            title="A user account was contained",
            happened="The account of {member} was locked.",
            pauses="The person behind it cannot sign in until the account is given back.",
            to_do="Do not unlock it or reset its password, and act on no message that comes"
            " from it.",
        ),
        "user-restored": Message(
            title="A user account was given back",
            happened="The account of {member} was unlocked and given back to its owner.",
            pauses="Nothing.",
            to_do="If you did not expect this, speak to {them} now.",
        ),
        "incident-opened": Message(
            title="A security incident is being handled",
            happened="Work on a security incident at {account} has begun.",
            pauses="Nothing by this notice.",
            to_do="Stay reachable by phone. Change nothing there unless you are asked in person.",
            urgent=True,
        ),
        "emergency-entry": Message(
            title="Somebody goes alone in an emergency",
            happened="A run at {account} was started by one person, without a second one's yes.",
            pauses="Nothing by itself; the run may take access away.",
            to_do="Call that person now. If they do not know of it, stop the run on their machine"
            " and treat their account as taken over.",
            urgent=True,
            of_run=True,
        ),
        "approval-needed": Message(
            title="A run waits for an approval",
            happened="A run at {account} stands ready and waits for another person's yes.",
            pauses="The run; the incident goes on meanwhile.",
            to_do="Read the plan before you answer: {read}.",
            urgent=True,
            of_run=True,
        ),
        "person-needed": Message(
            title="A run waits for somebody",
            happened="A run at {account} has stopped: it needs to know something, or somebody's"
            " hands.",
            pauses="The run; the incident goes on meanwhile.",
            to_do="Look what it needs: `respond status` and the run's id in your own terminal.",
            urgent=True,
        ),
        "incident-closed": Message(
            title="A security incident is closed",
            happened="Work on the security incident at {account} is finished.",
            pauses="Nothing.",
            to_do="Nothing. The report is with {them}.",
        ),
    }
)


def compose(
    name: str,
    me: Me,
    *,
    since: str = "",
    until: str = "",
    within_s: int = 0,
    member: str = "",
    connection: str = "",
) -> Notice:
    """Fill in a named text.

    Args:
        since: When it began, RFC 3339; empty stands for when the run began.
        until: End of an objection period, RFC 3339, or empty.
        within_s: Length of an objection period in seconds, where its end is not known; or 0.
        member: Address of the member whom the notice is about; empty stands for the subject of
            the incident.
        connection: Name of the connection whose account it is about; may be empty when there is
            only one that is not for talking.

    Raises:
        ArgumentError: There is no text of this name; with the nearest.
    """
    one_of("message", name, MESSAGES)
    message = MESSAGES[name]
    happened = message.happened.format(
        member=showable_host(member or me.subject) or "a member",
        account=_account(me, connection),
        when=_when(until, within_s),
    )
    began = f"{datetime.fromtimestamp(me.now, UTC):%Y-%m-%d %H:%M} UTC"
    lines = [
        f"{message.title}.",
        "",
        happened,
        f"Who: {_operator(me)} carries this out.",
        f"Since: {_moment(since) if since else began}",
        f"What pauses: {message.pauses}",
        f"What to do: {message.to_do.format(read=_where_to_read(me), them=_them(me))}",
        _ASK.format(them=_them(me)),
        "",
        f"Run {showable(me.run)}{', a rehearsal: nothing of this is real' if me.rehearsal else ''}",
        *([f"Plan {short_digest(me.plan)}"] if message.of_run and me.plan else []),
        *([f"The event that began it was {me.old}."] if me.old else []),
        *([f"Asked anew: {showable(me.anew, limit=300)}"] if message.of_run and me.anew else []),
        *([f"Log {showable(me.anchor)}"] if me.anchor else []),
        # The address stands on a line of its own, so that nothing around it is taken for a part.
        *([_PAGE, showable(me.page, limit=300)] if message.of_run and me.page else []),
    ]
    return Notice(title=f"{message.title} ({showable(me.run)})", text="\n".join(lines))


def _account(me: Me, named: str) -> str:
    """The account as a person knows it. Which others we hold keys to is nobody's business."""
    apart = {name for name, each in vendors().items() if each.channel or each.aside}
    fitting = [
        connection
        for connection in me.connections.values()
        if (connection.name == named if named else connection.system not in apart)
    ]
    if len(fitting) != 1:
        return "our company"
    account = fitting[0].options.get("account_name") or fitting[0].account or fitting[0].name
    return showable(str(account), limit=80)


def _when(until: str, within_s: int) -> str:
    if until:
        return f"not before {_moment(until)}"
    if within_s:
        minutes, seconds = divmod(within_s, 60)
        length = f"{minutes} minutes" if not seconds else f"{within_s} seconds"
        return f"not before {length} have passed from this notice"
    return "after a short time in which you can object"


def _operator(me: Me) -> str:
    if not me.operator:
        return "nobody yet; the run"
    if me.operator.startswith(_FROM_A_HOOK):
        return f"the server, woken by {showable(me.operator.removeprefix(_FROM_A_HOOK), limit=80)},"
    name = next((person.name for person in me.persons if person.id == me.operator), "")
    return showable(name or me.operator, limit=80)


def _them(me: Me) -> str:
    """Whom a reader can speak to; where an alert began the run, no person is named above."""
    from_a_hook = me.operator.startswith(_FROM_A_HOOK)
    return "whoever is on call" if from_a_hook else "the person named above"


def _where_to_read(me: Me) -> str:
    terminal = f"`respond approve {showable(me.run)}` in your own terminal"
    return f"{terminal}, or the page below" if me.page else terminal


def _moment(moment: str) -> str:
    """``2026-11-23 03:14 UTC`` for an RFC 3339 time in UTC; anything else as it is."""
    date, t, time = moment.partition("T")
    if t and time.endswith("Z"):
        return f"{showable(date)} {showable(time[:5])} UTC"
    return showable(moment, limit=40)
