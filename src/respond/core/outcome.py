"""What a run came to: proved, somebody's word, not seen, left to do, and when it was contained.

What somebody closed after its end is told of as that: a word, or a proof.

Facts for summary, report, ``status`` and page, taken from the folded state alone, so that they
cannot disagree. No text is laid out here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Final

from respond.core.events import Kind
from respond.core.fold import (
    As,
    RunState,
    RunStatus,
    StepState,
    WriteStatus,
    is_undo,
    verdict,
)
from respond.core.item_names import item_id, short_names
from respond.core.plan import PlannedStep, StepPlan
from respond.core.recorded import FollowedUp, FollowUp
from respond.core.records import Frozen, replace
from respond.core.runbook import Phase
from respond.core.script import Effect, Proof
from respond.core.way_back import put_back, undoable
from respond.errors import ExitCode

__all__ = [
    "Containment",
    "Item",
    "Known",
    "LookedAgain",
    "Outcome",
    "can_be_seen",
    "outcome_of",
]

# ``readable in full; respond compromised-key --key web-prod``: a command to type, no prose.
_COMMAND: Final = re.compile(r"(?:^|[;:`])\s*respond [a-z][a-z0-9-]*(?:[\s`]|$)")


_ITEM: Final = re.compile(r"\[[^]]*\]")
_DONE: Final = frozenset({As.DONE, As.UNCHANGED, As.YOUR_WORD})
_CONTAINS: Final = frozenset({Phase.CONTAIN.value, Phase.ERADICATE.value})


class Known(Enum):
    """How surely something is known, or that it is still to be done."""

    PROVED = "proved"
    YOUR_WORD = "your-word"
    NOT_SEEN = "not-seen"
    LOOKED = "looked"
    LEFT_TO_DO = "left-to-do"


class Item(Frozen):
    """One line.

    Attributes:
        how: How the step came out, as a word of the journal, or ``blind`` (done, and nobody can
            look), ``not-started``, ``unknown``, ``finding``, ``put-back`` (changed by
            containment), ``ended`` (why the run did); ``closed`` (afterwards, by somebody's word
            or a proof), ``alive`` (looked at afterwards, and what was to end goes on), ``undone``
            (what it changed was put back after the run).
        id: What it is known by for ever; empty where it cannot be left open.
        name: So much of it as people type to close it; empty while the run is not over.
        followed_up: What was said of it after the end of the run.
    """

    known: Known
    step: str
    title: str
    phase: str
    how: str
    says: str
    at: str = ""
    do: str = ""
    id: str = ""
    name: str = ""
    followed_up: FollowedUp | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody can close it by their word."""
        return bool(self.name) and self.known in {Known.LEFT_TO_DO, Known.NOT_SEEN}

    @property
    def is_evidence(self) -> bool:
        """Something to look at, and no work by itself: a finding that names no command."""
        return self.how == "finding" and _COMMAND.search(self.says) is None


class LookedAgain(Frozen):
    """What came of looking at an item once more, after the end of its run.

    Attributes:
        how: PROVED or ALIVE; None where it cannot be told now.
        says: What was seen, or why it cannot be told.
        findings: Of the look, a line each.
    """

    item: Item
    how: FollowUp | None
    says: str
    findings: tuple[str, ...] = ()


