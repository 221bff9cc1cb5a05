"""Who is signed on, as a cookie that only our servers can have made.

Nothing is kept but what somebody has ended, and which sign-on came back. A session has an end of
its own, by whichever clock says so first (P16), and no use makes it longer.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from itsdangerous import BadData, URLSafeSerializer

from respond.core.approval import Moment
from respond.core.records import Frozen
from respond.ports import Clock, ServerMemory

__all__ = [
    "FLOW",
    "FLOW_S",
    "SESSION",
    "SESSION_S",
    "Sessions",
    "SignedOnSession",
    "local_path",
]

SESSION: Final = "__Host-respond"
"""Name of the session's cookie."""

FLOW: Final = "__Host-respond-flow"
"""Name of the cookie that a sign-on needs while it goes on."""

SESSION_S: Final = 8 * 3_600
FLOW_S: Final = 600
_KEY_BYTES_MIN: Final = 32

_PAGES: Final = re.compile(r"/(?:audit|runs/[A-Za-z0-9][A-Za-z0-9-]{0,40}(?:/report)?)?", re.ASCII)


def local_path(text: str) -> str:
    """One of our own pages to come back to; the list of runs when it is none of them."""
    return text if _PAGES.fullmatch(text) else "/"


class SignedOnSession(Frozen):
    """Somebody who signed on.

    Attributes:
        id: Random; a sign-on always makes a new one.
        issuer: Who vouched for them.
        subject: Their ``sub`` there.
        began: When they signed on, by both clocks.
    """

    id: str
    issuer: str
    subject: str
    began: Moment


class Sessions:
    """Makes and reads the cookies.

    Args:
        key: At least 32 random bytes, the same for as long as sessions shall live, and at every
            server that they hold at.
        clock: For their end.
        memory: Knows what was ended, here or at another server.
    """

    def __init__(self, key: bytes, clock: Clock, memory: ServerMemory) -> None:
        if len(key) < _KEY_BYTES_MIN:
            msg = f"a session key has {len(key)} bytes, and {_KEY_BYTES_MIN} is the least"
            raise ValueError(msg)
        self._clock = clock
        self._key = key
        self._sessions = _serializer(key, "session")
        self._flows = _serializer(key, "flow")
        self._memory = memory

    def __repr__(self) -> str:
        return "Sessions()"

    def begin(self, issuer: str, subject: str) -> str:
        """The cookie of a new session."""
        now = self._now()
        data = {"id": secrets.token_urlsafe(24), "iss": issuer, "sub": subject, **_written(now)}
        return str(self._sessions.dumps(data))

    def read(self, cookie: str) -> SignedOnSession | None:
        """The session of a cookie; None when it is none of ours, over, or was ended."""
        data = _loaded(self._sessions, cookie)
        began = _read(data)
        if data is None or began is None:
            return None
        return self.read_again(
            SignedOnSession(str(data["id"]), str(data["iss"]), str(data["sub"]), began)
        )

    def read_again(self, session: SignedOnSession) -> SignedOnSession | None:
        """The same session, while it lasts."""
        if self._is_over(session.began, SESSION_S):
            return None
        return None if self._memory.is_spent(_name(session)) else session

    def end(self, session: SignedOnSession) -> None:
        """Sign off: a copy of the cookie opens nothing any more, at no server."""
        self._memory.spend(_name(session), SESSION_S)

    def token(self, session: SignedOnSession) -> str:
        """What a form of this session carries, so that no other site's form can stand for it."""
        return hmac.new(self._key, f"form {session.id}".encode(), sha256).hexdigest()

    def is_token(self, session: SignedOnSession, given: str) -> bool:
        return hmac.compare_digest(self.token(session).encode(), given.encode())

    # --- a sign-on while it goes on -------------------------------------------------------------

    def keep_flow(self, data: Mapping[str, str]) -> str:
        """The cookie of a sign-on that has begun."""
        return str(self._flows.dumps({"flow": dict(data), **_written(self._now())}))

    def flow(self, cookie: str) -> Mapping[str, str] | None:
        """What was kept when the sign-on began; None when it is not ours, or too old."""
        data = _loaded(self._flows, cookie)
        began = _read(data)
        if data is None or began is None or self._is_over(began, FLOW_S):
            return None
        return {str(name): str(value) for name, value in data["flow"].items()}

    def is_first_back(self, flow: Mapping[str, str]) -> bool:
        """Whether this sign-on comes back for the first time; from now on it has."""
        return self._memory.spend(f"sign-on {flow['state']}", FLOW_S)

    def _now(self) -> Moment:
        return Moment(self._clock.now_ms(), self._clock.mono_ms(), self._clock.boot())

    def _is_over(self, began: Moment, limit_s: int) -> bool:
        now = self._now()
        passed = now.wall_ms - began.wall_ms
        if now.boot == began.boot:
            passed = max(passed, now.mono_ms - began.mono_ms)
        elif passed < -self._memory.apart_ms:
            return True  # It began in the future: the clock was set back, and nothing else counts.
        return passed >= limit_s * 1000


def _name(session: SignedOnSession) -> str:
    return f"session {session.id}"


def _serializer(key: bytes, salt: str) -> URLSafeSerializer:
    return URLSafeSerializer(
        key,
        salt=f"respond.{salt}",
        signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
    )


def _loaded(serializer: URLSafeSerializer, cookie: str) -> dict[str, Any] | None:
    try:
        data = serializer.loads(cookie)
    except BadData:
        return None
    return data if isinstance(data, dict) else None


def _written(at: Moment) -> dict[str, Any]:
    return {"wall": at.wall_ms, "mono": at.mono_ms, "boot": at.boot}


def _read(data: Mapping[str, Any] | None) -> Moment | None:
    if data is None:
        return None
    return Moment(int(data["wall"]), int(data["mono"]), str(data["boot"]))
