"""Deploy keys of a repository: list them, delete one, add it again.

Source: GitHub REST API, Deploy keys. One that can write does what an administrator does; it
belongs to the repository and to nobody, so it may outlive whoever added it. GitHub shows the public
half, so that a deleted key can be added again, under another number.
"""

from __future__ import annotations

import re
from typing import Final

from respond.core.records import Frozen
from respond.core.script import Api, Done, Effect, Looking, Me, Reply, Script, Undo, action
from respond.core.values import Late
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.github.vendor import PAGE, VENDOR, ask, ending
from respond.systems.rest import KEPT, Thing, at, change, one, rows

__all__ = ["ACTIONS", "DEPLOY_KEYS", "DeployKey", "OnRepository", "check_repository", "public_part"]

_REPOSITORY: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}"
)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,14}")
_PUBLIC: Final = re.compile(r"(?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}(?: [ -~]*)?")
_KEY_MAX: Final = 8_192


def check_repository(name: str, value: str) -> None:
    """Refuse what is no repository with its owner."""
    if not _REPOSITORY.fullmatch(value):
        raise ArgumentError(f"{name} must be a repository such as octo-org/hello-world")


def public_part(key: str) -> str:
    """Kind and key, without the comment behind them: GitHub leaves it out."""
    return " ".join(key.split()[:2])


class DeployKey(Frozen):
    """A deploy key. Attributes: key: Its public half. added_by: A login; or empty."""

    id: int | Late = at("id", read=lambda number: number)
    key: str = at("key", limit=_KEY_MAX)
    title: str = at("title", default="")
    read_only: bool = at("read_only", default=False)
    added_by: str = at("added_by", limit=100, default="")
    created_at: str = at("created_at", limit=40, default="")
    last_used: str = at("last_used", limit=40, default="")

    @property
    def called(self) -> str:
        """As a plan shows it: the public half is the same before and after."""
        return f"{self.title or 'without a title'} ...{public_part(self.key)[-12:]}"


DEPLOY_KEYS: Final = Thing(
    VENDOR,
    "repository/{owner}/{repo}/deploy-keys",
    ("repos", "{owner}", "{repo}", "keys"),
    rows(DeployKey),
    query=PAGE,
    evidence=KEPT,
)


class OnRepository(Frozen):
    """An action on one repository. Attributes: repository: With its owner: ``octo-org/shop``."""

    repository: str

    def __post_init__(self) -> None:
        check_repository("repository", self.repository)

    @property
    def ids(self) -> dict[str, str]:
        owner, _, repo = self.repository.partition("/")
        return {"owner": owner, "repo": repo}

    @property
    def path(self) -> tuple[str, ...]:
        return ("repos", *self.repository.split("/"))

    def keys(self, me: Me) -> Looking[tuple[DeployKey, ...]]:
        owner, _, repo = self.repository.partition("/")
        return (yield from DEPLOY_KEYS.of(me.connection, owner=owner, repo=repo))


class DeployKeys(Frozen):
    """All deploy keys of a repository."""

    keys: tuple[DeployKey, ...]
    can_write: int


@action(
    "github.list_deploy_keys",
    effect=Effect.READS,
    output=DeployKeys,
    source="GitHub REST API, GET /repos/{owner}/{repo}/keys",
)
class ListDeployKeys(OnRepository):
    """Read the deploy keys of a repository."""

    def run(self, me: Me) -> Script[DeployKeys]:
        keys = yield from self.keys(me)
        writing = [key for key in keys if not key.read_only]
        says = f"{self.repository} has {len(keys)} deploy keys, {len(writing)} of them can write"
        findings = tuple(f"{key.called} can write, added by {key.added_by}" for key in writing)
        return Done(DeployKeys(keys, len(writing)), says=says, findings=findings[:20])


class DeployKeyGone(Frozen):
    """The key that is not there now."""

    repository: str
    key: str


