"""The walk's record, its P2M lookups, and where Xen's walk is Xen's own."""

from __future__ import annotations

import dataclasses

import pytest

from xenexplore.addr import Gfn, Gpa, Gva, Mfn
from xenexplore.errors import AddressError
from xenexplore.memory import GuestMemory, P2m, P2mType, Ram, Technology
from xenexplore.paging import (
    FETCH,
    IMPLICIT_READ,
    IMPLICIT_WRITE,
    READ,
    USER_READ,
    USER_WRITE,
    WRITE,
    Manner,
    Mode,
    PageFlags,
    PageTables,
    PagingState,
    WalkEnd,
    apply_updates,
    frames_from,
    walk,
)
from xenexplore.paging.state import CR4_SMEP, EFER_NXE
from xenexplore.steps import Fault, P2mLookup, PteRead, PteUpdate, Recorder

LINEAR = Gva(0xFFFF_8880_0012_3456)
PAGE = 0x30_0000


def guest(mode=Mode.LEVEL4, largest=18, size=4096, **flags):
    """A guest of 8 MiB: tables from gfn 0x10, one page mapped at LINEAR."""
    memory = GuestMemory.contiguous(2048, Mfn(0x800), largest=largest)
    tables = PageTables(memory.guest, mode, frames_from(Gfn(0x10)))
    at = Gva(LINEAR.value & -size)
    tables.map(at, Gpa(PAGE & -size), size, PageFlags(**flags), largest=size)
    return memory, tables.state(), tables


