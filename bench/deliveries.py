"""Measure how the receiver takes a storm: campaign C11.

    python bench/deliveries.py [--seconds 20] [--rate 50] [--rounds 3] [--only receiver|server]

A server process of its own with the receiver, an inbox on disk and somebody who works it; 30
sources of three kinds. In turns with it all of ``respond serve``: each source begins a run,
which is planned against a simulated company, waits for people, and is joined by what comes after.
This process sends signed deliveries at a fixed rate, whether or not the ones before were answered,
and counts each from the moment it was due. Between them go as many requests to an endpoint of the
same server that says 202 and does nothing: what is left is ours. In the end the server is killed,
and every delivery that was answered must be in the inbox.

Each round has servers of its own. What is lost counts in all of them; quoted are the times of the
round in which doing nothing took least: there the machine did least besides.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import figure

from respond.adapters.clock import SystemClock
from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.ports import Became, Inbox, ServerMemory
from respond.senders import SENDERS, SenderSecrets
from respond.testing.senders import payload, secret_for, signed

if TYPE_CHECKING:
    import httpx

KINDS = ("pagerduty", "standard-webhooks", "alertmanager")
SOURCES = {f"{kind}-{n}": kind for n in range(10) for kind in KINDS}
RECEIVER = "receiver"
WHO = {RECEIVER: "the receiver", "server": "the whole server"}
CONNECTIONS = 32
WARM_UP = 100
BOUND_P99_MS = 250.0
BOUND_P99 = 2.0
BOUND_GROWTH_MIB = 16.0
"""Allocator and page cache of SQLite settle in the first seconds; a leak does not settle."""


# --- the server -----------------------------------------------------------------------------------


def serve(folder: Path, company: str) -> None:
    """Serve until killed; say the port on standard output."""
    app, lifespan = (_whole(folder, company), "on") if company else (_receiver(folder), "off")
    listen(app, lifespan)


def listen(app: Any, lifespan: str) -> None:
    """Serve an application until killed; say the port on standard output."""
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


def _receiver(folder: Path) -> Any:
    """The receiver alone, and somebody who works its inbox."""
    inbox = SqliteInbox.open(folder / "state" / "inbox.db", clock=SystemClock())
    new = threading.Event()
    threading.Thread(target=_work, args=(inbox, new), daemon=True).start()
    return receiving(inbox, None, new.set)


def receiving(inbox: Inbox, memory: ServerMemory | None, on_new: Callable[[], None]) -> Any:
    """An application that takes deliveries, and one that does nothing beside it."""
    from starlette.applications import Starlette  # noqa: PLC0415 - the child's alone
    from starlette.routing import Route  # noqa: PLC0415 - the same

    from respond.adapters.log import make_logger  # noqa: PLC0415 - the same
    from respond.adapters.secrets.redactor import Redactor  # noqa: PLC0415 - the same
    from respond.server.metrics import Metrics  # noqa: PLC0415 - the same
    from respond.server.receiving import Receiver, Source  # noqa: PLC0415 - the same

    clock = SystemClock()
    receiver = Receiver(
        {name: Source(SENDERS[kind], _secrets(kind)) for name, kind in SOURCES.items()},
        inbox,
        clock=clock,
        log=make_logger(Redactor(), clock, sys.stderr, verbosity=1),
        metrics=Metrics(),
        on_new=on_new,
        memory=memory,
    )
    return Starlette(
        routes=[Route("/hooks/{source}", receiver), Route("/nothing/{source}", _Nothing())]
    )


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


@dataclass(frozen=True)
class _Round:
    """What came of one storm: milliseconds of each answer, MiB that the server grew by."""

    lost: int
    ours_ms: list[float]
    nothing_ms: list[float]
    grew: float

    @property
    def times(self) -> float:
        return p99_of(self.ours_ms) / p99_of(self.nothing_ms)


@dataclass
class Seen:
    """Milliseconds of each answer, ids that were answered, and answers that were not 202."""

    ours_ms: list[float] = field(default_factory=list)
    nothing_ms: list[float] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


async def storm(url: str, first: int, count: int, rate: float) -> Seen:
    """Send deliveries, and as many requests that come to nothing."""
    import httpx  # noqa: PLC0415 - the load's alone

    seen = Seen()
    # The server closes what is idle for five seconds; whoever sends into that moment is cut off.
    limits = httpx.Limits(
        max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=2
    )
    loop = asyncio.get_running_loop()
    async with httpx.AsyncClient(
        base_url=url, trust_env=False, timeout=30, limits=limits
    ) as client:
        began = loop.time()
        sent = []
        for number in range(count):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            sent.append(asyncio.create_task(_deliver(client, seen, first + number, due)))
            due += 0.5 / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            sent.append(asyncio.create_task(_nothing(client, seen, first + number, due)))
        await asyncio.gather(*sent)
    return seen


def letter(number: int) -> tuple[str, bytes, list[tuple[str, str]]]:
    """A source, and a signed delivery of it: body and headers."""
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


async def _deliver(client: httpx.AsyncClient, seen: Seen, number: int, due: float) -> None:
    name, body, headers = letter(number)
    answer = await client.post(f"/hooks/{name}", content=body, headers=headers)
    seen.ours_ms.append((asyncio.get_running_loop().time() - due) * 1000)
    told = answer.json()
    if answer.status_code == 202 and told["result"] == "new":  # noqa: PLR2004 - HTTP
        seen.ids.append(told["delivery"])
    else:
        seen.others.append(f"{answer.status_code} {answer.text}")


async def _nothing(client: httpx.AsyncClient, seen: Seen, number: int, due: float) -> None:
    name, body, headers = letter(number)
    await client.post(f"/nothing/{name}", content=body, headers=headers)
    seen.nothing_ms.append((asyncio.get_running_loop().time() - due) * 1000)


# --- the figures ----------------------------------------------------------------------------------


def rss_mib(pid: int) -> float:
    """What a process holds in memory."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the server is gone")


