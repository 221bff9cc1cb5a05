"""Switch off one guard at a time in a copy of the tree, and see that its test turns red.

``make guards`` does so with each guard of the tables ``*.toml`` beside this file; words behind
``ONLY=`` choose some. An entry holds what the guard is for (``says``), the file below
``src/respond``, a piece of its text that stands there once (``find``), what takes its place
(``off``), and the test that misses it (``test``).

Printed is how each test failed, too: whether that is for the guard's own reason, a person judges.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.util import cache_from_source
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from xml.etree import ElementTree as ET

__all__ = ["ROOT", "Copy", "Guard", "Seen", "guards"]

ROOT = Path(__file__).parents[2]
_SOURCE = Path("src", "respond")
_NOT_COPIED = shutil.ignore_patterns(".*", "dist", "node_modules", "screenshots")
_LIMIT_S = 300
_JOBS = 2
_SHOWN = 3
_WIDTH = 400
"""Of many cases that failed, so many show how, each in so many characters."""

_NO_RESULT = ("ImportError", "ModuleNotFoundError", "NameError", "SyntaxError", "UnboundLocalError")
"""A test that fails with one of these has met a broken source text, and no missing guard."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One entry of a table, as the module's first lines say it."""

    says: str
    file: str
    find: str
    off: str
    test: str

    def switched_off(self, text: str) -> str:
        """The source text without this guard.

        Raises:
            ValueError: What is to be found does not stand there exactly once.
        """
        found = text.count(self.find)
        if found != 1:
            msg = f"{self.file}: {self.find!r} stands there {found} times, not once"
            raise ValueError(msg)
        return text.replace(self.find, self.off)


