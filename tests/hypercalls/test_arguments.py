"""What a sub-op's arguments decide behind its last copy, too: each case with Xen's guard."""

from __future__ import annotations

import errno
from collections.abc import Mapping

import pytest
from plan_runs import result, run_plan

from xenexplore.hypercalls import find, structs_for
from xenexplore.hypercalls.outline.outline import outline

ARG, MAP, OTHER = 0x1000, 0x6000, 0x7000
SELF = 0x7FF0
VERSION = {"domctl": 21, "sysctl": 21, "platform_op": 0x03000001, "mca": 0x1ECC003}


def struct_bytes(type_name: str, fields: Mapping[str, int], xen: str = "4.17") -> bytes:
    """A struct with some of its fields given; all else is zero."""
    structs = structs_for("x86_64", xen)
    data = bytearray(structs.sizeof(type_name))
    for path, value in fields.items():
        field = structs.resolve(type_name, path)
        data[field.offset : field.offset + field.size] = value.to_bytes(field.size, "little")
    return bytes(data)


def request(op: str, member: str = "", xen: str = "4.17", /, **fields: int) -> bytes:
    """The struct of a toolstack's call, with the fields of one member of its union."""
    entry = find(op, xen=xen)
    version = {"4.18": 22, "4.19": 23, "4.20": 23, "4.21": 23, "4.22": 24}.get(xen)
    version = version if version and entry.family == "domctl" else VERSION[entry.family]
    inside = {f"u.{member}.{name}": value for name, value in fields.items()}
    types = {"domctl": "xen_domctl", "sysctl": "xen_sysctl", "mca": "xen_mc"}
    type_name = types.get(entry.family, "xen_platform_op")
    return struct_bytes(
        type_name, {"cmd": entry.value, "interface_version": version, **inside}, xen
    )


TOOLSTACK = [
    # do_domctl() and arch_do_domctl(): bounds before XSM
    ("domctl ioport_permission", "ioport_permission", {"first_port": 9, "nr_ports": 1}, 0, 0),
    ("domctl ioport_permission", "ioport_permission", {"first_port": 9}, 22, 22),
    ("domctl ioport_permission", "ioport_permission", {"first_port": 65535, "nr_ports": 2}, 22, 22),
    ("domctl iomem_permission", "iomem_permission", {"first_mfn": 9, "nr_mfns": 1}, 0, 0),
    ("domctl iomem_permission", "iomem_permission", {"first_mfn": 9}, 22, 22),
    ("domctl iomem_permission", "iomem_permission", {"first_mfn": 2**64 - 1, "nr_mfns": 2}, 22, 22),
    ("domctl irq_permission", "irq_permission", {"pirq": 9}, 0, 0),
    ("domctl memory_mapping", "memory_mapping", {"first_mfn": 9}, 22, 22),
    ("domctl debug_op", "debug_op", {"op": 2}, 38, 0),
    ("domctl sendtrigger", "sendtrigger", {"trigger": 1}, 38, 0),
    ("domctl sendtrigger", "sendtrigger", {"trigger": 3}, 0, 0),
    ("domctl assign_device", "assign_device", {"dev": 1}, 19, 0),
    ("domctl assign_device", "assign_device", {"flags": 2}, 22, 0),
    ("domctl set_address_size", "address_size", {"size": 16}, 22, 0),
    ("domctl setvcpuaffinity", "vcpuaffinity", {"flags": 0}, 22, 0),
    ("domctl setvcpuaffinity", "vcpuaffinity", {"flags": 1}, 22, 0),
    ("domctl monitor_op", "monitor_op", {"op": 0, "event": 32}, 22, 0),
    ("domctl set_paging_mempool_size", "paging_mempool", {"size": 4097}, 22, 0),
    ("domctl shadow_op", "shadow_op", {"op": 11, "mode": 2}, 22, 0),
    ("domctl shadow_op", "shadow_op", {"op": 99}, 22, 0),
    ("domctl shadow_op", "shadow_op", {"op": 30}, 0, 0),
    ("sysctl tbuf_op", "tbuf_op", {"cmd": 6}, 22, 0),
    ("sysctl get_cpu_policy", "cpu_policy", {"index": 6}, 22, 0),
    ("sysctl get_cpu_policy", "cpu_policy", {"_rsvd": 1}, 22, 0),
    ("sysctl psr_cmt_op", "psr_cmt_op", {"flags": 1}, 22, 0),
    ("sysctl psr_cmt_op", "psr_cmt_op", {"cmd": 5}, 38, 0),
    ("sysctl get_pmstat", "get_pmstat", {"type": 0x30}, 19, 0),
    ("sysctl get_pmstat", "get_pmstat", {"type": 0x14}, 38, 0),
    ("sysctl cpu_hotplug", "cpu_hotplug", {"op": 4}, 95, 0),
    ("platform_op core_parking", "core_parking", {"type": 3}, 22, 0),
    ("platform_op cpu_offline", "cpu_ol", {"cpuid": 0}, 95, 0),
    ("platform_op platform_quirk", "platform_quirk", {"quirk_id": 4}, 22, 0),
    ("mca inject_v2", "mc_inject_v2", {"flags": 3 | 8}, 22, 0),
    ("mca inject_v2", "mc_inject_v2", {"flags": 2 | 8}, 22, 0),
    ("mca inject_v2", "mc_inject_v2", {"flags": 0 | 8}, 0, 0),
]


