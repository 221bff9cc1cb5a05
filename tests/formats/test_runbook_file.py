from __future__ import annotations

import datetime as dt
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from respond.core.inputs import absent_value, input_value, pattern_trouble
from respond.core.runbook import (
    ActionStep,
    BlockStep,
    ChooseStep,
    EndStep,
    Input,
    InputKind,
    ParallelStep,
    Phase,
    Runbook,
    Step,
    WaitStep,
    all_steps,
)
from respond.core.script import PersonRecord
from respond.core.shapes import ListOf, RecordShape, ShapeError, Text
from respond.core.values import Late, SecretHandle, Value
from respond.formats.faults import FormatFault, FormatFaults
from respond.formats.runbook.check import Checked, check
from respond.formats.runbook.runbook_file import head, load
from respond.systems import load as load_actions
from respond.testing.sample_actions import ACTIONS

DATA = Path(__file__).parents[1] / "data"
BAD = sorted((DATA / "bad_runbooks").glob("*.yaml"))
TODAY = dt.date(2026, 11, 23)
PERSONS = (
    PersonRecord("ana", roles=("approver", "admin")),
    PersonRecord("ben", roles=("approver",)),
)
OTHERS = {
    "called": b"""
runbook: called
title: Called by another
inputs: {key: {type: text, ask: Which?}}
steps: [{id: old, action: vault.find_key, with: {name: "${{ inputs.key }}"}}]
""",
    "broken": b"runbook: broken\ntitle: Broken\nsteps: [{id: old, action: vault.fnd_key}]\n",
    "about": b"""
runbook: about
title: About somebody
inputs: {who: {type: email, ask: Who?}}
subject: who
steps: [{id: old, action: vault.find_key}]
""",
    "another": b"runbook: another\ntitle: Another\nsteps: [{id: old, action: vault.find_key}]\n",
}


def find(name: str) -> tuple[str, bytes] | None:
    path = DATA / "bad_runbooks" / f"{name}.yaml"
    if path.is_file():
        return path.name, path.read_bytes()
    return (f"{name}.yaml", OTHERS[name]) if name in OTHERS else None


def book(text: str, name: str = "sample") -> Runbook:
    data = f"runbook: {name}\ntitle: A sample\n{text}".encode()
    return load(data, name=f"{name}.yaml", actions=ACTIONS, find=find)


def faults(text: str) -> list[str]:
    try:
        book(text)
    except FormatFaults as found:
        return [fault.what for fault in found.faults]
    except FormatFault as found:
        return [found.what]
    return []


def checked(text: str, **more: object) -> Checked:
    return check(
        f"runbook: sample\ntitle: A sample\n{text}".encode(),
        name="sample.yaml",
        actions=ACTIONS,
        today=TODAY,
        find=find,
        commands=("list", "show"),
        **more,  # type: ignore[arg-type]
    )


def action(step: Step) -> ActionStep:
    assert isinstance(step, ActionStep)
    return step


def every_word() -> Runbook:
    path = DATA / "runbooks" / "every-word.yaml"
    return load(path.read_bytes(), name=str(path), actions=ACTIONS, find=find, persons=PERSONS)


# --- what is wrong is said where it is ----------------------------------------------------------


@pytest.mark.promise("P18")
@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_wrong_runbook_is_refused_with_the_place_and_a_way_on(path: Path) -> None:
    """Each wrong file is refused, and its first fault reads as it is kept beside it."""
    with pytest.raises((FormatFault, FormatFaults)) as caught:
        load(path.read_bytes(), name=path.name, actions=ACTIONS, find=find, persons=PERSONS)

    error = caught.value
    first = error.faults[0] if isinstance(error, FormatFaults) else error
    assert str(first) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_no_golden_text_is_left_without_its_runbook() -> None:
    """A runbook that is taken away takes its text with it."""
    texts = {path.stem for path in (DATA / "bad_runbooks").glob("*.txt")}
    assert texts == {path.stem for path in BAD}


def test_all_mistakes_of_a_file_are_said_at_once() -> None:
    """Nobody mends a file one error at a time; they come in the order of the file."""
    found = faults("""
reviewed: soon
inputs: {a: {type: txt}}
steps:
  - {id: one, action: vault.find_kex}
  - {id: two, action: vault.find_key, tittle: x, with: {nam: y}}
  - {id: one, action: vault.revoke_key, with: {key: "${{ nowhere.id }}"}}
""")
    assert found == [
        "'reviewed' must be a date such as 2026-11-01, and is text",
        "'type' cannot be 'txt'",
        "there is no action 'vault.find_kex'",
        "unknown key 'tittle' in a step with 'action'",
        "'vault.find_key' has no argument 'nam'",
        "the id 'one' is taken",
        "unknown name 'nowhere'",
    ]


