"""The inbox in PostgreSQL: what one server answered with 2xx is durable for every other.

Delivery, marks, and whatever makes somebody take it in are one transaction. Of two servers that
are sent the same at once, one waits until the other's is written down: a mark stands in its table
once, so the second one's is refused there, and it looks anew.

Everything that came from outside lies sealed under a key that is not in the database, bound to the
delivery that brought it: a dump shows nothing of it, and whoever can write to the tables can
neither make an event nor give one to another source. PostgreSQL leaves an old version of a row
where it was until its next vacuum, and in every copy of its log: there it is sealed as well.

Marks live for 30 days of *running* time. The inbox's age is what any of its servers saw pass on
the clock that nobody sets, from one look at the inbox to its next (P16): it never grows faster
than time passes, whatever clocks say and however many servers there are.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from psycopg.errors import UniqueViolation

from respond.adapters.store.postgres_pool import PostgresPool
from respond.adapters.store.repetition import (
    MARK_LIFE_MS,
    MARK_REFRESH_MS,
    EventTexts,
    FirstMet,
    FoundMark,
    Mark,
    Unusable,
    all_marks,
    first_met,
    marks_of,
    read_event,
    repeated,
)
from respond.adapters.store.sealing import UnsealError, seal, unseal
from respond.core.incoming import Delivery, Incoming
from respond.core.records import Frozen, replace
from respond.errors import InboxUnusableError, JournalUnusableError
from respond.ports import Became, Kept, KeptEvent, Received, Settlement, Took

if TYPE_CHECKING:
    from typing import Self

    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.postgres import Database, DatabaseConnection
    from respond.ports import Clock

__all__ = ["INBOX_RIGHTS", "INBOX_TABLES", "EventBoxes", "PostgresInbox"]

INBOX_TABLES: Final = """
CREATE TABLE inbox_deliveries (
    n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL, sender TEXT NOT NULL, body_digest TEXT NOT NULL, at_ms BIGINT NOT NULL,
    weak BOOLEAN NOT NULL, result TEXT NOT NULL, line BYTEA NOT NULL, age_ms BIGINT NOT NULL
);
CREATE INDEX inbox_deliveries_age ON inbox_deliveries (age_ms);
CREATE INDEX inbox_deliveries_heard ON inbox_deliveries (source, at_ms);
CREATE TABLE inbox_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery BIGINT NOT NULL REFERENCES inbox_deliveries (n) ON DELETE CASCADE,
    result TEXT NOT NULL, run TEXT NOT NULL, line BYTEA NOT NULL, why BYTEA, event BYTEA
) WITH (
    -- What a settled event said is cleared away within minutes, and not when a fifth has changed.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 50
);
ALTER TABLE inbox_events ALTER COLUMN event SET STORAGE EXTERNAL;
CREATE INDEX inbox_events_delivery ON inbox_events (delivery);
CREATE INDEX inbox_events_open ON inbox_events (result, id) WHERE result IN ('waiting', 'held');
CREATE TABLE inbox_marks (
    source TEXT NOT NULL, kind TEXT NOT NULL, mark TEXT NOT NULL, body_digest TEXT NOT NULL,
    delivery TEXT NOT NULL, age_ms BIGINT NOT NULL, PRIMARY KEY (source, kind, mark)
);
CREATE INDEX inbox_marks_age ON inbox_marks (age_ms);
CREATE TABLE inbox_ages (boot TEXT PRIMARY KEY, mono_ms BIGINT NOT NULL, age_ms BIGINT NOT NULL);
"""
"""What ``respond store init`` makes; the schema is that of the search path."""

_ALL: Final = "SELECT, INSERT, UPDATE, DELETE"
INBOX_RIGHTS: Final[Mapping[str, str]] = {
    "inbox_deliveries": _ALL,
    "inbox_events": _ALL,
    "inbox_marks": _ALL,
    "inbox_ages": _ALL,
}
"""What servers and workers may do there: it is a queue, and no evidence."""

_RACES_MAX: Final = 5
"""How often in a row others may have been quicker with what a delivery is remembered by."""

_LOOK_EVERY_MS: Final = 60_000
"""How often the age is written down, and what is over age dropped."""
_PRUNED_AT_ONCE: Final = 20_000

_COME_AGAIN: Final = "senders were told to come again"

_KNOWN: Final = (
    "SELECT m.kind, m.mark, m.delivery, m.body_digest"
    " FROM inbox_marks m JOIN unnest(%s::text[], %s::text[]) AS asked (kind, mark)"
    " ON m.source = %s AND m.kind = asked.kind AND m.mark = asked.mark"
)
_INSERT: Final = """
WITH came AS (
    INSERT INTO inbox_deliveries
        (id, source, sender, body_digest, at_ms, weak, result, line, age_ms)
    VALUES (%(id)s, %(source)s, %(sender)s, %(body_digest)s, %(at_ms)s, %(weak)s, %(result)s,
        %(line)s, %(age)s)
    RETURNING n
), remembered AS (
    -- In one order, so that nobody waits in a ring for whoever has the same.
    INSERT INTO inbox_marks
    SELECT %(source)s, kind, mark, %(body_digest)s, %(id)s, %(age)s
    FROM unnest(%(kinds)s::text[], %(marks)s::text[]) AS new (kind, mark) ORDER BY kind, mark
)
INSERT INTO inbox_events (delivery, result, run, line, event)
SELECT came.n, 'waiting', '', new.line, new.event
FROM came, unnest(%(lines)s::bytea[], %(events)s::bytea[]) WITH ORDINALITY
    AS new (line, event, place)
