from typing import Any

import pytest

from respond.core.script import Api, Done, NotYet, Person, Proof
from respond.core.values import Late
from respond.errors import NoAnswerError, UsageError
from respond.systems.customerio.facts import BY_HAND, KeyId, KeyRef
from respond.systems.customerio.keys import CreateKey, ProbeKey, RemoveMadeKey, RevokeKey
from respond.systems.guards import GuardRefusedError

APP = KeyId("app/190001/9101")
SINK = "vault:kv:kv/cio/backend#api_key"


def leaked(night: Any) -> Any:
    return night.secret("inputs.leaked", night.story.leaked_app_key)


def revoke(night: Any, **fields: Any) -> RevokeKey:
    return RevokeKey(APP, leaked(night), was="alive", name="backend-prod", **fields)


# --- revoke ---


@pytest.mark.promise("P6")
def test_revoking_proves_death(either: Any) -> None:
    """The list forgets the key, and the value that worked is refused: both together is done."""
    done = either.do(revoke(either))

    assert isinstance(done, Done)
    assert done.output.proved == "refused"
    assert done.proved
    assert either.effects("app_key.revoked") == 1


@pytest.mark.promise("P2")
def test_revoking_twice_writes_once(either: Any) -> None:
    """A step that runs again finds its work done and leaves it alone."""
    either.do(revoke(either))
    writes = either.writes()

    seen = either.look(revoke(either))

    assert seen.writes == ()
    assert either.writes() == writes
    assert len(either.sent) == 1


@pytest.mark.promise("P5")
def test_a_look_changes_nothing_and_foretells(night: Any) -> None:
    """A dry run holds the write back; later looks see the key gone and its value refused."""
    world = night.world()
    seen = night.look(revoke(night), world=world)
    again = night.look(revoke(night), world=world)
    tried = night.look(ProbeKey(APP, leaked(night), "refused"), world=world)

    assert [w.says for w in seen.writes] == ["revoke backend-prod ...cdef (9101)"]
    assert again.writes == ()
    assert again.outcome.output.proved == "refused"
    assert tried.outcome.output.state == "refused"
    assert night.company.ledger.effects == ()


def test_the_hands_follow_discovery(night: Any, open_night: Any) -> None:
    """A removal that nobody confirmed is a person's; ``--by-hand`` makes everything a person's."""
    by_person = night.look(revoke(night)).writes[0].hands
    by_tool = open_night.look(revoke(open_night)).writes[0].hands
    open_night.by_hand = True
    by_wish = open_night.look(revoke(open_night)).writes[0].hands

    assert isinstance(by_person, Person)
    assert by_person.task == "customerio.revoke_app_key"
    assert by_person.about == {"environment": 190001, "id": 9101}
    assert "backend-prod-2" in " ".join(by_person.avoid)
    assert by_person.link.startswith("https://fly.customer.io/")
    assert isinstance(by_tool, Api)
    assert isinstance(by_wish, Person)


def test_without_proof_of_life_there_is_no_proof_of_death(either: Any) -> None:
    """Without the value, or without having seen it work, the result says so."""
    done = either.do(RevokeKey(APP))

    assert isinstance(done, Done)
    assert done.output.proved == "removed, not proved"
    assert not done.proved


def test_refused_now_and_never_seen_alive_is_not_proved(either: Any) -> None:
    """A value that is refused may have been wrong all along."""
    done = either.do(RevokeKey(APP, leaked(either)))

    assert isinstance(done, Done)
    assert not done.proved
    assert any("was not seen to work" in str(line) for line in done.findings)


@pytest.mark.promise("P6")
def test_off_the_list_and_still_let_in_is_not_done(open_night: Any) -> None:
    """Caches let a revoked key in for a while; until they do not, it is not yet done."""
    open_night.company.customerio.settings.revocation_bites_after_s = 1e9

    outcome = open_night.do(revoke(open_night), patience=3)

    assert isinstance(outcome, NotYet)
    assert "still let in" in outcome.says


@pytest.mark.promise("P2")
@pytest.mark.parametrize("fault", ["cut-before", "cut-after", "timeout-after", "500-after"])
def test_a_lost_answer_revokes_once(open_night: Any, fault: str) -> None:
    """Lost before or after the effect: one look tells which, and it happens once."""
    open_night.company.arm([f"customerio:{fault}@DELETE /v1/*"])
    with pytest.raises(NoAnswerError):
        open_night.do(revoke(open_night))

    done = open_night.do(revoke(open_night))

    assert isinstance(done, Done)
    assert open_night.effects("app_key.revoked") == 1


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    "wrong", ["member/51234", "9101", "app/9101", "webhook/190001/7", "app/190001/9101/x", "app//1"]
)
def test_the_id_of_another_kind_is_refused(night: Any, wrong: str) -> None:
    """A number that means something else is refused before anything is looked at."""
    with pytest.raises(GuardRefusedError):
        night.look(RevokeKey(KeyId(wrong)))
    assert night.company.ledger.counts() == {}


