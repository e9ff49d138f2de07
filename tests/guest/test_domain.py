"""Domains: vCPUs, processes, remapping, what the guest sees of itself; encryption; PV."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import gvas

from xenexplore.addr import PAGE_SIZE, AddressError, Gfn, Gva, gfn_to_gpa
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.guest.spec import GuestSpec
from xenexplore.memory import CopyResult, P2mType
from xenexplore.paging import READ, WRITE, WalkEnd, walk

MIB, GIB = 1 << 20, 1 << 30


def ask(domain, va, access=READ, *, vcpu=0, user_access=False):
    state = domain.paging_state(vcpu, user_access=user_access)
    return walk(domain.memory.hypervisor, state, va, access)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"type": "pvhh"},
            "no guest type 'pvhh': expected one of pvh, hvm, pv; did you mean 'pvh'",
        ),
        ({"kernel": "linus"}, "did you mean 'linux'"),
        ({"kernel": "zzz"}, "expected one of linux, freebsd, no-directmap, unikernel$"),
        ({"encryption": "snp2"}, "did you mean 'snp'"),
        ({"memory": 96 * MIB + 4096}, "expected a multiple of 2 MiB"),
        ({"memory": 1.5}, "memory of 1.5 bytes"),
        ({"memory": 64 * MIB}, "0x6000000 .96 MiB. to 0x10000000000 .1 TiB."),
        ({"memory": 2 << 40}, "expected"),
        ({"vcpus": 0}, "0 vCPUs: expected 1 to 128"),
        ({"vcpus": 129}, "129 vCPUs"),
        ({"p2m_order": 1}, "P2M order 1: expected 0, 9 or 18"),
        ({"seed": -1}, "seed -1"),
        ({"type": "pv", "encryption": "sev"}, "a PV guest cannot be encrypted with sev"),
        ({"type": "pv", "kernel": "freebsd"}, "no PV kernel 'freebsd'"),
        ({"type": "pv", "la57": True}, "four-level tables"),
        ({"type": "pv", "memory": 5 * GIB}, "up to 0x100000000 .4 GiB."),
        ({"kernel": "unikernel", "la57": True}, "no five-level layout"),
        ({"paging": "shadows"}, "no paging kind 'shadows': .*did you mean 'shadow'"),
        ({"type": "pv", "paging": "shadow"}, "not modelled; omit paging"),
        ({"encryption": "sev", "paging": "shadow"}, "encrypted guests need nested paging"),
        ({"p2m_order": 18, "paging": "shadow"}, "Xen makes those for HAP only"),
        ({"type": "pv", "pti": True}, "Linux turns it off under PV"),
        ({"kernel": "freebsd", "pti": True}, "no page-table isolation for kernel 'freebsd'"),
    ],
)
def test_specs_that_cannot_be(spec, message):
    with pytest.raises(MachineError, match=message):
        GuestSpec(**spec)


def test_the_same_spec_and_calls_give_the_same_machine():
    def build(seed):
        domain = Domain(GuestSpec(seed=seed, vcpus=2))
        for kind in domain.kinds[:-1]:
            domain.place(kind, kind, 6000, offset=10, contents=kind.encode())
        ram = domain.memory.ram
        pages = {frame: bytes(ram.frame(frame)) for frame in ram.populated()}
        return dict(domain.buffers), pages

    assert build(1) == build(1)
    one, other = build(1)[0], build(2)[0]
    assert one["vmalloc"].frames != other["vmalloc"].frames
    assert one["vmalloc"].va == other["vmalloc"].va


def test_truth_ignores_rights_and_reads_the_tables_of_the_process_asked_for():
    domain = Domain(GuestSpec(vcpus=2))
    buffer = domain.place("b", "user", 8192, offset=100, process="app")
    domain.switch(1, "app")
    pieces = tuple(
        (gfn_to_gpa(frame) + at, size)
        for frame, at, size in zip(buffer.frames, (100, 0, 0), (3996, 4096, 100), strict=True)
    )
    assert domain.truth(buffer.va, 8192, process="app") == pieces
    assert domain.truth(buffer.va, 8192, vcpu=1) == pieces
    assert {gpa for gpa, _ in domain.truth(buffer.va, 8192)} == {None}
    assert ask(domain, buffer.va, vcpu=1).end is WalkEnd.SMAP
    assert ask(domain, buffer.va, vcpu=1, user_access=True).gpa == pieces[0][0]


def test_truth_at_the_edges_of_the_address_space():
    domain = Domain(GuestSpec())
    assert domain.truth(Gva(0x7FFF_FFFF_FFFE), 4) == ((None, 2), (None, 2))
    assert domain.truth(Gva(0xFFFF_8880_0000_1000), 0) == ()
    assert domain.truth(Gva((1 << 64) - 1), 1) == ((None, 1),)
    with pytest.raises(AddressError):
        domain.truth(Gva((1 << 64) - 1), 2)


@given(va=gvas(), length=st.integers(1, 9000))
def test_truth_pieces_add_up(va, length):
    domain = _plain()
    if va.value + length > 1 << 64:
        return
    pieces = domain.truth(va, length)
    assert sum(size for _, size in pieces) == length
    for gpa, size in pieces:
        assert size <= PAGE_SIZE
        assert gpa is None or gpa.offset + size <= PAGE_SIZE


_cached: list[Domain] = []


def _plain() -> Domain:
    if not _cached:
        _cached.append(Domain(GuestSpec()))
    return _cached[0]


def test_reads_and_writes_by_linear_address():
    domain = Domain(GuestSpec())
    buffer = domain.place("b", "vmalloc", 8000, offset=4000)
    data = bytes(range(256)) * 31
    domain.write(buffer.va, data)
    assert domain.read(buffer.va, len(data)) == data
    first = domain.truth(buffer.va, 1)[0][0]
    assert domain.memory.hypervisor.read(first.value, 96) == data[:96]
    alias = buffer.aliases[1]
    assert domain.read(alias, 10) == data[96:106]
    hole = buffer.va.page + 3 * PAGE_SIZE
    with pytest.raises(MachineError, match="the guest cannot read 1 bytes at"):
        domain.read(hole, 1)
    with pytest.raises(MachineError, match="the guest cannot write 1 bytes at"):
        domain.write(hole, b"x")


def test_switching_changes_cr3_and_the_stack_and_comes_back():
    domain = Domain(GuestSpec(vcpus=2))
    before = domain.vcpus[0].cr3, domain.vcpus[0].kernel_stack
    domain.switch(0, "other")
    assert domain.vcpus[0].cr3 == domain.process("other").root != before[0]
    assert domain.vcpus[0].kernel_stack != before[1]
    assert domain.vcpus[1].cr3 == before[0]
    assert domain.paging_state(0).cr3 == domain.vcpus[0].cr3.value
    domain.switch(0, "init")
    assert (domain.vcpus[0].cr3, domain.vcpus[0].kernel_stack) == before
    assert list(domain.processes) == ["kernel", "init", "other"]
    assert [p.pid for p in domain.processes.values()] == [0, 1, 2]
    with pytest.raises(MachineError, match="no vCPU 2: the guest has 2"):
        domain.switch(2, "init")


def test_kernel_mappings_made_later_are_seen_by_every_process():
    domain = Domain(GuestSpec())
    domain.process("early")
    frames = domain.alloc_frames(2, contiguous=False)
    # A top-level entry that nothing used before.
    va = Gva(0xFFFF_FE80_0000_0000)
    domain.map_kernel(va, frames)
    for name in ("kernel", "init", "early", "late"):
        pieces = domain.truth(va, 8192, process=name)
        assert pieces == tuple((gfn_to_gpa(frame), 4096) for frame in frames)
    with pytest.raises(MachineError, match="not the start of a kernel page"):
        domain.map_kernel(va + 1, frames)
    with pytest.raises(MachineError, match="not the start of a kernel page"):
        domain.map_kernel(Gva(0x1000), frames)


def test_idle_runs_on_init_tasks_stack_in_the_image():
    domain = Domain(GuestSpec(vcpus=2))
    domain.switch(0, "kernel")
    domain.switch(1, "kernel")
    assert domain.vcpus[0].kernel_stack == Gva(0xFFFF_FFFF_82A0_0000)
    assert domain.layout.find(domain.vcpus[1].kernel_stack).name == "vmalloc"
    assert domain.vcpus[0].cr3.value == 0x2A1_0000  # init_top_pgt


def test_remap_moves_the_address_and_leaves_the_old_bytes():
    domain = Domain(GuestSpec())
    before = domain.place("b", "vmalloc", 5000, contents=b"old")
    after = domain.remap("b")
    assert (after.va, after.size) == (before.va, before.size)
    assert not set(after.frames) & set(before.frames)
    assert domain.frames_of("b") == after.frames
    assert domain.buffers["b"] == after
    assert domain.read(after.va, 3) == b"\0\0\0"
    assert domain.read(before.aliases[0], 3) == b"old"
    assert domain.remap("b", frames=before.frames).frames == before.frames
    assert domain.read(before.va, 3) == b"old"


@pytest.mark.parametrize("kind", ["stack", "module", "user", "privcmd", "vmalloc"])
def test_whatever_is_mapped_page_by_page_can_be_remapped(kind):
    domain = Domain(GuestSpec())
    before = domain.place("b", kind, 48, offset=4080)
    after = domain.remap("b")
    assert after.frames != before.frames
    assert domain.truth(after.va, 1)[0][0] == gfn_to_gpa(after.frames[0]) + 4080


@pytest.mark.parametrize("kind", ["kmalloc", "percpu", "static"])
def test_no_kernel_remaps_its_directmap_or_image(kind):
    domain = Domain(GuestSpec())
    domain.place("b", kind, 48)
    with pytest.raises(MachineError, match="no kernel remaps"):
        domain.remap("b")


def test_remap_refusals():
    domain = Domain(GuestSpec())
    domain.place("buffer", "vmalloc", 48)
    with pytest.raises(MachineError, match=r"no buffer 'bufer'.*did you mean 'buffer'"):
        domain.remap("bufer")
    with pytest.raises(MachineError, match="touches 1 pages, got 2 frames"):
        domain.remap("buffer", frames=domain.alloc_frames(2, contiguous=True))
    with pytest.raises(MachineError, match="is not RAM of this guest"):
        domain.remap("buffer", frames=(Gfn(0xFEE00),))


@pytest.mark.parametrize("kind", ["vmalloc", "user", "kmalloc", "static"])
def test_unmapping_leaves_nothing_and_spares_the_neighbours(kind):
    domain = Domain(GuestSpec())
    buffer = domain.place("b", kind, 2 * PAGE_SIZE, offset=0)
    after = domain.place("after", kind, PAGE_SIZE, offset=0)
    domain.unmap("b")
    assert domain.truth(buffer.va, buffer.size) == ((None, PAGE_SIZE), (None, PAGE_SIZE))
    assert domain.frames_of("b") == (None, None)
    assert "b" in domain.buffers
    assert domain.truth(after.va, 1)[0][0] == gfn_to_gpa(after.frames[0])
    access = {"user_access": True}
    assert ask(domain, buffer.va, **access).end is WalkEnd.NOT_PRESENT


@pytest.mark.parametrize("kind", ["vmalloc", "user", "kmalloc", "static"])
def test_read_only_pages_stop_writes_and_only_theirs(kind):
    domain = Domain(GuestSpec())
    buffer = domain.place("b", kind, PAGE_SIZE, offset=0, writable=False, contents=b"text")
    other = domain.place("other", kind, PAGE_SIZE, offset=0)
    assert not buffer.writable
    assert ask(domain, buffer.va, WRITE, user_access=True).end is WalkEnd.READ_ONLY
    assert ask(domain, buffer.va, READ, user_access=True).ok
    assert ask(domain, other.va, WRITE, user_access=True).ok
    assert domain.read(buffer.va, 4) == b"text"
    assert domain.set_writable("b", True).writable
    assert ask(domain, buffer.va, WRITE, user_access=True).ok


def test_unmapped_pages_have_no_rights_to_change():
    domain = Domain(GuestSpec())
    buffer = domain.place("b", "vmalloc", 8)
    domain.unmap("b")
    with pytest.raises(MachineError, match=f"nothing is mapped at {buffer.va.page.hex()}"):
        domain.set_writable("b", False)


def test_a_directmap_alias_is_none_outside_ram():
    domain = Domain(GuestSpec())
    assert domain.directmap_of(Gfn(0x5000)) == Gva(0xFFFF_8880_0500_0000)
    assert domain.directmap_of(Gfn(0xFEE00)) is None


def test_frames_run_out():
    domain = Domain(GuestSpec(memory=96 * MIB))
    with pytest.raises(MachineError, match="no 20000 consecutive free frames left"):
        domain.alloc_frames(20000, contiguous=True)
    with pytest.raises(MachineError, match="no 20000 free frames left"):
        domain.alloc_frames(20000, contiguous=False)
    with pytest.raises(MachineError, match="0 frames aligned to 1"):
        domain.alloc_frames(0, contiguous=True)
    with pytest.raises(MachineError, match="1 frames aligned to 0"):
        domain.alloc_frames(1, contiguous=True, align=0)
    (frame,) = domain.alloc_frames(1, contiguous=True, align=512)
    assert frame.value % 512 == 0


def test_linear_regions_by_word():
    domain = Domain(GuestSpec(memory=6 * GIB))
    directmap = domain.linear_region("directmap")
    # RAM is on both sides of the hole below 4 GiB: from physical 0 to the last frame.
    assert (directmap.start, directmap.size) == (Gva(0xFFFF_8880_0000_0000), 6 * GIB + 0x1000_0000)
    assert directmap.physical.value == 0
    assert domain.linear_region("kernel-image").physical.value == 0x100_0000
    assert domain.linear_region("image-data").start == Gva(0xFFFF_FFFF_82A0_0000)
    assert domain.linear_region("percpu").kind is RegionKind.PERCPU
    assert domain.linear_region("nothing") is None
    identity = Domain(GuestSpec(kernel="unikernel")).linear_region("directmap")
    assert (identity.start.value, identity.physical.value, identity.size) == (0, 0, 768 * MIB)


def test_guest_physical_regions_and_ram():
    domain = Domain(GuestSpec(type="hvm", memory=5 * GIB))
    ram = [(span.start.value, span.end) for span in domain.ram]
    assert ram == [(0, 0xA0000), (0xC0000, 0xF000_0000), (4 * GIB, 5 * GIB + 0x1000_0000)]
    names = [region.name for region in domain.gpa_regions]
    assert names[:4] == ["RAM", "VGA", "RAM 1", "PCI"]
    assert names[-4:] == ["low memory", "kernel image", "percpu", "vmemmap"]
    for region in domain.gpa_regions:
        inside = domain.memory.p2m.entry(region.range.start.value >> 12)
        is_ram = region.kind in ("ram", "special", "kernel")
        assert (inside.type is P2mType.p2m_ram_rw) is is_ram, region
    unused = Domain(GuestSpec()).gpa_regions[1]
    assert (unused.name, unused.range.size) == ("unused", 0xF000_0000 - 768 * MIB)


def test_pages_that_xen_emulates_cost_no_lookup():
    domain = Domain(GuestSpec())
    outcome = domain.memory.read_piece(gfn_to_gpa(Gfn(0xFEE00)), 4)
    assert outcome.result is CopyResult.BAD_GFN_TO_MFN
    assert outcome.lookup is None
    outcome = domain.memory.read_piece(gfn_to_gpa(Gfn(0xFEC00)), 4)
    assert outcome.lookup is not None  # a PVH guest has no I/O APIC


# -- encrypted guests


@pytest.mark.parametrize("encryption", ["sev", "snp"])
def test_xen_cannot_walk_an_encrypted_guest(encryption):
    domain = Domain(GuestSpec(encryption=encryption))
    buffer = domain.place("b", "kmalloc", 8, contents=b"secret..")
    assert not ask(domain, buffer.va).ok
    inside = walk(domain.memory.guest, domain.paging_state(0), buffer.va)
    assert inside.ok
    assert all("C" in level.flags.split() for level in inside.levels)
    assert domain.paging_state(0).cr3 >> domain.paging_state(0).c_bit == 1
    gpa = gfn_to_gpa(buffer.frames[0]) + buffer.offset
    assert inside.gpa == gpa
    outcome = domain.memory.read_piece(gpa, 8)
    assert outcome.ciphertext
    assert outcome.data != b"secret.."
    assert domain.read(buffer.va, 8) == b"secret.."
    assert not buffer.shared


@pytest.mark.parametrize("kind", ["kmalloc", "static", "vmalloc", "user"])
def test_shared_pages_are_shared_by_every_alias(kind):
    domain = Domain(GuestSpec(encryption="sev"))
    buffer = domain.place("b", kind, 100, shared=True, contents=b"hello")
    other = domain.place("other", kind, 100, offset=0, process="elsewhere")
    assert buffer.shared
    assert not other.shared
    gpa = gfn_to_gpa(buffer.frames[0]) + buffer.offset
    assert domain.memory.read_piece(gpa, 5).data == b"hello"
    assert domain.memory.write_piece(gpa, b"HELLO").ok
    assert domain.read(buffer.va, 5) == b"HELLO"
    for va in (buffer.va, *buffer.aliases):
        found = walk(domain.memory.guest, domain.paging_state(0), va)
        flags = found.levels[-1].flags.split()
        assert "C" not in flags
    neighbour = walk(domain.memory.guest, domain.paging_state(0), buffer.aliases[0] + 4096)
    assert "C" in neighbour.levels[-1].flags.split()


def test_flipping_with_and_without_saving_the_bytes():
    domain = Domain(GuestSpec(encryption="snp"))
    buffer = domain.place("b", "kmalloc", 8, contents=b"contents")
    gpa = gfn_to_gpa(buffer.frames[0]) + buffer.offset
    assert domain.memory.write_piece(gpa, b"x").result is CopyResult.RMP_VIOLATION
    domain.set_encrypted(buffer.frames[0], False)
    assert domain.buffers["b"].shared
    assert domain.memory.read_piece(gpa, 8).data == b"contents"
    domain.set_encrypted(buffer.frames[0], False)  # is so already
    assert domain.read(buffer.va, 8) == b"contents"
    domain.set_encrypted(buffer.frames[0], True, keep=False)
    assert not domain.buffers["b"].shared
    assert domain.read(buffer.va, 8) != b"contents"


def test_frames_shared_before_they_are_mapped_are_mapped_shared():
    domain = Domain(GuestSpec(encryption="sev"))
    frames = domain.alloc_frames(2, contiguous=False)
    domain.set_encrypted(frames[0], False)
    va = Gva(0xFFFF_C9F0_0000_0000)
    domain.map_kernel(va, frames[:1])
    domain.map_kernel(va + 4096, frames[1:], shared=True)
    domain.write(va, b"a" * 8192)
    for frame in frames:
        assert domain.memory.read_piece(gfn_to_gpa(frame), 4).data == b"aaaa"
    buffer = domain.place("b", "vmalloc", 8, frames=frames[:1])
    assert buffer.shared
    assert domain.remap("b", frames=domain.alloc_frames(1, contiguous=True)).shared is False


def test_only_encrypted_guests_flip():
    with pytest.raises(MachineError, match="not encrypted: no page is private"):
        _plain().set_encrypted(Gfn(0x5000), False)
    assert _plain().place("open", "kmalloc", 8, shared=True).shared


# -- PV


def test_pv_tables_hold_machine_frames_that_scatter():
    domain = Domain(GuestSpec(type="pv", memory=96 * MIB))
    buffer = domain.place("b", "kmalloc", 4 * PAGE_SIZE, offset=0)
    assert not buffer.contiguous
    assert domain.directmap_of(buffer.frames[1]) == buffer.va + 4096
    assert domain.ram == ()
    assert domain.linear_region("directmap").physical is None
    result = walk(domain.memory.hypervisor, domain.paging_state(0), buffer.va)
    assert result.gpa == gfn_to_gpa(buffer.frames[0])
    assert {entry.entry_reads for entry in result.lookups} == {0}
    assert result.page_size == 4096


def test_pv_entries_are_as_xen_leaves_them():
    domain = Domain(GuestSpec(type="pv", memory=96 * MIB))
    kernel = domain.place("k", "vmalloc", 8)
    user = domain.place("u", "user", 8)
    entries = [
        walk(domain.memory.guest, domain.paging_state(0), b.va).entries[-1] for b in (kernel, user)
    ]
    guest_kernel, us, g = 1 << 52, 1 << 2, 1 << 8
    assert entries[0] & (guest_kernel | us | g) == guest_kernel | us
    assert entries[1] & (guest_kernel | us | g) == us | g


def test_pv_guests_own_their_frames_and_no_others():
    domain = Domain(GuestSpec(type="pv", memory=96 * MIB))
    (frame,) = domain.alloc_frames(1, contiguous=True)
    assert domain.memory.p2m.entry(frame.value).owned
    foreign = next(
        mfn for mfn in range(0x10_0000, 0x10_1000) if domain.directmap_of(Gfn(mfn)) is None
    )
    assert domain.memory.p2m.entry(foreign).mfn is None
    assert domain.memory.p2m.entry(5).mfn is None
    with pytest.raises(MachineError, match="is not RAM of this guest"):
        domain.place("b", "vmalloc", 8, frames=(Gfn(foreign),))
    with pytest.raises(MachineError, match="a PV guest has no P2M"):
        domain.set_p2m_type(frame, "p2m_ram_ro")


def test_pv_numbering_is_one_to_one():
    domain = Domain(GuestSpec(type="pv", memory=96 * MIB, seed=7))
    frames = domain.alloc_frames(2000, contiguous=True)
    assert len(set(frames)) == 2000
    aliases = [domain.directmap_of(frame) for frame in frames]
    assert [b - a for a, b in itertools.pairwise(aliases)] == [4096] * 1999


def test_pv_page_tables_are_mapped_read_only():
    domain = Domain(GuestSpec(type="pv", memory=96 * MIB))
    domain.process("late")
    domain.place("b", "user", 8, process="late")
    state = domain.paging_state(0)
    tables = domain.table_frames
    assert len(set(tables)) == len(tables) > 48  # one for each 2 MiB, and more
    for frame in tables:
        alias = domain.directmap_of(frame)
        found = walk(domain.memory.guest, state, alias)
        assert found.gpa == gfn_to_gpa(frame)
        assert walk(domain.memory.guest, state, alias, WRITE).end is WalkEnd.READ_ONLY
    root = walk(domain.memory.guest, state, Gva(0xFFFF_FFFF_82A1_0000), WRITE)
    assert root.end is WalkEnd.READ_ONLY
    (other,) = domain.alloc_frames(1, contiguous=True)
    assert walk(domain.memory.guest, state, domain.directmap_of(other), WRITE).ok


def test_page_tables_are_nobodys_buffer():
    domain = Domain(GuestSpec(encryption="sev"))
    table = domain.table_frames[1]
    with pytest.raises(MachineError, match=f"frame {table.hex()} holds a page table of this guest"):
        domain.place("b", "vmalloc", 8, frames=(table,))
    with pytest.raises(MachineError, match="holds a page table, which the CPU decrypts"):
        domain.set_encrypted(table, False)


def test_a_fixed_place_that_is_mapped_there_already_keeps_its_large_page():
    domain = Domain(GuestSpec())
    stack = Gva(0xFFFF_FFFF_82A0_3E98)  # in init_task's stack, as a recording has it
    buffer = domain.place("b", "fixed", 16, address=stack, frames=(Gfn(0x2A03),))
    assert domain.truth(buffer.va, 16)[0][0].value == 0x2A0_3E98
    assert ask(domain, buffer.va, WRITE).page_size == 2 * MIB
