"""What the ids of JumpCloud look like: the same for whatever they name."""

from __future__ import annotations

import re
from typing import Final

from respond.systems.arguments import ArgumentError

__all__ = ["check_object_id"]

_ID: Final = re.compile(r"[0-9a-f]{24}")
_LIKE: Final = "64b0000000000000000000a1"


def check_object_id(name: str, value: str) -> None:
    """Refuse what is no id.

    Raises:
        ArgumentError: With one that is.
    """
    if not _ID.fullmatch(value):
        raise ArgumentError(f"{name} must be an id of JumpCloud's such as {_LIKE}")
