"""A run built by hand, record by record: the night that the documentation tells about.

For tests of views, and for whoever writes one: every kind of line occurs, no system is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from respond.core.approval import Moment, People
from respond.core.asked import Today
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.fold import RunState, fold
from respond.core.plan import Plan, PlannedStep, PlannedWrite, StepPlan, digest_of
from respond.core.questions import (
    AskAgain,
    AskByHand,
    AskConfirm,
    AskDrift,
    AskInput,
    AskPerson,
    AskStart,
    AskUnknown,
    Question,
)
from respond.core.records import replace
from respond.core.runbook import Phase
from respond.core.script import Effect, Person, Proof
from respond.core.shapes import encode
from respond.ports import Head
from respond.testing.settable_clock import THE_NIGHT_MS

__all__ = ["ExampleRun", "example_plan", "example_questions", "example_task", "example_write"]

RUN = "CK-7F3Q"
DANA = Actor("dana", Strength.CLAIMED)
ENGINE = Actor("respond", Strength.MACHINE)
HEAD = Head("j-5d1e", 1284, "a91f03d2" + "0" * 56)
TODAY = Today(People(), Moment(THE_NIGHT_MS, 0, "boot"))


def example_write(says: str, **others: Any) -> PlannedWrite:
    """A write; what a test does not care about is made up."""
    made = PlannedWrite(
        key=digest_of(says),
        says=says,
        verb="revoke",
        target="cdef",
        where="Example Co (48213) EU",
        effect=Effect.WRITES,
        hands="tool",
        request="POST /v1/example",
        subject=f"cio/{says}",
        before={"there": False},
        after={"there": True},
        proof=Proof.SEEN,
        undo=True,
        repeatable=False,
    )
    return replace(made, **others)


REVOKE = example_write(
    "revoke backend-prod ...cdef",
    effect=Effect.DESTROYS,
    hands="person",
    request="customerio.revoke_app_key",
    before={"key": "alive"},
    after={"key": "refused"},
    undo=False,
    breaks="whatever uses this key",
    stays=("backend-prod-2 ...cd0f", "backend-pr0d ...1def"),
)
MAKE = example_write("make key backend-prod-ck7f3q", verb="make", target="backend-prod-ck7f3q")
STORE = example_write(
    "Vault kv/cio/backend api_key <- the new key",
    verb="store",
    target="api_key",
    where="Vault vault",
    before={"version": 7},
    after={"version": 8, "field": "api_key"},
)
TELL = example_write(
    "Slack ana@, ben@ (admins)",
    verb="send",
    target="admins",
    where="Slack Example Co",
    before=None,
    after={"sent": True},
    proof=Proof.BLIND,
    undo=False,
    tells=("Ana", "Ben"),
)
RESTART = example_write(
    "Restart billing so that it takes the new key.",
    verb="do",
    target="restarted[3f2a91c0]",
    where="by hand",
    hands="person",
    request="none",
    subject=f"human/{RUN}/restarted[3f2a91c0]",
    before={"done": False},
    after={"done": True},
    proof=Proof.WORD,
    undo=False,
)


def _step(address: str, title: str, phase: Phase, **others: Any) -> PlannedStep:
    made = PlannedStep(
        address=address,
        id=address.partition("[")[0],
        title=title,
        phase=phase,
        action="customerio.revoke_key",
        effect=Effect.WRITES,
        state=StepPlan.WRITES,
    )
    return replace(made, **others)


STEPS = (
    _step(
        "old",
        "Find the key, and see whether it lives",
        Phase.IDENTIFY,
        action="customerio.identify_key",
        effect=Effect.READS,
        state=StepPlan.NOTHING,
        says="backend-prod ...cdef, App API, Production: ALIVE now",
    ),
    _step(
        "revoke",
        "Revoke the leaked key",
        Phase.CONTAIN,
        effect=Effect.DESTROYS,
        writes=(REVOKE,),
        why="Until this is done, whoever has the key can use it.",
        confirm="Whatever still uses this key stops working at once.",
        arguments={"key": "2001", "value": {"secret": "inputs.leaked", "hint": "cdef"}},
    ),
    _step(
        "new",
        "Make a new key and store it",
        Phase.RECOVER,
        action="customerio.create_key",
        writes=(MAKE, STORE),
    ),
    _step(
        "works",
        "Try the new key",
        Phase.RECOVER,
        action="customerio.probe_key",
        effect=Effect.READS,
        state=StepPlan.LATE,
        late_on=("new",),
        says="known after new",
    ),
    _step(
        "old_exports",
        "List the exports since then",
        Phase.REVIEW,
        action="customerio.list_exports",
        effect=Effect.READS,
        state=StepPlan.NOTHING,
        says="2 found",
        findings=("export 881 was downloaded on 21 Nov from an address nobody knows",),
    ),
    _step("told", "Tell the other admins", Phase.NOTIFY, action="notify.persons", writes=(TELL,)),
    _step(
        "page",
        "Wake the on-call",
        Phase.NOTIFY,
        action="pagerduty.page",
        state=StepPlan.SKIPPED,
        says="does not apply: nobody wants to be woken",
        when="inputs.wake",
    ),
)


def example_plan(**others: Any) -> Plan:
    """The plan of the documentation's night."""
    made = Plan(
        runbook="compromised-key",
        runbook_digest="5e" * 32,
        engine="respond 0.1.0",
        mode="real",
        inputs={
            "leaked": {"secret": "inputs.leaked", "hint": "cdef", "digest": "ab" * 32},
            "key": "",
            "since": "2026-11-20T00:00:00Z",
            "used_by": ["billing", "newsletter"],
            "order": "contain-first",
        },
        policy={"two_people": "never"},
        connections={
            "cio": "customerio Example Co (48213) EU, as respond-ir",
            "vault": "vault, as respond",
        },
        steps=STEPS,
        unseen=("account audit log: 403",),
    )
    return replace(made, **others)


