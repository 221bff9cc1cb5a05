"""Let people come back to what a run left open: the one door behind terminal and page.

An item is closed by somebody's word, or by a proof: it is looked at once more. Neither changes
anything in any system. What is said is held against the people of that moment and stands from then
on: nothing rests on it, so that whoever leaves the team opens nothing again. A proof goes beyond a
word; nothing goes beyond a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from respond.core.approval import disproved, proved_by, silenced
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.fold import RunState, RunStatus, may_follow
from respond.core.item_names import fitting
from respond.core.outcome import Item, LookedAgain, outcome_of
from respond.core.recorded import FollowedUp, FollowUp, data_of
from respond.core.showable import showable
from respond.core.values import SecretHandle
from respond.engine.proving_again import ToProve, look_again, to_prove
from respond.engine.run import LiveRun
from respond.errors import RefusedByPersonError, UsageError
from respond.people.answers import Entry
from respond.ports import Head, Journal

__all__ = [
    "close_by_word",
    "follow_up_text",
    "item_of",
    "open_items",
    "prove",
    "see_that_it_is_over",
    "see_that_they_may",
]

_LINE_MAX = 300
WORDS_MAX = 1_000
"""Characters of what somebody says of an item."""


def open_items(state: RunState) -> tuple[Item, ...]:
    """What a run that is over has left open, in the order in which it is shown."""
    return tuple(item for item in outcome_of(state).items if item.is_open)


def item_of(state: RunState, typed: str, among: Iterable[Item]) -> Item:
    """The item that somebody named by the beginning of its id.

    Raises:
        UsageError: It names none, or several, or one that is closed.
    """
    see_that_it_is_over(state)
    items = {item.id: item for item in among}
    found = fitting(typed, items)
    if len(found) == 1:
        return items[found[0]]
    shown = showable(typed, limit=40)
    if found:
        raise UsageError(
            f"{shown!r} names {len(found)} items of run {state.id}", do="type more of the name"
        )
    known = {item.id: item for item in outcome_of(state).items if item.id}
    closed = [known[each].followed_up for each in fitting(typed, known)]
    if closed and closed[0] is not None:
        last = closed[0]
        how = "proved" if last.how is FollowUp.PROVED else "closed"
        raise UsageError(
            f"{shown!r} of run {state.id} is {how} already",
            why=f"by {last.by.id} at {last.at}",
            do=f"what is open: respond done {state.id}",
        )
    raise UsageError(
        f"run {state.id} has left nothing open that is named {shown!r}",
        why="a name is the letters in front of a line, four at least",
        do=f"what is open: respond done {state.id}",
    )


def see_that_it_is_over(state: RunState) -> None:
    """See that a run is over: before that its own steps are what is done about it.

    Raises:
        UsageError: It is not.
    """
    if state.status is not RunStatus.ENDED:
        raise UsageError(
            f"run {state.id} is not over",
            why="its steps are still to be done, and then nothing has to be closed by hand",
            do=f"respond resume {state.id}",
        )


def see_that_they_may(entry: Entry, state: RunState, who: Actor) -> None:
    """See that this person may come back to the run: known, and not whom it is about.

    Where nobody is listed, whoever sits at the machine may, as they may carry the run on.

    Raises:
        RefusedByPersonError: They may not.
    """
    people = entry.people.suspecting(state.proposed.suspects)
    if people.persons:
        why = silenced(who, people, state.proposed.subject, decides=False)
    else:
        about = (state.proposed.subject, *people.suspects)
        is_subject = who.id.casefold() in {name.strip().casefold() for name in about}
        why = "the incident is about them" if is_subject else ""
    # Where some of the people can prove who they are, a bare name counts for nothing.
    if not why and people.proofs and who.strength not in (Strength.KEY, Strength.SIGNED_ON):
        why = "their name is only claimed, and others here sign with a key or sign on"
    if why:
        raise RefusedByPersonError(f"{who.id} may close nothing of run {state.id}", why=why)


def _see_who(entry: Entry, state: RunState, who: Actor, proof: Mapping[str, str]) -> None:
    see_that_they_may(entry, state, who)
    if proof and (why := disproved(who.id, proved_by(proof), entry.people)):
        raise RefusedByPersonError(f"{who.id} may close nothing of run {state.id}", why=why)


def follow_up_text(head: Head, run: str, item: str, person: str, words: str) -> str:
    """The text that somebody signs who closes an item by their word, or has the run proved.

    Args:
        item: Its id; empty where it is looked at what can be.
    """
    lines = (
        "respond follow-up v1",
        f"journal {head.anchor}",
        f"run {run}",
        f"item {item or '-'}",
        f"person {person}",
        f"words {_one_line(words)}",
        "",
    )
    return "\n".join(lines)


def _one_line(words: str) -> str:
    return " ".join(words.split())


def close_by_word(
    entry: Entry,
    run: str,
    who: Actor,
    name: str,
    words: str,
    *,
    proof: Mapping[str, str],
    lock: AbstractContextManager[object],
) -> Item:
    """Record that somebody has seen to an item that a run left open.

    Args:
        name: The item's, as it was shown.
        words: What they say of it; may be empty.
        proof: Text, signature and fingerprint; or the account that they came in with; or nothing.
        lock: Held while it is looked and recorded, so that of two one wins.

    Raises:
        UsageError: The run is not over, or has left nothing of this name open.
        RefusedByPersonError: They may not. Nothing was recorded.
        RunTakenError: Another process has the run.
    """
    said = _one_line(words)
    if len(said) > WORDS_MAX:
        raise UsageError(f"that is longer than {WORDS_MAX} characters", do="say it shorter")
    with lock:
        state = entry.state(run)
        _see_who(entry, state, who, proof)
        item = item_of(state, name, open_items(state))
        data = _told(item, FollowUp.WORD, said, proof)
        event = Event(Kind.FOLLOWED_UP, run, "", who, data)
        may_follow(state, event)
        entry.journal.append(event)
        _mark(entry.journal, run)
    return item


def prove(
    entry: Entry,
    live: LiveRun,
    who: Actor,
    name: str,
    value: Callable[[], SecretHandle],
    *,
    proof: Mapping[str, str],
    lock: AbstractContextManager[object],
) -> tuple[LookedAgain, ...]:
    """Look once more at what a run could not prove, and record what is proved, or goes on.

    Args:
        live: The run, over the systems as they are; it sends nothing that writes.
        name: The item's, as it was shown; empty for all that can be looked at.
        value: Gives what somebody has to try; asked only where an item takes one.
        proof, lock: As ``close_by_word``.

    Raises:
        UsageError: The run is not over, nothing can be looked at, or the value is another thing's.
        RefusedByPersonError: They may not. Nothing was looked at.
        RunTakenError: Another process has the run.
    """
    with lock:
        live.refresh()
        _see_who(entry, live.state, who, proof)
        found = to_prove(live)
        if name:
            chosen = item_of(live.state, name, (one.item for one in found))
            found = [one for one in found if one.item.id == chosen.id]
        if not found:
            raise UsageError(
                f"nothing of run {live.run} can be proved by a look",
                why="all is proved, or nobody can look at what is open",
                do=f"what is open, and how to close it: respond done {live.run}",
            )
        pasted = value() if any(one.takes for one in found) else None
        looked = tuple(_looked_at(live, found, pasted))
        for each in looked:
            if each.how is not None:
                told = _told(each.item, each.how, each.says, proof, each.findings)
                live.add(Kind.FOLLOWED_UP, by=who, **told)
        # Not the door's journal: a rehearsal's clock has jumped meanwhile, and would run back.
        _mark(live.tools.journal, live.run)
    return looked


def _looked_at(
    live: LiveRun, found: Sequence[ToProve], value: SecretHandle | None
) -> Iterator[LookedAgain]:
    """Each item as it was seen; of those that take a value, those whose value it is."""
    refused: list[UsageError] = []
    count = 0
    for one in found:
        try:
            looked = look_again(live, one, value)
        except UsageError as error:
            refused.append(error)
            yield LookedAgain(one.item, None, ": ".join(filter(None, (error.what, error.why))))
        else:
            count += 1
            yield looked
    if refused and not count:
        raise refused[0]


def _told(
    item: Item, how: FollowUp, says: str, proof: Mapping[str, str], findings: Sequence[str] = ()
) -> dict[str, Any]:
    # What was looked at anew is said by what was seen.
    about = item.says if item.how == "finding" else item.title
    behind = how is FollowUp.WORD and item.says not in ("", about)
    line = showable(f"{about}: {item.says}" if behind else about, limit=_LINE_MAX)
    data = data_of(FollowedUp, item=item.id, how=how, line=line, says=says)
    if findings:
        data |= data_of(FollowedUp, item=item.id, how=how, findings=findings)
    if proof:
        data |= data_of(FollowedUp, item=item.id, how=how, proof=proof)
    return data


def _mark(journal: Journal, run: str) -> None:
    """Sign the head: nothing may take away unseen what was recorded."""
    journal.checkpoint(f"run {run} followed up")
