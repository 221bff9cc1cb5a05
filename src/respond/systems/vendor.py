"""What the rest of the tool knows of a vendor, as data: one ``Vendor`` record a vendor.

Hosts, how requests say who asks, what only reads, how the vendor says no and wait, how a credential
is tried, what stands in ``respond.toml``. Whoever needs one of these asks the record; nobody else
holds a table of vendors. ``respond.systems`` has the one list of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, Protocol

from respond.core.records import Frozen, replace
from respond.core.script import Call, OwnCredential, Paging, Reply
from respond.core.showable import showable
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError

__all__ = [
    "EVERY_SURFACE",
    "READING",
    "Allowed",
    "Ask",
    "Assertion",
    "CarriedBy",
    "CredentialRefusedError",
    "CredentialVerdict",
    "Ending",
    "Named",
    "NoInSuccess",
    "OwnKey",
    "Probe",
    "Probed",
    "Probing",
    "Reaches",
    "Reads",
    "Refusals",
    "Right",
    "Scheme",
    "ScopeRecord",
    "SentAs",
    "Signing",
    "Trade",
    "Trouble",
    "Vendor",
    "Waits",
    "differs",
    "filled",
    "kind_of",
    "record_at",
    "text_in",
    "tried",
]


def _nothing() -> Any:
    return field(default_factory=lambda: MappingProxyType({}))


# --- how requests say who asks ------------------------------------------------------------------


class SentAs(Enum):
    """What happens to the credential."""

    HEADER = "it stands in a header"
    BASIC = "it is a pair, or a key alone, for HTTP Basic"
    SESSION = "it is exchanged for a session token first"
    SIGNED = "it signs each request, and stays here"
    BODY = "it stands in the body, where the call has put OwnCredential"
    VARIABLE = "it stands in the environment of the program that is run, under the header's name"
    NOTHING = "there is none"


EVERY_SURFACE: Final = ""
"""Whose scheme holds for all surfaces that have none of their own."""


class Assertion(Frozen):
    """A short text that the credential signs with RS256, so that it never leaves this machine.

    The credential is a private key in PEM, or a key file in JSON that holds one. Texts are filled
    in as those of ``Trade``, and from the fields of the key file; times and a name that is used
    once are added (RFC 7519, section 4.1).

    Attributes:
        claims: Names and texts; one that comes out empty is left out.
        key: The field of the key file that holds the private key; empty: the credential is it.
        header: Further names and texts of the header, such as ``kid``.
        lives_s: For how long it is good, from a minute before it is made.
    """

    claims: Mapping[str, str]
    key: str = ""
    header: Mapping[str, str] = _nothing()
    lives_s: int = 600


class ScopeRecord(Frozen):
    """Stands in what is sent for the scope as a record: ``members:read`` is ``members`` with
    ``read``.
    """


class Trade(Frozen):
    """How a credential is traded for a session, which is all that it leaves behind.

    So a reader may do it, for a session that can only read. Source: RFC 6749, section 4.4; RFC
    7523, section 2; each vendor's own page.

    Attributes:
        path: Where; ``{account}``, ``{identity}`` and options of the connection are filled in.
        form: Names and values of what is sent. A text is filled in as the path is, with ``{scope}``
            and ``{url}`` (where it goes) besides, and left out where it comes out empty;
            ``OwnCredential`` is the credential itself, an ``Assertion`` is signed with it.
        bearer: What is signed with the credential and stands in the header in place of it; what is
            sent is JSON then.
        surface: The kind of surface on which it is traded; empty: the one that asks.
        scope: What to ask for where the session may write; filled in as well.
        read_scope: The same where it is only to read.
        insists: The answer has to confirm all of ``read_scope``: the vendor tells what it granted.
        usual: Options that a connection need not name, and what they are then.
        token: Where the session stands in the answer, and
        until: the moment at which it ends (RFC 3339), where that is no ``expires_in``, and
        granted: what it may do, as a text or a record.
        basic: The credential is a pair, and goes as HTTP Basic (RFC 6749, section 2.3.1).
    """

    path: tuple[str, ...]
    form: Mapping[str, str | OwnCredential | Assertion | ScopeRecord]
    bearer: Assertion | None = None
    surface: str = ""
    scope: str = ""
    read_scope: str = ""
    insists: bool = False
    usual: Mapping[str, str] = _nothing()
    token: str = "access_token"  # noqa: S105 - a name
    until: str = ""
    granted: str = "scope"
    basic: bool = False


class Signing(Frozen):
    """How a credential ``KEY_ID:SECRET``, or ``KEY_ID:SECRET:TOKEN``, signs a request.

    Attributes:
        service: The service's own name in the signature.
        region: The region that it is signed for; empty: the connection's.
    """

    service: str
    region: str = ""


class Scheme(Frozen):
    """How one surface of a system is told who asks.

    Attributes:
        suffix: Behind the connection's name, the name of the credential: ``/app``.
        header: The header that carries a credential.
        before: What stands before the credential in that header.
        always: Headers of every request.
        on_write: Headers of requests that may write, besides.
        from_options: Pairs (option of the endpoint, header that carries it).
        from_options_on_write: The same for requests that may write.
        trade: For a session: how the credential is traded for one.
        signing: For what is signed: how.
        xml: Answers are XML; they are read as JSON of the same shape (``core.strict_xml``).
    """

    kind: SentAs
    suffix: str = ""
    header: str = "Authorization"
    before: str = "Bearer "
    json_type: bytes = b"application/json"
    always: tuple[tuple[str, str], ...] = (("Accept", "application/json"),)
    on_write: tuple[tuple[str, str], ...] = ()
    from_options: tuple[tuple[str, str], ...] = ()
    from_options_on_write: tuple[tuple[str, str], ...] = ()
    trade: Trade | None = None
    signing: Signing | None = None
    xml: bool = False


_REGION: Final = re.compile(r"[a-z0-9-]{1,40}")

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110, section 9.2.1: methods that are safe by definition."""


