"""What there is to do, as jobs of procrastinate, and the one statement that puts a job there.

A job is a hint that something is due; what it finds to do stands in the journal and in the inbox.
So one that waits is enough of each, and what makes something due puts it there in its own
transaction: ``on_record`` for a record of the journal, ``on_delivery`` for the inbox. Nothing here
needs more than the connection of that transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from respond.core.events import Kind
from respond.core.questions import Decision
from respond.core.records import Frozen

if TYPE_CHECKING:
    import psycopg

    from respond.adapters.store.journal_chain import ChainRow

    Connection = psycopg.Connection[Any]

__all__ = [
    "ASIDE",
    "EVERYBODY",
    "Task",
    "TeamJob",
    "install",
    "is_installed",
    "on_delivery",
    "on_record",
    "put",
    "see_deliveries",
]

EVERYBODY: Final = "respond"
"""The queue that every worker takes from."""

ASIDE: Final = "aside-"
"""How queues begin that only workers take from which have what a runbook needs. With the digits
behind it the name of such a queue fits into that of a channel, which has 63 bytes at most."""


class Task(Enum):
    """What a job is for; the values stand in the database."""

    ADVANCE = "advance"  # a run
    TELL = "tell"  # people what a run waits for
    TAKE_IN = "take-in"  # what lies in the inbox
    LET_GO = "let-go"  # a held event
    SWEEP = "sweep"  # up what fell down between journal and queue, and what was held
    SIGN = "sign"  # the journal, so that silence is a statement
    RECONCILE = "reconcile"  # ask senders for what did not come


_INBOX: Final = "inbox"
"""What is held against the runs there are, and may propose one, happens one after the other."""


class TeamJob(Frozen):
    """One thing to do.

    Attributes:
        about: The run, or another name; of each name one job waits, and one goes on, at most.
        more: What it is given besides.
    """

    task: Task
    about: str = ""
    more: Mapping[str, Any] = {}

    @property
    def lock(self) -> str:
        """Of the jobs with the same one goes on."""
        return _INBOX if self.task in (Task.TAKE_IN, Task.LET_GO) else self.name

    @property
    def name(self) -> str:
        """Of the jobs with the same one waits."""
        return f"{self.task.value} {self.about}".rstrip()


# The columns are those of procrastinate 3.10. Its own function puts a job there too, and fails
# where one waits already; in a transaction that is about something else nothing may fail for that.
# A job that is being put forward cannot be fetched before the commit, and so sees what it is for.
_PUT: Final = """
WITH put AS (
  INSERT INTO procrastinate_jobs AS waits
    (queue_name, task_name, lock, queueing_lock, args, scheduled_at)
  VALUES (%(queue)s, %(task)s, %(lock)s, %(name)s, %(args)s,
          now() + make_interval(secs => %(in_s)s))
  ON CONFLICT (queueing_lock) WHERE status = 'todo' DO UPDATE
  SET scheduled_at = CASE WHEN EXCLUDED.scheduled_at IS NOT NULL
                          THEN least(waits.scheduled_at, EXCLUDED.scheduled_at) END,
      queue_name = CASE WHEN %(moves)s THEN EXCLUDED.queue_name ELSE waits.queue_name END,
      args = CASE WHEN %(moves)s THEN EXCLUDED.args ELSE waits.args END
  WHERE waits.scheduled_at IS NOT NULL OR %(moves)s
  RETURNING id, queue_name, xmax <> 0 AS waited, scheduled_at
)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name,
                 json_build_object('type', 'job_inserted', 'job_id', id)::text)
