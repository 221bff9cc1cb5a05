import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.http.request import WriteRefusedError
from respond.adapters.routing import LocalPen, Opener, RouterPen, RouterReader, keep_own
from respond.adapters.secrets.credential_store import CredentialStore
from respond.adapters.secrets.redactor import Redactor
from respond.core.script import NOT_HTTP, Call, Reply
from respond.core.values import SecretHandle
from respond.errors import NotReadyError, RefusedBySystemError
from respond.ports import Intent, IntentSpentError
from respond.testing.loopback import FixedSecrets

HANDLE = SecretHandle("new.value")
OPENER = FixedSecrets({"new.value": "canary-new"}).opened


class Recorder:
    """A reader and a pen that remember what they were given."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def fetch(self, call: Call) -> Reply:
        self.calls.append(call)
        return Reply(200, {}, None)

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        intent.spend(digest)
        return self.fetch(call)


class Keys:
    """A key store in memory."""

    says = "memory"

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self.values.get(name)

    def set(self, name: str, value: bytes) -> None:
        self.values[name] = value

    def delete(self, name: str) -> None:
        self.values.pop(name)


def intent() -> Intent:
    return Intent.mint(seq=1, run="r", digest="d")


@pytest.mark.promise("P5")
@pytest.mark.parametrize("surface", sorted(NOT_HTTP))
def test_a_reader_knows_http_alone(surface: str) -> None:
    """Mail, programs, the screen and our own store are writes."""
    http = Recorder()

    with pytest.raises(WriteRefusedError):
        RouterReader(http).fetch(Call("it", surface, "GET", ("a",)))
    RouterReader(http).fetch(Call("it", "api", "GET", ("a",)))
    assert [call.surface for call in http.calls] == ["api"]


def test_each_surface_goes_to_its_own_pen() -> None:
    """What is not listed elsewhere goes to HTTP."""
    http, mail = Recorder(), Recorder()
    pen = RouterPen(http, {"smtp": mail})
    pen.send(intent(), Call("it", "smtp", "SEND", ()), "d")
    pen.send(intent(), Call("it", "events", "POST", ("a",)), "d")

    assert [call.surface for call in mail.calls] == ["smtp"]
    assert [call.surface for call in http.calls] == ["events"]


def test_a_surface_that_is_not_set_up_is_refused_and_the_intent_is_spent() -> None:
    """Nothing falls through to HTTP."""
    http = Recorder()
    once = intent()

    with pytest.raises(RefusedBySystemError, match="smtp of connection 'it' is not set up"):
        RouterPen(http, {}).send(once, Call("it", "smtp", "SEND", ()), "d")
    with pytest.raises(IntentSpentError):
        once.spend("d")
    assert http.calls == []


def test_the_screen_is_a_function_that_gets_what_opens_secrets() -> None:
    """It is called once, with the intent spent before."""
    shown: list[str] = []

    def show(call: Call, opener: Opener) -> Reply:
        shown.append(opener(call.body))
        return Reply(200, {}, None)

    pen = LocalPen(show, OPENER)
    once = intent()
    call = Call("it", "screen", "SHOW", ("the new key",), body=HANDLE)
    pen.send(once, call, "d")

    with pytest.raises(IntentSpentError):
        pen.send(once, call, "d")
    assert shown == ["canary-new"]


@pytest.mark.parametrize(("path", "name"), [((), "cio"), (("app",), "cio/app")])
def test_a_new_credential_of_our_own_is_kept(path: tuple[str, ...], name: str) -> None:
    """The surface ``own`` puts it into the key store under the connection's name."""
    keys = Keys()
    store = CredentialStore({}, keys, Redactor(), SystemClock(), environment={})
    pen = LocalPen(keep_own(store), OPENER)
    pen.send(intent(), Call("cio", "own", "SET", path, body=HANDLE), "d")

    assert keys.values == {f"credential/{name}": b"canary-new"}
    assert store.credential(name) == "canary-new"


def test_a_function_that_is_not_ready_did_nothing() -> None:
    """The engine hears a refusal, and that a person could do it."""

    def show(_: Call, __: Opener) -> Reply:
        raise NotReadyError("no terminal", do="start it at a terminal")

    with pytest.raises(RefusedBySystemError, match="no terminal") as caught:
        LocalPen(show, OPENER).send(intent(), Call("it", "screen", "SHOW", ()), "d")
    assert caught.value.by_hand
    assert caught.value.do == "start it at a terminal"
