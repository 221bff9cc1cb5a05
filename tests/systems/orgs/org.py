"""What stands in one simulated directory, for the tests of the vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BEN, MALLORY = "ben@example.com", "mallory@example.com"
DANA, ANA = "dana@example.com", "ana@example.com"


@dataclass(frozen=True)
class Org:
    """What stands in one simulated directory.

    Attributes:
        user: The id of who has the address.
        app: The application that Mallory has, and Ben has not.
        twice: Somebody else gets the address, too; None: there an address is one account's.
        looks: The requests with which an address is looked for; each may fail.
        refused: Answers 401 with a word that is not about the credential.
        administers: They alone are administrators.
        ours: The address of the account that we work with.
        state: All that there is, but for times.
        second: Another connection to a directory of this system; ``loses`` takes its credential.
        blind: Verbs of which something is not seen afterwards; what is shown on a screen is none.
        gives_back: Verbs with a way back there, although most directories have none.
    """

    user: Callable[[Any, str], str]
    app: Callable[[Any], str]
    twice: Callable[[Any, str], None] | None
    looks: tuple[str, ...]
    refused: Callable[[Any], None]
    administers: Callable[[Any, str], None]
    ours: Callable[[Any], str]
    state: Callable[[Any], Any]
    second: str
    loses: Callable[[Any], None]
    blind: frozenset[str] = frozenset()
    gives_back: frozenset[str] = frozenset()
