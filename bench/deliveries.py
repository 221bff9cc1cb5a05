"""Measure how the receiver takes a storm: campaign C11.

    python bench/deliveries.py [--seconds 60] [--rate 50] [--whole | --team]

A server process of its own with the receiver, an inbox on disk and somebody who works it; 30
sources of three kinds. With ``--whole`` it is all of ``respond serve``: each source begins a run,
which is planned against a simulated company, waits for people, and is joined by what comes after.
With ``--team`` there are two servers that share an inbox in a PostgreSQL of this bench's own, and
two workers that settle what waits; each delivery goes to one of the servers, 200 come in a second.
This process sends signed deliveries at a fixed rate, whether or not the ones before were answered,
and counts each from the moment it was due. Between them go as many requests to an endpoint of the
same server that says 202 and does nothing: what is left is ours. In the end the server is killed,
and every delivery that was answered must be in the inbox.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import figure

from respond.adapters.clock import SystemClock
from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.ports import Became
from respond.senders import SENDERS, SenderSecrets
from respond.testing.senders import payload, secret_for, signed

if TYPE_CHECKING:
    import httpx

KINDS = ("pagerduty", "standard-webhooks", "alertmanager")
SOURCES = {f"{kind}-{n}": kind for n in range(10) for kind in KINDS}
CONNECTIONS = 32
WARM_UP = 100
BOUND_P99_MS = 250.0
BOUND_P99 = 2.0
BOUND_P99_TEAM = 3.0
TEAM_RATE = 200.0
TEAM_KEY = bytes(range(32))
BOUND_GROWTH_MIB = 16.0
"""Allocator and page cache of SQLite settle in the first seconds; a leak does not settle."""


# --- the server -----------------------------------------------------------------------------------


def serve(folder: Path, company: str, database: str) -> None:
    """Serve until killed; say the port on standard output."""
    if company:
        app, lifespan = _whole(folder, company), "on"
    else:
        app, lifespan = _receiver(folder, database), "off"
    import uvicorn  # noqa: PLC0415 - the child's alone

    # asyncio sends small answers at once only on sockets that say that they are TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as door:
        door.bind(("127.0.0.1", 0))
        door.listen(128)
        os.write(1, f"{door.getsockname()[1]}\n".encode())
        config = uvicorn.Config(app, log_config=None, lifespan=lifespan, ws="none")  # type: ignore[arg-type]
        uvicorn.Server(config).run(sockets=[door])


def _whole(folder: Path, company: str) -> Any:
    """All of the server, with the endpoint that does nothing in front."""
    from starlette.routing import Route  # noqa: PLC0415 - the child's alone

    from respond.wiring.app import application  # noqa: PLC0415 - the same
    from respond.wiring.places import Places  # noqa: PLC0415 - the same
    from respond.wiring.server import build  # noqa: PLC0415 - the same

    project = folder / "project"
    project.mkdir()
    (project / "respond.toml").write_text(_configuration(project), encoding="utf-8")
    app = application(build(Places(project, folder / "state"), at=company, url="http://127.0.0.1"))
    app.router.routes.insert(0, Route("/nothing/{source}", _Nothing()))
    return app


def _configuration(project: Path) -> str:
    """A source and a hook for each; what a source sends is about one thing of its own."""
    parts = ["[server]\nproposals = 1000\n"]
    for name, kind in SOURCES.items():
        secret = project / f"{name}.secret"
        secret.write_text(secret_for(kind), encoding="utf-8")
        secret.chmod(0o600)
        parts.append(
            f'[sources.{name}]\nsender = "{kind}"\nsecret = "file:{secret}"\n'
            'runbooks = ["compromised-key"]\n'
            f'[[hooks]]\nsource = "{name}"\nrunbook = "compromised-key"\n'
            'with = {key = "backend-prod", since = "1 day ago", used_by = "${{ event.source }}"}\n'
        )
    return "".join(parts)


def _receiver(folder: Path, database: str) -> Any:
    """The receiver alone, and somebody who works its inbox."""
    from starlette.applications import Starlette  # noqa: PLC0415 - the child's alone
    from starlette.routing import Route  # noqa: PLC0415 - the same

    from respond.adapters.log import make_logger  # noqa: PLC0415 - the same
    from respond.adapters.secrets.redactor import Redactor  # noqa: PLC0415 - the same
    from respond.server.metrics import Metrics  # noqa: PLC0415 - the same
    from respond.server.receiving import Receiver, Source  # noqa: PLC0415 - the same

    clock = SystemClock()
    new = threading.Event()
    if database:
        sys.setswitchinterval(0.0005)  # As the server does.
        inbox, memory = _team_inbox(database), _team_memory(database)
    else:
        inbox, memory = SqliteInbox.open(folder / "state" / "inbox.db", clock=clock), None
        threading.Thread(target=_work, args=(inbox, new), daemon=True).start()
    receiver = Receiver(
        {name: Source(SENDERS[kind], _secrets(kind)) for name, kind in SOURCES.items()},
        inbox,
        clock=clock,
        log=make_logger(Redactor(), clock, sys.stderr, verbosity=1),
        metrics=Metrics(),
        on_new=new.set,
        memory=memory,
    )
    return Starlette(
        routes=[Route("/hooks/{source}", receiver), Route("/nothing/{source}", _Nothing())]
    )


def _team_inbox(database: str) -> Any:
    from respond.adapters.queue.team_jobs import on_delivery  # noqa: PLC0415 - of teams alone
    from respond.adapters.store.inbox_postgres import PostgresInbox  # noqa: PLC0415 - the same
    from respond.adapters.store.postgres import Database  # noqa: PLC0415 - the same

    return PostgresInbox.open(
        Database(database), key=TEAM_KEY, clock=SystemClock(), on_delivery=on_delivery
    )


def _team_memory(database: str) -> Any:
    from respond.adapters.store.postgres import Database  # noqa: PLC0415 - of teams alone
    from respond.adapters.store.server_memory_postgres import (  # noqa: PLC0415 - the same
        PostgresMemory,
    )

    return PostgresMemory(Database(database))


def work(database: str) -> None:
    """Do what the queue says, until killed: settle what waits, each with its own commit."""
    from contextlib import nullcontext  # noqa: PLC0415 - the child's alone

    from respond.adapters.queue.job_worker import JobWorker  # noqa: PLC0415 - the same
    from respond.adapters.queue.lease import Lease  # noqa: PLC0415 - the same
    from respond.adapters.queue.team_jobs import EVERYBODY, Task  # noqa: PLC0415 - the same
    from respond.adapters.store.postgres import Database  # noqa: PLC0415 - the same

    inbox = _team_inbox(database)

    def take_in(_: object) -> None:
        while kept := inbox.waiting(100):
            for each in kept:
                inbox.settle(each.id, Became.IGNORED, why="a bench")

    lease = Lease(SystemClock())
    at = Database(database)
    JobWorker(at, {Task.TAKE_IN: take_in}, lease, lambda _: nullcontext(), (EVERYBODY,), 4).run()


class _Nothing:
    """The peer: says 202 and does nothing. A class, so that its route takes every method."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import JSONResponse  # noqa: PLC0415 - see above

        await JSONResponse({"delivery": "", "result": "new"}, 202)(scope, receive, send)


