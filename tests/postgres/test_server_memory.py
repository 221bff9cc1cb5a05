"""What servers of a team know alike, and two servers whose pages share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.page_kit import Night, provider, served, sessions_of

from respond.adapters.store.postgres import SCHEMA_NAME, Database
from respond.adapters.store.server_memory_postgres import (
    MEMORY_RIGHTS,
    PostgresMemory,
)
from respond.errors import JournalUnusableError
from respond.ports import ServerMemory
from respond.server.sessions import SESSION
from respond.testing.contract_server_memory import ServerMemoryContract
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster
from respond.testing.settable_clock import SettableClock


@pytest.fixture(scope="module")
def whole(postgres: PostgresCluster, template: str) -> str:
    return postgres.new_base(template)


@pytest.fixture
def base(postgres: PostgresCluster, whole: str) -> str:
    with postgres.admin(whole) as db:
        db.execute(f"SET search_path TO {SCHEMA_NAME}")
        db.execute(f"TRUNCATE {', '.join(MEMORY_RIGHTS)}")
    return whole


@pytest.fixture
def servers(postgres: PostgresCluster, base: str) -> Iterator[tuple[ServerMemory, ServerMemory]]:
    found = tuple(PostgresMemory(Database(postgres.url(base, ENGINE_ROLE))) for _ in range(2))
    yield found[0], found[1]
    for each in found:
        each.close()


class TestPostgresMemory(ServerMemoryContract):
    """As the role of engines."""


def test_a_source_that_waits_may_send_again(
    postgres: PostgresCluster, base: str, servers: tuple[ServerMemory, ServerMemory]
) -> None:
    """A minute fills it, no pause fills it further; a clock that is set back empties nothing."""
    one, other = servers

    def pass_s(seconds: int) -> None:
        with postgres.admin(base) as db:
            db.execute("UPDATE respond.source_rates SET at_ms = at_ms - %s", (seconds * 1000,))

    def taken() -> int:
        return sum(each.wait_s("pd", 6) == 0 for each in (one, other) * 6)

    assert taken() == 6
    pass_s(30)
    assert taken() == 3
    pass_s(86_400)
    assert taken() == 6
    pass_s(-3_600)
    assert taken() == 0
    pass_s(60)
    assert taken() == 6


def test_a_table_of_what_is_used_up_does_not_grow_for_ever(
    postgres: PostgresCluster, base: str, servers: tuple[ServerMemory, ServerMemory]
) -> None:
    """What is two months old goes when something new comes."""
    one, _ = servers
    one.spend("old", 60)
    with postgres.admin(base) as db:
        db.execute("UPDATE respond.spent_things SET at_ms = at_ms - %s", (61 * 86_400_000,))
        one.spend("new", 60)
        assert db.execute("SELECT count(*) FROM respond.spent_things").fetchone() == (1,)


# --- pages of two servers -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider() as issuer:
        yield issuer


@pytest.mark.long
def test_who_signs_on_at_one_server_decides_at_the_other(
    issuer: str, servers: tuple[ServerMemory, ServerMemory]
) -> None:
    """A balancer may send each request elsewhere; whoever signs off at one is off at both."""
    night = Night()
    run = "CK-7F3Q"
    night.waiting(run)
    one, other = servers
    with (
        served(night, issuer, memory=one) as here,
        served(night, issuer, memory=other) as there,
        here.client() as at_one,
        there.client() as at_other,
    ):
        at_other.cookies = at_one.cookies
        at_one.sign_on("ana")
        copied = at_one.cookies[SESSION]
        token = at_one.token()
        asked = night.state().requests[-1]
        form = {"csrf": token, "nonce": asked.nonce, "digest": asked.digest, "verdict": "deny"}
        assert at_other.post(f"/runs/{run}/decision", form).status_code == 303
        assert at_one.post(f"/runs/{run}/decision", form).status_code == 303
        assert [vote.who.id for vote in night.state().votes] == ["ana"]

        assert at_other.post("/sign-off", {"csrf": token}).status_code == 303
        at_one.cookies[SESSION] = copied
        assert at_one.get("/").headers["location"] == "/sign-on"
        assert at_other.get(f"/runs/{run}/events").status_code == 401


@pytest.mark.long
@pytest.mark.promise("P14")
def test_an_answer_of_the_provider_is_good_for_one_server(
    issuer: str, servers: tuple[ServerMemory, ServerMemory]
) -> None:
    """A sign-on that begins at one server ends at the other, and comes back nowhere again.

    Not with another answer to it either, that the provider would stand for.
    """
    night = Night()
    one, other = servers
    with (
        served(night, issuer, memory=one) as here,
        served(night, issuer, memory=other, known_as=here.url) as there,
        here.client() as at_one,
        there.client() as at_other,
    ):
        begun = at_one.begin()
        at_other.cookies |= at_one.cookies
        back = at_one.agree(begun.headers["location"], "ana")
        again = at_one.agree(begun.headers["location"], "ana")
        elsewhere, again = (each.replace(here.url, there.url) for each in (back, again))
        kept = dict(at_other.cookies)
        assert at_other.come_back(elsewhere).status_code == 303
        assert SESSION in at_other.cookies
        at_other.cookies.clear()
        at_other.cookies.update(kept)
        refused = at_other.come_back(again)
        assert refused.status_code == 403
        assert "came back once before" in refused.text
        assert SESSION not in at_other.cookies


@pytest.mark.promise("P16")
def test_clocks_of_servers_may_differ_by_minutes(
    servers: tuple[ServerMemory, ServerMemory],
) -> None:
    """Whose clock is behind knows a session of the one ahead; by an hour it is none."""
    ahead, behind = SettableClock(boot="machine-1"), SettableClock(boot="machine-2")
    behind.jump(-240)
    here, there = (
        sessions_of(clock, memory=memory)
        for clock, memory in zip((ahead, behind), servers, strict=True)
    )
    cookie = here.begin("i", "s")
    assert there.read(cookie) is not None
    behind.jump(-3_600)
    assert there.read(cookie) is None


def test_without_the_database_nobody_is_let_in(
    postgres: PostgresCluster, base: str, servers: tuple[ServerMemory, ServerMemory]
) -> None:
    """Who signed off cannot be known then: the page says what is wrong, in our style."""
    night = Night()
    memory, _ = servers
    with served(night, "https://id.example.com", memory=memory) as here, here.client() as at:
        at.cookies[SESSION] = sessions_of(night.clock).begin("https://id.example.com", "sub-ana")
        assert at.get("/static/respond.css").status_code == 200
        with postgres.admin() as db:
            db.execute(f"ALTER DATABASE {base} ALLOW_CONNECTIONS false")
            query = (
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
            )
            db.execute(query, (base,))
        try:
            with pytest.raises(JournalUnusableError):
                memory.is_spent("session a")
            answer = at.get("/")
            assert answer.status_code == 503
            assert "could not be reached" in answer.text
            assert at.get("/static/respond.css").status_code == 200
        finally:
            with postgres.admin() as db:
                db.execute(f"ALTER DATABASE {base} ALLOW_CONNECTIONS true")