def test_one_mistake_is_one_fault() -> None:
    """What reads the output of a step that could not be made is not blamed for it."""
    assert faults("""
steps:
  - {id: old, action: vault.fnd_key}
  - {id: kill, action: vault.revoke_key, with: {key: "${{ old.id }}"}}
""") == ["there is no action 'vault.fnd_key'"]


def test_a_fault_in_a_part_is_said_once() -> None:
    """A part that is used twice is written once, and so is its mistake."""
    assert faults("""
inputs: {order: {type: choice, of: [a, b], default: a}}
parts: {kill: [{id: kill, action: vault.revoke_key, with: {key: "${{ lod.id }}"}}]}
steps: [{choose: inputs.order, a: [{part: kill}], b: [{part: kill}]}]
""") == ["unknown name 'lod'"]


@pytest.mark.promise("P22")
def test_a_line_that_seems_to_hold_a_secret_is_not_quoted() -> None:
    """A secret that was pasted into a runbook does not go on to the screen or a CI log."""
    with pytest.raises(FormatFaults) as caught:
        book("steps: [{id: x, action: vault.fnd_key, with: {name: xoxb-1234567890-abcdef}}]")
    assert "xoxb" not in str(caught.value)
    assert "a Slack token" in str(caught.value)


# --- what is right becomes a runbook ------------------------------------------------------------


def test_every_keyword_loads() -> None:
    """The file that uses every word of the format has no fault."""
    runbook = every_word()

    assert runbook.name == "every-word"
    assert runbook.reviewed == "2026-11-01"
    assert runbook.require == (("leaked", "key"),)
    assert runbook.subject == "who"
    assert runbook.rehearsal == {"leaked": "story.leaked", "since": "3 days ago"}
    assert [type(step).__name__ for step in runbook.steps] == [
        "ActionStep", "EndStep", "AssertStep", "ChooseStep", "WaitStep", "WaitStep",
        "ParallelStep", "BlockStep", "ActionStep",
    ]  # fmt: skip
    assert all((runbook.on_failure, runbook.on_cancel, runbook.always))


def test_inputs_carry_defaults_of_their_own_type() -> None:
    """A duration is seconds, a number a number; what is not given and has no default is None."""
    inputs = {each.name: each for each in every_word().inputs}

    assert inputs["pause"].default == 300
    assert inputs["often"].default == 3
    assert inputs["loud"].default is False
    assert inputs["order"].of == ("contain-first", "no-downtime")
    assert inputs["since"].default is None
    assert inputs["since"].required


def test_a_part_in_two_branches_has_the_same_ids_in_both() -> None:
    """No order is written twice, and what comes behind may read the steps of either."""
    choose = next(step for step in every_word().steps if isinstance(step, ChooseStep))

    ways = {name: [step.words.id for step in way] for name, way in choose.branches.items()}

    assert ways == {
        "contain-first": ["revoke", "made", "restarted"],
        "no-downtime": ["made", "restarted", "revoke"],
    }


def test_a_step_keeps_its_words_and_its_place() -> None:
    """Line and column lead back into the file; an approval and a retry are whole seconds."""
    revoke = next(s for s in all_steps(every_word().steps) if s.words.id == "revoke")
    step = action(revoke)

    assert (step.words.place.line, step.words.place.column) == (33, 7)
    assert step.words.phase is Phase.CONTAIN
    assert step.timeout_s == 120
    assert step.approve is not None
    assert (step.approve.by, step.approve.count, step.approve.within_s) == ("approver", 2, 1200)
    assert step.retry is not None
    assert step.retry.on == {"rate-limit", "not-seen"}


def test_arguments_are_filled_with_their_types() -> None:
    """A whole-value expression keeps its type, and text around one makes text."""
    made = action(next(s for s in all_steps(every_word().steps) if s.words.id == "made"))
    scope: dict[str, Value] = {
        "inputs": {"often": 7, "since": "2026-11-20T00:00:00Z"},
        "old": {"id": "k1", "site": "s1"},
        "connection": {"sink": "screen", "name": "cio"},
        "run": {"id": "CK-1", "operator": "dana"},
    }

    values = {name: each.value(scope) for name, each in made.arguments.items()}

    assert values == {
        "like": "k1", "sink": "screen", "lives": 7200, "uses": 7, "is_hidden": True,
        "since": "2026-11-20T00:00:00Z", "tags": ["respond", "CK-1"],
        "labels": {"why": "leaked", "who": "dana"}, "reach": {"site": "s1"},
    }  # fmt: skip
    assert made.arguments["labels"].refs == {"run.operator"}
    assert made.arguments["lives"].refs == frozenset()


