"""What each option does differently: registers, lists, stale entries, continuations, multicalls."""

from __future__ import annotations

import errno

import pytest
from calls import MAKERS, Where, populate, run_call, word

from xenexplore.addr import Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import GuestCall
from xenexplore.hypervisor.compat import compat_populate, xlat_base
from xenexplore.hypervisor.execute import hypercall
from xenexplore.hypervisor.lists import capacity
from xenexplore.hypervisor.outcome import outcome_of
from xenexplore.hypervisor.passed_buffers import BufferUse
from xenexplore.hypervisor.physical import PHYSICAL_BIT
from xenexplore.hypervisor.stubs import migrate, stub_for, write_hypercall_page
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import OPTIONS, make_option, option_class
from xenexplore.steps import Hypercall, TlbInsert
from xenexplore.tlb import TlbEntry


@pytest.mark.parametrize("name", ["abi-v2", "packets"])
def test_what_was_never_specified_refuses(name: str) -> None:
    xen = Xen(Domain(GuestSpec()), make_option(name))
    assert "never specified" in xen.design.refuses(xen)


@pytest.mark.parametrize(
    "name", sorted(set(OPTIONS) - {"linear-walk", "phys-twins", "abi-v2", "packets"})
)
def test_pv_is_refused_with_a_reason(name: str) -> None:
    xen = Xen(Domain(GuestSpec(type="pv")), make_option(name))
    assert len(xen.design.refuses(xen)) > 20


def test_pv_today_needs_no_software_walk() -> None:
    ran = run_call("linear-walk", MAKERS["send"], spec=GuestSpec(type="pv"))
    assert ran.outcome.status == "right"
    assert (ran.outcome.calls.pte_reads, ran.outcome.calls.p2m_lookups) == (0, 0)


def test_the_giant_map_refuses_what_it_was_not_meant_for() -> None:
    for spec in (GuestSpec(encryption="sev"), GuestSpec(kernel="no-directmap")):
        xen = Xen(Domain(spec), make_option("giant-map"))
        assert xen.design.refuses(xen)


@pytest.mark.parametrize(
    ("kind", "second", "hits"),
    [
        ("kmalloc", "none", 1),
        ("stack", "none", 0),
        ("static", "none", 0),
        ("static", "kernel-image", 1),
        ("vmalloc", "kernel-image", 0),
        ("module", "kernel-image", 0),
    ],
)
def test_what_the_giant_map_covers(kind: str, second: str, hits: int) -> None:
    ran = run_call("giant-map", MAKERS["send"], Where(kind), params={"second": second})
    assert ran.outcome.calls.tlb_hits == hits
    assert ran.outcome.calls.walks == 1 - hits


def test_a_stale_entry_writes_the_old_frame() -> None:
    """Q26: remapped without a purge."""

    def remap(xen: Xen) -> None:
        xen.domain.remap("runstate")

    params: dict[str, object] = {"register": ["buffer:runstate"]}
    ran = run_call(
        "software-tlb", MAKERS["runstate"], Where("vmalloc"), params=params, before=remap
    )
    assert (ran.result, ran.outcome.status, ran.outcome.wrong_bytes) == (0, "wrong", 48)
    assert ran.contents()["runstate"] == bytes(48)

    def remap_and_purge(xen: Xen) -> None:
        xen.domain.remap("runstate")
        buffer = xen.domain.buffers["runstate"]
        xen.design.tlb.purge(xen, 0, buffer.va, buffer.size)

    ran = run_call(
        "software-tlb", MAKERS["runstate"], Where("vmalloc"), params=params, before=remap_and_purge
    )
    assert ran.outcome.status == "right"


