"""Print a figure beside its bound, and note it for ``performance.py``."""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["NOTED_IN", "figure"]

NOTED_IN = "RESPOND_FIGURES"
"""Names the file that figures are noted in, an object a line."""


def figure(
    name: str,
    value: float,
    unit: str = "",
    *,
    bound: float | None = None,
    at_least: bool = False,
    says: str = "",
) -> bool:
    """Print it; whether it is beyond its bound.

    Args:
        unit: ``times``, ``ms``, ...
        at_least: The bound is from below.
        says: What it is made of.
    """
    word = "at least" if at_least else "at most"
    beside = f" ({word} {bound:g})" if bound is not None else ""
    print(
        f"{name}: {value:.3g} {unit}".rstrip() + beside + (f"; {says}" if says else ""), flush=True
    )
    beyond = bound is not None and (value < bound if at_least else value > bound)
    if path := os.environ.get(NOTED_IN):
        row = {
            "name": name, "value": value, "unit": unit, "bound": bound, "word": word, "says": says,
            "beyond": beyond,
        }  # fmt: skip
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    return beyond
