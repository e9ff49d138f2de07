"""What the caller's kind and its arguments decide is decided: each case with Xen 4.17.7's guard.

A plan that says "may fail" where the source leaves no choice would still show copies here.
"""

from __future__ import annotations

import errno
import struct

import pytest
from plan_runs import result
from plan_runs import run_plan as run

from xenexplore.hypercalls import PlanCall, PlanCopy, PlanOutcome, families, family, find, predict
from xenexplore.hypercalls.callers import CALLERS, FACTS
from xenexplore.hypercalls.outline.outline import outline
from xenexplore.hypercalls.plan.predict import Steps

SELF = 0x7FF0
ARG = 0x1000
ONES = (1 << 64) - 1


@pytest.mark.parametrize("caller", ["pvh", "pvh-dom0"])
@pytest.mark.parametrize(
    "op", ["eoi", "irq_status_query", "map_pirq", "unmap_pirq", "get_free_pirq"]
)
def test_no_pirqs_without_emulated_ones(caller: str, op: str) -> None:
    """hvm_physdev_op(), xen/arch/x86/hvm/hypercall.c: has_pirq() before any copy."""
    entry = find(f"physdev_op {op}")
    copies, outcome = run(caller, 33, entry.value, ARG)
    assert (copies, result(outcome)) == ([], -errno.ENOSYS)
    assert [line.text[:15] for line in outline(entry, CALLERS[caller])] == ["returns -ENOSYS"]
    assert run("hvm", 33, entry.value, ARG)[0]
    assert run("pv", 33, entry.value, ARG)[0]


@pytest.mark.parametrize(
    "op", ["pci_mmcfg_reserved", "pci_device_add", "pci_device_remove", "dbgp_op"]
)
def test_pci_devices_are_the_hardware_domain_s(op: str) -> None:
    """hvm_physdev_op(): is_hardware_domain() before any copy."""
    entry = find(f"physdev_op {op}")
    for caller in ("pvh", "hvm"):
        copies, outcome = run(caller, 33, entry.value, ARG)
        assert (copies, result(outcome)) == ([], -errno.ENOSYS), caller
    assert run("pvh-dom0", 33, entry.value, ARG)[0]


def exchange(domid: int = SELF) -> bytes:
    one = struct.pack("<QQIIHxxxxxx", 0x2000, 2, 0, 0, domid)
    other = struct.pack("<QQIIHxxxxxx", 0x3000, 2, 0, 0, domid)
    return one + other + bytes(8)


@pytest.mark.parametrize("caller", ["pvh", "pvh-dom0", "hvm"])
def test_no_page_is_stolen_from_a_domain_with_a_p2m(caller: str) -> None:
    """steal_page(), xen/arch/x86/mm.c: paging_mode_external(), after the first in-extent."""
    copies, outcome = run(caller, 12, 11, ARG, memory={ARG: exchange()})
    assert copies == [("from", ARG, 72), ("from", 0x2000, 8), ("to", ARG + 64, 8)]
    assert result(outcome) == -errno.EOPNOTSUPP


def test_a_pv_guest_s_pages_are_exchanged() -> None:
    copies, outcome = run("pv", 12, 11, ARG, memory={ARG: exchange()})
    assert (len(copies), result(outcome)) == (8, 0)


@pytest.mark.parametrize("caller", ["pvh", "pvh-dom0", "hvm"])
def test_mmuext_on_oneself_is_pv_s(caller: str) -> None:
    """do_mmuext_op(), xen/arch/x86/mm.c: is_pv_domain(pg_owner) before any copy."""
    copies, outcome = run(caller, 26, ARG, 1, 0, SELF)
    assert (copies, result(outcome)) == ([], -errno.EINVAL)


def mmuext(cmd: int, mask: int = 0) -> bytes:
    return struct.pack("<IxxxxQQ", cmd, 0, mask)


