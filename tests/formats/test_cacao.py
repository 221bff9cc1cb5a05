from __future__ import annotations

import base64
import contextlib
import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.formats.cacao_kit import DATA, as_data, broken_rules, schema

from respond.core.runbook import ActionStep, all_calls, all_steps
from respond.core.runbook_head import InputKind
from respond.core.secret_looks import looks_secret, names_an_id
from respond.errors import UsageError
from respond.formats.cacao.cacao_terms import EXTENSION
from respond.formats.cacao.from_cacao import Imported, imported
from respond.formats.cacao.playbook_file import BYTES_MAX, every_text
from respond.formats.cacao.stix_conditions import KnownInput, as_cel, as_condition
from respond.formats.cacao.to_cacao import Exported, exported
from respond.formats.faults import FormatFaults
from respond.formats.runbook.runbook_file import load
from respond.systems import load as load_actions
from respond.testing import sample_actions

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path.stem for path in (ROOT / "runbooks").glob("*.yaml"))
ACTIONS = load_actions()


def find(name: str) -> tuple[str, bytes] | None:
    path = ROOT / "runbooks" / f"{name}.yaml"
    return (path.name, path.read_bytes()) if path.exists() else None


@cache
def sent(name: str) -> tuple[Any, Exported]:
    """A shipped runbook, and the playbook that it becomes."""
    file, data = find(name) or ("", b"")
    runbook = load(data, name=file, actions=ACTIONS, find=find)
    return runbook, exported(runbook, ACTIONS)


def taken(playbook: Any, **given: Any) -> Imported:
    data = playbook if isinstance(playbook, bytes) else json.dumps(playbook).encode()
    return imported(data, file="their.json", actions=ACTIONS, find=find, **given)


# --- there and back -----------------------------------------------------------------------------


@pytest.mark.share(3)
@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED)
def test_a_runbook_that_went_out_and_came_back_is_the_same(name: str) -> None:
    """Every step, expression, argument and question of it, so that it plans the same."""
    runbook, out = sent(name)
    back = taken(out.playbook)
    assert (back.faults, back.losses) == ((), ())
    assert as_data(back.runbook) == as_data(runbook)


def test_every_word_of_a_runbook_comes_back() -> None:
    """Those that no shipped runbook uses, too: handlers, blocks, parallel steps, approvals."""
    text = (ROOT / "tests/data/runbooks/every-word.yaml").read_bytes()

    def other(name: str) -> tuple[str, bytes]:
        return f"{name}.yaml", b""

    actions = sample_actions.ACTIONS
    runbook = load(text, name="every-word.yaml", actions=actions, find=other)
    out = exported(runbook, actions)
    data = json.dumps(out.playbook).encode()
    back = imported(data, file="x.json", actions=actions, find=other)
    assert (back.faults, back.losses) == ((), ())
    assert as_data(back.runbook) == as_data(runbook)
    assert (list(schema().iter_errors(out.playbook)), broken_rules(out.playbook)) == ([], [])


@pytest.mark.parametrize("name", SHIPPED)
def test_what_goes_out_is_a_playbook_by_the_published_schema_and_by_its_rules(name: str) -> None:
    """Ids, ways, branches with ends of their own, variables: what any reader may rely on."""
    playbook = sent(name)[1].playbook
    assert [error.message for error in schema().iter_errors(playbook)] == []
    assert broken_rules(playbook) == []


@pytest.mark.promise("P22")
@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_that_goes_out_looks_like_a_secret_or_runs_by_itself(name: str) -> None:
    """Each command is for a person: no other tool acts without our looks and guards."""
    playbook = sent(name)[1].playbook
    commands = [c for step in playbook["workflow"].values() for c in step.get("commands", ())]
    assert {command["type"] for command in commands} == {"manual"}
    last = ((text, str(path[-1])) for text, path in every_text(playbook) if path)
    assert not [text for text, name in last if looks_secret(text, is_id=names_an_id(name))]


def small(more: str = "", steps: str = "") -> Exported:
    """A runbook of a few lines, sent out."""
    text = f"""\
runbook: small
title: Something small
reviewed: "2026-11-01"
{more}
inputs:
  who: {{type: text, ask: Who?}}
  bad: {{type: boolean, default: false}}
steps:
  - id: call
    title: Call them
    action: human.do
    with: {{instructions: "Call ${{{{ inputs.who }}}}."}}
{steps}"""
    return exported(load(text.encode(), name="small", actions=ACTIONS), ACTIONS)


