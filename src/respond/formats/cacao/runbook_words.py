"""What a runbook says in words, for a playbook: its texts with their variables, commands.

What a step yields, and each of a list's items, becomes a variable when something names it. An
expression that is more than a name stays as it is, in brackets, for a person to work out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from respond.core.runbook import Runbook
from respond.core.runbook_head import Input, InputKind, Phase
from respond.core.script import Effect, Spec
from respond.core.shapes import Boolean, Integer, ListOf, RecordShape, SecretShape, Shape
from respond.formats.cacao.stix_conditions import chain_of
from respond.formats.expression.syntax import expressions_in
from respond.formats.runbook.keywords import STEP_KINDS

__all__ = ["RunbookWords", "kind_of", "title_of"]

_ACTIVITIES: Final = {
    Phase.IDENTIFY: "analyze-collected-data",
    Phase.CONTAIN: "restrict-access",
    Phase.ERADICATE: "eliminate-risk",
    Phase.RECOVER: "restore-capabilities",
    Phase.NOTIFY: "deliver-content",
    Phase.REVIEW: "analyze-collected-data",
}
_VARIABLE_TYPES: Final = {
    InputKind.INTEGER: "integer",
    InputKind.BOOLEAN: "bool",
    InputKind.URL: "uri",
}


class RunbookWords:
    """The texts of one runbook, and the variables that they need.

    Attributes:
        variables: By name, as a playbook has them; the runbook's inputs first.
        made_by: By a step's id, the variables that it sets.
    """

    def __init__(
        self, runbook: Runbook, actions: Mapping[str, type], lists: Iterable[Iterable[Any]]
    ) -> None:
        """Read the steps as they are written, in ``lists``."""
        every = [step for steps in lists for step in _below(steps)]
        self._actions = actions
        self._outputs = runbook.outputs
        self._inputs = {each.name for each in runbook.inputs}
        self._steps = {step["id"]: step for step in every if "id" in step}
        self._items = {step.get("as", "item") for step in every if "for_each" in step}
        self.variables = {f"__{each.name}__": _variable_of(each) for each in runbook.inputs}
        self.made_by: dict[str, list[str]] = {}

    def naming(self, names: tuple[str, ...]) -> str | None:
        """The variable of a name, made known; None where there can be none."""
        first, *rest = names
        if first == "inputs":
            return f"__{rest[0]}__" if len(rest) == 1 and rest[0] in self._inputs else None
        if first in self._steps and rest:
            if "for_each" in self._steps[first]:
                return None
            name = f"__{'-'.join(names)}__"
            shape = _shape_at(self._outputs.get(first), rest)
            self.variables[name] = _variable_shaped(shape, names, title_of(self._steps[first]))
            made = self.made_by.setdefault(first, [])
            if name not in made:
                made.append(name)
            return name
        if first in self._items:
            name = f"__item-{'-'.join(names)}__"
            self.variables[name] = {"type": "string", "description": f"of the item: {names[-1]}"}
            return name
        return None

    def of(self, step: Mapping[str, Any]) -> tuple[str, set[str]]:
        """What a person does of a step, and the variables in it."""
        used: set[str] = set()
        match kind_of(step):
            case "assert":
                lines = [
                    f"Make sure: {title_of(step)}. It holds if: {step['assert']}",
                    f"Otherwise this step has failed: {self.text(step['message'], used)}",
                ]
            case "end":
                lines = [f"The run ends here: {self.text(step['end']['say'], used)}"]
                if "next" in step["end"]:
                    lines.append(f"Go on with: {step['end']['next']}")
            case "wait":
                lines = list(self._wait_in_words(step, used))
            case _:
                lines = list(self._action_in_words(step, used))
        return "\n".join(lines), used

    def _wait_in_words(self, step: Mapping[str, Any], used: set[str]) -> Iterator[str]:
        wait = step["wait"]
        if "action" in wait:
            yield from self._action_in_words({**wait, "title": title_of(step)}, used)
            yield f"Look again every {wait.get('every', '30s')} until: {wait['until']}"
        for word, says in (("for", "Wait"), ("at", "Wait until"), ("within", "At most")):
            if word in wait:
                yield f"{says}: {self.text(wait[word], used)}"

    def _action_in_words(self, step: Mapping[str, Any], used: set[str]) -> Iterator[str]:
        given = step.get("with") or {}
        spec: Spec = self._actions[step["action"]].spec  # type: ignore[attr-defined]
        if spec.name == "human.do":
            yield self.text(given.get("instructions", ""), used)
            for name, says in (("link", "Where"), ("look_for", "It is done when")):
                if given.get(name):
                    yield f"{says}: {self.text(given[name], used)}"
        else:
            yield f"{spec.summary} (in respond: {spec.name})"
            for name, value in given.items():
                yield f"  {name}: {self.text(value, used)}"
            if spec.by_hand:
                yield "By hand:"
                yield from (f"  {line}" for line in spec.by_hand)
        if step.get("confirm"):
            yield f"Know before: {self.text(step['confirm'], used)}"

    def text(self, value: Any, used: set[str]) -> str:
        """A value of ours with variables in it; what is worked out stands in brackets."""
        if isinstance(value, Mapping):
            return ", ".join(f"{name}: {self.text(each, used)}" for name, each in value.items())
        if isinstance(value, list):
            return "; ".join(self.text(each, used) for each in value)
        if not isinstance(value, str):
            return str(value).lower() if isinstance(value, bool) else str(value)
        told, at = "", 0
        for start, source in expressions_in(value):
            chain = chain_of(source.strip())
            variable = self.naming(chain) if chain else None
            if variable:
                used.add(variable)
            told += value[at : start - 3] + (
                f"{variable}:value" if variable else f"({source.strip()})"
            )
            at = start + len(source) + 2
        return told + value[at:]

    def activity(self, step: Mapping[str, Any]) -> str:
        phase = step.get("phase")
        if phase:
            return _ACTIVITIES[Phase(phase)]
        action = step.get("action")
        if action is None:
            return "step-sequence"
        effect = self._actions[action].spec.effect  # type: ignore[attr-defined]
        return "analyze-collected-data" if effect is Effect.READS else "configure-systems"


def kind_of(step: Mapping[str, Any]) -> str:
    """Which kind of step it is, by its keyword; empty for none."""
    return next((kind for kind in STEP_KINDS if kind in step), "")


def title_of(step: Mapping[str, Any]) -> str:
    """What it is called; else its id, or its kind."""
    return str(step.get("title") or step.get("id") or kind_of(step))


def _below(steps: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """Every step that is written below, handlers and branches included."""
    for step in steps:
        yield step
        for name, value in step.items():
            inner = (
                value.get("steps") if name == "on_failure" and isinstance(value, dict) else value
            )
            if isinstance(inner, list) and name not in {"with", "retry"}:
                yield from _below(each for each in inner if isinstance(each, dict))


def _variable_of(given: Input) -> dict[str, Any]:
    told: dict[str, Any] = {"type": _VARIABLE_TYPES.get(given.kind, "string")}
    if given.ask:
        told["description"] = given.ask
    match given.default:
        case None:
            pass
        case list() as items:
            told["value"] = ", ".join(map(str, items))
        case bool() as yes:
            told["value"] = str(yes).lower()
        case value:
            told["value"] = str(value)
    return {**told, "external": True}


def _shape_at(shape: Shape | None, names: Sequence[str]) -> Shape | None:
    for name in names:
        shape = shape.get(name) if isinstance(shape, RecordShape) else None
    return shape


def _variable_shaped(shape: Shape | None, names: Sequence[str], title: str) -> dict[str, Any]:
    match shape:
        case Boolean():
            kind, says = "bool", ""
        case Integer():
            kind, says = "integer", ""
        case SecretShape():
            kind, says = "string", "a secret, never written down"
        case ListOf():
            kind, says = "string", "a list"
        case _:
            kind, says = "string", ""
    told = f"{names[-1]}, from: {title}"
    return {"type": kind, "description": f"{told} ({says})" if says else told}
