"""Instructions that Xen executed for recorded hypercalls: in walks, in copies, from exit to entry.

Counted are hypercalls during which Xen handled no interrupt and switched to no other
vCPU.  An emulated CPU without NRIP save makes Xen decode VMMCALL in software
(svm_get_insn_len(), xen/arch/x86/hvm/svm/emulate.c), with a walk of its own; hardware does
not pay that, and "corrected" is without it.  Instructions are not time, and the
processor's own work at a VM exit and entry is not in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.analysis.workload.executed import Executed
from xenexplore.analysis.workload.tables import Workload
from xenexplore.recording.contents.call_names import call_name, sub_op_name
from xenexplore.recording.format.counts import CallCounts

__all__ = [
    "CallInstructions",
    "DomainInstructions",
    "Instructions",
    "Pieces",
    "Spread",
    "instructions",
    "spread_of",
]

_FOUR_KIB, _TWO_MIB = 1, 2
_WAYS = ("from", "to", "clear")


@dataclass(frozen=True, slots=True)
class Spread:
    """Instructions of one kind of piece: number counted, minimum, median, maximum.

    ``loads``: memory reads at the median, or None where they were not counted.
    """

    count: int
    least: int
    median: int
    most: int
    loads: int | None = None

    def __str__(self) -> str:
        loads = f" ({self.loads:,} loads)" if self.loads is not None else ""
        return f"{self.least:,}/{self.median:,}/{self.most:,}{loads}"


@dataclass(frozen=True, slots=True)
class Pieces:
    """Parts of a hypercall whose instructions are counted.

    Attributes:
        entry: from exit to entry without the handler and without the decoding; None: the
            decoding was not counted.
        decode: the software decoding of VMMCALL; None: not counted, or not there.
        walks: by the guest's page size, 1 for 4 KiB and 2 for 2 MiB: hap_p2m_ga_to_gfn() and below.
        around_walk: what paging_gva_to_gfn() adds to a walk.
        p2m: the lookup of the frame that the walk found, for the copy.
        copies: what a copy within one page executes besides its walk and that lookup,
            by ``"from"``, ``"to"``, ``"clear"``.
        mappings: of a whole copy, in map_domain_page(), its walk's included; None: not counted.
    """

    entry: Spread | None
    decode: Spread | None
    walks: Mapping[int, Spread]
    around_walk: int
    p2m: Spread
    copies: Mapping[str, Spread]
    mappings: Spread | None = None

    @property
    def uneven(self) -> Mapping[int, Spread]:
        """Walks of one page size that differ by more than 1%, as in :attr:`walks`.

        So it is where some tables are behind smaller P2M entries than others (67 instructions
        each for one more level of the P2M): a table's cost cannot be separated from that.  The
        1% is ours.
        """
        return {
            level: one
            for level, one in self.walks.items()
            if 100 * (one.median - one.least) > one.least
        }

    @property
    def table_step(self) -> int | None:
        """Cost of one more level of the guest's tables: its lookup in the P2M, its entry.

        None: no walks of both page sizes, or :attr:`uneven` ones.
        """
        if not {_FOUR_KIB, _TWO_MIB} <= self.walks.keys() or self.uneven:
            return None
        return self.walks[_FOUR_KIB].median - self.walks[_TWO_MIB].median

    @property
    def copy(self) -> Spread:
        """The most frequent kind of copy."""
        return max(self.copies.values(), key=lambda spread: spread.count)


@dataclass(frozen=True, slots=True)
class CallInstructions:
    """Sums over the counted calls of one kind, or of all.

    Attributes:
        name: hypercall and sub-op.
        calls: how many were counted.
        exit_to_entry: instructions from VM exit to VM entry; ``decode``: of these, the decoding.
        handler: in hvm_hypercall() and below; ``copies``, ``walks``, ``p2m``: of these, in
            guest copies, in their walks, in their other lookups.
    """

    name: str
    calls: int
    exit_to_entry: int
    decode: int
    handler: int
    copies: int
    walks: int
    p2m: int

    @property
    def corrected(self) -> int:
        """From exit to entry, without the decoding."""
        return self.exit_to_entry - self.decode

    def share(self, part: str, of: str = "corrected") -> float:
        """Part of the instructions, e.g. ``share("walks", of="handler")``."""
        whole = getattr(self, of)
        return float(getattr(self, part) / whole) if whole else 0.0


@dataclass(frozen=True, slots=True)
class DomainInstructions:
    """One domain: its hypercalls, those left out, sums over all counted ones and by kind."""

    name: str
    hypercalls: int
    total: CallInstructions
    kinds: tuple[CallInstructions, ...]

    @property
    def left_out(self) -> int:
        """Hypercalls with an interrupt or a switch in them."""
        return self.hypercalls - self.total.calls


@dataclass(frozen=True, slots=True)
class Instructions:
    """A recording's counts.

    Attributes:
        source: its name; ``xen``: the release; ``decoding``: whether the decoding was counted.
        domains: HVM and PVH guests that made hypercalls; ``pieces``: of all of them.
    """

    source: str
    xen: str
    decoding: bool
    domains: tuple[DomainInstructions, ...]
    pieces: Pieces


def instructions(workload: Workload) -> Instructions | None:
    """Instructions that the recording counted; None: it has no counts.

    Args:
        workload: a recording of format version 2, read.
    """
    executed = workload.executed
    if executed is None or not len(executed.walks) or not len(executed.copies):
        return None
    calls = executed.calls
    rows = np.flatnonzero(calls.undisturbed)
    domains = tuple(
        _domain(workload, calls, domain.index, rows)
        for domain in workload.domains
        if domain.kind != "pv" and (workload.calls.domain[rows] == domain.index).any()
    )
    return Instructions(
        source=workload.source,
        xen=workload.xen,
        decoding=executed.decoding,
        domains=domains,
        pieces=_pieces(executed, calls.pick(rows)),
    )


def _domain(
    workload: Workload, calls: CallCounts, index: int, rows: NDArray[np.int64]
) -> DomainInstructions:
    mine = rows[workload.calls.domain[rows] == index]
    number = workload.calls.number[mine].astype(np.int64)
    sub_op = workload.calls.sub_op[mine].astype(np.int64)
    keys, of = np.unique(np.stack([number, sub_op]), axis=1, return_inverse=True)
    of = of.reshape(-1)
    kinds = []
    for at, (call, sub) in enumerate(keys.T.tolist()):
        name = f"{call_name(call, workload.xen)} {sub_op_name(call, sub, workload.xen)}".rstrip()
        kinds.append(_sums(name, calls.pick(mine[of == at])))
    return DomainInstructions(
        name=workload.domains[index].name,
        hypercalls=len(workload.calls_of(index)),
        total=_sums("all", calls.pick(mine)),
        kinds=tuple(sorted(kinds, key=lambda kind: (-kind.calls, kind.name))),
    )


def _sums(name: str, calls: CallCounts) -> CallInstructions:
    def total(column: NDArray[np.int64]) -> int:
        return int(np.maximum(column, 0).sum())

    return CallInstructions(
        name=name, calls=len(calls), exit_to_entry=total(calls.exit_to_entry),
        decode=total(calls.decode), handler=total(calls.handler), copies=total(calls.copies),
        walks=total(calls.walks), p2m=total(calls.p2m),
    )  # fmt: skip


def _pieces(executed: Executed, calls: CallCounts) -> Pieces:
    copies, walks = executed.copies, executed.walks
    counted = calls.decode >= 0
    entry = (calls.exit_to_entry - calls.handler - calls.decode)[counted]
    mapped = copies.mappings[copies.mappings >= 0]
    rest = copies.instructions - np.maximum(copies.walks, 0) - np.maximum(copies.p2m, 0)
    by_level = {
        level: spread_of(walks.instructions[executed.level == level],
                         walks.loads[executed.level == level])
        for level in (_FOUR_KIB, _TWO_MIB)
        if (executed.level == level).any()
    }  # fmt: skip
    return Pieces(
        entry=spread_of(entry) if executed.decoding and counted.any() else None,
        decode=spread_of(calls.decode[counted]) if counted.any() else None,
        walks=by_level,
        around_walk=int(np.median(copies.walks - executed.walked)),
        p2m=spread_of(copies.p2m),
        copies={
            name: spread_of(rest[executed.way == way])
            for way, name in enumerate(_WAYS)
            if (executed.way == way).any()
        },
        mappings=spread_of(mapped) if len(mapped) else None,
    )


def spread_of(taken: NDArray[np.int64], loads: NDArray[np.int64] | None = None) -> Spread:
    """Spread of at least one value; the median is one of them, its loads the most frequent.

    >>> print(spread_of(np.array([3, 1, 2])))
    1/2/3
    """
    ordered = np.sort(taken)
    median = int(ordered[len(ordered) // 2])
    reads = None
    if loads is not None and (loads >= 0).any():
        values, often = np.unique(loads[taken == median], return_counts=True)
        reads = int(values[often.argmax()])
    return Spread(len(taken), int(ordered[0]), median, int(ordered[-1]), reads)
