"""Example Co's Customer.io account on the night of the incident.

Every value is made up and the same in every run. The leaked secrets are in here on purpose: a
rehearsal has to be told what leaked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from respond.company.customerio.account import ActingAs, Settings
from respond.company.customerio.rows import (
    PERMISSIONS,
    export_row,
    key_row,
    member_row,
    webhook_row,
)
from respond.company.customerio.surfaces import SURFACES, CustomerIo
from respond.company.example_co import ADMINS, COMPROMISED, DAY_S, INVITED, LOST_2FA, OPERATOR
from respond.company.mint import Numbers, hex_for, hint, lower_for
from respond.company.simulated_rest import Row

if TYPE_CHECKING:
    from respond.company.exchange import Json
    from respond.company.system import Night, Story

PRODUCTION = 190001
STAGING = 190002
_IN_PRODUCTION: Json = {"environment_id": PRODUCTION, "place": "Production"}


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
    "options": {
        "app": True,
        "app_workspace": "{production}",
        "account_name": "{company}",
        "sinks": {"backend-prod": "vault:vault:{vault_mount}/{vault_path}#{vault_field}"},
    },
    "credentials": {"": "{write_token}", "app": "{app_key}"},
    "base_urls": {
        **{surface: f"customerio/{surface}" for surface in SURFACES},
        **{kind: f"customerio/{{region}}/{kind}" for kind in ("management", "app", "track", "cdp")},
    },
}


def begin(night: Night) -> CustomerIo:
    """The account with its people, keys, exports, webhooks and audit log."""
    story, now = night.story, int(night.clock.now())
    state = Row(
        account_id=story.account_id,
        name=story.company,
        region=story.region,
        environments={story.production: "Production", story.staging: "Staging"},
        members=_members(now),
        app_keys=_app_keys(story, now),
        track_keys=_track_keys(story, now),
        sources=[
            _source(story.source_id, PRODUCTION, "Production", "Web shop", "web_shop"),
            _source(32, STAGING, "Staging", "Web shop staging", "web_shop_staging"),
        ],
        write_keys=_write_keys(story),
        service_accounts=[
            Row(id=story.service_account_id, name="respond-ir", role="admin"),
            Row(id=story.leaked_service_account_id, name="etl", role="member"),
        ],
        tokens=_tokens(story, now),
        exports=_exports(story, now),
        webhooks=_webhooks(story),
        audit=[],
        sent=[],
        senders=[
            Row(id=1, environment_id=PRODUCTION, name="Security", email="security@example.com"),
        ],
        sso=None,
        session_hours=336,
        numbers=Numbers(
            {
                "user": 51300,
                "app_key": 9200,
                "track_key": 8200,
                "write_key": 7200,
                "sa_token": 6200,
                "audit": 990001,
            }
        ),
    )
    settings = Settings(guess_routes=night.guess_routes)
    system = CustomerIo(state, night.clock, night.ledger, settings)
    _past(system, story, now)
    return system


def _members(now: int) -> list[Row]:
    def admin(number: int, email: str, first: str, last: str, seen: int | None, **more: Any) -> Row:
        rights = {"permissions": dict.fromkeys(PERMISSIONS, True), "last_login_at": seen, **more}
        return member_row(number, email, first, last, "admin", 1_700_000_000, **rights)

    jean = member_row(
        51237,
        LOST_2FA,
        "Jean",
        "Martin",
        "member",
        1_710_000_000,
        permissions={"api_credentials": True},
        environment_roles=[
            {"environment_id": PRODUCTION, "role": "workspace_admin"},
            {"environment_id": STAGING, "role_id": 88},
        ],
        last_login_at=now - 5 * DAY_S,
    )
    return [
        admin(51234, OPERATOR, "Dana", "Reyes", now - DAY_S // 10),
        admin(51235, ADMINS[0], "Ana", "Silva", now - DAY_S),
        admin(51236, ADMINS[1], "Ben", "Okafor", now - 2 * DAY_S),
        jean,
        admin(51238, COMPROMISED, "Mallory", "Hart", now - DAY_S // 2),
        admin(51239, INVITED, "Kim", "Novak", None, invited=True, two_factor_enabled=False),
    ]


def _app_keys(story: Story, now: int) -> list[Row]:
    same_hint = hex_for("same-hint", 28) + hint(story.leaked_app_key)
    staging = hex_for("backend-staging", 32)
    lookalike = hex_for("backend-prod-2", 32)
    rows = (
        (9101, PRODUCTION, "Production/backend-prod", story.leaked_app_key, 51234, 400),
        (9102, STAGING, "Staging/backend-staging", staging, 51234, 400),
        (9104, STAGING, "Staging/batch-staging", same_hint, 51235, 90),
        (9105, PRODUCTION, "Production/respond-ir", story.app_key, 51234, 30),
        (9119, PRODUCTION, "Production/backend-prod-2", lookalike, 51238, 1),
    )
    return [
        _key(number, title, value, now - days * DAY_S, environment_id=place, created_by=user)
        for number, place, title, value, user, days in rows
    ]


def _key(number: int, title: str, value: str, created_at: int, **more: Any) -> Row:
    name = title.partition("/")[2]
    return key_row(number, name, value, title=title, created_at=created_at, **more)


def _track_keys(story: Story, now: int) -> list[Row]:
    web, made = story.leaked_track_api_key, now - 400 * DAY_S
    rows = (
        (8101, PRODUCTION, "Production/web-prod", story.leaked_site_id, web),
        (8102, STAGING, "Staging/web-staging", hex_for("site:s", 20), hex_for("track:s", 20)),
    )
    return [
        _key(number, title, value, made, environment_id=place, site_id=site)
        for number, place, title, site, value in rows
    ]


def _source(number: int, place: int, place_name: str, name: str, slug: str) -> Row:
    title = f"{place_name}/{slug}"
    return Row(id=number, environment_id=place, name=name, slug=slug, title=title, enabled=True)


def _write_keys(story: Story) -> list[Row]:
    rows = (
        (story.leaked_write_key_id, story.leaked_write_key),
        (story.other_write_key_id, lower_for("write:other", 20)),
    )
    place = {"environment_id": PRODUCTION, "source_id": story.source_id}
    return [key_row(n, "", value, title="Production/web_shop", **place) for n, value in rows]


def _tokens(story: Story, now: int) -> list[Row]:
    own, etl = story.service_account_id, story.leaked_service_account_id
    rows = (
        (story.write_token_id, "respond-ir/write", story.write_token, own, False),
        (story.read_token_id, "respond-ir/read", story.read_token, own, True),
        (story.leaked_sa_token_id, "etl/nightly", story.leaked_sa_token, etl, False),
    )
    made = now - 30 * DAY_S
    return [
        _key(number, title, value, made, service_account_id=owner, read_only=read_only)
        for number, title, value, owner, read_only in rows
    ]


def _exports(story: Story, now: int) -> list[Row]:
    leak = now - story.leaked_days_ago * DAY_S
    rows = (
        (108, 51235, ADMINS[0], "Newsletter audience", 840, 1, leak - 20 * DAY_S),
        (109, 51236, ADMINS[1], "Monthly report", 12040, 1, leak + DAY_S),
        (110, 51238, COMPROMISED, "All people", 25666, 2, leak + 2 * DAY_S),
    )
    return [
        export_row(
            number, what, total, at, user_id=user, user_email=email, downloads=n, **_IN_PRODUCTION
        )
        for number, user, email, what, total, n, at in rows
    ]


def _webhooks(story: Story) -> list[Row]:
    events = ["email_sent", "email_delivered", "customer_subscribed"]
    warehouse = "https://warehouse.example.com/cio"
    number, endpoint = story.attacker_webhook_id, story.attacker_endpoint
    more = {**_IN_PRODUCTION, "full_resolution": True, "with_content": True}
    return [
        webhook_row(401, "Warehouse", warehouse, events, **_IN_PRODUCTION),
        webhook_row(number, "Metrics", endpoint, events, **more),
    ]


def _past(cio: CustomerIo, story: Story, now: int) -> None:
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
        cio.audit(actor, (action, object_type, object_id), environment_id=place, at=at)
