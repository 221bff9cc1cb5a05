"""Ask whoever sits at the terminal for inputs: what is missing, and what fits nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from respond.core.runbook_head import Input, InputKind
from respond.errors import UsageError

if TYPE_CHECKING:
    from respond.core.picking import ToPick
    from respond.core.runbook import Runbook
    from respond.engine.proposing import GivenInputs
    from respond.wiring.session import Session

__all__ = ["ask_for", "ask_reason", "ask_what_is_missing"]


def ask_for(
    runbook: Runbook,
    given: GivenInputs,
    session: Session,
    before: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Ask for what is still needed, where somebody sits at a terminal.

    Args:
        before: Inputs that were given and with which nothing came about: asked again; Enter
            takes the one that there was.

    Raises:
        RefusedByPersonError: The person went away; nothing was started.
    """
    from respond.engine.proposing import missing

    if not session.prompt.is_there or not (before or missing(runbook, given)):
        return
    for declared in runbook.inputs:
        name = declared.name
        wanted = name in before or _is_wanted(runbook, declared, given)
        if wanted and not given.has(name):
            _ask_one(runbook, declared, given, session, before.get(name))


def ask_reason(runbook: Runbook, session: Session, given: str) -> str:
    """Why the run is begun; asked for where policy wants it and somebody sits at a terminal.

    Raises:
        RefusedByPersonError: The person went away; nothing was started.
    """
    from respond.core.questions import AskInput, Decision
    from respond.engine.proposing import wants_reason
    from respond.errors import RefusedByPersonError

    if given.strip() or not (wants_reason(session.site) and session.prompt.is_there):
        return given
    asked = AskInput("reason", _WHY, example="ana's laptop was stolen, her key is on it")
    answer = session.prompt.ask(asked)
    if answer.decision is not Decision.YES:
        raise RefusedByPersonError("nothing was started", do=f"respond {runbook.name}")
    return answer.typed


_WHY: Final = "Why is this done? Policy wants it in a sentence, for the log."


def ask_what_is_missing(runbook: Runbook, session: Session) -> None:
    """Ask for inputs that the event of a run could not give, or gave so that nothing fits them.

    Only where somebody sits at a terminal.

    Raises:
        ParkedError: The person went away.
    """
    from respond.adapters.store.sealing import describe_secret
    from respond.cli.output import say
    from respond.core.fold import fold
    from respond.core.recorded import AskKind
    from respond.engine.proposing import GivenInputs, lacking
    from respond.errors import ParkedError, RefusedByPersonError
    from respond.people.answers import record_inputs

    state = fold(session.journal.records(session.run))
    if state is None or state.started or not session.prompt.is_there:
        return
    unfit = state.asks.names if state.asks.kind is AskKind.INPUTS else ()
    if not unfit and not lacking(runbook, state.inputs):
        return
    kept = {n: v for n, v in state.inputs.items() if v not in (None, "", []) and n not in unfit}
    if unfit:
        say(": ".join(filter(None, (state.parked.why, state.parked.reason))))
    known = GivenInputs(kept)
    before = {n: v for n, v in state.inputs.items() if n in unfit and not isinstance(v, Mapping)}
    try:
        ask_for(runbook, known, session, before)
    except RefusedByPersonError as away:
        raise ParkedError(
            f"run {state.id} waits as before",
            why="nothing was answered",
            do=f"respond resume {state.id}; to end it: respond cancel {state.id}",
        ) from away
    new = GivenInputs(
        {n: v for n, v in known.values.items() if v != state.inputs.get(n)}, dict(known.secrets)
    )
    operator = session.site.operator
    record_inputs(session.journal, runbook, session.run, operator, new, describe_secret)


def _is_wanted(runbook: Runbook, declared: Input, given: GivenInputs) -> bool:
    """Needed, or one of a group of which none is there, or a list that only people know."""
    if declared.late:
        return False
    groups = [group for group in runbook.require if declared.name in group]
    if groups:
        return not any(given.has(name) for name in groups[0])
    return (declared.required and declared.default is None) or declared.default == []


def _ask_one(
    runbook: Runbook, declared: Input, given: GivenInputs, session: Session, before: Any
) -> None:
    from respond.core.questions import AskInput, Decision
    from respond.errors import RefusedByPersonError
    from respond.formats.typed_inputs import parse_input

    error = ""
    offered = _offered(runbook, declared, session)
    while True:
        answer = session.prompt.ask(
            AskInput(
                name=declared.name,
                ask=declared.ask or declared.name,
                secret=declared.kind is InputKind.SECRET,
                choices=declared.of,
                default=_default_text(declared.default if before is None else before),
                example=declared.example,
                error=error,
                options=offered.rows,
                heads=offered.heads,
                kind=declared.kind.value,
                required=declared.required and declared.default is None,
            )
        )
        if answer.decision is not Decision.YES:
            raise RefusedByPersonError("nothing was started", do=f"respond {runbook.name}")
        if not answer.typed:
            return
        if declared.kind is InputKind.SECRET:
            given.secrets[declared.name] = answer.typed
            return
        try:
            now_s = session.clock.now_ms() // 1000
            given.values[declared.name] = parse_input(declared, answer.typed, now_s=now_s)
            return  # noqa: TRY300 - the loop goes on only after a wrong answer
        except UsageError as wrong:
            error = f"{wrong.what}: {wrong.why}"


def _offered(runbook: Runbook, declared: Input, session: Session) -> ToPick:
    """What is there to pick from; nothing when it cannot be looked at: then the person types."""
    from respond.core.fold import RunState
    from respond.core.picking import NONE_THERE
    from respond.core.recorded import Proposed
    from respond.engine.offering import offered
    from respond.errors import NotReadyError, StepFailedError

    if not declared.pick:
        return NONE_THERE
    state = RunState(session.run, proposed=Proposed(runbook=runbook.name))
    session.progress.say(f"looking what there is for {declared.name}")
    now_s = session.clock.now_ms() // 1000
    try:
        there = offered(declared, session.site, state, session.journal, session.reader, now_s)
    except (StepFailedError, NotReadyError, UsageError) as error:
        session.progress.say(f"what there is could not be looked at: {error.what}")
        return NONE_THERE
    names = [row[there.names] for row in there.rows if row[there.names]]
    session.names_seen(declared.pick, names, now_s)
    return there


def _default_text(value: Any) -> str:
    match value:
        case None | []:
            return ""
        case list():
            return ", ".join(str(item) for item in value)
        case _:
            return str(value)
