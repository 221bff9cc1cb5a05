import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.core.strict_json import NotStrictJsonError, decode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)  # fmt: skip


@given(value=JSON, ascii_only=st.booleans())
def test_ordinary_json_is_read_as_the_standard_library_reads_it(
    *, value: Any, ascii_only: bool
) -> None:
    """Strictness changes nothing for what is unambiguous."""
    data = json.dumps(value, ensure_ascii=ascii_only).encode()

    assert decode(data) == value


@pytest.mark.promise("P18")
@given(data=st.binary(max_size=60))
def test_any_bytes_are_json_or_a_refusal(data: bytes) -> None:
    """Nothing but the one error comes out, and it does not show the input."""
    try:
        decode(data)
    except NotStrictJsonError as error:
        refused = str(error)
    else:
        return
    assert refused.isascii()
    assert len(refused) < 80


@pytest.mark.promise("P18")
@given(depth=st.integers(1, 200), closed=st.booleans(), names=st.booleans())
def test_depth_is_counted_in_arrays_and_objects(*, depth: int, closed: bool, names: bool) -> None:
    """Up to the limit passes; one more does not."""
    opening, closing = (b'{"a":', b"}") if names else (b"[", b"]")
    data = opening * depth + b"1" + closing * (depth if closed else depth - 1)
    if closed and depth <= 64:
        decode(data)
    else:
        with pytest.raises(NotStrictJsonError):
            decode(data)


def test_brackets_inside_of_texts_are_no_levels() -> None:
    """A text may hold as many brackets as it likes."""
    assert decode(json.dumps(["[" * 100, {"{" * 100: 1}]).encode()) == ["[" * 100, {"{" * 100: 1}]


def test_a_whole_surrogate_pair_is_a_character() -> None:
    """Escapes that make a character together are read; a half is refused by the hostile tests."""
    assert decode(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    ("spelt", "read"),
    [
        ("9007199254740991", 2**53 - 1),
        ("-9007199254740991", 1 - 2**53),
        ("9007199254740992", "9007199254740992"),
        ("7615917337495251231", "7615917337495251231"),
        ("-9007199254740992", "-9007199254740992"),
        ("1" * 4000, "1" * 4000),
    ],
)
def test_a_number_that_nothing_else_carries_is_its_text(spelt: str, read: int | str) -> None:
    """Every digit is kept, and no plan, journal or expression meets a number that it refuses."""
    assert decode(f'{{"id": {spelt}}}'.encode()) == {"id": read}
