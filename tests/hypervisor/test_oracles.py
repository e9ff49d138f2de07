"""Facts about Xen that the thread's digest lists as oracles (its section 7)."""

from __future__ import annotations

import errno

import pytest
from calls import MAKERS, Where, run_call, word

from xenexplore.addr import Gpa, Gva
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec, GuestType
from xenexplore.hypervisor.areas import register_runstate_physical, update_runstate
from xenexplore.hypervisor.calls import GuestCall, RegisteredArea
from xenexplore.hypervisor.execute import hypercall, make_call
from xenexplore.hypervisor.outcome import outcome_of
from xenexplore.hypervisor.physical import PHYSICAL_BIT
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.fastabi import VALUE_REGISTERS, fits
from xenexplore.options.registry import OPTIONS, make_option
from xenexplore.scenario.model.call_names import find_call
from xenexplore.steps import Check, Copy, Move, RegisterPass, Return


def entry(op: int, *args: int) -> bytes:
    """Struct multicall_entry (xen/include/public/xen.h)."""
    words = (op, 0, *args)
    return b"".join(map(word, words)).ljust(64, b"\0")


def made(option: str, entries: bytes, domain: Domain | None = None) -> tuple[Xen, int]:
    domain = domain or Domain(GuestSpec())
    listed = domain.place("list", "kmalloc", len(entries), offset=0, contents=entries)
    xen = Xen(domain, make_option(option))
    xen.design.setup(xen)
    call = GuestCall(
        vcpu=0, name="multicall", number=13, args=(listed.va.value, len(entries) // 64)
    )
    return xen, hypercall(xen, call)


def moved(xen: Xen) -> list[tuple[str, int]]:
    return [(s.direction, s.size) for s in (n.step for n in xen.nodes) if isinstance(s, Move)]


def failing(xen: Xen) -> list[str]:
    checks = [n.step for n in xen.nodes if isinstance(n.step, Check)]
    return [f"{check.name}: {check.detail}" for check in checks if not check.passed]


@pytest.mark.parametrize("option", ["linear-walk", "software-tlb", "number-bit"])
def test_a_multicall_inside_a_multicall_is_einval(option: str) -> None:
    """do_multicall(), xen/common/multicall.c: _MCSF_in_multicall is set already."""
    domain = Domain(GuestSpec())
    inner = domain.place("inner", "kmalloc", 64, offset=0, contents=entry(29, 1, 0))
    xen, result = made(option, entry(13, inner.va.value, 1) + entry(29, 0, 0), domain)
    assert result == 0
    # Two entries in, two results out; the inner list is never read.
    assert moved(xen) == [("from", 64), ("to", 8), ("from", 64), ("to", 8)]
    assert [text.rpartition(": ")[2] for text in failing(xen)] == ["result -EINVAL"]
    assert outcome_of(xen.nodes).status == "error"


@pytest.mark.parametrize("guest", ["pvh", "pv"])
def test_an_unknown_entry_fails_alone(guest: GuestType) -> None:
    domain = Domain(GuestSpec(type=guest))
    xen, result = made("linear-walk", entry(60) + entry(29, 0, 0), domain)
    assert result == 0
    assert len(failing(xen)) == 1
    assert "0x3c: result -ENOSYS" in failing(xen)[0]
    assert moved(xen)[2:] == [("from", 64), ("to", 8)]


def test_an_unknown_number_is_enosys() -> None:
    xen = Xen(Domain(GuestSpec()), make_option("linear-walk"))
    assert make_call(xen, GuestCall(vcpu=0, name="?", number=60, args=(0,))) == -errno.ENOSYS
    assert not moved(xen)


def test_a_sub_op_without_a_plan_is_enosys() -> None:
    xen = Xen(Domain(GuestSpec()), make_option("linear-walk"))
    call = GuestCall(vcpu=0, name="?", number=32, args=(99, 0))
    assert make_call(xen, call) == -errno.ENOSYS


@pytest.mark.parametrize(("vcpuid", "result"), [(0, 0), (1, 0), (2, -errno.ENOENT)])
@pytest.mark.parametrize("option", ["linear-walk", "fastabi", "number-bit"])
def test_a_vcpu_that_the_domain_has_not(option: str, vcpuid: int, result: int) -> None:
    """do_vcpu_op(), xen/arch/x86/domain.c; the same under the posted FastABI."""
    domain = Domain(GuestSpec(vcpus=2))
    buffer = domain.place("runstate", "kmalloc", 48, offset=0)
    xen = Xen(domain, make_option(option))
    call = GuestCall(
        vcpu=0, name="vcpu_op.get_runstate_info", number=24, args=(4, vcpuid, buffer.va.value)
    )
    assert hypercall(xen, call) == result


@pytest.mark.parametrize(("vcpuid", "result"), [(0, 0), (1, -errno.EINVAL)])
@pytest.mark.parametrize("option", ["linear-walk", "fastabi"])
def test_a_timer_of_another_vcpu(option: str, vcpuid: int, result: int) -> None:
    """VCPUOP_set_singleshot_timer: v != current is -EINVAL (xen/common/domain.c)."""
    domain = Domain(GuestSpec(vcpus=2))
    buffer = domain.place("timer", "kmalloc", 16, offset=0)
    xen = Xen(domain, make_option(option))
    call = GuestCall(
        vcpu=0, name="vcpu_op.set_singleshot_timer", number=24, args=(8, vcpuid, buffer.va.value)
    )
    assert hypercall(xen, call) == result


def test_domain_mode_is_refused_to_pv_with_einval() -> None:
    """2025 series: XEN_DOMCTL_CDF_physaddr_abi is for HVM; domain creation fails."""
    xen = Xen(Domain(GuestSpec(type="pv")), make_option("domain-mode"))
    assert "-EINVAL" in xen.design.refuses(xen)


def test_fastabi_has_six_value_registers() -> None:
    """reg2 to reg7; VCPUOP_get_runstate_info fills them: state, entry time, four times."""
    assert VALUE_REGISTERS == ("rsi", "r8", "r9", "r10", "r11", "r12")
    ran = run_call("fastabi", MAKERS["runstate"])
    (passed,) = [n.step for n in ran.xen.nodes if isinstance(n.step, RegisterPass)]
    assert (passed.direction, passed.registers, passed.size) == ("to", VALUE_REGISTERS, 48)
    assert ran.outcome.calls.p2m_lookups == 0
    assert ran.contents()["runstate"] != bytes(48)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("event_channel_op send", ""),
        ("vcpu_op get_runstate_info", ""),
        ("grant_table_op map_grant_ref", "array"),
        ("memory_op populate_physmap", "no struct bounds"),
        ("grant_table_op setup_table", "no struct bounds"),
        ("console_io write", "array"),
        ("multicall", "no fixed size"),
        ("set_timer_op", ""),
    ],
)
def test_what_fits_into_registers(name: str, why: str) -> None:
    reason = fits(*find_call(name))
    assert why in reason if why else not reason


