"""What can be done to App API keys, Track API pairs, and Pipelines sources with write keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from respond.company.customerio.rows import AppKey, PipelinesSource, TrackKey, WriteKey
from respond.company.exchange import RefusalError
from respond.company.mint import hex_for, hint, lower_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from respond.company.customerio.account import ActingAs, CioAccount

_Key = TypeVar("_Key", AppKey, TrackKey)


def live_app_keys(account: CioAccount, environment_id: int) -> list[AppKey]:
    """The keys of a workspace that nobody has revoked."""
    return _live(account, account.state.app_keys, environment_id)


def live_track_keys(account: CioAccount, environment_id: int) -> list[TrackKey]:
    """The pairs of a workspace that nobody has revoked."""
    return _live(account, account.state.track_keys, environment_id)


def find_app_key(account: CioAccount, environment_id: int, key_id: int) -> AppKey:
    """One live key. Raises RefusalError with 404 if there is none."""
    return _pick(live_app_keys(account, environment_id), key_id, "ext_api_key")


def find_track_key(account: CioAccount, environment_id: int, key_id: int) -> TrackKey:
    """One live pair. Raises RefusalError with 404 if there is none."""
    return _pick(live_track_keys(account, environment_id), key_id, "site_id")


def create_app_key(account: CioAccount, actor: ActingAs, environment_id: int, name: str) -> AppKey:
    """Make a key. A second one of the same name is another key.

    Raises:
        RefusalError: with 422 without a name, with 404 for an unknown workspace.
    """
    place = account.environment(environment_id)
    if not name:
        raise RefusalError(422, "name can't be blank", "/data/name")
    number = account.state.numbers.take("ext_api_key")
    key = AppKey(
        id=number,
        environment_id=environment_id,
        name=name,
        value=hex_for(f"app-key:{number}", 32),
        created_at=account.now(),
        created_by=actor.user_id,
    )
    account.state.app_keys.append(key)
    _key_happened(account, actor, "app_key.created", place, key)
    return key


def revoke_app_key(account: CioAccount, actor: ActingAs, key: AppKey) -> None:
    """Take a key away: lists forget it now, its callers are refused a little later."""
    key.revoked_at = account.clock.now()
    _key_happened(account, actor, "app_key.revoked", account.environment(key.environment_id), key)


def create_track_key(
    account: CioAccount, actor: ActingAs, environment_id: int, name: str
) -> TrackKey:
    """Make a pair.

    Raises:
        RefusalError: with 422 without a name, with 404 for an unknown workspace.
    """
    place = account.environment(environment_id)
    if not name:
        raise RefusalError(422, "name can't be blank", "/data/name")
    number = account.state.numbers.take("site_id")
    key = TrackKey(
        id=number,
        environment_id=environment_id,
        name=name,
        site_id=hex_for(f"site-id:{number}", 20),
        api_key=hex_for(f"track-key:{number}", 20),
        created_at=account.now(),
    )
    account.state.track_keys.append(key)
    _key_happened(account, actor, "track_key.created", place, key)
    return key


def revoke_track_key(account: CioAccount, actor: ActingAs, key: TrackKey) -> None:
    """Take a pair away; its callers are refused a little later."""
    key.revoked_at = account.clock.now()
    place = account.environment(key.environment_id)
    _key_happened(account, actor, "track_key.revoked", place, key)


def sources_of(account: CioAccount, environment_id: int) -> list[PipelinesSource]:
    """The sources of a workspace. Raises RefusalError with 404 for an unknown workspace."""
    account.environment(environment_id)
    return [source for source in account.state.sources if source.environment_id == environment_id]


def find_source(account: CioAccount, environment_id: int, source_id: int) -> PipelinesSource:
    """One source. Raises RefusalError with 404 if there is none."""
    for source in sources_of(account, environment_id):
        if source.id == source_id:
            return source
    raise RefusalError(404, f"source {source_id} not found")


def find_write_key(source: PipelinesSource, key_id: int) -> WriteKey:
    """One write key. Raises RefusalError with 404 if there is none."""
    for key in source.api_keys:
        if key.id == key_id:
            return key
    raise RefusalError(404, f"api_key {key_id} not found")


def create_write_key(account: CioAccount, actor: ActingAs, source: PipelinesSource) -> WriteKey:
    """Make one more write key for a source."""
    number = account.state.numbers.take("write_key")
    key = WriteKey(number, lower_for(f"write-key:{number}", 20))
    source.api_keys.append(key)
    _source_happened(account, actor, "write_key.created", source, key)
    return key


def delete_write_key(
    account: CioAccount, actor: ActingAs, source: PipelinesSource, key: WriteKey
) -> None:
    """Take a write key away. Ingest goes on answering 200 to it, and drops what it sends."""
    source.api_keys.remove(key)
    _source_happened(account, actor, "write_key.deleted", source, key)


def switch_source(
    account: CioAccount, actor: ActingAs, source: PipelinesSource, *, enabled: bool
) -> None:
    """Switch a source on or off; a switch that stands right already has no effect."""
    if source.enabled == enabled:
        return
    source.enabled = enabled
    _source_happened(account, actor, "source.enabled" if enabled else "source.disabled", source)


def _live(account: CioAccount, keys: Iterable[_Key], environment_id: int) -> list[_Key]:
    account.environment(environment_id)
    return [k for k in keys if k.environment_id == environment_id and k.revoked_at is None]


def _pick(keys: list[_Key], key_id: int, what: str) -> _Key:
    for key in keys:
        if key.id == key_id:
            return key
    raise RefusalError(404, f"{what} {key_id} not found")


_VERBS = {"created": "created", "revoked": "deleted", "deleted": "deleted"}


def _key_happened(
    account: CioAccount, actor: ActingAs, kind: str, place: str, key: AppKey | TrackKey
) -> None:
    account.happened(
        actor,
        kind,
        f"{place}/{key.name} #{key.id}",
        (
            _VERBS[kind.partition(".")[2]],
            "ext_api_key" if isinstance(key, AppKey) else "site_id",
            key.id,
        ),
        environment_id=key.environment_id,
        id=key.id,
        hint=hint(key.value if isinstance(key, AppKey) else key.api_key),
    )


def _source_happened(
    account: CioAccount,
    actor: ActingAs,
    kind: str,
    source: PipelinesSource,
    key: WriteKey | None = None,
) -> None:
    place = account.environment(source.environment_id)
    more = {"id": key.id, "hint": hint(key.value)} if key else {"enabled": source.enabled}
    account.happened(
        actor,
        kind,
        f"{place}/{source.slug}" + (f" #{key.id}" if key else ""),
        (
            _VERBS.get(kind.partition(".")[2], "updated"),
            "api_key" if key else "source",
            key.id if key else source.id,
        ),
        environment_id=source.environment_id,
        source_id=source.id,
        **more,
    )
