"""Measure a review of a company with 200 members, 60 keys and three directories of 200 people.

    python bench/reviews.py

Each answer of the simulated company takes 400 ms: a page of hundreds takes longer than one thing.
What the review needs is counted from what it sent: of each system a session, then its lists, as
many at once as the system is asked, each with its pages one after the other, for a page is known by
the one before it. Systems need nothing of each other, so the slowest counts. The figure is the
whole review over that.
"""

from __future__ import annotations

import copy
import math
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from figures import figure

from respond.company.customerio.rows import key_row, member_row
from respond.company.exchange import SimDelivery, SimRequest
from respond.errors import ExitCode
from respond.systems import vendor
from respond.testing.runbook_kit import Stage

MEMBERS, KEYS, PEOPLE = 200, 60, 200
DIRECTORIES = ("okta", "google", "entra")
NAMES = {"okta": ("login", "email"), "google": ("email",), "entra": ("upn", "mail")}
"""By simulator: the fields of a person that are addresses."""
ANSWER_S, ROUNDS, BOUND = 0.4, 3, 1.5
PAGED = ("page", "cursor", "after", "pageToken", "$skiptoken", "skip")
REVIEWS = ("access-review", "sign-in-review", "address-review", "export-review")


def crowd(stage: Stage) -> None:
    """Fill the company."""
    company = stage.server.company
    now = int(company.clock.now())
    with company.lock:
        account = company.systems["customerio"].state
        for number in range(MEMBERS):
            email, more = f"person{number}@example.com", {"last_login_at": now - 3_600}
            account.members.append(
                member_row(60_000 + number, email, "P", str(number), "member", 1, **more)
            )
        for number in range(KEYS):
            account.app_keys.append(
                key_row(
                    70_000 + number,
                    f"key-{number}",
                    f"{number:032x}",
                    title=f"Production/key-{number}",
                    environment_id=190001,
                    created_at=now,
                    created_by=51234,
                )
            )
        for system, fields in NAMES.items():
            users = company.systems[system].state.users
            for number in range(PEOPLE):
                one = copy.deepcopy(users[0])
                one.id = f"{one.id[:-4]}{number:04}"
                for each in fields:
                    setattr(one, each, f"person{number}@example.com")
                users.append(one)


def needed(sent: list[tuple[str, SimRequest]]) -> int:
    """Round trips that the slowest system needs for these requests."""
    lists: dict[str, Counter[tuple[str, ...]]] = {}
    sessions: Counter[str] = Counter()
    for system, request in sent:
        if request.method == "POST":
            sessions[system] += 1
            continue
        query = sorted(f"{k}={v}" for k, v in request.query.items() if k not in PAGED)
        lists.setdefault(system, Counter())[(request.path, *query)] += 1
    return max(
        (1 if sessions[system] else 0)
        + max(*pages.values(), math.ceil(pages.total() / vendor(system).at_once))
        for system, pages in lists.items()
    )


def measured(name: str) -> tuple[float, int, int]:
    """Seconds of a review, round trips that it needs, and requests that it sent."""
    sent: list[tuple[str, SimRequest]] = []
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder), name, routes=True) as stage:
        ways = {way["system"]: way["name"] for way in stage.rehearsal.ways}
        stage.rehearsal.directories = tuple(ways[system] for system in DIRECTORIES)
        crowd(stage)
        company, lock = stage.server.company, threading.Lock()
        company.slow_down([f"{ANSWER_S * 1000:g}ms"])
        receive = company.receive
        began: list[float] = []

        def received(name: str, request: SimRequest) -> SimDelivery:
            with lock:
                began.append(time.perf_counter())
                sent.append((name, request))
            return receive(name, request)

        company.receive = received  # type: ignore[method-assign]
        if stage.advance() is not ExitCode.DONE:
            raise SystemExit(f"{name} did not end well")
        return time.perf_counter() - began[0], needed(sent), len(sent)


def main() -> int:
    """Print each figure with its bound; 1 where one is above it."""
    over = 0
    for name in REVIEWS:
        took = [measured(name) for _ in range(ROUNDS)]
        ratio, seconds, trips, count = min((s / (n * ANSWER_S), s, n, c) for s, n, c in took)
        says = f"{seconds:.2f} s, {count} requests; {trips} round trips of {ANSWER_S * 1000:g} ms"
        told = f"{name} of {MEMBERS} members, {KEYS} keys, {len(DIRECTORIES)} directories"
        over += figure(f"{told}, over what it needs", ratio, "times", bound=BOUND, says=says)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
