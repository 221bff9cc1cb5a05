"""Read the inputs of a runbook file, and what else the file says about them by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from respond.core.inputs import input_value, pattern_trouble
from respond.core.runbook_head import Input, InputKind
from respond.errors import ShapeError
from respond.formats.faults import Faults, did_you_mean
from respond.formats.fitting import Fitted, Given
from respond.formats.runbook import keywords as kw
from respond.formats.tree import Mapping as MappingNode

__all__ = [
    "OPTION_NAMES",
    "read_inputs",
    "read_rehearsal",
    "read_require",
    "read_stand_ins",
    "read_subject",
    "text_of",
    "texts_of",
]


_WRITE_METHODS: Final = ("PUT", "POST", "PATCH", "DELETE")

OPTION_NAMES: Final = frozenset({
    "break_glass", "by_hand", "connection", "dry_run", "fail_on", "help", "incident", "json",
    "new_journal", "reason", "step", "step_by_step", "suspect", "verbose", "yes",
})  # fmt: skip
"""Options of runbooks' commands: an input of such a name could never be given there."""


def read_inputs(
    fitted: Fitted, actions: Mapping[str, type] | None, faults: Faults
) -> tuple[Input, ...]:
    """The inputs, in order; what cannot be made is reported and left out.

    ``actions`` is None where nobody knows them; then ``pick`` is not looked at.
    """
    given: Fitted = fitted["inputs"].value if "inputs" in fitted else {}
    made = (_input(name, each, actions, faults) for name, each in given.items())
    return tuple(each for each in made if each is not None)


def _input(
    name: str, given: Given, actions: Mapping[str, type] | None, faults: Faults
) -> Input | None:
    words: Fitted = given.value
    if name in OPTION_NAMES:
        what = f"an input cannot be called '{name}': --{name.replace('_', '-')} is an option"
        hint = "every runbook has that option; choose another name"
        faults.add(given.mark, what, hint=hint, path=given.path)
    if "type" not in words:
        return None
    kind = InputKind(words["type"].value)
    made = Input(
        name=name,
        kind=kind,
        ask=text_of(words, "ask"),
        required=words["required"].value if "required" in words else True,
        of=tuple(each.value for each in words["of"].value) if "of" in words else (),
        pick=text_of(words, "pick"),
        pattern=text_of(words, "pattern"),
        example=text_of(words, "example"),
        late=words["late"].value if "late" in words else False,
        origin=words["origin"].value if "origin" in words else False,
    )
    _check_words_of_kind(made, given, words, faults)
    if actions is not None and "pick" in words:
        _check_pick(words["pick"], actions, faults)
    default = _default(made, words, faults)
    return made if default is None else made._replace(default=default)


_MATCHED: Final = frozenset({InputKind.TEXT, InputKind.EMAIL, InputKind.URL, InputKind.LIST})


def _check_words_of_kind(made: Input, given: Given, words: Fitted, faults: Faults) -> None:
    kind = made.kind
    has_of = isinstance(given.node, MappingNode) and given.node.get("of") is not None
    if kind is InputKind.CHOICE and not has_of:
        faults.add(given.mark, f"the choice '{made.name}' needs 'of'", path=given.path)
    if kind is not InputKind.CHOICE and "of" in words:
        faults.add(words["of"].mark, f"'of' goes with the type choice, not {kind.value}")
    if "of" in words and len(set(made.of)) < len(made.of):
        faults.add(words["of"].mark, "'of' has a value twice", path=words["of"].path)
    if made.late and (kind is InputKind.SECRET or (made.required and "default" not in words)):
        what = f"'late' goes with what may be left out, and '{made.name}' may not"
        hint = "say required: false, or give a default; a secret is never late"
        faults.add(words["late"].mark, what, hint=hint, path=words["late"].path)
    for word in ("pattern", "pick"):
        if word in words and kind not in _MATCHED:
            faults.add(words[word].mark, f"'{word}' does not go with the type {kind.value}")
    if "pattern" in words and (trouble := pattern_trouble(made.pattern)):
        faults.add(words["pattern"].mark, f"'pattern': {trouble}", path=words["pattern"].path)


def _check_pick(given: Given, actions: Mapping[str, type], faults: Faults) -> None:
    from respond.formats.runbook.with_values import argument_fields  # noqa: PLC0415 - head() needs none

    needed = [each.name for each in argument_fields(actions[given.value]).values()
              if each.is_required]  # fmt: skip
    if needed:
        what = f"'pick' gives no arguments, and '{given.value}' needs '{needed[0]}'"
        faults.add(given.mark, what, path=given.path)


def _default(made: Input, words: Fitted, faults: Faults) -> Any:
    given = words.get("default")
    if given is None or given.value is None:
        return None
    if made.kind is InputKind.SECRET:
        what = "a secret has no default: a runbook never holds one"
        faults.add(given.mark, what, path=given.path, quotes=False)
        return None
    if "pattern" in words and pattern_trouble(made.pattern):
        return None
    if made.kind is InputKind.CHOICE and not made.of:
        return None
    try:
        return input_value(made, given.value)
    except ShapeError as error:
        hint = ""
        if made.kind is InputKind.CHOICE and isinstance(given.value, str):
            hint = did_you_mean(given.value, made.of)
        faults.add(given.mark, f"the default of {error}", hint=hint, path=given.path)
        return None


