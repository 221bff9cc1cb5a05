from __future__ import annotations

import pytest

from respond.core.addresses import is_email, is_https
from respond.core.showable import showable

pytestmark = pytest.mark.promise("P21")

CYRILLIC_A = "\u0430"


@pytest.mark.parametrize(
    "text",
    ["ana@example.com", "a.b+c@x-y.example.co", "o'hara@example.com",
     "m\u00fcller@b\u00fccher.example",
     "\u044e\u0437@\u043f\u0440\u0438.\u0440\u0444", "x@10.0.0.1"],
)  # fmt: skip
def test_an_address_of_one_script_is_one(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize(
    "text",
    ["x@*", "x..y@example.com", ".x@example.com", "x.@example.com", "x@-a.example", "x@a..b",
     "x@a_b.c", "x@", "@x", "x@y@z", "x y@example.com", "x@exa mple.com", '"x"@example.com',
     "x@example.com.", "x@example.com\n", "a\u200b@example.com",
     f"{'x' * 65}@example.com", f"x@{'a.' * 130}c",
     f"{CYRILLIC_A}dmin@example.com", f"admin@ex{CYRILLIC_A}mple.com",
     "\u0441\u043e\u0441\u043e@example.com", "\u03bfps@example.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    """Also where a letter of another script stands in for one that looks like it."""
    assert not is_email(text)


@pytest.mark.parametrize(
    "text", ["https://a.example/x?y=1", "https://[::1]:8200", "https://10.0.0.1/"]
)
def test_an_https_address_is_one(text: str) -> None:
    assert is_https(text)


@pytest.mark.parametrize(
    "text",
    ["https://*", "https://a..b/", "https://exa mple.com", "https://a.example/\n", "https://u@a.example",
     "https://a.example:99999", f"https://ex{CYRILLIC_A}mple.com", "http://a.example", "https:///x"],
)  # fmt: skip
def test_what_is_no_https_address_is_refused(text: str) -> None:
    assert not is_https(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"b{CYRILLIC_A}ckend-prod", "b\\u0430ckend-prod"),
        ("\u03bfps@example.com", "\\u03bfps@example.com"),
        (f"key {CYRILLIC_A}\u0431\u0432", f"key {CYRILLIC_A}\u0431\u0432"),
        ("\U0001d41admin", "\\U0001d41admin"),
        *[(text, text) for text in ("na\u00efve \u03b1\u03b2", "5\u00b5s", "\u65e5\u672cIT")],
    ],
)  # fmt: skip
def test_a_word_of_two_scripts_is_marked_wherever_it_is_shown(text: str, shown: str) -> None:
    """The letter that is not what it looks like is escaped; words of one script stay words."""
    assert showable(text) == shown
