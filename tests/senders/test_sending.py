import pytest

from respond.senders import SENDERS, Secrets, check_secret
from respond.testing.senders import RETRIES, Retries, payload, secret_for, signed
from respond.testing.settable_clock import SettableClock

NAMES = sorted(SENDERS)


class Receiver:
    """Answers as it is told, and verifies what it gets as the server would."""

    def __init__(self, sender: str, clock: SettableClock, statuses: list[int]) -> None:
        self._sender = SENDERS[sender]
        self._secrets = Secrets((secret_for(sender),))
        self._clock = clock
        self._statuses = statuses
        self.at_s: list[int] = []
        self.slow_s = 0.0

    def __call__(self, headers: list[tuple[str, str]], body: bytes) -> int:
        raw = [(key.encode(), value.encode()) for key, value in headers]
        now_s = self._clock.now_ms() // 1000
        self._sender.verify(self._secrets, {}, raw, body, now_s)
        self.at_s.append(now_s)
        self._clock.advance(self.slow_s)
        return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]


def sending(sender: str, statuses: list[int]) -> tuple[Retries, Receiver, SettableClock]:
    clock = SettableClock()
    receiver = Receiver(sender, clock, statuses)
    return Retries(sender, [secret_for(sender)], receiver, clock), receiver, clock


@pytest.mark.parametrize("name", NAMES)
def test_each_sender_has_a_way_to_sign_and_to_try_again(name: str) -> None:
    """The list of senders and the helpers for testers are one list."""
    assert SENDERS[name].name == name
    assert name in RETRIES
    assert check_secret(SENDERS[name], secret_for(name)) == ""
    assert signed(name, [secret_for(name)], b"{}", now_s=1)
    assert RETRIES[name].pauses_s == () or not SENDERS[name].delivers_once
    if SENDERS[name].reader is not None:
        assert payload(name)


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", ["pagerduty", "alertmanager", "incidentio"])
def test_a_503_is_answered_by_another_attempt(name: str) -> None:
    """Signed afresh, with the same id and the same body."""
    retries, receiver, _ = sending(name, [503, 503, 202])

    assert retries.deliver(b"{}", "d-1").statuses == (503, 503, 202)
    assert receiver.at_s == sorted(receiver.at_s)


@pytest.mark.parametrize("name", ["github", "gitguardian", "slack", "grafana"])
def test_some_senders_deliver_once(name: str) -> None:
    """What is lost there must be asked for."""
    retries, _, _ = sending(name, [503, 202])

    assert not retries.deliver(b"{}", "d-1").arrived


def test_a_pager_switches_itself_off_after_three_refusals() -> None:
    """Three 4xx in a row, and it is silent for a day; 429 is another attempt."""
    retries, receiver, clock = sending("pagerduty", [400])
    for number in range(3):
        assert not retries.deliver(b"{}", f"d-{number}").arrived

    assert retries.deliver(b"{}", "d-4").statuses == ()
    assert len(receiver.at_s) == 3
    clock.advance(86_400)
    assert retries.deliver(b"{}", "d-5").statuses == (400,)
    patient, _, _ = sending("pagerduty", [429, 202])
    assert patient.deliver(b"{}", "d-1").arrived


def test_alertmanager_never_comes_back_after_a_4xx() -> None:
    """429 included: it is the wrong word for come again later."""
    retries, _, _ = sending("alertmanager", [429, 202])

    assert retries.deliver(b"{}", "d-1").statuses == (429,)


def test_an_answer_that_comes_too_late_is_none() -> None:
    """Six seconds are more than PagerDuty waits: it sends again, though we had it."""
    retries, receiver, _ = sending("pagerduty", [202])
    receiver.slow_s = 6

    sent = retries.deliver(b"{}", "d-1")

    assert not sent.arrived
    assert set(sent.statuses) == {0}
    assert receiver.at_s[-1] - receiver.at_s[0] <= 3 * 86_400
    receiver.slow_s = 4
    assert retries.deliver(b"{}", "d-2").arrived
