"""Which guests see which hypercall, as xen/include/hypercall-defs.c of Xen 4.17 has it."""

from __future__ import annotations

import pytest

from xenexplore.errors import CatalogueError
from xenexplore.hypercalls import families, family, family_of
from xenexplore.hypercalls.structs import structs_for

# Columns pv64, hvm64, arm of the table there (64-bit guests only).
PV_ONLY = {
    "set_trap_table", "mmu_update", "set_gdt", "stack_switch", "set_callbacks", "fpu_taskswitch",
    "set_debugreg", "get_debugreg", "update_descriptor", "update_va_mapping",
    "update_va_mapping_otherdomain", "iret", "set_segment_base", "nmi_op", "callback_op",
    "xenoprof_op", "kexec_op", "mca",
}  # fmt: skip
PV_AND_ARM = {"sched_op_compat", "event_channel_op_compat", "physdev_op_compat"}
X86 = {"set_timer_op", "mmuext_op", "xenpmu_op", "paging_domctl_cont"}
ALL = {
    "platform_op", "memory_op", "multicall", "xen_version", "console_io", "grant_table_op",
    "vm_assist", "vcpu_op", "xsm_op", "sched_op", "event_channel_op", "physdev_op", "hvm_op",
    "sysctl", "domctl", "argo_op", "dm_op", "hypfs_op",
}  # fmt: skip


def test_guest_kinds() -> None:
    for one in families():
        kinds = set(one.guests)
        if one.name in PV_ONLY:
            assert kinds == {"pv"}, one.name
        elif one.name in PV_AND_ARM:
            assert kinds == {"pv", "arm"}, one.name
        elif one.name in X86:
            assert kinds == {"pv", "hvm"}, one.name
        elif one.name in ALL:
            assert kinds == {"pv", "hvm", "arm"}, one.name
        else:
            assert (one.name, kinds) == ("tmem_op", set())


def test_twenty_two_calls_for_hvm_guests() -> None:
    assert sum("hvm" in one.guests for one in families()) == 22


def test_families_load_by_number_and_name() -> None:
    assert family_of(12) is family("memory_op")
    assert family_of(11) is None
    with pytest.raises(CatalogueError):
        family("no_such_op")


def test_registers() -> None:
    one = family("hypfs_op")
    assert one.registers("hvm") == ("rdi", "rsi", "rdx", "r10", "r8")
    assert one.registers("arm") == ("x0", "x1", "x2", "x3", "x4")


def test_every_struct_and_source_is_named() -> None:
    for one in families():
        assert one.sources
        for op in one.ops.values():
            assert op.summary.endswith("."), op.title
            assert all(": " in source for source in op.sources), op.title
            for guest in op.guests:
                if op.struct:
                    assert structs_for("arm64" if guest == "arm" else "x86_64").sizeof(op.struct)


def test_no_plan_copies_where_the_number_is_not_known() -> None:
    assert family("tmem_op").plan == ()
