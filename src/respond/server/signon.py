"""Let people sign on with the company's identity provider: OpenID Connect, code with PKCE.

Who comes back with a good ID token is a person only when ``[[person]]`` lists just this issuer and
subject. Everything that goes wrong becomes one of two errors of ours: the provider cannot be had
(then a signed answer from a terminal still counts, P27), or it is nobody who may come in.
"""

from __future__ import annotations

import hmac
import sys
import threading
import warnings
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]  # has none
from joserfc.errors import BadSignatureError, JoseError
from starlette.concurrency import run_in_threadpool

from respond.adapters.http.wire import public_authorities
from respond.adapters.sockets import tls_context
from respond.adapters.way import DIRECT, WayThere
from respond.core.records import Frozen
from respond.core.showable import showable, showable_host
from respond.errors import NotReadyError, RefusedByPersonError
from respond.ports import Clock

with warnings.catch_warnings():
    # It says at import, on every screen, which HTTP library it would rather have.
    import authlib.deprecate  # type: ignore[import-untyped]  # noqa: F401 - sets a filter itself

    warnings.simplefilter("ignore")
    from authlib.integrations.httpx_client import (  # type: ignore[import-untyped]  # has none
        AsyncOAuth2Client,
    )
    from authlib.integrations.starlette_client import (  # type: ignore[import-untyped]  # has none
        OAuth,
    )

__all__ = ["CALLBACK", "SignOn", "SignOnSettings", "came_back_before"]

CALLBACK: Final = "/sign-on/callback"


def _line_errors() -> tuple[type[Exception], ...]:
    """What the HTTP library beneath authlib raises: httpx, or its successor where that is."""
    base = next(each for each in AsyncOAuth2Client.__mro__ if each.__name__ == "AsyncClient")
    library = sys.modules[base.__module__.partition(".")[0]]
    return (library.HTTPError, library.InvalidURL)


_TIMEOUT_S: Final = 5.0
_KEPT_MS: Final = 3_600_000
_LEEWAY_S: Final = 60
_ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_METHODS: Final = "token_endpoint_auth_methods_supported"
_TEXT_MAX: Final = 4_096
_FAILED_MS: Final = 5_000
_SUBJECT_MAX: Final = 200
_NO_ANSWER: Final = _line_errors()
"""No usable answer came at all."""
_ODD: Final = (AuthlibBaseError, JoseError, ValueError, TypeError, KeyError, RuntimeError)
"""What authlib raises for an answer that is not as it should be."""


class SignOnSettings(Frozen):
    """Who signs people on.

    Attributes:
        issuer: As in the provider's discovery document, to the letter.
        secret: Gives the client's secret; an empty one is a public client. It is asked when it is
            needed, in a worker thread.
        url: Address of the page as people reach it, without a slash at its end.
        persons: Issuer and subject to the id of the person.
    """

    issuer: str
    client_id: str
    secret: Callable[[], str]
    url: str
    persons: Mapping[tuple[str, str], str]
    scopes: tuple[str, ...] = ("openid", "email")
    way: WayThere = DIRECT

    @property
    def redirect_url(self) -> str:
        return self.url + CALLBACK


