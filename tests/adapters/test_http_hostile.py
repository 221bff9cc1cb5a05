import gzip
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.http.transport import BODY_BYTES_MAX, HttpTransport
from respond.core.script import Call
from respond.errors import NoAnswerError
from respond.testing.loopback import CannedAnswer, FixedSecrets, Loopback, transport_to
from respond.testing.settable_clock import SettableClock

SECRETS = FixedSecrets({"it": "credential-of-it"})
READ = Call("it", "api", "GET", ("things",))
SECONDS_MAX = 2.0


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture
def transport(server: Loopback) -> Iterator[HttpTransport]:
    with transport_to(server.url, SECRETS, system="x", auth="bearer") as made:
        yield made


def _endless(head: bytes, part: bytes) -> Iterator[bytes]:
    return itertools.chain([head], itertools.repeat(part))


_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000 + b"]" * 1_000_000,
        b'{"a":' * 500_000 + b"1" + b"}" * 500_000,
        b"[" * 65 + b"]" * 65,
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b"[-Infinity]",
        b"[1e999]",
        b"[" + b"9" * 5000 + b"]",
        b'"\xff\xfe"',
        b'"\xed\xa0\x80"',
        b'["\\ud800"]',
        b'{"\\udfff": 1}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b"{} {}",
        b"{'a': 1}",
        b"[1,]",
        b'"a\nb"',
        b"\x00",
    ],
    ids=lambda body: body[:12].decode("latin-1").encode("unicode_escape").decode(),
)
def test_json_that_is_not_strict_is_no_answer(
    server: Loopback, transport: HttpTransport, body: bytes
) -> None:
    """Ambiguous, broken or endless nesting: refused, soon, and asked for once."""
    server.will(CannedAnswer(200, body))
    began = time.process_time()

    with pytest.raises(NoAnswerError, match="not JSON"):
        transport.reader().fetch(READ)
    assert time.process_time() - began < SECONDS_MAX
    assert len(server.received) == 1


@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    "answer",
    [
        CannedAnswer(200, b"[" + b"1," * (BODY_BYTES_MAX // 2) + b"1]"),
        CannedAnswer(raw=[_OK + b"Content-Length: 99999999999999999999999999\r\n\r\n{}"]),
        CannedAnswer(raw=[_OK + b"Content-Length: x\r\n\r\n{}"]),
        CannedAnswer(raw=[_OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"]),
        CannedAnswer(raw=_endless(_CHUNKED, b"2000\r\n" + b" " * 0x2000 + b"\r\n")),
        CannedAnswer(raw=_endless(_OK + b"\r\n", b" " * 4096)),
        CannedAnswer(raw=_endless(_OK, b"X-A: " + b"a" * 4096 + b"\r\n")),
        CannedAnswer(raw=_endless(_OK + b"X-A: ", b"a" * 4096)),
        CannedAnswer(raw=_endless(b"", b"a" * 4096)),
        CannedAnswer(200, gzip.compress(b"[" + b" " * 50_000_000 + b"]"), _GZIP),
        CannedAnswer(200, b"{}", {"Content-Encoding": "br, gzip"}),
    ],
    ids=[
        "too-long", "lying-length", "no-length", "two-lengths", "endless-chunks", "endless-body",
        "endless-headers", "endless-header", "endless-status", "bomb", "other-encoding",
    ],
)  # fmt: skip
def test_an_answer_without_bounds_is_cut_off(
    server: Loopback, transport: HttpTransport, answer: CannedAnswer
) -> None:
    """What is longer than the limit, or says nothing true about its length, ends in a refusal."""
    server.will(answer)
    began = time.process_time()

    with pytest.raises(NoAnswerError):
        transport.reader().fetch(READ)
    assert time.process_time() - began < SECONDS_MAX


@pytest.mark.promise("P18")
def test_informational_answers_without_end_meet_the_deadline() -> None:
    """A server that says 103 for ever is left when the call's time is over."""
    hints = itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    call = Call("it", "api", "POST", ("things",))
    with (
        Loopback() as server,
        transport_to(
            server.url,
            SECRETS,
            system="x",
            auth="bearer",
            clock=SystemClock(),
            timeout_scale=0.02,
        ) as transport,
    ):
        server.will(CannedAnswer(raw=hints))
        began = time.monotonic()

        result = transport._line(client=transport._wires.writing, writes=True).round(call)
        assert result.status == 0
        assert time.monotonic() - began < 60


@pytest.mark.promise("P18")
def test_head_may_tell_a_length_that_does_not_come(
    server: Loopback, transport: HttpTransport
) -> None:
    """The length in an answer to HEAD is that of another answer."""
    server.will(CannedAnswer(raw=[_OK + b"Content-Length: 99999999999\r\n\r\n"]))

    assert transport.reader().fetch(Call("it", "api", "HEAD", ("a",))).body is None


@pytest.mark.promise("P18")
def test_a_hostile_message_is_shown_short_and_plain(
    server: Loopback, transport: HttpTransport
) -> None:
    """A vendor's words can not move the cursor, begin a line, or fill the screen."""
    body = b'{"error": "\\u001b[2J\\u202e\\r\\n  do:  run this' + b"x" * 1_000_000 + b'"}'
    server.will(CannedAnswer(400, body))

    with pytest.raises(Exception, match="answered 400") as caught:
        transport.reader().fetch(READ)
    text = str(caught.value)
    assert text.count("\n") == 1
    assert len(text) < 400
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


# ru_maxrss is inherited from the process that forked, so that a large test run would count here.
PEAK_MIB = (
    "peak = [line for line in open('/proc/self/status') if line.startswith('VmHWM')]\n"
    "print(int(peak[0].split()[1]) // 1024)\n"
)


@pytest.mark.share(2)
@pytest.mark.promise("P18")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
@pytest.mark.parametrize("unit", ["[],", "{},", '{"":0},', "0,", '"\\u00e9\U0001f600",'])
@pytest.mark.long
def test_the_worst_body_within_the_limit_fits_into_bounds(unit: str) -> None:
    """5 MiB of the smallest values take less than 2 s and 300 MiB."""
    program = (
        "import sys, time\n"
        "from respond.core.strict_json import decode\n"
        "unit = sys.argv[1].encode()\n"
        f"body = b'[' + unit * ({BODY_BYTES_MAX - 16} // len(unit)) + b'0]'\n"
        "began = time.process_time()\n"
        "decode(body)\n"
        "print(time.process_time() - began)\n"
        f"{PEAK_MIB}"
    )
    ran = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", program, unit], capture_output=True, text=True, check=True
    )
    seconds, mib = map(float, ran.stdout.split())
    assert seconds < 60
    assert mib < 300


def test_sixty_four_levels_are_allowed(server: Loopback, transport: HttpTransport) -> None:
    """The limit on nesting is 64, and 64 pass."""
    server.will(CannedAnswer(200, b"[" * 64 + b"]" * 64))

    assert isinstance(transport.reader().fetch(READ).body, list)


def test_a_settable_clock_is_not_needed_to_stop_a_silent_server() -> None:
    """The limit for each read holds even where the clock stands still."""
    with (
        Loopback() as server,
        transport_to(
            server.url, SECRETS, system="x", auth="bearer", clock=SettableClock(),
            timeout_scale=0.01,
        ) as transport,
    ):  # fmt: skip
        server.will(*[CannedAnswer(hold=True)] * 4)

        with pytest.raises(NoAnswerError, match="did not answer"):
            transport.reader().fetch(READ)
        assert len(server.received) == 4
