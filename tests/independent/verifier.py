"""A second verifier, written from docs/journal-format.md alone: EXPORT KEY-LINE [ANCHOR-LINE]..."""

# fmt: off
# ruff: noqa: ANN001, ANN201, C408, E401, E701, I001, N818, PTH123, SIM905 - short, to be read in one go
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"
import base64, datetime as dt, json, re, sys
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TAG, ID, HASH = b"respond-journal-v1", re.compile(r"J-[A-Z2-7]{26}"), re.compile("[0-9a-f]{64}")
MEMBERS = (dict.fromkeys(["actor", "data"], dict) | dict.fromkeys(["mono_ms", "seq", "v"], int)
           | dict.fromkeys(["at", "boot", "journal", "kind", "run", "step"], str))
RECORD = dict(body=str, body_hash=str, hash=str, seq=int)
LAST = dict(checkpoint=str, public_key=str, sha256=str, size=int)
STRENGTHS = "claimed chat key signed-on machine".split()
NEVER_AFTER = "opened proposed planned ended checkpoint break-glass pruned restored config-changed"
AFTER = ("undo-asked undo-done undo-failed taken intent outcome unknown reconciled observed notice "
         "confirmed reviewed erased parked joined answered approved denied approval-asked".split())
KINDS = {1: [*AFTER, *NEVER_AFTER.split()], 2: ["followed-up"], 3: ["plan-part"]}
SETTLE = dict(intent=[""], outcome=["intent"], unknown=["intent"], reconciled=["intent", "unknown"])
SAID = {"": "word proved alive", "word": "proved alive", "alive": "word proved alive", "proved": ""}

class Stop(Exception): pass  # its argument is the exit status; 70: the file can not be read on

def need(holds, status=7):
    if not holds: raise Stop(status)
    return holds

def depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max(map(depth, inner), default=0) + isinstance(value, (dict, list))

def strict(raw, limit=16 * 2**20, status=7):
    try:
        value = json.loads(
            need(len(raw) <= limit) and raw.decode(),
            object_pairs_hook=lambda pairs: need(len(dict(pairs)) == len(pairs)) and dict(pairs),
            parse_int=lambda d: need(len(d) < 18 and abs(int(d)) < 2**53) and int(d),
            parse_float=lambda _: need(False), parse_constant=lambda _: need(False))
        json.dumps(value, ensure_ascii=False).encode()  # fails for a lone surrogate
        return need(depth(value) <= 64) and value
    except (ValueError, RecursionError, Stop): raise Stop(status) from None

def shaped(value, members):
    return isinstance(value, dict) and {m: type(v) for m, v in value.items()} == members

def read_body(raw):
    body = strict(raw)
    need(not isinstance(body, dict) or type(body.get("v")) is not int or body["v"] in KINDS, 10)
    need(shaped(body, MEMBERS) and shaped(body["actor"], dict(id=str, strength=str)))
    need(body["kind"] in KINDS[body["v"]] and body["actor"]["strength"] in STRENGTHS)
    at = dt.datetime.fromisoformat(body["at"]).isoformat(timespec="milliseconds")
    need(body["at"] == at.replace("+00:00", "Z") != at)
    return body

def check_note(note, key, start):
    text, _, signatures = str(note).partition("\n\n")
    line = need(re.match(f"\u2014 {start[0]} ([A-Za-z0-9+/]{{91}}=)\n", signatures))[1]
    public, signed = base64.b64decode(key[38:])[1:], base64.b64decode(line)
    need(signed[:4] == sha256(start[0].encode() + b"\n\x01" + public).digest()[:4])
    need(base64.b64encode(signed).decode() == line and text.count("\n") == 4)
    Ed25519PublicKey.from_public_bytes(public).verify(signed[4:], f"{text}\n".encode())
    return need(text.split("\n")[:3] == start) and int(start[1])

