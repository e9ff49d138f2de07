"""Where options meet their limits: refusals, continuations, switches, private tables."""

from __future__ import annotations

import errno
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from calls import MAKERS, Where, populate, run_call, word

from xenexplore.addr import Gpa, Gva, Range
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import GuestCall
from xenexplore.hypervisor.compat import COMPAT_RESERVATION_BYTES, compat_populate
from xenexplore.hypervisor.execute import Preempt, hypercall
from xenexplore.hypervisor.outcome import outcome_of
from xenexplore.hypervisor.passed_buffers import BufferUse
from xenexplore.hypervisor.physical import PHYSICAL_BIT, ram_range
from xenexplore.hypervisor.registered import ranges_of
from xenexplore.hypervisor.stubs import migrate, stub_for, write_hypercall_page
from xenexplore.hypervisor.xen import Xen
from xenexplore.options import fastabi
from xenexplore.options.fastabi import fits
from xenexplore.options.registry import make_option
from xenexplore.scenario.model.call_names import find_call
from xenexplore.steps import Copy, CopyFailed, Direction, Hypercall, RegisterPass, TlbLookup


def once() -> Preempt:
    """Preempted at the second point where that is possible, and never again."""
    seen: list[int] = []

    def taken(choice: object, index: int) -> bool:
        del choice
        seen.append(index)
        return len(seen) == 2

    return taken


def twice_two_pages(domain: Domain, where: Where) -> GuestCall:
    return populate(domain, where, 600)


@pytest.mark.parametrize(
    ("option", "params"),
    [
        ("linear-walk", {}),
        ("address-bits", {}),
        ("sg-policy", {}),
        ("sg-policy", {"policy": "by-size"}),
        ("gfn-lists", {"register": ["directmap"]}),
        ("software-tlb", {"register": ["directmap"]}),
    ],
)
def test_a_restarted_call_keeps_its_flavour(option: str, params: dict[str, object]) -> None:
    """Two legs, one number: what dispatch() took off is put back."""
    ran = run_call(
        option, twice_two_pages, Where("vmalloc", offset=0), params=params, preempt=once()
    )
    legs = [n.step for n in ran.xen.nodes if isinstance(n.step, Hypercall)]
    assert [leg.number for leg in legs] == [legs[0].number] * 2
    assert (ran.result, ran.outcome.status) == (600, "right")
    assert ran.outcome.calls.exits == 2


def test_a_bounced_call_is_restarted_on_its_page() -> None:
    ran = run_call("bounce", MAKERS["populate"], Where("kmalloc"), preempt=once())
    legs = [n.step for n in ran.xen.nodes if isinstance(n.step, Hypercall)]
    assert [leg.number for leg in legs] == [12 | PHYSICAL_BIT] * 2
    assert ran.outcome.status == "right"


def test_flipping_needs_something_to_flip() -> None:
    xen = Xen(Domain(GuestSpec()), make_option("bounce", {"mode": "flip"}))
    assert "no state to flip" in xen.design.refuses(xen)


@pytest.mark.parametrize("option", ["number-bit", "domain-mode"])
def test_a_guest_that_checks_does_not_call(option: str) -> None:
    ran = run_call(
        option, MAKERS["runstate"], Where("vmalloc", offset=4080),
        params={"not_contiguous": "refuse"},
    )  # fmt: skip
    assert (ran.result, ran.outcome.status) == (-errno.EOPNOTSUPP, "refused")
    assert ran.outcome.calls.exits == 0
    assert ran.contents()["runstate"] == bytes(48)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("set_timer_op", ""),  # no sub-op, no handle
        ("vm_assist enable", ""),
        ("set_trap_table", "no fixed size"),
        ("sched_op yield", ""),  # a sub-op without a struct
        ("memory_op add_to_physmap", ""),
        ("vcpu_op initialise", "words of fields"),
        ("vcpu_op register_runstate_memory_area", ""),
        ("xen_version version", ""),
    ],
)
def test_what_registers_can_carry(name: str, why: str) -> None:
    reason = fits(*find_call(name))
    assert why in reason
    assert bool(reason) == bool(why)


