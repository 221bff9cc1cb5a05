"""What a run is going to do: every step with its values, what was seen, and the writes.

A plan is data. It is made by looking (``respond.engine.walk_plan``), shown by ``views/``, recorded
in the journal, and compared with before each write. Its digest is what a person's yes is bound to
(P10).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.runbook import Phase
from respond.core.script import (
    Auth,
    AuthBasic,
    AuthBearer,
    AuthOwn,
    Call,
    Effect,
    Person,
    Proof,
    Sealed,
    Write,
)
from respond.core.shapes import encode
from respond.core.values import DigestOf, Late, SecretHandle

__all__ = [
    "OthersAgree",
    "Plan",
    "PlannedStep",
    "PlannedWrite",
    "StepPlan",
    "digest_of",
    "in_parts",
    "moved",
    "plan_from",
    "planned_write",
    "short_digest",
    "steps_from",
    "write_from",
    "write_key",
]


_AHEAD_MAX: Final = 16
_PART_STEPS: Final = 200
_PART_BYTES: Final = 4 << 20
_TASKS: Final = "human/"
"""How the subjects of the system begin whose actions are a person's own work."""


class StepPlan(Enum):
    """What planning could say about a step."""

    WRITES = "writes"
    NOTHING = "nothing"  # looked, and it is already as wanted, or it only reads
    LATE = "late"  # needs a value that is known later
    SKIPPED = "skipped"
    UNSEEN = "unseen"  # could not be looked at (403 and the like); says why
    WAITS = "waits"
    ENDS = "ends"
    REFUSED = "refused"  # a guard keeps the tool from it; says why, and who may do it


def digest_of(data: Any) -> str:
    """SHA-256 (hex) of JSON data in one fixed form.

    ASCII keys only occur here, so sorted keys equal RFC 8785's order; the journal stores its own
    canonical bytes.
    """
    return hashlib.sha256(_FIXED.encode(data).encode("utf-8", "surrogatepass")).hexdigest()


_FIXED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def short_digest(digest: str) -> str:
    """``9c41-7be2``, as people read it aloud."""
    return f"{digest[:4]}-{digest[4:8]}"


class PlannedWrite(Frozen):
    """One write of a plan, as it is shown and as it is bound.

    Attributes:
        key: Digest of request, hands, before and after; the same write has the same key again.
        hands: ``tool`` or ``person``.
        request: Method and path, or the person's task.
    """

    key: str
    says: str
    verb: str
    target: str
    where: str
    effect: Effect
    hands: str
    request: str
    subject: str
    before: Any
    after: Any
    proof: Proof
    undo: bool
    repeatable: bool
    breaks: str = ""
    stays: tuple[str, ...] = ()
    cleans_up: bool = False
    also: tuple[str, ...] = ()
    """Other subjects that it changes: a revoke also changes whether the key is alive."""
    tells: tuple[str, ...] = ()
    """Whom it tells something; such a write is a message, and no change of anything."""

    @property
    def is_task(self) -> bool:
        """Whether it is a person's own work, which no system knows of: restart, call, hand on."""
        return self.proof is Proof.WORD and self.subject.startswith(_TASKS)

    @property
    def is_message(self) -> bool:
        """Whether it tells people something and changes nothing else."""
        return bool(self.tells)

    @property
    def changes(self) -> frozenset[str]:
        return frozenset((self.subject, *self.also))


_LEAVES: Final = frozenset({type(None), bool, int, str})


def _plain(value: Any) -> Any:
    """A handle's identity without its digest: the value behind it may not exist yet."""
    # By exact type first: this runs for every value of every write.
    kind = type(value)
    if kind in _LEAVES:
        return value
    if kind is dict:
        return {str(k): v if type(v) in _LEAVES else _plain(v) for k, v in value.items()}
    match value:
        case SecretHandle(name=name):
            return {"secret": name}
        case Sealed(value=handle, key=key):
            return {"sealed": _plain(handle), "key": key}
        case DigestOf(handle=handle):
            return {"digest of": handle.name}
        case Late():
            return encode(value)
        case Mapping():
            return {str(k): _plain(v) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v) for v in value]
        case _:
            return encode(value)


# A new version of the thing is no other write (RFC 9110, section 13.1).
_CONDITIONS: Final = frozenset({"if-match"})


def _besides(call: Call) -> dict[str, Any]:
    """What only some requests have; the others keep the keys that they had before it was bound."""
    headers = [list(pair) for pair in call.headers if pair[0].lower() not in _CONDITIONS]
    return {
        **({"headers": headers} if headers else {}),
        **({"form": True} if call.form else {}),
        **({} if isinstance(call.auth, AuthOwn) else {"auth": _who_asks(call.auth)}),
    }


def _who_asks(auth: Auth) -> list[str]:
    match auth:
        case AuthBearer(value=handle) | AuthBasic(pair=handle):
            return [type(auth).__name__, handle.name]
        case _:
            return [type(auth).__name__]


