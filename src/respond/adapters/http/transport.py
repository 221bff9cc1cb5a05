"""Carry out ``Call``s over HTTP: one object that can only read, another one that writes.

``HttpTransport`` belongs to one run. It gives out an ``HttpReader``, whose client refuses at its
lowest level to send anything but reads, and an ``HttpPen``, which wants an intent for each
request and never sends one twice. A dry run is given the first alone (P5).

httpx is imported by ``wire`` when the first request leaves, tenacity when the first read has
failed, and what signs or reads XML where a system wants it: none costs anything before.
"""

from __future__ import annotations

import secrets as random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl

from respond.adapters.http.answer import Broken, Raw
from respond.adapters.http.auth import (
    AccessSession,
    NotTradedError,
    basic,
    header_for,
    scheme_for,
    scheme_sets,
    session_from,
    signed,
    trade_form,
    written,
)
from respond.adapters.http.http_faults import HttpFault, HttpFaults
from respond.adapters.http.request import (
    BaseUrl,
    Endpoint,
    HeaderLine,
    Leaf,
    UnsendableError,
    WriteRefusedError,
    body_of,
    header_line,
    headers_of,
    target,
)
from respond.adapters.secrets.redactor import Redactor
from respond.core.records import Frozen, Mutable, replace
from respond.core.script import (
    AuthBasic,
    AuthBearer,
    AuthNone,
    AuthOwn,
    Call,
    DrawnSecret,
    OwnCredential,
    Reply,
)
from respond.core.showable import showable
from respond.core.strict_json import NotStrictJsonError, decode
from respond.core.values import DigestOf, SecretHandle
from respond.errors import NotReadyError, RefusedBySystemError, UsageError
from respond.ports import Clock, Intent, Secrets
from respond.systems import vendor
from respond.systems.vendor import READING, Assertion, Scheme, SentAs, Trade, kind_of

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState, Retrying

    from respond.adapters.http.wire import Pool

__all__ = [
    "BODY_BYTES_MAX",
    "Endpoint",
    "HttpPen",
    "HttpReader",
    "HttpTransport",
    "WriteRefusedError",
]

BODY_BYTES_MAX: Final = 5 * 1024 * 1024
_DEPTH_MAX: Final = 64
_NO_CONTENT: Final = frozenset({204, 205, 304})
_NOT_JSON: Final = "x-respond-not-json"
"""Header that we add to a reply whose status the parser wanted and whose body is not JSON."""

_RETRIES: Final = 3
_PAUSE_S_FIRST: Final = 0.5
_PAUSE_S_MAX: Final = 30.0
_ASKED_S_MAX: Final = 60
"""A longer ``Retry-After`` ends the read instead of being cut short."""


# --- what a run is given ------------------------------------------------------------------------


