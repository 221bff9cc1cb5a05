"""Say what the events of a delivery ask for: which runbook, with which inputs, or which open run.

A hook of ``respond.toml`` names the runbook, and the event fills typed inputs of it, nothing else
(P13). What does not fit an input is left out with a note, so that a person is asked for it; no
event is lost over it, and nothing is guessed. No I/O: runbooks and the states of runs are handed
in, and so is the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from respond.core.fold import RunState, RunStatus
from respond.core.incoming import Delivery, Incoming, Means
from respond.core.inputs import input_value
from respond.core.plan import digest_of
from respond.core.recorded import OutsideEvent
from respond.core.records import Frozen
from respond.core.runbook import TIMES, Input, InputKind, Runbook
from respond.core.secret_looks import looks_secret, names_an_id
from respond.core.shapes import ShapeError
from respond.core.showable import hidden_character, showable
from respond.core.values import Value
from respond.engine.proposing import GivenInputs, missing
from respond.errors import UsageError
from respond.formats.expression.expressions import ExpressionFault, Expressions, ExpressionTemplate
from respond.formats.faults import Faults, FormatFault, FormatFaults
from respond.formats.project.hook_expressions import HookReads, read_hook
from respond.formats.project.project import FILE, HookConfig, Project, SourceConfig, Where
from respond.formats.typed_inputs import parse_input
from respond.senders import check_options

__all__ = ["Hook", "Wanted", "as_recorded", "joins", "load_hooks", "wanted"]

_NO_KEY: Final = re.compile(r'Key not found in map : "(.*)"')
_NOT_CARRIED: Final = re.compile("[\x00\ud800-\udfff]")
_INTEGER_MAX: Final = 2**53 - 1
_DEPTH_MAX: Final = 32
_FACT_MAX: Final = 1_000
_NOTE_MAX: Final = 300


class Hook(Frozen):
    """One of ``[[hooks]]``, with its expressions checked and its runbook loaded."""

    config: HookConfig
    runbook: Runbook
    reads: HookReads


class Wanted(Frozen):
    """What one event asks for of one runbook.

    Attributes:
        begins: Whether it may begin a run. News about something can only join one.
        given: Inputs, typed; never a secret.
        lacking: Inputs that a person still has to give.
        notes: Why something that the event said was not taken, showable.
        keys: What a run has to share to be about the same: the first is about the sender's own
            thing, the second, where there is one, about the same inputs.
        event: Where it came from, for the record: texts are kept short and hold no secret.
    """

    runbook: Runbook
    begins: bool
    given: GivenInputs
    lacking: tuple[str, ...]
    notes: tuple[str, ...]
    keys: tuple[str, ...]
    title: str
    event: OutsideEvent


# --- at the start -------------------------------------------------------------------------------


def load_hooks(project: Project, load_runbook: Callable[[str], Runbook]) -> tuple[Hook, ...]:
    """Load every runbook that a hook or a source names, and hold the hooks against them.

    Args:
        load_runbook: Gives a runbook by its name; raises as ``wiring.load_runbook``.

    Raises:
        FormatFaults: Something in ``respond.toml``, or in such a runbook, is wrong.
    """
    faults = (project.where or Where(FILE, b"", "")).faults()
    loading = _Loading(faults, load_runbook)
    using = Expressions()
    made: list[Hook] = []
    for name, source in project.sources.items():
        if trouble := check_options(source.options):
            faults.at(("sources", name, "options"), trouble)
        for runbook in source.runbooks:
            loading.runbook(runbook, ("sources", name, "runbooks"))
    for number, hook in enumerate(project.hooks):
        path = ("hooks", number, "runbook")
        allowed = project.sources.get(hook.source)
        if allowed is None or hook.runbook not in allowed.runbooks:
            what = f"the source '{hook.source}' may not propose '{showable(hook.runbook)}'"
            faults.at(path, what)
        elif (found := loading.runbook(hook.runbook, path)) is not None:
            made.append(Hook(hook, found, read_hook(faults, number, hook, found, using)))
    faults.refuse()
    return tuple(made)


def hook_faults(project: Project, load_runbook: Callable[[str], Runbook]) -> list[FormatFault]:
    """What ``load_hooks`` refuses; but faults of a runbook's own file are said with that."""
    name = project.where.source.name if project.where is not None else ""
    try:
        load_hooks(project, load_runbook)
    except FormatFaults as error:
        return [fault for fault in error.faults if fault.name == name]
    return []