class Containment(Frozen):
    """Whether the harm is stopped.

    Attributes:
        planned: The run has steps whose phase is ``contain``.
        proved_at: When the last of them was seen to be so; empty while one is not.
        proved_by: Who proved the last of it after the end of the run; empty where the run did.
        open: Titles of those that are not proved, with the reason.
        is_done: All of them were done, and what is open lacks nothing but the proof.
        close: For each of these what to type that proves or closes it; empty while the run is not
            over.
        since: The input ``since``: the moment from which harm was possible, or empty.
        began: When the run was proposed.
        put_back: Titles of those whose change was put back after the end of the run: whatever was
            proved before, it is not contained any more.
        put_back_at: When the last of these was.
    """

    planned: bool
    proved_at: str
    open: tuple[str, ...]
    since: str
    began: str
    proved_by: str = ""
    close: tuple[str, ...] = ()
    is_done: bool = False
    put_back: tuple[str, ...] = ()
    put_back_at: str = ""

    @property
    def holds(self) -> bool:
        """It is proved, and nothing of it was put back since."""
        return bool(self.proved_at) and not self.put_back

    @property
    def seconds_from_start(self) -> int | None:
        """Whole seconds from the start to the proof; None while it is not proved."""
        return _seconds(self.began, self.proved_at)

    @property
    def seconds_from_leak(self) -> int | None:
        """Whole seconds from ``since`` to the proof; None when one of them is not known."""
        return _seconds(self.since, self.proved_at)


def _seconds(begin: str, end: str) -> int | None:
    try:
        return int((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds())
    except (ValueError, TypeError):
        return None


class Outcome(Frozen):
    """All of it.

    Attributes:
        broken: What stopped working by this run and is not whole again; empty once the run ended
            well.
        nothing_started: The run ended before its first step, and not because all was well.
        is_closed: Whatever it left to do, somebody has closed it since.
        put_back: Titles of all steps whose change was put back after the end of the run.
    """

    items: tuple[Item, ...]
    containment: Containment
    broken: tuple[str, ...]
    nothing_started: bool = False
    is_closed: bool = False
    put_back: tuple[str, ...] = ()

    def of(self, known: Known) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.known is known)

    @property
    def left_to_do(self) -> tuple[Item, ...]:
        """Work: what failed, was left out or never began, and commands that somebody should run."""
        return tuple(item for item in self.of(Known.LEFT_TO_DO) if not item.is_evidence)

    @property
    def nothing_left(self) -> bool:
        """No work, nothing that was done and is still to be proved, no containment put back."""
        unproved = any(item.do for item in self.of(Known.NOT_SEEN))
        return not (self.left_to_do or unproved or self.containment.put_back)

    @property
    def look_at(self) -> tuple[Item, ...]:
        """Evidence that a person should look at."""
        return tuple(item for item in self.of(Known.LEFT_TO_DO) if item.is_evidence)


def outcome_of(state: RunState) -> Outcome:
    """The facts of a run, ended or not."""
    back = put_back(state)
    items = [
        *_never_began(state),
        *(_since(item, back) for step in state.steps.values() for item in _items(step)),
        *_untold(state),
        *_not_started(state),
        *_findings(state),
        *_without_evidence(state),
    ]
    if not any(i.known is Known.LEFT_TO_DO and not i.is_evidence for i in items):
        items += _why_it_ended(state, items)
    items += _to_put_back(state)
    if state.status is RunStatus.ENDED:
        items = _followed_up(state, items)
    broken = tuple(dict.fromkeys(_broken(state)))
    made = Outcome(
        tuple(items),
        _containment(state, items, back),
        broken,
        nothing_started=_nothing_started(state),
        put_back=tuple(dict.fromkeys(_titled(state.step(address)) for address in back)),
    )
    # Whoever closed the last of it says that it is whole.
    is_closed = bool(state.followed_up) and not made.left_to_do
    return replace(made, broken=(), is_closed=True) if is_closed else made


def _titled(step: StepState) -> str:
    return step.title or step.address


def _since(item: Item, back: Mapping[str, str]) -> Item:
    """The same; of what was put back nothing is claimed but that: it is so no more."""
    if item.step not in back:
        return item
    return replace(item, known=Known.LOOKED, how="undone", at=back[item.step], do="")


