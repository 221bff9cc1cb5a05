"""Secrets of a Kubernetes cluster as places for new ones: real HTTP, a simulated API server."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.secrets.redactor import Redactor
from respond.checks.credentials import Line, open_line, probe
from respond.company import Company, default_company, serve
from respond.core.plan import write_key
from respond.core.records import replace
from respond.core.script import Connection, Effect
from respond.errors import NoAnswerError, RefusedBySystemError, UsageError
from respond.formats.project.project import ConnectionConfig
from respond.systems.vendor import Allowed, CredentialVerdict
from respond.testing.loopback import FixedSecrets

PLACE = "kubernetes:kube:prod/"
SINK = f"{PLACE}cio-backend#API_KEY"
PATCH = "PATCH /api/*"
NEW = "0123456789abcdef" * 2


@dataclass
class Kube:
    """A cluster, and somebody who brings secrets there."""

    company: Company
    bench: Any
    endpoint: Endpoint
    tokens: dict[str, str]

    @property
    def story(self) -> Any:
        return self.company.story

    def row(self, name: str = "cio-backend") -> Any:
        return self.company.kubernetes.secret("prod", name)

    def value(self, key: str = "API_KEY", name: str = "cio-backend") -> str:
        return base64.b64decode(self.row(name).data[key]).decode()

    def as_token(self, name: str) -> None:
        self.tokens["kube"] = getattr(self.story, f"kubernetes_{name}_token")

    def put(self, sink: str = SINK, step: str = "new", **more: Any) -> Any:
        leaked = self.bench.secret("inputs.leaked", self.story.leaked_app_key)
        return self.bench.put(sink, step, instead_of=leaked, **more)

    def changes(self) -> list[Any]:
        return list(self.company.ledger.of("secret.changed"))

    def probed(self, *sinks: str) -> Any:
        config = ConnectionConfig("kube", "kubernetes")
        opened = open_line(
            config,
            Line(endpoint=self.endpoint),
            secrets=FixedSecrets(self.tokens),
            redactor=Redactor(),
            clock=self.bench.clock,
            sinks=sinks,
        )
        try:
            return probe(opened)
        finally:
            opened.close()


@pytest.fixture
def kube(bench: Any) -> Iterator[Kube]:
    company = default_company(clock=bench.clock, only=("kubernetes",))
    tokens = {"kube": company.story.kubernetes_token}
    with serve(company) as server:
        urls = {"http": server.urls["kubernetes"]}
        endpoint = Endpoint("kube", "kubernetes", urls, "kubernetes", loopback_ok=True)
        bench.connections["kube"] = Connection("kube", "kubernetes")
        with HttpTransport(
            {"kube": endpoint},
            FixedSecrets(tokens),
            lambda handle: bench.opened[handle.name],
            bench.clock,
            user_agent="respond/test",
            redactor=Redactor(),
            timeout_scale=0.1,
            held=bench.held,
        ) as transport:
            bench.reader, bench.pen = transport.reader(), transport.pen()
            yield Kube(company, bench, endpoint, tokens)


# --- look, mark, put, prove -----------------------------------------------------------------------


def test_a_key_holds_the_leaked_value_and_then_the_new_one(kube: Kube) -> None:
    """Values come in base64 and are compared by keyed digest; the other keys stay."""
    leaked = kube.bench.secret("inputs.leaked", kube.story.leaked_app_key)
    assert kube.bench.check(SINK, leaked).output.holds

    seen = kube.put()

    assert kube.value() == NEW
    assert kube.value("REGION") == kube.story.region
    assert kube.bench.sent[0].stays == ("REGION",)
    assert kube.bench.sent[0].effect is Effect.WRITES
    assert seen.writes == ()
    assert not kube.bench.check(SINK, leaked).output.holds


@pytest.mark.promise("P22")
def test_the_mark_says_whose_run_and_never_what(kube: Kube) -> None:
    """Run, key and keyed digest stand in annotations; a later look knows its own by them."""
    kube.put()

    marks = kube.row().metadata["annotations"]
    assert marks == {
        "respond/run": "ck7f3q",
        "respond/key": "API_KEY",
        "respond/digest": kube.bench.digest(NEW),
    }
    assert NEW not in json.dumps(marks)
    assert "put there by run ck7f3q" in kube.bench.check(SINK).says

    secret = kube.row()
    kube.company.kubernetes.change(secret, secret.data, {"API_KEY": "theirs"}, secret.metadata)
    assert "put there" not in kube.bench.check(SINK).says


@pytest.mark.promise("P22")
def test_nothing_that_is_looked_at_or_planned_shows_a_value(kube: Kube) -> None:
    """Not the parsed Secret, not the write, not its answer; in no encoding."""
    kube.put()
    seen = kube.bench.plan(SINK, "other")

    for value in (NEW, kube.story.leaked_app_key):
        for form in (value, base64.b64encode(value.encode()).decode().rstrip("=")):
            assert form not in repr((kube.bench.sent, seen))


def test_the_plan_and_the_act_are_one_write(kube: Kube) -> None:
    """The digest in the mark exists only once the secret does, and a yes to the plan still fits."""
    planned = kube.bench.plan(SINK).writes[0]
    kube.put()
    assert write_key(planned) == write_key(kube.bench.sent[0])


def test_an_empty_place_is_filled(kube: Kube) -> None:
    """A Secret without data has no ``data`` at all."""
    kube.put(f"{PLACE}empty#API_KEY")
    assert kube.value(name="empty") == NEW
    assert kube.bench.sent[0].effect is Effect.WRITES


@pytest.mark.parametrize("there", [b"theirs-and-in-use", b"\xff\xfe\x00binary"])
def test_overwriting_something_else_is_asked_for(kube: Kube, there: bytes) -> None:
    """Nothing keeps the old value, also where it is no text, and the question says so."""
    kube.row().data["API_KEY"] = base64.b64encode(there).decode()
    kube.put()
    assert kube.bench.sent[0].effect is Effect.DESTROYS
    assert "nothing keeps the old one" in kube.bench.sent[0].breaks
    assert kube.bench.sent[0].undo is None


def test_a_value_beside_it_that_contains_the_leaked_one_is_no_trouble(kube: Kube) -> None:
    """A whole address with the key in it is shown as a mark, and compared as nothing."""
    dsn = f"https://{kube.story.leaked_app_key}@api.example.com/"
    kube.row().data["DSN"] = base64.b64encode(dsn.encode()).decode()
    kube.put()
    assert kube.value() == NEW


def test_an_annotation_that_keeps_earlier_values_is_named(kube: Kube) -> None:
    """``kubectl apply`` leaves them there, where the leaked key lives on."""
    old = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    kube.row().metadata = {"annotations": old}
    assert "keeps earlier values" in kube.bench.check(SINK).says
    kube.put()
    assert old.items() <= kube.row().metadata["annotations"].items()


def test_twice_is_once(kube: Kube) -> None:
    """The second run of a step finds its work done."""
    kube.put()
    kube.put()
    assert len(kube.changes()) == 1


# --- what is no place for a secret ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("frozen", "immutable"),
        ("synced", "ExternalSecret synced writes this Secret"),
        ("chart", "Helm writes this Secret"),
        ("kustomized", "Flux (apps) writes this Secret"),
        ("flux-chart", "Flux (backend) writes this Secret"),
        ("tracked", "Argo CD (shop:/Secret:prod/x) writes this Secret"),
        ("op-item", "1Password's operator (vaults/Prod/items/x) writes this Secret"),
        ("released", "Helm (backend) writes this Secret"),
        ("by-0", "argocd-controller writes this Secret"),
        ("by-1", "kustomize-controller writes this Secret"),
        ("by-2", "helm writes this Secret"),
        ("by-3", "externalsecrets.external-secrets.io/backend writes this Secret"),
        ("by-4", "sealed-secrets-controller writes this Secret"),
        ("token", "the cluster itself writes this Secret"),
        ("absent", "kubectl create secret"),
        ("elsewhere", "403"),
    ],
)
def test_a_place_that_would_not_keep_it_is_refused_before_anything_is_made(
    kube: Kube, name: str, why: str
) -> None:
    """Immutable, written back by somebody, not there, or not ours: said at the first look."""
    with pytest.raises(RefusedBySystemError) as said:
        kube.bench.plan(f"{PLACE}{name}#API_KEY")
    assert why in f"{said.value.sentence} {said.value.why}"
    assert kube.changes() == []


@pytest.mark.promise("P19")
@pytest.mark.parametrize(
    "text",
    [
        "kubernetes:kube",
        "kubernetes:kube:prod/a",
        "kubernetes:kube:a#KEY",
        "kubernetes:kube:prod/../kube-system/a#KEY",
        "kubernetes:kube:prod/a/b#KEY",
        "kubernetes:kube:prod/..#KEY",
        "kubernetes:kube:prod/a..b#KEY",
        "kubernetes:kube:Prod/a#KEY",
        "kubernetes:kube:prod/a#..",
        "kubernetes:kube:prod/a#K/Y",
        f"kubernetes:kube:prod/{'a' * 254}#KEY",
        "kubernetes:nowhere:prod/a#KEY",
    ],
)
def test_a_sink_that_cannot_be_understood_is_refused(kube: Kube, text: str) -> None:
    """Names are what a cluster allows as names; nothing was asked."""
    with pytest.raises(UsageError):
        kube.bench.check(text)
    assert kube.company.ledger.counts() == {}


# --- when things go wrong -------------------------------------------------------------------------


@pytest.mark.promise("P10")
def test_somebody_elses_change_is_not_overwritten(kube: Kube) -> None:
    """The version that was looked at goes with the write; the cluster refuses it when it moved."""
    planned = kube.bench.plan(SINK).writes[0]
    kube.company.kubernetes.change(kube.row(), kube.row().data, {"REGION": "us"}, {})
    kube.bench.secret("new.value", NEW)

    with pytest.raises(RefusedBySystemError, match="409") as said:
        kube.bench.perform(planned)

    assert "since it was looked at" in said.value.why
    assert kube.value() == kube.story.leaked_app_key


@pytest.mark.promise("P2")
@pytest.mark.parametrize(
    "fault", ["cut-before", "cut-after", "timeout-after", "empty-after", "500"]
)
def test_a_lost_answer_stores_once(kube: Kube, fault: str) -> None:
    """Whether it was stored is seen by the value; the same request again is refused."""
    kube.company.arm([f"kubernetes:{fault}@{PATCH}"])
    with contextlib.suppress(NoAnswerError):
        kube.put()
    if "after" in fault:
        with pytest.raises(RefusedBySystemError, match="409"):
            kube.bench.perform(kube.bench.sent[0])
    kube.put()

    assert len(kube.changes()) == 1
    assert kube.value() == NEW


@pytest.mark.parametrize("fault", ["429", "503", "500"])
def test_a_look_that_meets_trouble_is_asked_again(kube: Kube, fault: str) -> None:
    """Not now, or broken: none is taken for an empty place."""
    kube.company.arm([f"kubernetes:{fault}@GET /api/*"])
    kube.put()
    assert kube.value() == NEW


def test_a_stale_look_is_looked_at_again(kube: Kube) -> None:
    """The old value seen once more after the write is no reason to write twice."""
    kube.company.arm(["kubernetes:stale@GET /api/*"])
    assert kube.put().writes == ()
    assert len(kube.changes()) == 1


def test_a_login_page_is_no_empty_secret(kube: Kube) -> None:
    """HTML with 200 is no answer, and nothing is written on the strength of it."""
    kube.company.arm(["kubernetes:html@GET /api/*"])
    with pytest.raises(NoAnswerError):
        kube.put()
    assert kube.changes() == []


def test_a_token_that_may_only_look_is_refused_and_nothing_happens(kube: Kube) -> None:
    """A Role without patch says so in a Status, with a hint for a person."""
    kube.as_token("reader")
    with pytest.raises(RefusedBySystemError) as said:
        kube.put()
    assert "lacks the verb" in said.value.why
    assert kube.changes() == []


def test_an_answer_that_is_no_secret_is_none(kube: Kube) -> None:
    """A proxy that answers 200 with something else is no empty Secret."""
    kube.row().version = ""
    with pytest.raises(NoAnswerError):
        kube.bench.check(SINK)


def test_two_keys_of_one_secret_in_one_plan(kube: Kube) -> None:
    """The second write waits for the version that the first one makes, so it is asked for anew."""
    world = kube.bench.world()
    kube.bench.plan(SINK, "one", world)
    second = kube.bench.plan(f"{PLACE}cio-backend#OTHER", "two", world)
    assert second.writes[0].hands.call.body["metadata"]["resourceVersion"] == ""

    kube.put()
    kube.put(f"{PLACE}cio-backend#OTHER", "two")
    assert (kube.value(), kube.value("OTHER")) == (NEW, NEW)


# --- what the token may do ------------------------------------------------------------------------


def test_the_cluster_says_what_the_token_may_do(kube: Kube) -> None:
    """Asked by POSTs that only read, for each sink; nothing is written to find out."""
    found = kube.probed("prod/cio-backend")

    assert found.verdict is CredentialVerdict.ACCEPTED
    assert [(right.name, right.allowed) for right in found.rights] == [
        ("get the Secret prod/cio-backend", Allowed.YES),
        ("patch the Secret prod/cio-backend", Allowed.YES),
    ]
    assert found.notes == ()
    assert kube.company.ledger.counts()["kubernetes"]["writes"] == 0


def test_a_right_that_is_missing_is_named(kube: Kube) -> None:
    """With what to grant."""
    kube.as_token("reader")
    missing = [r for r in kube.probed("prod/cio-backend").rights if r.allowed is Allowed.NO]
    assert [right.grant for right in missing] == [
        "patch on secrets in prod, with resourceNames [cio-backend]"
    ]


def test_a_token_that_may_too_much_is_told_so(kube: Kube) -> None:
    """Who may list Secrets reads every value of the namespace."""
    kube.as_token("wide")
    (note,) = kube.probed("prod/cio-backend").notes
    assert "with all their values" in note


def test_a_dead_token_is_refused_and_trouble_is_not(kube: Kube) -> None:
    """Three answers: accepted, refused, unclear."""
    kube.company.arm(["kubernetes:503xall"])
    assert kube.probed().verdict is CredentialVerdict.UNCLEAR
    kube.company.arm([])
    assert kube.probed().verdict is CredentialVerdict.ACCEPTED
    kube.tokens["kube"] = "eyJdead-and-gone"
    assert kube.probed().verdict is CredentialVerdict.REFUSED


def test_a_cluster_that_does_not_answer_the_question_is_not_taken_for_yes(kube: Kube) -> None:
    """A review without a word leaves the right untried."""
    review: dict[str, Any] = {"status": {}}
    kube.company.kubernetes.routes = {
        route: (lambda *_: review) if "access" in route else answer
        for route, answer in kube.company.kubernetes.routes.items()
    }
    assert {r.allowed for r in kube.probed("prod/cio-backend").rights} == {Allowed.UNTRIED}


def test_an_old_digest_is_no_mark(kube: Kube) -> None:
    """Annotations that were copied from another Secret say nothing about this value."""
    kube.put()
    kube.row("empty").metadata = dict(kube.row().metadata)
    seen = kube.bench.check(f"{PLACE}empty#API_KEY")
    assert replace(seen.output, says="").holds is False
    assert "put there" not in seen.says
