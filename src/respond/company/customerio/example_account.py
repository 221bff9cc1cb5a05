"""Example Co's Customer.io account on the night of the incident.

Every value is made up and the same in every run. The leaked secrets are in here on purpose: a
rehearsal has to be told what leaked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from respond.company.customerio.account import ActingAs, CioAccount, Settings
from respond.company.customerio.rows import (
    PERMISSIONS,
    AppKey,
    CioState,
    Member,
    PeopleExport,
    PipelinesSource,
    ReportingWebhook,
    SaToken,
    ServiceAccount,
    TrackKey,
    WriteKey,
)
from respond.company.customerio.surfaces import SURFACES, CustomerIo
from respond.company.example_co import ADMINS, COMPROMISED, DAY_S, INVITED, LOST_2FA, OPERATOR
from respond.company.mint import hex_for, hint, lower_for

if TYPE_CHECKING:
    from respond.company.exchange import Json
    from respond.company.system import Night, Story

PRODUCTION = 190001
STAGING = 190002


def _sa_token(label: str) -> str:
    return f"sa_live_{hex_for(label, 40)}"


# What the story tells. ``backend-prod`` stands in a public repository; the intruder made the
# lookalike; the same last four characters has another key in another workspace. ``write_token``
# and ``read_token`` are what respond itself runs as, and ``app_key`` is its own in Production.
FACTS: Json = {
    "account_id": 48213,
    "region": "eu",
    "production": PRODUCTION,
    "staging": STAGING,
    "leaked_app_key": f"{hex_for('backend-prod', 28)}cdef",
    "leaked_app_key_id": 9101,
    "leaked_app_key_name": "backend-prod",
    "lookalike_app_key_id": 9119,
    "same_hint_app_key_id": 9104,
    "app_key": hex_for("respond-app-key", 32),
    "leaked_site_id": hex_for("site:web-prod", 20),
    "leaked_track_api_key": hex_for("track:web-prod", 20),
    "leaked_track_key_id": 8101,
    "source_id": 31,
    "leaked_write_key": lower_for("write:leaked", 20),
    "leaked_write_key_id": 7101,
    "other_write_key_id": 7102,
    "service_account_id": 601,
    "write_token": _sa_token("respond-ir:write"),
    "write_token_id": 6101,
    "read_token": _sa_token("respond-ir:read"),
    "read_token_id": 6102,
    "leaked_service_account_id": 602,
    "leaked_sa_token": _sa_token("etl:leaked"),
    "leaked_sa_token_id": 6103,
    "attacker_webhook_id": 411,
    "attacker_endpoint": "https://collect.attacker.example/in",
}

CONNECTION: Json = {
    "name": "cio",
    "system": "customerio",
    "account": "{account_id}",
    "region": "{region}",
    "identity": "respond-ir",
    "sink": "vault:vault:{vault_mount}/{vault_path}#{vault_field}",
    "options": {"app": True, "app_workspace": "{production}", "account_name": "{company}"},
    "credentials": {"": "{write_token}", "app": "{app_key}"},
    "base_urls": {
        **{surface: f"customerio/{surface}" for surface in SURFACES},
        **{kind: f"customerio/{{region}}/{kind}" for kind in ("management", "app", "track", "cdp")},
    },
}


def begin(night: Night) -> CustomerIo:
    """The account with its people, keys, exports, webhooks and audit log."""
    story, now = night.story, int(night.clock.now())
    state = CioState(
        account_id=story.account_id,
        name=story.company,
        region=story.region,
        environments={story.production: "Production", story.staging: "Staging"},
        members=_members(now),
        app_keys=_app_keys(story, now),
        track_keys=_track_keys(story, now),
        sources=_sources(story),
        service_accounts=_service_accounts(story, now),
        exports=_exports(story, now),
        webhooks=_webhooks(story),
    )
    settings = Settings(guess_routes=night.guess_routes)
    system = CustomerIo(state, night.clock, night.ledger, settings)
    _past(system.account, story, now)
    return system


def _members(now: int) -> list[Member]:
    def admin(number: int, email: str, first: str, last: str, days: float) -> Member:
        permissions = dict.fromkeys(PERMISSIONS, True)
        seen = now - int(days * DAY_S)
        return Member(
            number, email, first, last, "admin", 1_700_000_000, permissions, last_login_at=seen
        )

    jean = Member(
        id=51237,
        email=LOST_2FA,
        first_name="Jean",
        last_name="Martin",
        account_role="member",
        created_at=1_710_000_000,
        permissions={"billing": False, "api_credentials": True, "support_access": False},
        environment_roles=[
            {"environment_id": PRODUCTION, "role": "workspace_admin"},
            {"environment_id": STAGING, "role_id": 88},
        ],
        last_login_at=now - 5 * DAY_S,
    )
    kim = admin(51239, INVITED, "Kim", "Novak", 0)
    kim.invited, kim.last_login_at, kim.two_factor_enabled = True, None, False
    return [
        admin(51234, OPERATOR, "Dana", "Reyes", 0.1),
        admin(51235, ADMINS[0], "Ana", "Silva", 1),
        admin(51236, ADMINS[1], "Ben", "Okafor", 2),
        jean,
        admin(51238, COMPROMISED, "Mallory", "Hart", 0.5),
        kim,
    ]


def _app_keys(story: Story, now: int) -> list[AppKey]:
    same_hint = hex_for("same-hint", 28) + hint(story.leaked_app_key)
    rows = (
        (9101, PRODUCTION, "backend-prod", story.leaked_app_key, 51234, 400),
        (9102, STAGING, "backend-staging", hex_for("backend-staging", 32), 51234, 400),
        (9104, STAGING, "batch-staging", same_hint, 51235, 90),
        (9105, PRODUCTION, "respond-ir", story.app_key, 51234, 30),
        (9119, PRODUCTION, "backend-prod-2", hex_for("backend-prod-2", 32), 51238, 1),
    )
    return [
        AppKey(number, place, name, value, now - days * DAY_S, user)
        for number, place, name, value, user, days in rows
    ]


def _track_keys(story: Story, now: int) -> list[TrackKey]:
    rows = (
        (8101, PRODUCTION, "web-prod", story.leaked_site_id, story.leaked_track_api_key),
        (8102, STAGING, "web-staging", hex_for("site:s", 20), hex_for("track:s", 20)),
    )
    made = now - 400 * DAY_S
    return [TrackKey(n, place, name, site, key, made) for n, place, name, site, key in rows]


def _sources(story: Story) -> list[PipelinesSource]:
    write_keys = [
        WriteKey(story.leaked_write_key_id, story.leaked_write_key),
        WriteKey(story.other_write_key_id, lower_for("write:other", 20)),
    ]
    return [
        PipelinesSource(story.source_id, PRODUCTION, "Web shop", "web_shop", api_keys=write_keys),
        PipelinesSource(32, STAGING, "Web shop staging", "web_shop_staging"),
    ]


def _service_accounts(story: Story, now: int) -> list[ServiceAccount]:
    made = now - 30 * DAY_S
    own = [
        SaToken(story.write_token_id, "write", story.write_token, False, made),
        SaToken(story.read_token_id, "read", story.read_token, True, made),
    ]
    etl = [SaToken(story.leaked_sa_token_id, "nightly", story.leaked_sa_token, False, made)]
    return [
        ServiceAccount(story.service_account_id, "respond-ir", "admin", own),
        ServiceAccount(story.leaked_service_account_id, "etl", "member", etl),
    ]


def _exports(story: Story, now: int) -> list[PeopleExport]:
    leak = now - story.leaked_days_ago * DAY_S
    rows = (
        (108, 51235, ADMINS[0], "Newsletter audience", 840, 1, leak - 20 * DAY_S),
        (109, 51236, ADMINS[1], "Monthly report", 12040, 1, leak + DAY_S),
        (110, 51238, COMPROMISED, "All people", 25666, 2, leak + 2 * DAY_S),
    )
    return [
        PeopleExport(number, PRODUCTION, user, email, what, total, downloads, at)
        for number, user, email, what, total, downloads, at in rows
    ]


def _webhooks(story: Story) -> list[ReportingWebhook]:
    events = ["email_sent", "email_delivered", "customer_subscribed"]
    number, endpoint = story.attacker_webhook_id, story.attacker_endpoint
    return [
        ReportingWebhook(401, PRODUCTION, "Warehouse", "https://warehouse.example.com/cio", events),
        ReportingWebhook(
            number, PRODUCTION, "Metrics", endpoint, events, full_resolution=True, with_content=True
        ),
    ]


def _past(account: CioAccount, story: Story, now: int) -> None:
    """The audit log so far: two ordinary logins, then what the intruder did."""
    leak = now - story.leaked_days_ago * DAY_S
    office, abroad = "203.0.113.7", "198.51.100.66"
    dana = ActingAs("person", user_id=51234, ip=office)
    mallory = ActingAs("person", user_id=51238, ip=office)
    intruder = ActingAs("person", user_id=51238, ip=abroad)
    rows: tuple[tuple[ActingAs, str, str, object, int | None, float], ...] = (
        (dana, "created", "session", 51234, None, leak - 4 * DAY_S),
        (mallory, "created", "session", 51238, None, leak - 2 * DAY_S),
        (intruder, "created", "session", 51238, None, leak + 1.5 * DAY_S),
        (intruder, "created", "export", 110, PRODUCTION, leak + 2 * DAY_S),
        (intruder, "created", "ext_api_key", 9119, PRODUCTION, leak + 2 * DAY_S),
        (intruder, "created", "reporting_webhook", 411, PRODUCTION, leak + 2.1 * DAY_S),
    )
    for actor, action, object_type, object_id, place, at in rows:
        account.audit(actor, (action, object_type, object_id), environment_id=place, at=at)