@pytest.mark.parametrize("cmd", [8, 9])
def test_an_unreadable_mask_of_vcpus_is_invalid(cmd: int) -> None:
    """MMUEXT_{TLB_FLUSH,INVLPG}_MULTI: vcpumask_to_pcpumask() fails, rc = -EINVAL."""
    memory = {ARG: mmuext(cmd, 0x5000), 0x5000: bytes(8)}
    copies, outcome = run(
        "pv", 26, ARG, 1, 0, SELF, memory=memory, faults=(0x5000,), facts={"vcpus": 1}
    )
    assert copies == [("from", ARG, 24), ("from", 0x5000, 8)]
    assert result(outcome) == -errno.EINVAL
    # One word for each 64 vCPUs that the domain may have.
    for vcpus, words in ((1, 1), (64, 1), (65, 2)):
        copies, outcome = run("pv", 26, ARG, 1, 0, SELF, memory=memory, facts={"vcpus": vcpus})
        assert (len(copies) - 1, result(outcome)) == (words, 0)
    # Of another domain: rc = -EPERM, and the mask is not read.
    copies, outcome = run("pv", 26, ARG, 1, 0, 5, memory=memory, facts={"vcpus": 1})
    assert (len(copies), result(outcome)) == (1, -errno.EPERM)


@pytest.mark.parametrize(
    ("cmd", "error"), [(14, errno.ENOSYS), (21, errno.ENOSYS), (6, 0), (99, errno.ENOSYS)]
)
def test_an_unknown_mmuext_request_ends_the_list_with_the_count(cmd: int, error: int) -> None:
    copies, outcome = run("pv", 26, ARG, 1, 0x3000, SELF, memory={ARG: mmuext(cmd)})
    assert copies[-1] == ("to", 0x3000, 4)
    assert result(outcome) == -error


def rdm(entries: int, flags: int = 0) -> bytes:
    return struct.pack("<IIQII", flags, entries, 0x2000, 0, 0)


def test_reserved_device_memory() -> None:
    """XENMEM_reserved_device_memory_map, xen/common/memory.c: the struct goes back all the same."""
    size = find("XENMEM_reserved_device_memory_map").layout().size
    memory = {ARG: rdm(2)[:size].ljust(size, b"\0")}
    listed = "the firmware lists more"
    copies, outcome = run("pvh", 12, 27, ARG, memory=memory, answers={listed: True})
    assert [copy[:2] for copy in copies] == [
        ("from", ARG), ("to", 0x2000), ("to", 0x2010), ("to", ARG),
    ]  # fmt: skip
    assert result(outcome) == -errno.ENOBUFS
    copies, outcome = run("pvh", 12, 27, ARG, memory=memory, faults=(0x2000,))
    assert [copy[:2] for copy in copies] == [("from", ARG), ("to", 0x2000), ("to", ARG)]
    assert result(outcome) == -errno.EFAULT


def test_add_to_physmap() -> None:
    """do_memory_op() and xenmem_add_to_physmap(), xen/common/memory.c."""

    def error(caller: str, space: int, gpfn: int = 5, size: int = 0, start: int = 0) -> int:
        data = struct.pack("<HHIQQ", SELF, size, space, 7, gpfn)
        copies, outcome = run(caller, 12, 7 | start << 6, ARG, memory={ARG: data})
        assert len(copies) == 1
        return -result(outcome)

    assert error("pvh", 4) == errno.ENOSYS  # XENMAPSPACE_gmfn_foreign
    assert error("pv", 2) == errno.EACCES
    assert error("pvh", 2) == 0
    assert error("pvh", 2, ONES) == errno.EINVAL
    assert error("pvh", 3, size=1, start=2) == errno.EILSEQ
    assert error("pvh", 3, ONES - 1, size=9) == errno.EOVERFLOW


def test_add_to_physmap_batch() -> None:
    """xenmem_add_to_physmap_batch(): -EILSEQ where a later leg has nothing left."""

    def batch(size: int, start: int, gpfn: int = 3) -> tuple[int, int]:
        data = struct.pack("<HHHHQQQ", SELF, 2, size, 0, 0x2000, 0x3000, 0x4000)
        memory = {ARG: data, 0x2000: bytes(8), 0x3000: gpfn.to_bytes(8, "little")}
        copies, outcome = run("pvh", 12, 23 | start << 6, ARG, memory=memory)
        return len(copies), -result(outcome)

    assert batch(0, 0) == (1, 0)
    assert batch(4, 4) == (1, errno.EILSEQ)
    assert batch(4, 5) == (1, errno.EILSEQ)
    assert batch(1, 0) == (4, 0)
    assert batch(1, 0, ONES) == (3, errno.EINVAL)