def test_the_same_runbook_comes_to_the_same_bytes_and_its_dates_are_those_of_its_review() -> None:
    """No clock is asked, and no id is drawn; a change elsewhere leaves the ids of the others."""
    one, again = small().playbook, small().playbook
    assert json.dumps(one) == json.dumps(again)
    assert one["created"] == one["modified"] == "2026-11-01T00:00:00.000Z"
    more = small(steps="  - {id: two, action: human.do, with: {instructions: Wait.}}\n").playbook
    kept = {name for name in one["workflow"] if name.startswith("action--")}
    assert kept < more["workflow"].keys()


def test_a_runbook_without_a_date_is_not_given_one() -> None:
    """A playbook has to say when it was changed, and nobody knows."""
    text = b"runbook: a\ntitle: A\nsteps: [{id: b, action: human.do, with: {instructions: C}}]\n"
    with pytest.raises(UsageError, match="says no date") as error:
        exported(load(text, name="a", actions=ACTIONS), ACTIONS)
    assert "reviewed" in error.value.do


def test_what_another_tool_cannot_know_is_named_with_its_place() -> None:
    """And a rehearsal's stand-in that looks like a secret stays at home."""
    playbook, losses = small(
        "rehearsal: {who: xoxb-1234567890-abcdef}\n# why\n",
        "  - {id: two, when: size(inputs.who) > 3, action: human.do, phase: contain,"
        " confirm: Sure?, with: {instructions: Go.}}\n",
    )
    assert "xoxb" not in json.dumps(playbook)
    told = {(loss.pointer.split("--")[0], loss.what.split(":")[0], loss.kept) for loss in losses}
    assert ("", "'rehearsal', which holds something that looks like a secret", False) in told
    assert ("", "comments in the file", False) in told
    assert ("/workflow/action", "the question before a write", True) in told
    assert (
        "/workflow/action",
        "the phase of a step, from which containment is measured",
        True,
    ) in told
    what = "a condition that is worked out here, and elsewhere by a person"
    assert ("/workflow/action", what, True) in told


def test_an_end_leads_elsewhere_past_everything_that_is_behind_it() -> None:
    """What comes behind it is the other way of a condition, and no other tool goes there."""
    playbook = small(
        steps="""\
  - {id: over, end: {when: inputs.bad, say: Enough.}}
  - {id: behind, action: human.do, with: {instructions: Go on.}}
"""
    ).playbook
    ends = next(s for s in playbook["workflow"].values() if s["type"] == "if-condition")
    assert ends["condition"] == "__bad__:value = 'true'"
    said, behind = (playbook["workflow"][ends[way]] for way in ("on_true", "on_false"))
    assert "Enough." in said["commands"][0]["command"]
    assert behind["commands"][0]["command"] == "Go on."


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("old.found", "__old-found__:value = 'true'"),
        ("!old.found", "__old-found__:value = 'false'"),
        ("inputs.a == 'b' && !(old.n > 3)", "(__a__:value = 'b' AND NOT (__old-n__:value > 3))"),
        ("inputs.a != 'it\\'s'", "__a__:value != 'it\\'s'"),
        (
            "inputs.a in ['b', 'c'] || old.found",
            "(__a__:value IN ('b', 'c') OR __old-found__:value = 'true')",
        ),
        ("has(old.found)", None),
        ("size(inputs.a) > 0", None),
        ("inputs.a == inputs.b", None),
        ("run.id == 'CK'", None),
    ],
)  # fmt: skip
def test_a_condition_is_translated_only_where_it_means_the_same(
    ours: str, theirs: str | None
) -> None:
    """For all else a person is asked."""

    def naming(names: tuple[str, ...]) -> str | None:
        told = {"inputs": "__{1}__", "old": "__old-{1}__"}.get(names[0])
        return told.format(*names) if told else None

    assert as_condition(ours, naming) == theirs


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("__a__:value = 'b'", "inputs.a == 'b'"),
        ("__a__:value = 'it\\'s ${{ x }}'", "inputs.a == 'it\\'s ${{ x }}'"),
        ("__n__:value >= 3 OR NOT __b__:value = 'true'", "inputs.n >= 3 || !(inputs.b)"),
        (
            "(__a__:value IN ('b', 'c')) AND __b__:value != 'true'",
            "(inputs.a in ['b', 'c']) && !inputs.b",
        ),
        ("__a__:value > 'b'", None),
        ("__n__:value = 'three'", None),
        ("__a__:value LIKE 'b%'", None),
        ("__a__:value MATCHES '^b'", None),
        ("__other__:value = 'b'", None),
        ("__a__:value = 'b' inputs.a", None),
        ("__a__:value = 'b' || true", None),
        (f"{'(' * 200}__a__:value = 'b'{')' * 200}", None),
        ("NOT " * 5_000 + "__a__:value = 'b'", None),
    ],
)  # fmt: skip
def test_a_foreign_condition_is_taken_only_where_it_means_the_same(
    theirs: str, ours: str | None
) -> None:
    """Nothing of it but variables that are there, constants and known signs gets through."""
    known = {
        "__a__": KnownInput("a", InputKind.TEXT),
        "__n__": KnownInput("n", InputKind.INTEGER),
        "__b__": KnownInput("b", InputKind.BOOLEAN),
    }
    assert as_cel(theirs, known) == ours


