"""Xen's P2M types, and which groups of them Xen's predicates name.

Source: xen/arch/x86/include/asm/p2m.h (4.17): p2m_type_t and the P2M_*_TYPES
masks.  The numbers are Xen's: they are what NPT and EPT entries hold.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

__all__ = [
    "ANY_RAM_TYPES",
    "DISCARD_WRITE_TYPES",
    "GRANT_TYPES",
    "HOLE_TYPES",
    "PAGING_TYPES",
    "RAM_TYPES",
    "VALID_TYPES",
    "P2mEntry",
    "P2mType",
]


class P2mType(enum.IntEnum):
    """Type of a guest frame, spelled and numbered as Xen does."""

    p2m_ram_rw = 0
    p2m_invalid = 1
    p2m_ram_logdirty = 2
    p2m_ram_ro = 3
    p2m_mmio_dm = 4
    p2m_mmio_direct = 5
    p2m_populate_on_demand = 6
    p2m_grant_map_rw = 7
    p2m_grant_map_ro = 8
    p2m_ram_paging_out = 9
    p2m_ram_paged = 10
    p2m_ram_paging_in = 11
    p2m_ram_shared = 12
    p2m_ram_broken = 13
    p2m_map_foreign = 14
    p2m_ioreq_server = 15


_T = P2mType

RAM_TYPES = frozenset(
    {
        _T.p2m_ram_rw,
        _T.p2m_ram_logdirty,
        _T.p2m_ram_ro,
        _T.p2m_ram_paging_out,
        _T.p2m_ram_paged,
        _T.p2m_ram_paging_in,
        _T.p2m_ram_shared,
        _T.p2m_ioreq_server,
    }
)
"""p2m_is_ram()"""

GRANT_TYPES = frozenset({_T.p2m_grant_map_rw, _T.p2m_grant_map_ro})
"""p2m_is_grant()"""

ANY_RAM_TYPES = RAM_TYPES | GRANT_TYPES | {_T.p2m_map_foreign}
"""p2m_is_any_ram()"""

VALID_TYPES = RAM_TYPES | {_T.p2m_mmio_dm, _T.p2m_mmio_direct}
"""p2m_is_valid(): RAM and MMIO; not grants, which may be unmapped at any time"""

PAGING_TYPES = frozenset({_T.p2m_ram_paging_out, _T.p2m_ram_paged, _T.p2m_ram_paging_in})
"""p2m_is_paging()"""

HOLE_TYPES = frozenset({_T.p2m_mmio_dm, _T.p2m_invalid, _T.p2m_ram_paging_in, _T.p2m_ram_paged})
"""p2m_is_hole()"""

DISCARD_WRITE_TYPES = frozenset({_T.p2m_ram_ro, _T.p2m_grant_map_ro})
"""p2m_is_discard_write(): writes are dropped and reported as done"""


class P2mEntry(NamedTuple):
    """Result of one P2M lookup: the compact form that walks record.

    Attributes:
        gfn: the guest frame that was looked up.
        mfn: the machine frame, or None where the P2M has none.
        type: Xen's type of the frame.
        order: log2 of the frames that the P2M's entry maps: 0, 9 or 18.  For
            a hole: how much of the address space that missing entry stands
            for, at most 18.
        entry_reads: how many P2M entries were read: 4, 3 or 2 for a 4 KiB, 2 MiB or
            1 GiB mapping; fewer where an upper entry is missing; 0 past the
            highest frame ever mapped.
        owned: whether the machine frame belongs to this domain: get_page()
            gives no reference on another domain's, whatever the P2M says.
    """

    gfn: int
    mfn: int | None
    type: P2mType
    order: int
    entry_reads: int
    owned: bool = True
