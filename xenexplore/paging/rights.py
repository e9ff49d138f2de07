"""Whether the rights that a walk collected permit an access, and the error code if not.

Source: the second half of guest_walk_tables(), xen/arch/x86/mm/guest_walk.c
(from ``leaf:``): protection key first, then NX, then user or supervisor rules.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from xenexplore.paging.access import (
    PFEC_FETCH,
    PFEC_IMPLICIT,
    PFEC_PRESENT,
    PFEC_USER,
    PFEC_WRITE,
    WalkEnd,
)

__all__ = ["NX", "RW", "US", "RightsRules", "judge_rights", "key_denies", "rights_verdicts"]

RW = 1
US = 2
NX = 4
"""Collected rights: R/W and U/S of all levels ANDed, NX of all levels ORed."""

CR0_WP = 1 << 16


class RightsRules(NamedTuple):
    """Verdicts on one kind of access under one state: a walk looks its verdict up here.

    Attributes:
        verdicts: how the walk ends, and Xen's PFEC, for each combination of RW, US, NX.
        base: error-code bits that come from the access alone.
        user_keys: PKRU where it applies to this access, else None.
        supervisor_keys: IA32_PKRS where it applies to this access, else None.
    """

    verdicts: tuple[tuple[WalkEnd, int], ...]
    base: int
    user_keys: int | None
    supervisor_keys: int | None


@functools.lru_cache(maxsize=1024)
def rights_verdicts(
    pfec: int, *, wp: bool, smep: bool, smap: bool, ac: bool, nx: bool
) -> tuple[int, tuple[tuple[WalkEnd, int], ...]]:
    """The error-code base of an access, and its verdict for each of the 8 rights.

    The fetch bit is reported only with NX or SMEP enabled.

    Args:
        pfec: the access (``Access.pfec``).
        wp: CR0.WP.
        smep: CR4.SMEP.
        smap: CR4.SMAP.
        ac: EFLAGS.AC.
        nx: whether NX works.
    """
    base = pfec & (PFEC_USER | PFEC_WRITE | (PFEC_FETCH if nx or smep else 0))
    verdicts = []
    for rights in range(8):
        end = judge_rights(rights, pfec, wp=wp, smep=smep, smap=smap, ac=ac)
        verdicts.append((end, 0 if end.ok else base | PFEC_PRESENT))
    return base, tuple(verdicts)


def judge_rights(rights: int, pfec: int, *, wp: bool, smep: bool, smap: bool, ac: bool) -> WalkEnd:
    """The rule itself: whether an access of this kind may use a page with these rights."""
    fetch, write = pfec & PFEC_FETCH, pfec & PFEC_WRITE
    if fetch and rights & NX:
        return WalkEnd.NO_EXECUTE
    if pfec & PFEC_USER:
        if not rights & US:
            return WalkEnd.SUPERVISOR_PAGE
        if write and not rights & RW:
            return WalkEnd.READ_ONLY
        return WalkEnd.OK
    if rights & US:
        if fetch and smep:
            return WalkEnd.SMEP
        if not fetch and smap and (pfec & PFEC_IMPLICIT or not ac):
            return WalkEnd.SMAP
    if write and not rights & RW and wp:
        return WalkEnd.READ_ONLY
    return WalkEnd.OK


def key_denies(register: int, key: int, pfec: int, cr0: int) -> bool:
    """Whether a protection-key register denies a data access to pages of a key.

    Args:
        register: PKRU for user-mode addresses, IA32_PKRS for supervisor-mode ones.
        key: the leaf entry's protection key, 0 to 15.
        pfec: the access.
        cr0: CR0; with WP clear, supervisor writes ignore the write-disable bit.
    """
    denied = register >> 2 * key
    if denied & 1:
        return True
    return bool(pfec & PFEC_WRITE and denied & 2 and (pfec & PFEC_USER or cr0 & CR0_WP))
