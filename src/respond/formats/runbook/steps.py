"""Turn the steps of a runbook file into core steps, with every expression checked in its place.

The walk follows the order in which a run would go: what a step may read is what stands before it
on the way (``View``). A part is walked anew wherever it is used, because what it may read
depends on that. Faults do not stop the walk; a step that cannot be made still counts as one whose
output may be anything, so that one mistake is one fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from respond.core.inputs import input_value, parse_span
from respond.core.records import Mutable, replace
from respond.core.runbook import (
    ActionStep,
    Approval,
    AssertStep,
    BlockStep,
    ChooseStep,
    EndStep,
    Failure,
    ForEach,
    Input,
    InputKind,
    ParallelStep,
    Phase,
    Place,
    Retry,
    Runbook,
    Step,
    StepWords,
    WaitStep,
    all_steps,
)
from respond.core.script import Effect, PersonRecord, Spec
from respond.core.shapes import (
    AnyJson,
    Boolean,
    Duration,
    Integer,
    ListOf,
    Shape,
    ShapeError,
    Text,
    Time,
    accepts,
    shape_text,
)
from respond.formats.expression.expressions import Expressions, Wants
from respond.formats.expression.syntax import ExpressionFault, expressions_in, parse
from respond.formats.faults import Faults, Mark, Path, did_you_mean
from respond.formats.fitting import Fitted, Given
from respond.formats.runbook.input_entries import text_of
from respond.formats.runbook.keywords import RESERVED
from respond.formats.runbook.scope import (
    FAILED,
    Bound,
    BoundFormula,
    BoundLiteral,
    BoundText,
    View,
    input_shape,
    joined,
    readings,
    sure_of,
)
from respond.formats.runbook.step_fitting import StepGiven
from respond.formats.runbook.with_values import Arguments, output_shape
from respond.formats.tree import Mapping as MappingNode
from respond.formats.tree import Node, Scalar, inside

__all__ = ["Steps", "at_the_end", "ids_of"]

_LIMIT_DEFAULT: Final = 25
_LIMIT_DESTROYING: Final = 1
_STEPS_MAX: Final = 500
_PARTS_MAX: Final = 8
_EVERY_S: Final = 30
_APPROVAL_WITHIN_S: Final = 1_800


_Made: TypeAlias = tuple[tuple[Step, ...], View]
"""Steps, and what may be read behind them."""


def walk_given(steps: list[StepGiven]) -> Iterator[StepGiven]:
    """Every step that is written below, handlers and branches included, in the file's order."""
    for step in steps:
        yield step
        below: list[Given] = [*step.branches.values()]
        names = ("parallel", "block", "always", "on_failure")
        below.extend(step.words[name] for name in names if name in step.words)
        for given in sorted(below, key=lambda each: (each.mark.line, each.mark.column)):
            value = given.value
            if isinstance(value, dict):
                value = value["steps"].value if "steps" in value else []
            if isinstance(value, list):
                yield from walk_given(value)


def ids_of(steps: list[StepGiven], faults: Faults) -> Mapping[tuple[int, int], str]:
    """Give every written step its id, those without one by their kind: ``choose-1``.

    Reports ids that are reserved or stand there twice.
    """
    ids: dict[tuple[int, int], str] = {}
    first: dict[str, Mark] = {}
    nameless: Counter[str] = Counter()
    for step in sorted(walk_given(steps), key=lambda each: (each.mark.line, each.mark.column)):
        place = (step.mark.line, step.mark.column)
        given = step.words.get("id")
        if given is None:
            nameless[step.kind] += 1
            ids[place] = f"{step.kind or 'step'}-{nameless[step.kind]}"
            continue
        name = ids[place] = given.value
        if name in RESERVED:
            what = f"'{name}' is a word of runbooks and cannot be an id"
            hint = f"call it '{name}_step', for instance"
            faults.add(given.mark, what, hint=hint, path=given.path)
        if name in first:
            hint = f"the first one is in line {first[name].line}"
            faults.add(given.mark, f"the id '{name}' is taken", hint=hint, path=given.path)
        first.setdefault(name, given.mark)
    return ids


class _Around(Mutable):
    """What surrounds a list of steps."""

    phase: Phase | None = None
    parts: tuple[str, ...] = ()

    def inside(self, step: StepGiven) -> _Around:
        """What surrounds the steps that stand in a step."""
        return _Around(self.phase_of(step), self.parts)

    def phase_of(self, step: StepGiven) -> Phase | None:
        given = step.words.get("phase")
        return Phase(given.value) if given else self.phase


