"""Read ``respond.toml``: the systems, the people, and how much care a run gets.

The file lies in git beside the team's runbooks and never holds a secret: a text that looks like
one is refused. ``toml_keys`` says every key with its default. Unknown keys are refused, with
what was probably meant: a setting that is misspelt and quietly ignored would be found out at the
worst moment.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from respond.core.policy import Chat, Confirm, Policy, TwoPeople
from respond.core.review_policy import AcceptedRisk, AttestedFact, ReviewPolicy, Rights
from respond.core.script import PersonRecord
from respond.core.secret_looks import looks_secret
from respond.core.showable import hidden_character, showable
from respond.formats.faults import Faults, FormatFault, Mark, SourceText, did_you_mean, mark_at
from respond.formats.faults import Path as KeyPath
from respond.formats.fitting import check_secrets
from respond.formats.project.project import (
    FILE,
    ConnectionConfig,
    JournalConfig,
    NotifyConfig,
    PersonConfig,
    Project,
    StoreConfig,
    Where,
)
from respond.formats.project.server_tables import (
    check_server,
    read_hooks,
    read_server,
    read_sources,
)
from respond.formats.project.table_fitting import TableFitting, settings
from respond.formats.project.toml_keys import ACCOUNTS, PROJECT, SYSTEMS
from respond.formats.project.toml_positions import tree
from respond.formats.tree import Node
from respond.systems import directories, stores, takes_clicks, title_of, vendor

__all__ = ["BYTES_MAX", "parse_project"]

BYTES_MAX: Final = 262_144
_STORE_IT: Final = "store it with: respond connect NAME; and replace it, it has been in a file"


def parse_project(data: bytes, *, name: str, folder: Path | None = None) -> Project:
    """Check the bytes of a ``respond.toml``.

    Raises:
        FormatFault: It is no TOML, or larger than 256 KiB.
        FormatFaults: Everything else that is wrong in it.
    """
    text, root = _toml(data, name)
    where = Where(name, data, text)
    faults = where.faults()
    check_secrets(root, faults, FILE, _STORE_IT)
    fitted = TableFitting(faults).record(root, PROJECT, "the file")
    given = settings(fitted)
    _refuse_nul(given, faults)
    project = Project(
        folder=folder,
        connections=_connections(given, faults),
        policy=_policy(given),
        persons=_persons(given, faults),
        journal=_journal(given, folder, faults),
        store=_store(given, faults),
        notify=NotifyConfig(**given.get("notify", {})),
        directories=tuple(given.get("directory", {}).get("connections", ())),
        links=_links(given, faults),
        sources=read_sources(fitted, faults),
        hooks=read_hooks(given),
        server=read_server(given, faults),
        review=_review(given, faults),
        where=where,
    )
    _check_references(project, faults)
    _check_directories(project, faults)
    check_server(project, faults)
    faults.refuse()
    return project


def _toml(data: bytes, name: str) -> tuple[str, Node]:
    source = SourceText(name, data[:BYTES_MAX])
    if len(data) > BYTES_MAX:
        raise source.fault(None, f"the file has more than {BYTES_MAX} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise source.fault(Mark(line, 1), "this line is not UTF-8") from None
    lines = text.replace("\r\n", "\n")
    if found := hidden_character(lines):
        what = f"the invisible or control character {showable(found[0])}"
        raise source.fault(mark_at(lines, found.start()), what, hint="remove it")
    try:
        return text, tree(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(source, str(error)) from None
    except RecursionError:
        raise source.fault(None, "lists or tables are nested too deep") from None


def _refuse_nul(given: Mapping[str, Any], faults: Faults) -> None:
    """No path and no name can have it, and TOML can write it.

    Raises:
        FormatFaults: A text has.
    """
    found = [path for path, text in _texts(given) if "\0" in text]
    for path in found:
        faults.at(path, "the character NUL stands in this text", "take it out")
    if found:
        faults.refuse()


def _texts(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(each, (*path, key))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _texts(each, (*path, number))


def _not_toml(source: SourceText, message: str) -> FormatFault:
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    mark = Mark(int(found[1]), int(found[2])) if found and found[1] else None
    what = message[: found.start()] if found else message
    fault = source.fault(mark, f"this is not TOML: {what[:1].lower()}{what[1:]}")
    if looks_secret(fault.source_line) or looks_secret(fault.what):
        return FormatFault(fault.name, fault.line, fault.column, "this is not TOML")
    return fault


def _check_directories(project: Project, faults: Faults) -> None:
    known = directories()
    fitting = [n for n, each in project.connections.items() if each.system in known]
    for number, name in enumerate(project.directories):
        at = ("directory", "connections", number)
        if name not in project.connections:
            faults.at(at, f"there is no connection '{showable(name)}'", did_you_mean(name, fitting))
        elif name not in fitting:
            title = title_of(project.connections[name].system)
            faults.at(at, f"{title} signs nobody in", f"these do: {', '.join(known)}")


# --- tables -------------------------------------------------------------------------------------


def _connections(given: Mapping[str, Any], faults: Faults) -> dict[str, ConnectionConfig]:
    made: dict[str, ConnectionConfig] = {}
    for name, values in given.get("connections", {}).items():
        if "system" not in values:
            continue
        if "auth" in values and values["system"] != "http":
            faults.at(("connections", name, "auth"), "'auth' goes with the system http only")
        if values.get("inside") and values["system"] != "http":
            faults.at(("connections", name, "inside"), "'inside' goes with the system http only")
        record = vendor(values["system"])
        known = [*record.surfaces, *record.base_urls("")] if record.surfaces else []
        for surface in values.get("base_urls", {}).keys() - known:
            what = f"{record.title} has no surface {showable(surface)!r} with an address"
            faults.at(("connections", name, "base_urls", surface), what,
                      did_you_mean(surface, known))  # fmt: skip
        made[name] = ConnectionConfig(name=name, **values)
    return made


def _policy(given: Mapping[str, Any]) -> Policy:
    values = dict(given.get("policy", {}))
    for key, words in (("confirm", Confirm), ("two_people", TwoPeople), ("chat", Chat)):
        if key in values:
            values[key] = words(values[key])
    return Policy(**values)


def _review(given: Mapping[str, Any], faults: Faults) -> ReviewPolicy:
    for table, key in (("accepted", "until"), ("attested", "on")):
        for number, values in enumerate(given.get(table, ())):
            if not _is_day(values.get(key, "")):
                faults.at((table, number, key), f"'{showable(values.pop(key))}' is no day")
    accepted = [AcceptedRisk(**each) for each in given.get("accepted", ()) if "finding" in each]
    # What lacks a key is reported, and no project comes of it.
    whole = [each for each in given.get("attested", ()) if each.keys() >= {"fact", "by", "on"}]
    attested = tuple(AttestedFact(**each) for each in whole)
    rights = {name: Rights(name, **values) for name, values in given.get("rights", {}).items()}
    review = given.get("review", {})
    return ReviewPolicy(**review, rights=rights, attested=attested, accepted=tuple(accepted))


def _is_day(text: str) -> bool:
    try:
        return not text or bool(date.fromisoformat(text))
    except ValueError:
        return False


def _persons(given: Mapping[str, Any], faults: Faults) -> tuple[PersonConfig, ...]:
    made: list[PersonConfig] = []
    known: dict[tuple[str, str], tuple[int, str]] = {}
    called: dict[str, tuple[str, str]] = {}
    for number, values in enumerate(given.get("person", ())):
        path = ("person", number)
        if "id" not in values:
            continue
        _check_one_person(values, number, known, faults)
        _check_names(values, path, called, faults)
        own = {key: values.pop(key) for key in ("ssh_keys", "oidc_issuer", "oidc_subject")
               if key in values}  # fmt: skip
        if bool(own.get("oidc_issuer")) != bool(own.get("oidc_subject")):
            faults.at(path, "'oidc_issuer' and 'oidc_subject' belong together")
        accounts = _popped(values, ACCOUNTS)
        record = PersonRecord(**values, accounts=accounts, clicks=any(map(takes_clicks, accounts)))
        made.append(PersonConfig(record, **own))
    return tuple(made)


def _check_one_person(
    values: Mapping[str, Any], number: int, known: dict[tuple[str, str], tuple[int, str]],
    faults: Faults,
) -> None:  # fmt: skip
    """One person with two entries could approve their own run."""
    marks = [("id", values["id"])]
    marks += [("emails", email.casefold()) for email in values.get("emails", ())]
    marks += [("logins", login.casefold()) for login in values.get("logins", ())]
    marks += [("ssh_keys", " ".join(key.split()[:2])) for key in values.get("ssh_keys", ())]
    marks += [(key, values[key]) for key in ACCOUNTS if values.get(key)]
    if values.get("oidc_subject"):
        marks.append(("oidc_subject", f"{values.get('oidc_issuer')} {values['oidc_subject']}"))
    for key, value in marks:
        entry, other = known.setdefault((key, value), (number, values["id"]))
        # Of an entry that stands there twice, the id is enough.
        if other != values["id"] or (key == "id" and entry != number):
            shown = "" if key in {"ssh_keys", "oidc_subject"} else f" '{showable(value)}'"
            what = f"the person '{other}' has this {key.removesuffix('s')}{shown} already"
            faults.at(("person", number, key), what, "one person has one entry")


def _check_names(
    values: Mapping[str, Any], path: KeyPath, called: dict[str, tuple[str, str]], faults: Faults
) -> None:
    """A login that is another person's id or address would let one stand for the other."""
    given = [(key, values.get(key, "")) for key in ("id", *ACCOUNTS)]
    given += [(key, each) for key in ("emails", "logins") for each in values.get(key, ())]
    for key, word in given:
        if word:
            other, kind = called.setdefault(word.casefold(), (values["id"], key))
            # The same kind twice was reported before.
            if other != values["id"] and kind != key:
                what = f"'{showable(word)}' means the person '{other}' already"
                faults.at((*path, key), what, "one person has one entry")


