"""Where a vendor does otherwise than its own description says, each with reason and evidence.

An entry that nothing uses any more is an error: the description or our side has changed.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

from respond.core.records import Frozen

__all__ = ["DEVIATIONS", "Deviation"]


class Deviation(Frozen):
    """One known difference.

    Attributes:
        description: Title of the description.
        kind: As ``Remark.id`` has it.
        operation: Method and path as described; ``*`` stands for anything.
        about: The parameter or field, likewise.
        reason: Why the description is not followed.
        evidence: Where it can be seen.
    """

    description: str
    kind: str
    operation: str
    about: str
    reason: str
    evidence: str

    def covers(self, description: str, kind: str, operation: str, about: str) -> bool:
        mine = ((self.operation, operation), (self.about, about))
        return (self.description, self.kind) == (description, kind) and all(
            fnmatchcase(given, pattern.replace("[", "[[]")) for pattern, given in mine
        )


_SLACK: Final = "Slack Web API"
_OLD: Final = "the description is of October 2020"
_PAGER: Final = "PagerDuty API"
_GITHUB: Final = "GitHub's official OpenAPI spec + Octokit extension"
_GITHUB_CUT: Final = "left out of the description where it is cut down"
_OKTA: Final = "Okta Admin Management API"
_OKTA_SDK: Final = "recorded in github.com/okta/okta-sdk-python, tests/integration/cassettes"
_OKTA_TF: Final = "recorded in github.com/okta/terraform-provider-okta, test/fixtures/vcr"
_GRAPH: Final = "OData Service for namespace microsoft.graph"
_EITHER: Final = "a value of one alternative is one of the other too, since neither demands a field"

DEVIATIONS: Final[tuple[Deviation, ...]] = (
    Deviation(
        "Customer.io API Reference",
        "reply",
        "GET /v1/info/ip_addresses",
        "status 301",
        'a key of the other region is answered 301 "wrong datacenter"',
        "github.com/customerio/customerio-node, issue 134",
    ),
    Deviation(
        _SLACK,
        "parameter",
        "*",
        "token",
        "the token goes in the Authorization header",
        "docs.slack.dev/changelog/2017-10-keeping-up-with-the-jsons: the header is preferred",
    ),
    Deviation(
        _SLACK,
        "reply",
        "GET /users.lookupByEmail",
        "status 200",
        "errors are answered with 200 and ok=false",
        "docs.slack.dev/apis/web-api, evaluating responses",
    ),
    Deviation(
        _SLACK,
        "parameter",
        "GET /conversations.history",
        "include_all_metadata",
        f"metadata came in 2022, {_OLD}",
        "node-slack-sdk, ConversationsHistoryArguments",
    ),
    Deviation(
        _SLACK,
        "reply",
        "GET /conversations.history",
        "messages[].metadata",
        f"metadata came in 2022, {_OLD}",
        "github.com/slackapi/node-slack-sdk/pull/1504, July 2022",
    ),
    Deviation(
        _SLACK,
        "reply",
        "GET /conversations.history",
        "messages",
        "a channel in which nobody has written has no messages",
        "none but sense: nothing else could be answered for an empty channel",
    ),
    Deviation(
        _SLACK,
        "body",
        "POST /chat.postMessage",
        "metadata",
        f"metadata came in 2022, {_OLD}",
        "github.com/slackapi/node-slack-sdk/pull/1504, July 2022",
    ),
    Deviation(
        _SLACK,
        "body",
        "POST /chat.postMessage",
        "blocks",
        "in a JSON body blocks are a list; the text with JSON in it is for forms",
        "docs.slack.dev/changelog/2017-10-keeping-up-with-the-jsons",
    ),
    Deviation(
        _SLACK,
        "body",
        "POST /chat.delete",
        "ts",
        "a time stamp is a text with six decimals, here as everywhere else",
        "the description itself: the ts that chat.postMessage answers is a text",
    ),
    Deviation(
        _SLACK,
        "body",
        "POST /conversations.invite",
        "force",
        f"force came later, {_OLD}",
        "node-slack-sdk, ConversationsInviteArguments",
    ),
    Deviation(
        _PAGER,
        "reply",
        "*",
        "incident*.priority",
        "an incident without a priority has null there",
        "a captured delivery in github zulip/zulip, fixtures of its PagerDuty integration",
    ),
    Deviation(
        _PAGER,
        "parameter",
        "GET /incidents",
        "statuses[]",
        "the description's type is one text, its words say that it may be given several times",
        "the parameter's own words: pass statuses[] more than once",
    ),
    Deviation(
        "PagerDuty V2 Events API",
        "reply",
        "POST /enqueue",
        "",
        "the reference to the reply of 400 stands in its words, where nothing reads it",
        "paths/~1enqueue/post/responses/400/description",
    ),
    Deviation(
        "Customer.io API Reference",
        "path",
        "GET /v1/workspaces",
        "",
        "the description is of 2022 and older than this path",
        "docs.customer.io/files/journeys-app.json has it",
    ),
    Deviation(
        "Customer.io API Reference",
        "reply",
        "GET /v1/info/ip_addresses",
        "status 401",
        "a refused key is answered with 401, which the description leaves out",
        "docs.customer.io, App API: errors are {errors: [{detail: unauthorized, status: 401}]}",
    ),
    Deviation(
        "Pipelines API",
        "reply",
        "POST /identify",
        "",
        "the description names no content; nothing of ours reads what the simulator says",
        "components/responses/200 has a description and nothing else",
    ),
    Deviation(
        _GITHUB,
        "parameter",
        "*",
        "x-github-api-version",
        "the version is asked for in a header that stands in no operation",
        "docs.github.com/rest/about-the-rest-api/api-versions",
    ),
    Deviation(
        _GITHUB,
        "reply",
        "GET /orgs/{org}/teams/{team_slug}/memberships/{username}",
        "",
        "a 404 has the body that every error has; here none is described",
        "docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api",
    ),
    Deviation(
        _GITHUB,
        "reply",
        "GET /repos/{owner}/{repo}/*secrets/{secret_name}",
        "status 404",
        "a secret that is not there is answered 404, which the description leaves out",
        "docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api",
    ),
    Deviation(
        _GITHUB,
        "reply",
        "POST /credentials/revoke",
        "",
        "the body is null",
        "its own example, components/responses/accepted",
    ),
    Deviation(
        _GITHUB,
        "path",
        "GET /orgs/*/actions/runners",
        "",
        _GITHUB_CUT,
        "docs.github.com/rest/actions/self-hosted-runners",
    ),
    Deviation(
        _GITHUB,
        "path",
        "GET /repos/*/actions/runners",
        "",
        _GITHUB_CUT,
        "docs.github.com/rest/actions/self-hosted-runners",
    ),
    Deviation(
        _GITHUB,
        "path",
        "GET /repos/*/invitations",
        "",
        _GITHUB_CUT,
        "docs.github.com/rest/collaborators/invitations",
    ),
    Deviation(
        _GITHUB,
        "path",
        "GET /repos/*/hooks",
        "",
        _GITHUB_CUT,
        "docs.github.com/rest/repos/webhooks",
    ),
    Deviation(
        _GITHUB,
        "path",
        "GET /repos/*/commits",
        "",
        _GITHUB_CUT,
        "docs.github.com/rest/commits/commits",
    ),
    Deviation(
        _OKTA,
        "reply",
        "GET /api/v1/users*",
        "*credentials.emails",
        "the addresses with their state are not described",
        _OKTA_SDK,
    ),
    Deviation(
        _OKTA,
        "reply",
        "POST /api/v1/users/{id}/lifecycle/expire_password",
        "credentials.emails",
        "the addresses with their state are not described",
        _OKTA_SDK,
    ),
    Deviation(
        _OKTA,
        "reply",
        "POST /api/v1/users/{id}/lifecycle/*",
        "",
        "it answers an object where no content is described",
        _OKTA_SDK,
    ),
    Deviation(
        _OKTA,
        "reply",
        "* /api/v1/users/{userId}/roles",
        "*",
        _EITHER,
        "components/schemas: StandardRole and CustomRole, with a discriminator",
    ),
    Deviation(
        _OKTA,
        "reply",
        "* /api/v1/api-tokens*",
        "*_links",
        "the description has _link",
        _OKTA_TF,
    ),
    Deviation(
        _OKTA,
        "reply",
        "GET /api/v1/users/{userId}/authenticator-enrollments",
        "",
        "it lists them; the description has one",
        "its own example, AuthenticatorEnrollmentResponseListAll",
    ),
    Deviation(
        _OKTA,
        "path",
        "GET /api/v1/authenticators",
        "",
        "left out of the description where it is cut down to users, roles, tokens and apps",
        "the whole description of 2026.06.3, operation listAuthenticators",
    ),
    Deviation(
        _OKTA,
        "reply",
        "GET /api/v1/apps",
        "[].accessibility.*RedirectUrl",
        "there are nulls where none are described",
        _OKTA_TF,
    ),
    Deviation(
        _OKTA,
        "reply",
        "GET /api/v1/apps",
        "[].name",
        "the key of an application stands in the kinds, which signOnMode tells apart",
        "components/schemas/SamlApplication, properties/name",
    ),
    Deviation(
        _OKTA,
        "reply",
        "* /api/v1/apps/{appId}/users*",
        "*externalId",
        "there are nulls where none are described",
        _OKTA_TF,
    ),
    Deviation(
        _OKTA,
        "body",
        "POST /api/v1/apps/{appId}/users/{userId}",
        "",
        _EITHER,
        "components/schemas/AppUserUpdateRequest: oneOf credentials or profile",
    ),
    Deviation(
        "Okta OpenID Connect & OAuth 2.0",
        "path",
        "GET /.well-known/okta-organization",
        "",
        "it is described nowhere, and answers without a credential which engine an org has",
        _OKTA_TF,
    ),
    Deviation(
        _GRAPH,
        "reply",
        "*",
        "*@odata.type",
        "an answer leaves out the type that its address tells",
        "OData JSON format 4.01, section 4.5.3: minimal metadata, which is the default",
    ),
    Deviation(
        _GRAPH,
        "reply",
        "*",
        "@odata.context",
        "every answer begins with it",
        "OData JSON format 4.01, section 4.5.1; each sample of the reference",
    ),
    Deviation(
        _GRAPH,
        "reply",
        "*",
        "error.innerError",
        "the reference has it so, and so do recorded answers",
        "learn.microsoft.com/graph/errors",
    ),
    *(
        Deviation(
            _GRAPH,
            "reply",
            f"GET {path}",
            about,
            "what is described as an object of any kind has the fields of its own kind",
            f"learn.microsoft.com/graph/api/{page}",
        )
        for path, about, page in (
            (
                "/roleManagement/directory/roleAssignments",
                "value[].principal.*",
                "rbacapplication-list-roleassignments",
            ),
            (
                "/users/{user-id}/authentication/methods",
                "value[].*",
                "authentication-list-methods",
            ),
            (
                "/users/{user-id}/registeredDevices",
                "value[].*",
                "user-list-registereddevices",
            ),
        )
    ),
    *(
        Deviation(
            _GRAPH,
            "path",
            path,
            "",
            "the description at hand is cut down, and older",
            f"learn.microsoft.com/graph/api/{page}",
        )
        for path, page in (
            ("* /v1.0/devices*", "device-update"),
            ("GET /v1.0/users/*/ownedDevices", "user-list-owneddevices"),
            ("* /v1.0/users/*/mailFolders/*", "mailfolder-list-messagerules"),
            (
                "GET /v1.0/servicePrincipals/*/appRoleAssignments",
                "serviceprincipal-list-approleassignments",
            ),
            ("POST /v1.0/users/*/revokeSignInSessions", "user-revokesigninsessions"),
        )
    ),
)
