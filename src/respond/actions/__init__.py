"""The one list of what there is: every module that holds actions.

A module has ``ACTIONS``, the action classes in it. Nothing is found by scanning a folder, an
entry point or the environment: what is not in this list does not exist.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from respond.core.script import Spec

__all__ = ["ALL", "load", "specs"]

ALL: Final[tuple[str, ...]] = (
    "respond.actions.customerio",
    "respond.actions.generic_http",
    "respond.actions.human",
    "respond.actions.mail",
    "respond.actions.notify",
    "respond.actions.pagerduty",
    "respond.actions.sinks",
    "respond.actions.slack",
)


def load() -> dict[str, type]:
    """Import every module of the list and give its actions by name.

    Raises:
        ValueError: Two actions have one name. A fault of their authors.
    """
    found: dict[str, type] = {}
    for module in ALL:
        for cls in import_module(module).ACTIONS:
            name = cls.spec.name
            if name in found:
                raise ValueError(f"{name} is defined by {found[name].__module__} and {module}")
            found[name] = cls
    return found


def specs() -> dict[str, Spec]:
    """What can be said about each action, by name."""
    return {name: cls.spec for name, cls in load().items()}  # type: ignore[attr-defined]
