from __future__ import annotations

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.views.layout import cell_rows, cut, labelled, number_ranges, said, width_of, wrap
from respond.views.style import ANSI, PLAIN, style_for
from respond.views.words import span_text, state_cells, value_text


@given(st.text(), st.integers(8, 100))
def test_no_line_is_wider_than_asked(text: str, width: int) -> None:
    """Whatever is wrapped fits, wide letters and marks included."""
    assert all(width_of(line) <= width for line in wrap(said(text), width))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80), st.integers(20, 100))
def test_wrapping_loses_no_letter(text: str, width: int) -> None:
    """Lines put together are the text again, but for the spaces between words."""
    shown = said(text)
    assert "".join(wrap(shown, width)).replace(" ", "") == shown.replace(" ", "")


@given(st.lists(st.text(max_size=60), min_size=2, max_size=4))
def test_cells_stay_in_their_columns(texts: list[str]) -> None:
    """Each line of each cell has exactly the width of its column."""
    rows = cell_rows([said(text) for text in texts], [10] * len(texts))
    assert all(width_of(cell) == 10 for row in rows for cell in row)


@given(st.text(), st.integers(4, 50))
def test_a_live_line_fits(text: str, width: int) -> None:
    """The one line that is rewritten never becomes two."""
    assert width_of(cut(said(text), width)) <= width


def test_a_long_label_keeps_its_text_behind_it() -> None:
    """Further lines stand under the first one, whatever the label's length."""
    lines = labelled("Label", "word " * 40, 40)
    assert lines[0].startswith("Label")
    assert all(line.startswith(" " * 13) for line in lines[1:])


def test_numbers_are_told_in_ranges() -> None:
    """1, 3 to 5."""
    assert number_ranges([5, 3, 4, 1]) == "1, 3-5"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (4.4, "4 s"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (90_000, "1 d 1 h"),
    ],
)
def test_spans_are_told_in_two_units(seconds: float, text: str) -> None:
    """Long enough to decide, short enough to read."""
    assert span_text(seconds) == text


@pytest.mark.parametrize(
    ("before", "after", "cells"),
    [
        ({"key": "alive"}, {"key": "refused"}, ("alive", "refused")),
        ({"there": False}, {"there": True}, ("absent", "there")),
        ({"version": 7}, {"version": 8}, ("version 7", "version 8")),
        (None, {"sent": True}, ("-", "sent")),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, ("b 2", "b 3")),
        ({"done": False}, {"done": True}, ("not done", "done")),
        ({"on": {"a": 1, "b": 2}}, {"on": {"a": 1, "b": 3}}, ("on b 2", "on b 3")),
    ],
)
def test_before_and_after_in_a_word(before: object, after: object, cells: tuple[str, str]) -> None:
    """Only what differs is shown."""
    assert state_cells(before, after) == cells


@pytest.mark.promise("P22")
def test_a_secret_is_shown_by_name_and_hint() -> None:
    """A handle's name and last letters are all there is to show."""
    shown = value_text({"secret": "inputs.leaked", "hint": "cdef", "digest": "ab" * 32})
    assert shown == "secret inputs.leaked, ends in cdef"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_color_wins() -> None:
    """Colour on a terminal only, and never against NO_COLOR."""
    terminal = {"TERM": "xterm"}
    assert style_for(Terminal(), terminal) is ANSI
    assert style_for(Terminal(), {**terminal, "NO_COLOR": "1"}) is PLAIN
    assert style_for(Terminal(), {**terminal, "NO_COLOR": ""}) is ANSI
    assert style_for(Terminal(), {"TERM": "dumb"}) is PLAIN
    assert style_for(io.StringIO(), terminal) is PLAIN


def test_views_load_nothing_heavy() -> None:
    """A question at 3 a.m. waits for no library."""
    code = (
        "import sys; import respond.adapters.prompt.terminal, respond.views.report;"
        "print([m for m in ('rich', 'pydantic', 'structlog', 'httpx', 'tenacity')"
        " if m in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
