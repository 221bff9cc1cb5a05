"""Look for trouble before the incident does (P28): each finding says why, and what to do.

It reads and tries; it changes nothing. Every check stands alone, so that one that fails does not
hide another.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from respond.checks.credentials import Line, open_line, probe
from respond.errors import NotReadyError, RespondError, StepFailedError
from respond.systems import discovery_of, needs_connection
from respond.systems.vendor import Probed, Verdict
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.adapters.secrets.credential_store import CredentialStore
    from respond.adapters.secrets.redactor import Redactor
    from respond.core.runbook import Runbook
    from respond.formats.project.project_file import ConnectionConfig, Project, SourceConfig
    from respond.ports import Clock, KeyStore
    from respond.systems.discovery import Discovery

__all__ = ["Doctor", "Finding"]

REVIEW_DAYS_MAX: Final = 180
CLOCK_S_MAX: Final = 60
FREE_BYTES_MIN: Final = 256 * 1024 * 1024
CREDENTIAL: Final = "credential"
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that would hurt tonight.

    Attributes:
        area: ``credential``, ``permission``, ``discovery``, ``clock``, ``disk``, ``keys``,
            ``journal``, ``persons``, ``approvals``, ``sources``, ``sign-on``, ``runbook`` or
            ``project``.
        what: What was found.
        why: Why it matters in an incident.
        do: What to do now.
    """

    area: str
    what: str
    why: str
    do: str


