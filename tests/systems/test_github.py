"""GitHub: what GitHub does unlike others."""

from __future__ import annotations

import copy
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from tests.systems.writes.of_github import NEW_KEY, accept, hub, known, made, member, token

from respond.adapters.clock import SystemClock
from respond.adapters.http.auth import session_from
from respond.adapters.http.request import Endpoint
from respond.adapters.secrets.credential_store import CredentialStore
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.secrets.redactor import Redactor
from respond.checks.credentials import Line, _Open, open_line, probe
from respond.company import console
from respond.company.github_org import BOT, NUMBERS, member_row
from respond.core.records import replace
from respond.core.script import Done, Effect, Me, Proof, Script, action
from respond.core.values import SecretHandle
from respond.engine.drivers import World, look
from respond.errors import NoAnswerError, RefusedBySystemError, UsageError
from respond.formats.project.project import ConnectionConfig
from respond.systems import load
from respond.systems.arguments import ArgumentError
from respond.systems.github.vendor import VENDOR
from respond.systems.guards import GuardRefusedError
from respond.systems.sinks.actions import SinkState
from respond.systems.sinks.sink import sink_of
from respond.systems.vendor import Allowed, CredentialVerdict
from respond.testing.loopback import Loopback, says

SYSTEMS = ("github",)
ACTIONS: dict[str, Any] = {n: cls for n, cls in load().items() if n.startswith("github.")}
BEN = "ben-okafor/583233"


@pytest.fixture(autouse=True)
def people_have_logins(office: Any) -> None:
    known(office)


# --- finding people -----------------------------------------------------------------------------


def find(office: Any, name: str) -> Any:
    return office.do(made("find_member", name=name)).output


def test_somebody_is_found_by_login_and_by_the_address_of_a_person(office: Any) -> None:
    """GitHub finds nobody by an address: respond.toml says whose login it is."""
    found = find(office, "Mallory-Hart")
    assert (found.user, found.state, found.role) == (
        office.story.github_mallory,
        "active",
        "member",
    )
    assert find(office, "mallory@example.com") == found
    assert find(office, "outsider-x").state == "absent"
    assert find(office, "nobody-there").user == ""
    with pytest.raises(GuardRefusedError, match="nobody knows the GitHub login"):
        find(office, "jean@example.com")


@pytest.mark.promise("P8")
def test_a_login_that_came_to_mean_somebody_else_is_left_alone(office: Any) -> None:
    """Logins can be given up and taken; the number is what is acted on."""
    for name, more in (("remove_member", {}), ("set_role", {"role": "admin"})):
        with pytest.raises(GuardRefusedError, match="has another owner now"):
            office.do(made(name, user="mallory-hart/999", **more))
    assert office.writes() == 0


@pytest.mark.promise("P6")
@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize(
    ("name", "login", "more"),
    [
        ("remove_member", "mallory-hart", {}),
        ("remove_from_team", "mallory-hart", {"team": "platform"}),
        ("revoke_sso_credentials", "mallory-hart", {}),
        ("revoke_fine_grained_tokens", "mallory-hart", {}),
        ("remove_outside_collaborator", "outsider-x", {}),
    ],
)
def test_whoever_took_another_login_is_not_taken_for_gone(
    office: Any,
    name: str,
    login: str,
    more: dict[str, Any],
    taken: bool,  # noqa: FBT001
) -> None:
    """They are there under the new one; the old one is nobody's, or somebody else's by now."""
    if "fine_grained" in name:
        as_app(office)
    number = NUMBERS[login]
    about = {"login": login, "taken": taken}
    console.do(office.company, "github.rename", about)
    with pytest.raises(GuardRefusedError, match=f"not the login of account {number} any more"):
        office.do(made(name, user=f"{login}/{number}", **more))
    assert office.writes() == 0
    office.do(made(name, user=f"{login}-renamed/{number}", **more))
    assert office.writes() == 1


@pytest.mark.promise("P6")
def test_a_token_that_sees_no_members_does_not_take_them_for_gone(office: Any) -> None:
    """GitHub answers 404 for both; only who sees invitations may say that nobody is there."""
    hub(office).state.keys[0].scopes = {"repo"}
    for wanted in (
        made("remove_member", user=office.story.github_mallory),
        made("find_member", name="mallory-hart"),
    ):
        with pytest.raises(RefusedBySystemError) as refused:
            office.do(wanted)
        assert "may not see it" in refused.value.why


