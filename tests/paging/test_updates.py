"""Writing Accessed and Dirty bits: Xen compares and exchanges, a CPU ORs them in."""

from __future__ import annotations

import pytest

from xenexplore.addr import Gfn, Gpa, Gva, Mfn
from xenexplore.memory import GuestMemory
from xenexplore.paging import (
    WRITE,
    Manner,
    Mode,
    PageFlags,
    PageTables,
    apply_updates,
    frames_from,
    walk,
)

LINEAR = Gva(0xFFFF_8880_0012_3000)
AVAILABLE = 1 << 9
"""A bit that software may use: the entry changes, and what it maps does not."""


@pytest.mark.parametrize("manner", list(Manner))
@pytest.mark.parametrize("view", ["hypervisor", "guest"])
def test_an_entry_that_changed_since_the_walk(manner: Manner, view: str) -> None:
    """set_ad_bits(): cmpxchg of what the walk read (xen/arch/x86/mm/guest_walk.c)."""
    memory = GuestMemory.contiguous(2048, Mfn(0x800), largest=9)
    tables = PageTables(memory.guest, Mode.LEVEL4, frames_from(Gfn(0x10)))
    tables.map(LINEAR, Gpa(0x30_0000), 4096, PageFlags(), largest=4096)
    through = getattr(memory, view)
    found = walk(through, tables.state(), LINEAR, WRITE, manner)
    (leaf,) = (update for update in found.updates if update.level == 1)
    changed = leaf.before | AVAILABLE
    assert memory.guest.write(leaf.entry_at.value, changed.to_bytes(8, "little"))
    written = apply_updates(found, through)
    data = memory.guest.read(leaf.entry_at.value, 8)
    assert data is not None
    now = int.from_bytes(data, "little")
    if manner is Manner.XEN:
        assert now == changed
        assert written == len(found.updates) - 1
    else:
        assert now == changed | leaf.after
        assert written == len(found.updates)
