import resource
import string
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from respond.core.shapes import (
    AnyJson,
    Boolean,
    Duration,
    Integer,
    ListOf,
    RecordShape,
    SecretShape,
    Shape,
    Text,
    Time,
)
from respond.core.values import Late, SecretHandle, Value
from respond.formats.expression.expressions import ExpressionFault, Expressions, Scope, Wants

USER = RecordShape(
    (
        ("mail", Text()),
        ("admin", Boolean()),
        ("age", Integer()),
        ("groups", ListOf(Text())),
        ("phone", Text()),
    ),
    optional=frozenset({"phone"}),
)
NAMES: dict[str, Shape] = {
    "inputs": RecordShape(
        (
            ("leaked", SecretShape()),
            ("key", Text()),
            ("order", Text()),
            ("since", Time()),
            ("pause", Duration()),
            ("used_by", ListOf(Text())),
            ("payload", AnyJson()),
        )
    ),
    "old": RecordShape(
        (
            ("id", Text("customerio.KeyId")),
            ("alive", Boolean()),
            ("uses", Integer()),
            ("owner", RecordShape((("mail", Text()), ("package", Text())))),
        )
    ),
    "people": RecordShape(
        (("users", ListOf(USER)), ("vault", RecordShape((("token", SecretShape()),))))
    ),
    "maybe": RecordShape((("count", Integer()), ("data", AnyJson()))),
    "app": Text("okta.AppId"),
    "type": RecordShape((("int", Integer()),)),
}
SCOPE = Scope(NAMES, skippable=frozenset({"maybe"}))
LEAKED = SecretHandle("inputs.leaked", hint="cdef")
VALUES: dict[str, Value] = {
    "inputs": {
        "leaked": LEAKED,
        "key": "backend",
        "order": "contain-first",
        "since": "2026-11-20T00:00:00Z",
        "pause": 300,
        "used_by": ["web", "worker"],
        "payload": {"n": 1, "deep": [{"a": None}], "half": "x"},
    },
    "old": {"id": "k1", "alive": True, "uses": 7, "owner": {"mail": "a@b.example", "package": "p"}},
    "people": {
        "users": [
            {"mail": "ana@b.example", "admin": True, "age": 40, "groups": ["it"]},
            {"mail": "ben@b.example", "admin": False, "age": 20, "groups": [], "phone": "1"},
        ],
        "vault": {"token": SecretHandle("people.token")},
    },
    "app": "app-1",
    "type": {"int": 3},
}


@pytest.fixture
def expressions() -> Expressions:
    return Expressions()


def result(source: str, values: dict[str, Value] = VALUES, scope: Scope = SCOPE) -> Value:
    expressions = Expressions()
    return expressions.evaluate(expressions.check(source, scope), values)


def refusal(source: str, scope: Scope = SCOPE, wants: Wants = Wants.ANYTHING) -> ExpressionFault:
    with pytest.raises(ExpressionFault) as caught:
        Expressions().check(source, scope, wants=wants)
    return caught.value


def failure(source: str, values: dict[str, Value]) -> ExpressionFault:
    with pytest.raises(ExpressionFault) as caught:
        result(source, values)
    return caught.value


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("old.id", "k1"),
        ("old.owner.mail", "a@b.example"),
        ("old.owner.package + '!'", "p!"),
        ("inputs.order == 'contain-first'", True),
        ("old.uses + 1 > 7 && old.alive", True),
        ("!old.alive", False),
        ("type.int * 2", 6),
        ("size(inputs.used_by)", 2),
        ("inputs.used_by.size()", 2),
        ("'web' in inputs.used_by", True),
        ("inputs.used_by + ['x']", ["web", "worker", "x"]),
        ("inputs.used_by[1]", "worker"),
        ("people.users.filter(u, u.admin).map(u, u.mail)", ["ana@b.example"]),
        ("people.users.map(u, u.age > 30, u.mail)", ["ana@b.example"]),
        ("people.users.exists(u, u.groups.exists(g, g == 'it'))", True),
        ("people.users.all(u, u.mail.endsWith('.example'))", True),
        ("people.users.exists_one(u, has(u.phone))", True),
        ("people.users[0].mail", "ana@b.example"),
        ("people.users.map(u, {'who': u.mail, 'age': u.age})[1].who", "ben@b.example"),
        ("inputs.payload.deep[0].a", None),
        ("inputs.payload.n + 1", 2),
        ("has(inputs.payload.n)", True),
        ("has(inputs.payload.nope)", False),
        ("int('12') + 1", 13),
        ("string(old.uses) + ' uses'", "7 uses"),
        ("old.alive ? 'alive' : 'dead'", "alive"),
        ("inputs.since < '2026-11-21T00:00:00Z'", True),
        ("inputs.pause * 2", 600),
        ('"it\\"s" + r"\\d"', 'it"s\\d'),
        ("'}}' + '{'", "}}{"),
        ("'has(old.id)'", "has(old.id)"),
        ("(old.uses) + (1)", 8),
        ("[]", []),
    ],
)
def test_results(source: str, wanted: Value) -> None:
    """What the documentation shows works, and comes out as plain values."""
    assert result(source) == wanted


