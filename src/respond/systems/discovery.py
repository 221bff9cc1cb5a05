"""Find out which unconfirmed operations an account really offers, and notice when that changes.

For vendors that publish no reference. An action gets API hands only for an operation that the
account's own OpenAPI document describes as we expect it: method, path, words and body. A person
then accepts the table. What has changed since, in any byte of its description, goes back to a
person's hands.

Pure: documents in, table out. What a document leaves out may still exist; it is not used.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import structs

from respond.core.records import Frozen
from respond.core.script import Call
from respond.systems.rest import dig

__all__ = [
    "Candidate",
    "Capability",
    "CapabilityTable",
    "Discovery",
]

_REF_DEPTH_MAX: Final = 24


class Candidate(Frozen):
    """An operation that we would use if it exists.

    Attributes:
        path: With ``{}`` for each variable part.
        words: One of each group has to stand in its summary, description or id.
        sends: The body that we would send: dotted field to JSON type. No other field may be
            required there.
        document: Which of the documents it would stand in.
        below: A prefix that the document may leave out of its paths.
        actions: Those that a person carries out where it is not found, or not accepted.
        where: In which case alone; empty: always.
    """

    name: str
    method: str
    path: str
    words: tuple[tuple[str, ...], ...]
    sends: tuple[tuple[str, str], ...] = ()
    document: int = 0
    below: str = ""
    actions: frozenset[str] = frozenset()
    where: str = ""


class Capability(Frozen):
    """What a document says about one candidate.

    Attributes:
        path: As the document writes it; empty when it does not.
        sha256: Of method, path and the whole description; empty when there is none.
        summary: The vendor's words, for the person who accepts the table.
        why_not: Why it is not confirmed; empty when it is.
    """

    name: str
    method: str
    path: str
    sha256: str
    summary: str
    confirmed: bool
    why_not: str


class CapabilityTable(Frozen):
    """What an account offers, for a person to accept and for later comparison."""

    capabilities: tuple[Capability, ...]

    @property
    def confirmed(self) -> frozenset[str]:
        """Names for ``Connection.can``, once a person has accepted the table."""
        return frozenset(one.name for one in self.capabilities if one.confirmed)

    def as_json(self) -> dict[str, Any]:
        """For the store."""
        return {"v": 1, "capabilities": [structs.asdict(one) for one in self.capabilities]}

    @classmethod
    def from_json(cls, data: Any) -> CapabilityTable:
        """A stored table; one that cannot be read offers nothing, so that a person does it."""
        rows = data.get("capabilities") if isinstance(data, dict) and data.get("v") == 1 else None
        if not isinstance(rows, list):
            return cls(())
        return cls(tuple(one for row in rows if (one := _stored(row)) is not None))


def _stored(row: Any) -> Capability | None:
    texts = ("name", "method", "path", "sha256", "summary", "why_not")
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in texts):
        return None
    known = {name: row[name] for name in texts}
    return Capability(**known, confirmed=row.get("confirmed") is True)


# --- matching -----------------------------------------------------------------------------------


class Discovery(Frozen):
    """What an account's live documents are asked for.

    Attributes:
        documents: Surface and path of each.
        candidates: Everything that nobody has confirmed and an action would use.
    """

    documents: tuple[tuple[str, tuple[str, ...]], ...]
    candidates: tuple[Candidate, ...]

    def calls(self, connection: str) -> tuple[Call, ...]:
        """The reads that bring the documents, in their order."""
        return tuple(Call(connection, surface, "GET", path) for surface, path in self.documents)

    def match(self, *documents: Any) -> CapabilityTable:
        """Say of every candidate whether the documents describe it as we expect it."""
        return CapabilityTable(
            tuple(_capability(each, documents[each.document]) for each in self.candidates)
        )

    def still_valid(
        self, accepted: CapabilityTable, *documents: Any
    ) -> tuple[frozenset[str], tuple[str, ...]]:
        """What of an accepted table still holds, and one line for each difference."""
        now = {each.name: each for each in self.match(*documents).capabilities}
        holds: set[str] = set()
        lines: list[str] = []
        for one in accepted.capabilities:
            if not one.confirmed:
                continue
            fresh = now.get(one.name)
            if fresh is not None and fresh.confirmed and fresh.sha256 == one.sha256:
                holds.add(one.name)
                continue
            why = fresh.why_not if fresh and fresh.why_not else "its description changed"
            lines.append(f"{one.name}: {why}; a person does it until you accept it again")
        lines += [
            f"{name}: found now; accept it, and the tool does it"
            for name, fresh in now.items()
            if fresh.confirmed and name not in accepted.confirmed
        ]
        return frozenset(holds), tuple(lines)


def _capability(candidate: Candidate, document: Any) -> Capability:
    found = list(_operations(candidate, document))
    if len(found) != 1:
        why = "the document does not describe it" if not found else "two paths look like it"
        return Capability(candidate.name, candidate.method, "", "", "", False, why)
    path, operation = found[0]
    whole = _resolved(operation, document, 0)
    summary = str(operation.get("summary") or operation.get("operationId") or "")[:200]
    why = _word_missing(candidate, operation) or _body_differs(candidate, whole)
    described = json.dumps(
        [candidate.method, path, whole], sort_keys=True, separators=(",", ":"), ensure_ascii=True
    )
    digest = hashlib.sha256(described.encode()).hexdigest()
    return Capability(candidate.name, candidate.method, path, digest, summary, not why, why)


def _operations(candidate: Candidate, document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    paths = document.get("paths") if isinstance(document, dict) else None
    for path, item in paths.items() if isinstance(paths, dict) else ():
        if not isinstance(item, dict) or not _same_shape(candidate, str(path)):
            continue
        operation = item.get(candidate.method.lower())
        if isinstance(operation, dict):
            # Parameters may stand beside the operations, for all of them.
            yield str(path), {**operation, "parameters-of-path": item.get("parameters", [])}


def _same_shape(candidate: Candidate, path: str) -> bool:
    wanted = candidate.path
    if candidate.below and not path.startswith(candidate.below):
        wanted = wanted.removeprefix(candidate.below)
    parts, ours = path.strip("/").split("/"), wanted.strip("/").split("/")
    return len(parts) == len(ours) and all(
        (part.startswith("{") and part.endswith("}")) if own == "{}" else part == own
        for part, own in zip(parts, ours, strict=True)
    )


def _word_missing(candidate: Candidate, operation: Mapping[str, Any]) -> str:
    said = " ".join(str(operation.get(n, "")) for n in ("summary", "description", "operationId"))
    words = set(re.findall(r"[a-z]+", said.lower()))
    for group in candidate.words:
        if not words & set(group):
            return f"its words say nothing of {' or '.join(group[:2])}"
    return ""


def _body_differs(candidate: Candidate, operation: Mapping[str, Any]) -> str:
    found = dig(operation, "requestBody.content.application/json.schema")
    schema = found if isinstance(found, dict) else {}
    if not candidate.sends:
        required = dig(operation, "requestBody.required") is True
        return "it wants a body" if required and _wanted(schema) else ""
    for field, kind in candidate.sends:
        found = dig(schema, f"properties.{field.replace('.', '.properties.')}")
        if not isinstance(found, dict):
            return f"its body has no {field}"
        kinds = found.get("type")
        # OpenAPI 3.1 has lists of them: ["string", "null"]
        if kind not in (kinds if isinstance(kinds, list) else [kinds]):
            return f"{field} in its body is no {kind}"
    extra = _wanted(schema) - {field for field, _ in candidate.sends}
    # The wrapper itself is required, and we send it.
    extra -= {field.partition(".")[0] for field, _ in candidate.sends}
    return f"its body also wants {', '.join(sorted(extra))}" if extra else ""


def _wanted(schema: Mapping[str, Any], before: str = "") -> set[str]:
    """Every field that is required, dotted."""
    required = schema.get("required")
    properties = schema.get("properties")
    names = set(map(str, required)) if isinstance(required, list) else set()
    wanted = {f"{before}{name}" for name in names}
    for name in names:
        inner = properties.get(name) if isinstance(properties, dict) else None
        if isinstance(inner, dict):
            wanted |= _wanted(inner, f"{before}{name}.")
    return wanted


def _resolved(value: Any, document: Any, depth: int) -> Any:
    """The value with its references put in, so that a change behind one shows."""
    if depth > _REF_DEPTH_MAX:
        return "too deep"
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            return _resolved(_pointed(document, reference), document, depth + 1)
        return {str(k): _resolved(v, document, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolved(item, document, depth + 1) for item in value]
    return value


def _pointed(document: Any, reference: str) -> Any:
    if not reference.startswith("#/"):
        return {"elsewhere": reference}
    here = document
    for part in reference[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        here = here.get(name) if isinstance(here, dict) else None
    return here
