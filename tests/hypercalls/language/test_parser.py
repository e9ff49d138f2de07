"""The plan language: what parses, what it means, what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from xenexplore.errors import InputError
from xenexplore.hypercalls import families
from xenexplore.hypercalls.language.expressions import Scope, compile_expression
from xenexplore.hypercalls.language.parser import parse_plan
from xenexplore.hypercalls.language.statements import (
    Block,
    Branch,
    CopyStatement,
    Dispatch,
    ExitStatement,
    HandleOkay,
    Let,
    Loop,
    StateDependent,
    Way,
)
from xenexplore.hypercalls.language.values import Free, StructValue, Variable
from xenexplore.hypercalls.structs import structs_for


def evaluate(text: str, **names: object) -> object:
    scope = Scope(structs_for("x86_64"), {"SIX": 6})
    scope.names.update(names)  # type: ignore[arg-type]
    return compile_expression(text, "test", "").value(scope)


def test_access_forms() -> None:
    (one, two, three, four) = parse_plan(
        """
from arg : xen_memory_reservation as r # which extents
__to r.extent_start @ i : xen_pfn_t
try to arg : xen_domctl.u.shadow_op
clear map + 8 : bytes[n * 2]
""",
        "test",
    )
    assert isinstance(one, CopyStatement)
    assert (one.direction, one.unchecked, one.name) == ("from", False, "r")
    assert one.role == "which extents"
    assert isinstance(two, CopyStatement)
    assert (two.unchecked, two.index.text) == (True, "i")
    assert isinstance(three, CopyStatement)
    assert (three.tolerated, three.type, three.member) == (True, "xen_domctl", "u.shadow_op")
    assert isinstance(four, CopyStatement)
    assert (four.type, four.count.text) == ("uint8_t", "n * 2")


def test_what_a_call_returns() -> None:
    okay, count, errno = parse_plan(
        """
try okay r.extent_start : xen_pfn_t[n]
let returns = i # extents done
let returns = -EFAULT
""",
        "test",
    )
    assert isinstance(okay, HandleOkay)
    assert (okay.tolerated, okay.count.text) == (True, "n")
    assert isinstance(count, Let)
    assert (count.name, count.role) == ("returns", "extents done")
    assert isinstance(errno, Let)
    assert errno.value.value(Scope(structs_for("x86_64"), {})) == -14


def test_blocks() -> None:
    loop, whim, branch = parse_plan(
        """
each i in 0 .. r.n:
    from a @ i : uint64_t
    fail -EPERM "why not"
sometimes "a reason":
    end
if a == 1:
    end
elif a == 2:
    fail -EINVAL -ESRCH if b "why"
else:
    continue "later" with cmd = a | i << 6, arg = b
""",
        "test",
    )
    assert isinstance(loop, Loop)
    assert [type(s) for s in loop.body] == [CopyStatement, ExitStatement]
    assert isinstance(whim, StateDependent)
    assert not whim.usual
    assert isinstance(branch, Branch)
    assert len(branch.arms) == 2
    (last,) = branch.otherwise
    assert isinstance(last, ExitStatement)
    assert [name for name, _ in last.args] == ["cmd", "arg"]


@pytest.mark.parametrize(
    "text",
    [
        "fetch arg : uint64_t",
        "from arg",
        "from arg : uint64_t @ i",
        "if a\n    end",
        "let = 3",
        "from a +: uint64_t",
        "end\n    end",
        "let a = b / c",
        "let a = lambda: 1",
        "let a = f(1)",
        "if a < b < c:\n    end",
        "if a:\n    end\n  end",
        # Every fail has an errno, and it is one of Xen's (xen/include/public/errno.h).
        'fail "why"',
        'fail if a "why"',
        'fail -EUCLEAN "why"',
        "fail EINVAL",
        'fail -EINVAL -EVERYTHING if a "why"',
        "dispatch a or -ENOTTY",
        "dispatch a or EINVAL",
    ],
)
def test_what_is_not_a_plan(text: str) -> None:
    with pytest.raises(InputError) as error:
        parse_plan(text, "here.toml")
    assert error.value.source == "here.toml"
    assert "line" in error.value.place


def test_an_error_is_a_value() -> None:
    some, certain, other, plain = parse_plan(
        """
