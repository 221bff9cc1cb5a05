from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.core.fold import RunState, RunStatus
from respond.core.incoming import Delivery, Incoming, Means
from respond.core.recorded import Proposed
from respond.core.records import names_of, replace
from respond.core.runbook import InputKind, Runbook
from respond.core.runbook_head import Input
from respond.errors import UsageError
from respond.formats.expression.expressions import Expressions
from respond.formats.faults import FormatFaults
from respond.formats.project.hook_expressions import EVENT, HookReads
from respond.formats.project.project import Project, SourceConfig
from respond.formats.project.project_file import parse_project
from respond.formats.runbook.runbook_file import load
from respond.intake.hooks import (
    Hook,
    Wanted,
    _refuse_secret,
    _scope,
    joins,
    load_hooks,
    wanted,
)
from respond.senders import SENDERS
from respond.systems import load as load_actions
from respond.testing.senders import payload

RUNBOOKS = Path(__file__).parents[2] / "runbooks"
NOW = 1_795_435_200  # 2026-11-23T12:00:00Z

RUNBOOK = b"""\
runbook: leaked-thing
title: Something leaked
inputs:
  key: {type: text, ask: "Which key?", pattern: "[A-Z0-9]{4,20}", example: AKIA1}
  who: {type: email, required: false, ask: "Whose is it?"}
  since: {type: time, required: false, ask: "Since when?"}
  used_by: {type: list, required: false, ask: "By what?"}
  count: {type: integer, required: false, ask: "How many?"}
  note: {type: text, required: false, ask: "What else?"}
  alert: {type: text, required: false, origin: true, ask: "Which alert told of it?"}
  leaked: {type: secret, required: false, ask: "The value?"}
steps:
  - id: look
    title: Look at it
    action: human.do
    with:
      title: "look at ${{ inputs.key }}"
      instructions: Look.
"""
OTHER = RUNBOOK.replace(b"leaked-thing", b"other-thing")
FILES = {"leaked-thing": RUNBOOK, "other-thing": OTHER}

CONFIG = """\
[sources.pager]
sender = "pagerduty"
runbooks = ["leaked-thing", "other-thing"]

[sources.prom]
sender = "alertmanager"
runbooks = ["leaked-thing"]

[[hooks]]
source = "pager"
runbook = "leaked-thing"
"""
WITH = """\
[hooks.with]
key = "${{ event.labels.key_id }}"
since = "${{ event.at }}"
note = "at ${{ event.service }}"
"""


def load_runbook(name: str) -> Runbook:
    if name not in FILES:
        raise UsageError(f"there is no runbook {name!r}")
    return load(FILES[name], name=f"{name}.yaml", actions=load_actions())


def project(text: str) -> Project:
    return parse_project(text.encode(), name="respond.toml")


def hooks(text: str = CONFIG + WITH) -> tuple[Hook, ...]:
    return load_hooks(project(text), load_runbook)


def refused(text: str) -> str:
    with pytest.raises(FormatFaults) as caught:
        hooks(text)
    return str(caught.value)


def event(**given: Any) -> Incoming:
    base = Incoming(
        key="01BZ",
        about="incident/PFQZPSY",
        type="incident.triggered",
        means=Means.BEGINS,
        title="Key seen in a repository",
        service="billing",
        at="2026-11-23T11:58:00Z",
        url="https://example.pagerduty.com/incidents/PFQZPSY",
        labels={"key_id": "AKIA1234"},
        body={"data": {"count": 3, "rate": 1.5, "at_ns": 1_625_239_293_064_000_000}},
    )
    return replace(base, **given)


def look(
    text: str = CONFIG + WITH, of: str = "pager", hook: tuple[Hook, ...] = (), **given: Any
) -> list[Wanted]:
    source = project(text).sources[of]
    delivery = Delivery("d1", of, source.sender, "w1", "00" * 32, NOW * 1000)
    return wanted(hook or hooks(text), source, delivery, event(**given), NOW)


