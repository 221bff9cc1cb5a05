from typing import Any

import pytest

from respond.core.script import Call, Done, Reply
from respond.engine.drivers import World, look
from respond.errors import UsageError
from respond.systems.customerio.identify import IdentifyKey, ListKeys


def identified(night: Any, **fields: Any) -> Any:
    seen = night.look(IdentifyKey(**fields))
    assert isinstance(seen.outcome, Done)
    return seen.outcome


def test_a_leaked_value_with_its_name_is_one_key_that_lives(night: Any) -> None:
    """Value and name together name one key, and the value is seen to work before anything else."""
    leaked = night.secret("inputs.leaked", night.story.leaked_app_key)

    done = identified(night, value=leaked, name="backend-prod")

    assert done.output.found
    assert done.output.id == "app/190001/9101"
    assert (done.output.alive, done.output.region) == ("alive", "eu")
    assert (done.output.workspace, done.output.workspace_name) == ("190001", "Production")
    assert not done.output.own


@pytest.mark.promise("P8")
def test_two_keys_with_one_ending_are_no_target(night: Any) -> None:
    """Lists show four characters; when two keys share them, nobody is guessed at."""
    leaked = night.secret("inputs.leaked", night.story.leaked_app_key)

    done = identified(night, value=leaked)

    assert not done.output.found
    assert done.output.id == ""
    assert done.output.matches == 2
    assert {"backend-prod", "batch-staging"} == {
        line.split(": ")[1].split(" ...")[0] for line in done.findings
    }


def test_a_value_that_does_not_fit_its_name_is_no_target(night: Any) -> None:
    """Somebody pasted one key and named another: both are said, neither is chosen."""
    leaked = night.secret("inputs.leaked", night.story.leaked_app_key)

    done = identified(night, value=leaked, name="backend-prod-2")

    assert not done.output.found
    assert any("not backend-prod-2" in line for line in done.findings)
    assert "the value works, so it is another key than backend-prod-2" in done.says


def test_a_value_that_is_none_of_the_account_is_said_in_words(night: Any) -> None:
    """Half of a key was pasted: too short to show its end."""
    done = identified(night, value=night.secret("inputs.leaked", "half"))

    assert done.says.startswith("no key fits the value that was given: none of ")


def test_look_alikes_are_named(night: Any) -> None:
    """The intruder's key is called nearly the same; the operator is told before the question."""
    done = identified(night, name="backend-prod")

    assert done.output.found
    assert done.output.alive == "untried"
    assert "backend-prod-2" in {other.name for other in done.output.look_alikes}


def test_a_pair_tells_its_workspace(night: Any) -> None:
    """The Track API says itself which workspace and region a pair opens."""
    story = night.story
    pair = f"{story.leaked_site_id}:{story.leaked_track_api_key}"

    done = identified(night, value=night.secret("inputs.leaked", pair))

    assert done.output.id == f"track/190001/{story.leaked_track_key_id}"
    assert done.output.alive == "alive"


def test_a_write_key_is_found_by_its_digest_and_never_tried(night: Any) -> None:
    """Ingest answers 200 to anything, so a write key is known by the list alone."""
    value = night.secret("inputs.leaked", night.story.leaked_write_key)

    done = identified(night, value=value)

    assert done.output.id == f"write/190001/31/{night.story.leaked_write_key_id}"
    assert done.output.alive == "untried"
    assert night.story.leaked_write_key not in repr(done)


def test_a_service_account_token_without_a_list(night: Any) -> None:
    """Where no list is known, a token that works is found by its ending, for a person's hands."""
    token = night.secret("inputs.leaked", night.story.leaked_sa_token)

    done = identified(night, value=token)

    assert done.output.id == f"sa/by-hand/{night.story.leaked_sa_token[-4:]}"
    assert done.output.alive == "alive"


def test_a_service_account_token_with_a_list(open_night: Any) -> None:
    """Where the list is confirmed, the token has its place."""
    token = open_night.secret("inputs.leaked", open_night.story.leaked_sa_token)

    done = identified(open_night, value=token)

    assert done.output.id == "sa/602/6103"
    assert not done.output.own


