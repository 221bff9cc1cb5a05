"""Customer.io, as the rest of the tool needs to know it.

Sources: the App, Track and Pipelines API references; of the management API what the vendor's own
command line client sends, and what an account's live description offers.
"""

from __future__ import annotations

from typing import Final

from respond.core.script import OwnCredential, Reply
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError, StepFailedError
from respond.systems.seen_certificates import certificates_in
from respond.systems.vendor import (
    EVERY_SURFACE,
    Ask,
    CredentialVerdict,
    Ending,
    Probed,
    Probing,
    Right,
    Scheme,
    SentAs,
    Trade,
    Vendor,
    differs,
    record_at,
    text_in,
    tried,
)

__all__ = ["TRADE", "VENDOR"]

TRADE: Final = Trade(
    ("v1", "service_accounts", "oauth", "token"),
    {"grant_type": "client_credentials", "client_secret": OwnCredential(), "scope": "{scope}"},
    read_scope="read_only",
    insists=True,
)
"""As the vendor's own command line client does it."""
_OPTIONS: Final = 'options = { app = true, app_workspace = "ID" }'

# --- rights -------------------------------------------------------------------------------------

_ADMIN: Final = "the role Account Admin for the service account"
_KEY_LISTS: Final = frozenset(
    {
        "customerio.identify_key", "customerio.list_keys", "customerio.choose_keys",
        "customerio.revoke_key",
        "customerio.create_key", "customerio.remove_made_key", "customerio.list_suspect_keys",
        "customerio.list_member_keys", "customerio.list_exposed_keys",
    }
)  # fmt: skip
_MEMBERS: Final = frozenset(
    {
        "customerio.find_member", "customerio.list_admins", "customerio.remove_member",
        "customerio.add_member", "customerio.read_job",
        "customerio.set_member_role", "customerio.await_member", "customerio.end_sessions",
        "customerio.restore_session_length",
    }
)  # fmt: skip
_LOG: Final = frozenset({"customerio.read_audit_log", "customerio.list_left_behind"})
_WEBHOOKS: Final = frozenset(
    {"customerio.list_webhooks", "customerio.disable_webhook", "customerio.list_left_behind"}
)
_EXPORTS: Final = frozenset({"customerio.list_exports"})


def _rights(surface: str, account: str, place: str, *, has_app_key: bool) -> tuple[Right, ...]:
    within, below = ("v1", "accounts", account), ("v1", "environments", place)
    access = "access to the workspace, or connect an App API key as well"
    rows: list[tuple[str, str, frozenset[str], tuple[str, ...]]] = [
        ("see team members", _ADMIN, _MEMBERS, (*within, "users")),
        ("read the account's audit log", _ADMIN, _LOG, (*within, "audit_logs")),
    ]
    if place:
        rows.append(("list App API keys", _ADMIN, _KEY_LISTS, (*below, "ext_api_keys")))
    # With an App API key these are looked up there first.
    if place and not has_app_key:
        rows += [
            ("list reporting webhooks", access, _WEBHOOKS, (*below, "webhook_configurations")),
            ("list exports", access, _EXPORTS, (*below, "exports")),
        ]
    return tuple(
        Right(name, grant, actions, Ask(surface, path, {"limit": "1"} if actions is _LOG else {}))
        for name, grant, actions, path in rows
    )


_APP_RIGHTS: Final = tuple(
    Right(name, "all scopes of the key", frozenset({action}), Ask("app", ("v1", path)))
    for name, action, path in (
        ("list exports", "customerio.list_exports", "exports"),
        ("list reporting webhooks", "customerio.list_webhooks", "reporting_webhooks"),
    )
)

# --- probes -------------------------------------------------------------------------------------


def _probe(opened: Probing) -> Probed:
    surface, here = "management", opened.region or VENDOR.region
    moved: tuple[str, ...] = ()
    try:
        reply = opened.fetch(surface, "v1", "accounts", "current")
    except RefusedBySystemError as error:
        if error.code != "401":
            raise
        other = "us" if here == "eu" else "eu"
        reply = _elsewhere(opened, other, error)
        surface = f"{other}/management"
        moved = differs("the region", here, other, "region", opened.name)
    row = record_at(reply.body, "account")
    number, region = text_in(row, "id"), text_in(row, "data_center")
    places = row.get("environment_ids")
    place = str(places[0]) if isinstance(places, list) and places else ""
    mismatch = moved or (
        *differs("the account", opened.account, number, "account", opened.name),
        *differs("the region", here, region, "region", opened.name),
    )
    has_app_key = bool(opened.options.get("app"))
    endings, more = _signing(opened, surface, number)
    rights = _rights(surface, number, place, has_app_key=has_app_key)
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=number,
        account_name=text_in(row, "name"),
        identity=opened.identity,
        region=region,
        rights=tuple(tried(opened, right) for right in rights),
        mismatch=mismatch,
        notes=("whether the token may write is seen only when it writes", *more),
        date=reply.headers.get("date", ""),
        endings=endings,
    )


