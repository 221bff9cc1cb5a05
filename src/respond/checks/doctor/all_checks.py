"""The one list of what is looked at, in this order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from respond.checks.doctor.about_credentials import connections, key_store, needed_connections
from respond.checks.doctor.about_database import database
from respond.checks.doctor.about_journal import disk, journal
from respond.checks.doctor.about_people import approvals, person_keys, persons, unreviewed
from respond.checks.doctor.about_runbooks import open_to_others, rehearsed, runbooks
from respond.checks.doctor.about_sources import hooks, received, sign_on, sources
from respond.checks.doctor.looking import Doctor, Findings

__all__ = ["CHECKS", "look"]

CHECKS: Final[tuple[Callable[[Doctor], Findings], ...]] = (
    key_store,
    connections,
    needed_connections,
    database,
    disk,
    journal,
    persons,
    person_keys,
    approvals,
    unreviewed,
    hooks,
    sources,
    received,
    sign_on,
    runbooks,
    open_to_others,
    rehearsed,
)


def look(at: Doctor) -> Findings:
    """Every finding, the ones about credentials first.

    Raises:
        UsageError: There is no such runbook.
    """
    found = at.places.runbooks()
    if at.only and at.only not in found:
        raise at.places.no_runbook(at.only, found)
    for name in [at.only] if at.only else found:
        one = at.checked[name] = at.check(found[name].path)
        if one.runbook is not None and not one.faults:
            at.runbooks[name] = one.runbook
    for check in CHECKS:
        yield from check(at)
