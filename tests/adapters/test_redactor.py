import base64
import html
import json
import pickle
import threading
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.adapters.secrets.redactor import Redactor
from respond.core.redact import SHORTEST, forms

SECRET = "s3cr3t/of+ours=\u00e9\"'<&>\\ x"
MARK = "[secret it]"


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    assert made.register("it", SECRET)
    return made


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        repr(SECRET)[1:-1],
        html.escape(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower().replace("%c3%a9", "%c3%a9"),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_a_secret_is_found_in_every_form(redactor: Redactor, form: str) -> None:
    """Plain, escaped, in a URL, in hex and in base64: its name stands in its place."""
    text = redactor.clean(f"before {form} after")

    assert form not in text
    assert MARK in text
    assert text.startswith("before ")
    assert text.endswith(" after")


@pytest.mark.promise("P22")
@pytest.mark.parametrize("before", [b"", b"a", b"ab"])
def test_a_secret_inside_a_longer_base64_is_found(redactor: Redactor, before: bytes) -> None:
    """Three bytes become four letters, so it looks another way at each of three places."""
    whole = base64.b64encode(before + SECRET.encode() + b" and more").decode()
    assert MARK in redactor.clean(whole)


@pytest.mark.promise("P22")
@given(
    secret=st.text(min_size=SHORTEST, max_size=40),
    before=st.binary(max_size=7),
    after=st.binary(max_size=7),
)
def test_base64_of_anything_around_a_secret_is_found(
    secret: str, before: bytes, after: bytes
) -> None:
    """At each alignment, with each alphabet, what is left does not give the secret away."""
    redactor = Redactor()
    redactor.register("it", secret)
    raw = secret.encode("utf-8", "surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + raw + after).decode()
        left = redactor.clean(text)
        assert left != text
        # At most a character and a half of base64 at each edge mixes with the neighbours.
        assert len(left.replace("[secret it]", "")) <= len(text) - len(raw) * 8 // 6 + 3


@pytest.mark.promise("P22")
@given(
    # No character of the mark, so that what is left can not be the mark's own.
    secret=st.text(st.characters(exclude_characters=MARK), min_size=SHORTEST),
    before=st.text(),
    after=st.text(),
)
def test_no_text_keeps_a_secret(secret: str, before: str, after: str) -> None:
    """Whatever stands around it, the secret itself does not stay."""
    redactor = Redactor()
    redactor.register("it", secret)

    assert secret not in redactor.clean(before + secret + after + secret)


def test_a_short_value_is_not_looked_for() -> None:
    """Fewer than six characters would mark half of every text; register says so."""
    redactor = Redactor()

    assert not redactor.register("it", "12345")
    assert redactor.clean("12345") == "12345"
    assert redactor.register("it", "123456")
    assert redactor.clean("123456") == MARK


def test_the_longer_of_two_secrets_is_found_first() -> None:
    """A secret that contains another one keeps its own name."""
    redactor = Redactor()
    redactor.register("short", "abcdef")
    redactor.register("long", "xyz-abcdef-xyz")

    assert redactor.clean("xyz-abcdef-xyz abcdef") == "[secret long] [secret short]"


def test_the_first_name_of_a_value_stays() -> None:
    """One value under two names is one secret."""
    redactor = Redactor()
    redactor.register("one", "abcdef")
    redactor.register("two", "abcdef")

    assert redactor.clean("abcdef") == "[secret one]"


def test_data_is_cleaned_to_its_leaves(redactor: Redactor) -> None:
    """Keys, nested lists, exceptions and odd objects lose the secret; numbers stay."""
    data = {SECRET: [1, None, True, {"a": (SECRET, ValueError(SECRET), b"x")}]}

    assert redactor.clean_data(data) == {
        MARK: [1, None, True, {"a": [MARK, f"ValueError('{MARK}')", "b'x'"]}]
    }


@pytest.mark.promise("P22")
def test_a_redactor_shows_nothing_of_what_it_holds(redactor: Redactor) -> None:
    """It has no text form with secrets, and no pickle."""
    assert repr(redactor) == "<redactor>"
    with pytest.raises(TypeError):
        pickle.dumps(redactor)


def test_long_texts_are_cleaned_soon() -> None:
    """A megabyte against twenty secrets takes less than a second."""
    redactor = Redactor()
    for number in range(20):
        redactor.register(str(number), f"secret/number+{number}=")
    text = "x" * 500_000 + "secret/number+7=" + "y" * 500_000
    began = time.process_time()

    assert "[secret 7]" in redactor.clean(text)
    assert time.process_time() - began < 1


def test_secrets_may_come_in_from_several_threads() -> None:
    """No registration is lost when many come at once."""
    redactor = Redactor()
    threads = [
        threading.Thread(target=redactor.register, args=(str(n), f"value-of-{n:04}"))
        for n in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(redactor.clean(f"value-of-{n:04}") == f"[secret {n}]" for n in range(50))


def test_a_plain_value_has_few_forms() -> None:
    """Letters and digits look the same in JSON, HTML and URLs, so they are searched for once."""
    assert len(forms("abcdef0123456789")) <= 6
    assert forms("abc") == frozenset()


@pytest.mark.parametrize("shown", [SECRET, base64.b64encode(SECRET.encode()).decode()])
def test_a_store_may_show_a_whole_value_to_be_compared(redactor: Redactor, shown: str) -> None:
    """Plain, or in base64 as some stores keep it; never inside of a longer text."""
    named = frozenset({"key"})
    assert redactor.clean_data({"key": shown}, but_at=named) == {"key": shown}
    assert MARK in redactor.clean_data({"key": f"x {shown}"}, but_at=named)["key"]
    assert MARK in redactor.clean_data({"key": shown})["key"]


@pytest.mark.promise("P22")
def test_a_whole_value_stands_in_the_fields_that_were_named_and_nowhere_else(
    redactor: Redactor,
) -> None:
    """A name is that of the field itself; what stands in a list has the list's."""
    named = frozenset({"key"})
    rows = [{"key": SECRET, "id": SECRET}, {"key": [SECRET], "data": {"a": SECRET}}]
    assert redactor.clean_data(rows, but_at=named) == [
        {"key": SECRET, "id": MARK},
        {"key": [SECRET], "data": {"a": MARK}},
    ]
    assert redactor.clean_data({"key": {"id": SECRET}}, but_at=named) == {"key": {"id": MARK}}
    assert redactor.clean_data(SECRET, but_at=named) == MARK


@pytest.mark.promise("P22")
def test_names_that_are_somebodys_own_are_named_by_what_they_stand_in(redactor: Redactor) -> None:
    """All that stands right below it; neither itself, nor what is deeper, nor what is beside."""
    named = frozenset({"data.*"})
    told = {"data": {"data": {"a": SECRET, "b": {"c": SECRET}}, "metadata": {"data": SECRET}}}
    assert redactor.clean_data(told, but_at=named) == {
        "data": {"data": {"a": SECRET, "b": {"c": MARK}}, "metadata": {"data": MARK}}
    }
    assert redactor.clean_data({"data": SECRET}, but_at=named) == {"data": MARK}
