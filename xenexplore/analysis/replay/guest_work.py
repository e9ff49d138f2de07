"""What the guest does before and after its calls under a design, and which calls it cannot make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gpa, Gva
from xenexplore.analysis.replay.design import Design
from xenexplore.analysis.workload.call_buffers import BufferTable, buffers_of
from xenexplore.analysis.workload.register_fit import call_fits
from xenexplore.analysis.workload.tables import AccessTable, Workload
from xenexplore.tlb import TlbEntry

__all__ = ["Prepared", "prepare"]

_HANDLE = 8
_WORD = 8


@dataclass(slots=True)
class Prepared:
    """One domain's calls, as its guest prepares them.

    Attributes:
        buffers: those of the calls that are carried.
        refused: int64: rows of calls that cannot be made; ``why``: reasons with counts.
        list_of: bool per buffer: it is passed as a list.
        list_slot: where a registered list page stands in the table, or None.
        own_entries: what the option itself registers.
        register_bytes, translations, bytes_copied, bytes_written, flips: sums.
    """

    buffers: BufferTable | None
    refused: NDArray[np.int64]
    why: tuple[tuple[str, int], ...] = ()
    list_of: NDArray[np.bool_] | None = None
    list_slot: int | None = None
    own_entries: tuple[TlbEntry, ...] = ()
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
        """Which accesses lie in a buffer that is passed as a list."""
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


def prepare(workload: Workload, what: Design, domain: int) -> Prepared:
    """What the guest does for its calls under a design."""
    make = _BY_OPTION.get(what.option)
    if make is None:
        return Prepared.nothing()
    return make(workload, what, domain)


def _translations(workload: Workload, buffers: BufferTable) -> int:
    """A subtraction where the region is linear; else one walk of its own tables per page."""
    linear = np.array([region.linear for region in workload.regions], np.bool_)
    return int(np.where(linear[buffers.region], 1, buffers.pages()).sum())


def _nested(buffers: BufferTable) -> int:
    return int((~buffers.in_register).sum())


def _flat(workload: Workload, what: Design, domain: int) -> Prepared:
    rows = workload.inside(domain)
    if what.option == "number-bit" and what.values.get("privcmd", "linear") == "linear":
        # A call from user space stays linear: its accesses are walked as today.
        rows = rows[~workload.calls.user[workload.accesses.call[rows]]]
    buffers = buffers_of(workload, rows)
    return Prepared(
        buffers,
        np.zeros(0, np.int64),
        translations=_translations(workload, buffers),
        bytes_written=_HANDLE * _nested(buffers),
    )


def _contiguous(workload: Workload, buffers: BufferTable) -> NDArray[np.bool_]:
    """Buffers known to be contiguous: within a page, or in a linear region."""
    linear = np.array([region.linear for region in workload.regions], np.bool_)
    found: NDArray[np.bool_] = (buffers.pages() == 1) | linear[buffers.region]
    return found


def _address_bits(workload: Workload, _: Design, domain: int) -> Prepared:
    buffers = buffers_of(workload, workload.inside(domain))
    crooked = buffers.address & np.uint64(3) != 0
    refused = np.unique(buffers.call[crooked])
    kept = buffers.pick(np.flatnonzero(~np.isin(buffers.call, refused)))
    listed = ~_contiguous(workload, kept)
    why = (("a buffer is not 4-byte aligned: its low bits are not free", len(refused)),)
    lists = int(((1 + kept.pages()[listed]) * _WORD).sum())
    return Prepared(
        kept,
        refused,
        why if len(refused) else (),
        list_of=listed,
        translations=_translations(workload, kept),
        bytes_written=_HANDLE * _nested(kept) + lists,
    )


def _sg_policy(workload: Workload, what: Design, domain: int) -> Prepared:
    buffers = buffers_of(workload, workload.inside(domain))
    policy = what.values.get("policy", "single")
    listed = buffers.pages() > 1 if policy == "by-size" else np.ones(len(buffers), np.bool_)
    if policy == "flat":
        listed = np.zeros(len(buffers), np.bool_)
    lists = int(((1 + buffers.pages()[listed]) * _WORD).sum())
    return Prepared(
        buffers,
        np.zeros(0, np.int64),
        list_of=listed,
        translations=_translations(workload, buffers),
        bytes_written=_HANDLE * _nested(buffers) + lists,
    )


def _gfn_lists(workload: Workload, what: Design, domain: int) -> Prepared:
    buffers = buffers_of(workload, workload.inside(domain))
    listed = buffers.pages() > 1
    chosen = buffers.pick(np.flatnonzero(listed))
    return Prepared(
        buffers,
        np.zeros(0, np.int64),
        list_of=listed,
        # The list page is a kmalloc'ed page: the directmap's entry finds it,
        # and the directmap is registered first.
        list_slot=0 if "directmap" in what.words else None,
        own_entries=() if "directmap" in what.words else (_LIST_PAGE,),
        translations=_translations(workload, chosen),
        bytes_written=_HANDLE * _nested(chosen) + int(((1 + chosen.pages()) * _WORD).sum()),
    )


# Where no other entry covers the page of lists: an address that no region uses.
_LIST_PAGE = TlbEntry(Gva(0xFFFF_8000_0000_0000), Gpa(0), PAGE_SIZE, True, None, "list page")


def _flip(workload: Workload, buffers: BufferTable) -> Prepared:
    """Each page of a call's buffers is shared before it and made private after it."""
    counts = buffers.pages()
    ends = np.cumsum(counts)
    step = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    page = np.repeat(buffers.address >> np.uint64(PAGE_SHIFT), counts) + step.astype(np.uint64)
    call = np.repeat(buffers.call, counts).astype(np.uint64)
    pages = np.unique(np.stack([call, page]), axis=1).shape[1] if len(page) else 0
    return Prepared(
        buffers,
        np.zeros(0, np.int64),
        translations=_translations(workload, buffers),
        bytes_written=_HANDLE * _nested(buffers),
        flips=2 * pages,
    )


