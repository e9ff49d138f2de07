"""Miss ratios of a software TLB that registers what it misses, for every capacity.

A trace is a sequence of keys (pages, stacks).  A miss registers the key, and
a full table evicts by its policy, or refuses.

``lru``     one pass for all capacities: a table of ``c`` slots misses exactly the
            accesses with a reuse distance of ``c`` or more (Mattson, Gecsei, Slutz and
            Traiger 1970), counted with a tree over the order of last uses.
``refuse``  one pass: a table of ``c`` slots holds the first ``c`` keys for ever.
``fifo``    not a stack policy (Belady, Nelson and Shedler 1969): each capacity is
            simulated, with one clock of insertions and no queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xenexplore.analysis.measures.miss_curve_kernels import (
    fifo_misses,
    number_keys,
    reuse_histogram,
)
from xenexplore.errors import MachineError

__all__ = ["Curve", "Policy", "Scope", "miss_curve"]

Policy: TypeAlias = Literal["lru", "fifo", "refuse"]
Scope: TypeAlias = Literal["vcpu", "domain"]

# Beyond this many keys, FIFO is simulated at this many capacities, not at all.
_FIFO_CAPACITIES = 64


@dataclass(frozen=True, slots=True)
class Curve:
    """Misses against capacity.

    Attributes:
        policy, scope: of the tables.
        accesses: length of the trace; ``keys``: distinct (per vCPU: of all
            of them together).
        capacity: int64: slots of a table, ascending from 1.
        misses: int64: at each capacity, first uses among them.
    """

    policy: Policy
    scope: Scope
    accesses: int
    keys: int
    capacity: NDArray[np.int64]
    misses: NDArray[np.int64]

    def ratio(self) -> NDArray[np.float64]:
        """Misses per access."""
        return self.misses / max(self.accesses, 1)

    def smallest(self, hit_rate: float) -> int | None:
        """The smallest capacity whose hit rate is at least this, or None."""
        enough = self.accesses - self.misses >= hit_rate * self.accesses
        return int(self.capacity[enough][0]) if enough.any() else None


def miss_curve(
    keys: NDArray[np.uint64] | NDArray[np.int64],
    vcpu: NDArray[np.int32] | None = None,
    *,
    policy: Policy = "lru",
    scope: Scope = "domain",
) -> Curve:
    """The miss-ratio curve of a trace.

    Args:
        keys: (n,): what each access needs registered, in order.
        vcpu: (n,): who makes it; not needed with one table for all.
        policy: the policies of a full table.
        scope: ``"domain"``: one table; ``"vcpu"``: one of that capacity for
            each vCPU, each registering for itself.

    Raises:
        MachineError: an unknown policy, or no vCPUs given where they are needed.
    """
    if policy not in ("lru", "fifo", "refuse"):
        raise MachineError(f"policy: expected lru, fifo or refuse, got {policy!r}")
    if scope == "vcpu" and vcpu is None:
        raise MachineError("a table for each vCPU needs the vCPU of each access")
    if scope == "domain" or vcpu is None:
        traces = [keys]
    else:
        order = np.argsort(vcpu, kind="stable")
        edges = np.flatnonzero(np.diff(vcpu[order])) + 1
        traces = [keys[part] for part in np.split(order, edges)]
    dense = [number_keys(trace) for trace in traces]
    largest = max((count for _, count in dense), default=0)
    capacity = _capacities(policy, largest)
    misses = np.zeros(len(capacity), np.int64)
    for trace, count in dense:
        misses += _misses(policy, trace, count, capacity)
    total = sum(count for _, count in dense)
    return Curve(policy, scope, len(keys), total, capacity, misses)


def _capacities(policy: Policy, largest: int) -> NDArray[np.int64]:
    every = np.arange(1, max(largest, 1) + 1, dtype=np.int64)
    if policy != "fifo" or largest <= _FIFO_CAPACITIES**2:
        return every
    some = np.geomspace(1, largest, _FIFO_CAPACITIES).round().astype(np.int64)
    return np.unique(some)


def _misses(
    policy: Policy, trace: NDArray[np.int64], count: int, capacity: NDArray[np.int64]
) -> NDArray[np.int64]:
    if policy == "fifo":
        return np.array([fifo_misses(trace, count, int(c)) for c in capacity], np.int64)
    if policy == "lru":
        distances = reuse_histogram(trace, count)  # [d]: accesses with d other keys between
        hits = np.concatenate([[0], np.cumsum(distances)])
    else:
        # The key of rank r (by first use) is served from its second use on
        # where capacity exceeds r.
        again = np.bincount(trace, minlength=count) - 1
        hits = np.concatenate([[0], np.cumsum(again)])
    result: NDArray[np.int64] = len(trace) - hits[np.minimum(capacity, count)]
    return result
