"""What verifying costs may change; what it answers may not. And it holds no journal in memory."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from respond.audit.body import Body, write_body
from respond.audit.chain import GENESIS, body_hash, link
from respond.audit.checkpoint import Signer
from respond.audit.export import write_export
from respond.audit.verify import StoredRow, verify
from respond.testing.journals import make_journal, reforge, verify_file

SIGNER = Signer("J-" + "A" * 26, bytes(range(32)))
PLACE = 4

VALUES = (
    "1", "-0", "1.5", "1e3", "0123", "NaN", "Infinity", "-Infinity", "null", " 1 ", "[1,]", "[[]",
    "999999999999999", "1234567890123456", "9007199254740991", "9007199254740992",
    "-9007199254740991", "-9007199254740992", "99999999999999999",
    r'"\ud800"', r'"x\udc00"', r'"\uD834"', r'"\ud83d\ude00"', r'"\\ud800"', r'"\u0041"',
    '"\U0001f511"', '"\x01"', '"\n"', '{"a":1,"a":2}', r'{"a":1,"\u0061":2}',
    "[" * 61 + "]" * 61, "[" * 62 + "]" * 62, "[" * 63 + "]" * 63, "[" * 5000 + "]" * 5000,
    '{"a":' * 62 + "1" + "}" * 62, '{"a":' * 63 + "1" + "}" * 63,
    '{"a":' * 62 + r'"\ud800"' + "}" * 62, '{"a":' * 63 + r'"\ud800"' + "}" * 63,
    "[" + "[]," * 80 + "[]]", '["' + "[" * 80 + '"]', "[" + "{}," * 80 + '"[[[["]',
)  # fmt: skip
TIMES = (
    "2026-11-23T03:12:00.000Z", "2024-02-29T00:00:00.000Z", "9999-12-31T23:59:59.999Z",
    "0001-01-01T00:00:00.000Z", "0000-01-01T00:00:00.000Z", "2026-02-30T03:12:00.000Z",
    "2026-13-01T03:12:00.000Z", "2026-11-23T24:00:00.000Z", "2026-11-23T03:60:00.000Z",
    "2026-11-23T03:12:60.000Z", "2026-11-23 03:12:00.000Z", "2026-11-23T03:12:00.000z",
    "2026-11-23T03:12:00,000Z", "2026-11-23T03:12:00.00Z", "2026-11-23T03:12:00.0000Z",
    "20261123T031200.0000000Z", "2026-W48-1T03:12:00.000Z", "2026-11-23T03:12:00.000+00:00",
    "2026-11-23T03:12:00.000Z\n", "\u0662026-11-23T03:12:00.000Z", "2026-11-23T03:12:00.00\u0660Z",
    "",
)  # fmt: skip
OTHERS: dict[str, tuple[Any, ...]] = {
    "v": (0, 2, 3, 4, True, "1", None), "seq": (3, -1, True, "4"), "mono_ms": (-1, True, None),
    "kind": ("x", "ended", "opened", "checkpoint", "followed-up", 1), "data": ([], None, "x"),
    "boot": ("", 1),
    "actor": ({}, [], {"id": "d", "strength": "no"}, {"id": 1, "strength": "key"},
              {"id": "d", "strength": "key", "more": 1}),
    "journal": ("J-" + "B" * 26, "", 1), "run": ("", "CK-9", 1), "step": ("", "x", 1),
}  # fmt: skip


def base() -> tuple[StoredRow, ...]:
    """The same journal, byte for byte, each time."""

    def change(bodies: list[Body]) -> list[Body]:
        first = bodies[0]._replace(data={"format": 1, "public_key": str(SIGNER.public)})
        return [body._replace(journal=SIGNER.public.name) for body in (first, *bodies[1:])]

    return reforge(make_journal(1), change, signer=SIGNER)


def with_body(rows: tuple[StoredRow, ...], raw: bytes) -> list[StoredRow]:
    """Another body at one place, chained anew from there."""
    changed = list(rows)
    changed[PLACE] = changed[PLACE]._replace(body=raw, body_hash=body_hash(raw))
    for place in range(PLACE, len(rows)):
        head = link(SIGNER.public.name, place, changed[place - 1].hash, changed[place].body_hash)
        changed[place] = changed[place]._replace(hash=head)
    return changed


def bodies(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Bodies that a strict reader has to look at twice, and what is odd about each."""
    for value in VALUES:
        name = value if len(value) < 40 else f"{value[:8]}... ({len(value)})"
        yield f"data {name}", raw.replace(b'"data":{', f'"data":{{"zz":{value},'.encode(), 1)
    for odd in ('"\xff"', '"\xed\xa0\x80"'):
        yield f"bytes {odd}", raw.replace(b'"data":{', f'"data":{{"z":{odd},'.encode("latin-1"), 1)
    found = json.loads(raw)
    for key, values in {"at": TIMES, **OTHERS}.items():
        for odd_value in values:
            other = json.dumps({**found, key: odd_value}, ensure_ascii=False, sort_keys=True)
            yield f"{key} {odd_value!r}", other.encode()
    for name in found:
        yield f"without {name}", json.dumps({k: v for k, v in found.items() if k != name}).encode()
        yield f"twice {name}", raw[:-1] + f',"{name}":1}}'.encode()
    for around in (" {} ", "\n{}\t", "\ufeff{}", "{}x", "{}{{}}", "[{}]", "\v{}", ""):
        yield f"around {around!r}", around.format(raw.decode()).encode()
    for size in range(0, len(raw), 29):
        yield f"cut at {size}", raw[:size]