def one(**given: Any) -> Wanted:
    (found,) = look(**given)
    return found


# --- an event becomes typed inputs --------------------------------------------------------------


def test_an_event_fills_the_inputs_that_its_hook_names() -> None:
    """Typed as if a person had typed them; what is still needed is said."""
    found = one()
    assert found.runbook.name == "leaked-thing"
    assert found.given.values == {
        "key": "AKIA1234",
        "since": "2026-11-23T11:58:00Z",
        "note": "at billing",
    }
    assert (found.begins, found.lacking, found.notes, found.given.secrets) == (True, (), (), {})
    assert found.event.source == "pager"
    assert found.event.type == "incident.triggered"


@pytest.mark.promise("P21")
@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "http://example.com", "https:", "https://a.example/\u202egpj", "x"],
)
def test_a_link_that_is_not_https_is_not_kept(url: str) -> None:
    """What people are given to click leads where it reads."""
    assert one().event.url == "https://example.pagerduty.com/incidents/PFQZPSY"
    assert one(url=url).event.url == ""


@pytest.mark.promise("P13")
def test_a_missing_label_is_an_input_that_a_person_is_asked_for() -> None:
    """The event is not lost, and nothing is guessed."""
    found = one(labels={})
    assert "key" not in found.given.values
    assert found.lacking == ("key",)
    assert found.notes == ("key: the event has no key_id",)


@pytest.mark.promise("P13")
@pytest.mark.parametrize("value", ["", "  ", "a b", "akia1234", "AKIA" * 30, "AKIA\n1234"])
def test_what_does_not_fit_an_input_is_left_out(value: str) -> None:
    """By type and pattern, as for a person; the other inputs are not touched."""
    found = one(labels={"key_id": value})
    assert set(found.given.values) == {"since", "note"}
    assert found.lacking == ("key",)
    assert all(len(note) < 400 for note in found.notes)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "${{ event.body.data.count }}", 3),
        ("used_by", "billing, newsletter", ["billing", "newsletter"]),
        ("used_by", "${{ ['a', event.service] }}", ["a", "billing"]),
        ("note", "${{ event.body.data.rate }}", "1.5"),
        ("note", "${{ event.body.data.at_ns }}", "1625239293064000000"),
        ("note", "${{ event.weak }}", "false"),
        ("note", "${{ has(event.labels.team) ? event.labels.team : 'nobody' }}", "nobody"),
        ("since", "2 hours ago", "2026-11-23T10:00:00Z"),
        ("who", "${{ event.labels['key_id'] }}@example.com", "AKIA1234@example.com"),
    ],
)
def test_values_of_all_kinds_become_inputs(name: str, text: str, value: object) -> None:
    """Numbers that expressions do not have are their text; lists stay lists."""
    found = one(text=f'{CONFIG}[hooks.with]\n{name} = "{text}"\n')
    assert found.given.values == {name: value}, found.notes


@pytest.mark.promise("P22")
def test_a_pasted_credential_is_neither_taken_nor_repeated() -> None:
    """Somebody puts the leaked key itself into the alert: the journal keeps inputs in clear."""
    pasted = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    found = one(labels={"key_id": pasted}, title=f"leaked: {pasted}")
    assert "key" not in found.given.values
    assert pasted not in repr(found)
    assert "AWS access key" in found.notes[0]


HEX = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("key", HEX),
        ("key", f"{HEX}/triggered"),
        ("about", f"alert/{HEX}"),
        ("url", f"https://pager.example/issues/{HEX}/"),
    ],
)
def test_an_id_in_an_ids_place_is_no_secret(field: str, text: str) -> None:
    """Senders number their events with 32 hexadecimal digits, too; the record names them."""
    assert getattr(one(**{field: text}).event, field) == text


