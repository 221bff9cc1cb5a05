"""AWS: the same actions against moto, which others wrote from the same service models.

It lets an inactive key in, and imitates neither the seconds that IAM takes nor conditions of
policies: what hangs on these is held against our own simulator alone.
"""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.http.sigv4 import KeyPair, sigv4
from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.secrets.redactor import Redactor
from respond.core.records import replace
from respond.core.script import Call, Connection, Me, Reply, Write
from respond.core.shapes import encode
from respond.core.values import SecretHandle
from respond.engine.drivers import World, act, look
from respond.ports import Intent
from respond.systems import load
from respond.systems.guards import GuardRefusedError
from respond.systems.sinks.actions import CheckSink
from respond.testing.loopback import FixedSecrets

moto_server = pytest.importorskip("moto.server", reason="moto is not installed")

VALUE = "AKIA2345672345672345:made-up"


class Account:
    """An account of moto's, and somebody who works in it."""

    def __init__(self, url: str) -> None:
        self.opened: dict[str, str] = {}
        self.held: dict[str, SecretHandle] = {}
        self.sent: list[Write[Any]] = []
        endpoint = Endpoint(
            "aws",
            "aws",
            dict.fromkeys(("iam", "sts", "secrets"), url),
            "aws",
            loopback_ok=True,
            options={"region": "eu-west-1"},
        )
        self.clock = SystemClock()
        self.http = HttpTransport(
            {"aws": endpoint},
            FixedSecrets({"aws": VALUE}),
            lambda handle: self.opened[handle.name],
            self.clock,
            user_agent="respond/test",
            redactor=Redactor(),
        )
        self.now = self.clock.now_ms() // 1000

    def me(self, step: str) -> Me:
        own = Connection("aws", "aws", region="eu-west-1")
        return Me(
            run="CK-7F3Q",
            step=step,
            connection=own,
            connections={"aws": own},
            persons=(),
            operator="dana",
            subject="",
            suspects=(),
            by_hand=False,
            now=self.now,
            held=self.held,
            digest=lambda value: value,
        )

    def send(self, call: Call) -> Reply:
        intent = Intent.mint(seq=len(self.sent) + 1, run="CK-7F3Q", digest="d")
        return self.http.pen().send(intent, call, "d")

    def prepare(self, action: str, version: str = "2010-05-08", **fields: Any) -> Any:
        body = {"Action": action, "Version": version, **fields}
        return self.send(Call("aws", "iam", "POST", (), form=True, body=body)).body

    def keep(self, name: str, value: str) -> SecretHandle:
        self.opened[name] = value
        self.held[name] = SecretHandle(name, digest=value)
        return self.held[name]

    def perform(self, write: Write[Any]) -> Any:
        hands: Any = write.hands
        self.sent.append(write)
        reply = self.send(hands.call)
        if hands.keep is not None:
            self.keep(hands.keep.handle, hands.keep.take(reply.body))
        return encode(hands.parse(reply))

    def do(self, action: Any, step: str = "it") -> Any:
        """Carry it out, and see that nothing is wanted any more."""
        world = World(self.http.reader())
        outcome, _ = act(action.run(self.me(step)), world, known={}, perform=self.perform)
        again = look(action.run(self.me(step)), World(self.http.reader()), known={}, predict=False)
        assert not again.writes
        return again.outcome if self.sent else outcome


def made(name: str, **given: Any) -> Any:
    cls: Any = load()[f"aws.{name}"]
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def account(url: str) -> Iterator[Account]:
    reset = urllib.request.Request(f"{url}/moto-api/reset", method="POST")  # noqa: S310 - loopback
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(reset).close()
    found = Account(url)
    with found.http:
        found.prepare("CreateUser", UserName="ci-deploy")
        yield found


@pytest.mark.parametrize(
    ("method", "target", "content"),
    [
        ("GET", b"/?Action=GetUser&Version=2010-05-08&UserName=a%2Bb%40c", b""),
        ("GET", b"/?b=2&a=%20%7E&a=1&B=", b""),
        ("POST", b"/a%20b/c", b"Action=X"),
        ("POST", b"/", '{"SecretString":"é"}'.encode()),
    ],
)
@pytest.mark.parametrize("token", ["", "the-token-of/it=="])
def test_a_signature_is_that_of_the_vendors_own_library(
    method: str, target: bytes, content: bytes, token: str
) -> None:
    """Moto brings it along; moto itself looks at no signature."""
    auth = pytest.importorskip("botocore.auth")
    requests = pytest.importorskip("botocore.awsrequest")
    credentials = pytest.importorskip("botocore.credentials")
    given = [(b"Content-Type", b"text/plain"), (b"X-Amz-Target", b"a.B")]
    lines = sigv4(
        KeyPair("AKIDEXAMPLE", "a/secret", token), method, "iam.amazonaws.com", target, given,
        content, service="iam", region="us-east-1", now_s=1_440_938_160,
    )  # fmt: skip
    headers = {n.decode(): v.decode() for n, v in given} | dict(lines[:-1])
    url = f"https://iam.amazonaws.com{target.decode()}"
    request = requests.AWSRequest(method, url, headers=headers, data=content)
    request.context["timestamp"] = headers["X-Amz-Date"]
    own = auth.SigV4Auth(
        credentials.Credentials("AKIDEXAMPLE", "a/secret", token), "iam", "us-east-1"
    )
    text = own.string_to_sign(request, own.canonical_request(request))

    assert lines[-1][1].endswith(f"Signature={own.signature(text, request)}")


