"""Look at a sink as a step."""

from __future__ import annotations

from dataclasses import field

from respond.core.records import Frozen
from respond.core.script import STEERS, Done, Effect, Me, Script, action
from respond.core.values import SecretHandle
from respond.systems.sinks.sink import sink_of

__all__ = ["ACTIONS", "CheckSink", "SinkState"]


class SinkState(Frozen):
    """What ``sink.check`` says.

    Attributes:
        readable: False where nobody can look into a sink of this kind.
        holds: It holds the value that was asked about.
    """

    readable: bool
    holds: bool
    says: str


@action(
    "sink.check",
    effect=Effect.READS,
    output=SinkState,
    source="https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2",
)
class CheckSink(Frozen):
    """Look at a secret's place, and whether it holds a given value.

    Attributes:
        sink: The place, such as ``vault:vault:kv/cio/backend#api_key``.
        value: The value that it may hold, compared by digest; left out: only whether the place can
            be read.
    """

    sink: str = field(metadata=STEERS)
    value: SecretHandle | None = None

    def run(self, me: Me) -> Script[SinkState]:
        seen = yield from sink_of(self.sink, me).look(me, self.value)
        state = SinkState(seen.readable, seen.holds, seen.says)
        holds = " and holds this value" if seen.holds else ""
        return Done(state, says=f"{seen.says}{holds}")


ACTIONS: tuple[type, ...] = (CheckSink,)
