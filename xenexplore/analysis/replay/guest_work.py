"""The guest's work before and after its calls under a design, and the calls it cannot make.

The design's replay model says what is done to which buffer; here that becomes sums.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT
from xenexplore.analysis.workload.call_buffers import BufferTable, buffers_of
from xenexplore.analysis.workload.tables import AccessTable, Workload
from xenexplore.hypervisor.replay_model import Mask, RecordedBuffers, ReplayModel

__all__ = ["Prepared", "columns_of", "prepare"]

_HANDLE = 8
_WORD = 8


@dataclass(slots=True)
class Prepared:
    """One domain's calls, as its guest prepares them.

    Attributes:
        buffers: those of the calls that are carried.
        refused: int64: rows of calls that cannot be made; ``why``: reasons with counts.
        list_of: bool per buffer: it is passed as a list.
        register_bytes, translations, bytes_copied, bytes_written, flips: sums.
    """

    buffers: BufferTable | None
    refused: NDArray[np.int64]
    why: tuple[tuple[str, int], ...] = ()
    list_of: NDArray[np.bool_] | None = None
    register_bytes: int = 0
    translations: int = 0
    bytes_copied: int = 0
    bytes_written: int = 0
    flips: int = 0

    @classmethod
    def nothing(cls) -> Prepared:
        """A guest that does nothing (today's interface)."""
        return cls(None, np.zeros(0, np.int64))

    def listed(self, accesses: AccessTable, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mask of the accesses in a buffer that is passed as a list."""
        found = np.zeros(len(rows), np.bool_)
        if self.buffers is None or self.list_of is None or not self.list_of.any():
            return found
        at = _owner(self.buffers, accesses.call[rows], accesses.address[rows])
        found |= (at >= 0) & self.list_of[np.maximum(at, 0)]
        return found


def _owner(
    buffers: BufferTable, call: NDArray[np.int64], address: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """The buffer of each access: the last of its call that begins at or below it, or -1."""
    keys = np.concatenate([buffers.call, call])
    addresses = np.concatenate([buffers.address, address])
    later = np.concatenate([np.zeros(len(buffers), np.int8), np.ones(len(call), np.int8)])
    order = np.lexsort((later, addresses, keys))
    seen = np.maximum.accumulate(np.where(later[order] == 0, order, -1))
    result = np.full(len(keys), -1, np.int64)
    result[order] = seen
    owner = result[len(buffers) :]
    good = (owner >= 0) & (buffers.call[np.maximum(owner, 0)] == call)
    return np.where(good, owner, -1)


def prepare(workload: Workload, model: ReplayModel, domain: int) -> Prepared:
    """Prepare the calls as the guest does under a design."""
    refused, reasons = _refused_calls(workload, model, domain)
    inside = workload.inside(domain)
    buffers = buffers_of(workload, inside[~np.isin(workload.accesses.call[inside], refused)])
    reason, mask = model.refuses_buffers(columns_of(workload, buffers))
    flawed = np.unique(buffers.call[_rows(mask, buffers)])
    if len(flawed):
        reasons[reason] += len(flawed)
        refused = np.union1d(refused, flawed)
        buffers = buffers.pick(np.flatnonzero(~np.isin(buffers.call, flawed)))
    done = model.prepares(columns_of(workload, buffers))
    encoded = buffers.pick(_rows(done.encoded, buffers))
    listed = _rows(done.listed, buffers)
    list_of = np.zeros(len(buffers), np.bool_)
    list_of[listed] = True
    lists = int(((1 + buffers.pages()[listed]) * _WORD).sum())
    return Prepared(
        buffers,
        refused,
        tuple(reasons.most_common()),
        list_of=list_of,
        register_bytes=_moved(buffers.pick(_rows(done.loaded, buffers))),
        translations=_translations(workload, encoded),
        bytes_copied=_moved(buffers.pick(_rows(done.copied, buffers))),
        bytes_written=_HANDLE * int((~encoded.in_register).sum()) + lists,
        flips=2 * _distinct_pages(buffers.pick(_rows(done.flipped, buffers))),
    )


def _refused_calls(
    workload: Workload, model: ReplayModel, domain: int
) -> tuple[NDArray[np.int64], Counter[str]]:
    """Rows of calls of a kind that cannot be made, and why."""
    rows = workload.calls_of(domain)
    calls = workload.calls.pick(rows)
    reasons: Counter[str] = Counter()
    fine = np.ones(len(rows), np.bool_)
    keys = np.stack([calls.number.astype(np.int64), calls.sub_op.astype(np.int64),
                     calls.user.astype(np.int64)])  # fmt: skip
    kinds, group = np.unique(keys, axis=1, return_inverse=True)
    for kind, (number, sub_op, user) in enumerate(kinds.T.tolist()):
        reason = model.refuses_call(number, sub_op, user=bool(user))
        if reason:
            same = group.reshape(-1) == kind
            fine[same] = False
            reasons[reason] += int(same.sum())
    return rows[~fine], reasons


def _rows(mask: Mask, buffers: BufferTable) -> NDArray[np.int64]:
    return np.flatnonzero(np.broadcast_to(np.asarray(mask, np.bool_), (len(buffers),)))


def columns_of(workload: Workload, buffers: BufferTable) -> RecordedBuffers:
    """The buffers, as far as a replay model may see them."""
    linear = np.array([region.linear for region in workload.regions], np.bool_)
    return RecordedBuffers(
        address=buffers.address,
        size=buffers.size,
        pages=buffers.pages(),
        call=buffers.call,
        reads=buffers.reads,
        writes=buffers.writes,
        linear=linear[buffers.region],
        user=workload.calls.user[buffers.call],
    )


def _translations(workload: Workload, buffers: BufferTable) -> int:
    """A subtraction where the region is linear; else one walk of its own tables per page."""
    linear = np.array([region.linear for region in workload.regions], np.bool_)
    return int(np.where(linear[buffers.region], 1, buffers.pages()).sum())


def _moved(buffers: BufferTable) -> int:
    """Bytes that go in, and that come out, at least."""
    return int(buffers.carried.sum())


def _distinct_pages(buffers: BufferTable) -> int:
    """Pages, each once for each call that passes it."""
    counts = buffers.pages()
    ends = np.cumsum(counts)
    step = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    page = np.repeat(buffers.address >> np.uint64(PAGE_SHIFT), counts) + step.astype(np.uint64)
    call = np.repeat(buffers.call, counts).astype(np.uint64)
    return np.unique(np.stack([call, page]), axis=1).shape[1] if len(page) else 0
