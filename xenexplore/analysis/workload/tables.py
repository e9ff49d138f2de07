"""Guest accesses as columns, ready to be replayed: from a recording, whole or chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE
from xenexplore.analysis.workload.executed import Executed, executed_of
from xenexplore.analysis.workload.layout_evidence import Evidence
from xenexplore.errors import RecordingError
from xenexplore.guest.layout.linux_layout import KERNEL_STACK
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.guest.layout.symbols import SymbolTable
from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.recording.contents.call_names import sub_ops
from xenexplore.recording.contents.guest_layouts import GuestSpace, guest_space
from xenexplore.recording.contents.limits import Facts, header_of, limits
from xenexplore.recording.format.column_set import Columns
from xenexplore.recording.format.columns import RecordedDomain, Recording
from xenexplore.recording.format.header import need_accesses
from xenexplore.recording.format.reader import iter_chunks
from xenexplore.recording.matching.logged_twice import logged_twice

__all__ = ["NO_FRAME", "AccessTable", "CallTable", "RegionName", "Workload", "read_workload"]

NO_FRAME = np.uint64((1 << 64) - 1)
"""The frame of an access whose walk was not recorded (PV guests)."""

_WAY = np.array([0, 1, 2, 0, 1, 2], np.uint8)  # recording.columns.DIRECTIONS, H or not
_STACK_MASK = np.uint64(((1 << 64) - 1) & ~(KERNEL_STACK - 1))
_STACKS = (RegionKind.VMALLOC, RegionKind.STACK, RegionKind.IRQ_STACK)


@dataclass(frozen=True, slots=True)
class AccessTable(Columns):
    """Xen's accesses of guest memory, in order: M rows.

    Attributes:
        address: uint64 (M,): linear address.
        size: uint32 (M,): bytes, at least 1.
        way: uint8 (M,): 0 from the guest, 1 to it, 2 cleared.
        call: int64 (M,): row in ``Workload.calls``; -1: before the first.
        inside: bool (M,): during that hypercall.
        domain: int16 (M,): index into ``Workload.domains``; -1: unknown.
        region: int16 (M,): index into ``Workload.regions``.
        stack: uint64 (M,): lowest address of the 16 KiB aligned block where
            the region can hold kernel stacks, else 0 (THREAD_SIZE, IRQ_STACK_SIZE,
            arch/x86/include/asm/page_64_types.h; stacks are aligned to it).
        gfn: uint64 (M,): guest frame of the first byte by Xen's own walk, or ``NO_FRAME``.
        in_register: bool (M,): an argument register holds this very address.
    """

    address: NDArray[np.uint64]
    size: NDArray[np.uint32]
    way: NDArray[np.uint8]
    call: NDArray[np.int64]
    inside: NDArray[np.bool_]
    domain: NDArray[np.int16]
    region: NDArray[np.int16]
    stack: NDArray[np.uint64]
    gfn: NDArray[np.uint64]
    in_register: NDArray[np.bool_]

    def page(self) -> NDArray[np.uint64]:
        """Linear page number of the first byte."""
        return self.address >> np.uint64(PAGE_SHIFT)

    def pages(self) -> NDArray[np.int64]:
        """Number of 4 KiB pages that each touches: the pieces that __hvm_copy() makes of it."""
        offset = (self.address & np.uint64(PAGE_SIZE - 1)).astype(np.int64)
        return (offset + self.size - 1 >> PAGE_SHIFT) + 1


@dataclass(frozen=True, slots=True)
class CallTable(Columns):
    """Hypercalls: N rows.

    Attributes:
        number: int16 (N,); -1: no handler was entered.
        sub_op: int32 (N,); -1: not in a register.
        domain: int16 (N,): index into ``Workload.domains``; -1: unknown.
        vcpu: int32 (N,): vCPU within its domain.
        user: bool (N,): some buffer is in user space (privcmd).
    """

    number: NDArray[np.int16]
    sub_op: NDArray[np.int32]
    domain: NDArray[np.int16]
    vcpu: NDArray[np.int32]
    user: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RegionName:
    """A region's name, kind, and whether a subtraction gives its physical addresses."""

    name: str
    kind: RegionKind
    linear: bool


