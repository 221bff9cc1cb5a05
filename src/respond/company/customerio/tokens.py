"""Service accounts: their tokens, and the sessions that the token exchange makes of them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from respond.company.customerio.rows import SaToken, ServiceAccount
from respond.company.exchange import RefusalError
from respond.company.mint import hex_for, hint

if TYPE_CHECKING:
    from respond.company.customerio.account import ActingAs, CioAccount
    from respond.company.exchange import Json


@dataclass(frozen=True, slots=True)
class JwtSession:
    """What a JWT stands for."""

    service_account_id: int
    token_id: int
    scope: str
    expires_at: float


def find_service_account(account: CioAccount, service_account_id: int) -> ServiceAccount:
    """One service account. Raises RefusalError with 404 if there is none."""
    for found in account.state.service_accounts:
        if found.id == service_account_id:
            return found
    raise RefusalError(404, f"service account {service_account_id} not found")


def find_token(service_account: ServiceAccount, token_id: int) -> SaToken:
    """One live token. Raises RefusalError with 404 if there is none."""
    for token in service_account.tokens:
        if token.id == token_id and token.revoked_at is None:
            return token
    raise RefusalError(404, f"token {token_id} not found")


def token_by_value(account: CioAccount, value: str) -> tuple[ServiceAccount, SaToken] | None:
    """The live token that has this value, with the account it belongs to."""
    for service_account in account.state.service_accounts:
        for token in service_account.tokens:
            if token.value == value and token.revoked_at is None:
                return service_account, token
    return None


def create_token(
    account: CioAccount,
    actor: ActingAs,
    service_account: ServiceAccount,
    name: str,
    *,
    read_only: bool,
) -> SaToken:
    """Mint a token; its value is shown once.

    Raises:
        RefusalError: with 422, without a name.
    """
    if not name:
        raise RefusalError(422, "name can't be blank", "/data/name")
    number = account.state.numbers.take("token")
    value = f"sa_live_{hex_for(f'sa-token:{number}', 40)}"
    token = SaToken(number, name, value, read_only, account.now())
    service_account.tokens.append(token)
    _happened(account, actor, "sa_token.created", service_account, token)
    return token


def revoke_token(
    account: CioAccount, actor: ActingAs, service_account: ServiceAccount, token: SaToken
) -> None:
    """Kill a token and every session that was made of it, at once."""
    token.revoked_at = account.clock.now()
    _happened(account, actor, "sa_token.revoked", service_account, token)


def mint_jwt(account: CioAccount, session: JwtSession, number: int) -> str:
    """A token in the form of a JWT. Its signature is for show: sessions are looked up."""
    claims = {
        "sub": str(session.service_account_id),
        "account_id": account.state.account_id,
        "scope": session.scope,
        "iat": account.now(),
        "exp": int(session.expires_at),
        "jti": hex_for(f"jwt:{number}", 16),
    }
    head = _base64url({"alg": "HS256", "typ": "JWT"})
    return f"{head}.{_base64url(claims)}.{hex_for(f'jwt-signature:{number}', 43)}"


def session_lives(account: CioAccount, session: JwtSession) -> bool:
    """Not expired, and the token behind it is not revoked."""
    if account.clock.now() >= session.expires_at:
        return False
    for service_account in account.state.service_accounts:
        for token in service_account.tokens:
            if token.id == session.token_id:
                return token.revoked_at is None
    return False


def _base64url(value: Json) -> str:
    raw = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _happened(
    account: CioAccount, actor: ActingAs, kind: str, service_account: ServiceAccount, token: SaToken
) -> None:
    account.happened(
        actor,
        kind,
        f"{service_account.name}/{token.name} #{token.id}",
        ("created" if kind.endswith("created") else "deleted", "service_account_token", token.id),
        service_account_id=service_account.id,
        id=token.id,
        hint=hint(token.value),
    )