def test_fastabi_answers_an_unknown_number_with_enosys() -> None:
    xen = Xen(Domain(GuestSpec()), make_option("fastabi"))
    call = GuestCall(vcpu=0, name="?", number=60 | PHYSICAL_BIT, args=(0,))
    assert make_call(xen, call) == -errno.ENOSYS
    # A guest's stubs know that there is no such map, and do not call.
    assert hypercall(xen, GuestCall(vcpu=0, name="?", number=60, args=(0,))) == -95
    assert "no register map" in outcome_of(xen.nodes).refusals[0]


def test_an_area_without_the_update_flag_is_written_once() -> None:
    """VMASST_TYPE_runstate_update_flag: a byte before and one after, only if asked for."""
    for flag, sizes in ((True, [1, 48, 1]), (False, [48])):
        domain = Domain(GuestSpec())
        area = domain.place("area", "percpu", 48)
        xen = Xen(domain, make_option("linear-walk"))
        registered = RegisteredArea(subject=0, handle=area.va.value, va=area.va, update_flag=flag)
        assert update_runstate(xen, registered, 0)
        copies = [n.step for n in xen.nodes if isinstance(n.step, Copy)]
        assert [copy.size for copy in copies] == sizes


def test_a_deferred_update_runs_on_its_own_vcpu() -> None:
    domain = Domain(GuestSpec(vcpus=2))
    area = domain.place("area", "percpu", 48, vcpu=1)
    xen = Xen(domain, make_option("linear-walk"))
    registered = RegisteredArea(subject=1, handle=area.va.value, va=area.va)
    assert update_runstate(xen, registered, 0, cure="deferred")
    copies = [n.step for n in xen.nodes if isinstance(n.step, Copy)]
    assert {(copy.current, copy.subject) for copy in copies} == {(1, 1)}