def write_key(write: Write[Any]) -> str:
    """What a yes is bound to: the request (or task), the hands, before and after (rule 3)."""
    if isinstance(write.hands, Person):
        request: Any = {"task": write.hands.task, "about": dict(write.hands.about)}
    else:
        call = write.hands.call
        request = {
            "connection": call.connection,
            "surface": call.surface,
            "method": call.method,
            "path": call.place,
            "query": [list(pair) for pair in call.query],
            "body": _plain(call.body),
            **_besides(call),
        }
    return digest_of(
        {
            "request": request,
            "subject": write.subject.name,
            "before": _plain(write.before),
            "after": _plain(write.after),
        }
    )


def planned_write(write: Write[Any], key: str = "") -> PlannedWrite:
    """A write in the form in which plans, questions and the journal carry it."""
    person = isinstance(write.hands, Person)
    return PlannedWrite(
        key=key or write_key(write),
        says=write.says,
        verb=write.verb,
        target=write.target,
        where=write.where,
        effect=write.effect,
        hands="person" if person else "tool",
        request=write.hands.task if isinstance(write.hands, Person) else write.hands.call.says,
        subject=write.subject.name,
        before=_plain(write.before),
        after=_plain(write.after),
        proof=write.proof,
        undo=write.undo is not None,
        repeatable=write.repeatable,
        breaks=write.breaks,
        stays=write.stays,
        cleans_up=write.cleans_up,
        also=tuple(b.subject.name for b in write.becomes[1:]),
        tells=write.tells,
    )


class OthersAgree(Frozen):
    """Who else has to agree before a step writes.

    Attributes:
        roles: Each of them has to have all of these.
        within_s: How long the request stays open, in seconds.
        or_signed: The operator's own signature is enough.
    """

    count: int
    roles: tuple[str, ...]
    within_s: int
    or_signed: bool


class PlannedStep(Frozen):
    """One step of a plan.

    Attributes:
        address: Unique in the run: ``revoke``, ``restarted[3f2a91c0]``.
        arguments: The action's arguments, secrets by name, late ones marked.
        subjects: Everything it looked at, in order.
        says: One line: what was seen, why it is skipped, what it waits for.
        output: What later steps were planned with.
        limit: Most writes that its yes covers.
        within: The called runbook that it is a step of, for people: ``rotate-key, backend-prod``.
        when: Of a skipped step, the condition that does not hold, as its runbook has it.
    """

    address: str
    id: str
    title: str
    phase: Phase | None
    action: str
    effect: Effect
    state: StepPlan
    arguments: Mapping[str, Any] = {}
    writes: tuple[PlannedWrite, ...] = ()
    subjects: tuple[str, ...] = ()
    says: str = ""
    why: str = ""
    confirm: str = ""
    findings: tuple[str, ...] = ()
    late_on: tuple[str, ...] = ()
    output: Any = None
    approve: OthersAgree | None = None
    group: str = ""
    limit: int = 0
    within: str = ""
    when: str = ""


