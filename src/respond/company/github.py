"""A simulated GitHub organization: its secret scanning alerts, and where they point.

Its webhooks are sent once or never; ``deliveries`` is the list that says so. Who is in the
organization is in ``github_org``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from respond.company import github_org, github_repository, github_secrets
from respond.company.company_clock import rfc3339
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json, as_text
from respond.company.mint import hex_for
from respond.company.paging import by_cursor, by_number
from respond.company.simulated_rest import Answer, Headers, RestCall, RestSystem, Row
from respond.company.system import Counterpart, Errand, Night

API = "https://api.github.com"
SITE = "https://github.com"
_KEPT_S = 3 * 86_400
_RESOLUTIONS = ("revoked", "false_positive", "wont_fix", "used_in_tests")
_DOCS = "https://docs.github.com/rest/secret-scanning/secret-scanning"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a secret was found: in a file of a commit, or (without a path) in talk about one."""

    path: str = ""
    line: int = 1
    kind: str = "commit"


def _alert_row(
    repository: str, number: int, secret_type: str, secret: str, at: float, **more: object
) -> Row:
    """A secret that was found in a repository; in clear, as the vendor shows it.

    ``repository`` has its owner in it: ``example-co/shop``.
    """
    fields: Json = {
        "state": "open",
        "resolution": None,
        "validity": "active",
        "publicly_leaked": False,
        "locations": (Location("config/settings.py", 12),),
        **more,
    }
    return Row(
        repository=repository,
        number=number,
        secret_type=secret_type,
        secret=secret,
        created_at=at,
        updated_at=at,
        **fields,
    )


def _shown(github: GitHub, alert: Row, request: SimRequest) -> Json:
    place = f"repos/{alert.repository}/secret-scanning/alerts/{alert.number}"
    shown: Json = {
        "number": alert.number,
        "created_at": rfc3339(alert.created_at),
        "updated_at": rfc3339(alert.updated_at),
        "url": f"{API}/{place}",
        "html_url": f"{SITE}/{alert.repository}/security/secret-scanning/{alert.number}",
        "locations_url": f"{API}/{place}/locations",
        "state": alert.state,
        "resolution": alert.resolution,
        "resolved_at": rfc3339(alert.updated_at) if alert.resolution else None,
        "resolved_by": None,
        "resolution_comment": None,
        "secret_type": alert.secret_type,
        "secret_type_display_name": alert.secret_type.replace("_", " ").capitalize(),
        "validity": alert.validity,
        "push_protection_bypassed": False,
        "push_protection_bypassed_by": None,
        "push_protection_bypassed_at": None,
        "publicly_leaked": alert.publicly_leaked,
        "multi_repo": False,
    }
    hidden = github.state.honours_hiding and request.argument("hide_secret") == "true"
    return shown if hidden else shown | {"secret": alert.secret}


def _located(repository: str, place: Location) -> Json:
    if not place.path:
        url = f"{API}/repos/{repository}/issues/7"
        return {"type": place.kind, "details": {f"{place.kind}_url": url}}
    commit = hex_for(f"commit:{repository}", 40)
    blob = hex_for(f"blob:{repository}:{place.path}", 40)
    details = {
        "path": place.path,
        "start_line": place.line,
        "end_line": place.line,
        "start_column": 5,
        "end_column": 45,
        "blob_sha": blob,
        "blob_url": f"{API}/repos/{repository}/git/blobs/{blob}",
        "commit_sha": commit,
        "commit_url": f"{API}/repos/{repository}/git/commits/{commit}",
    }
    return {"type": place.kind, "details": details}


def _delivery(sent: Row) -> Json:
    return {
        "id": sent.id,
        "guid": sent.guid,
        "delivered_at": rfc3339(sent.at),
        "redelivery": False,
        "duration": 0.27,
        "status": "OK" if sent.status in range(200, 300) else "failed to connect to host",
        "status_code": sent.status or 502,
        "event": "secret_scanning_alert",
        "action": sent.action,
        "installation_id": None,
        "repository_id": 186853261,
        "throttled_at": None,
    }


def _listed(
    github: GitHub, request: SimRequest, alerts: list[Row], *, with_repository: bool
) -> SimReply:
    wanted = request.argument("state")
    by = "updated_at" if request.argument("sort") == "updated" else "created_at"
    found = [alert for alert in alerts if wanted in {"", alert.state}]
    found.sort(
        key=lambda alert: (getattr(alert, by), alert.number),
        reverse=request.argument("direction", "desc") != "asc",
    )
    rows = [
        _shown(github, alert, request)
        | ({"repository": github_org.repository(alert.repository)} if with_repository else {})
        for alert in found
    ]
    return by_number(request, rows, API)


