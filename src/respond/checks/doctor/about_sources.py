"""Does what the server takes in come in, and could somebody sign on to its page?"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import partial
from typing import Final

from respond.adapters.secrets.credential_store import CredentialStore
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.checks.credentials import open_line, sign_on_line
from respond.checks.doctor.looking import DAY_S, Doctor, Findings, FoundTrouble
from respond.errors import InboxUnusableError, NotReadyError, RespondError
from respond.formats.project.project import (
    NOWHERE,
    OIDC,
    ConnectionConfig,
    OidcConfig,
    SourceConfig,
)
from respond.intake.hooks import hook_faults
from respond.senders import SENDERS, check_secret
from respond.wiring.session import load_runbook

__all__ = ["hooks", "received", "sign_on", "sources"]

_RECEIVED_DAYS: Final = 7


def hooks(at: Doctor) -> Findings:
    """Hooks that do not fit their runbooks."""
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
    """Secrets of sources, and what a source cannot do without more."""
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
    try:
        every = at.store.unusable_since(at.clock.now_ms() - _RECEIVED_DAYS * DAY_S * 1000)
    except NotReadyError:
        return  # Said of the database.
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
    """Whether people can sign on to the page."""
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
