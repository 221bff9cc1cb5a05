"""Measure start-up as a ratio: whole processes of ours against ``python -c pass``, in one run.

    python bench/startup.py

Each command is run in turn with the empty interpreter, so that a slow moment of the machine hits
both. Quoted is the median of the ratios, pair by pair. Byte code is written once beforehand.
"""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15
RESPOND = Path(sys.executable).with_name("respond")
CASES = (
    ("respond --help", (str(RESPOND), "--help"), 8.0),
    ("respond compromised-key --help", (str(RESPOND), "compromised-key", "--help"), 16.0),
    ("respond list", (str(RESPOND), "list"), None),
)


def _seconds(argv: tuple[str, ...], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, check=True, capture_output=True, env=environment)
    return time.perf_counter() - began


def main() -> int:
    """Print a line a case; exit 1 when one is beyond its bound."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    compileall.compile_dir(Path(__file__).parents[1] / "src", quiet=2)
    empty = (sys.executable, "-c", "pass")
    beyond = 0
    for name, argv, bound in CASES:
        _seconds(argv, environment)
        pairs = [(_seconds(empty, environment), _seconds(argv, environment)) for _ in range(ROUNDS)]
        ratio = statistics.median(ours / theirs for theirs, ours in pairs)
        ours = statistics.median(ours for _, ours in pairs)
        theirs = statistics.median(theirs for theirs, _ in pairs)
        words = "" if bound is None else f", bound {bound:.0f}"
        print(
            f"{name:34} {ours * 1000:6.0f} ms, python -c pass {theirs * 1000:4.0f} ms: "
            f"{ratio:5.1f} times{words}"
        )
        beyond += bound is not None and ratio > bound
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