@pytest.mark.parametrize(("on_switch", "right"), [("keep", False), ("purge", True), ("tag", True)])
def test_a_user_entry_of_another_process(on_switch: str, right: bool) -> None:
    """Q2: the same user address in two processes."""
    domain = Domain(GuestSpec())
    domain.switch(0, "one")
    first = domain.place("first", "user", 4, process="one", offset=0, contents=word(1, 4))
    frames = domain.alloc_frames(1, contiguous=True)
    domain.place(
        "second", "fixed", 4, process="two", address=first.va, frames=frames, contents=word(2, 4)
    )
    xen = Xen(domain, make_option("software-tlb", {"on_switch": on_switch}))
    xen.design.setup(xen)
    xen.user_access = True
    gpa = domain.truth(first.va, 4, process="one")[0][0]
    assert gpa is not None
    xen.design.tlb.insert(xen, 0, TlbEntry(first.va, gpa, 4))
    domain.switch(0, "two")
    xen.design.switched(xen, 0)
    call = GuestCall(vcpu=0, name="send", number=32, args=(4, first.va.value))
    assert hypercall(xen, call) == 0
    assert outcome_of(xen.nodes).status == ("right" if right else "wrong")


def test_refused_registrations() -> None:
    xen = Xen(Domain(GuestSpec()), make_option("software-tlb", {"entries": 1}))
    xen.design.setup(xen)
    insert = xen.design.tlb.insert
    stack = xen.domain.vcpus[0].kernel_stack
    ram = xen.domain.ram[0].start
    high = Gpa(1 << 40)
    assert insert(xen, 0, TlbEntry(stack, high, 4096)).result == -errno.EINVAL
    assert insert(xen, 0, TlbEntry(stack, ram, 0)).result == -errno.EINVAL
    assert insert(xen, 0, TlbEntry(stack, ram, 4096)).result == 0
    assert insert(xen, 0, TlbEntry(stack + 8, ram, 8)).result == -errno.EEXIST
    assert insert(xen, 0, TlbEntry(stack + 8192, ram, 8)).result == -errno.ENOSPC
    assert outcome_of(xen.nodes).status == "error"


def test_table_form_needs_a_physical_path_first() -> None:
    """Q16: the table is read by physical address; the VCPUOP form reads no memory at all."""
    for form, reads in (("table", 1), ("vcpuop", 0)):
        xen = Xen(
            Domain(GuestSpec()), make_option("software-tlb", {"form": form, "register": ["stack"]})
        )
        xen.design.setup(xen)
        steps = [n.step for n in xen.nodes]
        inserts = [s for s in steps if isinstance(s, TlbInsert)]
        assert len(inserts) == 4
        lists = sum(1 for s in steps if s.kind == "list-read")
        assert bool(lists) == bool(reads)


@pytest.mark.parametrize(("kept", "result"), [("keep", 5), ("lost", 1)])
def test_a_continuation_keeps_or_loses_the_bit(kept: str, result: int) -> None:
    """Q11: hypercall_create_continuation() puts the bare number into RAX.

    XENMEM_populate_physmap tells in its return value how far the legs before came.
    """
    taken: list[str] = []

    def once(choice: object, index: int) -> bool:
        del choice
        taken.append("asked")
        return len(taken) == 1 and index == 0

    ran = run_call(
        "number-bit",
        MAKERS["populate"],
        Where("kmalloc", offset=0),
        params={"continuation": kept},
        preempt=once,
    )
    legs = [n.step for n in ran.xen.nodes if isinstance(n.step, Hypercall)]
    assert len(legs) == 2
    assert bool(legs[1].number & PHYSICAL_BIT) is (kept == "keep")
    assert ran.result == result


@pytest.mark.parametrize(("mode", "result"), [("independent", "right"), ("inherited", "wrong?")])
def test_multicall_entries_with_bits_of_their_own(mode: str, result: str) -> None:
    """Q12: an entry whose number has the bit is unknown where entries inherit the outer flag."""
    ran = run_call("number-bit", MAKERS["sends"], params={"multicall": mode})
    if result == "right":
        assert ran.outcome.status == "right"
        assert ran.outcome.calls.walks == 0
    else:
        inner = [n.step for n in ran.xen.nodes if n.step.kind == "move"]
        # Only the list itself moved: two entries in, two results out.
        assert [move.size for move in inner] == [64, 8, 64, 8]  # type: ignore[attr-defined]