@pytest.mark.parametrize(
    ("source", "what", "at", "hint"),
    [
        ("old.idd", "'old' has no field 'idd'", 4, "did you mean 'id'?"),
        ("odl.id", "unknown name 'odl'", 0, "did you mean 'old'?"),
        ("old.alive && old.owner.maill == ''", "no field 'maill'", 23, "did you mean 'mail'?"),
        ("inputs.order == contain", "unknown name 'contain'", 16, "'contain' in quotes"),
        ("people.users.exists(u, u.mial == '')", "no field 'mial'", 25, "did you mean 'mail'?"),
        ("people.users[0].nope", "no field 'nope'", 16, "it has mail"),
        ("people.users.filter(u, u.admin)[0].nope", "no field 'nope'", 35, ""),
        ("people.users.map(u, u.mail.x)", "has no fields", 27, ""),
        ("people.users.exists(u, has(u.fone))", "no field 'fone'", 29, "did you mean 'phone'?"),
        ("people.users[0]['mail']", "with a dot", 16, ""),
        ("old.id.matches('k')", "unknown function 'matches'", 7, "patterns are left out"),
        ("old.id.startWith('k')", "unknown function 'startWith'", 7, "'startsWith'"),
        ("length(old.id)", "unknown function 'length'", 0, "there are"),
        ("duration('1s')", "unknown function 'duration'", 0, "seconds"),
        ("dyn(old.id)", "unknown function 'dyn'", 0, ""),
        ("1.5", "not a plain decimal number", 0, ""),
        ("0x1f", "not a plain decimal number", 0, ""),
        ("1u", "not a plain decimal number", 0, ""),
        ("b'x'", "not expected", 1, ""),
        ("9007199254740992", "larger than", 0, ""),
        ("1 +", "ends too early", 3, ""),
        ("", "empty", 0, ""),
        ("a b", "not expected", 2, ""),
        ("1 // two", "not expected", 3, ""),
        ("'x", "never closed", 0, ""),
        (r"'\x1b'", "escape", 1, ""),
        (r"'\u202e'", "escape", 1, ""),
        ("'\u202e'", "invisible", 1, ""),
        ("été == 1", "no meaning", 0, ""),
        ("old.uses > 'a'", "'>' does not go with (integer, text)", 9, ""),
        ("old.alive && old.uses + 'x' == 'y'", "'+' does not go with", 22, ""),
        ("has(old.id) && old.uses > 'a'", "'>' does not go with", 24, ""),
        ("old.id == null", "does not go with", 7, ""),
        ("old.alive ? 1 : 'x'", "does not go with", 10, ""),
        ("old + 1", "is a record", 0, "name one of its fields: id"),
        ("has('x')", "one name", 0, ""),
        ("inputs.leaked == 'x'", "secret", 0, "whole value"),
        ("size(people.vault.token)", "secret", 5, "whole value"),
        ("{1: 2}", "text in quotes", 1, ""),
        ("{'a': 1, 'a': 2}", "twice", 9, ""),
        ("inputs.used_by.map(old, old)", "is taken", 19, ""),
        ("inputs.used_by.map(1, 2)", "takes a name", 0, ""),
        ("old.uses.map(x, x)", "needs a list", 0, ""),
        ("app == old.id", "okta.AppId and customerio.KeyId", 4, ""),
        ("(old).id", "no brackets", 1, ""),
        ("!!old.uses", "not expected", 1, ""),
        ("--1", "not expected", 1, ""),
        ("google.protobuf.Int32Value{value: 1}", "not expected", 26, ""),
        (".old.id", "not expected", 0, ""),
    ],
)
def test_refused_at_load(source: str, what: str, at: int, hint: str) -> None:
    """A mistake in an expression is found at load, at its place, with what to write instead."""
    fault = refusal(source)

    assert what in fault.what
    assert fault.at == at
    assert hint in fault.hint
    assert source in fault.source