def test_a_connection_without_an_organization_says_so(office: Any) -> None:
    """Before anything is asked."""
    connection = replace(office.connections["github"], account="")
    office.changes["connection"] = connection
    with pytest.raises(GuardRefusedError, match="names no organization"):
        office.do(made("find_member", name="mallory-hart"))


# --- whom it spares -----------------------------------------------------------------------------


TAKES = pytest.mark.parametrize(
    ("name", "more"),
    [("remove_member", {}), ("set_role", {"role": "member"})],
)


def _id(login: str) -> str:
    return f"{login}/{NUMBERS[login]}"


@TAKES
@pytest.mark.promise("P8")
def test_who_is_needed_tonight_is_spared(office: Any, name: str, more: dict[str, Any]) -> None:
    """The operator, an emergency account, and whom we work as; nothing is written."""
    for login in ("dana-reyes", "ben-okafor", BOT):
        member(office, login).role = "admin"
    people = office.changes["persons"]
    office.changes["persons"] = (
        *(replace(p, roles=("break-glass",)) if p.id == "ben" else p for p in people),
    )
    for login, why in (
        ("dana-reyes", "is you, the operator"),
        ("ben-okafor", "kept for emergencies"),
        (BOT, "respond itself works with"),
    ):
        with pytest.raises(GuardRefusedError, match=why):
            office.do(made(name, user=_id(login), **more))
    assert office.writes() == 0


@TAKES
@pytest.mark.promise("P8")
@pytest.mark.parametrize("address", ["ana@example.com", "Ana.Silva@example.com"])
def test_the_last_owner_who_could_act_stays(
    office: Any, name: str, more: dict[str, Any], address: str
) -> None:
    """A suspect, our own account, an emergency account and who is only invited do not count.

    A suspect is one by any of their addresses.
    """
    both = ("ana@example.com", "ana.silva@example.com")
    people = office.changes["persons"]
    office.changes["persons"] = tuple(
        replace(p, emails=both) if p.id == "ana" else p for p in people
    )
    office.changes["suspects"] = (address,)
    action = made(name, user=BEN, **more)
    with pytest.raises(GuardRefusedError, match="last administrator") as refused:
        office.do(action)
    assert "set_role" in refused.value.do
    assert office.writes() == 0

    hub(office).state.members.append(member_row("outsider-x", "admin", state="pending"))
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.do(action)

    office.changes["suspects"] = ()
    office.do(action)
    assert len(office.sent) == 1


# --- membership ---------------------------------------------------------------------------------


def test_removing_says_what_it_costs_and_how_it_comes_back(office: Any) -> None:
    """Before the start: a mail is sent, and giving it back takes the person's own click."""
    write = office.look(made("remove_member", user=office.story.github_mallory)).writes[0]

    assert "three months" in write.breaks
    assert "only mallory-hart can accept" in write.breaks
    assert write.undo.arguments == {"user": office.story.github_mallory, "role": "reinstate"}


def test_who_was_reinstated_is_in_only_when_they_accept(office: Any) -> None:
    """That is left to do, and no failure; then role and teams are as they were."""
    user = office.story.github_mallory
    office.do(made("remove_member", user=user))
    back = made("invite_member", user=user)
    done = office.do(back)
    assert done.findings == ("mallory-hart has yet to accept the invitation to example-co",)
    assert find(office, "mallory-hart").state == "pending"

    accept(office, "mallory-hart")
    assert "in example-co already" in office.do(back).says
    assert member(office, "mallory-hart").teams == {
        "shop-backend": "maintainer",
        "platform": "member",
    }


def test_three_months_later_nobody_is_reinstated(office: Any) -> None:
    """GitHub refuses; an invitation with a role and teams is another one."""
    user = office.story.github_mallory
    office.do(made("remove_member", user=user))
    office.company.clock.advance(100 * 86_400)
    with pytest.raises(RefusedBySystemError, match="answered 422") as refused:
        office.do(made("invite_member", user=user))
    assert "cannot be reinstated" in refused.value.why

    office.do(made("invite_member", user=user, role="direct_member", teams=["12", "26"]))
    assert member(office, "mallory-hart").state == "pending"


def test_an_invitation_can_be_taken_back(office: Any) -> None:
    """The same way as a membership; the way back invites with the same role."""
    user = office.story.github_outsider
    office.do(made("invite_member", user=user, role="admin"))
    office.sent.clear()
    office.do(made("remove_member", user=user))

    assert member(office, "outsider-x") is None
    assert office.sent[0].undo.arguments["role"] == "admin"
    assert "take back the invitation" in office.sent[0].says


