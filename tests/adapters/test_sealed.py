"""A secret that only the holder of a key can open leaves sealed."""

import base64
import json

import pytest
from nacl.public import PrivateKey, SealedBox

from respond.adapters.http.request import UnsendableError, body_of
from respond.core.plan import planned_write
from respond.core.script import Api, Becomes, Call, Effect, Sealed, Subject, Write
from respond.core.values import SecretHandle

HOLDER = PrivateKey(b"k" * 32)
KEY = base64.b64encode(bytes(HOLDER.public_key)).decode()
HANDLE = SecretHandle("new.value")
VALUE = 'canary/of+ours=1"\u00a0'


def put(key: str = KEY) -> Call:
    return Call("it", "api", "PUT", ("a",), body={"encrypted_value": Sealed(HANDLE, key), "n": 1})


@pytest.mark.promise("P22")
def test_only_the_holder_of_the_key_opens_it() -> None:
    """Each time it is another box, with the very value in it."""
    bodies = [body_of(put(), lambda _: VALUE) for _ in range(2)]
    boxes = [json.loads(body[1])["encrypted_value"] for body in bodies if body]

    assert boxes[0] != boxes[1]
    assert not any("canary" in box for box in boxes)
    for box in boxes:
        assert SealedBox(HOLDER).decrypt(base64.b64decode(box)).decode() == VALUE


@pytest.mark.parametrize("key", ["", "short", "not base64!", base64.b64encode(b"x" * 31).decode()])
def test_what_is_no_key_seals_nothing(key: str) -> None:
    """Nothing leaves, and the text shows no value."""
    with pytest.raises(UnsendableError) as unsent:
        body_of(put(key), lambda _: VALUE)
    assert "canary" not in str(unsent.value)


@pytest.mark.promise("P10")
def test_a_yes_binds_the_secret_and_the_key_that_it_is_sealed_for() -> None:
    """Not its digest: the value may not be there yet."""

    def key_of(call: Call) -> str:
        becomes: Becomes[None] = Becomes(Subject("it/a", 0), lambda _: None)
        return planned_write(
            Write("put", "put", "a", "it", Effect.WRITES, Api(call, lambda _: None), None, 1,
                  (becomes,), None)
        ).key  # fmt: skip

    made = Call("it", "api", "PUT", ("a",), body={"v": Sealed(SecretHandle("x", digest="d"), KEY)})
    assert key_of(made) == key_of(
        Call("it", "api", "PUT", ("a",), body={"v": Sealed(SecretHandle("x"), KEY)})
    )
    assert key_of(put()) != key_of(put(base64.b64encode(b"y" * 32).decode())) != key_of(made)
