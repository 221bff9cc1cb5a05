"""What each action is driven with in Example Co, vendor by vendor: plain data.

One file a vendor, ``of_NAME.py``, found by the vendor's name. In it, as far as there are any:

``HOSTS``: each surface of the simulator, and the address that it stands for.
``EXAMPLES``: each action of the vendor, with what it is given.
``ASKED``: requests that no action makes, such as those of ``respond doctor``.
``PARTS``: beginnings of paths that have a description of their own on the same host.
``UNASKED``: routes of the simulator that nothing here reaches, each with the reason.

A text ``story.NAME`` stands for what the company tells under that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["BareRequest", "Example"]


@dataclass(frozen=True, slots=True)
class Example:
    """One action at work.

    Attributes:
        given: Its ``with``, as a runbook writes it.
        before: What people do in the consoles first: task, and what it is about.
        earlier: Steps before it, by id: action and ``with``; expressions see what they give.
        secrets: Inputs of the run that are secret, by name, as the story tells them.
        by_hand: People do what they can do instead of the API.
        undo: The action that takes it back; the run is undone then, and does that.
    """

    action: str
    given: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    earlier: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    by_hand: bool = False
    undo: str = ""


@dataclass(frozen=True, slots=True)
class BareRequest:
    """One bare request. ``{name}`` in path and headers stands for what the story tells.

    Attributes:
        where: Below which address of the company, e.g. ``pagerduty/rest``.
        status: What is answered.
    """

    method: str
    where: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    status: int = 200
