"""Is the database that several machines share reached, as made, and nobody else's?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from respond.checks.doctor.looking import Bears, Doctor, Findings, FoundTrouble
from respond.core.clocks import APART_DO, APART_WHY, apart, are_apart
from respond.errors import (
    JournalBrokenError,
    JournalUnusableError,
    NotReadyError,
    RespondError,
)

if TYPE_CHECKING:
    from respond.adapters.store.postgres import DatabaseConnection
    from respond.wiring.stores import DatabaseStore

__all__ = ["database"]

_LATE_S: Final = 60
_STOPS: Final = "without it no run is started, and nothing that comes in is kept"


def database(at: Doctor) -> Findings:
    """Whether it is reached, its version, settings and tables, our rights in it, its clock, and
    whether it is sealed with our team's key.
    """
    if not at.project.store.url or at.secrets is None or at.keys is None:
        return
    from respond.wiring.stores import database_store

    try:
        store = database_store(at.project, at.places, at.keys, at.secrets)
        opened = store.database.connect()
    except (NotReadyError, JournalUnusableError) as error:
        yield _stopping(at, "store/unreached", error)
        return
    with opened:
        yield from _found_in(at, store, opened)


def _found_in(at: Doctor, store: DatabaseStore, opened: DatabaseConnection) -> Findings:
    import psycopg

    from respond.adapters.store.postgres import explain
    from respond.adapters.store.postgres_schema import VERSION, excess_rights, see

    try:
        see(opened, store.name)
        excess = excess_rights(opened)
        store.keys.get("doctor/looks-whether-this-opens")
    except psycopg.Error as error:
        yield _stopping(at, "store/tables", explain(error, store.name))
        return
    except (JournalUnusableError, JournalBrokenError, NotReadyError) as error:
        yield _stopping(at, "store/tables", error)
        return
    yield from _waiting_in(at, store)
    if excess:
        yield FoundTrouble(
            "store/rights",
            f"the role that comes in to the {store.name} may {', '.join(excess)}",
            "who takes over a machine could change what was recorded there, or take it away",
            "respond store init gives exactly the rights that are needed; come in as that role",
            runbooks=at.every,
        )
    version = opened.info.server_version // 10_000
    at.well.append(f"{store.name}: PostgreSQL {version}, tables of version {VERSION}")


def _waiting_in(at: Doctor, store: DatabaseStore) -> Findings:
    """What lies in the queue and nobody does, and whether the clocks agree."""
    from respond.adapters.queue.team_queue import TeamQueue

    queue = TeamQueue(store.database, at.clock)
    try:
        waits = queue.backlog()
    except JournalUnusableError as error:
        yield _stopping(at, "store/queue", error)
        return
    finally:
        queue.close()
    if are_apart(waits.ahead_s):
        what = apart(waits.ahead_s, store.name)
        yield FoundTrouble("store/clock", what, APART_WHY, APART_DO, runbooks=at.every)
    if not waits.workers and at.project.sources:
        yield FoundTrouble(
            "store/no-worker",
            f"no worker of the team gives a sign of life; {waits.waiting} jobs wait",
            "what comes in is kept, and nobody plans it or carries it on",
            "on a machine with the systems' credentials: respond worker",
        )
    if waits.workers and waits.oldest_s > _LATE_S:
        yield FoundTrouble(
            "store/late",
            f"the oldest job of the team's workers waits for {waits.oldest_s:.0f} s",
            f"{waits.workers} give signs of life; they are too few, or none comes to an end",
            "start another: respond worker; and look into their logs",
        )
    for who in waits.refusing:
        yield FoundTrouble(
            "store/refused",
            f"a worker refuses the journal and does nothing: {who}",
            "it has seen more of it than the database holds, or other records",
            "its log says what is missing; docs/team-database.md says what can be done",
            runbooks=at.every,
        )
    for left in waits.left:
        yield FoundTrouble(
            f"store/left/{left.runbook}",
            f"{', '.join(left.runs)} of {left.runbook}: left until a worker can carry it on",
            f"no worker that is there has what it needs: {left.lacks}",
            f"on a machine with a worker: {left.do}; it goes on by itself then",
            runbooks=tuple(name for name in at.every if name == left.runbook),
        )


def _stopping(at: Doctor, name: str, error: RespondError) -> FoundTrouble:
    return FoundTrouble(name, error.sentence, _STOPS, error.do, Bears.STOPS, at.every)