@pytest.mark.promise("P8")
def test_the_credential_in_use_is_refused(open_night: Any) -> None:
    """Nobody saws off the branch: our own token goes only once another is in use."""
    own = KeyId("sa/601/6101")

    with pytest.raises(GuardRefusedError, match="respond itself"):
        open_night.look(RevokeKey(own))
    open_night.options = {"own_token_ids": ["sa/601/6101"]}
    with pytest.raises(GuardRefusedError):
        open_night.look(RevokeKey(own))
    open_night.options = {"own_token_ids": ["sa/601/6299"]}
    assert len(open_night.look(RevokeKey(own)).writes) == 1


@pytest.mark.promise("P8")
def test_our_own_token_is_replaced_before_it_goes(open_night: Any) -> None:
    """A plan that makes a new one first may go on; the write waits until that one is in use."""
    old = KeyId("sa/601/6101")
    token = open_night.secret("inputs.leaked", open_night.story.write_token)
    make, kill = CreateKey(old, "own", "write"), RevokeKey(old, token, "alive", "write")
    open_night.options = {"own_digests": [token.digest]}
    world = open_night.world()

    open_night.look(make, "new", world=world)
    assert len(open_night.look(kill, "revoke", world=world).writes) == 1

    open_night.do(make, "new")
    with pytest.raises(GuardRefusedError):
        open_night.do(kill, "revoke")
    open_night.options = {"own_digests": [open_night.held["new.value"].digest]}
    open_night.known.clear()
    assert len(open_night.look(kill, "revoke").writes) == 1


def test_a_wrong_key_by_a_persons_hands_is_noticed(night: Any) -> None:
    """What stays is named in question and outcome alike, so that a missing one stands out."""
    write = night.look(revoke(night)).writes[0]
    for key in night.company.customerio.state.app_keys:
        if key.name == "backend-prod-2":
            key.gone_at = 0.0

    after = night.do(revoke(night))

    missing = set(write.stays) - set(after.stays)
    assert [name.split(" ...")[0] for name in missing] == ["backend-prod-2"]


def test_a_track_pair(either: Any) -> None:
    """A pair is revoked and proved like a key."""
    story = either.story
    pair = either.secret("inputs.leaked", f"{story.leaked_site_id}:{story.leaked_track_api_key}")

    done = either.do(RevokeKey(KeyId("track/190001/8101"), pair, was="alive"))

    assert done.output.proved == "refused"
    assert either.effects("track_key.revoked") == 1


def test_a_write_key_is_removed_and_never_proved(either: Any) -> None:
    """There is no way to try a write key, and the result does not pretend."""
    value = either.secret("inputs.leaked", either.story.leaked_write_key)

    done = either.do(RevokeKey(KeyId("write/190001/31/7101"), value, was="untried"))

    assert done.output.proved == "removed, not proved"
    assert either.effects("write_key.deleted") == 1


def test_a_service_account_token(open_night: Any) -> None:
    """The exchange says when a token is dead."""
    token = open_night.secret("inputs.leaked", open_night.story.leaked_sa_token)

    done = open_night.do(RevokeKey(KeyId("sa/602/6103"), token, was="alive"))

    assert done.output.proved == "refused"
    assert open_night.effects("sa_token.revoked") == 1


def test_a_token_that_no_list_shows_is_watched_by_its_value(night: Any) -> None:
    """A person finds the token by its ending; the tool still sees whether it died."""
    token = night.secret("inputs.leaked", night.story.leaked_sa_token)
    write = night.look(RevokeKey(KeyId(f"sa/by-hand/{token.hint}"), token, was="alive")).writes[0]
    blind = night.look(RevokeKey(KeyId(f"sa/by-hand/{token.hint}"))).writes[0]

    assert write.proof is Proof.SEEN
    assert write.hands.about == {"service_account": "", "id": "", "hint": token.hint}
    assert blind.proof is Proof.WORD


# --- make ---


def create(**fields: Any) -> CreateKey:
    return CreateKey(APP, SINK, "backend-prod", **fields)