def test_the_id_of_an_aws_key_is_what_an_event_is_about() -> None:
    """It opens nothing, and names what is to be switched off; Cloudflare's ids are taken alike."""
    number = "AKIAIOSFODNN7EXAMPLE"
    found = one(labels={"key_id": number}, title=f"leaked: {number}")
    assert found.given.values["key"] == number
    assert found.event.title == f"leaked: {number}"
    _refuse_secret(Input("token_id", InputKind.TEXT), HEX)
    with pytest.raises(UsageError, match="32 hexadecimal"):
        _refuse_secret(Input("token", InputKind.TEXT), HEX)


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("title", f"leaked: {HEX}"),
        ("about", f"thing/{HEX}"),
        ("url", f"https://pager.example/?token={HEX}"),
        ("key", "ghp_0123456789abcdefghijklmnopqrstuvwxyz"),
    ],
)
def test_elsewhere_it_looks_like_one(field: str, text: str) -> None:
    """Also where a source points at a place of its own, and whatever a vendor's prefix marks."""
    assert "looks like a credential" in getattr(one(**{field: text}).event, field)


# --- which events -------------------------------------------------------------------------------


@pytest.mark.promise("P13")
@pytest.mark.parametrize("means", [Means.GOES_ON, Means.IS_OVER])
def test_news_begins_nothing(means: Means) -> None:
    """It has the key of the thing it is about, and no inputs."""
    found = one(means=means)
    assert not found.begins
    assert found.given.values == {}
    assert found.keys == one().keys[:1]


def test_a_test_asks_for_nothing() -> None:
    """Nor does an event of a source without a hook."""
    assert look(means=Means.TEST) == []
    assert look(of="prom") == []


def test_when_chooses_events() -> None:
    """True takes the event; false does not."""
    text = CONFIG + "when = \"event.service == 'billing' && !event.weak\"\n"
    assert len(look(text)) == 1
    assert look(text, service="mail") == []


def test_a_when_without_a_result_takes_nothing_and_says_so() -> None:
    """The event may join an open run; it begins none."""
    found = one(text=CONFIG + "when = \"event.labels.env == 'prod'\"\n")
    assert not found.begins
    assert found.notes == ("when: the event has no env",)


def test_one_event_asks_once_for_one_runbook() -> None:
    """The first hook that takes it counts; another runbook is another matter."""
    second = '[[hooks]]\nsource = "pager"\nrunbook = "leaked-thing"\n[hooks.with]\nkey = "ABCD"\n'
    third = '[[hooks]]\nsource = "pager"\nrunbook = "other-thing"\n'
    found = look(CONFIG + second + third)
    assert [(each.runbook.name, each.given.values) for each in found] == [
        ("leaked-thing", {}),
        ("other-thing", {}),
    ]
    unsure = CONFIG + "when = \"event.labels.env == 'prod'\"\n" + second
    assert [each.begins for each in look(unsure)] == [True]


# --- joining ------------------------------------------------------------------------------------


def run(id_: str, keys: tuple[str, ...], status: RunStatus = RunStatus.PARKED) -> RunState:
    return RunState(id_, status, proposed=Proposed(runbook="leaked-thing", keys=keys))


def test_news_joins_the_open_run_about_the_same_thing() -> None:
    """Not one that has ended, and not one about something else."""
    keys = one().keys
    other = one(about="incident/OTHER", labels={"key_id": "ZZZZ"}).keys
    ended = run("LT-1", keys, RunStatus.ENDED)
    states = [ended, run("LT-2", other), run("LT-3", keys)]

    assert joins(one(means=Means.IS_OVER), states) == "LT-3"
    assert joins(one(), states) == "LT-3"
    assert joins(one(), [ended]) == ""


def test_another_source_about_the_same_key_joins() -> None:
    """Two scanners find one leak; only the time differs, and time does not tell things apart."""
    text = CONFIG + WITH + CONFIG[CONFIG.index("[[hooks]]") :].replace("pager", "prom") + WITH
    mine = one(text=text)
    (theirs,) = look(text, "prom", about="alert/dd87", at="2026-11-23T09:00:00Z")
    assert theirs.keys[0] != mine.keys[0]
    assert joins(theirs, [run("LT-1", mine.keys)]) == "LT-1"


