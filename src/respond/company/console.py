"""What somebody outside does, or what happens there: by hand in a console, or to a system.

A person works at a vendor's web console, where the API may not offer what is needed; a secret is
found, an incident is declared. The same operations as behind the APIs. The engine cannot reach
this: only the simulator's own doors lead here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from respond.company.exchange import Json, RefusalError
from respond.company.system import Errand
from respond.company.whole import Company


class UnknownTaskError(Exception):
    """Nobody knows how to do this; the message lists what can be done."""


_ANYWHERE = frozenset({"directory.enroll_factor"})
"""What a person does wherever they sign in: in each system whose console has it."""


def tasks(company: Company) -> frozenset[str]:
    """All that a person can do: nothing, or what a system's console has."""
    return frozenset(["none", *_named(company, "console"), *_ANYWHERE])


def do(company: Company, task: str, about: Json) -> Json:
    """Let the person do one task; what they got to see comes back.

    Raises:
        UnknownTaskError: if there is no such task.
        RefusalError: if the console does not let them, or ``about`` lacks something.
    """
    known = tasks(company)
    if task not in known:
        raise UnknownTaskError(f"unknown task {task!r}; there are {', '.join(sorted(known))}")
    if task in _ANYWHERE:
        for each in _named(company, "console"):
            if each.partition(".")[2] == task.partition(".")[2]:
                _run(company, "console", each, about)
        return {}
    return {} if task == "none" else _run(company, "console", task, about)


def happen(company: Company, what: str, about: Json) -> Json:
    """Let it happen; what the vendor calls it comes back.

    Raises:
        RefusalError: with 404 when nothing of this name can happen, with 400 when ``about``
            does not say what it must.
    """
    known = _named(company, "happenings")
    if what not in known:
        raise RefusalError(404, f"{what} cannot happen; {', '.join(sorted(known))} can")
    return _run(company, "happenings", what, about)


def _named(company: Company, table: str) -> Mapping[str, Callable[[Any, Errand], Json]]:
    return {
        f"{system}.{name}": done
        for system, counterpart in company.counterparts.items()
        for name, done in getattr(counterpart, table).items()
    }


def _run(company: Company, table: str, name: str, about: Json) -> Json:
    system = company.systems[name.partition(".")[0]]
    with company.lock:
        return _named(company, table)[name](system, Errand(company.story, about))
