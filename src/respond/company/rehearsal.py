"""Build a rehearsal: the real engine, journal and adapters around a simulated company.

Real credentials are never loaded here: every secret comes from the company's own story. Waits are
jumped over: the rehearsal's clock and the company's clock move on together.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from respond.adapters.command import Runs
from respond.adapters.company_doors import Doors
from respond.adapters.ordinary_file import is_file
from respond.core.events import Actor, Strength
from respond.core.records import Mutable
from respond.core.review_policy import ReviewPolicy
from respond.core.runbook import InputKind, Runbook
from respond.core.script import Connection, Person, PersonRecord
from respond.engine.proposing import GivenInputs
from respond.errors import NotReadyError, UsageError
from respond.formats.typed_inputs import parse_input
from respond.ports import KeyStore
from respond.systems import vendor

__all__ = ["Rehearsal", "RehearsalClock", "StorySecrets", "story_value"]

_OF_CONNECTION = ("name", "system", "account", "region", "identity", "sink", "options")
_GENERIC = "http"
OPERATOR = Actor("dana", Strength.CLAIMED)


class RehearsalClock:
    """The machine's clock plus what was jumped over; the company's clock jumps with it.

    Args:
        boot: That of the machine, unless several processes write one journal: each jumps by itself,
            so that their monotonic times are not to be compared.
    """

    def __init__(self, base: Any, doors: Doors, *, ahead_s: float = 0.0, boot: str = "") -> None:
        self._base = base
        self._boot = boot or str(base.boot())
        self._doors = doors
        self._ahead_ms = int(ahead_s * 1000)
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        return int(self._base.now_ms()) + self._ahead_ms

    def mono_ms(self) -> int:
        return int(self._base.mono_ms()) + self._ahead_ms

    def boot(self) -> str:
        return self._boot

    def catch_up(self, now_ms: int) -> None:
        """Stand where another process's clock stood, which moved the company's on as well."""
        with self._lock:
            self._ahead_ms += max(0, now_ms - self.now_ms())

    def sleep(self, seconds: float) -> None:
        """Jump instead of waiting."""
        if seconds <= 0:
            return
        with self._lock:
            self._ahead_ms += int(seconds * 1000)
            self._doors.advance(seconds)


class StorySecrets:
    """Credentials of the simulated company's connections, and what a run puts in their place.

    Args:
        keys: Where the latter outlives the process, as the real one's key store does.
    """

    def __init__(self, values: Mapping[str, str], keys: KeyStore) -> None:
        self._values = values
        self._keys = keys
        self._opened: dict[str, str] = {}

    def credential(self, connection: str) -> str:
        if connection not in self._opened:  # Each request asks.
            kept = self._keys.get(f"credential/{connection}")
            self._opened[connection] = kept.decode() if kept else self._values.get(connection, "")
        value = self._opened[connection]
        if not value:
            raise NotReadyError(f"the simulated company has no credential {connection!r}")
        return value

    def store(self, connection: str, value: str) -> None:
        self._keys.set(f"credential/{connection}", value.encode())
        self._opened[connection] = value


class Rehearsal(Mutable):
    """A simulated company that answers, and how a run reaches it.

    Attributes:
        story: Ids, addresses and secrets of the company.
        urls: Base URL of each surface by its prefix.
        ways: How each system is reached, as its module in the company tells it.
        own: The server, when it runs in this process.
        directories: Connections of what signs people in, in the order in which they are asked.
        policy: What its reviews hold it against.
        is_slow: Its answers take a time that somebody chose.
    """

    doors: Doors
    story: Mapping[str, Any]
    urls: Mapping[str, str]
    smtp: Mapping[str, Any]
    ways: Sequence[Mapping[str, Any]]
    own: Any = None
    before: Mapping[str, Any] = field(default_factory=dict)
    directories: tuple[str, ...] = ()
    policy: ReviewPolicy = field(default_factory=ReviewPolicy)
    is_slow: bool = False
    _has_faults: bool = field(default=False, init=False)
    _was_slow: Mapping[str, float] | None = field(default=None, init=False)

    @classmethod
    def start(
        cls,
        *,
        at: str = "",
        routes: bool = False,
        directories: Sequence[str] | None = None,
        stand_ins: Mapping[str, Any] = MappingProxyType({}),
        anew: bool = True,
    ) -> Rehearsal:
        """Use the company at a URL, or start one in this process.

        Args:
            routes: Show the routes that the vendor has not confirmed, so that the API's hands are
                used; only for a company of our own.
            directories: Those that are configured; None: what signs the company's people in.
            stand_ins: What the runbook declares for systems that nobody simulates. They are then
                all that ``http.*`` reaches.
            anew: They begin as declared; else they are as an earlier part of the rehearsal left
                them.

        Raises:
            UsageError: The company has no such directory.
        """
        own = None
        if not at:
            from respond.company import default_company, serve  # noqa: PLC0415 - heavy

            own = serve(default_company(guess_routes=routes))
            at = own.base_url
        elif routes:
            raise UsageError(
                "--api-hands is chosen where the company is started",
                do="respond simulate --api-hands, then rehearse --at its URL",
            )
        doors = Doors.knock(at)
        if stand_ins and anew:
            doors.stand_in(stand_ins)
        told = doors.get("story")
        ways = [
            way
            for way in told["connections"]
            if not stand_ins or way["system"] != _GENERIC or way["name"] in stand_ins
        ]
        rehearsal = cls(doors, told["story"], told["urls"], told["smtp"], ways, own)
        rehearsal.before = doors.get("state")
        rehearsal.is_slow = bool(told["latency_s"])
        known = tuple(w["name"] for w in ways if vendor(w["system"]).directory)
        chosen = told["story"]["directories"] if directories is None else directories
        rehearsal.directories = tuple(chosen)
        if odd := [name for name in rehearsal.directories if name not in known]:
            rehearsal.close()
            raise UsageError(
                f"nobody signs in with {odd[0]!r} in the simulated company",
                why=f"its directories: {', '.join(known)}",
                do="--directory none rehearses without any",
            )
        return rehearsal

    def close(self) -> None:
        """End its own company; of one that stays, take back what this rehearsal asked of it."""
        if self.own is not None:
            self.own.close()
            return
        with suppress(UsageError, OSError):  # It may be gone by now.
            if self._has_faults:
                self.doors.arm([])
            if self._was_slow is not None:
                self.doors.slow_down([f"{name}={s:.3f}s" for name, s in self._was_slow.items()])

    def arm(self, faults: list[str]) -> None:
        """Let it break so. Raises UsageError, as ``doors`` do."""
        self.doors.arm(faults)
        self._has_faults = True

    def slow_down(self, latencies: list[str]) -> None:
        """Let its systems take so long for each answer. Raises UsageError, as ``doors`` do."""
        was = self.doors.get("story")["latency_s"]
        self.doors.slow_down(latencies)
        self._was_slow, self.is_slow = was, True

    def click(self, person: Person[Any]) -> str | None:
        return self.doors.click(person)

    @property
    def run(self) -> Runs:
        """Runs programs: the company's."""
        return self.doors.run

    # --- what a run is given -----------------------------------------------------------------

    def secrets(self, keys: KeyStore) -> StorySecrets:
        """Each connection's credential, and the further ones: ``pagerduty/events``."""
        return StorySecrets(
            {
                "/".join(filter(None, (way["name"], further))): value
                for way in self.ways
                for further, value in way["credentials"].items()
            },
            keys,
        )

    def persons(self) -> tuple[PersonRecord, ...]:
        slack = self.story["slack_users"]
        people: list[tuple[str, str, tuple[str, ...]]] = [
            ("dana", self.story["operator"], ("admin",))
        ]
        people += [(mail.partition("@")[0], mail, ("admin",)) for mail in self.story["admins"]]
        people.append(("jean", self.story["lost_2fa"], ()))
        return tuple(
            PersonRecord(
                id=name,
                name=name.capitalize(),
                emails=(mail,),
                roles=roles,
                accounts={"slack": slack[mail]} if mail in slack else {},
                clicks=mail in slack,
            )
            for name, mail, roles in people
        )

    def connections(self) -> dict[str, Connection]:
        return {
            way["name"]: Connection(**{part: way[part] for part in _OF_CONNECTION if part in way})
            for way in self.ways
        }

    def base_urls(self, connection: Connection) -> dict[str, str]:
        """Surfaces of one connection, as its actions name them."""
        ways = [way for way in self.ways if way["system"] == connection.system]
        own = [way for way in ways if way["name"] == connection.name]
        return next((way["base_urls"] for way in own or ways), {})


