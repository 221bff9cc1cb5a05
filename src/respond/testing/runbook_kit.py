"""Put a runbook on the stage: the simulated company, the real engine, a person who says yes.

For tests of runbooks and for authors of actions. A stage can be killed at any moment and go on,
and says at the end what happened in the company.
"""

from __future__ import annotations

import io
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from respond.adapters.clock import SystemClock
from respond.adapters.prompt.terminal import AutoPrompt
from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.adapters.store.sealing import describe_secret
from respond.cli.evidence_out import found_answers
from respond.cli.opening import evidence_folder
from respond.company import Server, default_company, serve
from respond.company.crash_points import Moments
from respond.company.rehearsal import OPERATOR, Rehearsal, rehearsal_inputs
from respond.core.fold import RunState, fold
from respond.core.runbook import Runbook
from respond.core.script import Person
from respond.engine.engine import Engine
from respond.engine.proposing import propose
from respond.engine.undo import undo_run
from respond.errors import ExitCode, UsageError
from respond.ports import Clock, Progress, Prompt
from respond.views.evidence_file import evidence_zip
from respond.views.live import QuietProgress
from respond.wiring.places import Places
from respond.wiring.session import load_runbook, rehearsal_session, systems_of
from respond.wiring.stores import Store

__all__ = ["Stage"]


@dataclass(slots=True)
class Stage:
    """One company, one run. Use it as a context manager.

    Attributes:
        routes: The company shows the routes that its vendor has not confirmed.
        company_clock: The company's time, but for what is waited; None: the machine's.
        directories: Those that are configured; None: what signs the company's people in.
        asked: What was asked, over all advances.
        kept_in: Where runs are recorded, where that is no folder of each.
        spent_s: Real time of each advance, in seconds, for benches.
    """

    folder: Path
    name: str
    routes: bool = False
    by_hand: bool = False
    project: Path | None = None
    run: str = "XX-TEST"
    prompt: Callable[[Clock, Rehearsal], Prompt] | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[Clock], Progress] = lambda _: QuietProgress()
    ahead_s: float = 0.0
    company_clock: Clock | None = None
    directories: Sequence[str] | None = None
    kept_in: Store | None = None
    server: Server = field(init=False)
    runbook: Runbook = field(init=False)
    rehearsal: Rehearsal = field(init=False)
    state: RunState | None = field(default=None, init=False)
    asked: list[Any] = field(default_factory=list, init=False)
    spent_s: list[float] = field(default_factory=list, init=False)
    _clicked: set[tuple[str, str]] = field(default_factory=set, init=False)

    def __enter__(self) -> Self:
        self.server = serve(default_company(guess_routes=self.routes, clock=self.company_clock))
        self.rehearsal = Rehearsal.start(at=self.server.base_url, directories=self.directories)
        self.runbook = load_runbook(self.places, self.name)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()

    @property
    def places(self) -> Places:
        return Places(self.project, self.folder)

    def faults(self, *faults: str) -> None:
        self.rehearsal.doors.post("faults", {"faults": list(faults)})

    def advance(self, moments: Moments | None = None) -> ExitCode:
        """Carry the run on, from its beginning or from where it was left.

        Raises:
            Killed: At the chosen moment; advance again to resume.
        """
        with self.engine(moments) as engine:
            began = time.perf_counter()
            try:
                return engine.advance()
            finally:
                self.spent_s.append(time.perf_counter() - began)

    def undo(self, moments: Moments | None = None, *, only: str = "") -> ExitCode:
        """Put back what the run changed, or one step of it.

        Raises:
            Killed: At the chosen moment; undo again to go on.
        """
        with self.engine(moments) as engine:
            return undo_run(engine, only=only)

    @contextmanager
    def engine(self, moments: Moments | None = None, *, dry_run: bool = False) -> Iterator[Engine]:
        """A new engine for the run, as a new process would have it.

        Args:
            dry_run: With a journal in memory; it can make the plan and nothing else.
        """
        session = rehearsal_session(
            self.places,
            self.rehearsal,
            run=self.run,
            prompt=lambda clock, _: self._prompt(clock),
            progress=self.progress,
            by_hand=self.by_hand,
            dry_run=dry_run,
            ahead_s=self.ahead_s,
            systems=systems_of(self.runbook),
            moments=moments,
            kept_in=self.kept_in,
        )
        try:
            if fold(session.journal.records(self.run)) is None:
                now_s, story = session.clock.now_ms() // 1000, self.rehearsal.story
                propose(
                    self.runbook,
                    rehearsal_inputs(self.runbook, story, self.overrides, now_s),
                    run=self.run,
                    site=session.site,
                    journal=session.journal,
                    clock=session.clock,
                    describe=describe_secret,
                )
            engine = session.engine(self.runbook)
            try:
                yield engine
            finally:
                self.state = engine.state
        finally:
            self.asked += getattr(session.prompt, "asked", [])
            self.ahead_s = (session.clock.now_ms() - SystemClock().now_ms()) / 1000
            session.close()

    def _prompt(self, clock: Clock) -> Prompt:
        if self.prompt is not None:
            return self.prompt(clock, self.rehearsal)
        return AutoPrompt(self.click, clock)

    def click(self, task: Person[Any]) -> str | None:
        """The person does it; asked again after a crash, they know that they have done it."""
        done = (task.task, repr(sorted(task.about.items())))
        try:
            pasted = self.rehearsal.click(task)
        except UsageError:
            if done not in self._clicked:
                raise
            return None
        self._clicked.add(done)
        return pasted

    def evidence(self) -> dict[str, bytes]:
        """The files in what ``respond report RUN --evidence FILE`` writes, by name."""
        assert self.state is not None  # noqa: S101 - it was carried on
        house = self.places.rehearsals / self.run
        with SqliteJournal.open(
            house / "journal.db",
            keys=FolderKeys(house / "keys"),
            clock=SystemClock(),
            actor=OPERATOR,
            create=False,
        ) as journal:
            head, state = journal.head(), fold(journal.records(self.run))
        assert state is not None  # noqa: S101 - it was proposed
        folder = evidence_folder(self.places, self.run, head.journal)
        found = tuple(found_answers(folder, self.run, state.evidence))
        with zipfile.ZipFile(io.BytesIO(evidence_zip(state, head, found))) as made:
            return {name: made.read(name) for name in made.namelist()}

    # --- what happened --------------------------------------------------------------------------

    def effects(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.rehearsal.doors.get("effects")["effects"]
        return listed

    def tally(self) -> Counter[tuple[str, str]]:
        """How often each kind of effect happened to each system."""
        return Counter((e["system"], e["kind"]) for e in self.effects())

    def counts(self) -> dict[str, dict[str, int]]:
        counted: dict[str, dict[str, int]] = self.rehearsal.doors.get("counts")
        return counted

    def company(self) -> Any:
        """The company's state, as it is shown at the end of a rehearsal."""
        return self.rehearsal.doors.get("state")
