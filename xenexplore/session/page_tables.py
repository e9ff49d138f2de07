"""A guest's page tables at the prompt: entries that are read and set bit by bit."""

from __future__ import annotations

from collections.abc import Mapping

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.display import Pictured
from xenexplore.errors import MachineError
from xenexplore.guest.spec import no_such
from xenexplore.paging import PageTableEntry
from xenexplore.scenario.model.prompt_actions import SetEntry
from xenexplore.scenario.model.values import Reference
from xenexplore.session.buffer import Buffer
from xenexplore.session.state import GuestState
from xenexplore.session.values import as_gfn, as_value

__all__ = ["PageTablesView", "TableEntry"]

_BITS: Mapping[str, str] = {
    "present": "P",
    "writable": "RW",
    "user": "US",
    "write_through": "PWT",
    "cache_disable": "PCD",
    "accessed": "A",
    "dirty": "D",
    "large": "PS",
    "global_": "G",
    "nx": "NX",
    "encrypted": "C",
}
_WIDE = 1 << 64
_PAGE_BITS = 0x000F_FFFF_FFFF_F000


class TableEntry(Pictured):
    """One page-table entry, live: reading a bit reads guest memory, setting one writes it.

    Bits are attributes: ``present``, ``writable``, ``user``, ``accessed``, ``dirty``,
    ``large``, ``global_``, ``nx``, ``encrypted``; ``frame`` is the frame that it points to,
    ``value`` the 64 bits. A subsequent walk shows the effect.

    >>> import xenexplore as xe
    >>> guest = xe.Guest("linux")
    >>> send = guest.buffer("stack", struct="evtchn_send", port=5)
    >>> leaf = guest.page_tables.entry(send, level=1)
    >>> leaf.present = False
    >>> guest.walk(send).end.value
    'entry not present'
    """

    __slots__ = ("_guest", "_process", "_target", "level", "va", "vcpu")

    _guest: GuestState
    _process: str | None
    _target: int | Reference
    va: Gva
    level: int
    vcpu: int

    def __init__(
        self,
        guest: GuestState,
        target: int | Reference,
        va: Gva,
        level: int,
        vcpu: int,
        process: str | None,
    ) -> None:
        for name, value in (
            ("_guest", guest), ("_target", target), ("va", va), ("level", level),
            ("vcpu", vcpu), ("_process", process),
        ):  # fmt: skip
            object.__setattr__(self, name, value)
        self._found()

    def _found(self) -> tuple[Gpa, PageTableEntry]:
        return self._guest.domain.entry(self.va, self.level, vcpu=self.vcpu, process=self._process)

    @property
    def at(self) -> Gpa:
        """Guest-physical address of the entry itself."""
        return self._found()[0]

    @property
    def value(self) -> int:
        """Its 64 bits."""
        return self._found()[1].value

    @property
    def frame(self) -> Gfn:
        """The frame it points at: a table's, or the page's."""
        return Gfn(self._found()[1].address.value >> 12)

    @property
    def flags(self) -> str:
        """Its bits by name, e.g. ``"P RW A D G NX"``."""
        return self._found()[1].flags

    @property
    def leaf(self) -> bool:
        """Whether it maps a page rather than a table."""
        return self._found()[1].leaf

    def set(self, *bits: str) -> None:
        """Set bits by name: P, RW, US, PWT, PCD, A, D, PS, PAT, G, NX, C."""
        self._change(set_bits=self._known(bits))

    def clear(self, *bits: str) -> None:
        """Clear bits by name."""
        self._change(clear_bits=self._known(bits))

    def _known(self, bits: tuple[str, ...]) -> tuple[str, ...]:
        entry = self._found()[1]
        for name in bits:
            entry.mask(name)
        if not bits:
            raise MachineError("no bits: name some, e.g. entry.clear('P')")
        return bits

    def _change(
        self,
        set_bits: tuple[str, ...] = (),
        clear_bits: tuple[str, ...] = (),
        value: int | None = None,
    ) -> None:
        self._guest._do(
            SetEntry(
                vcpu=self.vcpu,
                process=self._process or "",
                address=self._target,
                level=self.level,
                set_bits=set_bits,
                clear_bits=clear_bits,
                value=value,
            )
        )

    def __getattr__(self, name: str) -> bool:
        if name not in _BITS:
            raise AttributeError(f"a page-table entry has no {name!r}: {', '.join(dir(self))}")
        entry = self._found()[1]
        if name == "encrypted" and entry.c_bit is None:
            return False
        if name == "large":
            return entry.large
        return bool(entry.value & entry.mask(_BITS[name]))

    def __setattr__(self, name: str, value: object) -> None:
        if name in _BITS:
            bits = self._known((_BITS[name],))
            self._change(set_bits=bits) if value else self._change(clear_bits=bits)
        elif name == "frame":
            old = self._found()[1]
            gfn = as_gfn(value)
            kept = old.value & ~_PAGE_BITS
            if old.c_bit is not None:
                kept |= old.value & 1 << old.c_bit
            self._change(value=kept | gfn.value << 12)
        elif name == "value":
            if not isinstance(value, int) or not 0 <= value < _WIDE:
                raise MachineError(f"an entry holds 64 bits, not {value!r}")
            self._change(value=value)
        else:
            raise no_such("bit or field of a page-table entry", name, [*_BITS, "frame", "value"])

    def __dir__(self) -> list[str]:
        own = ("at", "clear", "flags", "frame", "leaf", "level", "set", "text", "va", "value",
               "vcpu")  # fmt: skip
        return [*_BITS, *own]

    def __repr__(self) -> str:
        at, entry = self._found()
        where = f"level {self.level} at {at.hex()}"
        return f"<TableEntry {where} for {self.va.hex()}: {entry.value:#x} ({entry.flags})>"