@dataclass(slots=True)
class Doctor:
    """One look at everything.

    Args:
        line: Where a connection leads, by name.
        only: Look at this runbook and what it needs; empty looks at all.
        operator: The person at the keyboard, as the machine calls them.
    """

    places: Places
    project: Project
    clock: Clock
    redactor: Redactor
    line: Callable[[str], Line]
    operator: str
    tell: Callable[[str], None]
    only: str = ""
    well: list[str] = field(default_factory=list)
    _keys: KeyStore | None = None
    _keys_trouble: str = ""
    _runbooks: Mapping[str, Runbook] = field(default_factory=dict)

    def look(self) -> Iterator[Finding]:
        """Every finding, the ones about credentials first."""
        yield from self._key_store()
        faults = list(self._load_runbooks())
        yield from self._connections()
        yield from self._needed_connections()
        yield from self._disk()
        yield from self._journal()
        yield from self._persons()
        yield from self._person_keys()
        yield from self._approvals()
        yield from self._unreviewed()
        yield from self._hooks()
        yield from self._sources()
        yield from self._sign_on()
        yield from faults
        yield from self._rehearsed()

    # --- the key store ---

    def _key_store(self) -> Iterator[Finding]:
        from respond.wiring.session import open_keys

        try:
            self._keys = open_keys(self.project, self.places)
            self._keys.get("doctor/looks-whether-this-opens")
        except NotReadyError as error:
            self._keys, self._keys_trouble = None, error.what
            yield Finding(
                "keys",
                _words(error),
                "no credential can be read and no run can be started",
                error.do or "unlock or mend the key store",
            )
        else:
            self.well.append(f"keys in {self._keys.says}")

    # --- connections ---

    def _wanted(self) -> list[str]:
        """Connections to look at: all, or those of the systems that the one runbook needs."""
        if not self.only:
            return list(self.project.connections)
        from respond.cli.connecting import actions_of

        systems = {s for one in self._runbooks.values() for s in actions_of(one).values()}
        if "notify" in systems:
            systems |= {"slack", "email"}
        named = {n for n, c in self.project.connections.items() if c.system in systems}
        holders = {
            config.sink.split(":")[1]
            for name, config in self.project.connections.items()
            if name in named and config.sink.startswith(("vault:", "command:"))
        }
        return [n for n in self.project.connections if n in named | holders]

    def _connections(self) -> Iterator[Finding]:
        if self._keys is None:
            return
        store = self._store(self._keys)
        for name in self._wanted():
            config = self.project.connections[name]
            self.tell(f"looking at {name}")
            for reference in config.references:
                yield from self._credential(config, reference, store)

    def _store(self, keys: KeyStore) -> CredentialStore:
        from respond.wiring.session import credential_store

        return credential_store(self.project, keys, self.redactor, self.clock)

    def _credential(
        self, config: ConnectionConfig, reference: str, store: CredentialStore
    ) -> Iterator[Finding]:
        if not _needs_credential(config):
            return
        part = reference.partition("/")[2]
        try:
            store.credential(reference)
        except NotReadyError as error:
            yield Finding(
                CREDENTIAL,
                error.what,
                "the runbooks that need it stop before their first step",
                f"respond connect {reference}",
            )
            return
        try:
            line = self.line(config.name)
        except RespondError as error:
            yield Finding(CREDENTIAL, error.what, error.why, error.do)
            return
        from respond.cli.connecting import sinks_in

        opened = open_line(
            config,
            line,
            secrets=store,
            redactor=self.redactor,
            clock=self.clock,
            sinks=sinks_in(self.project, config.name),
            waiting=lambda what, s: self.tell(f"waiting {s:.0f} s for {what}"),
        )
        try:
            probed = probe(opened, part)
            yield from self._probed(config, reference, probed)
            discovery = discovery_of(config.system)
            if discovery is not None and not part and probed.verdict is Verdict.ACCEPTED:
                yield from self._discovery(discovery, config, opened.reader)
            if config.system == "pagerduty" and not part and probed.verdict is Verdict.ACCEPTED:
                yield from self._subscriptions(config.name, opened)
        finally:
            opened.close()

    def _probed(
        self, config: ConnectionConfig, reference: str, probed: Probed
    ) -> Iterator[Finding]:
        from respond.cli.connecting import missing_rights

        if probed.verdict in {Verdict.REFUSED, Verdict.UNCLEAR}:
            refused = probed.verdict is Verdict.REFUSED
            how = "is not accepted" if refused else "could not be tried"
            yield Finding(
                CREDENTIAL,
                f"{reference} {how}: {self.redactor.clean(probed.says)}",
                "tonight every step that uses it would be done by hand",
                f"respond connect {reference} --replace"
                if refused
                else probed.do or "look at the network and at the system's status page",
            )
            return
        for mismatch in probed.mismatch:
            yield Finding(
                CREDENTIAL,
                mismatch,
                "a run would work in another account than the questions name",
                f"correct [connections.{config.name}] in respond.toml, or the credential",
            )
        for right, names in missing_rights(probed, self._runbooks):
            yield Finding(
                "permission",
                f"{reference} may not {right.name}"
                + (f" ({self.redactor.clean(right.why)})" if right.why else ""),
                f"needed by {', '.join(names)}: that step would be done by hand",
                f"grant: {right.grant}; then: respond connect {reference}",
            )
        yield from self._clocks(reference, probed)
        about = f"{probed.account} {probed.account_name}".strip()
        said = "not tried" if probed.verdict is Verdict.UNTRIED else "accepted"
        self.well.append(f"{reference} ({config.system}) {said}{f': {about}' if about else ''}")

    def _discovery(
        self, discovery: Discovery, config: ConnectionConfig, reader: Any
    ) -> Iterator[Finding]:
        from respond.wiring.session import accepted_table, live_documents

        name = config.name
        accepted = accepted_table(self.places.state / "connections", name)
        if accepted is None:
            yield Finding(
                "discovery",
                f"nobody has accepted what {name} offers",
                "a person's hands do what the tool could do",
                f"respond connect {name}",
            )
            return
        try:
            documents = live_documents(discovery, reader, name)
        except StepFailedError as error:
            yield Finding(
                "discovery",
                f"what {name} offers could not be read: {error.what}",
                "the tool falls back to a person's hands",
                "look again later; the vendor may have trouble",
            )
            return
        for line in discovery.still_valid(accepted, *documents)[1]:
            yield Finding(
                "discovery",
                f"{name}: {line}",
                "the vendor changed it since somebody accepted it",
                f"read the change and accept it: respond connect {name}",
            )

    def _needed_connections(self) -> Iterator[Finding]:
        from respond.cli.connecting import actions_of

        have = {config.system for config in self.project.connections.values()}
        needed: dict[str, list[str]] = {}
        for name, runbook in self._runbooks.items():
            systems = set(actions_of(runbook).values())
            for system in sorted(filter(needs_connection, systems - have)):
                needed.setdefault(system, []).append(name)
            if "notify" in systems and not have & {"slack", "email"}:
                needed.setdefault("slack or email", []).append(name)
        for system, names in needed.items():
            tells = system == "slack or email"
            yield Finding(
                CREDENTIAL,
                f"there is no connection for {system}",
                f"{', '.join(names)} would tell nobody"
                if tells
                else f"{', '.join(names)} cannot be run",
                f"respond connect {'slack' if tells else system} says what to add to respond.toml",
            )

    # --- clocks ---

    def _clocks(self, reference: str, probed: Probed) -> Iterator[Finding]:
        theirs = _http_date(probed.date)
        if theirs is None:
            return
        ahead = self.clock.now_ms() / 1000 - theirs
        if abs(ahead) > CLOCK_S_MAX:
            yield Finding(
                "clock",
                f"this machine is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} "
                f"the clock of {reference}",
                "signatures, expiries and the times in the audit log would be wrong",
                "set the clock: timedatectl set-ntp true, or your system's own way",
            )

    # --- disk and journal ---

    def _journal_path(self) -> Path:
        from respond.wiring.session import journal_path

        return journal_path(self.project, self.places)

    def _disk(self) -> Iterator[Finding]:
        from respond.adapters.store.sqlite_file import file_system_of

        path = self._journal_path()
        folder = path.parent
        there = next(each for each in (folder, *folder.parents) if each.exists())
        free = shutil.disk_usage(there).free
        if free < FREE_BYTES_MIN:
            yield Finding(
                "disk",
                f"{free // (1024 * 1024)} MiB are free for the journal in {folder}",
                "when the disk is full nothing is recorded, and then nothing is sent",
                "make room, or choose another disk: [journal] path in respond.toml",
            )
        if not os.access(there, os.W_OK | os.X_OK):
            yield Finding(
                "disk",
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
            yield Finding(
                "disk",
                f"the journal lies on a network file system ({kind})",
                "locks and syncs there do not keep what the journal promises",
                "set [journal] path in respond.toml to a local disk",
            )

    def _journal(self) -> Iterator[Finding]:
        from respond.adapters.store.read_only import Known, known_of
        from respond.audit.source import verify_file
        from respond.audit.verify import Answer

        path = self._journal_path()
        known = known_of(path, self._keys) if self._keys is not None else Known()
        if not path.exists():
            if known.journal:
                yield Finding(
                    "journal",
                    f"the journal {path} is gone; {known.says} remembers {known.journal}",
                    "no run starts while the journal is missing, and what it proved is lost",
                    "put the file back; respond audit verify says what is known of it",
                )
            else:
                self.well.append("no journal yet: the first run makes it")
            return
        pinned, finding = self._pinned_key(known)
        yield from finding
        report = verify_file(path, keys=[pinned] if pinned else [], mark=known.mark)
        if report.answer in {Answer.BROKEN, Answer.CANNOT_BE_CHECKED}:
            yield Finding(
                "journal",
                f"the journal is {report.says}",
                "no run is started or resumed on a journal that does not verify",
                "respond audit verify; keep the file, it is evidence",
            )
        elif report.answer is Answer.UNANCHORED:
            yield Finding(
                "journal",
                f"the journal is {report.says}",
                "what only the chain covers can be cut off without a trace",
                "the next run signs it; or raise what you allow: audit verify --max-loose",
            )
        else:
            self.well.append(f"journal {report.says}")
        yield from self._highest_time(path)

    def _pinned_key(self, known: Any) -> tuple[Any, list[Finding]]:
        """The key to verify with, and what is wrong with how it is pinned."""
        from respond.audit.checkpoint import NoteError, PublicKey
        from respond.cli.audit import PINNED

        how = f"respond audit key > {PINNED} next to respond.toml, and commit it"
        why = "who takes over this machine could replace the journal and its key together"
        if self.places.project is None:
            return known.key, []
        file = self.places.project / PINNED
        if not file.is_file():
            return known.key, [Finding("journal", "the public key is not pinned", why, how)]
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
            pinned = PublicKey.parse(next(n for n in lines if n.strip() and n.strip()[0] != "#"))
        except (OSError, UnicodeDecodeError, NoteError, StopIteration) as error:
            what = f"{file} holds no public key: {error}"
            return known.key, [Finding("journal", what, "verify would refuse it", how)]
        if known.key is not None and pinned.raw != known.key.raw:
            what = f"{file} is the key of {pinned.name}, and this journal's is another"
            do = f"find out who replaced which; if the journal was begun anew: {how}"
            return pinned, [Finding("journal", what, why, do)]
        return pinned, []

    def _highest_time(self, path: Path) -> Iterator[Finding]:
        from respond.audit.source import open_rows
        from respond.audit.verify import SourceError

        highest = ""
        try:
            with open_rows(path) as rows:
                for row in rows:
                    at = row.columns[3] if row.columns else ""
                    highest = max(highest, at) if isinstance(at, str) else highest
        except SourceError:
            return
        ahead = _iso(highest) - self.clock.now_ms() / 1000
        if ahead > CLOCK_S_MAX:
            yield Finding(
                "clock",
                f"the journal has records of {highest}, {ahead:.0f} s after this machine's now",
                "the clock went back: until it has caught up, nothing may expire by it",
                "set the clock, then look again",
            )

    # --- persons ---

    def _persons(self) -> Iterator[Finding]:
        records = self.project.records
        admins = [each for each in records if "admin" in each.roles]
        others = [each for each in admins if each.id != self.operator]
        if not others:
            yield Finding(
                "persons",
                "nobody but you has the role admin in [[person]]",
                "nobody else is told, and nobody else could go on when you cannot",
                'add a [[person]] with roles = ["admin"] to respond.toml',
            )
        for each in records:
            if not each.emails and not each.accounts.get("slack"):
                yield Finding(
                    "persons",
                    f"{each.id} has neither e-mail nor Slack id",
                    "they cannot be told",
                    f'add emails = ["..."] to the [[person]] {each.id}',
                )
        if others:
            self.well.append(f"{len(others)} other administrators can be told")

    def _person_keys(self) -> Iterator[Finding]:
        from respond.people.readiness import unusable_keys

        for person in self.project.persons:
            for key, why in unusable_keys(person):
                yield Finding(
                    "persons",
                    f"a key of {person.record.id} proves nothing: {key}",
                    why,
                    f"put the line of their .pub file into ssh_keys of the [[person]] "
                    f"{person.record.id}: ed25519, ECDSA, RSA from 2048 bits, or a security key",
                )
        if self.project.person_keys and shutil.which("ssh-keygen") is None:
            yield Finding(
                "persons",
                "there is no ssh-keygen on this machine",
                "nobody can sign an approval here, or go alone in an emergency",
                "install OpenSSH 8.2 or later",
            )

    # --- agreeing ---

    def _approvals(self) -> Iterator[Finding]:
        from respond.people.readiness import gaps

        found = gaps(self.project, self._runbooks)
        for gap in found:
            yield Finding("approvals", gap.what, gap.why, gap.do)
        if not found and self.project.people.provable:
            self.well.append("enough people could agree, whoever is missing")

    def _unreviewed(self) -> Iterator[Finding]:
        for run, person in _went_alone(self._journal_path()).items():
            yield Finding(
                "approvals",
                f"{person} went alone in run {run}, and nobody has reviewed it",
                "an emergency entry stays open until somebody else has looked at it",
                f"somebody else than {person}: respond audit review {run} --words 'what you found'",
            )

    # --- what the server takes in ---

    def _heard(self) -> list[SourceConfig]:
        """Sources to look at: all, or those that may propose the one runbook."""
        every = self.project.sources.values()
        return [each for each in every if not self.only or self.only in each.runbooks]

    def _hooks(self) -> Iterator[Finding]:
        from respond.formats.faults import FormatFaults
        from respond.intake.hooks import load_hooks
        from respond.wiring.session import load_runbook

        if not self.project.sources:
            return
        name = self.project.where.source.name if self.project.where is not None else ""
        try:
            load_hooks(self.project, lambda runbook: load_runbook(self.places, runbook))
        except FormatFaults as error:
            # Faults of the runbooks' own files are said with the runbooks.
            for fault in error.faults:
                if fault.name == name:
                    yield Finding(
                        "sources",
                        f"{fault.what} ({fault.path})",
                        "the server does not start with it",
                        fault.hint or "respond check",
                    )

    def _sources(self) -> Iterator[Finding]:
        from respond.formats.project.project import NOWHERE
        from respond.senders import SENDERS

        for source in self._heard():
            sender = SENDERS[source.sender]
            if self._keys is not None:
                yield from self._source_secrets(source, self._store(self._keys))
            if sender.delivers_once and source.token == NOWHERE and not source.connection:
                yield Finding(
                    "sources",
                    f"what {source.name} ({source.sender}) could not deliver is lost",
                    "this sender tries once; without its API nobody asks for what was missed",
                    f'add token = "keyring" to [sources.{source.name}], then: '
                    f"respond connect {source.name}/token",
                )
            if source.sender == "grafana" and not source.options.get("timestamp_header"):
                yield Finding(
                    "sources",
                    f"deliveries of {source.name} (grafana) have no signed time",
                    "who has recorded one can send it again later",
                    "name a timestamp header in Grafana's contact point, and in options of "
                    f"[sources.{source.name}]: timestamp_header",
                )

            if source.sender == "slack" and not source.options.get("team"):
                yield Finding(
                    "sources",
                    f"{source.name} does not say whose Slack it is",
                    "a user id counts only together with its workspace; the server does not start",
                    f'add options = {{ team = "T0123ABCD" }} to [sources.{source.name}]',
                )

    def _source_secrets(self, source: SourceConfig, store: CredentialStore) -> Iterator[Finding]:
        from respond.senders import SENDERS, check_secret

        sender = SENDERS[source.sender]
        good = True
        for name in source.references:
            try:
                value = store.credential(name)
            except NotReadyError as error:
                trouble = error.what
            else:
                signs = not name.endswith("/token")
                trouble = check_secret(sender, value) if signs else ""
            # The one before is there only while a secret is being changed.
            if trouble and not name.endswith("/old"):
                good = False
                yield Finding(
                    CREDENTIAL,
                    f"{name}: {trouble}",
                    "the server does not start without it"
                    if name == source.name
                    else "what the sender leaves out cannot be asked for",
                    f"respond connect {name} --replace",
                )
        if good:
            weak = "; weak: a token, and nothing proves who wrote the body" if sender.weak else ""
            self.well.append(f"source {source.name} ({source.sender}) has its secret{weak}")

    def _subscriptions(self, name: str, opened: Any) -> Iterator[Finding]:
        """Whether PagerDuty still sends: after three refusals it says nothing for a day."""
        mine = [s for s in self._heard() if s.sender == "pagerduty" and s.connection in {"", name}]
        if not mine:
            return
        try:
            reply = opened.fetch("rest", "webhook_subscriptions", query={"limit": "100"})
        except StepFailedError as error:
            yield Finding(
                "sources",
                f"whether PagerDuty sends its webhooks could not be looked at: {error.what}",
                "it stops for a day after three refusals, and does not say so",
                f"let the key of {name} read webhook subscriptions (webhook_subscriptions.read)",
            )
            return
        for source in mine:
            yield from _switched_off(source.name, reply.body)

    def _sign_on(self) -> Iterator[Finding]:
        from respond.formats.project.project import NOWHERE, OIDC

        oidc = self.project.server.oidc
        if oidc is None or self.only:
            return
        if self._keys is not None and oidc.secret != NOWHERE:
            try:
                self._store(self._keys).credential(OIDC)
            except NotReadyError as error:
                yield Finding(
                    CREDENTIAL,
                    error.what,
                    "nobody can sign on to the page",
                    f"respond connect {OIDC}",
                )
        if all(person.oidc_issuer != oidc.issuer for person in self.project.persons):
            yield Finding(
                "sign-on",
                "nobody in [[person]] has an account at the issuer of [server.oidc]",
                "whoever signs on there is nobody here",
                f"add oidc_issuer = {oidc.issuer!r} and oidc_subject to people's entries",
            )
        yield from self._provider(oidc.issuer)

    def _provider(self, issuer: str) -> Iterator[Finding]:
        """Whether the identity provider answers, and calls itself what we call it."""
        from respond.adapters.secrets.credential_store import CredentialStore
        from respond.checks import credentials
        from respond.formats.project.project import OIDC
        from respond.formats.project.project_file import ConnectionConfig

        opened = credentials.open_line(
            ConnectionConfig(name=OIDC, system="http", auth="none"),
            credentials.sign_on_line(issuer),
            secrets=CredentialStore({}, _NoKeys(), self.redactor, self.clock, environment={}),
            redactor=self.redactor,
            clock=self.clock,
        )
        try:
            reply = opened.fetch("http", ".well-known", "openid-configuration")
        except RespondError as error:
            yield Finding(
                "sign-on",
                f"the issuer of [server.oidc] does not answer: {error.what}",
                "nobody can sign on to the page; signed answers from a terminal still count",
                error.do or "look at the address, and at the provider",
            )
            return
        finally:
            opened.close()
        said = reply.body.get("issuer") if isinstance(reply.body, Mapping) else None
        if said != issuer:
            yield Finding(
                "sign-on",
                "the identity provider calls itself something else than [server.oidc] does",
                "the server refuses its ID tokens",
                "set issuer to the letter as its openid-configuration has it",
            )
        else:
            self.well.append("the identity provider answers")

    # --- runbooks ---

    def _load_runbooks(self) -> Iterator[Finding]:
        from respond.cli.look import _checker
        from respond.errors import UsageError

        found = self.places.runbooks()
        if self.only and self.only not in found:
            raise UsageError(f"there is no runbook {self.only!r}", do="respond list")
        check = _checker(self.places)
        loaded: dict[str, Runbook] = {}
        findings: list[Finding] = []
        for name, entry in found.items():
            if self.only and name != self.only:
                continue
            checked = check(entry.path)
            if checked.runbook is None or checked.faults:
                many = f" and {len(checked.faults) - 1} more" if len(checked.faults) > 1 else ""
                findings.append(
                    Finding(
                        "runbook",
                        f"{name} has a fault: {checked.faults[0].what}{many}",
                        "it cannot be run",
                        f"respond check {name}",
                    )
                )
                continue
            loaded[name] = checked.runbook
            findings += _reviewed(checked.runbook, self.clock.now_ms() // 1000)
        self._runbooks = loaded
        yield from findings

    def _rehearsed(self) -> Iterator[Finding]:
        done, begun = _rehearsals(self.places.rehearsals)
        now_s = self.clock.now_ms() / 1000
        for name in self._runbooks:
            last = done.get(name)
            if last is not None and now_s - last <= REVIEW_DAYS_MAX * _DAY_S:
                self.well.append(f"{name} rehearsed {_day(last)}")
                continue
            if last is not None:
                what = f"{name} was last rehearsed on {_day(last)}"
            elif name in begun:
                what = f"{name} was never rehearsed to its end here"
            else:
                what = f"{name} was never rehearsed here"
            yield Finding(
                "runbook",
                what,
                "the first time should not be at 3 a.m.",
                f"respond rehearse {name}",
            )


# --- small looks ---------------------------------------------------------------------------------


class _NoKeys:
    """A key store for what needs no credential."""

    says = "nowhere"

    def get(self, name: str) -> bytes | None:
        return None

    def set(self, name: str, value: bytes) -> None:
        raise NotReadyError(f"{name} is kept nowhere")

    def delete(self, name: str) -> None:
        return


def _switched_off(source: str, body: Any) -> Iterator[Finding]:
    """What PagerDuty's list of subscriptions says of one source of ours."""
    from respond.core.showable import showable

    rows = body.get("webhook_subscriptions") if isinstance(body, Mapping) else None
    found = False
    for row in rows if isinstance(rows, list) else ():
        method = row.get("delivery_method") if isinstance(row, Mapping) else None
        if not isinstance(method, Mapping):
            continue
        if not str(method.get("url", "")).endswith(f"/hooks/{source}"):
            continue
        found = True
        disabled = method.get("temporarily_disabled") is True
        if disabled or row.get("active") is False:
            number = showable(str(row.get("id", "")), limit=40)
            yield Finding(
                "sources",
                f"PagerDuty has switched off the webhook subscription {number} of {source}"
                + (" for a day" if disabled else ""),
                "no event comes, and those of that time are thrown away",
                f"enable it there (POST /webhook_subscriptions/{number}/enable), and look at the "
                "incidents that are open",
            )
    if not found and not (isinstance(body, Mapping) and body.get("more") is True):
        yield Finding(
            "sources",
            f"no webhook subscription of PagerDuty leads to /hooks/{source}",
            "no event comes",
            f"make one; respond connect {source} says its address",
        )


def _went_alone(journal: Path) -> dict[str, str]:
    """Runs whose emergency entry nobody has reviewed, and who went alone."""
    from respond.audit.body import read_body
    from respond.audit.canonical import NotCanonicalError
    from respond.audit.source import open_rows
    from respond.audit.verify import SourceError

    found: dict[str, str] = {}
    try:
        with open_rows(journal) as rows:
            for row in rows:
                kind = row.columns[0] if row.columns else ""
                if kind in {"break-glass", "reviewed"}:
                    body = read_body(row.body)
                    found.pop(body.run, None)
                    if kind == "break-glass":
                        found[body.run] = body.actor
    except (SourceError, NotCanonicalError, TypeError):
        # What is wrong with a journal is said with the journal.
        return found
    return found


def _words(error: RespondError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what


def _needs_credential(config: ConnectionConfig) -> bool:
    if config.system == "command" or (config.system == "http" and config.auth == "none"):
        return False
    return not (config.system == "email" and not config.options.get("user"))


def _open_to_others(path: Path, wanted: int) -> Iterator[Finding]:
    found = path.stat()
    if found.st_uid != os.geteuid():
        yield Finding(
            "disk",
            f"{path} belongs to somebody else",
            "its owner can replace the journal, and no run is started",
            "choose a folder of your own for the journal",
        )
    elif stat.S_IMODE(found.st_mode) & 0o077:
        yield Finding(
            "disk",
            f"{path} is open to other users: mode {stat.S_IMODE(found.st_mode):04o}",
            "no run is started while others can read or replace the journal",
            f"chmod {wanted:o} {path}",
        )


def _http_date(text: str) -> float | None:
    from email.utils import parsedate_to_datetime

    if not text or len(text) > 40:  # noqa: PLR2004 - an HTTP date has 29 characters
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _iso(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _reviewed(runbook: Runbook, now_s: int) -> Iterator[Finding]:
    do = "read it against the world, rehearse it, then set 'reviewed' in the file"
    if not runbook.reviewed:
        yield Finding("runbook", f"{runbook.name} says no date of review", "it may be stale", do)
        return
    days = int((now_s - _iso(f"{runbook.reviewed}T00:00:00Z")) // _DAY_S)
    if days > REVIEW_DAYS_MAX:
        yield Finding(
            "runbook",
            f"{runbook.name} was last reviewed {days} days ago",
            "consoles, people and roles change; a stale instruction costs minutes at night",
            do,
        )


def _rehearsals(folder: Path) -> tuple[dict[str, float], set[str]]:
    """When each runbook was last rehearsed to a good end, and which were begun at all."""
    from respond.company.rehearsal import recall

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
        at = _ended_well(run / "journal.db")
        if at:
            done[name] = max(done.get(name, 0.0), at)
    return done, begun


def _ended_well(journal: Path) -> float:
    """When the run in a rehearsal's journal ended with 0, in seconds; 0 when it did not."""
    from respond.audit.body import read_body
    from respond.audit.canonical import NotCanonicalError
    from respond.audit.source import open_rows
    from respond.audit.verify import SourceError

    found = 0.0
    try:
        with open_rows(journal) as rows:
            for row in rows:
                if row.columns and row.columns[0] == "ended":
                    body = read_body(row.body)
                    found = _iso(body.at) if body.data.get("exit") == 0 else found
    except (SourceError, NotCanonicalError, TypeError):
        return 0.0
    return found
