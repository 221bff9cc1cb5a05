"""Write a CACAO playbook as a runbook.

What carries our extension becomes again what it was. All else is somebody's word: its steps become
steps that a person does and answers for, whatever language their commands are in, so that nothing
of a foreign file is ever sent or run by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, NoReturn

from respond.core.runbook import Runbook
from respond.formats.cacao.cacao_terms import EXTENSION, ExchangeLoss, Path, pointer
from respond.formats.cacao.playbook_file import next_of, read_playbook
from respond.formats.cacao.playbook_words import PlaybookWords, clipped, free_name, slug, snake
from respond.formats.cacao.runbook_words import kind_of
from respond.formats.cacao.runbook_yaml import runbook_yaml
from respond.formats.cacao.stix_conditions import cel_text
from respond.formats.cacao.to_cacao import exported
from respond.formats.cacao.what_is_taken import Tally
from respond.formats.expression.syntax import SOURCE_BYTES_MAX
from respond.formats.faults import FormatFault, FormatFaults
from respond.formats.runbook.keywords import RESERVED, RUNBOOK, RUNBOOK_NAME
from respond.formats.runbook.loading import Find
from respond.formats.runbook.runbook_file import load

__all__ = ["Imported", "imported"]

_STEPS_MAX: Final = 400
_DEPTH_MAX: Final = 24
_CASES_MAX: Final = 20
_TITLE_MAX: Final = 120
_WORDS_MAX: Final = 1_000

_TLP: Final = {
    "e828b379-4e03-4974-9ac4-e53a884c97c1": "TLP:RED",
    "939a9414-2ddd-4d32-a0cd-375ea402b003": "TLP:AMBER+STRICT",
    "55d920b0-5e8b-4f79-9ee9-91f868d9b421": "TLP:AMBER",
    "bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "TLP:GREEN",
    "94868c89-83c2-464b-929b-a1a8aa3c8487": "TLP:CLEAR",
}
"""The fixed ids of the Traffic Light Protocol 2.0 (CACAO 2.0, section 9.4)."""

_OURS: Final[Mapping[str, frozenset[str]]] = {
    "action": frozenset({"action", "assert", "wait", "end"}),
    "switch-condition": frozenset({"choose"}),
    "parallel": frozenset({"parallel"}),
    "if-condition": frozenset({"block", "part"}),
    "playbook-action": frozenset({"runbook"}),
}
"""Which kind of step of ours a step of each type can be."""

_FROM_THE_WAY: Final = frozenset({"block", "parallel", "always"})
"""What stands in the workflow, and so never in a step's own words."""

_NO_STEPS: Final = frozenset({"steps", "parts", "on_failure", "always"})


class Imported(NamedTuple):
    """A runbook, and what of the playbook is not in it.

    Attributes:
        text: The file, as YAML.
        losses: Those with ``fill`` want a person before it is used.
        faults: Why it cannot be used as it is; empty when it loads.
        runbook: The same, loaded; None when it has faults.
    """

    name: str
    text: str
    losses: tuple[ExchangeLoss, ...]
    faults: tuple[FormatFault, ...]
    runbook: Runbook | None


def imported(
    data: bytes,
    *,
    file: str,
    actions: Mapping[str, type],
    name: str = "",
    find: Find | None = None,
) -> Imported:
    """Make a runbook out of a playbook file.

    Args:
        file: The playbook's file, for what is wrong in it.
        name: What the runbook is to be called; as the playbook is when empty.
        find: Gives other runbooks by name.

    Raises:
        FormatFaults: The file is refused.
    """
    making = _Import(read_playbook(data, name=file), file)
    made = making.runbook()
    own = str(made["runbook"])
    text = runbook_yaml({**made, "runbook": name or own}, making.head())
    runbook, faults = None, tuple[FormatFault, ...]()
    try:
        runbook = load(text.encode(), name=name or own, actions=actions, find=find)
        if making.is_ours and runbook.reviewed:
            again = runbook
            if name not in {"", own}:  # It is compared under the name that the playbook has for it.
                text_ = runbook_yaml(made).encode()
                again = load(text_, name=own, actions=actions, find=find)
            making.tally.hold_against(exported(again, actions).playbook)
    except FormatFault as fault:
        faults = (fault,)
    except FormatFaults as several:
        faults = several.faults
    if faults and making.is_ours:
        making.believe()
    return Imported(name or own, text, tuple(making.tally.losses()), faults, runbook)


