from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.addr import Gfn, Maddr
from xenexplore.errors import MachineError
from xenexplore.memory import GuestMemory, NestedP2m, P2mType, Ram
from xenexplore.memory.p2m_types import ANY_RAM_TYPES, VALID_TYPES

ROOT = 0x1000
BASE = 0x67  # present, writable, user (no recalculation due), accessed, dirty


def chain(*entries):
    """Tables for gfn 0x12345: one entry per level, in tables 0x1000, 0x2000, ..."""
    ram = Ram(1 << 20)
    for place, entry in enumerate(entries):
        index = 0x12345 >> 9 * (3 - place) & 511
        ram.write(ROOT + 0x1000 * place + 8 * index, entry.to_bytes(8, "little"))
    return ram


UPPER = (0x2000 | BASE, 0x3000 | BASE, 0x4000 | BASE)


@given(st.sampled_from(list(P2mType)), st.integers(0, (1 << 36) - 1))
def test_types_sit_in_bits_58_to_52(kind, mfn):
    ram = chain(*UPPER, mfn << 12 | kind << 52 | BASE)
    found = NestedP2m(ram, Maddr(ROOT)).entry(0x12345)
    assert (found.type, found.order, found.entry_reads) == (kind, 0, 4)
    known = kind in VALID_TYPES | ANY_RAM_TYPES
    assert found.mfn == (mfn if known else None)


@pytest.mark.parametrize(("place", "order", "reads"), [(2, 9, 3), (1, 18, 2)])
def test_superpages(place, order, reads):
    mfn = 7 << 18
    ram = chain(*UPPER[:place], mfn << 12 | BASE | 0x80)
    p2m = NestedP2m(ram, Maddr(ROOT))
    found = p2m.entry(0x12345)
    assert found.mfn == mfn | 0x12345 & ((1 << order) - 1)
    assert (found.order, found.entry_reads) == (order, reads)
    step = p2m.lookup(Gfn(0x12345))
    assert (step.mfn.value, step.entry_reads) == (found.mfn, reads)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_missing_entry_is_a_hole_found_as_early_as_it_is(place):
    found = NestedP2m(chain(*UPPER[:place], 0), Maddr(ROOT)).entry(0x12345)
    assert (found.mfn, found.type) == (None, P2mType.p2m_mmio_dm)
    assert (found.entry_reads, found.order) == (place + 1, (18, 18, 9, 0)[place])


@pytest.mark.parametrize(("place", "known"), [(0, False), (1, True), (2, True), (3, True)])
def test_populate_on_demand_is_kept_in_entries_that_are_not_present(place, known):
    pod = P2mType.p2m_populate_on_demand
    found = NestedP2m(chain(*UPPER[:place], pod << 52), Maddr(ROOT)).entry(0x12345)
    assert found.type is (pod if known else P2mType.p2m_mmio_dm)
    assert found.mfn is None


def test_paging_types_count_though_not_present_and_have_a_frame_or_not():
    for kind in ("p2m_ram_paging_out", "p2m_ram_paged"):
        for mfn, wanted in ((0x55, 0x55), ((1 << 40) - 1, None)):
            ram = chain(*UPPER, mfn << 12 | P2mType[kind] << 52)
            found = NestedP2m(ram, Maddr(ROOT)).entry(0x12345)
            assert (found.type.name, found.mfn) == (kind, wanted)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("kind", "log_dirty", "server", "wanted"),
    [
        ("p2m_ram_logdirty", False, False, "p2m_ram_rw"),
        ("p2m_ram_rw", True, False, "p2m_ram_logdirty"),
        ("p2m_ioreq_server", False, False, "p2m_ram_rw"),
        ("p2m_ioreq_server", False, True, "p2m_ioreq_server"),
        ("p2m_ram_ro", True, False, "p2m_ram_ro"),
    ],
)
def test_a_clear_user_bit_anywhere_means_the_type_is_due(place, kind, log_dirty, server, wanted):
    entries = [*UPPER, 0x55000 | P2mType[kind] << 52 | BASE]
    p2m = NestedP2m(chain(*entries), Maddr(ROOT), log_dirty=log_dirty, ioreq_server=server)
    assert p2m.entry(0x12345).type is P2mType[kind]
    entries[place] &= ~4
    p2m = NestedP2m(chain(*entries), Maddr(ROOT), log_dirty=log_dirty, ioreq_server=server)
    assert p2m.entry(0x12345).type.name == wanted


def test_ownership_is_read_off_the_type():
    for kind, owned in (("p2m_ram_rw", True), ("p2m_map_foreign", False)):
        ram = chain(*UPPER, 0x55000 | P2mType[kind] << 52 | BASE)
        assert NestedP2m(ram, Maddr(ROOT)).entry(0x12345).owned is owned


def test_unknown_types_and_empty_entries_are_invalid():
    ram = chain(*UPPER, 0x55000 | 0x7F << 52 | BASE)
    found = NestedP2m(ram, Maddr(ROOT)).entry(0x12345)
    assert (found.type, found.mfn) == (P2mType.p2m_invalid, None)


def test_nothing_is_read_past_the_highest_frame():
    p2m = NestedP2m(Ram(0), Maddr(ROOT), highest=Gfn(0x100))
    assert p2m.entry(0x101).entry_reads == 0
    assert NestedP2m(Ram(0), Maddr(ROOT)).entry(1 << 36).entry_reads == 0
    with pytest.raises(MachineError, match="0x1000"):
        p2m.entry(0x100)


def test_it_serves_as_a_guests_p2m_but_cannot_be_changed():
    ram = chain(*UPPER, 0x55000 | P2mType.p2m_ram_shared << 52 | BASE)
    memory = GuestMemory(NestedP2m(ram, Maddr(ROOT)), ram)
    ram.write(0x55010, b"data")
    assert memory.hypervisor.read(0x12345010, 4) == b"data"
    assert memory.hypervisor.resolve(0x12345)[0].type is P2mType.p2m_ram_shared