def acquire(frames: int) -> bytes:
    return struct.pack("<HHIIIQQ", 1, 1, 0, frames, 0, 0, 0x2000)


def test_acquire_resource() -> None:
    """acquire_resource(), xen/common/memory.c; arch_acquire_resource_check(), asm-x86 p2m.h."""
    for caller in ("pvh", "hvm"):
        copies, outcome = run(caller, 12, 28, ARG, memory={ARG: acquire(40)})
        assert (copies, result(outcome)) == ([], -errno.EACCES)
    copies, outcome = run("pvh-dom0", 12, 28, ARG, memory={ARG: acquire(40)})
    assert copies[1:] == [("from", 0x2000, 256), ("from", 0x2100, 64)]
    assert (outcome.how, result(outcome)) == ("returned", 0)
    between = {"between groups": True}
    copies, outcome = run("pvh-dom0", 12, 28, ARG, memory={ARG: acquire(40)}, answers=between)
    assert (outcome.how, outcome.args) == ("continued", (28 | 32 << 6, ARG))
    # Fewer frames than asked for: the call is always continued, not only where it is preempted.
    _, outcome = short_of_frames(predict(PlanCall(12, (28, ARG), "pv")), 5)
    assert (outcome.how, outcome.args) == ("continued", (28 | 5 << 6, ARG))


def short_of_frames(steps: Steps, done: int) -> tuple[int, PlanOutcome]:
    """acquire_resource() for 40 frames by a PV domain, where Xen hands out ``done`` at once."""
    groups = 0
    step = next(steps)
    try:
        while True:
            if not isinstance(step, PlanCopy):
                step = steps.send("hands out fewer" in step.reason or step.usual)
            elif step.direction == "from":
                step = steps.send(acquire(40))
            else:
                assert step.accepts(0x2000, 8 * done)
                groups += 1
                step = steps.send(None)
    except StopIteration as stop:
        return groups, stop.value


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (struct.pack("<QQIIHxxxxxx", 0, 9, 0, 0, 1), 0),
        (struct.pack("<QQIIHxxxxxx", 8, 9, 0, 0, 1), errno.EINVAL),
        (struct.pack("<QQIIHxxxxxx", 0, 9, 1, 0, 1), errno.EINVAL),
        (struct.pack("<QQIIHxxxxxx", 0, 9, 0, 4, 1), errno.EINVAL),
    ],
)
def test_claim_pages(data: bytes, error: int) -> None:
    assert -result(run("pv-dom0", 12, 24, ARG, memory={ARG: data})[1]) == error
    # The fields are tested first, then XSM_PRIV.
    assert -result(run("pv", 12, 24, ARG, memory={ARG: data})[1]) == (error or errno.EPERM)


@pytest.mark.parametrize(
    ("version", "error"), [(0, errno.EINVAL), (1, 0), (2, 0), (3, errno.EINVAL)]
)
def test_a_grant_table_s_version_is_told_even_if_it_is_refused(version: int, error: int) -> None:
    """gnttab_set_version(), xen/common/grant_table.c."""
    copies, outcome = run("pvh", 20, 8, ARG, 1, memory={ARG: version.to_bytes(4, "little")})
    assert copies == [("from", ARG, 4), ("to", ARG, 4)]
    assert -result(outcome) == error


@pytest.mark.parametrize(
    ("event", "size", "error"),
    [(0xFFF, 28, 0), (0x1000, 0, errno.EINVAL), (1, 29, errno.EINVAL)],
)
def test_bounds_of_a_trace_record(event: int, size: int, error: int) -> None:
    """HVMOP_xentrace: sizeof(tr.extra), and the bits above TRC_SUBCLS_SHIFT."""
    data = struct.pack("<HH", event, size) + bytes(28)
    assert -result(run("pvh", 34, 11, ARG, memory={ARG: data})[1]) == error


