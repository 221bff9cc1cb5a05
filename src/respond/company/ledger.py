"""Count what reached each system, and keep what took effect.

A write that a system refused is counted and leaves no effect. That difference is what tests
of "nothing happened twice" look at, so nothing else in the company may touch these numbers.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from respond.company.company_clock import CompanyClock


@dataclass(frozen=True, slots=True)
class LedgerEffect:
    """One change that really happened.

    Attributes:
        seq: Position in the company's history, from 1, without gaps.
        kind: What changed and how, as ``thing.verb``, e.g. ``app_key.revoked``.
        target: The thing, in words that a person would use. Never a secret.
        at: Simulated unix seconds.
        detail: More about it, free of secret values; ``by`` says whether the API or a
            person at the vendor's console did it.
    """

    seq: int
    system: str
    kind: str
    target: str
    at: float
    detail: dict[str, Any]


@dataclass
class Ledger:
    """The history of one company. Safe to use from many threads."""

    clock: CompanyClock
    _effects: list[LedgerEffect] = field(default_factory=list)
    _reads: Counter[str] = field(default_factory=Counter)
    _writes: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, system: str, *, write: bool) -> None:
        with self._lock:
            (self._writes if write else self._reads)[system] += 1

    def effect(self, system: str, kind: str, target: str, **detail: Any) -> LedgerEffect:
        with self._lock:
            seq = len(self._effects) + 1
            made = LedgerEffect(seq, system, kind, target, self.clock.now(), detail)
            self._effects.append(made)
            return made

    @property
    def effects(self) -> tuple[LedgerEffect, ...]:
        with self._lock:
            return tuple(self._effects)

    def of(self, kind: str, system: str | None = None) -> tuple[LedgerEffect, ...]:
        """The effects of one kind, oldest first."""
        return tuple(
            e for e in self.effects if e.kind == kind and (system is None or e.system == system)
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Reads, writes and effects by system; a system that nothing reached is absent."""
        with self._lock:
            effects = Counter(effect.system for effect in self._effects)
            systems = sorted({*self._reads, *self._writes, *effects})
            return {
                name: {
                    "reads": self._reads[name],
                    "writes": self._writes[name],
                    "effects": effects[name],
                }
                for name in systems
            }

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(effect) for effect in self.effects]