def test_a_late_value_stays_late_and_a_secret_stays_a_handle() -> None:
    """Filling in opens nothing and guesses nothing."""
    steps = {s.words.id: s for s in all_steps(every_word().steps)}
    handle = SecretHandle("inputs.leaked", hint="cdef")

    late = action(steps["revoke"]).arguments["key"].value({"old": {"id": Late("old", "id")}})
    kept = action(steps["old"]).arguments["value"].value({"inputs": {"leaked": handle}})

    assert late == Late("old", "id")
    assert kept is handle


@pytest.mark.promise("P19")
def test_a_value_is_never_evaluated_again() -> None:
    """Text from outside that looks like an expression stays text."""
    asked = action(
        book("""
inputs: {key: {type: text}}
steps: [{id: asked, action: human.do, with: {instructions: "Look at ${{ inputs.key }}"}}]
""").steps[0]
    )

    filled = asked.arguments["instructions"].value({"inputs": {"key": "${{ run.id }}"}})

    assert filled == "Look at ${{ run.id }}"


def test_the_shapes_of_outputs_are_kept() -> None:
    """Step by step, and a list of them for a step that is done for each item."""
    outputs = every_word().outputs

    assert isinstance(outputs["old"], RecordShape)
    assert outputs["old"].get("id") == Text("sample_actions.KeyId")
    assert isinstance(outputs["restarted"], ListOf)


def test_a_phase_counts_for_what_is_inside() -> None:
    """A block's phase is that of its steps, unless they say another."""
    block = book("""
steps:
  - phase: contain
    block:
      - {id: a, action: vault.find_key}
      - {id: b, action: vault.find_key, phase: review}
""").steps[0]
    assert isinstance(block, BlockStep)
    assert [step.words.phase for step in block.steps] == [Phase.CONTAIN, Phase.REVIEW]


def test_steps_without_an_id_get_one_that_no_file_can_take() -> None:
    """The journal names every step; names of ours have a hyphen, those of a file never."""
    kinds = [s.words.id for s in every_word().steps if "-" in s.words.id]
    assert kinds == ["choose-1", "wait-1", "parallel-1", "block-1"]


def test_a_wait_takes_a_duration_or_an_expression_for_one() -> None:
    """``within`` with ``until`` is a limit, ``for`` the whole time."""
    waits = [step for step in every_word().steps if isinstance(step, WaitStep)]

    assert (waits[0].every_s, waits[0].within_s, waits[0].for_s) == (10, 600, None)
    assert waits[1].for_s is not None
    assert waits[1].for_s.value({"inputs": {"pause": 42}}) == 42
    literal = book("steps: [{wait: {for: 90s}}]").steps[0]
    assert isinstance(literal, WaitStep)
    assert (literal.within_s, literal.for_s) == (90, None)


# --- what may be read where ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "guard",
    ["when: has(old.id)", "when: inputs.loud && has(old.name)"],
)
def test_a_guard_in_when_counts_for_the_whole_step(guard: str) -> None:
    """Whoever has asked whether a step ran may read it."""
    assert not faults(f"""
inputs: {{loud: {{type: boolean}}}}
steps:
  - {{id: old, when: inputs.loud, action: vault.find_key}}
  - id: kill
    {guard}
    action: vault.revoke_key
    with: {{key: "${{{{ old.id }}}}"}}
""")


def test_a_guard_that_may_fail_to_hold_is_none() -> None:
    """Asking on one side of an "or" is not asking."""
    assert faults("""
inputs: {loud: {type: boolean}}
steps:
  - {id: old, when: inputs.loud, action: vault.find_key}
  - id: kill
    when: has(old.id) || inputs.loud
    action: vault.revoke_key
    with: {key: "${{ old.id }}"}
""") == ["step 'old' may be skipped, and then old.id is absent"]


def test_behind_an_assertion_its_condition_holds() -> None:
    """An assertion that asks for an output guards everything behind it."""
    assert not faults("""
inputs: {loud: {type: boolean}}
steps:
  - {id: old, when: inputs.loud, action: vault.find_key}
  - {assert: has(old.id), message: Nothing was found.}
  - {id: kill, action: vault.revoke_key, with: {key: "${{ old.id }}"}}
""")


def test_steps_of_a_conditional_block_may_read_one_another() -> None:
    """Inside, the condition has held; behind the block nobody knows."""
    text = """
inputs: {{loud: {{type: boolean}}}}
steps:
  - when: inputs.loud
    block:
      - {{id: old, action: vault.find_key}}
      - {{id: kill, action: vault.revoke_key, with: {{key: "${{{{ old.id }}}}"}}}}
  - {{id: again, action: vault.revoke_key, with: {{key: "${{{{ {} }}}}"}}}}
"""
    assert faults(text.format("old.id")) == ["step 'old' may be skipped, and then old.id is absent"]
    assert not faults(text.format("has(old.id) ? old.id : kill.id").replace(
        "kill.id", "''"))  # fmt: skip


