"""Is the database that several machines share reached, as made, and nobody else's?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from respond.checks.doctor.looking import Bears, Doctor, Findings, FoundTrouble
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

_APART_S_MAX: Final = 60
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
        (theirs_s,) = opened.execute("SELECT extract(epoch FROM now())::float").fetchone() or (0.0,)
        store.keys.get("doctor/looks-whether-this-opens")
    except psycopg.Error as error:
        yield _stopping(at, "store/tables", explain(error, store.name))
        return
    except (JournalUnusableError, JournalBrokenError, NotReadyError) as error:
        yield _stopping(at, "store/tables", error)
        return
    apart_s = at.now_s - theirs_s
    if abs(apart_s) > _APART_S_MAX:
        yield FoundTrouble(
            "store/clock",
            f"this machine's clock is {abs(apart_s):.0f} s"
            f" {'ahead of' if apart_s > 0 else 'behind'} that of the {store.name}",
            "machines whose clocks differ do not agree about what has expired",
            "set the clock that is wrong, by NTP",
            runbooks=at.every,
        )
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


def _stopping(at: Doctor, name: str, error: RespondError) -> FoundTrouble:
    return FoundTrouble(name, error.sentence, _STOPS, error.do, Bears.STOPS, at.every)
