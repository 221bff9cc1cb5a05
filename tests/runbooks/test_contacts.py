"""A contact address is proved by a code that somebody reads out of its mailbox, and by no less."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt, NobodyPrompt
from respond.core.fold import RunStatus
from respond.core.questions import Answer, Decision
from respond.core.script import Person
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

pytestmark = pytest.mark.long

WRONG = "00000000x"


@dataclass
class Listener(AutoPrompt):
    """Says yes to what is asked, and answers the calls as the test wants."""

    answers: Callable[[Person[Any]], Answer] = lambda _: Answer(Decision.LATER)

    def by_hand(self, task: Person[Any], title: str, **_: Any) -> Answer:
        return self.answers(task)


def on_the_phone(stage: Stage, said: Sequence[str | Decision]) -> list[str]:
    """Who is called hears this, one after the other; an empty text is the code in the mailbox."""
    left, tasks = list(said), []

    def answer(task: Person[Any]) -> Answer:
        tasks.append(task.task)
        word = left.pop(0)
        if isinstance(word, Decision):
            return Answer(word)
        return Answer(Decision.YES, typed=word or stage.click(task) or "")

    stage.prompt = lambda clock, _: Listener(stage.click, clock, answers=answer)
    return tasks


def says(stage: Stage, step: str) -> str:
    assert stage.state is not None
    end = stage.state.step(step).conclusion
    return "" if end is None else end.says


def codes(stage: Stage) -> list[str]:
    """What stands in the mailbox of the contact."""
    messages = stage.rehearsal.doors.get("outbox")["messages"]
    mails = [each for each in messages if each.get("to") == ["legal@example.com"]]
    return [re.findall(r"(?m)^\d{8}(?=\r?$)", mail["text"])[0] for mail in mails]


@pytest.mark.promise("P22")
def test_the_code_proves_that_a_person_reads_the_mailbox(tmp_path: Path) -> None:
    """The journal says so, with the entry for respond.toml; the code stands in the mail alone."""
    with Stage(tmp_path, "prove-contact") as stage:
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        assert says(stage, "proved") == "proved: a person reads legal@example.com"
        (found,) = stage.state.step("proved").conclusion.findings  # type: ignore[union-attr]
        assert '[[attested]] fact = "legal-contact", by = "dana", on = "2' in found
        (code,) = codes(stage)
        assert code not in repr(stage.state)
        assert code not in repr(stage.asked)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not any(code.encode() in each for each in kept)


def test_a_wrong_code_is_heard_once_more(tmp_path: Path) -> None:
    """No second mail: the code is the one that was sent."""
    with Stage(tmp_path, "prove-contact") as stage:
        tasks = on_the_phone(stage, [WRONG, ""])
        assert stage.advance() is ExitCode.DONE
        assert (len(tasks), len(codes(stage))) == (2, 1)
        assert says(stage, "first").startswith("what was read out is not the code")
        assert says(stage, "proved") == "proved: a person reads legal@example.com"


def test_three_wrong_codes_prove_nothing(tmp_path: Path) -> None:
    """And a fourth try is not asked for, however often the run is carried on."""
    with Stage(tmp_path, "prove-contact") as stage:
        tasks = on_the_phone(stage, [WRONG, WRONG, WRONG])
        assert stage.advance() is ExitCode.FAILED
        assert len(tasks) == 3
        assert says(stage, "proved").startswith("not proved")
        assert stage.state is not None
        assert stage.state.status is RunStatus.ENDED


def test_nobody_who_answers_proves_nothing(tmp_path: Path) -> None:
    """Left out is not proved, and it is not asked for again."""
    with Stage(tmp_path, "prove-contact") as stage:
        tasks = on_the_phone(stage, [Decision.SKIP])
        assert stage.advance() is ExitCode.FAILED
        assert len(tasks) == 1
        assert says(stage, "proved") == ""


def test_unattended_it_parks_and_nobody_is_written_to(tmp_path: Path) -> None:
    """Whoever would make the call is not there."""
    with Stage(tmp_path, "prove-contact", prompt=lambda *_: NobodyPrompt()) as stage:
        assert stage.advance() is ExitCode.PARKED
        assert stage.effects() == []


def test_it_waits_for_the_call_and_goes_on_with_the_same_code(tmp_path: Path) -> None:
    """Parked, and carried on by another process: one mail, and its code still counts."""
    with Stage(tmp_path, "prove-contact") as stage:
        on_the_phone(stage, [Decision.LATER])
        stage.advance()
        assert stage.state is not None
        assert stage.state.status is RunStatus.PARKED
        on_the_phone(stage, [""])
        assert stage.advance() is ExitCode.DONE
        assert len(codes(stage)) == 1
        assert says(stage, "proved") == "proved: a person reads legal@example.com"
