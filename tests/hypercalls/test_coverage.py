"""Every number and sub-op of the public headers is in the catalogue, or is a named gap."""

from __future__ import annotations

from fnmatch import fnmatchcase

from xen_headers import macros, need_catalogued_release

from xenexplore.hypercalls import families
from xenexplore.hypercalls.catalogue.entries import gaps

# What hypercall numbers, sub-ops and sub-ops of sub-ops are called in the headers.
PREFIXES = (
    "__HYPERVISOR_", "XENMEM_", "VCPUOP_", "EVTCHNOP_", "GNTTABOP_", "XENVER_", "CONSOLEIO_",
    "VMASST_CMD_", "SCHEDOP_", "CALLBACKOP_", "PHYSDEVOP_", "HVMOP_", "XEN_SYSCTL_",
    "XEN_DOMCTL_", "XENPF_", "KEXEC_CMD_", "XENPMU_", "XENNMI_", "XENOPROF_", "XEN_ARGO_OP_",
    "XEN_HYPFS_OP_", "XEN_DMOP_", "MMUEXT_", "MMU_", "FLASK_", "XEN_MC_", "PMSTAT_", "XEN_EFI_",
    "XEN_FW_",
)  # fmt: skip


def in_catalogue() -> set[str]:
    known = {f"__HYPERVISOR_{family.name}" for family in families()}
    for family in families():
        known |= set(family.constants)
    return known


def in_headers() -> set[str]:
    both = {**macros("arm64"), **macros("x86_64")}
    return {name for name in both if name.startswith(PREFIXES)}


def test_nothing_is_left_out() -> None:
    need_catalogued_release()
    known = in_catalogue()
    missing = sorted(
        name
        for name in in_headers()
        if name not in known and not any(fnmatchcase(name, gap) for gap in gaps())
    )
    assert missing == []
    assert len(in_headers() & known) > 450


def test_every_gap_is_one() -> None:
    need_catalogued_release(or_later=True)
    # A gap that names nothing, or something catalogued, is out of date.
    known = in_catalogue()
    for gap in gaps():
        named = [name for name in in_headers() if fnmatchcase(name, gap)]
        assert named, gap
        assert not set(named) & known, gap


def test_no_call_of_an_hvm_guest_is_unmodelled_but_the_named_one() -> None:
    unmodelled = [
        entry.title
        for family in families()
        if "hvm" in family.guests
        for entry in (family, *family.ops.values())
        if entry.missing and "hvm" in entry.guests
    ]
    assert unmodelled == ["sysctl.coverage_op"]
