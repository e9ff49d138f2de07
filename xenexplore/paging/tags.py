"""Linear-address masking (LAM): pointers whose upper bits are not part of the address."""

from __future__ import annotations

from typing import Final

from xenexplore.paging.plan import Mode
from xenexplore.paging.state import PagingState

__all__ = ["untagged"]

_CR3_LAM_U57: Final = 1 << 61
_CR3_LAM_U48: Final = 1 << 62
_CR4_LAM_SUP: Final = 1 << 28


def untagged(state: PagingState, linear: int) -> int:
    """A data pointer's linear address, without the tag that LAM allows in it.

    Bits 62:57 (LAM57) or 62:48 (LAM48) become copies of the bit below them,
    where CR3 (user pointers, bit 63 clear) or CR4 (supervisor pointers) says
    so; bit 63 must agree with that bit, or the address is not canonical and is
    left as it is.  Instruction fetches are never masked.

    >>> from xenexplore.paging.state import PagingState
    >>> tagged = PagingState.long_mode(0x1000 | 1 << 61)
    >>> hex(untagged(tagged, 0x7E00_7FFF_FFFF_F000))
    '0x7ffffffff000'

    Source: Intel SDM vol. 3, 4.13 "Linear-Address Masking" (CR3.LAM_U48, CR3.LAM_U57,
    CR4.LAM_SUP).
    """
    if state.mode not in (Mode.LEVEL4, Mode.LEVEL5):
        return linear
    if linear >> 63:
        if not state.cr4 & _CR4_LAM_SUP:
            return linear
        width = 57 if state.mode is Mode.LEVEL5 else 48
    elif state.cr3 & _CR3_LAM_U57:
        width = 57
    elif state.cr3 & _CR3_LAM_U48:
        width = 48
    else:
        return linear
    sign = linear >> width - 1 & 1
    if sign != linear >> 63:
        return linear
    low = linear & (1 << width) - 1
    return low | ((1 << 64) - (1 << width) if sign else 0)
