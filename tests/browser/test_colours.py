from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

import respond.server

CSS = (Path(respond.server.__file__).parent / "static" / "respond.css").read_text(encoding="utf-8")

GROUNDS = ("page", "card", "good-card", "care-card", "danger-card")
TEXTS = ("text", "faint", "link", "good", "care", "danger")
PAIRS = (
    *((text, ground) for text, ground in product(TEXTS, GROUNDS)),
    ("yes-text", "yes"),
    ("no-text", "no"),
    ("bar-text", "bar"),
    ("real-text", "real"),
    ("practice-text", "practice"),
)


def colours(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    block = light if scheme == "light" else dark
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_every_ground(scheme: str) -> None:
    """At least 4.5 to 1, by day and at 3 a.m."""
    given = colours(scheme)
    for text, ground in PAIRS:
        assert contrast(given[text], given[ground]) >= 4.5, (scheme, text, ground)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_where_the_focus_is_can_be_seen(scheme: str) -> None:
    """At least 3 to 1 against what is around it."""
    given = colours(scheme)
    for ring, grounds in (("focus", GROUNDS), ("bar-focus", ("bar",))):
        for ground in grounds:
            assert contrast(given[ring], given[ground]) >= 3, (scheme, ring, ground)


def test_both_schemes_name_the_same_colours() -> None:
    """None is forgotten in the dark, and no colour stands anywhere else."""
    assert colours("light").keys() == colours("dark").keys()
    rest = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", re.sub(r"#[a-z]+ \{", "", rest))


def test_the_style_and_the_script_ask_for_nothing_elsewhere() -> None:
    """No import, no font, no picture, no library."""
    folder = Path(respond.server.__file__).parent / "static"
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        text = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"@import|url\(|https?://|eval\(|innerHTML|\.write\(", text), path
