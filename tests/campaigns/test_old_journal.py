"""An old copy of the journal is put back while a run waits: the tool must not believe it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.core.questions import Answer, AskStart, Decision, Question
from respond.errors import ExitCode, JournalBrokenError
from respond.testing.runbook_kit import Stage


class Parks(AutoPrompt):
    """Says later at the first question whose title holds a word, each time."""

    word = ""

    def ask(self, question: Question) -> Answer:
        if not isinstance(question, AskStart) and self.word in getattr(question, "title", ""):
            return Answer(Decision.LATER)
        return super().ask(question)

    def by_hand(self, task: Any, title: str, *, seen: Any, every_s: float) -> Answer:
        if self.word in title:
            return Answer(Decision.LATER)
        return super().by_hand(task, title, seen=seen, every_s=every_s)


@pytest.mark.promise("P2", "P23")
def test_an_old_copy_put_back_while_the_run_waits_is_refused(tmp_path: Path) -> None:
    """It does not know of the key that was made since, and would make another one."""
    with Stage(
        tmp_path, "compromised-key", prompt=lambda clock, company: Parks(company.click, clock)
    ) as stage:
        journal = tmp_path / "rehearsals" / stage.run / "journal.db"
        Parks.word = "Revoke"
        assert stage.advance() is ExitCode.PARKED
        shutil.copy(journal, tmp_path / "old.db")
        Parks.word = "Restart"
        assert stage.advance() is ExitCode.PARKED
        made = stage.tally()
        for path in journal.parent.glob("journal.db*"):
            path.unlink()
        shutil.copy(tmp_path / "old.db", journal)
        with pytest.raises(JournalBrokenError):
            stage.advance()
        assert stage.tally() == made