# --- what others changed ------------------------------------------------------------------------


def test_what_was_changed_elsewhere_is_never_passed_over() -> None:
    """Our extension is believed, and every place is named at which the file says otherwise."""
    playbook = copy.deepcopy(small().playbook)
    step = next(n for n in playbook["workflow"] if n.startswith("action--"))
    playbook["workflow"][step]["commands"][0]["command"] = "Call nobody."
    playbook["workflow"][step]["x_theirs"] = 1
    del playbook["workflow"][step]["in_args"]
    playbook["signatures"] = [{"type": "jss"}]
    back = taken(playbook)
    assert back.faults == ()
    assert {loss.pointer for loss in back.losses} == {
        f"/workflow/{step}/commands/0/command", f"/workflow/{step}/x_theirs",
        f"/workflow/{step}/in_args", "/signatures",
    }  # fmt: skip
    assert "not checked" in next(x.what for x in back.losses if x.pointer == "/signatures")


def test_a_step_that_somebody_put_in_is_a_persons_and_has_our_inputs() -> None:
    """Between steps of ours, which come back as they were."""
    playbook = copy.deepcopy(small().playbook)
    step = next(s for n, s in playbook["workflow"].items() if n.startswith("action--"))
    new = "action--00000000-0000-4000-8000-000000000002"
    playbook["workflow"][new] = {
        **step,
        "name": "Theirs",
        "commands": [
            {"type": "ssh", "command": "reboot"},
            {"type": "manual", "command": "Ask __who__:value"},
        ],
    }
    del playbook["workflow"][new]["step_extensions"]
    step["on_success"] = new
    back = taken(playbook)
    assert back.runbook is not None
    calls = list(all_calls(back.runbook.steps))
    assert [call.words.id for call in calls] == ["call", "theirs_1", "theirs_2"]
    said = [call.arguments["instructions"] for call in calls]
    assert "runs no such command" in str(said[1].value({}))
    assert said[2].refs == {"inputs.who"}


def test_a_runbook_whose_other_runbook_is_not_here_says_that_it_was_not_compared() -> None:
    """It is written all the same: what it calls can be brought along."""
    data = json.dumps(sent("rotate-all-keys")[1].playbook).encode()
    back = imported(data, file="x.json", actions=ACTIONS)
    assert ["no runbook 'rotate-key'" in fault.what for fault in back.faults] == [True]
    assert [(loss.pointer, loss.fill) for loss in back.losses] == [("", True)]
    assert "runbook: rotate-key" in back.text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"words": {"id": "a", "block": []}}, "the steps of a block hidden in its words"),
        (
            {"words": {"action": "human.do", "always": [{"id": "b"}]}},
            "steps that come last, hidden",
        ),
        ({"words": {"id": "a"}}, "no kind"),
        ({"kind": "choose"}, "a kind of another type"),
        ({"words": [1]}, "no words"),
        ({"words": {"action": "human.do", "on_failure": [{"id": "b"}]}}, "a hidden handler"),
    ],
)
def test_an_extension_that_does_not_fit_its_step_is_not_believed(
    change: dict[str, Any], why: str
) -> None:
    """What everybody can read stands in the workflow; our extension brings no steps of its own."""
    playbook = copy.deepcopy(small().playbook)
    name = next(n for n in playbook["workflow"] if n.startswith("action--"))
    playbook["workflow"][name]["step_extensions"][EXTENSION] |= change
    place = f"/workflow/{name}/step_extensions/{EXTENSION}"
    assert [x.fill for x in taken(playbook).losses if x.pointer == place] == [True], why


