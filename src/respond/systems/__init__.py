"""The one list of what there is: every vendor, each in the folder of its name.

A folder has ``vendor.py`` with ``VENDOR``, all that the rest of the tool knows of it, and modules
with ``ACTIONS``, the action classes. Nothing is found by scanning a folder, an entry point or the
environment: what is not in this list does not exist. A module of actions is imported when an action
of it is asked for, since a runbook calls few systems and starts at 3 a.m.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Final

from respond.core.script import Spec
from respond.systems.discovery import Discovery
from respond.systems.vendor import CarriedBy, Reaches, Scheme, Vendor

__all__ = [
    "DIRECTORY",
    "NAMES",
    "actions_of",
    "by_preference",
    "channels",
    "connectable",
    "directories",
    "discovery_of",
    "load",
    "needs_connection",
    "schemes",
    "specs",
    "stores",
    "takes_clicks",
    "title_of",
    "vendor",
    "vendors",
]

DIRECTORY: Final = "directory"
"""Whose actions go to whatever signs people in."""

NAMES: Final = (
    "aws",
    "bitwarden",
    "cloudflare",
    "command",
    "customerio",
    "directory",
    "email",
    "entra",
    "github",
    "google",
    "http",
    "jumpcloud",
    "kubernetes",
    "okta",
    "onepassword",
    "pagerduty",
    "people",
    "scim",
    "sinks",
    "slack",
    "vault",
)


@cache
def vendors() -> Mapping[str, Vendor]:
    """Every record, by name."""
    found = (import_module(f"respond.systems.{name}.vendor").VENDOR for name in NAMES)
    return MappingProxyType({each.name: each for each in found})


def vendor(name: str) -> Vendor:
    """One record. What is not in the list is any system with an HTTP API."""
    known = vendors()
    return known.get(name) or known["http"]


def title_of(name: str) -> str:
    """A system as people write it; its own name where it is not in the list."""
    known = vendors().get(name)
    return known.title if known is not None else name


def discovery_of(name: str) -> Discovery | None:
    """What accounts of a system may offer; None where the vendor has a reference."""
    module = vendor(name).discovery
    return import_module(module).DISCOVERY if module else None


def connectable() -> tuple[str, ...]:
    """The systems that ``[connections.NAME]`` may be of."""
    return tuple(n for n, each in vendors().items() if each.carried_by is not CarriedBy.NOTHING)


def needs_connection(system: str) -> bool:
    """Whether an action goes by a connection of its own; those of people and of sinks do not, and a
    directory's go by those that ``[directory]`` names, if it names any.
    """
    if system == DIRECTORY:
        return False
    owner = next((n for n, each in vendors().items() if system in each.modules), system)
    return owner == system


def by_preference() -> tuple[Vendor, ...]:
    """Every record; those that people are told through first, the preferred before the others."""
    order = list(Reaches)
    return tuple(sorted(vendors().values(), key=lambda v: (not v.channel, order.index(v.reaches))))


def channels(*reaching: Reaches) -> dict[str, Vendor]:
    """Those that people are told through, by name, the preferred first."""
    return {v.name: v for v in by_preference() if v.channel and v.reaches in (reaching or Reaches)}


def stores() -> dict[str, Vendor]:
    """Those that take new secrets, by name; those that can be looked at first."""
    found = [each for each in vendors().values() if each.sink]
    unseen = {v.name for v in found if v.carried_by is not CarriedBy.HTTP and not v.program}
    return {v.name: v for v in sorted(found, key=lambda v: v.name in unseen)}


def directories() -> dict[str, Vendor]:
    """Those that sign people in, by name."""
    return {name: each for name, each in vendors().items() if each.directory}


def takes_clicks(name: str) -> bool:
    """Whether people answer there with a button, so that it sends clicks and no events."""
    return name in NAMES and vendor(name).clicks


@cache
def schemes() -> Mapping[str, Mapping[str, Scheme]]:
    """Sets of schemes by name; within one, by kind of surface."""
    found: dict[str, Mapping[str, Scheme]] = {}
    for name, each in vendors().items():
        found |= {name: each.schemes, **each.variants}
    return MappingProxyType(found)


@cache
def _modules() -> Mapping[str, str]:
    """Module of ``ACTIONS`` by what stands before an action's dot."""
    found = (pair for each in vendors().values() for pair in each.modules.items())
    return MappingProxyType(dict(sorted(found)))


class _Actions(Mapping[str, type]):
    """Actions by name; a system's module is imported when one of its names is asked for."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, type]] = {}

    def of(self, system: str) -> dict[str, type]:
        """Those of one system."""
        if system not in self._found:
            module = _modules().get(system)
            classes = import_module(module).ACTIONS if module is not None else ()
            self._found[system] = {cls.spec.name: cls for cls in classes}
        return self._found[system]

    def __getitem__(self, name: str) -> type:
        return self.of(name.partition(".")[0])[name]

    def __iter__(self) -> Iterator[str]:
        for system in _modules():
            yield from self.of(system)

    def __len__(self) -> int:
        return sum(1 for _ in self)


_ALL: Final = _Actions()


def load() -> Mapping[str, type]:
    """Every action by name. Looking one up imports its system; going through all imports all."""
    return _ALL


def actions_of(system: str) -> Mapping[str, type]:
    """The actions of one system by name; nothing else is imported."""
    return _ALL.of(system)


def specs() -> dict[str, Spec]:
    """What can be said about each action, by name."""
    return {name: cls.spec for name, cls in load().items()}  # type: ignore[attr-defined]
