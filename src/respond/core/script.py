"""The language in which an action says what it wants to see and to change.

An action's ``run`` is a generator of ``Read`` and ``Write``; it never sends anything. Drivers
(``respond.engine.drivers``) decide what a request becomes: sent, held back, predicted, or
answered from the journal. That is why no action knows about dry runs, resumes or rehearsals.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, Protocol, TypeAlias, TypeVar, cast

from respond.core.exposure import Exposure
from respond.core.finding import Found
from respond.core.records import Frozen
from respond.core.review_policy import ReviewPolicy
from respond.core.shapes import decode
from respond.core.values import DrawnSecret, Json, OwnCredential, SecretHandle, holds_secret

__all__ = [
    "ASKS",
    "STEERS",
    "WHOLE",
    "Again",
    "Api",
    "Auth",
    "AuthBasic",
    "AuthBearer",
    "AuthNone",
    "AuthOwn",
    "Becomes",
    "Call",
    "Connection",
    "Done",
    "DrawnSecret",
    "Effect",
    "Evidence",
    "Gather",
    "Keep",
    "Looking",
    "MalformedReplyError",
    "Me",
    "NotYet",
    "Outcome",
    "OwnCredential",
    "Paging",
    "Person",
    "PersonRecord",
    "Proof",
    "Read",
    "RefusedError",
    "Reply",
    "ReplyError",
    "Script",
    "Sealed",
    "Spec",
    "Subject",
    "Undo",
    "Write",
    "WrittenAction",
    "action",
    "answer_as",
    "both",
    "gather",
]

T = TypeVar("T")
R = TypeVar("R")
O_co = TypeVar("O_co", covariant=True)


class Effect(Enum):
    """What an action may do to a system, at most. A property of the action, never of a file."""

    READS = "reads"
    WRITES = "writes"
    DESTROYS = "destroys"


class Proof(Enum):
    """How it can be known that a write took effect.

    SEEN: running the action again sees it. WORD: only a person can say so. BLIND: nobody can
    look; the system's own answer is all there is (a chat message, an e-mail).
    """

    SEEN = "seen"
    WORD = "word"
    BLIND = "blind"


# --- requests -------------------------------------------------------------------------------


class AuthOwn(Frozen):
    """The connection's own credential."""


class AuthNone(Frozen):
    """No credential at all."""


class AuthBearer(Frozen):
    """``Authorization: Bearer`` with a secret of the run, e.g. to probe a leaked key."""

    value: SecretHandle


class AuthBasic(Frozen):
    """HTTP Basic; ``pair`` is a secret whose text is ``user:password``."""

    pair: SecretHandle


_OWN = AuthOwn()
Auth: TypeAlias = AuthOwn | AuthNone | AuthBearer | AuthBasic


class Sealed(Frozen):
    """Stands in a body where a secret goes that the service's own key has to seal first.

    It becomes a sealed box of libsodium in base64, another one each time it is sent.

    Attributes:
        value: The secret.
        key: The public key, 32 bytes in base64.
    """

    value: SecretHandle
    key: str


class Paging(Frozen):
    """How to ask for the page after a reply; ``after`` answers None on the last page.

    Attributes:
        after: (call, reply, how many replies so far) to the next call, or None.
        pages_max: More pages than this is an error, never a silent cut.
    """

    after: Callable[[Call, Reply, int], Call | None]
    pages_max: int = 100


NOT_HTTP: Final = frozenset({"smtp", "command", "screen", "own"})
"""Surfaces that are no HTTP."""