ORDER BY new.place
"""
_REFRESH: Final = (
    "UPDATE inbox_marks m SET age_ms = %s"
    " FROM unnest(%s::text[], %s::text[]) AS met (kind, mark)"
    " WHERE m.source = %s AND m.kind = met.kind AND m.mark = met.mark AND m.age_ms < %s"
)
_GROW: Final = """
INSERT INTO inbox_ages AS old
VALUES (%s, %s, (SELECT coalesce(max(age_ms), 0) FROM inbox_ages))
ON CONFLICT (boot) DO UPDATE SET
    mono_ms = greatest(old.mono_ms, excluded.mono_ms),
    age_ms = greatest(
        excluded.age_ms, old.age_ms + greatest(0, excluded.mono_ms - old.mono_ms))
RETURNING age_ms
"""
# Skipping what somebody else holds: whoever clears up waits for nobody, so nobody waits in a ring.
_PRUNE_MARKS: Final = (
    "DELETE FROM inbox_marks WHERE ctid = ANY (ARRAY(SELECT ctid FROM inbox_marks"
    " WHERE age_ms < %s ORDER BY age_ms LIMIT %s FOR UPDATE SKIP LOCKED))"
)
_PRUNE_DELIVERIES: Final = (
    "DELETE FROM inbox_deliveries WHERE n = ANY (ARRAY(SELECT n FROM inbox_deliveries d"
    " WHERE age_ms < %s AND NOT EXISTS (SELECT 1 FROM inbox_events e"
    " WHERE e.delivery = d.n AND e.result IN ('waiting', 'held'))"
    " ORDER BY age_ms LIMIT %s FOR UPDATE SKIP LOCKED))"
)
_PRUNE_BOOTS: Final = "DELETE FROM inbox_ages WHERE age_ms < %s"

_OF_DELIVERY: Final = "d.id, d.source, d.sender, d.body_digest, d.at_ms, d.weak, d.line"
_OPEN_EVENTS: Final = (
    f"SELECT e.id, e.event, {_OF_DELIVERY} FROM inbox_events e"  # noqa: S608 - columns, above
    " JOIN inbox_deliveries d ON d.n = e.delivery WHERE e.result = %s ORDER BY e.id LIMIT %s"
)
_TO_SETTLE: Final = """
SELECT e.id, e.result, d.id, d.source, d.sender, d.body_digest, d.at_ms, d.weak
FROM inbox_events e JOIN inbox_deliveries d ON d.n = e.delivery
WHERE e.id = ANY (%s::bigint[]) AND e.result IN ('waiting', 'held')
ORDER BY e.id FOR UPDATE OF e
"""
# What is settled is known to the journal; here only the line for the page stays.
_SETTLE: Final = """
UPDATE inbox_events e
SET result = now.result, run = now.run, why = now.why, line = coalesce(now.line, e.line),
    event = CASE WHEN now.result = 'held' THEN e.event END
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::bytea[])
    AS now (id, result, run, why, line)