def _of_organization(github: GitHub, call: RestCall) -> SimReply:
    github.own(call)
    return _listed(github, call.request, github.rows("alerts"), with_repository=True)


def _of_repository(github: GitHub, call: RestCall) -> SimReply:
    alerts = github.rows("alerts", repository=_name(call))
    if not alerts:
        raise github.no(404)
    return _listed(github, call.request, alerts, with_repository=False)


def _alert(github: GitHub, call: RestCall) -> Json:
    return _shown(github, github.alert(_name(call), call.ids["number"]), call.request)


@github_org.wants("repo", "security_events")
def _patched(github: GitHub, call: RestCall) -> Json:
    """Close or open an alert; what changes nothing is refused, and closing wants a reason."""
    alert = github.alert(_name(call), call.ids["number"])
    asked = call.request.json_object()
    state, resolution = asked.get("state"), asked.get("resolution")
    if state not in ("open", "resolved") or (state == "resolved") != (resolution in _RESOLUTIONS):
        raise RefusalError(422, "State does not match the resolution")
    if state == alert.state:
        raise RefusalError(400, "The resolution was not changed.")
    alert.state, alert.resolution = state, resolution
    alert.updated_at = github.clock.now()
    kind = "resolved" if state == "resolved" else "reopened"
    github.happened(f"alert.{kind}", f"{alert.repository}#{alert.number}", by=call.key.owner)
    return _shown(github, alert, call.request)


def _locations(github: GitHub, call: RestCall) -> SimReply:
    alert = github.alert(_name(call), call.ids["number"])
    rows = [_located(alert.repository, place) for place in alert.locations]
    return by_number(call.request, rows, API)


def _deliveries(github: GitHub, call: RestCall) -> SimReply:
    """The tries of the last days, newest first."""
    github.own(call)
    if call.ids["hook"] != str(github.state.hook_id):
        raise github.no(404)
    since = github.clock.now() - _KEPT_S
    rows = [_delivery(sent) for sent in reversed(github.rows("sent")) if sent.at > since]
    return by_cursor(call.request, rows, API)


def _name(call: RestCall) -> str:
    return f"{call.ids['owner']}/{call.ids['name']}"


class GitHub(RestSystem):
    """The REST API.

    ``state.honours_hiding`` is false for an old server that does not know ``hide_secret``.
    """

    name: ClassVar[str] = "github"
    surfaces: ClassVar[Mapping[str, str]] = {"github": "rest"}
    says: ClassVar[Mapping[int, str]] = {
        401: "Bad credentials",
        403: "Resource not accessible",
        404: "Not Found",
    }
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "alerts": (
            "alert {repository}#{number}",
            "type=secret_type state validity publicly_leaked",
        ),
        **github_org.VIEW,
        **github_repository.VIEW,
        **github_secrets.VIEW,
    }
    open_routes: ClassVar[Mapping[str, Answer]] = github_repository.OPEN_ROUTES
    routes: ClassVar[Mapping[str, Answer]] = {
        "GET orgs/{org}/secret-scanning/alerts": _of_organization,
        "GET repos/{owner}/{name}/secret-scanning/alerts": _of_repository,
        "GET repos/{owner}/{name}/secret-scanning/alerts/{number}": _alert,
        "PATCH repos/{owner}/{name}/secret-scanning/alerts/{number}": _patched,
        "GET repos/{owner}/{name}/secret-scanning/alerts/{number}/locations": _locations,
        "GET orgs/{org}/hooks/{hook}/deliveries": _deliveries,
        **github_org.ROUTES,
        **github_repository.ROUTES,
        **github_secrets.ROUTES,
    }

    def serve(self, request: SimRequest) -> SimReply:
        if not request.header("user-agent"):
            raise RefusalError(403, "Request forbidden by administrative rules.")
        github_repository.let_die(self)
        if (request.method, request.parts) == ("POST", ("credentials", "revoke")):
            return github_repository.revoke(self, request)
        return super().serve(request)

    def rate_headers(self, wait_s: int | None) -> Headers:
        return (("X-RateLimit-Limit", "5000"), ("X-RateLimit-Remaining", "4990"))

    def own(self, call: RestCall) -> None:
        """Refuse with 404 below any organization but this one."""
        if call.ids["org"] != self.state.organization:
            raise self.no(404)

    def alert(self, repository: str, number: str) -> Row:
        """One alert. Raises RefusalError with 404 if there is none."""
        return self.row("alerts", repository=repository, number=number)

    def open_alert(
        self, repository: str, secret_type: str, *, answered: int = 0, **more: Any
    ) -> Row:
        """A secret is found now.

        Args:
            answered: How the webhook about it was answered; 0 when it reached nobody.
        """
        number, now = self.state.numbers.take("alert"), self.clock.now()
        secret = hex_for(f"github:alert:{number}", 40)
        alert = _alert_row(repository, number, secret_type, secret, now, **more)
        self.state.alerts.append(alert)
        self._tell("created", answered)
        self.happened("alert.created", f"{repository}#{number}", by="github", type=secret_type)
        return alert

    def change_alert(self, alert: Row, action: str, *, answered: int = 0) -> None:
        """Something about an alert changes: ``resolved``, ``reopened``, ``publicly_leaked``.

        Raises:
            RefusalError: with 400 for any other change.
        """
        match action:
            case "resolved":
                alert.state, alert.resolution = "resolved", "revoked"
            case "reopened":
                alert.state, alert.resolution = "open", None
            case "publicly_leaked":
                alert.publicly_leaked = True
            case _:
                raise RefusalError(400, f"an alert cannot become {action}")
        alert.updated_at = self.clock.now()
        self._tell(action, answered)
        self.happened(f"alert.{action}", f"{alert.repository}#{alert.number}", by="github")

    def _tell(self, action: str, answered: int) -> None:
        """One try to deliver a webhook; status 0 stands for a host that was not reached."""
        number = self.state.numbers.take("sent")
        guid = str(uuid.UUID(hex_for(f"github:sent:{number}", 32)))
        at = self.clock.now()
        self.state.sent.append(Row(id=number, guid=guid, action=action, status=answered, at=at))

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        if no.status == 503:  # noqa: PLR2004 - the HTTP status; it has a shape of its own.
            return as_json(
                {"code": "503", "message": "unavailable", "documentation_url": _DOCS}, 503
            )
        message = no.detail or self.says.get(no.status, "")
        if not message:
            return as_text("the request could not be served", no.status)
        if no.status == 429:  # noqa: PLR2004 - the HTTP status.
            # It has two words for that, and the other one looks like a missing right.
            reset = ("x-ratelimit-reset", str(int(self.clock.now()) + 1))
            limit = {"message": "API rate limit exceeded", "documentation_url": _DOCS}
            return as_json(limit, 403, ("x-ratelimit-remaining", "0"), reset)
        told: Json = {"message": message, "documentation_url": _DOCS, "status": str(no.status)}
        if isinstance(no, github_org.InvalidError):
            told["errors"] = no.errors
        return as_json(told, no.status)


