"""A team in processes of its own: servers and workers of one database, over a simulated company.

``respond serve --at`` and ``respond worker --at`` as somebody would start them, each with a state
folder of its own, as on machines of their own.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
from tests.server.house_kit import LIMIT_S, CompanyBrowser, project

from respond.adapters.clock import SystemClock
from respond.adapters.queue.team_jobs import on_record
from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_postgres import PostgresJournal, open_table
from respond.adapters.store.postgres import DRILL_NAME, Database, lock_key
from respond.adapters.store.team_keys import TeamKeys
from respond.audit.checkpoint import NoteKey
from respond.audit.verify import Verification, verify
from respond.company import Server as Company
from respond.company import default_company, serve
from respond.company.rehearsal import Rehearsal
from respond.core.asked import asked_now
from respond.core.events import Actor, Strength
from respond.core.fold import RunState
from respond.errors import JournalUnusableError
from respond.server.board import Board
from respond.testing.loopback import loopback_client
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster
from respond.testing.senders import payload, secret_for, signed

OF_LOCK = (
    "SELECT pid FROM pg_locks WHERE granted = %s AND locktype = 'advisory'"
    " AND (classid::bigint << 32) | objid::bigint = %s"
)
WAITS_FOR_TABLE = (
    "SELECT pid FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND pid = %s"
)
IS_ANSWERED = "SELECT pid FROM pg_stat_activity WHERE state = 'idle' AND pid = %s"
STARTER = Path(__file__).with_name("starter.py")
HOLD = lock_key("a test holds whoever records an intent")
HELD = f"""
CREATE FUNCTION {DRILL_NAME}.held() RETURNS bool LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_advisory_xact_lock_shared({HOLD}); RETURN true; END';
ALTER TABLE {DRILL_NAME}.journal ADD CONSTRAINT held CHECK
  (kind <> 'intent' OR step LIKE 'notice:%' OR {DRILL_NAME}.held()) NOT VALID
"""
HELD_NO_MORE = f"BEGIN; DROP FUNCTION {DRILL_NAME}.held CASCADE"


class Starter:
    """Starts processes that have imported everything before: that is most of what a start costs."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(STARTER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, words: Sequence[str], folder: Path, state: Path, log: Path) -> int:
        """Start one; gives its number."""
        given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        case = {
            "words": words, "folder": str(folder), "log": str(log),
            "env": {**given, "XDG_STATE_HOME": str(state)},
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(case)}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()