def kind_of(surface: str) -> str:
    """``app`` for the surface ``eu/app``: regions have the same kinds of surface."""
    return surface.rpartition("/")[2]


# --- what only reads; no and wait ---------------------------------------------------------------


class Named(Frozen):
    """A surface on which a request names in one place what it does, and nothing else tells.

    Attributes:
        method: That of requests that read.
        place: The field of the query (GET), or the header (POST), with that name.
        reads: The names that read.
    """

    method: str
    place: str
    reads: frozenset[str]

    def is_read(
        self,
        method: str,
        query: Iterable[tuple[str, str]],
        headers: Iterable[tuple[str, str]],
    ) -> bool:
        """Whether a request reads: it says so once, and in no other place anything else."""
        query = tuple(query)
        if method != self.method or (method != "GET" and query):
            return False
        pairs = query if method == "GET" else headers
        said = [value for name, value in pairs if name.casefold() == self.place.casefold()]
        return len(said) == 1 and said[0] in self.reads


class Reads(Frozen):
    """Which requests cannot change anything, where the verb alone does not say it (P5).

    Attributes:
        posts: (kind of surface, path) of what is read with POST.
        commands: The words behind the program's name of what a command only reads; ``{item}``
            stands for any one word that is no flag.
        only: Last path segments of what reads, where GET may write too; None: GET reads.
        only_not_on: Kinds of surface on which ``only`` does not hold.
        never: Paths of what writes although it is asked with GET; ``{id}`` stands for any segment.
        named: Kinds of surface on which requests name what they do; nothing else holds there.
    """

    posts: frozenset[tuple[str, tuple[str, ...]]] = frozenset()
    commands: frozenset[tuple[str, ...]] = frozenset()
    only: frozenset[str] | None = None
    only_not_on: frozenset[str] = frozenset()
    never: frozenset[tuple[str, ...]] = frozenset()
    named: Mapping[str, Named] = _nothing()


class Refusals(Frozen):
    """How a vendor says no with a 4xx status; then nothing happened.

    Attributes:
        code: Where its own word for it stands in the body, as ``rest.dig`` takes it; of several
            places, with blanks between, the first where one stands. Empty: the status is all.
        hints: What a person should know, by that word.
        dead: The words that mean that the credential itself is not accepted, whatever the status;
            a 401 with another word says something else. Empty: every 401 means it.
        gone: The words of a 404 that mean that the thing itself is not there; another one may mean
            that the path is not. Empty: every 404 means it.
        no_path: Where those are not known, the words of a 404 that mean that the path is not there.
    """

    code: str = ""
    hints: Mapping[str, str] = _nothing()
    dead: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    no_path: frozenset[str] = frozenset()


