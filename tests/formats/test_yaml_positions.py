import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from respond.formats.faults import (
    FormatFault,
    FormatFaults,
    Mark,
    SourceText,
    did_you_mean,
    path_text,
    suggest,
)
from respond.formats.runbook import yaml_positions
from respond.formats.runbook.yaml_positions import Limits, read
from respond.formats.tree import Mapping, Scalar, Sequence, plain

HOSTILE = Path(__file__).parents[1] / "data" / "hostile_yaml"

RUNBOOK = """\
# A comment.
runbook: compromised-key
inputs:
  leaked: {type: secret, required: false, ask: "Paste it (hidden)"}
  since:  {type: time, example: "3 days ago"}
require: [[leaked, key]]
steps:
  - id: old
    why: |
      Two lines,
      kept.
    limit: 3
    on: yes
    reviewed: 2026-11-01
    confirm:
  - choose: inputs.order
    contain-first: [{part: kill}]
"""


STANDARD = Limits()


def fault_of(data: bytes, limits: Limits = STANDARD) -> FormatFault:
    with pytest.raises(FormatFault) as caught:
        read(data, name="runbooks/x.yaml", limits=limits)
    return caught.value


def test_a_runbook_becomes_plain_values() -> None:
    """Null, booleans and decimal integers have YAML 1.2's meaning; all else is text."""
    assert plain(read(RUNBOOK.encode(), name="x")) == {
        "runbook": "compromised-key",
        "inputs": {
            "leaked": {"type": "secret", "required": False, "ask": "Paste it (hidden)"},
            "since": {"type": "time", "example": "3 days ago"},
        },
        "require": [["leaked", "key"]],
        "steps": [
            {
                "id": "old",
                "why": "Two lines,\nkept.\n",
                "limit": 3,
                "on": "yes",
                "reviewed": "2026-11-01",
                "confirm": None,
            },
            {"choose": "inputs.order", "contain-first": [{"part": "kill"}]},
        ],
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, None) for text in ("~", "null", "Null", "NULL", "")),
        *((text, True) for text in ("true", "True", "TRUE")),
        *((text, False) for text in ("false", "False", "FALSE")),
        ("0", 0),
        ("-7", -7),
        ("9007199254740991", 2**53 - 1),
        *((text, text) for text in ("yes", "No", "on", "OFF", "y", "nULL", "tRue")),
        *((text, text) for text in ("2026-11-01", "12:30", "1:30:00", "1_000", "1.2.3", "30s")),
        *((text, text) for text in ("+", ".", "-x", "0b1", "0x", "1e", "=", "<<")),
        ("'1'", "1"),
        ('"true"', "true"),
        ("'~'", "~"),
        ('"a\\tb\\n"', "a\tb\n"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    """Only what YAML 1.2 says, and no surprise of YAML 1.1."""
    read_value = plain(read(f"a: {text}\n".encode(), name="x"))

    assert read_value == {"a": value}
    assert isinstance(read_value, dict)
    assert type(read_value["a"]) is type(value)


def test_every_node_knows_its_place() -> None:
    """Lines and columns count from 1, in characters, also after wide ones and CRLF."""
    root = read("# \u4e2d\r\na: '\u4e2d\u4e2d'\r\nb:\r\n  - {c: 1}\r\n".encode(), name="x")

    assert isinstance(root, Mapping)
    (a, text), (b, items) = root.entries
    assert (a.mark, text.mark, b.mark) == (Mark(2, 1), Mark(2, 4), Mark(3, 1))
    assert isinstance(text, Scalar)
    assert (text.end, text.plain) == (Mark(2, 8), False)
    assert isinstance(items, Sequence)
    assert (items.mark, items.items[0].mark) == (Mark(4, 3), Mark(4, 5))
    assert root.get("b") is items
    assert root.get("z") is None
    assert isinstance(items.items[0], Mapping)
    assert [value.mark for _, value in items.items[0].entries] == [Mark(4, 9)]


NOT_PART = "not part of this format"
HIDDEN = "invisible or control character"
NUMBER = "not a plain decimal number"
NOT_TEXT = "is not text"


@pytest.mark.parametrize(
    ("name", "line", "column", "what"),
    [
        ("alias", 1, 8, NOT_PART),
        ("anchor", 1, 8, NOT_PART),
        ("anchors_multiply", 1, 4, NOT_PART),
        ("bad_indentation", 3, 3, "not YAML"),
        ("bidi_in_comment", 1, 15, f"{HIDDEN} \\u202e"),
        ("bidi_written", 1, 8, f"{HIDDEN} \\u202e"),
        ("byte_order_mark", 1, 1, "byte order mark"),
        ("carriage_return", 1, 12, f"{HIDDEN} \\x0d"),
        ("colon_in_text", 1, 11, "not YAML"),
        ("depth_33", 1, 33, "more than 32 deep"),
        ("directive_tag", 1, 1, NOT_PART),
        ("directive_yaml", 1, 1, NOT_PART),
        ("empty", 0, 0, "empty"),
        ("escape_raw", 1, 8, f"{HIDDEN} \\x1b"),
        ("escape_written", 1, 8, f"{HIDDEN} \\x1b"),
        ("exponent", 1, 8, NUMBER),
        ("float", 1, 8, NUMBER),
        ("hexadecimal", 1, 8, NUMBER),
        ("infinity", 1, 8, NUMBER),
        ("key_boolean", 1, 1, NOT_TEXT),
        ("key_float", 1, 1, NOT_TEXT),
        ("key_list", 1, 3, "a key must be text"),
        ("key_mapping", 1, 2, "a key must be text"),
        ("key_null", 1, 1, "not YAML"),
        ("key_number", 1, 1, NOT_TEXT),
        ("key_twice", 4, 5, "twice"),
        ("key_twice_in_two_forms", 2, 1, "twice"),
        ("latin1", 2, 12, "not UTF-8"),
        ("leading_zero", 1, 10, NUMBER),
        ("line_separator", 1, 9, f"{HIDDEN} \\u2028"),
        ("merge_key", 2, 5, NOT_PART),
        ("next_line", 1, 9, f"{HIDDEN} \\x85"),
        ("not_a_number", 1, 8, NUMBER),
        ("nul", 1, 11, f"{HIDDEN} \\x00"),
        ("null_document", 0, 0, "empty"),
        ("number_of_5000_digits", 1, 8, "is larger than"),
        ("number_too_large", 1, 8, "is larger than"),
        ("octal", 1, 8, NUMBER),
        ("only_a_comment", 0, 0, "empty"),
        ("overlong_utf8", 1, 8, "not UTF-8"),
        ("plus_sign", 1, 8, NUMBER),
        ("reserved_indicator", 1, 8, "not YAML"),
        ("surrogate_in_utf8", 1, 8, "not UTF-8"),
        ("surrogate_written", 1, 11, "not YAML"),
        ("tab_indent", 2, 1, "not YAML"),
        ("tag_characters", 1, 9, f"{HIDDEN} \\U000e0041"),
        ("tag_core", 1, 8, f"'!!str': tags are {NOT_PART}"),
        ("tag_local", 1, 8, NOT_PART),
        ("tag_nonspecific", 1, 8, NOT_PART),
        ("tag_on_key", 1, 1, NOT_PART),
        ("tag_python", 1, 8, NOT_PART),
        ("too_large_character_written", 1, 11, "not YAML"),
        ("two_documents", 2, 1, "second document"),
        ("unclosed_bracket", 1, 8, "not YAML"),
        ("unclosed_quote", 1, 8, "not YAML"),
        ("utf16", 1, 1, "byte order mark"),
        ("utf16_without_mark", 1, 2, f"{HIDDEN} \\x00"),
        ("zero_width_in_key", 1, 4, f"{HIDDEN} \\u200b"),
    ],
)
@pytest.mark.promise("P18")
def test_a_hostile_file_is_refused(name: str, line: int, column: int, what: str) -> None:
    """Each file is named for what is wrong in it, and refused at that place."""
    fault = fault_of((HOSTILE / f"{name}.yaml").read_bytes())

    assert what in fault.what
    assert (fault.line, fault.column) == (line, column)
    assert all(part.isprintable() for part in str(fault).split("\n"))


def test_every_hostile_file_is_tested() -> None:
    """No file lies there that nobody reads."""
    table = test_a_hostile_file_is_refused.pytestmark  # type: ignore[attr-defined]
    named = {row[0] for mark in table if mark.name == "parametrize" for row in mark.args[1]}

    assert named == {path.stem for path in HOSTILE.glob("*.yaml")}


@pytest.mark.parametrize("name", sorted(path.stem for path in HOSTILE.glob("*.yaml")))
@pytest.mark.promise("P18")
def test_the_parser_without_c_refuses_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python whose YAML library lacks the C part is no way round a rule."""
    monkeypatch.setattr(yaml_positions, "_Loader", yaml.SafeLoader)

    assert isinstance(fault_of((HOSTILE / f"{name}.yaml").read_bytes()), FormatFault)
    assert read(RUNBOOK.encode(), name="x").mark == Mark(2, 1)


BIG = {
    "flow lists": b"[" * 25_000,
    "flow lists, closed": b"[" * 12_500 + b"]" * 12_500,
    "flow mappings": b"{a: " * 6_250,
    "block lists": b"- " * 12_500 + b"x",
    "explicit keys": b"? " * 12_500,
    "block mappings": b"".join(b" " * n + b"a:\n" for n in range(220)),
    "items": b"[" + b"a," * 130_000 + b"]",
    "block items": b"- a\n" * 65_000,
    "keys": b"".join(b"k%d: 1\n" % n for n in range(20_000)),
    "one text": b"a: " + b"x" * 70_000,
    "one quoted text": b'a: "' + b"x" * 200_000 + b'"',
    "one folded text": b"a: >\n" + b"  x\n\n" * 40_000,
    "a long key": b"x" * 200_000 + b": 1",
    "a number": b"a: " + b"1" * 200_000,
    "bytes": b"#" * 262_145,
    "documents": b"---\n" * 60_000,
    "anchors": b"- &a x\n" * 30_000,
    "quotes": b"''" * 130_000,
    "open quotes": b'["' + b'", "' * 60_000,
    "backslashes": b'"' + b"\\\\" * 130_000,
    "marks": b"a: " + "\u0301".encode() * 100_000,
    "commas": b"[" + b"," * 250_000,
    "colons": b":" * 250_000,
    "question marks": b"?\n" * 130_000,
    "tags": b"!" * 250_000,
    "percents": b"%" * 250_000,
    "bars": b"|\n" * 130_000,
    "blank lines": b"a: 1\n" + b"\n" * 250_000 + b"@",
    "spaces": b" " * 250_000 + b"@",
}

MEASURED = """
import sys, time
from respond.formats.runbook.yaml_positions import read
from respond.formats.faults import FormatFault
data = sys.stdin.buffer.read()
began = time.process_time()
try:
    read(data, name="big.yaml")
except FormatFault as fault:
    assert len(str(fault)) < 1_000
    # Not ru_maxrss: that is inherited from the process that forked.
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(time.process_time() - began, int(peak.split()[1]) // 1024)
"""


@pytest.mark.share(3)
@pytest.mark.parametrize("what", BIG)
@pytest.mark.promise("P18")
@pytest.mark.long
def test_a_big_file_is_refused_in_bounded_time(what: str) -> None:
    """Depth, number and size are counted before anything is built."""
    began = time.process_time()

    assert len(str(fault_of(BIG[what]))) < 1_000
    assert time.process_time() - began < 2


@pytest.mark.parametrize("what", ["flow lists", "block lists", "items", "one folded text"])
@pytest.mark.promise("P18")
def test_a_big_file_needs_little_memory(what: str) -> None:
    """In a process of its own: no signal, no traceback, 2 s and 300 MiB at most."""
    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-c", MEASURED], input=BIG[what], capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
    seconds, mebibytes = done.stdout.split()
    assert float(seconds) < 2
    assert int(mebibytes) < 300


def test_limits_can_be_lowered() -> None:
    """Each limit holds at its value and refuses one more."""
    data = b"[[a, b], c]"
    assert plain(read(data, name="x", limits=Limits(11, 2, 5, 1))) == [["a", "b"], "c"]
    for limits in (Limits(10, 2, 5, 1), Limits(11, 1, 5, 1), Limits(11, 2, 4, 1)):
        assert fault_of(data, limits).what
    assert "2 characters" in fault_of(b"[ab]", Limits(11, 2, 5, 1)).what


# Faults as they are printed.


def test_a_fault_shows_the_line_and_the_place() -> None:
    """File, line, column, sentence, the line itself, a mark under the place, and what to do."""
    source = SourceText(
        "runbooks/x.yaml", b"steps:\n  - id: revoke\n    acton: customerio.revoke\n"
    )
    fault = source.fault(
        Mark(3, 5), "unknown key 'acton' in step 'revoke'", hint=did_you_mean("acton", ["action"])
    )

    assert str(fault) == (
        "runbooks/x.yaml:3:5: unknown key 'acton' in step 'revoke'\n"
        "    acton: customerio.revoke\n"
        "    ^\n"
        "  did you mean 'action'?"
    )


def test_a_fault_in_a_long_line_shows_what_stands_around() -> None:
    """The line is cut to 100 columns, and the mark stays under its place."""
    text = "a" * 500 + "X" + "b" * 500
    fault = SourceText("x", text.encode()).fault(Mark(1, 501), "here")

    assert len(fault.source_line) == 100
    assert fault.source_line[fault.caret] == "X"


@pytest.mark.promise("P21")
def test_a_fault_shows_hostile_text_safely() -> None:
    """Name, sentence, line and hint come from outside, and cannot act on the terminal."""
    source = SourceText("x\x1b.yaml", "k\u202e: \u4e2d\x1b[2J!\n".encode())
    fault = source.fault(Mark(1, 11), "bad \x07\nforged: line", hint="\u200b\r")

    assert all(line.isprintable() for line in str(fault).split("\n"))
    assert str(fault).count("\n") == 3
    assert fault.source_line == "k\\u202e: \u4e2d\\x1b[2J!"
    assert fault.caret == len("k\\u202e: ..\\x1b[2J!")


def test_many_faults_are_counted() -> None:
    """Twenty are shown, behind how many there are: the first stay on the screen."""
    source = SourceText("x", b"a\n" * 30)
    faults = FormatFaults(tuple(source.fault(Mark(n, 1), f"wrong {n}") for n in range(1, 31)))

    assert str(faults).startswith("30 faults, the first 20:\nx:1:1: wrong 1\n")
    assert str(FormatFaults(faults.faults[:2])).startswith("2 faults\n")
    assert str(FormatFaults(faults.faults[:1])).startswith("x:1:1: wrong 1")
    assert "wrong 20" in str(faults)
    assert "wrong 21" not in str(faults)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("acton", "action"),
        ("Action", "action"),
        ("on-failure", "on_failure"),
        ("forEach", "for_each"),
        ("titel", "title"),
        ("zzz", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_suggestions(word: str, meant: str | None) -> None:
    """A slip is recognised; a word of another kind gets no far-fetched advice."""
    assert suggest(word, ["action", "on_failure", "for_each", "title", "with", "when"]) == meant


def test_paths_read_like_the_file() -> None:
    """The same path in every message."""
    assert path_text(["steps", 2, "with", "key"]) == "steps[2].with.key"
    assert path_text([]) == ""


def test_a_fault_travels() -> None:
    """A fault found in a worker process arrives whole."""
    fault = fault_of(b"a: &x 1")
    assert str(pickle.loads(pickle.dumps(fault))) == str(fault)  # noqa: S301 - made just here


# Campaign C9, first form.


def refused_or_read(data: bytes) -> None:
    try:
        plain(read(data, name="fuzz.yaml"))
    except FormatFault as fault:
        shown = str(fault)
    else:
        return
    assert all(line.isprintable() for line in shown.split("\n"))


@pytest.mark.promise("P18")
@pytest.mark.campaign("C9")
@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but a node or a ``FormatFault`` comes out of any bytes."""
    refused_or_read(data)


PIECES = st.sampled_from(
    [
        *(b"&a ", b"*a", b"!x ", b"<<: ", b"---\n", b"...\n", b"%YAML 1.2\n", b"? ", b": ", b"- "),
        *(b"[", b"]", b"{", b"}", b",", b'"', b"'", b"|\n", b">-\n", b"#", b"\t", b"\n", b"\r"),
        *(b"\x00", b"\xff", b"\xc2\x85", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"\\", b"1.5", b"~"),
        *(b'"\\x1b"', b'"\\ud800"', b'"\\U00110000"', b"[" * 40, b"- " * 40, b" " * 80, b"@"),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = RUNBOOK.encode()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.sampled_from([0, 0, 1, 5, 40])))
        data = data[:start] + draw(PIECES | st.binary(max_size=3)) + data[stop:]
    return data


@pytest.mark.promise("P18")
@pytest.mark.campaign("C9")
@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_a_mutated_runbook_is_read_or_refused(data: bytes) -> None:
    """Nothing but a node or a ``FormatFault`` comes out of a runbook with damage in it."""
    refused_or_read(data)