def read_require(
    fitted: Fitted, inputs: tuple[Input, ...], faults: Faults
) -> tuple[tuple[str, ...], ...]:
    """The groups of which one has to be given."""
    names = _declared(fitted, inputs)
    groups: list[tuple[str, ...]] = []
    for group in fitted["require"].value if "require" in fitted else []:
        for each in group.value:
            _check_input(each.value, each, names, faults)
            _check_is_early(each, inputs, faults)
        groups.append(tuple(each.value for each in group.value))
    return tuple(groups)


def read_subject(fitted: Fitted, inputs: tuple[Input, ...], faults: Faults) -> str:
    """Name of the input that says whom the incident is about, or empty."""
    given = fitted.get("subject")
    if given is None:
        return ""
    _check_input(given.value, given, _declared(fitted, inputs), faults)
    _check_is_early(given, inputs, faults)
    kinds = {each.name: each.kind for each in inputs}
    kind = kinds.get(given.value, InputKind.EMAIL)
    if kind not in {InputKind.EMAIL, InputKind.TEXT}:
        what = f"the subject is a person's e-mail address, and '{given.value}' is {kind.value}"
        faults.add(given.mark, what, path=given.path)
    return str(given.value)


def read_rehearsal(fitted: Fitted, inputs: tuple[Input, ...], faults: Faults) -> dict[str, Any]:
    """Inputs for a rehearsal, raw: the simulated company knows what they mean."""
    given: Fitted = fitted["rehearsal"].value if "rehearsal" in fitted else {}
    names = _declared(fitted, inputs)
    inputs_given = {name: each for name, each in given.items() if name != kw.STAND_INS}
    for name, each in inputs_given.items():
        _check_input(name, each, names, faults)
    return {name: each.value for name, each in inputs_given.items()}


def read_stand_ins(fitted: Fitted, faults: Faults) -> dict[str, list[dict[str, Any]]]:
    """What answers in a rehearsal, as plain data for the company."""
    given: Fitted = fitted["rehearsal"].value if "rehearsal" in fitted else {}
    if kw.STAND_INS not in given:
        return {}
    from respond.systems import NAMES  # noqa: PLC0415 - few runbooks declare any

    declared: Fitted = given[kw.STAND_INS].value
    found = {}
    for name, routes in declared.items():
        if name in NAMES:
            what = f"the simulated company has {name} already"
            faults.add(routes.mark, what, hint="call the connection otherwise", path=routes.path)
        # What lacks its key is a fault already, and says enough.
        found[name] = [_stand_in(r.value, faults) for r in routes.value if "read" in r.value]
    return found


def _stand_in(route: Fitted, faults: Faults) -> dict[str, Any]:
    """One route. Reads have one state each, before and after."""
    made = {name: each.value for name, each in route.items()}
    made["read"] = str(made["read"]).strip("/")
    _check_state(route, "answers", "read", faults)
    made["writes"] = []
    for given in route["writes"].value if "writes" in route else ():
        write: Fitted = given.value
        if "request" not in write:
            continue
        _check_state(write, "then", "request", faults)
        method, _, path = str(write["request"].value).partition(" ")
        if method not in _WRITE_METHODS or not path.strip("/ "):
            faults.add(
                write["request"].mark,
                f"{method[:20]!r} is no method that writes, or it has no path",
                hint=f"one of {', '.join(_WRITE_METHODS)}, a blank, and the path",
                path=write["request"].path,
            )
        asked = {"request": f"{method} {path.strip('/ ')}"}
        made["writes"].append({**{n: each.value for n, each in write.items()}, **asked})
    return made


def _check_state(record: Fitted, state: str, key: str, faults: Faults) -> None:
    """Say what is answered, or that it is gone."""
    gone = "gone" in record and record["gone"].value is True
    if (state in record) == gone:
        where, what = record[key], f"say either '{state}' or 'gone: true'"
        faults.add(where.mark, what, path=where.path)


def _declared(fitted: Fitted, inputs: tuple[Input, ...]) -> tuple[str, ...]:
    """Names of all inputs, those with faults too."""
    if "inputs" in fitted:
        return tuple(fitted["inputs"].value)
    return tuple(each.name for each in inputs)


def _check_input(name: str, given: Given, names: tuple[str, ...], faults: Faults) -> None:
    if name not in names:
        hint = did_you_mean(name, names)
        faults.add(given.mark, f"there is no input '{name}'", hint=hint, path=given.path)


def _check_is_early(given: Given, inputs: tuple[Input, ...], faults: Faults) -> None:
    if any(each.late and each.name == given.value for each in inputs):
        what = f"'{given.value}' is late, and this has to be known before the start"
        faults.add(given.mark, what, path=given.path)


def text_of(fitted: Fitted, name: str) -> str:
    """A word of a record; empty when it is not there."""
    given = fitted.get(name)
    return str(given.value) if given else ""


def texts_of(fitted: Fitted, key: str) -> tuple[str, ...]:
    """A list of texts; none where the key is not there."""
    return tuple(each.value for each in fitted[key].value) if key in fitted else ()