def test_an_id_of_all_branches_may_be_read_behind_them() -> None:
    """It has a value whichever way was taken."""
    assert not faults("""
inputs: {order: {type: choice, of: [a, b], default: a}}
parts: {look: [{id: old, action: vault.find_key}]}
steps:
  - choose: inputs.order
    a: [{part: look}]
    b: [{part: look}, {id: more, action: vault.list_keys}]
  - {id: kill, action: vault.revoke_key, with: {key: "${{ old.id }}"}}
""")


def test_a_handler_knows_what_failed_and_not_the_step_itself() -> None:
    """``failed`` is there, the output of the step that failed is not."""
    text = """
steps:
  - id: old
    action: vault.find_key
    on_failure: [{{id: asked, action: human.do, with: {{instructions: "{}"}}}}]
"""
    assert not faults(text.format("${{ failed.step }}: ${{ failed.reason }}"))
    assert faults(text.format("${{ old.name }}")) == [
        "'old' cannot be read here: it is the step that failed"
    ]


def test_handlers_of_the_run_cannot_rely_on_any_step() -> None:
    """The run may have failed anywhere."""
    assert faults("""
steps: [{id: old, action: vault.find_key}]
always: [{id: kill, action: vault.revoke_key, with: {key: "${{ old.id }}"}}]
""") == ["step 'old' may be skipped, and then old.id is absent"]


def test_the_item_of_a_for_each_has_the_shape_of_the_list() -> None:
    """A record's fields are known; a wrong id type in a list is found as well."""
    text = """
steps:
  - {{id: all, action: vault.list_keys}}
  - {{id: kill, for_each: all.keys, as: one, action: vault.revoke_key,
      with: {{key: "${{{{ one.{} }}}}"}}}}
"""
    assert not faults(text.format("id"))
    assert faults(text.format("site")) == [
        "'key' must be sample_actions.KeyId, and this is sample_actions.SiteId"
    ]


@pytest.mark.promise("P8")
def test_a_destructive_step_without_a_number_has_one_target() -> None:
    """A limit is never taken from what happens to be found."""
    runbook = book("""
steps:
  - {id: all, action: vault.list_keys}
  - {id: kill, for_each: all.keys, action: vault.revoke_key, with: {key: "${{ item.id }}"}}
  - {id: look, for_each: all.keys, action: vault.find_key, with: {name: "${{ item.name }}"}}
  - for_each: all.keys
    block: [{id: kill_too, action: vault.revoke_key, with: {key: "${{ item.id }}"}}]
""")
    limits = [
        step.for_each.limit
        for step in runbook.steps
        if isinstance(step, ActionStep | BlockStep) and step.for_each
    ]
    assert limits == [1, 25, 1]


def test_recovered_stands_with_the_last_step_or_beside_the_steps() -> None:
    """Both forms say the same; without either the run stays failed."""
    text = """
steps:
  - id: old
    action: vault.find_key
    on_failure: {}
"""
    step = "{id: asked, action: human.do, with: {instructions: Look.}"
    forms = {f"[{step}, recovered: true}}]": True, f"{{steps: [{step}}}], recovered: true}}": True,
             f"[{step}}}]": False}  # fmt: skip
    for form, recovered in forms.items():
        failure = book(text.format(form)).steps[0].words.on_failure
        assert (failure.how, failure.recovered) == ("steps", recovered)


# --- other runbooks -----------------------------------------------------------------------------


def test_another_runbook_is_a_block_with_its_inputs() -> None:
    """Its steps are its own; what it is given is checked against what it asks for."""
    step = book("""
inputs: {name: {type: text}}
steps: [{id: other, runbook: called, with: {key: "${{ inputs.name }}"}}]
""").steps[0]

    assert isinstance(step, BlockStep)
    assert step.runbook is not None
    assert [inner.words.id for inner in step.steps] == ["old"]
    assert step.arguments["key"].value({"inputs": {"name": "x"}}) == "x"


@pytest.mark.promise("P13")
@pytest.mark.parametrize(
    ("top", "given", "count"),
    [
        ("", "who: a@example.com", 1),
        ("subject: them\n", 'who: "${{ inputs.other }}"', 1),
        ("subject: them\n", 'who: "${{ inputs.them }}"', 0),
    ],
    ids=["nobody", "another", "the-same"],
)
def test_whom_a_called_runbook_is_about_the_caller_is_about(
    top: str, given: str, count: int
) -> None:
    """Otherwise the subject would get its notices, and could agree to what is done to them."""
    inputs = "inputs: {them: {type: email}, other: {type: email}}\n"
    found = faults(f"{inputs}{top}steps: [{{id: o, runbook: about, with: {{{given}}}}}]")
    assert found == ["the runbook 'about' is about its 'who', and this one is not"] * count


