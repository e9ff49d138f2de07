"""The walk of a guest's page tables, after Xen's.

Source: guest_walk_tables(), xen/arch/x86/mm/guest_walk.c; around it, where a
P2M is given, hap_p2m_ga_to_gfn(), xen/arch/x86/mm/hap/guest_walk.c: one P2M
lookup for the table that CR3 names, one for each lower table, one for the
frame found.  Under shadow paging, sh_walk_guest_tables(), xen/arch/x86/mm/shadow/multi.c:
neither CR3's table, whose frame hvm_set_cr3(), xen/arch/x86/hvm/hvm.c, has looked up, nor
the frame found is looked up, lower tables are.  Xen 4.17 and the newer tree agree but for
supervisor protection keys, which no guest of 4.17 can enable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, Gva
from xenexplore.errors import AddressError
from xenexplore.memory.p2m_types import PAGING_TYPES, P2mEntry, P2mType
from xenexplore.paging.access import (
    PFEC_FETCH,
    PFEC_PAGED,
    PFEC_PRESENT,
    PFEC_PROT_KEY,
    PFEC_RESERVED,
    PFEC_SHARED,
    READ,
    Access,
    WalkEnd,
)
from xenexplore.paging.plan import unfold_pse36
from xenexplore.paging.rights import key_denies
from xenexplore.paging.state import CR4_SMEP, Manner, PagingState
from xenexplore.paging.walk_record import Walk

__all__ = ["Reader", "TwoStageReader", "walk"]

_OK = WalkEnd.OK
_NOT_PRESENT = WalkEnd.NOT_PRESENT
_CPU = Manner.CPU
_SHARED = P2mType.p2m_ram_shared
_new = tuple.__new__


class Reader(Protocol):
    """Guest-physical memory that a walk can read: RAM, an image, a guest's own view.

    One that also has ``word(gpa) -> int | None`` is asked for 64-bit entries
    that way, which is quicker.
    """

    def read(self, gpa: int, size: int, /) -> bytes | None:
        """``size`` bytes, all of one page, or None where nothing is behind them."""
        ...


class TwoStageReader(Reader, Protocol):
    """Guest memory behind a P2M, as read by a walk under HAP.

    :attr:`xenexplore.memory.GuestMemory.hypervisor` is one.
    """

    def resolve(self, gfn: int, /) -> tuple[P2mEntry, int | None]:
        """The P2M's entry for a frame, and the machine frame that Xen got a reference to."""
        ...

    def read_frame(self, mfn: int, offset: int, size: int, /) -> bytes | None:
        """Bytes of a machine frame."""
        ...


