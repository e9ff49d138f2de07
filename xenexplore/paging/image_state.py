"""What a walk needs to know, from what an image recorded of a vCPU."""

from __future__ import annotations

from dataclasses import replace

from xenexplore.memory.image_registers import Registers
from xenexplore.paging.state import CR4_PKE, CR4_PKS, CR4_SMAP, PagingState

__all__ = ["IMAGE_MAXPHYADDR", "rights_aside", "state_from_registers"]

IMAGE_MAXPHYADDR = 52
"""Images do not say how many address bits the CPU had: with 52, none is reserved."""


def state_from_registers(
    registers: Registers, *, cr3: int | None = None, maxphyaddr: int = IMAGE_MAXPHYADDR
) -> PagingState:
    """The paging state of a vCPU in an image.

    PKRU and IA32_PKRS are in no image: they are taken as 0, which denies nothing.

    Args:
        registers: the vCPU.
        cr3: other page tables than the vCPU's own, e.g. another process's.
        maxphyaddr: guest-physical address bits of the CPU, if known.
    """
    return PagingState(
        cr0=registers.cr0,
        cr3=registers.cr3 if cr3 is None else cr3,
        cr4=registers.cr4,
        efer=registers.efer,
        eflags=registers.rflags,
        cpl=registers.cpl,
        maxphyaddr=maxphyaddr,
    )


def rights_aside(state: PagingState) -> PagingState:
    """The same tables, under which a supervisor read of anything mapped succeeds.

    What a debugger asks: where does this address lie?  SMAP and protection
    keys, which alone can deny such a read, are switched off.
    """
    return replace(state, cr4=state.cr4 & ~(CR4_SMAP | CR4_PKE | CR4_PKS))