@pytest.mark.parametrize(("op", "member", "fields", "error", "other"), TOOLSTACK)
def test_the_toolstack_s_arguments(
    op: str, member: str, fields: dict[str, int], error: int, other: int
) -> None:
    """The control domain's answer, and another domain's: -EPERM, but for bounds that come first."""
    entry = find(op)
    number = {"domctl": 36, "sysctl": 35, "platform_op": 7, "mca": 48}[entry.family]
    memory = {ARG: request(op, member, **fields)}
    _, outcome = run_plan("pv-dom0", number, ARG, memory=memory)
    assert -result(outcome) == error
    _, outcome = run_plan("pv", number, ARG, memory=memory)
    assert -result(outcome) == (other or errno.EPERM)


def test_no_memory_for_a_bitmap() -> None:
    """xenctl_bitmap_to_bitmap() allocates first; bitmap_to_xenctl_bitmap() until 4.20."""
    for op, xen, told in (
        ("mca inject_v2", "4.17", True),
        ("sysctl tbuf_op", "4.21", True),
        ("domctl setnodeaffinity", "4.21", True),
        ("domctl getnodeaffinity", "4.20", True),
        ("domctl getnodeaffinity", "4.21", False),
        ("platform_op getidletime", "4.17", True),
    ):
        lines = [line.text for line in outline(find(op, xen=xen), "pv")]
        assert any("-ENOMEM" in line for line in lines) is told, (op, xen)


def test_gsi_permission() -> None:
    """gsi_2_irq(), xen/arch/x86/io_apic.c: -ERANGE; then XSM, and the caller's own rights."""
    lines = [line.text for line in outline(find("domctl gsi_permission", xen="4.20"))]
    order = [at for at, line in enumerate(lines) for word in ("-ERANGE", "XSM", "to give")
             if word in line]  # fmt: skip
    assert order == sorted(order)
    assert len(order) == 3
    data = {"pv": errno.EPERM, "pv-dom0": 0}
    for caller, error in data.items():
        memory = {ARG: request("domctl gsi_permission", "gsi_permission", "4.20", gsi=9)}
        assert -result(run_plan(caller, 36, ARG, memory=memory, xen="4.20")[1]) == error


def affinity(xen: str, faults: tuple[int, ...]) -> tuple[list[object], int]:
    data = request(
        "domctl getvcpuaffinity", "vcpuaffinity", xen, flags=3,
        **{"cpumap_hard.bitmap": MAP, "cpumap_hard.nr_bits": 8},
        **{"cpumap_soft.bitmap": OTHER, "cpumap_soft.nr_bits": 8},
    )  # fmt: skip
    copies, outcome = run_plan("pv-dom0", 36, ARG, memory={ARG: data}, faults=faults, xen=xen)
    return [copy[1] for copy in copies], -result(outcome)