@pytest.mark.parametrize(
    ("offset", "size", "result"), [(0, 48, 0), (4080, 48, -errno.ENXIO), (4, 48, -errno.ENXIO)]
)
def test_the_twin_as_a_whole_call(offset: int, size: int, result: int) -> None:
    """map_guest_area(), xen/common/domain.c (4.18)."""
    domain = Domain(GuestSpec())
    area = domain.place("area", "vmalloc", size, offset=offset)
    struct = domain.place("struct", "stack", 8)
    xen = Xen(domain, make_option("phys-twins"))
    got = register_runstate_physical(xen, 0, 0, area=area.va, argument=struct.va)
    assert got == result
    assert (0 in xen.areas) is (result == 0)
    (last,) = [n.step for n in xen.nodes if isinstance(n.step, Return)]
    assert last.value == result


def test_an_area_that_is_not_mapped_unregisters() -> None:
    """All ones is what the guest then writes; the area of before is forgotten."""
    domain = Domain(GuestSpec())
    area = domain.place("area", "vmalloc", 48)
    struct = domain.place("struct", "stack", 8)
    xen = Xen(domain, make_option("phys-twins"))
    assert register_runstate_physical(xen, 0, 0, area=area.va, argument=struct.va) == 0
    domain.unmap("area")
    assert register_runstate_physical(xen, 0, 0, area=area.va, argument=struct.va) == 0
    assert 0 not in xen.areas


def test_the_twins_struct_is_fetched_by_linear_address() -> None:
    domain = Domain(GuestSpec())
    area = domain.place("area", "kmalloc", 48)
    struct = domain.place("struct", "vmalloc", 8)
    xen = Xen(domain, make_option("phys-twins"))
    assert register_runstate_physical(xen, 0, 0, area=area.va, argument=struct.va) == 0
    # SMAP forbids the walk to a user page, and the area's own address does not help.
    domain.switch(0, "app")
    user = domain.place("user", "user", 8, process="app")
    got = register_runstate_physical(xen, 0, 0, area=area.va, argument=user.va)
    assert got == -errno.EFAULT


def test_bit_31_is_left_to_viridian() -> None:
    """hvm_hypercall() tests bit 31 first; the flavour bit is therefore bit 30."""
    assert PHYSICAL_BIT == 1 << 30


@pytest.mark.parametrize("name", sorted(n for n, option in OPTIONS.items() if option.specified))
def test_a_call_from_ring_three_is_eperm_under_every_option(name: str) -> None:
    """hvm_hypercall(): CPL above 0 is -EPERM before any handle is looked at."""
    domain = Domain(GuestSpec())
    buffer = domain.place("send", "kmalloc", 4, offset=0)
    xen = Xen(domain, make_option(name))
    xen.design.setup(xen)
    before = len(xen.nodes)
    call = GuestCall(
        vcpu=0, name="event_channel_op.send", number=32, args=(4, buffer.va.value), cpl=3
    )
    assert hypercall(xen, call) == -errno.EPERM
    assert not [n for n in xen.nodes[before:] if isinstance(n.step, Copy)]


