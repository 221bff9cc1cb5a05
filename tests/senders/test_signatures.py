import base64
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.senders import (
    SENDERS,
    NotGenuineError,
    Proven,
    SenderSecrets,
    check_options,
    check_secret,
    refuses_encoding,
)
from respond.testing.senders import _SIGNERS, _Delivery, secret_for, signed

NOW_S = 1_795_403_520
BODY = b'{"hello":"world"}'
NAMES = sorted(SENDERS)
GRAFANA_TIMED = {"timestamp_header": "X-Grafana-Alerting-Timestamp"}
TIMED: dict[str, dict[str, Any]] = {
    "incidentio": {},
    "standard-webhooks": {},
    "slack": {},
    "gitguardian": {},
    "grafana": GRAFANA_TIMED,
}
SIGNED = [name for name in NAMES if not SENDERS[name].weak]

Raw = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Vector:
    """Published by the sender, or computed from its documented algorithm."""

    sender: str
    secret: str
    body: bytes
    headers: dict[str, str]
    now_s: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    proof: Proven = field(default_factory=lambda: Proven("", None, weak=False))


VECTORS = [
    Vector(
        "slack",
        "8f742231b10e8888abcd99yyyzzz85a5",
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        {
            "x-slack-request-timestamp": "1531420618",
            "x-slack-signature": (
                "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
            ),
        },
        now_s=1531420618,
        proof=Proven("", 1531420618, weak=False),
    ),
    Vector(
        "github",
        "It's a Secret to Everybody",
        b"Hello, World!",
        {
            "x-hub-signature-256": (
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
            ),
            "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        },
        proof=Proven("72d3162e-cc78-11e3-81ab-4c9367dc0958", None, weak=False),
    ),
    Vector(
        "gitguardian",
        "foo",
        b"bar",
        {
            "timestamp": "0",
            "gitguardian-signature": (
                "sha256=172fe3d694b734aa53dc892fd3b8d62163fc240064de570ba006900bb54a0fc2"
            ),
        },
        proof=Proven("", 0, weak=False),
    ),
    Vector(
        "standard-webhooks",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b'{"test": 2432232314}',
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        now_s=1614265330,
        proof=Proven("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, weak=False),
    ),
    Vector(
        "incidentio",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b'{"test": 2432232314}',
        {
            "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "svix-timestamp": "1614265330",
            "svix-signature": "v2,no v1a,no v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        now_s=1614265330,
        proof=Proven("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, weak=False),
    ),
    Vector(
        "grafana",
        "grafana-shared-secret",
        b'{"receiver":"respond","status":"firing"}',
        {
            "x-grafana-alerting-signature": (
                "5470fdc3f3ee890addb86d151280bf8acfc4c19576d934f8c34d42e2c1f19da4"
            )
        },
    ),
    Vector(
        "grafana",
        "grafana-shared-secret",
        b'{"receiver":"respond","status":"firing"}',
        {
            "x-grafana-alerting-timestamp": "1700000000",
            "x-grafana-alerting-signature": (
                "5560285024651dae15194f12675dec760032341651a57f29a53f74184e33a0e9"
            ),
        },
        now_s=1700000000,
        options=GRAFANA_TIMED,
        proof=Proven("", 1700000000, weak=False),
    ),
    *(
        Vector(
            "pagerduty",
            secret,
            b'{"event":{"id":"01EXAMPLE","event_type":"incident.triggered"}}',
            {
                "x-pagerduty-signature": (
                    "v1=2e22a03f473f1a295f3c11d02b782ecac58c78db519262ff435397b92e654dd1,"
                    "v1=e67d0032e316dda4a52d3770a31c29080ab12cf5627fee396b8c62b99f36aec3"
                ),
                "x-webhook-id": "d-1",
            },
            proof=Proven("d-1", None, weak=False),
        )
        for secret in ("old-signing-secret", "new-signing-secret")
    ),
]


def raw(headers: list[tuple[str, str]]) -> Raw:
    return [(name.lower().encode(), value.encode()) for name, value in headers]


def made(name: str, *secrets: str, body: bytes = BODY, **more: Any) -> Raw:
    """Headers as the sender would send them now."""
    return raw(signed(name, secrets or (secret_for(name),), body, now_s=NOW_S, **more))


def verify(name: str, headers: Raw, *secrets: str, body: bytes = BODY, **more: Any) -> Proven:
    return SENDERS[name].verify(
        SenderSecrets(secrets or (secret_for(name),)),
        more.get("options", {}),
        headers,
        body,
        more.get("now_s", NOW_S),
    )


def refused(name: str, headers: Raw, *secrets: str, body: bytes = BODY, **more: Any) -> bool:
    try:
        verify(name, headers, *secrets, body=body, **more)
    except NotGenuineError as error:
        words = str(error)
    else:
        return False
    assert words == "the delivery is not genuine"
    return True


def proof_header(name: str) -> bytes:
    """Where the signature or the token stands."""
    for header, _ in made(name):
        if b"signature" in header or header == b"authorization":
            return header
    raise AssertionError(name)


def changed(name: str, value: bytes, headers: Raw | None = None) -> Raw:
    where = proof_header(name)
    return [(k, value if k == where else v) for k, v in headers or made(name)]


@pytest.mark.promise("P17")
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.sender)
def test_each_vector_verifies_and_says_what_it_proves(vector: Vector) -> None:
    """The bytes that senders publish are genuine to us, and not one byte later."""
    headers = raw(list(vector.headers.items()))

    def found(body: bytes) -> Proven:
        sender = SENDERS[vector.sender]
        return sender.verify(
            SenderSecrets((vector.secret,)), vector.options, headers, body, vector.now_s
        )

    assert found(vector.body) == vector.proof
    with pytest.raises(NotGenuineError):
        found(vector.body + b" ")


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", NAMES)
def test_a_delivery_is_genuine_with_either_of_two_secrets(name: str) -> None:
    """Rotation has no gap, whichever side changes first."""
    old, new = secret_for(name, "old"), secret_for(name, "new")

    for sent in (old, new):
        assert not refused(name, made(name, sent), old, new)
    assert not refused(name, made(name, new, old), new)
    assert refused(name, made(name, secret_for(name, "third")), old, new)


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", ["pagerduty", "incidentio", "standard-webhooks"])
def test_either_of_two_signatures_will_do(name: str) -> None:
    """A sender that rotates signs with both secrets; we may know only one."""
    old, new = secret_for(name, "old"), secret_for(name, "new")

    assert not refused(name, made(name, old, new), old)
    assert not refused(name, made(name, old, new), new)


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", NAMES)
def test_a_missing_empty_cut_or_foreign_signature_is_refused(name: str) -> None:
    """Each way of not having the right one ends the same."""
    where = proof_header(name)
    good = dict(made(name))[where]
    bad = [
        b"",
        b" ",
        good[:-1],
        good[: len(good) // 2],
        good + b"0",
        good[1:],
        good.upper(),
        good.replace(b"v1", b"v2").replace(b"v0", b"v1").replace(b"sha256", b"sha1")[:-2] + b"00",
        b"v1=,v1=",
        b"v1, v1,",
        b"sha256=",
        b"Bearer ",
        b"Bearer",
        b"Basic " + base64.b64encode(b"user:" + secret_for(name).encode()),
        "v1=\u00e9".encode(),
        b"\x00\xff",
    ]

    assert refused(name, [pair for pair in made(name) if pair[0] != where])
    for value in bad:
        assert refused(name, changed(name, value)), value


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", SIGNED)
def test_an_entry_of_another_version_is_passed_over(name: str) -> None:
    """The right bytes under another version, or under none, prove nothing."""
    good = dict(made(name))[proof_header(name)]
    for version in (b"v1=", b"v0=", b"v1,", b"sha256="):
        if good.startswith(version):
            bare = good.removeprefix(version)
            for other in (b"", b"v9=", b"v9,", b"v1a,", b"v2=", b"sha1=", b"="):
                assert refused(name, changed(name, other + bare)), other


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", NAMES)
def test_a_header_that_stands_twice_is_refused(name: str) -> None:
    """A proxy in front of us might have looked at the other one."""
    options = TIMED.get(name, {})
    headers = made(name, options=options)
    for key, value in headers:
        if key in {b"content-type", b"user-agent", b"x-github-event"}:
            continue
        assert refused(name, [*headers, (key, value)], options=options), key
        assert refused(name, [(key, b"x"), *headers], options=options), key


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", NAMES)
def test_the_underscore_spelling_of_a_header_is_never_read(name: str) -> None:
    """Some servers take ``x_slack_signature`` for ``x-slack-signature``; here it is another."""
    where = proof_header(name)
    if b"-" in where:
        headers = [(k.replace(b"-", b"_") if k == where else k, v) for k, v in made(name)]
        assert refused(name, headers)
        # Nor does it count as a second one.
        assert not refused(name, [*made(name), (where.replace(b"-", b"_"), b"x")])


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", SIGNED)
def test_one_changed_byte_of_body_or_signature_is_refused(name: str) -> None:
    """Every byte counts."""
    headers = made(name)
    for at in range(len(BODY)):
        body = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
        assert refused(name, headers, body=body)
    where = proof_header(name)
    good = dict(headers)[where]
    for at in range(len(good)):
        value = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        assert refused(name, changed(name, value)), value
    assert refused(name, headers, body=b"")


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", NAMES)
def test_a_delivery_to_another_source_is_refused(name: str) -> None:
    """Each source has its own secret: what is genuine at one is nothing at the next."""
    shared = "whsec_" + "A" * 32
    for other in NAMES:
        if other != name:
            assert refused(other, made(name)), other
        if type(SENDERS[other].scheme) is not type(SENDERS[name].scheme):
            assert refused(other, made(name, shared), shared), other
    assert refused(name, made(name), secret_for(name, "the other source"))


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", sorted(TIMED))
def test_an_old_or_future_time_is_refused_where_it_is_signed(name: str) -> None:
    """300 seconds either way, and no second more."""
    options = TIMED[name]
    headers = made(name, options=options)
    for distance, is_refused in ((300, False), (-300, False), (301, True), (-301, True)):
        assert refused(name, headers, options=options, now_s=NOW_S + distance) is is_refused
    assert verify(name, headers, options=options).signed_at_s == NOW_S


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", sorted(TIMED))
def test_a_signed_time_is_digits_and_nothing_else(name: str) -> None:
    """Other spellings of a number are refused, rightly signed or not: two may read them apart."""
    now = str(NOW_S)

    def at(time: str) -> Raw:
        delivery = _Delivery([secret_for(name)], BODY, time, "delivery-1", TIMED[name])
        return raw(_SIGNERS[name](delivery))

    assert not refused(name, at(now), options=TIMED[name])
    for time in (
        "",
        f"+{now}",
        f"-{now}",
        f" {now}",
        f"{now} ",
        f"{now}\n",
        f"{now}.0",
        f"{now[:1]}_{now[1:]}",
        "".join(chr(0x0660 + int(digit)) for digit in now),
        hex(NOW_S),
        "1e9",
        f"000{now}",
        "9" * 5000,
        "2026-11-23T03:12:00Z",
    ):
        assert refused(name, at(time), options=TIMED[name]), time
    headers = at(now)
    (where,) = [key for key, value in headers if value == now.encode()]
    assert refused(name, [p for p in headers if p[0] != where], options=TIMED[name])


@pytest.mark.promise("P17")
def test_the_time_header_of_grafana_must_come_when_it_is_configured() -> None:
    """Leaving it out does not make an old delivery of another set-up a fresh one."""
    assert refused("grafana", made("grafana"), options=GRAFANA_TIMED)
    assert refused("grafana", made("grafana", options=GRAFANA_TIMED))
    named = {"signature_header": "X-Own-Signature"}
    assert not refused("grafana", made("grafana", options=named), options=named)
    assert refused("grafana", made("grafana"), options=named)


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", NAMES)
def test_an_empty_secret_verifies_nothing(name: str) -> None:
    """HMAC with an empty key is an HMAC that everybody can make."""
    empty = "whsec_" if isinstance(secret_for(name), str) and "whsec_" in secret_for(name) else ""
    headers = made(name, empty)

    assert refused(name, headers, "")
    assert refused(name, headers, empty)
    assert refused(name, headers, "", "")
    assert SENDERS[name].scheme.trouble(empty) != ""
    with pytest.raises(NotGenuineError):
        SENDERS[name].verify(SenderSecrets(()), {}, headers, BODY, NOW_S)


@pytest.mark.promise("P17")
def test_bytes_cannot_move_between_id_time_and_body() -> None:
    """Standard Webhooks joins the three with dots: an id with a dot is refused."""
    body = b'{"a":"' + f".{NOW_S}.[1]".encode() + b'"}'
    headers = made("incidentio", body=body, delivery_id="msg_1")
    moved = [
        (b"webhook-id", b"msg_1." + str(NOW_S).encode() + b'.{"a":"'),
        *[pair for pair in headers if pair[0] != b"webhook-id"],
    ]

    assert not refused("incidentio", headers, body=body)
    assert refused("incidentio", moved, body=b'[1]"}')
    assert refused("incidentio", made("incidentio", delivery_id="a.b"))


@pytest.mark.promise("P17")
def test_two_families_of_headers_are_never_mixed() -> None:
    """The id and time of one cannot be put under the signature of the other."""
    headers = made("incidentio")
    for part in (b"id", b"timestamp", b"signature"):
        mixed = [
            (k.replace(b"webhook-", b"svix-") if k == b"webhook-" + part else k, v)
            for k, v in headers
        ]
        assert refused("incidentio", mixed)
    older = [(k.replace(b"webhook-", b"svix-"), v) for k, v in headers]
    assert not refused("incidentio", older)
    assert not refused("incidentio", [*headers, (b"svix-signature", b"v1,x")])


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", ["pagerduty", "incidentio"])
def test_only_the_first_signatures_of_a_header_are_looked_at(name: str) -> None:
    """A header full of guesses does not buy guesses."""
    separator = b"," if name == "pagerduty" else b" "
    good = dict(made(name))[proof_header(name)]
    guess = good[:3] + b"x" * (len(good) - 3)

    assert not refused(name, changed(name, separator.join([guess] * 7 + [good])))
    assert refused(name, changed(name, separator.join([guess] * 8 + [good])))


def test_a_token_may_stand_in_a_header_of_ones_own() -> None:
    """Opsgenie and home-made senders: any header, any word before it."""
    own = {"token_header": "X-Respond-Token"}
    worded = {"scheme": "GenieKey"}

    for options in (own, worded, {**own, **worded}):
        headers = made("generic", options=options)
        assert not refused("generic", headers, options=options)
        assert verify("generic", headers, options=options).weak
        assert refused("generic", made("generic"), options=options)
    shouting = [(k, v.replace(b"Bearer", b"BEARER")) for k, v in made("generic")]
    assert not refused("generic", shouting)


@pytest.mark.promise("P17")
def test_secrets_that_are_none_are_refused_by_name() -> None:
    """A server does not start with them."""
    for name, sender in SENDERS.items():
        assert check_secret(sender, secret_for(name)) == ""
        for bad in ("", "short", "x" * 15, " " * 20, f"{secret_for(name)}\n", "whsec_QUJD"):
            assert check_secret(sender, bad) != "", (name, bad)
    assert "Base64" in check_secret(SENDERS["incidentio"], "x" * 40)
    assert "Base64" in check_secret(SENDERS["incidentio"], "whsec_" + "\u00e9" * 40)
    assert "shorter" in check_secret(SENDERS["incidentio"], "whsec_QUJD")
    assert "ASCII" in check_secret(SENDERS["generic"], "a token with spaces in it")
    pasted = f"v1,{secret_for('incidentio')}"
    assert check_secret(SENDERS["incidentio"], pasted) == "leave out what stands before whsec_"
    assert "secret" not in repr(SenderSecrets(("a secret",)))


def test_options_that_are_read_are_checked() -> None:
    """A header's name with an underscore would never arrive; a path has names."""
    assert check_options({"signature_header": "X-Own", "about": "data.key_id", "team": 3}) == ""
    for bad in ({"signature_header": "x_own"}, {"timestamp_header": True}, {"about": "a..b"}):
        assert next(iter(bad)) in check_options(bad)


def test_a_compressed_body_is_said_to_be_one() -> None:
    """What a stranger packed is not unpacked."""
    assert refuses_encoding([(b"content-encoding", b"gzip")])
    assert refuses_encoding([(b"content-encoding", b"identity"), (b"content-encoding", b"br")])
    assert not refuses_encoding([(b"content-encoding", b"Identity")])
    assert not refuses_encoding([(b"content-type", b"application/json")])


HEADER_NAMES = sorted({key for name in NAMES for key, _ in made(name, options=TIMED.get(name))})
VALUES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([b"v1=", b"v1,", b"v0=", b"sha256=", b"Bearer ", str(NOW_S).encode()]),
    st.from_regex(rb"(v1=|v0=|sha256=|)[0-9a-f]{64}(,v1=[0-9a-f]{64})?", fullmatch=True),
)


@pytest.mark.promise("P17")
@pytest.mark.promise("P18")
@given(
    name=st.sampled_from(NAMES),
    headers=st.lists(st.tuples(st.sampled_from(HEADER_NAMES) | st.binary(max_size=20), VALUES)),
    body=st.binary(max_size=100),
    now_s=st.integers(0, 2**40),
    timed=st.booleans(),
)
@pytest.mark.long
def test_arbitrary_requests_are_never_genuine(
    *, name: str, headers: Raw, body: bytes, now_s: int, timed: bool
) -> None:
    """Nothing but the one error comes out, and never a proof."""
    options = TIMED.get(name, {}) if timed else {}

    assert refused(name, headers, body=body, options=options, now_s=now_s)
