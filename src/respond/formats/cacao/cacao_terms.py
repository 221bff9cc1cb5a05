"""What CACAO fixes and what we chose of it: names of things, ids, our extension.

Source: CACAO Security Playbooks Version 2.0 (OASIS Committee Specification 01, 27 November 2023).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from respond.audit.canonical import encode

__all__ = [
    "COMMAND_TYPES",
    "EXTENSION",
    "ID",
    "STEP_TYPES",
    "VARIABLE",
    "ExchangeLoss",
    "Path",
    "identified",
    "playbook_id",
    "pointer",
]

STEP_TYPES: Final = frozenset({
    "start", "end", "action", "playbook-action", "parallel", "if-condition", "while-condition",
    "switch-condition",
})  # fmt: skip

COMMAND_TYPES: Final = frozenset({
    "manual", "bash", "caldera-cmd", "elastic", "http-api", "jupyter", "kestrel", "openc2-http",
    "powershell", "sigma", "ssh", "yara",
})  # fmt: skip
"""Of its vocabulary, which is open: another one is read as well, and named."""

ID: Final = re.compile(
    r"[a-z][a-z0-9-]+[a-z0-9]--[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}"
    r"-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}",
    re.ASCII,
)
VARIABLE: Final = re.compile(r"__[A-Za-z][A-Za-z0-9_-]{0,245}?__")

_PLAYBOOKS: Final = uuid.UUID("aa7caf3a-d55a-4e9a-b34e-056215fba56a")
"""Namespace of playbooks' ids (section 10.10, identifier)."""

_OURS: Final = uuid.UUID("2f0f1f51-7d4e-5b0a-9c55-3c1d6a6d1c1e")
"""Namespace of all other ids that we make."""


Path = tuple[str | int, ...]
"""A place in JSON: keys, and numbers in lists."""


class ExchangeLoss(NamedTuple):
    """Something that does not come across as it was.

    Attributes:
        pointer: Where it stands in the playbook (RFC 6901); empty for the file as a whole.
        what: What it is, and what became of it.
        kept: Our extension has it: ``respond`` reads it back, and another tool does not know it.
        fill: A person has to do something about it before the runbook is used.
    """

    pointer: str
    what: str
    kept: bool = False
    fill: bool = False


def pointer(*parts: str | int) -> str:
    """A place in JSON. Source: RFC 6901, section 3."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def playbook_id(name: str, types: Iterable[str]) -> str:
    """The id that everybody gives to a playbook of this name and these types."""
    told: dict[str, Any] = {"name": name, "playbook_types": list(types)}
    return f"playbook--{uuid.uuid5(_PLAYBOOKS, encode(told).decode())}"


def identified(kind: str, *path: str) -> str:
    """An id of ours, the same each time.

    All but playbooks are to have version 4, which is made of random or pseudo-random numbers:
    these are the digest of what the thing is.
    """
    digest = uuid.uuid5(_OURS, "\0".join(path))
    return f"{kind}--{uuid.UUID(bytes=digest.bytes, version=4)}"


EXTENSION: Final = identified("extension-definition", "respond", "1")
