"""Turn what came back, or did not, into errors of ours: the one place that does (P6).

The rule behind the table: a status from 400 to 499 means that the system decided against the
request, so nothing happened. No status, a 5xx, a redirect, or a success that is not JSON means
that nobody knows. What failed before the request left is a refusal that may be tried again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from respond.adapters.http.answer import UNSENT, Broken, How, Raw
from respond.adapters.http.request import Endpoint
from respond.core.records import Frozen
from respond.core.script import AuthBasic, AuthBearer, AuthNone, Call
from respond.core.showable import showable, showable_host
from respond.errors import LATE, NoAnswerError, RefusedBySystemError
from respond.systems import NAMES, title_of, vendor
from respond.systems.rest import said_no
from respond.systems.vendor import Waits

if TYPE_CHECKING:
    from respond.senders import Sender

__all__ = ["HttpFault", "HttpFaults", "http_date"]

_SHOWN_MAX: Final = 200
_SEARCHED_MAX: Final = 64 * 1024
_WAIT_LONG_S: Final = 60
# 408 and 499 are a server's word for "I stopped waiting": it may have begun.
_STOPPED_WAITING: Final = frozenset({408, 499})
_WHY: Final[Mapping[int, str]] = {
    400: "it does not accept the request",
    402: "the account's plan does not include this",
    404: "there is no such thing, or the credential '{credential}' may not see it",
    405: "it does not offer this operation",
    409: "something changed meanwhile, or it exists already",
    410: "it is gone for good",
    412: "it is not any more what was looked at",
    422: "it does not accept the request",
}
_DO: Final[Mapping[int, str]] = {
    402: "do this step by hand, or change the plan",
    405: "do this step by hand",
    409: "look again: `respond resume` does",
    412: "look again: `respond resume` does",
}
_BY_HAND: Final = frozenset({401, 402, 403, 405})


class HttpFault(Frozen):
    """A request that did not bring an answer to use, as a value: retry rules look at it.

    Attributes:
        error: What to raise when nothing else is tried.
        transient: Another attempt of a *read* makes sense.
        status: HTTP status, or 0.
        wait_s: What the system asked us to wait, in seconds.
        cause: What it came from, for the chain of exceptions.
    """

    error: RefusedBySystemError | NoAnswerError
    transient: bool = False
    status: int = 0
    wait_s: int | None = None
    cause: Exception | None = None

    def unsent(self, call: Call) -> HttpFault:
        """The same fault, met before the request itself left: then nothing happened."""
        error = self.error
        return HttpFault(
            RefusedBySystemError(
                error.what,
                code=error.code if isinstance(error, RefusedBySystemError) else "no-session",
                why=error.why,
                do=error.do,
                request=_says(call),
                by_hand=error.by_hand,
                retry_after_s=error.retry_after_s,
                again=self.transient or (isinstance(error, RefusedBySystemError) and error.again),
            ),
            transient=self.transient,
            # The status was for another request: a 401 there says nothing about a session.
            status=0,
            wait_s=self.wait_s,
            cause=self.cause,
        )


class HttpFaults:
    """Makes errors for requests. Every text from outside is redacted first, then made showable.

    Args:
        clean: Takes live secrets out of a text.
        now_ms: Wall clock, for a ``Retry-After`` that is a date.
    """

    def __init__(self, clean: Callable[[str], str], now_ms: Callable[[], int]) -> None:
        self._clean = clean
        self._now_ms = now_ms

    def unsendable(self, call: Call, problem: str) -> HttpFault:
        return HttpFault(
            RefusedBySystemError(
                self._clean(f"{_says(call)} was not sent: {problem}"),
                code="not-sent",
                request=self._request(call),
                do="check the value that stands there; no name or id has this form",
            )
        )

    def broken(self, call: Call, endpoint: Endpoint, host: str, broken: Broken) -> HttpFault:
        """The fault for a request that got no answer."""
        how = broken.how
        name, way = _display(endpoint.system, call), endpoint.way
        if how in UNSENT:
            why, do = _UNSENT[how]
            why = why.format(host=showable_host(host))
            if broken.detail:
                why = f"{why}: {showable(broken.detail)}"
            do = do.format(table=way.table)
            return HttpFault(
                RefusedBySystemError(
                    self._clean(f"{name} could not be reached for {_says(call)}"),
                    code=LATE if how is How.LATE else "not-connected",
                    why=self._clean(f"{why}{way.says}"),
                    do=f"{do}{way.do}",
                    request=self._request(call),
                    by_hand=True,
                    again=True,
                ),
                # A certificate does not get better within seconds.
                transient=how not in {How.NOT_TRUSTED, How.INWARD},
                cause=broken.cause,
            )
        why = ""
        if how is How.TIMED_OUT:
            what = f"{name} did not answer {_says(call)} within {call.timeout_s} s"
        elif how is How.CUT:
            what = f"{name} cut the connection during {_says(call)}"
        else:
            what = f"{name} answered {_says(call)} with something that cannot be read"
            why = f"{how.value}: {showable(broken.detail)}" if broken.detail else how.value
        return HttpFault(
            NoAnswerError(self._clean(what), why=self._clean(why), request=self._request(call)),
            transient=how in {How.TIMED_OUT, How.CUT},
            cause=broken.cause,
        )

    def not_json(
        self, call: Call, system: str, raw: Raw, problem: str, *, writes: bool
    ) -> HttpFault:
        """A success that cannot be read. It is none: some systems answer any path with a page.

        Args:
            writes: The request may have changed something.
        """
        what_now = f"check the address of connection '{call.connection}'"
        kind = showable(raw.headers.get("content-type", "nothing said"), limit=60)
        return HttpFault(
            NoAnswerError(
                self._clean(
                    f"{_display(system, call)} answered {raw.status} to {_says(call)} "
                    "with a page that is not JSON"
                ),
                why=self._clean(f"{problem}; content type: {kind}"),
                do=f"look in the system itself whether it happened; {what_now}"
                if writes
                else what_now,
                request=self._request(call),
            ),
            status=raw.status,
        )

    def refused(
        self,
        call: Call,
        system: str,
        credential: str,
        raw: Raw,
        body: Any,
        *,
        traded: bool = False,
    ) -> HttpFault:
        """The fault for a status outside 2xx that the parser does not handle itself.

        Args:
            traded: It was the trade of the credential for a session (RFC 6749, section 5.2).
        """
        status = raw.status
        if traded and 400 <= status <= 499 and _is_dead(body):  # noqa: PLR2004 - the class
            status = 401
        refusals = vendor(system).refusals
        found = said_no(vendor(system), body)
        word = "" if found is None else showable(self._clean(str(found)), limit=80)
        if word in refusals.dead and 400 <= status <= 499:  # noqa: PLR2004 - the class of refusals
            status = 401
        waits = _waits(system)
        theirs_ms = self._now_ms() - 1000 * self.ahead_s(raw)
        wait_s = _asked_to_wait_s(raw.headers, theirs_ms, waits)
        what = self._clean(f"{_display(system, call)} answered {raw.status} to {_says(call)}")
        words = self._words(body)
        request = self._request(call)
        if 300 <= status <= 399:  # noqa: PLR2004 - the class of redirects
            place = showable_host(_host(raw.headers.get("location", "")))
            return HttpFault(
                NoAnswerError(
                    f"{what}, a redirect; redirects are not followed",
                    why=_join(self._clean(f"it points to {place or 'no host'}"), words),
                    do=f"check the address of connection '{call.connection}'",
                    request=request,
                ),
                status=status,
            )
        if not 400 <= status <= 499 or status in _STOPPED_WAITING:  # noqa: PLR2004 - the class
            return HttpFault(
                NoAnswerError(
                    what,
                    why=_join("the system has trouble of its own", words),
                    request=request,
                    retry_after_s=wait_s,
                ),
                transient=True,
                status=status,
                wait_s=wait_s,
            )
        text = raw.body[:_SHOWN_MAX].decode("utf-8", "replace") if body is None else words
        if waits.not_now(status, raw.headers, word, text.casefold()):
            wait_s = waits.unsaid_s if wait_s is None else wait_s
            asked = "" if wait_s is None else f"; it asks to wait {wait_s} s"
            return HttpFault(
                RefusedBySystemError(
                    what,
                    # Whatever its status: the engine knows "not now" by this word (RFC 6585).
                    code="429",
                    why=_join(f"too many requests{asked}", words),
                    do="wait, then `respond resume`",
                    request=request,
                    by_hand=wait_s is not None and wait_s > _WAIT_LONG_S,
                    retry_after_s=wait_s,
                    again=True,
                ),
                transient=True,
                status=status,
                wait_s=wait_s,
            )
        dead = not refusals.dead or word in refusals.dead
        if traded:
            dead = word in refusals.dead or _is_dead(body)
        code = word if word and status == 401 and not dead else str(status)  # noqa: PLR2004
        why, do = _why_and_do(call, status, credential, dead=dead)
        if traded and not dead:
            # A proxy, a clock, a right: only the vendor's own word is about the credential.
            code = _oauth_word(body) or word or "no-session"
            why, do = _why_not_traded(code, f"the credential '{credential}'", call.connection)
        elif traded:
            why, do = (
                f"the credential '{credential}' is not accepted",
                f"respond connect {call.connection}",
            )
        return HttpFault(
            RefusedBySystemError(
                what,
                code=code,
                why=_join(refusals.hints.get(word, why), words),
                do=do,
                request=request,
                by_hand=traded or status in _BY_HAND,
            ),
            status=status,
        )

    @staticmethod
    def is_for_later(system: str, body: Any) -> bool:
        """Whether the vendor's own word means "not now", whatever the status is an answer to."""
        return said_no(vendor(system), body) in _waits(system).words

    def ahead_s(self, raw: Raw) -> int:
        """How far our clock is ahead of the one that stands in the answer; 0 without one."""
        date = http_date(raw.headers.get("date", ""))
        return 0 if date is None else int(self._now_ms() / 1000 - date)

    def bad_session(self, call: Call, system: str, credential: str, problem: str) -> HttpFault:
        """The exchange of a credential for a session answered something else."""
        return HttpFault(
            RefusedBySystemError(
                self._clean(f"{_display(system, call)} gave no session for {_says(call)}"),
                code="no-session",
                why=f"the exchange of the credential '{credential}' failed: {problem}",
                do=f"respond connect {call.connection}",
                request=self._request(call),
                by_hand=True,
            )
        )

    def _words(self, body: Any) -> str:
        # Redacted before it is shortened: half a secret would not be found.
        return showable(self._clean(_vendor_words(body)), limit=_SHOWN_MAX)

    def _request(self, call: Call) -> str:
        return self._clean(_says(call))


