"""Page tables shared with Xen: a PV guest's, or Xen's own, and the meaning of their frames.

What stands in such tables is a machine frame number, wherever the tables were
found: in a PV domain's dump, or in the memory of a machine that runs Xen.
"""

from __future__ import annotations

from typing import Final

from xenexplore.paging.plan import Mode
from xenexplore.paging.state import PagingState
from xenexplore.paging.walk import Reader

__all__ = ["hold_machine_frames"]

_M2P_SLOT: Final = 256  # RO_MPT_VIRT_START
_LINEAR_SLOT: Final = 258  # LINEAR_PT_VIRT_START


def hold_machine_frames(memory: Reader, state: PagingState) -> bool:
    """Whether the tables under CR3 are of a PV guest under Xen, or Xen's own.

    Such a top table has the machine-to-physical table in slot 256 and maps
    itself in slot 258; no other kernel uses these slots, which Linux keeps free
    for Xen (arch/x86/include/asm/page_64_types.h, "hypervisor hole").

    Source: xen/arch/x86/include/asm/config.h (4.17), "Memory layout".
    """
    if state.mode is not Mode.LEVEL4:
        return False
    root = state.cr3 & state.plan.top_mask
    slots = memory.read(root + 8 * _M2P_SLOT, 24)
    if slots is None:
        return False
    m2p = int.from_bytes(slots[:8], "little")
    linear = int.from_bytes(slots[16:], "little")
    frames = state.plan.address_mask
    maps_itself = linear & 1 and linear & frames == root
    return bool(maps_itself and m2p & 1 and m2p & frames != root)
