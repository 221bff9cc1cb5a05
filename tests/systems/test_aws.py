"""AWS: what AWS does unlike others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.systems.writes.of_aws import account, made, user

from respond.checks.credentials import Line, _Open, probe
from respond.company.aws import key_row, user_row
from respond.company.simulated_rest import Row
from respond.core.records import replace
from respond.core.script import AuthBearer, NotYet, PersonRecord
from respond.core.values import SecretHandle
from respond.engine.drivers import World
from respond.engine.shared_answers import SharedAnswers
from respond.errors import NoAnswerError, RefusedBySystemError, StepFailedError, UsageError
from respond.systems import load, vendor
from respond.systems.arguments import ArgumentError
from respond.systems.aws.vendor import our_principal
from respond.systems.guards import GuardRefusedError
from respond.systems.sinks.actions import CheckSink
from respond.systems.vendor import Allowed, CredentialVerdict

SYSTEMS = ("aws",)
ACTIONS: dict[str, Any] = {name: cls for name, cls in load().items() if name.startswith("aws.")}
SINCE = "2026-11-23T00:00:00Z"
SINK = "aws:aws:app/key"
UNSURE = "inconclusive"


# --- guards -------------------------------------------------------------------------------------


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("quarantine", {"principal": "user/respond"}),
        ("quarantine", {"principal": "user/RESPOND"}),
        ("deny_older_sessions", {"principal": "user/respond"}),
        ("deactivate_access_keys", {"user": "respond"}),
        ("deactivate_access_key", {"user": "respond"}),
    ],
)
def test_whom_we_work_as_is_left_alone(office: Any, name: str, given: dict[str, Any]) -> None:
    """STS says who we are; no name in respond.toml is needed for that."""
    own = {"key": user(office, "respond").keys[0].id} if name == "deactivate_access_key" else {}
    with pytest.raises(GuardRefusedError, match="respond itself works with"):
        office.do(made(name, **given, **own))
    assert office.writes() == 0


@pytest.mark.promise("P8")
def test_the_role_that_we_work_as_is_left_alone(office: Any) -> None:
    """A session tells the name of its role."""
    session = account(office).state.sessions[0]
    session.role = "respond-ir"
    credential = f"{session.id}:{session.secret}:{session.token}"
    office.transport._line.keywords["wallet"]._secrets.values["aws"] = credential
    with pytest.raises(GuardRefusedError, match="respond itself works with"):
        office.do(made("quarantine", principal="role/respond-ir"))

    assert office.do(made("quarantine", principal="role/app")).output.denied


@pytest.mark.parametrize(
    ("arn", "ours"),
    [
        ("arn:aws:iam::1:user/respond", "user/respond"),
        ("arn:aws:iam::1:user/ir/team/respond", "user/respond"),
        ("arn:aws:sts::1:assumed-role/respond-ir/night", "role/respond-ir"),
        ("arn:aws:iam::1:root", ""),
        ("arn:aws:sts::1:federated-user/jean", ""),
    ],
)
def test_whom_we_work_as_by_what_sts_says(arn: str, ours: str) -> None:
    """A path is no part of a name; a session has the role's without one."""
    assert our_principal(arn) == ours


@pytest.mark.promise("P8")
@pytest.mark.parametrize("cased", [str, str.title])
def test_the_operator_and_an_emergency_account_are_left_alone(office: Any, cased: Any) -> None:
    """By the name of their IAM user in respond.toml, in whatever case, where no address tells."""
    office.changes["persons"] = (
        PersonRecord("dana", "Dana", ("d@example.com",), accounts={"aws": "dana"}),
        PersonRecord("ana", "Ana", ("a@example.com",), ("break-glass",), accounts={"aws": "ana"}),
    )
    with pytest.raises(GuardRefusedError, match="you, the operator"):
        office.do(made("quarantine", principal=f"user/{cased('dana')}"))
    with pytest.raises(GuardRefusedError, match="kept for emergencies"):
        office.do(made("deny_older_sessions", principal=f"user/{cased('ana')}"))
    assert office.writes() == 0


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("AWSServiceRoleForSupport", "belongs to a service"),
        ("AWSReservedSSO_Admin_0f", "IAM Identity Center"),
    ],
)
@pytest.mark.parametrize("name", ["quarantine", "release", "deny_older_sessions"])
def test_roles_that_iam_does_not_let_one_edit(office: Any, name: str, role: str, why: str) -> None:
    """Said before a write, with where to go instead."""
    with pytest.raises(GuardRefusedError, match=why):
        office.do(made(name, principal=f"role/{role}"))