@pytest.mark.parametrize(
    ("source", "wants"),
    [
        ("old.uses", Wants.BOOLEAN),
        ("old.id == 'x' ? 1 : 2", Wants.BOOLEAN),
        ("old.id", Wants.LIST),
        ("old.owner", Wants.CHOICE),
        ("inputs.used_by", Wants.CHOICE),
        ("inputs.leaked", Wants.CHOICE),
    ],
)
def test_a_result_that_the_place_cannot_use_is_refused(source: str, wants: Wants) -> None:
    """``when`` wants a boolean, ``for_each`` a list; nothing is taken for true."""
    assert "this must be" in refusal(source, wants=wants).what


def test_any_json_is_checked_when_it_is_known(expressions: Expressions) -> None:
    """What has no shape at load must have the right one when it counts."""
    for source in ("inputs.payload.n", "inputs.payload"):
        checked = expressions.check(source, SCOPE, wants=Wants.BOOLEAN)
        with pytest.raises(ExpressionFault, match="must be a boolean"):
            expressions.evaluate(checked, VALUES)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("old.uses / 0", "divide by zero"),
        ("inputs.payload.nope", "nope"),
        ("inputs.payload.half > 1", "no result"),
        ("inputs.used_by[7]", "no result"),
        ("int(old.id)", "no result"),
        ("old.uses * 9007199254740991", "larger than"),
        ("[old.uses / 0]", "divide by zero"),
        ("inputs.payload.nope == 1 || old.uses > 100", "nope"),
    ],
)
@pytest.mark.promise("P18")
def test_an_error_is_an_error(source: str, what: str) -> None:
    """An evaluation that goes wrong is a fault and never a truth value or a text."""
    assert what in failure(source, VALUES).what


def test_a_skippable_step_wants_a_guard(expressions: Expressions) -> None:
    """Reading a step that may be skipped, without asking first, is found at load."""
    assert "may be skipped" in refusal("maybe.count > 1").what
    assert "has(maybe.count)" in refusal("maybe.count").hint
    assert "may be skipped" in refusal("maybe.count > 1 && has(old.id)").what

    guarded = expressions.check("has(maybe.count) && maybe.count > 1", SCOPE)
    assert expressions.evaluate(guarded, VALUES) is False
    assert expressions.evaluate(guarded, VALUES | {"maybe": {"count": 2}}) is True
    assert result("has(maybe.count) ? maybe.count : 0") == 0
    assert result("has(maybe)") is False
    assert result("has(maybe.data.x)") is False
    assert result("has(maybe.data.x)", VALUES | {"maybe": {"data": {"x": 1}}}) is True


def test_a_guard_that_does_not_guard_ends_in_an_error() -> None:
    """An absent value is never null, empty or false."""
    assert "'maybe.count' is absent" in failure("has(maybe.count) || maybe.count > 1", VALUES).what


def test_an_absent_input() -> None:
    """Standing alone it is None, in a ``for_each`` no items, and anywhere else an error."""
    expressions = Expressions()
    values = VALUES | {"inputs": {"key": None}}

    assert expressions.evaluate(expressions.check("inputs.key", SCOPE), values) is None
    assert expressions.evaluate(expressions.check("inputs.leaked", SCOPE), values) is None
    listed = expressions.check("inputs.used_by", SCOPE, wants=Wants.LIST)
    assert expressions.evaluate(listed, values) == []
    assert "has(inputs.key)" in failure("inputs.key == ''", values).hint
    assert result("has(inputs.key)", values) is False


