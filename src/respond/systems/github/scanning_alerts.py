"""Close a secret scanning alert when its secret is refused, and open it again.

Source: GitHub REST API, Secret scanning. The value of the secret is never asked for.
"""

from __future__ import annotations

import re
from typing import Final

from respond.core.records import Frozen, replace
from respond.core.script import Api, Done, Effect, Looking, Me, Script, Undo, Write, action
from respond.systems.arguments import ArgumentError
from respond.systems.github.deploy_keys import OnRepository
from respond.systems.github.vendor import VENDOR, ask
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, no_answer, one

__all__ = ["ACTIONS", "ScanningAlert"]

_RESOLUTIONS: Final = ("revoked", "false_positive", "wont_fix", "used_in_tests")
_COMMENT_MAX: Final = 280


class ScanningAlert(Frozen):
    """An alert, without its secret.

    Attributes:
        state: ``open`` or ``resolved``.
        validity: What GitHub itself found: ``active``, ``inactive``, ``unknown``.
        leaked: It stands in public.
    """

    number: int = at("number")
    state: str = at("state", among=("open", "resolved"))
    resolution: str = at("resolution", limit=40, default="")
    secret_type: str = at("secret_type", limit=100, default="")
    validity: str = at("validity", limit=20, default="unknown")
    leaked: bool = at("publicly_leaked", default=False)
    url: str = at("html_url", default="")


_ALERT: Final = Thing(
    VENDOR,
    "repository/{owner}/{repo}/alert/{number}",
    ("repos", "{owner}", "{repo}", "secret-scanning", "alerts", "{number}"),
    one(ScanningAlert),
    query=(("hide_secret", "true"),),
)


class _OnAlert(OnRepository):
    """Attributes: number: The alert's, as its address ends."""

    number: str

    def __post_init__(self) -> None:
        OnRepository.__post_init__(self)
        if not re.fullmatch("[1-9][0-9]{0,11}", self.number):
            raise ArgumentError("number must be the number of an alert")

    def seen(self, me: Me) -> Looking[ScanningAlert]:
        owner, _, repo = self.repository.partition("/")
        return (yield from _ALERT.of(me.connection, owner=owner, repo=repo, number=self.number))

    def brings(
        self, me: Me, seen: ScanningAlert, state: str, resolution: str, undo: Undo, comment: str
    ) -> Write[None]:
        body = {"state": state}
        body |= {"resolution": resolution, "resolution_comment": comment} if resolution else {}
        path = (*self.path, "secret-scanning", "alerts", self.number)
        verb = "close" if resolution else "open"
        return change(
            me,
            _ALERT,
            seen,
            lambda now: replace(now, state=state, resolution=resolution),
            Api(ask(me, "PATCH", *path, body=body), no_answer),
            ids={**self.ids, "number": self.number},
            says=f"{verb} the alert {self.number} of {self.repository}"
            + (f" as {resolution}" if resolution else " again"),
            verb=verb,
            target=self.number,
            effect=Effect.WRITES,
            foretold=None,
            repeatable=True,  # It becomes what it is; or GitHub says that nothing was changed.
            undo=undo,
        )


@action(
    "github.get_secret_alert",
    effect=Effect.READS,
    output=ScanningAlert,
    source="GitHub REST API, GET /repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}",
)
class GetSecretAlert(_OnAlert):
    """Read what a secret scanning alert says, without the secret."""

    def run(self, me: Me) -> Script[ScanningAlert]:
        seen = yield from self.seen(me)
        public = ", public" if seen.leaked else ""
        says = f"{seen.secret_type} is {seen.validity}{public}; the alert is {seen.state}"
        return Done(seen, says=says)


@action(
    "github.resolve_secret_alert",
    effect=Effect.WRITES,
    output=ScanningAlert,
    source="GitHub REST API, PATCH /repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}",
)
class ResolveSecretAlert(_OnAlert):
    """Close an alert; as revoked only when the secret is known to be refused.

    Attributes:
        refused: What an earlier step found when it tried the secret.
        resolution: ``revoked``, ``false_positive``, ``wont_fix`` or ``used_in_tests``.
    """

    refused: bool
    resolution: str = "revoked"

    def __post_init__(self) -> None:
        _OnAlert.__post_init__(self)
        if self.resolution not in _RESOLUTIONS:
            raise ArgumentError(f"resolution must be one of {', '.join(_RESOLUTIONS)}")

    def run(self, me: Me) -> Script[ScanningAlert]:
        seen = yield from self.seen(me)
        if seen.state == "resolved":
            return Done(seen, says=f"the alert {self.number} is closed as {seen.resolution}")
        if self.resolution == "revoked" and not self.refused:
            raise GuardRefusedError(
                f"the secret of alert {self.number} is not known to be refused",
                why="a closed alert tells everybody that nothing is left to do",
                do="revoke it and see it refused, then close the alert",
            )
        comment = f"{me.runbook or 'respond'} {me.run}"[:_COMMENT_MAX]
        back = Undo(
            "github.reopen_secret_alert",
            {"repository": self.repository, "number": self.number},
        )
        yield from self.brings(me, seen, "resolved", self.resolution, back, comment)
        after = replace(seen, state="resolved", resolution=self.resolution)
        return Done(after, says=f"the alert {self.number} is closed as {self.resolution}")


@action(
    "github.reopen_secret_alert",
    effect=Effect.WRITES,
    output=ScanningAlert,
    source="GitHub REST API, PATCH /repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}",
)
class ReopenSecretAlert(_OnAlert):
    """Open an alert again."""

    def run(self, me: Me) -> Script[ScanningAlert]:
        seen = yield from self.seen(me)
        if seen.state == "resolved":
            back = {
                "repository": self.repository,
                "number": self.number,
                "refused": True,
                "resolution": seen.resolution or "revoked",
            }
            undo = Undo("github.resolve_secret_alert", back)
            yield from self.brings(me, seen, "open", "", undo, "")
        after = replace(seen, state="open", resolution="")
        return Done(after, says=f"the alert {self.number} is open")


ACTIONS: tuple[type, ...] = (GetSecretAlert, ResolveSecretAlert, ReopenSecretAlert)
