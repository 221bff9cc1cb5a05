"""Say who may be told about an incident, and who must not learn of it.

The subject of an incident and its suspects get no notice, on no channel and under none of their
addresses (a warned attacker acts). Every action that sends words to people asks here.
"""

from __future__ import annotations

from collections.abc import Iterable

from respond.core.script import Me, PersonRecord
from respond.core.showable import showable_host
from respond.systems.guards import GuardRefusedError

__all__ = ["kept_out", "person_of", "refuse_kept_out", "same_address"]


def same_address(one: str, other: str) -> bool:
    """Whether two e-mail addresses are one: upper and lower case do not matter."""
    return one.strip().casefold() == other.strip().casefold()


def person_of(me: Me, address: str) -> PersonRecord | None:
    """The configured person with this id or one of these addresses."""
    for person in me.persons:
        if person.id == address or any(same_address(email, address) for email in person.emails):
            return person
    return None


def kept_out(me: Me, addresses: Iterable[str]) -> str:
    """Why nobody behind these addresses may be told, or empty when they may.

    One address of a configured person stands for all of them: whoever is the subject at work is
    not told at home.
    """
    known = {address.strip().casefold() for address in addresses if address.strip()}
    for address in tuple(known):
        person = person_of(me, address)
        if person is not None:
            known.update(email.strip().casefold() for email in person.emails)
            known.add(person.id.casefold())
    if me.subject.strip().casefold() in known:
        return "the incident is about them"
    if any(suspect.strip().casefold() in known for suspect in me.suspects):
        return "under suspicion in this incident"
    return ""


def refuse_kept_out(me: Me, email: str) -> None:
    """Stop the step if this address must not learn of the incident.

    Raises:
        GuardRefusedError: It is the subject's or a suspect's.
    """
    if why := kept_out(me, (email,)):
        raise GuardRefusedError(
            f"{showable_host(email)} must not be told",
            why=why,
            do="tell somebody else; the configured persons are in respond.toml",
        )
