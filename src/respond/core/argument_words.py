"""What the fields of an action, or of what it gives, mean: read where they are written.

A class says it in its docstring under ``Attributes:``, a name and its words each; what a base class
has in common for several actions is said there once. Editors, ``respond actions`` and the docs take
it from here. With ``python -OO`` there are no docstrings, and no words.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

__all__ = ["field_words"]

_SECTION = re.compile(r"^(Raises|Source|Args|Returns|Yields):")
_FIELD = re.compile(r"^([a-z][a-z0-9_]*): +(\S.*)$")


def field_words(cls: Any) -> dict[str, str]:
    """Words by field; the class's own before those of what it is made of."""
    found: dict[str, str] = {}
    for base in cls.__mro__:
        for name, says in _own(base.__dict__.get("__doc__") or "").items():
            found.setdefault(name, says)
    return found


def _own(doc: str) -> dict[str, str]:
    _, colon, rest = inspect.cleandoc(doc).partition("Attributes:")
    found: dict[str, list[str]] = {}
    last: list[str] = []
    for line in rest.splitlines() if colon else ():
        if _SECTION.match(line):
            break
        text = line.strip()
        field = _FIELD.match(text)
        # Four columns deep a field begins; deeper, its words go on.
        begins = len(line) - len(line.lstrip()) <= 4  # noqa: PLR2004 - the columns of the form
        if field and begins:
            last = found.setdefault(field[1], [])
            text = field[2]
        elif text and begins and last:
            break  # A paragraph behind the list.
        if text:
            last.append(text)
    return {name: " ".join(lines).replace("``", "`") for name, lines in found.items()}
