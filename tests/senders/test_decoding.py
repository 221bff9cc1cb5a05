import json
import time
import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respond.core.incoming import Incoming, Means
from respond.senders import SENDERS, UnusableError
from respond.senders.button_clicks import read_click
from respond.senders.decoding import DEPTH_MAX, NODES_MAX, TEXT_MAX, decoded
from respond.testing.senders import payload

MIB = 1 << 20
LIMIT_S = 2.0
READING = sorted(name for name, sender in SENDERS.items() if sender.reader is not None)
IDS = [
    (b"x-github-event", b"secret_scanning_alert"),
    (b"x-github-delivery", b"d-1"),
    (b"webhook-id", b"msg_1"),
    (b"webhook-signature", b"v1,x"),
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text('"\\[]{},: \nx', max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(st.text('"\\[]{},x', max_size=4), inner, max_size=5),
    max_leaves=40,
)  # fmt: skip


def why(body: bytes, bytes_max: int = 5 * MIB) -> str:
    with pytest.raises(UnusableError) as refusal:
        decoded(body, bytes_max=bytes_max)
    return str(refusal.value)


def nodes(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(nodes(each) for each in inner)


@pytest.mark.share(5)
@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"[" * 10_000_000, "longer", id="10 MB of brackets"),
        pytest.param(b"[" * 5_000_000, "nested", id="5 MB of brackets"),
        pytest.param(b"[" * 10_000 + b"]" * 10_000, "nested", id="depth 10,000"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested", id="objects 10,000 deep"),
        pytest.param(b"[" * 33 + b"]" * 33, "nested", id="depth 33"),
        pytest.param(b"[]" + b"]" * 5_000_000, "not JSON", id="closing brackets"),
        pytest.param(b"[" + b"[]," * 1_700_000 + b"[]]", "values", id="many empty lists"),
        pytest.param(b"[" + b"{}," * 1_700_000 + b"{}]", "values", id="many empty objects"),
        pytest.param(b"[" + b"1," * 2_500_000 + b"1]", "values", id="many numbers"),
        pytest.param(b"[" + b"0," * 49_999 + b"0]", "values", id="50,001 values"),
        pytest.param(b'"' + b'\\"' * 2_500_000, "not JSON", id="a text that never ends"),
        pytest.param(b"[]" * 40 + b"]" * 4_000_000, "never open", id="more closing"),
        pytest.param(b"[[" + b'"\\' * 2_400_000, "not JSON", id="quotes and backslashes"),
        pytest.param(b"[[" + b'"",1' * 1_200_000, "values", id="many empty texts"),
        pytest.param(b"," * 40 + b'""' * 2_500_000, "values", id="texts without commas"),
        pytest.param(b"[1]" + b" " * 5_000_000 + b"]", "not JSON", id="blanks"),
        pytest.param(b"," * 5_000_000, "values", id="commas"),
        pytest.param(b'{"a":1,"a":2}', "twice", id="duplicate names"),
        pytest.param(b'{"a":1,"\\u0061":2}', "twice", id="duplicate names, one escaped"),
        pytest.param(b'["\xff"]', "UTF-8", id="not UTF-8"),
        pytest.param(b'["\xed\xa0\x80"]', "UTF-8", id="a surrogate as bytes"),
        pytest.param('{"a":1}'.encode("utf-16"), "UTF-8", id="UTF-16"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', "byte order mark", id="byte order mark"),
        pytest.param(b'{"a":NaN}', "NaN", id="NaN"),
        pytest.param(b'{"a":-Infinity}', "NaN or Infinity", id="Infinity"),
        pytest.param(b'{"a":1e999}', "too large", id="number beyond a float"),
        pytest.param(b"[" + b"9" * 5_000 + b"]", "digits", id="5,000 digits"),
        pytest.param(b'{"a":"\\ud800"}', "surrogate", id="half a pair"),
        pytest.param(b'{"\\udfff":1}', "surrogate", id="half a pair in a name"),
        pytest.param(b"", "not JSON", id="nothing"),
        pytest.param(b"{} {}", "not JSON", id="two values"),
        pytest.param(b"{'a':1}", "not JSON", id="single quotes"),
        pytest.param(b'{"a":"\x00"}', "not JSON", id="a raw control character"),
    ],
)
@pytest.mark.long
def test_a_hostile_body_is_refused_in_bounded_time_and_memory(body: bytes, reason: str) -> None:
    """Two seconds and 64 MiB beside the body, whatever stands in it; and it is not shown."""
    began = time.process_time()
    refusal = why(body)
    assert time.process_time() - began < LIMIT_S

    assert reason in refusal
    assert refusal.isascii()
    assert len(refusal) < 100
    tracemalloc.start()
    try:
        why(body)
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.promise("P18")
def test_what_stands_right_at_a_limit_is_read() -> None:
    """Limits refuse what is beyond them and nothing else."""
    deepest = b"[" * DEPTH_MAX + b"]" * DEPTH_MAX
    fullest = b"[" + b"0," * (NODES_MAX - 2) + b"0]"
    longest = b'["' + b"x" * TEXT_MAX + b'"]'

    for body in (deepest, fullest, longest):
        assert decoded(body, bytes_max=len(body)) == json.loads(body)
        assert "longer" in why(body, bytes_max=len(body) - 1)
    assert decoded(b"1625239293064000000", bytes_max=100) == "1625239293064000000"


@pytest.mark.promise("P18")
@settings(max_examples=8)
@given(value=JSON, indent=st.sampled_from([None, 1]))
@pytest.mark.long
def test_values_are_counted_on_the_bytes_as_they_are_in_the_value(
    *, value: Any, indent: int | None
) -> None:
    """Brackets, commas and quotes inside of texts count for nothing."""
    filler = [0] * (NODES_MAX - nodes(value) - 2)
    fits = json.dumps([value, filler], indent=indent).encode()
    one_more = json.dumps([value, [*filler, 0]], indent=indent).encode()

    assert decoded(fits, bytes_max=MIB) == [value, filler]
    assert "values" in why(one_more)


@pytest.mark.promise("P18")
@settings(max_examples=60)
@given(name=st.sampled_from(READING), body=st.binary(max_size=200) | JSON.map(json.dumps))
def test_arbitrary_bodies_are_events_or_a_refusal(*, name: str, body: bytes | str) -> None:
    """Nothing but the one error comes out."""
    data = body.encode() if isinstance(body, str) else body
    try:
        found = SENDERS[name].events({"about": "a.b"}, IDS, data)
    except UnusableError as error:
        refusal = str(error)
    else:
        refusal = ""
        for event in found:
            check_texts(event)
    assert len(refusal) < 120


OPSGENIE = {
    "action": "Create",
    "alert": {
        "alertId": "a",
        "updatedAt": 1_625_239_293_064_000_000,
        "tags": ["runbook:x"],
        "details": {"k": "v"},
        "priority": "P1",
    },
}
SHAPES: list[tuple[str, Any]] = [
    *((name, json.loads(payload(name, labels={"n": "v"}))) for name in READING),
    *((name, json.loads(payload(name, over=True))) for name in READING),
    ("generic", OPSGENIE),
]


def paths(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[Any, ...]] = []
    for name, each in inner:
        found.append((*way, name))
        if isinstance(each, (dict, list)):
            found.extend(paths(each, (*way, name)))
    return found


def put(value: Any, way: tuple[Any, ...], what: Any) -> Any:
    copy = json.loads(json.dumps(value))
    at = copy
    for name in way[:-1]:
        at = at[name]
    at[way[-1]] = what
    return copy


@pytest.mark.promise("P18")
@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_a_field_of_any_wrong_type_crashes_nothing(name: str, shape: Any) -> None:
    """Each field in turn is each kind of value; an event comes out, or the one refusal."""
    texts = ["", "x" * 60_000, "\x00\u202e"]
    wrong: list[Any] = [None, True, -1, 10**400, 1.5, *texts, [], [[]], [None, 1], {}, {"": {}}]

    assert SENDERS[name].events({}, IDS, json.dumps(shape).encode())
    for way in paths(shape):
        for what in wrong:
            try:
                found = SENDERS[name].events({}, IDS, json.dumps(put(shape, way, what)).encode())
            except UnusableError:
                continue
            for event in found:
                check_texts(event)


def check_texts(event: Incoming) -> None:
    assert isinstance(event.means, Means)
    assert 0 < len(event.key) < 500
    assert 0 < len(event.about) < 500
    for field in ("type", "title", "status", "severity", "service", "at", "url", "runbook"):
        value = getattr(event, field)
        assert isinstance(value, str), field
        assert len(value) <= 4_000, field
    labels: Mapping[Any, Any] = event.labels
    assert all(isinstance(label, str) for label in labels)
    assert all(isinstance(value, str) and len(value) <= 4_000 for value in labels.values())


@pytest.mark.promise("P18")
@settings(max_examples=100)
@given(body=st.binary(max_size=200), formed=st.booleans())
def test_arbitrary_clicks_are_refused(*, body: bytes, formed: bool) -> None:
    """The form of a click is as hostile as any other body."""
    with pytest.raises(UnusableError):
        read_click(b"payload=" + body if formed else body)


ALERT = {"status": "firing", "fingerprint": "f", "labels": {"alertname": "Leak"}}


def grouped(*alerts: Any) -> tuple[list[Incoming], list[str]]:
    """What is read of a group, and what is said of the rest."""
    notes: list[str] = []
    body = json.dumps({"alerts": alerts}).encode()
    return list(SENDERS["alertmanager"].events({}, [], body, notes.append)), notes


def others(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{**ALERT, "fingerprint": f"o{n}", **more} for n in range(count)]


@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (others(250), []),
        (others(1, annotations={"why": "x" * 70_000}), ["1 of its texts were cut to 65,536"]),
        (others(1, annotations={"x" * 70_000: "why"}), []),
        (others(1, labels={f"n{n}": "x" for n in range(1_001)}), []),
        ([{"status": "firing"}, 7], ["2 of 3 alerts were left out: an alert of it has neither"]),
        (others(1, status="", fingerprint="", labels={}), ["1 of 2 alerts were left out"]),
        (others(200, labels={f"n{n}": "x" for n in range(100)}), []),
        (others(1_100, status="resolved"), ["101 of 1,101 events were left out"]),
    ],
    ids=[
        "250", "long-text", "long-name", "labels", "no-alerts", "no-status", "values", "resolved",
    ],
)  # fmt: skip
def test_what_stands_beside_it_takes_no_event_with_it(beside: list[Any], said: list[str]) -> None:
    """One alert that matters is read whatever it is grouped with; what is left out is counted."""
    found, notes = grouped(*beside, ALERT)
    assert "alert/f" in {event.about for event in found if event.means is Means.BEGINS}
    assert len(notes) == len(said)
    assert all(note.startswith(start) for note, start in zip(notes, said, strict=True))


@pytest.mark.promise("P18")
def test_a_text_or_a_set_of_labels_that_is_cut_says_so() -> None:
    """A cut value must not pass for a whole one."""
    ((one,), _) = grouped({**ALERT, "annotations": {"why": "x" * 70_000}})
    assert one.labels["annotation_why"].endswith("x...")
    assert len(one.body["annotations"]["why"]) == TEXT_MAX
    ((many,), _) = grouped({**ALERT, "labels": {f"n{n}": "x" for n in range(1_003)}})
    assert many.labels["labels_left_out"] == "3"


@pytest.mark.promise("P18")
def test_a_long_message_of_grafana_takes_no_alert_with_it() -> None:
    """Its ``message`` holds the whole group as text."""
    body = json.dumps({"alerts": [ALERT], "message": "x" * 100_000}).encode()
    (found,) = SENDERS["grafana"].events({}, [], body)
    assert found.about == "alert/f"


def test_a_group_of_which_nothing_can_be_read_says_why() -> None:
    """As one that is of no use at all."""
    with pytest.raises(UnusableError, match="neither a fingerprint nor labels"):
        grouped({"status": "firing"}, {"status": "firing"})
