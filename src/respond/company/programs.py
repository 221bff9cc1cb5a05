"""A vendor that is reached through its own program, and what such a program is told and says."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from respond.company.exchange import Json, RefusalError
from respond.company.system import Simulated

__all__ = ["ProgramRun", "ProgramSystem", "SaidNoError", "program_doors"]


class SaidNoError(Exception):
    """The program ends with an exit status, and says why. Nothing has changed."""

    def __init__(self, complaint: str, status: int = 1) -> None:
        super().__init__(complaint)
        self.status = status


@dataclass(frozen=True, slots=True)
class ProgramRun:
    """One run of a program.

    Attributes:
        words: Behind the program's name, without flags.
        flags: ``--vault Prod`` and ``--vault=Prod`` alike; a flag alone is an empty text.
    """

    words: tuple[str, ...]
    flags: Mapping[str, str]
    stdin: str
    environment: Mapping[str, str]


class ProgramSystem(Simulated):
    """A vendor with a program.

    Attributes:
        program: Its name.
        alone: Flags that take no value.
    """

    program: ClassVar[str]
    alone: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def act(self, run: ProgramRun) -> str:
        """What it prints.

        Raises:
            SaidNoError: It does not do it.
        """

    @abstractmethod
    def is_write(self, words: tuple[str, ...]) -> bool:
        """Whether this run could change something."""

    def run(self, argv: list[str], stdin: str, environment: Mapping[str, str]) -> Json:
        """Exit status, output and complaint."""
        words, flags = self._parsed(argv[1:])
        self.ledger.count(self.name, write=self.is_write(words))
        try:
            output = self.act(ProgramRun(words, flags, stdin, environment))
        except SaidNoError as no:
            return {"exit": no.status, "output": "", "complaint": str(no)}
        return {"exit": 0, "output": output, "complaint": ""}

    def _parsed(self, argv: list[str]) -> tuple[tuple[str, ...], dict[str, str]]:
        words, flags = [], {}
        rest = iter(argv)
        for word in rest:
            if not word.startswith("--"):
                words.append(word)
                continue
            name, is_given, value = word[2:].partition("=")
            if not is_given and name not in self.alone:
                value = next(rest, "")
            flags[name] = value
        return tuple(words), flags


def program_doors(program: str) -> dict[str, Callable[[Any, Json], Json]]:
    """The door through which a rehearsal runs it."""

    def door(system: ProgramSystem, asked: Json) -> Json:
        argv, environment = asked.get("argv"), asked.get("environment")
        if not isinstance(argv, list) or not isinstance(environment, dict):
            raise RefusalError(400, "argv must be a list, and environment an object")
        return system.run([str(word) for word in argv], str(asked.get("stdin", "")), environment)

    return {f"program/{program}": door}