def _bounce(workload: Workload, what: Design, domain: int) -> Prepared:
    buffers = buffers_of(workload, workload.inside(domain))
    if what.values.get("mode") == "flip":
        return _flip(workload, buffers)
    room = (buffers.size + 7) & ~7
    calls, group = np.unique(buffers.call, return_inverse=True)
    used = np.bincount(group, weights=room, minlength=len(calls)).astype(np.int64)
    # The last buffer's padding is not counted.
    last = np.append(np.flatnonzero(np.diff(buffers.call)), len(buffers) - 1)[: len(calls)]
    used -= (room - buffers.size)[last] if len(calls) else 0
    refused = calls[used >= PAGE_SIZE]
    kept = buffers.pick(np.flatnonzero(~np.isin(buffers.call, refused)))
    copied = int(kept.size[kept.reads].sum() + kept.size[kept.writes].sum())
    why = ((f"the arguments do not fit into less than {PAGE_SIZE} bytes", len(refused)),)
    return Prepared(kept, refused, why if len(refused) else (), bytes_copied=copied)


def _fastabi(workload: Workload, _: Design, domain: int) -> Prepared:
    rows = workload.calls_of(domain)
    calls = workload.calls.pick(rows)
    reasons: Counter[str] = Counter()
    fine = np.ones(len(rows), np.bool_)
    keys = np.stack([calls.number.astype(np.int64), calls.sub_op.astype(np.int64),
                     calls.user.astype(np.int64)])  # fmt: skip
    for number, sub_op, user in np.unique(keys, axis=1).T.tolist():
        same = (keys == np.array([[number], [sub_op], [user]])).all(axis=0)
        reason = call_fits(number, sub_op, user=bool(user))
        if reason:
            fine[same] = False
            reasons[reason] += int(same.sum())
    refused = rows[~fine]
    inside = workload.inside(domain)
    kept = inside[~np.isin(workload.accesses.call[inside], refused)]
    buffers = buffers_of(workload, kept)
    passed = int(buffers.size[buffers.reads].sum() + buffers.size[buffers.writes].sum())
    return Prepared(buffers, refused, tuple(reasons.most_common()), register_bytes=passed)


_BY_OPTION: dict[str, Callable[[Workload, Design, int], Prepared]] = {
    "domain-mode": _flat,
    "number-bit": _flat,
    "address-bits": _address_bits,
    "sg-policy": _sg_policy,
    "gfn-lists": _gfn_lists,
    "bounce": _bounce,
    "fastabi": _fastabi,
}
