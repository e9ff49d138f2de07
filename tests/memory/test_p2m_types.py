"""Numbers and groups of P2M types against Xen's own header, where it is to be had."""

from __future__ import annotations

from xenexplore.memory import P2mType
from xenexplore.memory import p2m_types as t

# xen/arch/x86/include/asm/p2m.h of Xen 4.17.7, typed in from the enum by hand.
NUMBERS = """p2m_ram_rw 0 p2m_invalid 1 p2m_ram_logdirty 2 p2m_ram_ro 3 p2m_mmio_dm 4
p2m_mmio_direct 5 p2m_populate_on_demand 6 p2m_grant_map_rw 7 p2m_grant_map_ro 8
p2m_ram_paging_out 9 p2m_ram_paged 10 p2m_ram_paging_in 11 p2m_ram_shared 12
p2m_ram_broken 13 p2m_map_foreign 14 p2m_ioreq_server 15"""


def test_types_have_xens_names_and_numbers():
    words = NUMBERS.split()
    pairs = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    assert {kind.name: kind.value for kind in P2mType} == pairs


def masks(group):
    return sum(1 << kind for kind in group)


def test_groups_are_xens_masks():
    assert masks(t.RAM_TYPES) == 0b1001_1110_0000_1101
    assert masks(t.GRANT_TYPES) == 0b0000_0001_1000_0000
    assert masks(t.ANY_RAM_TYPES) == 0b1101_1111_1000_1101
    assert masks(t.VALID_TYPES) == 0b1001_1110_0011_1101
    assert masks(t.PAGING_TYPES) == 0b0000_1110_0000_0000
    assert masks(t.HOLE_TYPES) == 0b0000_1100_0001_0010
    assert masks(t.DISCARD_WRITE_TYPES) == 0b0000_0001_0000_1000
