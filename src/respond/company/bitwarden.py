"""A simulated Bitwarden, as its command line shows it: a vault on this machine, and a server.

What the command line knows is as old as its last sync. Without a session key that is valid the
vault is locked; every unlocking makes a new key, and the one before dead.
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from respond.company.example_co import DAY_S
from respond.company.exchange import Json
from respond.company.mint import hex_for, hint
from respond.company.programs import ProgramRun, ProgramSystem, SaidNoError, program_doors
from respond.company.simulated_rest import Row
from respond.company.system import Counterpart, Night

_HINTABLE = 12
_LOGIN = 1


def guid(of: str) -> str:
    """The id of an item."""
    return str(UUID(hex_for(f"bitwarden:{of}", 32)))


class Bitwarden(ProgramSystem):
    """``bw`` of one company."""

    name: ClassVar[str] = "bitwarden"
    program: ClassVar[str] = "bw"
    alone: ClassVar[frozenset[str]] = frozenset({"nointeraction", "response", "raw", "quiet"})

    def is_write(self, words: tuple[str, ...]) -> bool:
        return words[:1] == ("edit",)

    def act(self, run: ProgramRun) -> str:
        state = self.state
        opens = state.session and run.environment.get("BW_SESSION") == state.session
        if run.words == ("status",):
            status = "unlocked" if opens else "locked"
            told: Any = {
                "serverUrl": state.url,
                "lastSync": state.synced,
                "userEmail": state.email,
                "status": status if state.logged_in else "unauthenticated",
            }
            return json.dumps(told)
        if not state.logged_in:
            raise SaidNoError("You are not logged in.")
        if run.words == ("sync",):
            state.local = copy.deepcopy(state.items)
            state.synced = self._now()
            told = {"success": True, "data": {"noColor": False, "title": "Syncing complete."}}
            return json.dumps(told) if "response" in run.flags else "Syncing complete."
        if not opens:
            if "nointeraction" not in run.flags:
                raise SaidNoError("? Master password: [input is hidden]", 130)
            raise SaidNoError("Vault is locked.")
        match run.words:
            case ("get", "item", item):
                return json.dumps(self._shown(self._local(item)))
            case ("edit", "item", item):
                return json.dumps(self._shown(self._edit(self._local(item), run)))
            case _:
                raise SaidNoError(f"Invalid command: {' '.join(run.words)}")

    def _now(self) -> str:
        at = datetime.fromtimestamp(self.clock.now(), tz=UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _local(self, item: str) -> Json:
        found: list[Json] = [each for each in self.state.local if each["id"] == item]
        if not found:
            raise SaidNoError("Not found.")
        return found[0]

    def _shown(self, item: Json) -> Json:
        return {"object": "item", **item}

    def _edit(self, item: Json, run: ProgramRun) -> Json:
        """Take over what a request says; parts that it leaves out stay, but notes do not."""
        try:
            asked = json.loads(base64.b64decode(run.stdin, validate=True))
        except (binascii.Error, ValueError):
            raise SaidNoError("Error parsing the encoded request data.") from None
        if item["deletedDate"]:
            raise SaidNoError("You may not edit a deleted item. Use the restore command first.")
        there: Json = next(each for each in self.state.items if each["id"] == item["id"])
        known = asked.get("revisionDate") or item["revisionDate"]
        if known != there["revisionDate"]:
            raise SaidNoError(
                "The cipher you are updating is out of date. Please save your work, sync your "
                "vault, and try again."
            )
        if item["id"] in self.state.read_only:
            raise SaidNoError("You do not have permission to edit this.")
        old = (there.get("login") or {}).get("password")
        always = ("type", "name", "folderId", "notes", "favorite", "reprompt")
        there.update({name: asked.get(name) for name in always})
        if asked.get("fields") is not None:
            there["fields"] = asked["fields"]
        if asked.get("login") is not None and asked["type"] == _LOGIN:
            empty: Json = {"uris": [], "username": None, "totp": None, "fido2Credentials": []}
            there["login"] = {**empty, **asked["login"]}
            there["passwordHistory"] = [*there["passwordHistory"], old]
        self.touched(there)
        self.state.local = copy.deepcopy(self.state.items)
        self.happened("item.edited", str(there["name"]))
        return there

    def touched(self, item: Json) -> None:
        """An item of the server gets a new revision."""
        self.state.revision += 1
        at = datetime.fromtimestamp(self.clock.now() + self.state.revision * 2, tz=UTC)
        item["revisionDate"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def things(self) -> dict[str, Json]:
        return {
            f"item {each['name']}": {
                "password": _hint(str((each.get("login") or {}).get("password") or "")),
                "fields": {f["name"]: _hint(str(f["value"] or "")) for f in each["fields"]},
                "notes": bool(each["notes"]),
            }
            for each in self.state.items
        }


def _hint(value: str) -> str:
    return f"...{hint(value)}" if len(value) >= _HINTABLE else "..." if value else ""


def _begin(night: Night) -> Bitwarden:
    """An item of its own that still holds the leaked key, and others that hold more."""
    story, now = night.story, night.clock.now()
    at = datetime.fromtimestamp(now - 90 * DAY_S, tz=UTC).isoformat(timespec="milliseconds")
    leaked = story.leaked_app_key

    def row(name: str, **more: Any) -> Json:
        login = {"uris": [], "username": None, "password": leaked, "totp": None}
        plain: Json = {
            "id": guid(name),
            "organizationId": None,
            "folderId": None,
            "type": _LOGIN,
            "reprompt": 0,
            "name": name,
            "notes": None,
            "favorite": False,
            "fields": [],
            "login": {**login, "fido2Credentials": [], **more.pop("login", {})},
            "passwordHistory": [],
            "revisionDate": at.replace("+00:00", "Z"),
            "deletedDate": None,
        }
        return {**plain, **more}

    secret = {"name": "api key", "value": leaked, "type": 1}
    items = [
        row("cio-backend"),
        row("person", login={"username": "ops@example.com"}),
        row("passkey", login={"fido2Credentials": [{"credentialId": "c"}]}),
        row("noted", notes="the recovery code is 1234-5678"),
        row("custom", fields=[secret]),
        row("several", fields=[secret, {"name": "webhook", "value": "of-another", "type": 1}]),
        row("note", type=2) | {"login": None, "secureNote": {"type": 0}},
        row("trash", deletedDate=at),
        row("theirs"),
    ]
    state = Row(
        items=items,
        local=copy.deepcopy(items),
        read_only=(guid("theirs"),),
        session=story.bitwarden_session,
        logged_in=True,
        url="https://vault.bitwarden.example",
        email="respond@example.com",
        synced="",
        revision=0,
    )
    return Bitwarden(state, night.clock, night.ledger)


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "bitwarden_session": f"{hex_for('bitwarden:session', 43)}=",
        "bitwarden_item": guid("cio-backend"),
    },
    connection={
        "name": "bitwarden",
        "system": "bitwarden",
        "identity": "respond@example.com",
        "credentials": {"": "{bitwarden_session}"},
        "base_urls": {},
    },
    doors=program_doors("bw"),
)
