"""A system so small that a test can hold it in its head: boxes with values, and a person.

``Boxes`` is the outside: it remembers, it can be slow to show, and it can break. The actions are
written as real ones are. ``BoxStage`` runs a runbook over them with the real engine, a journal in
memory and a clock that tests move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NewType

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.adapters.store.sealing import describe_secret
from respond.core.events import Actor, Record, Strength
from respond.core.fold import RunState
from respond.core.plan import Plan
from respond.core.policy import Policy
from respond.core.questions import Answer, AskInput, Decision, Question
from respond.core.records import Frozen, replace
from respond.core.runbook import Runbook
from respond.core.script import (
    Api,
    Becomes,
    Call,
    Connection,
    Done,
    Effect,
    Keep,
    Me,
    NotYet,
    Person,
    PersonRecord,
    Proof,
    Read,
    Reply,
    Script,
    Spec,
    Subject,
    Undo,
    Write,
    action,
)
from respond.core.values import Late, SecretHandle, Value
from respond.engine.engine import Engine, Tools
from respond.engine.proposing import GivenInputs, propose
from respond.engine.setting import Site
from respond.errors import (
    ExitCode,
    NoAnswerError,
    RefusedBySystemError,
    RespondError,
    StepFailedError,
)
from respond.formats.runbook.runbook_file import load
from respond.ports import Intent, Journal
from respond.testing.settable_clock import SettableClock

__all__ = ["ACTIONS", "DANA", "BoxStage", "Boxes", "Quiet", "Says", "runbook_of"]

DANA = Actor("dana", Strength.CLAIMED)
SETTLE_S = 5
SPREAD = "spread"
"""A box that stands in several places: one look at it proves nothing."""


# --- the outside --------------------------------------------------------------------------------


@dataclass(slots=True)
class Boxes:
    """Named boxes. It is both ends of the line: what reads, and what writes.

    Attributes:
        shows_after_s: How long a change takes until a look shows it.
        behind: Which reads after a write, from 1, a server answers that has not heard of it.
        broken: Called with each request before it is answered; what it raises comes out.
        lost: Called with each write after it took effect; what it raises comes out.
        writes: Every write that took effect, as ``METHOD /path``.
        reads: Every read.
    """

    clock: SettableClock
    values: dict[str, str] = field(default_factory=dict)
    shows_after_s: float = 0
    behind: frozenset[int] = frozenset()
    broken: Callable[[Call], None] = lambda _: None
    lost: Callable[[Call], None] = lambda _: None
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    hands: list[str] = field(default_factory=list)
    _past: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    _read_since: int = 0

    def fetch(self, call: Call) -> Reply:
        self.reads.append(call.says)
        self.broken(call)
        self._read_since += 1
        seen = self._past[-1][1] if self._past and self._read_since in self.behind else self._seen()
        if call.path == ("boxes",):
            return Reply(200, {}, {"names": sorted(seen)})
        return Reply(200, {}, {"value": seen.get(call.path[-1])})

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        intent.spend(digest)
        self.broken(call)
        self.writes.append(call.says)
        reply = self._change(call)
        self.lost(call)
        return reply

    def by_hand(self, task: Person[Any]) -> str | None:
        """A person changes a box in the console; what is no task of ours, the test does."""
        self.hands.append(task.task)
        if not task.task:
            return None
        value = task.about["value"]
        self.put(str(task.about["name"]), None if value is None else str(value))
        return None

    def put(self, name: str, value: str | None) -> None:
        """Somebody changes a box, whoever it is."""
        self._past.append((self.clock.mono_ms(), dict(self.values)))
        self._read_since = 0
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value

    def _change(self, call: Call) -> Reply:
        name = call.path[-1]
        match call.method:
            case "PUT":
                self.put(name, str(call.body["value"]))
            case "DELETE":
                self.put(name, None)
            case "SAY":
                self.said.append(str(call.body["text"]))
            case _:
                made = f"{name}-{len(self.writes)}"
                self.put(made, "new")
                return Reply(201, {}, {"id": made, "secret": f"s3cret-{made}"})
        return Reply(200, {}, {"ok": True})

    def _seen(self) -> dict[str, str]:
        then = self.clock.mono_ms() - self.shows_after_s * 1000
        for at, before in self._past:
            if at > then:
                return before
        return self.values


def refused(status: str = "403", *, again: bool = False, by_hand: bool = True) -> RespondError:
    return RefusedBySystemError(f"box answered {status}", code=status, again=again, by_hand=by_hand)


def no_answer() -> RespondError:
    return NoAnswerError("box did not answer in time", why="time-out")


# --- the actions --------------------------------------------------------------------------------

Name = NewType("Name", str)


class Box(Frozen):
    """What is known of a box."""

    name: Name
    value: str
    there: bool


class Names(Frozen):
    """Every box."""

    names: list[Name]


class Made(Frozen):
    """A box that was made."""

    id: Name
    secret: SecretHandle


class _BoxAction:
    spec: ClassVar[Spec]


def _call(me: Me, method: str, *path: str, body: Any = None) -> Call:
    return Call(me.connection.name, "", method, path, body=body)


def _box(me: Me, name: str) -> Subject[str | None]:
    looks = 2 if name == SPREAD else 1
    return Subject(f"{me.connection.name}/box/{name}", SETTLE_S, looks)


def _read(me: Me, name: str) -> Read[str | None]:
    return Read(
        _box(me, name), _call(me, "GET", "box", name), lambda replies: replies[0].body["value"]
    )


def _all(me: Me) -> Read[list[str]]:
    subject: Subject[list[str]] = Subject(f"{me.connection.name}/boxes", SETTLE_S)
    return Read(subject, _call(me, "GET", "boxes"), lambda replies: replies[0].body["names"])


def _becomes(me: Me, name: str, value: str | None) -> tuple[Becomes[Any], ...]:
    def listed(names: list[str]) -> list[str]:
        rest = [one for one in names if one != name]
        return rest if value is None else sorted([*rest, name])

    return (
        Becomes(_box(me, name), lambda _: value),
        Becomes(_all(me).subject, listed),
    )


def _write(
    me: Me, name: str, was: str | None, value: str | None, *, hand: bool, effect: Effect
) -> Write[None]:
    gone = value is None
    call = _call(me, "DELETE" if gone else "PUT", "box", name)
    if not gone:
        call = _call(me, "PUT", "box", name, body={"value": value})
    hands: Api[None] | Person[None] = Api(call, lambda _: None)
    if hand or me.by_hand:
        about = {"name": name, "value": value}
        hands = Person((f"Set {name}",), "https://box.example", "It is set", "box.set", about, None)
    back = (
        Undo("box.remove", {"name": name})
        if was is None
        else Undo("box.set", {"name": name, "value": was})
    )
    return Write(
        says=f"remove {name}" if gone else f"set {name} to {value}",
        verb="remove" if gone else "set",
        target=name,
        where="Boxes",
        effect=effect,
        hands=hands,
        before={"name": name, "value": was},
        after={"name": name, "value": value},
        becomes=_becomes(me, name, value),
        foretold=None,
        undo=back,
        stays=(f"{name}-2",),
    )


@action("box.read", effect=Effect.READS, output=Box, source="test")
class ReadBox(_BoxAction, Frozen):
    """Look into a box."""

    name: Name

    def run(self, me: Me) -> Script[Box]:
        value = yield from _read(me, self.name)
        return Done(Box(self.name, value or "", value is not None))


@action("box.list", effect=Effect.READS, output=Names, source="test")
class ListBoxes(_BoxAction, Frozen):
    """List the boxes."""

    def run(self, me: Me) -> Script[Names]:
        names = yield from _all(me)
        return Done(Names([Name(name) for name in names]))


@action("box.set", effect=Effect.WRITES, output=Box, source="test")
class SetBox(_BoxAction, Frozen):
    """Put a value into a box."""

    name: Name
    value: str
    hand: bool = False

    def run(self, me: Me) -> Script[Box]:
        was = yield from _read(me, self.name)
        if was != self.value:
            yield from _write(me, self.name, was, self.value, hand=self.hand, effect=Effect.WRITES)
        return Done(Box(self.name, self.value, there=True), says=f"{self.name} is {self.value}")


@action("box.remove", effect=Effect.DESTROYS, output=Names, source="test")
class RemoveBox(_BoxAction, Frozen):
    """Remove a box, and never the last one."""

    name: Name
    hand: bool = False

    def run(self, me: Me) -> Script[Names]:
        was = yield from _read(me, self.name)
        names = yield from _all(me)
        left = [Name(name) for name in names if name != self.name]
        if was is not None:
            if not left:
                raise StepFailedError(f"{self.name} is the last box")
            yield from _write(me, self.name, was, None, hand=self.hand, effect=Effect.DESTROYS)
        return Done(Names([]), says=f"{self.name} is gone", stays=tuple(left))


@action("box.make", effect=Effect.WRITES, output=Made, source="test")
class MakeBox(_BoxAction, Frozen):
    """Make a box whose id nobody knows before, and whose secret is shown once."""

    like: Name

    def run(self, me: Me) -> Script[Made]:
        secret = me.handle("secret")
        names = yield from _all(me)
        mine = [name for name in names if name.startswith(f"{me.mark}-{self.like}")]
        if mine:
            return Done(Made(Name(mine[0]), secret))
        late: Any = Late(me.step, "id")
        made = yield from Write(
            says=f"make a box like {self.like}",
            verb="make",
            target=self.like,
            where="Boxes",
            effect=Effect.WRITES,
            hands=Api(
                _call(me, "POST", "box", f"{me.mark}-{self.like}"),
                lambda reply: Made(Name(reply.body["id"]), secret),
                Keep(secret.name, lambda body: str(body["secret"]), frozenset({"secret"})),
            ),
            before={"made": False},
            after={"made": True},
            becomes=(Becomes(_all(me).subject, lambda before: before),),
            foretold=Made(late, secret),
        )
        return Done(made)


@action("box.say", effect=Effect.WRITES, output=type(None), source="test")
class Say(_BoxAction, Frozen):
    """Say something that nobody can see afterwards."""

    text: str
    harmless: bool = False

    def run(self, me: Me) -> Script[None]:
        yield from Write(
            says=f"say {self.text}",
            verb="say",
            target=self.text,
            where="Boxes",
            effect=Effect.WRITES,
            hands=Api(_call(me, "SAY", "said", body={"text": self.text}), lambda _: None),
            before={"said": False},
            after={"said": True},
            becomes=(Becomes(Subject(f"box/said/{me.step}", 0), lambda _: True),),
            foretold=None,
            proof=Proof.BLIND,
            repeatable=self.harmless,
        )
        return Done(None)


@action("box.await", effect=Effect.READS, output=Box, source="test")
class AwaitBox(_BoxAction, Frozen):
    """Wait until a box is there."""

    name: Name

    def run(self, me: Me) -> Script[Box]:
        value = yield from _read(me, self.name)
        if value is None:
            return NotYet(f"{self.name} is not there yet")
        return Done(Box(self.name, value, there=True))


_ALL: tuple[Any, ...] = (ReadBox, ListBoxes, SetBox, RemoveBox, MakeBox, Say, AwaitBox)
ACTIONS: dict[str, type] = {cls.spec.name: cls for cls in _ALL}


# --- the stage ----------------------------------------------------------------------------------


class Quiet:
    """A progress that tells nobody, and remembers."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def event(self, record: Record) -> None:
        self.told.append(f"{record.event.kind.value} {record.event.step}".strip())

    def say(self, text: str) -> None:
        self.told.append(text)

    def waiting(self, what: str, seconds: float) -> None:
        self.told.append(what)

    def show_secret(self, title: str, value: str) -> None:
        raise AssertionError(title)


