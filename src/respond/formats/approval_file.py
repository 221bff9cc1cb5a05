"""Approval requests and answers as files, for a laptop without journal and server.

A request file holds the request and the plan that it is about. Digests are worked out anew from
what the file says, words included, so that nobody signs one plan and sees another. An answer file
holds the signed text; whoever takes it holds it against the journal, and believes nothing else.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import structs

from respond.core.approval import Request, step_digest
from respond.core.fold import RunState
from respond.core.plan import OthersAgree, Plan, PlannedStep, PlannedWrite, digest_of, plan_from
from respond.core.recorded import OutsideEvent, Proposed
from respond.core.records import Frozen
from respond.core.shapes import encode
from respond.core.strict_json import NotStrictJsonError, decode
from respond.errors import UsageError
from respond.ports import Head

__all__ = [
    "BYTES_MAX",
    "AnswerFile",
    "RequestFile",
    "answer_file",
    "read_answer_file",
    "read_request_file",
    "request_file",
]

BYTES_MAX: Final = 4 * 1024 * 1024

_REQUEST: Final = "respond approval request"
_ANSWER: Final = "respond approval answer"
_VERSION: Final = 1
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LINE: Final = MappingProxyType(
    {
        "run": re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,40}"),
        "nonce": re.compile(r"[A-Za-z0-9_-]{16,128}"),
        "digest": _DIGEST,
        "step": re.compile(r"[^\s\x00-\x1f\x7f]{0,400}"),
        "anchor": re.compile(r"[A-Za-z0-9-]{1,60} [0-9]{1,16} [0-9a-f]{8,64}"),
    }
)
"""What stands in the text that is signed, so that no value can begin a line of its own there."""

_FACTS: Final = ("operator", "proposed_at", "planned_at", "reason", "incident")
_TEXT_MAX: Final = 4_096


class RequestFile(Frozen):
    """What somebody is asked, as a file tells it.

    Attributes:
        state: As much of the run as the screen shows.
        head: Where the journal ended when the file was written.
    """

    request: Request
    plan: Plan
    state: RunState
    head: Head


class AnswerFile(Frozen):
    """A signed answer; neither text nor signature was checked."""

    text: str
    signature: str


def request_file(state: RunState, request: Request, head: Head) -> str:
    """The text of a request file.

    Raises:
        UsageError: The run has no plan.
    """
    if state.plan is None:
        raise UsageError(f"run {state.id} has no plan yet", do=f"respond status {state.id}")
    facts = {
        "operator": state.operator,
        "proposed_at": state.proposed_at,
        "planned_at": state.planned_at,
        "reason": state.proposed.reason,
        "incident": state.proposed.incident,
    }
    if state.old_event and state.proposed.event is not None:
        facts["age_s"] = str(state.proposed.event.age_s)
    data = {
        "file": _REQUEST,
        "v": _VERSION,
        "run": state.id,
        "request": request.as_json(),
        "plan": encode(state.plan),
        "facts": facts,
        "head": {"journal": head.journal, "size": head.size, "hash": head.hash},
    }
    return json.dumps(data, indent=1, ensure_ascii=True) + "\n"


def read_request_file(data: bytes) -> RequestFile:
    """Read one, and see that its plan is the one that is asked about.

    Raises:
        UsageError: It is none, or was changed.
    """
    raw = _read(data, _REQUEST)
    try:
        request = Request.from_json(str(raw["run"]), raw["request"])
        plan = plan_from(raw["plan"])
        facts = {name: raw["facts"][name] for name in _FACTS}
        event = OutsideEvent(age_s=int(raw["facts"].get("age_s", 0)))
        head = Head(**raw["head"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _no_file(_REQUEST, "a field is missing or of another kind") from error
    if not (_fits_plan(plan) and _fits(head) and all(map(_is_text, facts.values()))):
        raise _no_file(_REQUEST, "a field is of another kind")
    for name, pattern in _LINE.items():
        if not pattern.fullmatch(getattr(request, name)):
            raise _no_file(_REQUEST, f"its {name} is not of that form")
    _is_about(request, plan, raw["plan"])
    proposed = Proposed(reason=facts["reason"], incident=facts["incident"], event=event)
    state = RunState(
        id=request.run,
        proposed=proposed,
        proposed_at=facts["proposed_at"],
        operator=facts["operator"],
        plan=plan,
        planned_at=facts["planned_at"],
    )
    return RequestFile(request, plan, state, head)


def _is_about(request: Request, plan: Plan, raw_plan: Any) -> None:
    """See that the digest that is asked about is the one of what the file shows.

    Raises:
        UsageError: It is another one.
    """
    wanted = plan.digest
    if request.step:
        wanted = step_digest(plan.digest, request.step, request.writes)
    shown = digest_of([dict(each) for each in request.shows] if request.step else raw_plan)
    if request.digest != wanted or request.shown != shown:
        raise UsageError(
            "this request is not about the plan in its file",
            why="the plan's digest is another one: somebody changed the file, or it is damaged",
            do="sign nothing; ask for a new file, and tell whoever runs the incident",
        )


def answer_file(text: str, signature: str) -> str:
    """The text of an answer file."""
    data = {"file": _ANSWER, "v": _VERSION, "text": text, "signature": signature}
    return json.dumps(data, indent=1, ensure_ascii=True) + "\n"


def read_answer_file(data: bytes) -> AnswerFile:
    """Read one.

    Raises:
        UsageError: It is none.
    """
    raw = _read(data, _ANSWER)
    text, signature = raw.get("text"), raw.get("signature")
    if not isinstance(text, str) or not isinstance(signature, str):
        raise _no_file(_ANSWER, "text or signature is missing")
    return AnswerFile(text, signature)


# --- what is in a file --------------------------------------------------------------------------


def _read(data: bytes, kind: str) -> dict[str, Any]:
    if len(data) > BYTES_MAX:
        raise _no_file(kind, f"it is larger than {BYTES_MAX // 1024 // 1024} MiB")
    try:
        raw = decode(data)
    except NotStrictJsonError as error:
        raise _no_file(kind, str(error)) from error
    if not isinstance(raw, dict) or raw.get("file") != kind:
        raise _no_file(kind, "it does not say so in its first line")
    if raw.get("v") != _VERSION:
        raise _no_file(kind, f"its version is not {_VERSION}, the one that is known here")
    return raw


def _no_file(kind: str, why: str) -> UsageError:
    return UsageError(f"this is no {kind.removeprefix('respond ')} of respond", why=why)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _TEXT_MAX


def _fits_plan(plan: Plan) -> bool:
    return (
        _fits(plan)
        and all(_fits(step) for step in plan.steps)
        and all(_fits(write) for write in plan.writes)
        and all(step.approve is None or _fits(step.approve) for step in plan.steps)
        and all(_DIGEST.fullmatch(write.key) for write in plan.writes)
    )


def _fits(record: Plan | PlannedStep | PlannedWrite | OthersAgree | Head) -> bool:
    """Whether each field of a record is of its kind; enumerations and records were read so."""
    hints = typing.get_type_hints(type(record))
    return all(_is_of(value, hints[name]) for name, value in structs.asdict(record).items())


def _is_of(value: object, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (str, bool):
        return isinstance(value, hint)
    if origin is tuple and typing.get_args(hint)[0] is str:
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    if origin is Mapping:
        return isinstance(value, dict)
    return True