def test_which_alert_told_of_it_does_not_tell_things_apart() -> None:
    """Each sender fills in its own alert, so that it can be closed, and they make one run."""
    mine = WITH + 'alert = "${{ event.about }}"\n'
    text = CONFIG + mine + CONFIG[CONFIG.index("[[hooks]]") :].replace("pager", "prom") + mine
    first = one(text=text)
    (second,) = look(text, "prom", about="alert/dd87")
    assert first.given.values["alert"] != second.given.values["alert"]
    assert joins(second, [run("LT-1", first.keys)]) == "LT-1"


@pytest.mark.parametrize(
    ("name", "fills", "given"),
    [
        (
            "github",
            {"repository": "event.labels.repository", "alert": "event.labels.number"},
            {"repository": "example/mailing", "alert": "1001"},
        ),
        ("pagerduty", {"page": "event.labels.incident"}, {"page": "1001"}),
    ],
)
def test_an_event_names_the_alert_that_the_shipped_runbook_closes(
    name: str, fills: dict[str, str], given: dict[str, str]
) -> None:
    """Typed like any input, from what the sender itself says of its alert or incident."""
    with_ = "".join(f'{key} = "${{{{ {value} }}}}"\n' for key, value in fills.items())
    text = f'[sources.it]\nsender = "{name}"\nrunbooks = ["compromised-key"]\n'
    text += f'[[hooks]]\nsource = "it"\nrunbook = "compromised-key"\n[hooks.with]\n{with_}'
    shipped = (RUNBOOKS / "compromised-key.yaml").read_bytes()
    made = project(text)
    hook = load_hooks(
        made, lambda _: load(shipped, name="compromised-key.yaml", actions=load_actions())
    )
    headers = [(b"x-github-delivery", b"guid-1"), (b"x-github-event", b"secret_scanning_alert")]
    delivery = Delivery("d1", "it", name, "", "00" * 32, NOW * 1000)
    (found,) = SENDERS[name].events({}, headers, payload(name, thing="1001"))
    (asked,) = wanted(hook, made.sources["it"], delivery, found, NOW)
    assert asked.given.values == given
    assert len(asked.keys) == 1


def test_two_events_without_inputs_are_not_the_same() -> None:
    """Nothing known about either says nothing about both."""
    first, second = (one(text=CONFIG, about=about) for about in ("a/1", "a/2"))
    assert joins(second, [run("LT-1", first.keys)]) == ""


def test_another_runbook_does_not_join() -> None:
    """The same thing may need two runbooks, and each is a run of its own."""
    text = CONFIG + '[[hooks]]\nsource = "pager"\nrunbook = "other-thing"\n'
    first, second = look(text)
    assert joins(second, [run("LT-1", first.keys)]) == ""


def test_a_hook_can_say_what_an_event_is_about() -> None:
    """Two incidents about one label are one; without it the sender's own thing counts."""
    text = CONFIG + 'about = "event.labels.key_id"\n'
    first, second = one(text=text), one(text=text, about="incident/OTHER")
    assert first.keys == second.keys
    assert one(text=text, labels={}).keys == one(text=CONFIG).keys
    assert one(text=text, labels={}).notes == ("about: the event has no key_id",)