class _Loading:
    """Each runbook once, and its faults once."""

    def __init__(self, faults: Faults, load: Callable[[str], Runbook]) -> None:
        self._faults = faults
        self._load = load
        self._loaded: dict[str, Runbook | None] = {}

    def runbook(self, name: str, path: tuple[str | int, ...]) -> Runbook | None:
        if name not in self._loaded:
            self._loaded[name] = self._fresh(name, path)
        return self._loaded[name]

    def _fresh(self, name: str, path: tuple[str | int, ...]) -> Runbook | None:
        try:
            return self._load(name)
        except UsageError as error:
            self._faults.at(path, error.what, error.why)
        except FormatFault as fault:
            self._faults.take([fault])
        except FormatFaults as found:
            self._faults.take(found.faults)
        return None


# --- when an event comes ------------------------------------------------------------------------


def wanted(
    hooks: Iterable[Hook], source: SourceConfig, delivery: Delivery, event: Incoming, now_s: int
) -> list[Wanted]:
    """What an event asks for: at most once of each runbook, by the first hook that takes it.

    An event that only goes on with something, or ends it, is held against every runbook of the
    source's hooks: it can join a run and begins none, and so does one at which ``when`` came to no
    result. A test asks for nothing.
    """
    if event.means is Means.TEST:
        return []
    made: dict[str, Wanted] = {}
    for hook in hooks:
        name = hook.runbook.name
        if hook.config.source == source.name and name in source.runbooks:
            if name in made and made[name].begins:
                continue
            found = _Look(hook, source, delivery, event, now_s).wanted()
            if found is not None and (found.begins or name not in made):
                made[name] = found
    return list(made.values())


def joins(asked: Wanted, states: Iterable[RunState]) -> str:
    """Id of the open run that an event belongs to, the oldest; empty when there is none.

    Args:
        states: In the order in which the runs were proposed.
    """
    open_runs = [state for state in states if state.status is not RunStatus.ENDED]
    for key in asked.keys:
        for state in open_runs:
            if key in state.proposed.keys:
                return state.id
    return ""


class _Look:
    """One event before one hook."""

    def __init__(
        self, hook: Hook, source: SourceConfig, delivery: Delivery, event: Incoming, now_s: int
    ) -> None:
        self._hook = hook
        self._source = source
        self._delivery = delivery
        self._event = event
        self._now_s = now_s
        self._notes: list[str] = []
        self._scope = _scope(hook.reads, source, delivery, event)

    def wanted(self) -> Wanted | None:
        runbook = self._hook.runbook
        begins = self._event.means is Means.BEGINS and self._is_meant()
        if self._event.means is Means.BEGINS and not begins and not self._notes:
            return None
        given = self._inputs() if begins else GivenInputs()
        keys = tuple(self._keys(given))
        return Wanted(
            runbook=runbook,
            begins=begins,
            given=given,
            lacking=tuple(missing(runbook, given)) if begins else (),
            notes=tuple(self._notes),
            keys=keys,
            title=as_recorded(self._event.title),
            event=self._facts(),
        )

    def _is_meant(self) -> bool:
        """Whether ``when`` takes it. One that comes to no result does not, and is said."""
        when = self._hook.reads.when
        if when is None:
            return True
        try:
            return self._hook.reads.using.evaluate(when, self._scope) is True
        except ExpressionFault as fault:
            self._note(f"when: {_said(fault)}")
            return False

    def _inputs(self) -> GivenInputs:
        declared = {each.name: each for each in self._hook.runbook.inputs}
        given = GivenInputs()
        for name, template in self._hook.reads.inputs.items():
            value = self._input(declared[name], template)
            # Of a late list, that there is nothing is an answer, too: nobody has to be asked.
            if value not in (None, "", []) or (declared[name].late and value == []):
                given.values[name] = value
        return given

    def _input(self, declared: Input, template: ExpressionTemplate) -> Value:
        try:
            filled = self._hook.reads.using.fill(template, self._scope)
            return _typed(declared, filled, now_s=self._now_s)
        except ExpressionFault as fault:
            self._note(f"{declared.name}: {_said(fault)}")
        except UsageError as error:
            self._note(error.sentence)
        return None

    def _keys(self, given: GivenInputs) -> Iterator[str]:
        runbook = self._hook.runbook
        about = self._about()
        if about:
            yield digest_of({"runbook": runbook.name, "source": self._source.name, "about": about})
        apart = {each.name for each in runbook.inputs if each.kind in TIMES or each.origin}
        same = {name: value for name, value in given.values.items() if name not in apart}
        if same:
            yield digest_of({"runbook": runbook.name, "inputs": same})

    def _about(self) -> str:
        expression = self._hook.reads.about
        if expression is None:
            return _whole(self._event.about)
        try:
            found = self._hook.reads.using.evaluate(expression, self._scope)
        except ExpressionFault as fault:
            self._note(f"about: {_said(fault)}")
            found = None
        return _whole(found if isinstance(found, str) and found else self._event.about)

    def _facts(self) -> OutsideEvent:
        event = self._event
        return OutsideEvent(
            source=self._source.name,
            sender=self._delivery.sender,
            delivery=self._delivery.id,
            key=as_recorded(event.key, is_id=True),
            # Where a source says itself what its events are about, it may point at anything.
            about=as_recorded(event.about, is_id=not event.about.startswith("thing/")),
            type=as_recorded(event.type),
            means=event.means,
            title=as_recorded(event.title),
            at=as_recorded(event.at),
            url=as_recorded(event.url, is_id="?" not in event.url) if _is_https(event.url) else "",
            weak=self._delivery.weak,
            age_s=_age_s(event.at, self._delivery.at_ms),
        )

    def _note(self, text: str) -> None:
        self._notes.append(
            "a text that looks like a credential was not taken"
            if looks_secret(text)
            else showable(text, limit=_NOTE_MAX)
        )