@dataclass
class Member:
    """A process of the team."""

    pid: int
    log: Path
    url: str = ""
    _handle: int = field(init=False)

    def __post_init__(self) -> None:
        self._handle = os.pidfd_open(self.pid)

    def lines(self) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines() if line[:1] == "{"]

    def said(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        return [
            line
            for line in self.lines()
            if line.get("event") == event and fields.items() <= line.items()
        ]

    def is_alive(self, within_s: float = 0) -> bool:
        return not select.select([self._handle], [], [], within_s)[0]

    def send(self, number: signal.Signals) -> None:
        signal.pidfd_send_signal(self._handle, number)

    def show_threads(self) -> None:
        """Have it write into its log where each of its threads is."""
        if self.is_alive():
            self.send(signal.SIGUSR2)
            self.is_alive(1)

    def kill(self) -> None:
        if self.is_alive():
            self.send(signal.SIGKILL)
            self.is_alive(LIMIT_S)

    def stop(self) -> int:
        """End it as a service manager does; gives what it ended with."""
        self.send(signal.SIGTERM)
        assert not self.is_alive(LIMIT_S)
        return int(self.log.with_name(f"{self.log.name}.exit").read_text())


@dataclass
class Team:
    """All of it. What happened is read from the database, by nobody of the team."""

    folder: Path
    starter: Starter
    cluster: PostgresCluster
    base: str
    database: Database
    company: Company
    rehearsal: Rehearsal
    journal: PostgresJournal
    board: Board
    watch: psycopg.Connection[tuple[Any, ...]]
    members: list[Member] = field(default_factory=list)
    both: list[Member] = field(default_factory=list)
    pages: dict[tuple[str, str], CompanyBrowser] = field(default_factory=dict)
    sent: int = 0

    def start(self, *words: str) -> Member:
        """Start one, on a machine of its own."""
        number = len(self.members)
        log, state = self.folder / f"{number}.log", self.folder / f"state-{number}"
        given = (*words, "--at", self.company.base_url)
        member = Member(self.starter.start(given, self.folder / "project", state, log), log)
        self.members.append(member)
        return member

    def begin(self, *, servers: int = 0, workers: int = 0) -> None:
        """Start some of each, and wait until all of them are there."""
        both = [self.start("serve", "--port", "0") for _ in range(servers)]
        for member in [self.start("worker") for _ in range(workers)]:
            self.soon(partial(member.said, "worker.started"), member)
        for member in both:
            self.soon(partial(member.said, "server.started"), member)
            (line,) = member.said("server.listening")
            member.url = line["at"]
        self.both += both

    def soon(self, found: Callable[[], Any], member: Member | None = None) -> Any:
        """What is found, as soon as it is; a limit, and no sleep that decides anything."""
        end, pause_s = time.monotonic() + LIMIT_S, 0.01
        while time.monotonic() < end:
            if got := found():
                return got
            assert member is None or member.is_alive(), member.log.read_text()
            threading.Event().wait(pause_s)
            pause_s = min(pause_s * 1.5, 0.1)
        for each in self.members:
            each.show_threads()
        logs = "\n".join(each.log.read_text()[-9000:] for each in self.members)
        seen = [(s.id, s.status.value, s.parked) for s in self.board.runs()]
        raise AssertionError(f"it did not come to that within {LIMIT_S} s: {seen}\n{logs}")

    def session(self, query: str, *values: int) -> int:
        """The session that a query finds, as soon as it does."""
        ((pid,), *_) = self.soon(lambda: self.watch.execute(query, values).fetchall())
        return int(pid)

    # --- what comes in, and what becomes of it ---

    def send(self, server: Member, sender: str = "pagerduty", *, again: bool = False) -> int:
        """Send another event, or the last one ``again``; gives what it was answered with."""
        self.sent += not again
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        body = payload(sender, thing=f"T{self.sent}", event=f"event-{self.sent}", at=at)
        headers = signed(
            sender, [secret_for(sender)], body, now_s=int(time.time()),
            delivery_id=f"delivery-{self.sent}", options={},
        )  # fmt: skip
        with loopback_client(timeout=60) as http:
            there = f"{server.url}/hooks/{sender}"
            return http.post(there, content=body, headers=dict(headers)).status_code

    def until(self, wanted: Callable[[RunState], object], run: str = "") -> RunState:
        """The run, as soon as it is as wanted."""

        def found() -> RunState | None:
            states = (s for s in self.board.runs() if not run or s.id == run)
            return next((state for state in states if wanted(state)), None)

        state: RunState = self.soon(found)
        return state

    def agree(self, state: RunState, server: Member, person: str = "ana") -> None:
        """Somebody who is signed on at a server says yes."""
        request = asked_now(state)
        assert request is not None
        page = self._signed_on(server, person)
        fields = {
            "verdict": "approve", "nonce": request.nonce, "digest": request.digest,
            "typed": state.id.rpartition("-")[2],
        }  # fmt: skip
        assert page.post(f"/runs/{state.id}/decision", fields).status_code in (302, 303)

    def _signed_on(self, server: Member, person: str) -> CompanyBrowser:
        """Once for all: the company's clock jumps ahead of the servers' with runs that wait."""
        if (server.url, person) not in self.pages:
            page = self.pages[server.url, person] = CompanyBrowser(server.url)
            assert page.sign_on(person).status_code in (302, 303)
        return self.pages[server.url, person]

    # --- what happens to them ---

    @contextmanager
    def no_database(self) -> Iterator[None]:
        """The database crashes now, and is back afterwards."""
        self.cluster.stop(signal.SIGQUIT)  # As ``pg_ctl stop -m immediate`` does.
        try:
            yield
        finally:
            self.cluster.start()
            self.watch.close()
            self.watch = self.cluster.admin(self.base)
            with suppress(JournalUnusableError):
                self.journal.head()  # So that it finds out.
            assert self.journal.reopen()

    def stop_behind_an_intent(self, begin: Callable[[], None]) -> Member:
        """Let something begin, and stop whoever records an intent of it, by SIGSTOP: the intent is
        durable, and what was asked about it before the request may leave has been answered.

        Its record waits for a lock of ours, and the look at the journal behind that for another,
        so that it is stopped there and nowhere else, whatever the machine is busy with.
        """
        with (
            ThreadPoolExecutor(1) as thread,
            self.cluster.admin(self.base) as insert,
            self.cluster.admin(self.base) as look,
        ):
            insert.execute("SELECT pg_advisory_lock(%s)", (HOLD,))
            insert.execute(HELD)
            begin()
            pid = self.session(OF_LOCK, False, HOLD)
            drops = thread.submit(look.execute, HELD_NO_MORE)
            self.session(WAITS_FOR_TABLE, look.info.backend_pid)
            insert.execute("SELECT pg_advisory_unlock(%s)", (HOLD,))
            drops.result()
            self.session(WAITS_FOR_TABLE, pid)
            stopped = self._of_session(pid)
            assert stopped is not None
            stopped.send(signal.SIGSTOP)
            look.execute("COMMIT")
            self.session(IS_ANSWERED, pid)
        return stopped

    # --- the company ---

    def anew(self) -> None:
        """Begin with the company as it was, for another run."""
        company = self.company.company = default_company(guess_routes=True)
        for system in company.systems.values():
            system.opened(self.company.base_url)

    def holder(self, run: str) -> Member | None:
        """Whoever has the run locked now."""
        key = lock_key(f"run {run} {DRILL_NAME}")
        rows = self.watch.execute(OF_LOCK, (True, key)).fetchall()
        return next(map(self._of_session, chain.from_iterable(rows)), None)

    def _of_session(self, pid: int) -> Member | None:
        """Whose session that is; nobody's when it is over by now."""
        query = "SELECT application_name FROM pg_stat_activity WHERE pid = %s"
        rows = self.watch.execute(query, (pid,)).fetchall()
        pids = [int(name.split()[2]) for (name,) in rows]
        return next((each for each in self.members if each.pid in pids), None)

    def _sessions(self, member: Member) -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s"
        ((count,),) = self.watch.execute(query, (f"respond % {member.pid} %",)).fetchall()
        return int(count)

    def is_given_up(self, member: Member) -> bool:
        """Others have taken it for dead, and ended all that it held."""
        return self._sessions(member) == 0

    def is_done_with(self, run: str) -> bool:
        """Nothing about it is being done or could be now: nobody is still told how it ended."""
        query = (
            f"SELECT FROM {DRILL_NAME}.procrastinate_jobs WHERE args->>'about' = %s"
            " AND (status = 'doing'"
            " OR status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()))"
        )
        return self.watch.execute(query, (run,)).rowcount == 0

    def is_back(self, member: Member) -> bool:
        """It gives signs of life again, as another worker."""
        query = (
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND a.application_name LIKE %s"
        )
        ((count,),) = self.watch.execute(query, (f"respond % {member.pid} %",)).fetchall()
        return bool(count)

    def journal_faults(self) -> str:
        """What does not verify; empty when all does."""
        with open_table(self.database) as rows:
            report = verify(rows, keys=[NoteKey.parse(self.journal.public_key)])
        if report.answer is Verification.INTACT:
            return ""
        bad = report.first_bad or 1
        records = [
            f"{r.seq + 1} {r.event.kind.value} {r.event.run} {r.event.step} {dict(r.event.data)}"[
                :300
            ]
            for r in self.journal.records(since=max(0, bad - 12))
        ]
        return "\n".join((f"{report.why} at {report.first_bad}", *records))

    def effects(self) -> Counter[str]:
        """What happened in the company, and how often."""
        listed = self.rehearsal.doors.get("effects")["effects"]
        return Counter(f"{each['system']} {each['kind']}" for each in listed)

    def requests(self) -> int:
        """Requests that could change something, in all systems."""
        counts = self.rehearsal.doors.get("counts")
        return sum(int(of.get("writes", 0)) for of in counts.values() if isinstance(of, dict))


def write_project(folder: Path, url: str, **how: str) -> Path:
    """A project of house_kit's whose store is a database, and the key of its team; gives the key's
    place.
    """
    where, key = project(folder / "project", **how), folder / "store-key"
    key.write_text(b64encode(secrets.token_bytes(32)).decode())
    key.chmod(0o600)
    config = where / "respond.toml"
    own = f'[journal]\nkeys = "file"\n[store]\nurl = "{url}"\ncredential = "none"\n'
    many = "[server]\nproposals = 1000\n"  # A campaign begins more runs than a night has.
    config.write_text(f'{own}key = "file:{key}"\n{many}{config.read_text()}')
    return key


@contextmanager
def team(
    starter: Starter, postgres: PostgresCluster, template: str, folder: Path, **how: str
) -> Iterator[Team]:
    """A company, a database and a project; nobody of the team is started."""
    base = postgres.new_base(template)
    url = postgres.url(base, ENGINE_ROLE)
    key = write_project(folder, url, **how)
    database = Database(url, schema=DRILL_NAME)
    company = serve(default_company(guess_routes=True))
    keys = TeamKeys(database, lambda: b64decode(key.read_text()), FolderKeys(folder / "own"))
    journal = PostgresJournal.open(
        database, keys=keys, clock=SystemClock(), create=True,
        actor=Actor("test", Strength.MACHINE), on_record=on_record,
    )  # fmt: skip
    made = Team(
        folder, starter, postgres, base, database, company, Rehearsal.start(at=company.base_url),
        journal, Board(journal, SystemClock()), postgres.admin(base),
    )  # fmt: skip
    try:
        yield made
    finally:
        for member in made.members:
            member.kill()
        for page in made.pages.values():
            page.http.close()
        made.watch.close()
        journal.close()
        company.close()