def _why_not_traded(word: str, named: str, connection: str) -> tuple[str, str]:
    less = f"grant it, or name what was granted: read_scopes, write_scopes of '{connection}'"
    if word == "invalid_scope":
        return f"{named} asks for a scope that was not granted", less
    if word == "unauthorized_client":
        return f"{named} may not ask so: this way, or one of the scopes, was not granted", less
    return (
        f"there is no session for {named}",
        f"find out what refuses it; where that is the credential: respond connect {connection}",
    )


def _oauth_word(body: Any) -> str:
    word = body.get("error") if isinstance(body, dict) else None
    return word if isinstance(word, str) and re.fullmatch(r"[a-z_]{1,40}", word) else ""


def _is_dead(body: Any) -> bool:
    """Whether a vendor says that it does not know who trades a credential, or not this key.

    ``invalid_grant`` says as well that a clock is wrong (RFC 6749, section 5.2; RFC 7523, 3.1).
    """
    word = _oauth_word(body)
    about = body.get("error_description") if word == "invalid_grant" else None
    return word == "invalid_client" or (isinstance(about, str) and "signature" in about.casefold())


_GENERIC: Final = "http"
_ADDRESS: Final = "check the address in respond.toml; nothing was sent"
_NETWORK: Final = "check the network, and the address in respond.toml"
_WHO: Final = "find out who answers there before anything else; nothing was sent"
_UNSENT: Final[Mapping[How, tuple[str, str]]] = {
    How.NOT_FOUND: ("the name {host} leads nowhere", _NETWORK),
    How.NOT_CONNECTED: ("no connection to {host}", "check the network, then `respond resume`"),
    How.NOT_TRUSTED: ("the certificate of {host} is not accepted", _WHO),
    How.NO_TLS: ("{host} does not speak TLS as it should", _ADDRESS),
    How.INWARD: (
        "the name {host} leads to an address inside, of this machine or a private network",
        "if that is meant: inside = true under [{table}]; nothing was sent",
    ),
    How.NO_TUNNEL: ("the proxy gives no tunnel to {host}", _NETWORK),
    How.CROWDED: ("all connections to {host} are in use", "wait, then `respond resume`"),
    How.LATE: (How.LATE.value, "nothing was sent; whoever has the run tries it again"),
}


