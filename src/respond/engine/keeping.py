"""Keep answers as evidence while a run looks, and say in its records which.

Nothing is asked for evidence's sake: what is kept is what the run looked at anyway. Bytes go to
the store, which holds nothing up; what is said of them goes into the next record of the step, which
is written anyway. So keeping costs no request, no record and no sync before a write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial
from threading import Lock
from typing import Any, Final

from respond.core.events import Kind
from respond.core.fold import RunState
from respond.core.kept_answer import RUN_ANSWERS_MAX, RUN_BYTES_MAX, KeptAnswer, kept_answer
from respond.core.records import Mutable, replace
from respond.core.script import Call, Evidence, Reply
from respond.ports import Clock, EvidenceStore

__all__ = ["CARRIERS", "Keeping"]

CARRIERS: Final = frozenset({Kind.PLANNED, Kind.INTENT, Kind.OBSERVED, Kind.PARKED, Kind.ENDED})
"""Records that say what was kept: of a step, or of the whole run."""

_PATIENCE_S: Final = 5.0
"""How long a run that parks or ends waits for the last answer to be written, in seconds."""


class Keeping(Mutable):
    """What one run keeps. Any thread may use it.

    Attributes:
        store: None where nothing is kept: a dry run.
        bytes_max: Of the answers of the run, what is kept; of those beyond it only the digest.
    """

    run: str
    store: EvidenceStore | None
    clock: Clock
    bytes_max: int = RUN_BYTES_MAX
    _known: dict[tuple[str, ...], KeptAnswer] = field(default_factory=dict, init=False)
    _bytes: int = field(default=0, init=False)
    _too_many: int = field(default=0, init=False)
    _new: list[KeptAnswer] = field(default_factory=list, init=False)
    _said: set[str] = field(default_factory=set, init=False)
    _written: set[str] = field(default_factory=set, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def remember(self, state: RunState) -> None:
        """Know what the journal speaks of already; a resumed run tells nothing twice."""
        with self._lock:
            for answer in state.evidence:
                self._count(answer)

    def keep(self, step: str, mark: Evidence, call: Call, reply: Reply) -> Callable[[], None]:
        """What keeps the answer that a look of this step has now, if it says anything new."""
        store = self.store
        if store is None:
            return lambda: None
        made = kept_answer(call, reply, mark, step=step, at_ms=self.clock.now_ms())
        return partial(self._keep, store, *made) if made is not None else lambda: None

    def _keep(self, store: EvidenceStore, answer: KeptAnswer, text: bytes) -> None:
        with self._lock:
            known = self._known.get(answer.same)
            if known is None:
                if len(self._known) >= RUN_ANSWERS_MAX:
                    self._too_many += 1
                    return
                known = self._bounded(answer)
                self._count(known)
                self._new.append(known)
            if known.cut or known.sha256 in self._written:
                return
            self._written.add(known.sha256)
        # Once more in each process: an earlier one may have died before it was written.
        store.keep(self.run, known.sha256, text)

    def taken(self, kind: Kind, step: str) -> list[dict[str, Any]]:
        """What a record of this kind says of answers that no record speaks of yet.

        One about the whole run tells all of them.
        """
        if kind not in CARRIERS or not self._new:
            return []
        with self._lock:
            now = [each for each in self._new if not step or each.step == step]
            self._new = [each for each in self._new if step and each.step != step]
        return [each.as_json for each in now]

    def unkept(self) -> str:
        """What could not be kept and was not said yet, in one line; empty when all is there."""
        if self.store is None or not self._written:
            return ""
        lost = self.store.unkept(_PATIENCE_S)
        new = [sha256 for sha256 in lost if sha256 not in self._said]
        self._said.update(new)
        lines = [_lost_line(new, len(self._written), lost[new[0]])] if new else []
        if self._too_many:
            lines.append(f"{self._too_many} answers beyond {RUN_ANSWERS_MAX} were not kept")
            self._too_many = 0
        return "; ".join(lines)

    # --- bounds ----------------------------------------------------------------------------------

    def _bounded(self, answer: KeptAnswer) -> KeptAnswer:
        if self._bytes + answer.bytes <= self.bytes_max:
            return answer
        return replace(answer, cut=True)

    def _count(self, answer: KeptAnswer) -> None:
        if answer.same not in self._known and not answer.cut:
            self._bytes += answer.bytes
        self._known[answer.same] = answer


def _lost_line(lost: Sequence[str], of: int, why: str) -> str:
    first = ", ".join(sha256[:12] for sha256 in lost[:3])
    return f"{len(lost)} of {of} answers could not be kept as evidence ({first}): {why}"