def walk(
    reader: Reader | TwoStageReader,
    state: PagingState,
    linear: int | Gva,
    access: Access = READ,
    manner: Manner = Manner.XEN,
) -> Walk:
    """Translate a linear address and record every level of it.  Changes nothing.

    Args:
        reader: guest-physical memory.  One with ``resolve`` (Xen's view) costs
            and records P2M lookups; one with ``read`` alone is memory without a P2M.
        state: registers and CPU properties.
        linear: the linear address.
        access: what is asked.
        manner: Xen's walk, or a CPU's where they differ.

    Returns:
        The record.  A fault is an answer: see ``Walk.end`` and ``Walk.error_code``.

    Raises:
        AddressError: the address does not fit in 64 bits.
    """
    va = linear.value if isinstance(linear, Gva) else linear
    if va >> 64:
        raise AddressError(va, "linear", "64 bits")
    plan = state.plan
    if manner is _CPU:
        bits = plan.linear_bits
        if bits == 32:
            va &= 0xFFFFFFFF
        elif va >> bits - 1 not in (0, (1 << 65 - bits) - 1):  # not canonical
            return Walk(state, access, va, manner, (), (), WalkEnd.NOT_CANONICAL, 0, None)
    lookups: list[P2mEntry] = []
    resolve = None
    fetch: Callable[[int], int | None] | None = getattr(reader, "word", None)
    if fetch is None or plan.entry_size != 8:
        resolve = getattr(reader, "resolve", None)
        fetch = _fetcher(reader, plan.entry_size, resolve, lookups)
    entries: list[int] = []
    end = _OK
    all_of, any_of, entry, is_large, inside = -1, 0, 0, 0, 0
    address_mask = plan.address_mask
    table = state.cr3 & plan.top_mask
    for shift, mask, _, large, large_reserved, grants, inside, sound in plan.levels:  # noqa: B007
        found = fetch(table + (va >> shift & mask))
        if found is None:
            end = WalkEnd.NO_TABLE
            break
        entry = found
        entries.append(entry)
        if entry & sound != 1:
            end = WalkEnd.RESERVED if entry & 1 else _NOT_PRESENT
            break
        all_of &= entry | grants
        any_of |= entry
        is_large = entry & large
        if is_large:
            if entry & large_reserved:
                end = WalkEnd.RESERVED
            break
        table = entry & address_mask
    gpa: int | None = None
    pfec = 0
    if end is not _OK:
        end, pfec = _stopped(state, access, end, not entries, lookups)
    elif not entries:  # paging is off
        gpa = va
    else:
        verdicts, base, user_keys, supervisor_keys = state.rules.get(
            access.pfec
        ) or state.rules_for(access)
        end, pfec = verdicts[(all_of >> 1 & 3) | (any_of >> 61 & 4)]
        register = user_keys if all_of & 4 else supervisor_keys
        if register is not None and key_denies(register, entry >> 59 & 15, access.pfec, state.cr0):
            end, pfec = WalkEnd.PROTECTION_KEY, base | PFEC_PRESENT | PFEC_PROT_KEY
        if end is _OK:
            if is_large and plan.entry_size == 4:
                entry = unfold_pse36(entry)
            gpa = entry & address_mask & ~inside | va & inside
            if resolve is not None and not state.shadow:
                lookups.append(resolve(gpa >> PAGE_SHIFT)[0])
                blocked = _BLOCKED.get(lookups[-1].type)
                if blocked is not None:
                    gpa, (end, pfec) = None, blocked
    return _new(Walk, (state, access, va, manner, tuple(entries), tuple(lookups), end, pfec, gpa))


_BLOCKED = {
    _SHARED: (WalkEnd.SHARED, PFEC_SHARED),
    **dict.fromkeys(PAGING_TYPES, (WalkEnd.PAGED, PFEC_PAGED)),
}


def _fetcher(
    reader: Reader | TwoStageReader,
    size: int,
    resolve: Callable[[int], tuple[P2mEntry, int | None]] | None,
    lookups: list[P2mEntry],
) -> Callable[[int], int | None]:
    """Function by which this walk gets the entry at a guest-physical address.

    Through the P2M it is map_domain_gfn() (xen/arch/x86/mm/guest_walk.c), then
    the read, and the lookup is recorded.
    """
    if resolve is None:
        read = reader.read

        def fetch(gpa: int) -> int | None:
            raw = read(gpa, size)
            return None if raw is None else int.from_bytes(raw, "little")

        return fetch
    read_frame: Callable[[int, int, int], bytes | None] = getattr(reader, "read_frame")  # noqa: B009

    def fetch_through(gpa: int) -> int | None:
        entry, mfn = resolve(gpa >> PAGE_SHIFT)
        lookups.append(entry)
        if mfn is None or entry.type in _BLOCKED:
            return None
        raw = read_frame(mfn, gpa & PAGE_MASK, size)
        return None if raw is None else int.from_bytes(raw, "little")

    return fetch_through


def _stopped(
    state: PagingState,
    access: Access,
    end: WalkEnd,
    at_top: bool,
    lookups: list[P2mEntry],
) -> tuple[WalkEnd, int]:
    """Ending of a walk that found no translation, and Xen's PFEC for it."""
    rules = state.rules.get(access.pfec) or state.rules_for(access)
    if end is _NOT_PRESENT:
        return end, rules.base
    if end is WalkEnd.RESERVED:
        return end, rules.base | PFEC_RESERVED | PFEC_PRESENT
    blocked = _BLOCKED.get(lookups[-1].type) if lookups else None
    if blocked is not None:
        end, synthetic = blocked
        # hap_p2m_ga_to_gfn() overwrites the code; guest_walk_tables() adds to it.
        return end, synthetic if at_top else synthetic | rules.base
    if not at_top:
        return end, rules.base
    # No page for CR3: hap_p2m_ga_to_gfn() keeps the request's own bits, and
    # looks at EFER.NXE alone where guest_walk_tables() knows the paging mode.
    keeps_fetch = state.plan.nxe or state.cr4 & CR4_SMEP
    return end, access.pfec if keeps_fetch else access.pfec & ~PFEC_FETCH
