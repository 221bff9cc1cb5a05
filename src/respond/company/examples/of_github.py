"""GitHub at work, and what is read of it: secret scanning. Source: docs.github.com/rest."""

from __future__ import annotations

from respond.company.examples import BareRequest, Example

HOSTS = {"github/rest": "https://api.github.com"}


def _get(path: str, status: int = 200) -> BareRequest:
    return BareRequest(
        "GET", "github", path, {"Authorization": "Bearer {github_token}"}, status=status
    )


_MALLORY = {"user": "story.github_mallory"}
_REPOSITORY = {"repository": "story.github_repository"}
_ALERT = {**_REPOSITORY, "number": "42"}
_LEAKED = {"value": "${{ inputs.leaked }}"}
_SECRET = {"leaked": "story.github_leaked_token"}
_NEW = {"app": "story.okta_app"}
_TEAM = {"team": "story.github_team"}

EXAMPLES = (
    Example("github.find_member", {"name": "mallory-hart"}),
    Example("github.find_member", {"name": "nobody-there"}),
    Example("github.list_teams", _MALLORY),
    Example("github.remove_member", _MALLORY, undo="github.invite_member"),
    Example(
        "github.invite_member",
        {"user": "story.github_outsider", "role": "direct_member", "teams": ["12"]},
        undo="github.remove_member",
    ),
    Example("github.set_role", {**_MALLORY, "role": "admin"}, undo="github.set_role"),
    Example("github.remove_outside_collaborator", {"user": "story.github_outsider"}),
    Example("github.remove_from_team", {**_MALLORY, **_TEAM}, undo="github.add_to_team"),
    Example("github.add_to_team", {**_MALLORY, "team": "platform", "role": "maintainer"}),
    Example("github.probe_token", _LEAKED, secrets=_SECRET),
    Example("github.revoke_leaked_token", _LEAKED, secrets=_SECRET),
    Example("github.revoke_sso_credentials", _MALLORY),
    Example("github.revoke_fine_grained_tokens", _MALLORY),
    Example("github.list_deploy_keys", _REPOSITORY),
    Example(
        "github.delete_deploy_key",
        {**_REPOSITORY, "key": "story.github_deploy_key"},
        undo="github.add_deploy_key",
    ),
    Example(
        "github.add_deploy_key",
        {**_REPOSITORY, "key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample", "title": "ci-2"},
        undo="github.delete_deploy_key",
    ),
    Example("github.list_made_since", {"repositories": ["story.github_repository"]}),
    Example("github.read_audit_log", _MALLORY),
    Example("github.delete_actions_secret", {"place": "example-co/shop#CIO_KEY"}),
    Example("github.get_secret_alert", _ALERT),
    *(
        Example("sink.check", {"sink": f"github:github:{place}"})
        for place in (
            "example-co/shop#CIO_KEY",
            "example-co/shop/production#NEW",
            "example-co#CIO_KEY",
        )
    ),
    # Something has to make a value, for it to be put.
    Example("okta.rotate_client_secret", _NEW | {"sink": "github:github:example-co/shop#NEW"}),
    Example(
        "okta.rotate_client_secret",
        _NEW | {"sink": "github:github:example-co/shop/production#NEW"},
        undo="github.delete_actions_secret",
    ),
    Example("okta.rotate_client_secret", _NEW | {"sink": "github:github:example-co#CIO_KEY"}),
    Example(
        "github.resolve_secret_alert",
        {**_ALERT, "refused": True},
        undo="github.reopen_secret_alert",
    ),
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
    _get("/user"),
    _get("/rate_limit"),
    _get("/orgs/{github_organization}/actions/secrets?per_page=1"),
    _get("/repos/{github_repository}/actions/secrets"),
    _get("/repos/{github_repository}/environments/production/secrets"),
    _get("/user/memberships/orgs/{github_organization}"),
)
UNASKED = {
    "DELETE /orgs/{org}/actions/secrets/{secret}": "deleted as that of a repository is",
}
