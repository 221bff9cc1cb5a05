"""Put back what a run changed, newest first; and see what others changed meanwhile.

An undo is a step like any other, at an address of its own: it looks, asks, writes down, sends and
proves. It starts only from what the run left behind: when somebody changed the thing since, it
fails, says what is there now, and leaves it to a person (P7). Only a person asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from respond.core.events import Kind
from respond.core.fold import As, RunState, RunStatus
from respond.core.plan import PlannedWrite, moved
from respond.core.recorded import UndoAsked, UndoEnded, data_of
from respond.core.runbook import ActionStep, Fixed, Place, StepWords
from respond.core.script import Effect, Proof, WrittenAction
from respond.core.shapes import ShapeError, encode
from respond.core.way_back import WayBack, cannot_be_undone, follows, undoable, writes_done
from respond.engine.drivers import Look, still_wanted
from respond.engine.looking_back import LookBack
from respond.engine.run import LiveRun
from respond.engine.step.agree import Agreement
from respond.engine.step.recover import recover
from respond.engine.step.state import LiveStep
from respond.engine.step.step import StepRun
from respond.engine.stopping import QuitError
from respond.engine.walk import Here
from respond.errors import (
    ExitCode,
    NotReadyError,
    ParkedError,
    RespondError,
    StepFailedError,
    UsageError,
)

__all__ = ["changed_meanwhile", "look_at_open", "undo_run"]

Actions = Mapping[str, type[WrittenAction[Any]]]


def undo_run(live: LiveRun, actions: Actions | None = None, *, only: str = "") -> ExitCode:
    """Put back what can be put back; asks at each. Going on after a crash is asking again.

    Args:
        actions: By name; all that there are when left out.
        only: The step whose changes are put back, or one change by its name; empty: all.

    Raises:
        UsageError: The run is not over, or has nothing of that name to put back.
    """
    if live.state.status is not RunStatus.ENDED:
        raise UsageError(
            f"run {live.run} is not over, and only what is over is undone",
            do=f"respond cancel {live.run}, then: respond undo {live.run}",
        )
    live.take()
    try:
        if actions is None:
            from respond.systems import load  # noqa: PLC0415 - only an undo needs them by name

            actions = load()
        return _undo(live, actions, only)
    except ParkedError as parked:
        return live.park(parked, parked.exit_code)
    except QuitError:
        return ExitCode.REFUSED


def look_at_open(live: LiveRun) -> None:
    """Find out about the writes of which nobody knows whether they happened, before all is over.

    What nobody can see or say stays open.
    """
    for at in LookBack.over(live).visited:
        if not at.state.open():
            continue
        try:
            recover(at, {})
        except (ParkedError, StepFailedError, NotReadyError, ShapeError) as error:
            live.tools.stop.check(live.run)
            live.tools.progress.say(f"{at.title}: it stays open: {error.args[0]}")


def _is_open(state: RunState) -> bool:
    return any(step.open() for step in state.steps.values())


def _undo(live: LiveRun, actions: Actions, only: str) -> ExitCode:
    look_at_open(live)
    all_ways = undoable(live.state)
    ways = [way for way in all_ways if not only or way.is_of(only)]
    if only and not ways:
        raise UsageError(
            f"run {live.run} changed nothing at {only[:60]!r} that could be put back",
            do=f"one of: {', '.join(way.name for way in all_ways)}"
            if all_ways
            else f"nothing of it can be put back; what it did: respond report {live.run}",
        )
    left = [w for w in ways if live.state.undone.get(w.name) != Kind.UNDO_DONE.value]
    if not left:
        return ExitCode.UNKNOWN if _is_open(live.state) else ExitCode.DONE
    if live.state.undo_round == 0 or live.state.undo_wanted <= len(live.state.undone):
        can, cannot = [way.says for way in left], cannot_be_undone(live.state)
        told = data_of(UndoAsked, can=can, cannot=cannot)
        live.add(Kind.UNDO_ASKED, by=live.site.operator, **told)
    for way in left:
        if way.name not in live.state.undone:
            _one(live, way, actions)
    live.tools.journal.forget_secrets(live.run)
    live.tools.journal.checkpoint(f"undo of run {live.run}")
    if Kind.UNDO_FAILED.value in live.state.undone.values():
        return ExitCode.UNDO_FAILED
    return ExitCode.UNKNOWN if _is_open(live.state) else ExitCode.DONE


def _one(live: LiveRun, way: WayBack, actions: Actions) -> None:
    if way.nothing:
        live.add(Kind.UNDO_DONE, way.name, **data_of(UndoEnded, says=way.nothing))
        return
    made = actions.get(way.action)
    elsewhere = moved(way.write.write.to, live.site.bound)
    if made is None or elsewhere:
        why = f"there is no action {way.action!r} any more"
        if elsewhere:
            why = f"{elsewhere[0]} changed since the run wrote there"
        do = "put it back by hand, or the connection as it was"
        live.add(Kind.UNDO_FAILED, way.name, **data_of(UndoEnded, why=why, do=do))
        return
    round_ = f"#{live.state.undo_round}" if live.state.undo_round > 1 else ""
    address = f"undo:{way.name}{round_}"
    step = _step(live, way, made)
    at = LiveStep(live, step, address, Here(live.first_values()))
    StepRun(at, UndoAgreement(at, way=way)).go()
    end = live.state.step(address).conclusion
    assert end is not None  # noqa: S101 - what does not conclude has raised
    if end.how in (As.DONE, As.UNCHANGED, As.YOUR_WORD):
        live.add(Kind.UNDO_DONE, way.name, **data_of(UndoEnded, says=end.says))
    else:
        told = data_of(UndoEnded, why=end.why or end.says, do=end.error.do)
        live.add(Kind.UNDO_FAILED, way.name, **told)


def _step(live: LiveRun, way: WayBack, made: type[WrittenAction[Any]]) -> ActionStep:
    named = way.write.write.subject.partition("/")[0]
    known = live.site.connections.get(named)
    fits = known is not None and known.system == made.spec.system
    return ActionStep(
        words=StepWords(id="undo", place=Place(0, 0), title=f"Undo: {way.says}"),
        action=made,
        arguments={name: Fixed(value) for name, value in way.arguments.items()},
        connection=Fixed(named) if fits else None,
    )


class UndoAgreement(Agreement, kw_only=True):
    """Agrees to putting one write back, and only from where the run left it."""

    way: WayBack

    def check(self, seen: Look[Any]) -> None:
        left = self.way.write.write
        for write in seen.writes:
            if write.subject.name != left.subject:
                continue
            found = (encode(write.before), encode(write.after), left.before, left.after)
            if not (others := tuple(_changed_since(*found))):
                continue
            now = ", ".join(f"{name} {_shown(one)}".strip() for name, one, _ in others)
            was = ", ".join(f"{name} {_shown(one)}".strip() for name, _, one in others)
            raise StepFailedError(
                f"what is there now is not what the run left: now {now}",
                why=f"the run left {was}, and somebody changed it since",
                do="a person has to decide what it should be, and put it there",
            )

    def wants_typed(self, writes: list[PlannedWrite]) -> bool:
        destroyed = self.way.write.write.effect is Effect.DESTROYS
        return destroyed or any(w.effect is Effect.DESTROYS for w in writes)


_ABSENT: Final = object()


def _changed_since(now: Any, then: Any, before: Any, left: Any) -> Iterator[tuple[str, Any, Any]]:
    """In what is there not what was left, of all that both speak of: a name, now, and left.

    Args:
        now: What the undo finds.
        then: What the undo would make of it.
        before: What the run found.
    """
    if not (isinstance(now, Mapping) and isinstance(left, Mapping)):
        yield from (("", now, left),) if now != left else ()
        return
    for name in now.keys() & left.keys():
        was, to = _of(before, name), _of(then, name)
        for within, one, other in _inside(now[name], to, was, left[name]):
            yield f"{name} {within}".strip(), one, other


def _inside(now: Any, then: Any, before: Any, left: Any) -> Iterator[tuple[str, Any, Any]]:
    """The same of a part. What neither the run changed nor the undo would is not compared.

    In a record that is its fields: one that the run looked at beside what it changed is others' to
    change, and one that the undo would write anew is not.
    """
    if all(isinstance(one, Mapping) for one in (now, then, before, left)):
        for name in dict.fromkeys((*left, *now, *before, *then)):
            found = [_of(one, name) for one in (now, then, before, left)]
            is_touched = found[0] != found[1] or found[2] != found[3]
            for within, one, other in _inside(*found) if is_touched else ():
                yield f"{name} {within}".strip(), one, other
    elif now != left:
        yield "", now, left


def _of(value: Any, name: str) -> Any:
    return value.get(name, _ABSENT) if isinstance(value, Mapping) else _ABSENT


def _shown(value: Any) -> str:
    """In words, as plans have them; no language's own way of writing values."""
    match encode(value) if value is not _ABSENT else value:
        case None:
            return "nothing"
        case bool() as so:
            return "yes" if so else "no"
        case {"secret": name}:
            return f"secret {name}"
        case Mapping() as parts:
            return ", ".join(f"{name} {_shown(one)}" for name, one in parts.items()) or "nothing"
        case list() as items:
            return ", ".join(map(_shown, items)) or "none"
        case str() | int() as plain:
            return str(plain)
        case _:
            return "absent"