class Steps:
    """The walk. One object a file."""

    def __init__(
        self,
        *,
        faults: Faults,
        expressions: Expressions,
        actions: Mapping[str, type],
        inputs: tuple[Input, ...],
        parts: Mapping[str, Given],
        ids: Mapping[tuple[int, int], str],
        call: Callable[[str, Given], Runbook | None],
        exists: Callable[[str], bool],
        persons: tuple[PersonRecord, ...],
        subject: str = "",
    ) -> None:
        self._faults = faults
        self._expressions = expressions
        self._actions = actions
        self._inputs = {each.name: each for each in inputs}
        self._parts = parts
        self._ids = ids
        self._lines = {name: place[0] for place, name in ids.items()}
        self._call = call
        self._exists = exists
        self._persons = persons
        self._subject = subject
        self._made = 0
        self._arguments = Arguments(faults, self._text)
        self.outputs: dict[str, Shape] = {}
        self.used_parts: set[str] = set()
        self.refs: set[str] = set()
        self._kinds = {
            "action": self._action,
            "part": self._part,
            "runbook": self._runbook,
            "choose": self._choose,
            "assert": self._assert,
            "end": self._end,
            "wait": self._wait,
            "parallel": self._parallel,
            "block": self._block,
        }

    def _fault(self, given: Given, what: str, hint: str = "") -> None:
        self._faults.add(given.mark, what, hint=hint, path=given.path)

    def steps(self, given: list[StepGiven], view: View, around: _Around | None = None) -> _Made:
        """Make the steps of a list, and say what may be read behind it."""
        around = around or _Around()
        made: list[Step] = []
        for number, step in enumerate(given):
            if not self._count(step, 1):
                break
            steps, view = self._step(step, view, around)
            made.extend(steps)
            if number < len(given) - 1 and _always_ends(step):
                following = given[number + 1]
                what = "this step is never reached: the 'end' before it has no 'when'"
                self._faults.add(following.mark, what, path=following.path)
        return tuple(made), view

    def _count(self, step: StepGiven, more: int) -> bool:
        """Count steps, and say whether there may be so many."""
        before, self._made = self._made, self._made + more
        if before <= _STEPS_MAX < self._made:
            what = f"with its parts and what it calls it has more than {_STEPS_MAX} steps"
            self._faults.add(step.mark, what)
        return self._made <= _STEPS_MAX

    def _step(self, step: StepGiven, view: View, around: _Around) -> _Made:
        name = self._ids[step.mark.line, step.mark.column]
        if step.kind in self._kinds:
            return self._kinds[step.kind](step, name, view, around)
        return (), view.having(name, AnyJson())

    # --- words that all have --------------------------------------------------------------------

    def _when(self, step: StepGiven, view: View) -> tuple[BoundFormula | None, View]:
        """The condition, and what may be read behind it."""
        given = step.words.get("when")
        if given is None:
            return None, view
        formula = self.formula(given, view, Wants.BOOLEAN)
        return formula, _behind(formula, view)

    def _words(
        self,
        step: StepGiven,
        name: str,
        before: View,
        around: _Around,
        when: BoundFormula | None,
        view: View,
        has_no_output: str = "",
    ) -> tuple[StepWords, View]:
        """The words of a step, and the view behind it and its handler.

        ``before`` is what the handler may read, ``view`` what stands behind the step itself; what
        ``has_no_output`` cannot be read behind it.
        """
        failure, view = self._failure(step, name, before, around, view)
        if when is not None:
            view = view.unsure_since(before)
        words = StepWords(
            id=name,
            place=Place(step.mark.line, step.mark.column),
            title=text_of(step.words, "title"),
            why=text_of(step.words, "why"),
            phase=around.phase_of(step),
            when=when,
            on_failure=failure,
            skipped=text_of(step.words, "skipped"),
        )
        if has_no_output:
            why = f"{has_no_output} has no output of its own"
            view = replace(view, hidden={**view.hidden, name: why})
        return words, view

    def _failure(
        self, step: StepGiven, name: str, before: View, around: _Around, view: View
    ) -> tuple[Failure, View]:
        given = step.words.get("on_failure")
        if given is None:
            return Failure(), view
        if isinstance(given.value, str):
            unsure = view if given.value == "stop" else view.unsure_since(before)
            return Failure(given.value), unsure
        recovered, steps = _handler(given)
        start = replace(
            before.having("failed", FAILED),
            parts=view.parts,
            hidden={**before.hidden, name: "it is the step that failed"},
        )
        made, end = self.steps(steps, start, around)
        end = end.without(frozenset({"failed"}), _ONLY_HANDLERS)
        behind = joined(before, [view, end], f"'{name}' and its 'on_failure'")
        return Failure("steps", made, recovered), behind

    def _each(self, step: StepGiven, view: View, *, destroys: bool) -> tuple[ForEach | None, View]:
        """The ``for_each``, and the view with its item."""
        given = step.words.get("for_each")
        if given is None:
            if step.is_whole:
                for word in ("as", "limit"):
                    if word in step.words:
                        mark = step.keys.get(word, step.mark)
                        self._faults.add(mark, f"'{word}' needs a 'for_each'", path=step.path)
            return None, view
        formula = self.formula(given, view, Wants.LIST)
        shape = formula.expression.shape if formula else AnyJson()
        name = step.words["as"].value if "as" in step.words else "item"
        self._check_item_name(step, name, view)
        limit = step.words.get("limit")
        view = view.having(name, shape.item if isinstance(shape, ListOf) else AnyJson())
        if formula is None:
            return None, view
        default = _LIMIT_DESTROYING if destroys else _LIMIT_DEFAULT
        return ForEach(formula, name, limit.value if limit else default), view

    def _check_item_name(self, step: StepGiven, name: str, view: View) -> None:
        given = step.words.get("as") or step.words["for_each"]
        if name in RESERVED:
            self._faults.add(given.mark, f"'{name}' is a word of runbooks and cannot be an 'as'")
        elif name in self._lines or name in view.names:
            hint = "give the item another name with 'as'"
            self._fault(given, f"the name '{name}' is taken", hint)

    # --- kinds of steps -------------------------------------------------------------------------

    def _action(self, step: StepGiven, name: str, before: View, around: _Around) -> _Made:
        when, view = self._when(step, before)
        given = step.words.get("action")
        cls = self._actions.get(given.value) if given else None
        if cls is None:
            # Its words are looked at all the same; one mistake does not hide the others.
            each, inner = self._each(step, view, destroys=False)
            self._loose(step, inner)
            self.outputs[name] = AnyJson()
            after = before.having(name, AnyJson())
            return (), self._words(step, name, before, around, when, after)[1]
        spec: Spec = cls.spec  # type: ignore[attr-defined]
        each, inner = self._each(step, view, destroys=spec.effect is Effect.DESTROYS)
        arguments = self._arguments.bind(cls, step, inner)
        shape = output_shape(spec)
        shape = ListOf(shape) if each else shape
        self.outputs[name] = shape
        self._check_questions(step, spec)
        words, after = self._words(step, name, before, around, when, before.having(name, shape))
        made = ActionStep(
            words=words,
            action=cls,
            arguments=arguments,
            connection=self._fill(step, "connection", inner),
            for_each=each,
            confirm=self._fill(step, "confirm", inner),
            approve=self._approve(step),
            timeout_s=_value(step.words, "timeout"),
            retry=self._retry(step, spec),
        )
        return (made,), after

    def _loose(self, step: StepGiven, view: View) -> None:
        """Check the expressions of a step whose action is not known."""
        given = step.words.get("with")
        for value in given.value.values() if given else ():
            self._arguments.value(value.node, AnyJson(), view, value.path)
        for word in ("connection", "confirm"):
            self._fill(step, word, view)

    def _check_questions(self, step: StepGiven, spec: Spec) -> None:
        if spec.effect is not Effect.READS:
            return
        for word in ("confirm", "approve"):
            if word in step.words:
                what = f"'{spec.name}' only reads, and reads never ask"
                hint = f"leave '{word}' out"
                self._faults.add(step.keys[word], what, hint=hint, path=(*step.path, word))

    def _approve(self, step: StepGiven) -> Approval | None:
        given = step.words.get("approve")
        if given is None or "by" not in given.value:
            return None
        role = given.value["by"]
        count = _value(given.value, "count") or 1
        able = [person for person in self._persons if role.value in person.roles]
        if self._persons and len(able) < count:
            roles = {name for person in self._persons for name in person.roles}
            has = f"{len(able)} of the persons have" if len(able) != 1 else "1 person has"
            what = f"nobody could give this approval: it wants {count}, and {has} the role"
            hint = "" if able else did_you_mean(role.value, roles)
            self._fault(role, f"{what} '{role.value}'", hint)
        within = _value(given.value, "within") or _APPROVAL_WITHIN_S
        return Approval(role.value, count, within)

    def _retry(self, step: StepGiven, spec: Spec) -> Retry | None:
        given = step.words.get("retry")
        if given is None:
            return None
        words: Fitted = given.value
        on = [each.value for each in words["on"].value] if "on" in words else sorted(Retry().on)
        if spec.effect is not Effect.READS and "no-answer" in on:
            place = next(each for each in words["on"].value if each.value == "no-answer")
            what = f"'{spec.name}' writes, and after no answer it may have happened"
            hint = "leave 'no-answer' out: the engine looks before it repeats anything"
            self._fault(place, what, hint)
        default = Retry()
        return Retry(
            times=_value(words, "times") or default.times,
            wait_s=_value(words, "wait") or default.wait_s,
            on=frozenset(on),
        )

    def _part(self, step: StepGiven, name: str, before: View, around: _Around) -> _Made:
        given = step.words.get("part")
        if given is None:
            return (), before
        part = given.value
        if part not in self._parts:
            hint = did_you_mean(part, self._parts) or _listed("there are", self._parts)
            self._fault(given, f"there is no part '{part}'", hint)
            return (), before
        self.used_parts.add(part)
        if part in around.parts:
            chain = " -> ".join((*around.parts[around.parts.index(part) :], part))
            self._fault(given, f"the part uses itself: {chain}")
            return (), before
        if part in before.parts:
            hint = f"in line {before.parts[part]}; its ids would stand there twice"
            self._fault(given, f"the part '{part}' has been used on this way already", hint)
            return (), before
        if len(around.parts) >= _PARTS_MAX:
            what = f"parts use one another more than {_PARTS_MAX} deep"
            self._faults.add(given.mark, what, path=given.path)
            return (), before
        before = replace(before, parts={**before.parts, part: given.mark.line})
        inner = _Around(around.phase, (*around.parts, part))
        steps: list[StepGiven] = self._parts[part].value
        if set(step.words) == {"part"}:
            return self.steps(steps, before, inner)
        return self._nested(step, name, before, inner, steps)

    def _block(self, step: StepGiven, name: str, before: View, around: _Around) -> _Made:
        return self._nested(step, name, before, around, _value(step.words, "block") or [])

    def _nested(
        self,
        step: StepGiven,
        name: str,
        before: View,
        around: _Around,
        steps: list[StepGiven],
    ) -> _Made:
        when, view = self._when(step, before)
        inner_around = around.inside(step)
        destroys = self._destroys(steps)
        each, inner = self._each(step, view, destroys=destroys)
        made, end = self.steps(steps, inner, inner_around)
        always: tuple[Step, ...] = ()
        if "always" in step.words:
            # They come last whatever happened: none of the others may have an output.
            last: list[StepGiven] = step.words["always"].value
            always, behind = self.steps(last, end.unsure_since(inner), inner_around)
            end = end.gaining(behind, since=end)
        after = before.gaining(end, since=view)
        if "for_each" in step.words:
            why = f"it stands in the for_each of line {step.mark.line}, once for each item"
            after = after.without(end.added_since(view), why)
        words, after = self._words(step, name, before, around, when, after, "a block")
        return (BlockStep(words, made, each, always),), after

    def _destroys(self, steps: list[StepGiven]) -> bool:
        """Each part is looked at once: what two use would be looked at twice, and then again."""
        waiting, seen = list(steps), set[str]()
        while waiting:
            for each in walk_given([waiting.pop()]):
                action = each.words.get("action")
                cls = self._actions.get(action.value) if action and each.kind == "action" else None
                if cls is not None and cls.spec.effect is Effect.DESTROYS:  # type: ignore[attr-defined]
                    return True
                part = each.words.get("part")
                if part and part.value in self._parts and part.value not in seen:
                    seen.add(part.value)
                    waiting += self._parts[part.value].value
        return False

    def _runbook(self, step: StepGiven, name: str, before: View, around: _Around) -> _Made:
        when, view = self._when(step, before)
        given = step.words.get("runbook")
        called = self._call(given.value, given) if given else None
        if called is not None:
            below = (*called.steps, *called.on_failure, *called.always)
            self._count(step, sum(1 for _ in all_steps(below)))
            self._check_subject(step, called)
        destroys = called is not None and _destroys(called.steps)
        each, inner = self._each(step, view, destroys=destroys)
        arguments: dict[str, Bound] = {}
        if called is None:
            self._loose(step, inner)
        else:
            arguments = self._inputs_of(step, called, inner)
        words, after = self._words(step, name, before, around, when, before, "another runbook")
        if called is None:
            return (), after
        made = BlockStep(words, called.steps, each, called.always, called, arguments)
        return (made,), after

    def _check_subject(self, step: StepGiven, called: Runbook) -> None:
        """Whom the called one is about gets no notice and agrees to nothing, in the whole run."""
        if not called.subject:
            return
        given: Fitted = step.words["with"].value if "with" in step.words else {}
        same = f"${{{{ inputs.{self._subject} }}}}"
        about = given.get(called.subject)
        if self._subject and about is not None and _text_given(about) == same:
            return
        name = called.subject
        what = f"the runbook '{called.name}' is about its '{name}', and this one is not"
        hint = f"write 'subject: {name}' at the top, and {name}: \"${{{{ inputs.{name} }}}}\" here"
        self._faults.add(step.keys["runbook"], what, hint=hint, path=(*step.path, "runbook"))

    def _check_literal(self, to: Input, given: Given, literal: str) -> None:
        try:
            input_value(to, literal)
        except ShapeError as error:
            self._fault(given, f"{error}")

    def _inputs_of(self, step: StepGiven, called: Runbook, view: View) -> dict[str, Bound]:
        inputs = {each.name: each for each in called.inputs}
        given: Fitted = step.words["with"].value if "with" in step.words else {}
        bound: dict[str, Bound] = {}
        for name, value in given.items():
            if name not in inputs:
                hint = did_you_mean(name, inputs) or _listed("it takes", inputs)
                what = f"the runbook '{called.name}' has no input '{name}'"
                self._fault(value, what, hint)
                continue
            shape = input_shape(inputs[name].kind)
            made = self._arguments.value(
                value.node, shape, view, value.path, allows_none=not inputs[name].required
            )
            if made is not None:
                bound[name] = made
            if isinstance(made, BoundLiteral) and isinstance(made.literal, str):
                self._check_literal(inputs[name], value, made.literal)
        lacks = [
            f"'{each.name}'"
            for each in called.inputs
            if each.required and each.default is None and each.name not in given
        ]
        groups = (group for group in called.require if not any(name in given for name in group))
        lacks += [f"one of {', '.join(group)}" for group in groups]
        for what in lacks:
            mark, path = step.keys.get("with", step.mark), (*step.path, "with")
            self._faults.add(mark, f"the runbook '{called.name}' needs {what}", path=path)
        return bound

    def _choose(self, step: StepGiven, name: str, before: View, around: _Around) -> _Made:
        when, view = self._when(step, before)
        given = step.words.get("choose")
        formula = self.formula(given, view, Wants.CHOICE) if given else None
        if given and formula:
            self._check_branches(step, given, formula)
        inner = around.inside(step)
        branches: dict[str, tuple[Step, ...]] = {}
        ways: list[View] = []
        written = [(value, _ids(branch.value)) for value, branch in step.branches.items()]
        for value, branch in step.branches.items():
            elsewhere = {
                name: f"it stands in the branch '{other}'"
                for other, names in written
                if other != value
                for name in names
            }
            way = replace(view, hidden={**view.hidden, **elsewhere})
            branches[value], end = self.steps(branch.value, way, inner)
            ways.append(end)
        after = joined(before, ways, f"the 'choose' in line {step.mark.line}")
        words, after = self._words(step, name, before, around, when, after, "a choose")
        if formula is None:
            return (), after
        return (ChooseStep(words, formula, branches),), after

    def _check_branches(self, step: StepGiven, given: Given, formula: BoundFormula) -> None:
        values, what = self._values_of(given, formula)
        if values is None:
            if not step.branches:
                self._faults.add(step.mark, "a 'choose' needs a key for each value", path=step.path)
            return
        for value in step.branches:
            if value not in values:
                self._faults.add(
                    step.keys[value],
                    f"{what} cannot be '{value}'",
                    hint=did_you_mean(value, values) or _listed("it can be", values),
                    path=(*step.path, value),
                )
        for value in values:
            if value not in step.keys:
                key = f'"{value}"' if value in {"true", "false"} else value
                self._faults.add(
                    step.mark,
                    f"'choose' lacks the value '{value}' of {what}",
                    hint=f"if there is nothing to do then, write '{key}: []'",
                    path=step.path,
                )

    def _values_of(self, given: Given, formula: BoundFormula) -> tuple[tuple[str, ...] | None, str]:
        """What the expression can be, if that is known; and how to call it."""
        source = formula.source.strip()
        chosen = self._inputs.get(source.removeprefix("inputs."))
        if source.startswith("inputs.") and chosen and chosen.kind is InputKind.CHOICE:
            if not chosen.required and chosen.default is None:
                what = f"'{source}' may be empty, and then no branch is the right one"
                hint = "give the input a default, or make it required"
                self._fault(given, what, hint)
            return chosen.of, source
        match formula.expression.shape:
            case Boolean():
                return ("true", "false"), "this"
            case Integer() | Duration():
                what = "'choose' takes a choice, a boolean or text, and this is a number"
                self._fault(given, what)
            case _:
                pass
        return None, source

    def _assert(self, step: StepGiven, name: str, before: View, around: _Around) -> _Made:
        when, view = self._when(step, before)
        given = step.words.get("assert")
        formula = self.formula(given, view, Wants.BOOLEAN) if given else None
        message = self._fill(step, "message", view)
        after = before
        if formula and when is None and "on_failure" not in step.words:
            # Behind an assertion its condition holds.
            after = _behind(formula, before)
        words, after = self._words(step, name, before, around, when, after, "an assert")
        if formula is None or message is None:
            return (), after
        return (AssertStep(words, formula, message),), after

    def _end(self, step: StepGiven, name: str, before: View, around: _Around) -> _Made:
        given = step.words.get("end")
        inner: Fitted = given.value if given else {}
        when = self.formula(inner["when"], before, Wants.BOOLEAN) if "when" in inner else None
        say = (
            self._template(inner["say"], Text(), _behind(when, before)) if "say" in inner else None
        )
        following = inner.get("next")
        if following and not self._exists(following.value):
            self._fault(following, f"there is no runbook '{following.value}'")
        words, after = self._words(step, name, before, around, when, before, "an end")
        if say is None:
            return (), after
        return (EndStep(words, say, following.value if following else ""),), after

    def _wait(self, step: StepGiven, name: str, before: View, around: _Around) -> _Made:
        when, view = self._when(step, before)
        given = step.words.get("wait")
        inner: Fitted = given.value if given else {}
        action = inner.get("action")
        cls = self._actions.get(action.value) if action else None
        arguments: Mapping[str, Bound] = {}
        looking = view
        if cls is not None:
            mark = given.mark if given else step.mark
            keys = given.node.entries if given and isinstance(given.node, MappingNode) else ()
            places = {key.value: key.mark for key, _ in keys}
            holder = step._replace(words=inner, keys=places, mark=mark)
            arguments = self._arguments.bind(cls, holder, view)
            looking = view.having("seen", output_shape(cls.spec))  # type: ignore[attr-defined]
        elif given and "with" in inner:
            self._faults.add(inner["with"].mark, "'with' needs an 'action'", path=given.path)
        until = None
        if "until" in inner and "action" in inner:
            until = self.formula(inner["until"], looking, Wants.BOOLEAN)
            if until is not None and not any(ref.split(".")[0] == "seen" for ref in until.refs):
                what = "this 'until' reads nothing of 'seen', so it never changes while it waits"
                self._faults.add(inner["until"].mark, what, hint=_LOOKS_AGAIN)
        within, for_s = self._how_long(step, inner, view)
        words, after = self._words(step, name, before, around, when, before, "a wait")
        every = _value(inner, "every") or _EVERY_S
        look = ActionStep(words, cls, arguments) if cls is not None else None
        till = self._moment(inner["at"], view) if "at" in inner else None
        made = WaitStep(words, until, every, within, look, for_s, till)
        return (made,), after

    def _how_long(
        self, step: StepGiven, inner: Fitted, view: View
    ) -> tuple[int, BoundFormula | None]:
        """Seconds, and the expression that says them instead (then the seconds are 0)."""
        if not step.is_whole:
            return 0, None
        trouble = _wait_trouble(set(inner))
        if trouble:
            hint = _LOOKS_AGAIN if "'action'" in trouble else ""
            self._faults.add(step.keys["wait"], trouble, hint=hint, path=step.path)
        fixed = inner.get("for")
        if fixed is None:
            return _value(inner, "within") or 0, None
        if "${{" in fixed.value:
            return 0, self._span_formula(fixed, view)
        seconds = parse_span(fixed.value)
        if seconds is None:
            what = "'for' must be a duration such as 30s, 5m, 2h or 1d, or an expression"
            self._fault(fixed, what)
        return seconds or 0, None

    def _whole(self, word: str, given: Given, view: View) -> BoundFormula | None:
        """What stands there, as one expression."""
        text: str = given.value
        bare = text.removeprefix("${{").removesuffix("}}")
        if f"${{{{{bare}}}}}" != text or "${{" in bare:
            self._fault(given, f"'{word}' must be one expression and nothing else")
            return None
        return self._formula_text(bare, given, 3, view, Wants.ANYTHING)

    def _moment(self, given: Given, view: View) -> BoundFormula | None:
        formula = self._whole("at", given, view)
        if formula and not accepts(Time(), formula.expression.shape):
            self._fault(
                given, f"'at' must be a time, and is {shape_text(formula.expression.shape)}"
            )
        return formula

    def _span_formula(self, given: Given, view: View) -> BoundFormula | None:
        formula = self._whole("for", given, view)
        if formula and not accepts(Integer(), formula.expression.shape):
            found = shape_text(formula.expression.shape)
            self._fault(given, f"'for' must be a duration, and is {found}")
        return formula

    def _parallel(self, step: StepGiven, name: str, before: View, around: _Around) -> _Made:
        when, view = self._when(step, before)
        inner = around.inside(step)
        made: list[Step] = []
        after = before
        written = [(each, _ids([each])) for each in _value(step.words, "parallel") or []]
        beside = "it may run at the same time as this step"
        for each, own in written:
            others = {name: beside for _, names in written for name in names if name not in own}
            start = replace(view, parts=after.parts, hidden={**view.hidden, **others})
            steps, end = self._step(each, start, inner)
            made.extend(steps)
            after = after.gaining(replace(end, hidden={}), since=view)
        words, after = self._words(step, name, before, around, when, after, "a parallel")
        return (ParallelStep(words, tuple(made)),), after

    # --- expressions ----------------------------------------------------------------------------

    def formula(self, given: Given, view: View, wants: Wants) -> BoundFormula | None:
        """Check a bare expression; None when it has a fault."""
        return self._formula_text(given.value, given, 0, view, wants)

    def _formula_text(
        self, source: str, given: Given, offset: int, view: View, wants: Wants
    ) -> BoundFormula | None:
        try:
            self._check_readings(source, view)
            expression = self._expressions.check(source, view.scope, wants=wants)
        except ExpressionFault as fault:
            self._report(fault, given.node, given.path, offset)
            return None
        self.refs |= expression.refs
        return BoundFormula(expression, self._expressions)

    def _fill(self, step: StepGiven, word: str, view: View) -> Bound | None:
        given = step.words.get(word)
        return self._template(given, Text(), view) if given else None

    def _template(self, given: Given, shape: Shape, view: View) -> Bound | None:
        return self._arguments.value(given.node, shape, view, given.path)

    def _text(self, node: Scalar, view: View, path: Path) -> BoundText | None:
        """Check a text with ``${{ }}``; None when it has a fault."""
        try:
            for offset, source in expressions_in(node.value):
                is_whole = f"${{{{{source}}}}}" == node.value
                try:
                    self._check_readings(source, view, may_be_absent=is_whole)
                except ExpressionFault as fault:
                    raise fault.within(node.value, offset) from None
            made = self._expressions.check_template(node.value, view.scope)
        except ExpressionFault as fault:
            self._report(fault, node, path, 0)
            return None
        self.refs |= made.refs
        return BoundText(made, self._expressions)

    def _check_readings(self, source: str, view: View, *, may_be_absent: bool = False) -> None:
        """Say better than "unknown name" why something of this file cannot be read here.

        Raises:
            ExpressionFault: It reads what it may not.
        """
        found = list(readings(parse(source)))
        asked = {reading.dotted for reading in found if reading.is_asked}
        for reading in found:
            name = reading.path[0]
            if name not in view.names and (why := self._why_not(name, view)):
                raise ExpressionFault(why, reading.at, source)
            dotted = ".".join(reading.path[:2])
            if reading.is_asked and dotted in view.empty_texts:
                what = f"'{dotted}' is always there: when nobody gives it, it is empty"
                hint = f"write size({dotted}) > 0"
                raise ExpressionFault(what, reading.at, source, hint)
            alone = may_be_absent and source.strip() == dotted
            if dotted in view.nullable and dotted not in asked and not alone:
                what = f"'{dotted}' need not be given, and then it is absent"
                hint = f"ask first: has({dotted}) && ..., or give it a default"
                raise ExpressionFault(what, reading.at, source, hint)

    def _why_not(self, name: str, view: View) -> str:
        if name in view.hidden:
            return f"'{name}' cannot be read here: {view.hidden[name]}"
        if name == "failed":
            return f"'failed' cannot be read here: {_ONLY_HANDLERS}"
        if name == "seen":
            return "'seen' cannot be read here: only the 'until' of a wait with an 'action' has it"
        if name in self._lines:
            return f"step '{name}' comes later, in line {self._lines[name]}"
        return ""

    def _report(self, fault: ExpressionFault, node: Node, path: Path, offset: int) -> None:
        mark = inside(node, fault.at + offset)
        self._faults.add(mark, fault.what, hint=fault.hint, path=path)