# --- what is wrong is found before an event comes -----------------------------------------------


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("when = \"event.sevrity == 'high'\"", "did you mean 'severity'"),
        ('when = "event.title"', "must be a boolean"),
        ('when = "evnt.weak"', "unknown name 'evnt'"),
        ('when = "event.title ==="', "respond.toml:12:"),
        ('about = "event.lables.x"', "did you mean 'labels'"),
        ('[hooks.with]\nky = "A"', "did you mean 'key'"),
        ('[hooks.with]\nkey = "${{ event.titel }}"', "did you mean 'title'"),
        ('[hooks.with]\nkey = "${{ inputs.key }}"', "unknown name 'inputs'"),
        ('[hooks.with]\nkey = "${{ event }}"', "'key' is text, and this gives"),
        ('[hooks.with]\ncount = "${{ event.weak }}"', "'count' is integer, and this gives boolean"),
        ('[hooks.with]\nkey = "lower"', "key: 'lower' does not fit"),
    ],
)
def test_a_hook_that_cannot_work_is_refused_at_the_start(config: str, says: str) -> None:
    """With its place in respond.toml, and what was probably meant."""
    told = refused(f"{CONFIG}{config}\n")
    assert says in told
    assert "respond.toml:1" in told


@pytest.mark.promise("P13")
def test_a_secret_input_is_never_filled_from_an_event() -> None:
    """A payload that holds the leaked value would put it into a proxy's log first."""
    assert "no event fills one" in refused(
        f'{CONFIG}[hooks.with]\nleaked = "${{{{ event.title }}}}"\n'
    )


def test_an_option_that_cannot_be_is_refused() -> None:
    """A header name with a space in it would never be found, and every delivery refused."""
    options = '[sources.a]\nsender = "grafana"\nrunbooks = ["leaked-thing"]\n'
    assert "signature_header" in refused(options + 'options = {signature_header = "X Sign"}\n')


def test_a_runbook_that_is_not_there_or_does_not_load_is_said() -> None:
    """Those of the allow-list too: the page would offer them."""
    assert "there is no runbook 'gone'" in refused(
        '[sources.a]\nsender = "github"\nrunbooks = ["gone"]\n'
    )
    FILES["broken"] = b"runbook: broken\n"
    try:
        told = refused('[sources.a]\nsender = "github"\nrunbooks = ["broken"]\n')
    finally:
        del FILES["broken"]
    assert "broken.yaml" in told


@pytest.mark.promise("P13")
def test_a_hook_outside_of_its_allow_list_is_refused_however_it_was_made() -> None:
    """The list is looked at when the file is read, at the start, and for each event."""
    made = project(CONFIG)
    narrow = replace(made.sources["pager"], runbooks=("other-thing",))
    with pytest.raises(FormatFaults):
        load_hooks(replace(made, sources={"pager": narrow}), load_runbook)
    delivery = Delivery("d1", "pager", "pagerduty", "", "00" * 32, NOW * 1000)
    assert wanted(hooks(CONFIG), narrow, delivery, event(), NOW) == []


# --- the samples --------------------------------------------------------------------------------

SAMPLES = Path(__file__).parents[3] / "shared" / "webhooks"
_SENDER = {"opsgenie": "generic"}


@pytest.mark.promise("P13")
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples lie beside the project")
def test_every_sample_asks_for_the_configured_runbook_alone() -> None:
    """Whatever a real sender says, what is proposed stands in respond.toml."""
    seen: dict[str, set[bool]] = {}
    for path in sorted(SAMPLES.glob("*-*.json")):
        kind, _, rest = path.stem.partition("-")
        name = _SENDER.get(kind, kind)
        if name not in SENDERS:
            continue
        headers = [
            (b"webhook-id", b"msg_1"),
            (b"webhook-signature", b"v1,x"),
            (b"x-github-delivery", b"guid-1"),
            (b"x-github-event", rest.partition(".")[0].encode()),
        ]
        text = (
            f'[sources.it]\nsender = "{name}"\nrunbooks = ["leaked-thing"]\n'
            '[[hooks]]\nsource = "it"\nrunbook = "leaked-thing"\n[hooks.with]\n'
            'key = "${{ event.labels.key_id }}"\nnote = "${{ event.title }}"\n'
            'since = "${{ event.at }}"\n'
        )
        source, hook = project(text).sources["it"], hooks(text)
        for found in SENDERS[name].events({}, headers, path.read_bytes()):
            delivery = Delivery("d1", "it", name, "", "00" * 32, NOW * 1000)
            for each in wanted(hook, source, delivery, found, NOW):
                assert each.runbook is hook[0].runbook
                assert set(each.given.values) <= {"key", "note", "since"}
                assert each.begins is (found.means is Means.BEGINS)
                seen.setdefault(name, set()).add(each.begins)
    assert len(seen) >= 6
    assert {True, False} <= set().union(*seen.values())


