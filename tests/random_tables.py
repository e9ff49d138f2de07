"""Memory full of random page tables that point at each other, and states to walk them with."""

from __future__ import annotations

import numpy as np

from xenexplore.paging import Mode, PagingState
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
    CR4_SMEP,
    EFER_LMA,
    EFER_LME,
    EFER_NXE,
    EFLAGS_AC,
)

FRAMES = 12
PAGED_MODES = (Mode.LEVEL4, Mode.LEVEL5, Mode.PAE, Mode.LEGACY)


class Memory:
    """``FRAMES`` pages of memory; nothing past them."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, gpa: int, size: int, /) -> bytes | None:
        piece = self.data[gpa : gpa + size]
        return piece if len(piece) == size else None


def random_memory(rng: np.random.Generator, mode: Mode) -> Memory:
    """Entries mostly present, rarely with reserved bits, now and then past the end of memory."""
    legacy = mode is Mode.LEGACY
    shape = (FRAMES, 1024 if legacy else 512)
    frame = rng.integers(0, FRAMES + 1, shape, dtype=np.uint64)
    words = frame << np.uint64(12) | rng.integers(0, 1 << 12, shape, dtype=np.uint64)
    words |= (rng.random(shape) < 0.9).astype(np.uint64)
    # Bit 7: half of the superpages aligned, so that their low bits are clear.
    large = (words & np.uint64(0x80)) != 0
    drop = large & (rng.random(shape) < 0.6)
    words[drop] &= ~np.uint64(0x80)
    aligned = large & ~drop & (rng.random(shape) < 0.7)
    words[aligned] &= np.uint64(0xFFF)
    words[aligned] |= (rng.integers(0, 1 << 9, shape, dtype=np.uint64) << np.uint64(30))[aligned]
    if legacy:
        return Memory(words.astype("<u4").tobytes())
    words |= (rng.random(shape) < 0.1).astype(np.uint64) << np.uint64(63)
    for bit in (*range(52, 63), 51, 45, 40):
        words |= (rng.random(shape) < 0.02).astype(np.uint64) << np.uint64(bit)
    data = words.astype("<u8")
    if mode is Mode.PAE:
        # The top table has almost only reserved bits: make its entries plausible.
        top = data[0, :64]
        top &= np.uint64(0xFE19)
        top[rng.random(64) < 0.1] |= np.uint64(2)
    return Memory(data.tobytes())


def random_state(rng: np.random.Generator, mode: Mode) -> PagingState:
    """Control registers by the toss of a coin."""

    def some(*bits: int) -> int:
        return sum(bit for bit in bits if rng.random() < 0.5)

    cr4 = some(CR4_PSE, CR4_SMEP, CR4_SMAP, CR4_PKE, CR4_PKS)
    efer = EFER_NXE if rng.random() < 0.8 else 0
    if mode is not Mode.LEGACY:
        cr4 |= CR4_PAE
    if mode in (Mode.LEVEL4, Mode.LEVEL5):
        efer |= EFER_LME | EFER_LMA
    if mode is Mode.LEVEL5:
        cr4 |= CR4_LA57
    root = int(rng.integers(0, FRAMES if rng.random() < 0.95 else FRAMES + 2)) << 12
    if mode is Mode.PAE:
        root = int(rng.integers(0, 16)) << 5
    state = PagingState(
        cr0=CR0_PG | CR0_PE | some(CR0_WP),
        cr3=root,
        cr4=cr4,
        efer=efer,
        eflags=2 | some(EFLAGS_AC),
        pkru=int(rng.integers(0, 1 << 32)),
        pkrs=int(rng.integers(0, 1 << 32)),
        maxphyaddr=int(rng.choice([36, 40, 46, 52])),
        page1gb=bool(rng.random() < 0.7),
        pse36=bool(rng.random() < 0.7),
        amd=bool(rng.random() < 0.3),
        c_bit=int(rng.choice([45, 47, 51]))
        if mode is not Mode.LEGACY and rng.random() < 0.2
        else None,
    )
    assert state.mode is mode
    return state


def random_addresses(rng: np.random.Generator, count: int, bits: int) -> np.ndarray:
    """Any 64-bit values, but most of them canonical for ``bits``."""
    values = rng.integers(0, 1 << 64, count, dtype=np.uint64)
    unused = np.int64(64 - bits)
    canonical = (values.view(np.int64) << unused >> unused).view(np.uint64)
    return np.where(rng.random(count) < 0.95, canonical, values)
