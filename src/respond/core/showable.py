"""Make text from outside safe to show: the one function that does it.

Every text that we did not write ourselves comes through ``showable`` before it meets a
terminal, a page, a chat message or an error. It cannot move a cursor, turn the reading
direction, hide a letter or begin a line of its own afterwards. What is escaped for a
language (HTML, CSV, chat markup) is the view's own work; this module knows no markup.
"""

import re
import unicodedata
from functools import cache
from typing import Final

# C0 but tab and newline, DEL, C1, line separators, default-ignorable characters (Unicode
# DerivedCoreProperties: zero-width, bidi controls, fillers, tags), private use, lone
# surrogates, non-characters. Not here: variation selectors 1 to 16, which ordinary emoji carry.
_HIDDEN: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ue000-\uf8ff"
    "\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
) + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(1 << 16, 15 << 16, 1 << 16)
)

_MARKS_MAX: Final = 3
"""Combining marks shown on one letter. Vietnamese and Hebrew need up to three; a tower of
them paints over the lines above."""

# Scripts with letters that look like those of another. The first that a word has is its own.
_ALIKE: Final = (
    "LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "MATHEMATICAL"
)  # fmt: skip
_WORD: Final = re.compile(r"\w+")

_HOST_MAX: Final = 253
_ESCAPED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


@cache
def _hidden() -> re.Pattern[str]:
    """Compiled when it is needed: that takes longer than all of this module."""
    return re.compile(f"[{_HIDDEN}]")


def hidden_character(text: str) -> re.Match[str] | None:
    """Find the first character that a reader could not see, or that acts on the reader's screen.

    Tab, newline, ordinary and no-break spaces do not count; a carriage return does.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return None
    return _hidden().search(text)


def showable(text: str, *, limit: int = 200, newlines: bool = False) -> str:
    r"""Give ``text`` in a form that shows everything in it and does nothing.

    Whatever is invisible or acts on a screen becomes a visible escape (``\x1b``, ``\u202e``,
    ``\U000e0041``); so do spaces that look like a space and are none, and a combining mark
    that has no letter of its own to stand on, and a letter of a second script inside of a word
    that looks like one of the first. The rest is put into normal form C.

    Args:
        text: Anything, lone surrogates included.
        limit: Characters of output to keep; an escape is never cut in two. What is left out
            is counted after it: ``...(+1234)``.
        newlines: Whether a newline may stay one. Without it no text can begin a line.
    """
    lines = text.replace("\n", "") if newlines else text
    if lines.isascii() and lines.isprintable():
        return text if len(text) <= limit else f"{text[:limit]}...(+{len(text) - limit})"
    # A huge text is not normalised as a whole only to show its first words.
    head = unicodedata.normalize("NFC", text[: 4 * limit + 64])
    unread = max(0, len(text) - (4 * limit + 64))
    shown: list[str] = []
    length = 0
    foreign = _foreign(head)
    marks = _MARKS_MAX  # At the start there is no letter yet that could carry one.
    for at, character in enumerate(head):
        is_foreign = at in foreign
        piece = (
            _escaped(character) if is_foreign else _show(character, newlines=newlines, marks=marks)
        )
        if length + len(piece) > limit:
            return f"{''.join(shown)}...(+{len(head) - at + unread})"
        shown.append(piece)
        length += len(piece)
        if piece != character or character == "\n":
            marks = _MARKS_MAX
        elif _is_mark(character):
            marks += 1
        else:
            marks = 0
    return "".join(shown) if not unread else f"{''.join(shown)}...(+{unread})"


_ESCAPE: Final = r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}"


def mixes_scripts(text: str) -> bool:
    """Whether letters of one script stand among those of another that looks like it."""
    return not text.isascii() and len({_script(letter) for letter in text} - {""}) > 1


def _foreign(text: str) -> set[int]:
    """Where in a text a letter stands in a word of another script."""
    if text.isascii():
        return set()
    found: set[int] = set()
    # What was shown before is shown the same again: an escape is no part of a word.
    text = re.sub(_ESCAPE, lambda escape: " " * len(escape[0]), text)
    for word in _WORD.finditer(text):
        scripts = {at: _script(text[at]) for at in range(*word.span())}
        own = min(filter(None, scripts.values()), key=_ALIKE.index, default="")
        found.update(at for at, script in scripts.items() if script not in {"", own})
    return found


def _script(letter: str) -> str:
    """Which of the scripts that look alike it belongs to, if to any."""
    if letter.isascii():
        return "LATIN" if letter.isalpha() else ""
    first = unicodedata.name(letter, "").partition(" ")[0]
    return first if first in _ALIKE else ""


def showable_host(text: str) -> str:
    """Give a host name or an e-mail address so that two look-alikes look different.

    A name outside ASCII is followed by its ASCII form in brackets, with ``xn--`` labels for the
    host and escapes for what stands before the ``@``.
    """
    shown = showable(text, limit=_HOST_MAX)
    if text.isascii():
        return shown
    mailbox, at, host = text.rpartition("@")
    plain = f"{_escaped(mailbox)}{at}{'.'.join(_ascii_label(label) for label in host.split('.'))}"
    return f"{shown} ({showable(plain, limit=2 * _HOST_MAX)})"


def _show(character: str, *, newlines: bool, marks: int) -> str:
    if character == " " or (character == "\n" and newlines):
        return character
    if "!" <= character <= "~":
        return character
    if (
        unicodedata.category(character) in _ESCAPED_CATEGORIES
        or _hidden().match(character)
        or "\ufe00" <= character <= "\ufe0f"
        or (_is_mark(character) and marks >= _MARKS_MAX)
    ):
        return _escaped(character)
    return character


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Me"}


def _escaped(text: str) -> str:
    """Write every character outside printable ASCII as an escape."""
    return "".join(
        character
        if " " <= character <= "~"
        else f"\\x{ord(character):02x}"
        if character <= "\xff"
        else f"\\u{ord(character):04x}"
        if character <= "\uffff"
        else f"\\U{ord(character):08x}"
        for character in text
    )


def _ascii_label(label: str) -> str:
    """Give one label of a host name in ASCII.

    RFC 3492 without the mappings of IDNA 2003: those would show ``faß.example`` as
    ``fass.example``, which is another host today.
    """
    if label.isascii():
        return label
    lowered = unicodedata.normalize("NFC", label.lower())
    if hidden_character(lowered):
        return _escaped(lowered)
    return f"xn--{lowered.encode('punycode').decode('ascii')}"
