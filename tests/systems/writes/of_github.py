"""What GitHub writes."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from tests.systems.writes.write_case import Slow, VendorWrites, WriteCase, maker, table

from respond.core.records import replace
from respond.core.values import SecretHandle

NEW_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIanotherkeywithoutasecrethalf"
WRONG = ("", "mallory-hart", "583235", "mallory@example.com", "../x/1")
"""A login alone may come to mean somebody else."""

Case, made = partial(WriteCase, "github"), maker("github")


def of_mallory(story: Any, **more: Any) -> dict[str, Any]:
    return {"user": story.github_mallory, **more}


CASES = table(
    Case("remove_member", "DELETE */memberships/*", of_mallory, back=True),
    Case(
        "invite_member",
        "POST */invitations",
        lambda s: {"user": s.github_outsider, "role": "direct_member", "teams": ["12"]},
        back=True,
    ),
    Case("set_role", "PUT */memberships/*", lambda s: of_mallory(s, role="admin"), back=True),
    Case(
        "remove_outside_collaborator",
        "DELETE */outside_collaborators/*",
        lambda s: {"user": s.github_outsider},
    ),
    Case(
        "remove_from_team",
        "DELETE */teams/*",
        lambda s: of_mallory(s, team="platform"),
        back=True,
    ),
    Case(
        "add_to_team",
        "PUT */teams/*",
        lambda s: {"user": s.github_jean, "team": "platform", "role": "maintainer"},
        back=True,
    ),
    Case(
        "revoke_leaked_token",
        "POST */revoke",
        lambda _: {"value": token()},
        looks=False,
    ),
    Case("revoke_sso_credentials", "POST */revoke", of_mallory),
    Case(
        "delete_deploy_key",
        "DELETE */keys/*",
        lambda s: {"repository": s.github_repository, "key": s.github_deploy_key},
        back=True,
    ),
    Case(
        "add_deploy_key",
        "POST */keys",
        lambda s: {"repository": s.github_repository, "key": NEW_KEY, "title": "ci-2"},
        back=True,
    ),
    Case(
        "delete_actions_secret",
        "DELETE */secrets/*",
        lambda _: {"place": "example-co/shop#CIO_KEY"},
    ),
    Case(
        "resolve_secret_alert",
        "PATCH */alerts/*",
        lambda s: {"repository": s.github_repository, "number": "42", "refused": True},
        back=True,
    ),
)


def hub(office: Any) -> Any:
    return office.company.github


def state(office: Any) -> Any:
    """What there is, without times and the numbers that were given out."""
    found = vars(hub(office).state)
    unlike = ("keys", "numbers", "former", "sent", "deploy_keys", "alerts")
    alike = {name: value for name, value in found.items() if name not in unlike}
    keys = sorted((k.title, k.key, k.read_only) for k in found["deploy_keys"])
    alerts = [(alert.number, alert.state, alert.resolution) for alert in found["alerts"]]
    alive = [key.dies_at is None for key in found["keys"]]
    return copy.deepcopy({**alike, "keys": keys, "alerts": alerts, "alive": alive})


def member(office: Any, login: str) -> Any:
    return next((row for row in hub(office).state.members if row.login == login), None)


def accept(office: Any, login: str) -> None:
    errand = type("Errand", (), {"words": lambda _, __: login})()
    office.company.counterparts["github"].console["accept_invitation"](hub(office), errand)


def token(prefix: str = "ghp_", digest: str = "") -> SecretHandle:
    return SecretHandle("inputs.leaked", "0000", prefix=prefix, digest=digest)


def known(office: Any) -> None:
    """Whose login is whose, as respond.toml says it; and when the run was proposed."""
    logins = {"dana": "dana-reyes", "ana": "ana-silva", "ben": "ben-okafor", "mal": "mallory-hart"}
    people = tuple(
        replace(each, accounts={"github": logins[each.id]}) if each.id in logins else each
        for each in office.me(made("find_member", name="x")).persons
    )
    office.changes |= {"persons": people, "now": office.clock.now_ms() // 1000}
    office.opened["inputs.leaked"] = office.story.github_leaked_token


def _accepted(office: Any, case: WriteCase) -> None:
    if case.name == "remove_member":
        accept(office, "mallory-hart")


def _sorted(office: Any, _: WriteCase) -> Any:
    """Without what an invitation leaves behind, and the order of members."""
    found = state(office)
    rows = [(r.login, r.state, r.role, r.teams) for r in found["members"]]
    return {**found, "members": sorted(rows, key=str)}


WRITES = VendorWrites(
    "github",
    CASES,
    elsewhere={"reopen_secret_alert", "revoke_fine_grained_tokens"},
    state=state,
    # With a 403, which is no missing right then; its headers tell them apart.
    slow={"told": Slow(None, {0, 1}, 0)},
    ready=known,
    # A 404 about everything is no proof that nobody is there: it may be what we may not see.
    unseen=("404", "403"),
    holds=lambda write: write.undo is not None or bool(write.breaks),
    wrong=dict.fromkeys(("user", "repository", "place"), WRONG),
    back_state=_sorted,
    came_back=_accepted,
)
