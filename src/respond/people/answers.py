"""Let people's decisions in: the one door behind terminal, signed file, page and chat.

Whoever stands at the door has found out who it is and how surely that is known; here it is looked
up what is asked, ``core.approval.refusal`` says whether they may, and the answer goes into the
journal. An engine, in this process or another, finds it there. Nothing is sent to any system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from respond.core.approval import (
    NAMESPACE,
    People,
    Request,
    Standing,
    Verdict,
    answer_text,
    disproved,
    proved_by,
    read_answer,
    refusal,
    silenced,
)
from respond.core.asked import Today, asked_now
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.fold import RunState, RunStatus, fold
from respond.core.questions import DONE, is_decision, late_question, pasted
from respond.core.recorded import Answered, AskKind, Corrected, Reviewed, Voted, data_of
from respond.core.records import Frozen
from respond.core.runbook import Runbook
from respond.core.showable import showable
from respond.engine.other_people import today
from respond.engine.proposing import GivenInputs, recorded
from respond.errors import RefusedByPersonError, SaidMeanwhileError, UsageError
from respond.ports import Clock, Journal

__all__ = [
    "Entry",
    "Verify",
    "answer",
    "asks_late",
    "decide",
    "decide_signed",
    "give_inputs",
    "no_review_by",
    "paste",
    "record_inputs",
    "review",
    "review_text",
    "see_that_it_is_open",
    "see_that_it_may_be_tried",
    "see_that_they_decide",
    "waits_for_no_person",
]

Verify = Callable[[Sequence[str], bytes, str, str], str]
"""Public keys, text, signature, namespace, to the fingerprint of the key that signed; raises a
``RespondError`` when none of them did."""


class Entry(Frozen):
    """What decides at a door: journal, time, people.

    Attributes:
        keys: SSH public keys of each person, by id.
        changed: What a yes to a run's plan binds beside its writes, and is not what it was.
    """

    journal: Journal
    clock: Clock
    people: People
    keys: Mapping[str, Sequence[str]]
    changed: Callable[[RunState], tuple[str, ...]] = lambda _: ()

    def state(self, run: str) -> RunState:
        """A run as the journal tells it now.

        Raises:
            UsageError: There is none of this id.
        """
        found = fold(self.journal.records(run))
        if found is None:
            raise UsageError(f"there is no run {showable(run, limit=40)!r}", do="respond runs")
        return found

    def today(self) -> Today:
        """What answers are held against now."""
        return today(self.people, self.clock, self.journal, self.changed)

    def standing(self, state: RunState, request: Request) -> Standing:
        return self.today().standing(state, request)


P = ParamSpec("P")
T = TypeVar("T")

_TRIES: Final = 20
"""Each that is of no use is one in which somebody else came first."""


def _judged_by_the_newest(say: Callable[P, T]) -> Callable[P, T]:
    """Judge anew what somebody says when another one, at whichever door, was recorded meanwhile.

    So of two the second is held against the first, however close together they come.
    """

    @wraps(say)
    def said(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(_TRIES):
            with suppress(SaidMeanwhileError):
                return say(*args, **kwargs)
        return say(*args, **kwargs)

    return said


# --- approvals ----------------------------------------------------------------------------------


@_judged_by_the_newest
def decide(
    entry: Entry,
    run: str,
    who: Actor,
    verdict: Verdict,
    *,
    channel: str,
    nonce: str,
    reason: str = "",
    proof: Mapping[str, str],
) -> Standing:
    """Record somebody's yes or no, and say what the request has come to with it.

    The same person's same answer once more changes nothing.

    Args:
        who: Person and strength, as the door has found out.
        channel: ``terminal``, ``file``, ``page`` or ``chat``.
        nonce: Of the request that they saw; another one has taken its place when it differs.
        proof: Text, signature and fingerprint; or the account that they came in with.

    Raises:
        UsageError: Nothing is asked, or something else than they saw.
        RefusedByPersonError: They may not, or it is too late. Nothing was recorded.
    """
    state = entry.state(run)
    request = asked_now(state)
    if request is None:
        raise UsageError(
            f"run {run} asks nobody for an approval now",
            why=_why_nothing(state),
            do=f"respond status {run}",
        )
    if request.nonce != nonce:
        raise UsageError(
            f"that answer belongs to an earlier request of run {run}",
            why="an answer is good for the one request that was shown",
            do=f"look at what is asked now: respond approve {run}",
        )
    if why := refusal(request, who, verdict, entry.people):
        raise RefusedByPersonError(
            f"{who.id} may not {verdict.value} run {run}",
            why=why,
            do="somebody else has to; respond status says who can",
        )
    see_that_it_is_open(entry, state, request, verdict)
    if why := disproved(who.id, proved_by(proof), entry.people):
        raise RefusedByPersonError(f"{who.id} may not {verdict.value} run {run}", why=why)
    said = {v.verdict for v in state.votes if v.nonce == nonce and v.who.id == who.id}
    if verdict not in said:
        kind = Kind.APPROVED if verdict is Verdict.APPROVE else Kind.DENIED
        told = {"nonce": nonce, "digest": request.digest, "channel": channel, "reason": reason}
        data = data_of(Voted, **told, proof=proof)
        entry.journal.append(Event(kind, run, "", who, data), seen=state.last_seq)
        state = entry.state(run)
    return entry.standing(state, request)


def see_that_it_is_open(entry: Entry, state: RunState, request: Request, verdict: Verdict) -> None:
    """See that this answer could still count for anything.

    Raises:
        RefusedByPersonError: It is too late, or people have to be asked anew.
    """
    run, now = request.run, entry.today()
    if now.has_run_out(request):
        raise RefusedByPersonError(
            f"the request of run {run} has run out",
            why=f"it was open for {request.within_s // 60} minutes, and then it is a no",
            do=f"to ask again: respond resume {run}",
        )
    why = now.why_void(state, request)
    if why and verdict is Verdict.APPROVE:
        raise RefusedByPersonError(
            f"people have to be asked anew about run {run}",
            why=why,
            do=f"the server does it, or: respond resume {run}; then look at what is asked",
        )


def _why_nothing(state: RunState) -> str:
    if state.status is RunStatus.ENDED:
        return "it is over"
    if state.requests:
        return "its last request was answered, and that answer has taken effect"
    return "nobody else has to agree to it, or it has not come that far"


def decide_signed(
    entry: Entry, text: str, signature: str, verify: Verify, *, channel: str, reason: str = ""
) -> Standing:
    """Record an answer that somebody signed with their SSH key, here or on another machine.

    Raises:
        UsageError: The text is no answer, or one to another request than the one that is open.
        RefusedByPersonError: No key of theirs signed it, or they may not. Nothing was recorded.
    """
    found = read_answer(text)
    if found is None:
        raise UsageError("this is no answer to an approval request of respond")
    run, person, verdict = found
    if verdict not in (Verdict.APPROVE, Verdict.DENY):
        raise UsageError(f"an answer says approve or deny, and not {verdict.value}")
    request = asked_now(entry.state(run))
    if request is None or answer_text(request, person, verdict) != text:
        raise UsageError(
            f"that answer is not to what run {run} asks now",
            why="plan, request, journal or time differ from what was signed",
            do=f"look at what is asked now: respond approve {run}",
        )
    fingerprint = verify(tuple(entry.keys.get(person, ())), text.encode(), signature, NAMESPACE)
    return decide(
        entry,
        run,
        Actor(person, Strength.KEY),
        verdict,
        channel=channel,
        nonce=request.nonce,
        reason=reason,
        proof={"text": text, "signature": signature, "key": fingerprint},
    )


# --- what a run waits for -----------------------------------------------------------------------


def _may_act(entry: Entry, state: RunState, who: Actor, *, decides: bool = False) -> None:
    """See that this person may work on the run: known, not whom it is about, with the role.

    Raises:
        RefusedByPersonError: They may not.
    """
    people = entry.people.suspecting(state.proposed.suspects)
    if why := silenced(who, people, state.proposed.subject, decides=decides):
        what = "may not answer that" if decides else "may do nothing here"
        raise RefusedByPersonError(f"{who.id} {what}", why=why)


@_judged_by_the_newest
def answer(
    entry: Entry, run: str, who: Actor, question: str, word: str, *, proof: Mapping[str, str]
) -> None:
    """Record the answer to the question that a run was parked with.

    Args:
        question: Its id, as it was shown.
        word: One of the words it takes.
        proof: The account that they came in with.

    Raises:
        UsageError: The run does not ask this now, or the word answers nothing.
        RefusedByPersonError: They may not.
    """
    state = entry.state(run)
    _may_act(entry, state, who)
    asks = state.asks
    if not question or asks.id != question or question in state.answers:
        raise UsageError(
            f"run {run} does not ask that now",
            why="somebody else may have answered",
            do=f"look again: respond status {run}",
        )
    if word not in asks.words:
        raise UsageError(
            f"{showable(word, limit=40)!r} answers nothing here",
            why=f"it is one of: {', '.join(asks.words)}",
        )
    _may_act(entry, state, who, decides=is_decision(asks.question, word))
    data = data_of(Answered, question=question, word=word, proof=proof)
    entry.journal.append(Event(Kind.ANSWERED, run, "", who, data), seen=state.last_seq)


@_judged_by_the_newest
def paste(
    entry: Entry, run: str, who: Actor, question: str, value: str, *, proof: Mapping[str, str]
) -> None:
    """Record that a task is done which yields a new secret, and seal that secret with it.

    Raises:
        UsageError: The run does not ask for one now, or nothing was pasted.
        RefusedByPersonError: They may not.
    """
    state = entry.state(run)
    _may_act(entry, state, who)
    asks = state.asks
    if not (asks.keep and question and asks.id == question) or question in state.answers:
        raise UsageError(
            f"run {run} asks for no secret now",
            why="somebody else may have pasted it; nothing was recorded",
            do=f"look again: respond status {run}",
        )
    if not value:
        raise UsageError("nothing was pasted", why="nothing was recorded")
    data = data_of(Answered, question=question, word=DONE, proof=proof)
    event = Event(Kind.ANSWERED, run, "", who, data)
    entry.journal.append(event, seal={pasted(question): value}, seen=state.last_seq)


def see_that_it_may_be_tried(entry: Entry, run: str, who: Actor) -> None:
    """See that a run waits for a system or for time and for nobody, and this person may nudge it.

    Raises:
        UsageError: Something else is waited for.
        RefusedByPersonError: They may not.
    """
    state = entry.state(run)
    _may_act(entry, state, who)
    if not waits_for_no_person(state):
        raise UsageError(
            f"run {run} waits for no system",
            why="it goes on by itself, is over, or a person has to answer",
            do=f"respond status {run}",
        )


def waits_for_no_person(state: RunState) -> bool:
    """Whether a server tries the run again by itself, since nobody else can take it further."""
    return (
        state.is_served
        and state.status is RunStatus.PARKED
        and state.asks.kind is AskKind.NOTHING
        and asked_now(state) is None
    )


def see_that_they_decide(entry: Entry, who: Actor) -> None:
    """See that this person may say what goes on where no run is known yet.

    Raises:
        RefusedByPersonError: They may not.
    """
    if why := silenced(who, entry.people, "", decides=True):
        raise RefusedByPersonError(f"{who.id} may not do that", why=why)


@_judged_by_the_newest
def give_inputs(
    entry: Entry, runbook: Runbook, run: str, who: Actor, given: GivenInputs, describe: Any
) -> None:
    """Record inputs that the event of a run could not give, or that a step waits for.

    What a step waits for and is not among them is what nobody knows: that is an answer too, and
    the run goes on with it.

    Raises:
        UsageError: Nothing is asked any more, or an input is given already and not asked anew.
        RefusedByPersonError: They may not.
    """
    state = entry.state(run)
    _may_act(entry, state, who)
    asks = state.asks
    asked = asks.names if asks.kind is AskKind.INPUTS else ()
    if asks_late(state) and asks.id not in state.answers:
        known_not = {name: None for name in asked if not given.has(name)}
        record_inputs(
            entry.journal, runbook, run, who, given, describe, asks.id, known_not, state.last_seq
        )
        return
    if state.requests or state.started or state.status is RunStatus.ENDED:
        raise UsageError(f"run {run} has what it needs", do=f"respond status {run}")
    taken = sorted(
        name
        for name in (*given.values, *given.secrets)
        if given.has(name) and state.inputs.get(name) not in (None, "", []) and name not in asked
    )
    if taken:
        raise UsageError(f"run {run} has {', '.join(taken)} already")
    record_inputs(entry.journal, runbook, run, who, given, describe, seen=state.last_seq)


def asks_late(state: RunState) -> bool:
    """Whether the run waits for an input that one of its steps needs now."""
    asks = state.asks
    is_late = [late_question(name) for name in asks.names] == [asks.id]
    return state.status is RunStatus.PARKED and asks.kind is AskKind.INPUTS and is_late


def record_inputs(
    journal: Journal,
    runbook: Runbook,
    run: str,
    who: Actor,
    given: GivenInputs,
    describe: Any,
    question: str = "inputs",
    known_not: Mapping[str, None] | None = None,
    seen: int | None = None,
) -> None:
    """Add inputs to a run, as the operator at its terminal gives them.

    Args:
        question: What asked for them.
        known_not: Inputs that nobody knows.
        seen: As ``Journal.append``.
    """
    inputs, seal = recorded(runbook, given, journal, describe)
    told = {**(known_not or {}), **inputs}
    data = data_of(Answered, question=question, word="given", inputs=told)
    if runbook.subject and inputs.get(runbook.subject):
        data["proposed"] = data_of(Corrected, subject=inputs[runbook.subject])
    journal.append(Event(Kind.ANSWERED, run, "", who, data), seal=seal, seen=seen)


def review_text(entry: Entry, run: str, person: str, words: str) -> str:
    """The text that somebody signs who has looked at a run in which a person went alone.

    Raises:
        UsageError: There is no such run, or nothing was found to say.
    """
    state = entry.state(run)
    said = " ".join(words.split())
    if not said:
        raise UsageError("a review says what was found", do="--words 'what you found'")
    lines = (
        "respond review v1",
        f"journal {entry.journal.head().anchor}",
        f"run {state.id}",
        f"person {person}",
        f"words {said}",
        "",
    )
    return "\n".join(lines)


def no_review_by(entry: Entry, state: RunState, who: Actor) -> str:
    """Why this person may not review what somebody did alone; empty when they may."""
    if state.alone and who.id == state.alone.by:
        return "whoever went alone does not review it"
    people = entry.people.suspecting(state.proposed.suspects)
    return silenced(who, people, state.proposed.subject, decides=False)


@_judged_by_the_newest
def review(
    entry: Entry, run: str, who: Actor, words: str, proof: Mapping[str, str] | None = None
) -> None:
    """Close the open item that an emergency entry leaves: somebody else has looked at it (P14).

    Raises:
        UsageError: Nobody went alone in this run, or it was reviewed.
        RefusedByPersonError: It is the person who went alone, or whom the incident is about.
    """
    state = entry.state(run)
    if not state.alone:
        raise UsageError(f"nobody went alone in run {run}: there is nothing to review")
    if state.reviewed:
        raise UsageError(f"run {run} was reviewed by {state.reviewed.by}")
    if why := no_review_by(entry, state, who):
        raise RefusedByPersonError(
            f"{who.id} may not review run {run}", why=why, do="ask somebody else"
        )
    if not words.strip():
        raise UsageError("a review says what was found", do="--words 'what you found'")
    data = data_of(Reviewed, words=words)
    if proof:
        data |= data_of(Reviewed, proof=proof)
    entry.journal.append(Event(Kind.REVIEWED, run, "", who, data), seen=state.last_seq)
