"""The one list of what there is: every module that holds actions, by the system it is for.

A module has ``ACTIONS``, the action classes in it. Nothing is found by scanning a folder, an
entry point or the environment: what is not in this list does not exist. A module is imported when
an action of its system is asked for, since a runbook calls few systems and starts at 3 a.m.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

from respond.core.script import Spec

__all__ = ["MODULES", "load", "specs"]

MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "customerio": "respond.systems.customerio",
        "email": "respond.systems.email.actions",
        "http": "respond.systems.http.actions",
        "human": "respond.systems.people.human",
        "notify": "respond.systems.people.notify",
        "pagerduty": "respond.systems.pagerduty.actions",
        "sink": "respond.systems.vault.sinks",
        "slack": "respond.systems.slack",
    }
)


class _Actions(Mapping[str, type]):
    """Actions by name; a system's module is imported when one of its names is asked for."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, type]] = {}

    def _of(self, system: str) -> dict[str, type]:
        if system not in self._found:
            module = MODULES.get(system)
            classes = import_module(module).ACTIONS if module is not None else ()
            self._found[system] = {cls.spec.name: cls for cls in classes}
        return self._found[system]

    def __getitem__(self, name: str) -> type:
        return self._of(name.partition(".")[0])[name]

    def __iter__(self) -> Iterator[str]:
        for system in MODULES:
            yield from self._of(system)

    def __len__(self) -> int:
        return sum(1 for _ in self)


_ALL: Final = _Actions()


def load() -> Mapping[str, type]:
    """Every action by name. Looking one up imports its system; going through all imports all."""
    return _ALL


def specs() -> dict[str, Spec]:
    """What can be said about each action, by name."""
    return {name: cls.spec for name, cls in load().items()}  # type: ignore[attr-defined]
