"""Measure start-up as a ratio: our whole processes against one that only imports typer.

    python bench/startup.py

Each command is run in turn with its peer and the empty interpreter, so that a slow moment of the
machine hits all three. Quoted is processor time, of each the least of all rounds: whatever else the
machine does only adds. Byte code is written once beforehand.
"""

from __future__ import annotations

import compileall
import os
import resource
import subprocess
import sys
from pathlib import Path

from figures import figure

ROUNDS = 15
RESPOND = str(Path(sys.executable).with_name("respond"))
EMPTY = (sys.executable, "-c", "pass")
PEER = (sys.executable, "-c", "import typer")
CASES = (
    ("respond --help", (RESPOND, "--help"), 1.1),
    ("respond compromised-key --help", (RESPOND, "compromised-key", "--help"), 1.6),
    ("respond list", (RESPOND, "list"), None),
)


def _seconds(argv: tuple[str, ...], environment: dict[str, str]) -> float:
    """Processor time of a whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print a line a case; exit 1 when one is beyond its bound."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    compileall.compile_dir(Path(__file__).parents[1] / "src", quiet=2)
    beyond = 0
    for name, argv, bound in CASES:
        _seconds(argv, environment)
        rounds = [
            tuple(_seconds(each, environment) for each in (argv, PEER, EMPTY))
            for _ in range(ROUNDS)
        ]
        ours, peer, empty = (min(column) * 1000 for column in zip(*rounds, strict=True))
        whole = f"{ours / empty:.1f} times python -c pass, {empty:.0f} ms"
        says = f"{ours:.0f} ms over {peer:.0f} ms; {whole}"
        beyond += figure(f"{name}, over import typer", ours / peer, "times", bound=bound, says=says)
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