NEW_ID = Late("old", "id")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("old.id", NEW_ID),
        ("old.id == 'k'", NEW_ID),
        ("'key ' + old.id", NEW_ID),
        ("old.id == 'k' && old.uses > 100", False),
        ("old.alive || old.id == 'k'", True),
        ("old.id == '' || old.uses / 0 > 1", NEW_ID),
        ("has(old.id)", NEW_ID),
        ("size(old.id) > 0 ? 'a' : 'b'", NEW_ID),
        ("old.uses > 1 ? 'a' : old.id", "a"),
        ("people.users.exists(u, u.mail == old.id)", NEW_ID),
        ("people.users.exists(u, u.admin || u.mail == old.id)", True),
    ],
)
def test_late_is_unbound_and_never_null(source: str, wanted: Value) -> None:
    """Whatever cannot be said without a late value is late; what can be said is said."""
    old: dict[str, Value] = {"id": NEW_ID, "alive": True, "uses": 7}

    assert result(source, VALUES | {"old": old}) == wanted


def test_a_list_with_a_late_item_is_late() -> None:
    """No list is counted or searched while nobody knows what is in it."""
    late = Late("make", "mail")
    users: list[Value] = [{"mail": late, "admin": True, "age": 1, "groups": []}]
    values: dict[str, Value] = VALUES | {"people": {"users": users}}

    assert result("size(people.users)", values) == late
    assert result("people.users", values) == users
    assert result("old.id", VALUES | {"old": NEW_ID}) == NEW_ID


@pytest.mark.parametrize(
    "old",
    [
        {"id": 1, "uses": "7"},
        {"id": "x", "uses": True},
        {"id": "x", "uses": 2**53},
        {"id": "x", "uses": SecretHandle("s")},
        {"id": "\ud800", "uses": 1},
        {"id": "x\0y", "uses": 1},
        {"id": ["x"], "uses": 1},
        "old",
        {"id": "x", "uses": 1.5},
    ],
)
@pytest.mark.promise("P18", "P19")
def test_a_value_of_another_shape_is_refused(old: Value) -> None:
    """Values are checked against their shapes before CEL sees them, and not quoted."""
    assert "is" in failure("old.id + string(old.uses)", VALUES | {"old": old}).what


def test_a_secret_inside_of_any_json_is_refused() -> None:
    """A handle reaches CEL by no way."""
    payload: Value = {"deep": [SecretHandle("s", hint="hint")]}
    fault = failure("size(inputs.payload.deep) == 1", VALUES | {"inputs": {"payload": payload}})

    assert "a secret" in fault.what
    assert "hint" not in fault.what


# Templates.


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain text", "plain text"),
        ("", ""),
        ("{{ old.id }} $ {x}", "{{ old.id }} $ {x}"),
        ("${{ old.uses }}", 7),
        ("${{old.alive}}", True),
        ("${{ inputs.leaked }}", LEAKED),
        ("${{ old.owner }}", {"mail": "a@b.example", "package": "p"}),
        ("${{ people.vault }}", {"token": SecretHandle("people.token")}),
        ("${{ inputs.used_by }}", ["web", "worker"]),
        ("key ${{ old.id }} of ${{ old.uses }}.", "key k1 of 7."),
        (" ${{ old.id }}", " k1"),
        ("${{ old.id }}${{ old.id }}", "k1k1"),
        ("${{ '}}' + old.id }}", "}}k1"),
        ("${{ {'a': {'b': old.id}} }}", {"a": {"b": "k1"}}),
        ("${{ inputs.payload.n }} x", "1 x"),
    ],
)
def test_templates(text: str, wanted: Value) -> None:
    """A whole-value expression keeps its type; anything else becomes text."""
    expressions = Expressions()

    assert expressions.fill(expressions.check_template(text, SCOPE), VALUES) == wanted