@dataclass(slots=True)
class Says:
    """A person who answers what the test says, by the question's class; else the way that goes on.

    Attributes:
        answers: By name of the question's class: a decision, or decisions one after the other.
        before: Called with each question before it is answered.
    """

    boxes: Boxes
    answers: Mapping[str, Decision | Sequence[Decision]] = field(default_factory=dict)
    before: Callable[[Question | Person[Any]], None] = lambda _: None
    is_there: bool = True
    asked: list[Any] = field(default_factory=list)
    _given: dict[str, int] = field(default_factory=dict)

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        self.before(question)
        if isinstance(question, AskInput):
            return Answer(Decision.YES, typed=question.default)
        return Answer(self._decide(type(question).__name__), getattr(question, "wants", ""))

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Answer:
        del title, seen, every_s
        self.asked.append(task)
        self.before(task)
        decision = self._decide("Person")
        if decision is not Decision.YES:
            return Answer(decision, reason="not now")
        return Answer(Decision.YES, typed=self.boxes.by_hand(task) or "")

    def _decide(self, kind: str) -> Decision:
        given = self.answers.get(kind, Decision.YES)
        if isinstance(given, Decision):
            return given
        n = self._given[kind] = self._given.get(kind, -1) + 1
        return given[min(n, len(given) - 1)]