class _Made(NamedTuple):
    """One step of ours.

    Attributes:
        ours: It comes out of our extension.
        parts: The parts by which it came to its list, outermost first.
        listed: Name of the list that it stands in, where the extension says so.
    """

    step: dict[str, Any]
    ours: bool = False
    parts: tuple[str, ...] = ()
    listed: str = ""


class _Walked(NamedTuple):
    """A step of the playbook, and how it was come to.

    Attributes:
        source: Its id.
        stops: Where its list ends: another way goes on there.
        depth: In how many branches it stands.
    """

    source: str
    step: Mapping[str, Any]
    stops: frozenset[str]
    depth: int

    @property
    def path(self) -> tuple[str, str]:
        return ("workflow", self.source)


class _Import:
    def __init__(self, playbook: dict[str, Any], file: str) -> None:
        self._playbook = playbook
        self._file = file
        self._workflow: Mapping[str, dict[str, Any]] = playbook["workflow"]
        self.tally = Tally(playbook)
        extensions = playbook.get("playbook_extensions")
        ours = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
        self._head: Mapping[str, Any] | None = ours if _is_head(ours) else None
        ours = self._head["words"].get("inputs", {}) if self._head is not None else None
        ours = {} if ours is not None and not isinstance(ours, dict) else ours
        self._words = PlaybookWords(playbook, self.tally, ours)
        self._ids = {
            str(words["id"])
            for step in self._workflow.values()
            if (words := _ext(step).get("words")) and isinstance(words, dict) and "id" in words
        }
        self._visited: set[str] = set()
        self._parts: dict[str, list[Any]] = {}
        self._count = 0
        # The summary says in short what stands in the file besides.
        if playbook.get("revoked") is False:
            self.tally.take("revoked")
        for word in ("type", "spec_version", "id", "created", "modified", "created_by",
                     "playbook_processing_summary", "workflow_start"):  # fmt: skip
            self.tally.take(word)

    @property
    def is_ours(self) -> bool:
        return self._head is not None

    def believe(self) -> None:
        """Take what carries our extension as it is: it does not load, so nothing compares it."""
        what = "it does not load as it is, so what others changed in it was not looked for"
        self.tally.lost((), what, fill=True)
        for word in self._playbook.keys() - {"workflow", "signatures", "markings"}:
            self.tally.take(word)
        for source, step in self._workflow.items():
            if _ext(step) or step["type"] in {"start", "end"}:
                self.tally.take("workflow", source)

    def head(self) -> tuple[str, ...]:
        """Sentences about where it comes from."""
        told = {word: str(self._playbook.get(word, "")) for word in ("id", "modified")}
        first = f"From the CACAO playbook {told['id']}, version of {told['modified']}."
        return (first, *(f"Marked {level}." for level in sorted(set(self._levels()))))

    def _levels(self) -> Iterator[str]:
        given = self._playbook.get("markings")
        defined = self._playbook.get("data_marking_definitions")
        for number, each in enumerate(given if isinstance(given, list) else ()):
            found = defined.get(each) if isinstance(defined, dict) else None
            level = found.get("tlpv2_level") if isinstance(found, dict) else None
            known = level or _TLP.get(str(each).rpartition("--")[2].lower())
            if isinstance(known, str):
                self.tally.take("markings", number)
                self.tally.take("data_marking_definitions", str(each))
                yield known

    # --- the runbook ----------------------------------------------------------------------------

    def runbook(self) -> dict[str, Any]:
        """The runbook as its file has it."""
        main = self._chain(str(self._playbook["workflow_start"]), frozenset(), 0)
        always = self._grouped([each for each in main if each.listed == "always"])
        lists = {
            "steps": self._grouped([each for each in main if each.listed != "always"]),
            "on_failure": self._exception(always),
            "always": always,
        }
        if not lists["steps"]:
            self._refuse(("workflow",), "no step of it does anything")
        for source in sorted(self._workflow.keys() - self._visited):
            self.tally.lost(("workflow", source), "no way leads to this step: it is left out")
        return self._ordered(self._head_words(), lists)

    def _exception(self, always: list[Any]) -> list[Any]:
        """What is done when a step has failed; the steps that always come stand there, too."""
        start = self._playbook.get("workflow_exception")
        if start is None:
            return []
        self.tally.take("workflow_exception")
        made = self._chain(str(start), frozenset(), 0)
        if self._grouped([each for each in made if each.listed == "always"]) != always:
            what = "what is done at the end of all differs from what is done after a failure: "
            self.tally.lost(("workflow_exception",), f"{what}the first was taken", fill=True)
        return self._grouped([each for each in made if each.listed != "always"])

    def _head_words(self) -> dict[str, Any]:
        if self._head is not None:
            given = self._head["words"].items()
            words = {name: each for name, each in given if name in RUNBOOK.keys() - _NO_STEPS}
            if self._words.inputs and isinstance(words.get("inputs", {}), dict):
                words["inputs"] = {**words.get("inputs", {}), **self._words.inputs}
            return words
        title = self._one_line(("name",), "Imported playbook", _TITLE_MAX)
        words = {"runbook": slug(title), "title": title}
        if self._playbook.get("description"):
            words["summary"] = self._one_line(("description",), "", _WORDS_MAX)
        inputs = self._words.inputs
        return {**words, "inputs": inputs} if inputs else words

    def _one_line(self, path: tuple[str, ...], otherwise: str, limit: int) -> str:
        thing: Any = self._playbook
        for part in path:
            thing = thing.get(part, "") if isinstance(thing, dict) else ""
        if not isinstance(thing, str) or not thing.strip():
            return otherwise
        self.tally.take(*path)
        told = self._words.plain(thing, path)
        if len(told) > limit:
            self.tally.lost(path, f"cut after {limit} characters")
        return clipped(told, limit)

    def _ordered(self, words: Mapping[str, Any], lists: Mapping[str, Any]) -> dict[str, Any]:
        head = self._head or {"order": [], "parts": []}
        parts = {name: self._parts[name] for name in head["parts"] if name in self._parts}
        whole = {**words, "parts": {**parts, **self._parts}, **lists}
        whole = {name: each for name, each in whole.items() if each or name in words}
        order = [name for name in head["order"] if name in whole]
        return {name: whole[name] for name in (*order, *(n for n in RUNBOOK if n in whole))}

    # --- the way --------------------------------------------------------------------------------

    def _chain(self, source: str, stops: frozenset[str], depth: int) -> list[_Made]:
        """The steps from here to an end, or to where another way goes on."""
        if depth > _DEPTH_MAX:
            self._refuse(
                ("workflow", source), f"branches stand over {_DEPTH_MAX} deep in each other"
            )
        found: list[_Made] = []
        while source and source not in stops:
            step = self._workflow[source]
            if source in self._visited and step["type"] not in {"end", "start"}:
                what = "several ways lead to this step: it stands there once for each"
                self.tally.lost(("workflow", source), what)
            self._visited.add(source)
            for word in ("type", "on_completion", "on_success"):
                self.tally.take("workflow", source, word)
            if step["type"] == "end":
                break
            found += self._step(_Walked(source, step, stops, depth))
            source = next_of(step)
        return found

    def _branch(self, at: _Walked, head: Any) -> list[_Made]:
        """The steps of a branch; one that has no end of its own ends where the opener goes on."""
        return self._chain(str(head), at.stops | {next_of(at.step)}, at.depth + 1)

    def _inside(self, at: _Walked, head: Any) -> list[Any]:
        """The same, as a list of a runbook."""
        return self._grouped(self._branch(at, head))

    def _step(self, at: _Walked) -> list[_Made]:
        self._count += 1
        if self._count > _STEPS_MAX:
            self._refuse(("workflow",), f"it comes to more than {_STEPS_MAX} steps")
        step, ours = at.step, _ext(at.step)
        match ours.get("role"):
            case "helper":
                return []
            case "when" | "each" if step["type"] in {"if-condition", "while-condition"}:
                before = self._visited.copy(), self._ids.copy()
                inner = self._branch(at, step["on_true"])
                if len(inner) == 1 and inner[0].ours and "on_false" not in step:
                    return inner
                self._visited, self._ids = before
            case "end" if step["type"] == "if-condition" and "on_false" in step:
                return [*self._branch(at, step["on_true"]), *self._branch(at, step["on_false"])]
            case "step" if _fits(ours, str(step["type"])):
                return [self._own(at, ours)]
        if ours:
            what = "our extension is here, and does not fit: it was left out"
            self.tally.lost((*at.path, "step_extensions", EXTENSION), what, fill=True)
        return self._foreign(at)

    # --- steps of ours --------------------------------------------------------------------------

    def _own(self, at: _Walked, ours: Mapping[str, Any]) -> _Made:
        step, words = at.step, ours["words"]
        made = dict(words)
        match ours["kind"]:
            case "choose":
                made |= {name: self._inside(at, head) for name, head in step["cases"].items()}
            case "parallel":
                branches = (self._inside(at, head) for head in step["next_steps"])
                made["parallel"] = [each for branch in branches for each in branch]
            case "block" | "part" as kind:
                inner = self._branch(at, step["on_true"])
                steps = self._grouped([each for each in inner if each.listed != "always"])
                always = self._grouped([each for each in inner if each.listed == "always"])
                if kind == "part":
                    self._define(str(words["part"]), steps, at.path)
                else:
                    made["block"] = steps
                if always:
                    made["always"] = always
        handled = made.get("on_failure")
        if isinstance(handled, dict) and "handled" in handled and "on_failure" in step:
            steps, left = self._inside(at, step["on_failure"]), handled["handled"]
            made["on_failure"] = {"steps": steps, **left} if left else steps
        parts = ours.get("parts")
        named = tuple(str(each) for each in parts) if isinstance(parts, list) else ()
        return _Made(made, ours=True, parts=named, listed=str(ours.get("list", "")))

    def _grouped(self, steps: list[_Made]) -> list[Any]:
        """The steps of a list; those that came by a part, as that part again."""
        found: list[Any] = []
        at = 0
        while at < len(steps):
            if not steps[at].parts:
                found.append(steps[at].step)
                at += 1
                continue
            name = steps[at].parts[0]
            inner: list[_Made] = []
            while at < len(steps) and steps[at].parts[:1] == (name,):
                inner.append(steps[at]._replace(parts=steps[at].parts[1:]))
                at += 1
            self._define(name, self._grouped(inner), ("workflow",))
            found.append({"part": name})
        return found

    def _define(self, name: str, steps: list[Any], path: Path) -> None:
        if self._parts.setdefault(name, steps) != steps:
            what = f"the part '{name}' is not the same wherever it stands: the first was taken"
            self.tally.lost(path, what, fill=True)

    # --- steps of others ------------------------------------------------------------------------

    def _foreign(self, at: _Walked) -> list[_Made]:
        step, kind = at.step, str(at.step["type"])
        if kind == "start":
            return []
        title = self._one_line((*at.path, "name"), kind, _TITLE_MAX)
        name = snake(title)
        made: list[dict[str, Any]] = []
        if isinstance(step.get("delay"), int) and step["delay"] > 0:
            self.tally.take(*at.path, "delay")
            seconds = -(-step["delay"] // 1000)
            made.append({"title": f"Before: {title}"[:_TITLE_MAX], "wait": {"for": f"{seconds}s"}})
        match kind:
            case "action":
                made += self._by_hand(at, name, title)
            case "playbook-action":
                made.append(self._other_playbook(at, name, title))
            case "parallel":
                heads = [self._inside(at, head) for head in step["next_steps"]]
                self.tally.take(*at.path, "next_steps")
                branches = [_as_one(head) for head in heads if head]
                made += [{"title": title, "parallel": branches}] if branches else []
            case "if-condition":
                made += self._if(at, name, title)
            case "while-condition":
                made.append(self._while(at, name, title))
            case "switch-condition":
                made += self._switch(at, name, title)
        if kind != "action":
            self._why(at, made)
        return [_Made(each) for each in self._on_failure(at, made)]

    def _why(self, at: _Walked, made: list[dict[str, Any]]) -> None:
        if made and isinstance(at.step.get("description"), str):
            told = self._one_line((*at.path, "description"), "", _WORDS_MAX)
            made[-1].setdefault("why", told)

    def _on_failure(self, at: _Walked, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
        failed, then = at.step.get("on_failure"), next_of(at.step)
        if failed is None or not made:
            return made
        self.tally.take(*at.path, "on_failure")
        if failed == then:
            for each in made:
                if "wait" not in each:
                    each["on_failure"] = "continue"
            return made
        handler = self._inside(at, failed)
        if not handler:
            what = "a failure ends only its branch there; here it ends the run"
            self.tally.lost((*at.path, "on_failure"), what)
            return made
        whole = made[0] if len(made) == 1 else {"title": made[0].get("title", ""), "block": made}
        goes_on = self._leads_to(str(failed), then)
        whole["on_failure"] = {"steps": handler, "recovered": True} if goes_on else handler
        return [whole]

    def _leads_to(self, source: str, goal: str) -> bool:
        """Whether it goes on behind a handler; one that comes to an end goes nowhere."""
        while source and source != goal:
            source = next_of(self._workflow[source])
        return bool(goal) and source == goal and self._workflow[goal]["type"] != "end"

    def _by_hand(self, at: _Walked, name: str, title: str) -> list[dict[str, Any]]:
        """A step for each command: a person carries it out, and says so."""
        total = len(at.step["commands"])
        many = total > 1
        for word in ("in_args", "out_args"):
            self.tally.take(*at.path, word)
        return [
            self._hands(
                f"{name}_{number + 1}" if many else name,
                f"{title} ({number + 1} of {total})" if many else title,
                self._words.instructions(at.source, at.step, number),
            )
            for number in range(total)
        ]

    def _hands(self, name: str, title: str, instructions: str) -> dict[str, Any]:
        own = free_name(name, self._ids | RESERVED)
        self._ids.add(own)
        given = {"title": title, "instructions": instructions}
        return {"id": own, "title": title, "action": "human.do", "with": given}

    def _other_playbook(self, at: _Walked, name: str, title: str) -> dict[str, Any]:
        step, path = at.step, (*at.path, "playbook_id")
        self.tally.lost(path, "another playbook: a person carries it out", fill=True)
        lines = [f"Carry out the playbook {self._words.plain(step['playbook_id'], path)}."]
        for word, says in (("playbook_version", "Its version"), ("in_args", "It is given"),
                           ("out_args", "It comes to")):  # fmt: skip
            if word in step:
                self.tally.take(*at.path, word)
                given = step[word]
                told = ", ".join(map(str, given)) if isinstance(given, list) else str(given)
                lines.append(f"{says}: {self._words.plain(told, (*at.path, word))}")
        return self._hands(name, title, "\n".join(lines))

    def _if(self, at: _Walked, name: str, title: str) -> list[dict[str, Any]]:
        step = at.step
        holds = self._words.condition(step["condition"], name, (*at.path, "condition"))
        yes = self._inside(at, step["on_true"])
        no = self._inside(at, step["on_false"]) if "on_false" in step else []
        self.tally.take(*at.path, "on_true")
        self.tally.take(*at.path, "on_false")
        if not yes and not no:
            self.tally.lost(at.path, "a condition behind which nothing is done: it is left out")
            return []
        return [{"title": title, "choose": holds, "true": yes, "false": no}]

    def _while(self, at: _Walked, name: str, title: str) -> dict[str, Any]:
        """No step is done twice here: the first time is ours, the others are a person's."""
        step, path = at.step, (*at.path, "condition")
        holds = self._words.condition(step["condition"], name, path)
        inner = self._inside(at, step["on_true"])
        self.tally.take(*at.path, "on_true")
        self.tally.lost(at.path, "a loop: it is done once, and a person does it again", fill=True)
        condition = self._words.plain(step["condition"], path)
        titles = [f"- {each.get('title', '')}" for each in inner]
        says = f"As long as this holds, do the following again, in this order: {condition}"
        again = self._hands(
            f"{name}_again", f"Again: {title}"[:_TITLE_MAX], "\n".join([says, *titles])
        )
        return {"title": title, "choose": holds, "true": [*inner, again], "false": []}

    def _switch(self, at: _Walked, name: str, title: str) -> list[dict[str, Any]]:
        step, cases = at.step, at.step["cases"]
        if len(cases) > _CASES_MAX:
            self._refuse((*at.path, "cases"), f"there are more than {_CASES_MAX} cases")
        made = {value: self._inside(at, head) for value, head in cases.items()}
        self.tally.take(*at.path, "switch")
        self.tally.take(*at.path, "cases")
        default = made.pop("default", [])
        named = {value: f"case_{number}" for number, value in enumerate(made, 1)}
        if not made:
            return default
        chosen = "'otherwise'"
        tests = {value: self._words.case(step["switch"], value) for value in made}
        for value in reversed(made):
            chosen = f"{tests[value]} ? {cel_text(named[value])} : {chosen}"
        if None in tests.values() or len(chosen.encode()) > SOURCE_BYTES_MAX:
            self.tally.lost((*at.path, "switch"), "it is asked of a person which case it is")
            told = ", ".join(f"{named[v]}: {self._words.plain(v, at.path)}" for v in made)
            question = f"Which case is it of {self._words.plain(step['switch'], at.path)}? {told}"
            asked = self._words.ask(f"{name}_case", question, list(named.values()))
            chosen = f"{asked} == 'unknown' ? 'otherwise' : {asked}"
        branches = {named[value]: steps for value, steps in made.items()}
        return [{"title": title, "choose": chosen, **branches, "otherwise": default}]

    def _refuse(self, path: Path, what: str) -> NoReturn:
        raise FormatFaults((FormatFault(self._file, 0, 0, f"{pointer(*path)}: {what}"),))


def _as_one(steps: list[Any]) -> dict[str, Any]:
    return steps[0] if len(steps) == 1 else {"block": steps}


def _ext(step: Mapping[str, Any]) -> Mapping[str, Any]:
    extensions = step.get("step_extensions")
    found = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    return found if isinstance(found, dict) else {}


def _fits(ours: Mapping[str, Any], kind: str) -> bool:
    """Whether what our extension says of a step can be said of one of this type."""
    words, own = ours.get("words"), ours.get("kind")
    handler = words.get("on_failure", "stop") if isinstance(words, dict) else None
    return (
        isinstance(words, dict)
        # The steps of a handler stand in the workflow, where everybody can see them.
        and (isinstance(handler, str) or (isinstance(handler, dict) and {*handler} == {"handled"}))
        and own in _OURS.get(kind, frozenset())
        and not _FROM_THE_WAY & words.keys()
        and (own in words or own in _FROM_THE_WAY)
        and kind_of(words) in {own, ""}
    )


def _is_head(ours: Any) -> bool:
    return (
        isinstance(ours, dict)
        and isinstance(ours.get("words"), dict)
        and re.fullmatch(RUNBOOK_NAME, str(ours["words"].get("runbook"))) is not None
        and all(
            isinstance(ours.get(name), list) and all(isinstance(each, str) for each in ours[name])
            for name in ("order", "parts")
        )
    )