def test_what_an_enterprise_team_gives_stays_and_is_said(office: Any) -> None:
    """Only the direct part goes; the rest is left to do where it comes from."""
    member(office, "mallory-hart").through = ["everyone"]
    done = office.do(made("remove_member", user=office.story.github_mallory))

    assert not done.proved
    assert "stays a member of example-co through everyone" in done.findings[0]
    assert office.do(made("remove_member", user=office.story.github_mallory)).findings
    assert len(office.sent) == 1


def test_who_is_out_may_still_be_an_outside_collaborator(office: Any) -> None:
    """A grant of a repository does not go with the membership."""
    office.do(made("remove_member", user=office.story.github_mallory))
    hub(office).state.outside.append("mallory-hart")
    done = office.do(made("remove_member", user=office.story.github_mallory))

    assert "github.remove_outside_collaborator" in done.findings[0]


@pytest.mark.parametrize("name", ["set_role", "add_to_team"])
def test_who_is_no_member_is_not_invited_by_the_way(office: Any, name: str) -> None:
    """GitHub would make an invitation of either."""
    more = {"role": "admin"} if name == "set_role" else {"team": "platform"}
    with pytest.raises(GuardRefusedError):
        office.do(made(name, user=office.story.github_outsider, **more))
    assert office.writes() == 0


def test_a_role_of_an_invitation_is_another_word(office: Any) -> None:
    """A reinstated one brings its own teams; anything else is refused before a look."""
    user = office.story.github_outsider
    for wrong in ({"role": "member"}, {"teams": ["12"]}, {"role": "admin", "teams": ["x"]}):
        with pytest.raises(ArgumentError):
            made("invite_member", user=user, **wrong)
    with pytest.raises(ArgumentError):
        made("set_role", user=user, role="direct_member")


# --- teams --------------------------------------------------------------------------------------


def test_the_teams_of_somebody_are_read_one_by_one(office: Any) -> None:
    """With their numbers, for an invitation."""
    found = office.do(made("list_teams", user=office.story.github_mallory)).output

    assert {(t.slug, t.role) for t in found.teams} == {
        ("shop-backend", "maintainer"),
        ("platform", "member"),
    }
    assert found.numbers == ("12", "26")


def test_a_team_that_is_not_there_is_no_success(office: Any) -> None:
    """Whoever is in no team of that name may be in one that we do not see."""
    action = made("remove_from_team", user=office.story.github_mallory, team="no-such-team")
    with pytest.raises(RefusedBySystemError):
        office.do(action)


def test_a_team_that_an_identity_provider_fills_is_changed_there(office: Any) -> None:
    """GitHub says so; nothing happened."""
    hub(office).state.synced.add("platform")
    with pytest.raises(RefusedBySystemError) as refused:
        office.do(made("remove_from_team", user=office.story.github_mallory, team="platform"))
    assert "identity provider" in refused.value.why
    assert not refused.value.again


def test_another_role_in_a_team_goes_back_to_the_one_before(office: Any) -> None:
    """An invitation brings no maintainer; this does."""
    user = office.story.github_mallory
    office.do(made("add_to_team", user=user, team="platform", role="maintainer"))

    assert office.sent[0].undo.action == "github.add_to_team"
    assert office.sent[0].undo.arguments["role"] == "member"


# --- tokens that leaked -------------------------------------------------------------------------


def tried(office: Any) -> Any:
    return office.do(made("probe_token", value=token())).output


def test_a_token_is_tried_by_itself(office: Any) -> None:
    """Whose it is and what it may do, then refused: GitHub carries it out later."""
    seen = tried(office)
    assert (seen.state, seen.owner, seen.scopes) == ("alive", "mallory-hart", "repo")

    office.send(office.look(made("revoke_leaked_token", value=token())).writes[0].hands)
    assert tried(office).state == "alive"
    office.company.clock.advance(10)
    assert tried(office).state == "refused"


@pytest.mark.parametrize("fault", ["403", "404", "html", "500", "429"])
@pytest.mark.promise("P6")
def test_only_githubs_own_word_means_refused(office: Any, fault: str) -> None:
    """A limit, single sign-on, a page in between: it cannot be told, and counts as alive."""
    office.company.arm([f"github:{fault}xall@GET /user"])
    assert tried(office).state == "inconclusive"

    assert len(office.look(made("revoke_leaked_token", value=token())).writes) == 1


