"""Carry a run on until it is over or needs a person: look, ask, write down, send, prove.

``Engine.advance`` may be called at any time, by anyone, twice. It walks the runbook from the top;
what the journal has as concluded answers from there. Nothing else remembers anything (P3).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from respond.core.approval import Request
from respond.core.asked import changed_since
from respond.core.events import Kind
from respond.core.fold import RunState, RunStatus, fold, verdict
from respond.core.picking import ToPick
from respond.core.plan import Plan, moved, short_digest
from respond.core.questions import (
    Answer,
    AskByHand,
    AskConfirm,
    AskDrift,
    AskStart,
    Decision,
    Question,
    other_orders,
)
from respond.core.recorded import AskKind, AsksFor, Confirmed, ConfirmScope, Ended, data_of
from respond.core.review import ReviewEnd
from respond.core.runbook import Input, InputKind
from respond.engine.inventory import take_inventory
from respond.engine.offering import offered, unfit
from respond.engine.other_people import (
    agreed_to,
    ask_again,
    ask_people,
    has_run_out,
    heed_any_no,
    plan_needs,
    request_for,
)
from respond.engine.proposing import lacking
from respond.engine.reviewing import last_review, review_end
from respond.engine.run import LiveRun, Tools
from respond.engine.starting import agreed_anew, go_alone, started
from respond.engine.stopping import QuitError
from respond.engine.telling import let_go
from respond.engine.walk import EndedError, Here
from respond.engine.walk_plan import NotSoError, make_plan
from respond.engine.walk_run import EngineWalk
from respond.errors import (
    ExitCode,
    NotReadyError,
    ParkedError,
    RefusedByPersonError,
    RefusedBySystemError,
    RespondError,
    StepFailedError,
    UsageError,
)

__all__ = ["Engine", "QuitError", "Tools"]

_OFFERED_MAX: Final = 200
"""Of what there is to pick an input from, what is recorded for the page."""


class Engine(LiveRun):
    """One engine for one run."""

    def ask(self, question: Question) -> Answer:
        """As of any run; a no that came while the person thought is heeded first.

        Raises:
            ParkedError, QuitError: As of any run, or somebody said no elsewhere.
        """
        answer = LiveRun.ask(self, question)
        heed_any_no(self)
        return answer

    # --- advance ---------------------------------------------------------------------------

    def advance(self) -> ExitCode:
        """Go on until the run is over or needs a person.

        Raises:
            JournalUnusableError, JournalBrokenError, NotReadyError, UsageError: Nothing was
                written after it.
        """
        if (over := self._ended_with()) is not None:
            return over
        if self.site.mode == "dry-run":
            raise UsageError("a dry run makes its plan and is not carried on")
        self.take()
        if (over := self._ended_with()) is not None:
            return over  # Another engine ended it meanwhile.
        try:
            return self._carry_on()
        except ParkedError as parked:
            return self.park(parked, parked.exit_code)
        except (UsageError, StepFailedError) as error:
            if not self.site.served:
                raise
            # Nobody reads what a process says: it stands in the record, and on the page.
            return self.park(error, error.exit_code)

    def _ended_with(self) -> ExitCode | None:
        over = self.state.status is RunStatus.ENDED
        return self.state.ended.exit if over else None

    def _carry_on(self) -> ExitCode:
        try:
            try:
                return self._advance()
            except ParkedError:
                heed_any_no(self)  # Who said no meanwhile waits for nothing.
                raise
        except QuitError as quit_:
            return self._stop_here(quit_.what)

    def _advance(self) -> ExitCode:
        heed_any_no(self)
        if self.state.by_word:
            return self._by_word()
        self._plan_is_current()
        if not self.state.started:
            code = self._propose_plan() if self.site.served else self._plan_and_start()
            if code is not None:
                return code
        elif self.site.alone and self.state.plan is not None:
            go_alone(self, self.state.plan)
        return self._walk()

    def _walk(self) -> ExitCode:
        walk = EngineWalk(self.runbook, self.site, live=self)
        here = Here(self.first_values(), among=(*self.runbook.steps, *self.runbook.always))
        ended = EndedError("", "")
        try:
            walk.steps(self.runbook.steps, here)
        except EndedError as end:
            ended = end
        walk.park_if_waiting()
        failed = self.first_failure()
        with contextlib.suppress(EndedError):
            if failed:
                walk.finish(self.runbook.on_failure, here, failed=failed)
        with contextlib.suppress(EndedError):
            walk.finish(self.runbook.always, here, failed=failed)
        heed_any_no(self)  # Who said no while the last of it went on is heard before the end.
        if walk.uncontained:
            # An ended run cannot go on, and what it was to stop goes on.
            what = ", ".join(walk.uncontained)
            why = "; ".join(walk.uncontained.values())
            do = f"to try again: respond resume {self.run}; to end it so: respond cancel {self.run}"
            error = StepFailedError(f"not contained: {what}", why=why, do=do)
            return self.park(error, ExitCode.FAILED, again=True)
        return self._end_counted(walk, ended)

    def _end_counted(self, walk: EngineWalk, ended: EndedError) -> ExitCode:
        """All means all: what a run over a set came to is counted, and the set looked at (P9)."""
        items, lost_items = take_inventory(self, walk.sets.values())
        code = verdict(self.state)
        # Items of a set are counted there.
        lost = [s for s in self.not_reached() if not s.group]
        findings = [
            *lost_items,
            *(f"planned, and not done: {write.says}" for step in lost for write in step.writes),
        ]
        if findings and code is ExitCode.DONE:
            code = ExitCode.FAILED
        say = "; ".join([*([ended.say] if ended.say else []), *findings])
        review = self._compared() if self.runbook.review else None
        return self._end(code, say, next_runbook=ended.next, inventory=items, review=review)

    def _compared(self) -> ReviewEnd:
        """How the findings of this review stand to those of the last one."""
        last = last_review(self.tools.journal, self.state)
        return review_end(self.state, last, self.site, self.tools.journal.highest_at())

    def _stop_here(self, why: str) -> ExitCode:
        """A person ended the run; its handlers go on, as far as that person lets them."""
        from respond.engine.undo import look_at_open  # noqa: PLC0415 - few runs are stopped

        self.is_stopping = True
        with contextlib.suppress(QuitError):  # It is ended as it is, then.
            look_at_open(self)
        plan = self.state.plan
        elsewhere = moved(plan.bound, self.site.bound) if plan is not None else []
        if elsewhere and self.state.started:
            # Nobody agreed to what the handlers would write there.
            why = f"{why}; its handlers were left out: {' and '.join(elsewhere)} changed"
        elif self.state.started:
            walk = EngineWalk(self.runbook, self.site, live=self)
            here = Here(self.first_values())
            for steps in (self.runbook.on_cancel, self.runbook.always):
                with contextlib.suppress(EndedError, QuitError):
                    walk.finish(steps, here, failed={})
        return self._end(ExitCode.REFUSED, why)

    def plan(self) -> Plan:
        """Look at everything anew and say what would be done."""
        self.answers.end()
        return make_plan(
            self.runbook,
            self.state,
            self.site,
            self.answers,
            self.tools.journal,
            self.tools.progress,
            self.inputs(),
            self.now,
            self.kept,
        )

    def _plan_and_start(self) -> ExitCode | None:
        while True:
            plan = self._look_and_plan()
            if isinstance(plan, ExitCode):
                return plan
            if self.runbook.review:
                self._only_reads(plan)
                return None
            answer = self.ask(AskStart(plan, other_orders(self.runbook, self.state.inputs)))
            match answer.decision:
                case Decision.YES:
                    started(self, plan, answer.typed)
                    return None
                case Decision.OTHER_ORDER:
                    self._other_order(answer.typed)
                case _:
                    return self._end(ExitCode.REFUSED, "not started")

    def _who_knows_not(self) -> str:
        event = self.state.proposed.event
        return "the event does not say" if event is not None else "nobody has said"

    def _propose_plan(self) -> ExitCode | None:
        """Where nobody sits at a terminal: look, record the plan, and wait for people's yes.

        What was agreed to is not planned anew: each write looks again before it is sent. A plan
        whose time ran out is, when somebody asks again.
        """
        needs = lacking(self.runbook, self.state.inputs)
        if needs:
            raise self._parked_for_inputs(
                needs,
                f"{self._who_knows_not()} {', '.join(needs)}",
                why="nothing is guessed",
            )
        plan = self.state.plan
        needed = plan_needs(self, plan) if plan is not None else None
        request = request_for(self, needed) if needed is not None else None
        void = plan is None or request is None or bool(self._changed())
        if plan is None or request is None or void or self._is_over(request):
            made = self._look_and_plan()
            if isinstance(made, ExitCode):
                return made
            plan, needed = made, plan_needs(self, made)
            if needed is not None:
                ask_people(self, needed)
        if needed is not None:
            agreed_to(self, needed)
            return None
        self._only_reads(plan)
        return None

    def _only_reads(self, plan: Plan) -> None:
        """Nothing of it writes: there is nothing to agree to."""
        scope = ConfirmScope.READS_ONLY
        told = data_of(Confirmed, decision=Decision.YES, scope=scope, nonce="", digest=plan.digest)
        self.add(Kind.CONFIRMED, **told)

    def _is_over(self, request: Request) -> bool:
        """Whether its time ran out, and somebody wants to ask again.

        Raises:
            ParkedError: Nobody has said so yet.
        """
        if not has_run_out(self, request):
            return False
        ask_again(self, request)
        return True

    def _look_and_plan(self) -> Plan | ExitCode:
        try:
            plan = self.plan()
        except NotSoError as error:
            given, none = self._given(), self._unfit()
            is_served = self.state.proposed.served and given
            if not is_served and not (none and self.tools.corrects):
                return self._end(ExitCode.FAILED, "; ".join((error.what, *none.values())))
            # What an event says may have a slip in it, and nobody sat there to see it.
            why = none.values() or [f"as it was given: {', '.join(given)}"]
            raise self._parked_for_inputs(
                given if is_served else list(none),
                error.what,
                why="; ".join((*why, "nothing has been changed")),
            ) from error
        except RefusedByPersonError as error:
            return self._end(ExitCode.REFUSED, f"{error.what}: {error.why}")
        except (StepFailedError, NotReadyError) as error:
            return self._nothing_can_be_looked_at(error)
        if plan.does_anything:
            # A question comes, and ends the moment anyway; of a large set what was answered takes
            # more room than the plan that came of it.
            self.answers.end()
        plan = self._planned(plan)
        if plan.ends and not plan.does_anything:
            return self._end(ExitCode.DONE, plan.ends, next_runbook=plan.next)
        if not self._may_go_beside_others(plan):
            return self._end(ExitCode.REFUSED, "not started")
        return plan

    def _parked_for_inputs(self, names: Sequence[str], what: str, *, why: str) -> ParkedError:
        """Park for these, with what is there to pick them from, where that can be looked at."""
        page = "answer on the page, or: " if self.site.served else ""
        do = f"{page}respond resume {self.run}; to end it: respond cancel {self.run}"
        found: dict[str, Any] = {}
        for each in self.runbook.inputs:
            if each.name in names and each.pick:
                try:
                    there = self._there(each)
                except (StepFailedError, NotReadyError, UsageError) as error:
                    why += f"; what there is for {each.name} could not be looked at: {error.what}"
                else:
                    shown = [(row[0], ", ".join(filter(None, row[1:]))) for row in there.rows]
                    found[each.name] = shown[:_OFFERED_MAX]
        asks = data_of(AsksFor, kind=AskKind.INPUTS, id="inputs", names=names, offered=found)
        return ParkedError(what, why=why, do=do, asks=asks)

    def _there(self, declared: Input) -> ToPick:
        """What there is to pick an input from; raises as ``offered``."""
        journal = self.tools.journal
        return offered(declared, self.site, self.state, journal, self.answers, self.now)

    def _unfit(self) -> dict[str, str]:
        """Inputs whose value is none of what there is to pick from, in words."""
        return unfit(self.runbook.inputs, self.state.inputs, self._there)

    def _given(self) -> list[str]:
        """Names of inputs that have a value which somebody chose."""
        return [
            each.name
            for each in self.runbook.inputs
            if each.default is None and self.state.inputs.get(each.name) not in (None, "", [])
        ]

    def _nothing_can_be_looked_at(self, error: RespondError) -> ExitCode:
        """Without a look there is no plan; by hand there is still a way through the runbook."""
        refused = isinstance(error, RefusedBySystemError) and error.code == "401"
        is_ready = not refused and not isinstance(error, NotReadyError)
        code = ExitCode.FAILED if is_ready else ExitCode.NOT_READY
        if self.runbook.review:
            # Nobody's word is a finding. The next review looks anew, so nothing waits for this one.
            return self._end(code, error.sentence, review=self._compared())
        if not self.site.by_hand:
            real = self.site.mode != "rehearsal"
            again = error.do if real and error.do else f"respond resume {self.run}"
            words = f"respond {'' if real else 'rehearse '}{self.runbook.name} --by-hand"
            error.do = f"{again}; or go through it on your word: {words}"
            if self.state.proposed.passing:
                error.do = words
            return self.park(error, code)
        answer = self.ask(
            AskByHand(
                step="",
                title="Nothing can be looked at: go through the runbook on your word?",
                error=error.what,
                cause=error.why,
                do=error.do,
            )
        )
        if answer.decision not in (Decision.YES, Decision.BY_HAND):
            return self._end(ExitCode.REFUSED, "not started")
        scope, typed = ConfirmScope.BY_WORD, answer.typed
        told = data_of(Confirmed, decision=Decision.YES, scope=scope, why=error.what, typed=typed)
        self.add(Kind.CONFIRMED, by=self.site.operator, **told)
        return self._by_word()

    def _by_word(self) -> ExitCode:
        from respond.engine.walk_by_hand import WordWalk  # noqa: PLC0415 - where nothing answers

        walk = WordWalk(self.runbook, self.site, live=self)
        here = Here(self.first_values())
        say = "gone through by hand; nothing could be looked at, and nothing is proved"
        try:
            walk.steps(self.runbook.steps, here)
        except EndedError as end:
            say = end.say
        walk.finish(self.runbook.always, here, failed=self.first_failure())
        return self._end(verdict(self.state), say)

    def _may_go_beside_others(self, plan: Plan) -> bool:
        """Ask, when an unfinished run writes the same subjects (rule 14)."""
        mine = {write.subject for write in plan.writes}
        for other in self._others() if mine else ():
            if other.id in self.state.beside:
                continue
            theirs = {write.subject for write in (other.plan.writes if other.plan else ())}
            if not mine & theirs:
                continue
            answer = self.ask(
                AskConfirm(
                    step="",
                    title=f"run {other.id} is not over, and writes the same things",
                    wants=f"beside {other.id}",
                    destructive=True,
                    lines=tuple(sorted(mine & theirs)),
                    breaks=f"The two may undo each other's work. To go on there: "
                    f"respond resume {other.id}",
                    on_skip="this run is not started",
                    by_hand=False,
                )
            )
            if answer.decision is not Decision.YES:
                return False
            told = data_of(Confirmed, decision=Decision.BESIDE, other=other.id, typed=answer.typed)
            self.add(Kind.CONFIRMED, by=answer.by or self.site.operator, **told)
        return True

    def _others(self) -> Iterator[RunState]:
        """Other runs that were started and are not over."""
        journal = self.tools.journal
        # Nobody's yes, no start: a storm leaves many that were only proposed.
        for run in journal.unfinished(Kind.CONFIRMED):
            other = fold(journal.records(run)) if run != self.run else None
            if other is not None and other.started:
                yield other

    def _other_order(self, word: str) -> None:
        for given in self.runbook.inputs:
            if given.kind is InputKind.CHOICE and word in given.of:
                inputs = {**self.state.inputs, given.name: word}
                told = data_of(Confirmed, decision=Decision.OTHER_ORDER, inputs=inputs, typed=word)
                self.add(Kind.CONFIRMED, by=self.site.operator, **told)
                return

    def _changed(self) -> tuple[str, ...]:
        site = self.site
        return changed_since(
            self.state,
            self.runbook,
            engine=site.engine,
            policy=site.policy,
            mode=site.mode,
            bound=site.bound,
        )

    def _planned(self, plan: Plan) -> Plan:
        """Record a plan, and give it as it stands in the journal."""
        changed = self._changed()
        told = {"changed": list(changed)} if changed else {}
        self.add_plan(plan, runbook=self.runbook.text, **told)
        if self.state.plan is None:
            raise RespondError("the journal gave a state without the plan that was recorded")
        return self.state.plan

    def _plan_is_current(self) -> None:
        """A yes binds runbook, engine, policy and mode too; when those changed, ask anew (P10)."""
        plan = self.state.plan
        changed = self._changed()
        if plan is None or not changed or not self.state.started:
            return
        if plan.mode != self.site.mode:
            raise RefusedByPersonError(
                f"run {self.run} is a {plan.mode} run and cannot be carried on as {self.site.mode}",
            )
        what = f"{' and '.join(changed)} since the plan was agreed to"
        fresh = self._plan_anew(what)
        if self.site.served:
            # Nothing of the old agreement covers the new plan: people are asked at its first write.
            self._planned(fresh)
            return
        answer = self.ask(
            AskDrift(
                step="",
                title=what,
                planned=tuple(write.says for write in plan.writes),
                now=tuple(write.says for write in fresh.writes),
                wants=f"agree {short_digest(fresh.digest)}",
                planned_writes=plan.writes,
                now_writes=fresh.writes,
            )
        )
        if answer.decision is not Decision.YES:
            raise ParkedError(
                what,
                why="nobody agreed to the new plan",
                do=f"respond resume {self.run}, or respond cancel {self.run}",
            )
        self._planned(fresh)
        agreed_anew(self, fresh, answer.typed, changed)

    def _plan_anew(self, what: str) -> Plan:
        try:
            return self.plan()
        except (StepFailedError, NotReadyError) as error:
            raise ParkedError(
                what,
                why=f"no new plan could be made: {error.what}",
                do=error.do or f"respond resume {self.run}, or respond cancel {self.run}",
            ) from error

    def _end(
        self,
        code: ExitCode,
        say: str,
        *,
        next_runbook: str = "",
        inventory: Mapping[str, Any] | None = None,
        review: ReviewEnd | None = None,
    ) -> ExitCode:
        let_go(self)
        if verdict(self.state) is ExitCode.UNKNOWN:
            code = ExitCode.UNKNOWN
        more: dict[str, Any] = {"review": review} if review is not None else {}
        told = data_of(Ended, exit=code, say=say, next=next_runbook, **more)
        if inventory:
            told["inventory"] = inventory
        # First: a crash between the two leaves a run that ends again, and no secret behind.
        self.tools.journal.forget_secrets(self.run)
        self.add(Kind.ENDED, **told)
        self.tools.journal.checkpoint(f"end of run {self.run}")
        return code
