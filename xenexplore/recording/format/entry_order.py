"""The order in which hypercalls were entered, where several physical CPUs interleave.

A record is written when its hypercall has ended, so that several CPUs' records
stand in order of ending.  ``o`` is the order of entry: how many hypercalls had
been entered before, on any CPU.  Each number is there once, ascending on each CPU,
and as a CPU handles one hypercall at a time, at most one per other CPU is still due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from xenexplore.recording.format.record_lines import BadLine

__all__ = ["EntryOrder"]


@dataclass(frozen=True, slots=True)
class EntryOrder:
    """Entries so far; :meth:`then` checks the next ones.

    Attributes:
        pcpus: physical CPUs of the machine.
        due: least number that has not been seen.
        ahead: numbers above it that have.
        last: the newest number of each CPU.
    """

    pcpus: int
    due: int = 0
    ahead: frozenset[int] = frozenset()
    last: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def then(self, pcpus: Sequence[int], orders: Sequence[int]) -> EntryOrder:
        """The order after some more hypercalls, in the order of the file.

        Args:
            pcpus: field ``p`` of each.
            orders: field ``o`` of each.

        Raises:
            BadLine: a number is there twice, or some are missing.
        """
        due, ahead, last = self.due, set(self.ahead), dict(self.last)
        highest = max(ahead, default=due - 1)
        for cpu, order in zip(pcpus, orders, strict=True):
            if order <= last.get(cpu, -1):
                expected = f"more than {last[cpu]} (order of entry on CPU {cpu})"
                raise BadLine("o", expected, str(order), "records reordered, or a wrong p?")
            if order < due or order in ahead:
                raise BadLine("o", "a number that no other hypercall has", str(order))
            last[cpu] = order
            highest = max(highest, order)
            ahead.add(order)
            while due in ahead:
                ahead.remove(due)
                due += 1
            missing = highest + 1 - due - len(ahead)
            if missing >= self.pcpus:
                expected = f"{due} (order of entry)"
                raise BadLine("o", expected, str(order), "records lost or reordered?")
        return EntryOrder(self.pcpus, due, frozenset(ahead), MappingProxyType(last))
