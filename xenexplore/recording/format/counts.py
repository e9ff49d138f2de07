"""Xen's counts for each record: instructions, loads and stores (version 2 of the format).

Only Xen's own code counts, between its image's first and last address.  What
an interrupt ran in between is in the counts too; see ``interrupts``.  Counts
are not times, and the processor's own work at a VM exit and entry is not in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from xenexplore.recording.format.column_set import Columns

__all__ = [
    "ACCESS_FIELDS",
    "CALL_FIELDS",
    "WALK_FIELDS",
    "AccessCounts",
    "CallCounts",
    "RecordCounts",
    "WalkCounts",
]

# Column and the field of a record that it comes from.
CALL_FIELDS: Mapping[str, str] = {
    "handler": "i", "exit_to_entry": "ix", "decode": "il", "copies": "ic", "walks": "iw",
    "p2m": "ip", "memcpy": "im", "mappings": "imd", "loads": "ld", "stores": "st",
    "exit_loads": "ldx",
    "interrupts": "irq", "switches": "ctx",
}  # fmt: skip
ACCESS_FIELDS: Mapping[str, str] = {
    "instructions": "i", "walks": "iw", "p2m": "ip", "memcpy": "im", "mappings": "imd",
    "loads": "ld", "stores": "st",
}  # fmt: skip
WALK_FIELDS: Mapping[str, str] = {"instructions": "i", "loads": "ld", "stores": "st"}


@dataclass(frozen=True, slots=True)
class CallCounts(Columns):
    """Instructions of Xen for each hypercall: N rows, int64; -1 where it was not counted.

    Attributes:
        handler: instructions in hvm_hypercall() or pv_hypercall() and below.
        exit_to_entry: instructions from the VM exit to the VM entry; -1 where
            another vCPU was switched to in between, and for PV.
        decode: of these, in svm_get_insn_len(), which finds out how long
            VMMCALL was; nothing on hardware with NRIP save.
        copies, walks, p2m, memcpy: instructions in guest copies; of these, in
            page walks (paging_gva_to_gfn() and below); in lookups of the frame
            (p2m_get_page_from_gfn()) outside walks; in memcpy() of copies.
        mappings: instructions of ``handler`` in map_domain_page(), those of walks too.
        loads, stores: memory reads and writes of ``handler``.
        exit_loads: memory reads of ``exit_to_entry``.
        interrupts: entries of do_IRQ() meanwhile.
        switches: entries of context_switch() meanwhile.
    """

    handler: NDArray[np.int64]
    exit_to_entry: NDArray[np.int64]
    decode: NDArray[np.int64]
    copies: NDArray[np.int64]
    walks: NDArray[np.int64]
    p2m: NDArray[np.int64]
    memcpy: NDArray[np.int64]
    mappings: NDArray[np.int64]
    loads: NDArray[np.int64]
    stores: NDArray[np.int64]
    exit_loads: NDArray[np.int64]
    interrupts: NDArray[np.int64]
    switches: NDArray[np.int64]

    @property
    def undisturbed(self) -> NDArray[np.bool_]:
        """N bools: counted from exit to entry, without an interrupt or a switch of vCPUs."""
        quiet: NDArray[np.bool_] = (self.interrupts <= 0) & (self.switches <= 0)
        return quiet & (self.exit_to_entry >= 0)


@dataclass(frozen=True, slots=True)
class AccessCounts(Columns):
    """Instructions of Xen for each access: M rows, int64; -1 where it was not counted.

    Attributes:
        instructions: in the copy function and below.
        walks, p2m, memcpy, mappings: of these, as in :class:`CallCounts`.
        loads, stores: memory reads and writes.
    """

    instructions: NDArray[np.int64]
    walks: NDArray[np.int64]
    p2m: NDArray[np.int64]
    memcpy: NDArray[np.int64]
    mappings: NDArray[np.int64]
    loads: NDArray[np.int64]
    stores: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WalkCounts(Columns):
    """Instructions of Xen for each walk: W rows, int64; -1 where it was not counted.

    Attributes:
        instructions: in hap_p2m_ga_to_gfn() and below.
        loads, stores: memory reads and writes.
    """

    instructions: NDArray[np.int64]
    loads: NDArray[np.int64]
    stores: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """Counts of every record, row by row."""

    calls: CallCounts
    accesses: AccessCounts
    walks: WalkCounts

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """The rows of at least one part, in order."""
        return cls(
            CallCounts.concatenate([part.calls for part in parts]),
            AccessCounts.concatenate([part.accesses for part in parts]),
            WalkCounts.concatenate([part.walks for part in parts]),
        )

    def equal(self, other: Self) -> bool:
        """Whether both hold the same counts."""
        return (
            self.calls.equal(other.calls)
            and self.accesses.equal(other.accesses)
            and self.walks.equal(other.walks)
        )
