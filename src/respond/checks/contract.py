"""Hold what our actions and simulators exchange against the vendors' own API descriptions.

Each exchange is judged: path, method, parameters, body, reply. What a description does not know is
refused.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from respond.checks.description import Description, Operation, Parameter, read_descriptions
from respond.checks.deviations import DEVIATIONS, Deviation
from respond.checks.exchanges import Exchange, Exchanged, VendorExamples, vendors
from respond.core.records import Frozen, Mutable
from respond.core.showable import showable
from respond.errors import UsageError

__all__ = ["ContractReport", "Remark", "check_file", "concerned", "hold"]

_EVERYONE_SENDS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    }
)


class Remark(Frozen):
    """One thing that was found.

    Attributes:
        id: ``path``, ``method``, ``parameter``, ``body``, ``reply``, ``example``, ``deviation``, or
            ``description`` with what is broken in it.
        weight: ``deviates``; ``known`` for what ``deviations.py`` explains; ``note`` for what is
            broken in the description.
        operation: Method and path as described.
        about: The parameter or field, if it is one.
    """

    id: str
    weight: str
    operation: str
    about: str
    what: str
    why: str
    do: str


class ContractReport(Frozen):
    """What came of one description.

    Attributes:
        held: Operations that were exercised and have been held against it.
    """

    title: str
    version: str
    systems: tuple[str, ...]
    held: tuple[str, ...]
    remarks: tuple[Remark, ...]

    @property
    def is_held(self) -> bool:
        return not any(remark.weight == "deviates" for remark in self.remarks)


def concerned(descriptions: Iterable[Description]) -> tuple[str, ...]:
    """The vendors on whose hosts anything of these descriptions is."""
    found = list(descriptions)
    return tuple(
        name
        for name in vendors()
        if any(
            d.serves(urlsplit(u).netloc) for u in VendorExamples(name).hosts.values() for d in found
        )
    )


def check_file(data: bytes, name: str, system: str = "") -> tuple[ContractReport, ...]:
    """Hold the vendors that a file concerns against it, or the one that a person names.

    Raises:
        UsageError: The file cannot be read, or concerns none of our systems.
    """
    descriptions = read_descriptions(data, name)
    titles = ", ".join(repr(showable(d.title, limit=80)) for d in descriptions)
    found = concerned(descriptions)
    if system and system not in vendors():
        raise UsageError(
            f"there are no examples of a system {showable(system, limit=60)!r}",
            why=f"there are those of {', '.join(vendors())}",
        )
    if system and system not in found:
        descriptions = tuple(d.anywhere() for d in descriptions)
    chosen = (system,) if system else found
    if not chosen:
        raise UsageError(
            f"{titles} concerns none of our systems",
            why=f"no host of it is one of {', '.join(vendors())}",
            do="where it is written for another host: --system NAME",
        )
    reports = hold(descriptions, [VendorExamples(one).exchanged for one in chosen])
    if system not in found and system and not any(report.held for report in reports):
        raise UsageError(f"{titles} describes nothing that {system} is asked")
    return reports


def hold(
    descriptions: Sequence[Description],
    chosen: Sequence[Exchanged],
    deviations: Sequence[Deviation] = DEVIATIONS,
) -> tuple[ContractReport, ...]:
    """Hold these vendors' exchanges against the descriptions, one report for each."""
    reports = []
    for description in descriptions:
        judged = _Judging(description, descriptions, deviations)
        for exchanged in chosen:
            judged.judge(exchanged)
        reports.append(judged.report())
    return tuple(reports)