@dataclass(frozen=True, slots=True)
class Workload:
    """Accesses that Xen made to guest memory, as columns.

    Attributes:
        source: the recording's name, or the synthetic model's.
        recorded: whether it was recorded (else synthetic).
        domains: the domains that made the accesses.
        spaces: address space of each domain, by index.
        regions: the regions in the ``region`` column.
        calls: the hypercalls.
        accesses: the accesses, those logged twice left out.
        repeats: accesses inside hypercalls left out, logged twice and made once
            (:mod:`xenexplore.recording.matching.logged_twice`).
        limits: limits of these figures, in words.
        xen: the release of Xen that received the hypercalls.
        executed: instructions that Xen executed for them, or None if not counted.
        unpaged: domains, by index, all of whose hypercalls were made without paging.
    """

    source: str
    recorded: bool
    domains: tuple[RecordedDomain, ...]
    spaces: tuple[GuestSpace, ...]
    regions: tuple[RegionName, ...]
    calls: CallTable
    accesses: AccessTable
    repeats: int = 0
    limits: tuple[str, ...] = ()
    xen: str = DEFAULT
    executed: Executed | None = None
    unpaged: frozenset[int] = frozenset()

    @property
    def paged(self) -> tuple[RecordedDomain, ...]:
        """The domains whose accesses Xen reached by walks, or directly (PV)."""
        return tuple(one for one in self.domains if one.index not in self.unpaged)

    def need_paging(self, domain: int) -> None:
        """Refuse a domain without paging: what a design saves of a walk is not its own.

        Raises:
            RecordingError: all its hypercalls were made without paging.
        """
        if domain in self.unpaged:
            paged = ", ".join(one.name for one in self.paged)
            raise RecordingError(
                self.source, self.domains[domain].name, expected="hypercalls made with paging on",
                got=f"{len(self.calls_of(domain))} without, for which Xen walked nothing",
                hint=f"replay {paged}" if paged else "",
            )  # fmt: skip

    def inside(self, domain: int) -> NDArray[np.int64]:
        """Rows of the accesses that a domain's hypercalls made."""
        mine = self.accesses.domain == domain
        return np.flatnonzero(mine & self.accesses.inside)

    def calls_of(self, domain: int) -> NDArray[np.int64]:
        """Rows of a domain's hypercalls."""
        return np.flatnonzero(self.calls.domain == domain)

    def kind_mask(self, rows: NDArray[np.int64], *kinds: RegionKind) -> NDArray[np.bool_]:
        """Mask of the accesses in regions of these kinds."""
        wanted = np.array([region.kind in kinds for region in self.regions], np.bool_)
        found: NDArray[np.bool_] = wanted[self.accesses.region[rows]]
        return found


_VMALLOC_DATA = RegionName("vmalloc'ed data, no stack", RegionKind.VMALLOC_DATA, False)


def read_workload(
    source: str | Path,
    symbols: SymbolTable | None = None,
    *,
    calls: int = 1 << 16,
    limit: int | None = None,
) -> Workload:
    """Read a recording in chunks of ``calls`` hypercalls, keeping only the columns above.

    ``limit`` is the most bytes of text to read, as for :func:`read_recording`.

    Raises:
        RecordingError: the recording is damaged, larger than the limit, or has no accesses.
        OSError: it cannot be read.
    """
    builder = _Builder(symbols)
    for chunk in iter_chunks(source, calls=calls, limit=limit):
        builder.add(chunk)
    return builder.done(str(source))


class _Builder:
    def __init__(self, symbols: SymbolTable | None) -> None:
        self._symbols = symbols
        self._evidence = Evidence()
        self._calls: list[CallTable] = []
        self._accesses: list[AccessTable] = []
        self._identity: list[NDArray[np.bool_]] = []
        self._executed: list[Executed] = []
        self._rows = self._repeats = 0
        self._facts = Facts()
        self._domains: tuple[RecordedDomain, ...] = ()

    def add(self, chunk: Recording) -> None:
        """Keep the relevant part of one chunk."""
        need_accesses(chunk.source, chunk.meta)
        self._domains = chunk.domains
        self._evidence.add(chunk)
        self._facts = self._facts.then(chunk)
        twice = logged_twice(chunk)
        self._repeats += int((twice & chunk.accesses.inside).sum())
        rows = np.flatnonzero(~twice & (chunk.accesses.size > 0))
        accesses = _accesses(chunk, rows)
        self._identity.append(_identity(chunk, rows))
        call = np.where(accesses.call < 0, -1, accesses.call) + self._rows
        self._accesses.append(replace(accesses, call=call))
        self._calls.append(_calls(chunk))
        executed = executed_of(chunk)
        if executed is not None:
            self._executed.append(executed)
        self._rows += len(chunk.calls)

    def done(self, source: str) -> Workload:
        """Classify everything after the whole recording has been read."""
        seen = self._evidence.recording(self._domains)
        spaces = tuple(guest_space(seen, domain, self._symbols) for domain in self._domains)
        accesses = AccessTable.concatenate(self._accesses)
        calls = CallTable.concatenate(self._calls)
        region, regions = _classify(spaces, accesses, np.concatenate(self._identity))
        kinds = np.array([found.kind in _STACKS for found in regions], np.bool_)
        stack = np.where(kinds[region], accesses.address & _STACK_MASK, np.uint64(0))
        users = np.array([found.kind is RegionKind.USER for found in regions], np.bool_)
        by_user = accesses.call[users[region] & accesses.inside]
        user = np.zeros(len(calls), np.bool_)
        user[by_user] = True
        return Workload(
            source=source,
            recorded=True,
            domains=self._domains,
            spaces=spaces,
            regions=regions,
            calls=replace(calls, user=user),
            accesses=replace(accesses, region=region, stack=stack),
            repeats=self._repeats,
            limits=limits(header_of(seen), self._facts),
            xen=seen.release,
            executed=Executed.joined(self._executed) if self._executed else None,
            unpaged=self._facts.unpaged,
        )