def check_order(kind, seq, name, step, data, runs, of_run=("taken", "ended", *KINDS[2], *KINDS[3])):
    need((kind == "opened") == (not seq) and (name or kind not in [*SETTLE, *of_run]))
    need(not name or (kind == "proposed") == (name not in runs))
    run = runs.setdefault(name, {"epoch": 0, "ended": 0, "parts": 0})
    need(not name or not run["ended"] or kind in (*AFTER, "followed-up"))
    run["ended"] |= kind == "ended"
    run["epoch"] += kind == "taken"
    run["parts"] = (run["parts"] + (kind == "plan-part")) * (kind != "taken")
    need(kind != "taken" or (type(data.get("epoch")) is int and data["epoch"] == run["epoch"]))
    if kind in SETTLE:
        of = seq if kind == "intent" else data.get("intent")
        was, last = need(type(of) is int) and run.get(of, (step, ""))
        run[of] = need(was == step and last in SETTLE[kind]) and (step, kind)
    if name and kind == "planned":
        run["parts"] = not need(type(n := data.get("parts", 0)) is int and 0 <= n <= run["parts"])
    if kind == "followed-up":
        how, item = data.get("how"), (need(type(data.get("item")) is str and data["item"]),)
        run[item] = need(run["ended"] and how in SAID[run.get(item, "")].split()) and how

def verify(rows, keys=(), outside=(), loose_max=1000):
    size, signed, covered, journal, key, head, runs, monos = 0, 0, 0, "", "", bytes(32), {}, {}
    try:
        for seq, raw, body_hash, digest, columns in rows:
            need(type(seq) is int and seq == size and type(body_hash) is type(digest) is bytes)
            need(type(raw) is bytes and sha256(raw).digest() == body_hash)
            if size == 0:
                journal = need(ID.fullmatch(read_body(raw)["journal"]))[0]
                need(all(point[0] == journal for point in outside))
                key = next((key for key in keys if key.startswith(f"{journal}+")), "")
            linked = TAG + journal.encode() + size.to_bytes(8, "big") + head + body_hash
            need(sha256(linked).digest() == digest)
            body = read_body(raw)
            kind, run, step, at, boot = (body[m] for m in ("kind", "run", "step", "at", "boot"))
            need(body["journal"] == journal and body["seq"] == size)
            need(columns in (None, (kind, run, step, at)) and body["mono_ms"] >= monos.get(boot, 0))
            monos[boot] = body["mono_ms"]
            if kind == "checkpoint" and key:
                signed = check_note(body["data"].get("note"), key, [journal, str(size), head.hex()])
            check_order(kind, size, run, step, body["data"], runs)
            size, head = size + 1, digest
            for p in (p for p in outside if p[1] == size):
                covered = need(head.hex().startswith(p[2])) * size
        need(all(point[1] <= size for point in outside))
    except (InvalidSignature, ValueError): return 7
    except Stop as stop: return {70: 7 if size else 10}.get(stop.args[0], stop.args[0])
    return 10 if not key else 3 * (not signed or size - max(signed, covered) > loose_max)

def rows_of_file(file):
    before = sha256()
    for number, raw in enumerate(file):
        line = strict(raw, 32 * 2**20 + 4097, need(raw.endswith(b"\n"), 70) and 70)
        if number == 0:
            need(shaped(line, dict(format=str, journal=str, v=int)), 70)
            need((line["format"], line["v"]) == ("respond-journal-export", 1), 70)
        elif shaped(line, RECORD):
            hashes = (bytes.fromhex(need(HASH.fullmatch(line[m]), 70)[0]) for m in [*RECORD][1:3])
            yield line["seq"], line["body"].encode(), *hashes, None
        else:
            need(shaped(line, LAST) and line["size"] == number - 1 and not file.read(1), 70)
            before.update((line["checkpoint"] + line["public_key"]).encode())
            return need(before.hexdigest() == line["sha256"], 70)
        before.update(raw)
    raise Stop(70)

if __name__ == "__main__":
    with open(sys.argv[1], "rb") as export:
        anchors = [(j, int(n), h) for j, n, h in map(str.split, sys.argv[3:])]
        sys.exit(verify(rows_of_file(export), [sys.argv[2]], anchors))
