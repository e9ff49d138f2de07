"""A guest's memory by guest-physical address, as the guest or as Xen reads it."""

from __future__ import annotations

from typing import Self

from xenexplore.addr import PAGE_SIZE, Gfn, Gpa, split_pages
from xenexplore.display import Pictured
from xenexplore.errors import MachineError
from xenexplore.scenario.model.prompt_actions import Write
from xenexplore.scenario.model.scenario import Contents
from xenexplore.session.buffer import Buffer
from xenexplore.session.state import GuestState
from xenexplore.session.tabbed import tabbed
from xenexplore.session.values import as_gpa

__all__ = ["MemoryBytes", "MemoryView"]

_MOST = 1 << 20


class MemoryBytes(bytes, Pictured):
    """Bytes of a guest's memory; as text a hex dump.

    Attributes:
        gpa: guest-physical address of the first.
        reader: ``"guest"`` or ``"xen"``.
        private: whether any of the frames is private to the guest (encrypted).
    """

    gpa: Gpa
    reader: str
    private: bool

    def __new__(cls, data: bytes, gpa: Gpa, reader: str, private: bool) -> Self:
        made = super().__new__(cls, data)
        made.gpa, made.reader, made.private = gpa, reader, private
        return made

    def __repr__(self) -> str:
        kind = ", ciphertext" if self.private and self.reader == "xen" else ""
        shown = self.hex(" ") if len(self) <= 16 else f"{self[:16].hex(' ')} .."
        who = "the guest" if self.reader == "guest" else "Xen"
        return f"<{len(self)} bytes at {self.gpa.hex()} as {who} reads them{kind}: {shown}>"

    def __str__(self) -> str:
        return repr(self)


class MemoryView(Pictured):
    """``guest.memory[gpa : gpa + 16]``, ``guest.memory[buffer]``; writable, as the guest.

    ``guest.memory.as_xen[...]`` is the same as Xen reads it: the ciphertext, where a page is
    private to an encrypted guest.

    >>> import xenexplore as xe
    >>> guest = xe.Guest("linux", encryption="snp")
    >>> send = guest.buffer("stack", struct="evtchn_send", port=5)
    >>> guest.memory[send].hex(), guest.memory.as_xen[send].hex() == guest.memory[send].hex()
    ('05000000', False)
    """

    __slots__ = ("_guest", "reader")

    def __init__(self, guest: GuestState, reader: str = "guest") -> None:
        self._guest = guest
        self.reader = reader

    @tabbed
    def as_xen(self) -> MemoryView:
        """The same memory as Xen reads it."""
        return MemoryView(self._guest, "xen")

    def __getitem__(self, key: slice | Gpa | Gfn | int | Buffer) -> MemoryBytes:
        start, size = self._range(key)
        memory = self._guest.domain.memory
        parts, private = [], False
        for at, length in split_pages(start, size):
            if self.reader == "xen":
                part = memory.hypervisor.read(at.value, length)
            else:
                part = memory.guest.read(at.value, length)
            if part is None:
                raise MachineError(f"no RAM that the {self.reader} can read at {at.hex()}")
            private = private or memory.is_private(Gfn(at.value >> 12))
            parts.append(part)
        return MemoryBytes(b"".join(parts), start, self.reader, private)

    def __setitem__(self, key: slice | Gpa | int | Buffer, data: bytes) -> None:
        if self.reader == "xen":
            raise MachineError("Xen writes guest memory only in hypercalls: write as the guest")
        start, size = self._range(key)
        if isinstance(key, slice) and len(data) != size:
            raise MachineError(f"{len(data)} bytes for a range of {size}")
        contents = Contents(data=bytes(data), xen=self._guest.release)
        self._guest._do(Write(gpa=start, contents=contents))

    def _range(self, key: object) -> tuple[Gpa, int]:
        if isinstance(key, Buffer):
            if key.straddles:
                raise MachineError(
                    f"{key!r} touches {len(key.frames)} frames: buffer.data reads all of it"
                )
            if key.gpa is None:
                raise MachineError(f"{key!r} is not mapped")
            return key.gpa, key.size
        if isinstance(key, Gfn):
            return Gpa(key.value << 12), PAGE_SIZE
        if not isinstance(key, slice):
            return as_gpa(key), 1
        if key.start is None or key.stop is None or key.step is not None:
            raise MachineError("expected memory[gpa : gpa + size], with both ends and no step")
        start, end = as_gpa(key.start), as_gpa(key.stop)
        size = end.value - start.value
        if not 0 < size <= _MOST:
            raise MachineError(f"a range of {size} bytes: expected 1 to {_MOST}")
        return start, size

    def __repr__(self) -> str:
        size = self._guest.spec.memory >> 20
        return f"<Memory of {size} MiB as the {self.reader} reads it: [gpa : gpa + size]>"
