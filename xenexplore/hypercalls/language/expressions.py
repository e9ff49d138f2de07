"""Expressions of the plan language: C-like arithmetic over what is known so far.

The syntax is Python's, cut down to what plans need: integers, names, fields
(``r.extent_start``), elements (``r.cpus[2]``), arithmetic, comparisons, ``and``,
``or``, ``not``, ``A if C else B``, and ``sizeof(T)``, ``min``, ``max``, ``up(n, to)``
(round up), ``address(r)``.  Every expression becomes a tree of closures once.
"""

from __future__ import annotations

import ast
import keyword
import operator
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from xenexplore.errors import InputError
from xenexplore.hypercalls.language.conditions import compare, narrow
from xenexplore.hypercalls.language.values import (
    Free,
    StructValue,
    Value,
    Variable,
    combine,
    derive,
    settle,
)
from xenexplore.hypercalls.structs import Structs
from xenexplore.steps import ERRNOS

__all__ = [
    "ALWAYS",
    "Assume",
    "Evaluate",
    "Expression",
    "Scope",
    "compile_expression",
    "names_in",
]

_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


class Scope:
    """The names that a plan can use at one point."""

    __slots__ = ("constants", "names", "structs")

    def __init__(self, structs: Structs, constants: Mapping[str, int]) -> None:
        self.structs = structs
        self.constants = constants
        self.names: dict[str, Value | StructValue] = {}


Evaluate: TypeAlias = Callable[[Scope], Value]
Truth: TypeAlias = Callable[[Scope], "bool | None"]
Assume: TypeAlias = Callable[[Scope, bool], bool]

