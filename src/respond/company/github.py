"""A simulated GitHub organization, as far as secret scanning goes: alerts, and where they point.

Its webhooks are sent once or never; ``deliveries`` is the list that says so. Only reading.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from respond.company.company_clock import rfc3339
from respond.company.exchange import Json, RefusedError, Reply, as_json, as_text
from respond.company.mint import Numbers, hex_for
from respond.company.paging import by_cursor, by_number
from respond.company.system import System

if TYPE_CHECKING:
    from respond.company.exchange import Request

API = "https://api.github.com"
SITE = "https://github.com"
_KEPT_S = 3 * 86_400
_DOCS = "https://docs.github.com/rest/secret-scanning/secret-scanning"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a secret was found: in a file of a commit, or (without a path) in talk about one."""

    path: str = ""
    line: int = 1
    kind: str = "commit"


@dataclass
class Alert:
    """A secret that was found in a repository.

    Attributes:
        repository: With its owner, ``example-co/shop``.
        secret: In clear, as the vendor shows it to whoever does not ask to have it hidden.
    """

    repository: str
    number: int
    secret_type: str
    secret: str
    created_at: float
    updated_at: float
    state: str = "open"
    resolution: str | None = None
    validity: str = "unknown"
    publicly_leaked: bool = False
    locations: tuple[Location, ...] = ()


@dataclass
class Sent:
    """One try to deliver a webhook; status 0 stands for a host that was not reached."""

    id: int
    guid: str
    action: str
    status: int
    at: float


@dataclass
class State:
    """The organization.

    Attributes:
        token: What may read its alerts.
        honours_hiding: False for an old server that does not know ``hide_secret``.
    """

    token: str
    organization: str
    hook_id: int
    alerts: list[Alert] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    honours_hiding: bool = True
    numbers: Numbers = field(default_factory=lambda: Numbers({"alert": 43, "sent": 12_345_001}))


