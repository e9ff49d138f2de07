"""Every number and sub-op of every release's public headers is in the catalogue, or a named gap.

What gcc made of the headers is in tests/data/interfaces.txt (tests/tools/interfaces.py).
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from interfaces import LAYOUTS, PREFIXES, digest, read_numbers
from layout_probe import assertions_of, probe_of

from xenexplore.hypercalls import families
from xenexplore.hypercalls.catalogue.entries import gaps
from xenexplore.hypercalls.releases import RELEASES
from xenexplore.hypercalls.structs import COMPAT

# What Xen's own tree calls an architecture-specific number; the headers have the number.
INTERNAL = {"__HYPERVISOR_paging_domctl_cont": "__HYPERVISOR_arch_1"}
# Of which family each interface version is the constant INTERFACE_VERSION.
INTERFACE_VERSIONS = {
    "XEN_SYSCTL_INTERFACE_VERSION": ("sysctl",),
    "XEN_DOMCTL_INTERFACE_VERSION": ("domctl", "paging_domctl_cont"),
    "XENPF_INTERFACE_VERSION": ("platform_op",),
    "XEN_MCA_INTERFACE_VERSION": ("mca",),
}


def in_headers(release: str) -> dict[str, int]:
    return {name: value for name, value, _, span in read_numbers() if span.holds(release)}


def numbered(release: str) -> dict[str, int]:
    """Every hypercall, sub-op and sub-op of a sub-op of a release, with its number."""
    found: dict[str, int] = {}
    for family in families(release):
        name = f"__HYPERVISOR_{family.name}"
        found[INTERNAL.get(name, name)] = family.number
        for op in family.ops.values():
            found |= {op.constant: op.value, **op.inner}
    return found


@pytest.mark.parametrize("release", RELEASES)
def test_nothing_is_missing_and_nothing_is_extra(release: str) -> None:
    ours, theirs = numbered(release), in_headers(release)
    known = {*ours, *(name for family in families(release) for name in family.constants)}
    missing = [
        name
        for name in theirs
        if name.startswith(PREFIXES)
        and name not in known
        and not any(fnmatchcase(name, gap) for gap in gaps(release))
    ]
    assert missing == []
    assert {name: theirs.get(name) for name in ours} == ours
    assert len(ours) > 450
    for name, of in INTERFACE_VERSIONS.items():
        held = {f.constants["INTERFACE_VERSION"] for f in families(release) if f.name in of}
        assert held == {theirs[name]}, name


def test_every_gap_is_one() -> None:
    # A gap that names nothing, or something catalogued, is out of date.
    for gap in {gap for release in RELEASES for gap in gaps(release)}:
        named: set[str] = set()
        for release in RELEASES:
            if gap in gaps(release):
                known = {c for family in families(release) for c in family.constants}
                here = {name for name in in_headers(release) if fnmatchcase(name, gap)}
                assert not here & known, (gap, release)
                named |= here
        assert named, gap


@pytest.mark.parametrize("release", RELEASES)
def test_every_layout_is_what_gcc_said(release: str) -> None:
    """Sizes, alignments, offsets, bit-fields and handles, of each architecture."""
    rows = [line.split() for line in LAYOUTS.read_text("ascii").splitlines() if line[0] != "#"]
    of_release = {row[1]: row[2:] for row in rows if row[0] == release}
    assert sorted(of_release) == ["arm64", "x86_32", "x86_64"]
    for arch, (count, said) in of_release.items():
        expected = assertions_of(release) if arch == COMPAT else probe_of(arch, release)[1]
        assert (len(expected), digest(expected)) == (int(count), said), arch


def test_no_call_of_an_hvm_guest_is_unmodelled_but_the_named_one() -> None:
    unmodelled = {
        entry.title
        for release in RELEASES
        for family in families(release)
        if "hvm" in family.guests
        for entry in (family, *family.ops.values())
        if entry.missing and "hvm" in entry.guests
    }
    assert unmodelled == {"sysctl.coverage_op"}
