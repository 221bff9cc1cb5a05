"""Can each credential be read, is it accepted, may it do what the runbooks need?"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from respond.adapters.http.http_faults import http_date
from respond.adapters.secrets.credential_store import CredentialStore
from respond.checks.credentials import Line, open_line, probe
from respond.checks.doctor.looking import CLOCK_S_MAX, Doctor, DoctorFinding, Findings
from respond.checks.rights import actions_of, missing_rights, sinks_in
from respond.errors import NotReadyError, RespondError, StepFailedError
from respond.formats.project.project import ConnectionConfig
from respond.systems import channels, discovery_of, needs_connection, vendor
from respond.systems.vendor import CredentialVerdict, Probed, Reaches
from respond.wiring.connections import accepted_table, live_documents
from respond.wiring.session import credential_store, open_keys

__all__ = ["connections", "key_store", "needed_connections"]

# --- the key store -------------------------------------------------------------------------------


def key_store(at: Doctor) -> Findings:
    """Whether credentials can be read at all; opens the store for the checks after it."""
    try:
        keys = open_keys(at.project, at.places, at.tell)
        keys.get("doctor/looks-whether-this-opens")
    except NotReadyError as error:
        yield DoctorFinding(
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
    """Every credential that is needed, tried with harmless reads."""
    if at.secrets is None:
        return
    for config in at.wanted():
        at.tell(f"looking at {config.name}")
        try:
            line = at.line(config.name)
        except RespondError as error:
            yield DoctorFinding("credential/no-address", error.what, error.why, error.do)
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
        yield DoctorFinding(
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
            yield DoctorFinding("credential/no-address", error.what, error.why, error.do)
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
        yield DoctorFinding(
            "credential/refused" if refused else "credential/untried",
            f"{reference} {how}: {at.redactor.clean(probed.says)}",
            "tonight every step that uses it would be done by hand",
            f"respond connect {reference} --replace" if refused else again,
        )
        return
    for mismatch in probed.mismatch:
        yield DoctorFinding(
            "credential/other-account",
            mismatch,
            "a run would work in another account than the questions name",
            f"correct [connections.{config.name}] in respond.toml, or the credential",
        )
    for right, names in missing_rights(probed, at.runbooks):
        said = f" ({at.redactor.clean(right.why)})" if right.why else ""
        yield DoctorFinding(
            "permission/missing",
            f"{reference} may not {right.name}{said}",
            f"needed by {', '.join(names)}: that step would be done by hand",
            f"grant: {right.grant}; then: respond connect {reference}",
        )
    ahead_s = at.now_s - (http_date(probed.date) or at.now_s)
    if abs(ahead_s) > CLOCK_S_MAX:
        how = "ahead of" if ahead_s > 0 else "behind"
        yield DoctorFinding(
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
        yield DoctorFinding(
            "discovery/not-accepted",
            f"nobody has accepted what {name} offers",
            "a person's hands do what the tool could do",
            f"respond connect {name}",
        )
        return
    try:
        documents = live_documents(discovery, opened.reader, name)
    except StepFailedError as error:
        yield DoctorFinding(
            "discovery/unreadable",
            f"what {name} offers could not be read: {error.what}",
            "the tool falls back to a person's hands",
            "look again later; the vendor may have trouble",
        )
        return
    for line in discovery.still_valid(accepted, *documents)[1]:
        yield DoctorFinding(
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
            DoctorFinding(f"sources/{each.id}", each.what, each.why, each.do)
            for each in look(opened, mine)
        )


def needed_connections(at: Doctor) -> Findings:
    """Systems that a runbook needs and ``respond.toml`` has no connection for."""
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
        yield DoctorFinding(
            "credential/no-connection",
            f"there is no connection for {system}",
            f"{', '.join(names)} {'would tell nobody' if tells else 'cannot be run'}",
            f"respond connect {telling[0] if tells else system} says what to add to respond.toml",
        )