def _followed_up(state: RunState, items: list[Item]) -> list[Item]:
    """The same items, with their names and with what was said of them after the end."""
    names = short_names(item.id for item in items if item.id)
    found: dict[tuple[str, Known], Item] = {}
    for place, item in enumerate(items):
        said = state.followed_up.get(item.id)
        named = replace(item, name=names.get(item.id, ""))
        if said is None:
            found[str(place), item.known] = replace(named, do=_how_to_close(state, named))
        elif item.known in _CLOSABLE:
            closed = _closed(state, named, said)
            found.setdefault((item.id, closed.known), closed)
        else:
            found[str(place), item.known] = named
    return list(found.values())


_CLOSABLE: Final = frozenset({Known.LEFT_TO_DO, Known.NOT_SEEN, Known.YOUR_WORD})


def _closed(state: RunState, item: Item, said: FollowedUp) -> Item:
    match said.how:
        case FollowUp.WORD:
            known, how, do = Known.YOUR_WORD, "closed", ""
        case FollowUp.PROVED:
            known, how, do = Known.PROVED, "closed", ""
        case FollowUp.ALIVE:
            known, how = Known.LEFT_TO_DO, "alive"
            do = f"END IT NOW, by hand if need be; then: respond prove {state.id}"
    says = said.says if said.how is not FollowUp.WORD else item.says
    return replace(item, known=known, how=how, says=says, do=do, at=said.at, followed_up=said)


def can_be_seen(state: RunState, address: str) -> bool:
    """Whether a look tells what became of a step: none does of a message, or behind a word."""
    planned = state.plan.step(address) if state.plan is not None else None
    done = [w.write for w in state.step(address).writes if w.status is not WriteStatus.NOT_DONE]
    writes = done or (planned.writes if planned is not None else ())
    return bool(writes) and all(write.proof is Proof.SEEN for write in writes)


def _how_to_close(state: RunState, item: Item) -> str:
    """What to do about an item: where it says nothing of it, what to type that closes it."""
    if item.do or item.known is not Known.NOT_SEEN or state.proposed.passing:
        return item.do
    if can_be_seen(state, item.step):
        return f"respond prove {state.id}"
    # That people were told is no harm that goes on.
    if item.phase not in _CONTAINS:
        return ""
    return f"see to it, then: respond done {state.id} {item.name}"


def _to_put_back(state: RunState) -> Iterator[Item]:
    """What containment changed and can be put back, until somebody did or declined."""
    if state.status is not RunStatus.ENDED:
        return
    declined = {
        address.partition(":")[2].partition("#")[0]
        for address, step in state.steps.items()
        if is_undo(address) and step.left_out
    }
    for way in undoable(state):
        step = state.step(way.step)
        is_over = way.nothing or state.undone.get(way.name) == Kind.UNDO_DONE.value
        if is_over or way.name in declined or step.phase not in _CONTAINS:
            continue
        from shlex import quote  # noqa: PLC0415 - for few runs

        yield Item(
            Known.LEFT_TO_DO,
            way.step,
            step.title or way.step,
            step.phase,
            "put-back",
            f"{way.says}; undo it once that is right, or close this",
            way.write.at,
            f"respond undo {state.id} --step {quote(way.name)}",
            id=item_id("put-back", way.name),
        )


def _why_it_ended(state: RunState, items: list[Item]) -> Iterator[Item]:
    """The reason of an end that was not good and of which no step tells."""
    if state.status is not RunStatus.ENDED or state.ended_well:
        return
    unseen = [item for item in items if item.how == As.NOT_SEEN.value]
    for item in unseen:
        yield replace(item, known=Known.LEFT_TO_DO, do="see in the system itself whether it is so")
    if not unseen:
        reason = state.ended.say or "the run ended before all of it was done"
        do = f"what was done: respond report {state.id}"
        left = Item(Known.LEFT_TO_DO, "", reason, "", "ended", reason, state.ended_at, do)
        yield replace(left, id=item_id("run"))


def _nothing_started(state: RunState) -> bool:
    return state.status is RunStatus.ENDED and not state.ended_well and not state.started