# --- hostile events -----------------------------------------------------------------------------

ATTACKS = [
    "<script>alert(1)</script>",
    "[link](javascript:alert(1))",
    "<!channel> <@U024BE7LH>",
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m",
    "${{ event.title }}",
    "${{ inputs.leaked }}",
    "event.title.size() > 0 ? 'a' : 'b'",
    "../../../../etc/passwd",
    "..%2f..%2f",
    "http://169.254.169.254/latest/meta-data/",
    "-oProxyCommand=sh",
    "; rm -rf /",
    "' OR 1=1 --",
    "=cmd|' /C calc'!A0",
    "a\x00b",
    "line\nbreak\r\n",
    "\u202egnp.exe",
    "\u200b\u2060\ufeff",
    "\ud800",
    "\U000e0041\U000e0042",
    "A" * 100_000,
    "compromised-user",
    '{"runbook": "other-thing"}',
]


@pytest.fixture(scope="module")
def ready() -> tuple[Hook, ...]:
    text = CONFIG + 'when = "event.title != \'no\'"\nabout = "event.labels.about"\n' + WITH
    return hooks(text + 'who = "${{ event.title }}"\nused_by = "${{ event.body.list }}"\n')


def hostile(text: str) -> dict[str, Any]:
    labels = dict.fromkeys(("key_id", "about", "runbook", text), text)
    fields = ("about", "type", "title", "status", "severity", "service", "at", "url", "runbook")
    body = {"list": [text], text: text, "runbook": text, "deep": [[[{"a": text}]]]}
    return {**dict.fromkeys(fields, text), "labels": labels, "body": body}


@pytest.mark.promise("P13", "P19")
@pytest.mark.parametrize("text", ATTACKS, ids=range(len(ATTACKS)))
def test_hostile_texts_end_as_plain_data_or_are_left_out(
    text: str, ready: tuple[Hook, ...]
) -> None:
    """Whole, in an input whose type they fit, or not at all; notes show and do nothing."""
    found = one(hook=ready, **hostile(text))
    values = found.given.values
    assert values.get("note", f"at {text}".strip()) == f"at {text}".strip()
    assert values.get("used_by", [text]) == [text]
    assert {"key", "who", "since"}.isdisjoint(values)
    assert all(note.isprintable() and len(note) < 400 for note in found.notes)
    assert "\x1b" not in str(values)


@pytest.mark.promise("P13", "P19")
@pytest.mark.parametrize("text", ["AKIA1234\x00evil", "AKIA1234\ud800"])
def test_no_text_is_cut_short_on_its_way(text: str) -> None:
    """Expressions know no NUL: what stands before it would be another key, and would fit."""
    found = one(labels={"key_id": text, "env": "prod"})
    assert "key" not in found.given.values
    assert found.lacking == ("key",)
    when = CONFIG + "when = \"event.labels.env == 'prod'\"\n"
    assert one(text=when, labels={"key_id": text, "env": "prod"}).begins


