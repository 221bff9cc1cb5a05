"""Tell people in Slack, and open a room for an incident.

Not here: taking access away. The credential that talks must not hold administrator rights, and
``docs`` says which scopes it needs.
"""

from respond.systems.slack.accounts import FindPerson, Found, find, find_by_id, ourselves
from respond.systems.slack.posting import (
    Button,
    ChannelId,
    DirectMessage,
    Posted,
    PostMessage,
    Seen,
    dm_read,
    post,
)
from respond.systems.slack.rooms import (
    Archived,
    ArchiveIncidentChannel,
    Channel,
    GatherPeople,
    OpenIncidentChannel,
)

__all__ = [
    "ACTIONS",
    "ArchiveIncidentChannel",
    "Archived",
    "Button",
    "Channel",
    "ChannelId",
    "DirectMessage",
    "FindPerson",
    "Found",
    "GatherPeople",
    "OpenIncidentChannel",
    "PostMessage",
    "Posted",
    "Seen",
    "dm_read",
    "find",
    "find_by_id",
    "ourselves",
    "post",
]

ACTIONS: tuple[type, ...] = (
    FindPerson,
    PostMessage,
    DirectMessage,
    OpenIncidentChannel,
    GatherPeople,
    ArchiveIncidentChannel,
)