def _never_began(state: RunState) -> Iterator[Item]:
    """Why nothing was started, as the first thing that is left to do."""
    if not _nothing_started(state):
        return
    reason = state.ended.say or "it was not started"
    runbook = state.proposed.runbook
    again = f"rehearse {runbook}" if state.proposed.mode == "rehearsal" else runbook
    yield Item(
        Known.LEFT_TO_DO,
        "",
        reason,
        "",
        "not-started",
        reason,
        state.ended_at,
        f"begin anew when that is seen to: respond {again}",
        id=item_id("run"),
    )


def _items(step: StepState) -> Iterator[Item]:
    end = step.conclusion
    if end is None:
        if step.open():
            says = "; ".join(write.write.says for write in step.open())
            in_hands = all(w.by == "person" and w.status is WriteStatus.INTENT for w in step.open())
            yield Item(
                Known.LEFT_TO_DO,
                step.address,
                step.title or says,
                step.phase,
                "by-hand" if in_hands else "unknown",
                f"in somebody's hands, and not seen yet: {says}"
                if in_hands
                else f"may have happened, nobody knows: {says}",
                step.open()[-1].at,
                id=item_id("step", step.address),
            )
        return
    known = _known(step)
    if known is None:
        return
    yield Item(
        known,
        step.address,
        step.title or step.address,
        step.phase,
        "blind" if end.how is As.DONE and _is_blind(step) else end.how.value,
        end.says or end.why,
        end.at,
        end.error.do,
        id=item_id("step", step.address),
    )


def _untold(state: RunState) -> Iterator[Item]:
    for notice in state.untold:
        says = "; ".join(write.write.says for write in notice.open())
        yield Item(
            Known.LEFT_TO_DO,
            notice.address,
            "Telling people of the run",
            "",
            "unknown",
            f"may have happened, nobody knows: {says}",
            notice.open()[-1].at,
            "see whether they were told, or tell them",
            id=item_id("step", notice.address),
        )


def _known(step: StepState) -> Known | None:
    end = step.conclusion
    assert end is not None  # noqa: S101 - the caller looked
    done = tuple(step.done().values())
    match end.how:
        case As.SKIPPED:
            return None
        case As.FAILED | As.LEFT_OPEN:
            return Known.LEFT_TO_DO
        case As.YOUR_WORD:
            return Known.YOUR_WORD
        case As.NOT_SEEN:
            return Known.NOT_SEEN
        case As.UNCHANGED:
            return Known.PROVED if end.proved else Known.NOT_SEEN
        case As.DONE if not done:
            return Known.LOOKED
        case As.DONE:
            return Known.PROVED if end.proved and not _is_blind(step) else Known.NOT_SEEN


def _is_blind(step: StepState) -> bool:
    """Whether something of it was done that nobody can look at."""
    return any(w.write.proof is Proof.BLIND for w in step.done().values())


def _not_started(state: RunState) -> Iterator[Item]:
    plan = state.plan
    if plan is None or _nothing_started(state):  # One item says that of all of them.
        return
    for step in () if state.ended_well else plan.steps:
        if step.state in {StepPlan.SKIPPED, StepPlan.ENDS} or _came_to(state, step):
            continue
        if not step.action and step.state is not StepPlan.WAITS:
            continue
        over = state.status is RunStatus.ENDED
        maybe = ", if it was needed at all" if over and step.state is StepPlan.LATE else ""
        # Items of a set have one title: what would have been written tells them apart.
        which = "; ".join(write.says for write in step.writes) if "[" in step.address else ""
        which = ": ".join(filter(None, (step.within, step.says))) if _is_unseen(step) else which
        yield Item(
            Known.LEFT_TO_DO,
            step.address,
            step.title or step.address,
            step.phase.value if step.phase else "",
            "not-started",
            f"not started{maybe}" + (f": {which}" if which else ""),
            id=item_id("step", step.address),
        )


def _is_unseen(step: PlannedStep) -> bool:
    return step.state is StepPlan.UNSEEN


