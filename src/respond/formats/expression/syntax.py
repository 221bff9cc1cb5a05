"""Read the text of an expression into a tree that knows its places.

The tree is what we need to look at an expression before CEL does: which names it reads, which
fields of list items, which functions, how deep. The grammar is the part of CEL that runbooks
may use (CEL language definition, "Syntax"): no comments, no floats, unsigned numbers, bytes,
messages or regular expressions. What this module does not know, it refuses.
"""

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from respond.core.records import Frozen
from respond.core.showable import hidden_character, showable

SOURCE_BYTES_MAX: Final = 1024
DEPTH_MAX: Final = 32
MACROS: Final = frozenset({"exists", "all", "map", "filter", "exists_one"})
_CHAIN_MAX: Final = 150
_INTEGER_MAX: Final = 2**53 - 1

_TOKEN: Final = re.compile(
    r"""
      (?P<space>[ \t\n]+)
    | (?P<text>[rR]?(?:"{3}|'{3}|"|'))
    | (?P<number>\.?[0-9][0-9A-Za-z_.]*)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE,
)
_ESCAPES: Final = frozenset("\\'\"nt")
_CONSTANTS: Final = {"true": "boolean", "false": "boolean", "null": "null"}
# CEL language definition, "Reserved identifiers", and the operator that is written as a word.
_RESERVED: Final = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let"}
    | {"loop", "package", "namespace", "return", "var", "void", "while"}
)


class ExpressionFault(Exception):  # noqa: N818 - what is wrong in the text
    """An expression that cannot be used, or that came to no result.

    Attributes:
        what: What is wrong, as a sentence. May quote text from outside; ``str()`` shows it safely.
        at: Where in the text that was given to ``check``, ``check_template`` or ``evaluate``,
            in characters from 0.
        source: That text.
        hint: What to do, or what was probably meant. May be empty.
    """

    def __init__(self, what: str, at: int = 0, source: str = "", hint: str = "") -> None:
        self.what = what
        self.at = at
        self.source = source
        self.hint = hint

    def within(self, text: str, offset: int) -> "ExpressionFault":
        """The same fault, of a longer text in which its source begins at ``offset``."""
        return ExpressionFault(self.what, self.at + offset, text, self.hint)

    def __str__(self) -> str:
        hint = f" ({showable(self.hint)})" if self.hint else ""
        return f"{showable(self.what, limit=600)}{hint}, in: {showable(self.source, limit=120)}"


class Part(Frozen):
    """What every part of an expression has: its place in characters from 0, how deep it is."""

    start: int
    end: int
    depth: int


class Literal(Part, frozen=True):
    """A text, number, boolean or null written out; ``kind`` says which, ``text`` how."""

    kind: str
    text: str


class NameNode(Part, frozen=True):
    """A name at the beginning of a chain."""

    name: str


class FieldNode(Part, frozen=True):
    """``operand.name``."""

    operand: "Tree"
    name: str
    name_at: int


class Index(Part, frozen=True):
    """``operand[key]``."""

    operand: "Tree"
    key: "Tree"


class CallNode(Part, frozen=True):
    """``name(...)``, or ``target.name(...)``; macros too."""

    target: "Tree | None"
    name: str
    name_at: int
    arguments: "tuple[Tree, ...]"


class Listing(Part, frozen=True):
    """``[a, b]``."""

    items: "tuple[Tree, ...]"


class Object(Part, frozen=True):
    """``{'a': b}``."""

    entries: "tuple[tuple[Tree, Tree], ...]"


class Unary(Part, frozen=True):
    """``!a`` or ``-a``. Not twice in a row: CEL drops such pairs without a look at the type."""

    sign: str
    operand: "Tree"


class Binary(Part, frozen=True):
    """``a + b`` and its like, ``in`` included."""

    sign: str
    sign_at: int
    left: "Tree"
    right: "Tree"


class Choice(Part, frozen=True):
    """``a ? b : c``."""

    condition: "Tree"
    yes: "Tree"
    no: "Tree"


Tree: TypeAlias = (
    Literal | NameNode | FieldNode | Index | CallNode | Listing | Object | Unary | Binary | Choice
)


def parse(source: str) -> Tree:
    """Read an expression.

    Raises:
        ExpressionFault: It is too long, too deep, or not of the grammar above.
    """
    if len(source.encode("utf-8", "surrogatepass")) > SOURCE_BYTES_MAX:
        raise ExpressionFault(
            f"the expression is longer than {SOURCE_BYTES_MAX} bytes", 0, source,
            "let an action work it out, or split the step",
        )  # fmt: skip
    if found := hidden_character(source):
        raise ExpressionFault("an invisible or control character", found.start(), source)
    return _Parser(source).whole()


def name_chain(tree: Tree) -> list[tuple[str, int]]:
    """Give the names of ``old.owner.mail`` with their places; empty for anything else."""
    match tree:
        case NameNode(name=name, start=start):
            return [(name, start)]
        case FieldNode(operand=operand, name=name, name_at=at):
            before = name_chain(operand)
            return [*before, (name, at)] if before else []
        case _:
            return []


def parts_of(tree: Tree) -> tuple[Tree, ...]:
    """Give the parts that a part is made of; none for a call, whose macros have names."""
    match tree:
        case FieldNode(operand=operand) | Unary(operand=operand):
            return (operand,)
        case Index(operand=operand, key=key):
            return (operand, key)
        case Listing(items=items):
            return items
        case Object(entries=entries):
            return tuple(part for entry in entries for part in entry)
        case Binary(left=left, right=right):
            return (left, right)
        case Choice(condition=condition, yes=yes, no=no):
            return (condition, yes, no)
        case NameNode() | Literal() | CallNode():
            return ()


def closing(text: str, start: int) -> int:
    """Find the ``}}`` that ends the expression beginning at ``start``: its offset.

    Raises:
        ExpressionFault: There is none.
    """
    depth = 0
    for token in _tokens(text, start, len(text)):
        if token.text == "{":
            depth += 1
        elif token.text == "}":
            if depth == 0 and text.startswith("}}", token.start):
                return token.start
            depth -= 1
    raise ExpressionFault("'${{' has no '}}' to it", start - 3, text)


def expressions_in(text: str) -> Iterator[tuple[int, str]]:
    """Each expression of a text that may hold ``${{ }}``, with its offset.

    Raises:
        ExpressionFault: One is not closed.
    """
    at = 0
    while (start := text.find("${{", at)) >= 0:
        end = closing(text, start + 3)
        yield start + 3, text[start + 3 : end]
        at = end + 2


class _Token(Frozen):
    kind: str
    text: str
    start: int
    end: int


def _tokens(source: str, start: int, end: int) -> Iterator[_Token]:
    at = start
    while at < end:
        match = _TOKEN.match(source, at)
        if match is None or match.lastgroup is None:
            raise ExpressionFault(
                f"'{source[at]}' has no meaning here", at, source,
                "text stands in quotes" if not source[at].isascii() else "",
            )  # fmt: skip
        kind, stop = match.lastgroup, match.end()
        if kind == "text":
            stop = _text_end(source, at, match[0], end)
        if kind != "space":
            yield _Token(kind, source[at:stop], at, stop)
        at = stop
    yield _Token("end", "", end, end)


def _text_end(source: str, start: int, opening: str, end: int) -> int:
    raw, quote = opening[0] in "rR", opening.lstrip("rR")
    at = start + len(opening)
    while at < end:
        if source.startswith(quote, at):
            return at + len(quote)
        if source[at] == "\n" and len(quote) == 1:
            break
        if source[at] == "\\" and not raw:
            # No escape may bring in a character that the file itself may not hold.
            if source[at + 1 : at + 2] not in _ESCAPES:
                raise ExpressionFault(
                    "this escape is not known here", at, source, r"""known: \\ \' \" \n \t"""
                )
            at += 1
        at += 1
    raise ExpressionFault("a quote is opened and never closed", start, source)