class PageTablesView(Pictured):
    """``guest.page_tables.entry(va, level)``; as text the address spaces and their roots."""

    __slots__ = ("_guest",)

    def __init__(self, guest: GuestState) -> None:
        self._guest = guest

    @property
    def roots(self) -> Mapping[str, Gpa]:
        """Guest-physical address of each process's top-level table (PV: machine address)."""
        return {name: process.root for name, process in self._guest.processes.items()}

    @property
    def frames(self) -> tuple[Gfn, ...]:
        """Frames that hold page tables, in the order in which they were taken."""
        return self._guest.domain.table_frames

    @property
    def levels(self) -> int:
        """Number of levels: 4, or 5 with LA57."""
        return 5 if self._guest.spec.la57 else 4

    def entry(
        self,
        target: Buffer | Gva | int | str,
        level: int = 1,
        *,
        vcpu: int | None = None,
        process: str | None = None,
    ) -> TableEntry:
        """The entry of one level that maps an address.

        Args:
            target: a buffer (its first byte), or a linear address.
            level: 1 for the leaf of a 4 KiB page, up to :attr:`levels`.
            vcpu: in the page tables that this vCPU uses.
            process: in a process's page tables instead; by default the buffer's.

        Raises:
            MachineError: the tables have no such level, or end above it.
        """
        if isinstance(target, Buffer):
            vcpu = target.vcpu if vcpu is None else vcpu
            process = target.process if process is None else process
        if process is not None and process not in self._guest.processes:
            raise no_such("process", process, self._guest.processes)
        value = as_value(target, self._guest.domain.buffers)
        va = self._guest._linear(target)
        return TableEntry(self._guest, value, va, level, vcpu or 0, process)

    def __repr__(self) -> str:
        roots = ", ".join(f"{name} {root.hex()}" for name, root in self.roots.items())
        return f"<PageTables of {self.levels} levels: {len(self.frames)} frames; roots {roots}>"