def test_a_word_that_a_called_choice_does_not_have_is_a_fault_at_load() -> None:
    """As far as it stands there in clear."""
    found = faults("steps: [{id: o, runbook: about, with: {who: nobody}}]")
    assert "who must be an e-mail address" in found


@pytest.mark.promise("P10")
def test_the_digest_covers_what_is_called() -> None:
    """A changed byte in a called runbook is a changed runbook."""
    data = b"runbook: s\ntitle: S\nsteps: [{id: o, runbook: called, with: {key: a}}]\n"

    def digest(called: bytes) -> str:
        return load(
            data, name="s.yaml", actions=ACTIONS, find=lambda name: (f"{name}.yaml", called)
        ).digest

    assert digest(OTHERS["called"]) != digest(OTHERS["called"] + b"# more\n")
    assert digest(OTHERS["called"]) == digest(OTHERS["called"])


@pytest.mark.promise("P10")
def test_what_was_read_is_read_anew_once_anything_of_it_has_changed() -> None:
    """Its bytes or its name, what it calls, the actions, and who could approve."""
    data = b"runbook: s\ntitle: S\nsteps: [{id: o, runbook: called, with: {key: a}}]\n"
    usual: dict[str, Any] = {"name": "s.yaml", "actions": ACTIONS, "find": find}
    first = load(data, **usual)

    assert load(bytes(bytearray(data)), **usual) is first
    assert load(data + b"# more\n", **usual).digest != first.digest
    assert load(data, **{**usual, "name": "x/s.yaml"}).file != first.file
    assert load(data, **{**usual, "actions": dict(ACTIONS)}) is not first
    for missing in (lambda _: None, None):
        with pytest.raises(FormatFaults, match="there is no runbook 'called'"):
            load(data, **{**usual, "find": missing})
    asks = b"action: vault.make_key, with: {like: x, sink: x}, approve: {by: approver, count: 2}"
    asking = data.replace(b"runbook: called, with: {key: a}", asks)
    assert load(asking, **usual, persons=PERSONS).digest != first.digest
    with pytest.raises(FormatFaults, match="approver"):
        load(asking, **usual, persons=PERSONS[1:])


# --- the cause, and nothing that follows from it -------------------------------------------------


def test_a_step_without_an_action_is_told_what_its_words_need() -> None:
    """``with`` is no misspelt ``wait``."""
    with pytest.raises(FormatFaults) as caught:
        book("steps: [{id: door, with: {instructions: x}}]")
    (fault,) = caught.value.faults
    assert fault.what == "this step does not say what to do"
    assert fault.hint == "it needs one of: action, runbook"


def test_what_follows_from_a_wrong_input_is_left_out() -> None:
    """Its readers, groups and the subject are right; the one fault is the type."""
    lines = [
        "inputs: {who: {type: emial}, pick_one: {type: choise, of: [a, b], default: a}}",
        "subject: who",
        "require: [[who, pick_one]]",
        "steps:",
        "  - {id: old, action: vault.find_key, when: inputs.who != ''}",
        "  - {choose: inputs.pick_one, a: [{id: x, assert: inputs.who == 'b', message: m}], b: []}",
    ]
    assert faults("\n".join(lines)) == ["'type' cannot be 'emial'", "'type' cannot be 'choise'"]


def test_the_first_twenty_faults_are_shown_and_all_of_them_counted() -> None:
    """Three hundred wrong steps are three hundred, and not the hundred after which one gave up."""
    steps = "\n".join(f"  - {{id: a{n}, foo: x}}" for n in range(300))
    with pytest.raises(FormatFaults) as caught:
        book(f"steps:\n{steps}")
    assert len(caught.value.faults) == 300
    lines = [*caught.value.lines()]
    assert lines[0] == "300 faults, the first 20:"
    assert len(lines) == 21


TOO_MANY = "with its parts and what it calls it has more than 500 steps"

# --- bounds -------------------------------------------------------------------------------------


@pytest.mark.promise("P18")
def test_parts_cannot_multiply_without_end() -> None:
    """Seven parts that each choose the next one four times would be 16,000 steps."""
    lines = ["inputs: {o: {type: choice, of: [a, b, c, d], default: a}}", "parts:"]
    ways = ", ".join(f"{each}: [{{{{part: p{{0}}}}}}]" for each in "abcd")
    way = f"[{{{{choose: inputs.o, {ways}}}}}]"
    lines += [f"  p{n}: {way.format(n + 1)}" for n in range(7)]
    lines += ["  p7: [{id: old, action: vault.find_key}]", "steps: [{part: p0}]"]

    assert faults("\n".join(lines)) == [TOO_MANY]