@pytest.mark.parametrize("server", [False, True])
def test_a_token_is_revoked_without_a_credential_and_on_a_server_with_one(
    office: Any,
    server: bool,  # noqa: FBT001 - which of two
) -> None:
    """Each refuses what the other wants."""
    hub(office).state.server = server
    office.options["github"] = {"server": server}
    office.do(made("revoke_leaked_token", value=token()))
    assert [each.target for each in office.effects("token.revoke")] == ["mallory-hart"]

    office.options["github"] = {"server": not server}
    hub(office).state.keys[1].dies_at = None
    hub(office).state.keys[1].revoked = False
    office.known.clear()
    with pytest.raises(RefusedBySystemError):
        office.do(made("revoke_leaked_token", value=token()))


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    ("server", "prefix"), [(False, "ghs_"), (False, ""), (True, "gho_"), (True, "ghr_")]
)
def test_what_github_does_not_revoke_is_refused_before_a_look(
    office: Any,
    server: bool,  # noqa: FBT001 - which of two
    prefix: str,
) -> None:
    """The token of an installation dies by itself; a server takes fewer kinds."""
    office.options["github"] = {"server": server}
    with pytest.raises(GuardRefusedError, match="GitHub revokes no token"):
        office.do(made("revoke_leaked_token", value=token(prefix)))


@pytest.mark.promise("P8")
def test_our_own_token_is_never_killed(office: Any) -> None:
    """It is known by its digest."""
    office.options["github"] = {"own_digests": ["d1"]}
    with pytest.raises(GuardRefusedError, match="respond itself works with"):
        office.do(made("revoke_leaked_token", value=token(digest="d1")))
    assert office.writes() == 0


def test_a_refresh_token_cannot_be_tried_and_is_revoked_on_githubs_word(office: Any) -> None:
    """It signs in nowhere, so that a refusal would say nothing."""
    action = made("revoke_leaked_token", value=token("ghr_"))
    done = office.do(action)

    assert not done.proved
    assert office.sent[0].proof is Proof.BLIND
    assert office.do(made("probe_token", value=token("ghr_"))).output.state == "inconclusive"


def test_single_sign_on_lets_nothing_of_somebody_in_any_more(office: Any) -> None:
    """What other people were let in with stays; ours is spared."""
    office.do(made("revoke_sso_credentials", user=office.story.github_mallory))
    assert [row.login for row in hub(office).state.sso] == ["ben-okafor"]

    hub(office).state.sso[0].login = BOT
    with pytest.raises(GuardRefusedError, match="respond itself works with"):
        office.do(made("revoke_sso_credentials", user=_id(BOT)))


# --- deploy keys --------------------------------------------------------------------------------


def test_a_deploy_key_comes_back_by_its_public_half(office: Any) -> None:
    """Under another number, with title and right as they were; what can write is named."""
    shop = office.story.github_repository
    listed = office.do(made("list_deploy_keys", repository=shop))
    assert listed.findings == (
        f"backup ...{hub(office).state.deploy_keys[1].key[-12:]} can write, added by mallory-hart",
    )
    action = made("delete_deploy_key", repository=shop, key="1002")
    office.do(action)
    back = office.sent[0].undo
    assert (back.arguments["title"], back.arguments["read_only"]) == ("backup", False)

    office.do(made("add_deploy_key", **back.arguments), "back")
    again = hub(office).state.deploy_keys[-1]
    assert (again.title, again.read_only, again.id) == ("backup", False, 1003)


def test_a_key_is_for_one_repository_alone(office: Any) -> None:
    """GitHub says so; nothing was added."""
    taken = hub(office).state.deploy_keys[0].key
    with pytest.raises(RefusedBySystemError) as refused:
        office.do(made("add_deploy_key", repository="example-co/docs", key=taken))
    assert "key is already in use" in refused.value.why