def test_one_table_for_all_vcpus_is_filled_once() -> None:
    for option in ("gfn-lists", "software-tlb", "giant-map"):
        params: dict[str, object] = {"scope": "domain"}
        if option != "giant-map":
            params["register"] = ["kernel-image"]
        xen = Xen(Domain(GuestSpec(vcpus=2)), make_option(option, params))
        xen.design.setup(xen)
        tables = xen.design.tlb.tables  # type: ignore[attr-defined]
        assert [e.label for e in tables.entries(0)] == [e.label for e in tables.entries(1)]


@pytest.mark.parametrize("option", ["software-tlb", "giant-map", "gfn-lists"])
def test_a_switch_purges_what_is_not_global(option: str) -> None:
    domain = Domain(GuestSpec())
    domain.switch(0, "one")
    domain.place("mine", "user", 64, process="one")
    xen = Xen(domain, make_option(option, {"on_switch": "purge"}))
    xen.design.setup(xen)
    held = xen.design.tlb  # type: ignore[attr-defined]
    before = len(held.tables.entries(0))
    (entry,) = ranges_of(xen, "buffer:mine", 0)
    held.insert(xen, 0, entry)
    domain.switch(0, "two")
    xen.design.switched(xen, 0)
    assert len(held.tables.entries(0)) == before
    assert held.purge_all(xen, 0) == 0
    assert not held.tables.entries(0)


@pytest.mark.parametrize("encryption", ["none", "sev", "snp"])
def test_a_table_lies_in_a_page_that_xen_can_read(encryption: str) -> None:
    domain = Domain(GuestSpec(encryption=encryption))  # type: ignore[arg-type]
    xen = Xen(domain, make_option("software-tlb", {"form": "table", "register": ["stack"]}))
    xen.design.setup(xen)
    assert len(xen.design.tlb.tables.entries(0)) == 4  # type: ignore[attr-defined]
    empty = Xen(domain, make_option("software-tlb", {"form": "table"}))
    empty.design.setup(empty)
    assert outcome_of(empty.nodes).calls.exits == 0


def test_lists_of_an_encrypted_guest_are_shared() -> None:
    ran = run_call(
        "sg-policy", MAKERS["runstate"], Where("vmalloc", offset=4080),
        spec=GuestSpec(encryption="snp"),
    )  # fmt: skip
    assert (ran.result, ran.outcome.status) == (0, "right")


def test_a_list_that_misses_cannot_be_read_in_an_encrypted_guest() -> None:
    def purge(xen: Xen) -> None:
        xen.design.tlb.purge_all(xen, 0)  # type: ignore[attr-defined]

    ran = run_call(
        "gfn-lists", MAKERS["runstate"], Where("vmalloc", offset=4080),
        spec=GuestSpec(encryption="sev"), before=purge,
    )  # fmt: skip
    assert ran.result == -errno.EFAULT
    assert ran.outcome.calls.walks == 0


def test_what_cannot_be_registered() -> None:
    domain = Domain(GuestSpec(kernel="no-directmap"))
    gone = domain.place("gone", "vmalloc", 64)
    domain.unmap("gone")
    xen = Xen(domain, make_option("software-tlb"))
    with pytest.raises(MachineError, match="placed buffers are gone"):
        ranges_of(xen, "buffer:other", 0)
    with pytest.raises(MachineError, match=f"{gone.va.hex()} is not mapped"):
        ranges_of(xen, "buffer:gone", 0)
    with pytest.raises(MachineError, match="cannot register 'directmap'"):
        ranges_of(xen, "directmap", 0)


def test_neighbouring_frames_are_one_range() -> None:
    domain = Domain(GuestSpec())
    domain.place("large", "kmalloc", 3 * 4096, offset=0)
    xen = Xen(domain, make_option("software-tlb"))
    (entry,) = ranges_of(xen, "buffer:large", 0)
    assert entry.size == 3 * 4096


