from typing import Any

import pytest

from respond.core.records import replace
from respond.core.review_policy import ReviewPolicy, Rights
from respond.core.script import Done
from respond.engine.drivers import look
from respond.systems.customerio.jobs import ReadJob

JEAN = "jean@example.com"
SUPPORT = Rights("support", who=(JEAN,), workspaces={"190001": "viewer"})
WRITERS = Rights("writers", workspaces={"*": "author"}, switches=("billing",))
ENGINEERS = Rights("engineers", who=(JEAN,), workspaces={"*": "88"})


def read(night: Any, job: str = "", *jobs: Rights, email: str = JEAN) -> Any:
    me = replace(night.me(), review=ReviewPolicy(rights={each.name: each for each in jobs}))
    seen = look(ReadJob(email, job).run(me), night.world(), known={}, predict=False)
    assert isinstance(seen.outcome, Done)
    return seen.outcome.output


def test_a_job_says_what_somebody_may_do_in_each_workspace(night: Any) -> None:
    """A star is every workspace that there is, and the switches are named."""
    job = read(night, "writers", WRITERS)
    assert job.known
    assert job.then == "member; billing; 190001 author; 190002 author"


def test_without_a_word_it_is_the_job_of_respond_toml(night: Any) -> None:
    """The one that names them."""
    assert read(night, "", SUPPORT, WRITERS).then == "member; 190001 viewer"


@pytest.mark.promise("P8")
@pytest.mark.parametrize("jobs", [(), (SUPPORT, ENGINEERS)])
def test_of_no_job_and_of_several_none_is_taken(night: Any, jobs: tuple[Rights, ...]) -> None:
    """Rights that nobody has said are given to nobody."""
    job = read(night, "", *jobs)
    assert (job.known, job.roles.environment_roles) == (False, ())
    assert "--role" in job.says


def test_a_word_that_is_no_job_is_none(night: Any) -> None:
    """And the answer says which there are."""
    job = read(night, "suport", SUPPORT)
    assert not job.known
    assert "support, member, admin" in job.says


@pytest.mark.parametrize(
    ("job", "more"), [("member", False), ("admin", True), ("writers", True), ("engineers", True)]
)
def test_more_rights_are_known_as_more(night: Any, job: str, more: bool) -> None:  # noqa: FBT001 - a table
    """Of a custom role nobody can say what it lets somebody do, so it counts as more."""
    assert read(night, job, WRITERS, ENGINEERS).more is more


def test_an_administrator_gets_no_more_from_any_job(night: Any) -> None:
    """They may do everything already."""
    assert not read(night, "writers", WRITERS, email="mallory@example.com").more