def test_our_own_credential_is_recognised(open_night: Any) -> None:
    """A leak of what we work with ourselves is said at once; it needs another order of steps."""
    token = open_night.secret("inputs.leaked", open_night.story.write_token)

    assert identified(open_night, value=token).output.own
    open_night.options = {"own_digests": [token.digest]}
    assert identified(open_night, value=token).output.own
    open_night.options = {"own_digests": ["of another one"]}
    assert not identified(open_night, value=token).output.own


def test_a_dead_value_is_refused_in_both_regions(night: Any) -> None:
    """Both regions' own 401 is a refusal; a living key of the other region answers 401 as well."""
    done = identified(night, value=night.secret("inputs.leaked", "0" * 28 + "cdef"))

    assert done.output.alive == "refused"


@pytest.mark.parametrize("fault", ["customerio:429", "customerio:503", "customerio:500"])
@pytest.mark.promise("P6")
def test_what_is_no_answer_is_inconclusive(night: Any, fault: str) -> None:
    """A rate limit or an outage at the probe says nothing about the key."""
    leaked = night.secret("inputs.leaked", night.story.leaked_app_key)
    night.company.arm([f"{fault}@GET /v1/info/ip_addressesxall"])

    done = identified(night, value=leaked, name="backend-prod")

    assert any(f"answered {fault[-3:]}" in line for line in done.findings)
    assert done.output.found
    assert done.output.alive == "inconclusive"


def test_a_limited_key_that_answers_403_is_alive(night: Any) -> None:
    """A key without the scope for our harmless question still opens what it was made for."""
    value = night.secret("inputs.leaked", night.story.leaked_app_key)
    for key in night.company.customerio.state.app_keys:
        if key.id == night.story.leaked_app_key_id:
            key.scopes = ("send",)

    assert identified(night, value=value, name="backend-prod").output.alive == "alive"


def test_a_key_of_the_other_region_is_alive_there(night: Any) -> None:
    """A wrong region looks like a dead key, so both are asked."""
    value = night.secret("inputs.leaked", night.story.leaked_app_key)
    night.company.customerio.state.region = "us"
    from respond.systems.customerio.probes import probe  # noqa: PLC0415 - for this claim only

    script, life = probe(night.me(), "app", value, "app/190001/9101"), None
    try:
        while True:
            life = night.world().read(script.send(life))
    except StopIteration as end:
        life = end.value
    assert (life.state, life.region) == ("alive", "us")


def test_a_list_without_endings(night: Any) -> None:
    """Where a list shows no ending the name has to be enough, and that is said."""
    reader = night.world().reader

    class NoEndings:
        def fetch(self, call: Call) -> Reply:
            reply: Reply = reader.fetch(call)
            if call.path[-1] != "ext_api_keys":
                return reply
            rows = [{**row, "hint": ""} for row in reply.body["ext_api_keys"]]
            return Reply(reply.status, reply.headers, {"ext_api_keys": rows})

    action = IdentifyKey(night.secret("inputs.leaked", "0" * 32), "backend-prod")
    done = look(action.run(night.me()), World(NoEndings()), known={}, predict=False).outcome
    assert isinstance(done, Done)
    assert done.output.id == "app/190001/9101"
    assert any("only its name fits" in str(line) for line in done.findings)


def test_an_id_is_a_name_too(night: Any) -> None:
    """Two write keys of one source have its name; the id says which one is meant."""
    assert identified(night, name="Web shop").output.matches == 2
    assert identified(night, name="write/190001/31/7102").output.id == "write/190001/31/7102"


def test_nothing_to_go_by_is_an_error(night: Any) -> None:
    """Neither value nor name: nothing is looked at."""
    with pytest.raises(UsageError):
        night.look(IdentifyKey())


def test_an_unknown_workspace_is_an_error(night: Any) -> None:
    """A workspace that is not there is a slip of the keyboard, said with what there is."""
    with pytest.raises(UsageError, match="Prodction"):
        night.look(IdentifyKey(name="backend-prod", workspace="Prodction"))


def test_no_value_of_a_list_leaves_the_parser(night: Any) -> None:
    """The list of write keys holds whole values; what comes out of it holds none."""
    outcome = night.look(ListKeys()).outcome

    assert outcome.output.count == 9
    assert night.story.leaked_write_key not in repr(outcome)
    assert night.story.leaked_site_id not in repr(outcome)