def example_task(**others: Any) -> Person[Any]:
    """The task by hand of that night."""
    made: Person[Any] = Person(
        steps=(
            "Open the list of App API keys.",
            "In the row backend-prod (ends in cdef), choose Revoke.",
            "Confirm in the dialog.",
        ),
        link="https://fly.customer.io/settings/api_credentials?keyType=app",
        look_for="the row backend-prod is gone",
        task="customerio.revoke_app_key",
        about={"key": "2001"},
        answer=None,
        avoid=REVOKE.stays,
    )
    return replace(made, **others)


def example_questions() -> dict[str, Question]:
    """One question of each kind, as that night could have asked it."""
    confirm = AskConfirm(
        step="revoke",
        title="Revoke the leaked key",
        wants="revoke cdef",
        destructive=True,
        lines=("revoke backend-prod ...cdef  [Example Co]  by hand, NO UNDO",),
        breaks="Whatever still uses this key stops working at once.",
        undo="cannot be undone",
        where="Example Co (48213) EU",
        stays=REVOKE.stays,
        why="Until this is done, whoever has the key can use it.",
        on_skip="not contained: what this step kills goes on working, and the run ends with 1",
        writes=(REVOKE,),
    )
    drift = AskDrift(
        step="revoke",
        title="Revoke the leaked key",
        planned=(),
        now=(),
        wants="revoke cdef",
        planned_writes=(REVOKE,),
        now_writes=(REVOKE, MAKE),
    )
    return {
        "confirm": confirm,
        "drift": drift,
        "by_hand": AskByHand(
            "revoke",
            "Revoke the leaked key",
            "cio answered 403 to DELETE /v1/keys/2001",
            why="Until this is done, whoever has the key can use it.",
            cause="the role lacks keys",
            do="ask an admin",
        ),
        "unknown": AskUnknown(
            "told", "Slack ana@, ben@ (admins)", "sent 2026-11-23T03:15:00Z; no answer was recorded"
        ),
        "person": AskPerson(
            "revoke",
            "Revoke the leaked key",
            "revoke backend-prod ...cdef (Example Co)",
            "",
            "done",
        ),
        "input": AskInput(
            "since",
            "Since when could a stranger have had it?",
            example="3 days ago",
            error="'gestern' is no time",
        ),
        "start": AskStart(example_plan(), ("no-downtime",)),
        "again": AskAgain("", "Ask the approvers again", "nobody agreed within 30 min"),
    }