def test_a_page_at_the_end_of_physical_space_is_no_ram() -> None:
    ran = run_call("number-bit", MAKERS["send"], Where("kmalloc"))
    assert ran.result == 0
    call = GuestCall(
        vcpu=0, name="send", number=32 | PHYSICAL_BIT, args=(4, Gpa((1 << 52) - 4096).value)
    )
    assert make_call(ran.xen, call) == -errno.EFAULT


def test_an_entry_of_a_multicall_is_asked_nothing_of_the_outer_call() -> None:
    """A VCPUOP as an entry: the outer call's arguments say nothing of its vCPU."""
    domain = Domain(GuestSpec())
    buffer = domain.place("runstate", "kmalloc", 48, offset=0)
    xen, result = made("linear-walk", entry(24, 4, 0, buffer.va.value), domain)
    assert result == 0
    assert ("to", 48) in moved(xen)


@pytest.mark.parametrize(("cure", "right"), [("current", False), ("deferred", True)])
def test_a_registration_for_another_vcpu_as_a_call(cure: str, right: bool) -> None:
    """VCPUOP_register_runstate_memory_area writes at once; deferring waits for the subject."""
    domain = Domain(GuestSpec(vcpus=2, smap=False))
    for vcpu in (0, 1):
        domain.switch(vcpu, f"on-{vcpu}")
        domain.place(
            f"area-{vcpu}", "user", 48, process=f"on-{vcpu}", vcpu=vcpu, address=Gva(0x7FFFF0000000)
        )
    area = domain.buffers["area-1"]
    struct = domain.place("struct", "kmalloc", 8, contents=word(area.va.value))
    xen = Xen(domain, make_option("linear-walk", {"cross_vcpu": cure}))
    call = GuestCall(
        vcpu=0, name="vcpu_op.register_runstate_memory_area", number=24,
        args=(5, 1, struct.va.value),
    )  # fmt: skip
    assert hypercall(xen, call) == 0
    assert outcome_of(xen.nodes).status == ("right" if right else "wrong")


def test_fastabi_leaves_a_registered_area_linear() -> None:
    domain = Domain(GuestSpec())
    area = domain.place("area", "percpu", 48)
    struct = domain.place("struct", "stack", 8, contents=word(area.va.value))
    xen = Xen(domain, make_option("fastabi"))
    call = GuestCall(
        vcpu=0, name="vcpu_op.register_runstate_memory_area", number=24,
        args=(5, 0, struct.va.value),
    )  # fmt: skip
    assert hypercall(xen, call) == 0
    # The address is passed in a register, the area filled through a walk.
    assert moved(xen) == [("to", 48)]
    assert outcome_of(xen.nodes).calls.walks == 1


def test_fastabi_values_follow_the_vcpu_s_number() -> None:
    """VCPUOP_set_singleshot_timer: vcpuid in RSI, timeout and flags after it."""
    domain = Domain(GuestSpec())
    timer = domain.place("timer", "stack", 16)
    xen = Xen(domain, make_option("fastabi"))
    call = GuestCall(
        vcpu=0, name="vcpu_op.set_singleshot_timer", number=24, args=(8, 0, timer.va.value)
    )
    assert hypercall(xen, call) == 0
    (passed,) = [n.step for n in xen.nodes if isinstance(n.step, RegisterPass)]
    assert (passed.direction, passed.registers) == ("from", ("r8", "r9"))


def test_a_call_without_handles_under_fastabi() -> None:
    xen = Xen(Domain(GuestSpec()), make_option("fastabi"))
    assert hypercall(xen, GuestCall(vcpu=0, name="sched_op.yield", number=29, args=(0, 0))) == 0
    assert not moved(xen)