class NoInSuccess(Frozen):
    """How a vendor says no with a status of success, as ``rest.dig`` takes the places.

    Attributes:
        unless: Where true stands, or it is a no.
        code: Where its own word for that stands.
        hints, dead: As for ``Refusals``.
        maybe: The words after which part of the work may have been done.
        lacks: Where the right stands that was missing.
    """

    unless: str
    code: str
    hints: Mapping[str, str] = _nothing()
    dead: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    lacks: str = ""


class Waits(Frozen):
    """How a vendor says "not now" and when to come again; the first header that is there counts.

    Attributes:
        seconds: Headers that tell seconds or an HTTP date (RFC 9110, section 10.2.3).
        epoch: Headers that tell seconds since 1970; they count where nothing tells seconds.
        statuses: They always mean it.
        if_told: They mean it with ``Retry-After``, or where a budget is spent. When a budget is
            full again stands in every answer, also in one that means no.
        spent: Headers that say 0 then.
        words: The vendor's own words of a no that mean it, whatever the status; those in small
            letters also where they stand in its text.
        unsaid_s: How long to wait where such a no does not say it; None: ever longer pauses.
    """

    seconds: tuple[str, ...] = ("retry-after", "ratelimit-reset")
    epoch: tuple[str, ...] = ()
    statuses: frozenset[int] = frozenset({429})
    if_told: frozenset[int] = frozenset()
    spent: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    unsaid_s: int | None = None

    def not_now(
        self, status: int, headers: Mapping[str, str], word: str = "", text: str = ""
    ) -> bool:
        """Whether this no means that the same may be asked again later.

        Args:
            word: The vendor's own word for it, and
            text: what its body says, in lower case.
        """
        told = "retry-after" in headers or self.is_spent(headers)
        by_word = word in self.words or any(each in text for each in self.words)
        return status in self.statuses or by_word or (status in self.if_told and told)

    def is_spent(self, headers: Mapping[str, str]) -> bool:
        """Whether a budget says that it is used up."""
        return any(headers.get(name, "").strip() == "0" for name in self.spent)


# --- trying a credential ------------------------------------------------------------------------


class CredentialVerdict(Enum):
    """What the system made of a credential."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"
    UNTRIED = "not tried"


class Allowed(Enum):
    """Whether a credential may do something."""

    YES = "allowed"
    NO = "missing"
    UNTRIED = "not tried"


class Ask(Frozen):
    """A harmless read."""

    surface: str
    path: tuple[str, ...]
    query: Mapping[str, str] = _nothing()


class Right(Frozen):
    """Something that actions need.

    Attributes:
        name: What it allows, as a person says it.
        grant: What to grant in the system.
        actions: Which actions need it.
        ask: The read that shows it; None where only a write would.
        why: What the system said, when it is missing or could not be tried.
    """

    name: str
    grant: str
    actions: frozenset[str]
    ask: Ask | None = None
    allowed: Allowed = Allowed.UNTRIED
    why: str = ""


class Ending(Frozen):
    """Something that runs out by itself, and then signs nobody in.

    Attributes:
        what: ``the API key``; a sentence begins with it.
        at: The moment, RFC 3339.
        do: What to do before.
        why: What happens then.
        kind: ``credential``, or ``certificate`` for what signs people in.
    """

    what: str
    at: str
    do: str
    why: str = "from then on it is refused, and every step is done by hand"
    kind: str = "credential"


class Probed(Frozen):
    """What a probe found.

    Attributes:
        says: What the system said, or why nothing could be tried.
        do: What to do about it.
        mismatch: What differs from ``respond.toml``: account or region; one sentence each.
        notes: What a person should know besides.
        date: The system's own clock, an HTTP date; empty where it told none.
        endings: What runs out, where the system tells when.
    """

    verdict: CredentialVerdict
    says: str = ""
    do: str = ""
    account: str = ""
    account_name: str = ""
    identity: str = ""
    region: str = ""
    rights: tuple[Right, ...] = ()
    mismatch: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    date: str = ""
    endings: tuple[Ending, ...] = ()


class Probing(Protocol):
    """A connection that can be looked through; what a probe is handed.

    Attributes:
        sinks: ``MOUNT/PATH`` of every sink that lies in this system.
    """

    name: str
    account: str
    region: str
    identity: str
    options: Mapping[str, Any]
    sinks: tuple[str, ...]

    def fetch(
        self, surface: str, *path: str, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Reply:
        """A harmless read; with a body it is one of the POSTs that the record says only read.

        Raises:
            StepFailedError: There is no good answer.
            NotReadyError: There is nothing to ask with.
        """

    def log_in(self) -> tuple[str, str]:
        """For a mail server: greet it, log in, go. Its address (empty: there is none) and user.

        Raises:
            StepFailedError, NotReadyError: As ``fetch``.
        """


class CredentialRefusedError(Exception):
    """The system's own word that a credential is not valid; raised by probes."""

    def __init__(self, says: str, do: str = "") -> None:
        super().__init__(says)
        self.do = do