def test_bounce_pages_hold_less_than_a_page() -> None:
    def many(domain: Domain, where: Where) -> GuestCall:
        return populate(domain, where, 512)

    ran = run_call("bounce", many, Where("kmalloc", offset=0))
    assert ran.outcome.status == "refused"
    assert "4128 bytes" in ran.outcome.refusals[0]


@pytest.mark.parametrize(
    ("layout", "levels", "size"),
    [
        # thread.md, section 6 item 9.
        ("aligned-array", 1, 2 << 20),
        ("gfn-array", 1, 511 * 4096),
        ("tuples", 1, 1 << 20),
        ("aligned-array", 2, 1 << 30),
    ],
)
def test_what_a_list_describes(layout: str, levels: int, size: int) -> None:
    assert capacity(layout, levels) == size  # type: ignore[arg-type]


@pytest.mark.parametrize(("layout", "reads"), [("gfn-array", 10), ("tuples", 10)])
def test_reading_elements_by_offset(layout: str, reads: int) -> None:
    """Q8: an array is two reads an element, tuples are scanned."""
    ran = run_call(
        "sg-policy", MAKERS["populate"], Where("kmalloc", offset=0), params={"layout": layout}
    )
    assert ran.outcome.calls.list_reads >= reads


def test_unaligned_strings_have_no_free_address_bits() -> None:
    ran = run_call("address-bits", MAKERS["send"], Where("kmalloc", offset=0x101))
    assert "not 4-byte aligned" in ran.outcome.refusals[0]


def test_compat_area_is_tested_before_the_handle_is_interpreted() -> None:
    """Q27: a registered range may cover the address of Xen's own translation area."""
    for first, status in ((True, "right"), (False, "wrong")):
        domain = Domain(GuestSpec())
        frames = domain.alloc_frames(1, contiguous=True)
        low = 0x40000000
        struct = word(low + 64, 4) + word(2, 4) + bytes(12)
        buffer = domain.place(
            "struct",
            "fixed",
            128,
            address=Gva(low),
            frames=frames,
            contents=struct.ljust(64, bytes(1)) + word(7, 4) + word(8, 4),
        )
        xen = Xen(domain, make_option("software-tlb"))
        xen.design.setup(xen)
        xen.user_access = True  # the low address is a user page in this kernel
        decoy = domain.place("decoy", "kmalloc", 4096, offset=0)
        entry = TlbEntry(xlat_base(0), Gpa(decoy.frames[0].value << 12), 4096)
        assert xen.design.tlb.insert(xen, 0, entry).result == 0
        assert compat_populate(xen, 0, buffer.va, test_first=first) == 2
        assert outcome_of(xen.nodes).status == status


def test_each_vcpu_has_a_translation_area_of_its_own() -> None:
    """PML4 slot 4, per-domain slot 2, ARG_XLAT_VA_SHIFT = 2 + PAGE_SHIFT (asm/config.h)."""
    assert [xlat_base(vcpu).value for vcpu in (0, 1, 3)] == [
        0x200_8000_0000, 0x200_8000_4000, 0x200_8000_C000,
    ]  # fmt: skip


def test_stubs_have_equal_lengths_and_survive_a_migration() -> None:
    xen = Xen(Domain(GuestSpec()), make_option("linear-walk"))
    assert len(stub_for("intel", 32).code) == len(stub_for("amd", 32).code) == 9
    for offset in (0, 5, 8):
        assert migrate(xen, source="intel", target="amd", number=32, offset=offset)
    assert not migrate(xen, source="intel", target="amd", number=32, offset=5, landing_pad=True)
    with pytest.raises(MachineError, match="intel or amd"):
        stub_for("via", 1)


