"""Conditions: ours (CEL) as CACAO has them (STIX comparisons over variables), and back.

Only what means the same on both sides is translated. The answer for all else is None, and then a
person works it out.

Source: STIX Version 2.1, section 9 (patterning); CACAO 2.0, section 10.18 (variables).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, NoReturn

from respond.core.runbook_head import InputKind
from respond.formats.expression.syntax import (
    Binary,
    ExpressionFault,
    Listing,
    Literal,
    Tree,
    Unary,
    name_chain,
    parse,
)

__all__ = ["KnownInput", "as_cel", "as_condition", "cel_text", "chain_of"]

_SIGNS: Final = {"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_JOINTS: Final = {"&&": "AND", "||": "OR"}
_TURNED: Final = {"n": "\n", "t": "\t"}

Naming = Callable[[tuple[str, ...]], str | None]
"""Gives the variable of a name such as ``old.found``, or None where there is none."""


class _Untold(Exception):  # noqa: N818 - it means something, and not here
    """This cannot be said on the other side."""


def chain_of(source: str) -> tuple[str, ...]:
    """The names of ``old.owner.mail``; none for any other expression."""
    try:
        return tuple(name for name, _ in name_chain(parse(source)))
    except ExpressionFault:
        return ()


def as_condition(source: str, naming: Naming) -> str | None:
    """One of our conditions as a comparison over variables."""
    try:
        return _told(parse(source), naming)
    except (ExpressionFault, _Untold):
        return None


def _told(tree: Tree, naming: Naming) -> str:
    match tree:
        case Unary(sign="!", operand=Binary() as operand):
            told = _told(operand, naming)
            return f"NOT {told}" if told.startswith("(") else f"NOT ({told})"
        case Unary(sign="!", operand=operand):
            return f"{_variable(operand, naming)} = 'false'"
        case Binary(sign="&&" | "||" as sign, left=left, right=right):
            return f"({_told(left, naming)} {_JOINTS[sign]} {_told(right, naming)})"
        case Binary(sign="in", left=left, right=Listing(items=items)) if items:
            told = ", ".join(_constant(item) for item in items)
            return f"{_variable(left, naming)} IN ({told})"
        case Binary(sign=sign, left=left, right=right) if sign in _SIGNS:
            return f"{_variable(left, naming)} {_SIGNS[sign]} {_constant(right)}"
        case _:
            return f"{_variable(tree, naming)} = 'true'"


def _untold() -> NoReturn:
    raise _Untold


def _variable(tree: Tree, naming: Naming) -> str:
    names = tuple(name for name, _ in name_chain(tree))
    found = naming(names) if names else None
    return f"{found}:value" if found else _untold()


def _constant(tree: Tree) -> str:
    match tree:
        case Literal(kind="text", text=text):
            told = _unquoted(text).replace("\\", "\\\\").replace("'", "\\'")
            return f"'{told}'"
        case Literal(kind="integer", text=text):
            return text
        case Literal(kind="boolean", text=text):
            return f"'{text}'"
        case _:
            _untold()


def _unquoted(text: str) -> str:
    """What a text of an expression says, by how it is written."""
    raw, text = text[0] in "rR", text.lstrip("rR") if text[0] in "rR" else text
    width = 3 if text.startswith(('"""', "'''")) else 1
    inner = text[width:-width]
    return inner if raw else re.sub(r"\\(.)", lambda at: _TURNED.get(at[1], at[1]), inner)


# --- back ---------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"\s+|(?P<variable>__[A-Za-z][A-Za-z0-9_-]{0,245}?__:value)|(?P<text>'(?:\\.|[^'\\])*')"
    r"|(?P<number>-?[0-9]{1,15}(?![0-9.]))|(?P<word>[A-Za-z]+)|(?P<sign><=|>=|!=|<>|==|[=<>(),])"
)
_BACK: Final = {"=": "==", "==": "==", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">",
                ">=": ">="}  # fmt: skip
