"""Several servers and workers of one database do what one server does, and survive each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgres.team_kit import Starter, Team, team

from respond.testing.postgres_cluster import PostgresCluster


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    made = Starter()
    yield made
    made.close()


@pytest.fixture
def crew(
    starter: Starter, postgres: PostgresCluster, template: str, tmp_path: Path
) -> Iterator[Team]:
    with team(starter, postgres, template, tmp_path) as made:
        yield made


def test_an_event_at_one_server_is_agreed_to_at_another_and_done(crew: Team) -> None:
    """Whoever of two workers carries it on; nobody but the journal knows of it."""
    first, second = crew.servers(2)
    workers = crew.workers(2)
    assert crew.send(first) == 202
    state = crew.waiting()
    crew.agree(state, second)
    ended = crew.until(lambda s: s.status.value == "ended", state.id)
    assert ended.ended.exit == 0
    assert [member.stop() for member in (*workers, first, second)] == [0, 0, 0, 0]
