"""What a product says that it can, and what ``options`` of its connection say of it besides.

The first is read each time (``ScimFeatures``); the second is for what no product says of itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from respond.core.records import Frozen, names_of
from respond.core.script import Connection
from respond.core.showable import showable
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import at

__all__ = ["ScimFeatures", "ScimSwitches", "switches", "switches_in"]


class ScimFeatures(Frozen):
    """What a product says of itself; what it does not say is as most are.

    Source: RFC 7643, section 5.
    """

    patch: bool = at("patch.supported", default=True)
    filter: bool = at("filter.supported", default=True)
    sort: bool = at("sort.supported", default=False)
    # Some send an ETag header of their web framework: it counts only where this says so.
    etag: bool = at("etag.supported", default=False)
    password: bool = at("changePassword.supported", default=False)

    @property
    def says(self) -> str:
        can = [each for each in names_of(type(self)) if getattr(self, each)]
        return f"offers {', '.join(can) or 'nothing that is optional'}"


class ScimSwitches(Frozen):
    """What a product does that it does not say; each is an option of the connection.

    Attributes:
        patch: How it wants changes: ``path``; ``value`` (no path); ``put`` (a whole copy).
        remove: How it wants a member removed: ``path``, or ``value``, which on a product that
            ignores the value empties the group.
        filter: False: it finds nothing where it does not understand a filter, so all are listed.
        hides_inactive: Who is inactive is not to be seen there.
        deactivate_deletes: Whoever is deactivated is removed, and the id with them.
        admin_groups, admin_roles: Groups (names or ids) and roles that make an administrator.
        admins_elsewhere: SCIM does not show all of them there: a person looks.
    """

    patch: str = "path"
    remove: str = "path"
    filter: bool = True
    hides_inactive: bool = False
    deactivate_deletes: bool = False
    admin_groups: tuple[str, ...] = ()
    admin_roles: tuple[str, ...] = ()
    admins_elsewhere: bool = False

    @property
    def tells_admins(self) -> bool:
        return bool(self.admin_groups or self.admin_roles or self.admins_elsewhere)

    @property
    def shows_no_admin(self) -> bool:
        """Whoever SCIM does show is guarded, though there are more elsewhere."""
        return self.admins_elsewhere and not (self.admin_groups or self.admin_roles)


_WORDS: Final = {"patch": ("path", "value", "put"), "remove": ("path", "value")}


def switches_in(options: Mapping[str, Any]) -> tuple[ScimSwitches, str]:
    """The switches, and what is wrong with one; or empty."""
    given: dict[str, Any] = {}
    usual = ScimSwitches()
    for name in names_of(ScimSwitches):
        value = options.get(name)
        if value is None:
            continue
        given[name] = tuple(value) if isinstance(value, list | tuple) else value
        if name in _WORDS:
            good = value in _WORDS[name]
        elif isinstance(getattr(usual, name), bool):
            good = isinstance(value, bool)
        else:
            good = not isinstance(value, str) and all(isinstance(one, str) for one in given[name])
        if not good:
            return ScimSwitches(), f"the option {name} cannot be {showable(str(value), limit=40)}"
    return ScimSwitches(**given), ""


def switches(connection: Connection) -> ScimSwitches:
    """The switches of a connection.

    Raises:
        GuardRefusedError: One is none: what the product does is not known then.
    """
    found, wrong = switches_in(connection.options)
    if wrong:
        raise GuardRefusedError(wrong, do=f"correct options under [connections.{connection.name}]")
    return found