FROM put WHERE waited AND scheduled_at IS NULL
"""


def put(
    connection: Connection,
    job: TeamJob,
    *,
    in_s: float | None = None,
    queue: str = "",
) -> None:
    """See to it that a job is there, in the transaction of the connection, if it is in one.

    One that waits already is put forward, and is otherwise left as it is.

    Args:
        in_s: How long it waits at least, by the clock of the database; None: not at all. Null and
            zero differ: what waits for no time is never looked at by what comes by time.
        queue: Who may take it: moves one that waits, too, and tells it what is told with this one.
            Everybody where none is named.
    """
    args = {"about": job.about, **job.more}
    connection.execute(
        _PUT,
        {
            "queue": queue or EVERYBODY,
            "task": job.task.value,
            "lock": job.lock,
            "name": job.name,
            "args": json.dumps(args),
            "in_s": in_s,
            "moves": bool(queue),
        },
    )


# --- what makes something due ---------------------------------------------------------------------

_NEWS: Final = frozenset({Kind.JOINED, Kind.ANSWERED, Kind.APPROVED, Kind.DENIED})
_TO_TELL: Final = frozenset({Kind.APPROVAL_ASKED, Kind.PARKED})
_ENDS: Final = frozenset({Decision.CANCEL.value, Decision.QUIT.value})


def on_record(connection: Connection, row: ChainRow) -> None:
    """Put the jobs there that a record makes due, in the transaction that adds it.

    Whether a server carries the run on is not known here: a job that finds nothing due ends.
    """
    for task in _due(row):
        put(connection, TeamJob(task, row.run))


def _due(row: ChainRow) -> tuple[Task, ...]:
    kind = Kind(row.kind)
    if kind in _NEWS:
        return (Task.ADVANCE,)
    if kind in _TO_TELL:
        return (Task.TELL,)
    if kind is Kind.PROPOSED and _data(row).get("served"):
        return (Task.ADVANCE,)
    if kind is Kind.CONFIRMED and _data(row).get("decision") in _ENDS:
        return (Task.ADVANCE,)
    return ()


def _data(row: ChainRow) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(row.body)["data"]
    return found


_DELIVERIES: Final = 0x5253504A
"""``RSPJ``: the advisory lock that deliveries share."""

# Otherwise as ``_PUT``. A job that waits is not locked for it: of many deliveries each would wait
# for the commit of the one before, and while they come no worker would get at that job.
_ASK: Final = """
WITH shared AS MATERIALIZED (
  SELECT pg_advisory_xact_lock_shared(%(lock)s)
), put AS (
  INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
  SELECT %(queue)s, %(task)s, %(of_inbox)s, %(name)s, %(args)s FROM shared
  ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
), forward AS (
  UPDATE procrastinate_jobs SET scheduled_at = NULL
  WHERE queueing_lock = %(name)s AND status = 'todo' AND scheduled_at IS NOT NULL
  RETURNING id, queue_name
)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name,
                 json_build_object('type', 'job_inserted', 'job_id', id)::text)
FROM forward
"""
_ALL_IN: Final = "SELECT pg_advisory_xact_lock(%s)"


def on_delivery(connection: Connection) -> None:
    """Put the job there that takes in what a delivery brought, in its transaction.

    Whoever does that job begins with ``see_deliveries``: it may have been fetched meanwhile.
    """
    job = TeamJob(Task.TAKE_IN)
    connection.execute(
        _ASK,
        {
            "lock": _DELIVERIES,
            "queue": EVERYBODY,
            "task": job.task.value,
            "of_inbox": job.lock,
            "name": job.name,
            "args": json.dumps({"about": job.about}),
        },
    )


def see_deliveries(connection: Connection) -> None:
    """Wait for each delivery that found this job waiting: what it brought is to be seen then.

    They have at most their commit before them; one that comes later puts another job there.
    """
    connection.execute(_ALL_IN, (_DELIVERIES,))


# --- the tables -----------------------------------------------------------------------------------


def install(connection: Connection) -> None:
    """Make the tables of the queue where the connection finds its tables, if they are not there."""
    from procrastinate.schema import SchemaManager  # noqa: PLC0415 - 0.3 s, and once in a lifetime

    if not is_installed(connection):
        connection.execute(SchemaManager.get_schema())


def is_installed(connection: Connection) -> bool:
    """Whether there are tables of the version that this respond works with."""
    query = "SELECT to_regprocedure('procrastinate_fetch_job_v2(character varying[], bigint)')"
    return connection.execute(query).fetchone() not in (None, (None,))
