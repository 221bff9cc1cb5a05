"""Find out before the incident whether people could agree to what a runbook asks (P11, P28).

Whoever began a run cannot approve it, and whoever the incident is about can do nothing in it. Each
of them may be just the one person who could agree, and that is found out here and not at night.
Who may is decided by ``core.approval``, for what by ``Site.approval``: nothing of it is repeated.
No I/O, no clock: the configuration and the runbooks are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final

from respond.audit.ssh_signature import SignatureRefusedError, public_key
from respond.core.approval import Moment, People, Request, able
from respond.core.events import Actor, Strength
from respond.core.policy import Chat
from respond.core.records import Frozen, replace
from respond.core.runbook import (
    ActionStep,
    BlockStep,
    ChooseStep,
    ParallelStep,
    Runbook,
    Step,
    all_steps,
)
from respond.core.script import Effect, PersonRecord
from respond.engine.setting import Site
from respond.formats.project.project import PersonConfig, Project

__all__ = ["Gap", "Need", "gaps", "unusable_keys"]

_HOOK: Final = "hook/"
_NEVER: Final = Moment(0, 0, "")


class Need(Frozen):
    """Whose yes a plan needs, or one step of it.

    Attributes:
        count: How many other people.
        roles: Each of them has to have all of these.
        destroys: A key, a sign-on, or chat where policy lets it, is wanted.
        asked: Policy, runbook or server ask for it. Else the operator's own key would do, too.
    """

    count: int
    roles: frozenset[str]
    destroys: bool
    asked: bool


class Gap(Frozen):
    """Nights on which too few people could agree.

    Attributes:
        runbooks: Names of those that it is about.
        cases: Who begins the run (an id, or ``hook/SOURCE``) and whom the incident is about; an
            empty word stands for anybody.
        could: How many could agree in the worst of them.
        never: Nobody or too few ever could, whoever begins it, whatever it is about.
    """

    runbooks: tuple[str, ...]
    cases: tuple[tuple[str, str], ...]
    need: Need
    could: int
    never: bool

    @property
    def what(self) -> str:
        """The finding in a line."""
        count = self.need.count
        wanted = "1 other person has" if count == 1 else f"{count} other people have"
        could = "nobody could" if not self.could else f"only {self.could} could"
        nights = "; ".join(_case_texts(self.cases))
        return f"{', '.join(self.runbooks)}: {nights}, {wanted} to agree, and {could}"

    @property
    def why(self) -> str:
        """What is asked of them."""
        roles = "".join(f"the role {role}, " for role in sorted(self.need.roles))
        return (
            f"wanted: {roles}and an SSH key or an account to sign on with; whoever began it "
            "cannot approve it, nor can the person it is about"
        ).replace("wanted: and", "wanted:")

    @property
    def do(self) -> str:
        """What to add."""
        roles = ", ".join(f'"{role}"' for role in sorted(self.need.roles))
        further = f"add a [[person]] with {f'roles = [{roles}] and ' if roles else ''}ssh_keys"
        runners = sorted({one for one, _ in self.cases if one and not one.startswith(_HOOK)})
        if not self.need.asked and runners:
            return f"add ssh_keys to the [[person]] {' and '.join(runners)}; or {further}"
        return f"{further}, or give somebody in respond.toml what they lack of it"


def gaps(project: Project, runbooks: Mapping[str, Runbook]) -> tuple[Gap, ...]:
    """Every night on which too few could agree, the same of several runbooks together."""
    found: dict[Gap, list[str]] = {}
    for name, runbook in runbooks.items():
        for gap in _gaps_of(project, name, runbook):
            found.setdefault(replace(gap, runbooks=()), []).append(name)
    return tuple(replace(gap, runbooks=tuple(names)) for gap, names in found.items())


def unusable_keys(person: PersonConfig) -> Iterator[tuple[str, str]]:
    """Those of somebody's SSH keys that prove nothing, each with why; beginnings, not whole."""
    for line in person.ssh_keys:
        try:
            public_key(line)
        except SignatureRefusedError as error:
            yield f"{line[:40]}...", str(error)


