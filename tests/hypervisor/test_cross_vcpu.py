"""Accesses about another vCPU than the one that runs: the thread's prerequisite."""

from __future__ import annotations

import errno

import pytest
from calls import word

from xenexplore.addr import Gpa, Gva
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.areas import register_physical, update_runstate
from xenexplore.hypervisor.calls import GuestCall, RegisteredArea
from xenexplore.hypervisor.execute import hypercall
from xenexplore.hypervisor.outcome import outcome_of
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import make_option
from xenexplore.steps import Note
from xenexplore.tlb import TlbEntry


def _two_spaces(option: str, params: dict[str, object] | None = None) -> tuple[Xen, Gva]:
    """vCPU 0 and 1 run processes that map one address to different frames."""
    domain = Domain(GuestSpec(vcpus=2))
    domain.switch(0, "one")
    domain.switch(1, "two")
    first = domain.place("area-one", "user", 48, process="one", offset=0)
    frames = domain.alloc_frames(1, contiguous=True)
    domain.place("area-two", "fixed", 48, process="two", address=first.va, frames=frames)
    xen = Xen(domain, make_option(option, params))
    xen.design.setup(xen)
    xen.user_access = True
    return xen, first.va


@pytest.mark.parametrize(
    ("cure", "right"), [("current", False), ("subject", True), ("deferred", True)]
)
def test_todays_walk_writes_through_current(cure: str, right: bool) -> None:
    xen, va = _two_spaces("linear-walk", {"cross_vcpu": cure})
    area = RegisteredArea(subject=1, handle=va.value, va=va, update_flag=False)
    assert update_runstate(xen, area, 0, cure=cure)
    outcome = outcome_of(xen.nodes)
    assert outcome.status == ("right" if right else "wrong")
    written = xen.domain.read(va, 48, process="two") != bytes(48)
    misplaced = xen.domain.read(va, 48, process="one") != bytes(48)
    assert (written, misplaced) == (right, not right)
    assert any(isinstance(n.step, Note) for n in xen.nodes) is (cure == "deferred")


def test_a_tlb_asked_for_the_wrong_vcpu_hits_silently() -> None:
    xen, va = _two_spaces("software-tlb")
    for vcpu, process in ((0, "one"), (1, "two")):
        gpa = xen.domain.truth(va, 48, process=process)[0][0]
        assert gpa is not None
        xen.design.tlb.insert(xen, vcpu, TlbEntry(va, gpa, 48))
    area = RegisteredArea(subject=1, handle=va.value, va=va)
    assert update_runstate(xen, area, 0)
    outcome = outcome_of(xen.nodes)
    assert (outcome.status, outcome.wrong_bytes) == ("wrong", 50)


def test_registering_for_another_vcpu_writes_at_once_through_current() -> None:
    xen, va = _two_spaces("linear-walk")
    struct = xen.domain.place("struct", "stack", 8, contents=word(va.value))
    call = GuestCall(
        vcpu=0,
        name="vcpu_op.register_runstate_memory_area",
        number=24,
        args=(5, 1, struct.va.value),
    )
    assert hypercall(xen, call) == 0
    assert xen.areas[1].handle == va.value
    assert outcome_of(xen.nodes).status == "wrong"


@pytest.mark.parametrize(
    ("offset", "p2m_type", "result"),
    [
        # map_guest_area(), xen/common/domain.c (4.18).
        (0, "p2m_ram_rw", 0),
        (4080, "p2m_ram_rw", -errno.ENXIO),
        (4, "p2m_ram_rw", -errno.ENXIO),
        # check_get_page_from_gfn(), xen/common/memory.c (4.18).
        (0, "p2m_ram_logdirty", 0),
        (0, "p2m_ram_ro", 0),
        (0, "p2m_ioreq_server", 0),
        (0, "p2m_map_foreign", 0),
        (0, "p2m_mmio_direct", -errno.EPERM),
        (0, "p2m_mmio_dm", -errno.EINVAL),
        (0, "p2m_invalid", -errno.EINVAL),
        (0, "p2m_ram_broken", -errno.EINVAL),
        (0, "p2m_ram_paging_out", -errno.EAGAIN),
        (0, "p2m_ram_paged", -errno.EAGAIN),
        (0, "p2m_ram_paging_in", -errno.EAGAIN),
        (0, "p2m_ram_shared", -errno.EAGAIN),  # no frame to unshare it with
    ],
)
def test_what_the_physical_twin_accepts(offset: int, p2m_type: str, result: int) -> None:
    domain = Domain(GuestSpec(vcpus=2))
    page = domain.place("page", "kmalloc", 4096, offset=0)
    domain.set_p2m_type(page.frames[0], p2m_type)
    xen = Xen(domain, make_option("phys-twins"))
    gpa = Gpa((page.frames[0].value << 12) + offset)
    got = register_physical(xen, 1, gpa, page.va + offset)
    if result:
        assert got == result
        return
    assert isinstance(got, RegisteredArea)
    assert update_runstate(xen, got, 0)
    assert outcome_of(xen.nodes).status == "right"
    assert outcome_of(xen.nodes).calls.walks == 0


def test_all_ones_unregisters() -> None:
    xen = Xen(Domain(GuestSpec()), make_option("phys-twins"))
    assert register_physical(xen, 0, Gpa((1 << 64) - 1), Gva(0)) == 0


def test_a_physical_handle_stored_by_the_old_call_is_walked_later() -> None:
    """Q28: the flag lives for one call; the area is written outside of any."""
    domain = Domain(GuestSpec())
    area = domain.place("area", "kmalloc", 48, offset=0)
    struct = domain.place("struct", "stack", 8, contents=word(area.va.value))
    xen = Xen(domain, make_option("number-bit"))
    call = GuestCall(
        vcpu=0,
        name="vcpu_op.register_runstate_memory_area",
        number=24,
        args=(5, 0, struct.va.value),
    )
    assert hypercall(xen, call) == 0
    assert outcome_of(xen.nodes).status == "right"
    assert not update_runstate(xen, xen.areas[0], 0)
    assert outcome_of(xen.nodes).status == "error"
