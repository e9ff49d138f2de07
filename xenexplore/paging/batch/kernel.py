"""The loop of the batch walker, compiled.  Importing this module imports numba.

The machine code is kept beside the module, or in the user's cache folder where
that is not writable; a machine with neither compiles it again in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from xenexplore.paging.batch.endings import DENIED, LEVEL_SHIFT, NOT_CANONICAL, STOPPED
from xenexplore.paging.batch.table_arrays import FRAME_MASK, KIND_MASK, LEAF, TABLE

__all__ = ["translate"]


def _translate(
    linear: np.ndarray[Any, np.dtype[np.uint64]],
    cooked: np.ndarray[Any, np.dtype[np.uint64]],
    endings: np.ndarray[Any, np.dtype[np.uint32]],
    shape: tuple[int, int, int],
    gpas: np.ndarray[Any, np.dtype[np.uint64]],
    results: np.ndarray[Any, np.dtype[np.uint32]],
) -> None:
    """Translate every address.

    ``cooked`` is flat; ``shape`` is (levels, index bits, bits that a canonical
    address is sign-extended from, or 64 to take every address); ``endings``
    has the result word for each of the places above.
    """
    levels, index_bits, linear_bits = shape
    width = np.uint64(index_bits)
    mask = np.uint64((1 << index_bits) - 1)
    top = np.uint64(12 + index_bits * (levels - 1))
    unused = np.uint64(64 - linear_bits)
    kinds, frame_mask = np.uint64(KIND_MASK), np.uint64(FRAME_MASK)
    one, three, four, seven = np.uint64(1), np.uint64(3), np.uint64(4), np.uint64(7)
    eight, twelve, fifteen = np.uint64(8), np.uint64(12), np.uint64(15)
    table, leaf, nowhere = np.uint64(TABLE), np.uint64(LEAF), ~np.uint64(0)
    for i in range(len(linear)):
        address = linear[i]
        if np.uint64(np.int64(address << unused) >> np.int64(unused)) != address:
            gpas[i] = nowhere
            results[i] = endings[NOT_CANONICAL]
            continue
        shift, node, rights, level = top, np.uint64(0), nowhere, levels
        word = cooked[(address >> shift) & mask]
        rights &= word
        while word & kinds == table:
            node = (word & frame_mask) >> twelve
            shift -= width
            level -= 1
            word = cooked[(node << width) | ((address >> shift) & mask)]
            rights &= word
        gpa = nowhere
        if word & kinds == leaf:
            key = (word >> eight) & fifteen
            ending = endings[np.intp(((rights >> four) & seven) | (key << three))]
            if ending < DENIED:
                gpa = (word & frame_mask) | (address & ((one << shift) - one))
        else:
            ending = endings[STOPPED + np.intp(word & kinds)]
        gpas[i] = gpa
        results[i] = ending | np.uint32(level << LEVEL_SHIFT)


def _compile() -> Callable[..., None]:
    """The compiled loop, from the cache where there can be one."""
    compiled: Callable[..., None]
    try:
        compiled = numba.njit(cache=True, nogil=True)(_translate)
    except RuntimeError:
        # "no locator available": neither the package nor the home is writable.
        compiled = numba.njit(nogil=True)(_translate)
    return compiled


translate = _compile()
