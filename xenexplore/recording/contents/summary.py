"""Summary of a recording: hypercalls, copies, walks, and the places of the buffers.

Every figure is this recording's and its workload's, not every system's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.display import Shown
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.guest.layout.symbols import SymbolTable
from xenexplore.hypercalls.catalogue.entries import family_of
from xenexplore.recording.contents.call_buffers import BufferRuns, find_buffers
from xenexplore.recording.contents.call_names import call_name, sub_op_known, sub_op_name, sub_ops
from xenexplore.recording.contents.guest_layouts import GuestSpace, guest_spaces
from xenexplore.recording.contents.owners import owners
from xenexplore.recording.format.columns import DIRECTIONS, Damage, RecordedDomain, Recording

__all__ = [
    "CallCount",
    "CopyCount",
    "DomainSummary",
    "OutsideCount",
    "RegionUse",
    "SizeCount",
    "SubOpCount",
    "Summary",
    "summarise",
]

IDENTITY = "identity-mapped (early boot)"
VMALLOC_DATA = "vmalloc'ed data, no stack"


@dataclass(frozen=True, slots=True)
class SubOpCount:
    """Calls of one sub-op; ``known``: the catalogue has it."""

    value: int
    name: str
    count: int
    known: bool


@dataclass(frozen=True, slots=True)
class CallCount:
    """Calls of one hypercall, most frequent sub-op first (none: not in a register)."""

    number: int
    name: str
    count: int
    known: bool
    sub_ops: tuple[SubOpCount, ...]


@dataclass(frozen=True, slots=True)
class CopyCount:
    """Accesses in one direction, as recorded (nothing merged)."""

    direction: str
    count: int
    bytes: int
    largest: int


@dataclass(frozen=True, slots=True)
class SizeCount:
    """Accesses of ``low`` to ``high`` bytes, as recorded."""

    low: int
    high: int
    count: int


@dataclass(frozen=True, slots=True)
class RegionUse:
    """Buffers in one region (neighbouring elements of an array merged).

    Attributes:
        name: the region's; ``part_of``: what it was cut out of.
        kind: its kind.
        buffers: how many.
        pages: distinct 4 KiB pages.
        crossing: buffers that cross a page boundary.
        on_stack: those on the stack the call was made from; None: RSP not recorded.
        places: symbols that hold most of them, with counts, where there are symbols.
    """

    name: str
    part_of: str
    kind: RegionKind
    buffers: int
    pages: int
    crossing: int
    on_stack: int | None
    places: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class OutsideCount:
    """Xen's own accesses outside hypercalls: direction, region, size."""

    direction: str
    region: str
    size: int
    count: int


@dataclass(frozen=True, slots=True)
class DomainSummary:
    """One domain (``domain`` None: hypercalls whose domain is unknown)."""

    domain: RecordedDomain | None
    hypercalls: int
    first: float
    last: float
    calls: tuple[CallCount, ...]
    copies: tuple[CopyCount, ...]
    sizes: tuple[SizeCount, ...]
    walks: int
    regions: tuple[RegionUse, ...]
    outside: tuple[OutsideCount, ...]
    tables: int  # distinct CR3 of the guest; 0: not recorded
    space: GuestSpace | None


@dataclass(frozen=True, slots=True)
class Summary(Shown):
    """A whole recording."""

    source: str
    hypercalls: int
    accesses_inside: int
    accesses_outside: int
    walks: int
    domains: tuple[DomainSummary, ...]
    unknown_calls: int  # of hypercalls or sub-ops that the catalogue does not have
    damage: Damage | None

    def __repr__(self) -> str:
        return f"<Summary {self.source}: {self.hypercalls} hypercalls, {len(self.domains)} domains>"


def summarise(recording: Recording, symbols: SymbolTable | None = None) -> Summary:
    """Count everything; with a kernel's symbols, name where the buffers were."""
    spaces = guest_spaces(recording, symbols)
    buffers = find_buffers(recording)
    domains = [_domain(recording, space, buffers) for space in spaces]
    if (recording.calls.domain < 0).any():
        domains.append(_domain(recording, None, buffers))
    inside = int(recording.accesses.inside.sum())
    unknown = 0
    for domain in domains:
        for call in domain.calls:
            unknown += call.count if not call.known else 0
            unknown += sum(sub.count for sub in call.sub_ops if call.known and not sub.known)
    return Summary(
        source=recording.source,
        hypercalls=len(recording.calls),
        accesses_inside=inside,
        accesses_outside=len(recording.accesses) - inside,
        walks=len(recording.walks),
        domains=tuple(domains),
        unknown_calls=unknown,
        damage=recording.damage,
    )


def _domain(recording: Recording, space: GuestSpace | None, buffers: BufferRuns) -> DomainSummary:
    index = space.domain.index if space is not None else -1
    rows = recording.of_domain(index)
    mine = np.zeros(len(recording.calls), np.bool_)
    mine[rows] = True
    accesses = recording.accesses
    copies = np.flatnonzero(accesses.inside & mine[accesses.call])
    times = recording.calls.time[rows]
    return DomainSummary(
        domain=space.domain if space is not None else None,
        hypercalls=len(rows),
        first=float(times.min()) if len(rows) else 0.0,
        last=float(times.max()) if len(rows) else 0.0,
        calls=_calls(recording, rows),
        copies=_copies(recording, copies),
        sizes=_sizes(accesses.size[copies]),
        walks=int((recording.walks.domain == index).sum()),
        regions=_regions(recording, space, buffers) if space is not None else (),
        outside=_outside(recording, space) if space is not None else (),
        tables=_tables(recording, rows),
        space=space,
    )


