"""Items of 1Password as places for new secrets: the company's ``op``, and a small real one."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.command import Ran, run
from respond.company import Company, default_company
from respond.core.plan import write_key
from respond.core.script import Effect, Proof
from respond.errors import NoAnswerError, RefusedBySystemError, UsageError
from respond.systems.guards import GuardRefusedError
from respond.systems.vendor import Allowed, CredentialVerdict

PLACE = "onepassword:op:Prod/"
SINK = f"{PLACE}cio-backend#credential"
NEW = "0123456789abcdef" * 2


@dataclass
class Safe:
    """A company's 1Password, and somebody who brings secrets there."""

    company: Company
    bench: Any
    runner: Any
    tokens: dict[str, str]

    @property
    def story(self) -> Any:
        return self.company.story

    def item(self, title: str = "cio-backend") -> Any:
        return next(each for each in self.company.onepassword.state.items if each.title == title)

    def value(self, title: str = "cio-backend", name: str = "credential") -> str:
        return str(next(f["value"] for f in self.item(title).fields if f["label"] == name))

    def put(self, sink: str = SINK, step: str = "new") -> Any:
        leaked = self.bench.secret("inputs.leaked", self.story.leaked_app_key)
        return self.bench.put(sink, step, instead_of=leaked)

    def changes(self) -> int:
        ledger = self.company.ledger
        return len((*ledger.of("item.edited"), *ledger.of("item.created")))

    def probed(self, *sinks: str) -> Any:
        return self.bench.probed("onepassword", "op", *sinks)


@pytest.fixture
def safe(bench: Any) -> Safe:
    company = default_company(clock=bench.clock, only=("onepassword",))
    tokens = {"op": company.story.onepassword_token}
    runner = bench.running(company.onepassword)
    bench.through("onepassword", "op", tokens, runner)
    return Safe(company, bench, runner, tokens)


# --- look, mark, put, prove -----------------------------------------------------------------------


def test_a_field_holds_the_leaked_value_and_then_the_new_one(safe: Safe) -> None:
    """Seen by keyed digest, and by looking again; the run stands among the tags."""
    leaked = safe.bench.secret("inputs.leaked", safe.story.leaked_app_key)
    assert safe.bench.check(SINK, leaked).output.holds

    seen = safe.put()

    assert seen.writes == ()
    assert safe.value() == NEW
    assert safe.item().tags == ["cio", "respond-ck7f3q"]
    assert safe.item().version == 4
    assert safe.bench.sent[0].effect is Effect.WRITES
    assert "marked by run ck7f3q" in safe.bench.check(SINK).says
    assert not safe.bench.check(SINK, leaked).output.holds


@pytest.mark.promise("P22")
def test_no_argument_and_nothing_that_is_seen_has_the_value(safe: Safe) -> None:
    """Others on the machine see arguments; the journal keeps what was seen and written."""
    safe.put()
    safe.put(f"{PLACE}fresh#credential", "two")
    seen = safe.bench.plan(SINK, "other")

    for secret in (NEW, safe.story.leaked_app_key, safe.tokens["op"]):
        assert secret not in repr((safe.runner.argvs, safe.bench.sent, seen))


def test_the_plan_and_the_act_are_one_write(safe: Safe) -> None:
    """A yes to the plan still fits when the secret exists."""
    planned = safe.bench.plan(SINK).writes[0]
    safe.put()
    assert write_key(planned) == write_key(safe.bench.sent[0])


@pytest.mark.parametrize(
    ("name", "category"),
    [("credential", "API_CREDENTIAL"), ("password", "PASSWORD"), ("token", "API_CREDENTIAL")],
)
def test_an_item_that_is_not_there_is_made(safe: Safe, name: str, category: str) -> None:
    """With the field that its category has anyway, or one of its own; and only once."""
    safe.put(f"{PLACE}fresh#{name}")
    safe.put(f"{PLACE}fresh#{name}")

    assert safe.value("fresh", name) == NEW
    assert safe.item("fresh").category == category
    assert safe.changes() == 1
    assert not safe.bench.sent[0].repeatable


def test_an_item_may_be_named_by_its_id(safe: Safe) -> None:
    """Where two have one title, and where a title has a slash in it."""
    twin = safe.item("twin")
    safe.put(f"{PLACE}{twin.id}#password")
    assert [f["value"] for f in twin.fields] == [NEW]
    assert twin.title == "twin"


