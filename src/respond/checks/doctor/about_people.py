"""Who can be told, who could agree, and whose emergency entry nobody has reviewed?"""

from __future__ import annotations

import shutil

from respond.checks.doctor.looking import Bears, Doctor, Findings, FoundTrouble
from respond.people.readiness import gaps, unusable_keys
from respond.systems import channels
from respond.systems.vendor import Reaches

__all__ = ["approvals", "person_keys", "persons", "unreviewed"]


def persons(at: Doctor) -> Findings:
    """Whether somebody else can be told, and everybody reached."""
    records = at.project.records
    others = [each for each in records if "admin" in each.roles and each.id != at.operator]
    if others:
        at.well.append(f"{len(others)} other administrators can be told")
    else:
        yield FoundTrouble(
            "persons/nobody-else",
            "nobody but you has the role admin in [[person]]",
            "nobody else is told, and nobody else could go on when you cannot",
            'add a [[person]] with roles = ["admin"] to respond.toml',
            runbooks=at.every,
        )
    chats = channels(Reaches.EACH)
    for each in records:
        if not each.emails and not chats.keys() & each.accounts.keys():
            ids = " or ".join(f"{chat.title} id" for chat in chats.values())
            yield FoundTrouble(
                "persons/unreachable",
                f"{each.id} has neither e-mail nor {ids}",
                "they cannot be told",
                f'add emails = ["..."] to the [[person]] {each.id}',
                runbooks=at.every,
            )


def person_keys(at: Doctor) -> Findings:
    """Keys of people that prove nothing, and what signs here."""
    for person in at.project.persons:
        own = person.record.id
        for key, why in unusable_keys(person):
            yield FoundTrouble(
                "persons/bad-key",
                f"a key of {own} proves nothing: {key}",
                why,
                f"put the line of their .pub file into ssh_keys of the [[person]] {own}: ed25519, "
                "ECDSA, RSA from 2048 bits, or a security key",
                runbooks=at.every,
            )
    if at.project.person_keys and shutil.which("ssh-keygen") is None:
        yield FoundTrouble(
            "persons/no-ssh-keygen",
            "there is no ssh-keygen on this machine",
            "nobody can sign an approval here, or go alone in an emergency",
            "install OpenSSH 8.2 or later",
            runbooks=at.every,
        )


def approvals(at: Doctor) -> Findings:
    """Nights on which too few could agree."""
    found = gaps(at.project, at.runbooks)
    for gap in found:
        yield FoundTrouble(
            "approvals/nobody-could", gap.what, gap.why, gap.do, Bears.STOPS, gap.runbooks
        )
    if not found and at.project.people.proofs:
        at.well.append("enough people could agree, whoever is missing")


def unreviewed(at: Doctor) -> Findings:
    """Emergency entries that nobody else has looked at."""
    for run, person in at.journal.alone.items():
        yield FoundTrouble(
            "approvals/unreviewed",
            f"{person} went alone in run {run}, and nobody has reviewed it",
            "an emergency entry stays open until somebody else has looked at it",
            f"somebody else than {person}: respond audit review {run} --words 'what you found'",
        )