@action(
    "github.delete_deploy_key",
    effect=Effect.DESTROYS,
    output=DeployKeyGone,
    source="GitHub REST API, DELETE /repos/{owner}/{repo}/keys/{key_id}",
    by_hand=(
        "Open the repository, Settings, Deploy keys. Choose Delete at the key.",
        "https://github.com",
    ),
)
class DeleteDeployKey(OnRepository):
    """Delete a deploy key of a repository. Its public half is kept, to add it again.

    Attributes:
        key: Its number, or the public half itself.
    """

    key: str

    def __post_init__(self) -> None:
        OnRepository.__post_init__(self)
        if not (_NUMBER.fullmatch(self.key) or _PUBLIC.fullmatch(self.key)):
            raise ArgumentError("key must be a deploy key's number, or its public half")

    def run(self, me: Me) -> Script[DeployKeyGone]:
        keys = yield from self.keys(me)
        wanted = (self.key, public_part(self.key))
        found = next((k for k in keys if str(k.id) == self.key or k.key in wanted), None)
        gone = DeployKeyGone(self.repository, self.key)
        if found is None:
            return Done(gone, says=f"{self.repository} has no such deploy key")
        back = {
            "repository": self.repository,
            "key": found.key,
            "title": found.title,
            "read_only": found.read_only,
        }
        yield from change(
            me,
            DEPLOY_KEYS,
            keys,
            lambda now: tuple(each for each in now if each.key != found.key),
            ending(me, "DELETE", *self.path, "keys", str(found.id)),
            ids=self.ids,
            says=f"delete the deploy key {found.called} of {self.repository}",
            verb="delete",
            target=found.title or str(found.id),
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # What is gone is answered 404.
            undo=Undo("github.add_deploy_key", back),
            breaks=f"whatever reaches {self.repository} with this key is refused.",
        )
        return Done(gone, says=f"{found.called} is no deploy key of {self.repository} any more")


class _Made(Frozen):
    id: int = at("id")


@action(
    "github.add_deploy_key",
    effect=Effect.WRITES,
    output=DeployKey,
    source="GitHub REST API, POST /repos/{owner}/{repo}/keys",
)
class AddDeployKey(OnRepository):
    """Add a deploy key to a repository by its public half. It gets a new number.

    Attributes:
        key: The public half; GitHub takes each for one repository alone.
        title: What it is called.
        read_only: Without it the key can write.
    """

    key: str
    title: str = ""
    read_only: bool = True

    def __post_init__(self) -> None:
        OnRepository.__post_init__(self)
        if len(self.key) > _KEY_MAX or not _PUBLIC.fullmatch(self.key):
            raise ArgumentError("key must be the public half of an SSH key")
        if self.title:
            one_line("title", self.title)

    def run(self, me: Me) -> Script[DeployKey]:
        keys = yield from self.keys(me)
        plain = public_part(self.key)
        found = next((key for key in keys if public_part(key.key) == plain), None)
        if found is not None:
            return Done(found, says=f"{found.called} is a deploy key already")
        late = Late(me.step, "id")
        new = DeployKey(late, plain, self.title, self.read_only)
        body = {"title": self.title, "key": plain, "read_only": self.read_only}
        can = "read" if self.read_only else "write"

        def number(reply: Reply) -> int | Late:
            return one(_Made)([reply]).id

        answer = yield from change(
            me,
            DEPLOY_KEYS,
            keys,
            lambda now: (*now, new),
            Api(ask(me, "POST", *self.path, "keys", body=body), number),
            ids=self.ids,
            says=f"add the deploy key {new.called} to {self.repository}, to {can}",
            verb="add",
            target=self.title or plain[-12:],
            effect=Effect.WRITES,
            foretold=late,
            repeatable=True,  # A second one is answered 422: the key is in use.
            undo=Undo("github.delete_deploy_key", {"repository": self.repository, "key": plain}),
        )
        made = DeployKey(
            answer if isinstance(answer, int) else late, plain, self.title, self.read_only
        )
        return Done(made, says=f"{new.called} is a deploy key of {self.repository}")


ACTIONS: tuple[type, ...] = (ListDeployKeys, DeleteDeployKey, AddDeployKey)