_ONLY_HANDLERS: Final = "only the steps of an 'on_failure' know what failed"


def at_the_end(view: View, start: View, *, knows_failure: bool) -> View:
    """What a handler of the whole run may read: everything, and all of it may be missing."""
    unsure = view.unsure_since(start)
    return unsure.having("failed", FAILED) if knows_failure else unsure


def _behind(formula: BoundFormula | None, view: View) -> View:
    """What may be read where a condition has held."""
    return view.sure(sure_of(parse(formula.source))) if formula else view


def _handler(given: Given) -> tuple[bool, list[StepGiven]]:
    """Whether a handler makes the failure good, and its steps."""
    if isinstance(given.value, dict):
        words: Fitted = given.value
        steps: list[StepGiven] = words["steps"].value if "steps" in words else []
        recovered = _value(words, "recovered") or False
    else:
        steps, recovered = given.value, False
    last: Fitted = steps[-1].words if steps else {}
    return bool(recovered or _value(last, "recovered")), steps


def _ids(steps: list[StepGiven]) -> tuple[str, ...]:
    """The ids that are written below."""
    return tuple(each.words["id"].value for each in walk_given(steps) if "id" in each.words)


def _always_ends(step: StepGiven) -> bool:
    return step.kind == "end" and step.is_whole and "when" not in step.words["end"].value