def test_ram_ends_where_addresses_end() -> None:
    xen = Xen(Domain(GuestSpec()), make_option("linear-walk"))
    assert not ram_range(xen, Gpa((1 << 52) - 1), 4096)
    last = Range(Gpa((1 << 52) - 4096), 4096)
    high: Any = SimpleNamespace(domain=SimpleNamespace(ram=(last,)))
    assert ram_range(high, last.start, 4096), "the last page of all"
    assert not ram_range(high, last.start, 4097)
    with pytest.raises(MachineError, match="expected x86 or arm"):
        Xen(xen.domain, xen.design, copy_helper="riscv")  # type: ignore[arg-type]


def test_a_miss_walks_into_a_hole() -> None:
    def unmap(xen: Xen) -> None:
        xen.domain.unmap("runstate")

    ran = run_call("software-tlb", MAKERS["runstate"], Where("vmalloc"), before=unmap)
    assert ran.result == -errno.EFAULT
    failed = [n.step for n in ran.xen.nodes if isinstance(n.step, CopyFailed)]
    assert [(step.moved, step.reported) for step in failed] == [(0, 48)]


def test_an_access_that_outgrows_its_entry_may_be_a_miss() -> None:
    params: dict[str, object] = {"straddle": "miss", "miss": "fail"}
    domain = Domain(GuestSpec())
    buffer = domain.place("runstate", "vmalloc", 48, offset=4080)
    xen = Xen(domain, make_option("software-tlb", params))
    xen.design.setup(xen)
    for entry in ranges_of(xen, "buffer:runstate", 0):
        xen.design.tlb.insert(xen, 0, entry)  # type: ignore[attr-defined]
    call = GuestCall(vcpu=0, name="runstate", number=24, args=(4, 0, buffer.va.value))
    assert hypercall(xen, call) == -errno.EFAULT
    (looked,) = [n.step for n in xen.nodes if isinstance(n.step, TlbLookup)]
    assert not looked.hit
    assert looked.slot is not None


@pytest.mark.parametrize(
    ("spec", "result"),
    [
        (GuestSpec(), True),
        (GuestSpec(encryption="sev"), True),
        (GuestSpec(encryption="snp"), False),
    ],
)
def test_a_page_that_xen_may_not_write(spec: GuestSpec, result: bool) -> None:
    domain = Domain(spec)
    page = domain.place("page", "kmalloc", 4096, offset=0)
    xen = Xen(domain, make_option("linear-walk"))
    where = Gpa(page.frames[0].value << 12)
    assert write_hypercall_page(xen, where, "intel", 32) is result
    status = {"none": "right", "sev": "wrong", "snp": "error"}[spec.encryption]
    assert outcome_of(xen.nodes).status == status


def test_a_stub_s_instructions() -> None:
    stub = stub_for("intel", 32, landing_pad=True)
    assert [stub.at(offset) for offset in stub.starts] == [
        "endbr64", "mov $number, %eax", "vmcall", "ret",
    ]  # fmt: skip
    assert stub_for("amd", 32).at(5) == "vmmcall"
    assert stub_for("amd", 32).at(6) == ""
    xen = Xen(Domain(GuestSpec()), make_option("linear-walk"))
    with pytest.raises(MachineError, match="inside an instruction"):
        migrate(xen, source="intel", target="amd", number=32, offset=6)


@pytest.mark.parametrize(
    ("start", "count", "first", "result"),
    [
        (0x900040, 2, True, 2),
        (0x900040, 2, False, 0),  # Xen's own area is not mapped in the guest
        (0xFF000000, 1, True, 0),  # nor is the array
        (0x2FFFFFF8, 5, True, 2),  # the third of five is on a page that is not
        (0x900040, 0, True, 0),
        (0x900040, 1 << 26, True, 0),  # too many to encode a continuation
    ],
)
def test_a_32_bit_caller(start: int, count: int, first: bool, result: int) -> None:
    """It is told how many extents are done, and no errno."""
    domain = Domain(GuestSpec(kernel="unikernel"))
    data = word(start, 4) + word(count, 4) + bytes(COMPAT_RESERVATION_BYTES - 8)
    domain.place("extents", "kmalloc", 0xFC0, address=Gva(0x900040), contents=bytes(0xFC0))
    struct = domain.place("struct", "kmalloc", len(data), contents=data)
    xen = Xen(domain, make_option("linear-walk"))
    assert compat_populate(xen, 0, struct.va, test_first=first) == result