class _Judging(Mutable):
    """One description against exchanges; ``others`` may know a path that it does not."""

    description: Description
    others: Sequence[Description]
    deviations: Sequence[Deviation]
    _remarks: dict[tuple[str, str, str], Remark] = field(default_factory=dict)
    _held: Counter[str] = field(default_factory=Counter)
    _systems: list[str] = field(default_factory=list)
    _used: set[Deviation] = field(default_factory=set)

    def judge(self, exchanged: Exchanged) -> None:
        self._systems.append(exchanged.vendor)
        for by, why in exchanged.failed:
            what = f"the example of {by} did not work"
            self._add("example", by, "", what, why, "mend the example")
        for surface, url in exchanged.hosts.items():
            mine = [one for one in exchanged.exchanges if one.surface == surface]
            if self.description.serves(urlsplit(url).netloc) and (
                not self.description.assigned
                or any(self.description.find(*_asked(one, url))[0] for one in mine)
            ):
                parts = {exchanged.part(op.template) for op in self.description.operations}
                for one in mine:
                    if exchanged.part(one.path) in parts:
                        self._exchange(one, url)

    def report(self) -> ContractReport:
        mine = [d for d in self.deviations if d.description == self.description.title]
        for unused in [d for d in mine if d not in self._used]:
            self._add(
                "deviation",
                unused.operation,
                unused.about,
                f"a known deviation is used by nothing: {unused.reason}",
                f"{unused.kind} of {unused.operation} {unused.about}".rstrip(),
                "take it out of deviations.py, if the vendor has mended its description",
            )
        for flaw in self.description.flaws:
            what = f"the description has a broken {flaw.kind}: {'; '.join(flaw.places)}"
            self._remarks[f"description-{flaw.kind}", "", ""] = Remark(
                f"description-{flaw.kind}", "note", "", "", what, flaw.instead, "tell the vendor"
            )
        return ContractReport(
            self.description.title,
            self.description.version,
            tuple(self._systems),
            tuple(sorted(self._held)),
            tuple(self._remarks.values()),
        )

    def _exchange(self, exchange: Exchange, url: str) -> None:
        asked = _asked(exchange, url)
        operation, methods = self.description.find(*asked)
        if operation is None:
            if any(other.find(*asked)[0] for other in self.others):
                return
            kind, why = "path", "the description has no such path"
            if methods:
                kind, why = "method", f"the description has {', '.join(methods)} there"
            self._deviates(kind, exchange, f"{exchange.method} {asked[2]}", "", why)
            return
        self._held[operation.says] += 1
        checks = {"parameter": self._parameters, "body": self._body, "reply": self._reply}
        if exchange.status >= 400 and not exchange.is_ours:  # noqa: PLR2004 - a refusal
            checks = {"reply": self._reply}
        for kind, check in checks.items():
            for about, why in check(operation, exchange):
                self._deviates(kind, exchange, operation.says, about, why)

    def _deviates(
        self, kind: str, exchange: Exchange, operation: str, about: str, why: str
    ) -> None:
        of = f"{kind} {about}" if about else kind
        what = f"{operation}: {of} is not as described (by {exchange.by})"
        self._add(kind, operation, about, what, why, "mend the action or its simulator")

    def _add(self, kind: str, operation: str, about: str, what: str, why: str, do: str) -> None:
        weight = "deviates"
        for known in self.deviations:
            if known.covers(self.description.title, kind, operation, about):
                self._used.add(known)
                weight, do = "known", f"nothing: {known.reason} ({known.evidence})"
        self._remarks.setdefault(
            (kind, operation, about), Remark(kind, weight, operation, about, what, why, do)
        )

    # --- the request --------------------------------------------------------------------------

    def _parameters(self, operation: Operation, exchange: Exchange) -> Iterator[tuple[str, str]]:
        known = {p.name: p for p in operation.parameters if p.place == "query"}
        for name, values in exchange.query.items():
            if name in known:
                yield from self._value(known[name], values)
            elif name.partition("[")[0] not in known and name.lower() not in self.description.known:
                yield name, "the description has no such parameter"
        headers = {p.name.lower(): p for p in operation.parameters if p.place == "header"}
        for name, text in exchange.headers.items():
            if name in headers:
                yield from self._value(headers[name], [text])
            elif name not in _EVERYONE_SENDS | self.description.known:
                yield name, "the description has no such header"
        yield from (
            (p.name, "the description demands it")
            for p in operation.parameters
            if p.needed
            and (
                (p.place == "query" and p.name not in exchange.query)
                or (p.place == "header" and p.name.lower() not in exchange.headers)
            )
        )

    def _value(self, parameter: Parameter, values: Sequence[str]) -> Iterator[tuple[str, str]]:
        misfits = [
            self.description.schemas.misfits(parameter.schema, value, sent=True)
            for value in _readings(values, splits=parameter.splits)
        ]
        if all(misfits):
            yield parameter.name, misfits[0][0].why

    def _body(self, operation: Operation, exchange: Exchange) -> Iterator[tuple[str, str]]:
        fields = {p.name: p for p in operation.parameters if p.place == "form"}
        if not exchange.body:
            missing = [p.name for p in fields.values() if p.needed]
            if operation.body_needed or missing:
                yield ", ".join(missing), "the description demands a body"
            return
        kind = exchange.headers.get("content-type", "").partition(";")[0].lower()
        if operation.takes and not any(_fits_kind(kind, taken) for taken in operation.takes):
            yield "content-type", f"{kind} is none of {', '.join(operation.takes)}"
        value = _decoded(kind, exchange.body)
        if operation.body is None and not fields:
            yield "", "the description has no body there"
            return
        schema = _of_kind(operation.body or {}, kind)
        if fields:
            schema = {
                "type": "object",
                "properties": {p.name: p.schema for p in fields.values()},
                "required": [p.name for p in fields.values() if p.needed],
            }
        for misfit in self.description.schemas.misfits(schema, value, sent=True):
            yield misfit.about, misfit.why

    # --- the reply ------------------------------------------------------------------------------

    def _reply(self, operation: Operation, exchange: Exchange) -> Iterator[tuple[str, str]]:
        status = str(exchange.status)
        replies = operation.replies
        described = next((s for s in (status, f"{status[0]}XX", "DEFAULT") if s in replies), None)
        if described is None:
            yield f"status {status}", f"the description has {', '.join(replies) or 'none'}"
            return
        found = list(self._content(replies[described], exchange))
        other = replies.get("DEFAULT", {}) if found and described != "DEFAULT" else {}
        if other and not any(self._content(other, exchange)):
            found = [(f"status {status}", "it is what the description has for other statuses")]
        yield from found

    def _content(
        self, contents: Mapping[str, Any], exchange: Exchange
    ) -> Iterator[tuple[str, str]]:
        if not exchange.reply:
            return
        if not contents:
            yield "", "the description has no content for it"
        elif not any(_fits_kind(exchange.reply_kind, kind) for kind in contents):
            yield "content-type", f"{exchange.reply_kind} is none of {', '.join(contents)}"
        else:
            schema = _of_kind(contents, exchange.reply_kind)
            value = _decoded(exchange.reply_kind, exchange.reply)
            for misfit in self.description.schemas.misfits(schema, value, sent=False):
                yield misfit.about, misfit.why