def _begin(night: Night) -> GitHub:
    """The organization in whose repository the key was found."""
    story = night.story
    alert = _alert_row(
        story.github_repository,
        story.github_alert,
        "customerio_app_api_key",
        story.leaked_app_key,
        night.clock.now() - 900,
        publicly_leaked=True,
        locations=(Location("services/mailer/settings.py", 31),),
    )
    state = Row(
        keys=[
            github_repository.key(
                story.github_token,
                github_org.BOT,
                "admin:org",
                "admin:org_hook",
                "repo",
                "read:audit_log",
            ),
            github_repository.key(story.github_leaked_token, "mallory-hart", "repo"),
        ],
        organization=story.github_organization,
        hook_id=story.github_hook_id,
        alerts=[alert],
        sent=[],
        honours_hiding=True,
        numbers=github_org.numbers(),
        **github_org.tables(),
        **github_repository.tables(story, night.clock.now()),
        **github_secrets.tables(story, night.clock.now()),
    )
    return GitHub(state, night.clock, night.ledger)


def _found(github: GitHub, errand: Errand) -> Json:
    alert = github.open_alert(
        errand.words("repository", errand.story.github_repository),
        errand.words("secret_type"),
        locations=(Location(errand.words("path", "config/settings.py"), 12),),
        validity=errand.words("validity", "active"),
        publicly_leaked=errand.about.get("publicly_leaked") is True,
        answered=errand.status("answered"),
    )
    return {"repository": alert.repository, "number": alert.number}


def _changes(github: GitHub, errand: Errand) -> Json:
    repository = errand.words("repository", errand.story.github_repository)
    alert = github.alert(repository, str(errand.about.get("number")))
    github.change_alert(alert, errand.words("action"), answered=errand.status("answered"))
    return {}


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "github_token": hex_for("github:token", 40),
        "github_organization": "example-co",
        "github_repository": "example-co/shop",
        "github_hook_id": 4242,
        "github_alert": 42,
        **github_org.FACTS,
        **github_repository.FACTS,
    },
    connection={
        "name": "github",
        "system": "github",
        "account": "{github_organization}",
        "identity": "{github_app}",
        "credentials": {"": "{github_private_key}"},
        "base_urls": {"rest": "github"},
        "options": {"app": True, "installation": "{github_installation}"},
    },
    console=github_org.CONSOLE,
    happenings={"alert": _found, "change": _changes},
)