def test_fields_that_are_checked_after_the_last_copy() -> None:
    """set_iopl (xen/arch/x86/physdev.c), settime64 (platform_hypercall.c)."""
    for level, error in ((3, 0), (4, errno.EINVAL)):
        data = struct.pack("<I", level)
        assert -result(run("pv", 33, 6, ARG, memory={ARG: data})[1]) == error
    for reserved, error in ((0, 0), (1, errno.EINVAL)):
        data = struct.pack("<IIQIIQ", 62, 0x03000001, 1, 2, reserved, 3).ljust(136, b"\0")
        assert -result(run("pv-dom0", 7, ARG, memory={ARG: data})[1]) == error
    # Without XSM_PRIV the struct is read, and nothing else happens.
    assert -result(run("pv", 7, ARG, memory={ARG: data})[1]) == errno.EPERM


def test_the_pmu_is_pv_s() -> None:
    """do_xenpmu_op(), xen/arch/x86/cpu/vpmu.c: has_vlapic() before anything else."""
    for caller in ("pvh", "pvh-dom0", "hvm"):
        for op in range(8):
            copies, outcome = run(caller, 40, op, ARG)
            assert (copies, result(outcome)) == ([], -errno.EOPNOTSUPP)
    data = struct.pack("<IIQII", 1, 0, 0, 0, 0)
    assert -result(run("pv", 40, 4, ARG, memory={ARG: data})[1]) == errno.EINVAL
    assert -result(run("pv", 40, 1, ARG, memory={ARG: data})[1]) == errno.EPERM
    for mode, error in ((0, 0), (4, 0), (3, errno.EINVAL), (5, errno.EINVAL), (8, errno.EINVAL)):
        data = struct.pack("<IIQII", 0, 1, mode, 0, 0)
        assert -result(run("pv-dom0", 40, 1, ARG, memory={ARG: data})[1]) == error, mode


@pytest.mark.parametrize(("flags", "error"), [(0, 22), (1, 0), (2, 0), (3, 22), (5, 0), (4, 22)])
def test_machine_checks_are_fetched_from_one_of_two_queues(flags: int, error: int) -> None:
    """do_mca(), XEN_MC_fetch: -EINVAL but for just one of NONURGENT and URGENT."""
    size = family("mca").structs("pv").sizeof("xen_mc")
    data = struct.pack("<IIIIQQ", 1, 32292867, flags, 0, 0, 0x2000).ljust(size, b"\0")
    copies, outcome = run("pv-dom0", 48, ARG, memory={ARG: data})
    assert -result(outcome) == error
    assert len(copies) == (1 if error or flags & 4 else 3)


def test_a_page_s_contents_in_xen_are_invalid() -> None:
    """prepare(), xen/arch/x86/mm/mem_paging.c: -EINVAL where guest_handle_okay() fails."""
    size = find("XENMEM_paging_op").layout().size
    data = struct.pack("<BxHxxxxQQ", 2, 1, 0xFFFF_8000_0000_0000, 5)[:size].ljust(size, b"\0")
    _, outcome = run("pv", 12, 20, ARG, memory={ARG: data})
    assert -result(outcome) == errno.EINVAL


def test_a_secondary_time_area() -> None:
    """update_secondary_system_time(), xen/arch/x86/time.c: no fault changes the result.

    The first copy's ends the update; there is no test that the vCPU is the caller.
    """
    area = {ARG: (0x3000).to_bytes(8, "little")}
    facts = {"vcpus": 2, "current": 0}
    writes = [("to", 0x3000, 4), ("to", 0x3000, 32), ("to", 0x3000, 4)]
    for vcpu in (0, 1):
        copies, outcome = run("pvh", 24, 13, vcpu, ARG, memory=area, facts=facts)
        assert copies == [("from", ARG, 8), *writes]
        assert result(outcome) == 0
    copies, outcome = run("pvh", 24, 13, 0, ARG, memory=area, faults=(0x3000,), facts=facts)
    assert copies == [("from", ARG, 8), writes[0]]
    assert (outcome.how, result(outcome)) == ("returned", 0)
    # A null handle unregisters it.
    copies, _ = run("pvh", 24, 13, 0, ARG, memory={ARG: bytes(8)}, facts=facts)
    assert len(copies) == 1
    # register_vcpu_info shares the path, whichever vCPU it is for.
    text = [line.text for line in outline(find("vcpu_op register_vcpu_info"))]
    assert "sometimes, a secondary time area is registered:" in text


