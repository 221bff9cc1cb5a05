"""Can each credential be read, is it accepted, may it do what the runbooks need?"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import field
from typing import Any, Final

from respond.adapters.http.http_faults import http_date
from respond.adapters.secrets.credential_store import CredentialStore
from respond.checks.credentials import Line, open_line, probe
from respond.checks.doctor.looking import (
    CLOCK_S_MAX,
    DAY_S,
    Bears,
    Doctor,
    Findings,
    FoundTrouble,
    iso_s,
)
from respond.checks.rights import actions_of, done_without, missing_rights, sinks_in
from respond.core.background import in_background
from respond.core.records import Mutable
from respond.core.script import Me
from respond.engine.drivers import World, look
from respond.errors import NotReadyError, RefusedBySystemError, RespondError, StepFailedError
from respond.formats.project.project import ConnectionConfig
from respond.systems import channels, discovery_of, load, needs_connection, title_of, vendor
from respond.systems.vendor import CredentialVerdict, Ending, Probed, Reaches
from respond.wiring.connections import accepted_table, live_documents
from respond.wiring.session import credential_store, open_keys

__all__ = ["LIMIT_S", "connections", "key_store", "needed_connections"]

LIMIT_S: Final = 60
"""How long all systems together are waited for."""
_BY_HAND: Final = "tonight every step that uses it would be done by hand"
_AGAIN: Final = "look again later; the vendor may have trouble"

# --- the key store -------------------------------------------------------------------------------


def key_store(at: Doctor) -> Findings:
    """Whether credentials can be read at all; opens the store for the checks after it."""
    try:
        keys = open_keys(at.project, at.places, at.tell)
        keys.get("doctor/looks-whether-this-opens")
    except NotReadyError as error:
        yield FoundTrouble(
            "keys/closed",
            error.sentence,
            "no credential can be read and no run can be started",
            error.do or "unlock or mend the key store",
            Bears.STOPS,
            at.every,
        )
        return
    at.keys = keys
    at.secrets = credential_store(at.project, keys, at.redactor, at.clock, at.tell)
    at.well.append(f"keys in {keys.says}")


# --- connections ---------------------------------------------------------------------------------


def connections(at: Doctor) -> Findings:
    """Every credential that is needed, tried with harmless reads: all systems at the same time."""
    if at.secrets is None:
        return
    until_ms = at.clock.mono_ms() + LIMIT_S * 1000
    looked = []
    for config in at.wanted():
        at.tell(f"looking at {config.name}")
        one = _OneConnection(at, config, at.needing(config), at.secrets)
        looked.append((one, in_background(one.all_found)))
    for one, came in looked:
        try:
            found = came.result(max(0, until_ms - at.clock.mono_ms()) / 1000)
        except TimeoutError:
            yield FoundTrouble(
                "credential/untried",
                f"{one.config.name} could not be tried: no answer within {LIMIT_S} s",
                _BY_HAND,
                "look at the network and at the system's status page",
                Bears.HANDS,
                one.needing,
            )
            continue
        yield from found
        at.well += one.well
        at.offered[one.config.name] = one.offers


def _needs_credential(config: ConnectionConfig) -> bool:
    if config.system == "command" or (config.system == "http" and config.auth == "none"):
        return False
    return not (config.system == "email" and not config.options.get("user"))


class _OneConnection(Mutable):
    """A look at one connection, beside those at the others.

    Attributes:
        needing: The runbooks that need it.
        well: What was well, and
        offers: what its own description still offers of what somebody accepted; to be read when
            the look is over.
    """

    at: Doctor
    config: ConnectionConfig
    needing: tuple[str, ...]
    secrets: CredentialStore
    well: list[str] = field(default_factory=list)
    offers: frozenset[str] = frozenset()

    def all_found(self) -> list[FoundTrouble]:
        """Every finding, once the look is over."""
        return list(self._look())

    def _look(self) -> Findings:
        try:
            line = self.at.line(self.config.name)
        except RespondError as error:
            yield self._stops("credential/no-address", error.what, error.why, error.do)
            return
        for reference in self.config.references if _needs_credential(self.config) else ():
            yield from self._credential(reference, line)

    def _stops(self, name: str, what: str, why: str, do: str) -> FoundTrouble:
        return FoundTrouble(name, what, why, do, Bears.STOPS, self.needing)

    def _hands(self, name: str, what: str, why: str, do: str) -> FoundTrouble:
        return FoundTrouble(name, what, why, do, Bears.HANDS, self.needing)

    def _credential(self, reference: str, line: Line) -> Findings:
        at, config = self.at, self.config
        try:
            self.secrets.credential(reference)
        except NotReadyError as error:
            why = "the runbooks that need it stop before their first step"
            yield self._stops("credential/missing", error.what, why, f"respond connect {reference}")
            return
        opened = open_line(
            config,
            line,
            secrets=self.secrets,
            redactor=at.redactor,
            clock=at.clock,
            sinks=sinks_in(at.project, config),
            tell=at.tell,
        )
        with closing(opened):
            try:
                probed = probe(opened, reference.partition("/")[2])
            except NotReadyError as error:
                yield self._stops("credential/no-address", error.what, error.why, error.do)
                return
            yield from self._probed(reference, probed)
            if reference == config.name and probed.verdict is CredentialVerdict.ACCEPTED:
                yield from self._discovery(opened)
                yield from self._webhooks(opened)
                yield from self._administrators(opened)
            yield from self._retiring(opened.retiring)

    def _probed(self, reference: str, probed: Probed) -> Findings:
        at = self.at
        said = at.redactor.clean(probed.says)
        if probed.verdict is CredentialVerdict.REFUSED:
            what, do = (
                f"{reference} is not accepted: {said}",
                f"respond connect {reference} --replace",
            )
            yield self._stops("credential/refused", what, _BY_HAND, do)
            return
        if probed.verdict is CredentialVerdict.UNCLEAR:
            what = f"{reference} could not be tried: {said}"
            again = probed.do or "look at the network and at the system's status page"
            yield self._hands("credential/untried", what, _BY_HAND, again)
            return
        for mismatch in probed.mismatch:
            yield self._stops(
                "credential/other-account",
                mismatch,
                "a run would work in another account than the questions name",
                f"correct [connections.{self.config.name}] in respond.toml, or the credential",
            )
        for right, names in missing_rights(probed, at.runbooks):
            because = f" ({at.redactor.clean(right.why)})" if right.why else ""
            yield FoundTrouble(
                "permission/missing",
                f"{reference} may not {right.name}{because}",
                f"needed by {', '.join(names)}: that step would be done by hand",
                f"grant: {right.grant}; then: respond connect {reference}",
                Bears.HANDS,
                tuple(names),
            )
        yield from self._clock(reference, probed)
        for ending in probed.endings:
            yield from self._ends(reference, ending)
        about = f"{probed.account} {probed.account_name}".strip()
        tried = "not tried" if probed.verdict is CredentialVerdict.UNTRIED else "accepted"
        about = f": {about}" if about else ""
        self.well.append(f"{reference} ({self.config.system}) {tried}{about}")

    def _clock(self, reference: str, probed: Probed) -> Findings:
        ahead_s = self.at.now_s - (http_date(probed.date) or self.at.now_s)
        if abs(ahead_s) > CLOCK_S_MAX:
            how = "ahead of" if ahead_s > 0 else "behind"
            yield FoundTrouble(
                "clock/differs",
                f"this machine is {abs(ahead_s):.0f} s {how} the clock of {reference}",
                "signatures, expiries and the times in the audit log would be wrong",
                "set the clock: timedatectl set-ntp true, or your system's own way",
                runbooks=self.at.every,
            )

    def _ends(self, reference: str, ending: Ending) -> Findings:
        ends_s = iso_s(ending.at)
        days = int((ends_s - self.at.now_s) // DAY_S)
        # A time that cannot be read is told as the vendor writes it.
        soon_s = self.at.project.review.certificate_s
        if not ends_s or ends_s - self.at.now_s > soon_s:
            self.well.append(f"{ending.what} of {reference} runs out on {ending.at[:10]}")
            return
        when = f"runs out on {ending.at[:10]}, in {days} days"
        when = when if days >= 0 else f"ran out on {ending.at[:10]}"
        yield FoundTrouble(
            f"expiry/{ending.kind}",
            f"{ending.what} of {reference} {when}",
            ending.why,
            f"{ending.do}; then: respond connect {reference} --replace"
            if ending.kind == "credential"
            else ending.do,
            runbooks=self.needing,
        )

    def _discovery(self, opened: Any) -> Findings:
        name, discovery = self.config.name, discovery_of(self.config.system)
        if discovery is None:
            return
        accepted = accepted_table(self.at.places.state / "connections", name)
        if accepted is None:
            yield self._hands(
                "discovery/not-accepted",
                f"nobody has accepted what {name} offers",
                "a person's hands do what the tool could do",
                f"respond connect {name}",
            )
            return
        try:
            documents = live_documents(discovery, opened.reader, name)
        except StepFailedError as error:
            yield self._hands(
                "discovery/unreadable",
                f"what {name} offers could not be read: {error.what}",
                "the tool falls back to a person's hands",
                "look again later; the vendor may have trouble",
            )
            return
        self.offers, lines = discovery.still_valid(accepted, *documents)
        for line in lines:
            yield self._hands(
                "discovery/changed",
                f"{name}: {line}",
                "the vendor changed it since somebody accepted it",
                f"read the change and accept it: respond connect {name}",
            )

    def _retiring(self, retiring: Mapping[str, str]) -> Findings:
        """What the vendor says that it is about to switch off (RFC 8594, the header Sunset)."""
        for asked, day in retiring.items():
            yield FoundTrouble(
                "discovery/sunset",
                f"{self.config.name}: {asked} is switched off on {day}, says the vendor",
                "from then on this is done by hand, or not seen at all",
                "look for a newer respond, and at the vendor's notes on API versions",
                runbooks=self.needing,
            )

    def _webhooks(self, opened: Any) -> Findings:
        """Whether the vendor still sends to our sources, where it lets us look."""
        look_at = vendor(self.config.system).webhooks
        mine = [
            source.name
            for source in self.at.heard
            if source.sender == self.config.system and source.connection in {"", self.config.name}
        ]
        if look_at is not None and mine:
            for each in look_at(opened, mine):
                yield FoundTrouble(f"sources/{each.id}", each.what, each.why, each.do)

    def _administrators(self, opened: Any) -> Findings:
        """How many administrators could act, wherever the system can be asked who they are."""
        name, listing = self.config.name, load().get(f"{self.config.system}.list_admins")
        if listing is None or not self.needing:
            return
        try:
            seen = look(
                listing().run(self._me()), World(opened.reader), known={}, predict=False
            ).outcome
        except RefusedBySystemError:
            return  # A right that is missing: it is said with the rights.
        except RespondError as error:
            what = f"who administers {name} could not be looked at: {error.sentence}"
            why = "the only administrator may be the one whom an incident is about"
            yield FoundTrouble(
                "admins/unknown", what, why, error.do or _AGAIN, runbooks=self.needing
            )
            return
        able = getattr(getattr(seen, "output", None), "able", None)
        if not isinstance(able, int):
            return
        title = title_of(self.config.system)
        wanted = self.at.project.review.admins_min
        if able >= wanted:
            self.well.append(f"{able} administrators of {name} ({title}) could act")
            return
        yield FoundTrouble(
            "admins/few",
            f"only {able} administrator{'s' * (able != 1)} of {name} ({title}) could act"
            if able
            else f"no administrator of {name} ({title}) could act",
            "one may be whom the incident is about, another may be ill: then nobody is left",
            f"give {wanted - able} more people this right in {title}, and let them accept it",
            runbooks=self.needing,
        )

    def _me(self) -> Me:
        at, name = self.at, self.config.name
        return Me(
            run="",
            step="doctor",
            connection=at.project.connection(name, self.offers),
            connections={},
            persons=at.project.records,
            operator=at.operator,
            subject="",
            suspects=(),
            by_hand=False,
            now=int(at.now_s),
            held={},
            digest=lambda _: "",
            directories=at.project.directories,
        )


# --- connections that are not there --------------------------------------------------------------


def needed_connections(at: Doctor) -> Findings:
    """Systems that a runbook needs and ``respond.toml`` has no connection for."""
    have = {config.system for config in at.project.connections.values()}
    needed: dict[str, list[str]] = {}
    telling = tuple(channels(Reaches.EACH, Reaches.MANY))
    for name, runbook in at.runbooks.items():
        systems = set(actions_of(runbook).values())
        wanted = systems - have - done_without(runbook)
        for system in sorted(filter(needs_connection, wanted)):
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
            Bears.HANDS if tells else Bears.STOPS,
            tuple(names),
        )