_LOOKS_AGAIN: Final = "wait: {action: ..., with: {...}, until: seen.FIELD == ..., within: 10m}"


def _wait_trouble(words: set[str]) -> str:
    """Say which words of a wait do not go together; empty when they do."""
    if "until" in words and "action" not in words:
        return "a wait with 'until' needs an 'action': what earlier steps saw is not read again"
    if "until" in words and "within" not in words:
        return "a wait with 'until' needs 'within'"
    if "action" in words and "until" not in words:
        return "a wait with 'action' needs 'until'"
    lengths = sorted(words & {"within", "for", "at"})
    if len(lengths) > 1:
        return f"a wait takes one of 'within', 'for' and 'at', and has {' and '.join(lengths)}"
    if not lengths:
        return "a wait needs 'for', 'within' or 'at'"
    if "at" in words and "action" in words:
        return "a wait until a time looks at nothing"
    return ""


def _destroys(steps: tuple[Step, ...]) -> bool:
    return any(
        isinstance(step, ActionStep) and step.action.spec.effect is Effect.DESTROYS
        for step in all_steps(steps)
    )


def _text_given(given: Given) -> str:
    """What stands there, if it is one text."""
    return given.node.value.strip() if isinstance(given.node, Scalar) else ""


def _value(words: Fitted, name: str) -> Any:
    given = words.get(name)
    return given.value if given else None


def _listed(says: str, names: Iterable[str]) -> str:
    known = list(names)
    return f"{says} {', '.join(known)}" if known else f"{says} none"