def _calls(chunk: Recording) -> CallTable:
    calls = chunk.calls
    sub_op = np.full(len(calls), -1, np.int32)
    for number in np.unique(calls.number).tolist():
        these = np.flatnonzero(calls.number == number)
        sub_op[these] = sub_ops(number, calls.args[these], calls.arg_count[these], chunk.release)
    return CallTable(
        number=calls.number.astype(np.int16),
        sub_op=sub_op,
        domain=calls.domain.astype(np.int16),
        vcpu=np.maximum(calls.vcpu, 0),
        user=np.zeros(len(calls), np.bool_),
    )


def _accesses(chunk: Recording, rows: NDArray[np.int64]) -> AccessTable:
    found = chunk.accesses.pick(rows)
    owner = np.where(found.inside, _of_call(chunk, found.call), chunk.outside_domain()[rows])
    gfn = np.full(len(chunk.accesses), NO_FRAME, np.uint64)
    served = np.flatnonzero(chunk.walks.access >= 0)[::-1]  # the first walk wins
    gfn[chunk.walks.access[served]] = chunk.walks.gfn[served]
    args = chunk.calls.args[np.maximum(found.call, 0)] if len(chunk.calls) else None
    in_register = np.zeros(len(rows), np.bool_)
    if args is not None:
        in_register = (args == found.address[:, None]).any(axis=1) & found.inside
    return AccessTable(
        address=found.address,
        size=found.size,
        way=_WAY[found.direction],
        call=found.call,
        inside=found.inside,
        domain=owner.astype(np.int16),
        region=np.zeros(len(rows), np.int16),
        stack=np.zeros(len(rows), np.uint64),
        gfn=gfn[rows],
        in_register=in_register,
    )


def _of_call(chunk: Recording, call: NDArray[np.int64]) -> NDArray[np.int32]:
    owner = np.full(len(call), -1, np.int32)
    known = call >= 0
    owner[known] = chunk.calls.domain[call[known]]
    return owner


def _identity(chunk: Recording, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Accesses through early boot's identity map; the rule needs no layout."""
    if not chunk.domains or not len(chunk.calls):
        return np.zeros(len(rows), np.bool_)
    return guest_space(chunk, chunk.domains[0]).identity(chunk, rows)


def _classify(
    spaces: Sequence[GuestSpace], accesses: AccessTable, identity: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], tuple[RegionName, ...]]:
    """Index of each access' region in one list for all domains."""
    names: dict[RegionName, int] = {RegionName("not known", RegionKind.OTHER, False): 0}
    region = np.zeros(len(accesses), np.int16)
    for space in spaces:
        mine = np.flatnonzero(accesses.domain == space.domain.index)
        local = np.array([names.setdefault(name, len(names)) for name in _names(space)], np.int16)
        region[mine] = local[space.layout.classify(accesses.address[mine])]
        data = space.no_stack(accesses.address[mine], space.layout.classify(accesses.address[mine]))
        if data.any():
            region[mine[data]] = names.setdefault(_VMALLOC_DATA, len(names))
    early = RegionName("identity map (early boot)", RegionKind.IDENTITY, True)
    if identity.any():
        region[identity] = names.setdefault(early, len(names))
    return region, tuple(names)


def _names(space: GuestSpace) -> Iterator[RegionName]:
    for found in space.layout.regions:
        # The frames of a vmap'ed stack follow each other, but __pa() does not give them.
        linear = found.physical is not None and found.kind is not RegionKind.IRQ_STACK
        yield RegionName(found.name, found.kind, linear)
