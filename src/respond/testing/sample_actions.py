"""Small actions that declare a little of everything, for tests of runbook files.

They are never run: a loader reads what an action declares, and nothing else.
"""

from dataclasses import field
from typing import Any, ClassVar, NewType

from respond.core.records import Frozen
from respond.core.script import Effect, Me, Script, Spec, action
from respond.core.shapes import Seconds, ShapeError, Timestamp
from respond.core.values import SecretHandle

__all__ = ["ACTIONS", "KeyId", "SiteId"]

KeyId = NewType("KeyId", str)
SiteId = NewType("SiteId", str)
_HOUR = Seconds(3600)


class Key(Frozen):
    """What there is to know about a key."""

    id: KeyId
    name: str
    is_alive: bool
    uses: int
    made: Timestamp
    site: SiteId


class SampleKeys(Frozen):
    """A list of keys."""

    keys: list[Key]


class Reach(Frozen):
    """A record that an argument takes."""

    site: SiteId
    depth: int = 1


class Sample:
    """Nothing here is run: the loader only reads what an action declares."""

    spec: ClassVar[Spec]

    def run(self, me: Me) -> Script[Any]:
        raise NotImplementedError


@action("vault.find_key", effect=Effect.READS, output=Key, source="test")
class FindKey(Sample, Frozen):
    """Look for a key."""

    value: SecretHandle | None = None
    name: str = ""


@action("vault.list_keys", effect=Effect.READS, output=SampleKeys, source="test")
class ListSampleKeys(Sample, Frozen):
    """List keys."""


@action("vault.revoke_key", effect=Effect.DESTROYS, output=Key, source="test")
class RevokeSampleKey(Sample, Frozen):
    """Make a key useless."""

    key: KeyId


@action("vault.make_key", effect=Effect.WRITES, output=Key, source="test")
class MakeKey(Sample, Frozen):
    """Make a key like another one."""

    like: KeyId
    sink: str
    lives: Seconds = _HOUR
    uses: int = 1
    is_hidden: bool = False
    since: Timestamp | None = None
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    reach: Reach | None = None


@action("vault.store", effect=Effect.WRITES, output=type(None), source="test")
class StoreSample(Sample, Frozen):
    """Put a secret somewhere."""

    value: SecretHandle


@action("human.do", effect=Effect.WRITES, output=type(None), source="test")
class SampleDo(Sample, Frozen):
    """Ask a person to do something."""

    instructions: str

    def __post_init__(self) -> None:
        if not self.instructions.strip():
            raise ShapeError("instructions is empty")


@action("notify.persons", effect=Effect.WRITES, output=type(None), source="test")
class Tell(Sample, Frozen):
    """Tell the configured persons."""

    role: str
    message: str


_ALL: tuple[Any, ...] = (
    FindKey,
    ListSampleKeys,
    RevokeSampleKey,
    MakeKey,
    StoreSample,
    SampleDo,
    Tell,
)
ACTIONS: dict[str, type] = {cls.spec.name: cls for cls in _ALL}
