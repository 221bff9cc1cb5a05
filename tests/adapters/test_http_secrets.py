import gc
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from respond.adapters.http.transport import HttpTransport
from respond.adapters.log import close_library_loggers
from respond.adapters.secrets.redactor import Redactor
from respond.core.redact import forms
from respond.core.script import AuthBasic, AuthBearer, Call
from respond.core.values import DigestOf, SecretHandle
from respond.errors import NoAnswerError, RefusedBySystemError
from respond.ports import Intent
from respond.testing.loopback import CannedAnswer, FixedSecrets, Loopback, page, says, transport_to

CANARIES = {
    "it": "canary/of+ours=1",
    "leaked": "canary\u00a0leaked\"value'2",
    "probed": "canary.probed~3",
    "pair": "user:canary%pair&4",
}
EVERY_FORM = frozenset().union(*map(forms, CANARIES.values())) | {"canary%pair&4"}
WHOLE = " ".join(CANARIES.values())

WRITES = [
    Call("it", "api", "POST", ("things",), body={"key": SecretHandle("leaked")}),
    Call("it", "api", "POST", ("a",), body={"key": SecretHandle("leaked")}, form=True),
    Call("it", "api", "PUT", ("a",), auth=AuthBearer(SecretHandle("probed"))),
    Call("it", "api", "PUT", ("a",), auth=AuthBasic(SecretHandle("pair"))),
]
FAULTS = [
    says({"error": WHOLE, "message": [WHOLE, {"detail": WHOLE}]}, 400),
    says({"error": f"your request was {WHOLE}"}, 401),
    says({"errors": [{"detail": WHOLE, "source": {"pointer": WHOLE}}]}, 422),
    says({"error": {"message": "x" * 195 + WHOLE}}, 500),
    page(200, WHOLE),
    CannedAnswer(200, b"{}", {"Content-Type": CANARIES["it"], "Content-Encoding": CANARIES["it"]}),
    CannedAnswer(200, b"x", {"Content-Type": CANARIES["it"], "X-Echo": CANARIES["it"]}),
    CannedAnswer(302, b"", {"Location": f"https://{CANARIES['probed']}/?t={CANARIES['it']}"}),
    says({}, 429, Retry_After=CANARIES["it"]),
    CannedAnswer(cut=0),
    CannedAnswer(raw=[f"{CANARIES['it']}\r\n\r\n".encode()]),
    CannedAnswer(raw=[f"HTTP/1.1 200 {CANARIES['it']}\r\n{CANARIES['it']}\r\n\r\n".encode()]),
    says({"error": "no user with the password canary%pair&4"}, 403),
]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any library logs, at its most verbose, as our log leaves it."""
    close_library_loggers()
    caplog.set_level(logging.DEBUG)
    yield caplog
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)


def everything_about(error: BaseException) -> str:
    """All that a traceback, a log or a curious handler could print of an error."""
    texts = [*traceback.format_exception(error)]
    link: BaseException | None = error
    while link is not None:
        texts += [str(link), repr(link), repr(vars(link)), repr(link.args)]
        link = link.__cause__ or link.__context__
    return "\n".join(texts)


def hits(text: str) -> list[str]:
    return [form for form in EVERY_FORM if form in text]


@pytest.mark.promise("P22")
@pytest.mark.parametrize("call", WRITES, ids=["json", "form", "bearer", "basic"])
@pytest.mark.parametrize("answer", FAULTS, ids=range(len(FAULTS)))
def test_no_fault_shows_a_secret(
    call: Call, answer: CannedAnswer, logged: pytest.LogCaptureFixture
) -> None:
    """A vendor that echoes our secrets back in every place it has, and every way to fail."""
    secrets = FixedSecrets(CANARIES)
    if call is WRITES[0]:
        # The bearer credential of the endpoint is in the header of the plain writes.
        assert hits(WHOLE)
    with (
        Loopback() as server,
        transport_to(server.url, secrets, system="x", auth="bearer") as transport,
    ):
        _learn(transport)
        server.will(answer)

        with pytest.raises((NoAnswerError, RefusedBySystemError)) as caught:
            transport.pen().send(Intent.mint(seq=1, run="r", digest="d"), call, "d")
    assert hits(everything_about(caught.value)) == []
    assert hits(logged.text) == []


@pytest.mark.promise("P22")
@pytest.mark.parametrize("reads", ["reads", ""], ids=["read", "write"])
def test_no_answer_brings_a_live_secret_in(reads: str) -> None:
    """A service that says 200 and echoes: names, texts, numbers and headers, used before or not."""
    held = {name: SecretHandle(name) for name in CANARIES if name != "it"}
    secrets = FixedSecrets({**CANARIES, "code": "9123456"})
    held["code"] = SecretHandle("code")
    echo = {"you": f"sent Bearer {WHOLE}", WHOLE: [{"deep": CANARIES["leaked"]}], "n": 9123456}
    with (
        Loopback() as server,
        transport_to(
            server.url, secrets, system="x", auth="bearer", held=lambda: held
        ) as transport,
    ):
        server.will(says(echo, 200, X_Echo=CANARIES["it"]))
        if reads:
            reply = transport.reader().fetch(Call("it", "api", "GET", ("a",)))
        else:
            intent = Intent.mint(seq=1, run="r", digest="d")
            reply = transport.pen().send(intent, Call("it", "api", "PUT", ("a",)), "d")

    assert hits(f"{reply!r}") == []
    assert "9123456" not in f"{reply!r}"
    assert "[secret it]" in reply.body["you"]


@pytest.mark.promise("P22")
def test_what_is_compared_by_value_comes_whole_and_nothing_else_does() -> None:
    """A store has to show what it holds, or nobody sees that it holds the leaked key."""
    with (
        Loopback() as server,
        transport_to(server.url, FixedSecrets(CANARIES), system="x", auth="bearer") as transport,
    ):
        told = {"value": CANARIES["it"], "note": f"was {CANARIES['it']}", "id": CANARIES["it"]}
        server.will(says(told, 200, X_Value=CANARIES["it"], Value=CANARIES["it"]))
        call = Call("it", "api", "GET", ("a",), shows_values=frozenset({"value"}))
        reply = transport.reader().fetch(call)

    assert reply.body == {
        "value": CANARIES["it"],
        "note": "was [secret it]",
        "id": "[secret it]",
    }
    assert hits(f"{reply.headers!r}") == []


@pytest.mark.promise("P22")
def test_a_digest_goes_where_a_body_wants_it_and_the_value_stays() -> None:
    """A secret that was made a moment ago marks its place without being shown there."""
    held = {"leaked": SecretHandle("leaked", digest="d1g357")}
    with (
        Loopback() as server,
        transport_to(
            server.url, FixedSecrets(CANARIES), system="x", auth="bearer", held=lambda: held
        ) as transport,
    ):
        server.will(says({}))
        body = {"mark": DigestOf(SecretHandle("leaked"))}
        intent = Intent.mint(seq=1, run="r", digest="d")
        transport.pen().send(intent, Call("it", "api", "PATCH", ("a",), body=body), "d")

    assert json.loads(server.received[0].body) == {"mark": "d1g357"}


def _learn(transport: HttpTransport) -> None:
    # A run that has opened all of its secrets once: the vendor here echoes those as well.
    wallet = transport._line.keywords["wallet"]
    wallet.own("it")
    for name in ("leaked", "probed", "pair"):
        wallet.of_run(SecretHandle(name))


@pytest.mark.promise("P22")
def test_nothing_of_the_transport_prints_a_secret() -> None:
    """The text forms of all our objects that a request leaves behind hold no secret."""
    session = says({"access_token": "canary-session-5", "scope": "read_only"})
    secrets = FixedSecrets({"it": CANARIES["it"]})
    with (
        Loopback() as server,
        transport_to(
            server.url, secrets, system="customerio", surfaces=("management",)
        ) as transport,
    ):
        server.will(session)
        reader = transport.reader()
        reader.fetch(Call("it", "management", "GET", ("a",)))

        assert server.received[1].headers["authorization"] == "Bearer canary-session-5"
        ours = [thing for thing in gc.get_objects() if _is_ours(thing)]
        assert ours
        for thing in ours:
            text = f"{thing!r}"
            assert "canary-session-5" not in text
            assert CANARIES["it"] not in text


def _is_ours(thing: Any) -> bool:
    kind = type(thing)
    return str(kind.__module__).startswith("respond.adapters")


@pytest.mark.promise("P22")
def test_a_session_token_is_a_secret_too() -> None:
    """What an exchange gives us is redacted from then on."""
    redactor = Redactor()
    secrets = FixedSecrets({"it": CANARIES["it"]})
    with (
        Loopback() as server,
        transport_to(
            server.url, secrets, system="customerio", surfaces=("management",), redactor=redactor
        ) as transport,
    ):
        server.will(says({"access_token": "canary-session-5", "scope": "read_only"}))
        server.will(says({"error": "no canary-session-5"}, 403))

        with pytest.raises(RefusedBySystemError) as caught:
            transport.reader().fetch(Call("it", "management", "GET", ("a",)))
    assert "[secret it session]" in caught.value.why
    assert redactor.clean("canary-session-5") == "[secret it session]"
