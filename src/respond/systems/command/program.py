"""A program that takes a new secret on its standard input."""

from __future__ import annotations

from respond.core.script import Call, Me
from respond.core.values import SecretHandle
from respond.errors import UsageError
from respond.systems.sinks.sink import SinkSeen, UnseenSink, Writes, handing, named

__all__ = ["SINK", "ProgramSink"]


class ProgramSink(UnseenSink):
    """A program of the team's own."""

    connection: str
    argv: tuple[str, ...]
    repeatable: bool

    @classmethod
    def of(cls, text: str, me: Me) -> ProgramSink:
        options = named(me, text).options
        argv = options.get("argv")
        if not isinstance(argv, list | tuple) or not argv:
            raise UsageError(
                f"the sink command:{text} has no command",
                do=f'set argv = ["program", "argument"] under [connections.{text}.options]',
            )
        return cls(text, tuple(map(str, argv)), options.get("repeatable") is True)

    @property
    def says(self) -> str:
        return f"{self.argv[0]} cannot be looked at"

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> Writes:
        del seen
        return handing(
            me,
            f"{self.connection}/command",
            Call(self.connection, "command", "RUN", self.argv, body=value, timeout_s=60),
            says=f"give {what} to the command {self.argv[0]}",
            target=self.connection,
            where="this machine",
            repeatable=self.repeatable,
        )


SINK = ProgramSink