# --- access keys --------------------------------------------------------------------------------


def leaked(office: Any, value: str = "") -> SecretHandle:
    """The leaked pair, as a secret input of the run."""
    office.opened["inputs.leaked"] = value or office.story.aws_leaked
    return SecretHandle("inputs.leaked", digest=office.opened["inputs.leaked"])


def test_whose_key_it_is(office: Any) -> None:
    """Of which account any key tells; of which user only one of this account."""
    ours = office.do(made("find_key_owner", key=office.story.aws_leaked_id)).output
    other = office.do(made("find_key_owner", key="AKIAELSEWHERE2345678"))
    session = office.do(made("find_key_owner", key="ASIA2345672345672345")).output

    assert (ours.account, ours.ours, ours.user) == ("111122223333", True, "ci-deploy")
    assert (other.output.ours, other.output.user) == (False, "")
    assert "tell its owner" in other.findings[0]
    assert (session.ours, session.user) == (True, "")


def test_a_key_of_no_user_may_be_the_root_users(office: Any) -> None:
    """What IAM answers for one is confirmed nowhere: it is said, and nothing is done."""
    account(office).state.users[""] = user_row("", 0.0, key_row("root", 0.0))
    found = office.do(made("find_key_owner", key=key_row("root", 0.0).id))

    assert found.output.user == ""
    assert "root user" in found.findings[0]


def test_keys_with_their_last_use(office: Any) -> None:
    """No use known is no proof of none."""
    listed = office.do(made("list_access_keys", user="ci-deploy"))
    never = office.do(made("list_access_keys", user="mallory"))

    assert "s3 in eu-west-1" in listed.says
    assert "no use known" in never.says
    assert office.do(made("list_access_keys", user="jean")).output.keys == ()


def test_a_key_that_is_off_goes_on_for_seconds(office: Any) -> None:
    """Off in the list is not off everywhere: it is tried until it is refused."""
    office.do(made("deactivate_access_key", user="ci-deploy", key=office.story.aws_leaked_id))
    again = made(
        "deactivate_access_key",
        user="ci-deploy",
        key=office.story.aws_leaked_id,
        value=leaked(office),
    )
    account(office).lags_s = 1_000.0
    soon = office.look(again).outcome
    account(office).lags_s = 0.0
    later = office.look(again).outcome

    assert isinstance(soon, NotYet)
    assert soon.otherwise is not None
    assert not soon.otherwise.proved
    assert later.says.endswith("is inactive, and refused")


@pytest.mark.promise("P6")
def test_one_refusal_is_not_enough(office: Any) -> None:
    """Some of AWS may know of it, and some not yet: no try, and no look, is taken for another."""
    once = SharedAnswers(office.transport.reader(), office.clock, lambda _: 3)
    office.world = lambda: World(once)
    tried = made("try_key", value=leaked(office))
    office.company.arm(["aws:401"])

    assert office.do(tried).output.state == "alive"
    given = {"user": "ci-deploy", "key": office.story.aws_leaked_id}
    assert office.look(made("deactivate_access_key", **given)).writes[0].subject.looks > 1


@pytest.mark.parametrize(
    ("fault", "state"),
    [("401", "refused"), ("403", UNSURE), ("html", UNSURE), ("503", UNSURE)],
)
@pytest.mark.promise("P6")
def test_a_probe_has_three_answers(office: Any, fault: str, state: str) -> None:
    """Only the word for a key that AWS does not know, or that is off, means refused."""
    office.company.arm([f"aws:{fault}xall"])

    assert office.do(made("try_key", value=leaked(office))).output.state == state


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("{id}:{secret}", "alive"),
        ("{id}:another-secret", "inconclusive"),
        ("AKIA2345672345672345:{secret}", "refused"),
    ],
)
def test_a_wrong_secret_is_no_dead_key(office: Any, value: str, state: str) -> None:
    """A wrong signature may be that of a good key, seconds after another secret was tried."""
    number, _, secret = office.story.aws_leaked.partition(":")
    tried = made("try_key", value=leaked(office, value.format(id=number, secret=secret)))

    assert office.do(tried).output.state == state