class SignOn:
    """The way to the provider and back. Its documents are fetched when first needed, and kept."""

    def __init__(
        self,
        settings: SignOnSettings,
        clock: Clock,
        on_unknown: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        """``on_unknown`` is told issuer and subject of somebody who is genuine and not listed."""
        self.settings = settings
        self._on_unknown = on_unknown
        self._failed: tuple[int, NotReadyError] | None = None
        self._clock = clock
        self._client: tuple[int, Any] | None = None
        self._lock = threading.Lock()

    def person(self, issuer: str, subject: str) -> str:
        """Id of the person that these two together stand for; empty when it is nobody."""
        return self.settings.persons.get((issuer, subject), "")

    async def begin(self) -> tuple[str, dict[str, str]]:
        """The address to send the browser to, and what has to be kept until it comes back.

        Raises:
            NotReadyError: The provider cannot be had.
        """
        client = await self._ready()
        try:
            made = await client.create_authorization_url(self.settings.redirect_url)
        except _ODD as error:
            raise _unusable(self.settings.issuer) from error
        kept = {name: str(made[name]) for name in ("state", "nonce", "code_verifier")}
        return str(made["url"]), kept

    async def finish(self, query: Mapping[str, str], kept: Mapping[str, str]) -> tuple[str, str]:
        """Issuer and subject of whoever came back with this query.

        Args:
            query: Of the callback, each name once.
            kept: What ``begin`` gave; empty when nothing was begun.

        Raises:
            NotReadyError: The provider cannot be had.
            RefusedByPersonError: It does not prove who it is.
        """
        begun = kept.get("state", "")
        if not begun or not hmac.compare_digest(query.get("state", "").encode(), begun.encode()):
            raise _refused("this sign-on was not begun here, or it took longer than ten minutes")
        if query.get("iss", self.settings.issuer) != self.settings.issuer:
            raise _refused("the answer comes from another identity provider")
        if "error" in query:
            raise _refused(f"the identity provider says: {showable(query['error'], limit=80)}")
        code = query.get("code", "")
        if not 0 < len(code) <= _TEXT_MAX:
            raise _refused("the answer has no code")
        claims = await self._claims(code, kept)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not self.person(self.settings.issuer, subject):
            self._on_unknown(self.settings.issuer, str(subject)[:_SUBJECT_MAX])
            raise RefusedByPersonError(
                "you are signed on there, and have no part in this here",
                why="respond lets in only those whom its configuration lists, and not you",
                do="ask whoever keeps respond.toml to add your account to your [[person]]",
            )
        return self.settings.issuer, subject

    async def _claims(self, code: str, kept: Mapping[str, str]) -> Mapping[str, Any]:
        client = await self._ready()
        try:
            token = await client.fetch_access_token(
                redirect_uri=self.settings.redirect_url,
                code=code,
                code_verifier=kept["code_verifier"],
            )
            claims = await _read(client, token, kept["nonce"])
        except _NO_ANSWER as error:
            raise _away(self.settings) from error
        except _ODD as error:
            if getattr(error, "error", "") == "invalid_client":
                raise NotReadyError(
                    "the identity provider does not accept our client secret",
                    why="it answers invalid_client; nobody can sign on to this page now",
                    do="compare client_id in [server.oidc], then: respond connect oidc --replace",
                ) from error
            # Whatever it says may hold parts of a token; what kind of fault it is does not.
            raise _refused(f"the ID token does not hold ({type(error).__name__})") from error
        if claims is None:
            raise _refused("the identity provider sent no ID token")
        self._check_audience(claims)
        return dict(claims)

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        """OpenID Connect Core 1.0, section 3.1.3.7: issuer, audience, and who it was issued to."""
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else list(audience or ())
        if claims.get("iss") != self.settings.issuer:
            raise _refused("the ID token comes from another identity provider")
        if self.settings.client_id not in audiences:
            raise _refused("the ID token is for somebody else")
        if claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise _refused("the ID token was issued to somebody else")

    async def _ready(self) -> Any:
        """A client that knows the provider's documents.

        Raises:
            NotReadyError: They, or our own secret, cannot be had.
        """
        with self._lock:
            kept, failed = self._client, self._failed
        now_ms = self._clock.mono_ms()
        if kept is not None and 0 <= now_ms - kept[0] < _KEPT_MS:
            return kept[1]
        if failed is not None and 0 <= now_ms - failed[0] < _FAILED_MS:
            # Strangers may knock: neither provider nor key store is asked for each of them.
            raise failed[1]
        try:
            return await self._asked(now_ms)
        except NotReadyError as error:
            with self._lock:
                self._failed = (now_ms, error)
            raise

    async def _asked(self, now_ms: int) -> Any:
        secret = await run_in_threadpool(self.settings.secret)
        client = self._fresh(secret)
        try:
            known = await client.load_server_metadata()
        except _NO_ANSWER as error:
            raise _away(self.settings) from error
        except _ODD as error:
            raise _unusable(self.settings.issuer) from error
        self._check_document(known)
        if secret and "client_secret_post" in (known.get(_METHODS) or ()):
            # In a form there is one way to write a secret; of Basic providers have two.
            client.client_kwargs["token_endpoint_auth_method"] = "client_secret_post"  # noqa: S105 - the name of a way
        with self._lock:
            self._client = (now_ms, client)
        return client

    def _fresh(self, secret: str) -> Any:
        settings = self.settings
        return OAuth().register(
            name="oidc",
            client_id=settings.client_id,
            client_secret=secret or None,
            server_metadata_url=f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": " ".join(settings.scopes),
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": _encoded if secret else "none",
                "timeout": _TIMEOUT_S,
                "trust_env": False,
                "follow_redirects": False,
                "verify": tls_context(settings.way) if settings.way.ca else public_authorities(),
                **({"proxy": settings.way.proxy} if settings.way.proxy else {}),
            },
        )

    def _check_document(self, known: dict[str, Any]) -> None:
        if known.get("issuer") != self.settings.issuer:
            raise NotReadyError(
                "the identity provider calls itself something else",
                why=f"its own document says {showable(str(known.get('issuer')), limit=120)!r}",
                do="set issuer in [server.oidc] to the letter as the document has it",
            )
        for name in _ENDPOINTS:
            if not _is_safe(str(known.get(name, "")), self.settings.issuer):
                raise _unusable(self.settings.issuer)
        offered = known.get("id_token_signing_alg_values_supported") or ["RS256"]
        # Never what needs no key ("none"), and never our own secret as one (HS256).
        allowed = [each for each in offered if each in _ALGORITHMS]
        known["id_token_signing_alg_values_supported"] = allowed or ["RS256"]