def test_a_32_bit_caller_whose_struct_is_nowhere() -> None:
    xen = Xen(Domain(GuestSpec(kernel="unikernel")), make_option("linear-walk"))
    assert compat_populate(xen, 0, Gva(0xFF000000)) == 0


def test_a_32_bit_caller_with_more_extents_than_the_area_holds() -> None:
    """One batch after the other, each with the struct fetched anew; the numbers go back."""
    domain = Domain(GuestSpec(kernel="unikernel"))
    frames = b"".join(word(0x1000 + n, 4) for n in range(1500))
    domain.place("extents", "kmalloc", len(frames), address=Gva(0x900000), contents=frames)
    data = word(0x900000, 4) + word(1500, 4) + bytes(COMPAT_RESERVATION_BYTES - 8)
    struct = domain.place("struct", "kmalloc", len(data), address=Gva(0x910000), contents=data)
    xen = Xen(domain, make_option("linear-walk"))
    assert compat_populate(xen, 0, struct.va) == 1500
    copies = [n.step for n in xen.nodes if isinstance(n.step, Copy)]
    assert sum(copy.handle == struct.va.value for copy in copies) == 2
    back = [copy.handle for copy in copies if copy.direction == "to"]
    assert back == [0x900000 + 4 * n for n in range(1500)]


def test_an_outcome_as_json() -> None:
    outcome = run_call("software-tlb", MAKERS["send"]).outcome
    record = outcome.as_json()
    assert record["status"] == "right"
    assert record["hazards"] == []
    calls = record["calls"]
    assert isinstance(calls, dict)
    assert (calls["exits"], calls["tlb_lookups"], calls["tlb_hits"]) == (1, 1, 0)


@pytest.mark.parametrize("align", [1, 2, 3, 4, 6, 8])
def test_the_descriptor_needs_both_low_bits(align: int) -> None:
    """O3's bits 1:0 of an address are free only in a 4-byte aligned buffer."""
    ran = run_call("address-bits", MAKERS["send"], Where("kmalloc", 0x500 + align))
    assert ran.outcome.status == ("right" if align % 4 == 0 else "refused")


@pytest.mark.parametrize("bits", [64, 32])
def test_fastabi_s_values_come_after_what_the_call_passes_besides(bits: int) -> None:
    """Values go in from the first free register on, results from the first."""
    passed = {}
    for maker in ("send", "alloc_unbound", "runstate"):
        ran = run_call("fastabi", MAKERS[maker], params={"bits": bits})
        assert ran.outcome.status in ("right", "refused")
        steps = [node.step for node in ran.xen.nodes if isinstance(node.step, RegisterPass)]
        passed[maker] = [(step.direction, step.registers) for step in steps]
    first, second, third = fastabi._MAPS[bits][:3]
    assert passed["send"] == [(Direction.FROM, (first,))]
    assert passed["alloc_unbound"] == [
        (Direction.FROM, (first, second, third)), (Direction.TO, (first, second, third)),
    ]  # fmt: skip


def test_fastabi_passes_what_stands_behind_a_registered_area(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An area whose address Xen keeps is in no register, wherever it stands in the list."""
    uses = fastabi.passed_buffers

    def area_first(domain: Domain, call: GuestCall) -> list[BufferUse]:
        (struct,) = uses(domain, call)
        return [replace(struct, register=None), struct]

    monkeypatch.setattr(fastabi, "passed_buffers", area_first)
    ran = run_call("fastabi", MAKERS["send"])
    assert ran.outcome.status == "right"
    assert sum(isinstance(node.step, RegisterPass) for node in ran.xen.nodes) == 1