@pytest.mark.parametrize(
    "wrong",
    [{"key": "secret"}, {"key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, {"repository": "a/.."}],
)
def test_only_the_public_half_of_a_key_is_taken(wrong: dict[str, str]) -> None:
    """A private one would be sent to GitHub in clear."""
    with pytest.raises(ArgumentError):
        made("add_deploy_key", **{"repository": "example-co/shop", "key": NEW_KEY, **wrong})


# --- what was made since ------------------------------------------------------------------------


def test_what_the_intruder_made_within_minutes_is_found(office: Any) -> None:
    """Each kind by which a way back in is left; what was there before is not among it."""
    shop = office.story.github_repository
    done = office.do(made("list_made_since", within=86_400, repositories=[shop]))
    found = {(each.kind, each.what, each.role) for each in done.output.made}

    assert {
        ("app", "helper-app", "all"),
        ("deploy key", "backup", "writes"),
        ("webhook", "sink.example.net", ""),
        ("invitation", "outsider-x", "admin"),
        ("runner", "build-box", "online"),
    } < found
    assert [kind for kind, _, _ in found].count("workflow") == 1  # Of three that were changed.
    unseen = f"UNSEEN: workflows of {shop} on other branches, or in commits with an older date"
    assert [each for each in done.findings if unseen in each] == list(done.output.unseen)
    assert unseen in done.output.unseen[0]
    assert not {("app", "ci-app", "all"), ("deploy key", "ci", "reads")} & found
    assert "of a time that GitHub does not tell" in done.says
    assert done.proved


def test_an_address_of_a_webhook_is_shown_by_its_host(office: Any) -> None:
    """The rest may hold a secret of its own."""
    hub(office).state.hooks[1].url = "https://user:pass@sink.example.net/T0/secret?x=1"
    shop = office.story.github_repository
    done = office.do(made("list_made_since", within=86_400, repositories=[shop]))

    assert "secret" not in str(done)
    assert "pass@" not in str(done)


@pytest.mark.promise("P9")
def test_what_could_not_be_seen_is_named_and_is_no_empty_list(office: Any) -> None:
    """A right that is missing is a finding, and the step is not proved."""
    hub(office).state.keys[0].scopes = {"admin:org", "repo"}
    done = office.do(made("list_made_since"))

    assert not done.proved
    assert done.output.unseen[0].startswith("UNSEEN: webhook of example-co: ")
    assert len(done.output.unseen) == 1


@pytest.mark.promise("P9")
def test_a_long_list_is_read_to_its_end(office: Any) -> None:
    """GitHub cuts its lists at a hundred, and links to the next page."""
    rows = hub(office).state.repository_invites
    rows += [copy.copy(rows[0]) for _ in range(120)]
    shop = office.story.github_repository
    made_since = office.do(made("list_made_since", repositories=[shop])).output.made

    assert sum(each.kind == "invitation" for each in made_since) == 121


# --- the audit log ------------------------------------------------------------------------------


def test_the_audit_log_tells_what_somebody_did(office: Any) -> None:
    """The newest first, over all pages; what git did only where it is asked for."""
    user = office.story.github_mallory
    seen = office.do(made("read_audit_log", user=user)).output
    assert [event.action for event in seen.events] == ["hook.create", "repo.add_member"]
    assert len(office.do(made("read_audit_log", user=user, git=True)).output.events) == 3

    events = hub(office).state.events
    events += [copy.copy(events[1]) for _ in range(250)]
    assert len(office.do(made("read_audit_log", user=user)).output.events) == 252


def test_an_organization_without_an_audit_log_by_api_says_so(office: Any) -> None:
    """That is a finding, with where a person reads it; and no empty log."""
    hub(office).state.enterprise = False
    done = office.do(made("read_audit_log", user=office.story.github_mallory))

    assert not done.output.seen
    assert "Enterprise Cloud" in done.findings[0]


# --- alerts -------------------------------------------------------------------------------------


@pytest.mark.promise("P6")
def test_an_alert_is_closed_as_revoked_only_when_the_secret_was_refused(office: Any) -> None:
    """Else everybody would take it for done; another reason is a person's."""
    place = {"repository": office.story.github_repository, "number": "42"}
    with pytest.raises(GuardRefusedError, match="not known to be refused"):
        office.do(made("resolve_secret_alert", **place, refused=False))
    assert office.writes() == 0

    office.do(made("resolve_secret_alert", **place, refused=False, resolution="used_in_tests"))
    assert hub(office).state.alerts[0].resolution == "used_in_tests"


@pytest.mark.promise("P22")
def test_the_secret_of_an_alert_is_never_asked_for(office: Any) -> None:
    """A server that shows it all the same is not believed either."""
    place = {"repository": office.story.github_repository, "number": "42"}
    hub(office).state.honours_hiding = False
    done = office.do(made("get_secret_alert", **place))

    assert office.story.leaked_app_key not in str(done)
    assert done.output.validity == "active"


# --- secrets of Actions, as a place for new ones ------------------------------------------------


@action("github.put", effect=Effect.DESTROYS, output=SinkState, source="this test")
@dataclass(frozen=True)
class Put:
    """Bring a value to a sink, as whatever makes one does."""

    sink: str
    value: SecretHandle

    def run(self, me: Me) -> Script[SinkState]:
        """Once, and until it is seen."""
        sink = sink_of(self.sink, me)
        seen = yield from sink.look(me, self.value)
        if not seen.holds:
            yield from sink.deliver(me, seen, self.value, "the new key")
        return Done(SinkState(seen.readable, seen.holds, seen.says), says=seen.says)


NEW = "github:github:example-co/shop/production#NEW_KEY"
OLD = "github:github:example-co/shop#CIO_KEY"
ORGS = "github:github:example-co#CIO_KEY"
AT_PUT = "PUT */secrets/*"
sinks = pytest.mark.parametrize("sink", [NEW, OLD, ORGS])


def put(office: Any, sink: str = NEW, value: str = "the new value") -> Put:
    office.opened["new.value"] = value
    return Put(sink, SecretHandle("new.value", digest="digest"))


def secret(office: Any, sink: str) -> Any:
    place, _, name = sink.removeprefix("github:github:").partition("#")
    found = [row for row in hub(office).state.secrets if (row.place, row.name) == (place, name)]
    return found[0] if found else None


@sinks
@pytest.mark.promise("P22")
def test_a_new_value_arrives_sealed_and_is_put_once(office: Any, sink: str) -> None:
    """Only GitHub opens it; that it was put since is seen by its time, and said for what it is."""
    done = office.do(put(office, sink))
    assert secret(office, sink).value == "the new value"
    assert "put by this run, its value cannot be read back" in done.says
    assert not done.output.readable
    assert not done.output.holds
    assert "the new value" not in str(office.sent)

    office.do(put(office, sink))
    assert len(office.sent) == 1


@sinks
def test_what_cannot_be_put_back_asks_and_what_can_has_a_way_back(office: Any, sink: str) -> None:
    """A secret that was not there before is deleted again; of another the value is lost."""
    write = office.look(put(office, sink)).writes[0]
    if sink != NEW:
        assert write.effect is Effect.DESTROYS
        assert write.undo is None
        assert "nobody can put it back" in write.breaks
        return
    assert write.effect is Effect.WRITES
    office.do(put(office, sink))
    office.do(made("delete_actions_secret", **write.undo.arguments), "back")
    assert secret(office, sink) is None


def test_who_may_see_an_organizations_secret_stays_as_it_is(office: Any) -> None:
    """GitHub takes what is said with each put; one that is not there is a person's to make."""
    office.do(put(office, ORGS))
    assert secret(office, ORGS).selected == [11, 12]
    office.do(put(office, "github:github:example-co#NPM_TOKEN"), "other")
    assert secret(office, "example-co#NPM_TOKEN").visibility == "private"

    with pytest.raises(GuardRefusedError, match="has no secret MISSING"):
        office.do(put(office, "github:github:example-co#MISSING"))


@sinks
@pytest.mark.promise("P2")
@pytest.mark.parametrize("fault", ["timeout-after", "500-after", "timeout-before", "500"])
def test_a_put_whose_answer_is_lost_is_looked_for(office: Any, sink: str, fault: str) -> None:
    """By its time, which tells whether it happened."""
    office.company.arm([f"github:{fault}@{AT_PUT}"])
    with pytest.raises(NoAnswerError):
        office.do(put(office, sink))
    office.do(put(office, sink))

    assert secret(office, sink).value == "the new value"
    assert len(office.sent) == (1 if fault.endswith("-after") else 2)


@pytest.mark.promise("P6")
def test_what_was_put_before_the_run_is_not_ours(office: Any) -> None:
    """However shortly; and a value that is not made yet was never put."""
    secret(office, OLD).at = office.changes["now"] - 60
    assert len(office.look(put(office, OLD)).writes) == 1

    secret(office, OLD).at = office.changes["now"] + 1
    unmade = Put(OLD, SecretHandle("new.value"))
    assert len(office.look(unmade).writes) == 1


@pytest.mark.promise("P16")
def test_a_clock_of_ours_that_runs_ahead_is_put_right(office: Any) -> None:
    """GitHub's own time stands in each answer."""
    office.do(put(office, OLD))
    office.changes["now"] += 500
    assert len(office.look(put(office, OLD)).writes) == 1
    office.clock.sleep(500)
    office.company.clock._offset_s -= 500  # The company stays behind.
    assert office.look(put(office, OLD)).writes == ()


def test_a_key_that_changed_is_a_refusal_and_nothing_is_put(office: Any) -> None:
    """What was sealed for the old one is taken nowhere."""
    write = office.look(put(office, OLD)).writes[0]
    hub(office).state.key_id = "another"
    with pytest.raises(RefusedBySystemError, match="answered 422"):
        office.perform(write)
    assert secret(office, OLD).value == "old"


def test_a_token_without_the_right_finds_no_absent_secret(office: Any) -> None:
    """404 may be either; the public key tells them apart."""
    hub(office).state.keys[0].scopes = {"admin:org"}
    for wanted in (put(office, NEW), made("delete_actions_secret", place="example-co/shop#X")):
        with pytest.raises(RefusedBySystemError):
            office.do(wanted)
    assert office.writes() == 0


@pytest.mark.parametrize(
    "sink",
    [
        "github:nobody:example-co/shop#KEY",
        "github:github:example-co/shop",
        "github:github:example-co/../other#KEY",
        "github:github:a/b/c/d#KEY",
        "github:github:example-co/shop#GITHUB_TOKEN",
        "github:github:example-co/shop#A-B",
    ],
)
def test_a_place_that_is_none_is_refused_at_once(office: Any, sink: str) -> None:
    """With the form in which it is written."""
    with pytest.raises(UsageError):
        office.look(put(office, sink))


# --- trying the credential ----------------------------------------------------------------------


def probed(office: Any, name: str = "github", **more: Any) -> Any:
    unused: Any = None
    reader = office.transport.reader()
    account, identity = more.get("account", "example-co"), more.get("identity", "")
    options = office.connections[name].options
    opened = _Open(
        "github", name, account, "", identity, options, Line(), unused, unused, (), reader
    )
    return probe(opened)


def test_a_classic_token_says_what_it_may_and_what_less_would_be(office: Any) -> None:
    """By its scopes, in GitHub's words."""
    found = probed(office)
    rights = {right.name: right for right in found.rights}

    assert found.verdict is CredentialVerdict.ACCEPTED
    assert found.identity == BOT
    assert "fine-grained token" in found.notes[0]
    missing = [right.name for right in found.rights if right.allowed is not Allowed.YES]
    assert missing == ["keep fine-grained tokens out"]

    hub(office).state.keys[0].scopes = {"repo"}
    rights = {right.name: right for right in probed(office).rights}
    assert rights["change members and teams"].allowed is Allowed.NO
    assert "lacks the scope admin:org" in rights["change members and teams"].why
    assert office.writes() == 0


def test_a_fine_grained_token_says_by_reads_what_it_may(office: Any) -> None:
    """What it may not see is answered as what is not there; what only a write shows is open."""
    hub(office).state.keys[0].scopes = None
    office.company.arm(["github:404xall@GET */hooks*", "github:500xall@GET */runners*"])
    rights = {right.name: right.allowed for right in probed(office).rights}

    assert rights["see webhooks"] is Allowed.NO
    assert rights["see self-hosted runners"] is Allowed.UNTRIED
    assert rights["change members and teams"] is Allowed.UNTRIED
    assert rights["see members and invitations"] is Allowed.YES


def test_what_is_odd_about_a_connection_is_said(office: Any) -> None:
    """Another owner than respond.toml says, no owner of the organization, no organization."""
    assert "respond.toml says somebody" in probed(office, identity="somebody").mismatch[0]
    member(office, BOT).role = "member"
    assert any("is no owner" in note for note in probed(office).notes)
    assert any("YOUR-ORG" in note for note in probed(office, account="").notes)


def test_a_probe_has_three_answers(office: Any) -> None:
    """Only Bad credentials is a refused token."""
    hub(office).state.keys[0].revoked = True
    assert probed(office).verdict is CredentialVerdict.REFUSED

    office.company.arm(["github:503xall@GET *"])
    assert probed(office).verdict is CredentialVerdict.UNCLEAR


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("2027-01-31 09:00:00 UTC", "2027-01-31T09:00:00Z"),
        ("2027-01-31 09:00:00 -0700", "2027-01-31T09:00:00-0700"),
        ("", ""),
    ],
)
def test_a_token_tells_its_end_with_every_answer(told: str, at: str) -> None:
    """In a header, in the vendor's own writing of a time; one without an end has none."""
    with Loopback() as github:
        github.will(says({"login": "respond"}, 200, GitHub_Authentication_Token_Expiration=told))
        endpoint = Endpoint("gh", "github", {"rest": github.url}, "github", loopback_ok=True)
        config, clock = ConnectionConfig(name="gh", system="github"), SystemClock()
        secrets = CredentialStore({}, MemoryKeys(), Redactor(), clock, environment={})
        secrets.keep("gh", "ghp_canary-of-a-token-000000000000000000")
        with closing(
            open_line(config, Line(endpoint), secrets=secrets, redactor=Redactor(), clock=clock)
        ) as opened:
            found = probe(opened)
    assert [each.at for each in found.endings] == [at] * bool(told)
    assert all(datetime.fromisoformat(each.at).tzinfo for each in found.endings)


