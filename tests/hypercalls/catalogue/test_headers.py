"""The catalogue against Xen's real public headers, through gcc: 0 differences."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from xen_headers import (
    CATALOGUED,
    INCLUDE,
    INTERFACES,
    RELEASES,
    found_release,
    handle_fields,
    macros,
    need_catalogued_release,
    run_c,
    why_not,
)

from xenexplore.hypercalls import families
from xenexplore.hypercalls.structs import ARCHES, Field, StructLayout, structs_for
from xenexplore.steps import ERRNOS, errno_name

# Names that Xen's own tree gives to architecture-specific numbers; the public
# headers only have the number.
INTERNAL = {"paging_domctl_cont": "arch_1"}
# dm_op's and memory_op's words that the headers spell as expressions of others
# are still macros; these are enumerators or file-local names of Xen's.
NOT_IN_HEADERS = {
    "CMD_MASK", "MOST_EXTENTS", "MOST", "PREEMPTED", "INTERFACE_VERSION",
    "UVMF_TLB_FLUSH", "UVMF_INVLPG", "UVMF_ALL", "ALL_ONES",
}  # fmt: skip


def named(layout: StructLayout, arch: str) -> str:
    """How C can name a layout's type."""
    if layout.c:
        return layout.c
    parent, _, field = layout.name.rpartition(".")
    outer = structs_for(arch).layout(parent)
    array = "[0]" if outer.field(field).type.endswith("]") else ""
    return f"typeof((({named(outer, arch)} *)0)->{field}{array})"


def test_headers_are_told_apart_and_only_others_are_skipped(monkeypatch) -> None:
    defined = dict(zip(INTERFACES, ("0x00041300", "0x00000017", "0x00000015"), strict=True))
    monkeypatch.setattr("xen_headers.macros", lambda arch: defined)
    assert found_release() == "4.19 or 4.20"
    assert why_not(CATALOGUED) == why_not(CATALOGUED, or_later=True) == ""
    assert why_not("4.19 or 4.20") == (
        "needs the public headers of Xen 4.17, which the catalogue describes; "
        f"{INCLUDE}/xen has those of 4.19 or 4.20"
    )
    assert "Xen 4.17 or later" in why_not("4.16", or_later=True)
    later = list(RELEASES.values())[list(RELEASES.values()).index(CATALOGUED) + 1 :]
    assert {why_not(found, or_later=True) for found in later} == {""}
    defined[INTERFACES[1]] = "0x00000099"
    assert "do not know (__XEN_LATEST_INTERFACE_VERSION__ 0x41300" in found_release()
    assert "do not know" in why_not(found_release())
    assert why_not(found_release(), or_later=True) == ""


def test_errnos() -> None:
    """XEN_ERRNO(name, value), each once and with its alias; two are Xen's own."""
    need_catalogued_release(or_later=True)
    text = (INCLUDE / "xen" / "errno.h").read_text()
    found = re.findall(r"^XEN_ERRNO\((\w+),\s*(\d+)\)", text, re.MULTILINE)
    assert {name: int(value) for name, value in found} == ERRNOS
    for name in ERRNOS.keys() - {"EWOULDBLOCK", "EDEADLOCK"}:
        assert errno_name(-ERRNOS[name]) == name
    assert [errno_name(value) for value in (0, 14, -4096)] == ["", "", ""]


def test_hypercall_numbers() -> None:
    need_catalogued_release(or_later=True)
    names = {f.name: f.number for f in families()}
    body = "".join(
        f'printf("{name} %d\\n", __HYPERVISOR_{INTERNAL.get(name, name)});\n' for name in names
    )
    assert run_c(body, "x86_64") == [f"{name} {number}" for name, number in names.items()]


# Defined for Xen itself (__XEN__) or for older interface versions only: their
# text in the header is looked at.
CONDITIONAL = {
    "EVTCHNOP_reset_cont": "event_channel.h",
    "HVMOP_set_isa_irq_level": "hvm/hvm_op.h",
    "HVMOP_set_pci_intx_level": "hvm/hvm_op.h",
    "HVMOP_set_pci_link_route": "hvm/hvm_op.h",
    "XEN_DOMCTL_soft_reset_cont": "domctl.h",
}


def test_conditional_constants() -> None:
    need_catalogued_release(or_later=True)
    values = {op.constant: op.value for f in families() for op in f.ops.values()}
    for name, header in CONDITIONAL.items():
        text = (INCLUDE / "xen" / header).read_text()
        (found,) = re.findall(rf"^#define {name}\s+(\d+)", text, re.MULTILINE)
        assert int(found) == values[name], name
        assert name not in macros("x86_64")


@pytest.mark.parametrize("arch", ARCHES)
def test_sub_op_constants(arch: str) -> None:
    need_catalogued_release(or_later=True)
    guests = ("arm",) if arch == "arm64" else ("hvm", "pv")
    expected: dict[str, int] = {}
    for family in families():
        for op in family.ops.values():
            # Debian 12's headers are Xen 4.17's: newer sub-ops are not in them.
            if set(guests) & set(op.guests) and not op.since:
                expected[op.constant] = op.value
                expected.update(op.inner)
    for name in CONDITIONAL:
        expected.pop(name, None)
    body = "".join(f'printf("{name} %lld\\n", (long long)({name}));\n' for name in expected)
    assert run_c(body, arch) == [f"{name} {value}" for name, value in expected.items()]