def test_both_maps_of_a_vcpu_are_written() -> None:
    """vcpu_affinity_domctl(), common/sched/core.c: the soft map's result is returned until 4.19."""
    for xen, hard_fault in (("4.17", 0), ("4.19", 0), ("4.20", errno.EFAULT)):
        places, error = affinity(xen, (MAP,))
        assert OTHER in places, "the second map is written where the first faults"
        assert error == hard_fault, xen
        assert affinity(xen, (OTHER,))[1] == errno.EFAULT
        assert affinity(xen, ())[1] == 0


def test_a_paging_request_on_a_dying_domain() -> None:
    """paging_domctl(), arch/x86/mm/paging.c: ignored in 4.17, refused since 4.18; written back."""
    for xen, error in (("4.17", 0), ("4.18", errno.EINVAL), ("4.22", errno.EINVAL)):
        memory = {ARG: request("domctl shadow_op", "shadow_op", xen, op=11)}
        copies, outcome = run_plan(
            "pv-dom0", 36, ARG, memory=memory, answers={"dying": True}, xen=xen
        )
        assert (copies[-1][0], -result(outcome)) == ("to", error), xen
    # A later leg: XSM's refusal is written back, too, before the lock.
    memory = {ARG: request("domctl shadow_op", "shadow_op", op=11)}
    for caller, error in (("pv", errno.EPERM), ("pv-dom0", 0)):
        copies, outcome = run_plan(caller, 49, ARG, memory=memory)
        assert ([copy[0] for copy in copies], -result(outcome)) == (["from", "to"], error)
    assert run_plan("pv", 49, ARG, memory=memory, answers={"under way": True})[1].how == "failed"
    for xen in ("4.20", "4.21", "4.22"):
        lines = " ".join(line.text for line in outline(find("domctl shadow_op", xen=xen)))
        assert ("CONFIG_PAGING" in lines) is (xen != "4.20")


def mmuext(cmd: int, linear: int = 0, ents: int = 0) -> bytes:
    return struct_bytes("mmuext_op", {"cmd": cmd, "arg1.linear_addr": linear, "arg2.nr_ents": ents})


@pytest.mark.parametrize(
    ("cmd", "linear", "ents", "domain", "error"),
    [
        (13, 0x5000, 8192, SELF, 0),
        (13, 0x5000, 8193, SELF, 22),
        (13, 0x5001, 1, SELF, 22),
        (13, 0x5001, 0, SELF, 0),
        (13, 0xFFFF800000000000, 1, SELF, 22),
        (13, 0, 0, 5, 1),
        (5, 0, 0, 5, 1),
        (10, 0, 0, 5, 1),
        (0, 0, 0, 5, 0),
        (19, 0, 0, SELF, 95),
    ],
)
def test_a_request_to_the_memory_management(
    cmd: int, linear: int, ents: int, domain: int, error: int
) -> None:
    """do_mmuext_op(): MMUEXT_SET_LDT's bounds; what is for the caller's own domain alone."""
    memory = {ARG: mmuext(cmd, linear, ents)}
    assert -result(run_plan("pv", 26, ARG, 1, 0, domain, memory=memory)[1]) == error


def test_parameters_of_a_guest() -> None:
    """hvmop_get_param() and hvmop_set_param(), xen/arch/x86/hvm/hvm.c; xen/arch/arm/hvm.c."""

    def error(caller: str, op: int, index: int, domain: int = SELF) -> int:
        fields = {"domid": domain, "index": index}
        memory = {ARG: struct_bytes("xen_hvm_param", fields)}
        return -result(run_plan(caller, 34, op, ARG, memory=memory)[1])

    for op in (0, 1):
        assert error("pvh", op, 39) == error("pvh", op, 13) == error("pv", op, 0) == errno.EINVAL
        assert error("pvh", op, 9) == errno.EPERM
        assert error("pvh-dom0", op, 9, domain=3) == error("pvh", op, 2) == 0
    # Read by the guest, and not set by it.
    assert (error("pvh", 1, 1), error("pvh", 0, 1)) == (0, errno.EPERM)
    assert (error("arm", 1, 1), error("arm", 0, 1)) == (0, errno.EPERM)
    assert error("arm", 1, 9) == errno.EINVAL