@pytest.mark.promise("P13")
@given(
    st.text(), st.sampled_from(Means), st.dictionaries(st.text(), st.text(), max_size=5), st.data()
)
def test_no_payload_changes_what_is_run(
    text: str, means: Means, labels: dict[str, str], data: st.DataObject
) -> None:
    """Whatever it says: the runbook is the hook's, the inputs are typed, and nothing else moves."""
    fields = data.draw(st.fixed_dictionaries({}, optional={
        name: st.sampled_from([text, "", "other-thing", "2026-11-23", "a@b.example"]) for name in
        ("key", "about", "type", "title", "status", "severity", "service", "at", "url", "runbook")
    }))  # fmt: skip
    body = data.draw(st.sampled_from([None, text, [text], {"list": [text, text]}, {"list": 1.5}]))
    given_labels = {**labels, **data.draw(st.sampled_from([{}, {"key_id": text}]))}
    harmless = _once()
    for found in look(hook=harmless, means=means, labels=given_labels, body=body, **fields):
        assert found.runbook is harmless[0].runbook
        declared = {each.name: each.kind for each in found.runbook.inputs}
        for name, value in found.given.values.items():
            assert isinstance(value, _TYPES[declared[name]])
        assert set(found.given.values) <= {"key", "since", "note", "who", "used_by"}
        assert found.given.secrets == {}
        assert (found.event.source, found.event.sender) == ("pager", "pagerduty")
        assert found.begins <= (means is Means.BEGINS)
        assert all(len(key) == 64 for key in found.keys)


_TYPES: dict[InputKind, type] = {
    InputKind.TEXT: str, InputKind.EMAIL: str, InputKind.TIME: str, InputKind.LIST: list,
    InputKind.INTEGER: int,
}  # fmt: skip
_MADE: list[tuple[Hook, ...]] = []


def _once() -> tuple[Hook, ...]:
    if not _MADE:
        extra = 'who = "${{ event.title }}"\nused_by = "${{ event.body.list }}"\n'
        _MADE.append(hooks(CONFIG + "when = \"event.title != 'no'\"\n" + WITH + extra))
    return _MADE[0]


def test_an_expression_may_read_every_field_of_an_event_and_what_brought_it() -> None:
    """A field that one of them forgets would be empty in silence."""
    own = {*names_of(Incoming)}
    assert {name for name, _ in EVENT.fields} == own | {"source", "sender", "weak"}
    delivery = Delivery("d1", "pager", "pagerduty", "", "", 0)
    source = SourceConfig(name="pager", sender="pagerduty")
    read = _scope(
        HookReads(None, None, {}, Expressions()),
        source,
        delivery,
        Incoming("k", "a", "t", Means.BEGINS),
    )
    event = read["event"]
    assert isinstance(event, dict)
    assert set(event) == {name for name, _ in EVENT.fields}


# --- where something goes -------------------------------------------------------------------------

GOES = """\
runbook: leaked-thing
title: Something leaked
inputs:
  key: {type: text, ask: "Where?"}
  many: {type: list, required: false, ask: "Where else?"}
steps:
"""
STEERING = {
    "channel": "  - {id: tell, action: slack.post_message, with: {channel: '${{ inputs.key }}', "
    "text: Hello}}",
    "part-of-a-text": "  - {id: tell, action: slack.open_incident_channel, "
    "with: {name: 'inc-${{ inputs.key }}'}}",
    "recipient": "  - {id: mail, action: email.send, with: {to: ['${{ inputs.key }}'], "
    "subject: S, text: T}}",
    "person": "  - {id: tell, action: notify.persons, with: {message: incident-opened, "
    "to: ['${{ inputs.key }}']}}",
    "connection-of-a-step": "  - {id: see, action: human.do, connection: '${{ inputs.key }}', "
    "with: {instructions: Look.}}",
    "path": "  - {id: see, action: http.read, with: {observe: {path: [a, '${{ inputs.key }}']}}}",
    "sink": "  - {id: see, action: sink.check, with: {sink: '${{ inputs.key }}'}}",
    "link": "  - {id: see, action: human.do, "
    "with: {instructions: Look., link: '${{ inputs.key }}'}}",
    "each": "  - {id: mail, for_each: inputs.many, as: one, action: slack.dm, "
    "with: {email: '${{ one }}', text: T}}",
    "look-of-a-wait": "  - {id: see, wait: {action: http.read, "
    "with: {observe: {path: ['${{ inputs.key }}']}}, until: seen.there, within: 5m}}",
    "handler": "  - {id: see, action: human.do, with: {instructions: Look.}, on_failure: "
    "[{id: tell, action: slack.dm, with: {email: '${{ inputs.key }}', text: T}}]}",
    "invitation": "  - {id: invite, action: cloudflare.add_member, "
    "with: {email: '${{ inputs.key }}', roles: [0123456789abcdef0123456789abcdef]}}",
    "recovery": "  - {id: back, action: google.set_recovery, "
    "with: {user: '103870000000000000001', phone: '${{ inputs.key }}'}}",
    "another-runbook": "  - {id: see, runbook: goes, with: {at: '${{ inputs.key }}'}}",
    "handler-of-another": "  - {id: see, runbook: tells, with: {at: '${{ inputs.key }}'}}",
}
_TELLS = """{id: tell, action: slack.dm, with: {email: "${{ inputs.at }}", text: Hello}}"""
_LOOKS = "{id: look, action: human.do, with: {instructions: Look.}}"


