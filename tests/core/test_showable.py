import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.core.showable import hidden_character, showable, showable_host


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, even with \\ and <b>", "plain text, even with \\ and <b>"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("one\ntwo\r\nthree", "one\\x0atwo\\x0d\\x0athree"),
        ("tab\tbell\x07nul\x00del\x7f", "tab\\x09bell\\x07nul\\x00del\\x7f"),
        ("csi\x9b1m", "csi\\x9b1m"),
        ("abc\u202efdp.exe", "abc\\u202efdp.exe"),
        ("pay\u200bpal\ufeff\u2060", "pay\\u200bpal\\ufeff\\u2060"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("\U000e0041tag", "\\U000e0041tag"),
        ("\ue000\U00100000", "\\ue000\\U00100000"),
        ("\ud800\udfff", "\\ud800\\udfff"),
        ("no\u00a0break \u3000wide", "no\\xa0break \\u3000wide"),
        ("filler\u3164\u2800\u115f", "filler\\u3164\\u2800\\u115f"),
        ("soft\u00adhyphen", "soft\\xadhyphen"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("\u0336struck", "\\u0336struck"),
        ("z" + "\u0336" * 5, "z\u0336\u0336\u0336\\u0336\\u0336"),
        ("\u4e2d\u6587 \U0001f525", "\u4e2d\u6587 \U0001f525"),
    ],
)
@pytest.mark.promise("P21")
def test_what_acts_or_hides_becomes_an_escape(text: str, shown: str) -> None:
    """Control, bidi and invisible characters are seen; ordinary writing stays as it is."""
    assert showable(text) == shown


@pytest.mark.promise("P21")
def test_newlines_stay_only_where_they_are_asked_for() -> None:
    """Outside text begins no line of its own unless the view has made room for lines."""
    assert showable("a\nb\r\nc", newlines=True) == "a\nb\\x0d\nc"
    assert "\n" not in showable("a\nforged: line")


def test_a_long_text_is_cut_with_a_count() -> None:
    """What is left out is counted, and no escape is cut in two."""
    assert showable("x" * 1_434, limit=200) == "x" * 200 + "...(+1234)"
    assert showable("ab\x1bcd", limit=4) == "ab...(+3)"
    assert showable("\u00e9" * 300, limit=200) == "\u00e9" * 200 + "...(+100)"
    assert showable("\u00e9" * 10_000_000, limit=10) == "\u00e9" * 10 + "...(+9999990)"
    assert showable("abc", limit=3) == "abc"


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("api.example.com", "api.example.com"),
        ("p\u0430ypal.com", "p\\u0430ypal.com (xn--pypal-4ve.com)"),
        ("fa\u00df.example", "fa\u00df.example (xn--fa-hia.example)"),
        ("d\u0430na@example.com", "d\\u0430na@example.com (d\\u0430na@example.com)"),
        ("a@b\u00fccher.example", "a@b\u00fccher.example (a@xn--bcher-kva.example)"),
        ("x\u202ey.example", "x\\u202ey.example (x\\u202ey.example)"),
        ("\ud800.example", "\\ud800.example (\\ud800.example)"),
        ("evil\x1b.example", "evil\\x1b.example"),
    ],
)
@pytest.mark.promise("P21")
def test_hosts_that_look_alike_look_different(host: str, shown: str) -> None:
    """A host or address outside ASCII is shown in ASCII as well."""
    assert showable_host(host) == shown


ANYTHING = st.text(
    st.characters() | st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp", "Mn"]),
    max_size=80,
)


@pytest.mark.promise("P21")
@given(ANYTHING, st.booleans(), st.integers(1, 100))
def test_nothing_that_acts_comes_out(text: str, newlines: bool, limit: int) -> None:  # noqa: FBT001
    """Whatever goes in: no raw control, bidi or invisible character comes out."""
    for shown in (showable(text, newlines=newlines, limit=limit), showable_host(text)):
        assert hidden_character(shown) is None
        for character in shown:
            allowed = character == " " or (newlines and character == "\n")
            assert allowed or unicodedata.category(character)[0] not in "CZ"
        shown.encode("utf-8")


@given(st.text(string.printable.translate({ord(c): None for c in "\t\n\r\x0b\x0c"})))
def test_plain_ascii_is_left_alone(text: str) -> None:
    """Showing what was shown changes nothing."""
    assert showable(text, limit=10_000) == text
    assert showable(showable(text), limit=10_000) == showable(text)


@given(ANYTHING)
def test_showing_twice_is_showing_once(text: str) -> None:
    """A text may come through two views."""
    once = showable(text, limit=10_000)
    assert showable(once, limit=10_000) == once
