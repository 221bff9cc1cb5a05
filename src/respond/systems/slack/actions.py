"""Tell people in Slack, and open a room for an incident.

Not here: taking access away. The credential that talks must not hold administrator rights, and
``docs`` says which scopes it needs.
"""

from respond.systems.slack.accounts import FindPerson
from respond.systems.slack.posting import DirectMessage, PostMessage
from respond.systems.slack.rooms import ArchiveIncidentChannel, GatherPeople, OpenIncidentChannel

__all__ = ["ACTIONS"]

ACTIONS: tuple[type, ...] = (
    FindPerson,
    PostMessage,
    DirectMessage,
    OpenIncidentChannel,
    GatherPeople,
    ArchiveIncidentChannel,
)
