"""What a playbook says in words: its texts with their variables, conditions, commands.

A variable that its caller gives becomes an input; one that a step sets becomes an input that is
asked when it is first needed, for only a person can say what came out; one that never changes is
put in where it stands. No text of a playbook becomes an expression.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from respond.core.runbook_head import InputKind
from respond.core.showable import showable
from respond.formats.cacao.cacao_terms import COMMAND_TYPES, VARIABLE, Path
from respond.formats.cacao.playbook_file import unpacked
from respond.formats.cacao.stix_conditions import KnownInput, as_cel
from respond.formats.cacao.what_is_taken import Tally
from respond.formats.expression.syntax import SOURCE_BYTES_MAX
from respond.formats.kinds import NAME_MAX
from respond.formats.runbook.input_entries import OPTION_NAMES
from respond.formats.runbook.keywords import RUNBOOK_NAME

__all__ = ["PlaybookWords", "clipped", "free_name", "slug", "snake"]

_ASK_MAX: Final = 300
_TEXT_MAX: Final = 20_000
_USED: Final = re.compile(rf"({VARIABLE.pattern}):value")
_KINDS: Final = {
    "integer": InputKind.INTEGER,
    "long": InputKind.INTEGER,
    "bool": InputKind.BOOLEAN,
}
_UNSAID: Final[Mapping[InputKind, Any]] = {InputKind.INTEGER: 0, InputKind.BOOLEAN: False}
"""What an input is that nobody has answered; else the empty text."""

_NOT_OURS: Final = (
    "The playbook has this as a command of type {kind}. respond runs no such command. Read it; if"
    " it is right, carry it out where it belongs:"
)


class PlaybookWords:
    """The texts of one playbook, and the inputs that they need."""

    def __init__(
        self, playbook: Mapping[str, Any], tally: Tally, ours: Mapping[str, Any] | None = None
    ) -> None:
        """Read the variables; with ``ours``, which are inputs already, only those are known."""
        self._playbook = playbook
        self._tally = tally
        self._workflow: Mapping[str, dict[str, Any]] = playbook["workflow"]
        self._set = {name for step in self._workflow.values() for name in _texts(step, "out_args")}
        self._known: dict[str, KnownInput] = {}
        self._literals: dict[str, str] = {}
        self._taken = OPTION_NAMES | (ours or {}).keys()
        self.inputs: dict[str, dict[str, Any]] = {}
        """Those that have to stand in the runbook besides ours."""
        if ours is not None:
            self._known = {
                f"__{name}__": KnownInput(name, _kind(each)) for name, each in ours.items()
            }
            return
        given = playbook.get("playbook_variables")
        for name, each in given.items() if isinstance(given, dict) else ():
            self._variable(name, each, ("playbook_variables", name))
        for source, step in self._workflow.items():
            inner = step.get("step_variables")
            for name, each in inner.items() if isinstance(inner, dict) else ():
                if name not in self._known and name not in self._literals:
                    self._variable(name, each, ("workflow", source, "step_variables", name))

    # --- variables ------------------------------------------------------------------------------

    def _variable(self, name: str, given: Any, path: Path) -> None:
        if not isinstance(given, dict) or not VARIABLE.fullmatch(name):
            self._tally.lost(path, "this is no variable", fill=True)
            return
        for word in ("type", "value", "constant", "external", "description"):
            self._tally.take(*path, word)
        value = given.get("value") if isinstance(given.get("value"), str) else None
        is_external = given.get("external") is True
        if value is not None and not is_external and name not in self._set:
            self._literals[name] = value
            return
        self._known[name] = self._input(name, given, value, path, late=not is_external)

    def _input(
        self, name: str, given: Mapping[str, Any], value: str | None, path: Path, *, late: bool
    ) -> KnownInput:
        own = free_name(snake(name), self.inputs.keys() | self._taken)
        kind = _KINDS.get(str(given.get("type")), InputKind.TEXT)
        if self._is_secret(name):
            self.inputs[own] = {"type": "secret", "required": False, "ask": f"{own} (hidden)"}
            return KnownInput(own, InputKind.SECRET)
        if given.get("type") == "dictionary":
            self._tally.lost((*path, "type"), "a dictionary is a text here")
        asked = self.plain(given.get("description") or f"Value of {own}", (*path, "description"))
        told: dict[str, Any] = {"type": kind.value, "ask": clipped(asked, _ASK_MAX)}
        if len(asked) > _ASK_MAX:
            self._tally.lost((*path, "description"), f"cut after {_ASK_MAX} characters")
        default = _default(kind, value if value is None else self._shown(value, (*path, "value")))
        if value is not None and default is None:
            self._tally.lost((*path, "value"), f"no {kind.value}, so it is no default", fill=True)
        if late:
            told |= {"late": True, "default": _UNSAID.get(kind, "") if default is None else default}
        elif default is not None:
            told["default"] = default
        self.inputs[own] = told
        return KnownInput(own, kind)

    def _is_secret(self, name: str) -> bool:
        infos = self._playbook.get("authentication_info_definitions")
        return any(
            field in {"password", "token"} and name in str(value)
            for info in (infos.values() if isinstance(infos, dict) else ())
            for field, value in info.items()
        )

    def ask(self, name: str, question: str, of: list[str]) -> str:
        """Have a person say something when a step needs it; the expression of the answer."""
        own = free_name(name, self.inputs.keys() | self._taken)
        self.inputs[own] = {
            "type": "choice",
            "of": ["unknown", *of],
            "default": "unknown",
            "late": True,
            "ask": clipped(question, _ASK_MAX * 3),
        }
        return f"inputs.{own}"

    def variable(self, used: str) -> KnownInput | None:
        """The input that a use of a variable (``__name__:value``) means."""
        return self._known.get(used.removesuffix(":value"))

    # --- conditions -----------------------------------------------------------------------------

    def condition(self, text: str, name: str, path: Path) -> str:
        """A condition as an expression of ours; where it is richer, a person is asked."""
        self._tally.take(*path)
        found = as_cel(text, self._known)
        if found is not None and len(found.encode()) <= SOURCE_BYTES_MAX:
            return found
        self._tally.lost(path, "a condition that is asked of a person when it is needed")
        question = f"Does this hold: {self.plain(text, path)}"
        return f"{self.ask(f'{name}_holds', question, ['yes', 'no'])} == 'yes'"

    def case(self, used: str, value: str) -> str | None:
        """Whether a variable has a value, as an expression; None where it cannot be said."""
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return as_cel(f"{used} = '{escaped}'", self._known)

    # --- texts ----------------------------------------------------------------------------------

    def plain(self, text: Any, path: Path) -> str:
        """A text in one line, in which variables are only named."""
        return " ".join(self._shown(str(text), path).split())

    def filled(self, text: str, path: Path) -> str:
        """A text that a person reads during a run, with the values of its variables."""
        told, at = [], 0
        for found in _USED.finditer(text):
            told += [self._shown(text[at : found.start()], path), self._value(found[1], path)]
            at = found.end()
        whole = "".join([*told, self._shown(text[at:], path)])
        return self._short(whole, path)

    def _short(self, text: str, path: Path) -> str:
        if len(text) > _TEXT_MAX:
            self._tally.lost(path, f"cut after {_TEXT_MAX} characters", fill=True)
        return text[:_TEXT_MAX]

    def _value(self, name: str, path: Path) -> str:
        if name in self._literals:
            return self._shown(self._literals[name], path)
        known = self._known.get(name)
        if known is None:
            self._tally.lost(path, f"there is no variable {name}", fill=True)
            return name
        if known.kind is InputKind.SECRET:
            return f"({known.name}, which is a secret)"
        if known.kind is InputKind.TEXT:
            return f"${{{{ inputs.{known.name} }}}}"
        return f"${{{{ string(inputs.{known.name}) }}}}"

    def _shown(self, text: str, path: Path) -> str:
        """Text from outside: nothing invisible in it, and nothing that we would work out."""
        told = showable(text, limit=len(text) * 10 + 1, newlines=True).replace("${{", "$ {{")
        if told != text:
            self._tally.lost(path, "characters that are invisible, or an expression, stand changed")
        return told

    # --- commands -------------------------------------------------------------------------------

    def instructions(self, source: str, step: Mapping[str, Any], number: int) -> str:
        """What a person does of one command of a step."""
        path: Path = ("workflow", source, "commands", number)
        command = step["commands"][number]
        kind = command["type"]
        self._tally.take(*path, "type")
        lines = list(self._described(step, ("workflow", source))) if number == 0 else []
        lines += self._described(command, path)
        if kind not in COMMAND_TYPES:
            self._tally.lost((*path, "type"), "not a type that CACAO 2.0 names")
        if kind == "manual":
            lines += (self.filled(text, place) for text, place in self._bodies(command, path))
        else:
            what = f"a command of type {self.plain(kind, path)}: a person carries it out"
            self._tally.lost(path, what)
            lines.append(_NOT_OURS.format(kind=self.plain(kind, path)))
            for text, place in self._bodies(command, path):
                lines += self._quoted(text, place)
        lines += self._who(step, source)
        return "\n".join(lines) or "Nothing is said of what is to be done."

    def _quoted(self, text: str, path: Path) -> Iterator[str]:
        """A text in a language of its own: no value is put into it, each stands below it."""
        yield self._short(self._shown(text, path), path)
        for name in dict.fromkeys(_USED.findall(text)):
            yield f"{name} is: {self._value(name, path)}"

    def _described(self, thing: Mapping[str, Any], path: Path) -> Iterator[str]:
        if isinstance(thing.get("description"), str):
            self._tally.take(*path, "description")
            yield self.filled(thing["description"], (*path, "description"))

    def _bodies(self, command: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Path]]:
        """The texts of a command, unpacked, with their places."""
        for word in ("command", "content"):
            if isinstance(command.get(word), str):
                self._tally.take(*path, word)
                yield command[word], (*path, word)
            packed = command.get(f"{word}_b64")
            place = (*path, f"{word}_b64")
            told = unpacked(packed) if isinstance(packed, str) else None
            if told is not None:
                self._tally.take(*place)
                yield told, place
            elif packed is not None:
                what = "it is not text, and stands nowhere in the runbook"
                self._tally.lost(place, what, fill=True)
        headers = command.get("headers")
        for name, values in headers.items() if isinstance(headers, dict) else ():
            self._tally.take(*path, "headers", name)
            given = values if isinstance(values, list) else [values]
            yield f"Header {name}: {', '.join(map(str, given))}", (*path, "headers", name)

    def _who(self, step: Mapping[str, Any], source: str) -> Iterator[str]:
        """By whom, and on what: the agent and the targets of a step."""
        named: list[tuple[str, Any, Path, str]] = [
            ("agent", step.get("agent"), ("agent",), "agent_definitions")
        ]
        named += [
            ("targets", each, ("targets", number), "target_definitions")
            for number, each in enumerate(_listed(step, "targets"))
        ]
        for says, each, place, where in named:
            told = self.named(each, where)
            if told:
                self._tally.take("workflow", source, *place)
                yield f"{'On' if says == 'targets' else 'By'}: {told}"

    def named(self, each: Any, where: str) -> str:
        """An agent or a target, with its addresses; empty where there is none."""
        definitions = self._playbook.get(where)
        if not isinstance(each, str) or not isinstance(definitions, dict):
            return ""
        found = definitions.get(each)
        if not isinstance(found, dict):
            return ""
        path: Path = (where, each)
        for word in ("type", "name", "address", "port", "description", "category"):
            self._tally.take(*path, word)
        told = [self.filled(str(found.get("name", "")), (*path, "name"))]
        told.append(self.plain(found.get("type", ""), (*path, "type")))
        address = found.get("address")
        for kind, values in address.items() if isinstance(address, dict) else ():
            place = (*path, "address", kind)
            given = ", ".join(map(str, values)) if isinstance(values, list) else str(values)
            told.append(f"{self.plain(kind, place)} {self.filled(given, place)}")
        if found.get("port"):
            told.append(f"port {self.filled(str(found['port']), (*path, 'port'))}")
        told += (
            self.filled(_as_text(found[word]), (*path, word))
            for word in ("description", "category")
            if found.get(word)
        )
        return "; ".join(filter(None, told))


def _kind(given: Any) -> InputKind:
    """What an input of ours is, as far as a condition has to know."""
    told = given.get("type") if isinstance(given, dict) else None
    kinds = (InputKind.INTEGER, InputKind.BOOLEAN, InputKind.SECRET)
    return next((kind for kind in kinds if kind.value == told), InputKind.TEXT)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _listed(thing: Mapping[str, Any], name: str) -> list[Any]:
    given = thing.get(name)
    return given if isinstance(given, list) else []


def _texts(thing: Mapping[str, Any], name: str) -> Iterator[str]:
    yield from (each for each in _listed(thing, name) if isinstance(each, str))


def _default(kind: InputKind, value: str | None) -> Any:
    """A variable's value as an input's default; None where it is none."""
    match kind, value:
        case _, None:
            return None
        case InputKind.INTEGER, str(text):
            return int(text) if re.fullmatch(r"-?(0|[1-9][0-9]{0,14})", text, re.ASCII) else None
        case InputKind.BOOLEAN, str(text):
            return {"true": True, "false": False}.get(text.lower())
        case _, str(text):
            return text


def clipped(text: str, limit: int) -> str:
    """A text that fits, with dots where something is missing."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def snake(text: str) -> str:
    """A name out of a text: ``user_email``."""
    told = re.sub(r"[^a-z0-9]+", "_", text.lower(), flags=re.ASCII).strip("_")[: NAME_MAX - 8]
    return told if re.match("[a-z]", told) else f"a_{told}".rstrip("_")


def free_name(name: str, taken: AbstractSet[str]) -> str:
    """The name, with a number where it is taken."""
    numbers = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (name, *numbers) if each not in taken)


def slug(text: str) -> str:
    """The name of a runbook out of its title."""
    told = re.sub(r"[^a-z0-9]+", "-", text.lower(), flags=re.ASCII).strip("-")[:NAME_MAX].strip("-")
    return told if re.fullmatch(RUNBOOK_NAME, told) else f"playbook-{told}".rstrip("-")[:NAME_MAX]
