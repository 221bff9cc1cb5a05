"""Bring a new secret to a sink as an action does that made one, for tests of stores.

Drivers and adapters are the real ones; in place of the engine stands as little as can be.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from respond.adapters.command import (
    CommandPen,
    ProgramLine,
    Ran,
    Runs,
    TookTooLongError,
    credentials_in,
    minimal_environment,
)
from respond.adapters.program_reader import ProgramReader
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.sealing import describe_secret
from respond.checks.credentials import Line, _Open, probe
from respond.company.programs import ProgramSystem
from respond.core.records import replace
from respond.core.script import Connection, Done, Effect, Me, Person, Script, Write, action
from respond.core.values import SecretHandle
from respond.engine.drivers import Look, World, act, look, still_wanted
from respond.ports import Intent, Pen, Reader
from respond.systems import vendor
from respond.systems.sinks.actions import CheckSink, SinkState
from respond.systems.sinks.sink import sink_of
from respond.systems.vendor import Probed
from respond.testing.loopback import FixedSecrets
from respond.testing.settable_clock import SettableClock

NEW = "0123456789abcdef" * 2


@action("test.put", effect=Effect.DESTROYS, output=type(None), source="test")
@dataclass(frozen=True)
class PutSecret:
    """Bring this step's secret to a sink, in place of one that was there."""

    sink: str
    instead_of: SecretHandle | None = None

    def run(self, me: Me) -> Script[None]:
        sink, handle = sink_of(self.sink, me), me.handle("value")
        held = handle.name in me.held
        seen = yield from sink.look(me, handle if held else None)
        known = self.instead_of.digest if self.instead_of is not None else seen.current
        seen = replace(seen, known=known)
        if not seen.holds:
            yield from sink.deliver(me, seen, handle, "the new key")
        return Done(None, says=seen.says)


@dataclass
class Runner:
    """Runs a program of the company, and can lose an answer.

    Attributes:
        lost: Before or after the next write, once.
        argvs: All that was run.
    """

    system: ProgramSystem
    lost: str = ""
    argvs: list[Sequence[str]] = field(default_factory=list)

    def __call__(
        self, argv: Sequence[str], *, stdin: bytes, environment: Mapping[str, str], **_: Any
    ) -> Ran:
        self.argvs.append(argv)
        lost = (
            self.lost if self.system.is_write(tuple(w for w in argv[1:] if w[:2] != "--")) else ""
        )
        self.lost = "" if lost else self.lost
        if lost == "before":
            raise TookTooLongError
        told = self.system.run(list(argv), stdin.decode(), environment)
        if lost == "after":
            raise TookTooLongError
        return Ran(told["exit"], told["output"].encode(), told["complaint"].encode(), whole=True)


@dataclass
class SinkBench:
    """Somebody who brings secrets to stores.

    Attributes:
        reader, pen: Set once there are some; they ask this for what is held.
        opened: Values by handle.
        sent: Writes that left, in order.
    """

    clock: SettableClock
    connections: dict[str, Connection]
    reader: Reader = field(init=False)
    pen: Pen = field(init=False)
    opened: dict[str, str] = field(default_factory=dict)
    sent: list[Write[Any]] = field(default_factory=list)

    def running(self, system: ProgramSystem) -> Runner:
        return Runner(system)

    def through(
        self, system: str, name: str, tokens: dict[str, str], runs: Runs, program: str = ""
    ) -> None:
        """Real adapters around something that runs programs."""
        options = {"program": program} if program else {}
        self.connections[name] = Connection(name, system, options=options)
        redactor, record = Redactor(), vendor(system)
        line = ProgramLine(system, record.runs(options), record.scheme("").header)
        own = credentials_in({name: line}, FixedSecrets(tokens), redactor)

        def opener(handle: SecretHandle) -> str:
            redactor.register(handle.name, self.opened[handle.name])
            return self.opened[handle.name]

        environment = minimal_environment({"HOME": "/nowhere"})
        self.reader = ProgramReader(
            {name: line},
            redactor,
            self.clock,
            environment,
            own=own,
            opener=opener,
            held=self.held,
            runs=runs,
        )
        self.pen = CommandPen(opener, redactor, self.clock, environment, own=own, runs=runs)

    def probed(self, system: str, name: str, *sinks: str) -> Probed:
        """What ``respond connect`` would find, for a system with a program."""
        unused: Any = None
        return probe(
            _Open(system, name, "", "", "", {}, Line(), unused, unused, sinks, self.reader)
        )

    def digest(self, value: str) -> str:
        return hmac.new(b"a key of this test", value.encode(), hashlib.sha256).hexdigest()

    def secret(self, name: str, value: str) -> SecretHandle:
        self.opened[name] = value
        return describe_secret(name, value, self.digest(value))

    def held(self) -> dict[str, SecretHandle]:
        return {n: describe_secret(n, v, self.digest(v)) for n, v in self.opened.items()}

    def me(self, step: str = "new") -> Me:
        return Me(
            run="CK-7F3Q",
            step=step,
            connection=Connection("", "sinks"),
            connections=self.connections,
            persons=(),
            operator="dana",
            subject="",
            suspects=(),
            by_hand=False,
            now=self.clock.now_ms() // 1000,
            held=self.held(),
            digest=self.digest,
        )

    def plan(self, sink: str, step: str = "new", world: World | None = None, **more: Any) -> Any:
        """One look of an action that brings this step's secret there."""
        return self._look(PutSecret(sink, **more), step, world)

    def check(self, sink: str, value: SecretHandle | None = None) -> Done[SinkState]:
        """What ``sink.check`` says."""
        outcome = self._look(CheckSink(sink, value), "look").outcome
        assert isinstance(outcome, Done)
        return outcome

    def _look(self, wanted: Any, step: str, world: World | None = None) -> Look[Any]:
        script = wanted.run(self.me(step))
        return look(script, world or self.world(), known={}, predict=world is not None)

    def world(self) -> World:
        return World(self.reader)

    def put(self, sink: str, step: str = "new", value: str = NEW, **more: Any) -> Look[Any]:
        """Make the secret, bring it there, and look until it is seen there."""
        self.opened.setdefault(f"{step}.value", value)
        wanted = PutSecret(sink, **more)
        act(wanted.run(self.me(step)), self.world(), known={}, perform=self.perform)
        for _ in range(40):
            seen = self._look(wanted, step)
            if not still_wanted(seen):
                return seen
            self.clock.sleep(2)
        return seen

    def perform(self, write: Write[Any]) -> Any:
        self.sent.append(write)
        if isinstance(write.hands, Person):
            return write.hands.answer
        intent = Intent.mint(seq=len(self.sent), run="CK-7F3Q", digest="d")
        return write.hands.parse(self.pen.send(intent, write.hands.call, "d"))


@pytest.fixture
def bench() -> SinkBench:
    """It has no connection yet, and nothing to reach one with."""
    return SinkBench(SettableClock(), {})