def _called(name: str, steps: str) -> tuple[str, bytes]:
    top = f"runbook: {name}\ntitle: Goes\ninputs: {{at: {{type: text, ask: Where?}}}}\n"
    return f"{name}.yaml", f"{top}{steps}\n".encode()


CALLED = {
    "goes": _called("goes", f"steps: [{_TELLS}]"),
    "tells": _called("tells", f"steps: [{_LOOKS}]\non_failure: [{_TELLS}]"),
}


def goes(steps: str, fills: str) -> tuple[Hook, ...]:
    def runbook(_: str) -> Runbook:
        text, find = f"{GOES}{steps}\n".encode(), CALLED.get
        return load(text, name="leaked-thing.yaml", actions=load_actions(), find=find)

    one = CONFIG.replace('"leaked-thing", "other-thing"', '"leaked-thing"')
    return load_hooks(project(f"{one}[hooks.with]\n{fills}\n"), runbook)


@pytest.mark.promise("P13", "P20")
@pytest.mark.parametrize("steps", STEERING.values(), ids=list(STEERING))
def test_no_event_says_where_something_goes(steps: str) -> None:
    """Channel, recipient, connection, path, sink and link stand in files of the company."""
    name = "many" if "inputs.many" in steps else "key"
    text = "${{ event.labels.at }}" if name == "key" else "${{ event.body.at }}"
    with pytest.raises(FormatFaults) as caught:
        goes(steps, f'{name} = "{text}"')
    assert f"'{name}' says where something goes" in str(caught.value)
    assert "respond.toml" in str(caught.value)
    if name == "key":
        assert goes(steps, 'key = "written-out"')


def test_what_only_stands_in_a_text_may_come_from_an_event() -> None:
    """A body, a value of a query, the words of a message: data, and no address."""
    steps = (
        "  - {id: see, action: http.read, with: {observe: {path: [a], "
        "query: {q: '${{ inputs.key }}'}}}}\n"
        "  - {id: tell, action: slack.post_message, with: {channel: C0123456789, "
        "text: 'It is ${{ inputs.key }}'}}"
    )
    assert goes(steps, 'key = "${{ event.labels.at }}"')


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2026-11-20T12:00:00Z", "3 days old when it came"),
        ("2026-11-20T13:00:00+01:00", "3 days old when it came"),
        ("2026-11-23T07:30:00Z", "4 hours old when it came"),
        ("2026-11-23T11:40:00Z", "20 minutes old when it came"),
        ("2026-11-23T11:58:00Z", ""),
        ("2026-11-24T12:00:00Z", ""),
        ("2026-11-20T12:00:00", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_an_old_event_says_how_old_it_was_when_it_came(at: str, says: str) -> None:
    """Counted from when it was received, whenever it is taken up; no time, no claim."""
    assert one(at=at).event.old == says
