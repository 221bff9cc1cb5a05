"""People at work: what is asked of them, told to them, and mailed to them. No vendor has it."""

from __future__ import annotations

from respond.company.examples import Example, of_pagerduty, of_slack

HOSTS = {**of_slack.HOSTS, **of_pagerduty.HOSTS}

_LEGAL = "legal@example.com"
_SENT = {"sent": ("email.send_code", {"to": _LEGAL})}
_OF_THE_CODE = {"address": _LEGAL, "code": "${{ sent.code }}"}

EXAMPLES = (
    Example("human.do", {"instructions": "Restart billing.", "look_for": "Billing works again."}),
    Example(
        "email.send",
        {"to": ["ana@example.com"], "subject": "The key is contained", "text": "All is well."},
    ),
    Example("email.send_code", {"to": _LEGAL}),
    Example("email.hear_code", _OF_THE_CODE, earlier=_SENT),
    Example(
        "email.prove_reader",
        {**_OF_THE_CODE, "fact": "legal-contact"},
        earlier={**_SENT, "heard": ("email.hear_code", _OF_THE_CODE)},
    ),
    Example("notify.persons", {"message": "incident-opened", "role": "admin"}),
    Example("notify.persons", {"message": "incident-opened", "role": "admin", "page": True}),
    Example(
        "notify.persons",
        {"message": "incident-opened", "role": "admin", "channels": ["email"]},
    ),
)
