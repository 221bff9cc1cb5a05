"""P21: whatever a system, a file or a person calls itself, the screen shows it and no more."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from respond.core.events import Actor, Kind, Strength
from respond.core.plan import StepPlan
from respond.core.questions import (
    AskByHand,
    AskConfirm,
    AskDrift,
    AskInput,
    AskPerson,
    AskStart,
    AskUnknown,
    Question,
)
from respond.core.records import is_record, names_of, replace
from respond.core.runbook import ActionStep, Input, InputKind, Place, Runbook, StepWords
from respond.core.script import Effect, PersonRecord, Spec
from respond.core.showable import hidden_character
from respond.errors import ExitCode, RespondError
from respond.ports import Head
from respond.testing import example_run
from respond.testing.example_run import TODAY, ExampleRun, example_task
from respond.views import action_list, error_text, runbooks
from respond.views.answer_words import to_type
from respond.views.deciding import FoldWord
from respond.views.json_view import plan_json, state_json
from respond.views.layout import width_of
from respond.views.live import JsonProgress, Lines, LiveProgress
from respond.views.plan_rows import plan_rows
from respond.views.plan_text import plan_screen, step_details
from respond.views.question_text import (
    by_hand_text,
    forward_text,
    question_text,
    who_can_text,
)
from respond.views.report import as_json, report
from respond.views.report_text import as_text, short
from respond.views.run_list import run_status, runs_table
from respond.views.screen import Screen
from respond.views.start_screen import fold_text, start_screen
from respond.views.style import ANSI
from respond.views.summary import summary

pytestmark = [pytest.mark.promise("P21"), pytest.mark.campaign("C10")]

MARK = "FORGED"
ATTACKS = {
    "a line of its own": f"x\n{MARK} everything is fine\n",
    "carriage return": f"x\r{MARK} everything is fine",
    "both": f"x\r\n{MARK}",
    "line separators": f"x\u2028{MARK}\u2029{MARK}\x85{MARK}\x0b{MARK}\x0c{MARK}",
    "colour": f"\x1b[31m{MARK}\x1b[0m",
    "title and clipboard": f"\x1b]0;{MARK}\x07\x1b]52;c;AAAA\x07",
    "C1 sequences": f"\x9b2J\x9d0;{MARK}\x9c",
    "cursor": f"\x1b[2J\x1b[H\x1b[1A{MARK}",
    "backspaces": f"{MARK}\b\b\b\b\b\bx",
    "right to left": "x\u202efdp.exe\u2066\u2069\u061c",
    "hidden letters": "pay\u200bpal\u2060\ufeff\u00ad\u115f\u3164\U000e0041",
    "private": "\ue000\U00100000\ud800",
    "towers of marks": "z" + "\u0336" * 60,
    "markup": f"[red]{MARK}[/red] [link=https://evil]x[/link] <b>{MARK}</b> {{0}} %s",
    "columns": f"x{' ' * 40}alive{' ' * 8}{MARK}{' ' * 8}yes",
    "no-break spaces": f"x{chr(0xA0) * 40}{MARK}",
    "long, with spaces": f"{MARK} " * 500,
    "long, in one": MARK * 900,
    "wide": "\uff26\uff2f\uff32" * 300,
    "tabs": f"x\t\t{MARK}",
    "nothing": "",
    "quotes": f"'{MARK}' \"{MARK}\" `{MARK}` \\n{MARK}",
}


@pytest.fixture(params=ATTACKS, ids=lambda name: name.replace(" ", "-").replace(",", ""))
def attack(request: pytest.FixtureRequest) -> str:
    return ATTACKS[request.param]


KEPT = {
    "key", "hands", "address", "id", "status", "digest", "mode", "proof", "effect", "state",
    "how", "phase", "decision", "exit", "kind", "epoch", "at_s", "late_on", "action", "runbook",
    "runbook_digest",
}  # fmt: skip
"""Words of ours, and ids whose form the loader has checked."""


def poisoned(value: Any, attack: str) -> Any:
    """The same value with every text in it replaced, keys of free records too."""
    match value:
        case str():
            return attack
        case dict() if "secret" in value:
            return {**value, "secret": attack, "hint": attack}
        case Mapping():
            return {
                name: item if name in KEPT else poisoned(item, attack)
                for name, item in value.items()
            }
        case tuple() | list():
            return type(value)(poisoned(item, attack) for item in value)
        case _ if is_record(value):
            return replace(
                value,
                **{
                    name: poisoned(getattr(value, name), attack)
                    for name in names_of(type(value))
                    if name not in KEPT
                },
            )
        case _:
            return value


def bad_run(attack: str) -> ExampleRun:
    """A run in which everybody but us writes the attack wherever they can."""
    plan = poisoned(example_run.example_plan(), attack)
    plan = replace(
        plan,
        inputs={f"in{n}": poisoned(v, attack) for n, v in enumerate(plan.inputs.values())},
        connections={"cio": attack},
        unseen=(attack, attack),
        policy={"two_people": "never"},
        steps=(
            *plan.steps,
            replace(plan.steps[1], address="x", writes=(), state=StepPlan.UNSEEN),
            replace(plan.steps[1], address="y", writes=(), state=StepPlan.WAITS),
            replace(plan.steps[1], address="z", writes=(), state=StepPlan.LATE),
        ),
    )
    run = ExampleRun(plan).propose().look().start()
    write = plan.steps[1].writes[0]
    run.confirm("revoke", write, typed=attack)
    run.write("revoke", write)
    run.observe("revoke", how="done", title=attack, says=attack, findings=[attack])
    seq = run.intend("new", plan.steps[2].writes[0])
    run.add(Kind.OUTCOME, "new", intent=seq, how="not-done", why=attack, code=attack)
    run.observe("new", how="failed", title=attack, why=attack, error={"do": attack})
    seq = run.intend("told", plan.steps[5].writes[0])
    run.add(Kind.UNKNOWN, "told", intent=seq, why=attack)
    run.observe("old_exports", how="left-open", title=attack, why=attack)
    run.add(Kind.NOTICE, "told", by=Actor(attack, Strength.CLAIMED), says=attack)
    run.add(Kind.DENIED, by=Actor(attack, Strength.CLAIMED))
    run.add(Kind.PARKED, why=attack, reason=attack, do=attack, exit=3)
    return run


def questions(attack: str, run: ExampleRun) -> Iterator[Question]:
    writes = run.plan.steps[1].writes
    yield AskStart(run.plan, (attack,))
    yield AskConfirm(
        step="revoke", title=attack, wants=f"revoke {attack}", destructive=True, lines=(attack,),
        breaks=attack, undo=attack, where=attack, stays=(attack,), why=attack, on_skip=attack,
        over_limit=attack,
    )  # fmt: skip
    yield AskConfirm("s", attack, "", False, (), attack, attack, attack, writes=writes)
    yield AskDrift("s", attack, (attack,), (attack,), f"revoke {attack}")
    yield AskDrift("s", attack, (), (), "agree", writes, writes)
    yield AskByHand("s", attack, attack, attack, attack, attack)
    yield AskUnknown("s", attack, attack)
    yield AskPerson("s", attack, attack, attack, attack)
    yield AskInput(
        "since",
        attack,
        default=attack,
        example=attack,
        error=attack,
        options=((attack, attack), ("a", "b")),
    )


@cache
def every_view(attack: str) -> tuple[tuple[str, str], ...]:
    return tuple(_views(attack))


def _views(attack: str) -> Iterator[tuple[str, str]]:
    run = bad_run(attack)
    state = run.state
    head = Head("j-5d1e", 1284, "ab" * 32)
    yield "plan", plan_screen(state, run.plan, head, elapsed_s=4)
    yield "start", start_screen(state, run.plan, head, elapsed_s=4, others=(attack,))
    for fold in FoldWord:
        yield "fold", fold_text(run.plan, fold.value)
    for row in plan_rows(run.plan):
        yield "details", step_details(run.plan, row.number)
    screen = Screen(lambda: state, lambda: head, lambda: 1_795_403_700_000, lambda: 4.0)
    for question in questions(attack, run):
        yield type(question).__name__, question_text(question, accounts=(attack,))
        yield type(question).__name__, screen.question(question)
        for name in ("?", "details", "plan", "1"):
            yield f"{type(question).__name__} {name}", screen.more(question, name)
    task = replace(example_task(), steps=(attack,), link=attack, look_for=attack, avoid=(attack,))
    for watched in (True, False):
        yield "task", by_hand_text(task, attack, watched=watched)
    yield "forward", forward_text(task, run="CK-7F3Q", operator="dana")
    people = (PersonRecord("ana", attack, (attack,), (attack,), {"slack": attack}),)
    yield "who can", who_can_text(people, "dana")
    yield "summary", summary(state, head, exit_code=ExitCode.PARKED, today=TODAY)
    made = report(state, run.records, head, TODAY)
    yield "report", as_text(made)
    yield "short", short(made)
    yield "runs", runs_table([(state, TODAY)])
    yield "status", run_status(state, head, TODAY)
    yield "error", error_text.as_text(RespondError(f"no {attack}", why=attack, do=attack))
    yield "live", lived(run, attack)
    yield "runbook", runbooks.runbook_text(bad_runbook(attack))
    yield "actions", action_list.actions_text([bad_action(attack)], full=True)


def lived(run: ExampleRun, attack: str) -> str:
    stream = io.StringIO()
    progress = LiveProgress(Lines(stream, live=False), mode="real")
    progress.say(attack)
    for record in run.records:
        progress.event(record)
    return stream.getvalue()


@dataclasses.dataclass(frozen=True)
class Nothing:
    """An output without fields."""


def bad_action(attack: str) -> type[Any]:
    class Bad:
        spec = Spec("sample.do", Effect.DESTROYS, attack, Nothing, attack)

    return Bad


def bad_runbook(attack: str) -> Runbook:
    words = StepWords("step", Place(1, 1), title=attack, why=attack)
    return Runbook(
        name="bad",
        title=attack,
        digest="",
        file=attack,
        inputs=(
            Input("order", InputKind.CHOICE, attack, default=attack, of=(attack,), example=attack),
        ),
        steps=(ActionStep(words, bad_action(attack), {}),),
        summary=attack,
        use_when=attack,
        owner=attack,
        reviewed=attack,
    )


def test_no_raw_control_bidi_or_invisible_character(attack: str) -> None:
    """Everything that acts on a screen, or hides from the eye, arrives as an escape."""
    for name, text in every_view(attack):
        bare = text.replace("\n", "")
        assert hidden_character(bare) is None, name
        assert "\t" not in bare, name
        assert bare.isprintable(), name


def test_no_line_begins_with_text_from_outside(attack: str) -> None:
    """No name, title or message can look like a line of ours, however it is wrapped."""
    for name, text in every_view(attack):
        for line in text.split("\n"):
            assert not line.startswith((MARK, "\uff26", "[red]")), (name, line)


def test_no_line_is_wider_than_the_screen(attack: str) -> None:
    """The terminal itself wraps nothing, so it begins no line with text from outside either."""
    free = {"short", "forward", "error"}  # For tickets and mails; errors take 100 columns.
    for name, text in every_view(attack):
        for line in text.split("\n"):
            assert name in free or width_of(line) <= 80, (name, line)


def test_a_table_keeps_its_columns(attack: str) -> None:
    """A name cannot reach into the columns that say what happens and whether it can be undone."""
    run = bad_run(attack)
    text = plan_screen(run.state, run.plan, example_run.HEAD, elapsed_s=4)
    lines = text.split("\n")
    undo_at = next(line for line in lines if line.endswith("undo")).index("undo")
    rows = [line for line in lines if re.match(r" {0,2}\d+  (YOU|tool|wait) ", line)]
    assert len(rows) == len(plan_rows(run.plan))
    for line in rows:
        undo = _from_column(line, undo_at).strip()
        assert undo in {"yes", "NO", "NO !", "-", "?", "? !"}


def _from_column(line: str, column: int) -> str:
    for n in range(len(line) + 1):
        if width_of(line[:n]) >= column:
            return line[n:]
    return ""


def test_colour_comes_from_us_alone(attack: str) -> None:
    """With colour on, the only escapes are our own few."""
    run = bad_run(attack)
    text = plan_screen(run.state, run.plan, example_run.HEAD, elapsed_s=4, style=ANSI)
    assert set(re.findall("\x1b[^m]*m?", text)) <= {
        f"\x1b[{n}m" for n in ("0", "1", "2", "35", "1;31")
    }


def test_json_is_ascii_and_gives_the_text_back(attack: str) -> None:
    """JSON escapes instead of hiding, and loses nothing."""
    run = bad_run(attack)
    stream = io.StringIO()
    progress = JsonProgress(stream)
    for record in run.records:
        progress.event(record)
    assert stream.getvalue().isascii()
    data = [plan_json(run.plan), state_json(run.state, TODAY)]
    data.append(as_json(report(run.state, run.records, example_run.HEAD, TODAY)))
    for each in data:
        assert json.dumps(each, ensure_ascii=True).isascii()
    assert data[0]["unseen"] == [attack, attack]


def test_what_is_typed_is_what_is_shown(attack: str) -> None:
    """The words to type are printable, so that nobody confirms a name they cannot see."""
    assert to_type(f"revoke {attack}").isprintable()


@pytest.fixture
def both() -> Callable[[str, str], bool]:
    def differ(one: str, other: str) -> bool:
        shown = [
            plan_screen(
                ExampleRun().propose().look().state,
                example_run.example_plan(unseen=(text,)),
                example_run.HEAD,
                elapsed_s=1,
            )
            .split("UNSEEN")[1]
            .split("\n")[0]
            for text in (one, other)
        ]
        return shown[0] != shown[1]

    return differ


@pytest.mark.parametrize(
    ("one", "other"),
    [("prod key", "prod  key"), ("prod", "prod "), (" prod", "prod"), ("a\u00a0b", "a b")],
)
def test_names_that_differ_look_different(
    both: Callable[[str, str], bool], one: str, other: str
) -> None:
    """Two spaces, or one at the end, are seen."""
    assert both(one, other)
