"""The standard library's dataclasses, for what a process makes hundreds of as it begins.

Theirs writes out six functions a class and compiles each at once: a quarter of what a short
command costs, for classes most of which it never makes one of. Here a function is written out when
it is called first, and what shows, forbids and copies is the same for all. Fields, errors and the
rest are as theirs, ``fields``, ``replace`` and ``asdict`` work, and each may inherit from the
other. Type checkers are told that it is theirs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from reprlib import recursive_repr
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, **how: bool) -> Any:
        """As that of ``dataclasses``; what is asked for seldom is left to it."""
        if cls is None:
            return partial(dataclass, **how)
        if not _OFTEN.issuperset(how):
            return dataclasses.dataclass(**how)(cls)
        return _made(cls, **how)


_OFTEN: Final = frozenset({"frozen", "slots", "eq", "repr", "kw_only"})
_MISSING: Final = dataclasses.MISSING
_FIELDS, _PARAMS = "__dataclass_fields__", "__dataclass_params__"


def _made(
    cls: type,
    *,
    frozen: bool = False,
    slots: bool = False,
    eq: bool = True,
    repr: bool = True,  # noqa: A002 - its name there
    kw_only: bool = False,
) -> type:
    cls = _with_fields(cls, kw_only=kw_only)
    params = getattr(cls, _PARAMS)
    params.init, params.repr, params.eq, params.frozen = True, repr, eq, frozen
    if slots:
        cls = _with_slots(cls)
    own, fields = dict(cls.__dict__), dataclasses.fields(cls)
    has_hash = own.get("__hash__", _MISSING) is not (None if "__eq__" in own else _MISSING)
    added: dict[str, Any] = {
        "__match_args__": tuple(f.name for f in fields if f.init and not f.kw_only),
        "__init__": _at_first(cls, "__init__", partial(_init, cls, frozen=frozen)),
    }
    if repr:
        added["__repr__"] = _repr([f.name for f in fields if f.repr])
    if eq:
        compared = [f.name for f in fields if f.compare]
        added["__eq__"] = _at_first(cls, "__eq__", partial(_eq, compared))
    if eq and not has_hash:
        own.pop("__hash__", None)  # Python has set it to None beside an ``__eq__``.
        hashed = [f.name for f in fields if (f.compare if f.hash is None else f.hash)]
        added["__hash__"] = _at_first(cls, "__hash__", partial(_hash, hashed)) if frozen else None
    if frozen:
        added |= _frozen(cls, frozenset(f.name for f in fields))
    if frozen and slots:
        added |= _copied([f.name for f in fields])
    for name, value in added.items():
        if name not in own:
            setattr(cls, name, value)
    return cls


def _with_fields(cls: type, *, kw_only: bool) -> type:
    """Let the standard library find out what its fields are, apart from its functions."""
    known: Mapping[str, Any] = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - its own
    given = {name: cls.__dict__[name] for name in known if name in cls.__dict__}
    # A text of documentation spares it from working a signature out.
    said = {"__annotations__": known, "__module__": cls.__module__, "__doc__": "fields"}
    bare: type = type(cls.__name__, (), {**given, **said})
    dataclasses.dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=kw_only)(bare)
    for name, value in given.items():
        if not isinstance(value, dataclasses.Field):
            continue
        if value.default is _MISSING:
            delattr(cls, name)
        else:
            setattr(cls, name, value.default)
    fields: dict[str, Any] = {}
    for base in cls.__mro__[-1:0:-1]:
        fields |= base.__dict__.get(_FIELDS, {})
    setattr(cls, _FIELDS, fields | getattr(bare, _FIELDS))
    setattr(cls, _PARAMS, getattr(bare, _PARAMS))
    return cls


def _with_slots(cls: type) -> type:
    """A class can have slots only from its beginning: made again, as theirs does."""
    names = [field.name for field in dataclasses.fields(cls)]
    inherited = {slot for base in cls.__mro__[1:-1] for slot in base.__dict__.get("__slots__", ())}
    left_out = {*names, "__dict__", "__weakref__"}
    space = {name: value for name, value in cls.__dict__.items() if name not in left_out}
    space["__slots__"] = tuple(name for name in names if name not in inherited)
    made = type(cls)(cls.__name__, cls.__bases__, space)
    made.__qualname__ = cls.__qualname__
    return made


# --- the same for all -----------------------------------------------------------------------------


def _repr(names: Iterable[str]) -> Callable[[Any], str]:
    @recursive_repr()
    def __repr__(self: Any) -> str:  # noqa: N807
        said = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{self.__class__.__qualname__}({said})"

    return __repr__


def _frozen(cls: type, names: frozenset[str]) -> dict[str, Any]:
    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)  # type: ignore[arg-type]

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)  # type: ignore[arg-type]

    return {"__setattr__": __setattr__, "__delattr__": __delattr__}


def _copied(names: list[str]) -> dict[str, Any]:
    def __getstate__(self: Any) -> list[Any]:  # noqa: N807
        return [getattr(self, name) for name in names]

    def __setstate__(self: Any, state: list[Any]) -> None:  # noqa: N807
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    return {"__getstate__": __getstate__, "__setstate__": __setstate__}


# --- what is written out --------------------------------------------------------------------------


def _at_first(cls: type, name: str, write: Callable[[], Any]) -> Callable[..., Any]:
    """A function that another one takes the place of, when it is called first."""

    def first(self: Any, *given: Any, **named: Any) -> Any:
        made = write()
        made.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, made)
        return made(self, *given, **named)

    return first


def _written(head: str, body: Iterable[str], known: dict[str, Any]) -> Any:
    exec(f"def {head}:\n " + "\n ".join(body), known)  # noqa: S102 - names of fields, as theirs
    return known[head.partition("(")[0]]


def _all_of(of: str, names: list[str]) -> str:
    return f"({''.join(f'{of}.{name},' for name in names)})"


def _eq(names: list[str]) -> Any:
    same = f"return {_all_of('self', names)} == {_all_of('other', names)}"
    body = ["if other.__class__ is self.__class__:", f" {same}", "return NotImplemented"]
    return _written("__eq__(self, other)", body, {})


def _hash(names: list[str]) -> Any:
    return _written("__hash__(self)", [f"return hash({_all_of('self', names)})"], {})


def _init(cls: type, *, frozen: bool) -> Any:
    """As theirs, but that a slot is filled by what fills it, and not asked for by its name."""
    known: dict[str, Any] = {"_put": object.__setattr__, "_late": _MISSING}
    given: list[str] = []
    named: list[str] = []
    body: list[str] = []
    for n, field in enumerate(dataclasses.fields(cls)):
        name = value = field.name
        known[f"_default{n}"], known[f"_make{n}"] = field.default, field.default_factory
        is_made, is_there = field.default_factory is not _MISSING, field.default is not _MISSING
        if field.init:
            default = "=_late" if is_made else f"=_default{n}" if is_there else ""
            (named if field.kw_only else given).append(f"{name}{default}")
        elif not is_made and not (is_there and "__slots__" in cls.__dict__):
            continue  # Its class has the default, or somebody sets it later.
        if is_made:
            value = f"_make{n}() if {name} is _late else {name}" if field.init else f"_make{n}()"
        elif not field.init:
            value = f"_default{n}"
        at = getattr(cls, name, None)
        if not frozen:
            body.append(f"self.{name} = {value}")
        elif isinstance(at, MemberDescriptorType):
            known[f"_put{n}"] = at.__set__
            body.append(f"_put{n}(self, {value})")
        else:
            body.append(f"_put(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    wanted = ", ".join(["self", *given, *(["*", *named] if named else [])])
    return _written(f"__init__({wanted})", body or ["pass"], known)
