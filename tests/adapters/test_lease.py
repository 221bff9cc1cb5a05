"""Whoever may be taken for dead sends nothing that changes anything (P4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from tests.adapters.test_smtp import LETTER, TAKES_ALL, MailServer

from respond.adapters.queue.lease import LEASE_S, STALLED_S, Lease
from respond.adapters.routing import LocalPen, RouterPen
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.smtp import SmtpPen
from respond.adapters.way import SmtpServer
from respond.core.script import Call, Reply
from respond.errors import NoAnswerError, RefusedBySystemError
from respond.ports import Intent, IntentSpentError
from respond.testing.loopback import FixedSecrets, Loopback, transport_to
from respond.testing.settable_clock import SettableClock

READ = Call("it", "api", "GET", ("things", "7"))
WRITE = Call("it", "api", "POST", ("things",), body={"name": "a"})
DROP = Call("it", "api", "DELETE", ("things", "7"))
SECRETS = FixedSecrets({"it": "credential-of-it", "mail": "password-of-mail"})

pytestmark = pytest.mark.promise("P4")


def intent() -> Intent:
    return Intent.mint(seq=1, run="CK-1", digest="d")


class Turns:
    """Says yes so many times, and then no."""

    def __init__(self, yes: int) -> None:
        self.left = yes

    def __call__(self) -> bool:
        self.left -= 1
        return self.left >= 0


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def test_it_counts_from_when_the_sign_of_life_was_given() -> None:
    """However late it was confirmed: the database counts from when it came."""
    clock = SettableClock()
    lease = Lease(clock)
    assert not lease.holds()

    asked = lease.asked()
    clock.sleep(1.5)
    lease.confirmed(asked)
    assert lease.holds()
    clock.sleep(LEASE_S - 1.5)
    assert not lease.holds()


def test_it_ends_before_anybody_is_taken_for_dead() -> None:
    """And by more than a request needs from the last look to the wire."""
    assert STALLED_S - LEASE_S >= 1


def test_it_ends_with_the_worker() -> None:
    """Who was told to be dead does not wait for the time to pass."""
    lease = Lease(SettableClock())
    lease.confirmed(lease.asked())
    lease.end()
    assert not lease.holds()


@pytest.mark.parametrize("call", [WRITE, DROP])
def test_a_write_that_is_late_does_not_leave(stack: ExitStack, call: Call) -> None:
    """It did not happen, and is worth another try by whoever has the run."""
    with Loopback() as server:
        line = stack.enter_context(
            transport_to(server.url, SECRETS, system="x", auth="bearer", may_write=lambda: False)
        )
        once = intent()
        with pytest.raises(RefusedBySystemError) as told:
            line.pen().send(once, call, "d")
        assert "no sign of life" in told.value.why
        assert told.value.again
        with pytest.raises(IntentSpentError):
            once.spend("d")
        assert server.received == []


def test_it_is_asked_after_the_way_there_was_opened() -> None:
    """Connecting takes its time: a lease that ends meanwhile is seen."""
    with Loopback() as server:

        def may_write() -> bool:
            return not server.opened.wait(5)

        with (
            transport_to(
                server.url, SECRETS, system="x", auth="bearer", may_write=may_write
            ) as line,
            pytest.raises(RefusedBySystemError),
        ):
            line.pen().send(intent(), WRITE, "d")
        assert server.received == []


def test_a_body_that_is_late_is_cut_off_and_nobody_knows() -> None:
    """Its head has left: it is looked at, and never taken for not sent."""
    with (
        Loopback() as server,
        transport_to(server.url, SECRETS, system="x", auth="bearer", may_write=Turns(1)) as line,
        pytest.raises(NoAnswerError),
    ):
        line.pen().send(intent(), WRITE, "d")
    assert all(seen.body == b"" for seen in server.received)


def test_reading_needs_no_lease() -> None:
    """Whoever only looks harms nobody, and may find out that the run is another's."""
    with (
        Loopback() as server,
        transport_to(
            server.url, SECRETS, system="x", auth="bearer", may_write=lambda: False
        ) as line,
    ):
        assert line.reader().fetch(READ).status == 200


def test_nothing_else_leaves_late() -> None:
    """Programs, the screen and our own key store are told nothing."""
    told: list[Call] = []

    def do(call: Call, _: object) -> Reply:
        told.append(call)
        return Reply(200, {}, None)

    once = intent()
    pen = RouterPen(
        LocalPen(do, SECRETS.opened), {"screen": LocalPen(do, SECRETS.opened)}, lambda: False
    )
    with pytest.raises(RefusedBySystemError, match="was not told"):
        pen.send(once, Call("it", "screen", "SHOW", ()), "d")
    with pytest.raises(IntentSpentError):
        once.spend("d")
    assert told == []


@pytest.mark.parametrize(
    ("yes", "verbs"),
    [(0, ["ehlo", "quit"]), (1, ["ehlo", "mail", "rcpt", "rcpt", "DATA"])],
    ids=["before its sender is named", "before its text"],
)
def test_a_letter_that_is_late_is_not_handed_over(yes: int, verbs: list[str]) -> None:
    """None is begun, and one that was begun gets no text, and so no end."""
    with closing(MailServer(TAKES_ALL)) as server:
        place = {"mail": SmtpServer("mail", "127.0.0.1", server.port, loopback_ok=True)}
        pen = SmtpPen(place, SECRETS, SettableClock(), Redactor(), may_write=Turns(yes))
        with pytest.raises(RefusedBySystemError, match="no e-mail left") as told:
            pen.send(intent(), Call("mail", "smtp", "SEND", (), body=LETTER), "d")
    assert told.value.again
    assert [said.partition(" ")[0] for said in server.heard] == verbs
    assert server.message == b""