def test_a_key_whose_user_is_denied_everything_is_alive(office: Any) -> None:
    """Who the caller is, is told in spite of it: that proves nothing of a quarantine."""
    office.do(made("quarantine", principal="user/ci-deploy"))
    office.clock.sleep(60)

    assert office.do(made("try_key", value=leaked(office))).output.state == "alive"
    assert account(office).is_denied(Row(token=""), user(office, "ci-deploy"), "GetUser")


def test_a_value_that_is_no_pair_is_not_sent(office: Any) -> None:
    """And nothing of it is shown."""
    query = (("Action", "GetCallerIdentity"), ("Version", "2011-06-15"))
    value = AuthBearer(leaked(office, "nothing-of-that-form"))
    who = vendor("aws").call("aws", "GET", surface="sts", query=query, auth=value)
    with pytest.raises(RefusedBySystemError, match="KEY_ID:SECRET") as refused:
        office.transport.reader().fetch(who)
    assert "nothing-of-that-form" not in refused.value.what


def test_a_key_that_is_on_is_not_deleted(office: Any) -> None:
    """While it is off, what still uses it shows, and it can come back."""
    with pytest.raises(GuardRefusedError, match="is on"):
        office.do(made("delete_access_key", user="mallory", key=office.story.aws_mallory_id))


def test_a_key_that_is_gone_is_off(office: Any) -> None:
    """And cannot be switched on."""
    gone = {"user": "mallory", "key": "AKIA2345672345672345"}

    assert office.do(made("deactivate_access_key", **gone)).output.status == "gone"
    assert office.do(made("delete_access_key", **gone)).output.status == "gone"
    with pytest.raises(GuardRefusedError, match="has no access key"):
        office.do(made("activate_access_key", **gone))


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    "name", ["deactivate_access_key", "activate_access_key", "delete_access_key"]
)
def test_somebody_elses_key_is_not_taken_for_gone(office: Any, name: str) -> None:
    """That it is not in this user's list is no success: it works."""
    with pytest.raises(GuardRefusedError, match="is a key of ci-deploy, not of mallory"):
        office.do(made(name, user="mallory", key=office.story.aws_leaked_id))


@pytest.mark.promise("P6")
@pytest.mark.parametrize("name", ["deactivate_access_key", "delete_access_key"])
def test_a_key_of_another_account_is_not_taken_for_gone(office: Any, name: str) -> None:
    """It works there; here nobody has it, and nobody can switch it off."""
    with pytest.raises(GuardRefusedError, match="other account 444455556666") as refused:
        office.do(made(name, user="mallory", key="AKIAELSEWHERE2345678"))
    assert "tell its owner" in refused.value.do


@pytest.mark.promise("P6")
@pytest.mark.parametrize("name", ["deactivate_access_key", "delete_access_key"])
@pytest.mark.parametrize("hidden", ["GetAccessKeyInfo", "GetAccessKeyLastUsed", "", "root"])
def test_that_a_key_is_nobodys_is_proved_by_looking(office: Any, name: str, hidden: str) -> None:
    """Where it may not be asked whose it is, it may be somebody else's and work."""
    account(office).says_of_no_key = (404, "NoSuchEntity")
    if hidden == "root":
        account(office).state.users[""] = user_row("", 0.0, key_row("none", 0.0))
    elif hidden:
        every_read = {each for one in account(office).operations.values() for each in one}
        user(office, "respond").allowed = every_read - {hidden}
    done = office.do(made(name, user="mallory", key=key_row("none", 0.0).id))

    assert done.output.status == "gone"
    assert done.proved is (not hidden)
    assert any("nobody else has it was not seen" in each for each in done.findings) is bool(hidden)


@pytest.mark.promise("P6")
def test_what_this_step_deleted_is_proved_gone(office: Any) -> None:
    """It was in the list before: nobody has to be asked whose it is."""
    done = office.do(made("delete_access_key", user="mallory", key=office.story.aws_mallory_old_id))

    assert done.proved


@pytest.mark.promise("P8")
def test_a_credential_of_another_account_writes_nothing(office: Any) -> None:
    """A user of the same name is somebody else there."""
    own = office.connections["aws"]
    office.changes["connection"] = replace(own, account="999988887777")
    with pytest.raises(GuardRefusedError, match="of the account 111122223333"):
        office.do(made("quarantine", principal="user/ci-deploy"))
    assert office.writes() == 0


