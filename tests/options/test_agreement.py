"""All options under one suite: who reports success has moved the same bytes as today's walk."""

from __future__ import annotations

import pytest
from calls import MAKERS, ONE_MAPPED_KINDS, Ran, Where, run_call
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.errors import MachineError
from xenexplore.guest.spec import GuestSpec
from xenexplore.options.registry import OPTIONS
from xenexplore.steps import Hazard, Move, UncheckedAccess

SPECIFIED = [name for name, option in OPTIONS.items() if option.specified]
VARIANTS: list[tuple[str, dict[str, object]]] = [
    *((name, {}) for name in SPECIFIED),
    ("number-bit", {"not_contiguous": "refuse"}),
    ("address-bits", {"layout": "tuples"}),
    ("sg-policy", {"layout": "tuples"}),
    ("sg-policy", {"policy": "by-size"}),
    ("sg-policy", {"policy": "by-size", "layout": "tuples"}),
    ("software-tlb", {"register": ["directmap"]}),
    ("software-tlb", {"register": ["directmap", "stack"], "form": "table"}),
    ("software-tlb", {"register": ["stack"], "entries": 4, "policy": "lru", "search": "sorted"}),
    ("software-tlb", {"register": ["stack", "directmap"], "straddle": "miss"}),
    ("gfn-lists", {"register": ["directmap"]}),
    ("giant-map", {"second": "kernel-image", "scope": "domain"}),
]


def _name(variant: tuple[str, dict[str, object]]) -> str:
    name, params = variant
    return "-".join([name, *(f"{key}={value}" for key, value in params.items())])


def _agrees(ran: Ran, today: Ran) -> None:
    """Success means the same bytes; anything else must say so itself."""
    steps = [node.step for node in ran.xen.nodes]
    if ran.outcome.status == "right":
        if today.outcome.status != "error":
            assert ran.contents() == today.contents()
            assert ran.result == today.result
        else:
            # Today's walk refused: the check that is not made is declared.
            lost = [s for s in steps if isinstance(s, UncheckedAccess) and s.would_fail]
            assert lost or ran.abi.name == "fastabi"
    elif ran.outcome.status == "wrong":
        assert any(isinstance(step, Hazard) for step in steps), "silent damage without a hazard"
        assert any(isinstance(step, Move) and not step.right for step in steps)
    elif ran.outcome.status == "refused":
        assert ran.outcome.refusals
        assert all(ran.outcome.refusals)
    else:
        assert ran.result < 0 or ran.outcome.status == "error"


@pytest.mark.parametrize("variant", VARIANTS, ids=_name)
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("kind", ["kmalloc", "stack", "static"])
def test_every_option_moves_what_today_moves(
    variant: tuple[str, dict[str, object]], maker: str, kind: str
) -> None:
    name, params = variant
    where = Where(kind, offset=0x500 if kind == "kmalloc" else None)
    today = run_call("linear-walk", MAKERS[maker], where)
    assert today.outcome.status == "right"
    _agrees(run_call(name, MAKERS[maker], where, params=params), today)


@given(
    variant=st.sampled_from(VARIANTS),
    maker=st.sampled_from(sorted(MAKERS)),
    kind=st.sampled_from(ONE_MAPPED_KINDS),
    offset=st.one_of(st.none(), st.integers(0, 511).map(lambda n: n * 8), st.integers(4000, 4095)),
    order=st.sampled_from((0, 9, 18)),
    seed=st.integers(0, 3),
    writable=st.booleans(),
)
def test_random_guests_buffers_and_calls_agree(
    variant: tuple[str, dict[str, object]],
    maker: str,
    kind: str,
    offset: int | None,
    order: int,
    seed: int,
    writable: bool,
) -> None:
    name, params = variant
    if kind in ("stack", "percpu", "static") and offset is not None:
        offset = min(offset, 4095)
    spec = GuestSpec(seed=seed, p2m_order=order)
    where = Where(kind, offset=offset, writable=writable)
    user = kind == "user"
    try:
        today = run_call("linear-walk", MAKERS[maker], where, spec=spec, user=user)
    except MachineError:
        return  # a place that this kind of memory cannot have
    _agrees(run_call(name, MAKERS[maker], where, spec=spec, params=params, user=user), today)
