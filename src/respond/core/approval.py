"""Say what people are asked to agree to, who may decide, and what their answers come to.

``refusal`` is the one function that decides who may: terminal, signed file, page and chat all come
through it, when an answer comes in and again when it is counted (P11). No I/O, no clock: whoever
asks brings the time.

What is asked for is bound to a digest (P10): of the canonical plan, or, for what was known only
later or has drifted, of the writes of one step. Answers carry the request's nonce and are used
once; a request that has run out is dead, whatever a clock says later (P16).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from respond.core.events import Actor, Strength
from respond.core.plan import digest_of
from respond.core.policy import Chat
from respond.core.read_back import read
from respond.core.records import Frozen, replace
from respond.core.script import PersonRecord
from respond.core.shapes import encode

__all__ = [
    "NAMESPACE",
    "Moment",
    "People",
    "Request",
    "Standing",
    "Verdict",
    "Vote",
    "able",
    "account",
    "agreed",
    "answer_text",
    "disproved",
    "expired",
    "is_denied",
    "outsider",
    "person_for",
    "proved_by",
    "read_answer",
    "refusal",
    "silenced",
    "standing",
    "step_digest",
    "void",
    "voids",
]

NAMESPACE: Final = "approval@respond"
"""The namespace of our SSH signatures: one made for git or for a file counts for nothing here."""

_FIRST_LINE: Final = "respond approval v1"
_ORDER: Final = (Strength.CLAIMED, Strength.CHAT, Strength.SIGNED_ON, Strength.KEY)


class Verdict(Enum):
    """What a person can answer. ALONE and START are said by the operator at the terminal."""

    APPROVE = "approve"
    DENY = "deny"
    START = "start"
    ALONE = "alone"
    REVIEW = "review"


class Moment(Frozen):
    """A time by both clocks; ``mono_ms`` counts only within one ``boot``."""

    wall_ms: int
    mono_ms: int
    boot: str


class Request(Frozen):
    """An ``approval-asked`` record: what people are asked to agree to.

    Attributes:
        nonce: Of this request; an answer to another one counts for nothing.
        digest: Of the canonical plan, or of the writes of one step.
        step: Address of that step; empty for the whole plan.
        writes: Keys of the writes that a yes covers.
        count: How many different persons have to say yes.
        roles: Each of them has to have all of these.
        destroys: A write of it is destructive: only *key* or *signed on* counts.
        initiator: Id of whoever began the run: a person, or ``hook/SOURCE``.
        suspects: Accounts under suspicion in this incident.
        also: Whoever else had a hand in it: who started it, who carries it on. None may agree.
        subject: Whom the incident is about, as the run's input names them.
        within_s: For how long it is open, in seconds from ``asked``.
        anchor: ``journal size head`` when it was asked.
        shown: Digest of what people are shown, to the last word.
        shows: A step's writes in words, where the plan does not show them.
        anew: Why it is asked once more, and whose yes is void by that; empty the first time.
    """

    nonce: str
    run: str
    digest: str
    step: str
    writes: tuple[str, ...]
    count: int
    roles: frozenset[str]
    destroys: bool
    initiator: str
    subject: str
    asked: Moment
    within_s: int
    anchor: str
    also: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    shown: str = ""
    shows: tuple[Mapping[str, Any], ...] = ()
    anew: str = ""

    @property
    def expires_ms(self) -> int:
        return self.asked.wall_ms + self.within_s * 1000

    def as_json(self) -> dict[str, Any]:
        """As the journal and a request file carry it."""
        data = {**encode(self), "roles": sorted(self.roles)}
        if not self.anew:
            del data["anew"]  # People have signed requests of before it, and sign the same today.
        names = {"step": "at_step"}  # ``step`` and ``run`` of an event are its own.
        return {names.get(name, name): each for name, each in data.items() if name != "run"}

    @classmethod
    def from_json(cls, run: str, data: Mapping[str, Any]) -> Request:
        """Back from the journal or from a request file.

        Raises:
            KeyError, TypeError, ValueError: It is no such record.
        """
        return read(cls, {**data, "run": run, "step": data["at_step"]})


class Vote(Frozen):
    """An ``approved`` or ``denied`` record.

    Attributes:
        who: Person and strength, as the entry proved them.
        channel: ``terminal``, ``file``, ``page`` or ``chat``.
        at: RFC 3339, when it was recorded.
        proof: What proved who it was: the fingerprint of a key, or an account.
    """

    nonce: str
    verdict: Verdict
    who: Actor
    channel: str
    at: str
    reason: str = ""
    proof: str = ""


class People(Frozen):
    """Everybody who can be asked, and what policy says of the channels.

    Attributes:
        suspects: Ids or addresses of accounts that are under suspicion.
        approver: Role of those who decide more than facts.
        proofs: Fingerprints of the SSH keys of each person, and the account they sign on with;
            who has neither is not in it.
    """

    persons: tuple[PersonRecord, ...] = ()
    suspects: tuple[str, ...] = ()
    chat: Chat = Chat.NEVER
    approver: str = "approver"
    proofs: Mapping[str, frozenset[str]] = {}

    def suspecting(self, accounts: Iterable[str]) -> People:
        """The same people, with what one run suspects."""
        return replace(self, suspects=(*self.suspects, *accounts))


class Standing(Enum):
    """What a request has come to."""

    OPEN = "open"
    AGREED = "agreed"
    DENIED = "denied"
    EXPIRED = "expired"
    VOID = "void"


# --- who may ------------------------------------------------------------------------------------


def person_for(persons: Iterable[PersonRecord], name: str) -> PersonRecord | None:
    """The person that an id, an e-mail address or a login stands for, in any case."""
    wanted = name.strip().casefold()
    if not wanted:
        return None
    for person in persons:
        if wanted in _names(person):
            return person
    return None


def _names(person: PersonRecord) -> frozenset[str]:
    """Everything that this person is called by; one person, one set."""
    given = (person.id, *person.emails, *person.logins, *person.accounts.values())
    return frozenset(name.strip().casefold() for name in given if name.strip())


def refusal(request: Request, who: Actor, verdict: Verdict, people: People) -> str:
    """Why this person may not give this answer; empty when they may.

    The initiator may not approve, by no other name either, and may deny: that is stopping their
    own run. The subject of the incident and suspects may do neither.
    """
    person = next((each for each in people.persons if each.id == who.id), None)
    why = outsider(person, who.id, request.subject, people.suspecting(request.suspects))
    if person is None or why:
        return why
    began = {name.strip().casefold() for name in (request.initiator, *request.also)}
    is_initiator = bool(began & _names(person))
    if is_initiator and verdict in (Verdict.APPROVE, Verdict.REVIEW):
        return "they began the run, and somebody else has to"
    lacking = sorted(request.roles - set(person.roles))
    if lacking and not is_initiator:
        return f"they do not have the role {' and '.join(lacking)}"
    if who.strength not in _ORDER:
        return "a machine agrees to nothing"
    if who.strength is Strength.CHAT and not people.chat.covers(destroys=request.destroys):
        return "policy does not let chat decide this"
    if request.destroys and who.strength not in (Strength.KEY, Strength.SIGNED_ON, Strength.CHAT):
        return "their name is only claimed, and what destroys needs a key or a sign-on"
    return ""


def outsider(person: PersonRecord | None, name: str, subject: str, people: People) -> str:
    """Why this person may have no part in a run at all; empty when they may."""
    if person is None:
        return f"{name} stands in no [[person]] of respond.toml"
    names = _names(person)
    if subject.strip().casefold() in names:
        return "the incident is about them"
    if any(suspect.strip().casefold() in names for suspect in people.suspects):
        return "they are under suspicion in this incident"
    return ""


def silenced(who: Actor, people: People, subject: str, *, decides: bool) -> str:
    """Why this person may not answer what a run is parked for; empty when they may.

    Args:
        decides: It is more than a fact: it says what goes on.
    """
    person = next((each for each in people.persons if each.id == who.id), None)
    why = outsider(person, who.id, subject, people)
    if not why and decides and person is not None and people.approver not in person.roles:
        why = f"it decides what goes on: the role {people.approver} is needed"
    return why


def account(place: str, name: str) -> str:
    """How a proof names an account: of an issuer, or of a system."""
    return f"{place} {name}"


def proved_by(proof: Mapping[str, str]) -> str:
    """What a recorded proof names: the fingerprint of a key, or an account."""
    return proof.get("key") or proof.get("account", "")


def disproved(who: str, proof: str, people: People) -> str:
    """Why what once proved that it was this person proves it no more; empty when it does."""
    person = next((each for each in people.persons if each.id == who), None)
    chats = {account(*each) for each in person.accounts.items()} if person is not None else set()
    if proof in people.proofs.get(who, frozenset()) | chats:
        return ""
    what = "key" if proof.startswith("SHA256:") else "account"
    return f"the {what} that proved it is not theirs in respond.toml any more"


def void(request: Request, vote: Vote, people: People) -> str:
    """Why a recorded answer does not count now; empty when it does.

    A yes needs what proved it to be that person's today. A no does not: nothing is done by it.
    """
    why = refusal(request, vote.who, vote.verdict, people)
    if why or vote.verdict is Verdict.DENY:
        return why
    return disproved(vote.who.id, vote.proof, people)


def agreed(request: Request, votes: Iterable[Vote], people: People) -> frozenset[str]:
    """Who has said a yes to this request that counts now."""
    return frozenset(who for who, why in _yeses(request, votes, people) if not why)


def voids(request: Request, votes: Iterable[Vote], people: People) -> Mapping[str, str]:
    """Whose yes to this request does not count any more, and why."""
    found = list(_yeses(request, votes, people))
    counts = {who for who, why in found if not why}
    return {who: why for who, why in found if why and who not in counts}


def _yeses(request: Request, votes: Iterable[Vote], people: People) -> Iterator[tuple[str, str]]:
    for vote in votes:
        if vote.nonce == request.nonce and vote.verdict is Verdict.APPROVE:
            yield vote.who.id, void(request, vote, people)


def able(request: Request, people: People) -> tuple[PersonRecord, ...]:
    """Who could approve this: everybody whom ``refusal`` would let, with the best they have."""
    found = []
    for person in people.persons:
        chat = person.clicks and people.chat.covers(destroys=request.destroys)
        if person.id not in people.proofs and not chat:
            continue  # No door takes a bare name.
        best = Strength.KEY if person.id in people.proofs else Strength.CHAT
        if not refusal(request, Actor(person.id, best), Verdict.APPROVE, people):
            found.append(person)
    return tuple(found)


# --- what the answers come to -------------------------------------------------------------------


def expired(request: Request, now: Moment, *, highest_ms: int = 0) -> bool:
    """Whether the time is over, by whichever clock says so first (P16).

    Args:
        highest_ms: The latest wall time that any record of the journal carries.
    """
    passed = max(now.wall_ms, highest_ms) - request.asked.wall_ms
    if now.boot == request.asked.boot:
        passed = max(passed, now.mono_ms - request.asked.mono_ms)
    return passed >= request.within_s * 1000


def is_denied(request: Request, votes: Iterable[Vote], people: People) -> bool:
    """Whether somebody who may has said no to it."""
    return any(
        vote.nonce == request.nonce
        and vote.verdict is Verdict.DENY
        and not void(request, vote, people)
        for vote in votes
    )


def standing(
    request: Request, votes: Sequence[Vote], people: People, now: Moment, *, highest_ms: int = 0
) -> Standing:
    """What a request has come to: one no decides, and each person counts once.

    A vote counts when ``void`` lets it now: not that of somebody taken out since, nor one that a
    key proved which is not theirs any more. Where such a yes is missed, people are asked anew.
    """
    if is_denied(request, votes, people):
        return Standing.DENIED
    if expired(request, now, highest_ms=highest_ms):
        return Standing.EXPIRED
    if len(agreed(request, votes, people)) >= request.count:
        return Standing.AGREED
    return Standing.VOID if voids(request, votes, people) else Standing.OPEN


def step_digest(plan_digest: str, step: str, writes: Sequence[str]) -> str:
    """What an approval of one step's writes is bound to."""
    return digest_of({"plan": plan_digest, "step": step, "writes": sorted(writes)})


# --- what is signed -----------------------------------------------------------------------------


def answer_text(request: Request, person: str, verdict: Verdict) -> str:
    """The text that a person signs: a line for each thing, in this order, ending in a newline."""
    return "\n".join(
        (
            _FIRST_LINE,
            f"journal {request.anchor}",
            f"run {request.run}",
            f"digest {request.digest}",
            f"request {digest_of(request.as_json())}",
            f"step {request.step or '-'}",
            f"decision {verdict.value}",
            f"person {person}",
            f"expires {request.expires_ms}",
            f"nonce {request.nonce}",
            "",
        )
    )


def read_answer(text: str) -> tuple[str, str, Verdict] | None:
    """Run, person and verdict that a text of ``answer_text`` names; None when it is none.

    Only to find out which request it answers: what counts is that the whole text is equal to the
    one made anew from the journal's own request.
    """
    lines = [line.partition(" ") for line in text.split("\n")]
    if text.split("\n", 1)[0] != _FIRST_LINE:
        return None
    named = {word: rest for word, _, rest in lines[1:]}
    try:
        return named["run"], named["person"], Verdict(named["decision"])
    except (KeyError, ValueError):
        return None