def test_a_value_of_somebody_else_proves_nothing(office: Any) -> None:
    """Its refusal would be taken for that of the key."""
    given = {"user": "mallory", "key": office.story.aws_mallory_id}
    with pytest.raises(GuardRefusedError, match="not of mallory"):
        office.do(made("deactivate_access_key", **given, value=leaked(office)))
    assert office.writes() == 0


@pytest.mark.promise("P6")
def test_a_value_that_is_refused_while_the_key_is_on_proves_nothing(office: Any) -> None:
    """It is of a key that is dead already, and this one may go on."""
    dead, key = user(office, "mallory").keys[1], office.story.aws_leaked_id
    value = leaked(office, f"{dead.id}:{dead.secret}")
    off = made("deactivate_access_key", user="ci-deploy", key=key, value=value)
    with pytest.raises(GuardRefusedError, match="is on, and the value that was given is refused"):
        office.do(off)
    assert office.writes() == 0

    # Once our own write is recorded, refused is what was wanted, and the list may lag.
    office.changes["begun"] = True
    seen = office.look(off)
    assert [write.verb for write in seen.writes] == ["deactivate"]
    assert "its list has it on still" in seen.outcome.findings[0]


def test_a_name_has_no_case(office: Any) -> None:
    """A user that is written otherwise is the same one, and so is whose the value is."""
    account(office).lags_s = 0.0
    given = {"user": "CI-deploy", "key": office.story.aws_leaked_id}
    done = office.do(made("deactivate_access_key", **given, value=leaked(office)))

    assert done.output.status == "Inactive"


def test_there_is_no_third_key(office: Any) -> None:
    """Which of the two may go a person says."""
    with pytest.raises(GuardRefusedError, match="has 2 access keys already"):
        office.do(made("create_access_key", user="mallory"))
    assert office.writes() == 0


def test_a_key_of_a_session_is_switched_nowhere() -> None:
    """IAM knows none: sessions are denied by their moment of issue."""
    with pytest.raises(ArgumentError):
        made("deactivate_access_key", user="mallory", key="ASIA2345672345672345")


def test_every_key_but_those_that_are_kept(office: Any) -> None:
    """Made in the gap or not."""
    user(office, "mallory").keys[1].status = "Active"
    keep = [office.story.aws_mallory_id]
    office.do(made("deactivate_access_keys", user="mallory", keep=keep))
    assert [k.status for k in user(office, "mallory").keys] == ["Active", "Inactive"]
    office.do(made("deactivate_access_keys", user="mallory"), "all")

    assert [k.status for k in user(office, "mallory").keys] == ["Inactive", "Inactive"]


@pytest.mark.promise("P22")
def test_a_new_secret_goes_to_its_sink_and_nowhere_else(office: Any) -> None:
    """Not into the answer, nor any text of the write."""
    done = office.do(made("create_access_key", user="ci-deploy", sink=SINK))
    key = user(office, "ci-deploy").keys[1]

    assert current(office, "app/key").value == f"{key.id}:{key.secret}"
    assert done.output.key == key.id
    assert key.secret not in repr((done, office.known))


@pytest.mark.promise("P8")
@pytest.mark.parametrize(("name", "sink"), [("ci-deploy", "own"), ("respond", "own:app")])
def test_the_credential_of_respond_is_a_key_of_its_own_user(
    office: Any, name: str, sink: str
) -> None:
    """Another user's would lock it out, or let it do what that one may."""
    with pytest.raises(UsageError, match="respond works with no key of"):
        office.do(made("create_access_key", user=name, sink=sink))
    assert office.sent == []


def test_a_key_of_our_own_user_may_be_the_credential(office: Any) -> None:
    """In whatever case its name is written."""
    writes = office.look(made("create_access_key", user="Respond", sink="own")).writes

    assert [write.verb for write in writes] == ["make", "store"]


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    ("instead_of", "effect", "why"),
    [
        ("", "destroys", "nobody said that it is what the new value comes in place of"),
        ("another", "destroys", "something else than the leaked key"),
        ("leaked", "writes", ""),
    ],
)
def test_what_a_sink_holds_is_not_overwritten_unasked(
    office: Any, instead_of: str, effect: str, why: str
) -> None:
    """It may be what something else works with; what the new key comes in place of may go."""
    leaked_key = leaked(office, "another-value" if instead_of == "another" else "")
    given = {"instead_of": leaked_key} if instead_of else {}
    store = office.look(made("create_access_key", user="ci-deploy", sink=SINK, **given)).writes[1]

    assert store.effect.value == effect
    assert why in store.breaks
    assert bool(store.breaks) is bool(why)


