"""What is kept of an answer: all of it but values."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from respond.core.kept_answer import TAKEN_OUT, kept_answer
from respond.core.script import Call, Evidence, Reply

CALL = Call("cio", "management", "GET", ("v1", "members"), query=(("limit", "2"), ("q", "a b")))
NIGHT_MS = 1_795_906_728_123


def kept(body: Any, mark: Evidence | None = None, **call: Any) -> Any:
    asked = Call(**{"connection": "cio", "surface": "", "method": "GET", "path": ("x",), **call})
    made = kept_answer(asked, Reply(200, {}, body), mark or Evidence(), step="s", at_ms=NIGHT_MS)
    return None if made is None else json.loads(made[1])


def test_an_answer_is_kept_word_for_word_with_what_was_asked_and_when() -> None:
    """Order, numbers and letters stay; the digest is that of the bytes."""
    body = {"users": [{"id": 7, "name": "Zoë", "score": 1.5, "last": None}], "more": False}
    reply = Reply(203, {"date": "Sun, 29 Nov 2026 22:58:50 GMT"}, body)
    made = kept_answer(CALL, reply, Evidence(), step="member", at_ms=NIGHT_MS)
    assert made is not None
    answer, text = made
    assert list(json.loads(text)) == ["users", "more"]
    assert json.loads(text) == body
    assert "Zoë" in text.decode()
    assert (answer.sha256, answer.bytes) == (hashlib.sha256(text).hexdigest(), len(text))
    assert answer.request == "GET /v1/members?limit=2&q=a%20b"
    assert (answer.status, answer.at) == (203, "2026-11-28T22:58:48.123Z")
    assert answer.theirs == "Sun, 29 Nov 2026 22:58:50 GMT"


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    "name",
    [
        "secret", "client_secret", "apiKey", "api_key", "accessToken", "password", "cookie",
        "tokens", "cookies", "signing_key", "secretKey", "access_key", "authorization",
        "passphrase", "recovery_codes",
    ],
)  # fmt: skip
def test_a_field_that_holds_a_value_by_its_name_is_kept_without_it(name: str) -> None:
    """Whatever the value looks like; that the field was there stays to be seen."""
    assert kept({"row": {name: "plain words", "id": 3}}) == {"row": {name: TAKEN_OUT, "id": 3}}
    assert kept({name: 123456}) == {name: TAKEN_OUT}
    assert kept({name: ["plain"]}) == {name: [TAKEN_OUT]}
    assert kept({name: [{"id": 3}]}) == {name: [{"id": 3}]}
    assert kept({name: None, "tokens": []}) == {name: None, "tokens": []}


@pytest.mark.promise("P22")
def test_what_looks_like_a_secret_is_taken_out_wherever_it_stands() -> None:
    """In a note, in a list, in what an address hands over; an id of 32 digits stays."""
    token = "xoxb-" + "1234567890-abcdef"
    body = {
        "notes": ["fine", f"see {token}"],
        "endpoint": "https://collect.example/in?site=7&token=hunter2hunter2#x",
        "id": "0123456789abcdef0123456789abcdef",
    }
    assert kept(body) == {
        "notes": ["fine", TAKEN_OUT],
        "endpoint": f"https://collect.example/in?site=7&token={TAKEN_OUT}#x",
        "id": "0123456789abcdef0123456789abcdef",
    }


@pytest.mark.promise("P22")
def test_of_an_answer_that_shows_values_only_named_fields_are_kept() -> None:
    """Without a word about which, nothing of it is."""
    body = {"keys": [{"id": 1, "name": "web", "api": "abcd" * 8, "live": True}]}
    assert kept(body, shows_values=frozenset({"api"})) is None
    mark = Evidence(only=frozenset({"id", "name"}))
    assert kept(body, mark, shows_values=frozenset({"api"})) == {
        "keys": [{"id": 1, "name": "web", "api": TAKEN_OUT, "live": True}]
    }


def test_the_same_answer_to_another_question_is_another_one() -> None:
    """And an answer says something new when its bytes, its status or its question differ."""

    def same(told: Any, status: int = 200, **call: Any) -> tuple[str, ...]:
        asked = Call(**{"connection": "c", "surface": "", "method": "GET", "path": ("x",), **call})
        made = kept_answer(asked, Reply(status, {}, told), Evidence(), step="", at_ms=NIGHT_MS)
        assert made is not None
        return made[0].same

    first = same([])
    assert first == same([])
    others = (
        same([1]),
        same([], 404),
        same([], path=("y",)),
        same([], query=(("a", "b"),)),
        same([], body={"q": 1}),
        same([], connection="d"),
    )
    assert len({first, *others}) == 1 + len(others)