def test_every_action_has_a_right() -> None:
    """What to grant for a runbook is known before the night; whoever holds a token needs none."""
    named = {action for right in VENDOR.rights for action in right.actions}
    without = {"github.probe_token", "github.revoke_leaked_token"}

    assert named == ACTIONS.keys() - without


# --- an app ---------------------------------------------------------------------------------------


def as_app(office: Any) -> None:
    office.changes["connection"] = office.connections["github-app"]


def test_an_app_signs_for_its_tokens_and_reads_with_rights_to_read_alone(office: Any) -> None:
    """Its key never leaves; what only looks holds a token that can write nothing."""
    as_app(office)
    office.look(made("remove_member", user=office.story.github_mallory))
    _, _, reading = hub(office).state.keys
    assert reading.value.startswith("ghs_")
    assert reading.read_only

    office.do(made("remove_member", user=office.story.github_mallory))
    assert member(office, "mallory-hart") is None
    writing = [key for key in hub(office).state.keys if key.value.startswith("ghs_")][1:]
    assert any(not key.read_only for key in writing)


def test_a_token_of_an_app_is_made_anew_when_its_hour_is_over(office: Any) -> None:
    """The answer says when; nothing fails in between."""
    as_app(office)
    reader = office.world().reader
    find_it = made("find_member", name="mallory-hart")
    for _ in range(2):
        look(find_it.run(office.me(find_it)), World(reader), known={}, predict=False)
        office.clock.sleep(3_700)

    assert len(hub(office).state.keys) == 4