@pytest.mark.promise("P12")
def test_the_way_back_of_a_new_key_switches_it_off_once(office: Any) -> None:
    """It stays, so that whatever took it is seen; the second time nothing is written."""
    office.do(made("create_access_key", user="ci-deploy", sink=SINK), "there")
    back = office.sent[0].undo
    way = made(back.action.removeprefix("aws."), **back.arguments)
    office.do(way, "back")
    sent = len(office.sent)
    office.do(way, "back")

    assert len(office.sent) == sent
    assert [key.status for key in user(office, "ci-deploy").keys] == ["Active", "Inactive"]


# --- policies -----------------------------------------------------------------------------------


def test_a_policy_of_our_name_that_says_something_else_stays(office: Any) -> None:
    """Putting ours in its place would lose it."""
    text = '{"Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*"}}'
    user(office, "ci-deploy").inline["respond-deny-all"] = Row(text=text, since=0.0)
    for name in ("quarantine", "release"):
        with pytest.raises(GuardRefusedError, match="something else"):
            office.do(made(name, principal="user/ci-deploy"))
    assert office.writes() == 0


@pytest.mark.parametrize(
    ("statement", "is_ours"),
    [
        ({"Effect": "Deny", "Action": ["*"], "Resource": ["*"]}, True),
        ([{"Sid": "x", "Effect": "Deny", "Action": "*", "Resource": "*"}], True),
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, False),
        ({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}, False),
        ({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {}}}, False),
        ([], False),
    ],
)
def test_what_a_policy_says_counts_and_not_how(
    office: Any,
    statement: Any,
    is_ours: bool,  # noqa: FBT001
) -> None:
    """Lists of one, names of statements and single statements are the same."""
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    user(office, "ci-deploy").inline["respond-deny-all"] = Row(text=text, since=0.0)
    try:
        office.do(made("quarantine", principal="user/ci-deploy"))
    except GuardRefusedError:
        assert not is_ours
    else:
        assert is_ours
    assert office.writes() == 0


def test_what_aws_attached_itself_is_said_and_left(office: Any) -> None:
    """It knows of the leak; the key is not dead by that."""
    done = office.do(made("quarantine", principal="user/ci-deploy"))
    office.do(made("release", principal="user/ci-deploy"))

    assert "knows of the leak" in done.findings[0]
    assert len(user(office, "ci-deploy").attached) == 1


@pytest.mark.parametrize("there", ["2026-11-23T03:11:59.000Z", "2030-01-01T00:00:00Z"])
def test_the_moment_is_never_moved_backwards(office: Any, there: str) -> None:
    """What the console put there is read; an older moment is replaced, and comes back with undo."""
    role = account(office).state.roles["app"]
    condition = {"DateLessThan": {"aws:TokenIssueTime": there}}
    deny = {"Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": condition}
    text = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    role.inline["AWSRevokeOlderSessions"] = Row(text=text, since=0.0)
    done = office.do(made("deny_older_sessions", principal="role/app"))
    if there.startswith("2030"):
        assert office.sent == []
        assert done.output.before == there
        return
    back = office.sent[0].undo
    office.do(made("allow_older_sessions", **back.arguments), "back")

    assert back.arguments["before"] == "2026-11-23T03:11:59Z"
    assert "03:11:59Z" in role.inline["AWSRevokeOlderSessions"].text


def test_older_sessions_are_denied_and_keys_and_new_ones_are_not(office: Any) -> None:
    """Only a session has a moment of issue."""
    aws = account(office)
    office.do(made("deny_older_sessions", principal="role/app"))
    office.clock.sleep(60)
    role, session = aws.state.roles["app"], aws.state.sessions[0]
    new = replace_row(session, created=aws.clock.now())

    assert aws.is_denied(session, role, "GetUser")
    assert not aws.is_denied(new, role, "GetUser")
    assert not aws.is_denied(Row(token=""), role, "GetUser")


def replace_row(row: Any, **more: Any) -> Any:
    return Row(**{**vars(row), **more})


# --- what is left behind ------------------------------------------------------------------------