class _Parser:
    """Recursive descent over the tokens, one method a level of binding."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = list(_tokens(source, 0, len(source)))
        self._at = 0
        self._open = 0

    def whole(self) -> Tree:
        tree = self._expression()
        if self._next.kind != "end":
            raise self._unexpected()
        return tree

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _accept(self, *signs: str) -> _Token | None:
        token = self._next
        if token.kind in {"sign", "name"} and token.text in signs:
            return self._take()
        return None

    def _expect(self, sign: str) -> _Token:
        token = self._accept(sign)
        if token is None:
            raise self._unexpected(f"'{sign}' is missing")
        return token

    def _unexpected(self, what: str = "") -> ExpressionFault:
        token = self._next
        if not what and token.kind == "end":
            what = "the expression ends too early" if self._at else "the expression is empty"
        return ExpressionFault(what or f"'{token.text}' is not expected here", token.start,
                               self._source)  # fmt: skip

    def _over(self, *parts: Tree) -> int:
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > _CHAIN_MAX:
            raise ExpressionFault("the expression has too many parts", 0, self._source)
        return depth

    def _expression(self) -> Tree:
        self._open += 1
        if self._open > DEPTH_MAX:
            raise ExpressionFault(
                f"the expression is nested more than {DEPTH_MAX} deep", self._next.start,
                self._source,
            )  # fmt: skip
        tree = self._binary(0)
        if self._accept("?"):
            yes = self._binary(0)
            self._expect(":")
            no = self._expression()
            tree = Choice(tree.start, no.end, self._over(tree, yes, no), tree, yes, no)
        self._open -= 1
        return tree

    def _binary(self, level: int) -> Tree:
        if level == len(_LEVELS):
            return self._unary()
        tree = self._binary(level + 1)
        while sign := self._accept(*_LEVELS[level]):
            right = self._binary(level + 1)
            depth = self._over(tree, right)
            tree = Binary(tree.start, right.end, depth, sign.text, sign.start, tree, right)
        return tree

    def _unary(self) -> Tree:
        sign = self._accept("!", "-")
        if sign is None:
            return self._member()
        operand = self._member()
        return Unary(sign.start, operand.end, self._over(operand), sign.text, operand)

    def _member(self) -> Tree:
        tree = self._primary()
        while True:
            if self._accept("."):
                tree = self._after_dot(tree)
            elif self._accept("["):
                key = self._expression()
                end = self._expect("]").end
                tree = Index(tree.start, end, self._over(tree, key), tree, key)
            else:
                return tree

    def _after_dot(self, tree: Tree) -> Tree:
        name = self._take() if self._next.kind == "name" else None
        if name is None:
            raise self._unexpected("a name is missing after '.'")
        if self._accept("("):
            arguments, end = self._listed(")")
            depth = self._over(tree, *arguments)
            return CallNode(tree.start, end, depth, tree, name.text, name.start, arguments)
        if (
            isinstance(tree, NameNode | FieldNode)
            and self._source[tree.end : name.start].strip() != "."
        ):
            raise ExpressionFault("a name needs no brackets", tree.start, self._source)
        return FieldNode(tree.start, name.end, self._over(tree), tree, name.text, name.start)

    def _primary(self) -> Tree:
        token = self._next
        match token.kind:
            case "text":
                self._take()
                return Literal(token.start, token.end, 1, "text", token.text)
            case "number":
                return self._number(self._take())
            case "name":
                return self._name(token)
        if self._accept("("):
            tree = self._expression()
            self._expect(")")
            return tree
        if self._accept("["):
            items, end = self._listed("]")
            return Listing(token.start, end, self._over(*items), items)
        if self._accept("{"):
            return self._object(token.start)
        raise self._unexpected()

    def _name(self, token: _Token) -> Tree:
        if token.text in _RESERVED:
            raise self._unexpected()
        self._take()
        if token.text in _CONSTANTS:
            return Literal(token.start, token.end, 1, _CONSTANTS[token.text], token.text)
        if self._accept("("):
            arguments, end = self._listed(")")
            depth = self._over(*arguments)
            return CallNode(token.start, end, depth, None, token.text, token.start, arguments)
        return NameNode(token.start, token.end, 1, token.text)

    def _number(self, token: _Token) -> Literal:
        text = token.text
        if not text.isdecimal() or (len(text) > 1 and text.startswith("0")):
            raise ExpressionFault(
                f"'{text}' is not a plain decimal number", token.start, self._source
            )
        if len(text) > len(str(_INTEGER_MAX)) or int(text) > _INTEGER_MAX:
            what = f"the number {text} is larger than {_INTEGER_MAX}"
            raise ExpressionFault(what, token.start, self._source)
        return Literal(token.start, token.end, 1, "integer", text)

    def _listed(self, end: str) -> tuple[tuple[Tree, ...], int]:
        items: list[Tree] = []
        while (closed := self._accept(end)) is None:
            if items:
                self._expect(",")
            items.append(self._expression())
        return tuple(items), closed.end

    def _object(self, start: int) -> Object:
        entries: list[tuple[Tree, Tree]] = []
        while (closed := self._accept("}")) is None:
            if entries:
                self._expect(",")
            key = self._expression()
            self._expect(":")
            entries.append((key, self._expression()))
        depth = self._over(*(part for entry in entries for part in entry))
        return Object(start, closed.end, depth, tuple(entries))


_LEVELS: Final = (
    ("||",),
    ("&&",),
    ("<", "<=", ">", ">=", "==", "!=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