def _secrets(kind: str) -> Any:
    return lambda: SenderSecrets((secret_for(kind),))


def _work(inbox: SqliteInbox, new: threading.Event) -> None:
    """Settle what waits, each with its own commit, as workers do."""
    while True:
        new.wait()
        new.clear()
        for kept in inbox.waiting(100):
            inbox.settle(kept.id, Became.IGNORED, why="a bench")


# --- the senders ----------------------------------------------------------------------------------


@dataclass
class _Seen:
    """Milliseconds of each answer, ids that were answered, and answers that were not 202."""

    ours_ms: list[float] = field(default_factory=list)
    nothing_ms: list[float] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


async def _storm(urls: Sequence[str], first: int, count: int, rate: float) -> _Seen:
    import httpx  # noqa: PLC0415 - the load's alone

    seen = _Seen()
    # The server closes what is idle for five seconds; whoever sends into that moment is cut off.
    limits = httpx.Limits(
        max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=2
    )
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, limits=limits)
            )
            for url in urls
        ]
        began = loop.time()
        sent = []
        for number in range(count):
            client = clients[number % len(clients)]
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            sent.append(asyncio.create_task(_deliver(client, seen, first + number, due)))
            due += 0.5 / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            sent.append(asyncio.create_task(_nothing(client, seen, first + number, due)))
        await asyncio.gather(*sent)
    return seen


def _letter(number: int) -> tuple[str, bytes, list[tuple[str, str]]]:
    name = list(SOURCES)[number % len(SOURCES)]
    kind = SOURCES[name]
    labels = {"number": str(number), "what": "x" * 600}
    body = payload(kind, thing=f"{number:016x}", event=f"event-{number}", labels=labels)
    now_s = SystemClock().now_ms() // 1000
    return (
        name,
        body,
        signed(kind, [secret_for(kind)], body, now_s=now_s, delivery_id=f"delivery-{number}"),
    )


async def _deliver(client: httpx.AsyncClient, seen: _Seen, number: int, due: float) -> None:
    name, body, headers = _letter(number)
    answer = await client.post(f"/hooks/{name}", content=body, headers=headers)
    seen.ours_ms.append((asyncio.get_running_loop().time() - due) * 1000)
    told = answer.json()
    if answer.status_code == 202 and told["result"] == "new":  # noqa: PLR2004 - HTTP
        seen.ids.append(told["delivery"])
    else:
        seen.others.append(f"{answer.status_code} {answer.text}")


async def _nothing(client: httpx.AsyncClient, seen: _Seen, number: int, due: float) -> None:
    name, body, headers = _letter(number)
    await client.post(f"/nothing/{name}", content=body, headers=headers)
    seen.nothing_ms.append((asyncio.get_running_loop().time() - due) * 1000)


# --- the figures ----------------------------------------------------------------------------------


