"""Registered areas at the edges of a page, and where the update flag lies."""

from __future__ import annotations

import errno

import pytest
from variants import SPECIFIED

from xenexplore.addr import PAGE_SIZE, Gpa
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.areas import (
    RUNSTATE_BYTES,
    out_of_user_mode,
    register_physical,
    update_runstate,
)
from xenexplore.hypervisor.calls import RegisteredArea
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import TODAY
from xenexplore.steps import Copy, Note

LAST = PAGE_SIZE - RUNSTATE_BYTES
"""Offset of an area that ends with its page."""


@pytest.mark.parametrize(
    ("offset", "result"),
    [(0, 0), (8, 0), (LAST - 8, 0), (LAST, 0), (LAST + 8, -errno.ENXIO), (LAST - 4, -errno.ENXIO)],
)
def test_an_area_may_end_with_its_page(offset: int, result: int) -> None:
    """map_guest_area(): PAGE_OFFSET(gaddr) > PAGE_SIZE - size is -ENXIO (xen/common/domain.c)."""
    domain = Domain(GuestSpec())
    page = domain.place("page", "kmalloc", PAGE_SIZE, offset=0)
    gpa = domain.truth(page.va, 1, vcpu=0)[0][0]
    assert gpa is not None
    found = register_physical(Xen(domain, TODAY()), 0, Gpa(gpa.value + offset), page.va + offset)
    if result:
        assert found == result
    else:
        assert isinstance(found, RegisteredArea)
        assert found.handle == gpa.value + offset


@pytest.mark.parametrize("option", SPECIFIED, ids=lambda option: option.name)
@pytest.mark.parametrize("physical", [False, True])
@pytest.mark.parametrize("offset", [0, LAST])
def test_the_update_flag_is_the_top_of_the_entry_time(
    option: type[Design], physical: bool, offset: int
) -> None:
    """state_entry_time lies at 8; XEN_RUNSTATE_UPDATE is its bit 63, in byte 15 (public/vcpu.h).

    update_runstate_area() writes the byte alone by a linear address
    (``guest_handle--`` after ``state_entry_time + 1``), and the whole field of an area
    that it keeps mapped (xen/common/domain.c, 4.18).
    """
    domain = Domain(GuestSpec())
    page = domain.place("page", "kmalloc", PAGE_SIZE, offset=0)
    va = page.va + offset
    gpa = domain.truth(va, 1, vcpu=0)[0][0]
    assert gpa is not None
    xen = Xen(domain, option())
    xen.design.setup(xen)
    before = len(xen.nodes)
    start = gpa.value if physical else va.value
    update_runstate(xen, RegisteredArea(subject=0, handle=start, va=va, physical=physical), 0)
    copies = [n.step for n in xen.nodes[before:] if isinstance(n.step, Copy)]
    flag = (8, 8) if physical else (15, 1)
    wanted = [flag, (0, RUNSTATE_BYTES), flag]
    assert [(copy.handle - start, copy.size) for copy in copies] == wanted


@pytest.mark.parametrize("pti", [False, True])
def test_a_vcpu_in_user_mode_has_other_tables_under_pti_only(pti: bool) -> None:
    """SWITCH_TO_USER_CR3, Linux arch/x86/entry/calling.h: without PTI CR3 stays."""
    domain = Domain(GuestSpec(vcpus=2, pti=pti))
    kernel = domain.vcpus[1].cr3
    xen = Xen(domain, TODAY())
    with out_of_user_mode(xen, 1):
        inside = domain.vcpus[1].cr3
    assert (inside != kernel) == pti
    assert domain.vcpus[1].cr3 == kernel
    (note,) = (node.step for node in xen.record.nodes if isinstance(node.step, Note))
    whose = "the user-mode tables" if pti else "the same tables as in kernel mode"
    assert note.text == f"vCPU 1 is in user mode: its CR3 is {inside.hex()}, {whose}."
