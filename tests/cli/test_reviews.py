"""Reviews as commands: what they show, what they compare with, and what they end with."""

from __future__ import annotations

import json

import pytest

from respond.core.events import Kind
from respond.testing.cli_kit import Machine, Town
from respond.wiring import session

TOML = """\
[journal]
keys = "file"

[connections.cio]
system = "customerio"
account = "48213"
region = "eu"
identity = "respond-ir"

[[person]]
id = "dana"
emails = ["dana@example.com"]
roles = ["admin"]
"""
KIM = "never-signed-in-of-admin/customerio/51239"
ACCEPTED = f"""
[[accepted]]
finding = "{KIM}"
by = "dana"
why = "she begins on Monday"
until = "2999-12-31"
"""


@pytest.fixture
def there(home: Machine, town: Town, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A home whose connections lead into the simulated company, with the credential stored."""
    monkeypatch.setattr(session, "endpoint_of", lambda c, p: town.line(p, c.name).endpoint)
    home.configure(TOML)
    town.store(home, "cio")
    return home


def stands(out: str) -> dict[str, str]:
    return {each["id"]: each["stands"] for each in json.loads(out)["review"]["findings"]}


@pytest.mark.long
def test_a_review_compares_with_the_last_one_and_asks_nobody(there: Machine, town: Town) -> None:
    """It runs without a terminal: all is new, then still so, then gone when it is mended."""
    first = there.run("access-review", "--json")
    assert first.code == 0, first.err
    assert stands(first.out)[KIM] == "new"
    run = first.json["run"]

    second = there.run("access-review", "--json")
    assert stands(second.out)[KIM] == "still"
    assert second.json["review"]["last"] == run
    seen = [e["first_seen"] for e in second.json["review"]["findings"] if e["id"] == KIM]
    assert seen == [e["first_seen"] for e in first.json["review"]["findings"] if e["id"] == KIM]

    about = {"email": "kim@example.com"}
    town.rehearsal.doors.post("person", {"task": "customerio.accept_invitation", "about": about})
    third = there.run("access-review", "--json")
    assert stands(third.out)[KIM] == "gone"
    assert not there.events(Kind.INTENT)


@pytest.mark.long
def test_what_it_ends_with_follows_fail_on_and_what_is_accepted(there: Machine) -> None:
    """High by default: a medium finding ends with 0, unless --fail-on says medium."""
    assert there.run("access-review").code == 0
    failed = there.run("access-review", "--fail-on", "medium")
    assert failed.code == 1
    assert "a finding is as bad as --fail-on, or worse" in failed.out
    assert there.run("access-review", "--fail-on", "bad").code == 2
    there.configure(TOML + ACCEPTED)
    text = there.run("access-review").out
    assert "ACCEPTED (1)" in text
    assert "by dana until 2999-12-31: she begins on Monday" in text
    there.configure(TOML + ACCEPTED.replace('until = "2999-12-31"\n', ""))
    again = there.run("access-review", "--json")
    found = stands(again.out)
    assert found[KIM] == "still"
    assert found[f"accepted-without-end/respond/{KIM}"] == "new"


@pytest.mark.long
def test_the_report_says_later_what_the_review_said(there: Machine) -> None:
    """From the journal alone: what respond.toml says by now changes nothing in it."""
    there.configure(TOML + ACCEPTED)
    made = there.run("access-review", "--json").json
    there.configure(TOML)
    told = there.run("report", made["run"], "--json").json
    assert told["review"] == made["review"]
    text = there.run("report", made["run"]).out
    assert "ACCEPTED" in text
    assert KIM in text
    short = there.run("report", made["run"], "--short").out
    assert KIM in short
    assert there.run("audit", "verify").code in {0, 3}


def test_a_review_stands_apart_in_help_and_list(home: Machine) -> None:
    """Under Reviews, and not among what acts; --fail-on is an option of theirs alone."""
    text = home.run("--help").out
    acts, _, reviews = text.partition("Reviews (they only read; meant to run daily):")
    assert "access-review" in reviews.partition("\n\n")[0]
    assert "access-review" not in acts
    listed = home.run("list").out
    assert "access-review" in listed.partition("Reviews (they only read")[2]
    kinds = {row["runbook"]: row["review"] for row in home.run("list", "--json").json}
    assert kinds["access-review"] is True
    assert kinds["lost-2fa"] is False
    assert "--fail-on" in home.run("access-review", "--help").out
    assert "--fail-on" not in home.run("lost-2fa", "--help").out