def _vendor_words(body: Any) -> str:
    """The message in a vendor's error body, of the shapes that our systems use; else empty.

    Sources: the error pages of Customer.io, Slack, PagerDuty, Vault, Kubernetes (``Status``),
    Okta, SCIM (RFC 7644, section 3.12), OAuth (RFC 6749, section 5.2) and OData (3 and 4).
    """
    found: list[str] = []
    _gather(body, found, levels=5)
    return "; ".join(dict.fromkeys(found))[:_SEARCHED_MAX]


_WORD_KEYS: Final = (
    "error", "odata.error", "error_description", "message", "Message", "value", "detail",
    "errorSummary", "errorCauses", "ErrorResponse", "Error", "reason", "needed",
    "errors", "meta", "pointer", "source",
)  # fmt: skip


def _gather(body: Any, found: list[str], *, levels: int) -> None:
    if isinstance(body, str):
        found.append(body)
    elif levels and isinstance(body, dict):
        for key in _WORD_KEYS:
            if key in body:
                _gather(body[key], found, levels=levels - 1)
    elif levels and isinstance(body, list):
        for item in body[:5]:
            _gather(item, found, levels=levels - 1)


def _asked_to_wait_s(headers: Mapping[str, str], now_ms: int, waits: Waits) -> int | None:
    """What the answer asks us to wait, in whole seconds, or None; ``now_ms`` is its own time.

    Source: RFC 9110, section 10.2.3 (seconds or a date), and the vendor's record.
    """
    text = next((headers[name] for name in waits.seconds if name in headers), "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return ceil(float(text))
    # Answers that ask for nothing tell it, too.
    for name in waits.epoch if waits.is_spent(headers) or not waits.spent else ():
        if re.fullmatch(r"[0-9]{1,12}", told := headers.get(name, "").strip()):
            return max(0, int(told) - now_ms // 1000)
    moment = http_date(text)
    return None if moment is None else max(0, -int((now_ms / 1000 - moment) // 1))


@lru_cache(maxsize=16)
def http_date(text: str) -> float | None:
    """Unix seconds of a date in a header, or None. Answers of one second carry the same."""
    if not text or len(text) > 40:  # noqa: PLR2004 - a date has 29 characters
        return None
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - 8 ms, rarely needed

    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _why_and_do(call: Call, status: int, credential: str, *, dead: bool) -> tuple[str, str]:
    if isinstance(call.auth, AuthNone):
        named, connect = "", ""
    elif isinstance(call.auth, (AuthBearer, AuthBasic)):
        named, connect = "the secret that was tried", ""
    else:
        named, connect = f"the credential '{credential}'", f"respond connect {call.connection}"
    if status == 401 and dead:  # noqa: PLR2004 - RFC 9110, section 15.5.2
        return (f"{named} is not accepted" if named else "it wants a credential"), connect
    if status == 403:  # noqa: PLR2004 - RFC 9110, section 15.5.4
        if not named:
            return "it is not allowed", "do this step by hand"
        return (
            f"{named} is known but may not do this",
            "give it the missing permission, or do this step by hand",
        )
    why = _WHY.get(status, "it refused").format(credential=credential)
    return why, _DO.get(status, "")


def _says(call: Call) -> str:
    return showable(call.says, limit=_SHOWN_MAX)


def _sender(system: str) -> Sender | None:
    """Whose webhooks they are; None for a vendor, and for what is in neither list."""
    if system in NAMES:
        return None
    from respond.senders import SENDERS  # noqa: PLC0415 (slow, and most runs ask no sender)

    return SENDERS.get(system)


def _waits(system: str) -> Waits:
    sender = _sender(system)
    return sender.waits if sender is not None else vendor(system).waits


def _display(system: str, call: Call) -> str:
    """Who answers. Of your own services nobody knows which one, unless its connection is named."""
    sender = _sender(system)
    if sender is not None:
        return sender.title.split()[0]
    title = showable(title_of(system), limit=40)
    return f"{title} ({call.connection})" if system == _GENERIC else title


def _join(why: str, words: str) -> str:
    return f"{why}; it says: {words}" if words else why


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return ""