def test_in_hap_a_4k_walk_costs_five_lookups_and_fifteen_entry_reads():
    memory, state, _ = guest(largest=9)
    w = walk(memory.hypervisor, state, LINEAR)
    assert w.gpa == Gpa(PAGE | 0x456)
    assert len(w.lookups) == 5
    assert sum(entry.entry_reads for entry in w.lookups) == 15
    assert [entry.gfn for entry in w.lookups] == [0x10, 0x11, 0x12, 0x13, PAGE >> 12]
    assert w.page_size == 4096
    assert (w.end, w.pfec, w.error_code, w.fault, w.failed_level) == (
        WalkEnd.OK,
        0,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(("order", "reads"), [(0, 4), (9, 3)])
@pytest.mark.parametrize(("size", "levels"), [(4096, 4), (2 << 20, 3)])
def test_lookups_by_page_sizes(order, reads, size, levels):
    memory, state, _ = guest(largest=order, size=size)
    w = walk(memory.hypervisor, state, LINEAR)
    assert w.page_size == size
    assert len(w.entries) == levels
    assert len(w.lookups) == levels + 1
    assert {entry.entry_reads for entry in w.lookups} == {reads}


def test_steps_tell_the_walk_in_order():
    memory, state, tables = guest()
    w = walk(memory.hypervisor, state, LINEAR, WRITE)
    steps = w.steps()
    kinds = [type(step) for step in steps]
    assert kinds == [P2mLookup, PteRead] * 4 + [PteUpdate] * 4 + [P2mLookup]
    reads = [step for step in steps if isinstance(step, PteRead)]
    assert [r.level for r in reads] == [4, 3, 2, 1]
    assert reads[0].table == tables.root
    assert reads[0].index == 0x111
    assert reads[0].entry_at == tables.root + 8 * 0x111
    assert reads[3].flags == "P RW"
    assert [step.level for step in steps[8:12]] == [1, 2, 3, 4]
    assert steps[8].after == steps[8].before | 0x60
    assert steps[9].after == steps[9].before | 0x20
    purposes = [step.why for step in steps if isinstance(step, P2mLookup)]
    assert purposes == [
        "level-4 table (CR3)", "level-3 table", "level-2 table", "level-1 table",
        "frame of the linear address",
    ]  # fmt: skip
    recorder = Recorder()
    w.record_on(recorder)
    assert tuple(node.step for node in recorder.nodes) == steps
    for step in steps:
        assert step.say()
        assert step.as_json()["cite"]
    flat = walk(memory.guest, state, LINEAR)
    assert [type(s) for s in flat.steps()] == [PteRead] * 4 + [PteUpdate] * 4
    assert flat.levels[0].lookup is None


def test_the_walk_changes_nothing_and_its_updates_do():
    memory, state, _ = guest()
    before = memory.ram.copy()
    w = walk(memory.hypervisor, state, LINEAR, WRITE)
    assert all(memory.ram.frame(n) == before.frame(n) for n in memory.ram.populated())
    assert apply_updates(w, memory.hypervisor) == 4
    again = walk(memory.hypervisor, state, LINEAR, WRITE)
    assert again.updates == ()
    assert again.levels[3].flags == "P RW A D"
    assert again.levels[0].flags == "P RW US A"
    assert apply_updates(w, memory.hypervisor) == 0  # the tables changed since


def test_xen_writes_a_and_d_even_into_read_only_pages_of_the_p2m():
    memory, state, _ = guest()
    memory.p2m.map(Gfn(0x13), Mfn(0x813), 0, P2mType.p2m_ram_ro)
    assert apply_updates(walk(memory.hypervisor, state, LINEAR), memory.hypervisor) == 4


@pytest.mark.parametrize("manner", list(Manner))
def test_updates_of_a_failed_walk(manner):
    memory, state, _ = guest(writable=False)
    w = walk(memory.guest, state, LINEAR, WRITE, manner)
    assert (w.end, w.error_code, w.failed_level) == (WalkEnd.READ_ONLY, 3, None)
    levels = [update.level for update in w.updates]
    assert levels == ([] if manner is Manner.XEN else [4, 3, 2])
    assert apply_updates(w, memory.guest) == len(levels)
    missing = walk(memory.guest, state, LINEAR + 4096, READ, manner)
    assert (missing.end, missing.error_code, missing.failed_level) == (WalkEnd.NOT_PRESENT, 0, 1)
    assert missing.updates == ()  # set by the walk before, or not at all
    if manner is Manner.XEN:
        return
    tables = {update.level for update in walk(memory.guest, state, 0, READ, manner).updates}
    assert tables == set()


def test_a_table_in_nowhere_still_marks_the_entry_that_named_it_on_a_cpu():
    ram = Ram(4)
    ram.write(0x1000, (0x9000 | 7).to_bytes(8, "little"))
    state = PagingState.long_mode(0x1000)
    w = walk(ram, state, 0, READ, Manner.CPU)
    assert (w.end, w.failed_level, w.error_code) == (WalkEnd.NO_TABLE, 3, 0)
    assert [u.level for u in w.updates] == [4]
    assert apply_updates(w, ram) == 1
    assert walk(ram, state, 0).updates == ()


@pytest.mark.parametrize("level", [4, 3, 2, 1, 0])
@pytest.mark.parametrize(
    ("kind", "end", "bit"),
    [
        ("p2m_ram_paging_out", WalkEnd.PAGED, 1 << 16),
        ("p2m_ram_paged", WalkEnd.PAGED, 1 << 16),
        ("p2m_ram_shared", WalkEnd.SHARED, 1 << 17),
    ],
)
def test_tables_and_frames_paged_out_or_shared(level, kind, end, bit):
    """Level 0: the frame found.  CR3's and the frame's codes stand alone; the others add up."""
    memory, state, _ = guest()
    gfn = 0x10 + 4 - level if level else PAGE >> 12
    backed = None if kind == "p2m_ram_paged" else memory.p2m.entry(gfn).mfn
    memory.p2m.map(Gfn(gfn), None if backed is None else Mfn(backed), 0, P2mType[kind])
    w = walk(memory.hypervisor, state, LINEAR, WRITE)
    assert (w.end, w.gpa, w.page_size, w.error_code) == (end, None, None, None)
    assert w.pfec == bit | (2 if level in (3, 2, 1) else 0)
    assert w.failed_level == (level or None)
    assert len(w.entries) == (4 - level)
    assert w.reached_leaf is (level == 0)
    # A and D are set before the frame found is looked at.
    assert [u.level for u in w.updates] == ([] if level else [1, 2, 3, 4])
    last = w.steps()[-1]
    assert isinstance(last, Fault)
    assert last.what == "p2m"
    assert w.steps()[-2].p2m_type == kind


@pytest.mark.parametrize("level", [4, 3, 2, 1])
@pytest.mark.parametrize("kind", ["p2m_mmio_dm", "p2m_grant_map_rw", "p2m_ram_broken"])
def test_a_table_that_is_no_ram_reads_as_not_present(level, kind):
    memory, state, _ = guest()
    gfn = 0x10 + 4 - level
    memory.p2m.map(Gfn(gfn), Mfn(0x800 + gfn), 0, P2mType[kind])
    w = walk(memory.hypervisor, state, LINEAR, USER_WRITE)
    assert (w.end, w.error_code, w.failed_level) == (WalkEnd.NO_TABLE, 6, level)


def test_the_frame_found_may_be_anything_else():
    memory, state, _ = guest()
    for kind in ("p2m_mmio_dm", "p2m_grant_map_rw", "p2m_ioreq_server", "p2m_ram_ro"):
        memory.p2m.map(Gfn(PAGE >> 12), Mfn(5), 0, P2mType[kind])
        assert walk(memory.hypervisor, state, LINEAR).gpa == Gpa(PAGE | 0x456)


def test_without_a_page_for_cr3_the_request_comes_back_as_the_code():
    """hap_p2m_ga_to_gfn() clears P, and the fetch bit by EFER.NXE and CR4.SMEP alone."""
    memory = GuestMemory(P2m())
    legacy = PagingState(cr0=1 << 31, cr3=0x1000, cr4=1 << 4, efer=EFER_NXE)
    assert walk(memory.hypervisor, legacy, 0, FETCH).error_code == 0x10
    plain = dataclasses.replace(legacy, efer=0)
    assert walk(memory.hypervisor, plain, 0, FETCH).error_code == 0
    smep = dataclasses.replace(plain, cr4=CR4_SMEP)
    assert walk(memory.hypervisor, smep, 0, FETCH).error_code == 0x10
    w = walk(memory.hypervisor, legacy, 0, IMPLICIT_WRITE)
    assert (w.pfec, w.error_code, w.failed_level) == (1 << 18 | 2, 2, 2)
    assert (w.levels, w.reached_leaf) == ((), False)


def test_only_a_cpu_minds_an_address_that_is_not_canonical():
    memory, state, _ = guest()
    crooked = LINEAR.value & (1 << 48) - 1
    xen = walk(memory.hypervisor, state, crooked)
    assert xen.gpa == Gpa(PAGE | 0x456)
    cpu = walk(memory.hypervisor, state, Gva(crooked), READ, Manner.CPU)
    assert (cpu.end, cpu.error_code, cpu.lookups) == (WalkEnd.NOT_CANONICAL, None, ())
    assert cpu.steps() == (cpu.fault,)
    assert cpu.fault.what == "not canonical"
    assert cpu.linear == Gva(crooked)
    la57 = dataclasses.replace(state, cr4=state.cr4 | 1 << 12)
    assert walk(memory.guest, la57, crooked, READ, Manner.CPU).end is not WalkEnd.NOT_CANONICAL


def test_xens_exchange_misses_a_directory_entry_with_bit_7_when_pse_is_off():
    ram = Ram(8)
    ram.write(0x1000, (0x2000 | 0x87).to_bytes(4, "little"))
    ram.write(0x2000, (0x3000 | 7).to_bytes(4, "little"))
    state = PagingState(cr0=1 << 31, cr3=0x1000, cr4=0, efer=0)
    assert [u.level for u in walk(ram, state, 0).updates] == [1]
    assert [u.level for u in walk(ram, state, 0, READ, Manner.CPU).updates] == [2, 1]
    pse = dataclasses.replace(state, cr4=1 << 4)
    assert walk(ram, pse, 0).gpa == Gpa(1 << 32)  # bit 13 is address bit 32
    assert walk(ram, dataclasses.replace(pse, pse36=False), 0).end is WalkEnd.RESERVED


def test_past_4_gib_xen_reads_past_the_four_entries_of_pae_and_a_cpu_wraps():
    memory = GuestMemory.contiguous(2048, Mfn(0x800))
    tables = PageTables(memory.guest, Mode.PAE, frames_from(Gfn(0x10)))
    tables.map(Gva(0), Gpa(PAGE), 4096)
    memory.guest.write(tables.root.value + 32, (0x11000 | 1).to_bytes(8, "little"))
    memory.guest.write(0x11000, (0x12000 | 7).to_bytes(8, "little"))
    state = tables.state()
    assert walk(memory.guest, state, 1 << 32).levels[0].index == 4
    assert walk(memory.guest, state, 1 << 32, READ, Manner.CPU).levels[0].index == 0
    w = walk(memory.guest, state, 0)
    assert [u.level for u in w.updates] == [1, 2]  # the top of PAE has no A bit


@pytest.mark.parametrize("manner", list(Manner))
def test_paging_off(manner):
    state = PagingState.unpaged()
    w = walk(GuestMemory(P2m()).hypervisor, state, 0x12345, WRITE, manner)
    assert (w.gpa, w.page_size, w.lookups, w.steps(), w.updates) == (Gpa(0x12345), 4096, (), (), ())
    assert w.reached_leaf is False
    assert state.mode is Mode.NONE
    assert state.mode.levels == 0


def test_encrypted_tables_fail_by_what_was_read_in_them():
    for technology in (Technology.SEV, Technology.SEV_SNP):
        memory = GuestMemory.contiguous(2048, Mfn(0x800), technology=technology)
        tables = PageTables(memory.guest, Mode.LEVEL4, frames_from(Gfn(0x10)), c_bit=51)
        for page in range(64):
            tables.map(Gva(page << 30), Gpa(page << 12), 4096)
        state = tables.state()
        ends = set()
        for page in range(64):
            mine = walk(memory.guest, state, page << 30)
            assert mine.gpa == Gpa(page << 12)
            assert mine.levels[0].flags == "P RW US C"
            xen = walk(memory.hypervisor, state, page << 30)
            assert xen.gpa != mine.gpa
            assert xen.entries[0] != mine.entries[0]
            hidden = memory.hypervisor.read(xen.levels[0].entry_at.value, 8)
            assert xen.entries[0] == int.from_bytes(hidden, "little")
            ends.add(xen.end)
        assert ends <= {WalkEnd.NOT_PRESENT, WalkEnd.RESERVED, WalkEnd.NO_TABLE}


def test_a_hypervisor_that_does_not_know_the_c_bit_finds_no_table_at_cr3():
    memory = GuestMemory.contiguous(2048, Mfn(0x800), technology=Technology.SEV)
    tables = PageTables(memory.guest, Mode.LEVEL4, frames_from(Gfn(0x10)), c_bit=47)
    knows = tables.state()
    assert knows.cr3 == 0x10000 | 1 << 47
    released = dataclasses.replace(knows, c_bit=None)
    w = walk(memory.hypervisor, released, 0)
    assert (w.end, w.failed_level) == (WalkEnd.NO_TABLE, 4)
    assert w.lookups[0].gfn == 1 << 35 | 0x10


def test_eflags_and_keys_are_those_of_the_vcpu_that_runs():
    subject = PagingState.long_mode(0x1000, eflags=2, pkru=5, pkrs=6, cpl=3)
    current = PagingState.long_mode(0x2000, eflags=1 << 18, pkru=7, pkrs=8, wp=False)
    seen = subject.seen_from(current)
    assert (seen.cr3, seen.cr0, seen.cpl) == (0x1000, subject.cr0, 3)
    assert (seen.eflags, seen.pkru, seen.pkrs) == (1 << 18, 7, 8)


def test_implicit_accesses_ignore_eflags_ac():
    memory, state, _ = guest(user=True)
    state = dataclasses.replace(state, cr4=state.cr4 | 1 << 21, eflags=1 << 18)
    assert walk(memory.guest, state, LINEAR, READ).ok
    assert walk(memory.guest, state, LINEAR, IMPLICIT_READ).end is WalkEnd.SMAP
    assert walk(memory.guest, state, LINEAR, IMPLICIT_READ).error_code == 1
    assert walk(memory.guest, state, LINEAR, USER_READ).ok


def test_a_walk_is_deterministic_and_hashable_by_value():
    memory, state, _ = guest()
    one = walk(memory.hypervisor, state, LINEAR)
    two = walk(memory.hypervisor, dataclasses.replace(state), LINEAR)
    assert one == two
    assert hash(state) == hash(dataclasses.replace(state))


def test_addresses_past_64_bits_are_misuse():
    memory, state, _ = guest()
    for linear in (1 << 64, -1):
        with pytest.raises(AddressError):
            walk(memory.guest, state, linear)


def test_updates_into_memory_that_went_away_are_not_made():
    memory, state, _ = guest()
    w = walk(memory.guest, state, LINEAR)
    assert apply_updates(w, Ram(1)) == 0
