"""Page-table isolation: what user mode's tables hold, and what CR3 names when."""

from __future__ import annotations

import pytest

from xenexplore.addr import Gva
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.paging import READ, Walk, walk


def at(domain: Domain, va: Gva) -> Walk:
    return walk(domain.memory.hypervisor, domain.paging_state(0), va, READ)


def test_user_mode_sees_its_own_half_and_none_of_the_kernels() -> None:
    domain = Domain(GuestSpec(pti=True))
    kernel = {kind: domain.place(kind, kind, 64) for kind in ("percpu", "stack", "kmalloc")}
    mine = domain.place("mine", "user", 64, process="init")
    root = domain.vcpus[0].cr3
    domain.enter_user(0)
    user = domain.vcpus[0].cr3
    # Two neighbouring pages: one bit of CR3, PTI_USER_PGTABLE_BIT, tells them apart.
    assert (root.value ^ user.value, domain.vcpus[0].cpl) == (0x1000, 3)
    assert domain.process("init").user_root == user
    assert at(domain, mine.va).entries
    assert domain.frames_of("mine")[0] is not None
    for buffer in kernel.values():
        found = at(domain, buffer.va)
        assert (found.ok, found.failed_level) == (False, 4)
        # What the kernel means by the address does not change with CR3.
        assert domain.truth(buffer.va, 4, vcpu=0)[0][0] is not None
    domain.enter_kernel(0)
    assert (domain.vcpus[0].cr3, domain.vcpus[0].cpl) == (root, 0)
    assert all(at(domain, buffer.va).ok for buffer in kernel.values())


def test_what_is_mapped_later_is_in_user_modes_tables_when_it_runs_again() -> None:
    domain = Domain(GuestSpec(pti=True, smap=False))
    for number in range(2):
        name = f"buffer-{number}"
        found = domain.place(
            name, "user", 64, process="init", address=Gva(0x3F00_0000_0000 << number)
        )
        domain.enter_user(0)
        assert at(domain, found.va).ok
        domain.enter_kernel(0)
    domain.switch(0, "other")
    domain.enter_user(0)
    assert not at(domain, found.va).ok


def test_user_modes_table_is_a_table_like_any_other() -> None:
    domain = Domain(GuestSpec(pti=True))
    frame = domain.process("init").user_root
    assert frame is not None
    assert any(gfn.value << 12 == frame.value for gfn in domain.table_frames)


def test_without_isolation_user_mode_runs_on_the_kernels_tables() -> None:
    domain = Domain(GuestSpec())
    root = domain.vcpus[0].cr3
    domain.enter_user(0)
    assert domain.vcpus[0].cr3 == root
    assert domain.process("init").user_root is None


def test_the_kernels_own_space_has_no_user_mode() -> None:
    domain = Domain(GuestSpec(pti=True))
    domain.switch(0, "kernel")
    with pytest.raises(MachineError, match="vCPU 0 runs no process"):
        domain.enter_user(0)