# --- playbooks of others ------------------------------------------------------------------------


def theirs() -> Any:
    """A playbook with every type of step, as somebody else would write it."""
    return json.loads((DATA / "all-step-types.json").read_text())


def test_a_foreign_playbook_becomes_steps_of_people_and_nothing_else() -> None:
    """Every type of step: it loads, branches as it did, and calls no system."""
    made = taken(theirs())
    runbook = made.runbook
    assert made.faults == ()
    assert runbook is not None
    steps = [*all_steps((*runbook.steps, *runbook.on_failure))]
    assert {s.action.spec.name for s in steps if isinstance(s, ActionStep)} == {"human.do"}
    kinds = [type(step).__name__ for step in runbook.steps]
    assert kinds == ["WaitStep", "ActionStep", "ActionStep", "ChooseStep", "ParallelStep",
                     "ChooseStep", "ChooseStep"]  # fmt: skip
    assert [step.words.id for step in runbook.on_failure] == ["all_failed"]
    inputs = {each.name: (each.kind.value, each.late, each.required) for each in runbook.inputs}
    assert inputs["user"] == ("text", False, True)
    assert inputs["verdict"] == ("text", True, True)
    assert made.text.startswith("# From the CACAO playbook playbook--61a6c41e")
    assert "# Marked TLP:RED.\n" in made.text


def test_all_that_is_lost_of_a_foreign_playbook_is_named() -> None:
    """What nobody could carry over, and what a person has to see to."""
    losses = {
        loss.pointer.replace("00000000-0000-4000-8000-0000000000", ""): loss
        for loss in taken(theirs()).losses
    }
    assert {place for place, loss in losses.items() if loss.fill} == {
        "/workflow/playbook-action--09/playbook_id", "/workflow/while-condition--15",
    }  # fmt: skip
    assert {place for place, loss in losses.items() if not loss.fill} == {
        "/workflow/action--02/commands/0/command", "/workflow/action--02/commands/1",
        "/workflow/action--02/timeout", "/workflow/action--04/commands/0",
        "/workflow/while-condition--15/condition", "/workflow/action--17/commands/0", "/signatures",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["all-step-types", "example-oasis-spec-3.1", "example-soarca-branches"]
)
def test_no_value_of_a_file_is_passed_over_without_a_word(name: str) -> None:
    """A mark is put into every object; each is named, or stands in something that is."""
    playbook = json.loads((DATA / f"{name}.json").read_text())
    plain = {loss.pointer for loss in taken(copy.deepcopy(playbook)).losses}
    marked = list(_marked(playbook, ""))
    named = {loss.pointer for loss in taken(playbook).losses}
    taken_whole = ("/playbook_processing_summary", "/data_marking_definitions/marking-tlp")
    for place in marked:
        above = {place[:end] for end in range(len(place) + 1)} & named
        assert above or place.startswith(taken_whole), place
    assert plain <= named


def _marked(value: Any, place: str) -> Iterator[str]:
    for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(each, dict | list):
            yield from _marked(each, f"{place}/{key}")
    # An object of names to values has no place for a word that is none.
    named = {"workflow", "cases", "headers", "playbook_variables", "step_variables", "address"}
    last = place.rpartition("/")[2]
    if isinstance(value, dict) and last not in named and not last.endswith("_definitions"):
        value["x_mark"] = "x"
        yield f"{place}/x_mark"


@pytest.mark.promise("P19")
@pytest.mark.parametrize(
    "text", ["${{ inputs.user }}", "$${{ run.id }}", "a ${{ 'b' }} __user__:value ${{"]
)
def test_no_text_of_a_playbook_becomes_an_expression(text: str) -> None:
    """But for the values of its own variables, which stand where it wants them."""
    playbook = theirs()
    playbook["name"] = playbook["description"] = text
    for step in playbook["workflow"].values():
        step["name"] = step["description"] = text
        for each in step.get("commands", ()):
            each["command"] = text
    playbook["playbook_variables"]["__user__"]["description"] = text
    playbook["playbook_variables"]["__user__"]["value"] = text
    made = taken(playbook)
    assert made.runbook is not None, made.faults
    calls = all_calls(made.runbook.steps)
    refs = frozenset().union(*(each.refs for call in calls for each in call.arguments.values()))
    assert refs <= {"inputs.user", "inputs.verdict"}