def test_what_somebody_may_have_left_behind(office: Any) -> None:
    """Every way back in, and who is new in the account."""
    done = office.do(made("list_left_behind", user="mallory", since=SINCE))
    found = done.output

    assert [each.id for each in found.keys] == [office.story.aws_mallory_id]
    assert found.inline == ("s3-read",)
    assert found.password_since
    assert found.new_users == ("arn:aws:iam::111122223333:user/support-backup",)
    assert sum("is new" in each for each in done.findings) == 2


def test_a_key_made_in_the_gap_is_seen(office: Any) -> None:
    """The old one goes on for seconds after it was switched off, and can make another."""
    office.do(made("deactivate_access_keys", user="mallory"))
    user(office, "mallory").keys.pop()
    user(office, "mallory").keys.append(key_row("made-in-the-gap", account(office).clock.now()))
    office.clock.sleep(60)
    done = office.do(made("list_left_behind", user="mallory", since=SINCE))

    assert [each.id for each in done.output.keys] == [key_row("made-in-the-gap", 0.0).id]


@pytest.mark.promise("P6")
def test_a_list_is_read_to_its_end(office: Any) -> None:
    """Five roles and more users than a page has; whether there is more has to be said."""
    account(office).page_max = 1
    done = office.do(made("list_left_behind", user="mallory", since="1970-01-01T00:00:00Z"))
    assert len(done.output.new_users) == len(account(office).state.users)
    account(office).says_whether_more = False
    with pytest.raises(NoAnswerError):
        office.do(made("list_left_behind", user="mallory", since=SINCE), "again")


def test_a_console_password_that_changed_moments_ago(office: Any) -> None:
    """AWS asks to come again; that is no refusal."""
    user(office, "mallory").password_busy_until = office.company.clock.now() + 5
    with pytest.raises(RefusedBySystemError) as refused:
        office.do(made("delete_login_profile", user="mallory"))

    assert (refused.value.code, refused.value.again) == ("429", True)
    assert office.do(made("delete_login_profile", user="jean")).says.endswith("no console password")


# --- Secrets Manager ----------------------------------------------------------------------------


def secret(office: Any, name: str) -> Any:
    return account(office).state.secrets[name]


def current(office: Any, name: str) -> Any:
    versions = secret(office, name).versions.values()
    return next(each for each in versions if "AWSCURRENT" in each.stages)


def test_a_secret_says_whether_it_holds_a_value(office: Any) -> None:
    """By digest; nothing of it is shown."""
    held = office.look(CheckSink(SINK, leaked(office))).outcome

    assert held.output.holds
    assert not office.look(CheckSink(SINK, leaked(office, "another-value"))).outcome.output.holds
    assert office.story.aws_leaked not in repr(replace(held))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("app/many", "several values"),
        ("app/rotated", "rotated by a function"),
        ("app/deleted", "to be deleted"),
        ("app/none", "does not exist"),
    ],
)
def test_a_secret_that_is_not_for_us_is_not_written(office: Any, name: str, why: str) -> None:
    """Seen before the key is made."""
    with pytest.raises(GuardRefusedError) as refused:
        office.do(made("create_access_key", user="ci-deploy", sink=f"aws:aws:{name}"))

    assert why in refused.value.why
    assert office.writes() == 0


@pytest.mark.promise("P2")
@pytest.mark.parametrize("fault", ["cut-before", "cut-after", "timeout-after", "html-after"])
def test_a_lost_answer_stores_once(office: Any, fault: str) -> None:
    """The version has an id of ours: sent again, it is the same one."""
    new = made("create_access_key", user="ci-deploy", sink=SINK)
    armed: list[Any] = []

    def perform(write: Any) -> Any:
        if write.verb == "store" and not armed:
            armed.append(write)
            office.company.arm([f"aws:{fault}"])
        return type(office).perform(office, write)

    office.perform = perform
    with pytest.raises(NoAnswerError):
        office.do(new)
    office.do(new)

    assert len(office.effects("secret.written")) == 1
    assert len(office.effects("access_key.created")) == 1
    assert len(secret(office, "app/key").versions) == 3