def held_mib(pid: int) -> float:
    """What a server holds, and the process that carries its runs on."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    others = [int(other) for task in tasks for other in (task / "children").read_text().split()]
    return rss_mib(pid) + sum(map(rss_mib, others))


def p99_of(times: list[float]) -> float:
    """The time within which 99 of 100 were answered."""
    return statistics.quantiles(times, n=100)[98]


def main() -> int:
    """Print the figures; exit 1 when one is beyond its bound."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20, help="of each storm")
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=WHO, help="this one, and not both in turns")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--company", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.company)
        return 0
    who = [each for each in WHO if asked.only in (None, each)]
    found: dict[str, list[_Round]] = {each: [] for each in who}
    for _ in range(asked.rounds):
        for each in who:
            found[each].append(_round(each, asked.seconds, asked.rate))
    of = f"of {round(asked.seconds * asked.rate)} deliveries, {asked.rate:.0f} a second"
    beyond = [_told(f"{of}, {len(SOURCES)} sources", *each) for each in found.items()]
    return int(any(beyond))


def _round(who: str, seconds: int, rate: float) -> _Round:
    with tempfile.TemporaryDirectory() as text:
        if who == RECEIVER:
            return _measured(Path(text), seconds, rate)
        from respond.company import default_company  # noqa: PLC0415 - only here
        from respond.company import serve as company  # noqa: PLC0415 - only here

        with company(default_company()) as running:
            return _measured(Path(text), seconds, rate, running.base_url)


def _measured(folder: Path, seconds: int, rate: float, company: str = "") -> _Round:
    command = [sys.executable, __file__, "--serve", str(folder), "--company", company]
    count = round(seconds * rate)
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        assert server.stdout is not None  # noqa: S101 - it is a pipe
        try:
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            warm = asyncio.run(storm(url, 0, WARM_UP, rate))
            before = held_mib(server.pid)
            seen = asyncio.run(storm(url, WARM_UP, count, rate))
            after = held_mib(server.pid)
        finally:
            server.kill()
    kept = folder / "state" / ("rehearsals/served" if company else "") / "inbox.db"
    with SqliteInbox.open(kept, clock=SystemClock()) as inbox:
        there = {line.delivery for line in inbox.recent(10 * count + WARM_UP)}
    for other in seen.others[:5]:
        print(f"  {other}")
    lost = [each for each in warm.ids + seen.ids if each not in there]
    refused = len(seen.others) + len(warm.others)
    return _Round(len(lost) + refused, seen.ours_ms, seen.nothing_ms, after - before)


def _told(of: str, who: str, rounds: list[_Round]) -> bool:
    """Print what came of one of the two; whether anything of it is beyond its bound."""
    best = min(rounds, key=lambda each: p99_of(each.nothing_ms))
    p99, nothing = p99_of(best.ours_ms), p99_of(best.nothing_ms)
    of = f"{of}, {WHO[who]}"
    lost = sum(each.lost for each in rounds)
    beyond = figure(f"lost or refused in {len(rounds)} rounds {of}", lost, bound=0)
    says = (
        f"p50 {statistics.median(best.ours_ms):.1f} ms; doing nothing p50 "
        f"{statistics.median(best.nothing_ms):.1f} ms, p99 {nothing:.1f} ms"
    )
    beyond |= figure(f"p99 {of}", p99, "ms", bound=BOUND_P99_MS, says=says)
    all_of_them = ", ".join(f"{each.times:.2f}" for each in rounds)
    name, says = f"p99 over the same stack doing nothing, {WHO[who]}", f"of {all_of_them}"
    beyond |= figure(name, best.times, "times", bound=BOUND_P99, says=says)
    grew = min(each.grew for each in rounds)
    return beyond | figure(f"memory growth, {WHO[who]}", grew, "MiB", bound=BOUND_GROWTH_MIB)


if __name__ == "__main__":
    sys.exit(main())
