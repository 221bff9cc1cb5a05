"""What can be done to keys of every kind, and to the Pipelines sources that write keys are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from respond.company.customerio.rows import key_row
from respond.company.exchange import RefusalError
from respond.company.mint import hex_for, lower_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from respond.company.customerio.account import ActingAs, CioAccount
    from respond.company.simulated_rest import Row


@dataclass(frozen=True, slots=True)
class KeyKind:
    """What differs between the kinds of keys.

    Attributes:
        word: In histories, and of its numbers.
        logged: Its type in the audit log.
        wrapper: Around one in bodies.
        shown_as: Under which name the answer to a creation has its value.
        value: The value of a new one, by its number.
        end: What histories call its end.
    """

    word: str
    logged: str
    wrapper: str
    shown_as: str
    value: Callable[[int], str]
    end: str = "revoked"


KINDS: Mapping[str, KeyKind] = {
    "app_keys": KeyKind(
        "app_key", "ext_api_key", "ext_api_key", "key", lambda n: hex_for(f"app-key:{n}", 32)
    ),
    "track_keys": KeyKind(
        "track_key", "site_id", "site_id", "api_key", lambda n: hex_for(f"track-key:{n}", 20)
    ),
    "write_keys": KeyKind(
        "write_key",
        "api_key",
        "api_key",
        "api_key",
        lambda n: lower_for(f"write-key:{n}", 20),
        "deleted",
    ),
    "tokens": KeyKind(
        "sa_token",
        "service_account_token",
        "token",
        "token",
        lambda n: f"sa_live_{hex_for(f'sa-token:{n}', 40)}",
    ),
}


def create(
    cio: CioAccount,
    actor: ActingAs,
    table: str,
    place: Mapping[str, Any],
    name: str = "",
    *,
    read_only: bool = False,
) -> Row:
    """Make a key. A second one of the same name is another key; a write key has no name.

    Args:
        place: What it is to stand in, as rows have it.

    Raises:
        RefusalError: with 422 without a name, with 404 for an unknown place.
    """
    kind, within = KINDS[table], cio.holder(**place)
    if table != "write_keys":
        if not name:
            raise RefusalError(422, "name can't be blank", "/data/name")
        within = f"{within}/{name}"
    number, more = cio.state.numbers.take(kind.word), dict(place)
    if table == "track_keys":
        more["site_id"] = hex_for(f"site-id:{number}", 20)
    made = {"created_at": int(cio.clock.now()), "created_by": actor.user_id}
    key = key_row(
        number, name, kind.value(number), title=within, read_only=read_only, **made, **more
    )
    getattr(cio.state, table).append(key)
    _happened(cio, actor, table, key, "created", "created")
    return key


def revoke(cio: CioAccount, actor: ActingAs, table: str, key: Row) -> None:
    """Take a key away: lists forget it now, its callers are refused a little later.

    Sessions that were made of a token end at once. Ingest goes on answering 200 to a write key,
    and drops what it sends.
    """
    key.gone_at = cio.clock.now()
    _happened(cio, actor, table, key, KINDS[table].end, "deleted")


def switch_source(cio: CioAccount, actor: ActingAs, source: Row, *, enabled: bool) -> None:
    """Switch a source on or off; a switch that stands right already has no effect."""
    if source.enabled == enabled:
        return
    source.enabled = enabled
    cio.changed(
        actor,
        "source.enabled" if enabled else "source.disabled",
        source.title,
        ("updated", "source", source.id),
        environment_id=source.environment_id,
        source_id=source.id,
        enabled=enabled,
    )


def _happened(
    cio: CioAccount, actor: ActingAs, table: str, key: Row, verb: str, logged: str
) -> None:
    owner = {
        name: getattr(key, name)
        for name in ("source_id", "service_account_id")
        if hasattr(key, name)
    }
    cio.changed(
        actor,
        f"{KINDS[table].word}.{verb}",
        f"{key.title} #{key.id}",
        (logged, KINDS[table].logged, key.id),
        environment_id=key.environment_id,
        **owner,
        id=key.id,
        hint=key.hint,
    )
