"""What somebody who should not have been there could see, as far as a system tells.

Review actions say it (``Done.exposures``), each what it looked at; ``core/exposed.py`` puts what
the steps of a run say together. Words are the system's; nothing here judges anything.
"""

from __future__ import annotations

from respond.core.records import Frozen

__all__ = ["ExposedPlace", "Exposure", "TakenData"]


class ExposedPlace(Frozen):
    """A part of a system that stood open.

    Attributes:
        name: As people call it: ``Production``.
        might: What could be seen or done there: ``all people and their attributes``.
    """

    name: str
    might: str


class TakenData(Frozen):
    """A file that somebody made, or a stream that somebody turned on.

    Attributes:
        what: ``25666 customers``.
        at: When, RFC 3339; empty where the system does not say.
        by: Who, as the system names them.
        downloads: How often it was fetched; None where nobody counts that.
    """

    what: str
    place: str = ""
    at: str = ""
    by: str = ""
    downloads: int | None = None


class Exposure(Frozen):
    """What one look says.

    Attributes:
        system: With its account: ``Customer.io Example Co (48213)``.
        who: What opened it: an account's address, a key's name; empty for a look at all.
        since, until: First and last sign of them, RFC 3339; empty where the look shows none.
        unknown: What this system tells nobody, each a sentence without its full stop.
        unseen: What it tells others and not us, each as a finding has it.
    """

    system: str
    who: str = ""
    places: tuple[ExposedPlace, ...] = ()
    taken: tuple[TakenData, ...] = ()
    since: str = ""
    until: str = ""
    unknown: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
