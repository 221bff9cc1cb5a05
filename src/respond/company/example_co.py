"""Who and what there is in Example Co, on the night of the incident.

Every value is made up and the same in every run. The leaked secrets are in here on purpose: a
rehearsal has to be told what leaked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from respond.company import (
    customerio,
    gitguardian,
    github,
    incidentio,
    pagerduty,
    sign_on,
    slack,
    vault,
    widgets,
)
from respond.company.customerio import rows as cio
from respond.company.mint import hex_for, hint, lower_for, upper_for

if TYPE_CHECKING:
    from respond.company.company_clock import Clock
    from respond.company.exchange import Json
    from respond.company.ledger import Ledger

_DAY_S = 86_400

COMPANY = "Example Co"
PRODUCTION = 190001
STAGING = 190002

OPERATOR = "dana@example.com"
ADMINS = ("ana@example.com", "ben@example.com")
LOST_2FA = "jean@example.com"
COMPROMISED = "mallory@example.com"
INVITED = "kim@example.com"

_LEAKED_APP_KEY = f"{hex_for('backend-prod', 28)}cdef"


def _sa_token(label: str) -> str:
    return f"sa_live_{hex_for(label, 40)}"


@dataclass(frozen=True, slots=True)
class Story:
    """The secrets, ids and addresses of the simulated company.

    Attributes:
        leaked_app_key: The value of ``backend-prod``, which stands in a public repository.
        lookalike_app_key_id: ``backend-prod-2``, made by the intruder.
        same_hint_app_key_id: Another key, in another workspace, with the same last four.
        leaked_write_key: One of the two write keys of the source.
        leaked_sa_token: The token of the service account ``etl``.
        write_token: What respond itself runs as, when it may write.
        read_token: What respond itself looks with.
        app_key: respond's own App API key, in Production.
        leaked_days_ago: When the leak happened, in days before the company was made.
    """

    company: str = COMPANY
    account_id: int = 48213
    region: str = "eu"
    production: int = PRODUCTION
    staging: int = STAGING
    leaked_days_ago: int = 3

    operator: str = OPERATOR
    admins: tuple[str, ...] = ADMINS
    lost_2fa: str = LOST_2FA
    compromised: str = COMPROMISED
    invited: str = INVITED

    leaked_app_key: str = _LEAKED_APP_KEY
    leaked_app_key_id: int = 9101
    leaked_app_key_name: str = "backend-prod"
    lookalike_app_key_id: int = 9119
    same_hint_app_key_id: int = 9104
    app_key: str = hex_for("respond-app-key", 32)

    leaked_site_id: str = hex_for("site:web-prod", 20)
    leaked_track_api_key: str = hex_for("track:web-prod", 20)
    leaked_track_key_id: int = 8101

    source_id: int = 31
    leaked_write_key: str = lower_for("write:leaked", 20)
    leaked_write_key_id: int = 7101
    other_write_key_id: int = 7102

    service_account_id: int = 601
    write_token: str = _sa_token("respond-ir:write")
    write_token_id: int = 6101
    read_token: str = _sa_token("respond-ir:read")
    read_token_id: int = 6102
    leaked_service_account_id: int = 602
    leaked_sa_token: str = _sa_token("etl:leaked")
    leaked_sa_token_id: int = 6103

    attacker_webhook_id: int = 411
    attacker_endpoint: str = "https://collect.attacker.example/in"

    slack_bot_token: str = f"xoxb-{hex_for('slack:bot', 12)}-{hex_for('slack:bot2', 24)}"
    slack_team_id: str = "T0EXAMPLECO"
    slack_security_channel: str = "C0SECURITY1"

    pagerduty_key: str = f"y_NbA{upper_for('pagerduty:rest', 15)}"
    pagerduty_read_only_key: str = f"y_Ro0{upper_for('pagerduty:read', 15)}"
    pagerduty_routing_key: str = hex_for("pagerduty:routing", 32)
    pagerduty_incident: str = "Q1EXAMPLE"
    pagerduty_service: str = "PSECURE"
    pagerduty_user: str = OPERATOR

    vault_token: str = f"hvs.{hex_for('vault:respond', 24)}"
    vault_reader_token: str = f"hvs.{hex_for('vault:reader', 24)}"
    vault_mount: str = "kv"
    vault_path: str = "cio/backend"
    vault_field: str = "api_key"
    vault_v1_mount: str = "old"
    vault_v1_path: str = "cio/legacy"

    smtp_user: str = "respond"
    smtp_password: str = hex_for("smtp:password", 24)
    mail_from: str = "security@example.com"

    widgets_token: str = hex_for("widgets:token", 32)
    widget: str = "door-7"

    sign_on_client_id: str = "respond"
    sign_on_client_secret: str = hex_for("sign-on:client", 40)
    sign_on_public_client_id: str = "respond-public"
    sign_on_subjects: dict[str, str] = field(
        default_factory=lambda: {
            email: f"00u{lower_for(f'sign-on:{email}', 17)}"
            for email in (OPERATOR, *ADMINS, LOST_2FA, COMPROMISED, INVITED)
        }
    )

    github_token: str = hex_for("github:token", 40)
    github_organization: str = "example-co"
    github_repository: str = "example-co/shop"
    github_hook_id: int = 4242
    github_alert: int = 42
    gitguardian_key: str = hex_for("gitguardian:key", 64)
    gitguardian_incident: int = 31542
    incidentio_key: str = f"inc_{hex_for('incidentio:key', 64)}"
    incidentio_public_key: str = f"inc_{hex_for('incidentio:public', 64)}"
    incidentio_incident: str = f"01{upper_for('incidentio:123', 24)}"

    slack_users: dict[str, str] = field(
        default_factory=lambda: {
            OPERATOR: "U0DANA0001",
            ADMINS[0]: "U0ANA00001",
            ADMINS[1]: "U0BEN00001",
            LOST_2FA: "U0JEAN0001",
            COMPROMISED: "U0MALLORY1",
            INVITED: "U0KIM00001",
        }
    )

    def as_json(self) -> Json:
        """All of it, flat, secrets in clear."""
        return asdict(self)


def build_customerio(
    story: Story, clock: Clock, ledger: Ledger, settings: customerio.Settings
) -> customerio.CustomerIo:
    """The account with its people, keys, exports, webhooks and audit log."""
    now = int(clock.now())
    state = cio.State(
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
    system = customerio.CustomerIo(state, clock, ledger, settings)
    _past(system.account, story, now)
    return system


def _members(now: int) -> list[cio.Member]:
    def admin(number: int, email: str, first: str, last: str, days: float) -> cio.Member:
        permissions = dict.fromkeys(cio.PERMISSIONS, True)
        seen = now - int(days * _DAY_S)
        return cio.Member(
            number, email, first, last, "admin", 1_700_000_000, permissions, last_login_at=seen
        )

    jean = cio.Member(
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
        last_login_at=now - 5 * _DAY_S,
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


def _app_keys(story: Story, now: int) -> list[cio.AppKey]:
    same_hint = hex_for("same-hint", 28) + hint(story.leaked_app_key)
    rows = (
        (9101, PRODUCTION, "backend-prod", story.leaked_app_key, 51234, 400),
        (9102, STAGING, "backend-staging", hex_for("backend-staging", 32), 51234, 400),
        (9104, STAGING, "batch-staging", same_hint, 51235, 90),
        (9105, PRODUCTION, "respond-ir", story.app_key, 51234, 30),
        (9119, PRODUCTION, "backend-prod-2", hex_for("backend-prod-2", 32), 51238, 1),
    )
    return [
        cio.AppKey(number, place, name, value, now - days * _DAY_S, user)
        for number, place, name, value, user, days in rows
    ]


def _track_keys(story: Story, now: int) -> list[cio.TrackKey]:
    rows = (
        (8101, PRODUCTION, "web-prod", story.leaked_site_id, story.leaked_track_api_key),
        (8102, STAGING, "web-staging", hex_for("site:s", 20), hex_for("track:s", 20)),
    )
    return [cio.TrackKey(*row, created_at=now - 400 * _DAY_S) for row in rows]


def _sources(story: Story) -> list[cio.Source]:
    write_keys = [
        cio.WriteKey(story.leaked_write_key_id, story.leaked_write_key),
        cio.WriteKey(story.other_write_key_id, lower_for("write:other", 20)),
    ]
    return [
        cio.Source(story.source_id, PRODUCTION, "Web shop", "web_shop", api_keys=write_keys),
        cio.Source(32, STAGING, "Web shop staging", "web_shop_staging"),
    ]


def _service_accounts(story: Story, now: int) -> list[cio.ServiceAccount]:
    made = now - 30 * _DAY_S
    own = [
        cio.SaToken(story.write_token_id, "write", story.write_token, False, made),
        cio.SaToken(story.read_token_id, "read", story.read_token, True, made),
    ]
    etl = [
        cio.SaToken(story.leaked_sa_token_id, "nightly", story.leaked_sa_token, False, made),
    ]
    return [
        cio.ServiceAccount(story.service_account_id, "respond-ir", "admin", own),
        cio.ServiceAccount(story.leaked_service_account_id, "etl", "member", etl),
    ]


def _exports(story: Story, now: int) -> list[cio.Export]:
    leak = now - story.leaked_days_ago * _DAY_S
    rows = (
        (108, 51235, ADMINS[0], "Newsletter audience", 840, 1, leak - 20 * _DAY_S),
        (109, 51236, ADMINS[1], "Monthly report", 12040, 1, leak + _DAY_S),
        (110, 51238, COMPROMISED, "All people", 25666, 2, leak + 2 * _DAY_S),
    )
    return [
        cio.Export(number, PRODUCTION, user, email, what, total, downloads, at)
        for number, user, email, what, total, downloads, at in rows
    ]


def _webhooks(story: Story) -> list[cio.ReportingWebhook]:
    events = ["email_sent", "email_delivered", "customer_subscribed"]
    number, endpoint = story.attacker_webhook_id, story.attacker_endpoint
    return [
        cio.ReportingWebhook(
            401, PRODUCTION, "Warehouse", "https://warehouse.example.com/cio", events
        ),
        cio.ReportingWebhook(
            number, PRODUCTION, "Metrics", endpoint, events, full_resolution=True, with_content=True
        ),
    ]


def _past(account: customerio.Account, story: Story, now: int) -> None:
    """The audit log so far: two ordinary logins, then what the intruder did."""
    leak = now - story.leaked_days_ago * _DAY_S
    office, abroad = "203.0.113.7", "198.51.100.66"
    dana = customerio.Actor("person", user_id=51234, ip=office)
    mallory = customerio.Actor("person", user_id=51238, ip=office)
    intruder = customerio.Actor("person", user_id=51238, ip=abroad)
    rows: tuple[tuple[customerio.Actor, str, str, object, int | None, float], ...] = (
        (dana, "created", "session", 51234, None, leak - 4 * _DAY_S),
        (mallory, "created", "session", 51238, None, leak - 2 * _DAY_S),
        (intruder, "created", "session", 51238, None, leak + 1.5 * _DAY_S),
        (intruder, "created", "export", 110, PRODUCTION, leak + 2 * _DAY_S),
        (intruder, "created", "ext_api_key", 9119, PRODUCTION, leak + 2 * _DAY_S),
        (intruder, "created", "reporting_webhook", 411, PRODUCTION, leak + 2.1 * _DAY_S),
    )
    for actor, action, object_type, object_id, place, at in rows:
        account.audit(
            actor,
            action=action,
            object_type=object_type,
            object_id=object_id,
            environment_id=place,
            at=at,
        )


_BOT_SCOPES = (
    "chat:write",
    "chat:write.public",
    "channels:manage",
    "channels:read",
    "channels:history",
    "groups:read",
    "groups:write",
    "im:write",
    "users:read",
    "users:read.email",
)


def build_slack(story: Story, clock: Clock, ledger: Ledger) -> slack.Slack:
    """The workspace with the same people, one who left, the bot, and three channels."""
    made = int(clock.now()) - 400 * _DAY_S
    people = [_slack_user(email, user_id) for email, user_id in story.slack_users.items()]
    left = slack.User("U0LEFT0001", "lee", "Lee Moved", "lee@example.com", deleted=True)
    bot = slack.User("U0RESPOND1", "respond", "respond", "", is_bot=True)
    active = [user.id for user in people]
    some = [*active[:3], bot.id]
    channels = [
        slack.Conversation(
            "C0GENERAL1", "general", active[0], made, is_general=True, members=[*active, bot.id]
        ),
        slack.Conversation("C0SECURITY1", "security", active[0], made, members=some),
        slack.Conversation(
            "C0LEADS001", "sec-leads", active[1], made, is_private=True, members=active[:3]
        ),
    ]
    state = slack.State(
        team_id=story.slack_team_id,
        team=story.company,
        domain="example-co",
        bot_id="B0RESPOND1",
        users=[*people, left, bot],
        tokens=[slack.Token(story.slack_bot_token, bot.id, _BOT_SCOPES)],
        conversations=channels,
    )
    return slack.Slack(state, clock, ledger)


def _slack_user(email: str, user_id: str) -> slack.User:
    name = email.partition("@")[0]
    is_admin = email in {OPERATOR, *ADMINS}
    return slack.User(user_id, name, name.capitalize(), email, is_admin=is_admin)


def build_pagerduty(story: Story, clock: Clock, ledger: Ledger) -> pagerduty.PagerDuty:
    """The account with the incident that started the night."""
    users = [
        pagerduty.User("PDANA01", "Dana Reyes", OPERATOR, "owner"),
        pagerduty.User("PANA001", "Ana Silva", ADMINS[0], "admin"),
        pagerduty.User("PBEN001", "Ben Okafor", ADMINS[1], "user"),
        pagerduty.User("PMALLO1", "Mallory Hart", COMPROMISED, "user"),
    ]
    details = {"runbook": "compromised-key", "key": story.leaked_app_key_name}
    incident = pagerduty.Incident(
        id=story.pagerduty_incident,
        number=1234,
        title="Customer.io key in a public repository",
        service_id=story.pagerduty_service,
        created_at=clock.now() - 600,
        incident_key=hex_for("incident:1234", 32),
        assignee="PDANA01",
        details=details,
    )
    state = pagerduty.State(
        keys=[
            pagerduty.Key(story.pagerduty_key),
            pagerduty.Key(story.pagerduty_read_only_key, read_only=True),
        ],
        routing_keys={story.pagerduty_routing_key: story.pagerduty_service},
        users=users,
        services={story.pagerduty_service: "Security"},
        incidents=[incident],
        abilities=("teams", "read_only_users", "coordinated_responding"),
        on_call="PDANA01",
    )
    return pagerduty.PagerDuty(state, clock, ledger)


def build_vault(story: Story, clock: Clock, ledger: Ledger) -> vault.Vault:
    """The store that still holds the leaked key, and an old store of version 1."""
    now = clock.now()
    secret = vault.Secret(custom_metadata={"owner": "payments"})
    for number in range(1, 8):
        value = story.leaked_app_key if number > 1 else hex_for("backend-prod:first", 32)
        data = {"api_key": value, "region": story.region}
        secret.versions[number] = vault.Version(data, now - (400 - number) * _DAY_S)
    mounts = {
        "kv": vault.Mount(2, secrets={"cio/backend": secret}),
        "old": vault.Mount(1, plain={"cio/legacy": {"api_key": story.leaked_app_key}}),
    }
    paths = (
        ("data", ("read", "create", "update", "patch", "delete")),
        ("metadata", ("read", "list")),
        ("subkeys", ("read",)),
        ("destroy", ("update",)),
        ("delete", ("update",)),
        ("undelete", ("update",)),
    )
    policy = {f"kv/{place}/cio/*": capabilities for place, capabilities in paths}
    reading: dict[str, tuple[str, ...]] = {
        f"kv/{place}/cio/*": ("read",) for place in ("data", "metadata", "subkeys")
    }
    tokens = [
        vault.Token(
            story.vault_token, "respond", policy | {"old/*": ("read", "create", "update", "list")}
        ),
        vault.Token(story.vault_reader_token, "reader", reading),
    ]
    return vault.Vault(vault.State(mounts, tokens), clock, ledger)


def build_widgets(story: Story, clock: Clock, ledger: Ledger) -> widgets.Widgets:
    """Two items, one of them switched on."""
    items = [
        widgets.Item(story.widget, enabled=True, note="front door"),
        widgets.Item("door-8", enabled=False, note="back door"),
    ]
    state = widgets.State(story.widgets_token, {item.id: item for item in items})
    return widgets.Widgets(state, clock, ledger)


def build_sign_on(story: Story, clock: Clock, ledger: Ledger) -> sign_on.SignOn:
    """The provider that all of them sign on with, and its two clients."""
    clients = [
        sign_on.Client(story.sign_on_client_id, story.sign_on_client_secret),
        sign_on.Client(story.sign_on_public_client_id),
    ]
    accounts = [
        sign_on.Account(email, email.partition("@")[0].capitalize(), sub)
        for email, sub in story.sign_on_subjects.items()
    ]
    return sign_on.SignOn(sign_on.State(clients, accounts), clock, ledger)


def build_github(story: Story, clock: Clock, ledger: Ledger) -> github.GitHub:
    """The organization in whose repository the key was found."""
    at = clock.now() - 900
    alert = github.Alert(
        repository=story.github_repository,
        number=story.github_alert,
        secret_type="customerio_app_api_key",  # noqa: S106 - the kind of a secret, and none
        secret=story.leaked_app_key,
        created_at=at,
        updated_at=at,
        validity="active",
        publicly_leaked=True,
        locations=(github.Location("services/mailer/settings.py", 31),),
    )
    state = github.State(
        story.github_token, story.github_organization, story.github_hook_id, [alert]
    )
    return github.GitHub(state, clock, ledger)


def build_gitguardian(story: Story, clock: Clock, ledger: Ledger) -> gitguardian.GitGuardian:
    """The workspace that saw the same leak."""
    found = gitguardian.Incident(
        story.gitguardian_incident, "customerio_app_api_key", clock.now() - 840, severity="critical"
    )
    state = gitguardian.State(story.gitguardian_key, [found])
    return gitguardian.GitGuardian(state, clock, ledger)


def build_incidentio(story: Story, clock: Clock, ledger: Ledger) -> incidentio.IncidentIo:
    """One private incident, as those about security are."""
    incident = incidentio.Incident(
        story.incidentio_incident,
        123,
        "Customer.io key in a public repository",
        clock.now() - 600,
        fields={"Affected key": story.leaked_app_key_name},
    )
    keys = {story.incidentio_key: True, story.incidentio_public_key: False}
    return incidentio.IncidentIo(incidentio.State(keys, [incident]), clock, ledger)
