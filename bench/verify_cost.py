"""Measure what verifying a journal costs over plain SHA-256 of the same bytes, in one run.

    python bench/verify_cost.py

Beside it stands what no verifier in Python can do without, whatever it is made of: both hashes of
a record, the library's own JSON reader, and the signatures. Processor time, the best of rounds
that alternate.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from figures import figure

from respond.audit.body import Body, write_body
from respond.audit.chain import GENESIS, body_hash, link
from respond.audit.checkpoint import Signer
from respond.audit.verify import StoredRow, verify

RUNS = 100
STEPS = 12
ROUNDS = 7
GOAL = 6
BOUND = 2.5
"""How many times the part that cannot be left out."""

SIGNER = Signer("J-" + "A" * 26, bytes(range(32)))
NAME = SIGNER.public.name
AT = "2026-11-23T03:12:00.000Z"


def _events() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Kind, run, step and data; bodies of the size that runs write."""
    look = {"says": "the key answers", "before": {"version": 7, "seen": True}, "keys": ["a"] * 12}
    yield "opened", "", "", {"format": 1}
    for number in range(RUNS):
        run = f"CK-{number}"
        steps = [{"id": f"s{n}", "writes": [look], "phase": "contain"} for n in range(STEPS)]
        yield "proposed", run, "", {"runbook": "compromised-key", "inputs": look}
        yield "taken", run, "", {"epoch": 1}
        yield "planned", run, "", {"digest": "ab" * 32, "plan": {"steps": steps}}
        for n in range(STEPS):
            yield "intent", run, f"s{n}", {"digest": "cd" * 32, "write": look, "undo": look}
            yield "outcome", run, f"s{n}", {"how": "done", "value": look}
            yield "observed", run, f"s{n}", {"how": "done", "says": "proved", "output": look}
        yield "ended", run, "", {"exit": 0}
        yield "checkpoint", "", "", {"reason": "end of run"}


def _journal() -> list[StoredRow]:
    rows: list[StoredRow] = []
    head = GENESIS
    for seq, (kind, run, step, given) in enumerate(_events()):
        data = {**given, "intent": seq - 1} if kind == "outcome" else given
        if kind == "checkpoint":
            note = SIGNER.sign(size=seq, head=head.hex(), at=AT, reason="end of run")
            data = {**data, "note": note}
        raw = write_body(Body(NAME, seq, AT, seq, "b", "dana", "claimed", run, step, kind, data))
        head = link(NAME, seq, head, body_hash(raw))
        rows.append(StoredRow(seq, raw, body_hash(raw), head))
    return rows


def _hash_all(rows: list[StoredRow]) -> None:
    for row in rows:
        hashlib.sha256(row.body).digest()


def _least(rows: list[StoredRow]) -> None:
    key = Ed25519PublicKey.from_public_bytes(SIGNER.public.raw)
    signature = SIGNER._key.sign(b"x" * 150)  # noqa: SLF001 - one signature is as good as another
    for row in rows:
        hashlib.sha256(row.body).digest()
        link(NAME, row.seq, GENESIS, row.body_hash)
        if json.loads(row.body)["kind"] == "checkpoint":
            key.verify(signature, b"x" * 150)


def _check_all(rows: list[StoredRow]) -> None:
    if verify(rows, keys=[SIGNER.public]).exit_code:
        raise RuntimeError("the journal that was made does not verify")


def _seconds(work: Callable[[list[StoredRow]], None], rows: list[StoredRow]) -> float:
    began = time.process_time()
    work(rows)
    return time.process_time() - began


def main() -> int:
    """Print the figures; exit 1 when it is beyond its bound."""
    rows = _journal()
    gc.freeze()
    works = (_hash_all, _least, _check_all)
    rounds = [[_seconds(work, rows) for work in works] for _ in range(ROUNDS)]
    plain, least, whole = (min(column) * 1e6 / len(rows) for column in zip(*rounds, strict=True))
    says = f"{whole:.1f} us a record of {len(rows)}, over {plain:.2f}"
    beyond = figure(
        "audit verify over SHA-256 alone", whole / plain, "times", bound=GOAL, says=says
    )
    name = "audit verify over hashes, json.loads and signatures alone"
    return int(figure(name, whole / least, "times", bound=BOUND) or beyond)


if __name__ == "__main__":
    sys.exit(main())
