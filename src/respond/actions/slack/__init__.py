"""Tell people in Slack, and open a room for an incident.

Not here: taking access away. The credential that talks must not hold administrator rights, and
``docs`` says which scopes it needs.
"""

from respond.actions.slack.people import FindPerson, Found, find, find_by_id, ourselves
from respond.actions.slack.posting import (
    Button,
    ChannelId,
    DirectMessage,
    Posted,
    PostMessage,
    Seen,
    dm_read,
    post,
)
from respond.actions.slack.rooms import (
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