class Call(Frozen):
    """One request, as data. Nothing in it is late, and secrets are handles.

    Attributes:
        connection: Name of the connection (``[connections.NAME]``).
        surface: Which of the system's hosts, e.g. ``management`` or ``app``. For systems that are
            no HTTP: ``smtp``, ``command``, ``screen``.
        method: HTTP verb; for the others ``SEND``, ``RUN``, ``SHOW``.
        path: Path segments; the adapter quotes each, so an id cannot climb out of its place.
        custom: A method of the vendor's own behind the path and a colon, ``disable``: letters of
            ours, for a colon in a segment is quoted like all else.
        headers: Extra headers, no credentials.
        body: JSON; ``SecretHandle`` leaves, sealed ones too, are opened by the transport only.
        form: Send ``body`` (a flat record) form-encoded.
        answers: Statuses outside 2xx that the parser handles itself, e.g. 404 for "is gone".
        shows_values: Names of the fields where the system shows secrets that the parser compares
            or keeps. ``data.*`` are those right below ``data``, for names that are somebody's own;
            what stands in a list has the list's name. There a text that is a live secret and
            nothing else stays; in all the rest of the answer each live secret is replaced.
        timeout_s: Limit for this request in seconds.
        nth: Tells requests apart that are the same and are each to be sent: an answer is shared by
            those of one number. It is not sent.
    """

    connection: str
    surface: str
    method: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = None
    form: bool = False
    auth: Auth = _OWN
    answers: frozenset[int] = frozenset()
    shows_values: frozenset[str] = frozenset()
    timeout_s: int = 10
    custom: str = ""
    nth: int = 0

    @property
    def holds_secret(self) -> bool:
        """Whether it shows a secret of the run to whoever answers it."""
        return isinstance(self.auth, AuthBearer | AuthBasic) or holds_secret(self.body)

    @property
    def place(self) -> list[str | list[str]]:
        """The whole path, for digests."""
        return [*self.path, *([[self.custom]] if self.custom else [])]

    @property
    def says(self) -> str:
        """Method and path as they are sent, for people and the journal; without query, which may
        hold names.
        """
        path = self.path if self.surface in NOT_HTTP else map(_quoted, self.path)
        behind = f":{self.custom}" if self.custom else ""
        return f"{self.method} /{'/'.join(path)}{behind}"


def _quoted(segment: str) -> str:
    if segment.isascii() and segment.isalnum():
        return segment
    from urllib.parse import quote  # noqa: PLC0415 - help does not need it

    return quote(segment, safe="", errors="surrogatepass")