@pytest.mark.parametrize(
    ("text", "what", "at"),
    [
        ("${{ old.id", "has no '}}'", 0),
        ("a ${{ old.idd }}", "no field 'idd'", 10),
        ("a ${{ inputs.leaked }}", "secret", 2),
        ("a ${{ old.alive }}", "not boolean", 2),
        ("a ${{ inputs.used_by }}", "not list of text", 2),
        ("a ${{ old.owner }}", "not {mail, package}", 2),
        ("${{ inputs.leaked + 'x' }}", "secret", 4),
        ("a ${{ }}", "empty", 6),
        ("${{ ${{ old.id }} }}", "no meaning", 4),
    ],
)
def test_templates_refused_at_load(text: str, what: str, at: int) -> None:
    """The place is counted from the beginning of the whole text."""
    with pytest.raises(ExpressionFault) as caught:
        Expressions().check_template(text, SCOPE)

    assert what in caught.value.what
    assert caught.value.at == at


def test_what_is_known_about_a_template() -> None:
    """The loader learns the shape and the names from the template."""
    expressions = Expressions()
    whole = expressions.check_template("${{ old.id }}", SCOPE)
    mixed = expressions.check_template("a ${{ old.id }} ${{ inputs.key }}", SCOPE)

    assert whole.shape == Text("customerio.KeyId")
    assert whole.is_whole
    assert mixed.shape == Text()
    assert mixed.refs == {"old.id", "inputs.key"}
    assert expressions.check("people.users.map(u, u.mail)", SCOPE).shape == ListOf(Text())
    assert expressions.check("people.users.filter(u, u.admin)", SCOPE).shape == ListOf(USER)


def test_an_absent_or_late_part_of_a_text() -> None:
    """No text is made with a hole in it."""
    expressions = Expressions()
    mixed = expressions.check_template("key ${{ old.id }}", SCOPE)

    assert expressions.fill(mixed, VALUES | {"old": {"id": NEW_ID}}) == NEW_ID
    with pytest.raises(ExpressionFault, match="has"):
        expressions.fill(mixed, VALUES | {"old": {}})


