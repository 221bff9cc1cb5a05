from typing import Any

import pytest

from respond.core.script import Again, Read
from respond.errors import NoAnswerError, RefusedBySystemError, UsageError
from respond.systems.customerio.facts import KeyId
from respond.systems.customerio.keys import CreateKey
from respond.systems.sinks.actions import CheckSink
from respond.systems.sinks.sink import SINKS, sink_of

APP = KeyId("app/190001/9101")
SINK = "vault:kv:kv/cio/backend#api_key"


def stored(night: Any, path: str = "cio/backend") -> Any:
    return night.company.vault.state.mounts["kv"].secrets[path].latest().data


def make(sink: str) -> CreateKey:
    return CreateKey(APP, sink, "backend-prod")


def test_a_sink_says_whether_it_holds_a_value(night: Any) -> None:
    """The store still holds the leaked value; that is seen by digest, and nothing is shown."""
    leaked = night.secret("inputs.leaked", night.story.leaked_app_key)
    other = night.secret("inputs.other", "0" * 32)

    holds = night.look(CheckSink(SINK, leaked)).outcome
    lacks = night.look(CheckSink(SINK, other)).outcome

    assert holds.output.holds
    assert not lacks.output.holds
    assert night.look(CheckSink(SINK)).outcome.output.readable
    assert night.story.leaked_app_key not in repr(holds)


@pytest.mark.promise("P22")
def test_no_value_of_a_secret_leaves_the_parser(night: Any) -> None:
    """All fields of a secret come in one reply; digests of them are all that stays."""
    script = sink_of(SINK, night.me()).look(night.me(), None)
    request, values = next(script), []
    try:
        while isinstance(request, Read):
            values.append(night.world().read(request))
            request = script.send(values[-1])
    except StopIteration as end:
        values.append(end.value)

    assert night.story.leaked_app_key not in repr(values)
    assert night.digest(night.story.leaked_app_key) in repr(values)


def test_a_store_of_version_1_is_refused(night: Any) -> None:
    """There the same write would store its own envelope as the secret."""
    with pytest.raises(RefusedBySystemError, match="not-kv-v2"):
        night.look(make("vault:kv:old/cio/legacy#api_key"))
    assert night.company.ledger.of("secret.written") == ()


def test_a_store_that_is_not_there_is_refused(night: Any) -> None:
    """Nothing is made before the place for it was seen."""
    with pytest.raises(RefusedBySystemError):
        night.look(make("vault:kv:nowhere/cio/backend#api_key"))
    assert night.effects("app_key.created") == 0


def test_an_empty_place_is_filled(night: Any) -> None:
    """A secret that does not exist yet is made, and only if it still does not."""
    night.do(make("vault:kv:kv/cio/fresh#api_key"), "new")

    write = night.sent[-1]
    assert (write.hands.call.method, write.hands.call.body["options"]) == ("POST", {"cas": 0})
    assert set(stored(night, "cio/fresh")) == {"api_key"}


def test_a_deleted_version_is_not_an_absent_one(night: Any) -> None:
    """Both answer 404; the number to go on from stands in the body of one."""
    secret = night.company.vault.state.mounts["kv"].secrets["cio/backend"]
    secret.latest().deleted_at = 1.0

    night.do(make(SINK), "new")

    assert night.sent[-1].hands.call.body["options"] == {"cas": 7}
    assert secret.current == 8


def test_the_other_fields_stay(night: Any) -> None:
    """The rest of the secret is left as it is, and named in the question."""
    night.do(make(SINK), "new")

    assert night.sent[-1].stays == ("region",)
    assert stored(night)["region"] == "eu"


@pytest.mark.promise("P2")
@pytest.mark.parametrize("fault", ["cut-before", "cut-after", "timeout-after", "empty-after"])
def test_a_lost_answer_stores_once(night: Any, fault: str) -> None:
    """Whether it was stored is seen by the value; a second one would be refused by its number."""
    night.company.arm([f"vault:{fault}@PATCH /v1/*"])
    try:
        night.do(make(SINK), "new")
    except NoAnswerError:
        night.do(make(SINK), "new")

    assert night.effects("secret.written") == 1
    assert night.effects("app_key.created") == 1


@pytest.mark.promise("P10")
def test_somebody_elses_write_is_not_overwritten(night: Any) -> None:
    """The number that was looked at goes with the write; the store refuses it when it moved."""
    planned = night.look(make(SINK), "new").writes[-1]
    night.company.vault.write("kv", "cio/backend", {"api_key": "theirs", "region": "eu"})
    night.keep("new.value", "f" * 32)

    with pytest.raises(RefusedBySystemError):
        night._send(planned)
    assert stored(night)["api_key"] == "theirs"


def test_two_fields_of_one_secret_in_one_plan(night: Any) -> None:
    """The second write goes on from the version that the first one will make."""
    world = night.world()
    night.look(make(SINK), "one", world=world)
    second = night.look(make("vault:kv:kv/cio/backend#other"), "two", world=world)

    assert second.writes[-1].hands.call.body["options"] == {"cas": 8}


@pytest.mark.parametrize(
    "text",
    [
        "vault:kv",
        "vault:kv:kv#field",
        "vault:kv:kv/../sys/x#field",
        "vault:kv:kv/a/./b#field",
        "vault:kv:kv/a//b#field",
        "vault:nowhere:kv/a#field",
        "vault::kv/a#field",
        "command:kv",
        "command:nowhere",
        "own:track",
        "screen:2",
        "s3:bucket",
        "/etc/passwd",
    ],
)
@pytest.mark.promise("P19")
def test_a_sink_that_cannot_be_understood_is_refused(night: Any, text: str) -> None:
    """Before anything is looked at, and with what could stand there instead."""
    with pytest.raises(UsageError):
        night.look(CheckSink(text))
    assert night.company.ledger.counts() == {}


def test_an_empty_sink_is_the_connections_own_or_the_screen(night: Any) -> None:
    """Nobody has to name a sink at night; without any the value is shown once."""
    assert type(sink_of("", night.me())) is SINKS["screen"]


def test_nothing_is_made_before_the_sink_was_seen(night: Any) -> None:
    """An unreachable sink is found out while nothing has been changed."""
    night.company.arm(["vault:503xall@GET /v1/*"])

    with pytest.raises(NoAnswerError):
        night.do(make(SINK), "new")
    assert night.effects("app_key.created") == 0


def test_a_command_gets_the_value_on_its_standard_input(night: Any) -> None:
    """Never as an argument; the argument list is what the configuration says."""
    write = night.look(make("command:deploy"), "new").writes[-1]

    assert write.hands.call.path == ("put-secret", "backend")
    assert write.hands.call.body == night.me("new").handle("value")
    assert not write.repeatable


def test_cleaning_up_ends_the_pass(night: Any) -> None:
    """One list is written once in a pass: an orphan goes first, the new key comes in the next."""
    night.lose(make(SINK), "new")

    seen = night.look(make(SINK), "new")

    assert isinstance(seen.outcome, Again)
    assert [write.cleans_up for write in seen.writes] == [True]