def _which(step: PlannedStep) -> str:
    """Its title, and of what could not be looked at of which call it is: nothing else tells."""
    title = step.title or step.address
    return f"{title} ({step.within})" if _is_unseen(step) and step.within else title


def _came_to(state: RunState, step: PlannedStep) -> bool:
    within = (f"{step.address}[", f"{step.address}/")
    # A set that was planned late stands in the plan without its items.
    is_late = step.state is StepPlan.LATE
    return any(
        address == step.address
        or address.startswith(within)
        or (is_late and _ITEM.sub("", address) == step.address)
        for address, found in state.steps.items()
        if found.conclusion is not None or found.open()
    )


def _was_not_needed(state: RunState, step: PlannedStep) -> bool:
    """Whether the run, which ended well, found out that a step that was planned late is not due.

    Another branch was taken, its set was empty, its condition did not hold. Where a failure was
    made good, that may be why it was not done.
    """
    ends = (found.conclusion for found in state.steps.values())
    is_plain = state.ended_well and not any(end is not None and end.recovered for end in ends)
    return is_plain and step.state is StepPlan.LATE


def _findings(state: RunState) -> Iterator[Item]:
    # Of a review, those with a name stand in what it came to, and are told from there.
    review = state.ended.review
    seen = {mark.finding.line for mark in review.marks} if review is not None else set()
    concluded = [
        (address, found.title, found.phase, line, found.conclusion.at)
        for address, found in state.steps.items()
        if found.conclusion is not None
        for line in found.conclusion.findings
    ]
    planned = [
        (step.address, step.title, step.phase.value if step.phase else "", line, "")
        for step in (state.plan.steps if state.plan else ())
        for line in step.findings
    ]
    seen.update(_mended(state))
    for address, title, phase, line, at in (*concluded, *planned):
        proof = state.followed_up.get(item_id("step", address))
        if proof is not None and proof.how is FollowUp.PROVED and line not in proof.findings:
            continue  # It was looked at anew, and this was not found any more.
        if line not in seen:
            seen.add(line)
            yield _finding(line, address, title, phase, at)


def _finding(line: str, address: str = "", title: str = "Evidence", *of: str) -> Item:
    phase, at = of or ("", "")
    known, name = Known.LEFT_TO_DO, item_id("finding", line)
    return Item(known, address, title, phase, "finding", line, at, id=name)


def _mended(state: RunState) -> Iterator[str]:
    """Findings about what the run itself has taken away since: the step that did it tells of it."""
    taken: dict[str, str] = {}
    back = put_back(state)
    ends = [
        (step, step.conclusion)
        for step in state.steps.values()
        if step.conclusion is not None and step.address not in back
    ]
    for step, end in ends:
        # Seen to be so: what is somebody's word alone, or not seen, leaves the finding open.
        gone = (w for w in step.done().values() if w.write.effect is Effect.DESTROYS)
        if end.how in {As.DONE, As.UNCHANGED} and not _is_blind(step):
            taken |= {
                name: max(w.at, taken.get(name, "")) for w in gone for name in w.write.changes
            }
    for _, end in ends:
        # Looked at after that, and there all the same: then it is work.
        yield from (one.line for one in end.found if taken.get(one.subject, "") > end.at)


def _without_evidence(state: RunState) -> Iterator[Item]:
    """What was to be kept for who has to judge it later, and is not."""
    cut = sum(answer.cut for answer in state.evidence)
    lines = [*state.unkept]
    if cut:
        lines.append(f"{cut} answers are kept by their digest only: a run keeps 32 MiB of them")
    for line in lines:
        yield _finding(line)


# --- containment ----------------------------------------------------------------------------------


