"""Make ids and secrets that look real and are the same in every run.

A value follows from its label and nothing else, so a rehearsal's output is stable and a
simulated key can never be mistaken for one that somebody really drew at random.
"""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass, field

_LOWER = string.ascii_lowercase + string.digits
_UPPER = string.ascii_uppercase + string.digits


def hex_for(label: str, length: int) -> str:
    """Lower-case hexadecimal digits, at most 64."""
    return hashlib.sha256(f"example-co:{label}".encode()).hexdigest()[:length]


def lower_for(label: str, length: int) -> str:
    """Lower-case letters and digits, at most 32."""
    return _from_alphabet(label, length, _LOWER)


def upper_for(label: str, length: int) -> str:
    """Upper-case letters and digits, at most 32."""
    return _from_alphabet(label, length, _UPPER)


def hint(secret: str) -> str:
    """The last four characters: what vendors show of a value that they do not show."""
    return secret[-4:]


def _from_alphabet(label: str, length: int, alphabet: str) -> str:
    digest = hashlib.sha256(f"example-co:{label}".encode()).digest()
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])


@dataclass
class Numbers:
    """Ids that count up, one row for each kind of thing."""

    first: dict[str, int]
    _taken: dict[str, int] = field(default_factory=dict)

    def take(self, kind: str) -> int:
        number = self._taken.get(kind, self.first.get(kind, 1))
        self._taken[kind] = number + 1
        return number
