"""Jobs are put where something comes due, are done once, and go over to others from the dead."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.queue import taking_over
from respond.adapters.queue import team_jobs as jobs
from respond.adapters.queue.job_worker import JobWorker
from respond.adapters.queue.lease import Lease
from respond.adapters.queue.team_jobs import EVERYBODY, Task, TeamJob
from respond.adapters.queue.team_queue import TeamQueue
from respond.adapters.store.journal_chain import ChainRow
from respond.adapters.store.postgres import SCHEMA_NAME, Database, lock_key
from respond.adapters.store.run_lock_postgres import HOLDER, DatabaseRunLocks
from respond.core.events import Kind
from respond.errors import JournalUnusableError
from respond.testing.postgres_cluster import PostgresCluster

T = TypeVar("T")

RUN = "CK-AAAA"
LIMIT_S = 30.0


@pytest.fixture
def queue(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[TeamQueue]:
    # On a busy machine nobody is taken for dead who is only slow.
    monkeypatch.setattr(taking_over, "STALLED_S", 30.0)
    made = TeamQueue(database)
    yield made
    made.close()


@dataclass
class Hand:
    """A worker in a thread of ours, and what it was given to do."""

    worker: JobWorker
    lease: Lease
    done: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    def until(self, count: int) -> None:
        soon(lambda: len(self.done) >= count)


def soon(found: Callable[[], T], limit_s: float = LIMIT_S) -> T:
    end = time.monotonic() + limit_s
    while not (got := found()):
        assert time.monotonic() < end
        threading.Event().wait(0.005)
    return got


@contextmanager
def hand(
    database: Database,
    act: Callable[[str, Mapping[str, Any]], None] = lambda *_: None,
    *,
    at_once: int = 2,
    queues: tuple[str, ...] = (EVERYBODY,),
) -> Iterator[Hand]:
    lease = Lease(SystemClock())

    def does(task: Task) -> Callable[[Mapping[str, Any]], None]:
        def do(given: Mapping[str, Any]) -> None:
            made.done.append((task.value, given))
            act(task.value, given)

        return do

    worker = JobWorker(
        database,
        {task: does(task) for task in Task},
        lease,
        DatabaseRunLocks(database).hold,
        list(queues),
        at_once,
    )
    made = Hand(worker, lease)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield made
    finally:
        worker.stop()
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def row(kind: Kind, data: str = "{}") -> ChainRow:
    body = f'{{"data":{data}}}'.encode()
    return ChainRow(1, body, b"", b"", kind.value, RUN, "", "")


def base_of(database: Database) -> str:
    return database.url.partition("@/")[2].partition("?")[0]


def taken_over(
    postgres: PostgresCluster, queue: TeamQueue, end: Callable[[str], object]
) -> list[str]:
    """Let the last sign of life of every worker be long ago, and others find that out."""

    def found() -> list[str]:
        # It goes on giving signs of life, and one may come in between.
        admin.execute(
            f"UPDATE {SCHEMA_NAME}.procrastinate_workers"  # noqa: S608 - our own word
            " SET last_heartbeat = last_heartbeat - make_interval(mins => 1)"
        )
        return queue.take_over(end)

    with postgres.admin(base_of(queue.database)) as admin:
        return soon(found)


def test_a_job_is_done_and_gone(database: Database, queue: TeamQueue) -> None:
    """It gets what was put there with it; nothing of it stays, nor of who did it."""
    queue.put(TeamJob(Task.ADVANCE, RUN, {"tried": 2}))
    with hand(database) as worker:
        worker.until(1)
        soon(worker.lease.holds)
        soon(lambda: not queue.names())
    assert worker.done == [("advance", {"about": RUN, "tried": 2})]
    assert not worker.lease.holds()
    assert queue.backlog().workers == 0


def test_one_job_of_a_name_waits_and_is_put_forward(queue: TeamQueue) -> None:
    """What is due now is not kept waiting by what was due later, and nothing piles up."""
    queue.put(TeamJob(Task.ADVANCE, RUN), in_s=3600)
    assert queue.backlog().waiting == 0
    queue.put(TeamJob(Task.ADVANCE, RUN), in_s=7200)
    queue.put(TeamJob(Task.ADVANCE, RUN))
    queue.put(TeamJob(Task.ADVANCE, RUN), in_s=60)
    assert queue.names() == {f"advance {RUN}"}
    found = queue.backlog()
    assert (found.waiting, found.aside) == (1, 0)


def test_workers_are_told_of_what_is_put_there_and_put_forward(
    postgres: PostgresCluster, queue: TeamQueue
) -> None:
    """None waits for the next time that it looks."""
    with postgres.admin(base_of(queue.database)) as listens:
        listens.execute(f'LISTEN "procrastinate_queue_v1#{EVERYBODY}"')
        queue.put(TeamJob(Task.ADVANCE, RUN), in_s=3600)
        queue.put(TeamJob(Task.ADVANCE, RUN))
        queue.put(TeamJob(Task.ADVANCE, RUN))
        told = [each.payload for each in listens.notifies(timeout=0.2)]
    assert len(told) == 2


def test_a_job_begins_after_what_made_it_due_is_there(database: Database, queue: TeamQueue) -> None:
    """Also one that waited before: it is held until the commit, and gone with a rollback."""
    queue.put(TeamJob(Task.ADVANCE, RUN))
    with database.connect() as other:
        with other.transaction(force_rollback=True):
            jobs.put(other, TeamJob(Task.ADVANCE, "CK-BBBB"))
        with other.transaction(), hand(database) as worker:
            jobs.put(other, TeamJob(Task.ADVANCE, RUN))
            soon(worker.lease.holds)
            queue.put(TeamJob(Task.TAKE_IN))
            worker.until(1)
            assert worker.done == [("take-in", {"about": ""})]
    with hand(database) as worker:
        worker.until(1)
        assert worker.done == [("advance", {"about": RUN})]


def test_of_a_run_one_job_goes_on_at_a_time(database: Database, queue: TeamQueue) -> None:
    """A second one waits for the first; another run does not."""
    first, over = threading.Event(), threading.Event()

    def act(_: str, given: Mapping[str, Any]) -> None:
        if given["about"] == RUN and not first.is_set():
            first.set()
            assert over.wait(LIMIT_S)

    queue.put(TeamJob(Task.ADVANCE, RUN))
    with hand(database, act) as worker, hand(database, act) as second:
        assert first.wait(LIMIT_S)
        queue.put(TeamJob(Task.ADVANCE, RUN))
        queue.put(TeamJob(Task.ADVANCE, "CK-BBBB"))
        soon(lambda: queue.names() == {f"advance {RUN}"})
        assert len(worker.done) + len(second.done) == 2
        over.set()
        soon(lambda: len(worker.done) + len(second.done) == 3)


@pytest.mark.parametrize(
    ("kind", "data", "task"),
    [
        (Kind.PROPOSED, '{"served":true}', Task.ADVANCE),
        (Kind.PROPOSED, "{}", None),
        (Kind.JOINED, "{}", Task.ADVANCE),
        (Kind.ANSWERED, "{}", Task.ADVANCE),
        (Kind.APPROVED, "{}", Task.ADVANCE),
        (Kind.DENIED, "{}", Task.ADVANCE),
        (Kind.CONFIRMED, '{"decision":"cancel"}', Task.ADVANCE),
        (Kind.CONFIRMED, '{"decision":"yes"}', None),
        (Kind.APPROVAL_ASKED, "{}", Task.TELL),
        (Kind.PARKED, "{}", Task.TELL),
        (Kind.INTENT, "{}", None),
        (Kind.CHECKPOINT, "{}", None),
    ],
)
def test_what_people_and_events_say_wakes_a_worker(
    queue: TeamQueue, kind: Kind, data: str, task: Task | None
) -> None:
    """And what an engine writes down of its own work does not."""
    with queue.database.connect() as other:
        jobs.on_record(other, row(kind, data))
    assert queue.names() == ({f"{task.value} {RUN}"} if task else set())


def test_a_delivery_wakes_a_worker(queue: TeamQueue) -> None:
    with queue.database.connect() as other:
        jobs.on_delivery(other)
    assert queue.names() == {"take-in"}


@pytest.mark.promise("P17")
def test_a_delivery_keeps_no_worker_waiting_and_is_seen(
    database: Database, queue: TeamQueue
) -> None:
    """It found a job that waits; that is fetched before its commit, and looks only after it."""
    began, seen = threading.Event(), threading.Event()

    def act(_: str, __: Mapping[str, Any]) -> None:
        began.set()
        queue.see_deliveries()
        seen.set()

    queue.put(TeamJob(Task.TAKE_IN))
    with database.connect() as one, database.connect() as other, hand(database, act) as worker:
        with one.transaction():
            jobs.on_delivery(one)
            with other.transaction():
                jobs.on_delivery(other)  # It waits for no other delivery either.
            assert began.wait(LIMIT_S)
            assert not seen.wait(0.1)
        assert seen.wait(LIMIT_S)
        soon(lambda: not queue.names())
        assert len(worker.done) == 1
        jobs.on_delivery(one)
        worker.until(2)


def test_a_delivery_puts_forward_what_was_to_be_looked_at_later(queue: TeamQueue) -> None:
    """After a fault of this machine, what comes next is not kept waiting."""
    queue.put(TeamJob(Task.TAKE_IN), in_s=3600)
    with queue.database.connect() as other:
        jobs.on_delivery(other)
    assert queue.backlog().waiting == 1


def test_only_those_take_what_is_put_aside_who_can_do_it(
    database: Database, queue: TeamQueue
) -> None:
    """Another job about the same, put there meanwhile, goes with it; `doctor` sees it wait."""
    there = f"{jobs.ASIDE}0123456789abcdef"
    queue.put(TeamJob(Task.ADVANCE, RUN), queue=there)
    queue.put(TeamJob(Task.ADVANCE, RUN))
    queue.put(TeamJob(Task.TAKE_IN))
    with hand(database) as worker:
        soon(lambda: queue.names() == {f"advance {RUN}"})
        assert [name for name, _ in worker.done] == ["take-in"]
    assert queue.backlog().aside == 1
    with hand(database, queues=(EVERYBODY, there)) as worker:
        worker.until(1)


@pytest.mark.promise("P4")
def test_others_go_on_with_what_the_dead_were_doing(
    postgres: PostgresCluster, database: Database, queue: TeamQueue
) -> None:
    """Who only seemed dead learns of it with its next sign of life, and may write no more."""
    began, over, ended = threading.Event(), threading.Event(), list[str]()

    def act(_: str, __: Mapping[str, Any]) -> None:
        began.set()
        assert over.wait(LIMIT_S)

    queue.put(TeamJob(Task.ADVANCE, RUN, {"tried": 1}))
    with hand(database, act, at_once=1) as zombie:
        assert began.wait(LIMIT_S)
        assert queue.take_over(ended.append) == []
        assert taken_over(postgres, queue, ended.append) == [f"advance {RUN}"]
        assert {name.partition(" ")[0] for name in ended} == {"worker"}
        soon(lambda: not zombie.lease.holds(), LIMIT_S / 2)
        with hand(database) as other:
            other.until(1)
            assert other.done == [("advance", {"about": RUN, "tried": 1})]
            soon(other.lease.holds)
            assert not zombie.lease.holds()
            over.set()


@pytest.mark.promise("P4")
def test_a_worker_whose_sessions_others_ended_is_none_any_more(
    postgres: PostgresCluster, database: Database, queue: TeamQueue
) -> None:
    """Though its line is there still: it was continued between the end of these and of that. Else
    nobody could end what it holds, should it be stopped again.
    """
    name = f"SELECT id FROM {SCHEMA_NAME}.procrastinate_workers"  # noqa: S608 - our own word
    with hand(database) as worker, postgres.admin(base_of(database)) as admin:
        ((number,),) = soon(lambda: admin.execute(name).fetchall())
        soon(worker.lease.holds)
        given = {"key": lock_key(f"run {taking_over.name_of(number)} {SCHEMA_NAME}")}
        ended = admin.execute(f"SELECT pg_terminate_backend(pid){HOLDER}", given)
        assert ended.rowcount == 1
        soon(lambda: not worker.lease.holds())
        soon(lambda: queue.backlog().workers == 0)


def test_a_job_that_could_not_even_be_put_back_is_not_lost(
    database: Database, queue: TeamQueue
) -> None:
    """The database was gone meanwhile: it is left as the dead leave theirs, and done again."""

    def act(*_: object) -> None:
        if len(worker.done) == 1:
            raise JournalUnusableError("gone")

    queue.put(TeamJob(Task.TELL, RUN))
    with hand(database, act) as worker:
        assert soon(lambda: queue.take_over(lambda _: None)) == [f"tell {RUN}"]
        worker.until(2)
        soon(lambda: not queue.names())


def test_what_waits_for_a_dead_workers_job_takes_its_place(
    postgres: PostgresCluster, database: Database, queue: TeamQueue
) -> None:
    """Of each run one job waits, also after a take-over."""
    began, over = threading.Event(), threading.Event()

    def act(_: str, __: Mapping[str, Any]) -> None:
        began.set()
        assert over.wait(LIMIT_S)

    queue.put(TeamJob(Task.ADVANCE, RUN))
    with hand(database, act):
        assert began.wait(LIMIT_S)
        queue.put(TeamJob(Task.ADVANCE, RUN), in_s=3600)
        taken_over(postgres, queue, lambda _: None)
        assert queue.backlog().waiting == 1
        over.set()


def test_a_worker_that_is_told_to_stop_ends_what_it_does(
    database: Database, queue: TeamQueue
) -> None:
    """It takes nothing else, but for what is on its way to it, and leaves nothing half done."""
    began, over = threading.Event(), threading.Event()

    def act(_: str, __: Mapping[str, Any]) -> None:
        began.set()
        assert over.wait(LIMIT_S)

    queue.put(TeamJob(Task.ADVANCE, RUN))
    with hand(database, act) as worker:
        assert began.wait(LIMIT_S)
        worker.worker.stop()
        queue.put(TeamJob(Task.TAKE_IN))
        over.set()
    assert queue.names() == ({"take-in"} if len(worker.done) == 1 else set())
    assert queue.take_over(lambda _: None) == []


def test_while_a_worker_may_take_no_job_it_leaves_them(
    database: Database, queue: TeamQueue
) -> None:
    """Another one does them; it goes on with what comes when it may again. One that leaves the team
    has no line there any more, and comes back when it is run again.
    """
    with hand(database) as worker, hand(database) as other:
        soon(lambda: queue.backlog().workers == len((worker, other)))
        was_asked = threading.Event()

        def may_take() -> bool:
            was_asked.set()
            return False

        worker.worker.may_take = may_take
        soon(was_asked.is_set)  # What it had asked the queue for before is over.
        for number in range(4):
            queue.put(TeamJob(Task.ADVANCE, f"CK-{number}"))
        other.until(4)
        assert worker.done == []
        other.worker.leave()
        soon(lambda: queue.backlog().workers == len((worker,)))
        queue.put(TeamJob(Task.TAKE_IN))
        assert queue.names() == {"take-in"}
        worker.worker.may_take = lambda: True
        worker.until(1)


def test_a_worker_says_that_the_database_is_gone(database: Database, queue: TeamQueue) -> None:
    """And its lease is over before: what it goes on with changes nothing any more."""
    del queue
    gone = Database(f"{database.url}/nowhere")
    lease = Lease(SystemClock())
    worker = JobWorker(gone, {}, lease, DatabaseRunLocks(database).hold, [EVERYBODY], 1)
    with pytest.raises(JournalUnusableError, match="could not be reached"):
        worker.run()
    assert not lease.holds()