fail -ESRCH -EPERM "no such domain, or XSM refuses"
fail -EINVAL if a == 1 "why"
dispatch a or -EOPNOTSUPP
dispatch a
""",
        "test",
    )
    assert isinstance(some, ExitStatement)
    assert (some.how, some.errnos, some.test) == (Way.FAIL, ("ESRCH", "EPERM"), None)
    assert isinstance(certain, ExitStatement)
    assert (certain.errnos, certain.test.text) == (("EINVAL",), "a == 1")
    assert isinstance(other, Dispatch)
    assert isinstance(plain, Dispatch)
    assert (other.errno, plain.errno) == ("EOPNOTSUPP", "ENOSYS")


def test_every_error_of_the_catalogue_is_one_of_xen_s() -> None:
    """Loading refuses any other; this counts that there are some, in every form."""
    found = [node for text in plans() for node in exits(text)]
    assert len(found) > 300
    assert all(node.errnos for node in found if node.how is Way.FAIL)
    assert not any(node.errnos for node in found if node.how is not Way.FAIL)


def plans() -> Iterator[Block]:
    for one in families():
        yield one.plan
        yield from map(one.part, one.parts)
        yield from (op.plan for op in one.ops.values())


def exits(block: Block) -> Iterator[ExitStatement]:
    for node in block:
        if isinstance(node, ExitStatement):
            yield node
        for name in ("body", "otherwise"):
            yield from exits(getattr(node, name, ()))
        for _, body in getattr(node, "arms", ()):
            yield from exits(body)


def test_arithmetic() -> None:
    assert evaluate("SIX + 2 * 3 - 1") == 11
    assert evaluate("7 // 2 + 7 % 2") == 4
    assert evaluate("1 << 4 | 3 & ~1") == 18
    assert evaluate("up(13, 4)") == 16
    assert evaluate("min(3, 4) + max(3, 4)") == 7
    assert evaluate("1 if 2 > 3 else 9") == 9
    assert evaluate("sizeof(unsigned int) + sizeof(xen_pfn_t)") == 12
    assert evaluate("not 3 or 4 == 4") == 1


def test_fields_of_known_contents() -> None:
    data = bytes(range(32))
    r = StructValue("r", "xen_memory_reservation", structs_for("x86_64"), 0x1000, data)
    assert evaluate("r.extent_start", r=r) == int.from_bytes(data[:8], "little")
    assert evaluate("r.domid", r=r) == 0x1918
    assert evaluate("address(r) + 8", r=r) == 0x1008


def test_a_field_that_python_calls_a_keyword() -> None:
    exch = StructValue("e", "xen_memory_exchange", structs_for("x86_64"), 0, bytes(72))
    assert evaluate("e.in.nr_extents + e.out.nr_extents", e=exch) == 0


def test_elements_by_a_changing_index() -> None:
    data = (7).to_bytes(8, "little") + (9).to_bytes(8, "little")
    words = StructValue("w", "uint64_t", structs_for("x86_64"), 0, data)
    assert evaluate("w[i]", w=words, i=1) == 9
    assert evaluate("w[0]", w=words) == 7


def test_unknown_values_stay_linear() -> None:
    n = Free(Variable("n"))
    assert str(evaluate("4 * n + 8", n=n)) == "4*n+0x8"
    masked = evaluate("n & 63", n=n)
    assert isinstance(masked, Free)
    assert masked.bounds() == (0, 63)
    # The same unknown, asked twice, is the same unknown.
    assert evaluate("n & 63", n=n).variable is masked.variable


def test_binding() -> None:
    variable = Variable("n", 0, 100)
    free = Free(variable, 8, 16)
    assert not free.bind(17)
    assert not free.bind(8 * 101 + 16)
    assert free.bind(8 * 5 + 16)
    assert variable.value == 5
    assert free.resolve() == 56


def test_assumptions_narrow() -> None:
    scope = Scope(structs_for("x86_64"), {})
    variable = Variable("n", 0, 255)
    scope.names["n"] = Free(variable)
    test = compile_expression("n > 128", "test", "")
    assert test.truth(scope) is None
    assert test.assume(scope, False)
    assert variable.high == 128
    assert test.truth(scope) is False
    assert not compile_expression("n == 200", "test", "").assume(scope, True)
    assert compile_expression("n == 4", "test", "").assume(scope, True)
    assert variable.value == 4
