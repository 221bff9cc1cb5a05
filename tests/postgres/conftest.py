"""Databases with our tables, as an engine comes in to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgres.team_kit import TEAM_KEY, TOML, Laptop

from respond.adapters.store.postgres import Database
from respond.adapters.store.postgres_schema import init
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster


@pytest.fixture(scope="session")
def template(postgres: PostgresCluster) -> str:
    """A database with our tables that is only copied."""
    base = postgres.new_base()
    with postgres.admin(base) as admin:
        init(admin, ENGINE_ROLE)
    return base


@pytest.fixture
def base(postgres: PostgresCluster, template: str) -> Iterator[str]:
    """Name of a new database with our tables."""
    made = postgres.new_base(template)
    yield made
    postgres.drop(made)


@pytest.fixture
def database_url(postgres: PostgresCluster, base: str) -> str:
    """Of that database, as the role of engines."""
    return postgres.url(base, ENGINE_ROLE)


@pytest.fixture
def database(postgres: PostgresCluster, base: str) -> Database:
    """A new database with our tables, as the role of engines."""
    return Database(postgres.url(base, ENGINE_ROLE))


@pytest.fixture
def laptops(
    postgres: PostgresCluster,
    base: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[Laptop, Laptop]:
    """Two machines with the same respond.toml and the same team key."""

    def read() -> tuple[str, str]:
        out, err = capsys.readouterr()
        return out, err

    made = []
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "project").mkdir(parents=True)
        one = Laptop(folder / "project", folder / "state" / "respond", read)
        one.patch = monkeypatch
        one.configure(TOML.format(url=postgres.url(base, ENGINE_ROLE)))
        one.state.mkdir(mode=0o700, parents=True)
        one.keys.set("credential/store-key", TEAM_KEY.encode())
        made.append(one)
    made[0].here()
    return made[0], made[1]