class GitHub(System[State]):
    """The REST API."""

    name: ClassVar[str] = "github"

    def serve(self, request: Request) -> Reply:
        if request.bearer() != self.state.token:
            raise RefusedError(401, "Bad credentials")
        match request.method, request.parts:
            case "GET", ("orgs", org, "secret-scanning", "alerts"):
                self._own(org)
                return self._list(request, self.state.alerts, with_repository=True)
            case "GET", ("repos", owner, name, "secret-scanning", "alerts"):
                alerts = self._of(f"{owner}/{name}")
                return self._list(request, alerts, with_repository=False)
            case "GET", ("repos", owner, name, "secret-scanning", "alerts", number):
                alert = self.alert(f"{owner}/{name}", number)
                return as_json(self._shown(alert, request))
            case "GET", ("repos", owner, name, "secret-scanning", "alerts", number, "locations"):
                alert = self.alert(f"{owner}/{name}", number)
                rows = [_located(alert.repository, place) for place in alert.locations]
                return self._answer(request, by_number(request, rows, self._url(request)))
            case "GET", ("orgs", org, "hooks", hook, "deliveries"):
                self._own(org)
                return self._deliveries(request, hook)
        raise RefusedError(404, "Not Found")

    def alert(self, repository: str, number: str) -> Alert:
        """One alert. Raises RefusedError with 404 if there is none."""
        for alert in self._of(repository):
            if str(alert.number) == number:
                return alert
        raise RefusedError(404, "Not Found")

    def open_alert(
        self,
        repository: str,
        secret_type: str,
        *,
        locations: tuple[Location, ...] = (Location("config/settings.py", 12),),
        validity: str = "active",
        publicly_leaked: bool = False,
        answered: int = 0,
    ) -> Alert:
        """A secret is found now.

        Args:
            answered: How the webhook about it was answered; 0 when it reached nobody.
        """
        number, now = self.state.numbers.take("alert"), self.clock.now()
        secret = hex_for(f"github:alert:{number}", 40)
        alert = Alert(repository, number, secret_type, secret, now, now)
        alert.validity, alert.publicly_leaked = validity, publicly_leaked
        alert.locations = locations
        self.state.alerts.append(alert)
        self._tell("created", answered)
        what = f"{repository}#{number}"
        self.ledger.effect(self.name, "alert.created", what, by="github", type=secret_type)
        return alert

    def change_alert(self, alert: Alert, action: str, *, answered: int = 0) -> None:
        """Something about an alert changes: ``resolved``, ``reopened``, ``publicly_leaked``.

        Raises:
            RefusedError: with 400 for any other change.
        """
        match action:
            case "resolved":
                alert.state, alert.resolution = "resolved", "revoked"
            case "reopened":
                alert.state, alert.resolution = "open", None
            case "publicly_leaked":
                alert.publicly_leaked = True
            case _:
                raise RefusedError(400, f"an alert cannot become {action}")
        alert.updated_at = self.clock.now()
        self._tell(action, answered)
        what = f"{alert.repository}#{alert.number}"
        self.ledger.effect(self.name, f"alert.{action}", what, by="github")

    def _tell(self, action: str, answered: int) -> None:
        number = self.state.numbers.take("sent")
        guid = str(uuid.UUID(hex_for(f"github:sent:{number}", 32)))
        self.state.sent.append(Sent(number, guid, action, answered, self.clock.now()))

    def _own(self, organization: str) -> None:
        if organization != self.state.organization:
            raise RefusedError(404, "Not Found")

    def _of(self, repository: str) -> list[Alert]:
        found = [alert for alert in self.state.alerts if alert.repository == repository]
        if not found:
            raise RefusedError(404, "Not Found")
        return found

    def _list(self, request: Request, alerts: list[Alert], *, with_repository: bool) -> Reply:
        wanted = request.argument("state")
        by = "updated_at" if request.argument("sort") == "updated" else "created_at"
        found = [alert for alert in alerts if wanted in {"", alert.state}]
        found.sort(
            key=lambda alert: (float(getattr(alert, by)), alert.number),
            reverse=request.argument("direction", "desc") != "asc",
        )
        rows = [
            self._shown(alert, request)
            | ({"repository": _repository(alert.repository)} if with_repository else {})
            for alert in found
        ]
        return self._answer(request, by_number(request, rows, self._url(request)))

    def _shown(self, alert: Alert, request: Request) -> Json:
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
        hidden = self.state.honours_hiding and request.argument("hide_secret") == "true"
        return shown if hidden else shown | {"secret": alert.secret}

    def _deliveries(self, request: Request, hook: str) -> Reply:
        if hook != str(self.state.hook_id):
            raise RefusedError(404, "Not Found")
        since = self.clock.now() - _KEPT_S
        rows = [_delivery(sent) for sent in reversed(self.state.sent) if sent.at > since]
        return self._answer(request, by_cursor(request, rows, self._url(request)))

    def _url(self, request: Request) -> str:
        return f"{API}{request.path}"

    def _answer(
        self, request: Request, page: tuple[list[Json], tuple[tuple[str, str], ...]]
    ) -> Reply:
        rows, headers = page
        limit = (("X-RateLimit-Limit", "5000"), ("X-RateLimit-Remaining", "4990"))
        return as_json(rows, 200, *headers, *limit)

    def refuse(self, request: Request, status: int, detail: str = "", pointer: str = "") -> Reply:
        if status == 503:  # noqa: PLR2004 - the HTTP status; it has a shape of its own.
            return as_json(
                {"code": "503", "message": "unavailable", "documentation_url": _DOCS}, 503
            )
        words = {401: "Bad credentials", 403: "Resource not accessible", 404: "Not Found"}
        message = detail or words.get(status, "")
        if not message:
            return as_text("the request could not be served", status)
        told = {"message": message, "documentation_url": _DOCS, "status": str(status)}
        return as_json(told, status)

    def things(self) -> dict[str, Json]:
        return {
            f"alert {alert.repository}#{alert.number}": {
                "type": alert.secret_type,
                "state": alert.state,
                "validity": alert.validity,
                "publicly_leaked": alert.publicly_leaked,
            }
            for alert in self.state.alerts
        }


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


def _delivery(sent: Sent) -> Json:
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


_OWNER_LINKS = (
    "avatar_url", "events_url", "followers_url", "following_url", "gists_url", "html_url",
    "organizations_url", "received_events_url", "repos_url", "starred_url", "subscriptions_url",
    "url",
)  # fmt: skip
_REPOSITORY_LINKS = (
    "archive_url", "assignees_url", "blobs_url", "branches_url", "collaborators_url",
    "comments_url", "commits_url", "compare_url", "contents_url", "contributors_url",
    "deployments_url", "downloads_url", "events_url", "forks_url", "git_commits_url",
    "git_refs_url", "git_tags_url", "hooks_url", "html_url", "issue_comment_url",
    "issue_events_url", "issues_url", "keys_url", "labels_url", "languages_url", "merges_url",
    "milestones_url", "notifications_url", "pulls_url", "releases_url", "stargazers_url",
    "statuses_url", "subscribers_url", "subscription_url", "tags_url", "teams_url", "trees_url",
    "url",
)  # fmt: skip


def _repository(full_name: str) -> Json:
    owner, _, name = full_name.partition("/")
    account: Json = {
        "login": owner,
        "id": 6811672,
        "node_id": "MDEyOk9yZw==",
        "gravatar_id": "",
        "type": "Organization",
        "site_admin": False,
    }
    return {
        "id": 186853261,
        "node_id": "MDEwOlJlcG8=",
        "name": name,
        "full_name": full_name,
        "owner": account | {link: f"{API}/users/{owner}/{link[:-4]}" for link in _OWNER_LINKS},
        "private": True,
        "description": None,
        "fork": False,
        **{link: f"{API}/repos/{full_name}/{link[:-4]}" for link in _REPOSITORY_LINKS},
    }