_OPERATORS: dict[type[ast.operator], tuple[str, Callable[[int, int], int]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.FloorDiv: ("/", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.LShift: ("<<", operator.lshift),
    ast.RShift: (">>", operator.rshift),
    ast.BitAnd: ("&", operator.and_),
    ast.BitOr: ("|", operator.or_),
    ast.BitXor: ("^", operator.xor),
}
_COMPARES: dict[type[ast.cmpop], tuple[str, Callable[[int, int], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
# Fields that Python would take for keywords (struct xen_memory_exchange has an "in").
_KEYWORD_FIELD = re.compile(r"\.(" + "|".join(keyword.kwlist) + r")\b")
_SIZEOF = re.compile(r"sizeof\(([^)]*)\)")


class Expression:
    """One compiled expression.

    Attributes:
        text: as the plan spells it.
        value: evaluates it.
        truth: True or False where it is decided, else None.
        assume: takes it as true (or false) and binds what that decides;
            False if it cannot be.
        base: the name that its leftmost operand starts with (``r`` of ``r.list + 8``),
            or ``""``.
    """

    __slots__ = ("assume", "base", "text", "truth", "value")

    def __init__(
        self, text: str, value: Evaluate, truth: Truth, assume: Assume, base: str = ""
    ) -> None:
        self.text = text
        self.base = base
        self.value = value
        self.truth = truth
        self.assume = assume

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def compile_expression(text: str, source: str, place: str) -> Expression:
    """Parse an expression of a plan.

    Raises:
        InputError: it is not one.
    """
    # Types may hold spaces, which Python's grammar would refuse.
    clean = _SIZEOF.sub(lambda m: f"sizeof({m[1].strip()!r})", text.strip())
    clean = _KEYWORD_FIELD.sub(r".\1_", clean)
    try:
        tree = ast.parse(clean, mode="eval").body
        return _build(tree, text.strip())
    except (SyntaxError, _UnsupportedError) as error:
        raise InputError(
            source, place, expected="an expression of the plan language", got=repr(text)
        ) from error


class _UnsupportedError(Exception):
    """A construct that plans have no use for."""


ALWAYS = Expression("1", lambda _: 1, lambda _: True, lambda _, wanted: wanted)
"""The test that always holds."""


def _build(tree: ast.expr, text: str) -> Expression:
    value = _value(tree)
    return Expression(text, value, _truth(tree), _assume(tree), _leftmost(tree))


def _leftmost(tree: ast.expr) -> str:
    match tree:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.BinOp(left=inner):
            return _leftmost(inner)
        case ast.Compare(left=inner) | ast.IfExp(body=inner):
            return _leftmost(inner)
        case _:
            return ""


def _path(tree: ast.expr) -> tuple[str, tuple[str | Evaluate, ...]]:
    """``r.u.list[i].gfn`` as its base name and the path from it, indices still to evaluate."""
    if isinstance(tree, ast.Name):
        return tree.id, ()
    if isinstance(tree, ast.Attribute):
        base, path = _path(tree.value)
        name = tree.attr.removesuffix("_") if keyword.iskeyword(tree.attr[:-1]) else tree.attr
        return base, (*path, f".{name}" if path else name)
    if isinstance(tree, ast.Subscript):
        base, path = _path(tree.value)
        if isinstance(tree.slice, ast.Constant):
            return base, (*path, f"[{tree.slice.value!r}]")
        return base, (*path, "[", _value(tree.slice), "]")
    raise _UnsupportedError(ast.dump(tree))


def _value(tree: ast.expr) -> Evaluate:
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int):
        number = int(tree.value)
        return lambda _: number
    if isinstance(tree, ast.Name | ast.Attribute | ast.Subscript):
        return _named(*_path(tree))
    if isinstance(tree, ast.BinOp):
        return _binary(tree)
    if isinstance(tree, ast.UnaryOp):
        inner = _value(tree.operand)
        if isinstance(tree.op, ast.USub):
            return lambda s: _arith("-", operator.sub, 0, inner(s))
        if isinstance(tree.op, ast.Invert):
            return lambda s: combine("~", lambda a, _: ~a, inner(s), 0)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        return _call(tree.func.id, tree.args)
    if isinstance(tree, ast.IfExp):
        test, yes, no = _truth(tree.test), _value(tree.body), _value(tree.orelse)
        shown = ast.unparse(tree)

        def choose(scope: Scope) -> Value:
            known = test(scope)
            if known is None:
                return Free(Variable(shown))
            return yes(scope) if known else no(scope)

        return choose
    if isinstance(tree, ast.Compare | ast.BoolOp) or (
        isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
    ):
        test = _truth(tree)
        shown = ast.unparse(tree)

        def as_int(scope: Scope) -> Value:
            known = test(scope)
            return Free(Variable(shown, 0, 1)) if known is None else int(known)

        return as_int
    raise _UnsupportedError(ast.dump(tree))


def _named(name: str, path: tuple[str | Evaluate, ...]) -> Evaluate:
    fixed = "".join(p for p in path if isinstance(p, str))
    moving = any(not isinstance(p, str) for p in path)

    def look_up(scope: Scope) -> Value:
        held = scope.names.get(name)
        if held is None:
            return ERRNOS[name] if name in ERRNOS else scope.constants[name]
        if not isinstance(held, StructValue):
            return settle(held)
        if not moving:
            return held.get(fixed)
        parts = [p if isinstance(p, str) else p(scope) for p in path]
        if any(isinstance(p, Free) for p in parts):
            return Free(Variable(f"{name}.{fixed}"))
        return held.get("".join(str(p) for p in parts))

    return look_up


def _arith(sign: str, work: Callable[[int, int], int], left: Value, right: Value) -> Value:
    if isinstance(left, int) and isinstance(right, int):
        return work(left, right)
    if isinstance(left, Free) and isinstance(right, int):
        if sign in "+-":
            return Free(left.variable, left.scale, work(left.offset, right))
        if sign in ("*", "<<") and right:
            return Free(left.variable, work(left.scale, right), work(left.offset, right))
    if isinstance(right, Free) and isinstance(left, int):
        if sign == "+":
            return Free(right.variable, right.scale, right.offset + left)
        if sign == "-":
            return Free(right.variable, -right.scale, left - right.offset)
        if sign == "*" and left:
            return Free(right.variable, right.scale * left, right.offset * left)
    if sign in "&%" and isinstance(left, Free) and isinstance(right, int) and right > 0:
        return derive(sign, work, left, right, 0, right - (sign == "%"))
    if sign in (">>", "/") and isinstance(left, Free) and isinstance(right, int):
        low, high = left.bounds()
        return derive(sign, work, left, right, max(0, work(low, right)), work(high, right))
    return combine(f"{left}{sign}{right}", work, left, right)


def _binary(tree: ast.BinOp) -> Evaluate:
    if type(tree.op) is ast.Div:
        raise _UnsupportedError("/")
    sign, work = _OPERATORS[type(tree.op)]
    left, right = _value(tree.left), _value(tree.right)
    return lambda s: _arith(sign, work, left(s), right(s))


def _call(name: str, args: list[ast.expr]) -> Evaluate:
    if name == "sizeof" and isinstance(args[0], ast.Constant):
        kind = str(args[0].value)
        return lambda s: s.structs.sizeof(kind)
    if name == "address" and isinstance(args[0], ast.Name):
        wanted = args[0].id

        def where(scope: Scope) -> Value:
            held = scope.names[wanted]
            return settle(held.address) if isinstance(held, StructValue) else settle(held)

        return where
    if name in ("min", "max"):
        left, right = (_value(a) for a in args)
        return lambda s: _extreme(name, left(s), right(s))
    if name == "up":
        number, to = (_value(a) for a in args)
        return lambda s: combine("up", lambda a, b: -(-a // b) * b, number(s), to(s))
    raise _UnsupportedError(name)


def _extreme(name: str, left: Value, right: Value) -> Value:
    if isinstance(left, int) and isinstance(right, int):
        return min(left, right) if name == "min" else max(left, right)
    ends = [v.bounds() if isinstance(v, Free) else (v, v) for v in (left, right)]
    pick = min if name == "min" else max
    return Free(
        Variable(
            f"{name}({left}, {right})",
            pick(ends[0][0], ends[1][0]),
            pick(ends[0][1], ends[1][1]),
            (pick, left, right),
        )
    )


def _truth(tree: ast.expr) -> Truth:
    if isinstance(tree, ast.BoolOp):
        parts = [_truth(v) for v in tree.values]
        absorbing = isinstance(tree.op, ast.Or)

        def several(scope: Scope) -> bool | None:
            unknown = False
            for part in parts:
                known = part(scope)
                if known is absorbing:
                    return absorbing
                unknown = unknown or known is None
            return None if unknown else not absorbing

        return several
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        inner = _truth(tree.operand)

        def negated(scope: Scope) -> bool | None:
            known = inner(scope)
            return None if known is None else not known

        return negated
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        sign, work = _COMPARES[type(tree.ops[0])]
        left, right = _value(tree.left), _value(tree.comparators[0])
        return lambda s: compare(sign, work, left(s), right(s))
    if isinstance(tree, ast.Compare):
        raise _UnsupportedError("chained comparison")
    value = _value(tree)

    def nonzero(scope: Scope) -> bool | None:
        return compare("!=", operator.ne, value(scope), 0)

    return nonzero


def _assume(tree: ast.expr) -> Assume:
    if isinstance(tree, ast.BoolOp):
        parts = [_assume(v) for v in tree.values]
        # Only "all hold" (of and) and "none holds" (of or) decide each part.
        decides = isinstance(tree.op, ast.And)
        return lambda s, wanted: wanted is not decides or all(p(s, wanted) for p in parts)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        inner = _assume(tree.operand)
        return lambda s, wanted: inner(s, not wanted)
    if isinstance(tree, ast.Compare):
        sign = _COMPARES[type(tree.ops[0])][0]
        left, right = _value(tree.left), _value(tree.comparators[0])
        return lambda s, wanted: narrow(sign if wanted else _NEGATED[sign], left(s), right(s))
    value = _value(tree)
    return lambda s, wanted: narrow("!=" if wanted else "==", value(s), 0)


def names_in(*expressions: Expression | None) -> frozenset[str]:
    """The names that expressions read."""
    found = {name for one in expressions if one for name in _NAME.findall(one.text)}
    return frozenset(found.difference(keyword.kwlist))