def _rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the server is gone")


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def main() -> int:
    """Print the figures; exit 1 when one is beyond its bound."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--whole", action="store_true", help="all of respond serve")
    parser.add_argument(
        "--team", action="store_true", help="two servers, two workers, one database"
    )
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--company", default="", help=argparse.SUPPRESS)
    parser.add_argument("--database", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.company, asked.database)
        return 0
    if asked.work:
        work(asked.work)
        return 0
    rate = asked.rate or (TEAM_RATE if asked.team else 50.0)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        if asked.team:
            return _measure_team(folder, asked.seconds, rate)
        if not asked.whole:
            return _measure(folder, asked.seconds, rate)
        from respond.company import default_company  # noqa: PLC0415 - only here
        from respond.company import serve as company  # noqa: PLC0415 - only here

        with company(default_company()) as running:
            return _measure(folder, asked.seconds, rate, running.base_url)


@contextlib.contextmanager
def _running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A child of this bench, which is killed in the end."""
    command = [sys.executable, __file__, *arguments]
    with (
        (folder / "log").open("a") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as child,
    ):
        try:
            yield child
        finally:
            child.kill()


def _url_of(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None  # noqa: S101 - it is a pipe
    return f"http://127.0.0.1:{int(server.stdout.readline())}"


def _measure(folder: Path, seconds: int, rate: float, company: str = "") -> int:
    count = round(seconds * rate)
    with _running(folder, "--serve", str(folder), "--company", company) as server:
        urls = [_url_of(server)]
        warm = asyncio.run(_storm(urls, 0, WARM_UP, rate))
        before = _rss_mib(server.pid)
        seen = asyncio.run(_storm(urls, WARM_UP, count, rate))
        grew = _rss_mib(server.pid) - before
    kept = folder / "state" / ("rehearsals/served" if company else "") / "inbox.db"
    with SqliteInbox.open(kept, clock=SystemClock()) as inbox:
        there = [line.delivery for line in inbox.recent(10 * count + WARM_UP)]
    who = "the whole server" if company else "the receiver"
    return _judge(warm, seen, there, rate, who, grew, BOUND_P99)


def _measure_team(folder: Path, seconds: int, rate: float) -> int:
    from respond.adapters.store.postgres_schema import init  # noqa: PLC0415 - only here
    from respond.testing.postgres_cluster import (  # noqa: PLC0415 - only here
        ENGINE_ROLE,
        PostgresCluster,
    )

    count = round(seconds * rate)
    with PostgresCluster.begin() as cluster, contextlib.ExitStack() as stack:
        with cluster.admin() as admin:
            init(admin, ENGINE_ROLE)
        database = cluster.url("postgres", ENGINE_ROLE)
        server = ("--serve", str(folder), "--database", database)
        servers = [stack.enter_context(_running(folder, *server)) for _ in range(2)]
        for _ in range(2):
            stack.enter_context(_running(folder, "--work", database))
        urls = [_url_of(each) for each in servers]
        warm = asyncio.run(_storm(urls, 0, WARM_UP, rate))
        before = sum(_rss_mib(each.pid) for each in servers)
        seen = asyncio.run(_storm(urls, WARM_UP, count, rate))
        grew = sum(_rss_mib(each.pid) for each in servers) - before
        for each in servers:
            each.kill()
        with _team_inbox(database) as inbox:
            there = [line.delivery for line in inbox.recent(10 * count + WARM_UP)]
            left = inbox.count_waiting()
        print(f"  {left} events wait for the workers at the end")
    who = "two servers of a team"
    return _judge(warm, seen, there, rate, who, grew, BOUND_P99_TEAM)


def _judge(
    warm: _Seen, seen: _Seen, there: Sequence[str], rate: float, who: str, grew: float, ratio: float
) -> int:
    taken = warm.ids + seen.ids
    lost = set(taken) - set(there)
    # Each was sent once, and has one event: what lies there twice was kept twice.
    twice = len(there) - len(set(there))
    p99, nothing = _p99(seen.ours_ms), _p99(seen.nothing_ms)
    of = f"of {len(seen.ours_ms)} deliveries, {rate:.0f} a second, {len(SOURCES)} sources, {who}"
    lost_too = len(lost) + twice + len(seen.others) + len(warm.others)
    beyond = figure(f"lost, twice or refused {of}", lost_too, bound=0)
    says = (
        f"p50 {statistics.median(seen.ours_ms):.1f} ms; doing nothing p50 "
        f"{statistics.median(seen.nothing_ms):.1f} ms, p99 {nothing:.1f} ms"
    )
    beyond |= figure(f"p99 {of}", p99, "ms", bound=BOUND_P99_MS, says=says)
    name = f"p99 over the same stack doing nothing, {who}"
    beyond |= figure(name, p99 / nothing, "times", bound=ratio)
    beyond |= figure(f"memory growth, {who}", grew, "MiB", bound=BOUND_GROWTH_MIB)
    for other in [*seen.others, *warm.others][:5]:
        print(f"  {other}")
    return int(beyond)


if __name__ == "__main__":
    sys.exit(main())