def test_an_app_that_was_granted_less_says_what_to_do(office: Any) -> None:
    """Nothing is done with a session that it did not get."""
    as_app(office)
    hub(office).state.granted = {"members"}
    with pytest.raises(RefusedBySystemError) as refused:
        office.do(made("find_member", name="mallory-hart"))
    assert "not granted to this installation" in refused.value.why


@pytest.mark.promise("P5")
def test_a_session_that_was_not_confirmed_is_not_used() -> None:
    """What was asked for has to stand in the answer."""
    body = {"token": "ghs_x", "permissions": {"members": "write"}}
    trade = VENDOR.variants["github-app"][""].trade
    assert trade is not None
    for scope, good in (("members:read", False), ("members:write", True), ("", True)):
        made_of = session_from(body, scope=scope, now_ms=0, trade=trade)
        assert isinstance(made_of, str) is not good


def test_an_app_is_nobody_and_says_what_it_may(office: Any) -> None:
    """There is no account of its own to spare, and no GET /user."""
    found = probed(office, "github-app")
    rights = {right.name: right.allowed for right in found.rights}

    assert found.verdict is CredentialVerdict.ACCEPTED
    assert rights["see members and invitations"] is Allowed.YES
    assert rights["change members and teams"] is Allowed.UNTRIED
    assert office.writes() == 0


