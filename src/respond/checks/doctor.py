"""Look for trouble before the incident does (P28): each finding says why, and what to do.

It reads and tries; it changes nothing. Every check stands alone, so that one that fails does not
hide another. ``CHECKS`` at the end lists them.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from respond.adapters.http.http_faults import http_date
from respond.adapters.ordinary_file import OPEN_DO, read_ordinary, who_else_decides
from respond.adapters.secrets.credential_store import CredentialStore
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.inbox_sqlite import unusable_since
from respond.adapters.store.read_only import KnownOfJournal, known_of
from respond.adapters.store.sqlite_file import file_system_of
from respond.audit.body import read_body
from respond.audit.canonical import NotCanonicalError
from respond.audit.checkpoint import NoteError, NoteKey
from respond.audit.source import open_rows
from respond.audit.verify import SourceError, StoredRow, Verification, verify
from respond.checks.credentials import Line, open_line, probe, sign_on_line
from respond.checks.rights import PINNED, actions_of, missing_rights, sinks_in
from respond.company.rehearsal import recall
from respond.errors import (
    InboxUnusableError,
    NotReadyError,
    RespondError,
    StepFailedError,
)
from respond.formats.project.project import (
    FILE,
    NOWHERE,
    OIDC,
    ConnectionConfig,
    OidcConfig,
    Project,
    SourceConfig,
)
from respond.intake.hooks import hook_faults
from respond.people.readiness import gaps, unusable_keys
from respond.senders import SENDERS, check_secret
from respond.systems import channels, discovery_of, needs_connection, stores, vendor
from respond.systems.vendor import CredentialVerdict, Probed, Reaches, Trouble
from respond.wiring.connections import accepted_table, live_documents
from respond.wiring.session import (
    credential_store,
    journal_path,
    load_runbook,
    open_keys,
)

if TYPE_CHECKING:
    from respond.adapters.secrets.redactor import Redactor
    from respond.core.runbook import Runbook
    from respond.formats.runbook.check import Checked
    from respond.ports import Clock, KeyStore
    from respond.wiring.places import Places

__all__ = ["CHECKS", "Doctor", "FoundTrouble"]

REVIEW_DAYS_MAX: Final = 180
CLOCK_S_MAX: Final = 60
FREE_BYTES_MIN: Final = 256 * 1024 * 1024
_DAY_S: Final = 86_400
_RECEIVED_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class FoundTrouble(Trouble):
    """Something that would hurt tonight. ``id`` is ``AREA/KIND``, whatever the words say."""

    @property
    def area(self) -> str:
        return self.id.partition("/")[0]

    @property
    def stops_runs(self) -> bool:
        """Whether runs would stop, or steps be done by hand, for want of a credential."""
        return self.area in {"credential", "keys"}


Findings = Iterator[FoundTrouble]


@dataclass(slots=True)
class _JournalRead:
    """What stands in a journal that was read once, from its first record to its last.

    Attributes:
        latest: Latest time of a record.
        alone: Runs whose emergency entry nobody has reviewed, and who went alone.
        ended_well_s: When the last run that ended with 0 did; 0 for none.
        is_whole: The rows could be read to their end.
    """

    latest: str = ""
    alone: dict[str, str] = field(default_factory=dict)
    ended_well_s: float = 0.0
    is_whole: bool = True

    def rows(self, path: Path) -> Iterator[StoredRow]:
        """The rows, for somebody to judge; may raise ``SourceError``."""
        try:
            with open_rows(path) as rows:
                for row in rows:
                    if row.columns:
                        self._take(row.body, *row.columns)
                    yield row
        except SourceError:
            self.is_whole = False
            raise

    def _take(self, raw: Any, kind: Any, _run: Any, _step: Any, at: Any) -> None:
        if isinstance(at, str):
            self.latest = max(self.latest, at)
        if kind not in {"break-glass", "reviewed", "ended"}:
            return
        try:
            body = read_body(raw)
        except (NotCanonicalError, TypeError):
            return  # What is wrong with a journal is said with the journal.
        if kind == "ended":
            self.ended_well_s = _iso(body.at) if body.data.get("exit") == 0 else self.ended_well_s
            return
        self.alone.pop(body.run, None)
        if kind == "break-glass":
            self.alone[body.run] = body.actor


@dataclass(slots=True)
class Doctor:
    """One look at everything, and what its checks share.

    Args:
        line: Where a connection leads, by name.
        check: Checks the file of a runbook, as ``respond check`` does.
        only: Look at this runbook and what it needs; empty looks at all.
        operator: The person at the keyboard, as the machine calls them.
    """

    places: Places
    project: Project
    clock: Clock
    redactor: Redactor
    line: Callable[[str], Line]
    check: Callable[[Path], Checked]
    operator: str
    tell: Callable[[str], None]
    only: str = ""
    well: list[str] = field(default_factory=list, init=False)
    keys: KeyStore | None = field(default=None, init=False)
    secrets: CredentialStore | None = field(default=None, init=False)
    checked: dict[str, Checked] = field(default_factory=dict, init=False)
    runbooks: dict[str, Runbook] = field(default_factory=dict, init=False)
    """Those without a fault."""
    journal: _JournalRead = field(default_factory=_JournalRead, init=False)

    def look(self) -> Findings:
        """Every finding, the ones about credentials first.

        Raises:
            UsageError: There is no such runbook.
        """
        found = self.places.runbooks()
        if self.only and self.only not in found:
            raise self.places.no_runbook(self.only, found)
        for name in [self.only] if self.only else found:
            one = self.checked[name] = self.check(found[name].path)
            if one.runbook is not None and not one.faults:
                self.runbooks[name] = one.runbook
        for check in CHECKS:
            yield from check(self)

    @property
    def journal_path(self) -> Path:
        return journal_path(self.project, self.places)

    @property
    def now_s(self) -> float:
        return self.clock.now_ms() / 1000

    @property
    def heard(self) -> list[SourceConfig]:
        """Sources to look at: all, or those that may propose the one runbook."""
        every = self.project.sources.values()
        return [each for each in every if not self.only or self.only in each.runbooks]

    def wanted(self) -> Iterable[ConnectionConfig]:
        """Connections to look at: all, or those of the systems that the one runbook needs."""
        every = self.project.connections.values()
        if not self.only:
            return every
        systems = {s for one in self.runbooks.values() for s in actions_of(one).values()}
        if "notify" in systems:
            systems |= set(channels(Reaches.EACH, Reaches.MANY))
        mine = [each for each in every if each.system in systems]
        kept_in = {
            each.sink.split(":")[1] for each in mine if each.sink.partition(":")[0] in stores()
        }
        return [each for each in every if each in mine or each.name in kept_in]


# --- the key store -------------------------------------------------------------------------------


def key_store(at: Doctor) -> Findings:
    try:
        keys = open_keys(at.project, at.places, at.tell)
        keys.get("doctor/looks-whether-this-opens")
    except NotReadyError as error:
        yield FoundTrouble(
            "keys/closed",
            error.sentence,
            "no credential can be read and no run can be started",
            error.do or "unlock or mend the key store",
        )
        return
    at.keys = keys
    at.secrets = credential_store(at.project, keys, at.redactor, at.clock, at.tell)
    at.well.append(f"keys in {keys.says}")


# --- connections ---------------------------------------------------------------------------------


def connections(at: Doctor) -> Findings:
    if at.secrets is None:
        return
    for config in at.wanted():
        at.tell(f"looking at {config.name}")
        try:
            line = at.line(config.name)
        except RespondError as error:
            yield FoundTrouble("credential/no-address", error.what, error.why, error.do)
            continue
        for reference in config.references if _needs_credential(config) else ():
            yield from _credential(at, config, reference, line, at.secrets)


def _needs_credential(config: ConnectionConfig) -> bool:
    if config.system == "command" or (config.system == "http" and config.auth == "none"):
        return False
    return not (config.system == "email" and not config.options.get("user"))


def _credential(
    at: Doctor, config: ConnectionConfig, reference: str, line: Line, secrets: CredentialStore
) -> Findings:
    try:
        secrets.credential(reference)
    except NotReadyError as error:
        yield FoundTrouble(
            "credential/missing",
            error.what,
            "the runbooks that need it stop before their first step",
            f"respond connect {reference}",
        )
        return
    opened = open_line(
        config,
        line,
        secrets=secrets,
        redactor=at.redactor,
        clock=at.clock,
        sinks=sinks_in(at.project, config),
        tell=at.tell,
    )
    with closing(opened):
        try:
            probed = probe(opened, reference.partition("/")[2])
        except NotReadyError as error:
            yield FoundTrouble("credential/no-address", error.what, error.why, error.do)
            return
        yield from _probed(at, config, reference, probed)
        if reference == config.name and probed.verdict is CredentialVerdict.ACCEPTED:
            yield from _discovery(at, config, opened)
            yield from _webhooks(at, config, opened)


def _probed(at: Doctor, config: ConnectionConfig, reference: str, probed: Probed) -> Findings:
    if probed.verdict in {CredentialVerdict.REFUSED, CredentialVerdict.UNCLEAR}:
        refused = probed.verdict is CredentialVerdict.REFUSED
        how = "is not accepted" if refused else "could not be tried"
        again = probed.do or "look at the network and at the system's status page"
        yield FoundTrouble(
            "credential/refused" if refused else "credential/untried",
            f"{reference} {how}: {at.redactor.clean(probed.says)}",
            "tonight every step that uses it would be done by hand",
            f"respond connect {reference} --replace" if refused else again,
        )
        return
    for mismatch in probed.mismatch:
        yield FoundTrouble(
            "credential/other-account",
            mismatch,
            "a run would work in another account than the questions name",
            f"correct [connections.{config.name}] in respond.toml, or the credential",
        )
    for right, names in missing_rights(probed, at.runbooks):
        said = f" ({at.redactor.clean(right.why)})" if right.why else ""
        yield FoundTrouble(
            "permission/missing",
            f"{reference} may not {right.name}{said}",
            f"needed by {', '.join(names)}: that step would be done by hand",
            f"grant: {right.grant}; then: respond connect {reference}",
        )
    ahead_s = at.now_s - (http_date(probed.date) or at.now_s)
    if abs(ahead_s) > CLOCK_S_MAX:
        how = "ahead of" if ahead_s > 0 else "behind"
        yield FoundTrouble(
            "clock/differs",
            f"this machine is {abs(ahead_s):.0f} s {how} the clock of {reference}",
            "signatures, expiries and the times in the audit log would be wrong",
            "set the clock: timedatectl set-ntp true, or your system's own way",
        )
    about = f"{probed.account} {probed.account_name}".strip()
    tried = "not tried" if probed.verdict is CredentialVerdict.UNTRIED else "accepted"
    at.well.append(f"{reference} ({config.system}) {tried}{f': {about}' if about else ''}")


def _discovery(at: Doctor, config: ConnectionConfig, opened: Any) -> Findings:
    name = config.name
    discovery = discovery_of(config.system)
    if discovery is None:
        return
    accepted = accepted_table(at.places.state / "connections", name)
    if accepted is None:
        yield FoundTrouble(
            "discovery/not-accepted",
            f"nobody has accepted what {name} offers",
            "a person's hands do what the tool could do",
            f"respond connect {name}",
        )
        return
    try:
        documents = live_documents(discovery, opened.reader, name)
    except StepFailedError as error:
        yield FoundTrouble(
            "discovery/unreadable",
            f"what {name} offers could not be read: {error.what}",
            "the tool falls back to a person's hands",
            "look again later; the vendor may have trouble",
        )
        return
    for line in discovery.still_valid(accepted, *documents)[1]:
        yield FoundTrouble(
            "discovery/changed",
            f"{name}: {line}",
            "the vendor changed it since somebody accepted it",
            f"read the change and accept it: respond connect {name}",
        )


def _webhooks(at: Doctor, config: ConnectionConfig, opened: Any) -> Findings:
    """Whether the vendor still sends its webhooks to our sources, where it lets us look."""
    look = vendor(config.system).webhooks
    mine = [
        source.name
        for source in at.heard
        if source.sender == config.system and source.connection in {"", config.name}
    ]
    if look is not None and mine:
        yield from (
            FoundTrouble(f"sources/{each.id}", each.what, each.why, each.do)
            for each in look(opened, mine)
        )


def needed_connections(at: Doctor) -> Findings:
    have = {config.system for config in at.project.connections.values()}
    needed: dict[str, list[str]] = {}
    telling = tuple(channels(Reaches.EACH, Reaches.MANY))
    for name, runbook in at.runbooks.items():
        systems = set(actions_of(runbook).values())
        for system in sorted(filter(needs_connection, systems - have)):
            needed.setdefault(system, []).append(name)
        if "notify" in systems and not have & set(telling):
            needed.setdefault(" or ".join(telling), []).append(name)
    for system, names in needed.items():
        tells = system == " or ".join(telling)
        yield FoundTrouble(
            "credential/no-connection",
            f"there is no connection for {system}",
            f"{', '.join(names)} {'would tell nobody' if tells else 'cannot be run'}",
            f"respond connect {telling[0] if tells else system} says what to add to respond.toml",
        )


# --- disk and journal ----------------------------------------------------------------------------


def disk(at: Doctor) -> Findings:
    path = at.journal_path
    folder = path.parent
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < FREE_BYTES_MIN:
        yield FoundTrouble(
            "disk/full",
            f"{free // (1024 * 1024)} MiB are free for the journal in {folder}",
            "when the disk is full nothing is recorded, and then nothing is sent",
            "make room, or choose another disk: [journal] path in respond.toml",
        )
    if not os.access(there, os.W_OK | os.X_OK):
        yield FoundTrouble(
            "disk/read-only",
            f"{there} cannot be written to",
            "without a journal no run is started",
            "mend the rights of the folder, or set [journal] path in respond.toml",
        )
    if not folder.exists():
        return
    yield from _open_to_others(folder, 0o700)
    for name in (path, path.with_name(f"{path.name}-wal")):
        if name.exists():
            yield from _open_to_others(name, 0o600)
    kind = file_system_of(folder)
    if kind.startswith(("nfs", "cifs", "smb", "fuse.sshfs")):
        yield FoundTrouble(
            "disk/network",
            f"the journal lies on a network file system ({kind})",
            "locks and syncs there do not keep what the journal promises",
            "set [journal] path in respond.toml to a local disk",
        )


def _open_to_others(path: Path, wanted: int) -> Findings:
    found = path.stat()
    if found.st_uid != os.geteuid():
        yield FoundTrouble(
            "disk/not-ours",
            f"{path} belongs to somebody else",
            "its owner can replace the journal, and no run is started",
            "choose a folder of your own for the journal",
        )
    elif stat.S_IMODE(found.st_mode) & 0o077:
        yield FoundTrouble(
            "disk/open-to-others",
            f"{path} is open to other users: mode {stat.S_IMODE(found.st_mode):04o}",
            "no run is started while others can read or replace the journal",
            f"chmod {wanted:o} {path}",
        )


def journal(at: Doctor) -> Findings:
    path = at.journal_path
    known = known_of(path, at.keys) if at.keys is not None else KnownOfJournal()
    if not path.exists():
        if not known.journal:
            at.well.append("no journal yet: the first run makes it")
            return
        yield FoundTrouble(
            "journal/gone",
            f"the journal {path} is gone; {known.says} remembers {known.journal}",
            "no run starts while the journal is missing, and what it proved is lost",
            "put the file back; respond audit verify says what is known of it",
        )
        return
    pinned, trouble = _pinned_key(at.places.project, known)
    yield from trouble
    rows = at.journal.rows(path)
    report = verify(rows, keys=[pinned] if pinned else [], mark=known.mark)
    with suppress(SourceError):
        deque(rows, maxlen=0)  # What comes after a bad record is read as well.
    if report.answer in {Verification.BROKEN, Verification.CANNOT_BE_CHECKED}:
        yield FoundTrouble(
            "journal/broken",
            f"the journal is {report.says}",
            "no run is started or resumed on a journal that does not verify",
            "respond audit verify; keep the file, it is evidence",
        )
    elif report.answer is Verification.UNANCHORED:
        yield FoundTrouble(
            "journal/unanchored",
            f"the journal is {report.says}",
            "what only the chain covers can be cut off without a trace",
            "the next run signs it; or raise what you allow: audit verify --max-loose",
        )
    else:
        at.well.append(f"journal {report.says}")
    ahead_s = _iso(at.journal.latest) - at.now_s
    if at.journal.is_whole and ahead_s > CLOCK_S_MAX:
        yield FoundTrouble(
            "clock/went-back",
            f"the journal has records of {at.journal.latest}, {ahead_s:.0f} s after this "
            "machine's now",
            "the clock went back: until it has caught up, nothing may expire by it",
            "set the clock, then look again",
        )


def _pinned_key(
    project: Path | None, known: KnownOfJournal
) -> tuple[NoteKey | None, list[FoundTrouble]]:
    """The key to verify with, and what is wrong with how it is pinned."""
    how = f"respond audit key > {PINNED} next to respond.toml, and commit it"
    why = "who takes over this machine could replace the journal and its key together"
    if project is None:
        return known.key, []
    file = project / PINNED
    if not file.is_file():
        what = "the public key is not pinned"
        return known.key, [FoundTrouble("journal/not-pinned", what, why, how)]
    try:
        lines = read_ordinary(file, 65_536).decode("utf-8").splitlines()
        pinned = NoteKey.parse(next(n for n in lines if n.strip() and n.strip()[0] != "#"))
    except (OSError, UnicodeDecodeError, NoteError, StopIteration) as error:
        what = f"{file} holds no public key: {error}"
        return known.key, [FoundTrouble("journal/no-key", what, "verify would refuse it", how)]
    if known.key is not None and pinned.raw != known.key.raw:
        what = f"{file} is the key of {pinned.name}, and this journal's is another"
        do = f"find out who replaced which; if the journal was begun anew: {how}"
        return pinned, [FoundTrouble("journal/other-key", what, why, do)]
    return pinned, []


# --- people --------------------------------------------------------------------------------------


def persons(at: Doctor) -> Findings:
    records = at.project.records
    others = [each for each in records if "admin" in each.roles and each.id != at.operator]
    if others:
        at.well.append(f"{len(others)} other administrators can be told")
    else:
        yield FoundTrouble(
            "persons/nobody-else",
            "nobody but you has the role admin in [[person]]",
            "nobody else is told, and nobody else could go on when you cannot",
            'add a [[person]] with roles = ["admin"] to respond.toml',
        )
    chats = channels(Reaches.EACH)
    for each in records:
        if not each.emails and not chats.keys() & each.accounts.keys():
            ids = " or ".join(f"{chat.title} id" for chat in chats.values())
            yield FoundTrouble(
                "persons/unreachable",
                f"{each.id} has neither e-mail nor {ids}",
                "they cannot be told",
                f'add emails = ["..."] to the [[person]] {each.id}',
            )


def person_keys(at: Doctor) -> Findings:
    for person in at.project.persons:
        own = person.record.id
        for key, why in unusable_keys(person):
            yield FoundTrouble(
                "persons/bad-key",
                f"a key of {own} proves nothing: {key}",
                why,
                f"put the line of their .pub file into ssh_keys of the [[person]] {own}: ed25519, "
                "ECDSA, RSA from 2048 bits, or a security key",
            )
    if at.project.person_keys and shutil.which("ssh-keygen") is None:
        yield FoundTrouble(
            "persons/no-ssh-keygen",
            "there is no ssh-keygen on this machine",
            "nobody can sign an approval here, or go alone in an emergency",
            "install OpenSSH 8.2 or later",
        )


def approvals(at: Doctor) -> Findings:
    found = gaps(at.project, at.runbooks)
    for gap in found:
        yield FoundTrouble("approvals/nobody-could", gap.what, gap.why, gap.do)
    if not found and at.project.people.proofs:
        at.well.append("enough people could agree, whoever is missing")


def unreviewed(at: Doctor) -> Findings:
    for run, person in at.journal.alone.items():
        yield FoundTrouble(
            "approvals/unreviewed",
            f"{person} went alone in run {run}, and nobody has reviewed it",
            "an emergency entry stays open until somebody else has looked at it",
            f"somebody else than {person}: respond audit review {run} --words 'what you found'",
        )


# --- what the server takes in --------------------------------------------------------------------


def hooks(at: Doctor) -> Findings:
    if not at.project.sources:
        return
    for fault in hook_faults(at.project, partial(load_runbook, at.places)):
        yield FoundTrouble(
            "sources/hook",
            f"{fault.what} ({fault.path})",
            "the server does not start with it",
            fault.hint or "respond check",
        )


def sources(at: Doctor) -> Findings:
    for source in at.heard:
        name, sender = source.name, SENDERS[source.sender]
        if at.secrets is not None:
            yield from _source_secrets(at, source, at.secrets)
        if sender.delivers_once and source.token == NOWHERE and not source.connection:
            yield FoundTrouble(
                "sources/no-token",
                f"what {name} ({source.sender}) could not deliver is lost",
                "this sender tries once; without its API nobody asks for what was missed",
                f'add token = "keyring" to [sources.{name}], then: respond connect {name}/token',
            )
        wants = sender.wants
        if wants is not None and not source.options.get(wants.option):
            yield FoundTrouble(
                f"sources/{wants.lack}", wants.what.format(name), wants.why, wants.do.format(name)
            )


def received(at: Doctor) -> Findings:
    """Deliveries that were genuine, of which the sender was told so, and that began nothing."""
    path = at.journal_path.with_name("inbox.db")
    if not path.exists():
        return
    try:
        every = unusable_since(path, at.clock.now_ms() - _RECEIVED_DAYS * _DAY_S * 1000)
    except InboxUnusableError as error:
        yield FoundTrouble(
            "sources/inbox", error.what, f"nothing can come in: {error.why}", error.do
        )
        return
    for found in every:
        if found.source in {source.name for source in at.heard}:
            yield FoundTrouble(
                "sources/unusable",
                f"{found.count} deliveries of {found.source} could not be used in"
                f" {_RECEIVED_DAYS} days; the last: {found.why}",
                "they were genuine, so the sender was told that they arrived; they begin nothing",
                "look at what is sent: docs/webhooks.md says what is read",
            )


def _source_secrets(at: Doctor, source: SourceConfig, secrets: CredentialStore) -> Findings:
    sender = SENDERS[source.sender]
    good = True
    for name in source.references:
        try:
            value = secrets.credential(name)
            trouble = "" if name.endswith("/token") else check_secret(sender, value)
        except NotReadyError as error:
            trouble = error.what
        # The one before is there only while a secret is being changed.
        if trouble and not name.endswith("/old"):
            good = False
            yield FoundTrouble(
                "credential/source",
                f"{name}: {trouble}",
                "the server does not start without it"
                if name == source.name
                else "what the sender leaves out cannot be asked for",
                f"respond connect {name} --replace",
            )
    if good:
        weak = "; weak: a token, and nothing proves who wrote the body" if sender.weak else ""
        at.well.append(f"source {source.name} ({source.sender}) has its secret{weak}")


def sign_on(at: Doctor) -> Findings:
    oidc = at.project.server.oidc
    if oidc is None or at.only:
        return
    if at.secrets is not None and oidc.secret != NOWHERE:
        try:
            at.secrets.credential(OIDC)
        except NotReadyError as error:
            why = "nobody can sign on to the page"
            yield FoundTrouble("credential/sign-on", error.what, why, f"respond connect {OIDC}")
    if all(person.oidc_issuer != oidc.issuer for person in at.project.persons):
        yield FoundTrouble(
            "sign-on/nobody",
            "nobody in [[person]] has an account at the issuer of [server.oidc]",
            "whoever signs on there is nobody here",
            f"add oidc_issuer = {oidc.issuer!r} and oidc_subject to people's entries",
        )
    yield from _provider(at, oidc)


def _provider(at: Doctor, oidc: OidcConfig) -> Findings:
    """Whether the identity provider answers, and calls itself what we call it."""
    opened = open_line(
        ConnectionConfig(name=OIDC, system="http", auth="none"),
        sign_on_line(at.project, oidc),
        secrets=CredentialStore({}, MemoryKeys(), at.redactor, at.clock, environment={}),
        redactor=at.redactor,
        clock=at.clock,
    )
    try:
        with closing(opened):
            reply = opened.fetch("http", ".well-known", "openid-configuration")
    except RespondError as error:
        yield FoundTrouble(
            "sign-on/no-answer",
            f"the issuer of [server.oidc] does not answer: {error.sentence}",
            "nobody can sign on to the page; signed answers from a terminal still count",
            error.do or "look at the address, and at the provider",
        )
        return
    if isinstance(reply.body, Mapping) and reply.body.get("issuer") == oidc.issuer:
        at.well.append("the identity provider answers")
        return
    yield FoundTrouble(
        "sign-on/other-issuer",
        "the identity provider calls itself something else than [server.oidc] does",
        "the server refuses its ID tokens",
        "set issuer to the letter as its openid-configuration has it",
    )


# --- runbooks ------------------------------------------------------------------------------------


def runbooks(at: Doctor) -> Findings:
    for name, one in at.checked.items():
        if name in at.runbooks:
            yield from _reviewed(at.runbooks[name], int(at.now_s))
            continue
        more = f" and {len(one.faults) - 1} more" if len(one.faults) > 1 else ""
        yield FoundTrouble(
            "runbook/fault",
            f"{name} has a fault: {one.faults[0].what}{more}",
            "it cannot be run",
            f"respond check {name}",
        )


def open_to_others(at: Doctor) -> Findings:
    """Files of the project that say what a run does, and that somebody else could change."""
    if (project := at.places.project) is None:
        return
    own = [each.path for each in at.places.runbooks().values() if not each.shipped]
    for path in (project / FILE, *own):
        for what in who_else_decides(path, project):
            yield FoundTrouble(
                "project/open",
                f"{path.relative_to(project)}: {what}",
                "who changes it says what a run does to real systems",
                OPEN_DO,
            )


def _reviewed(runbook: Runbook, now_s: int) -> Findings:
    do = "read it against the world, rehearse it, then set 'reviewed' in the file"
    if not runbook.reviewed:
        what = f"{runbook.name} says no date of review"
        yield FoundTrouble("runbook/not-reviewed", what, "it may be stale", do)
        return
    days = int((now_s - _iso(f"{runbook.reviewed}T00:00:00Z")) // _DAY_S)
    if days > REVIEW_DAYS_MAX:
        yield FoundTrouble(
            "runbook/old-review",
            f"{runbook.name} was last reviewed {days} days ago",
            "consoles, people and roles change; a stale instruction costs minutes at night",
            do,
        )


def rehearsed(at: Doctor) -> Findings:
    done, begun = _rehearsals(at.places.rehearsals)
    for name in at.runbooks:
        last = done.get(name)
        if last is not None and at.now_s - last <= REVIEW_DAYS_MAX * _DAY_S:
            at.well.append(f"{name} rehearsed {_day(last)}")
            continue
        if last is not None:
            what = f"{name} was last rehearsed on {_day(last)}"
        elif name in begun:
            what = f"{name} was never rehearsed to its end here"
        else:
            what = f"{name} was never rehearsed here"
        why = "the first time should not be at 3 a.m."
        yield FoundTrouble("runbook/not-rehearsed", what, why, f"respond rehearse {name}")


def _rehearsals(folder: Path) -> tuple[dict[str, float], set[str]]:
    """When each runbook was last rehearsed to a good end, and which were begun at all."""
    done: dict[str, float] = {}
    begun: set[str] = set()
    for run in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            name = str(recall(run).get("runbook") or "")
        except (OSError, ValueError):
            continue
        if not name:
            continue
        begun.add(name)
        read = _JournalRead()
        with suppress(SourceError):
            deque(read.rows(run / "journal.db"), maxlen=0)
        if read.is_whole and read.ended_well_s:
            done[name] = max(done.get(name, 0.0), read.ended_well_s)
    return done, begun


CHECKS: Final[tuple[Callable[[Doctor], Findings], ...]] = (
    key_store,
    connections,
    needed_connections,
    disk,
    journal,
    persons,
    person_keys,
    approvals,
    unreviewed,
    hooks,
    sources,
    received,
    sign_on,
    runbooks,
    open_to_others,
    rehearsed,
)


# --- times ---------------------------------------------------------------------------------------


def _iso(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