def _containment(state: RunState, items: Iterable[Item], back: Mapping[str, str]) -> Containment:
    steps = {
        step.address: _which(step)
        for step in (state.plan.steps if state.plan is not None else ())
        if step.phase is Phase.CONTAIN and step.state is not StepPlan.SKIPPED and step.action
        # A ``for_each`` that was planned late stands in the run as its items.
        if step.address in state.steps
        or not (_came_to(state, step) or _was_not_needed(state, step))
    }
    steps |= {
        address: found.title or address
        for address, found in state.steps.items()
        if found.phase == Phase.CONTAIN.value
    }
    open_: list[tuple[str, str]] = []
    undone: dict[str, str] = {}
    last, by = "", ""
    named = {item.id: item for item in items if item.name}
    is_done = True
    for address, title in steps.items():
        end = state.step(address).conclusion
        if end is not None and end.how is As.SKIPPED:
            continue
        known = _known(state.step(address)) if end is not None else None
        said = state.followed_up.get(item_id("step", address))
        if address in back:
            undone[title] = back[address]
        if end is not None and known in {Known.PROVED, Known.LOOKED}:
            last, by = max((last, by), (end.at, ""))
        elif said is not None and said.how is FollowUp.PROVED:
            last, by = max((last, by), (said.at, said.by.id))
        elif address not in back:
            item = named.get(item_id("step", address))
            why = f"{title}: {_why_open(state.step(address), said)}"
            open_.append((why, _proving(state, item) if item is not None else ""))
            was_done = end is not None and end.how in _DONE
            is_done = is_done and (was_done if said is None else said.how.closes)
    since = state.inputs.get("since")
    if state.plan is None and _nothing_started(state) and state.ended.review is None:
        open_.append(("nothing was started", ""))
        is_done = False
    return Containment(
        planned=bool(steps or open_),
        proved_at="" if open_ else last,
        open=tuple(why for why, _ in open_),
        since=since if isinstance(since, str) else "",
        began=state.proposed_at,
        proved_by="" if open_ else by,
        close=tuple(close for _, close in open_) if state.status is RunStatus.ENDED else (),
        is_done=is_done and bool(steps),
        put_back=tuple(undone),
        put_back_at=max(undone.values(), default=""),
    )


def _proving(state: RunState, item: Item) -> str:
    """What to type for a step of containment that is not proved."""
    if _nothing_started(state) or state.proposed.passing:
        return ""  # There is nothing to look at: it is begun anew.
    if can_be_seen(state, item.step):
        return f"respond prove {state.id}"
    return f"respond done {state.id} {item.name}" if item.is_open else ""


def _why_open(step: StepState, said: FollowedUp | None) -> str:
    if said is not None:
        lives = said.how is FollowUp.ALIVE
        return f"IT GOES ON: {said.says}" if lives else f"{said.by.id}'s word, not proved"
    end = step.conclusion
    if end is None:
        return "nobody knows whether it happened" if step.open() else "not done"
    return {
        As.YOUR_WORD: "somebody's word, not proved",
        As.NOT_SEEN: "done, and not seen",
        As.DONE: "done, not proved",
        As.UNCHANGED: "not proved",
    }.get(end.how, end.why or end.says)


def _broken(state: RunState) -> Iterator[str]:
    """What destructive writes took away, while a later step of the plan is still to be done."""
    if state.plan is None or state.ended_well or _is_done_but_for_notices(state):
        return
    for address, found in state.steps.items():
        planned = state.plan.step(address)
        for write in found.writes:
            destroys = write.write.effect is Effect.DESTROYS
            if destroys and write.status in {WriteStatus.DONE, WriteStatus.UNKNOWN}:
                text = (planned.confirm if planned else "") or write.write.breaks
                yield text or f"what this took away: {write.write.says}"


def _is_done_but_for_notices(state: RunState) -> bool:
    """Whether all that is left of a run is that nobody knows who was told of it."""
    is_unknown = state.status is RunStatus.ENDED and state.ended.exit is ExitCode.UNKNOWN
    return is_unknown and verdict(replace(state, notices={})) is ExitCode.DONE
