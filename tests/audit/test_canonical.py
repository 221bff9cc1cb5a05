from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.audit.canonical import DEPTH_MAX, INTEGER_MAX, NotCanonicalError, decode, encode

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
INTEGERS = st.integers(-INTEGER_MAX, INTEGER_MAX)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_every_value_comes_back(value: Any) -> None:
    """What is written is read back as it was, by us and by any JSON reader."""
    assert decode(encode(value)) == value
    assert json.loads(encode(value)) == value


@given(VALUES)
def test_one_value_has_one_spelling(value: Any) -> None:
    """The spelling does not depend on the order in which an object was built."""

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    assert encode(turned(value)) == encode(value)


def test_keys_are_in_the_order_of_utf_16() -> None:
    """The example of RFC 8785, section 3.2.3: an emoji comes before U+FB33, against its number."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\u00f6"]
    found = list(json.loads(encode(dict.fromkeys(keys))))
    assert found == ["\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@given(VALUES)
def test_json_own_order_is_taken_only_where_it_is_the_right_one(value: Any) -> None:
    """The quick way and the careful way spell every value alike."""

    class Careful(dict[str, Any]):
        """Not a plain dict, so that it goes the careful way."""

    assert encode(Careful({"all": value})) == encode({"all": value})


def test_escapes_are_those_of_the_rfc() -> None:
    r"""Two-character escapes, lower-case ``\u00xx`` for other controls, all else as it is."""
    text = '\b\t\n\f\r"\\/\x00\x1f\x7f\u2028\u00e9\U0001f600'
    assert encode(text).decode() == (
        '"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\x7f\u2028\u00e9\U0001f600"'
    )


@pytest.mark.parametrize(
    "value",
    [0.0, 1.5, float("nan"), 2**53, -(2**53), "\ud800", {"\udc00": 1}, {1: 2}, {"a": b"b"}, {1, 2}],
)
def test_what_has_no_spelling_is_refused(value: Any) -> None:
    """Floats, large integers, lone surrogates, keys that are no text, other types."""
    with pytest.raises(NotCanonicalError):
        encode([value])


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"\\u0062":2}}',
        b"1.0",
        b"1e3",
        b"NaN",
        b"-Infinity",
        b"9007199254740992",
        b"1" * 5000,
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1",
        b'"\x01"',
        b"{",
        b"1 2",
        b"",
        b"[" * 100_000,
    ],
)
def test_loose_json_is_refused(text: bytes) -> None:
    """Whatever two readers could read differently is read by none."""
    with pytest.raises(NotCanonicalError):
        decode(text)


def test_depth_has_one_limit_both_ways() -> None:
    """What can be written can be read: the limit on depth is the same."""

    def nested(depth: int) -> Any:
        value: Any = 1
        for turn in range(depth):
            value = [value] if turn % 2 else {"k": value}
        return value

    assert decode(encode(nested(DEPTH_MAX))) == nested(DEPTH_MAX)
    with pytest.raises(NotCanonicalError):
        encode(nested(DEPTH_MAX + 1))
    with pytest.raises(NotCanonicalError):
        decode(json.dumps(nested(DEPTH_MAX + 1)).encode())