@pytest.mark.promise("P12")
@pytest.mark.parametrize(
    "name",
    ["app/key", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:app/key-AbCdEf"],
)
def test_the_version_before_comes_back(office: Any, name: str) -> None:
    """It is kept, and is the current one again; a second undo does nothing."""
    before = current(office, "app/key").value
    office.do(made("create_access_key", user="ci-deploy", sink=f"aws:aws:{name}"))
    back = office.sent[-1].undo
    for step in ("back", "again"):
        office.do(made("restore_secret", **back.arguments), step)

    assert current(office, "app/key").value == before
    assert len(office.effects("secret.restored")) == 1


def test_what_somebody_else_wrote_since_is_left(office: Any) -> None:
    """The way back names the version that it comes in place of."""
    office.do(made("create_access_key", user="ci-deploy", sink=SINK))
    back = office.sent[-1].undo
    versions = secret(office, "app/key").versions
    versions["0" * 32] = Row(value="theirs", stages=[])
    account(office).moves(secret(office, "app/key"), "0" * 32)
    with pytest.raises(GuardRefusedError, match="is at version 00000000"):
        office.do(made("restore_secret", **back.arguments), "back")
    assert current(office, "app/key").value == "theirs"


def test_an_empty_secret_has_no_way_back(office: Any) -> None:
    """There is no version before."""
    office.do(made("create_access_key", user="ci-deploy", sink="aws:aws:app/empty"))

    assert office.sent[-1].undo is None
    assert current(office, "app/empty").value


@pytest.mark.parametrize("fault", ["429", "500", "503"])
def test_a_secret_that_cannot_be_read_now_is_asked_for_again(office: Any, fault: str) -> None:
    """A 400 that means "too many" is no answer, though other 400s are."""
    office.company.arm([f"aws:{fault}x2@POST *"])

    assert office.look(CheckSink(SINK, leaked(office))).outcome.output.holds


@pytest.mark.parametrize("fault", ["403", "html"])
def test_a_secret_that_may_not_be_read_is_no_empty_one(office: Any, fault: str) -> None:
    """And nothing is put there."""
    office.company.arm([f"aws:{fault}xall@POST *"])
    with pytest.raises(StepFailedError):
        office.do(made("create_access_key", user="ci-deploy", sink=SINK))
    assert office.writes() == 0


@pytest.mark.promise("P19")
@pytest.mark.parametrize(
    "text",
    ["aws:aws", "aws:aws:", "aws:nowhere:a", "aws::a", "aws:aws:a b", "aws:aws:a#b", "aws:aws:é"],
)
def test_a_sink_that_cannot_be_understood_is_refused(office: Any, text: str) -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError):
        office.look(CheckSink(text))


# --- trying the credential ----------------------------------------------------------------------


def probed(office: Any, account_: str = "111122223333") -> Any:
    opened = _Open(
        "aws", "aws", account_, "eu-west-1", "", {}, Line(), None, None, (),  # type: ignore[arg-type]
        reader=office.transport.reader(),
    )  # fmt: skip
    return probe(opened)


def test_the_probe_says_who_it_is_and_what_it_may_see(office: Any) -> None:
    """What is not there was looked for all the same: that is a yes."""
    found = probed(office)
    by_name = {right.name: right.allowed for right in found.rights}

    assert found.verdict is CredentialVerdict.ACCEPTED
    assert found.identity == "arn:aws:iam::111122223333:user/respond"
    assert by_name["see console passwords"] is Allowed.YES
    assert by_name["make access keys"] is Allowed.UNTRIED
    assert probed(office, "999").mismatch


def test_the_probe_says_what_is_missing(office: Any) -> None:
    """By AWS's own names of rights."""
    user(office, "respond").allowed = {"ListUsers", "GetUser"}
    by_name = {right.name: right for right in probed(office).rights}

    assert by_name["see users"].allowed is Allowed.YES
    assert by_name["see access keys"].allowed is Allowed.NO
    assert by_name["see access keys"].grant == "iam:ListAccessKeys"


def test_a_dead_key_is_refused_by_its_word(office: Any) -> None:
    """With 403, as everything else that is not allowed."""
    user(office, "respond").keys[0].status = "Inactive"

    assert probed(office).verdict is CredentialVerdict.REFUSED


def test_a_wrong_clock_is_no_dead_key(office: Any) -> None:
    """AWS refuses the signature; whose fault that is, it does not say."""
    office.company.clock.advance(1_000)

    assert probed(office).verdict is CredentialVerdict.UNCLEAR


def test_the_root_users_key_is_told(office: Any) -> None:
    """It may do everything, and nothing can deny it."""
    user(office, "respond").arn = "arn:aws:iam::111122223333:root"

    assert any("root user" in note for note in probed(office).notes)
