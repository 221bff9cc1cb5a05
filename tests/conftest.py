"""Options of the whole suite, what of it is long, and what its machine may be like."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

from respond.testing.postgres_cluster import PostgresCluster, bin_folder

T = TypeVar("T")

LONG = frozenset(
    {
        "browser", "campaigns", "crash", "guards", "postgres", "runbooks",
        "test_adding_a_system.py", "test_aws_moto.py", "test_company_server.py",
        "test_completion.py", "test_doctor.py", "test_doctor_server.py",
        "test_end_to_end.py", "test_every_write.py", "test_living.py", "test_odd_files.py",
        "test_odd_places.py",
        "test_on_a_terminal.py", "test_output.py", "test_receiving.py", "test_runs.py",
        "test_scim_servers.py", "test_setup.py", "test_signon.py", "test_supervising.py",
        "test_terminal.py", "test_together.py", "test_two_houses.py", "test_undo.py",
        "test_voting.py",
    }
)  # fmt: skip
"""Folders and files whose tests start servers, terminals, browsers or whole rehearsals."""
WHOLE = frozenset({"core", "views", "intake", "people", "senders"})
"""Folders of pure tests: a quick look takes each of their cases."""

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it
ROOM_BYTES_MIN = 4 << 30
_SELECT_MAX = 1_024

# A machine that is busy with other work fails no test: bounds are on what is done, not on time.
BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("busy", BUSY, max_examples=40)
settings.register_profile("every point", BUSY, max_examples=400)
settings.load_profile("busy")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """A PostgreSQL of this process's tests alone; each test makes databases of its own in it."""
    if bin_folder() is None:
        pytest.skip("PostgreSQL is not installed here")
    with PostgresCluster.begin() as cluster:
        yield cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--every-point``: campaigns visit all their points (nightly); ``--few``: a quick look."""
    parser.addoption("--every-point", action="store_true", help="all points, not a sample")
    parser.addoption("--few", type=int, help="so many cases of a test that is not pure, by day")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is left out whole need not be read: that takes longer than many a test."""
    is_left_out = config.getoption("markexpr") == "not long" and collection_path.name in LONG
    return True if is_left_out else None


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C reach what tests start: ``nohup`` and ``&`` leave it ignored, children inherit.

    What tests write goes to memory where there is room.
    """
    if config.getoption("--every-point"):
        settings.load_profile("every point")
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES_MIN:
        # Nobody's data: no test need wait for a disk.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is ``LONG`` is, and each campaign; ``make quick`` leaves it out.

    Of cases that are marked ``share`` others are taken each day, and so with ``--few`` of all
    that is not pure.
    """
    every, today = config.getoption("--every-point"), datetime.now(UTC).toordinal()
    few = config.getoption("--few")
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    left = []
    for item in items:
        if LONG.intersection(item.path.parts) or item.get_closest_marker("campaign"):
            item.add_marker(pytest.mark.long)
        share = item.get_closest_marker("share")
        if share and not every and (today + crc32(item.nodeid.encode())) % share.args[0]:
            left.append(item)
        elif few and not WHOLE.intersection(item.path.parts):
            cases[item.nodeid.partition("[")[0]].append(item)
    for name, found in cases.items():
        first = (today * few + crc32(name.encode())) % len(found)
        left += (found * 2)[first + few : first + len(found)]
    config.hook.pytest_deselected(items=left)
    others = set(left)
    items[:] = [item for item in items if item not in others]


def pytest_collection_finish() -> None:
    """What is there by now stays: the collector need not look at it again after each test."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def crowd() -> Iterator[None]:
    """A thousand files are open: what is opened now has a number that ``select`` cannot hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4_096
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"no more than {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    with ExitStack() as held:
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while held.enter_context(Path(os.devnull).open("rb")).fileno() < _SELECT_MAX:
            pass
        yield


@pytest.fixture
def todays(request: pytest.FixtureRequest) -> Callable[[Sequence[T], int], list[T]]:
    """Of many points one in so many: others each day and in each test, so all have their turn.

    ``--every-point`` takes them all.
    """

    def share(points: Sequence[T], one_in: int) -> list[T]:
        if request.config.getoption("--every-point"):
            return list(points)
        place = datetime.now(UTC).toordinal() + crc32(request.node.nodeid.encode())
        return list(points[place % min(one_in, max(1, len(points))) :: one_in])

    return share
