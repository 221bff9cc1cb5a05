"""One file with all that a run kept as evidence, for people who have none of this tool.

A zip with each answer as it was kept, a manifest, checksums and a short text about the format,
which ``docs/evidence.md`` describes in full. The same facts give the same bytes.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

from respond.core.fold import RunState
from respond.core.kept_answer import TAKEN_OUT, KeptAnswer
from respond.core.records import Frozen
from respond.ports import Head
from respond.views.words import mode_of, runbook_of

__all__ = ["FoundAnswer", "evidence_facts", "evidence_zip"]

_FORMAT: Final = "respond-evidence"
_VERSION: Final = 1
_NAME_MAX: Final = 60
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)


class FoundAnswer(Frozen):
    """What the journal says of an answer, and its bytes as they were found.

    Attributes:
        state: ``kept``, ``cut`` (only its digest was kept), ``missing``, ``damaged`` or ``sealed``
            (its key is gone).
        why: Where it is not ``kept``.
    """

    answer: KeptAnswer
    text: bytes = b""
    state: str = "kept"
    why: str = ""

    @property
    def is_lost(self) -> bool:
        return self.state not in ("kept", "cut")


def evidence_facts(state: RunState, head: Head, found: Sequence[FoundAnswer]) -> dict[str, Any]:
    """The manifest: what was kept, when, of which request, by which step, and what is not there."""
    plan = state.plan
    return {
        "format": _FORMAT,
        "v": _VERSION,
        "run": state.id,
        "runbook": runbook_of(state),
        "mode": mode_of(state),
        "operator": state.operator,
        "incident": state.proposed.incident,
        "began": state.proposed_at,
        "ended": state.ended_at,
        "journal": {"id": head.journal, "size": head.size, "head": head.hash},
        "connections": dict(plan.connections) if plan is not None else {},
        "answers": [_entry(name, each) for name, each in _named(found)],
        "not_kept": list(state.unkept),
    }


def _entry(name: str, found: FoundAnswer) -> dict[str, Any]:
    answer = found.answer
    return {
        "file": name,
        "sha256": answer.sha256,
        "bytes": answer.bytes,
        "connection": answer.connection,
        "request": answer.request,
        "asked": answer.asked,
        "status": answer.status,
        "at": answer.at,
        "theirs": answer.theirs,
        "step": answer.step,
        "seq": answer.seq,
        "state": found.state,
        "why": found.why,
    }


def _named(found: Iterable[FoundAnswer]) -> list[tuple[str, FoundAnswer]]:
    """Each with the name of its file; empty where there is none. The same bytes are one file."""
    names: dict[str, str] = {}
    for number, each in enumerate(found, 1):
        if each.state == "kept":
            path = each.answer.request.partition(" ")[2].partition("?")[0]
            plain = re.sub(r"[^A-Za-z0-9.-]+", "_", path).strip("_")[:_NAME_MAX]
            place = re.sub(r"[^A-Za-z0-9.-]+", "_", each.answer.connection)[:_NAME_MAX]
            names.setdefault(each.answer.sha256, f"answers/{number:04}-{place}-{plain}.json")
    return [(names[each.answer.sha256] if each.state == "kept" else "", each) for each in found]


def evidence_zip(state: RunState, head: Head, found: Sequence[FoundAnswer]) -> bytes:
    """The whole file."""
    facts = evidence_facts(state, head, found)
    files = {name: each.text for name, each in _named(found) if name}
    files["manifest.json"] = json.dumps(facts, ensure_ascii=False, indent=2).encode(
        "utf-8", "backslashreplace"
    )
    files["README.txt"] = _readme(facts).encode("utf-8", "backslashreplace")
    sums = "".join(f"{sha256(text).hexdigest()}  {name}\n" for name, text in sorted(files.items()))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in (("SHA256SUMS", sums.encode()), *sorted(files.items())):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100600 << 16
            made.writestr(entry, text)
    return out.getvalue()


def _readme(facts: dict[str, Any]) -> str:
    answers = facts["answers"]
    gone = [each for each in answers if each["state"] != "kept"]
    lines = [
        f"Evidence of run {facts['run']} ({facts['runbook']}, {facts['mode']}).",
        "",
        "answers/       what systems answered to the run, in the order in which it looked: JSON in",
        f"               UTF-8. {TAKEN_OUT!r} stands where a secret value stood, and",
        "               '[secret NAME]' where a credential of the run itself did.",
        "manifest.json  for each answer: file, SHA-256, request, status, time by our clock (at)",
        "               and by the system's (theirs), step, and the seq of the journal's record",
        "               that has its SHA-256 (its number, which counts from 1, is one more).",
        "SHA256SUMS     checks all files:   sha256sum -c SHA256SUMS",
        "",
        "To check against the journal, whose records are chained and signed, ask for its export",
        "and its public key (respond audit export, respond audit key). Line SEQ + 2 of the",
        'export holds the SHA-256:   sed -n "$((SEQ + 2))p" log.jsonl | grep -c SHA256',
        "",
        f"Journal {facts['journal']['id']}, {facts['journal']['size']} records, head",
        facts["journal"]["head"],
        "",
        f"{len(answers)} answers, {len(gone)} of them not in this file.",
        *(
            f"NOT HERE ({each['state']}): {each['request']} at {each['at']}, {each['sha256']}"
            + (f": {each['why']}" if each["why"] else "")
            for each in gone
        ),
        *(f"NOT KEPT: {line}" for line in facts["not_kept"]),
    ]
    return "\n".join(lines) + "\n"
