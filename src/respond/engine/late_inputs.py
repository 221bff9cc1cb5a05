"""Ask for an input when a step first needs it, and not before: containment waits for no answer.

Such an input is late in a plan, as what a step makes is. What somebody answers stands in the
journal, so that a run which is carried on does not ask again; that nobody knows is an answer too.
"""

from __future__ import annotations

from respond.core.events import Kind
from respond.core.questions import AskInput, late_question
from respond.core.recorded import Answered, data_of
from respond.core.runbook import Input
from respond.core.shapes import encode
from respond.core.values import Late, Value
from respond.engine.run import INPUTS, LiveRun
from respond.engine.walk import Here, absent_input
from respond.errors import UsageError

__all__ = ["learned", "unknown"]


def unknown(live: LiveRun, late: Late, address: str) -> str:
    """Why a step stays open, in words: what it needs did not happen, or nobody was there to say."""
    asks = {each.name: each.ask for each in live.runbook.inputs}
    if late.step == INPUTS and asks.get(late.name):
        return f"nobody was there to say: {asks[late.name]}"
    return f"{address} needs {late.step}.{late.name}, which has not happened"


def learned(live: LiveRun, late: Late, here: Here, step: str) -> bool:
    """Whether the value is known now, because somebody was asked or nothing stands for it.

    Where a server carries the run on, it waits until somebody has answered on the page. Where
    nobody can be asked, an input that may be left out is left out; a list that only people know
    stays late, and what needs it is left open.

    What a called runbook is made of it goes through the door of that one's inputs, as all that it
    is given does.

    Raises:
        ParkedError, QuitError: Somebody did not answer.
        StepFailedError: It is nothing that the called runbook takes.
    """
    declared = next((each for each in live.runbook.inputs if each.name == late.name), None)
    inputs = here.values.get(INPUTS)
    if late.step != INPUTS or declared is None or not isinstance(inputs, dict):
        return False
    if here.call is not None:
        if not learned(live, late, here.call[1], step):
            return False
        known_now = here.given_anew()
        inputs |= {name: known_now[name] for name, value in inputs.items() if value == late}
        return True
    if late.name in live.state.inputs:
        known = live.input_value(declared)
    elif live.tools.prompt.is_there or live.site.served:
        known = _ask(live, declared, step)
    elif declared.default == []:
        return False
    else:
        known = absent_input(declared)
    inputs |= {name: known for name, value in inputs.items() if value == late}
    return True


def _ask(live: LiveRun, declared: Input, step: str) -> Value:
    error = ""
    while True:
        answer = live.ask(
            AskInput(
                name=declared.name,
                ask=declared.ask or declared.name,
                choices=declared.of,
                example=declared.example,
                error=error,
                required=False,
                step=step,
            )
        )
        try:
            given = _typed(live, declared, answer.typed)
        except UsageError as wrong:
            error = ": ".join(filter(None, (wrong.what, wrong.why)))
            continue
        told = data_of(Answered, question=late_question(declared.name), word="given")
        told["inputs"] = {declared.name: encode(given)}
        live.add(Kind.ANSWERED, by=answer.by or live.site.operator, **told)
        return live.input_value(declared)


def _typed(live: LiveRun, declared: Input, text: str) -> Value:
    """The value; None where nobody knows it."""
    return live.tools.typed(declared, text, live.tools.clock.now_ms() // 1000) if text else None
