"""What one kind of webhook sender is, and the two ways in which its delivery can be refused.

A sender is data: a scheme that says whether bytes are genuine, and a reader that says which events
they hold. Nothing here does I/O or asks the time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final, Protocol, TypeAlias

from respond.core.incoming import Incoming, Means
from respond.core.records import Frozen
from respond.senders.asking import Asking, Unsent
from respond.senders.decoding import decoded, of_form
from respond.senders.headers import Headers, is_form
from respond.senders.refusals import NotGenuineError, UnusableError
from respond.systems.vendor import Scheme, SentAs, Waits

__all__ = [
    "Letter",
    "Options",
    "ProofScheme",
    "Proven",
    "Reader",
    "Sender",
    "SenderSecrets",
    "Wanting",
]

Options: TypeAlias = Mapping[str, str | bool | int]
"""The ``options`` table of one source."""

EVENTS_MAX: Final = 1_000
"""Events that are taken of one delivery."""


class SenderSecrets(Frozen):
    """The active secrets of one source: one, or two while it is being rotated."""

    values: tuple[str, ...] = field(repr=False)


class Proven(Frozen):
    """What a verification found out.

    Attributes:
        their_id: The sender's own delivery id, or empty. Only some senders sign it.
        signed_at_s: Time that stands inside the signature; None when the scheme signs none.
        weak: A token came with it: nothing proves who wrote the body.
    """

    their_id: str
    signed_at_s: int | None
    weak: bool


class Letter(Frozen):
    """A genuine delivery, opened: what a reader sees.

    Attributes:
        payload: The decoded JSON.
        digest: SHA-256 of the raw body, hex: the key of an event that has no id.
        note: Told what of it is left out.
    """

    payload: Any
    headers: Headers
    options: Options
    digest: str
    note: Callable[[str], None]


BY_TOKEN: Final = Scheme(SentAs.HEADER, "/token")
"""With a token of the source's own; the secret of its deliveries leaves for nowhere."""


class ProofScheme(Protocol):
    """How a kind of sender proves that a delivery is its own."""

    @property
    def weak(self) -> bool: ...

    def verify(
        self, secrets: SenderSecrets, options: Options, headers: Headers, body: bytes, now_s: int
    ) -> Proven:
        """Say what the delivery proves.

        Raises:
            NotGenuineError: It proves nothing.
        """

    def trouble(self, secret: str) -> str:
        """Why this text can not be a secret of the scheme, or empty."""


Reader: TypeAlias = Callable[[Letter], tuple[Incoming, ...]]


class Wanting(Frozen):
    """An option that a source should have; ``{0}`` in the texts is the source.

    Attributes:
        lack: What ``doctor`` calls it when it is not there.
    """

    option: str
    lack: str
    what: str
    why: str
    do: str


class Sender(Frozen):
    """One kind of webhook sender.

    Attributes:
        name: As configuration writes it.
        title: As a person would say it.
        set_up: What to do at the sender, once its secret is stored.
        ours: Spells a secret of ours from bytes of chance; None: the sender makes its own.
        wants: An option that a source of it should have.
        body_max: Largest body that is read, in bytes.
        patience_s: How long the sender waits for an answer.
        methods: HTTP methods that it may use.
        success: Status that says "we have it".
        simulated: Module of its simulated counterpart, where no vendor's record names it.
        api: Where its own API is, to ask for what was missed; empty: nothing is asked.
        api_scheme: How that API is told who asks.
        waits: How it says "not now".
        through: System and surface of a connection by which it may be asked instead.
        missed: What it has found or changed since, as its webhooks would tell it; from the source's
            options and Unix seconds. What the API does not tell (which change it was) is told so
            that a run may be proposed: an open alert too much costs a look, one too few the
            incident.
        enrich: An event with what its webhook leaves out.
    """

    name: str
    title: str
    scheme: ProofScheme
    reader: Reader | None
    patience_s: int
    set_up: str
    ours: Callable[[bytes], str] | None = None
    wants: Wanting | None = None
    body_max: int = 1 << 20
    methods: frozenset[str] = frozenset({"POST"})
    success: int = 202
    api: str = ""
    simulated: str = ""
    api_scheme: Scheme = BY_TOKEN
    waits: Waits = Waits()
    through: tuple[str, str] = ("http", "")
    missed: Callable[[Asking, Options, int], Iterator[Unsent]] | None = None
    enrich: Callable[[Asking, Incoming], Incoming] | None = None

    @property
    def delivers_once(self) -> bool:
        """It never tries again, whatever we answer: what is lost must be asked for."""
        return self.missed is not None

    @property
    def brings_clicks(self) -> bool:
        """Whether its deliveries are people's answers, and no events."""
        return self.reader is None

    @property
    def weak(self) -> bool:
        """Whether no delivery of it can prove who wrote the body."""
        return self.scheme.weak

    def verify(
        self,
        secrets: SenderSecrets,
        options: Options,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        now_s: int,
    ) -> Proven:
        """Say whether a delivery is genuine and fresh; nothing of the body is decoded for it.

        Raises:
            NotGenuineError: It is not, for whatever reason.
        """
        return self.scheme.verify(secrets, options, headers, body, now_s)

    def events(
        self,
        options: Options,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        note: Callable[[str], None] = lambda _: None,
    ) -> tuple[Incoming, ...]:
        """Read the events of a delivery that was verified before.

        Args:
            note: Told what of it was left out or cut.

        Raises:
            UnusableError: It is authentic and cannot be used.
        """
        if self.reader is None:
            return ()
        text = of_form(body) if is_form(headers) else body
        payload = decoded(text, bytes_max=self.body_max, note=note)
        letter = Letter(payload, headers, options, hashlib.sha256(body).hexdigest(), note)
        try:
            found = self.reader(letter)
        except NotGenuineError:
            raise UnusableError("a header that says what it is stands twice") from None
        if len(found) > EVENTS_MAX:
            note(f"{len(found) - EVENTS_MAX:,} of {len(found):,} events were left out")
            found = tuple(sorted(found, key=lambda event: event.means is not Means.BEGINS))
        return found[:EVENTS_MAX]
