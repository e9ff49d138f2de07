"""Struct layouts: paths, handles, types."""

from __future__ import annotations

import pytest

from xenexplore.errors import CatalogueError
from xenexplore.hypercalls.structs import structs_for

X86 = structs_for("x86_64")
ARM = structs_for("arm64")


def test_paths() -> None:
    field = X86.resolve("xen_sysctl", "u.readconsole.buffer")
    assert (field.offset, field.size, field.type) == (16, 8, "handle(char)")
    assert X86.resolve("multicall_entry", "args[3]").offset == 40
    for wrong in ("u.readconsole.nothing", "u..x", "", "u.readconsole.buffer.p"):
        with pytest.raises(CatalogueError):
            X86.resolve("xen_sysctl", wrong)


def test_nested_handles() -> None:
    paths = {h.path: (h.offset, h.pointee) for h in X86.handles("xen_memory_exchange")}
    assert paths == {"in.extent_start": (0, "xen_pfn_t"), "out.extent_start": (32, "xen_pfn_t")}


def test_arm_differs_where_the_headers_do() -> None:
    assert X86.sizeof("xen_domctl_createdomain") == 64
    assert ARM.sizeof("xen_domctl_createdomain") == 68
    assert X86.sizeof("xen_memory_reservation") == ARM.sizeof("xen_memory_reservation") == 32
    assert ARM.get("xen_domctl_vcpu_msr") is None
    assert X86.get("xen_domctl_vcpu_msr") is not None


def test_every_field_lies_in_its_struct() -> None:
    for structs in (X86, ARM):
        for name in structs.names():
            layout = structs.get(name)
            for field in layout.fields if layout else ():
                assert field.offset + field.size <= layout.size or field.type.endswith("[0]")
                assert structs.sizeof(field.type) == field.size


def test_scalars() -> None:
    assert X86.sizeof("domid_t") == 2
    assert X86.signed("int32_t")
    assert not X86.signed("grant_ref_t")
    with pytest.raises(CatalogueError):
        X86.sizeof("no_such_type")