def _signing(
    opened: Probing, surface: str, account: str
) -> tuple[tuple[Ending, ...], tuple[str, ...]]:
    """When the certificates end that single sign-on is signed with; and notes."""
    try:
        body = opened.fetch(surface, "v1", "accounts", account, "sso_configuration").body
    except (RefusedBySystemError, NoAnswerError) as error:
        # 404: it is off.
        off = isinstance(error, RefusedBySystemError) and error.code == "404"
        return (), () if off else (f"single sign-on could not be looked at: {error.what}",)
    row = record_at(body)
    shown = row.get("sso_configuration", row)
    found = tuple(certificates_in(shown))
    if shown and not found:
        return (), ("single sign-on is on, and shows no certificate of which an end can be read",)
    return tuple(
        Ending(
            f"the certificate {each.subject} of single sign-on",
            each.ends.isoformat(),
            "put the identity provider's new certificate into Account Settings, Security, Single "
            "sign-on, and let somebody sign in while your own session stays open",
            why="from then on nobody who signs in that way gets in",
            kind="certificate",
        )
        for each in found
    ), ()


def _elsewhere(opened: Probing, region: str, first: RefusedBySystemError) -> Reply:
    """Ask the other region: there, too, a token of this one looks wrong."""
    try:
        return opened.fetch(f"{region}/management", "v1", "accounts", "current")
    except (StepFailedError, NotReadyError):
        raise first from None


def _probe_app(opened: Probing) -> Probed:
    reply = opened.fetch("app", "v1", "workspaces")
    rows = record_at(reply.body).get("workspaces")
    names = [
        f"{text_in(record_at(row), 'name')} ({text_in(record_at(row), 'id')})"
        for row in (rows if isinstance(rows, list) else [])[:5]
    ]
    unused = f"it is not used until [connections.{opened.name}] says {_OPTIONS}"
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=", ".join(names),
        rights=tuple(tried(opened, right) for right in _APP_RIGHTS),
        notes=() if opened.options.get("app") else (unused,),
        date=reply.headers.get("date", ""),
    )


def _probe_track(opened: Probing) -> Probed:
    reply = opened.fetch("track", "api", "v1", "accounts", "region")
    row = record_at(reply.body)
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=text_in(row, "environment_id"),
        region=text_in(row, "region"),
        date=reply.headers.get("date", ""),
    )


# --- the record ---------------------------------------------------------------------------------

VENDOR: Final = Vendor(
    name="customerio",
    title="Customer.io",
    hosts={
        "us": {
            "management": "https://us.fly.customer.io",
            "app": "https://api.customer.io",
            "track": "https://track.customer.io",
        },
        "eu": {
            "management": "https://eu.fly.customer.io",
            "app": "https://api-eu.customer.io",
            "track": "https://track-eu.customer.io",
        },
    },
    region="us",
    schemes={
        # The vendor's own client sends the header: an unknown field in a body is then refused
        # instead of being dropped silently.
        EVERY_SURFACE: Scheme(
            SentAs.SESSION,
            on_write=(("X-Validate", "strict"),),
            trade=TRADE,
        ),
        "app": Scheme(SentAs.HEADER, "/app"),
        "track": Scheme(SentAs.BASIC, "/track"),
        "cdp": Scheme(SentAs.BASIC, "/cdp"),
    },
    further={
        "app": "App API key: exports, reporting webhooks",
        "track": "Track API pair, SITE_ID:API_KEY",
        "cdp": "Pipelines write key",
    },
    probes={
        "": _probe,
        "app": _probe_app,
        "track": _probe_track,
        "cdp": "ingest answers yes to anything, so nothing can be tried without data",
    },
    discovery="respond.systems.customerio.offers",
    spares_own=True,
    snippet="""\
[connections.{name}]
system = "customerio"
account = "48213" # your account
region = "eu" # eu or us
identity = "respond-ir" # name of the service account
sink = "screen" # where new keys go
""",
    nicknames=("cio", "customer"),
    simulated="respond.company.customerio",
)