# --- one runbook --------------------------------------------------------------------------------


def _gaps_of(project: Project, name: str, runbook: Runbook) -> Iterator[Gap]:
    served = [_HOOK + each.name for each in project.sources.values() if name in each.runbooks]
    # At a terminal anybody may begin it who stands in the file; a source only what it is let.
    for initiators, is_served in (([p.record.id for p in project.persons], False), (served, True)):
        worst: dict[tuple[tuple[str, str], ...], Gap] = {}
        for gap in _open_nights(project, runbook, initiators, served=is_served):
            known = worst.get(gap.cases)
            if known is not None:
                hardest = max(known, gap, key=lambda each: _hardness(each.need))
                gap = replace(hardest, never=known.never or gap.never)  # noqa: PLW2901 - of both
            worst[gap.cases] = gap
        yield from worst.values()


def _open_nights(
    project: Project, runbook: Runbook, initiators: Sequence[str], *, served: bool
) -> Iterator[Gap]:
    single: dict[str, frozenset[Need]] = {}
    needs: dict[str, frozenset[Need]] = {}
    for each in initiators:
        asker = _asker(project, each, served=served)
        single[each] = _single(runbook, asker)
        ways = (way for way in _ways(runbook.steps, asker) if way is not None)
        needs[each] = single[each].union(ways)
    alone = frozenset[Need]().union(*single.values())
    people = _people(project)
    subjects = [person.id for person in people.persons] if runbook.subject else []
    for need in sorted(set().union(*needs.values()), key=_hardness):
        beginning = [each for each in initiators if need in needs[each]]
        base = _able(need, people)
        if len(base) >= need.count + 2:
            continue  # Taking one initiator and one subject out leaves enough.
        left = _Left(need, People(base, chat=people.chat, proofs=people.proofs))
        whoever = len(beginning) == len(initiators) and not served
        cases = tuple(_cases(beginning, subjects, left.are_too_few, whoever=whoever))
        if cases:
            # Steps that ask together need not come together: `when` may leave one of them out.
            never = need.asked and need in alone and len(base) < need.count
            could = min(left.count(one, about) for one, about in cases)
            yield Gap((), cases, need, could, never)


def _hardness(need: Need) -> tuple[int, int, bool, bool, tuple[str, ...]]:
    return need.count, len(need.roles), need.destroys, need.asked, tuple(sorted(need.roles))


def _cases(
    initiators: Sequence[str],
    subjects: Sequence[str],
    too_few: Callable[[str, str], bool],
    *,
    whoever: bool,
) -> Iterator[tuple[str, str]]:
    """Whoever and whatever takes the fewest words: nothing is said twice."""
    alone = [each for each in initiators if too_few(each, "")]
    if whoever and len(alone) == len(initiators):
        yield "", ""
        return
    yield from ((each, "") for each in alone)
    for about in subjects:
        others = [each for each in initiators if each not in alone and each != about]
        hit = [each for each in others if too_few(each, about)]
        if whoever and hit == others and len(hit) > 1:
            yield "", about
        else:
            yield from ((each, about) for each in hit)


class _Left(Frozen):
    """Who is left to agree when initiator and subject are taken out."""

    need: Need
    people: People

    def count(self, initiator: str, subject: str) -> int:
        return len(_able(self.need, self.people, initiator, subject))

    def are_too_few(self, initiator: str, subject: str) -> bool:
        return self.count(initiator, subject) < self.need.count


def _able(
    need: Need, people: People, initiator: str = "", subject: str = ""
) -> tuple[PersonRecord, ...]:
    request = Request(
        nonce="",
        run="",
        digest="",
        step="",
        writes=(),
        count=need.count,
        roles=need.roles,
        destroys=need.destroys,
        initiator=initiator,
        subject=subject,
        asked=_NEVER,
        within_s=0,
        anchor="",
    )
    # Whom nothing proves may agree to some things, and has no door through which to say so.
    return tuple(
        person
        for person in able(request, people)
        if person.id in people.proofs
        or (person.clicks and people.chat.covers(destroys=need.destroys))
    )


