"""Find out whether a person reads what comes to an address.

What somebody read out of a mailbox, they have read: a code that was drawn for one mail, and that
nobody here sees.
"""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime
from typing import Final

from respond.core.records import Frozen
from respond.core.review_policy import FACTS
from respond.core.script import (
    STEERS,
    Becomes,
    Done,
    Effect,
    Me,
    Person,
    Proof,
    Script,
    Subject,
    Write,
    action,
)
from respond.core.showable import showable_host
from respond.core.values import Late, SecretHandle
from respond.errors import StepFailedError
from respond.systems.arguments import one_of
from respond.systems.email.letter import check_address, mail
from respond.systems.people.recipients import refuse_kept_out

__all__ = ["ACTIONS", "CodeSent", "HearCode", "Heard", "ProveReader", "ReaderProved", "SendCode"]

_TITLE: Final = "Does a person read this mailbox?"
_LETTER: Final = """\
Your company wants to know whether a person reads what comes to this address.

Somebody of your company calls whoever should read it, on a number that they know already. Read the
eight digits below out to them, and to nobody else. Do not answer this mail, and do not forward it.
If nobody calls, there is nothing to do.
"""


class CodeSent(Frozen):
    """A code is on its way to a mailbox.

    Attributes:
        code: It is kept for the comparison alone.
    """

    address: str
    code: SecretHandle


class Heard(Frozen):
    """Whether what somebody read out is the code that was sent."""

    same: bool | Late


class ReaderProved(Frozen):
    """A person reads what comes to this address."""

    address: str | Late


@action(
    "email.send_code",
    effect=Effect.WRITES,
    output=CodeSent,
    source="RFC 5321 (SMTP); RFC 5322, section 3.6.4 (Message-ID)",
)
class SendCode(Frozen):
    """Send a code of eight digits to one address; it stands in that mail and nowhere else.

    It is drawn when the mail leaves, and nobody here sees it. If the server's answer is lost, so is
    the code: the step fails, and a new run draws another one.

    Attributes:
        to: A plain address.
    """

    to: str = field(metadata=STEERS)

    def __post_init__(self) -> None:
        check_address("to", self.to)

    def run(self, me: Me) -> Script[CodeSent]:
        refuse_kept_out(me, self.to)
        code = me.handle("code")
        thing: Subject[None] = Subject(f"{me.connection.name}/mail/{me.run}/{me.step}", 0)
        answer = yield from mail(
            me.connection,
            me,
            subject_line=_TITLE,
            text=_LETTER,
            to=(self.to,),
            things=(thing,),
            code=code,
        )
        if answer is None:
            raise StepFailedError(
                "nobody knows which code was sent",
                why="the mail server's answer was lost, and the code with it",
                do="begin again with a new run; the old mail proves nothing any more",
            )
        return Done(
            CodeSent(self.to, code), says=f"the mail server took it for {showable_host(self.to)}"
        )


@action(
    "email.hear_code",
    effect=Effect.WRITES,
    output=Heard,
    source="no vendor: a person's own work",
    person="only who reads that mailbox knows the code",
)
class HearCode(Frozen):
    """Ask a person for the code that whoever reads a mailbox has read out to them.

    One try. What was typed is held against the code by keyed digest, and shown nowhere; that it is
    another one is no failure of the step.

    Attributes:
        address: Where the code was sent.
        code: What ``email.send_code`` has kept.
    """

    address: str
    code: SecretHandle

    def __post_init__(self) -> None:
        check_address("address", self.address)

    def run(self, me: Me) -> Script[Heard]:
        typed = me.handle("typed")
        thing: Subject[None] = Subject(f"{me.connection.name}/heard/{me.run}/{me.step}", 0)
        shown = showable_host(self.address)
        yield Write(
            says=f"hear the code from whoever reads {shown}",
            verb="hear",
            target=me.step,
            where="by telephone",
            effect=Effect.WRITES,
            hands=Person(
                steps=(
                    f"Call whoever should read {shown}, on a number that no mail told you.",
                    f"Ask for the eight digits in the mail {_TITLE!r}. Read nothing out yourself.",
                    "Type them when you are asked, without blanks: they are compared, not shown.",
                ),
                link="",
                look_for="they have read eight digits out to you",
                task="email.read_code",
                about={"address": self.address},
                answer=True,
                keep=typed.name,
            ),
            before={"heard": False},
            after={"heard": True},
            becomes=(Becomes(thing, lambda seen: seen),),
            foretold=True,
            proof=Proof.WORD,
        )
        if not typed.digest:  # Nobody has typed anything: it is planned.
            return Done(Heard(Late(me.step, "same")))
        same = typed.digest == self.code.digest
        says = "is the code" if same else "is not the code"
        return Done(Heard(same), says=f"what was read out {says} that was sent to {shown}")


@action(
    "email.prove_reader",
    effect=Effect.READS,
    output=ReaderProved,
    source="no vendor: the run's own journal",
)
class ProveReader(Frozen):
    """Hold what was typed in this run against the code that was sent; fails where it never was it.

    What is proved comes with the entry for ``respond.toml`` that reviews ask for.

    Attributes:
        address: Where the code was sent.
        code: What ``email.send_code`` has kept.
        fact: What is proved by it: the name of an ``[[attested]]``.
    """

    address: str
    code: SecretHandle
    fact: str

    def __post_init__(self) -> None:
        check_address("address", self.address)
        one_of("fact", self.fact, FACTS)

    def run(self, me: Me) -> Script[ReaderProved]:
        yield from ()
        shown, code = showable_host(self.address), self.code
        if not code.digest:  # Nothing was sent: it is planned.
            return Done(ReaderProved(Late(me.step, "address")))
        if code.digest not in {one.digest for one in me.held.values() if one.name != code.name}:
            raise StepFailedError(
                f"not proved: nobody has read the code out of {shown}",
                do="set an address that somebody reads, and prove that one with a new run",
            )
        day = datetime.fromtimestamp(me.now, UTC).date().isoformat()
        entry = f'[[attested]] fact = "{self.fact}", by = "{me.operator}", on = "{day}"'
        return Done(
            ReaderProved(self.address),
            says=f"proved: a person reads {shown}",
            findings=(f"for respond.toml: {entry}",),
        )


ACTIONS: tuple[type, ...] = (SendCode, HearCode, ProveReader)
