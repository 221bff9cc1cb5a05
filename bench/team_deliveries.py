"""Measure how two servers of a team take a storm, beside two workers, on one database.

    python bench/team_deliveries.py [--seconds 60] [--rate 200]

A PostgreSQL of this bench's own; deliveries go to the servers in turns, each puts a job there in
its own transaction, and the workers take what the queue says and settle it. Between them go as
many requests that come to nothing, as in ``deliveries.py``. In the end the servers are killed, and
every delivery that was answered must be in the inbox, once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deliveries import (
    BOUND_GROWTH_MIB,
    BOUND_P99_MS,
    CONNECTIONS,
    SOURCES,
    WARM_UP,
    Seen,
    letter,
    listen,
    p99_of,
    receiving,
    rss_mib,
)
from figures import figure

from respond.adapters.clock import SystemClock
from respond.adapters.queue.job_worker import JobWorker
from respond.adapters.queue.lease import Lease
from respond.adapters.queue.team_jobs import EVERYBODY, Task, on_delivery
from respond.adapters.queue.team_queue import TeamQueue
from respond.adapters.store.inbox_postgres import PostgresInbox
from respond.adapters.store.postgres import Database
from respond.adapters.store.postgres_schema import init
from respond.adapters.store.run_lock_postgres import DatabaseRunLocks
from respond.adapters.store.server_memory_postgres import PostgresMemory
from respond.ports import Became, Settlement
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster

BOUND_P99 = 3.0
KEY = bytes(range(32))
TURN_S = 0.0005
AT_ONCE = 4


def inbox_of(database: str) -> PostgresInbox:
    """The team's inbox, which puts a job there with each event."""
    return PostgresInbox.open(
        Database(database), key=KEY, clock=SystemClock(), on_delivery=on_delivery
    )


def serve(database: str) -> None:
    """Take deliveries until killed."""
    sys.setswitchinterval(TURN_S)  # As ``respond serve`` does.
    memory = PostgresMemory(Database(database))
    listen(receiving(inbox_of(database), memory, lambda: None), "off")


def work(database: str) -> None:
    """Do what the queue says until killed: settle what waits, each with its own commit."""
    inbox, queue = inbox_of(database), TeamQueue(Database(database))

    def take_in(_: object) -> None:
        queue.see_deliveries()
        while kept := inbox.waiting(50):
            inbox.settle_all([Settlement(each.id, Became.IGNORED, why="a bench") for each in kept])

    at, lease = Database(database), Lease(SystemClock())
    hold = DatabaseRunLocks(at).hold
    JobWorker(at, {Task.TAKE_IN: take_in}, lease, hold, [EVERYBODY], AT_ONCE).run()