class Plan(Frozen, dict=True):
    """All of it.

    Attributes:
        mode: ``real``, ``rehearsal`` or ``dry-run``.
        inputs: As JSON; secrets by handle with keyed digest.
        policy: Effective policy, as JSON.
        connections: Name to account line, e.g. ``Customer.io Example Co (48213) EU as respond-ir``.
        unseen: What could not be looked at, one line each.
        bound: Of every connection that there was: ``Connection.bound``. What is late may go to any.
    """

    runbook: str
    runbook_digest: str
    engine: str
    mode: str
    inputs: Mapping[str, Any]
    policy: Mapping[str, Any]
    connections: Mapping[str, str]
    steps: tuple[PlannedStep, ...]
    unseen: tuple[str, ...] = ()
    ends: str = ""
    next: str = ""
    bound: Mapping[str, Mapping[str, str]] = {}

    @property
    def canonical(self) -> dict[str, Any]:
        """What the digest covers: all that decides what will be written, no mere words."""
        return {**self._head, "steps": [_bound(step) for step in self.steps]}

    @property
    def digest(self) -> str:
        """That of ``canonical``, a step after the other: a large plan is not held once more."""
        head, tail = _FIXED.encode({**self._head, "steps": []}).rsplit("[]", 1)
        digest = hashlib.sha256(f"{head}[".encode("utf-8", "surrogatepass"))
        for n, step in enumerate(self.steps):
            text = f"{',' if n else ''}{_FIXED.encode(_bound(step))}"
            digest.update(text.encode("utf-8", "surrogatepass"))
        digest.update(f"]{tail}".encode())
        return digest.hexdigest()

    @property
    def _head(self) -> dict[str, Any]:
        return {
            "v": 1,
            "runbook": self.runbook,
            "runbook_digest": self.runbook_digest,
            "engine": self.engine,
            "mode": self.mode,
            "inputs": _plain(dict(self.inputs)),
            "policy": _plain(dict(self.policy)),
            # Plans of before bound none, and keep their digest.
            **({"connections": _plain(self.bound)} if self.bound else {}),
        }

    @property
    def does_anything(self) -> bool:
        """Whether there is more to it than looking."""
        looks = (StepPlan.NOTHING, StepPlan.SKIPPED, StepPlan.ENDS)
        return any(
            step.state not in looks
            and (step.effect is not Effect.READS or step.state is StepPlan.WAITS)
            for step in self.steps
        )

    @property
    def writes(self) -> tuple[PlannedWrite, ...]:
        return tuple(write for step in self.steps for write in step.writes)

    def step(self, address: str) -> PlannedStep | None:
        at = self._places.get(address)
        return self.steps[at] if at is not None else None

    def of(self, address: str) -> tuple[PlannedStep, ...]:
        """What it has of this address: the step, or every target of that set."""
        return self._sets.get(address, ())

    def reads_after(self, address: str) -> tuple[str, ...]:
        """Some steps behind this one that only read, up to the first that may write, and that."""
        found: list[str] = []
        at = self._places.get(address, len(self.steps))
        for before, step in pairwise(self.steps[at : at + _AHEAD_MAX]):
            if before.effect is not Effect.READS:
                break
            found.append(step.address)
        return tuple(found)

    @cached_property
    def _places(self) -> dict[str, int]:
        # Of two with one address the first counts.
        return {step.address: at for at, step in reversed(list(enumerate(self.steps)))}

    @cached_property
    def _sets(self) -> dict[str, tuple[PlannedStep, ...]]:
        found: dict[str, list[PlannedStep]] = {}
        for step in self.steps:
            for name in {step.address, step.group} - {""}:
                found.setdefault(name, []).append(step)
        return {name: tuple(steps) for name, steps in found.items()}


def _bound(step: PlannedStep) -> dict[str, Any]:
    return {
        "address": step.address,
        "action": step.action,
        "effect": step.effect.value,
        "state": step.state.value,
        "arguments": _plain(dict(step.arguments)),
        "limit": step.limit,
        "writes": [{"key": w.key, "hands": w.hands, "undo": w.undo} for w in step.writes],
    }


def moved(was: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Connections that do not lead where they led, a line each: what each was, and what it is."""
    lines = []
    for name, bound in was.items():
        today = now.get(name, {})
        parts = [
            f"{part}: {bound.get(part, 'none')}, now {today.get(part, 'none')}"
            for part in dict.fromkeys((*bound, *today))
            if bound.get(part) != today.get(part)
        ]
        if parts:
            lines.append(f"connection {name} ({'; '.join(parts)})")
    return lines


def plan_from(data: Mapping[str, Any]) -> Plan:
    """A plan back from the journal's JSON (``encode(plan)``, enums by value)."""
    return Plan(**{**data, "steps": steps_from(data["steps"]), "unseen": tuple(data["unseen"])})


def in_parts(steps: Iterable[PlannedStep]) -> Iterator[list[dict[str, Any]]]:
    """Steps as the journal's JSON, as many together as a record of it may have; at least one part.

    One record of ten thousand steps would take more room than all else of their run, and be longer
    than a record may.
    """
    part: list[dict[str, Any]] = []
    size = 0
    for step in steps:
        told: dict[str, Any] = encode(step)
        more = len(json.dumps(told))
        if len(part) == _PART_STEPS or (part and size + more > _PART_BYTES):
            yield part
            part, size = [], 0
        part.append(told)
        size += more
    yield part


def steps_from(data: Iterable[Mapping[str, Any]]) -> tuple[PlannedStep, ...]:
    """Steps of a plan back from the journal's JSON."""
    return tuple(
        PlannedStep(
            **{
                **step,
                "phase": Phase(step["phase"]) if step["phase"] else None,
                "effect": Effect(step["effect"]),
                "state": StepPlan(step["state"]),
                "writes": tuple(write_from(write) for write in step["writes"]),
                "approve": _others(step["approve"]) if step.get("approve") else None,
                **{name: tuple(step[name]) for name in ("subjects", "findings", "late_on")},
            }
        )
        for step in data
    )


def _others(data: Mapping[str, Any]) -> OthersAgree:
    return OthersAgree(**{**data, "roles": tuple(data["roles"])})


def write_from(data: Mapping[str, Any]) -> PlannedWrite:
    """A planned write back from the journal's JSON."""
    return PlannedWrite(
        **{
            **data,
            "effect": Effect(data["effect"]),
            "proof": Proof(data["proof"]),
            "stays": tuple(data["stays"]),
            "also": tuple(data.get("also", ())),
            "tells": tuple(data.get("tells", ())),
        }
    )