def story_value(story: Mapping[str, Any], text: Any) -> Any:
    """``story.leaked_app_key`` as the company tells it; everything else as it is.

    A pair of two, ``story.leaked_site_id:story.leaked_track_api_key``, is told as a pair.

    Raises:
        UsageError: The story has no such thing.
    """
    if not isinstance(text, str) or not text.startswith("story."):
        return text
    first, colon, second = text.partition(":story.")
    if colon:
        return f"{story_value(story, first)}:{story_value(story, f'story.{second}')}"
    name = text.removeprefix("story.")
    if name not in story:
        known = ", ".join(sorted(story))
        raise UsageError(f"the simulated company has no {name!r}", why=f"it has: {known}")
    return story[name]


def rehearsal_inputs(
    runbook: Runbook, story: Mapping[str, Any], overrides: Mapping[str, str], now_s: int
) -> GivenInputs:
    """Inputs for a rehearsal: the runbook's own ``rehearsal:`` part, and what ``--set`` gave.

    Who sets one input of a ``require`` group to something else means that, and not what the
    rehearsal has for the others: another key by its name, and not also the value that leaked.

    Raises:
        UsageError: An input that does not exist, or a value that does not fit.
    """
    names = {declared.name for declared in runbook.inputs}
    for name in [*runbook.rehearsal, *overrides]:
        if name not in names:
            raise UsageError(
                f"{runbook.name} has no input {name!r}", why=f"it has: {', '.join(sorted(names))}"
            )
    given = GivenInputs()
    usual = {name: story_value(story, raw) for name, raw in runbook.rehearsal.items()}
    other = {name for name, text in overrides.items() if text not in ("", usual.get(name))}
    instead = {name for group in runbook.require if other & set(group) for name in group}
    for declared in runbook.inputs:
        value = None if declared.name in instead else usual.get(declared.name)
        if declared.name in overrides:
            value = story_value(story, overrides[declared.name])
        if value in (None, ""):
            continue
        if declared.kind is InputKind.SECRET:
            given.secrets[declared.name] = str(value)
        elif isinstance(value, str):
            given.values[declared.name] = parse_input(declared, value, now_s=now_s)
        else:
            given.values[declared.name] = value
    return given


def remember(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write down how a rehearsal was started, so that ``resume`` finds its company again."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "rehearsal.json").write_text(json.dumps(dict(facts)), encoding="utf-8")


def recall(folder: Path) -> dict[str, Any]:
    """What ``remember`` wrote; empty when there is nothing."""
    path = folder / "rehearsal.json"
    if not is_file(path):
        return {}
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts
