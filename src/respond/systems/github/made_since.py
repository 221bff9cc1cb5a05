"""Read what was made since a moment by which a way back in may have been left.

Source: GitHub REST API, Invitations, Webhooks, App installations, Self-hosted runners, Deploy keys,
Commits. A published case of July 2026: a workflow that sent a token out, then invitations as
administrator within minutes. None of it goes with the person who made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from respond.core.records import Frozen
from respond.core.script import Done, Effect, Looking, Me, Script, action, gather
from respond.core.shapes import Seconds
from respond.core.showable import showable
from respond.systems.arguments import ArgumentError
from respond.systems.github.deploy_keys import check_repository
from respond.systems.github.vendor import PAGE, VENDOR, org_of
from respond.systems.rest import Thing, at, rows, stamp

__all__ = ["ACTIONS", "ListMadeSince", "MadeThing"]

_A_WEEK: Final = Seconds(7 * 86_400)
_YEAR_S: Final = 366 * 86_400
_SHOWN: Final = 40
_REPOSITORIES_MAX: Final = 50


def _host(url: Any) -> str:
    """Where a webhook leads; the rest of its address may hold a secret."""
    try:
        return showable(urlsplit(str(url)).hostname or "?", limit=100)
    except ValueError:
        return "?"


class _Row(Frozen):
    """What all of these have, as far as GitHub tells it."""

    when: str = at("created_at", limit=40, default="")
    by: str = at("inviter.login", limit=100, default="")


class _Invite(_Row):
    what: str = at("login", limit=100, default="")
    email: str = at("email", limit=100, default="")
    role: str = at("role", limit=40, default="")


class _Hook(_Row):
    what: str = at("config.url", read=_host, default="")


class _Installed(_Row):
    what: str = at("app_slug", limit=100, default="")
    role: str = at("repository_selection", limit=40, default="")


class _Runner(_Row):
    what: str = at("name", limit=100, default="")
    role: str = at("status", limit=40, default="")


class _Key(_Row):
    what: str = at("title", limit=100, default="")
    role: str = at("read_only", read=lambda only: "reads" if only is True else "writes", default="")
    by: str = at("added_by", limit=100, default="")


class _RepositoryInvite(_Row):
    what: str = at("invitee.login", limit=100, default="")
    role: str = at("permissions", limit=40, default="")


class _Commit(_Row):
    what: str = at("sha", read=lambda sha: showable(str(sha)[:12]), default="")
    when: str = at("commit.committer.date", limit=40, default="")
    by: str = at("author.login", limit=100, default="")


_ORG: Final = ("orgs", "{org}")
_REPO: Final = ("repos", "{owner}", "{repo}")


def _listed(cls: Any, *path: str, inside: str = "", **query: str) -> Thing[Any]:
    name = f"{'/'.join(path)}/made"
    return Thing(VENDOR, name, path, rows(cls, inside), query=(*query.items(), *PAGE))


_OF_ORG: Final = {
    "invitation": _listed(_Invite, *_ORG, "invitations"),
    "webhook": _listed(_Hook, *_ORG, "hooks"),
    "app": _listed(_Installed, *_ORG, "installations", inside="installations"),
    "runner": _listed(_Runner, *_ORG, "actions", "runners", inside="runners"),
}
_OF_REPOSITORY: Final = {
    "deploy key": _listed(_Key, *_REPO, "keys"),
    "webhook": _listed(_Hook, *_REPO, "hooks"),
    "invitation": _listed(_RepositoryInvite, *_REPO, "invitations"),
    "runner": _listed(_Runner, *_REPO, "actions", "runners", inside="runners"),
    "workflow": _listed(_Commit, *_REPO, "commits", path=".github/workflows", since="{since}"),
}


class MadeThing(Frozen):
    """Something that was made since.

    Attributes:
        kind: ``invitation``, ``webhook``, ``app``, ``runner``, ``deploy key``, ``workflow``.
        place: The organization, or a repository with its owner.
        what: Login, host, name, title, or the commit that changed workflow files.
        role: What it may do, where GitHub says it.
        at: When; empty where GitHub tells no time, so that a person has to know.
        by: Who made it; GitHub says it of few.
    """

    kind: str
    place: str
    what: str
    role: str
    at: str
    by: str


class MadeSince(Frozen):
    """What was made since.

    Attributes:
        unseen: What could not be looked at, with the reason, and what no such look shows.
    """

    made: tuple[MadeThing, ...]
    unseen: tuple[str, ...]
    count: int


@action(
    "github.list_made_since",
    effect=Effect.READS,
    output=MadeSince,
    source="GitHub REST API: invitations, hooks, installations, runners, deploy keys, commits",
)
class ListMadeSince(Frozen):
    """Read what was made in the organization, and in some repositories, since the exposure.

    Attributes:
        within: How far back, up to a year.
        repositories: Those to look through as well: ``octo-org/shop``.
    """

    within: Seconds = _A_WEEK
    repositories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.within <= _YEAR_S:
            raise ArgumentError("within must be a time up to a year")
        if len(self.repositories) > _REPOSITORIES_MAX:
            raise ArgumentError(f"repositories may be {_REPOSITORIES_MAX} at most")
        for each in self.repositories:
            check_repository("repositories", each)

    def run(self, me: Me) -> Script[MadeSince]:
        since_s = me.now - self.within
        looks = tuple(self._looks(me, since_s))
        seen = yield from gather(look for _, _, look in looks)
        made: list[MadeThing] = []
        unseen: list[str] = []
        for (kind, place, _), found in zip(looks, seen, strict=True):
            if isinstance(found, str):
                unseen.append(f"UNSEEN: {kind} of {place}: {found}")
                continue
            made += (_thing(kind, place, row) for row in found if _is_new(row.when, since_s))
        never = [
            f"UNSEEN: workflows of {each} on other branches, or in commits with an older date: a "
            "push to any branch may start one; see its Actions and branches"
            for each in self.repositories
        ]
        made.sort(key=lambda each: each.at, reverse=True)
        where = f"{org_of(me)} and {len(self.repositories)} repositories"
        timeless = sum(not each.at for each in made)
        says = f"{len(made)} things since {stamp(since_s)} in {where}"
        if timeless:
            says += f", {timeless} of them of a time that GitHub does not tell"
        lines = tuple(_line(each) for each in made[:_SHOWN])
        return Done(
            MadeSince(tuple(made), (*unseen, *never), len(made)),
            says=says,
            findings=(*unseen, *never, *lines),
            proved=not unseen,
        )

    def _looks(self, me: Me, since_s: float) -> Iterator[tuple[str, str, Looking[Any]]]:
        org = org_of(me)
        for kind, thing in _OF_ORG.items():
            yield kind, org, _or_why(thing, me, org=org)
        for repository in self.repositories:
            owner, _, repo = repository.partition("/")
            for kind, thing in _OF_REPOSITORY.items():
                ids = {"owner": owner, "repo": repo, "since": stamp(since_s)}
                yield kind, repository, _or_why(thing, me, **ids)


def _or_why(thing: Thing[Any], me: Me, **ids: str) -> Looking[Any]:
    """The rows, or why they could not be seen."""
    why: Callable[[str], Any] = str
    return (yield from thing.of(me.connection, or_else=why, **ids))


def _is_new(when: str, since_s: float) -> bool:
    """What has no time, or none that can be read, may be new."""
    try:
        return datetime.fromisoformat(when).timestamp() >= since_s
    except ValueError:
        return True


def _thing(kind: str, place: str, row: Any) -> MadeThing:
    what = row.what or getattr(row, "email", "")
    return MadeThing(kind, place, what, getattr(row, "role", ""), row.when, row.by)


def _line(each: MadeThing) -> str:
    parts = (each.at or "no time", each.kind, each.what, each.role, f"in {each.place}")
    by = f"by {each.by}" if each.by else ""
    return " ".join(filter(None, (*parts, by)))


ACTIONS: tuple[type, ...] = (ListMadeSince,)
