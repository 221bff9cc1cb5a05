"""Items of Bitwarden as places for new secrets: the company's ``bw``, and a small real one."""

from __future__ import annotations

import base64
import copy
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.command import Ran, run
from respond.company import Company, default_company
from respond.company.bitwarden import guid
from respond.core.plan import write_key
from respond.core.script import Effect, Proof
from respond.errors import NoAnswerError, RefusedBySystemError, UsageError
from respond.systems.vendor import Allowed, CredentialVerdict

NEW = "0123456789abcdef" * 2


def at(name: str, field: str = "password") -> str:
    return f"bitwarden:bw:{guid(name)}#{field}"


SINK = at("cio-backend")


@dataclass
class Chest:
    """A company's Bitwarden, and somebody who brings secrets there."""

    company: Company
    bench: Any
    runner: Any
    tokens: dict[str, str]

    @property
    def state(self) -> Any:
        return self.company.bitwarden.state

    def item(self, name: str = "cio-backend") -> Any:
        return next(each for each in self.state.items if each["name"] == name)

    def put(self, sink: str = SINK, step: str = "new") -> Any:
        leaked = self.bench.secret("inputs.leaked", self.company.story.leaked_app_key)
        return self.bench.put(sink, step, instead_of=leaked)

    def changes(self) -> int:
        return len(self.company.ledger.of("item.edited"))


@pytest.fixture
def chest(bench: Any) -> Chest:
    company = default_company(clock=bench.clock, only=("bitwarden",))
    tokens = {"bw": company.story.bitwarden_session}
    runner = bench.running(company.bitwarden)
    bench.through("bitwarden", "bw", tokens, runner)
    return Chest(company, bench, runner, tokens)


# --- look, mark, put, prove -----------------------------------------------------------------------


def test_a_password_is_the_leaked_one_and_then_the_new_one(chest: Chest) -> None:
    """Seen by keyed digest, and by looking again; the run stands in the notes."""
    leaked = chest.bench.secret("inputs.leaked", chest.company.story.leaked_app_key)
    assert chest.bench.check(SINK, leaked).output.holds

    assert chest.put().writes == ()

    assert chest.item()["login"]["password"] == NEW
    assert chest.item()["notes"] == "respond: put here by run ck7f3q"
    assert chest.bench.sent[0].effect is Effect.WRITES
    assert "marked by run ck7f3q" in chest.bench.check(SINK).says
    assert not chest.bench.check(SINK, leaked).output.holds


def test_it_is_changed_again_where_a_run_of_ours_changed_it(chest: Chest) -> None:
    """Our own mark among the notes is nothing that would be lost."""
    chest.put()
    chest.bench.put(SINK, "two", "another-value-of-it")
    assert chest.changes() == 2


@pytest.mark.parametrize(("name", "field"), [("custom", "api key"), ("note", "api key")])
def test_a_custom_field_is_written_where_it_is_alone(chest: Chest, name: str, field: str) -> None:
    """Made hidden where there is none yet; the login beside it stays as it is."""
    login = copy.deepcopy(chest.item(name)["login"])
    assert chest.put(at(name, field)).writes == ()
    assert chest.item(name)["fields"] == [{"name": field, "value": NEW, "type": 1}]
    assert chest.item(name)["login"] == login


def test_what_a_change_would_lose_is_said_again(chest: Chest) -> None:
    """Folder, favourite and the question for the password stand in every change."""
    chest.item().update({"folderId": "f-1", "favorite": True, "reprompt": 1})
    chest.put()
    kept = {name: chest.item()[name] for name in ("folderId", "favorite", "reprompt", "type")}
    assert kept == {"folderId": "f-1", "favorite": True, "reprompt": 1, "type": 1}


@pytest.mark.promise("P22")
def test_no_argument_and_nothing_that_is_seen_has_the_value(chest: Chest) -> None:
    """Others on the machine see arguments; the journal keeps what was seen and written."""
    chest.put()
    seen = chest.bench.plan(SINK, "other")
    for secret in (NEW, chest.company.story.leaked_app_key, chest.tokens["bw"]):
        for form in (secret, base64.b64encode(secret.encode()).decode()):
            assert form not in repr((chest.runner.argvs, chest.bench.sent, seen))


def test_the_plan_and_the_act_are_one_write(chest: Chest) -> None:
    """A yes to the plan still fits when the secret exists."""
    planned = chest.bench.plan(SINK).writes[0]
    chest.put()
    assert write_key(planned) == write_key(chest.bench.sent[0])


def test_overwriting_something_else_is_asked_for(chest: Chest) -> None:
    """What stands there is not what leaked; the question says what breaks."""
    chest.item()["login"]["password"] = "theirs-and-in-use"
    chest.put()
    assert chest.bench.sent[0].effect is Effect.DESTROYS
    assert "history keeps the old one" in chest.bench.sent[0].breaks


