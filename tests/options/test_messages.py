"""What the registry says of a design or parameter that it cannot take, word for word."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xenexplore.errors import MachineError
from xenexplore.hypervisor.design import Design
from xenexplore.options.registry import OPTIONS, option_class, variant, with_parameters

EVERY = ", ".join(OPTIONS)
BOTH = ", ".join(sorted(parameter.name for parameter in OPTIONS["software-tlb"].parameters))
TLB = ", ".join(parameter.name for parameter in OPTIONS["software-tlb"].parameters)


def taken() -> object:
    class Taken(Design):
        name = "number-bit"
        ident = "MINE"

        def locate(self, xen, access):
            yield

    return variant(Taken)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (
            lambda: variant("linear-wak"),
            f"no option 'linear-wak': expected one of {EVERY}; did you mean 'linear-walk'?",
        ),
        (
            lambda: variant("bunce"),
            f"no option 'bunce': expected one of {EVERY}; did you mean 'bounce'?",
        ),
        (lambda: option_class(int), "expected a subclass of Design, got <class 'int'>"),
        (
            taken,
            "class Taken: the name 'number-bit' belongs to a registered option: choose another",
        ),
        (
            lambda: with_parameters([variant("linear-walk")], {"entries": 4}),
            "option 'linear-walk' has no parameter 'entries': cross_vcpu",
        ),
        (
            lambda: with_parameters([variant("O7"), variant("linear-walk")], {"entrys": 4}),
            (
                f"none of 'software-tlb', 'linear-walk' has a parameter 'entrys': {BOTH}; "
                "did you mean 'entries'?"
            ),
        ),
        (lambda: variant("O7: 4"), "design 'O7: 4': expected key=value after a colon, not '4'"),
        (
            lambda: variant("O7: entries=1, entries=2"),
            "design 'O7: entries=1, entries=2': entries is set twice",
        ),
        (
            lambda: variant("O7: entries=x"),
            "design 'O7: entries=x': entries takes a number, not 'x'",
        ),
        (
            lambda: variant("O7", {"entrys": 1}),
            f"option 'software-tlb' has no parameter 'entrys': {TLB}; did you mean 'entries'?",
        ),
        (
            lambda: variant("O7", {"register": 1}),
            "software-tlb: register takes a list of words, not 1",
        ),
        (lambda: variant("O7", {"entries": "x"}), "software-tlb: entries takes a number, not 'x'"),
        (lambda: variant("O7", {"entries": -1}), "software-tlb: entries takes 0 or more, not -1"),
        (lambda: variant("O7", {"entries": 1 << 20}).values, ""),
        (
            lambda: variant("O7", {"entries": (1 << 20) + 1}),
            "software-tlb: entries takes at most 1048576, not 1048577",
        ),
        (lambda: variant("O11", {"bits": 48}), "fastabi: bits is one of 64, 32, not 48"),
    ],
)
def test_messages(ask: Callable[[], object], says: str) -> None:
    if not says:
        assert ask()
        return
    with pytest.raises(MachineError) as caught:
        ask()
    assert str(caught.value) == says
