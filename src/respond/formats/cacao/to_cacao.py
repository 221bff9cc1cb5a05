"""Write a runbook as a CACAO playbook.

The way through the steps becomes the playbook's workflow, block by block, so that another tool can
walk it. What a step does becomes a command for people, in words: our actions look, spare the last
administrator, write what is missing and see that it happened, and a bare request without all that
is nothing to hand to somebody else's machine. What only we know (arguments, expressions,
questions) stands in our extension, from which ``from_cacao`` reads it back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from respond.core.inputs import parse_span
from respond.core.runbook import BlockStep, Runbook, all_steps
from respond.core.runbook_head import InputKind, Phase
from respond.core.secret_looks import looks_secret, names_an_id
from respond.errors import UsageError
from respond.formats.cacao.cacao_terms import (
    EXTENSION,
    ExchangeLoss,
    identified,
    playbook_id,
    pointer,
)
from respond.formats.cacao.runbook_words import RunbookWords, kind_of, title_of
from respond.formats.cacao.stix_conditions import as_condition, chain_of
from respond.formats.runbook.yaml_positions import read as read_yaml
from respond.formats.tree import plain, scalars

__all__ = ["Exported", "exported"]

_LISTS: Final = ("steps", "on_failure", "on_cancel", "always")

_TYPES: Final = {
    Phase.IDENTIFY: "investigation",
    Phase.CONTAIN: "mitigation",
    Phase.ERADICATE: "remediation",
    Phase.RECOVER: "remediation",
    Phase.NOTIFY: "notification",
    Phase.REVIEW: "investigation",
}
_COMMENT: Final = re.compile(r"(?m)^\s*#(?! yaml-language-server)|\s# ")
_ONLY_OURS: Final = {
    "action": "the action of a step, with its arguments: elsewhere a person does what it says",
    "approve": "another person's yes to a step: elsewhere nobody is asked",
    "confirm": "the question before a write: elsewhere it is a sentence of the command",
    "connection": "which connection a step uses",
    "limit": "how many targets may be done without another question",
    "phase": "the phase of a step, from which containment is measured",
    "retry": "how often a step is tried again",
}
_HEAD_ONLY_OURS: Final = {
    "rehearsal": "the inputs of a rehearsal",
    "require": "which inputs may stand for one another",
    "review": "that it only reads, and is compared with the last time",
    "reviewed": "the day of the last review, besides as the playbook's dates",
    "subject": "whom the incident is about, who gets no notice and agrees to nothing",
    "on_cancel": "what is done when a person ends the run: CACAO knows no such thing",
}
_INPUT_ONLY_OURS: Final = frozenset({"example", "late", "of", "origin", "pattern", "pick"})


class Exported(NamedTuple):
    """A playbook as JSON has it, and what is not the same there."""

    playbook: dict[str, Any]
    losses: tuple[ExchangeLoss, ...]


def exported(runbook: Runbook, actions: Mapping[str, type]) -> Exported:
    """Make a playbook out of a runbook that is loaded.

    Raises:
        UsageError: The runbook says no date, and a playbook has to.
    """
    if not runbook.reviewed:
        raise UsageError(
            f"the runbook {runbook.name} says no date",
            why="a playbook has to say when it was last changed, and no date is made up",
            do='read it, and add at its top: reviewed: "YYYY-MM-DD"',
        )
    return _Export(runbook, actions).whole()


def types_of(runbook: Runbook) -> list[str]:
    """The operational roles of a playbook, by the phases of its steps."""
    phases = {s.words.phase for s in all_steps((*runbook.steps, *runbook.always), called=False)}
    return sorted({_TYPES[phase] for phase in phases if phase}) or ["mitigation"]


class _Marked(NamedTuple):
    """A step of a list, and by which parts it came there, outermost first."""

    step: Mapping[str, Any]
    parts: tuple[str, ...] = ()


class _Here(NamedTuple):
    """Where a list of steps stands, or a step.

    Attributes:
        path: Names down to it, for ids.
        listed: Name of the list where a step could stand in several.
        follows: More comes behind what it stands in.
        parts: The parts by which a step came there, outermost first.
    """

    path: tuple[str, ...]
    listed: str = ""
    follows: bool = False
    parts: tuple[str, ...] = ()

    def inside(self, name: str) -> _Here:
        return _Here((*self.path, name), "", self.follows)


class _Export:
    def __init__(self, runbook: Runbook, actions: Mapping[str, type]) -> None:
        self._runbook = runbook
        tree = read_yaml(runbook.text.encode(), name=runbook.file)
        self._root: dict[str, Any] = plain(tree)
        self._secrets = {
            str(path[0])
            for scalar, path in scalars(tree)
            if path and looks_secret(scalar.value, is_id=names_an_id(str(path[-1])))
        }
        self._parts: Mapping[str, Any] = self._root.get("parts") or {}
        self._used_parts: set[str] = set()
        self._called = {
            step.runbook.name: step.runbook
            for step in all_steps((*runbook.steps, *runbook.on_failure, *runbook.always))
            if isinstance(step, BlockStep) and step.runbook
        }
        self._workflow: dict[str, dict[str, Any]] = {}
        written = [self._root.get(name) or () for name in _LISTS]
        self._words = RunbookWords(runbook, actions, [*written, *self._parts.values()])
        self._variables = self._words.variables
        self._acts: dict[str, list[dict[str, Any]]] = {}
        self._losses: list[ExchangeLoss] = []
        self._id = playbook_id(runbook.title, types_of(runbook))
        self._people = identified("group", self._id, "people")

    # --- the playbook ---------------------------------------------------------------------------

    def whole(self) -> Exported:
        start = self._identified("start", ("start",))
        self._workflow[start] = {"type": "start", "on_completion": self._main()}
        exception = self._exception()
        for made_by, names in self._words.made_by.items():
            for step in self._acts.get(made_by, ()):
                step["out_args"] = sorted({*step.get("out_args", ()), *names})
        runbook, root = self._runbook, self._root
        dated = f"{runbook.reviewed}T00:00:00.000Z"
        us = identified("identity", "respond")
        owner = identified("identity", runbook.owner) if runbook.owner else us
        playbook: dict[str, Any] = {
            "type": "playbook",
            "spec_version": "cacao-2.0",
            "id": self._id,
            "name": runbook.title,
            "description": _described(runbook),
            "playbook_types": types_of(runbook),
            "playbook_activities": self._activities(),
            "playbook_processing_summary": self._summary(),
            "created_by": owner,
            "created": dated,
            "modified": dated,
            "labels": [runbook.name],
            "playbook_variables": dict(sorted(self._variables.items())),
            "workflow_start": start,
            "workflow_exception": exception,
            "workflow": self._in_order(start, exception),
            "playbook_extensions": {EXTENSION: self._head()},
            "agent_definitions": {
                self._people: {
                    "type": "group",
                    "name": "People on call",
                    "description": "Whoever handles the incident.",
                }
            },
            "extension_definitions": {
                EXTENSION: {
                    "type": "extension-definition",
                    "name": "respond",
                    "description": "What the runbook tool respond needs to read its own runbook "
                    "back. Nothing in it makes a step safe to run elsewhere.",
                    "created_by": us,
                    "schema": "The words of a respond runbook, as `respond schema` prints them.",
                    "version": "1",
                }
            },
        }
        if not playbook["playbook_variables"]:
            del playbook["playbook_variables"]
        self._say_what_is_lost(root)
        return Exported(playbook, tuple(self._losses))

    def _main(self) -> str:
        end = self._end(("end",))
        always = self._marked(self._root.get("always"))
        last = self._chain(always, _Here(("always",), "always"), end)
        return self._chain(self._marked(self._root["steps"]), _Here(("steps",), "steps"), last)

    def _exception(self) -> str:
        """What comes when a step has failed and says nothing of its own."""
        end = self._end(("failed",), name="The playbook has failed")
        place = ("failed", "always")
        last = self._chain(self._marked(self._root.get("always")), _Here(place, "always"), end)
        handlers = self._marked(self._root.get("on_failure"))
        return self._chain(handlers, _Here(("failed", "on_failure"), "on_failure"), last)

    def _in_order(self, *heads: str) -> dict[str, Any]:
        """The steps as somebody would read them, from the start on."""
        ordered: dict[str, Any] = {}
        waiting = list(reversed(heads))
        while waiting:
            name = waiting.pop()
            if name in ordered:
                continue
            step = ordered[name] = self._workflow[name]
            behind = [step[word] for word in ("on_success", "on_completion") if word in step]
            inside = [step[word] for word in ("on_failure", "on_false", "on_true") if word in step]
            branches = [
                *reversed(step.get("next_steps", ())),
                *reversed(step.get("cases", {}).values()),
            ]
            waiting += [*behind, *inside, *branches]
        return ordered

    def _activities(self) -> list[str]:
        commands = (c for step in self._workflow.values() for c in step.get("commands", ()))
        return sorted({command["playbook_activity"] for command in commands}) or ["step-sequence"]

    def _summary(self) -> dict[str, bool]:
        types = {step["type"] for step in self._workflow.values()}
        timed = any("delay" in each or "timeout" in each for each in self._workflow.values())
        return {
            "manual_playbook": True,
            "external_playbooks": "playbook-action" in types,
            "parallel_processing": "parallel" in types,
            "if_logic": "if-condition" in types,
            "while_logic": "while-condition" in types,
            "switch_logic": "switch-condition" in types,
            "temporal_logic": timed,
            "data_markings": False,
            "digital_signatures": False,
            "countersigned_signatures": False,
            "extensions": True,
        }

    def _head(self) -> dict[str, Any]:
        """The words of the runbook that are no steps, and the order in which they stand."""
        left_out = {*_LISTS, "parts"} - {"on_cancel"}
        words = {name: value for name, value in self._root.items() if name not in left_out}
        for name in self._secrets & words.keys():
            del words[name]
            self._lost("", f"'{name}', which holds something that looks like a secret")
        parts = [name for name in self._parts if name in self._used_parts]
        return {"words": words, "order": list(self._root), "parts": parts}

    def _say_what_is_lost(self, root: Mapping[str, Any]) -> None:
        head = pointer("playbook_extensions", EXTENSION, "words")
        for name, says in _HEAD_ONLY_OURS.items():
            if root.get(name) and name not in self._secrets:
                self._losses.append(ExchangeLoss(f"{head}/{name}", says, kept=True))
        for each in self._runbook.inputs:
            place = pointer("playbook_variables", f"__{each.name}__")
            given = root["inputs"][each.name]
            if ours := sorted(_INPUT_ONLY_OURS & given.keys()):
                says = f"of an input: {', '.join(ours)}"
                self._losses.append(ExchangeLoss(place, says, kept=True))
            if each.kind is InputKind.LIST:
                self._losses.append(ExchangeLoss(place, "that an input is a list", kept=True))
            if each.kind is InputKind.SECRET:
                what = "that an input is a secret: another tool may show and log what it is given"
                self._losses.append(ExchangeLoss(place, what, kept=True))
        for name in self._parts:
            if name not in self._used_parts:
                self._lost("", f"the part '{name}', which no step uses")
        if _COMMENT.search(self._runbook.text):
            self._lost("", "comments in the file")
        self._lost(
            "", "what respond does whatever a file says: it proves each change, resumes, asks"
        )

    def _lost(self, place: str, what: str) -> None:
        self._losses.append(ExchangeLoss(place, what))

    # --- lists of steps -------------------------------------------------------------------------

    def _marked(self, steps: Any, parts: tuple[str, ...] = ()) -> list[_Marked]:
        """The steps of a list, those of its parts in their places."""
        found: list[_Marked] = []
        for step in steps or ():
            if set(step) == {"part"}:
                self._used_parts.add(step["part"])
                below = (*parts, step["part"])
                found += self._marked(self._parts[step["part"]], below)
            else:
                found.append(_Marked(step, parts))
        return found

    def _chain(self, steps: Sequence[_Marked], here: _Here, after: str) -> str:
        """One after the other, and then ``after``: the id of the first."""
        for number, (step, parts) in enumerate(steps):
            if kind_of(step) == "end" and "when" in step["end"]:
                rest = here._replace(path=(*here.path, f"behind-{number}"))
                at = here._replace(parts=parts)
                after = self._perhaps_end(step, at, steps[number + 1 :], rest, after)
                steps = steps[:number]
                break
        for number in range(len(steps) - 1, -1, -1):
            step, parts = steps[number]
            name = f"{step.get('id') or f'{kind_of(step)}-{number}'}"
            follows = here.follows or number < len(steps) - 1
            at = _Here((*here.path, name), here.listed, follows, parts)
            after = self._step(step, at, after)
        return after

    def _perhaps_end(
        self,
        step: Mapping[str, Any],
        here: _Here,
        behind: Sequence[_Marked],
        rest: _Here,
        after: str,
    ) -> str:
        """An end with a condition: what comes behind it is the other way."""
        path = (*here.path, step.get("id") or "end", *rest.path[-1:])
        say = here._replace(path=(*path, "say"))
        said = self._act(step, say, self._end((*path, "yes")))
        otherwise = self._chain(behind, rest, self._end((*path, "no")))
        if here.follows:
            place = pointer("workflow", said)
            what = "an end inside of a branch ends the run here, and elsewhere only that branch"
            self._losses.append(ExchangeLoss(place, what, kept=True))
        made = self._if(step["end"]["when"], said, after, path, title_of(step), "end")
        self._workflow[made.core]["on_false"] = otherwise
        return made.first

    # --- one step -------------------------------------------------------------------------------

    def _step(self, step: Mapping[str, Any], here: _Here, after: str) -> str:
        if "when" not in step:
            return self._each(step, here, after)
        inner = self._each(step, here, self._end((*here.path, "when")))
        title = f"{title_of(step)}: does it apply?"
        return self._if(step["when"], inner, after, here.path, title, "when").first

    def _each(self, step: Mapping[str, Any], here: _Here, after: str) -> str:
        if "for_each" not in step:
            return self._core(step, here, after)
        name, path = step.get("as", "item"), here.path
        more = f"__more-{here.path[-1]}__"
        self._variables[more] = {"type": "bool", "description": f"whether there is another {name}"}
        end = self._end((*path, "each"))
        again = self._helper((*path, "again"), f"Take the next {name}, if there is one.", more, end)
        inner = self._core(step, here, again)
        whole = self._identified("while-condition", (*path, "each"))
        self._workflow[whole] = {
            "type": "while-condition",
            "name": f"{title_of(step)}: for each {name}",
            "condition": f"{more}:value = 'true'",
            "on_true": inner,
            "on_success": after,
            **_ours({"role": "each"}),
        }
        place = pointer("workflow", whole)
        what = "which items there are: the plan fixes them here, and elsewhere a person takes each"
        self._losses.append(ExchangeLoss(place, what, kept=True))
        first = f"Take the first {name} of: {step['for_each']}"
        return self._helper((*path, "first"), first, more, whole)

    def _core(self, step: Mapping[str, Any], here: _Here, after: str) -> str:
        match kind_of(step):
            case "choose":
                return self._choose(step, here, after)
            case "parallel":
                return self._parallel(step, here, after)
            case "block" | "part":
                return self._block(step, here, after)
            case "runbook":
                return self._call(step, here, after)
            case _:
                return self._act(step, here, after)

    def _act(self, step: Mapping[str, Any], here: _Here, after: str) -> str:
        """A step that a person carries out elsewhere."""
        made = self._identified("action", here.path)
        words, used = self._words.of(step)
        told: dict[str, Any] = {
            "type": "action",
            "name": title_of(step),
            "commands": [
                {
                    "type": "manual",
                    "command": words,
                    "playbook_activity": self._words.activity(step),
                }
            ],
            "agent": self._people,
        }
        if step.get("why"):
            told["description"] = step["why"]
        if used:
            told["in_args"] = sorted(used)
        told |= self._times(step)
        self._add(made, step, here, after, told)
        self._acts.setdefault(step.get("id", ""), []).append(self._workflow[made])
        return made

    def _add(
        self,
        made: str,
        step: Mapping[str, Any],
        here: _Here,
        after: str,
        told: dict[str, Any],
    ) -> None:
        words = {name: value for name, value in step.items() if name not in _NESTED}
        if kind_of(step) == "choose":
            words = {n: v for n, v in words.items() if n in _CHOOSE_WORDS}
        told["on_success"] = after
        match step.get("on_failure", "stop"):
            case "stop":
                pass
            case "continue":
                told["on_failure"] = after
            case list() | dict() as handler:
                steps, left = handler, dict[str, Any]()
                if isinstance(handler, dict):
                    left = {name: each for name, each in handler.items() if name != "steps"}
                    steps = handler["steps"]
                recovered = left.get("recovered") or steps[-1].get("recovered")
                path = (*here.path, "on_failure")
                then = after if recovered else self._end(path)
                told["on_failure"] = self._chain(self._marked(steps), _Here(path), then)
                words["on_failure"] = {"handled": left}
        marks: dict[str, Any] = {"parts": list(here.parts)} if here.parts else {}
        if here.listed:
            marks["list"] = here.listed
        self._workflow[made] = {
            **told,
            **_ours({"role": "step", "kind": kind_of(step), "words": words, **marks}),
        }
        place = pointer("workflow", made)
        for name, says in _ONLY_OURS.items():
            if name in step:
                self._losses.append(ExchangeLoss(place, says, kept=True))

    def _choose(self, step: Mapping[str, Any], here: _Here, after: str) -> str:
        made = self._identified("switch-condition", here.path)
        cases = {
            str(value): self._chain(
                self._marked(steps),
                here.inside(str(value)),
                self._end((*here.path, str(value), "end")),
            )
            for value, steps in step.items()
            if value not in _CHOOSE_WORDS
        }
        chain = chain_of(str(step["choose"]))
        variable = self._words.naming(chain) if chain else None
        told = {"type": "switch-condition", "name": title_of(step), "cases": cases}
        first = made
        if variable is None:
            variable = f"__which-{here.path[-1]}__"
            self._variables[variable] = {"type": "string", "description": title_of(step)}
            first = self._work_out(str(step["choose"]), here.path, variable, made, ", ".join(cases))
        self._add(made, step, here, after, {**told, "switch": f"{variable}:value"})
        return first

    def _parallel(self, step: Mapping[str, Any], here: _Here, after: str) -> str:
        made = self._identified("parallel", here.path)
        heads = [
            self._chain(
                self._marked([each]),
                here.inside(str(number)),
                self._end((*here.path, str(number), "end")),
            )
            for number, each in enumerate(step["parallel"])
        ]
        while len(heads) < 2:  # noqa: PLR2004 - a parallel step has at least two branches
            heads.append(self._end((*here.path, "nothing", str(len(heads)))))
        told = {"type": "parallel", "name": title_of(step), "next_steps": heads}
        self._add(made, step, here, after, told)
        return made

    def _block(self, step: Mapping[str, Any], here: _Here, after: str) -> str:
        """Steps with words of their own: a branch that is always taken."""
        made = self._identified("if-condition", here.path)
        yes = "__respond-yes__"
        self._variables[yes] = {"type": "bool", "value": "true", "constant": True}
        steps = self._parts[step["part"]] if "part" in step else step["block"]
        if "part" in step:
            self._used_parts.add(step["part"])
        end = self._end((*here.path, "end"))
        if step.get("always"):
            place = pointer("workflow", made)
            what = "the 'always' of a block: elsewhere it is done only when nothing before failed"
            self._losses.append(ExchangeLoss(place, what, kept=True))
            last = _Here((*here.path, "always"), "always")
            end = self._chain(self._marked(step["always"]), last, end)
        inner = self._chain(self._marked(steps), here.inside("block"), end)
        told = {
            "type": "if-condition",
            "name": title_of(step),
            "condition": f"{yes}:value = 'true'",
            "on_true": inner,
        }
        self._add(made, step, here, after, told)
        return made

    def _call(self, step: Mapping[str, Any], here: _Here, after: str) -> str:
        made = self._identified("playbook-action", here.path)
        called = self._called[step["runbook"]]
        told: dict[str, Any] = {
            "type": "playbook-action",
            "name": title_of(step),
            "playbook_id": playbook_id(called.title, types_of(called)),
        }
        used: set[str] = set()
        given = [f"  {n}: {self._words.text(v, used)}" for n, v in (step.get("with") or {}).items()]
        told["description"] = "\n".join(
            [f"It is called with:{'' if given else ' nothing'}", *given]
        )
        if used:
            told["in_args"] = sorted(used)
        place = pointer("workflow", made)
        what = "what a called runbook is given, where it is not a variable of the same name"
        self._losses.append(ExchangeLoss(place, what, kept=True))
        self._add(made, step, here, after, told)
        return made

    # --- conditions and helpers -----------------------------------------------------------------

    def _if(
        self, source: Any, on_true: str, after: str, path: tuple[str, ...], title: str, role: str
    ) -> _If:
        made = self._identified("if-condition", (*path, role))
        condition, first = as_condition(str(source), self._words.naming), made
        if condition is None:
            holds = f"__holds-{'-'.join(path[-1:])}__"
            self._variables[holds] = {"type": "bool", "description": title}
            condition = f"{holds}:value = 'true'"
            first = self._work_out(str(source), (*path, role), holds, made, "true or false")
        self._workflow[made] = {
            "type": "if-condition",
            "name": title,
            "condition": condition,
            "on_true": on_true,
            "on_success": after,
            **_ours({"role": role}),
        }
        return _If(first, made)

    def _work_out(
        self, source: str, path: tuple[str, ...], variable: str, then: str, values: str
    ) -> str:
        says = f"Work out {variable} ({values}). In respond's words it is: {source}"
        made = self._helper((*path, "work-out"), says, variable, then)
        place = pointer("workflow", made)
        what = "a condition that is worked out here, and elsewhere by a person"
        self._losses.append(ExchangeLoss(place, what, kept=True))
        return made

    def _helper(self, path: tuple[str, ...], says: str, variable: str, then: str) -> str:
        made = self._identified("action", path)
        command = {
            "type": "manual",
            "command": says,
            "playbook_activity": "analyze-collected-data",
        }
        self._workflow[made] = {
            "type": "action",
            "name": says.partition(". ")[0][:100],
            "commands": [command],
            "agent": self._people,
            "out_args": [variable],
            "on_success": then,
            **_ours({"role": "helper"}),
        }
        return made

    def _end(self, path: tuple[str, ...], *, name: str = "") -> str:
        made = self._identified("end", path)
        self._workflow[made] = {"type": "end", **({"name": name} if name else {})}
        return made

    def _identified(self, kind: str, path: tuple[str, ...]) -> str:
        return identified(kind, self._id, kind, *path)

    def _times(self, step: Mapping[str, Any]) -> dict[str, int]:
        """Pause before a step and limit for it, in milliseconds."""
        wait = step.get("wait") or {}
        limit = step.get("timeout") or (wait.get("within") if "until" in wait else None)
        pause = wait.get("for") or (wait.get("within") if "until" not in wait else None)
        found = {"timeout": limit, "delay": pause}
        spans = {name: parse_span(str(text)) for name, text in found.items() if text is not None}
        return {name: seconds * 1000 for name, seconds in spans.items() if seconds}


class _If(NamedTuple):
    """Where a condition begins, and the step that it is: something may be worked out before."""

    first: str
    core: str


_NESTED: Final = frozenset({"block", "always", "parallel"})
_CHOOSE_WORDS: Final = frozenset({"id", "title", "why", "phase", "when", "on_failure", "choose"})


def _ours(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"step_extensions": {EXTENSION: dict(told)}}


def _described(runbook: Runbook) -> str:
    lines = [runbook.summary or runbook.title]
    if runbook.use_when:
        lines.append(f"Use it when: {runbook.use_when}")
    for says, sentences in (("It cannot:", runbook.cannot), ("Afterwards:", runbook.afterwards)):
        lines += [says, *(f"- {each}" for each in sentences)] if sentences else []
    return "\n".join(lines)
