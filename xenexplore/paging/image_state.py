"""Parameters of a walk, from the image and the caller.

Images leave much unsaid.  What is then assumed is listed, so that it can be
printed; what cannot be assumed (PKRU) is left open, see
:func:`depends_on_pkru`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from xenexplore.errors import ImageError
from xenexplore.memory.image import Image
from xenexplore.memory.image_registers import Registers
from xenexplore.paging.assumption import Assumption
from xenexplore.paging.plan import Mode
from xenexplore.paging.state import (
    CR0_PE,
    CR0_PG,
    CR0_WP,
    CR4_LA57,
    CR4_PAE,
    CR4_PKE,
    CR4_PKS,
    CR4_PSE,
    CR4_SMAP,
    EFER_LMA,
    EFER_LME,
    EFER_NXE,
    PagingState,
)
from xenexplore.paging.walk_record import Walk

__all__ = [
    "IMAGE_MAXPHYADDR",
    "LINUX_PKRU",
    "ImageState",
    "Told",
    "depends_on_pkru",
    "image_state",
    "pkru_is_open",
    "rights_aside",
    "state_from_registers",
]

IMAGE_MAXPHYADDR: Final = 52
"""Images do not contain the CPU's number of address bits: with 52, none is reserved."""

LINUX_PKRU: Final = 0x55555554
"""What Linux gives new threads: no access by any key but 0 (init_pkru_value,
arch/x86/mm/pkeys.c)."""