@pytest.mark.promise("P23")
def test_every_odd_body_gets_the_answer_that_it_always_got() -> None:
    """200 odd bodies, chained anew: exit status, fault, place and words of each."""
    rows = base()
    told = []
    for name, raw in bodies(rows[PLACE].body):
        changed = [row._replace(columns=None) for row in with_body(rows, raw)]
        report = verify(changed, keys=[SIGNER.public])
        fault = report.fault.name if report.fault else "-"
        # What json says of broken syntax is Python's, and changes with it.
        why = report.why.partition(": not JSON")[0]
        told.append(ascii(f"{name} | {report.exit_code} {fault} {report.first_bad} {why}")[1:-1])
    path = Path(__file__).parents[1] / "golden" / "verify_answers.txt"
    if os.environ.get("RESPOND_GOLDEN") == "write":
        path.write_text("\n".join(told) + "\n", encoding="utf-8")
    assert "\n".join(told) + "\n" == path.read_text(encoding="utf-8")


def long_journal(size: int) -> Iterator[StoredRow]:
    """Runs of five records each, made as they are read."""
    plans: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("proposed", "", {}),
        ("taken", "", {"epoch": 1}),
        ("intent", "revoke_key", {"digest": "00" * 32}),
        ("outcome", "revoke_key", {"intent": 0}),
        ("ended", "", {"say": "x" * 400}),
    )
    name, head = SIGNER.public.name, GENESIS
    for seq in range(size):
        run = f"CK-{(seq - 1) // 5}" if seq else ""
        kind, step, data = plans[(seq - 1) % 5] if seq else ("opened", "", {})
        data = {**data, "intent": seq - 1} if kind == "outcome" else data
        at = "2026-11-23T03:12:00.000Z"
        body = Body(name, seq, at, seq, "boot", "dana", "claimed", run, step, kind, data)
        raw = write_body(body)
        head = link(name, seq, head, body_hash(raw))
        yield StoredRow(seq, raw, body_hash(raw), head)


@pytest.mark.long
def test_memory_does_not_grow_with_the_journal() -> None:
    """Of 20,000 records no more is held than which runs there are, and how their intents stand."""
    held = []
    for size in (1_000, 20_000):
        rows = list(long_journal(size))
        tracemalloc.start()
        report = verify(rows, keys=[SIGNER.public])
        held.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert report.checked == size, report.says
    runs = 19_000 // 5
    assert held[1] - held[0] < 700 * runs, held


def test_it_tells_now_and_then_how_far_it_is(tmp_path: Path) -> None:
    """Counts go out while records are read; the answer is the same."""
    path, told = tmp_path / "log.jsonl", list[int]()
    with path.open("wb") as out:
        write_export(long_journal(1_200), out)
    report = verify_file(path, keys=[SIGNER.public], told=told.append)
    assert told == [0, 500, 1000]
    assert report == verify_file(path, keys=[SIGNER.public])
