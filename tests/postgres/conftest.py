"""Databases with our tables, as an engine comes in to them."""

from __future__ import annotations

import pytest

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
def base(postgres: PostgresCluster, template: str) -> str:
    """Name of a new database with our tables."""
    return postgres.new_base(template)


@pytest.fixture
def database(postgres: PostgresCluster, base: str) -> Database:
    """A new database with our tables, as the role of engines."""
    return Database(postgres.url(base, ENGINE_ROLE))
