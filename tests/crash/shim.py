"""Run a command with ``io_shim.c`` under it: count its writes and syncs, fail one, kill it at one.

    result = run_under_shim([sys.executable, "script.py", str(path)])
    for at in range(1, len(result.points) + 1):
        run_under_shim([...], kill_at=at, torn=True)

For many runs of one script ``run_forked`` is faster. Effects outside of the watched files the
script tells itself: on standard output, or in a file that ``match`` does not name.

``compiled()`` is None, with ``why_not()`` as the reason, where there is no C compiler or no
``LD_PRELOAD``; tests skip then.
"""

from __future__ import annotations

import atexit
import errno as errno_names
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Case", "Point", "ShimResult", "compiled", "run_forked", "run_under_shim", "why_not"]

SOURCE = Path(__file__).with_name("io_shim.c")
FORKER = Path(__file__).with_name("forker.py")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Point:
    """One call on a watched file: its number from 1, the call, the file."""

    number: int
    call: str
    path: str


@dataclass(frozen=True, slots=True)
class ShimResult:
    """What came of the command.

    Attributes:
        points: Every call on a watched file, in order.
        returncode: Negative for a signal, as ``subprocess`` says it.
    """

    points: tuple[Point, ...]
    returncode: int
    stdout: str
    stderr: str

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each call was made."""
        return Counter(point.call for point in self.points)

    @property
    def killed(self) -> bool:
        return self.returncode == -9  # SIGKILL


def why_not() -> str:
    """Why the shim cannot be used here, or an empty text."""
    if not sys.platform.startswith("linux"):
        return "LD_PRELOAD and /proc are Linux's"
    if shutil.which("gcc") is None:
        return "there is no gcc"
    return ""


@cache
def compiled() -> Path | None:
    """The shim as a shared library, compiled once a process."""
    if why_not():
        return None
    folder = Path(tempfile.mkdtemp(prefix="io-shim-"))
    library = folder / "io_shim.so"
    command = [
        "gcc",
        "-shared",
        "-fPIC",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-D_FORTIFY_SOURCE=0",
    ]
    subprocess.run(  # noqa: S603
        [*command, "-o", str(library), str(SOURCE), "-ldl", "-lpthread"], check=True
    )
    return library


def run_under_shim(
    argv: Sequence[str],
    *,
    fail_at: int | None = None,
    errno: int | None = None,
    kill_at: int | None = None,
    torn: bool = False,
    match: str = "journal.db",
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60,
) -> ShimResult:
    """Run a command and watch the files whose path holds ``match``.

    Args:
        argv: The command.
        fail_at: Number of the call that fails, with ``errno`` (EIO if not given).
        kill_at: Number of the call before which the process is killed.
        torn: With ``kill_at`` on a write: half of it is written first.
        match: Part of the paths to watch; ".db" alone is in the name of some new key files.
        env: More environment; ``PYTHONPATH`` is this project's source if not given.
        timeout_s: Limit for the whole command, in seconds.
    """
    with tempfile.TemporaryDirectory(prefix="io-shim-log-") as folder:
        log = Path(folder) / "points"
        settings = _settings(log, Case((), fail_at, errno, kill_at, torn), match)
        done = subprocess.run(  # noqa: S603
            list(argv),
            env={**_environment(), **(env or {}), **settings},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return ShimResult(_points(log), done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a script for ``run_forked``; the fields are those of ``run_under_shim``."""

    argv: tuple[str, ...]
    fail_at: int | None = None
    errno: int | None = None
    kill_at: int | None = None
    torn: bool = False


def run_forked(
    script: Path, cases: Iterable[Case], *, match: str = "journal.db"
) -> Iterator[ShimResult]:
    """Run a script's ``main(argv)`` once a case, each in a fork of one process: 10 ms, not 400.

    The script must be importable, and must not have started threads by then.
    """
    with tempfile.TemporaryDirectory(prefix="io-shim-log-") as name:
        for number, case in enumerate(cases):
            yield _fork(_forker(script), Path(name) / str(number), case, match)


@cache
def _forker(script: Path) -> subprocess.Popen[str]:
    """One for each script as long as this process lives: what its forks need is imported once."""
    nowhere = _settings(Path(os.devnull), Case(()), "/nothing/is/watched")
    forker = subprocess.Popen(  # noqa: S603
        [sys.executable, str(FORKER), str(script)],
        env={**_environment(), **nowhere},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(forker.communicate)
    return forker


def _fork(forker: subprocess.Popen[str], folder: Path, case: Case, match: str) -> ShimResult:
    assert forker.stdin is not None
    assert forker.stdout is not None
    folder.mkdir()
    log, out, err = (folder / name for name in ("points", "stdout", "stderr"))
    order = {
        "argv": case.argv,
        "env": _settings(log, case, match),
        "stdout": str(out),
        "stderr": str(err),
    }
    forker.stdin.write(f"{json.dumps(order)}\n")
    forker.stdin.flush()
    status = forker.stdout.readline()
    assert status, "the forker is gone"
    return ShimResult(_points(log), int(status), out.read_text(), err.read_text())


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def _settings(log: Path, case: Case, match: str) -> dict[str, str]:
    library = compiled()
    assert library is not None, why_not()
    return {
        "LD_PRELOAD": str(library),
        "IO_SHIM_MATCH": match,
        "IO_SHIM_LOG": str(log),
        "IO_SHIM_FAIL_AT": str(case.fail_at or ""),
        "IO_SHIM_ERRNO": str(case.errno or errno_names.EIO),
        "IO_SHIM_KILL_AT": str(case.kill_at or ""),
        "IO_SHIM_TORN": "1" if case.torn else "0",
    }


def _points(log: Path) -> tuple[Point, ...]:
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return tuple(_point(line) for line in lines)


def _point(line: str) -> Point:
    number, call, path = line.split(" ", 2)
    return Point(int(number), call, path)
