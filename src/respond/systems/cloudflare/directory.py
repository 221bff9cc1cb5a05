"""What Cloudflare does of what a directory is asked for: of the members of an account.

It signs nobody in: a session or a token of somebody's reaches what the membership reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from respond.core.script import Connection, Done, Looking, Me, Script, gather
from respond.systems.cloudflare.access_users import (
    WhoIsInCloudflareApp,
    access_user_of,
    revoke_access,
)
from respond.systems.cloudflare.account_log import (
    ListLeftInCloudflare,
    ReadCloudflareLog,
    day_of,
    tokens_by,
)
from respond.systems.cloudflare.account_tokens import TOKEN, disable
from respond.systems.cloudflare.member_rights import (
    RemoveCloudflareAdminRights,
    RestrictCloudflareMember,
)
from respond.systems.cloudflare.memberships import (
    ACCOUNT_OWNED,
    CloudflareMemberId,
    ListCloudflareAdmins,
    found,
    seen_member,
    spare_member,
)
from respond.systems.cloudflare.user_groups import groups_of
from respond.systems.cloudflare.vendor import look
from respond.systems.directory.vocabulary import Directory, Does, Lacks, PersonSeen, Target

__all__ = ["DIRECTORY"]

_UNDO: Final = ("Undo the run that took the rights of {email}: respond undo RUN.",)
_APP: Final = "Open Zero Trust, Access controls, Applications, the application, Policies."
_OWN: Final = (
    "user tokens and the Global API key of {email} are seen by nobody else: they reach what the "
    "membership reaches"
)


def _find(me: Me, connection: Connection, email: str) -> Looking[PersonSeen]:
    del me
    why: list[str] = []
    member = yield from found(connection, email, why)
    if why:
        return PersonSeen(connection.name, word=why[0])
    if not member.is_there:
        return PersonSeen(connection.name, state="gone", word="nobody has this address")
    word = f"{member.status}: {', '.join(member.names) or 'no rights'}"
    state, administrator = "other" if member.status != "accepted" else "active", "unknown"
    if member.is_admin:
        administrator = "yes"
    elif member.is_restricted and isinstance(member.id, str):
        # There is no suspension: who may only see the account, and is in no group that may give
        # more, is as good as suspended. Whoever has rights is not looked for in all groups.
        groups, unread = yield from groups_of(connection, member.id, lambda _: None)
        given = {"unknown"} if unread else {group.gives_admin for group in groups}
        administrator = next((each for each in ("yes", "unknown") if each in given), "no")
        state = "suspended" if state == "active" and not (groups or unread) else state
        word = "; ".join(filter(None, (word, *(group.name for group in groups), unread)))
    return PersonSeen(
        connection.name,
        str(member.id),
        member.email,
        state,
        word,
        _told(is_so=member.has_factor) if member.user else "unknown",
        administrator,
    )


def _told(*, is_so: bool) -> str:
    return "yes" if is_so else "no"


def _member(to: Target) -> CloudflareMemberId:
    return CloudflareMemberId(to.user)


def _end_sessions(me: Me, to: Target) -> Script[Any]:
    member = yield from seen_member(me, to.user)
    user = yield from access_user_of(me.connection, member.email)
    if user.id:
        return (yield from revoke_access(me, user))
    yield from spare_member(me, member.email, "sign out")
    line = f"{member.email} is no user of Access; sessions in the dashboard go on"
    return Done(None, says=line, findings=(line,))


def _revoke_grants(me: Me, to: Target) -> Script[Any]:
    """Tokens of the account have no owner: those that the log names are meant."""
    member = yield from seen_member(me, to.user)
    within = to.within(me.now)
    touched, _ = yield from tokens_by(me, member.email, within)
    seen = yield from gather(look(TOKEN, me.connection, token=each.id) for each in touched)
    tokens = [token for token in seen if token.status == "active"]
    ours = yield from look(ACCOUNT_OWNED, me.connection)
    lines = [_OWN.format(email=member.email)]
    for token in tokens:
        if token.id == ours:
            lines.append(f"{token.name} is the token that respond itself works with: it stays")
        else:
            yield from disable(me, token)
    says = (
        f"the tokens of the account that {member.email} made or changed since "
        f"{day_of(me.now - within)}, by the audit log, are disabled"
    )
    return Done(None, says=says, findings=tuple(lines))


def _list_factors(me: Me, to: Target) -> Script[Any]:
    """On or off: which ones, nobody is shown."""
    member = yield from seen_member(me, to.user)
    word = "on" if member.has_factor else "off"
    line = f"the second factor of {member.email} is {word if member.user else 'not known'}"
    return Done(None, says=line, findings=(line,))


_VERBS: Final[Mapping[str, Does | Lacks]] = {
    "suspend_user": Does(
        lambda me, to: RestrictCloudflareMember(_member(to)).run(me), "cloudflare.restrict_member"
    ),
    "restore_user": Lacks("what was taken knows the rights: respond undo RUN gives them", _UNDO),
    "end_sessions": Does(_end_sessions, "cloudflare.revoke_access_sessions"),
    "revoke_grants": Does(_revoke_grants, "cloudflare.disable_token cloudflare.read_log"),
    "reset_factors": Lacks(
        "the person alone resets it, or recovers the account with Cloudflare; for one of Access "
        "there is cloudflare.delete_access_factor",
        (
            "Have {email} use a backup code, or recover the account: dash.cloudflare.com/login.",
            "Where Access asks for a factor of its own: Zero Trust, Users, {email}.",
        ),
    ),
    "issue_bridge": Lacks(
        "it has no way in for a while", ("Have {email} use one of their backup codes.",)
    ),
    "reset_password": Lacks(
        "the person alone changes it; who has it reaches what the membership reaches",
        ("Have {email} change the password at dash.cloudflare.com/profile/authentication.",),
    ),
    "remove_admin_rights": Does(
        lambda me, to: RemoveCloudflareAdminRights(_member(to)).run(me),
        "cloudflare.remove_admin_rights",
    ),
    "restore_admin_rights": Lacks(
        "what was taken knows the rights: respond undo RUN gives them", _UNDO
    ),
    "take_app": Lacks(
        "the policies of an application of Access decide, and groups and lists in them",
        (_APP, "Exclude {email}, then end their sessions."),
    ),
    "give_app": Lacks(
        "the policies of an application of Access decide, and groups and lists in them",
        (_APP, "Take the exclusion of {email} away."),
    ),
    "list_factors": Does(_list_factors, "cloudflare.find_member"),
    "list_admins": Does(lambda me, _: ListCloudflareAdmins().run(me), "cloudflare.list_admins"),
    "read_sign_ins": Does(
        lambda me, to: ReadCloudflareLog(_member(to), within=to.within(me.now)).run(me),
        "cloudflare.read_log",
    ),
    "who_has_app": Does(
        lambda me, to: WhoIsInCloudflareApp(to.app).run(me), "cloudflare.who_is_in_app"
    ),
    "list_left_behind": Does(
        lambda me, to: ListLeftInCloudflare(_member(to), within=to.within(me.now)).run(me),
        "cloudflare.list_left_behind",
    ),
}

DIRECTORY: Final = Directory(_find, "cloudflare.find_member", _VERBS)