def runbook_of(
    steps: str, *, name: str = "boxes", top: str = "", actions: Mapping[str, type] = ACTIONS
) -> Runbook:
    """A runbook with these steps (YAML, indented by two)."""
    head = f"runbook: {name}\ntitle: Boxes\nsummary: Boxes.\nowner: a@example.com\n"
    text = f"{head}reviewed: '2026-11-23'\n{top}steps:\n{steps}\n"
    return load(text.encode(), name=f"{name}.yaml", actions=actions)


@dataclass(slots=True)
class BoxStage:
    """One run of a runbook over boxes.

    Attributes:
        place: Fields of its site that are not as usual, such as ``served``.
    """

    runbook: Runbook
    values: Mapping[str, str] = field(default_factory=dict)
    run: str = "BX-TEST"
    policy: Policy = field(default_factory=Policy)
    mode: str = "real"
    engine_name: str = "respond test"
    by_hand: bool = False
    step_by_step: bool = False
    given: GivenInputs = field(default_factory=GivenInputs)
    journal: Journal | None = None
    persons: tuple[PersonRecord, ...] = ()
    place: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    clock: SettableClock = field(default_factory=SettableClock)
    boxes: Boxes = field(init=False)
    says: Says = field(init=False)
    progress: Quiet = field(default_factory=Quiet, init=False)
    state: RunState | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.boxes = Boxes(self.clock, dict(self.values))
        self.says = Says(self.boxes)
        if self.journal is None:
            self.journal = SqliteJournal.in_memory(MemoryKeys(), self.clock, DANA)
        self.propose()

    def propose(self) -> None:
        propose(
            self.runbook,
            self.given,
            run=self.run,
            site=self.site,
            journal=self.kept,
            clock=self.clock,
            describe=describe_secret,
            extra=self.extra,
            complete=not self.place.get("served", False),
        )

    @property
    def kept(self) -> Journal:
        assert self.journal is not None  # noqa: S101 - made at the start
        return self.journal

    @property
    def site(self) -> Site:
        return replace(
            Site(
                connections={"box": Connection("box", "box", "account", "eu")},
                persons=self.persons,
                operator=DANA,
                mode=self.mode,
                engine=self.engine_name,
                policy=self.policy,
                by_hand=self.by_hand,
                step_by_step=self.step_by_step,
            ),
            **self.place,
        )

    def engine(self, **changed: Any) -> Engine:
        """A new engine, as a new process would have it.

        Args:
            changed: Ports to replace, by name: ``journal``, ``pen``, ``reader``, ``prompt``.
        """
        ports: dict[str, Any] = {
            "journal": self.kept,
            "reader": self.boxes,
            "pen": self.boxes,
            "clock": self.clock,
            "prompt": self.says,
            "progress": self.progress,
        }
        return Engine(self.run, self.runbook, self.site, Tools(**(ports | changed)))

    def advance(self, **changed: Any) -> ExitCode:
        engine = self.engine(**changed)
        try:
            return engine.advance()
        finally:
            self.state = engine.state

    def plan(self) -> Plan:
        return self.engine().plan()

    def how(self, address: str) -> str:
        """How a step came out, as a word; empty when it did not."""
        end = self.state.step(address).conclusion if self.state is not None else None
        return end.how.value if end is not None else ""

    def output(self, address: str) -> Value:
        end = self.state.step(address).conclusion if self.state is not None else None
        return end.output if end is not None else None

    def events(self, *kinds: str) -> list[str]:
        records: Iterable[Record] = self.kept.records(self.run)
        return [
            f"{r.event.kind.value} {r.event.step}".strip()
            for r in records
            if not kinds or r.event.kind.value in kinds
        ]