# --- what is a person's ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "field", "left"),
    [
        ("person", "password", "username"),
        ("passkey", "password", "fido2Credentials"),
        ("noted", "password", "notes"),
        ("several", "api key", "webhook"),
        ("noted", "token", "notes"),
    ],
)
def test_what_would_lose_something_is_a_persons(
    chest: Chest, name: str, field: str, left: str
) -> None:
    """A login, the custom fields and the notes come as a whole: it is shown once, for somebody."""
    (write,) = chest.bench.plan(at(name, field)).writes

    call: Any = write.hands.call
    assert (call.surface, write.proof, write.stays) == ("screen", Proof.WORD, (left,))
    assert f"{name} {field}" in write.says
    assert chest.changes() == 0


def test_what_a_person_put_there_is_seen(chest: Chest) -> None:
    """On another device: the look brings the vault up to date first."""
    chest.bench.secret("new.value", NEW)
    chest.item("person")["login"]["password"] = NEW
    chest.company.bitwarden.touched(chest.item("person"))
    assert chest.bench.plan(at("person")).writes == ()


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sink", "why"),
    [
        (at("trash"), "in the trash"),
        (at("note"), "only a login has a password"),
        (at("nowhere"), "Not found"),
    ],
)
def test_what_is_no_place_is_refused_before_anything_is_made(
    chest: Chest, sink: str, why: str
) -> None:
    """Deleted, of another kind, or not there: said at the first look."""
    with pytest.raises(RefusedBySystemError) as said:
        chest.bench.plan(sink)
    assert why in f"{said.value.sentence} {said.value.why}"


def test_two_fields_of_one_name_are_not_guessed(chest: Chest) -> None:
    """Nothing tells them apart."""
    fields = chest.item("custom")["fields"]
    fields.append(dict(fields[0]))
    with pytest.raises(RefusedBySystemError, match="ambiguous"):
        chest.bench.plan(at("custom", "api key"))


@pytest.mark.promise("P19")
@pytest.mark.parametrize(
    "text",
    [
        "bitwarden:bw",
        "bitwarden:bw:cio-backend#password",
        "bitwarden:bw:--session#password",
        f"bitwarden:bw:{guid('x').upper()}#password",
        f"bitwarden:bw:{guid('x')}",
        f"bitwarden:bw:{guid('x')}#-f",
        f"bitwarden:bw:{guid('x')}\n#f",
        f"bitwarden:nowhere:{guid('x')}#password",
    ],
)
def test_a_sink_that_cannot_be_understood_is_refused(chest: Chest, text: str) -> None:
    """Items are named by ids alone: a name finds whatever is like it. Nothing was run."""
    with pytest.raises(UsageError):
        chest.bench.check(text)
    assert chest.runner.argvs == []


@pytest.mark.parametrize("answer", [{"object": "item"}, [], {"id": guid("other"), "type": 1}])
def test_what_is_not_the_item_is_none(chest: Chest, answer: Any) -> None:
    """An answer about something else is not taken for an empty item."""
    chest.company.bitwarden._shown = lambda _: answer
    with pytest.raises(NoAnswerError):
        chest.bench.check(SINK)


# --- when things go wrong -------------------------------------------------------------------------


@pytest.mark.promise("P10")
def test_somebody_elses_change_is_not_overwritten(chest: Chest) -> None:
    """The revision that was looked at goes with the change; the server refuses it when it moved."""
    planned = chest.bench.plan(SINK).writes[0]
    chest.company.bitwarden.touched(chest.item())
    # Another step looks in between, so that this machine knows the change and we do not.
    chest.bench.check(SINK)
    chest.bench.secret("new.value", NEW)

    with pytest.raises(RefusedBySystemError) as said:
        chest.bench.perform(planned)

    assert "out of date" in said.value.why
    assert chest.changes() == 0


@pytest.mark.promise("P2")
@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_lost_answer_stores_once(chest: Chest, lost: str) -> None:
    """Whether it was stored is seen by the value; the same again is refused by its revision."""
    chest.runner.lost = lost
    with pytest.raises(NoAnswerError):
        chest.put()
    if lost == "after":
        with pytest.raises(RefusedBySystemError):
            chest.bench.perform(chest.bench.sent[0])
    chest.put()
    assert chest.changes() == 1


def test_a_locked_vault_is_a_refusal_and_waits_for_nobody(chest: Chest) -> None:
    """The next unlocking has made another key; nobody is asked for a password."""
    chest.state.session = "another-key="
    with pytest.raises(RefusedBySystemError) as said:
        chest.put()
    assert "Vault is locked" in said.value.why
    assert all(argv[1] == "--nointeraction" for argv in chest.runner.argvs)


