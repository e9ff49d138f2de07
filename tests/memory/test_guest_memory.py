"""How each type of page meets Xen's copies, after hvm_translate_get_page() and __hvm_copy()."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.addr import Gfn, Gpa, Mfn, Range
from xenexplore.errors import MachineError
from xenexplore.memory import CopyResult, GuestMemory, P2m, P2mType, Ram, Stored, Technology
from xenexplore.steps import Purpose

OKAY = CopyResult.OKAY
BAD = CopyResult.BAD_GFN_TO_MFN
OUT = CopyResult.GFN_PAGED_OUT
NOTHING, DATA, DROPPED = Stored.NOTHING, Stored.DATA, Stored.DISCARDED

# type, has a frame, owned: read, write, what a write stores.  Xen 4.17.
TABLE = [
    ("p2m_ram_rw", True, True, OKAY, OKAY, DATA),
    ("p2m_ram_logdirty", True, True, OKAY, OKAY, DATA),
    ("p2m_ram_ro", True, True, OKAY, OKAY, DROPPED),
    ("p2m_ioreq_server", True, True, OKAY, BAD, NOTHING),
    ("p2m_map_foreign", True, False, OKAY, OKAY, DATA),
    ("p2m_mmio_dm", False, True, BAD, BAD, NOTHING),
    ("p2m_mmio_direct", True, True, BAD, BAD, NOTHING),
    ("p2m_invalid", False, True, BAD, BAD, NOTHING),
    ("p2m_ram_broken", True, True, BAD, BAD, NOTHING),
    ("p2m_populate_on_demand", False, True, BAD, BAD, NOTHING),  # the pool is empty
    # get_page() fails on another domain's frame, before the type is looked at ...
    ("p2m_grant_map_rw", True, False, BAD, BAD, NOTHING),
    ("p2m_grant_map_ro", True, False, BAD, BAD, NOTHING),
    # ... so only a domain's own page, granted to itself, gets as far as that.
    ("p2m_grant_map_rw", True, True, CopyResult.UNHANDLEABLE, CopyResult.UNHANDLEABLE, NOTHING),
    ("p2m_grant_map_ro", True, True, CopyResult.UNHANDLEABLE, CopyResult.UNHANDLEABLE, NOTHING),
    ("p2m_ram_paging_out", True, True, OUT, OUT, NOTHING),
    ("p2m_ram_paging_in", True, True, OUT, OUT, NOTHING),
    # Without a frame there is no page, which is asked first: by guest-physical
    # address a paged-out frame is a bad one, and nobody asks for it back.
    ("p2m_ram_paged", False, True, BAD, BAD, NOTHING),
    ("p2m_ram_shared", True, True, CopyResult.GFN_SHARED, CopyResult.GFN_SHARED, NOTHING),
]


@pytest.mark.parametrize(("kind", "backed", "owned", "read", "write", "stored"), TABLE)
def test_each_type(kind, backed, owned, read, write, stored):
    p2m = P2m()
    p2m.map(Gfn(5), Mfn(9) if backed else None, 0, P2mType[kind], owned=owned)
    memory = GuestMemory(p2m)
    memory.ram.write(0x9000, b"contents")
    got = memory.read_piece(Gpa(0x5000), 8)
    assert got.result is read
    assert got.data == (b"contents" if read is OKAY else None)
    assert got.ok is (read is OKAY)
    assert bool(got.reason) is not got.ok
    assert (got.lookup.p2m_type, got.lookup.purpose) == (kind, Purpose.BUFFER)
    put = memory.write_piece(Gpa(0x5002), b"new")
    assert (put.result, put.stored) == (write, stored)
    assert memory.ram.read(0x9000, 8) == (b"conewnts" if stored is DATA else b"contents")


def test_every_type_is_in_the_table():
    assert {row[0] for row in TABLE} == {kind.name for kind in P2mType}


def test_sharing_is_broken_by_reads_too_while_frames_last():
    p2m = P2m()
    for gfn in (1, 2):
        p2m.map(Gfn(gfn), Mfn(7), 0, P2mType.p2m_ram_shared)
    memory = GuestMemory(p2m, pool=[Mfn(0x50)])
    memory.ram.write(0x7000, b"shared")
    assert memory.read_piece(Gpa(0x1000), 6).data == b"shared"
    assert p2m.entry(1)[1:3] == (0x50, P2mType.p2m_ram_rw)
    assert memory.write_piece(Gpa(0x1000), b"mine!!").stored is Stored.DATA
    assert memory.ram.read(0x7000, 6) == b"shared"
    assert memory.read_piece(Gpa(0x2000), 6).result is CopyResult.GFN_SHARED
    assert p2m.entry(2).type is P2mType.p2m_ram_shared


def test_pages_are_populated_on_demand_while_frames_last():
    p2m = P2m()
    p2m.map(Gfn(0), None, 9, P2mType.p2m_populate_on_demand)
    memory = GuestMemory(p2m, pool=[Mfn(0x50)])
    assert memory.write_piece(Gpa(0x3000), b"x").ok
    assert p2m.entry(3).mfn == 0x50
    assert p2m.entry(4).type is P2mType.p2m_populate_on_demand
    assert memory.read_piece(Gpa(0x4000), 1).result is BAD


def test_mmio_that_xen_emulates_costs_no_lookup():
    memory = GuestMemory(
        P2m(), internal_mmio=[Range(Gpa(0xFEE00000), 0x1000), Range(Gpa(0xFED00000), 0x1000)]
    )
    got = memory.read_piece(Gpa(0xFEE00300), 4)
    assert (got.result, got.lookup) == (BAD, None)
    assert memory.write_piece(Gpa(0xFED000F0), b"1234").lookup is None
    assert memory.read_piece(Gpa(0xFEE01000), 4).lookup is not None


def test_a_frame_past_the_end_of_machine_memory_is_none():
    p2m = P2m()
    p2m.map(Gfn(1), Mfn(100))
    memory = GuestMemory(p2m, Ram(100))
    assert memory.read_piece(Gpa(0x1000), 1).result is BAD
    assert memory.write_piece(Gpa(0x1000), b"1").result is BAD


@pytest.mark.parametrize(("gpa", "size"), [(0xFFF, 2), (0, 4097), (0, -1)])
def test_pieces_do_not_cross_pages(gpa, size):
    memory = GuestMemory.contiguous(4, Mfn(4))
    with pytest.raises(MachineError, match="crosses"):
        memory.read_piece(Gpa(gpa), size)


def test_empty_pieces_are_looked_up_all_the_same():
    memory = GuestMemory.contiguous(4, Mfn(4))
    assert memory.read_piece(Gpa(0x1000), 0).data == b""
    assert memory.write_piece(Gpa(0x1000), b"").ok


technologies = st.sampled_from(list(Technology))
writes = st.lists(
    st.tuples(st.integers(0, 0x4000), st.binary(min_size=1, max_size=64) | st.just(b"P" * 4096)),
    max_size=6,
)


@given(technologies, writes, st.integers(0, 0x3FC0), st.integers(0, 64))
def test_the_guest_sees_its_own_plaintext_whatever_the_technology(technology, done, at, size):
    memory = GuestMemory.contiguous(4, Mfn(0x200), technology=technology)
    flat = bytearray(0x4000)
    for address, data in done:
        fits = address + len(data) <= len(flat)
        assert memory.guest.write(address, data) is fits
        if fits:
            flat[address : address + len(data)] = data
    assert memory.guest.read(at, size) == flat[at : at + size]


@pytest.mark.parametrize("technology", [Technology.SEV, Technology.SEV_SNP])
def test_xen_reads_ciphertext_of_private_pages_and_plaintext_of_shared_ones(technology):
    memory = GuestMemory.contiguous(4, Mfn(0x200), technology=technology)
    memory.make_shared(Gfn(2))
    assert memory.is_private(Gfn(1))
    assert not memory.is_private(Gfn(2))
    text = b"sixteen bytes ok" * 2
    for gfn, private in ((1, True), (2, False)):
        memory.guest.write(gfn << 12, text)
        got = memory.read_piece(Gpa(gfn << 12), 32)
        assert got.ok
        assert got.ciphertext is private
        assert (got.data == text) is not private
        assert memory.hypervisor.read(gfn << 12, 32) == got.data
        if private:
            assert got.data[:16] != text[:16]
            assert got.data[16:] != text[16:]
            assert got.data[:16] != got.data[16:]


def test_xens_write_to_a_private_page_damages_it_under_sev():
    memory = GuestMemory.contiguous(4, Mfn(0x200), technology=Technology.SEV)
    memory.guest.write(0x1000, b"a" * 48)
    put = memory.write_piece(Gpa(0x1014), b"Xen")
    assert (put.result, put.stored) == (OKAY, Stored.DAMAGED)
    seen = memory.guest.read(0x1000, 48)
    assert seen[:16] == b"a" * 16
    assert seen[32:] == b"a" * 16
    assert seen[16:32] != b"a" * 16
    assert b"Xen" not in seen


def test_xens_write_to_a_private_page_is_stopped_under_snp():
    memory = GuestMemory.contiguous(4, Mfn(0x200), technology=Technology.SEV_SNP)
    memory.guest.write(0x1000, b"a" * 48)
    put = memory.write_piece(Gpa(0x1014), b"Xen")
    assert (put.result, put.stored) == (CopyResult.RMP_VIOLATION, Stored.NOTHING)
    assert memory.guest.read(0x1000, 48) == b"a" * 48
    memory.make_shared(Gfn(1))
    assert memory.write_piece(Gpa(0x1014), b"Xen").stored is Stored.DATA
    assert memory.guest.read(0x1014, 3) == b"Xen"


def test_changing_a_pages_state_leaves_dram_as_it_is():
    memory = GuestMemory.contiguous(4, Mfn(0x200), technology=Technology.SEV)
    memory.guest.write(0x1000, b"secret text 16 b")
    hidden = memory.read_piece(Gpa(0x1000), 16).data
    memory.make_shared(Gfn(1), 2)
    assert memory.guest.read(0x1000, 16) == hidden  # garbage, and the same to both
    assert memory.guest.read(0x2000, 16) != bytes(16)  # so is what was never written
    memory.make_private(Gfn(1), 2)
    assert memory.guest.read(0x1000, 16) == b"secret text 16 b"
    assert memory.guest.read(0x2000, 16) == bytes(16)


def test_pages_of_other_domains_are_not_private():
    p2m = P2m()
    p2m.map(Gfn(1), Mfn(1), 0, P2mType.p2m_map_foreign)
    memory = GuestMemory(p2m, technology=Technology.SEV)
    assert not memory.is_private(Gfn(1))
    assert memory.write_piece(Gpa(0x1000), b"x").stored is Stored.DATA


def test_without_encryption_no_page_has_a_state():
    memory = GuestMemory.contiguous(1, Mfn(1))
    assert not memory.is_private(Gfn(0))
    for change in (memory.make_private, memory.make_shared):
        with pytest.raises(MachineError, match="not encrypted"):
            change(Gfn(0))


@pytest.mark.parametrize(
    ("kind", "reads", "writes"),
    [
        ("p2m_ram_rw", True, True), ("p2m_ram_ro", True, True), ("p2m_ram_logdirty", True, True),
        ("p2m_ioreq_server", True, False), ("p2m_mmio_direct", False, False),
        # p2m_is_discard_write() names both: hvm_hap_nested_page_fault(), xen/arch/x86/hvm/hvm.c.
        ("p2m_grant_map_ro", True, True), ("p2m_grant_map_rw", True, True),
        ("p2m_ram_paging_out", False, False), ("p2m_ram_shared", True, False),
    ],
)  # fmt: skip
def test_what_the_guest_itself_can_do(kind, reads, writes):
    p2m = P2m()
    p2m.map(Gfn(1), Mfn(1), 0, P2mType[kind])
    memory = GuestMemory(p2m)
    memory.ram.write(0x1000, b"here")
    assert memory.guest.read(0x1000, 4) == (b"here" if reads else None)
    assert memory.guest.write(0x1000, b"HERE") is writes
    changed = writes and kind not in ("p2m_ram_ro", "p2m_grant_map_ro")
    assert memory.ram.read(0x1000, 4) == (b"HERE" if changed else b"here")


def test_a_guest_write_that_meets_a_hole_stores_nothing():
    memory = GuestMemory.contiguous(1, Mfn(1))
    assert not memory.guest.write(0xFFE, b"abcd")
    assert memory.guest.read(0xFFE, 2) == bytes(2)
    assert memory.guest.read(0xFFE, 4) is None


def test_views_of_frames_without_ram():
    p2m = P2m()
    p2m.map(Gfn(0), Mfn(9))
    for technology in Technology:
        memory = GuestMemory(p2m, Ram(9), technology=technology)
        assert memory.hypervisor.read(0, 4) is None
        assert memory.guest.read(0, 4) is None
        assert not memory.guest.write(0, b"abcd")
        assert memory.hypervisor.read(0x5000, 1) is None
        assert not memory.hypervisor.write_frame(9, 0, b"x")