def _asked(exchange: Exchange, url: str) -> tuple[str, str, str]:
    """Method, host and path of what was asked of a surface that stands for this address."""
    base = urlsplit(url)
    return exchange.method, base.netloc, base.path.rstrip("/") + exchange.path


def _fits_kind(kind: str, described: str) -> bool:
    pattern = re.escape(described.partition(";")[0].strip().lower()).replace(r"\*", ".*")
    return re.fullmatch(pattern, kind) is not None


def _of_kind(contents: Mapping[str, Any], kind: str) -> Any:
    fitting = [schema for described, schema in contents.items() if _fits_kind(kind, described)]
    return fitting[0] if fitting else next(iter(contents.values()), {})


def _decoded(kind: str, body: bytes) -> Any:
    if kind.endswith("json"):
        try:
            return json.loads(body)
        except ValueError:
            return body.decode("utf-8", "replace")
    text = body.decode("utf-8", "replace")
    if kind == "application/x-www-form-urlencoded":
        return {name: values[0] for name, values in parse_qs(text).items()}
    return text


def _readings(values: Sequence[str], *, splits: bool) -> Iterator[Any]:
    """What texts of a query may mean: the text itself, a number, a boolean, a list of these."""
    if len(values) == 1:
        yield from _scalars(values[0])
    items = values[0].split(",") if splits and len(values) == 1 else list(values)
    yield items
    as_numbers = [list(_scalars(item))[-1] for item in items]
    if as_numbers != items:
        yield as_numbers


def _scalars(text: str) -> Iterator[Any]:
    yield text
    if text in ("true", "false"):
        yield text == "true"
    elif re.fullmatch(r"-?\d{1,18}", text):
        yield int(text)
    elif re.fullmatch(r"-?\d{1,18}\.\d{1,18}", text):
        yield float(text)