def _people(project: Project) -> People:
    """Everybody, with what they could really answer with."""
    clicks = any(source.brings_clicks for source in project.sources.values())
    return People(
        project.records,
        chat=project.policy.chat if clicks else Chat.NEVER,
        proofs={
            each.record.id: frozenset[str]()
            for each in project.persons
            if _signs(each) or _signs_on(project, each)
        },
    )


def _signs(person: PersonConfig) -> bool:
    return len(list(unusable_keys(person))) < len(person.ssh_keys)


def _signs_on(project: Project, person: PersonConfig) -> bool:
    oidc = project.server.oidc
    return oidc is not None and bool(person.oidc_subject) and person.oidc_issuer == oidc.issuer


# --- what a runbook asks for --------------------------------------------------------------------


def _single(runbook: Runbook, need: Callable[[ActionStep], Need | None]) -> frozenset[Need]:
    """What each step alone can need."""
    every = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)
    found = (need(step) for step in all_steps(every) if isinstance(step, ActionStep))
    return frozenset(each for each in found if each is not None)


def _asker(
    project: Project, initiator: str, *, served: bool
) -> Callable[[ActionStep], Need | None]:
    """What a step needs when this one begins the run, as ``Site`` says."""
    signs = any(each.record.id == initiator and _signs(each) for each in project.persons)
    site = Site(
        connections={},
        persons=project.records,
        operator=Actor(initiator, Strength.KEY if signs else Strength.CLAIMED),
        mode="real",
        engine="",
        policy=project.policy,
        proofs=project.people.proofs,
        served=served,
    )

    def need(step: ActionStep) -> Need | None:
        asked = site.approval(step)
        if asked is None:
            return None
        destroys = step.action.spec.effect is Effect.DESTROYS
        return Need(asked.count, frozenset(asked.roles), destroys, not asked.or_signed)

    return need


def _ways(
    steps: Iterable[Step], need: Callable[[ActionStep], Need | None]
) -> frozenset[Need | None]:
    """What a plan needs for each way through: one request is made of all of its steps."""
    ways: frozenset[Need | None] = frozenset({None})
    for step in steps:
        match step:
            case ActionStep():
                inner = frozenset({need(step)})
            case ChooseStep():
                inner = frozenset().union(*(_ways(b, need) for b in step.branches.values()))
            case BlockStep():
                inner = _ways((*step.steps, *step.always), need)
            case ParallelStep():
                inner = _ways(step.steps, need)
            case _:
                continue
        ways = frozenset(_both(one, other) for one, other in product(ways, inner))
    return ways


def _both(one: Need | None, other: Need | None) -> Need | None:
    if one is None or other is None:
        return one or other
    return Need(
        max(one.count, other.count),
        one.roles | other.roles,
        one.destroys or other.destroys,
        one.asked or other.asked,
    )


# --- words --------------------------------------------------------------------------------------


def _case_texts(cases: Sequence[tuple[str, str]]) -> Iterator[str]:
    if ("", "") in cases:
        yield "whoever runs it"
    hooks = [one.removeprefix(_HOOK) for one, about in cases if one.startswith(_HOOK) and not about]
    if hooks:
        yield f"if the source {' or '.join(hooks)} proposes it"
    people = [one for one, about in cases if one and not one.startswith(_HOOK) and not about]
    if people:
        yield f"if {' or '.join(people)} runs it"
    subjects = [about for one, about in cases if about and not one]
    if subjects:
        yield f"if the incident is about {' or '.join(subjects)}"
    for about in dict.fromkeys(about for one, about in cases if one and about):
        began = [one for one, other in cases if other == about and one]
        sources = [one.removeprefix(_HOOK) for one in began if one.startswith(_HOOK)]
        persons = [one for one in began if not one.startswith(_HOOK)]
        if sources:
            yield f"if the incident is about {about} and the source {' or '.join(sources)} tells it"
        if persons:
            yield f"if the incident is about {about} and {' or '.join(persons)} runs it"
