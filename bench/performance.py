"""Run every bench, and write ``docs/performance.md`` with a plot of what grows.

    python bench/performance.py [WORD ...]     only the benches with one of these words

Each figure is a ratio or a count in one run, beside its bound. The exit code is 1 where one is
beyond it.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from figures import NOTED_IN

from respond.testing.postgres_cluster import bin_folder

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
BENCHES = (
    "startup.py", "step_cost.py", "mark_cost.py", "containment.py", "reviews.py", "targets.py",
    "journal.py", "verify_cost.py", "deliveries.py", "team_deliveries.py", "database_cost.py",
)  # fmt: skip
ON_POSTGRES = {"team_deliveries.py", "database_cost.py"}
"""Those that come to nothing where there is no PostgreSQL."""

GROWING = {
    "start of a run": r"start of a run beside (\d+) ",
    "fold of an event": r"fold of an event in a run of (\d+),",
    "CPU of a target": r"CPU of a target of (\d+),",
}
"""Lines of the plot: what is over its smallest, by a count in its name."""

_SHADES = ("#1f6feb", "#bf5700", "#2da44e")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 300, 60, 40
_MOST = 2.0


def main() -> int:
    """Run them; 1 where a figure is beyond its bound."""
    words = sys.argv[1:]
    chosen = [name for name in BENCHES if not words or any(word in name for word in words)]
    with tempfile.TemporaryDirectory() as made:
        noted = Path(made) / "figures"
        noted.touch()
        for name in chosen:
            command, before = [sys.executable, str(HERE / name)], noted.stat().st_size
            subprocess.run(command, check=False, env={**os.environ, NOTED_IN: str(noted)})
            if noted.stat().st_size == before and (name not in ON_POSTGRES or bin_folder()):
                raise SystemExit(f"{name} came to no figure")
        rows = [json.loads(line) for line in noted.read_text(encoding="utf-8").splitlines()]
    if not words:
        (DOCS / "performance.md").write_text(_page(rows), encoding="utf-8")
        (DOCS / "performance.svg").write_text(_plot(rows), encoding="utf-8")
    return int(any(row["beyond"] for row in rows))


def _page(rows: list[dict[str, Any]]) -> str:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    lines = [
        "# Performance",
        "",
        f"Measured by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {machine}.",
        "Ratios and counts of one run; what a figure is over ran beside it. A bound is what we",
        "hold ourselves to; **beyond** says that it was not met here.",
        "",
        "| figure | measured | bound | |",
        "|---|---|---|---|",
    ]
    for row in rows:
        bound = f"{row['word']} {row['bound']:g}" if row["bound"] is not None else ""
        end = "; ".join(filter(None, ("**beyond**" if row["beyond"] else "", row["says"])))
        lines.append(f"| {row['name']} | {row['value']:.3g} {row['unit']} | {bound} | {end} |")
    return "\n".join([*lines, "", "![What grows](performance.svg)", ""])


def _plot(rows: list[dict[str, Any]]) -> str:
    """Times the smallest, by count; the dashed line is twice as much."""

    def x(count: float) -> float:
        return _LEFT + math.log10(max(count, 1)) / 4 * (_WIDTH - _LEFT - 20)

    def y(times: float) -> float:
        return (_HEIGHT - _BOTTOM) - min(times, _MOST) / _MOST * (_HEIGHT - _BOTTOM - 20)

    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        *(
            f'<path d="M{_LEFT} {y(times):.0f}H{_WIDTH - 20}" stroke="#ddd"/>'
            f'<text x="8" y="{y(times) + 4:.0f}">{times:g} times</text>'
            for times in (0.5, 1.0, 1.5, 2.0)
        ),
        *(
            f'<text x="{x(count):.0f}" y="{_HEIGHT - 18}" text-anchor="middle">{count:,}</text>'
            for count in (1, 10, 100, 1_000, 10_000)
        ),
    ]
    for (name, pattern), shade in zip(GROWING.items(), _SHADES, strict=True):
        found = [(m, row["value"]) for row in rows if (m := re.match(pattern, row["name"]))]
        points = [(x(int(m[1])), y(value)) for m, value in found]
        if points:
            path = " ".join(f"{px:.0f},{py:.0f}" for px, py in points)
            end = f'{points[-1][0] - 6:.0f}" y="{points[-1][1] - 8:.0f}'
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{shade}" stroke-width="2"/>'
                f'<text x="{end}" fill="{shade}" text-anchor="end">{name}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    sys.exit(main())