_LOWEST_C_BIT: Final = 40
_MODES: Final = {2: Mode.LEGACY, 3: Mode.PAE, 4: Mode.LEVEL4, 5: Mode.LEVEL5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Statements of the caller about facts missing from an image; None if unknown.

    Attributes:
        cr3: physical address of other page tables than the image's own.
        mode: the paging mode.
        c_bit: position of the memory encryption bit.
        pkru: PKRU.
        maxphyaddr: physical address bits of the CPU.
    """

    cr3: int | None = None
    mode: Mode | None = None
    c_bit: int | None = None
    pkru: int | None = None
    maxphyaddr: int | None = None


@dataclass(frozen=True, slots=True)
class ImageState:
    """The state to walk an image's tables with.

    Attributes:
        state: registers, as far as known, and CPU properties.
        assumed: what of it was taken for granted.
        pkru_known: whether ``state.pkru`` means something.
        keys_known: whether it is known if protection keys are enabled (CR4 is).
    """

    state: PagingState
    assumed: tuple[Assumption, ...]
    pkru_known: bool
    keys_known: bool


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


def image_state(image: Image, registers: Registers | None, told: Told) -> ImageState:
    """The state to walk an image's tables with, and what of it is assumed.

    Args:
        image: the image.
        registers: the vCPU whose tables are meant; None if the image has none.
        told: what the caller says.

    Raises:
        ImageError: nothing says where the page tables are.
    """
    clues = image.clues
    assumed: list[Assumption] = []
    mode = told.mode
    if mode is None and clues is not None and clues.levels is not None:
        mode = _MODES[clues.levels]
    usable = registers is not None and (told.cr3 is None or bool(registers.cr0 & CR0_PG))
    if registers is not None and usable:
        state = state_from_registers(registers, cr3=told.cr3)
        if told.mode is not None:
            state = _in_mode(state, told.mode)
        if not registers.efer_known and state.mode not in (Mode.NONE, Mode.LEGACY):
            assumed.append(Assumption.EFER)
    else:
        cr3 = told.cr3 if told.cr3 is not None else clues.cr3 if clues is not None else None
        if cr3 is None:
            raise _no_cr3(image)
        if mode is None:
            mode = Mode.LEVEL4
            assumed.append(Assumption.MODE)
        assumed.append(Assumption.CONTROL)
        state = _in_mode(PagingState.long_mode(cr3, maxphyaddr=IMAGE_MAXPHYADDR), mode)
    if told.maxphyaddr is None:
        assumed.append(Assumption.MAXPHYADDR)
    c_bit = told.c_bit
    if c_bit is None and clues is not None:
        c_bit = clues.c_bit
    if c_bit is None:
        c_bit = _c_bit_of_cr3(image, state)
        if c_bit is not None:
            assumed.append(Assumption.C_BIT)
    if told.pkru is None and state.cr4 & CR4_PKE:
        assumed.append(Assumption.PKRU)
    state = replace(
        state,
        maxphyaddr=told.maxphyaddr or IMAGE_MAXPHYADDR,
        c_bit=c_bit if state.mode is not Mode.LEGACY else None,
        pkru=told.pkru or 0,
        cr4=state.cr4 | (CR4_PKE if told.pkru is not None else 0),
    )
    return ImageState(state, tuple(assumed), told.pkru is not None, usable)


def _no_cr3(image: Image) -> ImageError:
    return ImageError(
        image.name,
        "registers",
        expected="CR3",
        got="only memory",
        hint="set it with --cr3, or pass the output of QEMU's 'info registers' with --registers",
    )


def _in_mode(state: PagingState, mode: Mode) -> PagingState:
    """The same registers, but in the paging mode that was told."""
    wide = mode in (Mode.LEVEL4, Mode.LEVEL5)
    paged = mode is not Mode.NONE
    cr4 = state.cr4 & ~(CR4_PAE | CR4_LA57)
    cr4 |= CR4_PAE if mode not in (Mode.NONE, Mode.LEGACY) else 0
    cr4 |= CR4_LA57 if mode is Mode.LEVEL5 else 0
    cr4 |= CR4_PSE if mode is Mode.LEGACY else 0
    efer = state.efer & ~(EFER_LME | EFER_LMA)
    efer |= EFER_LME | EFER_LMA if wide else 0
    efer |= EFER_NXE if paged and mode is not Mode.LEGACY else 0
    cr0 = state.cr0 & ~CR0_PG | (CR0_PG | CR0_PE | CR0_WP if paged else 0)
    return replace(state, cr0=cr0, cr4=cr4, efer=efer)


def _c_bit_of_cr3(image: Image, state: PagingState) -> int | None:
    """The encryption bit that CR3 shows: with it CR3 is outside of memory, without it inside.

    A CR3 that a guest under SEV or a kernel under SME loads has the bit set
    (AMD APM vol. 2, 7.10.1 and 15.34.1: the position is CPUID 8000_001F EBX 5:0).
    """
    root = state.cr3 & state.plan.top_mask
    if state.mode in (Mode.NONE, Mode.LEGACY) or image.read(root, 8) is not None:
        return None
    bits = [bit for bit in range(_LOWEST_C_BIT, 52) if root >> bit & 1]
    fits = [bit for bit in bits if image.read(root & ~(1 << bit), 8) is not None]
    return fits[0] if len(fits) == 1 else None


def rights_aside(state: PagingState) -> PagingState:
    """The same tables, under which a supervisor read of anything mapped succeeds.

    What a debugger asks: where does this address lie?  SMAP and protection
    keys, which alone can deny such a read, are switched off.
    """
    return replace(state, cr4=state.cr4 & ~(CR4_SMAP | CR4_PKE | CR4_PKS))


def pkru_is_open(known: ImageState) -> bool:
    """Whether PKRU affects data accesses to user pages, or may, and is unknown."""
    if known.pkru_known or known.state.mode not in (Mode.LEVEL4, Mode.LEVEL5):
        return False
    return not known.keys_known or bool(known.state.cr4 & CR4_PKE)


def depends_on_pkru(one: Walk, known: ImageState) -> bool:
    """Whether an unknown PKRU decides if data accesses to the page found are permitted.

    So it is for pages of user mode with a protection key other than 0, where
    keys are enabled or may be.  (Linux never denies key 0.)

    Source: Intel SDM vol. 3, 4.6.2; the key's place: table 4-20.
    """
    if not pkru_is_open(known) or not one.reached_leaf:
        return False
    of_user = all(entry & 4 for entry in one.entries)
    return of_user and bool(one.entries[-1] >> 59 & 15) and not one.access.fetch