def ring(length: int = 4032, pad: int = 0, partner: int = 3) -> bytes:
    fields = {"len": length, "pad": pad, "partner_id": partner}
    return struct_bytes("xen_argo_register_ring", fields)


@pytest.mark.parametrize(
    ("data", "pages", "error"),
    [
        (ring(), 1, 0),
        (ring(48), 1, 0),
        (ring(32), 1, 22),
        (ring(4040), 1, 22),
        (ring(4048), 1, 22),
        (ring(4048), 2, 0),
        (ring(pad=1), 1, 22),
        (ring(1 << 24), 4097, 22),
    ],
)
def test_a_ring_of_argo(data: bytes, pages: int, error: int) -> None:
    """register_ring(), xen/common/argo.c: its length, NPAGES_RING() and padding."""
    copies, outcome = run_plan("pvh", 39, 1, ARG, MAP, pages, 0, memory={ARG: data})
    assert -result(outcome) == error
    assert len(copies) == (1 + pages if not error else pages <= 4096)


@pytest.mark.parametrize(
    ("reg", "value", "get", "put"),
    [(0, 0, 0, 0), (7, 0, 0, 0), (6, 1 << 32, 0, 22), (7, 1 << 13, 0, 1), (8, 0, 19, 19)],
)
def test_debug_registers(reg: int, value: int, get: int, put: int) -> None:
    """do_get_debugreg(); set_debugreg(), xen/arch/x86/pv/misc-hypercalls.c."""
    _, outcome = run_plan("pv", 9, reg)
    assert (outcome.value == -get) if get else outcome.how == "returned"
    assert -result(run_plan("pv", 8, reg, value)[1]) == put


def test_physical_devices_are_the_control_domain_s() -> None:
    """pci_add_device(), pci_remove_device(), pci_restore_msi_state(): XSM behind the copy."""
    for op in ("pci_device_add", "pci_device_remove", "manage_pci_add", "manage_pci_remove",
               "restore_msi", "restore_msi_ext", "prepare_msix", "setup_gsi"):  # fmt: skip
        for caller, error in (("pv", errno.EPERM), ("pv-dom0", 0)):
            copies, outcome = run_plan(caller, 33, find(f"physdev_op {op}").value, ARG)
            assert (len(copies) > 0, -result(outcome)) == (True, error), op


def test_areas_and_their_twins() -> None:
    """update_secondary_system_time(), map_vcpu_info(): by release."""
    facts = {"vcpus": 1, "current": 0}
    memory = {ARG: MAP.to_bytes(8, "little")}
    by_linear = {"4.17": 4, "4.18": 4}
    for xen, copies in by_linear.items():
        made, _ = run_plan("pvh", 24, 13, 0, ARG, memory=memory, facts=facts, xen=xen)
        assert len(made) == copies
    twin = {"by physical address": True}
    made, _ = run_plan("pvh", 24, 13, 0, ARG, memory=memory, facts=facts, answers=twin, xen="4.18")
    assert len(made) == 1, "the area by physical address is written by no copy"
    lines = " ".join(line.text for line in outline(find("vcpu_op register_vcpu_time_memory_area")))
    assert "physical" not in lines
    # vcpu_info: 64 bytes within a page, in 4.17 -ENXIO; -EINVAL for an offset beyond it since.
    for offset, old, new in ((0, 0, 0), (4040, 6, 6), (4, 6, 6), (4096, 6, 22)):
        data = struct_bytes("vcpu_register_vcpu_info", {"offset": offset})
        for xen, error in (("4.17", old), ("4.18", new)):
            _, outcome = run_plan("pvh", 24, 10, 0, ARG, memory={ARG: data}, facts=facts, xen=xen)
            assert -result(outcome) == error, (offset, xen)


def test_a_write_to_the_console_stops_at_a_newline_for_all_but_the_hardware_domain() -> None:
    """guest_console_write(): is_hardware_domain(), xen/drivers/char/console.c."""
    told = {caller: [line.text for line in outline(find("console_io write"), caller)]
            for caller in ("hvm", "pvh-dom0")}  # fmt: skip
    assert told.keys() == {"hvm", "pvh-dom0"}
    assert any("newline" in line for line in told["hvm"])