WHERE e.id = now.id
"""
_WAITING: Final = "SELECT count(*) FROM inbox_events WHERE result = 'waiting'"
_HELD: Final = "SELECT count(*) FROM inbox_events WHERE result = 'held'"
_COUNT_OPEN: Final = (
    "SELECT '', count(*) FROM inbox_events WHERE result = 'waiting' UNION ALL"
    " SELECT d.source, count(*) FROM inbox_events e JOIN inbox_deliveries d ON d.n = e.delivery"
    " WHERE e.result = 'held' GROUP BY d.source"
)
_HEARD: Final = "SELECT source, max(at_ms) FROM inbox_deliveries GROUP BY source"
_RECENT: Final = (
    f"SELECT e.id, e.result, e.run, e.line, e.why, d.result, {_OF_DELIVERY}"  # noqa: S608 - columns, above
    " FROM inbox_deliveries d LEFT JOIN inbox_events e ON e.delivery = d.n"
    " ORDER BY d.n DESC, e.id DESC LIMIT %s"
)
_UNUSABLE: Final = (
    f"SELECT DISTINCT ON (d.source) count(*) OVER (PARTITION BY d.source), {_OF_DELIVERY}"  # noqa: S608 - columns, above
    " FROM inbox_deliveries d WHERE d.result = %s AND d.at_ms >= %s"
    " ORDER BY d.source, d.n DESC"  # The reason is that of the last.
)


class EventBoxes(Frozen):
    """Seals what is kept. A box opens only in the place that it was made for.

    A place is a column and the delivery: its source, its digest, its time.
    """

    key: bytes

    def shut(self, column: str, delivery: Delivery, *texts: str) -> bytes:
        """A box for one column of what this delivery brought."""
        return seal(self.key, json.dumps(texts), place=_place(column, delivery))

    def open(self, column: str, delivery: Delivery, box: bytes) -> tuple[str, ...]:
        """Texts that were shut in.

        Raises:
            InboxUnusableError: It was changed, or shut in with another key.
        """
        try:
            return tuple(json.loads(unseal(self.key, box, place=_place(column, delivery))))
        except UnsealError as error:
            raise InboxUnusableError(
                f"what delivery {delivery.id} brought cannot be opened",
                why="this machine has another team key than whoever kept it, or it was changed",
                do="compare the key (respond doctor); look who may write to the database",
            ) from error


def _place(column: str, delivery: Delivery) -> bytes:
    own = (delivery.id, delivery.source, delivery.sender, delivery.body_digest)
    return json.dumps(["inbox", column, *own, delivery.at_ms, delivery.weak]).encode()


class PostgresInbox:
    """The ``Inbox`` port over one database. It may be used from several threads.

    After an error it connects anew when it is next asked.

    Attributes:
        boxes: What seals all that came from outside.
    """

    def __init__(
        self,
        pool: PostgresPool,
        key: bytes,
        clock: Clock,
        redactor: Redactor | None,
        on_delivery: Callable[[DatabaseConnection], None],
    ) -> None:
        """Use ``open`` instead."""
        self._pool = pool
        self.boxes = EventBoxes(key)
        self._clock = clock
        self._texts = EventTexts(redactor)
        self._on_delivery = on_delivery
        self._lock = threading.Lock()
        self._looked: tuple[str, int, int] | None = None

    @classmethod
    def open(
        cls,
        database: Database,
        *,
        key: bytes,
        clock: Clock,
        redactor: Redactor | None = None,
        on_delivery: Callable[[DatabaseConnection], None] = lambda _: None,
    ) -> Self:
        """Open the inbox of a database that ``respond store init`` has prepared.

        Args:
            database: Where it is.
            key: 32 bytes that are not in the database, the same for all servers and workers.
            clock: Says how long things have been here.
            redactor: Knows live secrets, which are not kept.
            on_delivery: Called in the transaction that keeps an event.

        Raises:
            InboxUnusableError: It cannot be had.
        """
        inbox = cls(PostgresPool(database), key, clock, redactor, on_delivery)
        try:
            inbox.count_waiting()
        except BaseException:
            inbox.close()
            raise
        return inbox

    def close(self) -> None:
        """Close the connections; anything else afterwards is an error."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the port -------------------------------------------------------------------------------

    def keep(
        self, delivery: Delivery, events: Sequence[Incoming], unusable: str, *, by_body: bool
    ) -> Kept:
        with self._translated():
            age = self._age()
            for others in range(_RACES_MAX):
                try:
                    return self._keep(delivery, events, unusable, age, by_body=by_body)
                except JournalUnusableError as error:
                    was_first = isinstance(error.__cause__, UniqueViolation)
                    if not was_first or others == _RACES_MAX - 1:
                        raise
        raise AssertionError

    def _keep(
        self,
        delivery: Delivery,
        events: Sequence[Incoming],
        unusable: str,
        age: int,
        *,
        by_body: bool,
    ) -> Kept:
        asked = all_marks(delivery, events)
        with self._pool.transaction() as db:
            rows = db.execute(_KNOWN, (*_columns(asked), delivery.source))
            known = {(kind, mark): FoundMark(first, digest) for kind, mark, first, digest in rows}
            seen = repeated(known.get, delivery, events, by_body=by_body)
            if seen:
                met = marks_of(delivery, events)
                old = age - MARK_REFRESH_MS
                db.execute(_REFRESH, (age, *_columns(met), delivery.source, old))
                return Kept(seen, Took.DUPLICATE)
            first = first_met(known.get, delivery, events, unusable)
            # A mark that is there already names the first delivery, and goes on doing so.
            new = dict.fromkeys(mark for mark in first.marks if mark not in known)
            self._insert(db, delivery, first, tuple(new), age)
            if first.events:
                self._on_delivery(db)
        return first.kept

    def waiting(self, limit: int) -> list[KeptEvent]:
        return self._open_events(Became.WAITING, limit)

    def held(self, limit: int) -> list[KeptEvent]:
        return self._open_events(Became.HELD, limit)

    def settle(
        self,
        event_id: int,
        became: Became,
        *,
        run: str = "",
        why: str = "",
        stays: tuple[str, str] = ("", ""),
    ) -> bool:
        return self.settle_all([Settlement(event_id, became, run, why, stays)]) == 1

    def settle_all(self, settled: Sequence[Settlement]) -> int:
        if any(each.became is Became.WAITING for each in settled):
            raise ValueError("an event that is settled does not wait")
        with self.transaction() as db:
            rows = db.execute(_TO_SETTLE, ([each.event for each in settled],)).fetchall()
            found = {event: (result, _whose(rest)) for event, result, *rest in rows}
            given = [
                self._row_of(each, found[each.event][1])
                for each in settled
                if each.event in found and found[each.event][0] != each.became.value
            ]
            if given:
                db.execute(_SETTLE, tuple(map(list, zip(*given, strict=True))))
        return len(given)

    def _row_of(self, settled: Settlement, delivery: Delivery) -> tuple[Any, ...]:
        why = self.boxes.shut("why", delivery, self._texts.line(settled.why))
        is_held = settled.became is Became.HELD
        stays = map(self._texts.line, settled.stays)
        line = None if is_held else self.boxes.shut("line", delivery, *stays)
        return settled.event, settled.became.value, settled.run, why, line

    def count_waiting(self) -> int:
        return int(self._read(_WAITING)[0][0])

    def count_held(self) -> int:
        return int(self._read(_HELD)[0][0])

    def count_open(self) -> tuple[int, Mapping[str, int]]:
        # A source has a name: the row without one is of all that wait.
        found = dict(self._read(_COUNT_OPEN))
        return int(found.pop("")), found

    def last_heard(self) -> Mapping[str, int]:
        return {str(source): int(at_ms) for source, at_ms in self._read(_HEARD)}

    def recent(self, limit: int) -> list[Received]:
        return [self._received(row) for row in self._read(_RECENT, limit)]

    # --- beside the port ------------------------------------------------------------------------

    def unusable_since(self, at_ms: int) -> list[Unusable]:
        """What could not be used since then, by source."""
        found = []
        for count, *rest in self._read(_UNUSABLE, Took.IGNORED.value, at_ms):
            delivery, why = self._delivery_and_why(rest)
            found.append(Unusable(delivery.source, count, why))
        return found

    @contextmanager
    def transaction(self) -> Iterator[DatabaseConnection]:
        """One transaction over its tables."""
        with self._translated(), self._pool.transaction() as db:
            yield db

    # --- writing --------------------------------------------------------------------------------

    def _insert(
        self,
        db: DatabaseConnection,
        delivery: Delivery,
        first: FirstMet,
        new: Sequence[Mark],
        age: int,
    ) -> None:
        shut, line = self.boxes.shut, self._texts.line
        kinds, marks = _columns(new)
        db.execute(
            _INSERT,
            {
                "id": delivery.id,
                "source": delivery.source,
                "sender": delivery.sender,
                "body_digest": delivery.body_digest,
                "at_ms": delivery.at_ms,
                "weak": delivery.weak,
                "result": first.kept.result.value,
                "line": shut("delivery", delivery, line(delivery.their_id), line(first.why)),
                "age": age,
                "kinds": kinds,
                "marks": marks,
                "lines": [
                    shut("line", delivery, line(each.type), line(each.title))
                    for each in first.events
                ],
                "events": [
                    shut("event", delivery, self._texts.whole(each)) for each in first.events
                ],
            },
        )

    def _age(self) -> int:
        """Milliseconds that pass while servers run, as far as any of them saw it."""
        boot, mono_ms = self._clock.boot(), self._clock.mono_ms()
        with self._lock:
            looked = self._looked
            if looked is not None and looked[0] == boot:
                passed = mono_ms - looked[1]
                if 0 <= passed < _LOOK_EVERY_MS:
                    return looked[2] + passed
            # One looks; the others go on with what was known.
            self._looked = (boot, mono_ms, looked[2]) if looked is not None else None
        age = self._grow_older(boot, mono_ms)
        with self._lock:
            self._looked = (boot, mono_ms, age)
        return age

    def _grow_older(self, boot: str, mono_ms: int) -> int:
        """Write the age down, and drop some of what is over age."""
        ((age,),) = self._pool.read(_GROW, (boot, mono_ms))
        over = int(age) - MARK_LIFE_MS
        with self._pool.transaction() as db:
            db.execute(_PRUNE_MARKS, (over, _PRUNED_AT_ONCE))
            db.execute(_PRUNE_DELIVERIES, (over, _PRUNED_AT_ONCE))
            db.execute(_PRUNE_BOOTS, (over,))
        return int(age)

    # --- reading --------------------------------------------------------------------------------

    def _read(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        with self._translated():
            return self._pool.read(query, params)

    def _open_events(self, became: Became, limit: int) -> list[KeptEvent]:
        found = []
        for number, box, *rest in self._read(_OPEN_EVENTS, became.value, limit):
            delivery = self._delivery(rest)
            (text,) = self.boxes.open("event", delivery, box)
            found.append(KeptEvent(number, delivery, read_event(text)))
        return found

    def _delivery(self, row: Sequence[Any]) -> Delivery:
        return self._delivery_and_why(row)[0]

    def _delivery_and_why(self, row: Sequence[Any]) -> tuple[Delivery, str]:
        *own, line = row
        delivery = _whose(own)
        their_id, why = self.boxes.open("delivery", delivery, line)
        return replace(delivery, their_id=their_id), why

    def _received(self, row: Sequence[Any]) -> Received:
        event, became, run, line, why, result, *rest = row
        delivery, unusable = self._delivery_and_why(rest)
        kind, title = self.boxes.open("line", delivery, line) if event else ("", "")
        (reason,) = self.boxes.open("why", delivery, why) if why else ("",)
        return Received(
            delivery.id, delivery.source, delivery.sender, kind, title, delivery.at_ms,
            became or result, run or "", reason or unusable, delivery.weak, event or 0,
        )  # fmt: skip

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except JournalUnusableError as error:
            raise InboxUnusableError(
                f"the inbox in the {self._pool.database.name} cannot be used",
                why=f"{error.what}; {error.why}",
                do="; ".join(filter(None, [error.do.partition("; ")[0], _COME_AGAIN])),
            ) from error


def _whose(row: Sequence[Any]) -> Delivery:
    """What boxes are bound to, without what lies in one."""
    name, source, sender, digest, at_ms, weak = row
    return Delivery(name, source, sender, "", digest, at_ms, weak)


def _columns(marks: Sequence[Mark]) -> tuple[list[str], list[str]]:
    return [kind for kind, _ in marks], [mark for _, mark in marks]