@pytest.mark.parametrize("fault", ["", "cut-after", "cut-before", "stale"])
@pytest.mark.long
def test_fine_grained_tokens_are_an_apps_to_revoke(office: Any, fault: str) -> None:
    """Those of one person; the others stay. Whatever becomes of the answer, a look tells."""
    action = made("revoke_fine_grained_tokens", user=office.story.github_mallory)
    with pytest.raises(GuardRefusedError, match="is no app"):
        office.do(action)

    as_app(office)
    office.company.arm([f"github:{fault}@POST */personal-access-tokens"] if fault else [])
    if fault.startswith("cut"):
        with pytest.raises(NoAnswerError):
            office.do(action)
    office.do(action)
    office.company.clock.advance(90)
    assert office.look(action).writes == ()
    assert [row.name for row in hub(office).state.fine_grained] == ["backup"]


@pytest.mark.promise("P8")
def test_two_owners_of_one_plan_do_not_each_pass_for_the_last_but_one(office: Any) -> None:
    """What an earlier step takes away is counted in the later one's guard."""
    world = office.world()
    for login, taken in (("ana-silva", False), ("ben-okafor", True)):
        action = made("remove_member", user=_id(login))
        if taken:
            with pytest.raises(GuardRefusedError, match="last administrator"):
                look(action.run(office.me(action)), world, known={}, predict=True)
        else:
            look(action.run(office.me(action)), world, known={}, predict=True)


def test_who_left_the_organization_left_its_teams(office: Any) -> None:
    """A later step of the same plan wants nothing of it."""
    world = office.world()
    user = office.story.github_mallory
    wanted = [
        look(each.run(office.me(each)), world, known={}, predict=True).writes
        for each in (
            made("remove_member", user=user),
            made("remove_from_team", user=user, team="platform"),
        )
    ]
    assert [len(each) for each in wanted] == [1, 0]