def test_which_vcpu() -> None:
    """do_vcpu_op(): -ENOENT; set_singleshot_timer and stop_singleshot_timer: -EINVAL."""
    facts = {"vcpus": 2, "current": 0}
    for op in range(14):
        assert -result(run("pvh", 24, op, 2, ARG, facts=facts)[1]) == errno.ENOENT
    for op in (8, 9):
        copies, outcome = run("pvh", 24, op, 1, ARG, facts=facts)
        assert (copies, -result(outcome)) == ([], errno.EINVAL)
        assert result(run("pvh", 24, op, 0, ARG, facts=facts)[1]) == 0


@pytest.mark.parametrize("caller", CALLERS)
def test_no_plan_names_a_fact_that_is_known(caller: str) -> None:
    """For each kind of caller, over the whole catalogue: what it decides is no question."""
    kind = CALLERS[caller]
    for one in families():
        for entry in one.ops.values() or [one]:
            if kind.handlers not in entry.guests:
                continue
            for line in outline(entry, kind):
                assert not line.uses & kind.facts.keys(), (entry.title, line.text)


def test_facts_are_named_once() -> None:
    assert {name for kind in CALLERS.values() for name in kind.facts} <= FACTS.keys()


DM_OPS = [
    ("create_ioreq_server", bytes(8), b"\0\0\1" + bytes(5)),
    ("get_ioreq_server_info", bytes(24), b"\0\0\2\0" + bytes(20)),
    ("track_dirty_vram", struct.pack("<IIQ", 8, 0, 0), struct.pack("<IIQ", 8, 1, 0)),
    ("set_mem_type", struct.pack("<IHHQ", 8, 0, 0, 0), struct.pack("<IHHQ", 8, 0, 1, 0)),
    ("relocate_memory", struct.pack("<IIQQ", 8, 0, 0, 0), struct.pack("<IIQQ", 8, 1, 0, 0)),
]


@pytest.mark.parametrize(("op", "good", "bad"), DM_OPS)
def test_padding_and_flags_of_a_dm_op_are_checked_before_it_answers(
    op: str, good: bytes, bad: bytes
) -> None:
    """dm_op(), xen/arch/x86/hvm/dm.c; ioreq_server_dm_op(), xen/common/ioreq.c."""
    head = struct.pack("<II", find(f"dm_op {op}").value, 0)
    for data, value in ((good, 0), (bad, -errno.EINVAL)):
        memory = {ARG: struct.pack("<QQQQ", 0x2000, 64, 0x3000, 64), 0x2000: head, 0x2008: data}
        copies, outcome = run("pvh-dom0", 41, 1, 2, ARG, memory=memory)
        assert result(outcome) == value
        if value:
            assert not [copy for copy in copies if copy[0] == "to"]


@pytest.mark.parametrize(
    ("op", "at", "bad", "error"),
    [("cpupool_op", 0, 8, errno.ENOSYS), ("scheduler_op", 8, 2, errno.EINVAL)],
)
def test_an_unknown_request_of_a_sysctl_is_refused(op: str, at: int, bad: int, error: int) -> None:
    """cpupool_do_sysctl(), xen/common/sched/cpupool.c; sched_adjust_global(), sched/core.c."""
    body = bytearray(128)
    body[at] = bad
    body = bytearray(struct.pack("<II", find(f"sysctl {op}").value, 21)) + body
    copies, outcome = run("pvh-dom0", 35, ARG, memory={ARG: bytes(body)})
    assert (copies, result(outcome)) == ([("from", ARG, 136)], -error)


def test_any_pv_guest_registers_its_nmi_callback() -> None:
    """register_guest_nmi_callback(), xen/arch/x86/pv/callback.c: it looks at no domain."""
    assert family("nmi_op").who.startswith("any PV guest")
