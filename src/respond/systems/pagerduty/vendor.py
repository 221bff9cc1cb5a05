"""PagerDuty, as the rest of the tool needs to know it.

Source: REST API v2 and Events API v2 references; rights and paging, the REST API overview.
"""

from __future__ import annotations

from typing import Final

from respond.systems.rest import by_offset
from respond.systems.vendor import (
    EVERY_SURFACE,
    Ask,
    OwnKey,
    Probed,
    Probing,
    Reaches,
    Right,
    Scheme,
    SentAs,
    Vendor,
    Verdict,
    Waits,
    tried,
)

__all__ = ["A_PAGE", "VENDOR"]

A_PAGE: Final = 100

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
        Verdict.ACCEPTED,
        account=opened.account,
        identity=sender,
        region=opened.region or VENDOR.region,
        rights=tuple(tried(opened, right) for right in _RIGHTS),
        notes=tuple(notes),
        date=reply.headers.get("date", ""),
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
    waits=Waits(seconds=("retry-after", "ratelimit-reset")),
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
    snippet="""\
[connections.{name}]
system = "pagerduty"
region = "us" # us or eu
options = {{ from = "you@example.com" }}
""",
    nicknames=("pager", "pd"),
    person_id=OwnKey("a PagerDuty user id", "[A-Z0-9]{3,20}", "PagerDuty user id."),
    notify_keys={
        "pagerduty_service": OwnKey(
            "a PagerDuty service id", "[A-Z0-9]{3,20}", "Service whose on-call person is paged."
        )
    },
    channel="respond.systems.pagerduty.channel",
    reaches=Reaches.ON_CALL,
    simulated="respond.company.pagerduty",
)