class Reply(Frozen):
    """What came back: status, lower-case headers, and the decoded JSON (None when empty).

    Attributes:
        ahead_s: How far our clock is ahead of the system's own (its ``Date``), in seconds; 0 where
            it told none. Times of ours that the system's are compared with are put right by it.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    ahead_s: int = 0


class ReplyError(Exception):
    """A parser could not take a reply as success."""


class RefusedError(ReplyError):
    """The system said no, and nothing happened (e.g. Slack's ``ok: false``).

    Attributes:
        code: The vendor's own word, e.g. ``missing_scope``.
        hint: What a person can do about it.
    """

    def __init__(self, code: str, hint: str = "", *, credential: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.hint = hint
        self.credential = credential


class MalformedReplyError(ReplyError):
    """The reply is not what the vendor documents; whether anything happened is unknown."""


# --- subjects, reads and writes -----------------------------------------------------------------


class Subject(Frozen, Generic[T]):
    """A thing that can be looked at and changed; one thing has one name, however it was reached.

    Attributes:
        name: ``<connection>/<what>/<id>``.
        settle_s: How long a change may take until it is seen, in seconds.
        looks: How many looks in a row have to see it, where the next one may be answered by a
            server that has not heard of it yet.
    """

    name: str
    settle_s: int
    looks: int = 1


class Becomes(Frozen, Generic[T]):
    """A prediction: what the subject's parsed value turns into when the write is done."""

    subject: Subject[T]
    change: Callable[[T], T]


class Evidence(Frozen):
    """Mark of a look whose answer is kept as it came, for whoever has to judge it later.

    Attributes:
        only: Names of the fields whose values stay; all others are taken out. Where the answer
            shows secrets (``Call.shows_values``) nothing is kept without it. Empty: all stays but
            what is a secret by its name or its look.
    """

    only: frozenset[str] = frozenset()


class Read(Frozen, Generic[T]):
    """Look at a subject. ``seen = yield from Read(...)`` is typed ``T``.

    ``parse`` gets the replies of all pages, in order. It may raise ``RefusedError`` or
    ``MalformedReplyError``. It must not let secret values into ``T``.

    ``or_else`` is for a look that the script can do without (is this channel of several there?):
    it turns the reason why there is no answer into a value. Never for a guard: what was not seen
    must not pass for seen.

    ``evidence`` has its answers kept, each page by itself.
    """

    subject: Subject[T]
    call: Call
    parse: Callable[[Sequence[Reply]], T]
    paging: Paging | None = None
    or_else: Callable[[str], T] | None = None
    evidence: Evidence | None = None

    def __iter__(self) -> Generator[Read[T], object, T]:
        answer = yield self
        return cast("T", answer)


class Gather(Frozen):
    """Parts of a script that only read and need nothing of each other: they go out together.

    They come to the same as one after the other, and are recorded in that order.
    """

    parts: tuple[Generator[Any, object, Any], ...]


Looking: TypeAlias = Generator[Read[Any] | Gather, object, T]
"""A part of a script that only reads; ``x = yield from part()``."""


def gather(parts: Iterable[Looking[T] | Read[T]]) -> Looking[tuple[T, ...]]:
    """Look at several things together; what each part comes to, in their order."""
    answers = yield Gather(tuple(map(iter, parts)))
    return cast("tuple[T, ...]", answers)


def both(one: Looking[T] | Read[T], other: Looking[R] | Read[R]) -> Looking[tuple[T, R]]:
    """Look at two things of different kinds together."""
    answers = yield Gather((iter(one), iter(other)))
    return cast("tuple[T, R]", answers)


class Keep(Frozen):
    """A secret that the reply shows once; it is taken out before anything else looks at it.

    Attributes:
        shows_values: Where ``take`` finds it, as for ``Call``.
    """

    handle: str
    take: Callable[[Any], str]
    shows_values: frozenset[str]


class Api(Frozen, Generic[R]):
    """The tool sends the request. ``parse`` gets the reply with ``keep``'s secret taken out."""

    call: Call
    parse: Callable[[Reply], R]
    keep: Keep | None = None


class Person(Frozen, Generic[R]):
    """A person does it in the vendor's own console.

    Attributes:
        steps: What to do, one line each, in the console's own words.
        link: Deep link, bare.
        look_for: How the person sees that it worked.
        avoid: Look-alikes not to touch.
        task: Machine name of the task, ``customerio.revoke_app_key``; rehearsals hand it to the
            simulated person. Empty: that person does not know how.
        answer: What the step yields once it is done.
        keep: Handle of a secret that the person has to paste, if any.
    """

    steps: tuple[str, ...]
    link: str
    look_for: str
    task: str
    about: Mapping[str, Json]
    answer: R
    avoid: tuple[str, ...] = ()
    keep: str = ""


class Undo(Frozen):
    """The way back: an action with arguments; it refuses unless it finds our recorded after."""

    action: str
    arguments: Mapping[str, Any]


class Write(Frozen, Generic[R]):
    """Change a subject. ``answer = yield from Write(...)`` is typed ``R``.

    Attributes:
        says: One line, verb first: ``revoke backend-prod ...cdef``.
        verb: What a person types to confirm, e.g. ``revoke``.
        target: What a person types behind it, e.g. ``cdef``.
        where: Account, region, workspace in a few words.
        effect: WRITES or DESTROYS; never more than the action's own.
        before: What was seen, as JSON; goes into the plan and the journal.
        after: What will be seen.
        becomes: Predictions for every subject that changes. The first is the one written.
        foretold: What the write is expected to answer; unknown parts are ``Late``.
        repeatable: Sending it twice does no harm by the vendor's own word.
        breaks: What stops working, for the question.
        stays: Look-alikes that stay.
        cleans_up: Removes only what carries this run's own mark; the plan's yes covers it.
        tells: Whom it tells something, by name. It cannot be unsaid, and nothing is lost by it.
    """

    says: str
    verb: str
    target: str
    where: str
    effect: Effect
    hands: Api[R] | Person[R]
    before: Any
    after: Any
    becomes: tuple[Becomes[Any], ...]
    foretold: R
    proof: Proof = Proof.SEEN
    undo: Undo | None = None
    repeatable: bool = False
    breaks: str = ""
    stays: tuple[str, ...] = ()
    cleans_up: bool = False
    tells: tuple[str, ...] = ()

    def __iter__(self) -> Generator[Write[R], object, R]:
        answer = yield self
        return cast("R", answer)

    @property
    def subject(self) -> Subject[Any]:
        return self.becomes[0].subject


def answer_as(kind: type[T], answer: object, unknown: T) -> T:
    """A write's answer as a value of its type, whether it came now or stands in the journal.

    Args:
        kind: What the write's parser makes.
        answer: That, or its JSON from the journal, or None when a person said that the write
            happened and nobody saw its answer.
        unknown: Stands for None.
    """
    if answer is None:
        return unknown
    value: T = decode(kind, answer)
    return value


# --- answers ------------------------------------------------------------------------------------


class Done(Frozen, Generic[O_co]):
    """The subject is as wanted (or will be, once the writes yielded are done).

    Attributes:
        output: What later steps may use.
        says: One line for the screen.
        findings: What a person should know; each is one line of the summary, or a ``Finding``.
        proved: False when the effect could not be proved (``removed, not proved``).
        stays: Look-alikes seen now, named as in ``Write.stays``; None when that was not looked at.
            One that was there before a person's hands and is gone now is an alarm.
        exposures: What of this may have been seen by who should not have been there.
    """

    output: O_co
    says: str = ""
    findings: tuple[Found, ...] = ()
    proved: bool = True
    stays: tuple[str, ...] | None = None
    exposures: tuple[Exposure, ...] = ()


class NotYet(Frozen):
    """What is waited for has not happened; the run parks or looks again in ``every_s``.

    ``otherwise`` is what the step comes to when its time is over; without it the step fails then.
    ``goes_on``: what was to end was tried, and it is let in still.
    """

    says: str
    every_s: int = 10
    otherwise: Done[Any] | None = None
    goes_on: bool = False


class Again(Frozen):
    """This pass cleaned up something of our own; run the action again now."""

    says: str


Outcome: TypeAlias = Done[O_co] | NotYet | Again
Script: TypeAlias = Generator[Read[Any] | Write[Any] | Gather, object, Outcome[O_co]]


# --- what an action is given --------------------------------------------------------------------


class Connection(Frozen):
    """One configured account of a system, without its credential.

    Attributes:
        can: Names of operations that discovery confirmed and a person accepted.
        identity: Whom the credential belongs to, as the system names it (service account name).
        reached: Where it leads and as what it signs on, in words: ``{"address http": "https://..."}``.
            Empty in a rehearsal, whose company has other ports each time.
    """

    name: str
    system: str
    account: str = ""
    region: str = ""
    identity: str = ""
    sink: str = ""
    options: Mapping[str, Any] = {}
    can: AbstractSet[str] = frozenset()
    reached: Mapping[str, str] = {}

    @property
    def bound(self) -> dict[str, str]:
        """What a yes to whatever goes there binds of it."""
        parts = {n: getattr(self, n) for n in ("system", "account", "region", "identity", "sink")}
        return {name: part for name, part in {**parts, **self.reached}.items() if part}


class PersonRecord(Frozen):
    """Somebody in ``respond.toml``.

    Attributes:
        roles: ``admin``, ``approver``, ...
        accounts: Their ids by system: ``{"slack": "U024BE7LH"}``.
        clicks: One of these systems takes their answer to a question, with a button.
        logins: Names of this person's accounts on the machines where ``respond`` runs.
    """

    id: str
    name: str = ""
    emails: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    accounts: Mapping[str, str] = {}
    clicks: bool = False
    logins: tuple[str, ...] = ()


class Me(Frozen):
    """What an action may know about where it runs. All of it is data.

    Attributes:
        run: The run's id, e.g. ``CK-7F3Q``.
        step: The step's address, e.g. ``new`` or ``restarted[3f2a]``.
        connection: The connection of the action's own system.
        connections: All of them, by name (sinks and notices cross systems).
        directories: Names of those that sign people in; the one that comes first is asked first.
        operator: Id of the person at the terminal.
        subject: E-mail of whom the incident is about, or empty.
        suspects: E-mails that get no notice and do not count as administrators.
        by_hand: Prefer a person's hands everywhere (``--by-hand``).
        now: Seconds since 1970 when the run was proposed; the same after a crash, so that what is
            built from it is the same too.
        held: Handles of secrets that are sealed and can be opened.
        digest: Keyed digest of a value, hex; equal digests mean equal values.
        anchor: Journal, size and head when the run was proposed, for notices.
        plan: Digest of the run's plan. This and the next two are only for notices about the run
            itself: a step's write has to be the same before there is a plan, and after.
        page: Address of the run's page, or empty. Opening it only shows.
        request: Nonce of the approval request that buttons in chat may answer now, or empty.
        old: How old the event was that began the run, or empty.
        anew: Why that is asked once more, and whose yes is void by that, or empty.
        begun: This step has sent a write, or may have: what is seen may be of before or after it.
        review: What reviews hold the world against.
    """

    run: str
    step: str
    connection: Connection
    connections: Mapping[str, Connection]
    persons: tuple[PersonRecord, ...]
    operator: str
    subject: str
    suspects: tuple[str, ...]
    by_hand: bool
    now: int
    held: Mapping[str, SecretHandle]
    digest: Callable[[str], str]
    runbook: str = ""
    incident: str = ""
    reason: str = ""
    anchor: str = ""
    rehearsal: bool = False
    plan: str = ""
    page: str = ""
    request: str = ""
    directories: tuple[str, ...] = ()
    old: str = ""
    anew: str = ""
    begun: bool = False
    review: ReviewPolicy = ReviewPolicy()

    @property
    def mark(self) -> str:
        """Goes into names and comments of things that we make: ``ck7f3q``."""
        return self.run.replace("-", "").lower()

    def handle(self, name: str) -> SecretHandle:
        """The handle of a secret that this step makes or has made."""
        full = f"{self.step}.{name}"
        return self.held.get(full) or SecretHandle(full)


STEERS: Final[Mapping[str, str]] = MappingProxyType({"mark": "steers"})
"""Metadata of an action's field that says where something goes: no event may fill it."""

WHOLE: Final[Mapping[str, str]] = MappingProxyType({"mark": "whole"})
"""Metadata of a field whose text has a language of its own: data never stands inside of one."""

ASKS: Final[Mapping[str, str]] = MappingProxyType({"mark": "asks"})
"""Metadata of a JSON field in which whatever is called ``query`` is such a text, as in GraphQL."""


class Spec(Frozen):
    """What can be said about an action without running it.

    Attributes:
        name: ``system.verb_noun``.
        output: Type of ``Done.output``.
        source: Vendor page or evidence tag of the facts it rests on.
        by_hand: What a person does in the vendor's console when nothing can be looked at, one line
            each, in the console's words; the last line is the bare link.
        person: Why a person always does it; empty where the tool can.
        undo: What takes it back: the name of an action, or in words why nothing has to. Empty:
            nothing does.
        tries: The argument that takes a secret which is tried, and without which nothing is proved.
            Where the action has a method ``with_value``, one that nobody had at the time is tried
            afterwards, too: it gives the action with that value, or says why it is another thing's.
    """

    name: str
    effect: Effect
    summary: str
    output: type
    source: str
    by_hand: tuple[str, ...] = ()
    person: str = ""
    undo: str = ""
    tries: str = ""

    @property
    def system(self) -> str:
        return self.name.partition(".")[0]


class WrittenAction(Protocol[O_co]):
    """A frozen struct: its fields are the ``with`` of a step, ``run`` is the script."""

    spec: ClassVar[Spec]

    def run(self, me: Me) -> Script[O_co]: ...


C = TypeVar("C", bound=type)


def action(
    name: str,
    *,
    effect: Effect,
    output: type,
    source: str,
    by_hand: tuple[str, ...] = (),
    person: str = "",
    undo: str = "",
    tries: str = "",
) -> Callable[[C], C]:
    """Attach a ``Spec``; the class docstring's first line is the summary."""

    def attach(cls: C) -> C:
        summary = (cls.__doc__ or "").strip().splitlines()[0]
        cls.spec = Spec(  # type: ignore[attr-defined]
            name, effect, summary, output, source, by_hand, person, undo, tries
        )
        return cls

    return attach
