"""What is read of GitHub: secret scanning. Source: docs.github.com/rest."""

from __future__ import annotations

from respond.company.examples import BareRequest

HOSTS = {"github/rest": "https://api.github.com"}


def _get(path: str, status: int = 200) -> BareRequest:
    return BareRequest(
        "GET", "github", path, {"Authorization": "Bearer {github_token}"}, status=status
    )


_IN_REPOSITORY = "/repos/{github_repository}/secret-scanning/alerts"
_ONE = f"{_IN_REPOSITORY}/{{github_alert}}"

ASKED = (
    _get("/orgs/{github_organization}/secret-scanning/alerts?state=open&sort=updated&per_page=1"),
    _get(_IN_REPOSITORY),
    _get(_ONE),
    _get(f"{_ONE}?hide_secret=true"),
    _get(f"{_ONE}/locations"),
    _get("/orgs/{github_organization}/hooks/{github_hook_id}/deliveries"),
    _get("/orgs/other/secret-scanning/alerts", 404),
)
