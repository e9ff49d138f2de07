"""Lost checks: what today's walk of the *subject's* tables would have said."""

from __future__ import annotations

import pytest
from variants import SPECIFIED

from xenexplore.addr import Gva
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import HandleAccess
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.oracle import unchecked
from xenexplore.hypervisor.xen import Xen
from xenexplore.steps import Direction


def _mapped_by(vcpu: int, option: type[Design]) -> tuple[Xen, Gva]:
    """One process has the page mapped read-write, the other has nothing there."""
    domain = Domain(GuestSpec(vcpus=2))
    domain.switch(0, "one")
    domain.switch(1, "two")
    area = domain.place("area", "user", 48, process=("one", "two")[vcpu], offset=0)
    xen = Xen(domain, option())
    xen.user_access = True
    return xen, area.va


@pytest.mark.parametrize("option", SPECIFIED, ids=lambda option: option.name)
@pytest.mark.parametrize(("current", "subject"), [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("mapped", [0, 1])
def test_a_check_is_lost_by_the_subjects_tables(
    option: type[Design], current: int, subject: int, mapped: int
) -> None:
    xen, va = _mapped_by(mapped, option)
    access = HandleAccess(
        direction=Direction.TO, handle=va.value, size=48, role="bytes", current=current,
        subject=subject, number=None,
    )  # fmt: skip
    lost = unchecked(xen, None, access, va.value, 48)
    assert lost is not None
    assert bool(lost.would_fail) == (mapped != subject)