def test_a_new_key_goes_to_its_sink(either: Any) -> None:
    """The key is made with the run's mark, and its value stands in the sink, beside the others."""
    done = either.do(create(), "new")

    assert done.output.name == "backend-prod-ck7f3q-new"
    assert done.output.id == "app/190001/9200"
    assert either.effects("app_key.created") == 1
    secret = either.company.vault.state.mounts["kv"].secrets["cio/backend"].latest().data
    assert either.digest(secret["api_key"]) == either.held["new.value"].digest
    assert secret["region"] == "eu"


def test_the_id_of_a_key_that_is_not_made_is_late(night: Any) -> None:
    """A plan does not pretend to know what only the vendor can choose."""
    seen = night.look(create(), "new", world=night.world())

    assert [w.says for w in seen.writes] == [
        "make key backend-prod-ck7f3q-new",
        "Vault kv/cio/backend api_key <- backend-prod-ck7f3q-new",
    ]
    assert seen.outcome.output.id == Late("new", "id")
    assert night.company.ledger.effects == ()


@pytest.mark.promise("P2")
def test_making_twice_makes_once(either: Any) -> None:
    """Its mark is in the list and its value in the sink: nothing is left to do."""
    either.do(create(), "new")

    assert either.look(create(), "new").writes == ()
    assert either.effects("app_key.created") == 1


@pytest.mark.promise("P2")
def test_a_crash_between_making_and_delivering(open_night: Any) -> None:
    """Made and sealed, not delivered: only the delivery is left."""
    open_night.company.arm(["vault:503@PATCH /v1/*"])
    with pytest.raises(NoAnswerError):
        open_night.do(create(), "new")

    seen = open_night.look(create(), "new")
    assert [w.verb for w in seen.writes] == ["store"]

    open_night.do(create(), "new")
    assert open_night.effects("app_key.created") == 1
    assert open_night.effects("secret.written") == 1


@pytest.mark.promise("P2")
def test_an_orphan_is_removed_and_made_anew(either: Any) -> None:
    """Made, and its value lost in the crash: it is taken away again, and a new one is made."""
    either.lose(create(), "new")

    done = either.do(create(), "new")

    assert [w.cleans_up for w in either.sent] == [True, False, False]
    assert either.effects("app_key.revoked") == 1
    assert done.output.id == "app/190001/9201"
    assert open_keys(either, "backend-prod-ck7f3q-new") == 1


def open_keys(night: Any, name: str) -> int:
    keys = night.company.customerio.state.app_keys
    return sum(key.name == name and key.gone_at is None for key in keys)


def test_a_sink_that_holds_the_leaked_value_is_not_done(night: Any) -> None:
    """Version, name and time look right; only the value says that it is the old one."""
    seen = night.look(create(), "new")

    assert seen.writes[-1].verb == "store"


def test_undo_takes_back_only_what_this_run_has_made(open_night: Any) -> None:
    """The way back finds the key by its full name, and refuses any other."""
    open_night.do(create(), "new")
    undo = open_night.sent[0].undo
    assert undo.action == "customerio.remove_made_key"

    done = open_night.do(RemoveMadeKey(**undo.arguments), "undo")

    assert done.output.says == "backend-prod-ck7f3q-new is gone"
    assert open_keys(open_night, "backend-prod-ck7f3q-new") == 0
    with pytest.raises(GuardRefusedError):
        open_night.look(RemoveMadeKey(APP, "backend-prod"))


def test_a_new_pair_travels_whole(either: Any) -> None:
    """Site id and key belong together; the sink gets both, with a colon between."""
    done = either.do(CreateKey(KeyId("track/190001/8101"), SINK, "web-prod"), "new")

    secret = either.company.vault.state.mounts["kv"].secrets["cio/backend"].latest().data
    site, _, key = secret["api_key"].partition(":")
    assert (len(site), len(key)) == (20, 20)
    assert done.output.id == "track/190001/8200"


def test_a_new_write_key_is_known_again_by_its_value(either: Any) -> None:
    """A write key has no name to mark; held, it is found by its digest; lost, a person decides."""
    action = CreateKey(KeyId("write/190001/31/7101"), SINK)

    first = either.look(action, "new").writes[0]
    done = either.do(action, "new")

    assert first.proof is Proof.BLIND
    assert not first.repeatable
    assert done.output.id == "write/190001/31/7200"
    assert either.look(action, "new").writes == ()


