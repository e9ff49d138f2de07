"""Structs at the prompt are laid out as the guest's release of Xen has them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import xenexplore as xe
from xenexplore.hypercalls.releases import RELEASES
from xenexplore.hypercalls.structs import StructLayout, structs_for
from xenexplore.scenario.model.contents import scalar_bytes

NEW = {
    release: [
        name
        for name in structs_for("x86_64", release).names()
        if isinstance(layout := structs_for("x86_64", release).get(name), StructLayout)
        and layout != structs_for("x86_64", before).get(name)
    ]
    for before, release in itertools.pairwise(RELEASES)
}
"""Release to the structs that are others than in the release before it."""


def changed_structs() -> list[str]:
    return sorted({name for names in NEW.values() for name in names if "." not in name})


def scalars(struct: str, release: str) -> dict[str, int]:
    """A value of its own for each scalar field."""
    structs = structs_for("x86_64", release)
    layout = structs.layout(struct)
    if layout.kind == "union":
        return {}
    found: dict[str, int] = {}
    for number, field in enumerate(layout.fields, 1):
        if scalar_bytes(field.type, number % 7 + 1, release) is not None:
            found[field.name] = number % 7 + 1 if "@" not in field.type else 1
    return found


@pytest.mark.parametrize("release", RELEASES)
def test_every_struct_that_releases_disagree_on_round_trips(release: str) -> None:
    guest = xe.Guest("linux", memory="96 MiB", xen=release)
    structs, held = structs_for("x86_64", release), {}
    for name in changed_structs():
        if structs.get(name) is None:
            continue
        given = scalars(name, release)
        buffer = guest.buffer("kmalloc", struct=name, fields=given)
        assert buffer.size == structs.sizeof(name)
        assert tuple(buffer._paths) == tuple(f.name for f in structs.layout(name).fields)
        for path, value in given.items():
            field = structs.resolve(name, path)
            assert buffer.fields[path] == value
            if "@" not in field.type:
                raw = bytes(buffer)[field.offset : field.offset + field.size]
                assert int.from_bytes(raw, "little") == value
                buffer.fields[path] = value + 1
                raw = bytes(buffer)[field.offset : field.offset + field.size]
                assert int.from_bytes(raw, "little") == value + 1
        held[buffer.name] = bytes(buffer)
    assert len(held) > 4
    xen = xe.Xen(guest)
    read = xe.parse(xen.scenario().text())
    assert read == xen.scenario()
    assert read.xen == release
    back = xe.Guest.from_scenario(read)
    xe.Xen(back).replay()
    assert {name: bytes(buffer) for name, buffer in back.buffers.items()} == held


def test_another_xen_lays_the_guest_s_structs_out_again() -> None:
    guest = xe.Guest("linux", memory="96 MiB")
    domain = guest.buffer("kmalloc", struct="xen_domctl_createdomain", vmtrace_size=3)
    args = {"struct": "xen_domctl", "fields": {"cmd": 1, "u.createdomain.vmtrace_size": 5}}
    whole = guest.buffer("kmalloc", **args)
    whole["u.createdomain.vmtrace_size"] = 6
    sizes, read = {}, {}
    for release in RELEASES:
        xen = xe.Xen(guest, version=release)
        assert guest.release == xen.scenario().xen == release
        sizes[release], read[release] = domain.size, (domain.vmtrace_size, bytes(domain))
        at = structs_for("x86_64", release).resolve("xen_domctl", "u.createdomain.vmtrace_size")
        assert bytes(whole)[at.offset] == whole["u.createdomain.vmtrace_size"] == 6
        assert xe.run(xe.parse(xen.scenario().text())).to_json() == xen.trace.to_json()
    assert sizes == {r: 64 if RELEASES.index(r) < RELEASES.index("4.19") else 68 for r in RELEASES}
    assert {value for value, _ in read.values()} == {3}
    assert len({raw for _, raw in read.values()}) > 1
    assert xe.Xen(guest).scenario().xen == RELEASES[-1], "the guest stays where it was moved to"


def test_what_a_release_lacks_is_said_and_nothing_has_moved() -> None:
    guest = xe.Guest("linux", memory="96 MiB", xen="4.20.4")
    guest.buffer("kmalloc", struct="xen_varbuf", name="varbuf")
    assert (guest.release, repr(guest)[-12:]) == ("4.20", "on Xen 4.20>")
    with pytest.raises(xe.MachineError, match=r"no struct 'xen_varbuf' in the public headers of"):
        xe.Xen(guest, version="4.17")
    assert guest.release == "4.20"
    for wrong in (lambda: xe.Guest(xen="4.16"), lambda: xe.Xen(guest, version="5")):
        with pytest.raises(xe.XenexploreError, match=r"it covers 4\.17, 4\.18"):
            wrong()


@pytest.mark.parametrize(
    ("release", "call", "there"),
    [("4.17", "vcpu_op register_runstate_phys_area", False),
     ("4.18", "vcpu_op register_runstate_phys_area", True)],
)  # fmt: skip
def test_the_hypercalls_are_the_release_s(release: str, call: str, there: bool) -> None:
    guest = xe.Guest("linux", memory="96 MiB", xen=release)
    area = guest.buffer("kmalloc", struct="vcpu_register_runstate_memory_area")
    xen = xe.Xen(guest)
    family, op = call.split()
    assert (op in dir(getattr(xen.hypercall, family))) is there
    made: Any = lambda: xen.hypercall(call, vcpuid=0, arg=area)  # noqa: E731
    if there:
        assert made().outcome.status == "right"
    else:
        with pytest.raises(xe.MachineError, match=r"Xen 4\.17 has no .* since 4\.18"):
            made()