class HttpTransport:
    """Connections, addresses and credentials of one run. Use it as a context manager.

    Args:
        user_agent: Who we are, ``respond/0.1.0``.
        redactor: Learns every secret that is opened here, and cleans every error text and answer.
        timeout_scale: Times every ``timeout_s``; below one for tests and rehearsals.
        body_bytes_max: A longer answer is no answer.
        waiting: Told before each pause what is waited for and how long, in seconds.
        held: Secrets of the run as it is now; no answer shows one, whether or not it was used.
        deadlines: The clock by which an answer is late; None: ``clock``.
        may_write: Whether this process still has the run; asked as late as can be.

    Raises:
        UsageError: An address is not https or not one at all, or a scheme is unknown. Nothing
            was opened.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        secrets: Secrets,
        opener: Callable[[SecretHandle], str],
        clock: Clock,
        *,
        user_agent: str,
        redactor: Redactor,
        timeout_scale: float = 1.0,
        body_bytes_max: int = BODY_BYTES_MAX,
        waiting: Callable[[str, float], None] | None = None,
        held: Callable[[], Mapping[str, SecretHandle]] = dict,
        deadlines: Clock | None = None,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        for name, endpoint in endpoints.items():
            if endpoint.auth not in scheme_sets():
                raise UsageError(
                    f"the connection '{name}' has the unknown scheme {endpoint.auth!r}",
                    why=f"known are {', '.join(sorted(scheme_sets()))}",
                    do=f"correct auth under [connections.{name}]",
                )
        self._clock = clock
        self._waiting = waiting
        self._wires = _Wires(deadlines or clock, endpoints, may_write)
        self._line = partial(
            _Line,
            endpoints=endpoints,
            sites=self._wires.sites,
            wallet=_Wallet(secrets, opener, redactor, held),
            clock=clock,
            user_agent=user_agent,
            faults=HttpFaults(redactor.clean, clock.now_ms),
            timeout_scale=timeout_scale,
            body_bytes_max=body_bytes_max,
        )

    def reader(self) -> HttpReader:
        """A new object that can only read."""
        line = self._line(client=self._wires.reading, writes=False)
        return HttpReader(line, self._clock, self._waiting)

    def pen(self) -> HttpPen:
        """A new object that writes, one intent each."""
        return HttpPen(self._line(client=self._wires.writing, writes=True))

    def close(self) -> None:
        self._wires.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class HttpReader:
    """Sends reads, and tries again where that makes sense. A port: ``Reader``.

    It tries four times in all: after a pause that the system asks for (up to a minute), or that
    doubles from half a second. What it was not given is a way to write.
    """

    def __init__(
        self, line: _Line, clock: Clock, waiting: Callable[[str, float], None] | None = None
    ) -> None:
        self._line = line
        self._clock = clock
        self._waiting = waiting

    def fetch(self, call: Call) -> Reply:
        """Send a read.

        Raises:
            WriteRefusedError: The call may write; nothing was sent.
            RefusedBySystemError, NoAnswerError, NotReadyError: As their names say.
        """
        _refuse_write(call, self._line.system(call.connection))
        result = self._once(call)
        if isinstance(result, HttpFault) and _worth_another(result):
            result = self._patiently(call, result)
        if isinstance(result, HttpFault):
            raise result.error from result.cause
        return result

    def _once(self, call: Call) -> Reply | HttpFault:
        result = self._line.round(call)
        # A session may end before its time; one new session for one read that met it.
        if result.status == 401 and self._line.renew(call):  # noqa: PLR2004 - RFC 9110, 15.5.2
            result = self._line.round(call)
        return result

    def _patiently(self, call: Call, first: HttpFault) -> Reply | HttpFault:
        attempts = iter((lambda: first,))

        def attempt() -> Reply | HttpFault:
            # The first attempt was made before tenacity was needed, and is only told here.
            made = next(attempts, None)
            return made() if made else self._once(call)

        return _retrying(self._pause)(attempt)

    def _pause(self, seconds: float) -> None:
        if self._waiting:
            self._waiting("no usable answer: asking again", seconds)
        self._clock.sleep(seconds)


class HttpPen:
    """Sends writes, each with an intent of its own and each once. A port: ``Pen``."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        """Spend the intent, then send, once.

        Raises:
            RefusedBySystemError: The system said no, or the request never left; nothing happened.
            NoAnswerError: It left and no usable answer came; it may have happened.
            IntentSpentError: Nothing was sent.
        """
        intent.spend(digest)
        try:
            result = self._line.round(call)
        except NotReadyError as error:
            raise RefusedBySystemError(
                error.what,
                code="not-ready",
                why=error.why,
                do=error.do,
                request=showable(call.says),
                by_hand=True,
            ) from error
        if isinstance(result, Reply):
            return result
        refused = result.error
        if (
            isinstance(refused, RefusedBySystemError)
            and result.status == 401  # noqa: PLR2004 - RFC 9110, section 15.5.2
            and self._line.renew(call)
        ):
            refused.again = True
        raise refused from result.cause


# --- what only reads ----------------------------------------------------------------------------


def _refuse_write(call: Call, system: str) -> None:
    """Raise ``WriteRefusedError`` unless the call can not change anything."""
    if call.method in READING and call.body is not None:
        raise WriteRefusedError(f"{call.says} reads, and yet has a body")
    if not vendor(system).is_read(call):
        raise WriteRefusedError(f"{call.says} may write, and a reader was given it")


def _worth_another(result: Reply | HttpFault) -> bool:
    return (
        isinstance(result, HttpFault) and result.transient and (result.wait_s or 0) <= _ASKED_S_MAX
    )


def _retrying(pause: Callable[[float], None]) -> Retrying:
    import tenacity  # noqa: PLC0415 - 30 ms that only a failed read has to pay

    backoff = tenacity.wait_exponential(
        multiplier=_PAUSE_S_FIRST, max=_PAUSE_S_MAX
    ) + tenacity.wait_random(0, _PAUSE_S_FIRST)

    def as_asked(state: RetryCallState) -> float:
        result = state.outcome.result() if state.outcome else None
        asked = result.wait_s if isinstance(result, HttpFault) else None
        # Never earlier than asked; and "0" is no invitation to come back at once.
        return max(float(asked or 0), backoff(state))

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(1 + _RETRIES),
        wait=as_asked,
        retry=tenacity.retry_if_result(_worth_another),
        sleep=pause,
        # The last result stands, whatever it is.
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )


# --- the line: one call, one request, one result ------------------------------------------------


class _Wires:
    """Makes the pool and its two clients when the first request needs them."""

    def __init__(
        self, clock: Clock, endpoints: Mapping[str, Endpoint], may_write: Callable[[], bool]
    ) -> None:
        self._clock = clock
        self._may_write = may_write
        self.sites = {
            (name, surface): BaseUrl.parse(url, connection=name, loopback_ok=end.loopback_ok)
            for name, end in endpoints.items()
            for surface, url in end.base_urls.items()
        }
        self._safe = frozenset(
            (site.origin, place)
            for (name, surface), site in self.sites.items()
            for safe_surface, path in vendor(endpoints[name].system).reading_posts(
                endpoints[name].options
            )
            if kind_of(surface) == safe_surface
            and (place := _place_of(site, Call("", surface, "POST", path))) is not None
        )
        self._named = tuple(
            (site.origin, f"{site.prefix}/".encode(), named)
            for (name, surface), site in self.sites.items()
            if (named := vendor(endpoints[name].system).reads.named.get(kind_of(surface)))
        )
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._reading: httpx.BaseTransport | None = None
        self._writing: httpx.BaseTransport | None = None
        self._is_closed = False

    def reading(self) -> httpx.BaseTransport:
        with self._lock:
            if self._reading is None:
                self._reading = self._open().reading_client(self._is_safe)
            return self._reading

    def writing(self) -> httpx.BaseTransport:
        with self._lock:
            if self._writing is None:
                self._writing = self._open().writing_client()
            return self._writing

    def close(self) -> None:
        with self._lock:
            if self._pool is not None:
                self._pool.close()
            self._pool = self._reading = self._writing = None
            self._is_closed = True

    def _open(self) -> Pool:
        if self._is_closed:
            raise NotReadyError("the run is over")
        if self._pool is None:
            from respond.adapters.http.wire import Pool  # noqa: PLC0415 - httpx takes 75 ms

            self._pool = Pool(self._clock, self._may_write)
        return self._pool

    def _is_safe(
        self, method: str, origin: str, place: bytes, headers: Sequence[tuple[str, str]]
    ) -> bool:
        there = [n for own, below, n in self._named if own == origin and place.startswith(below)]
        if there:
            query = parse_qsl(place.partition(b"?")[2].decode(), keep_blank_values=True)
            return any(named.is_read(method, query, headers) for named in there)
        return method in READING or (method == "POST" and (origin, place) in self._safe)


def _place_of(site: BaseUrl, call: Call) -> bytes | None:
    """Where it goes; None where an option leads nowhere, which is said when something is asked."""
    try:
        return target(site.prefix, call)
    except UnsendableError:
        return None


class _Wallet(Mutable):
    """Opens secrets for requests, tells the redactor about each, and takes them out of answers."""

    _secrets: Secrets
    _opener: Callable[[SecretHandle], str]
    _redactor: Redactor
    _held: Callable[[], Mapping[str, SecretHandle]]
    _learnt: set[SecretHandle] = field(default_factory=set, init=False)

    def own(self, name: str) -> str:
        value = self._secrets.credential(name)
        self.learn(name, value)
        return value

    def of_run(self, handle: SecretHandle) -> str:
        value = self._opener(handle)
        self.learn(handle.name, value)
        return value

    def digest(self, handle: SecretHandle) -> str:
        held = self._held().get(handle.name)
        if held is None:
            raise NotReadyError(f"the secret {handle.name} is not held any more")
        return held.digest

    def drawn(self) -> str:
        """A value that any rule for passwords takes; it is kept nowhere but from being shown."""
        value = f"{random.token_urlsafe(32)}-aA1"
        self.learn("drawn", value)
        return value

    def learn(self, name: str, value: str) -> None:
        self._redactor.register(name, value)
        # Of a pair the second half is the secret; it may be printed alone.
        if value.count(":") == 1 and "//" not in value:
            self._redactor.register(name, value.partition(":")[2])

    def cleaned(self, reply: Reply, call: Call) -> Reply:
        """A service may say back what it was sent, and what is picked of it is shown and kept."""
        if held := self._held():
            for handle in set(held.values()) - self._learnt:
                self.of_run(handle)
                self._learnt.add(handle)
        clean = self._redactor.clean_data
        body = clean(reply.body, but_at=call.shows_values)
        return replace(reply, headers=clean(reply.headers), body=body)


class _Place(Frozen):
    """What is the same for every request to one surface of one connection."""

    endpoint: Endpoint
    surface: str
    site: BaseUrl
    scheme: Scheme
    origin: Any
    headers: tuple[HeaderLine, ...]

    @property
    def credential(self) -> str:
        return f"{self.endpoint.connection}{self.scheme.suffix}"


class _Line(Mutable, kw_only=True):
    """Sends one request for one call, with the credential that belongs there."""

    client: Callable[[], httpx.BaseTransport]
    writes: bool
    endpoints: Mapping[str, Endpoint]
    sites: Mapping[tuple[str, str], BaseUrl]
    wallet: _Wallet
    clock: Clock
    user_agent: str
    faults: HttpFaults
    timeout_scale: float
    body_bytes_max: int
    _places: dict[tuple[str, str], _Place] = field(default_factory=dict, init=False)
    _sessions: dict[str, AccessSession] = field(default_factory=dict, init=False)
    _renewed: set[str] = field(default_factory=set, init=False)
    _sent_with: threading.local = field(default_factory=threading.local, init=False)
    """The session of the last request, by thread."""
    _session_locks: dict[str, threading.Lock] = field(default_factory=dict, init=False)
    """By credential: who waits for a session waits for nobody else's."""

    def system(self, connection: str) -> str:
        endpoint = self.endpoints.get(connection)
        return endpoint.system if endpoint else ""

    def round(self, call: Call) -> Reply | HttpFault:
        """Send it once. Raises ``NotReadyError`` when there is nothing to send it with."""
        place = self._place(call)
        try:
            headers = _merged(place.headers, headers_of(call))
            where = target(place.site.prefix, call)
            authorization = self._authorization(call, place)
            if isinstance(authorization, HttpFault):
                return authorization.unsent(call)
            headers += authorization
            content = self._content(call, place, headers)
            headers += self._signature(call, place, where, headers, content)
        except UnsendableError as error:
            return self.faults.unsendable(call, str(error))
        raw = self._send(call, place, where, headers, content)
        if isinstance(raw, HttpFault):
            return raw
        if raw.status != 401:  # noqa: PLR2004 - RFC 9110, section 15.5.2
            self._renewed.discard(place.credential)
        result = self._judge(call, place, raw)
        return self.wallet.cleaned(result, call) if isinstance(result, Reply) else result

    def renew(self, call: Call) -> bool:
        """Drop the session that this thread's last request was sent with, if it is still in use.

        Returns:
            False when there is none, or when the session before it was refused as well: then the
            credential itself is at fault.
        """
        place = self._place(call)
        if place.scheme.kind is not SentAs.SESSION or not isinstance(call.auth, AuthOwn):
            return False
        with self._session_lock(place.credential):
            if self._sessions.get(place.credential) is not self._sent_with.session:
                return True  # Another request met it first, and that one has dropped it.
            self._sessions.pop(place.credential, None)
            if place.credential in self._renewed:
                return False
            self._renewed.add(place.credential)
            return True

    # --- preparing ---

    def _place(self, call: Call) -> _Place:
        key = (call.connection, call.surface)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = self._make_place(*key)
        return place

    def _make_place(self, connection: str, surface: str) -> _Place:
        endpoint = self.endpoints.get(connection)
        if endpoint is None:
            raise NotReadyError(
                f"the connection '{connection}' is not configured",
                do=f"add [connections.{connection}] to respond.toml, then "
                f"`respond connect {connection}`",
            )
        site = self.sites.get((connection, surface))
        if site is None:
            raise NotReadyError(
                f"the connection '{connection}' has no address for '{surface}'",
                do=f'add base_urls = {{ {surface} = "https://..." }} under '
                f"[connections.{connection}]",
            )
        from respond.adapters.http.only_httpx import httpx  # noqa: PLC0415 - a request is about to leave

        scheme = scheme_for(endpoint.auth, surface)
        try:
            headers = [header_line(*pair) for pair in self._constant_headers(endpoint, scheme)]
        except UnsendableError as error:
            raise UsageError(f"the connection '{connection}' cannot be used: {error}") from None
        return _Place(endpoint, surface, site, scheme, httpx.URL(site.origin), tuple(headers))

    def _constant_headers(self, endpoint: Endpoint, scheme: Scheme) -> Sequence[tuple[str, str]]:
        from_options = scheme.from_options + (scheme.from_options_on_write if self.writes else ())
        return (
            ("User-Agent", self.user_agent),
            # Compressed answers could grow a thousandfold after they were measured.
            ("Accept-Encoding", "identity"),
            *scheme.always,
            *(scheme.on_write if self.writes else ()),
            *(
                (header, endpoint.options[option])
                for option, header in from_options
                if endpoint.options.get(option)
            ),
            *endpoint.headers,
        )

    def _authorization(self, call: Call, place: _Place) -> Sequence[HeaderLine] | HttpFault:
        scheme = place.scheme
        if scheme.kind is SentAs.SIGNED:
            return ()  # The whole request has to be there first.
        match call.auth:
            case AuthNone():
                return ()
            case AuthBearer(handle):
                # In the form in which this system takes a token: that is what is probed.
                pair = (scheme.header, f"{scheme.before}{self.wallet.of_run(handle)}")
            case AuthBasic(handle):
                pair = ("Authorization", basic(self.wallet.of_run(handle)))
            case AuthOwn():
                if scheme.kind in {SentAs.BODY, SentAs.NOTHING}:
                    return ()
                value = self._own(place)
                if isinstance(value, HttpFault):
                    return value
                pair = header_for(scheme, value)
        try:
            return (header_line(*pair),)
        except UnsendableError:
            raise UnsendableError("the credential holds characters that no header can") from None

    def _signature(
        self,
        call: Call,
        place: _Place,
        where: bytes,
        headers: Sequence[HeaderLine],
        content: bytes | None,
    ) -> Sequence[HeaderLine]:
        """What signs the whole request, where the system wants that; a secret of the run may."""
        signing = place.scheme.signing
        if signing is None or isinstance(call.auth, AuthNone):
            return ()
        region = signing.region or place.endpoint.options.get("region", "")
        name = place.credential
        if isinstance(call.auth, AuthOwn):
            credential = self.wallet.own(name)
        else:
            handle = call.auth.pair if isinstance(call.auth, AuthBasic) else call.auth.value
            name, credential = handle.name, self.wallet.of_run(handle)
        from respond.adapters.http.sigv4 import KeyPair, UnsignableError, sigv4  # noqa: PLC0415 - few systems need it

        try:
            pair = KeyPair.of(credential)
            for secret in filter(None, (pair.secret, pair.token)):
                self.wallet.learn(name, secret)
            host = place.site.origin.partition("//")[2].rstrip("/")
            now_s = self.clock.now_ms() // 1000
            lines = sigv4(
                pair,
                call.method,
                host,
                where,
                headers,
                content or b"",
                service=signing.service,
                region=region,
                now_s=now_s,
            )
            return [header_line(*line) for line in lines]
        except UnsignableError as error:
            if not isinstance(call.auth, AuthOwn):
                raise UnsendableError(str(error)) from None
            raise NotReadyError(
                f"'{name}' cannot sign: {error}", do=f"respond connect {name}"
            ) from None

    def _session_lock(self, credential: str) -> threading.Lock:
        return self._session_locks.setdefault(credential, threading.Lock())

    def _own(self, place: _Place) -> str | HttpFault:
        if place.scheme.kind is not SentAs.SESSION:
            return self.wallet.own(place.credential)
        with self._session_lock(place.credential):
            session = self._sessions.get(place.credential)
            if session is None or not session.good(self.clock.now_ms()):
                made = self._trade(place)
                if isinstance(made, HttpFault):
                    return made
                session = self._sessions[place.credential] = made
            self._sent_with.session = session
            return session.token.open()

    def _trade(self, place: _Place) -> AccessSession | HttpFault:
        """Trade the credential for a session: one that can only read, unless this line writes."""
        trade = place.scheme.trade
        if trade is None:
            raise TypeError("a scheme with sessions says how they are made")
        try:
            call, scope, shown = self._trade_call(place, trade)
        except NotTradedError as error:
            name = place.endpoint.connection
            raise NotReadyError(
                f"the connection '{name}' has no session: {error}",
                do=f'add options = {{ {error.option} = "..." }} under [connections.{name}]'
                if error.option
                # A key has several lines, and nobody can type it.
                else f"respond connect {name} --from file:PATH",
            ) from None
        there = self._place(call)
        headers = [*there.headers, *shown]
        if trade.basic:
            headers.append(header_line("Authorization", basic(self.wallet.own(place.credential))))
        content = self._content(call, place, headers)
        raw = self._send(call, there, target(there.site.prefix, call), headers, content)
        if isinstance(raw, HttpFault):
            return raw
        reply = self._judge(call, place, raw, own=True)
        if isinstance(reply, HttpFault):
            return reply
        insisted = scope if trade.insists and not self.writes else ""
        now_ms = self.clock.now_ms()
        session = session_from(reply.body, scope=insisted, now_ms=now_ms, trade=trade)
        if isinstance(session, str):
            return self.faults.bad_session(call, place.endpoint.system, place.credential, session)
        self.wallet.learn(f"{place.credential} session", session.token.open())
        return session

    def _trade_call(self, place: _Place, trade: Trade) -> tuple[Call, str, tuple[HeaderLine, ...]]:
        """The request, the scope that it asks for, and the header that says who asks."""
        surface = place.surface
        if trade.surface:  # In the same region.
            surface = f"{surface.rpartition('/')[0]}/{trade.surface}".lstrip("/")
        plain = {**trade.usual, **place.endpoint.options}
        plain["scope"] = written(trade.scope if self.writes else trade.read_scope, plain)
        path = tuple(written(each, plain) for each in trade.path)
        form = trade.bearer is None
        call = Call(place.endpoint.connection, surface, "POST", path, form=form, auth=AuthNone())
        site = self._place(call).site
        values = {**plain, "url": site.origin.rstrip("/") + target(site.prefix, call).decode()}
        inside = (v for v in trade.form.values() if isinstance(v, Assertion))
        assertion = trade.bearer or next(inside, None)
        text = ""
        if assertion is not None:
            credential, now_s = self.wallet.own(place.credential), self.clock.now_ms() // 1000
            made = signed(assertion, credential, values, now_s=now_s)
            text = made.text
            self.wallet.learn(f"{place.credential} key", made.key)
            self.wallet.learn(f"{place.credential} assertion", text)
        shown = () if trade.bearer is None else (header_line("Authorization", f"Bearer {text}"),)
        return replace(call, body=trade_form(trade, values, text)), plain["scope"], shown

    def _content(self, call: Call, place: _Place, headers: list[HeaderLine]) -> bytes | None:
        def open_leaf(leaf: Leaf) -> str:
            match leaf:
                case OwnCredential():
                    return self.wallet.own(place.credential)
                case DrawnSecret():
                    return self.wallet.drawn()
                case DigestOf(handle=handle):
                    return self.wallet.digest(handle)
                case SecretHandle():
                    return self.wallet.of_run(leaf)

        body = body_of(call, open_leaf)
        if body is None:
            return None
        kind, content = body
        if not any(name.lower() == b"content-type" for name, _ in headers):
            headers.append((b"Content-Type", kind if call.form else place.scheme.json_type))
        return content

    # --- sending and judging ---

    def _send(
        self,
        call: Call,
        place: _Place,
        where: bytes,
        headers: list[HeaderLine],
        content: bytes | None,
    ) -> Raw | HttpFault:
        from respond.adapters.http.wire import send  # noqa: PLC0415 - see above

        raw = send(
            self.client(),
            call.method,
            place.origin,
            where,
            headers,
            content,
            way=place.endpoint.way,
            timeout_s=call.timeout_s * self.timeout_scale,
            body_bytes_max=self.body_bytes_max,
        )
        if isinstance(raw, Broken):
            return self.faults.broken(call, place.endpoint, place.site.host, raw)
        return raw

    def _judge(
        self, call: Call, place: _Place, raw: Raw, *, own: bool = False
    ) -> Reply | HttpFault:
        """Take an answer as a reply, or say what is wrong with it."""
        system = place.endpoint.system
        body, problem = _decoded(raw, xml=place.scheme.xml)
        if raw.status in call.answers and not self.faults.is_for_later(system, body):
            headers = {**raw.headers, _NOT_JSON: "1"} if problem else raw.headers
            return Reply(raw.status, headers, body, self.faults.ahead_s(raw))
        if not 200 <= raw.status <= 299:  # noqa: PLR2004 - the class of successes
            named = Call(call.connection, call.surface, call.method, call.path) if own else call
            return self.faults.refused(named, system, place.credential, raw, body, traded=own)
        if problem:
            return self.faults.not_json(call, system, raw, problem, writes=self.writes)
        # A write may succeed without a word; a read that says nothing has not answered.
        if (
            not raw.body
            and call.method in {"GET", "POST"}
            and not self.writes
            and (raw.status not in _NO_CONTENT)
        ):
            return self.faults.not_json(call, system, raw, "it is empty", writes=False)
        return Reply(raw.status, raw.headers, body, self.faults.ahead_s(raw))


def _merged(ours: Sequence[HeaderLine], own: Sequence[HeaderLine]) -> list[HeaderLine]:
    """A call's own header takes the place of ours with the same name."""
    if not own:
        return list(ours)
    names = {name.lower() for name, _ in own}
    return [line for line in ours if line[0].lower() not in names] + list(own)


def _decoded(raw: Raw, *, xml: bool) -> tuple[Any, str]:
    """The JSON in an answer and an empty text, or None and what is wrong with it."""
    if not raw.body:
        return None, ""
    if xml:
        from respond.core import strict_xml  # noqa: PLC0415 - few systems speak it

        try:
            return strict_xml.decode(raw.body, depth_max=_DEPTH_MAX), ""
        except strict_xml.NotStrictXmlError as error:
            return None, str(error)
    try:
        return decode(raw.body, depth_max=_DEPTH_MAX), ""
    except NotStrictJsonError as error:
        return None, str(error)