# --- what others changed ------------------------------------------------------------------------


def changed_meanwhile(live: LiveRun) -> tuple[str, ...]:
    """Finished steps whose work is not there any more, a line each. It only looks.

    A thing that several steps of the run changed is looked at through the last one. Of a run that
    is over nothing is said: its secrets are destroyed, and what became of it is nobody's question.
    Nor where a connection leads elsewhere now, which is asked about.
    """
    plan = live.state.plan
    if live.state.status is RunStatus.ENDED or (plan and moved(plan.bound, live.site.bound)):
        return ()
    done = (at for at in LookBack.over(live).visited if _can_be_seen(at))
    return tuple(line for at in done for line in _changed(live, at))


def _can_be_seen(at: LiveStep) -> bool:
    is_over = at.state.conclusion is not None
    return is_over and any(w.write.proof is Proof.SEEN for w in at.state.done().values())


def _changed(live: LiveRun, at: LiveStep) -> Iterator[str]:
    try:
        seen = at.look()
    except (RespondError, ShapeError) as error:
        yield f"{at.title}: could not be looked at again ({error.args[0]})"
        return
    written = [w for _, w in writes_done(live.state)]
    mine = {w.key for w in at.state.writes}
    for write in still_wanted(seen):
        if write.cleans_up:
            continue
        ours = [w for w in written if w.key in mine and w.write.subject == write.subject.name]
        if not any(follows(w, later) for w in ours for later in written if later.seq > w.seq):
            yield f"{at.title}: it is {_shown(write.before)} again; {write.says} is wanted anew"