def test_an_encrypted_guests_hypercall_page_is_damaged() -> None:
    for spec, right in ((GuestSpec(), True), (GuestSpec(encryption="sev"), False)):
        domain = Domain(spec)
        page = domain.place("page", "kmalloc", 4096, offset=0)
        xen = Xen(domain, make_option("linear-walk"))
        assert write_hypercall_page(xen, Gpa(page.frames[0].value << 12), "amd", 32)
        code = domain.read(page.va + 32 * 32, 9)
        assert (code == stub_for("amd", 32).code) is right


def test_options_are_found_by_name_and_number() -> None:
    assert option_class("O7").name == "software-tlb"
    with pytest.raises(MachineError, match="did you mean 'software-tlb'"):
        option_class("software-tbl")
    with pytest.raises(MachineError, match="did you mean 'policy'"):
        make_option("software-tlb", {"polcy": "lru"})
    with pytest.raises(MachineError, match="one of refuse, lru, fifo"):
        make_option("software-tlb", {"policy": "random"})
    with pytest.raises(MachineError, match="takes a number"):
        make_option("software-tlb", {"entries": "four"})
    with pytest.raises(MachineError, match="0 or more"):
        make_option("software-tlb", {"entries": -1})
    with pytest.raises(MachineError, match="list of words"):
        make_option("software-tlb", {"register": "directmap"})


@pytest.mark.parametrize("option", ["bounce", "fastabi", "number-bit"])
def test_a_buffer_that_the_guest_has_not_mapped_is_refused(option: str) -> None:
    ran = run_call(option, MAKERS["send"], before=lambda xen: xen.domain.unmap("send"))
    assert ran.outcome.status == "refused"
    assert "not mapped" in ran.outcome.refusals[0]


def test_a_walks_fault_is_told_once() -> None:
    ran = run_call("linear-walk", MAKERS["send"], before=lambda m: m.domain.unmap("send"))
    assert sum(n.step.kind == "fault" for n in ran.xen.nodes) == 1


@pytest.mark.parametrize(
    "option", ["address-bits", "sg-policy", "gfn-lists", "bounce", "domain-mode"]
)
@pytest.mark.parametrize("maker", ["sends", "same_twice"])
@pytest.mark.parametrize("kind", ["kmalloc", "stack"])
def test_multicall_entries_are_encoded_with_their_list(option: str, maker: str, kind: str) -> None:
    ran = run_call(option, MAKERS[maker], Where(kind))
    assert ran.outcome.status == "right", ran.outcome
    today = run_call("linear-walk", MAKERS[maker], Where(kind))
    assert ran.contents() == today.contents()


@pytest.mark.parametrize(
    ("offset", "size", "levels"),
    [(0, 4096, 0), (4000, 96, 0), (4000, 97, 1), (16, 4096, 1), (0, 4097, 1)],
)
def test_a_buffer_within_a_page_needs_no_list(offset: int, size: int, levels: int) -> None:
    use = BufferUse(
        va=Gva(0x7000 + offset), size=size, reads=True, writes=False, register=1, field=None,
        role="",
    )  # fmt: skip
    assert make_option("sg-policy", {"policy": "by-size"}).levels(use) == levels


def test_each_policy_has_bits_of_its_own() -> None:
    """What prepare() puts on, dispatch() takes off; Xen can tell the policies apart."""
    seen = {}
    (policies,) = (p.choices for p in option_class("sg-policy").parameters if p.name == "policy")
    for policy in policies:
        ran = run_call("sg-policy", MAKERS["send"], params={"policy": policy})
        seen[policy] = next(n.step.number for n in ran.xen.nodes if isinstance(n.step, Hypercall))
    plain = run_call("linear-walk", MAKERS["send"]).xen.nodes
    called = next(n.step.number for n in plain if isinstance(n.step, Hypercall))
    assert len(set(seen.values())) == len(seen)
    assert {number & 0xFF for number in seen.values()} == {called}
