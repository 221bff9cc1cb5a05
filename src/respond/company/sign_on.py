"""A simulated OpenID provider: whoever clicks a name on its page is signed on as that person.

The authorization code flow with PKCE, and nothing else: no sessions, no cookies, no passwords.
It is strict where a provider may be strict, and lies where a test tells it to (``state.lies``).

Sources: OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749, RFC 7636 (PKCE), RFC 9207 (``iss``
in the answer).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from html import escape
from typing import ClassVar
from urllib.parse import unquote_plus, urlencode, urlsplit

from respond.company.company_clock import CompanyClock
from respond.company.example_co import PEOPLE
from respond.company.exchange import (
    Json,
    RefusalError,
    SimReply,
    SimRequest,
    as_html,
    as_json,
    as_text,
)
from respond.company.id_token import TokenSigner, unsigned
from respond.company.ledger import Ledger
from respond.company.mint import hex_for, lower_for
from respond.company.simulated_rest import Row
from respond.company.system import Counterpart, HttpSystem, Night

CODE_S = 60
TOKEN_S = 300
WAITING_MAX = 100
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636, section 4.1.
_NO_STORE = (("Cache-Control", "no-store"),)


class SignOnProvider(HttpSystem):
    """The provider, as browsers and applications see it.

    ``state`` has ``clients`` (one without a secret proves itself by PKCE alone), ``accounts``, what
    is ``waiting``, the ``grants`` by their codes, and ``signed_on``, who did; and for tests
    ``algorithm``, ``lies`` (claims that the tokens tell instead of the true ones; None leaves one
    out) and ``signed_by``: ``own``, ``stranger`` (another key under the same name) or ``nobody``.
    """

    name: ClassVar[str] = "sign-on"
    surfaces: ClassVar[Mapping[str, str]] = {"sign-on": "http"}

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self._signers: dict[tuple[str, str], TokenSigner] = {}

    def opened(self, base_url: str) -> Json:
        self.state.issuer = f"{base_url}/sign-on"
        return {"sign_on_issuer": self.state.issuer}

    def is_write(self, request: SimRequest) -> bool:
        """Never: signing on changes nothing that an incident is about."""
        return False

    def serve(self, request: SimRequest) -> SimReply:
        match request.method, request.parts:
            case "GET", (".well-known", "openid-configuration"):
                return as_json(_described(self.state.issuer, self.state.algorithm))
            case "GET", ("jwks",):
                return as_json({"keys": [self._signer("own").public()]})
            case "GET", ("authorize",):
                return self._authorize(request)
            case "POST", ("choose",):
                return self._choose(request.form())
            case "POST", ("token",):
                return as_json(self._token(request), 200, *_NO_STORE)
        raise RefusalError(404, "not_found: nothing is here")

    # --- what a browser sees ---

    def _authorize(self, request: SimRequest) -> SimReply:
        """Ask who it is. Only a known client at a loopback address is ever sent back an answer."""
        client = self._client(request.argument("client_id"))
        redirect = request.argument("redirect_uri")
        if client is None or not _is_loopback(redirect):
            raise RefusalError(400, "invalid_request: client_id or redirect_uri is not known here")
        asked = Row(
            client=client.id,
            redirect=redirect,
            state=request.argument("state"),
            nonce=request.argument("nonce"),
            challenge=request.argument("code_challenge"),
        )
        wrong = _wrong(request)
        if wrong:
            return self._back(asked, error=wrong)
        number = secrets.token_urlsafe(16)
        while len(self.state.waiting) >= WAITING_MAX:
            self.state.waiting.pop(next(iter(self.state.waiting)))
        self.state.waiting[number] = asked
        return as_html(_page(client, self.state.accounts, number))

    def _choose(self, form: dict[str, str]) -> SimReply:
        """Somebody clicked a name, or that they do not want to."""
        asked = self.state.waiting.pop(form.get("request", ""), None)
        if asked is None:
            raise RefusalError(400, "invalid_request: this page was used, or is too old")
        if form.get("person", "") == "":
            return self._back(asked, error="access_denied")
        account = self.account(form["person"])
        code = secrets.token_urlsafe(24)
        self.state.grants[code] = Row(asked=asked, account=account, at=self.clock.now())
        self.state.signed_on.append(account.email)
        return self._back(asked, code=code)

    def account(self, email: str) -> Row:
        """The account with this address. Raises RefusalError with 400 if there is none."""
        for account in self.state.accounts:
            if account.email == email:
                found: Row = account
                return found
        raise RefusalError(400, "invalid_request: there is no such person")

    def _back(self, asked: Row, **answer: str) -> SimReply:
        answer |= {"iss": self.state.issuer} | ({"state": asked.state} if asked.state else {})
        joint = "&" if urlsplit(asked.redirect).query else "?"
        place = f"{asked.redirect}{joint}{urlencode(answer)}"
        return SimReply(303, b"", "", (("Location", place), *_NO_STORE))

    # --- what an application sees ---

    def _token(self, request: SimRequest) -> Json:
        """Trade a code for tokens. A code is spent by the first who shows it, right or wrong."""
        form = request.form()
        client = self._authenticated(request, form)
        if form.get("grant_type") != "authorization_code":
            raise RefusalError(400, "unsupported_grant_type: only authorization_code is known")
        grant = self.state.grants.pop(form.get("code", ""), None)
        if grant is None or self.clock.now() > grant.at + CODE_S:
            raise RefusalError(400, "invalid_grant: the code was used, is too old or was never")
        if (grant.asked.client, grant.asked.redirect) != (client.id, form.get("redirect_uri")):
            raise RefusalError(400, "invalid_grant: the code was for another place")
        if not _fits(grant.asked.challenge, form.get("code_verifier", "")):
            raise RefusalError(400, "invalid_grant: the code_verifier does not fit")
        return {
            "access_token": secrets.token_urlsafe(24),
            "token_type": "Bearer",
            "expires_in": TOKEN_S,
            "scope": "openid email profile",
            "id_token": self._id_token(grant),
        }

    def _authenticated(self, request: SimRequest, form: dict[str, str]) -> Row:
        """The client that proves itself, in one way and not in two (RFC 6749, section 2.3)."""
        basic_id, basic_secret = (unquote_plus(part) for part in request.basic())
        if request.header("authorization") and "client_secret" in form:
            raise RefusalError(400, "invalid_request: two ways to say who you are")
        client = self._client(basic_id or form.get("client_id", ""))
        shown = basic_secret or form.get("client_secret", "")
        if client is None or not hmac.compare_digest(client.secret.encode(), shown.encode()):
            raise RefusalError(401, "invalid_client: no such client, or not its secret")
        return client

    def _client(self, client_id: str) -> Row | None:
        return next((client for client in self.state.clients if client.id == client_id), None)

    def _id_token(self, grant: Row) -> str:
        now = int(self.clock.now())
        claims: Json = {
            "iss": self.state.issuer,
            "sub": grant.account.sub,
            "aud": grant.asked.client,
            "exp": now + TOKEN_S,
            "iat": now,
            "auth_time": int(grant.at),
            "nonce": grant.asked.nonce or None,
            "email": grant.account.email,
            "email_verified": True,
            "name": grant.account.name,
        }
        told = {k: v for k, v in {**claims, **self.state.lies}.items() if v is not None}
        if self.state.signed_by == "nobody":
            return unsigned(told)
        return self._signer(self.state.signed_by).token(told)

    def _signer(self, whose: str) -> TokenSigner:
        algorithm = self.state.algorithm
        kid = hex_for(f"sign-on:{algorithm}", 12)
        return self._signers.setdefault((whose, algorithm), TokenSigner(algorithm, kid))

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        if not no.detail:
            return as_text("the provider is not available", no.status)
        error, _, words = no.detail.partition(": ")
        if request.parts == ("token",):
            told = {"error": error, "error_description": words}
            reply = as_json(told, no.status, *_NO_STORE)
            return reply.having(*_CHALLENGED) if no.status == 401 else reply  # noqa: PLR2004 - HTTP.
        page = f"<!DOCTYPE html>\n<title>{error}</title><h1>{escape(words)}</h1>\n"
        return as_html(page.encode(), no.status)

    def things(self) -> dict[str, Json]:
        people: dict[str, Json] = {
            f"account {account.email}": {
                "sub": account.sub,
                "signed_on": self.state.signed_on.count(account.email),
            }
            for account in self.state.accounts
        }
        return people | {
            f"client {client.id}": {"public": not client.secret} for client in self.state.clients
        }


_CHALLENGED = (("WWW-Authenticate", 'Basic realm="sign-on"'),)


def _described(issuer: str, algorithm: str) -> Json:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "scopes_supported": ["openid", "email", "profile"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "none",
        ],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "email"],
        "authorization_response_iss_parameter_supported": True,
    }


def _wrong(request: SimRequest) -> str:
    """The OAuth error for a request to sign on, or an empty text."""
    if any(len(values) > 1 for values in request.query.values()):
        return "invalid_request"  # RFC 6749, section 3.1: no parameter twice.
    if request.argument("response_type") != "code":
        return "unsupported_response_type"
    if "openid" not in request.argument("scope").split():
        return "invalid_scope"
    if request.argument("code_challenge_method") != "S256":
        return "invalid_request"
    if not _CHALLENGE.fullmatch(request.argument("code_challenge")):
        return "invalid_request"
    # Nobody is signed on before they click, so this can only be answered so.
    return "login_required" if request.argument("prompt") == "none" else ""


def _fits(challenge: str, verifier: str) -> bool:
    """RFC 7636, section 4.6."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(made, challenge.encode())