def _descending(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _calls(recording: Recording, rows: NDArray[np.int64]) -> tuple[CallCount, ...]:
    calls, xen = recording.calls, recording.release
    numbers = calls.number[rows]
    found = []
    for number in map(int, np.unique(numbers)):
        these = rows[numbers == number]
        of_calls = sub_ops(number, calls.args[these], calls.arg_count[these], xen)
        values, counts = np.unique(of_calls, return_counts=True)
        subs = [
            SubOpCount(value, name, count, sub_op_known(number, value, xen))
            for value, count in zip(values.tolist(), counts.tolist(), strict=True)
            if (name := sub_op_name(number, value, xen))
        ]
        subs.sort(key=lambda sub: (-sub.count, sub.value))
        name = call_name(number, xen)
        known = family_of(number, xen) is not None
        found.append(CallCount(number, name, len(these), known, tuple(subs)))
    return tuple(sorted(found, key=lambda call: (-call.count, call.number)))


def _copies(recording: Recording, rows: NDArray[np.int64]) -> tuple[CopyCount, ...]:
    direction, size = recording.accesses.direction[rows], recording.accesses.size[rows]
    result = []
    for code, name in enumerate(DIRECTIONS):
        sizes = size[direction == code].astype(np.int64)
        if len(sizes):
            result.append(CopyCount(name, len(sizes), int(sizes.sum()), int(sizes.max())))
    return tuple(result)


def _sizes(size: NDArray[np.uint32]) -> tuple[SizeCount, ...]:
    """Exact up to 64 bytes, then by powers of two."""
    values, counts = np.unique(size, return_counts=True)
    buckets: dict[tuple[int, int], int] = {}
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        high = value if value <= 64 else 1 << (value - 1).bit_length()
        low = value if value <= 64 else high // 2 + 1
        buckets[low, high] = buckets.get((low, high), 0) + count
    return tuple(SizeCount(low, high, count) for (low, high), count in sorted(buckets.items()))


def _regions(recording: Recording, space: GuestSpace, buffers: BufferRuns) -> tuple[RegionUse, ...]:
    mine = buffers.pick(np.flatnonzero(buffers.domain == space.domain.index))
    where = space.layout.classify(mine.address)
    identity = space.identity(recording, mine.first)
    data = space.no_stack(mine.address, where)
    where[data] = -2
    where[identity] = -1
    has_rsp = bool(recording.calls.rsp[mine.call].any())
    on_stack = space.on_stack(recording, mine.first)
    merged: dict[str, NDArray[np.bool_]] = {}
    kinds: dict[str, tuple[str, RegionKind]] = {}
    for index in np.unique(where).tolist():
        if index == -1:
            name, part, kind = IDENTITY, "", RegionKind.IDENTITY
        elif index == -2:
            name, part, kind = VMALLOC_DATA, "vmalloc", RegionKind.VMALLOC_DATA
        else:
            region = space.layout.regions[index]
            name, part, kind = region.name, region.part_of, region.kind
        merged[name] = merged.get(name, np.zeros(len(mine), np.bool_)) | (where == index)
        kinds[name] = part, kind
    result = []
    for name, chosen in merged.items():
        these = mine.pick(np.flatnonzero(chosen))
        result.append(
            RegionUse(
                name=name,
                part_of=kinds[name][0],
                kind=kinds[name][1],
                buffers=len(these),
                pages=len(these.pages()),
                crossing=int(these.crosses().sum()),
                on_stack=int(on_stack[chosen].sum()) if has_rsp else None,
                places=(
                    owners(recording, these)
                    if kinds[name][1] is RegionKind.VMALLOC_DATA
                    else _places(space, kinds[name][1], these)
                ),
            )
        )
    return tuple(sorted(result, key=lambda use: (-use.buffers, use.name)))


_NAMED = (RegionKind.IMAGE, RegionKind.PERCPU, RegionKind.IDENTITY, RegionKind.MODULES)


def _places(
    space: GuestSpace, kind: RegionKind, buffers: BufferRuns
) -> tuple[tuple[str, int], ...]:
    """Symbols that contain the buffers, most used first."""
    if space.symbols is None or kind not in _NAMED:
        return ()
    counts: dict[str, int] = {}
    addresses, often = np.unique(buffers.address, return_counts=True)
    for address, count in zip(addresses.tolist(), often.tolist(), strict=True):
        name = space.place(address, identity=kind is RegionKind.IDENTITY)
        if name:
            counts[name] = counts.get(name, 0) + count
    return _descending(counts)


def _outside(recording: Recording, space: GuestSpace) -> tuple[OutsideCount, ...]:
    accesses = recording.accesses
    owner = recording.outside_domain()
    rows = np.flatnonzero(~accesses.inside & (owner == space.domain.index))
    where = space.layout.classify(accesses.address[rows]).astype(np.int64)
    keys = np.stack([accesses.direction[rows].astype(np.int64), where,
                     accesses.size[rows].astype(np.int64)])  # fmt: skip
    kinds, counts = np.unique(keys, axis=1, return_counts=True)
    merged: dict[tuple[str, str, int], int] = {}
    for (direction, index, size), count in zip(kinds.T.tolist(), counts.tolist(), strict=True):
        key = (DIRECTIONS[direction], space.layout.regions[index].name, size)
        merged[key] = merged.get(key, 0) + count
    rows_out = [OutsideCount(*key, count) for key, count in merged.items()]
    return tuple(sorted(rows_out, key=lambda o: (-o.count, o.direction, o.region, o.size)))


def _tables(recording: Recording, rows: NDArray[np.int64]) -> int:
    """Distinct CR3 values of the guest, where they were recorded."""
    calls = recording.calls
    own = np.where(calls.kind[rows] == 0, calls.cr3[rows], calls.guest_cr3[rows])
    return len(np.unique(own[own != 0]))