Probe = Callable[[Probing], Probed]

_NO: Final = frozenset({"401", "402", "403", "missing_scope", "not_allowed_token_type"})


def tried(opened: Probing, right: Right) -> Right:
    """The right, after its read: only the system's own no is a no."""
    ask = right.ask
    if ask is None:
        return right
    try:
        opened.fetch(ask.surface, *ask.path, query=ask.query)
    except RefusedBySystemError as error:
        allowed = Allowed.NO if error.code in _NO else Allowed.UNTRIED
        return replace(right, allowed=allowed, why=error.sentence)
    except (NoAnswerError, NotReadyError) as error:
        return replace(right, why=error.sentence)
    return replace(right, allowed=Allowed.YES)


def record_at(value: Any, *path: str) -> Mapping[str, Any]:
    """The record at a path inside an answer; empty when there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def text_in(record: Mapping[str, Any], name: str) -> str:
    """A text or number from outside as text, made showable."""
    value = record.get(name)
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    return showable(str(value), limit=120) if plain else ""


def differs(what: str, configured: str, seen: str, key: str, name: str) -> tuple[str, ...]:
    """The sentence for a connection whose ``respond.toml`` says something else; or none."""
    if not configured or not seen or configured == seen:
        return ()
    return (f"{what} is {seen}, and respond.toml says {configured} ({key} of {name})",)


class Trouble(Frozen):
    """Something wrong, at the vendor's end or at ours.

    Attributes:
        id: Stable, such as ``switched-off``.
        why: Why it matters in an incident.
        do: What to do about it.
    """

    id: str
    what: str
    why: str
    do: str


# --- the record -----------------------------------------------------------------------------------


class CarriedBy(Enum):
    """What carries requests to a system."""

    HTTP = "http"
    SMTP = "smtp"
    COMMAND = "command"
    NOTHING = ""


class Reaches(Enum):
    """Whom a channel reaches; those that stand first are preferred."""

    EACH = "each person alone, and it can be looked up that they were told"
    MANY = "many with one letter, and nobody can look up what became of it"
    ON_CALL = "whoever is on call"


class OwnKey(Frozen):
    """A key of ``respond.toml`` that is there for this vendor: one of its ids.

    Attributes:
        wanted: What a fault calls it.
        pattern: A regular expression over all of it.
        says: What the key is, for the table of keys.
    """

    wanted: str
    pattern: str
    says: str


class Vendor(Frozen, kw_only=True):
    """One system, in one place.

    Attributes:
        name: As ``system`` in ``respond.toml`` and before the dot of an action.
        title: As people write it.
        actions: Module of ``ACTIONS`` by what stands before their dot; by default the folder's
            ``actions`` under ``name``. Empty: no action is the system's own.
        carried_by: NOTHING: there are no connections of it.
        hosts: Base URL by surface, by region. Empty: it runs where the company puts it. Where all
            regions are alike they stand once, without a name, with ``{region}`` in the URL.
        program: For what a command carries: its name, unless the option ``program`` says another.
        region: The region of a connection that names none.
        prefix: What every path of the actions begins with.
        pages: How its lists go on, unless a list says else.
        settle_s: Until a change shows, in seconds.
        looks: How many looks in a row have to see a change, as ``Subject`` has it.
        at_once: How many reads one connection sends at the same time; it asks no limit to be
            lifted, and leaves room for whoever else uses the account.
        schemes: How requests say who asks, by kind of surface.
        variants: Other sets of schemes by name. One is in force where ``auth`` of the connection
            names it; ``NAME-oauth`` also where its option ``oauth`` is true.
        further: Further credentials by name, and what each is for.
        probes: How a credential is tried, by its name (empty: the main one); a text says why it
            cannot be.
        rights: What its actions need, for its page; the probe says which of it a credential has.
        webhooks: Looks whether the vendor still sends webhooks to these sources of ours.
        stays_outside: A runbook says where its requests go, so the address must not turn out to be
            inside our network unless ``respond.toml`` says so (P20).
        ready_by_itself: Its credential need not be there before the first step.
        discovery: Module with ``DISCOVERY``, what its accounts may offer, where no reference says.
        spares_own: Its actions are told keyed digests of the credentials that we work with, so
            that they never kill our own access.
        sink_form: How such a place is written, beginning with the vendor's name and a colon.
        sink: Module with ``SINK``, where new secrets go; empty: it takes none.
        snippet: What to paste into ``respond.toml``; ``{name}`` is the connection's.
        nicknames: Names of connections that probably mean this system.
        person_id: How its own id of somebody looks: a key of ``[[person]]`` with its name.
        directory: Module with ``DIRECTORY``, what it does of what a directory is asked for; empty:
            it signs nobody in.
        channel: Module with ``CHANNEL``, how people are told through it; empty: they cannot be.
        reaches: Whom the channel reaches.
        clicks: People can answer there with a button; what a source of its name brings are clicks.
        aside: An incident is hardly ever about an account there: it keeps secrets, or is anything.
        simulated: Module of its simulated counterpart; empty: there is none.
    """

    name: str
    title: str
    actions: Mapping[str, str] | None = None
    carried_by: CarriedBy = CarriedBy.HTTP
    program: str = ""
    hosts: Mapping[str, Mapping[str, str]] = _nothing()
    region: str = ""
    prefix: tuple[str, ...] = ()
    pages: Paging | None = None
    settle_s: int = 10
    looks: int = 1
    at_once: int = 6
    reads: Reads = Reads()
    refusals: Refusals = Refusals()
    no_in_success: NoInSuccess | None = None
    waits: Waits = Waits()
    schemes: Mapping[str, Scheme] = field(
        default_factory=lambda: {EVERY_SURFACE: Scheme(SentAs.HEADER)}
    )
    variants: Mapping[str, Mapping[str, Scheme]] = _nothing()
    further: Mapping[str, str] = _nothing()
    probes: Mapping[str, Probe | str] = _nothing()
    rights: Sequence[Right] = ()
    webhooks: Callable[[Probing, Sequence[str]], Iterator[Trouble]] | None = None
    stays_outside: bool = False
    ready_by_itself: bool = False
    discovery: str = ""
    spares_own: bool = False
    sink: str = ""
    sink_form: str = ""
    snippet: str = ""
    nicknames: Collection[str] = ()
    person_id: OwnKey | None = None
    directory: str = ""
    channel: str = ""
    reaches: Reaches = Reaches.EACH
    clicks: bool = False
    aside: bool = False
    simulated: str = ""

    @property
    def modules(self) -> Mapping[str, str]:
        """Module of ``ACTIONS`` by what stands before an action's dot."""
        if self.actions is not None:
            return self.actions
        return {self.name: f"respond.systems.{self.name}.actions"}

    def base_urls(self, region: str) -> dict[str, str]:
        """Surface to base URL: those of the region by their own names, and all as ``eu/app``.

        A vendor that has no regions has one address, whatever the connection says of where it is.
        """
        place = (region or self.region).casefold()
        here = self.hosts.get(place if self.region and "" not in self.hosts else "", {})
        if self.region and not _REGION.fullmatch(place):
            here = {}
        named = {
            f"{name}/{surface}": url
            for name, surfaces in self.hosts.items()
            for surface, url in surfaces.items()
            if name
        }
        return {**named, **{name: filled(url, {"region": place}) for name, url in here.items()}}

    def scheme_set(self, auth: str, options: Mapping[str, object]) -> str:
        """Name of the set of schemes that is in force: the vendor's, or one of its variants."""
        if auth in self.variants:
            return auth
        own = f"{self.name}-"
        chosen = (v for v in self.variants if options.get(v.removeprefix(own)) is True)
        return next((v for v in chosen if v.startswith(own)), self.name)

    def call(
        self, connection: str, method: str, *path: str, surface: str = "", **more: Any
    ) -> Call:
        """A request below the vendor's prefix; the surface is its first unless one is named."""
        return Call(
            connection, surface or self._first_surface, method, (*self.prefix, *path), **more
        )

    def is_read(self, call: Call) -> bool:
        """Whether a request cannot change anything.

        Source: RFC 9110, section 9.2.1, and what the vendor itself says of its methods.
        """
        surface = kind_of(call.surface)
        if (named := self.reads.named.get(surface)) is not None:
            return not call.form and named.is_read(call.method, call.query, call.headers)
        if surface == "command":
            return self._is_reading_command(call)
        if call.method == "POST":
            listed = (surface, call.path) in self.reads.posts or self._is_trade(call)
            return listed and not call.custom
        if call.method not in READING or any(_fits(call.path, each) for each in self.reads.never):
            return False
        only = self.reads.only
        return (
            only is None
            or surface in self.reads.only_not_on
            or (bool(call.path) and call.path[-1] in only)
        )

    def _is_reading_command(self, call: Call) -> bool:
        words = call.path[1:]
        return (
            call.method == "RUN"
            and call.body is None
            and any(
                _fits(words, template)
                and not any(
                    given.startswith("-")
                    for given, ours in zip(words, template, strict=True)
                    if ours.startswith("{")
                )
                for template in self.reads.commands
            )
        )

    def runs(self, options: Mapping[str, Any]) -> str:
        """The program of a connection: the first of its words."""
        return str(options.get("program") or self.program)

    def reading_posts(self, options: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """(kind of surface, path) of every POST that a reader of a connection may send."""
        yield from self.reads.posts
        for surface, trade in self._trades():
            plain = {**trade.usual, **options}
            yield surface, tuple(filled(each, plain) for each in trade.path)

    def scheme(self, surface: str) -> Scheme:
        """How requests to a surface say who asks."""
        return self.schemes.get(kind_of(surface)) or self.schemes[EVERY_SURFACE]

    @property
    def surfaces(self) -> tuple[str, ...]:
        """Names of its hosts, as ``base_urls`` has them; the first is meant where none is named.

        What runs where the company puts it has one, ``http``.
        """
        own = ("http",) if self.carried_by is CarriedBy.HTTP else ()
        return tuple(next(iter(self.hosts.values()), own))

    @property
    def _first_surface(self) -> str:
        return next(iter(self.surfaces), "")

    def _trades(self) -> Iterator[tuple[str, Trade]]:
        """Where credentials are traded for sessions, and how."""
        for surface, scheme in self._schemes():
            if (trade := scheme.trade) is not None:
                yield trade.surface or surface or kind_of(self._first_surface), trade

    def _schemes(self) -> Iterator[tuple[str, Scheme]]:
        for each in (self.schemes, *self.variants.values()):
            yield from each.items()

    def _is_trade(self, call: Call) -> bool:
        """The trade for a session, and one that can only read: the scope is insisted on."""
        return (
            any(
                kind_of(call.surface) == surface and _fits(call.path, trade.path)
                for surface, trade in self._trades()
            )
            and call.form
            and isinstance(call.body, Mapping)
            and any(
                scheme.trade is not None and call.body.get("scope", "") == scheme.trade.read_scope
                for _, scheme in self._schemes()
            )
            and not call.query
            and not call.headers
        )


def filled(template: str, values: Mapping[str, str]) -> str:
    """The text with ``{tenant}`` filled in, once: nothing in a value is looked at again (P19)."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)


def _fits(path: tuple[str, ...], template: tuple[str, ...]) -> bool:
    return len(path) == len(template) and all(
        ours == given or ours.startswith("{") for given, ours in zip(path, template, strict=True)
    )