def _encoded(client: Any, _: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
    """HTTP Basic with both halves form-encoded, which authlib's own leaves out.

    Source: RFC 6749, section 2.3.1.
    """
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode('ascii')}"
    return uri, headers, body


async def _read(client: Any, token: Any, nonce: str) -> Any:
    """The claims of an ID token. Keys that were kept may be of yesterday: they are fetched again.

    authlib does that for a key of an unknown name; a provider that was set up anew has others
    under the same name.
    """
    try:
        return await client.parse_id_token(token, nonce=nonce, leeway=_LEEWAY_S)
    except BadSignatureError:
        await client.fetch_jwk_set(force=True)
        return await client.parse_id_token(token, nonce=nonce, leeway=_LEEWAY_S)


def _is_safe(address: str, issuer: str) -> bool:
    """https; or as plain as an issuer on this very machine."""
    try:
        parts, own = urlsplit(address), urlsplit(issuer)
    except ValueError:
        return False
    plain_here = own.scheme == "http" and parts.scheme == "http" and parts.netloc == own.netloc
    return bool(parts.hostname) and (parts.scheme == "https" or plain_here)


def _away(settings: SignOnSettings) -> NotReadyError:
    host = showable_host(urlsplit(settings.issuer).hostname or "")
    return NotReadyError(
        "the identity provider does not answer",
        why=f"{host} gave no usable answer{settings.way.says}; nobody can sign on to this page now",
        do=settings.way.do.removeprefix("; "),
    )


def _unusable(issuer: str) -> NotReadyError:
    host = showable_host(urlsplit(issuer).hostname or "")
    return NotReadyError(
        "the identity provider's answer is of no use",
        why=f"what {host} says of itself is not as OpenID Connect has it",
        do="respond doctor",
    )


def came_back_before() -> RefusedByPersonError:
    """What somebody is told who comes back from the provider with an answer for the second time."""
    return _refused("this sign-on came back once before, and an answer is good for one")


def _refused(why: str) -> RefusedByPersonError:
    return RefusedByPersonError("you are not signed on", why=why, do="try once more")