def _is_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    plain = not parts.fragment and parts.username is None and url.isprintable()
    return plain and parts.scheme in {"http", "https"} and parts.hostname in _LOOPBACK


def _page(client: Row, accounts: list[Row], number: str) -> bytes:
    buttons = "\n".join(
        f'<p><button name="person" value="{escape(one.email)}">{escape(one.name)}'
        f" &lt;{escape(one.email)}&gt;</button></p>"
        for one in accounts
    )
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en"><head><meta charset="utf-8"><title>Example Co sign-on</title></head>\n'
        f"<body><h1>Who signs on to {escape(client.id)}?</h1>\n"
        '<form method="post" action="choose">\n'
        f'<input type="hidden" name="request" value="{escape(number)}">\n{buttons}\n'
        '<p><button name="person" value="">Nobody</button></p>\n'
        "</form></body></html>\n"
    ).encode()


def _begin(night: Night) -> SignOnProvider:
    """The provider that all of Example Co sign on with, and its two clients."""
    story = night.story
    clients = [
        Row(id=story.sign_on_client_id, secret=story.sign_on_client_secret),
        Row(id=story.sign_on_public_client_id, secret=""),
    ]
    accounts = [
        Row(email=email, name=email.partition("@")[0].capitalize(), sub=sub)
        for email, sub in story.sign_on_subjects.items()
    ]
    state = Row(
        clients=clients,
        accounts=accounts,
        issuer="",
        algorithm="RS256",
        lies={},
        signed_by="own",
        waiting={},
        grants={},
        signed_on=[],
    )
    return SignOnProvider(state, night.clock, night.ledger)


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "sign_on_client_id": "respond",
        "sign_on_client_secret": hex_for("sign-on:client", 40),
        "sign_on_public_client_id": "respond-public",
        "sign_on_subjects": {email: f"00u{lower_for(f'sign-on:{email}', 17)}" for email in PEOPLE},
    },
)