def test_other_constants_are_the_headers() -> None:
    need_catalogued_release()
    found = macros("x86_64")
    newer = {op.constant for family in families() for op in family.ops.values() if op.since}
    expected = {
        name: value
        for family in families()
        for name, value in family.constants.items()
        if name not in NOT_IN_HEADERS and name not in CONDITIONAL and name not in newer
    }
    assert not [name for name in newer if name in found]
    assert not [name for name in expected if name not in found]
    versions = {
        "sysctl": "XEN_SYSCTL_INTERFACE_VERSION",
        "domctl": "XEN_DOMCTL_INTERFACE_VERSION",
        "paging_domctl_cont": "XEN_DOMCTL_INTERFACE_VERSION",
        "platform_op": "XENPF_INTERFACE_VERSION",
        "mca": "XEN_MCA_INTERFACE_VERSION",
    }
    body = "".join(f'printf("%lld\\n", (long long)({name}));\n' for name in versions.values())
    ours = [
        str(f.constants["INTERFACE_VERSION"]) for n in versions for f in families() if f.name == n
    ]
    assert run_c(body, "x86_64") == ours
    flush = ("UVMF_TLB_FLUSH", "UVMF_INVLPG", "UVMF_ALL")
    body = "".join(f'printf("%lld\\n", (long long)({name}));\n' for name in flush)
    (update,) = (f for f in families() if f.name == "update_va_mapping")
    assert run_c(body, "x86_64") == [str(update.constants[name]) for name in flush]


def layouts(arch: str) -> list[StructLayout]:
    structs = structs_for(arch)
    found = [structs.get(name) for name in structs.names()]
    return list({layout.name: layout for layout in found if layout is not None}.values())


@pytest.mark.parametrize("arch", ARCHES)
def test_every_size_offset_and_handle(arch: str) -> None:
    need_catalogued_release()
    structs = structs_for(arch)
    body, expected = [], []
    for layout in layouts(arch):
        c = named(layout, arch)
        body.append(f'printf("{layout.name} %zu %zu\\n", sizeof({c}), _Alignof({c}));\n')
        expected.append(f"{layout.name} {layout.size} {layout.align}")
        for field in layout.fields:
            add_field(body, expected, layout, field, c, structs.sizeof)
    got = run_c("".join(body), arch)
    different = [
        (ours, theirs) for ours, theirs in zip(expected, got, strict=True) if ours != theirs
    ]
    assert different == []
    assert len(expected) > 2000


def add_field(
    body: list[str], expected: list[str], layout: StructLayout, field: Field, c: str, sizeof
) -> None:
    """One probe for one field, and what the catalogue says."""
    label = f"{layout.name}.{field.name}"
    if ":" in field.type:
        # A bit-field has no offsetof: set it to ones and look at the bytes.
        width, low = (int(n) for n in re.findall(r":(\d+)@(\d+)", field.type)[0])
        mask = ((1 << width) - 1 << low) << 8 * field.offset
        body.append(
            f"{{ union {{ {c} s; unsigned char b[sizeof({c})]; }} u;"
            f" memset(&u, 0, sizeof(u)); u.s.{field.name} = ~0;"
            f' printf("{label} "); for (int i = sizeof(u) - 1; i >= 0; i--)'
            ' printf("%02x", u.b[i]); printf("\\n"); }\n'
        )
        expected.append(f"{label} {mask:0{2 * layout.size}x}")
        return
    at = f"(({c} *)0)->{field.name}"
    # A flexible array has no sizeof.
    size = "0ul" if field.type.endswith("[0]") else f"sizeof({at})"
    body.append(f'printf("{label} %zu %zu", offsetof({c}, {field.name}), {size});\n')
    line = f"{label} {field.offset} {field.size}"
    inner = field.type.split("[", 1)[0]
    if inner.startswith("handle("):
        element = "[0]" * field.type.count("[")
        # Only a guest handle has a member p; and it points to as much as we say.
        body.append(f'printf(" handle %zu", sizeof(*({at}{element}).p));\n')
        line += f" handle {sizeof(inner[7:-1])}"
    body.append('printf("\\n");\n')
    expected.append(line)


def test_no_handle_is_missed() -> None:
    need_catalogued_release()
    # Independent of DWARF: count the handle fields in the preprocessed headers.
    structs = structs_for("x86_64")
    ours: Counter[str] = Counter()
    for layout in layouts("x86_64"):
        for field in layout.fields:
            if field.type.startswith("handle("):
                ours[layout.header] += 1
    text = Counter(handle_fields("x86_64"))
    assert structs.layout("xen_memory_reservation").header == "memory.h"
    assert ours == text
    assert sum(ours.values()) > 100
