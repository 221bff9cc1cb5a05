"""We ship what we tested: locked, few, and nothing is loaded by a name from outside (P26)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

import respond

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
RUNS_ON_MAX = 50
"""Packages that a run needs, those that these need among them."""

pytestmark = pytest.mark.promise("P26")


def locked(path: Path) -> dict[str, list[str]]:
    """Each requirement of a lock file, with its hashes."""
    entries = re.split(r"\n(?=\S)", path.read_text(encoding="utf-8").strip())
    return {
        entry.split("\n", 1)[0].rstrip(" \\"): re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry)
        for entry in entries
    }


def plain(name: str) -> str:
    """A project's name as the index knows it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", name, maxsplit=1)[0]).lower()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_what_is_installed_is_one_version_with_its_hash(lock: Path) -> None:
    """A package that was changed on its way, or that is another version, is not installed."""
    for name, hashes in locked(lock).items():
        assert re.match(r"[A-Za-z0-9._-]+==[0-9][^ ]*( ; .+)?$", name), name
        assert hashes, name


def test_what_the_package_says_it_needs_is_what_was_locked() -> None:
    """The lock is of this package, not of an earlier one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for lock, wanted in {
        "run": project["dependencies"],
        "server": [*project["dependencies"], *project["optional-dependencies"]["server"]],
    }.items():
        names = {plain(each) for each in locked(ROOT / "requirements" / f"{lock}.txt")}
        assert {plain(each) for each in wanted} <= names


def test_a_run_needs_few_packages() -> None:
    """Each further one is somebody more whom everybody has to trust."""
    assert len(locked(ROOT / "requirements" / "run.txt")) <= RUNS_ON_MAX


_WATCHED = """
import json, sys
from importlib import import_module

seen = []
def watch(event, args):
    if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen"}:
        seen.append([event, repr(args)])
    if event == "open" and isinstance(args[0], str):
        seen.append(["writes" if args[1] and set(args[1]) & set("wax+") else "open", args[0]])
sys.addaudithook(watch)
for name in sys.argv[1:]:
    import_module(name)
print(json.dumps(seen))
"""


@pytest.mark.long
def test_to_import_the_package_opens_no_socket_and_reads_nothing_of_the_machine() -> None:
    """Code that comes along can do no more than be there until somebody calls it."""
    source = Path(respond.__file__).parent
    parts = [path.relative_to(source.parent).with_suffix("").parts for path in source.rglob("*.py")]
    names = sorted(".".join(each) for each in parts if each[-1] not in {"__init__", "__main__"})
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own names
        [sys.executable, "-B", "-c", _WATCHED, *names],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/nowhere", "HOME": "/nowhere"},
    )
    ours = [source, *map(Path, {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix})]
    # What libraries look at: the kernel's own figures, zone names, the table of file types.
    system = ("/proc/", "/usr/share/zoneinfo", "/etc/mime.types", "/etc/localtime")
    for event, what in json.loads(done.stdout):
        assert event == "open", (event, what)
        inside = any(Path(what).is_relative_to(each) for each in ours)
        assert inside or what.startswith(system), what
