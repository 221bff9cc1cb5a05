"""PagerDuty, as the rest of the tool needs to know it.

Source: REST API v2 and Events API v2 references; rights and paging, the REST API overview.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from respond.errors import StepFailedError
from respond.systems.rest import by_offset, dig
from respond.systems.vendor import (
    EVERY_SURFACE,
    Ask,
    CredentialVerdict,
    OwnKey,
    Probed,
    Probing,
    Reaches,
    Right,
    Scheme,
    SentAs,
    Trouble,
    Vendor,
    text_in,
    tried,
)

__all__ = ["ALREADY", "A_PAGE", "VENDOR"]

A_PAGE: Final = 100
ALREADY: Final = {1001: "resolved", 1002: "acknowledged"}
"""Error codes of a 400 that say: it is so already. Source: REST API overview, "Errors"."""

# Version 2 is asked for by media type.
_ACCEPT: Final = (("Accept", "application/vnd.pagerduty+json;version=2"),)
# A general access key acts for the account: a write needs the address of a valid user.
_FROM: Final = (("from", "From"),)
_EVENTS: Final = Scheme(SentAs.BODY, "/events")

_RIGHTS: Final = (
    Right(
        "see incidents",
        "read access to incidents",
        frozenset(
            {
                "pagerduty.find_incident", "pagerduty.get_context", "pagerduty.note",
                "pagerduty.set_status",
            }
        ),
        Ask("rest", ("incidents",), {"limit": "1"}),
    ),
    Right(
        "see who is on call",
        "read access to schedules and escalation policies",
        frozenset({"pagerduty.who_is_on_call"}),
        Ask("rest", ("oncalls",), {"limit": "1"}),
    ),
)  # fmt: skip


def _probe(opened: Probing) -> Probed:
    reply = opened.fetch("rest", "abilities")
    sender = str(opened.options.get("from") or "")
    notes = ["whether the key may write is seen only when it writes"]
    if not sender:
        notes.append(
            'a general access key cannot write without options = { from = "A USER\'S E-MAIL" }'
        )
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=opened.account,
        identity=sender,
        region=opened.region or VENDOR.region,
        rights=tuple(tried(opened, right) for right in _RIGHTS),
        notes=tuple(notes),
        date=reply.headers.get("date", ""),
    )


def _webhooks(opened: Probing, sources: Sequence[str]) -> Iterator[Trouble]:
    """Whether it still sends: after three refusals it says nothing for a day."""
    try:
        reply = opened.fetch("rest", "webhook_subscriptions", query={"limit": "100"})
    except StepFailedError as error:
        yield Trouble(
            "subscriptions-unreadable",
            f"whether PagerDuty sends its webhooks could not be looked at: {error.what}",
            "it stops for a day after three refusals, and does not say so",
            f"let the key of {opened.name} read webhook subscriptions (webhook_subscriptions.read)",
        )
        return
    for source in sources:
        yield from _of_source(source, reply.body)


def _of_source(source: str, body: Any) -> Iterator[Trouble]:
    listed = dig(body, "webhook_subscriptions")
    rows = [
        row
        for row in (listed if isinstance(listed, list) else ())
        if str(dig(row, "delivery_method.url") or "").endswith(f"/hooks/{source}")
    ]
    for row in rows:
        disabled = dig(row, "delivery_method.temporarily_disabled") is True
        if disabled or dig(row, "active") is False:
            number = text_in(row, "id")
            yield Trouble(
                "switched-off",
                f"PagerDuty has switched off the webhook subscription {number} of {source}"
                + (" for a day" if disabled else ""),
                "no event comes, and those of that time are thrown away",
                f"enable it there (POST /webhook_subscriptions/{number}/enable), and look at the "
                "incidents that are open",
            )
    if not rows and dig(body, "more") is not True:
        yield Trouble(
            "no-subscription",
            f"no webhook subscription of PagerDuty leads to /hooks/{source}",
            "no event comes",
            f"make one; respond connect {source} says its address",
        )


VENDOR: Final = Vendor(
    name="pagerduty",
    title="PagerDuty",
    hosts={
        "us": {"rest": "https://api.pagerduty.com", "events": "https://events.pagerduty.com"},
        "eu": {"rest": "https://api.eu.pagerduty.com", "events": "https://events.eu.pagerduty.com"},
    },
    region="us",
    pages=by_offset(A_PAGE),
    settle_s=10,
    schemes={
        EVERY_SURFACE: Scheme(
            SentAs.HEADER, before="Token token=", always=_ACCEPT, from_options_on_write=_FROM
        ),
        "events": _EVENTS,
    },
    variants={
        "pagerduty-oauth": {
            EVERY_SURFACE: Scheme(SentAs.HEADER, always=_ACCEPT, from_options_on_write=_FROM),
            "events": _EVENTS,
        }
    },
    further={"events": "integration key of Events API v2: paging"},
    probes={
        "": _probe,
        "events": "an integration key can only send events, and each would page somebody",
    },
    webhooks=_webhooks,
    snippet="""\
[connections.{name}]
system = "pagerduty"
region = "us" # us or eu
options = {{ from = "you@example.com" }}
""",
    nicknames=("pager", "pd"),
    person_id=OwnKey("a PagerDuty user id", "[A-Z0-9]{3,20}", "PagerDuty user id."),
    channel="respond.systems.pagerduty.channel",
    reaches=Reaches.ON_CALL,
    simulated="respond.company.pagerduty",
)
