from __future__ import annotations

import pytest

from respond.audit.checkpoint import NoteError, NoteKey, Signer, open_note

JOURNAL = "J-" + "A" * 26
AT = "2026-11-23T03:12:00.000Z"
SIGNER = Signer(JOURNAL, bytes(range(32)))


def note(size: int = 3, reason: str = "end of run") -> str:
    return SIGNER.sign(size=size, head="ab" * 32, at=AT, reason=reason)


def test_what_was_signed_is_read_back() -> None:
    """A note opens with the key line alone, and says what was signed."""
    found = open_note(note(), NoteKey.parse(str(SIGNER.public)))
    assert (found.journal, found.size, found.hash) == (JOURNAL, 3, "ab" * 32)
    assert (found.at, found.reason) == (AT, "end of run")


@pytest.mark.promise("P23")
def test_a_signature_has_one_spelling() -> None:
    """Base64 leaves bits over at its end; two notes that differ are not both the same note."""
    whole, end = note().rstrip("=\n"), "=\n"
    spelt = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = whole[:-1] + spelt[spelt.index(whole[-1]) + 1]
    assert open_note(whole + end, SIGNER.public).size == 3
    with pytest.raises(NoteError):
        open_note(other + end, SIGNER.public)


@pytest.mark.promise("P23")
def test_every_changed_character_of_the_text_is_found() -> None:
    """No character of the five lines, and none of the signature, can be another."""
    whole = note()
    for place, character in enumerate(whole[:-1]):
        changed = whole[:place] + ("0" if character != "0" else "1") + whole[place + 1 :]
        with pytest.raises(NoteError):
            open_note(changed, SIGNER.public)


def test_another_key_opens_nothing() -> None:
    """A note signed by another key, of this or another journal, is refused."""
    for other in (Signer(JOURNAL, bytes(32)), Signer("J-" + "B" * 26, bytes(range(32)))):
        with pytest.raises(NoteError):
            open_note(note(), other.public)


def test_witnesses_may_sign_too() -> None:
    """Lines after the journal's own signature are left alone."""
    assert open_note(note() + "\u2014 witness AAAA\n", SIGNER.public).size == 3


@pytest.mark.parametrize("text", ["", "J-A+00000000+AA==", "x" * 500, str(SIGNER.public)[:-4]])
def test_a_key_line_with_a_slip_is_refused(text: str) -> None:
    """A key line that was cut, or typed wrong, is an error and not a key that fits nothing."""
    with pytest.raises(NoteError):
        NoteKey.parse(text)


def test_one_wrong_character_in_a_key_line_is_found() -> None:
    """The key id is over the whole line."""
    line = str(SIGNER.public)
    for place, character in enumerate(line):
        with pytest.raises(NoteError):
            NoteKey.parse(line[:place] + ("B" if character != "B" else "C") + line[place + 1 :])