def test_idle_times_go_in_two_copies_since_4_21() -> None:
    """cpumask_to_xenctl_bitmap(), as for the toolstack's other maps."""
    for xen, pieces in (("4.20", 1), ("4.21", 2)):
        lines = [line for line in outline(find("platform_op getidletime", xen=xen)) if line.access]
        assert len([line for line in lines if "cpumap_bitmap" in line.text]) == 2 + pieces


def test_event_channels_and_vcpus() -> None:
    """evtchn_bind_virq(), evtchn_bind_ipi(), evtchn_fifo_init_control(), evtchn_bind_vcpu()."""
    facts = {"vcpus": 2, "current": 0}

    def error(op: str, type_name: str, **fields: int) -> int:
        memory = {ARG: struct_bytes(type_name, fields)}
        return -result(run_plan("pvh", 32, find(op).value, ARG, memory=memory, facts=facts)[1])

    for op in ("bind_ipi", "bind_virq", "init_control", "bind_vcpu"):
        for vcpu, expected in ((1, 0), (2, errno.ENOENT)):
            assert error(f"evtchn {op}", f"evtchn_{op}", vcpu=vcpu) == expected
    assert error("evtchn bind_virq", "evtchn_bind_virq", virq=24) == errno.EINVAL
    assert error("evtchn init_control", "evtchn_init_control", offset=4024) == 0
    assert error("evtchn init_control", "evtchn_init_control", offset=4032) == errno.EINVAL
    assert error("evtchn set_priority", "evtchn_set_priority", priority=16) == errno.EINVAL


def test_small_calls_of_pv_guests() -> None:
    """Canonical addresses and numbers: xen/arch/x86/pv/callback.c; do_vm_assist(), domain.c."""
    edge = 1 << 47
    for address, error in ((edge - 1, 0), (edge, errno.EINVAL), ((1 << 64) - edge, 0)):
        data = struct_bytes("callback_register", {"address": address})
        assert -result(run_plan("pv", 30, 0, ARG, memory={ARG: data})[1]) == error
        assert -result(run_plan("pv", 25, 0, address)[1]) == error
    assert -result(run_plan("pv", 25, 4, 0)[1]) == errno.EINVAL
    for caller, kind, error in (("pv", 5, 0), ("pv", 6, 22), ("pv", 32, 0), ("pvh", 5, 0),
                                ("pvh", 4, 22), ("arm", 5, 0)):  # fmt: skip
        for op in (0, 1):
            assert -result(run_plan(caller, 21, op, kind)[1]) == error
        assert -result(run_plan(caller, 21, 2, kind)[1]) == (error or errno.ENOSYS)


def test_populate_on_demand_is_not_for_oneself() -> None:
    """populate_physmap(), xen/common/memory.c: it ends at the first extent, with none done."""
    for domain, flags, done in ((SELF, 1 << 16, 0), (SELF, 0, 2), (5, 1 << 16, 2)):
        fields = {"extent_start": MAP, "nr_extents": 2, "mem_flags": flags, "domid": domain}
        memory = {ARG: struct_bytes("xen_memory_reservation", fields)}
        assert run_plan("pvh-dom0", 12, 6, ARG, memory=memory)[1].value == done


def test_iret_ends_a_multicall_and_an_entry_that_left_the_kernel_is_done() -> None:
    """do_multicall(), xen/common/multicall.c: mc_exit, mc_preempt."""
    entry = struct_bytes("multicall_entry", {"op": 23})
    copies, outcome = run_plan("pv", 13, ARG, 2, memory={ARG: entry})
    assert outcome.what == "iret's result"
    assert ("from", ARG + 64, 64) not in copies
    entry = struct_bytes("multicall_entry", {"op": 5})
    memory = {ARG + 64 * at: entry for at in range(2)}
    left = {"left kernel mode": True}
    _, outcome = run_plan("pv", 13, ARG, 2, memory=memory, answers=left)
    assert (outcome.how, outcome.args) == ("continued", (ARG + 64, 1))
    _, outcome = run_plan("pv", 13, ARG, 1, memory=memory, answers=left)
    assert outcome.how == "returned"
