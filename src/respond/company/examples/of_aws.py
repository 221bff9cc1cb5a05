"""AWS at work. Source: IAM, STS and Secrets Manager API references."""

from __future__ import annotations

from respond.company.examples import Example

HOSTS = {
    "aws/iam": "https://iam.amazonaws.com",
    "aws/sts": "https://sts.eu-west-1.amazonaws.com",
    "aws/secrets": "https://secretsmanager.eu-west-1.amazonaws.com",
}

_LEAKED = {"user": "ci-deploy", "key": "story.aws_leaked_id"}
_DEPLOY = {"principal": "user/ci-deploy"}
_APP = {"principal": "role/app"}
_SINK = "aws:aws:app/key"
_PAIR = {"value": "${{ inputs.leaked }}"}
_SECRET = {"leaked": "story.aws_leaked"}
_OLD = {"user": "mallory", "key": "story.aws_mallory_old_id"}

EXAMPLES = (
    Example("aws.find_key_owner", {"key": "story.aws_leaked_id"}),
    Example("aws.list_access_keys", {"user": "mallory"}),
    Example("aws.try_key", _PAIR, secrets=_SECRET),
    Example("aws.quarantine", _DEPLOY, undo="aws.release"),
    Example("aws.quarantine", _APP, undo="aws.release"),
    Example("aws.deactivate_access_key", _LEAKED, undo="aws.activate_access_key"),
    Example("aws.deactivate_access_key", {**_LEAKED, **_PAIR}, secrets=_SECRET),
    Example("aws.deactivate_access_keys", {"user": "mallory"}, undo="aws.activate_access_key"),
    Example("aws.delete_access_key", _OLD),
    Example(
        "aws.create_access_key",
        {"user": "ci-deploy", "sink": _SINK},
        undo="aws.deactivate_access_keys",
    ),
    Example("aws.create_access_key", {"user": "jean", "sink": _SINK}, undo="aws.restore_secret"),
    Example("aws.deny_older_sessions", _APP, undo="aws.allow_older_sessions"),
    Example("aws.delete_login_profile", {"user": "mallory"}),
    Example("aws.list_left_behind", {"user": "mallory", "since": "2026-11-01T00:00:00Z"}),
    Example("sink.check", {"sink": _SINK}),
)