_DEPTH_MAX: Final = 16
_TOKENS_MAX: Final = 200
_ORDERED: Final = frozenset({"<", "<=", ">", ">="})


class KnownInput(NamedTuple):
    """The input that a variable has become."""

    name: str
    kind: InputKind


def as_cel(condition: str, known: Mapping[str, KnownInput]) -> str | None:
    """A comparison over variables as one of our conditions.

    Args:
        known: By the variable's name, without ``:value``.
    """
    try:
        reading = _Reading(condition, known)
        told = reading.either(0)
    except _Untold:
        return None
    return told if reading.at_end else None


class _Reading:
    def __init__(self, condition: str, known: Mapping[str, KnownInput]) -> None:
        self._known = known
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(condition) and len(self._tokens) < _TOKENS_MAX:
            found = _TOKEN.match(condition, at) or _untold()
            if found.lastgroup:
                self._tokens.append((found.lastgroup, found[0]))
            at = found.end()
        if at < len(condition):
            _untold()
        self._tokens.reverse()

    @property
    def at_end(self) -> bool:
        return not self._tokens

    def _accept(self, *texts: str) -> str:
        """The next token where it is one of these, or empty."""
        if self._tokens and self._tokens[-1][1].upper() in texts:
            return self._tokens.pop()[1].upper()
        return ""

    def _take(self, kind: str) -> str:
        if not self._tokens or self._tokens[-1][0] != kind:
            _untold()
        return self._tokens.pop()[1]

    def either(self, depth: int) -> str:
        told = [self._both(depth)]
        while self._accept("OR"):
            told.append(self._both(depth))
        return " || ".join(told)

    def _both(self, depth: int) -> str:
        told = [self._one(depth)]
        while self._accept("AND"):
            told.append(self._one(depth))
        return " && ".join(told)

    def _one(self, depth: int) -> str:
        if depth > _DEPTH_MAX:
            _untold()
        if self._accept("NOT"):
            return f"!({self._one(depth + 1)})"
        if self._accept("("):
            told = self.either(depth + 1)
            if not self._accept(")"):
                _untold()
            return f"({told})"
        return self._comparison()

    def _comparison(self) -> str:
        known = self._known.get(self._take("variable").removesuffix(":value")) or _untold()
        negated = bool(self._accept("NOT"))
        if self._accept("IN"):
            told = f"inputs.{known.name} in [{', '.join(self._listed(known.kind))}]"
            return f"!({told})" if negated else told
        sign = _BACK.get(self._take("sign")) or _untold()
        told = _compared(known, sign, self._value(known.kind))
        return f"!({told})" if negated else told

    def _listed(self, kind: InputKind) -> list[str]:
        if not self._accept("("):
            _untold()
        found = [self._value(kind)]
        while self._accept(","):
            found.append(self._value(kind))
        if not self._accept(")"):
            _untold()
        return found

    def _value(self, kind: InputKind) -> str:
        """A constant, written as the input's own kind has it."""
        if self._tokens and self._tokens[-1][0] == "number":
            text = self._take("number")
        else:
            text = re.sub(r"\\(.)", r"\1", self._take("text")[1:-1])
        if kind is InputKind.INTEGER:
            return text if re.fullmatch(r"-?(0|[1-9][0-9]{0,14})", text, re.ASCII) else _untold()
        if kind is InputKind.BOOLEAN:
            return text.lower() if text.lower() in {"true", "false"} else _untold()
        return cel_text(text)


def _compared(known: KnownInput, sign: str, value: str) -> str:
    name = f"inputs.{known.name}"
    if known.kind is InputKind.BOOLEAN:
        if sign not in {"==", "!="}:
            _untold()
        return name if (value == "true") is (sign == "==") else f"!{name}"
    # Texts have an order here that is the one of their characters, and there of their language.
    if sign in _ORDERED and known.kind is not InputKind.INTEGER:
        _untold()
    return f"{name} {sign} {value}"


def cel_text(text: str) -> str:
    """A text as an expression has it."""
    told = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    return f"'{told}'"
