"""Measure how long it takes until containment is proved, where every answer takes 200 ms.

    python bench/containment.py

Each shipped runbook runs in the simulated company (`--latency 200ms`), by the API and
by a person's hands, with people who answer at once. The time goes from the first request to the
event that concludes the step that contains, best of rounds. It is put over the shortest chain of
`bench/requests.md`, with one round trip more for each look at which it did not show yet: pauses
are jumped over in a rehearsal, so that what is measured is requests and work, and no waiting.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path

from figures import figure

from respond.company.exchange import SimDelivery, SimRequest
from respond.core.events import Kind, Record
from respond.testing.crashing import RUNBOOKS
from respond.testing.runbook_kit import Stage
from respond.views.live import QuietProgress

ROUNDS = 3
ANSWER_S = 0.2
BOUND = 1.5
HANDS = {False: "a person's hands", True: "by the API"}
PAGE = Path(__file__).with_name("requests.md")
CONTAINS = {
    "compromised-key": {"containment": "revoke"},
    "compromised-user": {"suspension": "suspended", "containment": "removed"},
    "lost-2fa": {"containment": "removed"},
}
"""By runbook what is proved on the way, as the page calls it, and in which step."""
CHAIN = r"## {name}, {hands}\n.*? up to (?:the )?proved {what}: (\d+) round trips"


class UntilContained(QuietProgress):
    """Notes when this step came out, and how often it had to be looked at again."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self._step = step
        self.began = self.ended = 0.0
        self.looks = 0

    def event(self, record: Record) -> None:
        event = record.event
        if event.kind is Kind.OBSERVED and event.step.partition("[")[0] == self._step:
            self.ended = time.perf_counter()
        if event.kind is Kind.OUTCOME and not self.ended:
            self.looks = 0  # What was waited for before is no look at this write.

    def waiting(self, what: str, seconds: float) -> None:
        if not self.ended:
            self.looks += 1


def round_trips(name: str, what: str, *, routes: bool) -> int:
    """How many stand on the page."""
    pattern = CHAIN.format(name=re.escape(name), hands=re.escape(HANDS[routes]), what=what)
    found = re.search(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        raise SystemExit(f"{PAGE.name} has no chain up to {what} of {name}, {HANDS[routes]}")
    return int(found[1])


def measured(name: str, step: str, *, routes: bool) -> tuple[float, int]:
    """Seconds until it is proved, and looks at which it did not show yet."""
    until = UntilContained(step)
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder), name, routes=routes, progress=lambda _: until)
        with stage:
            company = stage.server.company
            stage.rehearsal.slow_down([f"{ANSWER_S * 1000:g}ms"])
            receive = company.receive

            def received(name: str, request: SimRequest) -> SimDelivery:
                until.began = until.began or time.perf_counter()
                return receive(name, request)

            company.receive = received  # type: ignore[method-assign]
            stage.advance()
    return until.ended - until.began, until.looks


def main() -> int:
    """Print each figure with its bound; 1 where one is above it."""
    over = 0
    cases = [(name, *each) for name in RUNBOOKS for each in CONTAINS[name].items()]
    for name, what, step in cases:
        for routes, hands in HANDS.items():
            chain = round_trips(name, what, routes=routes)
            took = [measured(name, step, routes=routes) for _ in range(ROUNDS)]
            ratio, seconds, looks = min((s / ((chain + n) * ANSWER_S), s, n) for s, n in took)
            says = f"{seconds:.2f} s; {chain} + {looks} round trips of {ANSWER_S * 1000:g} ms"
            told = f"{what} proved, over the shortest chain, {name}, {hands}"
            over += figure(told, ratio, "times", bound=BOUND, says=says)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
