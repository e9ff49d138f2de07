"""Registered buffers at the prompt: ``xen.tlb[vcpu]``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from xenexplore.addr import Gpa, Gva, split_pages
from xenexplore.display import Pictured
from xenexplore.errors import MachineError
from xenexplore.hypervisor.registered import RegisteredBuffers
from xenexplore.scenario.model.action_records import Insert, Lookup, Purge, Register
from xenexplore.scenario.model.values import Reference
from xenexplore.session.buffer import Buffer
from xenexplore.session.values import as_gpa, as_value
from xenexplore.session.xen_state import XenState
from xenexplore.steps import Step, TlbInsert, TlbLookup, TlbPurge, TlbSlot
from xenexplore.tlb.history import ShownEntry, registered_at

__all__ = ["RegisteredEntry", "TlbSteps", "VcpuTlb", "VcpuTlbs"]


class TlbSteps(tuple[Step, ...], Pictured):
    """Result of one operation on a table: one step for each piece, in order."""

    __slots__ = ()

    @property
    def ok(self) -> bool:
        """Whether none was refused."""
        return not any(getattr(step, "result", 0) for step in self)

    def __repr__(self) -> str:
        return f"<{' '.join(step.say() for step in self) or 'nothing happened'}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RegisteredEntry(Pictured):
    """A registered range as it is now.

    Attributes:
        slot: its slot.
        va: first linear address.
        pa: guest-physical address that ``va`` stands for.
        size: bytes.
        is_global: declared the same in every address space.
        space: tag of its address space (a CR3), or None.
        label: its label in the session, or ``""``.
        hits: lookups that it has served.
        age: lookups of its table since it was registered.
        idle: lookups of its table since it was registered or last hit.
        covers: buffers inside it, by name.
        overlaps: buffers partly inside it, and entries of other vCPUs' tables that share bytes with
            it, as ``"vCPU 1 slot 0"``.
        stale: linear addresses of its pages that the page tables, under the vCPU's current CR3, map
            to other frames.
    """

    slot: int
    va: Gva
    pa: Gpa
    size: int
    is_global: bool
    space: int | None
    label: str
    hits: int
    age: int
    idle: int
    covers: tuple[str, ...]
    overlaps: tuple[str, ...]
    stale: tuple[Gva, ...]

    def __repr__(self) -> str:
        name = f" {self.label}" if self.label else ""
        stale = ", STALE" if self.stale else ""
        where = f"{self.va.hex()} -> {self.pa.hex()}"
        return f"<slot {self.slot}{name}: {where}, {self.size:#x} bytes, {self.hits} hits{stale}>"


class VcpuTlb(Sequence[RegisteredEntry], Pictured):
    """The table of registered buffers that is searched on behalf of a vCPU.

    >>> import xenexplore as xe
    >>> guest = xe.Guest("linux")
    >>> send = guest.buffer("stack", struct="evtchn_send", port=5)
    >>> xen = xe.Xen(guest, design="software-tlb")
    >>> xen.tlb[0].register(send).ok
    True
    >>> xen.tlb[0].lookup(send.va).hit, xen.tlb[0].lookup(send.va + 4096).hit
    (True, False)
    >>> guest.remap(send) and xen.tlb[0][0].stale == (send.va.page,)
    True
    """

    __slots__ = ("_xen", "vcpu")

    def __init__(self, xen: XenState, vcpu: int) -> None:
        self._xen = xen
        self.vcpu = vcpu

    @property
    def _held(self) -> RegisteredBuffers:
        return self._xen._registered()

    @property
    def shared(self) -> bool:
        """Whether one table serves every vCPU."""
        return self._held.tables.shared

    @property
    def capacity(self) -> int | None:
        """Slots; None: unlimited."""
        return self._held.tables.table(self.vcpu).capacity

    @property
    def entries(self) -> tuple[RegisteredEntry, ...]:
        """Entries registered now, by slot."""
        used = {one.slot: one for one in registered_at(self._xen._nodes).table(self.vcpu).entries}
        slots = self._held.tables.entries(self.vcpu)
        return tuple(self._entry(slot, used[slot.slot]) for slot in slots)

    def _entry(self, entry: TlbSlot, used: ShownEntry) -> RegisteredEntry:
        covers, partly = self._buffers(entry.va, entry.size)
        return RegisteredEntry(
            slot=entry.slot,
            va=entry.va,
            pa=entry.pa,
            size=entry.size,
            is_global=entry.is_global,
            space=entry.space,
            label=entry.label,
            hits=used.hits,
            age=used.age,
            idle=used.idle,
            covers=covers,
            overlaps=(*partly, *self._elsewhere(entry.va, entry.size)),
            stale=self._stale(entry.va, entry.pa, entry.size),
        )

    def _buffers(self, va: Gva, size: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        whole: list[str] = []
        part: list[str] = []
        for buffer in self._xen.guest.domain.buffers.values():
            low = max(buffer.va.value, va.value)
            high = min(buffer.va.value + buffer.size, va.value + size)
            if low < high:
                (whole if high - low == buffer.size else part).append(buffer.name)
        return tuple(whole), tuple(part)

    def _elsewhere(self, va: Gva, size: int) -> Iterator[str]:
        tables = self._held.tables
        if tables.shared:
            return
        for vcpu in range(tables.vcpus):
            for other in tables.entries(vcpu) if vcpu != self.vcpu else ():
                if max(other.va.value, va.value) < min(
                    other.va.value + other.size, va.value + size
                ):
                    yield f"vCPU {vcpu} slot {other.slot}"

    def _stale(self, va: Gva, pa: Gpa, size: int) -> tuple[Gva, ...]:
        """Pages whose mapping is another now.  Of a large range, those that buffers touch."""
        domain, found = self._xen.guest.domain, []
        for at, _ in _looked_at(va, size, self._xen):
            gpa = domain.truth(at, 1, vcpu=self.vcpu)[0][0]
            if gpa != pa + (at - va):  # type: ignore[operator]
                found.append(at.page)
        return tuple(dict.fromkeys(found))

    @overload
    def __getitem__(self, slot: int) -> RegisteredEntry: ...
    @overload
    def __getitem__(self, slot: slice) -> Sequence[RegisteredEntry]: ...
    def __getitem__(self, slot: int | slice) -> RegisteredEntry | Sequence[RegisteredEntry]:
        """The entry in a slot."""
        if isinstance(slot, slice):
            return self.entries[slot]
        held = {one.slot: one for one in self.entries}
        if slot not in held:
            if not isinstance(slot, int) or not held or slot > max(held) or slot < 0:
                raise IndexError(f"nothing in slot {slot}: slots {', '.join(map(str, held))}")
            raise MachineError(
                f"nothing in slot {slot}: used slots are {', '.join(map(str, held))}"
            )
        return held[slot]

    def __iter__(self) -> Iterator[RegisteredEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self._held.tables.entries(self.vcpu))

    def register(self, what: Buffer | str) -> TlbSteps:
        """Register a buffer or a region, as the guest would: the frames that it has now.

        Args:
            what: a buffer, or ``"directmap"``, ``"kernel-image"``, ``"percpu"``, ``"stack"``.

        Returns:
            A :class:`~xenexplore.steps.TlbInsert` for each piece: what its frames make of it.

        Raises:
            MachineError: the guest has none, or it is not mapped.
        """
        word = self._xen._checked_what(what)
        return self._steps(Register(vcpu=self.vcpu, what=word))

    def insert(
        self,
        va: Gva | Buffer | int | str,
        pa: Gpa | int,
        size: int,
        *,
        is_global: bool = False,
        label: str = "",
    ) -> TlbInsert:
        """Register an exact range, correct or not.

        Args:
            va: first linear address.
            pa: guest-physical address that it maps to.
            size: bytes.
            is_global: declared the same in every address space.
            label: a name for people.

        Returns:
            The step: the slot, or why it was refused.
        """
        if type(size) is not int or not 0 <= size < 1 << 63:
            raise MachineError(f"a size of {size!r}: expected 0 or more bytes")
        action = Insert(
            vcpu=self.vcpu,
            address=self._address(va),
            gpa=as_gpa(pa),
            size=size,
            is_global=bool(is_global),
            label=label,
        )
        (step,) = self._steps(action)
        assert isinstance(step, TlbInsert)
        return step

    def purge(self, what: Buffer | Gva | int | str = "all", size: int | None = None) -> TlbSteps:
        """Purge what overlaps a buffer, a region, or a range; by default everything.

        Args:
            what: a buffer, a word as :meth:`register` takes it, ``"all"``, or a linear
                address with ``size``.
            size: bytes of the range, where ``what`` is an address.
        """
        if size is None and not isinstance(what, Gva | int):
            word = self._xen._checked_what(what, "all")
            return self._steps(Purge(vcpu=self.vcpu, what=word))
        size = 1 if size is None else size
        return self._steps(Purge(vcpu=self.vcpu, address=self._address(what), size=_positive(size)))

    def lookup(self, va: Gva | Buffer | int | str, size: int | None = None) -> TlbLookup:
        """Search the table as a copy would; it counts as use, as each lookup does.

        Args:
            va: first linear address, or a buffer.
            size: bytes of the access; by default 1, of a buffer all.

        Returns:
            The step: ``hit``, ``gpa``, ``slot``, ``compares``.
        """
        if size is None:
            size = va.size if isinstance(va, Buffer) else 1
        address = self._address(va)
        steps = self._steps(Lookup(vcpu=self.vcpu, address=address, size=_positive(size)))
        (step,) = steps
        assert isinstance(step, TlbLookup)
        return step

    def _address(self, given: object) -> int | Reference:
        value = as_value(given, self._xen.guest.domain.buffers)
        return Gva(value).value if isinstance(value, int) else value

    def _steps(self, action: object) -> TlbSteps:
        self._held  # noqa: B018 - a design without registered buffers says so here
        nodes = self._xen._act(action)  # type: ignore[arg-type]
        kinds = TlbInsert | TlbLookup | TlbPurge
        return TlbSteps(node.step for node in nodes if isinstance(node.step, kinds))

    def __repr__(self) -> str:
        whose = "the domain" if self.shared else f"vCPU {self.vcpu}"
        slots = "" if self.capacity is None else f" of {self.capacity}"
        stale = sum(1 for entry in self.entries if entry.stale)
        tail = f", {stale} stale" if stale else ""
        count = len(self)
        return f"<TLB of {whose}: {count}{slots} {'entry' if count == 1 else 'entries'}{tail}>"


class VcpuTlbs(tuple[VcpuTlb, ...], Pictured):
    """``xen.tlb``: one table of registered buffers for each vCPU."""

    __slots__ = ()

    def _ipython_key_completions_(self) -> list[int]:
        return list(range(len(self)))

    def __repr__(self) -> str:
        return f"<TLBs: {', '.join(repr(one)[1:-1] for one in self)}>"


def _positive(size: int) -> int:
    if type(size) is not int or not 1 <= size < 1 << 63:
        raise MachineError(f"a size of {size!r}: expected at least 1 byte")
    return size


_PAGES = 64


def _looked_at(va: Gva, size: int, xen: XenState) -> Iterator[tuple[Gva, int]]:
    """Addresses to hold against the page tables: each page of a range, or of buffers in it."""
    if size <= _PAGES << 12:
        yield from split_pages(va, size)
        return
    for buffer in xen.guest.domain.buffers.values():
        for at, length in split_pages(buffer.va, buffer.size):
            if va.value <= at.value < va.value + size:
                yield at, length