@pytest.mark.promise("P21")
def test_what_nobody_could_see_is_shown_in_the_runbook_and_named() -> None:
    """A command that reads otherwise than it is would be carried out by somebody."""
    playbook = theirs()
    command = playbook["workflow"]["action--00000000-0000-4000-8000-000000000002"]["commands"][1]
    command["command"] = "rm \u202etxt.exe\x1b[2J"
    made = taken(playbook)
    assert made.faults == ()
    assert "rm \\u202etxt.exe\\x1b[2J" in made.text
    place = "/workflow/action--00000000-0000-4000-8000-000000000002/commands/1/command"
    assert place in {loss.pointer for loss in made.losses}


def _set(*path: Any, to: Any) -> Callable[[Any], None]:
    def change(playbook: Any) -> None:
        for part in path[:-1]:
            playbook = playbook[part]
        playbook[path[-1]] = to

    return change


def _id(kind: str, number: int) -> str:
    return f"{kind}--00000000-0000-4000-8000-{number:012}"


_LOOK = ("workflow", _id("action", 2))
_TOKEN = "xoxb-1234567890-abcdefghij"
_PACKED = base64.b64encode(f"curl -H {_TOKEN}".encode()).decode()
SECRETS = {
    "in a command": _set(*_LOOK, "commands", 0, "command", to=f"Use {_TOKEN}"),
    "packed": _set(*_LOOK, "commands", 0, to={"type": "bash", "command_b64": _PACKED}),
    "in a variable": _set("playbook_variables", "__user__", "value", to=_TOKEN),
    "in an address": _set("x_note", to="https://me:hunter2-of-mine@example.com"),
    "as a name": _set("playbook_variables", _TOKEN, to={}),
    "to sign on": _set(
        "authentication_info_definitions",
        to={_id("user-auth", 41): {"type": "user-auth", "username": "u", "password": _TOKEN[:9]}},
    ),
    "in a header": _set(
        *_LOOK, "commands", 1,
        to={"type": "http-api", "command": "GET / HTTP/1.1",
            "headers": {"X-Api-Key": [_TOKEN[:9]]}},
    ),
}  # fmt: skip


@pytest.mark.promise("P22")
@pytest.mark.parametrize("where", SECRETS)
def test_a_playbook_with_a_secret_is_refused_and_the_secret_not_repeated(where: str) -> None:
    """Wherever it stands: as text, packed, to sign on, in a header of a request."""
    playbook = theirs()
    SECRETS[where](playbook)
    with pytest.raises(FormatFaults) as refused:
        taken(playbook)
    assert _TOKEN[:9] not in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "secret" in str(refused.value)


def test_a_variable_in_the_place_of_a_secret_is_none_and_a_hash_is_none_either() -> None:
    """What signs on is handed in, and becomes an input that is a secret."""
    playbook = theirs()
    playbook["authentication_info_definitions"] = {
        _id("oauth2", 41): {
            "type": "oauth2",
            "oauth_header": "Authorization",
            "token": "__key__:value",
        }
    }
    playbook["playbook_variables"]["__key__"] = {"type": "string", "external": True}
    playbook["playbook_variables"]["__file__"] = {"type": "md5-hash", "value": "0f" * 16}
    made = taken(playbook)
    assert made.runbook is not None
    assert {each.name: each.kind for each in made.runbook.inputs}["key"] is InputKind.SECRET