def test_a_vault_that_locks_between_look_and_change_lost_nothing(chest: Chest) -> None:
    """The change is refused; nothing happened."""
    planned = chest.bench.plan(SINK).writes[0]
    chest.state.session = ""
    chest.bench.secret("new.value", NEW)
    with pytest.raises(RefusedBySystemError, match="exit status 1"):
        chest.bench.perform(planned)
    assert chest.changes() == 0


def test_an_account_that_may_only_look_is_refused(chest: Chest) -> None:
    """Its exit status says no, and its own words are shown."""
    with pytest.raises(RefusedBySystemError) as said:
        chest.put(at("theirs"))
    assert "do not have permission" in said.value.why


def test_a_vault_that_is_not_brought_up_to_date_is_not_looked_at(chest: Chest) -> None:
    """What lies on this machine may be old; without a sync nothing is known."""
    before = chest.runner

    def runs(argv: Any, **more: Any) -> Ran:
        offline = b'{"success": false, "message": "offline"}'
        return Ran(0, offline, b"", whole=True) if argv[-1] == "sync" else before(argv, **more)

    chest.bench.reader.runs = runs
    with pytest.raises(NoAnswerError):
        chest.bench.check(SINK)


# --- what the session may do ----------------------------------------------------------------------


def test_the_probe_says_who_it_is_and_what_it_reaches(chest: Chest) -> None:
    """What only a write would show is not tried."""
    found = chest.bench.probed("bitwarden", "bw", guid("cio-backend"), guid("nowhere"))

    assert (found.verdict, found.identity) == (CredentialVerdict.ACCEPTED, "respond@example.com")
    assert [right.allowed for right in found.rights] == [
        Allowed.YES,
        Allowed.NO,
        Allowed.UNTRIED,
    ]
    assert chest.company.ledger.counts()["bitwarden"]["writes"] == 0


@pytest.mark.parametrize(
    ("changes", "do"),
    [({"session": "x"}, "bw unlock --raw"), ({"logged_in": False}, "bw login")],
)
def test_a_dead_session_is_refused_with_what_to_do(
    chest: Chest, changes: dict[str, Any], do: str
) -> None:
    """Locked, and logged out, are two things."""
    vars(chest.state).update(changes)
    found = chest.bench.probed("bitwarden", "bw")
    assert found.verdict is CredentialVerdict.REFUSED
    assert do in found.do


def test_trouble_is_no_refusal(chest: Chest) -> None:
    """A program that dies says nothing about the session."""
    chest.bench.reader.runs = lambda *_, **__: Ran(-9, b"", b"", whole=True)
    assert chest.bench.probed("bitwarden", "bw").verdict is CredentialVerdict.UNCLEAR


# --- a real program -------------------------------------------------------------------------------

BW = """\
import base64, json, os, sys
here = os.path.dirname(sys.argv[0])
store, log = os.path.join(here, "item.json"), os.path.join(here, "log")
words = [word for word in sys.argv[1:] if not word.startswith("--")]
given = sys.stdin.read() if words[0] == "edit" else ""
with open(log, "a") as file:
    file.write(json.dumps([sys.argv[1:], sorted(os.environ)]) + "\\n")
if words == ["sync"]:
    print('{"success": true, "data": {}}')
elif os.environ.get("BW_SESSION") != "key-of-a-session=":
    sys.exit("Vault is locked.")
else:
    item = json.load(open(store))
    if words[0] == "edit":
        item |= json.loads(base64.b64decode(given, validate=True))
        json.dump(item, open(store, "w"))
    print(json.dumps(item))
"""


@pytest.mark.promise("P22")
def test_it_goes_the_same_way_through_a_real_program(bench: Any, tmp_path: Path) -> None:
    """Changed and proved; locked, it says so. Neither key nor value stands among its words."""
    program, store = tmp_path / "bw", tmp_path / "item.json"
    program.write_text(f"#!{sys.executable} -IS\n{BW}", encoding="utf-8")
    program.chmod(0o700)
    item = {"id": guid("x"), "type": 1, "name": "x", "revisionDate": "2026-11-01T00:00:00Z"}
    store.write_text(json.dumps(item | {"login": {"password": None}}))
    tokens = {"bw": "key-of-a-session="}
    bench.through("bitwarden", "bw", tokens, run, str(program))

    assert bench.put(at("x")).writes == ()

    assert json.loads(store.read_text())["login"] == {"password": NEW}
    log = (tmp_path / "log").read_text()
    assert "BW_SESSION" in log
    assert NEW not in log
    assert tokens["bw"] not in log
    tokens["bw"] = "key-of-another-session="
    with pytest.raises(RefusedBySystemError) as said:
        bench.check(at("x"))
    assert said.value.why == "Vault is locked."