@contextmanager
def child(log: Path, what: str, database: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this bench, which is killed in the end."""
    command = [sys.executable, __file__, what, database]
    with (
        log.open("a") as file,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True) as made,
    ):
        try:
            yield made
        finally:
            made.kill()


# --- the senders ----------------------------------------------------------------------------------

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def storm(urls: Sequence[str], first: int, count: int, rate: float) -> Seen:
    """Send deliveries to servers in turns, and as many requests that come to nothing.

    Everything is written before it begins: who sends must not take what is being measured.
    """
    requests = [_requests(first + number) for number in range(count)]
    lines: list[asyncio.Queue[Line]] = []
    for url in urls:
        host, port = url.removeprefix("http://").split(":")
        free: asyncio.Queue[Line] = asyncio.Queue()
        for _ in range(CONNECTIONS):
            free.put_nowait(await asyncio.open_connection(host, int(port)))
        lines.append(free)
    seen, loop, sent = Seen(), asyncio.get_running_loop(), []
    began = loop.time() + 0.5
    for number, (delivery, nothing) in enumerate(requests):
        free = lines[number % len(lines)]
        due = began + number / rate
        for request, is_ours in ((delivery, True), (nothing, False)):
            await asyncio.sleep(max(0.0, due - loop.time()))
            sent.append(asyncio.create_task(_send(free, seen, request, due, is_ours=is_ours)))
            due += 0.5 / rate
    await asyncio.gather(*sent)
    for free in lines:
        while not free.empty():
            free.get_nowait()[1].close()
    return seen


def _requests(number: int) -> tuple[bytes, bytes]:
    name, body, headers = letter(number)
    fields = {"Host": "bench", **dict(headers), "Content-Length": str(len(body))}
    head = "".join(f"{field}: {value}\r\n" for field, value in fields.items())
    made = [f"POST /{to}/{name} HTTP/1.1\r\n{head}\r\n".encode() for to in ("hooks", "nothing")]
    return made[0] + body, made[1] + body


async def _send(
    free: asyncio.Queue[Line], seen: Seen, request: bytes, due: float, *, is_ours: bool
) -> None:
    reader, writer = line = await free.get()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(size)
    took_ms = (asyncio.get_running_loop().time() - due) * 1000
    free.put_nowait(line)
    if not is_ours:
        seen.nothing_ms.append(took_ms)
        return
    seen.ours_ms.append(took_ms)
    told = json.loads(body)
    if head.split(b" ", 2)[1] == b"202" and told["result"] == "new":
        seen.ids.append(told["delivery"])
    else:
        seen.others.append(f"{head[:40]!r} {body[:80]!r}")


# --- who takes the machine ------------------------------------------------------------------------


def cpu_s(pid: int, *, and_children: bool = False) -> float:
    """Processor seconds of a process so far; with those of its children, ended ones too."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    own = sum(map(int, fields[11 : 15 if and_children else 13])) / os.sysconf("SC_CLK_TCK")
    if not and_children:
        return own
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return own + sum(map(cpu_s, map(int, children)))


# --- the figures ----------------------------------------------------------------------------------


def main() -> int:
    """Print the figures; exit 1 when one is beyond its bound."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
        return 0
    if asked.work:
        work(asked.work)
        return 0
    with tempfile.TemporaryDirectory() as folder, PostgresCluster.begin() as cluster:
        with cluster.admin() as admin:
            init(admin, ENGINE_ROLE)
        database = cluster.url("postgres", ENGINE_ROLE)
        server = int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
        return int(_measure(Path(folder) / "log", database, server, asked.seconds, asked.rate))


def _measure(log: Path, database: str, postgres: int, seconds: int, rate: float) -> bool:
    count = round(seconds * rate)
    with ExitStack() as stack:
        servers = [stack.enter_context(child(log, "--serve", database)) for _ in range(2)]
        workers = [stack.enter_context(child(log, "--work", database)) for _ in range(2)]
        urls = [
            f"http://127.0.0.1:{int(each.stdout.readline())}" for each in servers if each.stdout
        ]
        warm = asyncio.run(storm(urls, 0, WARM_UP, rate))
        before = sum(rss_mib(each.pid) for each in servers)

        def spent() -> dict[str, float]:
            return {
                "servers": sum(cpu_s(each.pid) for each in servers),
                "workers": sum(cpu_s(each.pid) for each in workers),
                "database": cpu_s(postgres, and_children=True),
                "senders": cpu_s(os.getpid()),
            }

        idle, began = spent(), time.monotonic()
        seen = asyncio.run(storm(urls, WARM_UP, count, rate))
        took_s = time.monotonic() - began
        took = {name: (now - idle[name]) / count * 1000 for name, now in spent().items()}
        grew = sum(rss_mib(each.pid) for each in servers) - before
        if any(each.poll() is not None for each in (*servers, *workers)):
            raise SystemExit(f"one of them ended:\n{log.read_text()[-2000:]}")
    with inbox_of(database) as inbox:
        there = [line.delivery for line in inbox.recent(10 * count + WARM_UP)]
    for other in (*warm.others, *seen.others)[:5]:
        print(f"  {other}")
    lost = len(set(warm.ids + seen.ids) - set(there))
    # Each was sent once and has one event, so a line that stands there twice was kept twice.
    twice = len(there) - len(set(there))
    who = "two servers of a team"
    of = f"of {count} deliveries, {rate:.0f} a second, {len(SOURCES)} sources, {who}"
    refused = len(warm.others) + len(seen.others)
    says = f"{lost} lost, {twice} twice, {refused} refused"
    beyond = figure(f"lost, twice or refused {of}", lost + twice + refused, bound=0, says=says)
    p99, nothing = p99_of(seen.ours_ms), p99_of(seen.nothing_ms)
    says = (
        f"p50 {statistics.median(seen.ours_ms):.1f} ms; doing nothing p50 "
        f"{statistics.median(seen.nothing_ms):.1f} ms, p99 {nothing:.1f} ms"
    )
    beyond |= figure(f"p99 {of}", p99, "ms", bound=BOUND_P99_MS, says=says)
    name = f"p99 over the same stack doing nothing, {who}"
    beyond |= figure(name, p99 / nothing, "times", bound=BOUND_P99)
    says = ", ".join(f"{name} {ms:.2f}" for name, ms in took.items())
    del took["senders"]
    name = f"processor time of a delivery and a request for nothing, {who}"
    says = f"{says} ms; the storm took {took_s:.0f} s, load average {os.getloadavg()[0]:.1f}"
    figure(name, sum(took.values()), "ms", says=says)
    return beyond | figure(f"memory growth, {who}", grew, "MiB", bound=BOUND_GROWTH_MIB)


if __name__ == "__main__":
    sys.exit(main())