_START, _SWITCH = _id("start", 1), _id("switch-condition", 10)
HOSTILE: dict[str, tuple[Callable[[Any], None], str]] = {
    "a circle": (_set("workflow", _id("end", 5), "on_success", to=_LOOK[1]), "circle"),
    "itself": (_set(*_LOOK, "on_success", to=_LOOK[1]), "circle"),
    "no such step": (_set(*_LOOK, "on_failure", to=_id("action", 77)), "there is no such step"),
    "a step of no type": (_set(*_LOOK, "type", to="loop"), "no step of CACAO 2.0 has this type"),
    "another type than its id": (_set(*_LOOK, "type", to="parallel"), "begins with its type"),
    "no id": (_set("workflow", "action--1", to={"type": "end"}), "this is no id"),
    "an id with a tail": (_set("id", to=_id("playbook", 99) + "\n"), "this is no id"),
    "an id twice": (_set("agent_definitions", _id("group", 2), to={}), "the same UUID"),
    "no start": (_set("workflow_start", to=_LOOK[1]), "the id of a start step"),
    "a list for steps": (_set("workflow", to=[]), "an object"),
    "a text for a step": (_set(*_LOOK, to="x"), "this has to be an object"),
    "a text for commands": (_set(*_LOOK, "commands", to="rm -rf /"), "commands"),
    "a text for definitions": (_set("agent_definitions", to="x"), "an object"),
    "cases that are a list": (_set("workflow", _SWITCH, "cases", to=[]), "cases"),
    "another version": (_set("spec_version", to="cacao-1.1"), "no playbook of CACAO 2.0"),
}  # fmt: skip


@pytest.mark.promise("P18")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_playbook_that_cannot_be_walked_is_refused_with_the_place(name: str) -> None:
    """Before anything is made of it."""
    change, says = HOSTILE[name]
    playbook = theirs()
    change(playbook)
    with pytest.raises(FormatFaults, match=says):
        taken(playbook)


@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b" " * (BYTES_MAX + 1), "bytes"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, "nested"),
        (b"[" * 100_000, "nested"),
        (b'{"type": "playbook", "type": "playbook"}', "twice"),
        (b'{"type":"playbook","spec_version":"cacao-2.0","x":[%s1]}' % (b"1," * 60_000), "values"),
        (b'{"type": NaN}', "NaN"),
        (b"\xff\xfe", "UTF-8"),
        (b"runbook: a", "not JSON"),
        (b"[]", "no CACAO playbook"),
    ],
    ids=["long", "deep", "deeper", "twice", "wide", "nan", "utf-16", "yaml", "list"],
)  # fmt: skip
def test_a_file_that_is_no_playbook_is_refused(data: bytes, says: str) -> None:
    """In the size of what was read, and not of what it would become."""
    with pytest.raises(FormatFaults, match=says):
        taken(data)


@pytest.mark.promise("P18")
def test_ways_that_join_again_and_again_end_in_a_refusal() -> None:
    """A dozen forks that meet again are thousands of ways, and each more is twice as many."""
    workflow: dict[str, Any] = {
        _START: {"type": "start", "on_completion": _id("if-condition", 100)}
    }
    for number in range(100, 112):
        following = _id("if-condition", number + 1) if number < 111 else _id("end", 3)
        workflow[_id("if-condition", number)] = {
            "type": "if-condition", "condition": "__user__:value = 'a'",
            "on_true": following, "on_false": following,
        }  # fmt: skip
    workflow[_id("end", 3)] = {"type": "end"}
    with pytest.raises(FormatFaults, match="more than 400 steps"):
        taken({**theirs(), "workflow": workflow, "workflow_exception": _id("end", 3)})


@pytest.mark.promise("P18")
def test_a_value_of_another_kind_is_taken_or_refused_wherever_it_stands(
    todays: Callable[[list[Any], int], list[Any]],
) -> None:
    """Every place of a foreign playbook and of one of ours, in turn: never a traceback."""
    for playbook in (theirs(), small().playbook):
        kinds: tuple[Any, ...] = (None, 3, [], {}, "x")
        points = [(place, odd) for place in _places(playbook, ()) for odd in kinds]
        for place, odd in todays(points, 60):
            changed = copy.deepcopy(playbook)
            _set(*place, to=odd)(changed)
            with contextlib.suppress(FormatFaults):
                assert taken(changed).text


@pytest.mark.parametrize("odd", [[], {}, 3])
def test_an_agent_that_is_no_id_is_named_and_breaks_nothing(odd: Any) -> None:
    """Files of the field lack agents, too."""
    playbook = theirs()
    _set(*_LOOK, "agent", to=odd)(playbook)
    assert f"/{'/'.join(_LOOK)}/agent" in {loss.pointer for loss in taken(playbook).losses}


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from _places(each, (*path, key))
