"""What a person is asked before the first thing is taken away, and what only after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.adapters.store.sealing import describe_secret
from respond.cli.asking_inputs import ask_for
from respond.company.rehearsal import Rehearsal, story_value
from respond.core.fold import As
from respond.core.outcome import outcome_of
from respond.core.questions import Answer, AskConfirm, AskInput, AskStart, Decision, Question
from respond.engine.engine import Engine
from respond.engine.proposing import GivenInputs, propose
from respond.errors import ExitCode
from respond.ports import Clock
from respond.testing.runbook_kit import Stage
from respond.wiring.session import rehearsal_session, systems_of


@dataclass
class Typing(AutoPrompt):
    """Somebody who types these answers to inputs, and agrees to all else."""

    answers: Mapping[str, str] = field(default_factory=dict)
    leaves: bool = False

    def ask(self, question: Question) -> Answer:
        answer = super().ask(question)
        # Who leaves is gone after the first destructive yes.
        self.is_there = self.is_there and not (self.leaves and isinstance(question, AskConfirm))
        return answer

    def _answer(self, question: Question) -> Answer:
        if isinstance(question, AskInput):
            return Answer(Decision.YES, typed=self.answers.get(question.name, ""))
        return super()._answer(question)


@contextmanager
def typed(stage: Stage, answers: Mapping[str, str], **options: Any) -> Iterator[tuple[Any, Typing]]:
    """A run from the bare command, with what its options say; nobody gave the rest."""
    told = {name: story_value(stage.rehearsal.story, text) for name, text in answers.items()}

    def prompt(clock: Clock, _: Rehearsal) -> Typing:
        return Typing(stage.click, clock, answers=told)

    session = rehearsal_session(
        stage.places,
        stage.rehearsal,
        run=stage.run,
        prompt=lambda clock, _: prompt(clock, stage.rehearsal),
        progress=stage.progress,
        systems=systems_of(stage.runbook),
    )
    try:
        given = GivenInputs(dict(options))
        ask_for(stage.runbook, given, session)
        propose(
            stage.runbook,
            given,
            run=stage.run,
            site=session.site,
            journal=session.journal,
            clock=session.clock,
            describe=describe_secret,
        )
        engine: Engine = session.engine(stage.runbook)
        yield engine, session.prompt  # type: ignore[misc]
    finally:
        session.close()


LEAKED = {"leaked": "story.leaked_app_key", "since": "3 days ago", "used_by": "billing"}
NAMED = {"key": "story.leaked_app_key_name", "since": "3 days ago", "used_by": "billing"}
PAIR = "story.leaked_site_id:story.leaked_track_api_key"
VALUE = {**NAMED, "leaked": PAIR}
OWN = {"leaked": "story.write_token", "since": "", "used_by": ""}


def words(asked: list[Question]) -> list[str]:
    """Each question in a word; the first destructive one ends them."""
    told: list[str] = []
    for each in asked:
        if isinstance(each, AskConfirm):
            break
        told.append(each.name if isinstance(each, AskInput) else type(each).__name__)
    return told


@pytest.mark.share(4)
@pytest.mark.parametrize(
    ("name", "answers", "options"),
    [
        ("compromised-key", VALUE, {"order": "contain-first"}),
        ("compromised-key", VALUE, {"order": "no-downtime"}),
        ("compromised-key", NAMED, {"order": "contain-first"}),
        ("compromised-key", NAMED, {"order": "no-downtime"}),
        ("compromised-key", OWN, {"order": "contain-first"}),
        ("compromised-user", {"email": "story.compromised", "since": "3 days ago"}, {}),
        ("lost-2fa", {"email": "story.lost_2fa", "device": "lost"}, {}),
        ("lost-2fa", {"email": "story.lost_2fa", "device": "stolen"}, {}),
    ],
    ids=lambda each: each if isinstance(each, str) else "-".join(each.values())[:40],
)
def test_three_questions_lead_to_the_first_destructive_one(
    name: str, answers: Mapping[str, str], options: dict[str, str], tmp_path: Path
) -> None:
    """From the bare command: nothing is asked that containment can do without."""
    with (
        Stage(tmp_path, name, routes=True) as stage,
        typed(stage, answers, **options) as (engine, prompt),
    ):
        engine.advance()
        asked = words(prompt.asked)
    assert any(isinstance(each, AskConfirm) and each.destructive for each in prompt.asked)
    assert len(asked) <= 3, asked
    assert "AskStart" in asked
    assert not {"since", "used_by"} & {*asked}


def test_who_is_no_member_any_more_costs_no_more_questions(tmp_path: Path) -> None:
    """Only the address leads to the suspension in the directory."""
    with (
        Stage(tmp_path, "compromised-user", routes=True) as stage,
        typed(stage, {"email": "story.compromised"}) as (engine, prompt),
    ):
        about = {"email": "mallory@example.com"}
        stage.rehearsal.doors.post("person", {"task": "customerio.remove_member", "about": about})
        engine.advance()
        assert len(words(prompt.asked)) <= 3
        assert stage.tally()["okta", "user.lifecycle.suspend"] == 1


@pytest.mark.parametrize("since", ["3 days ago", ""])
def test_what_is_asked_after_the_kill_is_asked_once_and_used(since: str, tmp_path: Path) -> None:
    """What uses the key, and since when; where nobody knows, it is looked back as far as it lived.

    The answers stand in the journal: whoever carries the run on is not asked again.
    """
    answers = {**LEAKED, "since": since}
    with (
        Stage(tmp_path, "compromised-key", routes=True) as stage,
        typed(stage, {**answers, "leaked": ""}, key="backend-prod") as (engine, prompt),
    ):
        assert engine.advance() is ExitCode.DONE
        late = [each.name for each in prompt.asked if isinstance(each, AskInput)]
        state = engine.state
    assert late == ["used_by", "since"]
    assert [n for n in state.steps if n.startswith("restarted[")] != []
    looked = state.steps["left"].conclusion
    assert looked is not None
    assert looked.how is As.DONE
    assert (state.inputs["since"] is None) == (since == "")
    began = next(index for index, each in enumerate(prompt.asked) if isinstance(each, AskConfirm))
    assert isinstance(prompt.asked[began - 1], AskStart)
    # What a person restarts is asked of them once: the task is the question.
    assert sum(isinstance(each, AskConfirm) for each in prompt.asked) == 1


def test_where_nobody_sits_there_a_late_input_stops_nothing(tmp_path: Path) -> None:
    """The time is looked back over; what only people know leaves its step open."""
    with Stage(tmp_path, "compromised-key", routes=True) as stage:
        with typed(stage, LEAKED, key="backend-prod") as (engine, prompt):
            prompt.leaves = True
            assert engine.advance() is ExitCode.FAILED
            state = engine.state
        open_ = state.steps["restarted"].conclusion
        assert open_ is not None
        assert open_.how is As.LEFT_OPEN
        looked = state.steps["left"].conclusion
        assert looked is not None
        assert looked.how is As.DONE


@pytest.mark.parametrize("key", ["", "backend-prod"], ids=["by-value", "by-name"])
def test_a_key_that_is_dead_already_still_gets_the_look_back(key: str, tmp_path: Path) -> None:
    """It lived while it was known. Nothing is killed, least of all another key that ends alike."""
    with Stage(tmp_path, "compromised-key", routes=True, overrides={"key": key}) as stage:
        about = {"environment": "Production", "id": 9101}
        stage.rehearsal.doors.post("person", {"task": "customerio.revoke_app_key", "about": about})
        stage.rehearsal.doors.advance(90)
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        assert stage.asked == []
        found = " ".join(item.says for item in outcome_of(stage.state).items)
        assert "collect.attacker.example" in found
        assert "exported 25666 customers" in found
        assert "nothing is left to kill" in stage.state.ended.say
        assert stage.tally()["slack", "message.posted"] == 0
        assert stage.tally()["customerio", "app_key.revoked"] == 1


@pytest.mark.share(4)
@pytest.mark.parametrize("replace", ["now", ""])
def test_the_keys_that_could_be_read_are_replaced_in_the_same_run_with_one_question(
    replace: str, tmp_path: Path
) -> None:
    """Or they stand in LEFT TO DO with their commands, and only then; each question comes once."""
    answers = {"email": "story.compromised", "since": "3 days ago", "replace": replace}
    with (
        Stage(tmp_path, "compromised-user", routes=True) as stage,
        typed(stage, answers) as (engine, prompt),
    ):
        assert engine.advance() is ExitCode.DONE
        names = [each.name for each in prompt.asked if isinstance(each, AskInput)]
        made = [e["kind"] for e in stage.effects() if e["kind"].endswith("_key.created")]
        dead = [e["kind"] for e in stage.effects() if e["kind"] == "track_key.revoked"]
        items = outcome_of(engine.state).left_to_do
    assert names == ["email", "since", "replace", "victim"]
    assert len(made) == (4 if replace else 0)
    assert len(dead) == (2 if replace else 0)
    open_ = [item.says for item in items if "readable in full" in item.says]
    assert len(open_) == (0 if replace else 4)
    assert all("respond rotate-key --key " in says for says in open_)


def test_a_key_that_was_not_replaced_after_all_is_still_work(tmp_path: Path) -> None:
    """One of four is refused by the vendor: that one alone stays in LEFT TO DO."""
    answers = {"email": "story.compromised", "since": "3 days ago", "replace": "now"}
    with (
        Stage(tmp_path, "compromised-user", routes=True) as stage,
        typed(stage, answers) as (engine, _),
    ):
        stage.faults("customerio:403xall@DELETE *site_ids/8102*")
        assert engine.advance() is ExitCode.FAILED
        items = outcome_of(engine.state).left_to_do
    open_ = [item.says for item in items if "readable in full" in item.says]
    assert ["--key web-staging" in says for says in open_] == [True]