@dataclass(slots=True)
class ExampleRun:
    """Records of one run, as a journal would have given them.

    Attributes:
        at_ms: Wall clock; each record is ``after_s`` later than the one before.
    """

    plan: Plan = field(default_factory=example_plan)
    records: list[Record] = field(default_factory=list)
    at_ms: int = THE_NIGHT_MS

    @property
    def state(self) -> RunState:
        state = fold(self.records)
        assert state is not None  # noqa: S101 - there is always a first record
        return state

    def add(
        self,
        kind: Kind,
        step: str = "",
        *,
        by: Actor = ENGINE,
        after_s: float = 1.0,
        **data: Any,
    ) -> Record:
        """One more record."""
        self.at_ms += round(after_s * 1000)
        at = datetime.fromtimestamp(self.at_ms / 1000, UTC).replace(tzinfo=None)
        record = Record(
            seq=1270 + len(self.records),
            event=Event(kind, RUN, step, by, data),
            at=at.isoformat(timespec="milliseconds") + "Z",
            mono_ms=self.at_ms - THE_NIGHT_MS,
            boot="boot-1",
            hash=digest_of(len(self.records)),
        )
        self.records.append(record)
        return record

    # --- the night, in parts --------------------------------------------------------------------

    def propose(self) -> ExampleRun:
        self.add(
            Kind.PROPOSED,
            by=DANA,
            runbook=self.plan.runbook,
            inputs=encode(self.plan.inputs),
            subject="",
            incident="INC-41",
            reason="",
            at_s=self.at_ms // 1000,
        )
        return self

    def look(self) -> ExampleRun:
        """Up to the plan on the screen."""
        self.add(Kind.TAKEN, epoch=1, by_whom="dana")
        self.add(Kind.PLANNED, after_s=4, digest=self.plan.digest, plan=encode(self.plan))
        return self

    def start(self) -> ExampleRun:
        self.add(
            Kind.CONFIRMED,
            by=DANA,
            after_s=40,
            decision="yes",
            scope="start",
            digest=self.plan.digest,
            typed="start",
        )
        self.observe("old", how="done", says=STEPS[0].says, phase="identify")
        return self

    def confirm(self, step: str, *writes: PlannedWrite, typed: str) -> None:
        self.add(
            Kind.CONFIRMED,
            step,
            by=DANA,
            after_s=9,
            decision="yes",
            writes=[write.key for write in writes],
            says=[write.says for write in writes],
            typed=typed,
        )

    def intend(self, step: str, write: PlannedWrite) -> int:
        return self.add(Kind.INTENT, step, key=write.key, write=encode(write), undo=None).seq

    def write(self, step: str, write: PlannedWrite, *, after_s: float = 1.0) -> None:
        """An intent and its good outcome."""
        seq = self.intend(step, write)
        by = DANA if write.hands == "person" else ENGINE
        self.add(Kind.OUTCOME, step, by=by, after_s=after_s, intent=seq, how="done", value=None)

    def observe(self, step: str, *, how: str, after_s: float = 2.0, **data: Any) -> None:
        planned = self.plan.step(step)
        title = planned.title if planned is not None else step
        phase = planned.phase.value if planned is not None and planned.phase else ""
        self.add(
            Kind.OBSERVED,
            step,
            after_s=after_s,
            **{"how": how, "title": title, "phase": phase, "says": "", "why": "", **data},
        )

    def contain(self) -> ExampleRun:
        self.confirm("revoke", REVOKE, typed="revoke cdef")
        self.write("revoke", REVOKE, after_s=30)
        self.observe("revoke", how="done", says="the leaked value is refused, the key is gone")
        return self

    def recover(self) -> ExampleRun:
        self.write("new", MAKE)
        self.write("new", STORE)
        self.observe("new", how="done", says="backend-prod-ck7f3q is alive and stored")
        self.observe("works", how="done", says="the new key is alive", after_s=1)
        self.write("restarted[3f2a91c0]", RESTART)
        self.observe("restarted[3f2a91c0]", how="your-word", says="somebody's word: billing")
        return self

    def finish(self, *, code: int = 0) -> ExampleRun:
        self.observe("old_exports", how="done", says="2 found", findings=list(STEPS[4].findings))
        self.write("told", TELL)
        self.observe("told", how="done", says="2 people told")
        why = STEPS[6].says
        self.observe("page", how="skipped", says=why, why=why)
        self.add(Kind.ENDED, exit=code, say="", next="")
        return self

    def park(self, why: str, do: str = f"respond resume {RUN}") -> ExampleRun:
        self.add(Kind.PARKED, why=why, reason="Ctrl-C", do=do, exit=3)
        return self
