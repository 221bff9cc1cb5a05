"""A simulated 1Password, as its command line shows it to a service account.

An item is changed as a whole by the JSON on standard input: fields that it leaves out are gone, and
a passkey, which it never shows, always is.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from respond.company.exchange import Json
from respond.company.mint import hex_for, hint
from respond.company.programs import ProgramRun, ProgramSystem, SaidNoError, program_doors
from respond.company.simulated_rest import Row
from respond.company.system import Counterpart, Night

_HINTABLE = 12
_TOKEN = "OP_SERVICE_ACCOUNT_TOKEN"  # noqa: S105 - the name of a variable
_WRITES = {("item", "edit"), ("item", "create"), ("item", "delete")}


def _id(of: str) -> str:
    """26 small letters and digits."""
    return hex_for(f"onepassword:{of}", 26)


def _no(text: str) -> SaidNoError:
    return SaidNoError(f"[ERROR] 2026/11/29 03:00:00 {text}\n")


def _field(id_: str, value: str = "", kind: str = "CONCEALED", **more: Any) -> Json:
    plain = {"id": id_, "type": kind, "label": id_, **more}
    return plain | ({"value": value} if value else {})


class OnePassword(ProgramSystem):
    """``op`` of one company."""

    name: ClassVar[str] = "onepassword"
    program: ClassVar[str] = "op"
    alone: ClassVar[frozenset[str]] = frozenset({"reveal", "dry-run"})

    def is_write(self, words: tuple[str, ...]) -> bool:
        return words[:2] in _WRITES

    def act(self, run: ProgramRun) -> str:
        account = self.state.accounts.get(run.environment.get(_TOKEN, ""))
        if account is None:
            raise _no("no account found for this token. Sign in, or set a valid token.")
        match run.words:
            case ("whoami",):
                told: Any = {
                    "url": self.state.url,
                    "user_uuid": account["uuid"],
                    "account_uuid": _id("account"),
                    "user_type": "SERVICE_ACCOUNT",
                }
            case ("vault", "get", vault):
                told = {"id": _id(self._vault(account, vault)), "name": vault, "items": 1}
            case ("item", "list"):
                vault = self._vault(account, run.flags.get("vault", ""))
                told = [self._row(each) for each in self.state.items if each.vault == vault]
            case ("item", "get", item):
                told = self._shown(self._item(account, run, item))
            case ("item", "edit", item):
                told = self._edit(account, run, self._item(account, run, item, "write_items"))
            case ("item", "create", "-"):
                told = self._create(account, run)
            case _:
                raise _no(f'unknown command "{" ".join(run.words)}" for "op"')
        return json.dumps(told) if run.flags.get("format") == "json" else f"{told}\n"

    def _vault(self, account: Json, vault: str, right: str = "read_items") -> str:
        if right not in account["vaults"].get(vault, ()):
            if "read_items" in account["vaults"].get(vault, ()):
                raise _no("You do not have permission to perform this action.")
            raise _no(f'"{vault}" isn\'t a vault in this account. Specify the vault with its ID.')
        return vault

    def _item(self, account: Json, run: ProgramRun, item: str, right: str = "read_items") -> Row:
        vault = self._vault(account, run.flags.get("vault", ""), right)
        found: list[Row] = [
            each
            for each in self.state.items
            if each.vault == vault and item in {each.id, each.title}
        ]
        if not found:
            raise _no(
                f'"{item}" isn\'t an item in the "{vault}" vault. Specify the item with its UUID, '
                "name, or domain."
            )
        if len(found) > 1:
            raise _no(f'More than one item matches "{item}". Try again and specify its ID.')
        return found[0]

    def _row(self, item: Row) -> Json:
        """What a list shows: nothing of any value."""
        return {
            "id": item.id,
            "title": item.title,
            "version": item.version,
            "vault": {"id": _id(item.vault), "name": item.vault},
            "category": item.category,
            **({"tags": list(item.tags)} if item.tags else {}),
        }

    def _shown(self, item: Row) -> Json:
        more = {"files": item.files, "urls": item.urls}
        return {
            **self._row(item),
            **{name: value for name, value in more.items() if value},
            "fields": [dict(field) for field in item.fields],
        }

    def _template(self, run: ProgramRun) -> Json:
        try:
            template = json.loads(run.stdin)
        except ValueError:
            raise _no("invalid JSON in the piped input") from None
        if not isinstance(template, dict):
            raise _no("the piped input is no item")
        return template

    def _edit(self, _: Json, run: ProgramRun, item: Row) -> Json:
        template = self._template(run)
        item.fields = [dict(field) for field in template.get("fields", [])]
        item.title = template.get("title", item.title)
        item.passkey = False
        self._tagged(item, run)
        item.version += 1
        self.happened("item.edited", f"{item.vault}/{item.title}", version=item.version)
        return self._shown(item)

    def _create(self, account: Json, run: ProgramRun) -> Json:
        vault, template = run.flags.get("vault", ""), self._template(run)
        self._vault(account, vault, "write_items")
        number = len(self.state.items) + 1
        fields = [
            {**field, "id": field.get("id") or _id(f"field:{number}:{n}")}
            for n, field in enumerate(template.get("fields", []))
        ]
        title = str(template.get("title") or "Untitled")
        category = str(template.get("category") or "LOGIN")
        item = _made(f"{number}", vault, title, category, fields)
        self._tagged(item, run)
        self.state.items.append(item)
        self.happened("item.created", f"{vault}/{title}")
        return self._shown(item)

    def _tagged(self, item: Row, run: ProgramRun) -> None:
        if "tags" in run.flags:
            item.tags = [tag for tag in run.flags["tags"].split(",") if tag]

    def things(self) -> dict[str, Json]:
        return {
            f"item {each.vault}/{each.title} ({each.id[:4]})": {
                "version": each.version,
                "fields": {
                    str(field["label"]): _hint(str(field.get("value", "")))
                    for field in each.fields
                    if field.get("value")
                },
                "tags": list(each.tags),
            }
            for each in self.state.items
        }


def _hint(value: str) -> str:
    return f"...{hint(value)}" if len(value) >= _HINTABLE else "..."


def _made(of: str, vault: str, title: str, category: str, fields: list[Json], **more: Any) -> Row:
    plain = {"tags": [], "files": [], "urls": [], "passkey": False, "version": 1}
    return Row(
        id=_id(f"item:{of}"),
        vault=vault,
        title=title,
        category=category,
        fields=fields,
        **plain | more,
    )


def _begin(night: Night) -> OnePassword:
    """An item of its own that still holds the leaked key, and others that hold more."""
    story = night.story
    vault, leaked = story.onepassword_vault, story.leaked_app_key
    empty = [_field("username", kind="STRING"), _field("expires", kind="DATE")]
    items = [
        _made("backend", vault, story.onepassword_item, "API_CREDENTIAL",
              [*empty, _field("credential", leaked)], version=3, tags=["cio"]),
        _made("shared", vault, "shared", "API_CREDENTIAL",
              [_field("credential", leaked), _field("webhook", "hook-secret-of-another")]),
        _made("login", vault, "login", "LOGIN",
              [_field("password", leaked, purpose="PASSWORD")], passkey=True),
        _made("twin-1", vault, "twin", "PASSWORD", [_field("password", leaked)]),
        _made("twin-2", vault, "twin", "PASSWORD", [_field("password", leaked)]),
        _made("hidden", "Private", "hidden", "PASSWORD", [_field("password", leaked)]),
    ]  # fmt: skip
    both = ("read_items", "write_items")
    accounts = {
        story.onepassword_token: {"uuid": _id("respond"), "vaults": {vault: both}},
        story.onepassword_reader_token: {"uuid": _id("reader"), "vaults": {vault: both[:1]}},
    }
    state = Row(items=items, accounts=accounts, url="https://example-co.1password.com")
    return OnePassword(state, night.clock, night.ledger)


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "onepassword_token": f"ops_{hex_for('onepassword:respond', 40)}",
        "onepassword_reader_token": f"ops_{hex_for('onepassword:reader', 40)}",
        "onepassword_vault": "Prod",
        "onepassword_item": "cio-backend",
    },
    connection={
        "name": "onepassword",
        "system": "onepassword",
        "credentials": {"": "{onepassword_token}"},
        "base_urls": {},
    },
    doors=program_doors("op"),
)