def test_a_new_token(open_night: Any) -> None:
    """A service account gets a second token, which is how our own is replaced."""
    action = CreateKey(KeyId("sa/601/6101"), "own", "write")

    done = open_night.do(action, "new")

    assert done.output.id == "sa/601/6200"
    assert open_night.sent[-1].hands.call.surface == "own"


@pytest.mark.parametrize(
    ("sink", "surface"), [("screen", "screen"), ("command:deploy", "command"), ("own", "own")]
)
def test_a_sink_that_nobody_can_look_into_says_so(night: Any, sink: str, surface: str) -> None:
    """What cannot be seen is a write that says so."""
    write = night.look(CreateKey(APP, sink, "backend-prod"), "new").writes[-1]

    assert write.hands.call.surface == surface
    assert write.proof is not Proof.SEEN
    assert write.hands.call.body == night.me("new").handle("value")


@pytest.mark.parametrize(
    ("key", "sink"),
    [("sa/601/6101", "own:app"), ("track/190001/8101", "own"), ("write/190001/31/7101", "own:app")],
)
def test_a_key_of_another_kind_is_no_credential_of_ours(
    open_night: Any, key: str, sink: str
) -> None:
    """Stored in the wrong place it would lock us out of our own tool."""
    with pytest.raises(UsageError):
        open_night.look(CreateKey(KeyId(key), sink))


# --- try ---


def test_trying_a_new_key_waits_until_it_works(either: Any) -> None:
    """Alive is what the vendor says to the very value."""
    done = either.do(create(), "new")
    tried = either.look(ProbeKey(done.output.id, either.held["new.value"])).outcome

    assert tried.output.state == "alive"


def test_trying_a_key_that_lives_while_it_should_not(night: Any) -> None:
    """An expectation that is not met yet is waited for, and never reported as met."""
    outcome = night.look(ProbeKey(APP, leaked(night), "refused")).outcome

    assert isinstance(outcome, NotYet)


def test_a_write_key_is_listed_at_best(night: Any) -> None:
    """Trying a write key is looking at the list, and says so."""
    value = night.secret("inputs.leaked", night.story.leaked_write_key)
    outcome = night.look(ProbeKey(KeyId("write/190001/31/7101"), value)).outcome

    assert outcome.output.state == "listed"
    assert not outcome.proved


# --- a value that turns up later ----------------------------------------------------------------


@pytest.mark.promise("P6")
def test_a_value_that_turns_up_later_is_the_keys_own_or_is_refused(open_night: Any) -> None:
    """It proves the death of the key that ended so, and of no other; what was seen is said."""
    named = RevokeKey(APP, name="backend-prod", hint="cdef")
    assert not open_night.do(named).proved
    value = leaked(open_night)
    wrong = open_night.secret("inputs.wrong", "0" * 28 + "1234")
    pair = open_night.secret("inputs.pair", "user:0000000000000000cdef")
    for other, given in (
        (named, wrong), (named, pair), (RevokeKey(APP), value), (RevokeKey(APP, hint="ef"), value),
        (RevokeKey(KeyId("write/190001/31/7101"), hint="cdef"), value),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            other.with_value(given)

    writes = open_night.writes()
    done = open_night.do(named.with_value(value))
    assert (open_night.writes(), done.proved) == (writes, True)
    assert "ends in ...cdef as the key did, and was not tried before" in done.says


@pytest.mark.promise("P6")
def test_a_value_that_turns_up_later_proves_nothing_where_no_list_shows_the_key_gone(
    open_night: Any,
) -> None:
    """Typed with a slip it is refused as well: that alone says nothing of a key."""
    by_hand = RevokeKey(KeyRef("sa", (BY_HAND,), "cdef").id, name="deploy", hint="cdef")
    slip = open_night.secret("inputs.slip", "sa_live_0000000000000000cdef")
    outcome = open_night.look(by_hand.with_value(slip)).outcome
    assert (outcome.output.proved, outcome.proved) == ("removed, not proved", False)
    assert "was not seen to work before" in str(outcome.findings)


@pytest.mark.promise("P6")
def test_a_value_that_turns_up_later_and_works_is_said_to_go_on(open_night: Any) -> None:
    """Off its list and let in: that is no proof, and no doubt either."""
    open_night.company.customerio.settings.revocation_bites_after_s = 1e9
    named = RevokeKey(APP, name="backend-prod", hint="cdef")
    open_night.do(named)
    seen = open_night.look(named.with_value(leaked(open_night)))
    assert seen.writes == ()
    assert isinstance(seen.outcome, NotYet)
    assert seen.outcome.goes_on