def undone(account: Account, number: int = -1) -> None:
    back = account.sent[number].undo
    assert back is not None
    account.do(made(back.action.removeprefix("aws."), **back.arguments), "back")


def a_key(account: Account) -> str:
    reply = account.prepare("CreateAccessKey", UserName="ci-deploy")
    return str(
        reply["CreateAccessKeyResponse"]["CreateAccessKeyResult"]["AccessKey"]["AccessKeyId"]
    )


@pytest.mark.long
def test_a_key_is_switched_off_and_on_and_deleted(account: Account) -> None:
    """Lists, switches and the way back."""
    key = a_key(account)
    account.now += 5

    off = account.do(made("deactivate_access_key", user="ci-deploy", key=key))
    assert off.output.status == "Inactive"
    undone(account)
    listed = account.do(made("list_access_keys", user="ci-deploy"))
    assert [(k.id, k.status) for k in listed.output.keys] == [(key, "Active")]
    account.do(made("deactivate_access_keys", user="ci-deploy"))
    account.do(made("delete_access_key", user="ci-deploy", key=key))
    assert account.do(made("list_access_keys", user="ci-deploy"), "x").output.keys == ()


def test_whose_key_it_is(account: Account) -> None:
    """By its id alone."""
    found = account.do(made("find_key_owner", key=a_key(account))).output

    assert (found.ours, found.user) == (True, "ci-deploy")


def test_a_key_is_made_and_there_is_no_third_one(account: Account) -> None:
    """It goes to a secret, whose version before comes back."""
    target = (("X-Amz-Target", "secretsmanager.CreateSecret"),)
    body = {"Name": "app/key", "SecretString": "leaked", "ClientRequestToken": "0" * 32}
    account.send(Call("aws", "secrets", "POST", (), headers=target, body=body))
    new = made("create_access_key", user="ci-deploy", sink="aws:aws:app/key")
    made_one = account.do(new, "new").output

    pair = account.held["new.value"]
    assert pair.digest.startswith(f"{made_one.key}:")
    assert account.do(CheckSink("aws:aws:app/key", pair)).output.holds
    undone(account)
    leaked = account.keep("inputs.leaked", "leaked")
    assert account.do(CheckSink("aws:aws:app/key", leaked)).output.holds
    a_key(account)
    account.now += 5
    with pytest.raises(GuardRefusedError, match="2 access keys"):
        account.do(replace(new, sink="aws:aws:app/key"), "third")


def test_a_secret_that_is_not_there(account: Account) -> None:
    """It says so with 400 and a word."""
    with pytest.raises(GuardRefusedError) as refused:
        account.do(CheckSink("aws:aws:nothing"))
    assert "does not exist" in refused.value.why


@pytest.mark.parametrize("principal", ["user/ci-deploy", "role/app"])
def test_policies_are_put_read_and_taken(account: Account, principal: str) -> None:
    """A document comes back URL-encoded, and means what was put."""
    trust = '{"Version":"2012-10-17","Statement":[]}'
    account.prepare("CreateRole", RoleName="app", AssumeRolePolicyDocument=trust)
    for name in ("quarantine", "deny_older_sessions"):
        account.do(made(name, principal=principal), name)
        undone(account)
        account.do(made(name, principal=principal), f"{name}-again")
    left = account.do(made("list_left_behind", user="ci-deploy", since="2020-01-01T00:00:00Z"))

    if principal.startswith("user"):
        assert set(left.output.inline) == {"respond-deny-all", "AWSRevokeOlderSessions"}
    assert [arn.rpartition("/")[2] for arn in left.output.new_users] == ["ci-deploy"]


def test_a_console_password_is_taken(account: Account) -> None:
    """And the second time there is none."""
    account.prepare("CreateLoginProfile", UserName="ci-deploy", Password="Long-enough-1")
    account.do(made("delete_login_profile", user="ci-deploy"))

    assert len(account.sent) == 1


def test_what_is_not_there(account: Account) -> None:
    """A user and a role."""
    for principal in ("user/nobody", "role/nobody"):
        with pytest.raises(GuardRefusedError, match="there is no"):
            account.do(made("quarantine", principal=principal))
