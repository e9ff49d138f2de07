"""Results of a replay: a verdict for each access, and counts of one domain's calls."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from xenexplore.hypervisor.outcome import Counts
from xenexplore.options.variant import Variant
from xenexplore.recording.format.column_set import Columns

__all__ = ["AccessVerdict", "ReplayVerdicts", "Replayed"]


class AccessVerdict(enum.IntEnum):
    """Result of an access under an option."""

    DIRECT = 0  # PV: Xen dereferences the address, the CPU walks
    WALK = 1  # the guest's tables are walked for some of it
    HIT = 2  # registered buffers, or remembered walks, serve all of it
    FAIL = 3  # a miss that must not be walked
    PHYSICAL = 4  # by guest-physical address
    LIST = 5  # by a list of frames
    REGISTER = 6  # in registers
    BOUNCE = 7  # in the bounce page
    REFUSED = 8  # the option cannot carry the call


@dataclass(frozen=True, slots=True)
class ReplayVerdicts(Columns):
    """One row per access, in the order of ``Workload.inside(domain)``.

    Attributes:
        verdict: uint8: a :class:`AccessVerdict`.
        entry: int32: slot of the registered buffer that serves the first byte, or -1.
        walks: int64: pages walked.
        compares: int64: entries compared.
    """

    verdict: NDArray[np.uint8]
    entry: NDArray[np.int32]
    walks: NDArray[np.int64]
    compares: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One domain's hypercalls under one design.

    Attributes:
        design: what was replayed; ``domain``: whose hypercalls.
        hypercalls: how many were recorded; ``refused``: those it cannot carry.
        why: the most frequent reasons for refusal, with counts; a refusal of
            everything has one.
        verdicts: per access.
        entries: registered buffers in one table (registered before the first call).
        setup: counts of registering them in every table.
        counts: counts of the calls that it carries.
        today: counts of the same calls under today's walk.
    """

    design: Variant
    domain: int
    hypercalls: int
    refused: int
    why: tuple[tuple[str, int], ...]
    verdicts: ReplayVerdicts
    entries: int
    setup: Counts
    counts: Counts
    today: Counts = field(default_factory=Counts)

    @property
    def carried(self) -> int:
        """Number of hypercalls that it supports."""
        return self.hypercalls - self.refused

    @property
    def reads_per_call(self) -> float:
        """Reads by Xen to find the bytes, for each hypercall that the design supports.

        Page-table entries, P2M entries and list elements; 0 where it carries none.
        """
        counts = self.counts
        reads = counts.pte_reads + counts.p2m_entry_reads + counts.list_reads
        return reads / self.carried if self.carried else 0.0

    @property
    def by_memory(self) -> Counts:
        """Its counts without the copies that travel in registers: no copy function runs for them.

        What takes their place is in ``register_bytes``.
        """
        registers = int((self.verdicts.verdict == AccessVerdict.REGISTER).sum())
        return replace(self.counts, copies=self.counts.copies - registers)

    def share(self, *wanted: AccessVerdict) -> float:
        """Share of accesses with one of these verdicts (0 where there are none)."""
        if not len(self.verdicts):
            return 0.0
        return float(np.isin(self.verdicts.verdict, wanted).mean())
