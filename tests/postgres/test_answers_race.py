"""People answer one run at several servers in the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import pytest
from tests.engine.test_other_people import (
    ANA,
    BEN,
    REMOVE,
    advance,
    entry,
    now,
    proof_of,
    request,
    served,
)

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_postgres import PostgresJournal
from respond.adapters.store.postgres import Database
from respond.adapters.store.team_keys import TeamKeys
from respond.core.approval import Standing, Verdict
from respond.core.events import Actor
from respond.core.policy import Policy, TwoPeople
from respond.core.records import replace
from respond.people.answers import Entry, decide
from respond.testing.contract_journal import DANA
from respond.testing.settable_clock import SettableClock

RACES = 5
TWICE = (ANA, BEN, ANA, BEN)


def say(together: Barrier, door: Entry, who: Actor, run: str, nonce: str) -> Standing:
    together.wait()
    return decide(door, run, who, Verdict.APPROVE, channel="page", nonce=nonce, proof=proof_of(who))


@pytest.mark.promise("P9", "P11")
def test_the_same_answer_at_several_servers_is_recorded_once(database: Database) -> None:
    """Two people, each at two servers at once: two votes, and all four are told how it stands."""
    clock = SettableClock()
    keys = TeamKeys(database, lambda: bytes(32), MemoryKeys())
    policy = Policy(two_people=TwoPeople.DESTRUCTIVE, approvals=2)
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                PostgresJournal.open(database, keys=keys, clock=clock, create=True, actor=DANA)
            )
            for _ in TWICE
        ]
        pool = stack.enter_context(ThreadPoolExecutor(len(TWICE)))
        for n in range(RACES):
            stage = served(REMOVE, policy=policy, journal=servers[0], run=f"BX-{n}")
            advance(stage)
            nonce, together = request(stage).nonce, Barrier(len(TWICE))
            doors = [replace(entry(stage), journal=each) for each in servers]
            said = [
                pool.submit(say, together, door, who, stage.run, nonce)
                for door, who in zip(doors, TWICE, strict=True)
            ]
            told = {each.result() for each in said}
            assert Standing.AGREED in told
            assert told <= {Standing.OPEN, Standing.AGREED}
            assert sorted(vote.who.id for vote in now(stage).votes) == ["ana", "ben"]