def guards() -> list[Guard]:
    """Every guard that stands in a table."""
    tables = sorted(Path(__file__).parent.glob("*.toml"))
    read = [tomllib.loads(each.read_text(encoding="utf-8")) for each in tables]
    return [Guard(**entry) for table in read for entry in table["guard"]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of some tests."""

    failed: dict[str, str] = field(default_factory=dict)
    """The tests that failed, each with how."""
    odd: str = ""
    """What else went wrong: not found, not imported, skipped, no end."""
    cpu_s: float = 0.0
    """What it took of a processor: the same on a busy machine."""

    @property
    def fault(self) -> str:
        """Empty when the guard that was off was missed; else what happened."""
        return self.odd or ("" if self.failed else "nothing turned red")


class Copy:
    """The tree once more, where a guard can be off and nobody is hurt.

    Raises:
        RuntimeError: Tests in it would import another source than the copy's.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder / "tree"
        shutil.copytree(ROOT, self._root, ignore=_NOT_COPIED)
        left = ("PYTEST_", "PYTHONDONTWRITEBYTECODE")
        ours = {name: each for name, each in os.environ.items() if not name.startswith(left)}
        environ = {**ours, "PYTHONPATH": str(self._root / "src")}
        asked = (sys.executable, "-c", "import respond; print(respond.__file__)")
        imported = subprocess.run(  # noqa: S603 - our own interpreter and words
            asked, cwd=self._root, env=environ, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        if Path(imported.strip()).parent != self._root / _SOURCE:
            msg = f"the copy would be tested with {imported!r}"
            raise RuntimeError(msg)
        self._printed = folder / "printed"
        warm = self._root / "tests" / "guards" / "warm.py"
        self._warm = subprocess.Popen(  # noqa: S603 - the same
            [sys.executable, str(warm), str(self._printed), str(_LIMIT_S)],
            cwd=self._root,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """Let the process that runs the tests end."""
        self._warm.communicate()

    def without(self, guard: Guard) -> Seen:
        """What the guard's test says when it is off."""
        path = self._root / _SOURCE / guard.file
        whole = path.read_text(encoding="utf-8")
        try:
            self._write(path, guard.switched_off(whole))
            return self.run(guard.test)
        except ValueError as error:
            return Seen(odd=str(error))
        finally:
            self._write(path, whole)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        # Compiled code is known by size and second of its source, which may be the same here.
        Path(cache_from_source(str(path))).unlink(missing_ok=True)

    def run(self, *tests: str) -> Seen:
        """Run tests with the source as it stands here."""
        report = self._root.parent / "report.xml"
        report.unlink(missing_ok=True)
        options = ("-q", "--every-point", "-p", "no:cacheprovider", f"--junitxml={report}")
        needed = ("--disable-plugin-autoload", "-p", "_hypothesis_pytestplugin")
        # Plug-ins that stay imported cannot be rewritten, and need not be.
        quiet = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
        assert self._warm.stdin is not None
        assert self._warm.stdout is not None
        self._warm.stdin.write(json.dumps([*options, *needed, *quiet, *tests]) + "\n")
        self._warm.stdin.flush()
        cpu_s = self._warm.stdout.readline()
        if not cpu_s:
            return Seen(odd="the process that runs the tests is gone")
        said = self._printed.read_text(encoding="utf-8", errors="replace")
        if not report.exists():
            why = said[-500:] or f"it did not end in {_LIMIT_S} s"
            return Seen(odd=why, cpu_s=float(cpu_s))
        failed, odd, ran = {}, [], 0
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own pytest wrote it
            ran += 1
            name = f"{case.get('classname')}::{case.get('name')}"
            for said_of_it in case:
                why = said_of_it.get("message") or ""
                if said_of_it.tag in {"error", "skipped"} or why.startswith(_NO_RESULT):
                    odd.append(f"{name}: {said_of_it.tag}: {why}")
                elif said_of_it.tag == "failure":
                    failed[name] = " ".join(why.split())[:_WIDTH]
        return Seen(failed, "; ".join(odd) or ("" if ran else said[-500:]), float(cpu_s))


def main(only: Sequence[str]) -> int:
    """Switch off each guard, or those in whose entry all of these words stand."""
    chosen = [each for each in guards() if all(word in repr(each) for word in only)]
    if not chosen:  # pytest without a name would run all that there is.
        _say(f"no guard has {' and '.join(only)} in its entry")
        return 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_JOBS) as pool:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for at in range(_JOBS):
            copies.put(Copy(Path(folder, str(at))))
        wrong, cpu_s, files = 0, 0.0, _by_file(chosen)
        for at, seen in enumerate(pool.map(partial(_with_all_on, copies), files), 1):
            red = [each for each in (*seen.failed, seen.odd) if each]
            wrong, cpu_s = wrong + len(red), cpu_s + seen.cpu_s
            file, _, _ = files[at - 1][0].partition("::")
            _say(f"{'RED  ' if red else 'green'} {at}/{len(files)} {file}, {seen.cpu_s:.1f} s")
            for why in red:
                _say(f"      not green with all guards on: {why}")
        for at, seen in enumerate(pool.map(partial(_with_one_off, copies), chosen), 1):
            guard = chosen[at - 1]
            wrong, cpu_s = wrong + bool(seen.fault), cpu_s + seen.cpu_s
            _say(f"{'GREEN' if seen.fault else 'red  '} {at}/{len(chosen)} {guard.says}")
            _say(f"      {guard.file}, {guard.test}, {seen.cpu_s:.1f} s")
            for why in (seen.fault, *seen.failed.values())[not seen.fault :][:_SHOWN]:
                _say(f"      {why}")
        while not copies.empty():
            copies.get().close()
    took = f"{(time.monotonic() - began) / 60:.1f} minutes, {cpu_s / 60:.1f} of a processor"
    _say(f"{len(chosen)} guards were switched off in {took}: {wrong} faults")
    return 1 if wrong else 0


def _by_file(chosen: Sequence[Guard]) -> list[list[str]]:
    """Each test once, those of a file together: what begins a run is paid once for them."""
    tests = sorted({each.test for each in chosen})
    return [list(those) for _, those in groupby(tests, lambda test: test.partition("::")[0])]


def _with_all_on(copies: SimpleQueue[Copy], tests: Sequence[str]) -> Seen:
    copy = copies.get()
    try:
        return copy.run(*tests)
    finally:
        copies.put(copy)


def _with_one_off(copies: SimpleQueue[Copy], guard: Guard) -> Seen:
    copy = copies.get()
    try:
        return copy.without(guard)
    finally:
        copies.put(copy)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
