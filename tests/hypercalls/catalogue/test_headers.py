"""The catalogue against the real public headers of Xen 4.17 and 4.20, through gcc: 0 differences.

tests/hypercalls/test_coverage.py holds the other releases to what gcc said of theirs.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import xen_headers
from interfaces import read_numbers, wrong_in_32_bit
from layout_probe import assertions_of, layouts, probe_of
from xen_headers import DEBIAN, INSTALLED, handle_fields, include_of, macros, release_in, run_c

from xenexplore.errors import RecorderError
from xenexplore.hypercalls import families
from xenexplore.hypercalls.structs import ARCHES, structs_for
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
# Defined for Xen itself (__XEN__) or for older interface versions only.
CONDITIONAL = {name for name, _, where, _ in read_numbers() if where == "xen"}

each_release = pytest.mark.parametrize("release", DEBIAN)


def test_headers_are_told_apart_and_only_missing_ones_are_skipped(tmp_path, monkeypatch) -> None:
    assert release_in(tmp_path) == "no Xen"
    monkeypatch.setattr(xen_headers, "macro_numbers", lambda include, arch: {"XENMEM_x": 1})
    (tmp_path / "xen").mkdir()
    (tmp_path / "xen" / "xen.h").touch()
    assert release_in(tmp_path) == "a Xen that these tests do not know"

    def unreachable(self: object, packages: object) -> tuple[Path, ...]:
        raise RecorderError("apt-get", "trixie", expected="packages of Debian", got="none")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(xen_headers, "INSTALLED", tmp_path)
    monkeypatch.setattr(xen_headers.Archive, "download", unreachable)
    why = xen_headers._found.__wrapped__("4.20")
    assert str(why).startswith("needs the public headers of Xen 4.20")
    assert "expected packages of Debian" in str(why)


def test_headers_that_are_installed_are_used() -> None:
    found = release_in(INSTALLED)
    if found in DEBIAN:
        assert include_of(found) == INSTALLED


@each_release
def test_errnos(release: str) -> None:
    """XEN_ERRNO(name, value), each once and with its alias; two are Xen's own."""
    text = (include_of(release) / "xen" / "errno.h").read_text()
    found = re.findall(r"^XEN_ERRNO\((\w+),\s*(\d+)\)", text, re.MULTILINE)
    assert {name: int(value) for name, value in found} == ERRNOS
    for name in ERRNOS.keys() - {"EWOULDBLOCK", "EDEADLOCK"}:
        assert errno_name(-ERRNOS[name]) == name
    assert [errno_name(value) for value in (0, 14, -4096)] == ["", "", ""]


@each_release
def test_hypercall_numbers(release: str) -> None:
    names = {f.name: f.number for f in families(release)}
    body = "".join(
        f'printf("{name} %d\\n", __HYPERVISOR_{INTERNAL.get(name, name)});\n' for name in names
    )
    assert run_c(body, "x86_64", release) == [f"{name} {number}" for name, number in names.items()]


@pytest.mark.parametrize("arch", ARCHES)
@each_release
def test_sub_op_constants(arch: str, release: str) -> None:
    guests = ("arm",) if arch == "arm64" else ("hvm", "pv")
    expected: dict[str, int] = {}
    for family in families(release):
        for op in family.ops.values():
            if set(guests) & set(op.guests) and op.constant not in CONDITIONAL:
                expected |= {op.constant: op.value, **op.inner}
    body = "".join(f'printf("{name} %lld\\n", (long long)({name}));\n' for name in expected)
    assert run_c(body, arch, release) == [f"{name} {value}" for name, value in expected.items()]


@each_release
def test_other_constants_are_the_headers(release: str) -> None:
    found = {**macros("arm64", release), **macros("x86_64", release)}
    held = {name for family in families(release) for name in family.constants}
    assert held - NOT_IN_HEADERS - CONDITIONAL <= set(found)
    flush = ("UVMF_TLB_FLUSH", "UVMF_INVLPG", "UVMF_ALL")
    body = "".join(f'printf("%lld\\n", (long long)({name}));\n' for name in flush)
    (update,) = (f for f in families(release) if f.name == "update_va_mapping")
    said = run_c(body, "x86_64", release)
    assert said == [str(update.constants[name]) for name in flush]


@pytest.mark.parametrize("arch", ARCHES)
@each_release
def test_every_size_offset_and_handle(arch: str, release: str) -> None:
    body, expected = probe_of(arch, release)
    got = run_c(body, arch, release)
    different = [
        (ours, theirs) for ours, theirs in zip(expected, got, strict=True) if ours != theirs
    ]
    assert different == []
    assert len(expected) > 2000


@each_release
def test_every_size_offset_and_handle_of_the_32_bit_abi(release: str) -> None:
    """What a 32-bit guest passes, by gcc -m32; one wrong number, and it says so."""
    include, lines = str(include_of(release)), assertions_of(release)
    assert wrong_in_32_bit(include, lines) == []
    assert len(lines) > 2000
    at = next(at for at, line in enumerate(lines) if '"sched_poll"' in line)
    assert "sizeof(struct sched_poll) == 16" in lines[at]
    lines[at] = lines[at].replace("== 16", "== 24")  # as a 64-bit guest has it
    assert wrong_in_32_bit(include, lines) == ["sched_poll"]


@each_release
def test_no_handle_is_missed(release: str) -> None:
    # Independent of DWARF: count the handle fields in the preprocessed headers.
    structs = structs_for("x86_64", release)
    ours: Counter[str] = Counter()
    for layout in layouts(structs):
        for field in layout.fields:
            if field.type.startswith("handle("):
                ours[layout.header] += 1
    text = Counter(handle_fields("x86_64", release))
    assert structs.layout("xen_memory_reservation").header == "memory.h"
    assert ours == text
    assert sum(ours.values()) > 100
