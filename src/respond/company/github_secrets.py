"""Secrets of Actions in the simulated GitHub: put sealed, never shown, dated.

Source: GitHub REST API, Actions secrets. The key pair is kept, so that what was put can be opened
and looked at.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from respond.company.company_clock import rfc3339
from respond.company.example_co import DAY_S
from respond.company.exchange import Json, RefusalError, SimReply, as_json, nothing
from respond.company.github_org import API, InvalidError, repository, wants
from respond.company.paging import by_number
from respond.company.simulated_rest import Answer, RestCall, Row
from respond.company.system import Story

KEY_ID = "568250167242549743"
_SEED = hashlib.sha256(b"example-co:github:secrets").digest()
_VISIBILITIES = ("all", "private", "selected")


def _holder() -> Any:
    from nacl.public import PrivateKey  # noqa: PLC0415 - a company without secrets needs none

    return PrivateKey(_SEED)


def _opened(github: Any, asked: Json) -> str:
    from nacl.exceptions import CryptoError  # noqa: PLC0415 - see above
    from nacl.public import SealedBox  # noqa: PLC0415 - see above

    if asked.get("key_id") != github.state.key_id:
        raise InvalidError("Secret", "key_id is of another key", "invalid")
    try:
        sealed = base64.b64decode(str(asked.get("encrypted_value")), validate=True)
        return str(SealedBox(_holder()).decrypt(sealed).decode())
    except (binascii.Error, ValueError, CryptoError):
        raise InvalidError("Secret", "encrypted_value is not sealed", "invalid") from None


def secret_row(place: str, name: str, at: float, **more: Any) -> Row:
    """A secret. ``place``: ``example-co``, ``example-co/shop``, ``example-co/shop/production``."""
    plain: Json = {"value": "old", "visibility": "", "selected": []}
    return Row(place=place, name=name, made=at, at=at, **{**plain, **more})


def _place(github: Any, call: RestCall) -> str:
    if "org" in call.ids:
        return str(call.ids["org"])
    name = f"{call.ids['owner']}/{call.ids['name']}"
    if name not in github.state.repositories:
        raise github.no(404)
    if "environment" not in call.ids:
        return name
    if call.ids["environment"] not in github.state.environments:
        raise github.no(404)
    return f"{name}/{call.ids['environment']}"


def _shown(secret: Row) -> Json:
    shown: Json = {
        "name": secret.name,
        "created_at": rfc3339(secret.made),
        "updated_at": rfc3339(secret.at),
    }
    if not secret.visibility:
        return shown
    place = f"{API}/orgs/{secret.place}/actions/secrets/{secret.name}/repositories"
    more = {"selected_repositories_url": place} if secret.visibility == "selected" else {}
    return shown | {"visibility": secret.visibility} | more


def _listed(github: Any, call: RestCall) -> SimReply:
    rows = [_shown(row) for row in github.rows("secrets", place=_place(github, call))]
    page = by_number(call.request, rows, API)
    shown = {"total_count": len(rows), "secrets": json.loads(page.body)}
    return as_json(shown, 200, *page.headers)


def _key(github: Any, call: RestCall) -> Json:
    _place(github, call)
    key = base64.b64encode(bytes(_holder().public_key)).decode()
    return {"key_id": github.state.key_id, "key": key}


def _one(github: Any, call: RestCall) -> Row:
    row = github.row("secrets", place=_place(github, call), name=call.ids["secret"].upper())
    assert isinstance(row, Row)  # noqa: S101 - for the reader
    return row


def _put(github: Any, call: RestCall) -> SimReply:
    """Without a list of who may see it, an organization's secret is seen by whom it says."""
    place, name, asked = (
        _place(github, call),
        call.ids["secret"].upper(),
        call.request.json_object(),
    )
    if name.startswith("GITHUB_"):
        raise InvalidError("Secret", "Secret names must not start with GITHUB_", "invalid")
    value, now, sees = _opened(github, asked), github.clock.now(), {}
    if "org" in call.ids:
        visibility, selected = asked.get("visibility"), asked.get("selected_repository_ids", [])
        if visibility not in _VISIBILITIES or (selected and visibility != "selected"):
            raise InvalidError("Secret", "visibility is invalid", "invalid")
        sees = {"visibility": visibility, "selected": selected}
    found = github.rows("secrets", place=place, name=name)
    github.happened("secret.update" if found else "secret.create", f"{place} {name}", by="api")
    if found:
        vars(found[0]).update(value=value, at=now, **sees)
        return nothing()
    github.state.secrets.append(secret_row(place, name, now, value=value, **sees))
    return as_json({}, 201)


def _deleted(github: Any, call: RestCall) -> SimReply:
    row = _one(github, call)
    github.state.secrets.remove(row)
    github.happened("secret.delete", f"{row.place} {row.name}", by="api")
    return nothing()


def _selected(github: Any, call: RestCall) -> SimReply:
    row = _one(github, call)
    if row.visibility != "selected":
        raise RefusalError(409, "Visibility type for this secret is not selected")
    shown = [repository(f"{row.place}/r{number}", number) for number in row.selected]
    return as_json({"total_count": len(shown), "repositories": shown})


def _routes() -> Mapping[str, Answer]:
    kinds: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("orgs/{org}/actions/secrets", ("admin:org",)),
        ("repos/{owner}/{name}/actions/secrets", ("repo",)),
        ("repos/{owner}/{name}/environments/{environment}/secrets", ("repo",)),
    )
    plain: tuple[tuple[str, str, Callable[[Any, RestCall], Any]], ...] = (
        ("GET", "", _listed),
        ("GET", "/public-key", _key),
        ("GET", "/{secret}", lambda github, call: _shown(_one(github, call))),
        ("PUT", "/{secret}", _put),
        ("DELETE", "/{secret}", _deleted),
    )
    found = {
        f"{method} {base}{rest}": wants(*scopes)(answer)
        for base, scopes in kinds
        for method, rest, answer in plain
    }
    chosen = "GET orgs/{org}/actions/secrets/{secret}/repositories"
    return {**found, chosen: wants("admin:org")(_selected)}


ROUTES = _routes()
VIEW = {"secrets": ("secret {place} {name}", "visibility")}


def tables(story: Story, now: float) -> Json:
    """What the workflows of the organization use."""
    org, old = story.github_organization, now - 90 * DAY_S
    return {
        "key_id": KEY_ID,
        "environments": ["production"],
        "secrets": [
            secret_row(story.github_repository, "CIO_KEY", old),
            secret_row(org, "CIO_KEY", old, visibility="selected", selected=[11, 12]),
            secret_row(org, "NPM_TOKEN", old, visibility="private"),
        ],
    }