def _journal(given: Mapping[str, Any], folder: Path | None, faults: Faults) -> JournalConfig:
    values = dict(given.get("journal", {}))
    for key, what in (("path", "the journal"), ("keys_path", "a key")):
        if not values.get(key):
            continue
        # Not Path.expanduser, which raises for a user without a home.
        path = Path(os.path.expanduser(values[key]))  # noqa: PTH111
        if not path.is_absolute():
            faults.at(("journal", key), "the path must be absolute, or begin with ~/")
        # Not Path.resolve, which raises at a link to itself.
        elif folder is not None and Path(os.path.realpath(path)).is_relative_to(
            os.path.realpath(folder)
        ):
            inside = f"{what} must not lie in the project, where git would take it"
            faults.at(("journal", key), inside)
        values[key] = str(path)
    if values.get("keys_path") and values.get("keys") != "file":
        what = "keys_path is the folder of keys that lie in files"
        faults.at(("journal", "keys_path"), what, 'set keys = "file", too, or take it out')
    return JournalConfig(**values)


def _store(given: Mapping[str, Any], faults: Faults) -> StoreConfig:
    values = given.get("store", {})
    if values.get("url"):
        at, way = ("store", "url"), "'url' is postgresql://USER@HOST/DATABASE"
        try:
            place = urlsplit(values["url"])
            said = (place.password, *parse_qs(place.query).get("password", ()))
        except ValueError:
            faults.at(at, "this is no address", way)
            return StoreConfig()
        if any(said):
            what = "a password has no place in the address"
            faults.at(at, what, "take it out, and replace it: it has been in a file; then: "
                      "respond connect store")  # fmt: skip
        if not place.path.strip("/"):
            faults.at(at, "the address names no database", way)
        if given.get("journal", {}).get("path"):
            faults.at(("journal", "path"), "the journal is in the database that [store] names",
                      "take 'path' out")  # fmt: skip
    return StoreConfig(**values)


