"""Who there is in Example Co, and what its story tells whichever systems it has.

Every value is made up and the same in every run. What each system adds stands in its own module.
"""

from __future__ import annotations

from respond.company.exchange import Json

DAY_S = 86_400

OPERATOR = "dana@example.com"
ADMINS = ("ana@example.com", "ben@example.com")
LOST_2FA = "jean@example.com"
COMPROMISED = "mallory@example.com"
INVITED = "kim@example.com"
PEOPLE = (OPERATOR, *ADMINS, LOST_2FA, COMPROMISED, INVITED)

# The leak happened so many days before the company was made.
FACTS: Json = {
    "company": "Example Co",
    "leaked_days_ago": 3,
    "operator": OPERATOR,
    "admins": ADMINS,
    "lost_2fa": LOST_2FA,
    "compromised": COMPROMISED,
    "invited": INVITED,
    # What signs its people in; the others that stand there may be tried instead.
    "directories": ["okta"],
}
