"""What holds of every vendor's record."""

import pytest

from respond.core.script import Call, Connection, Read
from respond.systems import schemes, vendor, vendors
from respond.systems.customerio.reading import altered
from respond.systems.rest import Thing
from respond.systems.vendor import CarriedBy, SentAs

REACHED = [each for each in vendors().values() if each.carried_by is CarriedBy.HTTP]


@pytest.mark.parametrize("name", [each.name for each in REACHED if each.hosts])
def test_a_region_that_is_not_the_vendors_is_never_taken_for_another(name: str) -> None:
    """A credential must not go to the wrong region; without regions there is one address."""
    record = vendor(name)
    own = {surface for surfaces in record.hosts.values() for surface in surfaces}
    assert own <= record.base_urls("").keys()
    elsewhere = record.base_urls("atlantis").keys() & own
    assert elsewhere == (own if set(record.hosts) == {""} else set())
    for region in record.hosts:
        assert record.base_urls(region.upper()) == record.base_urls(region)


@pytest.mark.promise("P5")
@pytest.mark.parametrize("name", [each.name for each in REACHED])
def test_what_is_no_plain_read_is_not_one(name: str) -> None:
    """Lower-case verbs, empty paths and writing verbs are no reads of any vendor."""
    for method in ("get", "post", "PUT", "PATCH", "DELETE", "POST"):
        for path in ((), ("x",), ("auth.test", "x")):
            assert not vendor(name).is_read(Call("it", "api", method, path))
    if vendor(name).reads.only is not None:
        assert not vendor(name).is_read(Call("it", "api", "GET", ()))


@pytest.mark.parametrize("auth", ["bearer", "basic", "none"])
def test_how_a_credential_is_sent_is_what_auth_says(auth: str) -> None:
    """No free option of a plain HTTP connection overrules it."""
    options = {"bearer": True, "basic": True, "none": True, "oauth": True}
    assert vendor("http").scheme_set(auth, options) == auth


def test_an_option_chooses_a_variant_of_its_vendor() -> None:
    """PagerDuty takes its own token and an OAuth token in two forms."""
    assert vendor("pagerduty").scheme_set("bearer", {}) == "pagerduty"
    assert vendor("pagerduty").scheme_set("bearer", {"oauth": True}) == "pagerduty-oauth"


def test_every_session_asks_for_less_where_it_only_reads() -> None:
    """What a reader may trade for names the scope that is insisted on."""
    for sets in schemes().values():
        for scheme in sets.values():
            assert (scheme.kind is SentAs.SESSION) == (scheme.trade is not None)
            assert scheme.trade is None or scheme.trade.read_scope


@pytest.mark.promise("P19")
def test_an_id_is_filled_in_once_and_not_read_as_a_template() -> None:
    """Braces in a value from outside are text."""
    thing = Thing(vendor("http"), "user/{user}", ("users", "{user}", "{x}"), lambda _: "")
    read = thing.of(Connection("it", "http"), user="{x}{}{user}")
    assert isinstance(read, Read)
    assert read.call.path == ("users", "{x}{}{user}", "{x}")
    assert read.subject.name == "it/user/{x}{}{user}"


def test_a_prediction_about_a_list_that_nobody_may_see_is_that_nobody_sees_it() -> None:
    """A provider that answers 200 and then 403 is an answer, and no crash."""
    assert altered("webhook/1/2", disabled=True)(None) is None


@pytest.mark.parametrize("name", ["acme", "github", "box"])
def test_what_has_no_record_is_any_system_with_an_http_api(name: str) -> None:
    """GET reads, and nothing else does."""
    assert vendor(name).is_read(Call("it", "", "GET", ("x",)))
    assert not vendor(name).is_read(Call("it", "", "POST", ("x",)))
