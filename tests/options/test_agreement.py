"""All options under one suite: who reports success has moved the same bytes as today's walk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from calls import MAKERS, ONE_MAPPED_KINDS, Ran, Where, run_call
from hypothesis import given
from hypothesis import strategies as st
from variants import every_variant, shown, text_of

from xenexplore.analysis.replay.design import replay_model
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.replay_model import Resolution
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import TODAY, variant
from xenexplore.options.variant import Variant
from xenexplore.steps import Hazard, Move, UncheckedAccess

KINDS = ("kmalloc", "stack", "static")


def _cases() -> Iterator[tuple[Variant, str, str]]:
    """What is shown of each option with every call and place; each other variant with some."""
    usual = shown()
    for what in usual:
        yield from ((what, maker, kind) for maker in MAKERS for kind in KINDS)
    makers, kinds = itertools.cycle(MAKERS), itertools.cycle(KINDS)
    for what in every_variant():
        if (what.use, set(what.values)) not in [(one.use, set(one.values)) for one in usual]:
            yield what, next(makers), next(kinds)


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
            assert lost or replay_model(variant(ran.design)).resolves() is Resolution.REGISTERS
    elif ran.outcome.status == "wrong":
        assert any(isinstance(step, Hazard) for step in steps), "silent damage without a hazard"
        assert any(isinstance(step, Move) and not step.right for step in steps)
    elif ran.outcome.status == "refused":
        assert ran.outcome.refusals
        assert all(ran.outcome.refusals)
    else:
        assert ran.result < 0 or ran.outcome.status == "error"


@pytest.mark.parametrize(
    ("what", "maker", "kind"),
    [pytest.param(*case, id="-".join((text_of(case[0]), *case[1:]))) for case in _cases()],
)
def test_every_option_moves_what_today_moves(what: Variant, maker: str, kind: str) -> None:
    where = Where(kind, offset=0x500 if kind == "kmalloc" else None)
    today = run_call(TODAY, MAKERS[maker], where)
    assert today.outcome.status == "right"
    ran = _run(what, maker, where)
    if ran is not None:
        _agrees(ran, today)


def _run(
    what: Variant, maker: str, where: Where, *, spec: GuestSpec | None = None, user: bool = False
) -> Ran | None:
    """None: the guest is refused, or cannot have such a table."""
    if what.make().refuses(Xen(Domain(spec or GuestSpec()), what.make())):
        return None
    try:
        return run_call(
            what.design, MAKERS[maker], where, spec=spec, params=dict(what.values), user=user
        )
    except MachineError:
        if dict(what.values).get("search") == "direct" and not dict(what.values).get("entries"):
            return None  # it needs a number of slots
        raise


@given(
    what=st.sampled_from(every_variant()),
    maker=st.sampled_from(sorted(MAKERS)),
    kind=st.sampled_from(ONE_MAPPED_KINDS),
    offset=st.one_of(st.none(), st.integers(0, 511).map(lambda n: n * 8), st.integers(4000, 4095)),
    order=st.sampled_from((0, 9, 18)),
    seed=st.integers(0, 3),
    writable=st.booleans(),
    shadow=st.booleans(),
)
def test_random_guests_buffers_and_calls_agree(
    what: Variant,
    maker: str,
    kind: str,
    offset: int | None,
    order: int,
    seed: int,
    writable: bool,
    shadow: bool,
) -> None:
    if kind in ("stack", "percpu", "static") and offset is not None:
        offset = min(offset, 4095)
    spec = GuestSpec(seed=seed, p2m_order=order)
    if shadow:
        spec = GuestSpec(seed=seed, p2m_order=min(order, 9), paging="shadow")
    where = Where(kind, offset=offset, writable=writable)
    user = kind == "user"
    try:
        today = run_call(TODAY, MAKERS[maker], where, spec=spec, user=user)
    except MachineError:
        return  # a place that this kind of memory cannot have
    ran = _run(what, maker, where, spec=spec, user=user)
    if ran is not None:
        _agrees(ran, today)
