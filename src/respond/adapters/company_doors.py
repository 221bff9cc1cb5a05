"""The rehearsal's way behind the scenes of a simulated company.

The engine never gets this: it is how the simulated person clicks, how time is moved on, and how
the end of a rehearsal shows what changed. Loopback only, no proxies.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from respond.adapters.command import Ran
from respond.core.records import Frozen
from respond.core.script import Person
from respond.errors import NotReadyError, UsageError
from respond.ports import Clock

__all__ = ["Doors"]

NOTHING_TO_DO = 422
PROTOCOL = 1
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Doors(Frozen):
    """A simulated company that has shaken hands."""

    url: str
    token: str
    company: str

    @classmethod
    def knock(cls, url: str) -> Doors:
        """Make sure that a simulator answers there.

        Raises:
            UsageError: Not a loopback address, or what answers is no simulator.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in LOOPBACK or parts.username:
            raise UsageError(
                f"a rehearsal takes a loopback address only, and {url!r} is none",
                do="start one: respond simulate",
            )
        base = f"http://{parts.netloc}"
        try:
            hello = _ask(f"{base}/_sim/hello", "", None)
            protocol, token, company = (
                hello["respond_simulator"],
                str(hello["token"]),
                str(hello["company"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            cause = getattr(error, "reason", error)  # Of an address that cannot be opened.
            raise UsageError(
                f"no simulated company answers at {url}",
                why=getattr(cause, "strerror", None) or str(cause),
                do="start one: respond simulate",
            ) from error
        if protocol != PROTOCOL:
            raise UsageError(
                f"the simulated company at {url} is of another version",
                why=f"it speaks {protocol!r}, and this respond {PROTOCOL}",
            )
        return cls(base, token, company)

    def get(self, door: str) -> Any:
        return self.post(door, None)

    def post(self, door: str, body: Any) -> Any:
        """Raises NotReadyError when the company answers no more."""
        try:
            return _ask(f"{self.url}/_sim/{door}", self.token, body)
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            raise NotReadyError(
                f"the simulated company at {self.url} answers no more",
                why=str(getattr(error, "reason", error)),
                do="start it again: respond simulate; then start this again, too",
            ) from error

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes,
        environment: Mapping[str, str],
        timeout_s: float,
        clock: Clock,
        output_bytes_max: int = 0,
    ) -> Ran:
        """Run a program that the company has; of this machine's own nothing is run.

        Raises:
            FileNotFoundError: It has none of that name.
        """
        del timeout_s, clock, output_bytes_max
        asked = {"argv": list(argv), "stdin": stdin.decode(), "environment": dict(environment)}
        try:
            told = self.post(f"program/{argv[0]}", asked)
        except urllib.error.HTTPError as error:
            raise FileNotFoundError(0, f"the simulated company has no {argv[0]}") from error
        return Ran(told["exit"], told["output"].encode(), told["complaint"].encode(), whole=True)

    def advance(self, seconds: float) -> None:
        self.post("clock", {"advance_s": seconds})

    def arm(self, faults: list[str]) -> None:
        """Inject faults.

        Raises:
            UsageError: One of them is none that the company knows.
        """
        self._set("faults", faults, "the simulated company does not know this fault")

    def slow_down(self, latencies: list[str]) -> None:
        """Let systems take so long for each answer: ``200ms``, ``slack=1s``.

        Raises:
            UsageError: One of them is no time, or of no system.
        """
        self._set("latency", latencies, "the simulated company cannot be that slow")

    def stand_in(self, declared: Mapping[str, Any]) -> None:
        """Let systems stand in that a runbook declares.

        Raises:
            UsageError: The company has one of that name, or cannot make one of this.
        """
        try:
            self.post("stand-ins", {"stand_ins": dict(declared)})
        except urllib.error.HTTPError as error:
            why = str(json.loads(error.read()).get("error", ""))
            raise UsageError("the company takes no such stand-in", why=why) from error

    def happen(self, what: str) -> None:
        """Let it have happened: ``customerio.single_sign_on``.

        Raises:
            UsageError: No such thing can happen in the company, or not without saying more.
        """
        try:
            self.post("happen", {"what": what})
        except urllib.error.HTTPError as error:
            why = str(json.loads(error.read()).get("error", ""))
            raise UsageError("that cannot happen in the simulated company", why=why) from error

    def _set(self, door: str, texts: list[str], what: str) -> None:
        try:
            self.post(door, {door: texts})
        except urllib.error.HTTPError as error:
            raise UsageError(what, why=str(json.loads(error.read()).get("error", ""))) from error

    def click(self, person: Person[Any]) -> str | None:
        """Let the simulated person do a task; returns the value that the console showed, if any.

        Where the console says that there is nothing (left) to do, the person says so, and that is
        no error: after a crash the same person is sent twice. Whoever can look, looks.

        Raises:
            UsageError: The simulated person does not know the task, or not what it is about.
        """
        if not person.task:
            return None  # Nobody in the company knows how.
        try:
            answer = self.post("person", {"task": person.task, "about": dict(person.about)})
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")
            if error.code == NOTHING_TO_DO:
                return None
            raise UsageError(f"the simulated person cannot do {person.task}", why=detail) from error
        result = answer.get("result")
        return _shown(result)


def _shown(result: Any) -> str | None:
    """The one secret that a console shows after making something, wherever it stands."""
    if isinstance(result, str):
        return result
    if isinstance(result, dict):
        if "site_id" in result:
            return f"{result['site_id']}:{result['value']}"
        for name in ("value", "key", "token", "api_key"):
            if isinstance(result.get(name), str):
                return str(result[name])
        for inner in result.values():
            found = _shown(inner) if isinstance(inner, dict) else None
            if found is not None:
                return found
    return None


def _ask(url: str, token: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - loopback http, checked in knock
        url, data=data, headers={"X-Respond-Sim": token, "Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as reply:
        return json.loads(reply.read())
