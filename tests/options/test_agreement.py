"""All options under one suite: who reports success has moved the same bytes as today's walk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache

import pytest
from calls import MAKERS, Ran, Where, refused, run_call
from hypothesis import given
from hypothesis import strategies as st
from variants import every_variant, shown, text_of

from xenexplore.errors import MachineError
from xenexplore.guest.spec import GuestSpec
from xenexplore.options.registry import TODAY
from xenexplore.options.variant import Variant
from xenexplore.scenario.trial.judging import Ran as Judgeable
from xenexplore.scenario.trial.judging import Ruling, compared, judge
from xenexplore.scenario.trial.machines import machine
from xenexplore.steps import Move

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


def _judged(one: Ran) -> Judgeable:
    """A run as the package's judge takes it."""
    return Judgeable(one.xen.nodes, one.outcome, (one.result,), one.contents())


def _agrees(ran: Ran, today: Ran) -> None:
    """The package's judge; and what a run says of itself is there."""
    found = compared(_judged(ran), _judged(today))
    assert not found.ruling.failed, found
    steps = [node.step for node in ran.xen.nodes]
    if found.ruling is Ruling.HAZARD:
        assert any(isinstance(step, Move) and not step.right for step in steps)
    elif found.ruling is Ruling.REFUSED:
        assert all(ran.outcome.refusals)
    elif ran.outcome.status == "error":
        assert ran.result < 0 or found.ruling is not Ruling.DAMAGE


def _where(kind: str) -> Where:
    return Where(kind, offset=0x500 if kind == "kmalloc" else None)


@cache
def _today(maker: str, kind: str) -> Ran:
    return run_call(TODAY, MAKERS[maker], _where(kind))


@pytest.mark.parametrize(
    ("what", "maker", "kind"),
    [pytest.param(*case, id="-".join((text_of(case[0]), *case[1:]))) for case in _cases()],
)
def test_every_option_moves_what_today_moves(what: Variant, maker: str, kind: str) -> None:
    today = _today(maker, kind)
    assert today.outcome.status == "right"
    ran = _run(what, maker, _where(kind))
    if ran is not None:
        _agrees(ran, today)


def _run(
    what: Variant, maker: str, where: Where, *, spec: GuestSpec | None = None, user: bool = False
) -> Ran | None:
    """None: the guest is refused, or cannot have such a table."""
    if refused(what.make(), spec):
        return None
    try:
        return run_call(
            what.design, MAKERS[maker], where, spec=spec, params=dict(what.values), user=user
        )
    except MachineError:
        if dict(what.values).get("search") == "direct" and not dict(what.values).get("entries"):
            return None  # it needs a number of slots
        raise


@given(what=st.sampled_from(every_variant()), number=st.integers(0, 10_000))
def test_random_machines_agree(what: Variant, number: int) -> None:
    """The machines of a trial, for every variant of every option."""
    scenario = machine(number)
    found = judge(scenario, what)
    if found is None or (dict(what.values).get("scope") == "domain" and "cross" in scenario.source):
        return  # one table for two address spaces: the thread's own objection
    assert not found.ruling.failed, (what, scenario.source, found)
