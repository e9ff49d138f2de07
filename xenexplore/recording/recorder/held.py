"""A recording checked against xentrace's own record of the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from xenexplore.recording.format.columns import Recording
from xenexplore.recording.recorder.xentrace import Traced, XenTrace

__all__ = ["CpuHeld", "hold"]

_KEY = 40  # hypercalls by which the place of a segment is looked for
Call = tuple[bool, int, int, int]
"""By VM exit, number, domain id, vCPU id."""


@dataclass(frozen=True, slots=True)
class CpuHeld:
    """One physical CPU's hypercalls.

    Attributes:
        pcpu: which.
        recorded, traced: how many hypercalls.
        equal: traced ones that the recording has, in order, of the same kind and number and,
            once Xen has traced which vCPU runs, of the same domain and vCPU.
        differs: the first that the recording has otherwise: its place among the traced ones,
            what was traced, what was recorded (None: nothing); or None.
    """

    pcpu: int
    recorded: int
    traced: int
    equal: int
    differs: tuple[int, Call, Call | None] | None

    @property
    def holds(self) -> bool:
        """Whether everything traced was recorded identically."""
        return self.equal == self.traced


def hold(trace: XenTrace, recording: Recording) -> tuple[CpuHeld, ...]:
    """Compare, for each physical CPU of either."""
    recorded = _recorded(recording)
    traced: dict[int, list[Traced]] = {}
    for call in trace.calls:
        traced.setdefault(call.pcpu, []).append(call)
    return tuple(
        _cpu(pcpu, traced.get(pcpu, []), recorded.get(pcpu, []))
        for pcpu in sorted(recorded.keys() | traced.keys())
    )


def _recorded(recording: Recording) -> dict[int, list[Call]]:
    calls = recording.calls
    ids = [domain.domid for domain in recording.domains]
    found: dict[int, list[Call]] = {}
    for row in calls.order.argsort(kind="stable").tolist():
        domain = int(calls.domain[row])
        call = (bool(calls.kind[row]), int(calls.number[row]),
                ids[domain] if domain >= 0 else -1, int(calls.vcpu[row]))  # fmt: skip
        found.setdefault(int(calls.pcpu[row]), []).append(call)
    return found


def _cpu(pcpu: int, traced: Sequence[Traced], recorded: Sequence[Call]) -> CpuHeld:
    """Each stretch without lost records is looked for behind the one before."""
    equal = at = done = 0
    differs: tuple[int, Call, Call | None] | None = None
    for _, group in groupby(traced, lambda call: call.segment):
        stretch = list(group)
        start, length = _place(stretch, recorded, at)
        equal += length
        at = start + length
        if length < len(stretch) and differs is None:
            seen = recorded[at] if at < len(recorded) else None
            differs = done + length, _call(stretch[length]), seen
        done += len(stretch)
    return CpuHeld(pcpu, len(recorded), len(traced), equal, differs)


def _place(stretch: Sequence[Traced], recorded: Sequence[Call], low: int) -> tuple[int, int]:
    """Place in the recording of most of a stretch, from its beginning; how much."""
    key = [(call.hvm, call.number) for call in stretch[:_KEY]]
    plain = [call[:2] for call in recorded]
    best = low, 0
    for start in range(low, len(recorded) - len(key) + 1):
        if plain[start] != key[0] or plain[start : start + len(key)] != key:
            continue
        length = 0
        for want, got in zip(stretch, recorded[start:], strict=False):
            if not _same(want, got):
                break
            length += 1
        best = max(best, (start, length), key=lambda found: found[1])
        if length == len(stretch):
            break
    return best


def _call(traced: Traced) -> Call:
    return traced.hvm, traced.number, traced.domain, traced.vcpu


def _same(traced: Traced, recorded: Call) -> bool:
    known = 2 if traced.domain < 0 else 4
    return _call(traced)[:known] == recorded[:known]