def _age_s(at: str, came_ms: int) -> int:
    """How old an event was when it came; 0 where it gives no time with a zone."""
    try:
        then = datetime.fromisoformat(at)
    except ValueError:
        return 0
    return 0 if then.tzinfo is None else max(0, came_ms // 1000 - int(then.timestamp()))


# --- values -------------------------------------------------------------------------------------


def _typed(declared: Input, filled: Value, *, now_s: int) -> Value:
    """What came out of a hook as the input's own type; None for nothing.

    Raises:
        UsageError: It does not fit.
    """
    match filled:
        case None:
            return None
        case bool():
            text = "true" if filled else "false"
        case int() | str():
            text = str(filled)
        case list() if declared.kind is InputKind.LIST:
            return _listed(declared, filled)
        case _:
            raise UsageError(f"{declared.name}: what the event has there is no single value")
    _refuse_secret(declared, text)
    return parse_input(declared, text, now_s=now_s) if text.strip() else None


def _listed(declared: Input, items: Sequence[Value]) -> Value:
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items) or any(hidden_character(text) or "\n" in text for text in texts):
        raise UsageError(f"{declared.name}: what the event has there is no list of plain texts")
    for text in texts:
        _refuse_secret(declared, text)
    try:
        return input_value(declared, texts)
    except ShapeError as error:
        raise UsageError(f"{declared.name} does not fit", why=str(error)) from error


def _refuse_secret(declared: Input, text: str) -> None:
    # Inputs stand in the journal in clear; somebody may have pasted a key into an alert.
    if kind := looks_secret(text, is_id=names_an_id(declared.name)):
        raise UsageError(f"{declared.name}: it looks like {kind}, and was not taken")


def _scope(
    reads: HookReads, source: SourceConfig, delivery: Delivery, event: Incoming
) -> dict[str, Value]:
    """What expressions read. The body is made ready only for hooks that look into it."""
    reads_body = any(ref.split(".")[:2] == ["event", "body"] for ref in reads.refs)
    return {
        "event": {
            "source": source.name,
            "sender": delivery.sender,
            "key": _carried(event.key),
            "about": _carried(event.about),
            "type": _carried(event.type),
            "means": event.means.value,
            "title": _carried(event.title),
            "status": _carried(event.status),
            "severity": _carried(event.severity),
            "service": _carried(event.service),
            "at": _carried(event.at),
            "url": _carried(event.url),
            "runbook": _carried(event.runbook),
            "weak": delivery.weak,
            "labels": {_carried(name): _carried(text) for name, text in event.labels.items()},
            "body": _plain(event.body) if reads_body else None,
        }
    }


def _carried(text: str) -> str:
    """Text as expressions can carry it.

    They refuse NUL and halves of surrogate pairs, and one label with such a thing would hide all
    others. Another control character stands for these: no input takes it either.
    """
    return _NOT_CARRIED.sub("\x01", text)


def _plain(value: Any, depth: int = 0) -> Value:
    """JSON as expressions take it: a number that they do not have is its text."""
    match value:
        case None | bool():
            return value
        case str():
            return _carried(value)
        case int():
            return value if abs(value) <= _INTEGER_MAX else str(value)
        case float():
            return repr(value)
        case list() if depth < _DEPTH_MAX:
            return [_plain(item, depth + 1) for item in value]
        case dict() if depth < _DEPTH_MAX:
            return {_carried(str(key)): _plain(item, depth + 1) for key, item in value.items()}
        case _:
            return None


def _said(fault: ExpressionFault) -> str:
    """Why there is no result; a label that is missing is the usual reason."""
    found = _NO_KEY.search(fault.what)
    return f"the event has no {found[1]}" if found else fault.what


def _whole(text: str) -> str:
    """Text that a digest can be made of."""
    return text.encode("utf-8", "replace").decode()


def as_recorded(text: str, *, is_id: bool = False) -> str:
    """A text of the event as the record keeps it."""
    if looks_secret(text, is_id=is_id):
        return "(a text that looks like a credential)"
    return _whole(text[:_FACT_MAX])


def _is_https(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and hidden_character(text) is None