def test_overwriting_something_else_is_asked_for(safe: Safe) -> None:
    """What stands there is not what leaked; the question says what breaks."""
    safe.item().fields[-1]["value"] = "theirs-and-in-use"
    safe.put()
    assert safe.bench.sent[0].effect is Effect.DESTROYS
    assert "history keeps the old one" in safe.bench.sent[0].breaks


# --- what is a person's ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sink", "left"),
    [
        ("shared#credential", "webhook"),
        ("login#password", ""),
        ("cio-backend#other", "credential"),
    ],
)
def test_an_item_that_would_lose_something_is_a_persons(safe: Safe, sink: str, left: str) -> None:
    """Other fields, or a passkey that no JSON shows: it is shown once, for somebody."""
    (write,) = safe.bench.plan(f"{PLACE}{sink}").writes

    call: Any = write.hands.call
    assert (call.surface, write.proof) == ("screen", Proof.WORD)
    assert f"Prod/{sink.replace('#', ' ')}" in write.says
    assert set(write.stays) == ({left} if left else set())
    assert safe.changes() == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("files", [{"id": "f", "name": "key.pem"}]), ("urls", [{"href": "https://x"}])],
)
def test_files_and_addresses_are_not_lost_either(safe: Safe, name: str, value: Any) -> None:
    """Nor a tag that a list of tags could not carry."""
    setattr(safe.item(), name, value)
    assert safe.bench.plan(SINK).writes[0].stays == (name,)
    setattr(safe.item(), name, [])
    safe.item().tags = ["a,b"]
    assert safe.bench.plan(SINK).writes[0].hands.call.surface == "screen"


def test_what_a_person_put_there_is_seen(safe: Safe) -> None:
    """The next look finds the value, and wants nothing more."""
    sink = f"{PLACE}shared#credential"
    safe.bench.secret("new.value", NEW)
    safe.item("shared").fields[0]["value"] = NEW
    assert safe.bench.plan(sink).writes == ()


# --- what is refused ------------------------------------------------------------------------------


def test_which_one_is_never_guessed(safe: Safe) -> None:
    """Two of a title are refused; one in a vault that is not shown is not reached."""
    with pytest.raises(GuardRefusedError, match="2 items of Prod are called twin"):
        safe.bench.plan(f"{PLACE}twin#password")
    with pytest.raises(RefusedBySystemError, match="exit status 1"):
        safe.bench.plan("onepassword:op:Private/hidden#password")
    assert safe.changes() == 0


def test_two_fields_of_one_name_are_not_guessed_either(safe: Safe) -> None:
    """The id of the field says which."""
    safe.item().fields.append({"id": "x1", "label": "credential", "type": "STRING", "value": "y"})
    with pytest.raises(RefusedBySystemError, match="ambiguous"):
        safe.bench.plan(SINK)


def test_two_secrets_for_one_new_item_are_refused_in_the_plan(safe: Safe) -> None:
    """Two items of one title would come of it."""
    world = safe.bench.world()
    safe.bench.plan(f"{PLACE}fresh#one", "one", world)
    with pytest.raises(GuardRefusedError, match="earlier step"):
        safe.bench.plan(f"{PLACE}fresh#two", "two", world)


@pytest.mark.promise("P19")
@pytest.mark.parametrize(
    "text",
    [
        "onepassword:op",
        "onepassword:op:Prod/a",
        "onepassword:op:Prod#f",
        "onepassword:op:--account/a#f",
        "onepassword:op:Prod/-#f",
        "onepassword:op:Prod/--template=x#f",
        "onepassword:op:Prod/a/b#f",
        "onepassword:op:Prod/a\n#f",
        "onepassword:op:Prod/a#--reveal",
        "onepassword:nowhere:Prod/a#f",
    ],
)
def test_a_sink_that_cannot_be_understood_is_refused(safe: Safe, text: str) -> None:
    """No name can become a flag; nothing was run."""
    with pytest.raises(UsageError):
        safe.bench.check(text)
    assert safe.runner.argvs == []


# --- when things go wrong -------------------------------------------------------------------------


@pytest.mark.promise("P2")
@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("sink", [SINK, f"{PLACE}fresh#credential"])
def test_a_lost_answer_stores_once(safe: Safe, lost: str, sink: str) -> None:
    """Whether it was stored is seen by the value, and a new item is not made twice."""
    safe.runner.lost = lost
    with pytest.raises(NoAnswerError):
        safe.put(sink)
    safe.put(sink)
    assert safe.changes() == 1