ATTACKS = [
    "${{ old.id }}",
    "' + old.id + '",
    "old.id",
    "}} ${{ inputs.leaked }}",
    "\\x1b[31m",
    "__result__",
    "v0",
    "'''",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.promise("P19")
def test_a_value_is_never_evaluated(attack: str) -> None:
    """Text from outside that looks like an expression comes out as it went in."""
    expressions = Expressions()
    values = VALUES | {"inputs": {"key": attack, "payload": {attack: [attack]}}}

    for text, wanted in (
        ("${{ inputs.key }}", attack),
        ("<${{ inputs.key }}>", f"<{attack}>"),
        ("${{ inputs.key + '' }}", attack),
        ("${{ [inputs.key] }}", [attack]),
        ("${{ inputs.payload.map(k, inputs.payload[k]) }}", [[attack]]),
    ):
        assert expressions.fill(expressions.check_template(text, SCOPE), values) == wanted


# Bounds.

MANY: dict[str, Value] = VALUES | {"inputs": {"used_by": ["x"] * 5_000, "key": "y" * 60_000}}


@pytest.mark.parametrize(
    "source",
    [
        "inputs.used_by.map(x, inputs.key + inputs.key)",
        "inputs.used_by.map(x, inputs.used_by.map(y, inputs.key))",
        "inputs.used_by.exists(x, inputs.used_by.exists(y, x + y == 'z'))",
        "inputs.used_by.exists(x, inputs.used_by.exists(y, false))",
        "inputs.used_by.all(x, inputs.used_by == inputs.used_by)",
        "inputs.used_by.map(x, inputs.used_by)",
        "inputs.used_by.all(x, inputs.key.contains(inputs.key + x))",
        "['x']" + ".map(x, x + x)" * 27,
        "[['x']]" + ".map(x, x + x)" * 27,
        "(" * 200 + "1" + ")" * 200,
        "[" * 200 + "]" * 200,
        "1" + "+1" * 400,
        "inputs.payload" + ".a" * 400,
        "true ? " * 60 + "1" + " : 1" * 60,
        "inputs.used_by.map(a, [a].map(b, [b].map(c, c)))",
        "'" + "x" * 1024 + "'",
        "old.id" + " " * 1024,
        "!" * 1023,
    ],
)
@pytest.mark.promise("P18")
def test_a_runaway_ends(source: str) -> None:
    """Work is bounded before it is begun, or by CEL's budget: an error, soon, in little memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()

    failure(source, MANY)

    assert time.process_time() - began < 2
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 200


@pytest.mark.promise("P18")
def test_the_budget_of_iterations_is_an_error() -> None:
    """CEL stops after 10,000 rounds, and that is a fault and no truth value."""
    values: dict[str, Value] = VALUES | {"inputs": {"used_by": ["x"] * 200}}
    source = "inputs.used_by.exists(x, inputs.used_by.exists(y, x != y))"

    assert "goes round too many times" in failure(source, values).what
    assert "goes round too many times" in failure(f"!({source})", values).what


def test_honest_work_is_not_refused() -> None:
    """A company's whole directory fits."""
    users: list[Value] = [
        {"mail": f"person-{n}@b.example", "admin": n == 3, "age": n, "groups": ["a", "b"]}
        for n in range(2_000)
    ]
    values: dict[str, Value] = VALUES | {"people": {"users": users}}

    assert result("people.users.filter(u, u.admin).map(u, u.mail + ' <' + u.mail + '>')", values)
    assert result("people.users.exists(u, u.groups.exists(g, g == 'b'))", values) is True
    assert result("people.users.map(u, u.mail).size()", values) == 2_000


def test_a_name_alone_does_not_load_cel() -> None:
    """Starting is quick: most runbooks only hand values on."""
    program = (
        "import sys; from respond.formats.expression.expressions import *\n"
        "from respond.core.shapes import *\n"
        "Expressions().check_template('${{ a }}', Scope({'a': Text()}))\n"
        "sys.exit(any(name.startswith('cel_expr') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603


def test_nulls_do_not_wear_out_python() -> None:
    """Nulls inside of results are read thousands of times, and the process lives on."""
    expressions = Expressions()
    checked = expressions.check("[inputs.payload, {'a': null}]", SCOPE)
    values: dict[str, Value] = {"inputs": {"payload": [None] * 50}}
    before = sys.getrefcount(None)

    for _ in range(200):
        assert expressions.evaluate(checked, values) == [[None] * 50, {"a": None}]

    assert sys.getrefcount(None) > before - 1_000


def test_a_program_is_compiled_once(expressions: Expressions) -> None:
    """A step in a loop does not pay for its text again."""
    for _ in range(3):
        expressions.evaluate(expressions.check("old.uses + 1", SCOPE), VALUES)

    assert len(expressions._compiled) == 1


WORDS = st.sampled_from(
    [
        *("old", "id", "uses", "inputs", "key", "used_by", "payload", "people", "users", "u"),
        *("mail", "has", "map", "filter", "exists", "all", "size", "in", "true", "null", "int"),
        *("1", "0", "'x'", '"y"', "r'z'", "'''a'''", "b'1'", "1.5", "__result__", "matches"),
        *("(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "!", "-", "+", "*", "/", "%"),
        *("==", "!=", "<", "&&", "||", "${{", "}}", "_", "\\", "\u00e9", "\u202e", "\ud800", "\0"),
    ]
)
TEXTS = (
    st.lists(WORDS, max_size=25).flatmap(
        lambda words: st.sampled_from(["", " "]).map(lambda joint: joint.join(words))
    )
    | st.text(max_size=60)
    | st.text(alphabet=string.printable, max_size=60)
)


@pytest.mark.promise("P18")
@pytest.mark.campaign("C9")
@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(TEXTS)
def test_any_text_is_an_expression_or_a_fault(text: str) -> None:
    """Nothing but ``Expression``, a value or ``ExpressionFault`` comes out of any text."""
    expressions = Expressions()
    faults: list[ExpressionFault] = []
    for wants in (Wants.ANYTHING, Wants.BOOLEAN):
        try:
            checked = expressions.check(text, SCOPE, wants=wants)
            expressions.evaluate(checked, VALUES)
        except ExpressionFault as fault:
            faults.append(fault)
    try:
        expressions.fill(expressions.check_template(text, SCOPE), VALUES)
    except ExpressionFault as fault:
        faults.append(fault)

    for found in faults:
        assert 0 <= found.at <= len(text)
        assert str(found).isprintable()
