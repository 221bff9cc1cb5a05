"""Journals of before: one is put back while a run waits, and those of an older version are read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.audit.body import read_body, write_body
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.fold import fold
from respond.core.plan import digest_of
from respond.core.questions import Answer, AskStart, Decision, Question
from respond.core.recorded import (
    ApprovalAsked,
    Confirmed,
    ConfirmScope,
    Content,
    content_of,
    data_of,
)
from respond.core.shapes import encode
from respond.errors import ExitCode, JournalBrokenError
from respond.ports import Head
from respond.testing.example_run import TODAY
from respond.testing.runbook_kit import Stage
from respond.views.json_view import state_json
from respond.views.report import as_json, report

OLD = Path(__file__).parent.parent / "data" / "old_journals"
"""What the version before the fold spoke types wrote: ``bodies.jsonl``, each as it is stored, of
several journals; and ``told.json``, what that version told of them."""


class Parks(AutoPrompt):
    """Says later at the first question whose title holds a word, each time."""

    word = ""

    def ask(self, question: Question) -> Answer:
        if not isinstance(question, AskStart) and self.word in getattr(question, "title", ""):
            return Answer(Decision.LATER)
        return super().ask(question)

    def by_hand(self, task: Any, title: str, *, seen: Any, every_s: float) -> Answer:
        if self.word in title:
            return Answer(Decision.LATER)
        return super().by_hand(task, title, seen=seen, every_s=every_s)


@pytest.mark.promise("P2", "P23")
def test_an_old_copy_put_back_while_the_run_waits_is_refused(tmp_path: Path) -> None:
    """It does not know of the key that was made since, and would make another one."""
    with Stage(
        tmp_path, "compromised-key", prompt=lambda clock, company: Parks(company.click, clock)
    ) as stage:
        journal = tmp_path / "rehearsals" / stage.run / "journal.db"
        Parks.word = "Revoke"
        assert stage.advance() is ExitCode.PARKED
        shutil.copy(journal, tmp_path / "old.db")
        Parks.word = "Restart"
        assert stage.advance() is ExitCode.PARKED
        made = stage.tally()
        for path in journal.parent.glob("journal.db*"):
            path.unlink()
        shutil.copy(tmp_path / "old.db", journal)
        with pytest.raises(JournalBrokenError):
            stage.advance()
        assert stage.tally() == made


# --- journals of an older version -----------------------------------------------------------------


NEW = ("waits", "event", "verdict", "waited")
"""What status and report say since then."""
NEW_WITHIN = {"decided": ("reason",), "changes": ("phase", "put_back")}
"""And what their lists say since then."""


@cache
def old_bodies() -> tuple[bytes, ...]:
    return tuple((OLD / "bodies.jsonl").read_bytes().splitlines())


def old_records() -> dict[str, list[Record]]:
    """The records of every journal, by its id."""
    found: dict[str, list[Record]] = {}
    for body in map(read_body, old_bodies()):
        actor = Actor(body.actor, Strength(body.strength))
        event = Event(Kind(body.kind), body.run, body.step, actor, body.data)
        record = Record(body.seq, event, body.at, body.mono_ms, body.boot, f"{body.seq:064x}")
        found.setdefault(body.journal, []).append(record)
    return found


def told(journal: str, records: Sequence[Record]) -> dict[str, Any]:
    """What every door says of the runs of a journal: status, report, and what was agreed to."""
    found = {}
    for run in dict.fromkeys(record.event.run for record in records if record.event.run):
        state = fold(record for record in records if record.event.run == run)
        assert state is not None
        head = Head(journal, len(records), "0" * 64)
        both = (state_json(state, TODAY), as_json(report(state, records, head, TODAY)))
        status, said = ({k: v for k, v in each.items() if k not in NEW} for each in both)
        for name, since_then in NEW_WITHIN.items():
            said[name] = [{k: v for k, v in e.items() if k not in since_then} for e in said[name]]
        # Who reviewed an emergency entry is among who decided since then.
        said["decided"] = [each for each in said["decided"] if each["decision"] != "reviewed"]
        for outcome in (status["outcome"], said):
            # How each is closed afterwards, what was put back, and what to type for what was not
            # seen.
            for name in ("proved_by", "close", "put_back", "put_back_at"):
                del outcome["containment"][name]
            for item in (*outcome["items"], *outcome["look_at"]):
                del item["name"]
                if item["how"] == "undone":  # Whatever was put back since was still called proved.
                    item |= {"known": "proved", "how": "done"}
                item["do"] = "" if item["known"] == "not-seen" else item["do"]
        for items in (status["outcome"]["items"], said["items"]):
            # What was not seen is work for somebody now; before, nothing was left to do.
            items[:] = [i for i in items if (i["known"], i["how"]) != ("left-to-do", "not-seen")]
        found[run] = {
            "status": status,
            "report": said,
            "agreed": sorted(state.agreed),
            "used": sorted(state.used),
            "votes": [[v.nonce, v.verdict.value, v.who.id, v.reason] for v in state.votes],
            "requests": [digest_of(r.as_json()) for r in state.requests],
            "answers": sorted(state.answers),
            "undone": dict(state.undone),
            "inputs": encode(state.inputs),
            "is": [state.is_served, state.cancelled, state.by_word, state.started_by],
        }
    return found


def as_written(content: Content, data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event told, as JSON again: the fields that its data had."""
    if type(content) is Content:
        return dict(data)
    asked = content.request.as_json() if isinstance(content, ApprovalAsked) else None
    every = asked or encode(content)
    assert every.keys() >= data.keys(), f"{content} lacks {data.keys() - every.keys()}"
    return {name: _like(data[name], every[name]) for name in data}


