"""Possible results of a batch's walks, decided once for the batch and looked up for each address.

======  ======================================================
bits    of a result word
======  ======================================================
19:0    Xen's error-code bits (pfec); 0 if translated
22:20   level of the last entry read; 0 if none was
31:24   number of the :class:`WalkEnd`, in the order they are declared
======  ======================================================
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from xenexplore.paging.access import (
    PFEC_PRESENT,
    PFEC_PROT_KEY,
    PFEC_RESERVED,
    Access,
    WalkEnd,
)
from xenexplore.paging.batch.table_arrays import ABSENT, MISSING, RESERVED
from xenexplore.paging.rights import NX, RW, US, key_denies
from xenexplore.paging.state import PagingState

__all__ = ["DENIED", "ENDS", "LEVEL_SHIFT", "NOT_CANONICAL", "STOPPED", "endings_for"]

ENDS: Final = tuple(WalkEnd)
LEVEL_SHIFT: Final = 20
END_SHIFT: Final = 24
PFEC_MASK: Final = (1 << LEVEL_SHIFT) - 1
# WalkEnd.OK is declared first: a result below this is a translation.
DENIED: Final = 1 << END_SHIFT

# Places in the table: the combinations of rights (3 bits) and protection key
# (4 bits), then one for each kind of entry that stops a walk, then the
# addresses that are not canonical.
STOPPED: Final = 128
NOT_CANONICAL: Final = STOPPED + 8


def endings_for(state: PagingState, access: Access) -> npt.NDArray[np.uint32]:
    """The result word, but for the level, of every way that a walk can end.

    The verdicts are those of :meth:`PagingState.rules_for` and
    :func:`~xenexplore.paging.rights.key_denies`, which the walk uses too.
    """
    rules = state.rules_for(access)
    table = np.zeros(NOT_CANONICAL + 1, np.uint32)
    for place in range(STOPPED):
        writable, user, executable, key = place & 1, place & 2, place & 4, place >> 3
        rights = (RW if writable else 0) | (US if user else 0) | (0 if executable else NX)
        end, pfec = rules.verdicts[rights]
        keys = rules.user_keys if user else rules.supervisor_keys
        if keys is not None and key_denies(keys, key, access.pfec, state.cr0):
            end, pfec = WalkEnd.PROTECTION_KEY, rules.base | PFEC_PRESENT | PFEC_PROT_KEY
        table[place] = word_of(end, pfec)
    table[STOPPED + ABSENT] = word_of(WalkEnd.NOT_PRESENT, rules.base)
    table[STOPPED + RESERVED] = word_of(WalkEnd.RESERVED, rules.base | PFEC_PRESENT | PFEC_RESERVED)
    table[STOPPED + MISSING] = word_of(WalkEnd.NO_TABLE, rules.base)
    table[NOT_CANONICAL] = word_of(WalkEnd.NOT_CANONICAL, 0)
    return table


def word_of(end: WalkEnd, pfec: int) -> int:
    """A result word without its level."""
    return ENDS.index(end) << END_SHIFT | pfec