@pytest.mark.promise("P18")
@pytest.mark.parametrize("words", ["part: p{0}", "id: q{0}, when: 'true', part: p{0}"])
def test_parts_have_a_depth(words: str) -> None:
    """Four hundred, each using the one before, are a fault with a line and no traceback."""
    lines = ["parts:"]
    lines += [f"  p{n}: [{{{words.format(n + 1)}}}]" for n in range(400)]
    lines += ["  p400: [{id: old, action: vault.find_key}]", "steps: [{part: p0}]"]

    assert faults("\n".join(lines))[0] == "parts use one another more than 8 deep"


@pytest.mark.promise("P18")
def test_what_parts_destroy_is_looked_for_once() -> None:
    """Each using the next one twice: 2 to the 40 looks, if each way were gone."""
    lines = ["parts:"]
    two = "[{{id: q{0}, when: 'true', part: p{0}}}, {{id: r{0}, when: 'true', part: p{0}}}]"
    lines += [f"  p{n}: {two.format(n + 1)}" for n in range(40)]
    lines += ["  p40: [{id: old, action: vault.find_key}]", "steps: [{block: [{part: p0}]}]"]

    assert "parts use one another more than 8 deep" in faults("\n".join(lines))


@pytest.mark.promise("P18")
def test_called_runbooks_cannot_multiply_without_end() -> None:
    """Eight deep, each calling the next ten times, would be a hundred million steps."""
    calls = "".join(f"  - {{id: c{n}, runbook: NEXT}}\n" for n in range(10))
    files = {
        f"r{n}": f"runbook: r{n}\ntitle: R\nsteps:\n{calls.replace('NEXT', f'r{n + 1}')}".encode()
        for n in range(7)
    }
    files["r7"] = b"runbook: r7\ntitle: R\nsteps: [{id: old, action: vault.find_key}]\n"

    with pytest.raises(FormatFaults) as caught:
        load(files["r0"], name="r0.yaml", actions=ACTIONS, find=lambda n: (f"{n}.yaml", files[n]))
    assert caught.value.faults[0].what == TOO_MANY


@pytest.mark.promise("P18")
def test_a_file_full_of_mistakes_is_refused_in_bounded_time() -> None:
    """After a thousand faults nobody reads on, and nothing is looked at any more."""
    steps = "\n".join(f"  - {{id: s{n}, acton: vault.find_key, xyz{n}: 1}}" for n in range(1_100))
    began = time.process_time()

    assert len(faults(f"steps:\n{steps}\n")) == 1_000
    assert time.process_time() - began < 5


@pytest.mark.promise("P18")
@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(?=a)b", r"(a)\1", "a*a*a*a*b", "("])
def test_a_pattern_that_could_run_for_hours_is_refused(pattern: str) -> None:
    """A pager chooses the text that it is tried on."""
    assert pattern_trouble(pattern)


@pytest.mark.parametrize(
    "pattern", ["[a-z-]+", r"\d{3,5}", "(foo|bar)-[0-9]+", "[^@]+@[^@]+", "(a)?"]
)
def test_an_ordinary_pattern_is_taken(pattern: str) -> None:
    """What people write for ids and names passes."""
    assert not pattern_trouble(pattern)


# --- inputs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        (InputKind.DURATION, "2h", 7200),
        (InputKind.TIME, "2026-11-23T04:14:07+01:00", "2026-11-23T03:14:07Z"),
        (InputKind.TIME, "2026-11-23", "2026-11-23T00:00:00Z"),
        (InputKind.INTEGER, "42", 42),
        (InputKind.BOOLEAN, "true", True),
        (InputKind.BOOLEAN, "false", False),
        (InputKind.EMAIL, "ana@example.com", "ana@example.com"),
        (InputKind.LIST, ["a", "b"], ["a", "b"]),
        (InputKind.URL, "https://example.com/x", "https://example.com/x"),
    ],
)
def test_input_values_are_typed_at_the_door(kind: InputKind, data: object, value: object) -> None:
    """After this nobody asks what kind of thing an input is."""
    assert input_value(Input("x", kind), data) == value


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (InputKind.DURATION, "2 hours"),
        (InputKind.TIME, "yesterday"),
        (InputKind.INTEGER, True),
        (InputKind.INTEGER, "1e3"),
        (InputKind.BOOLEAN, "yes"),
        (InputKind.EMAIL, "Ana <ana@example.com>"),
        (InputKind.LIST, "only-one"),
        (InputKind.URL, "http://example.com"),
        (InputKind.URL, "https://user:pw@example.com"),
        (InputKind.TEXT, "x" * 5_000),
    ],
)
def test_a_value_that_is_none_of_its_kind_is_refused_without_being_shown(
    kind: InputKind, data: object
) -> None:
    """The text may be a secret that was pasted in the wrong place."""
    with pytest.raises(ShapeError) as caught:
        input_value(Input("x", kind), data)
    assert str(data) not in str(caught.value)


