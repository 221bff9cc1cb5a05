"""Find out about writes of which nobody knows whether they happened (P2, rule 4).

It looks first; repeats nothing that could be done twice; and asks a person where nobody can see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from respond.core.events import Kind
from respond.core.fold import WriteState, WriteStatus
from respond.core.plan import moved
from respond.core.questions import AskUnknown, Decision
from respond.core.recorded import Settled, data_of
from respond.core.script import Proof
from respond.engine.drivers import Look
from respond.engine.step.send import ATTEMPTS
from respond.engine.step.state import LOOK_AGAIN_S, ONCE_MORE_S, LiveStep, pauses
from respond.errors import NoAnswerError, ParkedError, StepFailedError, UnknownOutcomeError

__all__ = ["PROCESS_ENDED", "recover"]


PROCESS_ENDED: Final = "the process ended before an answer was recorded"


def recover(at: LiveStep, sent: Mapping[str, int]) -> None:
    """Settle every open write of a step.

    Args:
        sent: How often each write was sent in this advance, by key.

    Raises:
        UnknownOutcomeError: Nobody can see what happened, and nobody is there to say.
        NoAnswerError: The system has given no usable answer too often.
    """
    open_writes = at.state.open()
    if not open_writes:
        return
    for write in open_writes:
        if write.status is WriteStatus.INTENT:
            by_hand = write.by == "person"
            why = "nobody has said yet whether it is done" if by_hand else PROCESS_ENDED
            at.add(Kind.UNKNOWN, **data_of(Settled, intent=write.seq, why=why))
    # Until the outcome of each would show, counted from now (rule 4).
    pause = max(
        (0 if w.by == "person" else w.write.timeout_s) + w.write.settle_s for w in open_writes
    )
    at.live.pause(pause, "a write may have happened: waiting until it would be seen")
    to_see = [w for w in open_writes if _is_seen(w)]
    seen = _looks(at, to_see) if to_see else []
    for write in open_writes:
        _reconcile(at, write, seen, tried=sent.get(write.key, 0))


def _looks(at: LiveStep, writes: Sequence[WriteState]) -> list[Look[Any]]:
    """Looks until each write was seen, or as many as have to agree that one was not."""
    looks: list[Look[Any]] = []
    for n in range(max(w.write.looks for w in writes)):
        at.live.pause(ONCE_MORE_S if n else 0.0, "not seen: looking once more")
        look = _look_patiently(at)
        if look is None:
            return []
        looks.append(look)
        if not any(_wants(looks, write) for write in writes):
            break
    return looks


def _wants(looks: Sequence[Look[Any]], write: WriteState) -> bool:
    """Whether every look still wants it; whoever sees it, has heard of it."""
    return all(any(w.subject.name == write.write.subject for w in look.writes) for look in looks)


def _look_patiently(at: LiveStep) -> Look[Any] | None:
    """Look until there is an answer; None when there is none for a while."""
    for pause in (0.0, *pauses(LOOK_AGAIN_S)):
        at.live.pause(pause, "no answer to the look: looking again")
        try:
            return at.look()
        except StepFailedError as error:
            at.live.tools.progress.say(error.what)
    return None


def _reconcile(at: LiveStep, write: WriteState, seen: Sequence[Look[Any]], *, tried: int) -> None:
    subject = write.write.subject
    now = next((w for w in seen[-1].writes if w.subject.name == subject), None) if seen else None
    unseeable = now is not None and now.proof is Proof.BLIND and not now.repeatable
    if unseeable or moved(write.write.to, at.live.site.bound):
        # It could be looked at when and where it was sent, and cannot now: all else is a guess.
        _ask(at, write)
    elif _is_seen(write) and seen:
        wanted = _wants(seen, write)
        _settle(at, write, done=not wanted, why="looked: " + ("not there" if wanted else "seen"))
        _attempts_left(at, write, tried)
    elif write.by == "person" and not _is_seen(write):
        _settle(at, write, done=False, why="nobody said that it was done")
    elif write.write.repeatable and not _is_seen(write):
        _settle(at, write, done=False, why="harmless to repeat, by the system's own word")
        _attempts_left(at, write, tried)
    else:
        _ask(at, write)


def _settle(at: LiveStep, write: WriteState, *, done: bool, why: str) -> None:
    how = WriteStatus.DONE if done else WriteStatus.NOT_DONE
    told = data_of(Settled, intent=write.seq, how=how, why=why, value=write.value)
    at.add(Kind.RECONCILED, **told)


def _attempts_left(at: LiveStep, write: WriteState, tried: int) -> None:
    now = next(w for w in at.state.writes if w.seq == write.seq)
    if now.status is WriteStatus.NOT_DONE and tried >= ATTEMPTS:
        raise NoAnswerError(
            f"{write.write.request} got no usable answer {tried} times",
            why=write.why or now.why,
            do=f"when the system answers again: respond resume {at.live.run}",
            request=write.write.request,
        )


def _ask(at: LiveStep, write: WriteState) -> None:
    try:
        answer = at.live.ask(
            AskUnknown(
                step=at.address,
                says=write.write.says,
                evidence=f"sent {write.at}; {write.why or 'no answer was recorded'}",
            )
        )
    except ParkedError as parked:
        raise UnknownOutcomeError(
            f"step {at.address!r}: {write.write.says}: nobody can see whether it happened",
            why=f"{write.write.request} was sent at {write.at}; "
            f"{write.why or 'no answer was recorded'}; repeating it could do it twice",
            do=f"find out, then: respond resume {at.live.run}",
            asks=parked.asks,
        ) from parked
    by = answer.by or at.operator
    _settle(at, write, done=answer.decision is Decision.YES, why=f"{by.id} says so")


def _is_seen(write: WriteState) -> bool:
    return write.write.proof is Proof.SEEN