def _popped(values: dict[str, Any], keys: Iterable[str]) -> dict[str, str]:
    """Take these keys out of a table; those that say something."""
    return {key: value for key in keys if (value := values.pop(key, ""))}


def _links(given: Mapping[str, Any], faults: Faults) -> Mapping[str, Mapping[str, str]]:
    links: Mapping[str, Mapping[str, str]] = given.get("links", {})
    for system in links:
        if system not in SYSTEMS:
            hint = did_you_mean(system, SYSTEMS) or f"known: {', '.join(SYSTEMS)}"
            faults.at(("links", system), f"there is no system '{showable(system)}'", hint)
    return links


# --- across tables ------------------------------------------------------------------------------


def _check_references(project: Project, faults: Faults) -> None:
    """What only the whole file can tell."""
    policy = project.policy
    able = [each for each in project.records if policy.approver in each.roles]
    if policy.two_people is not TwoPeople.NEVER and len(able) < policy.approvals:
        faults.at(
            ("policy", "two_people"),
            f"nobody could approve: {policy.approvals} with the role '{policy.approver}' "
            f"are wanted, and {len(able)} stand in [[person]]",
        )
    for name, connection in project.connections.items():
        kind, _, rest = connection.sink.partition(":")
        holder = rest.partition(":")[0]
        if kind in stores() and holder not in project.connections:
            hint = did_you_mean(holder, project.connections)
            what = f"the sink names the connection '{showable(holder)}', which is not there"
            faults.at(("connections", name, "sink"), what, hint)