def _like(old: Any, new: Any) -> Any:
    """The same of what lies within: what was not said there has its default now."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {name: _like(old[name], new[name]) for name in old}
    if isinstance(old, list) and isinstance(new, list):
        return [_like(*pair) for pair in zip(old, new, strict=True)]
    return new


def test_what_an_older_version_wrote_is_read_whole_and_written_to_the_same_bytes() -> None:
    """Each record of before goes through its type and comes back as the bytes that are stored."""
    kinds = set()
    for stored in old_bodies():
        body = read_body(stored)
        event = Event(Kind(body.kind), body.run, body.step, Actor("", Strength.KEY), body.data)
        data = as_written(content_of(event), body.data)
        assert write_body(body._replace(data=data)) == stored
        kinds.add(event.kind)
    never_by_a_run = {Kind.CONFIG_CHANGED, Kind.ERASED, Kind.PRUNED, Kind.RESTORED}
    new = {Kind.FOLLOWED_UP, Kind.PLAN_PART}
    assert kinds == set(Kind) - never_by_a_run - new


def as_told_before(found: Any) -> Any:
    """Without what containment changed and stands open: no version before said that.

    Each had a line for every step of a run that never began. Of the time line stays which record
    it tells of, and when: its words are a view's, and change.
    """
    match found:
        case {"timeline": [*moments], **rest}:
            bare = ({k: v for k, v in each.items() if k != "what"} for each in moments)
            once = {each["seq"]: each for each in bare}
            return {**as_told_before(rest), "timeline": list(once.values())}
        case dict():
            return {name: as_told_before(each) for name, each in found.items()}
        case list() | tuple():
            hows = {e.get("how") for e in found if isinstance(e, dict) and not e.get("step")}
            left_out = {"put-back"} | ({"not-started"} & hows)
            return [
                as_told_before(e)
                for e in found
                if not isinstance(e, dict) or e.get("how") not in left_out or not e.get("known")
            ]
    return found


def test_a_journal_of_an_older_version_tells_the_same() -> None:
    """Status, report and agreements come out word for word as the version before told them."""
    before = json.loads((OLD / "told.json").read_bytes())
    now = {journal: told(journal, old) for journal, old in old_records().items()}
    assert as_told_before(now) == as_told_before(before)


def test_what_is_not_said_is_not_written() -> None:
    """A field with a default would change the bytes of every record."""
    scope = ConfirmScope.START
    assert data_of(Confirmed, decision=Decision.YES, scope=scope, typed="") == {
        "decision": "yes",
        "scope": "start",
        "typed": "",
    }