def test_what_stands_for_nothing() -> None:
    """An optional text is empty, a list has no items, everything else is absent."""
    assert absent_value(InputKind.TEXT) == absent_value(InputKind.CHOICE) == ""
    assert absent_value(InputKind.LIST) == []
    assert absent_value(InputKind.SECRET) is None


# --- head and check -----------------------------------------------------------------------------


def test_the_head_of_a_runbook_needs_no_steps() -> None:
    """List, help and completion still work while somebody edits the steps."""
    found = head(
        b"runbook: x\ntitle: X\nsummary: Y\ninputs: {a: {type: text}}\nsteps: 7\n", "x.yaml"
    )

    assert (found.name, found.title, found.summary) == ("x", "X", "Y")
    assert [each.name for each in found.inputs] == ["a"]


def test_the_head_refuses_a_broken_input() -> None:
    """An option of the command line cannot be made of it."""
    with pytest.raises(FormatFaults):
        head(b"runbook: x\ntitle: X\ninputs: {a: {type: txt}}\nsteps: []\n", "x.yaml")


def test_the_head_imports_neither_cel_nor_pydantic() -> None:
    """``respond RUNBOOK --help`` has to be quick."""
    import subprocess  # noqa: PLC0415 - a clean process is the point

    code = (
        "import sys; from respond.formats.runbook.runbook_file import head;"
        "head(b'runbook: x\\ntitle: X\\nsteps: []\\n', 'x.yaml');"
        "heavy = [n for n in ('cel_expr_python', 'pydantic', 'httpx', 'respond.systems',"
        " 'respond.formats.expression.expressions') if n in sys.modules];"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr


WORDS = "summary: s\nuse_when: u\nowner: o\nreviewed: 2026-11-01\n"
LOOK = "steps: [{id: old, action: vault.find_key}]\n"


def warnings(text: str) -> list[str]:
    return [warning.what for warning in checked(text).warnings]


def test_a_good_runbook_has_no_warning() -> None:
    """Nothing to say is said as nothing."""
    assert checked(WORDS + LOOK).faults == ()
    assert warnings(WORDS + LOOK) == []


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (LOOK, "there is no 'owner': nobody is named who keeps it true"),
        (WORDS.replace("2026-11-01", "2026-01-01") + LOOK, "the last review is 326 days ago"),
        (WORDS.replace("2026-11-01", "2027-01-01") + LOOK, "this date is in the future"),
        (WORDS + "parts: {a: [{id: x, action: vault.find_key}]}\n" + LOOK,
         "no step uses the part 'a'"),
        (WORDS + "inputs: {a: {type: text, ask: x}}\n" + LOOK, "no step reads the input 'a'"),
        (WORDS + "inputs: {" + ", ".join(f"i{n}: {{type: text, ask: x}}" for n in range(4)) + "}\n"
         + LOOK, "it asks 4 questions before it can look, and 3 is a lot"),
        (WORDS + "inputs: {a: {type: text, ask: x}, b: {type: text, required: false}}\n"
         "require: [[a, b]]\n" + LOOK,
         "'a' is required, so the group in 'require' says nothing"),
        (WORDS + "inputs: {a: {type: text}}\n" + LOOK, "the input 'a' has no 'ask'"),
        (WORDS + """
steps:
  - {id: old, phase: identify, action: vault.find_key}
  - {id: all, phase: identify, action: vault.list_keys}
  - {id: kill, phase: contain, action: vault.revoke_key, with: {key: "${{ old.id }}"}}
""", "'all' stands before containment, which does not need it"),
    ],
)  # fmt: skip
def test_what_is_unwise_is_a_warning_with_its_place(text: str, warning: str) -> None:
    """The runbook runs, and somebody should look."""
    found = checked(text)

    assert found.runbook is not None
    assert warning in [each.what for each in found.warnings]
    assert all(each.line for each in found.warnings)


def test_what_decides_may_stand_before_containment() -> None:
    """Outputs that an assertion, a condition or the write itself reads are needed."""
    assert (
        warnings(
            WORDS
            + """
steps:
  - {id: old, action: vault.find_key}
  - {id: all, action: vault.list_keys}
  - {assert: size(all.keys) > 1, message: The last one.}
  - {id: kill, phase: contain, action: vault.revoke_key, with: {key: "${{ old.id }}"}}
"""
        )
        == []
    )


def test_a_runbook_cannot_be_called_like_a_command() -> None:
    """``respond list`` is ours."""
    found = check(
        b"runbook: list\ntitle: A sample\n" + LOOK.encode(),
        name="list.yaml", actions=ACTIONS, today=TODAY, commands=("list", "show"),
    )  # fmt: skip
    assert found.runbook is None
    assert [fault.what for fault in found.faults] == [
        "'list' is a command, and a runbook cannot be called the same"
    ]