def test_a_token_that_may_only_look_is_refused_and_nothing_happens(safe: Safe) -> None:
    """Its exit status says no, and its own words are shown."""
    safe.tokens["op"] = safe.story.onepassword_reader_token
    with pytest.raises(RefusedBySystemError) as said:
        safe.put()
    assert "do not have permission" in said.value.why
    assert safe.changes() == 0


@pytest.mark.parametrize("version", ["3", None, True])
def test_what_is_no_item_is_none(safe: Safe, version: Any) -> None:
    """An answer without a version is not taken for an empty item."""
    item = safe.item().id
    safe.item().version = version
    if version is True:
        safe.item().fields = None
        safe.company.onepassword._shown = lambda _: {"id": item, "version": 1, "fields": "none"}
    with pytest.raises(NoAnswerError):
        safe.bench.check(SINK)


# --- what the token may do ------------------------------------------------------------------------


def test_the_probe_says_who_asks_and_what_it_reaches(safe: Safe) -> None:
    """What only a write would show is not tried."""
    found = safe.probed("Prod/cio-backend", "Private/hidden")

    assert (found.verdict, found.notes) == (CredentialVerdict.ACCEPTED, ())
    assert found.account == "https://example-co.1password.com"
    assert [(right.name, right.allowed) for right in found.rights] == [
        ("look into the vault Prod", Allowed.YES),
        ("look into the vault Private", Allowed.NO),
        ("put new secrets there", Allowed.UNTRIED),
    ]
    assert safe.company.ledger.counts()["onepassword"]["writes"] == 0


def test_a_dead_token_is_refused_and_trouble_is_not(safe: Safe) -> None:
    """Three answers: accepted, refused, unclear."""
    safe.bench.reader.runs = lambda *_, **__: Ran(-9, b"", b"", whole=True)
    assert safe.probed().verdict is CredentialVerdict.UNCLEAR
    safe.bench.reader.runs = safe.runner
    safe.tokens["op"] = "ops_dead-and-gone"
    found = safe.probed()
    assert found.verdict is CredentialVerdict.REFUSED
    assert "op service-account create" in found.do


# --- a real program -------------------------------------------------------------------------------

OP = """\
import json, os, sys
here = os.path.dirname(sys.argv[0])
store, log = os.path.join(here, "item.json"), os.path.join(here, "log")
words, given = sys.argv[1:], ""
if words[:2] in (["item", "edit"], ["item", "create"]):
    given = sys.stdin.read()
with open(log, "a") as file:
    file.write(json.dumps([words, sorted(os.environ)]) + "\\n")
if not os.environ.get("OP_SERVICE_ACCOUNT_TOKEN", "").startswith("ops_"):
    sys.exit("[ERROR] 2026/11/29 03:00:00 no account found")
item = json.load(open(store)) if os.path.exists(store) else None
if words[:2] == ["item", "list"]:
    rows = [item] if item else []
    print(json.dumps([{k: r[k] for k in ("id", "title", "version")} for r in rows]))
elif words[:2] == ["item", "get"]:
    print(json.dumps(item))
else:
    new = json.loads(given)
    new |= {"id": "abc", "version": (item or {"version": 0})["version"] + 1}
    new["tags"] = words[words.index("--tags") + 1].split(",")
    json.dump(new, open(store, "w"))
    print(json.dumps(new))
"""


@pytest.mark.promise("P22")
def test_it_goes_the_same_way_through_a_real_program(bench: Any, tmp_path: Path) -> None:
    """Made, changed, proved; neither token nor value stands among its words."""
    program = tmp_path / "op"
    program.write_text(f"#!{sys.executable} -IS\n{OP}", encoding="utf-8")
    program.chmod(0o700)
    token = "ops_canary-of-the-store"
    bench.through("onepassword", "op", {"op": token}, run, str(program))

    bench.put(SINK, "one", "first-value-of-a-secret")
    assert bench.put(SINK, "two", NEW).writes == ()

    stored = json.loads((tmp_path / "item.json").read_text())
    assert (stored["version"], stored["fields"][0]["value"]) == (2, NEW)
    log = (tmp_path / "log").read_text()
    assert "OP_SERVICE_ACCOUNT_TOKEN" in log
    assert NEW not in log
    assert token not in log