def test_a_check_reports_faults_and_raises_nothing() -> None:
    """``respond check`` goes on to the next file."""
    assert checked("steps: 3\n").faults
    assert check(b"\xff", name="x.yaml", actions=ACTIONS, today=TODAY).faults


def test_an_end_without_when_closes_its_own_list_only() -> None:
    """A branch may end the run while the other goes on."""
    runbook = book("""
inputs: {order: {type: choice, of: [a, b], default: a}}
steps:
  - choose: inputs.order
    a: [{end: {say: Nothing to do.}}]
    b: []
  - {id: old, action: vault.find_key}
""")
    assert [type(step) for step in all_steps(runbook.steps)] == [ChooseStep, EndStep, ActionStep]


def test_steps_side_by_side_may_be_read_behind_them() -> None:
    """All of a parallel have ended before the next step begins."""
    runbook = book("""
steps:
  - parallel: [{id: a, action: vault.find_key}, {id: b, action: vault.list_keys}]
  - {id: kill, action: vault.revoke_key, with: {key: "${{ a.id }}"}}
""")
    assert isinstance(runbook.steps[0], ParallelStep)


QUERY = """\
runbook: asks
title: Asks
inputs: {{name: {{type: text, ask: "Whose?"}}}}
steps:
  - id: see
    action: http.{action}
    with: {{{looks}}}
"""
LOOKS = "observe: {{path: [locks], query: {{q: {q}}}}}"
CHANGES = (
    "observe: {{path: [locks], pick: [on]}}, becomes: {{on: true}}, says: s, "
    "apply: {{method: PUT, path: [locks], query: {{q: {q}}}}}"
)


@pytest.mark.promise("P19")
@pytest.mark.parametrize(("action", "looks"), [("read", LOOKS), ("change", CHANGES)])
@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("'${{ inputs.name }}'", True),
        ("'name:door AND kind:lock'", True),
        ("'name:${{ inputs.name }} AND kind:lock'", False),
        ("'${{ \"name:\" + inputs.name }}'", False),
    ],
)
def test_data_stands_in_no_text_of_a_query_language(
    action: str, looks: str, value: str, *, fits: bool
) -> None:
    """`x OR kind:door` as a name would ask for something else: a value is the whole value."""
    text = QUERY.format(action=action, looks=looks.format(q=value)).encode()
    if fits:
        assert load(text, name="asks.yaml", actions=load_actions()).name == "asks"
        return
    with pytest.raises(FormatFaults) as caught:
        load(text, name="asks.yaml", actions=load_actions())
    assert "query' holds a value inside a text" in str(caught.value)
    assert "asks.yaml:7" in str(caught.value)


GROUP = """
inputs: {a: {type: text, required: false, late: true}, b: {type: text, required: false}}
require: [[a, b]]
"""
STEPS = "steps: [{id: old, action: vault.find_key}]\n"


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ("inputs: {s: {type: secret, required: false, late: true}}\n", "'s' may not"),
        ("inputs: {t: {type: text, late: true}}\n", "'t' may not"),
        ("inputs: {m: {type: email, required: false, late: true}}\nsubject: m\n", "'m' is late"),
        (GROUP, "'a' is late"),
    ],
    ids=["secret", "required", "subject", "group"],
)
def test_what_has_to_be_known_before_the_start_is_not_late(inputs: str, says: str) -> None:
    """A late input may be left out; who it is about, and what is meant, is known first."""
    assert any(says in fault for fault in faults(inputs + STEPS))


def test_what_may_be_left_out_or_has_a_default_may_be_late() -> None:
    """A run can go on without an answer to it."""
    made = book(
        "inputs:\n"
        "  until: {type: text, required: false, late: true}\n"
        "  apps: {type: list, default: [], late: true}\n" + STEPS
    )
    assert [each.late for each in made.inputs] == [True, True]


GRAPHQL = (
    "observe: {{path: [locks], pick: [on]}}, becomes: {{on: true}}, "
    "apply: {{method: POST, path: [graphql], body: {{query: {q}, variables: {v}}}}}"
)


@pytest.mark.promise("P19")
@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("'mutation($n: ID!) { lock(id: $n) }'", True),
        ("'{ lock(id: \"${{ inputs.name }}\") }'", False),
    ],
)
def test_data_stands_in_no_text_of_a_query_in_a_body(query: str, *, fits: bool) -> None:
    """GraphQL has variables for it; beside the query a text may hold what it likes."""
    looks = GRAPHQL.format(q=query, v="{n: '${{ inputs.name }}', why: 'for ${{ inputs.name }}'}")
    text = QUERY.format(action="change", looks=looks).encode()
    if fits:
        assert load(text, name="asks.yaml", actions=load_actions()).name == "asks"
        return
    with pytest.raises(FormatFaults) as caught:
        load(text, name="asks.yaml", actions=load_actions())
    assert "'apply.body.query' holds a value inside a text" in str(caught.value)
