"""The guest's and the hypervisor's view of the same machine RAM."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, Gfn, Mfn
from xenexplore.memory.encryption import BLOCK, Cipher, Technology
from xenexplore.memory.p2m_types import (
    ANY_RAM_TYPES,
    DISCARD_WRITE_TYPES,
    P2mEntry,
    P2mType,
)
from xenexplore.memory.ram import Ram

__all__ = ["GuestView", "HypervisorView", "P2mLike", "Store"]

_RW = P2mType.p2m_ram_rw
_SHARED = P2mType.p2m_ram_shared
_FOREIGN = P2mType.p2m_map_foreign
_POD = P2mType.p2m_populate_on_demand
_GUEST_READS = frozenset(
    {
        P2mType.p2m_ram_rw,
        P2mType.p2m_ram_logdirty,
        P2mType.p2m_ram_ro,
        P2mType.p2m_ram_shared,
        P2mType.p2m_ioreq_server,
        P2mType.p2m_grant_map_rw,
        P2mType.p2m_grant_map_ro,
        P2mType.p2m_map_foreign,
    }
)
_GUEST_WRITES = frozenset(
    {
        P2mType.p2m_ram_rw,
        P2mType.p2m_ram_logdirty,
        P2mType.p2m_grant_map_rw,
        P2mType.p2m_map_foreign,
    }
)


class P2mLike(Protocol):
    """Anything that answers P2M lookups: a built P2M, or nested page tables."""

    def entry(self, gfn: int) -> P2mEntry:
        """Look a frame up."""
        ...


@runtime_checkable
class Mappable(P2mLike, Protocol):
    """A P2M that can also be changed."""

    def map(self, gfn: Gfn, mfn: Mfn | None) -> None:
        """Map one frame as plain RAM."""
        ...


class Store:
    """The part that the two views share: P2M, RAM, cipher, and which frames are shared."""

    __slots__ = ("cipher", "p2m", "pool", "ram", "shared", "technology")

    def __init__(
        self, p2m: P2mLike, ram: Ram, technology: Technology, key: bytes, pool: list[int]
    ) -> None:
        self.p2m = p2m
        self.ram = ram
        self.technology = technology
        self.cipher = Cipher(key)
        self.pool = pool
        self.shared: set[int] = set()

    def is_private(self, entry: P2mEntry) -> bool:
        """Whether the guest keeps this frame encrypted."""
        return (
            self.technology is not Technology.NONE
            and entry.owned
            and entry.mfn is not None
            and entry.gfn not in self.shared
        )

    def flip(self, gfn: int, *, shared: bool) -> None:
        """Change a frame's state; its bytes in DRAM are unchanged."""
        entry = self.p2m.entry(gfn)
        if self.is_private(entry):
            self.settle(entry)
        if shared:
            self.shared.add(gfn)
        else:
            self.shared.discard(gfn)

    def settle(self, entry: P2mEntry) -> None:
        """Give a private frame that was never written its DRAM content: encrypted zeroes."""
        mfn = entry.mfn
        if mfn is not None and not self.ram.is_populated(mfn):
            self.ram.write(mfn << PAGE_SHIFT, self.cipher.encrypted_zeroes(mfn))


class HypervisorView:
    """Guest memory through the P2M, as Xen reaches it.

    The walk takes this as its reader: every table is then found by
    :meth:`resolve`, and read as :meth:`read_frame` gives it.
    """

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def resolve(self, gfn: int) -> tuple[P2mEntry, int | None]:
        """p2m_get_page_from_gfn(..., P2M_ALLOC | P2M_UNSHARE): the entry, and the page got.

        The page is None where Xen gets no page reference: not RAM at all, no
        machine frame, or a frame that another domain owns (get_page() fails),
        except foreign mappings, which are meant to be another's.  Sharing is broken and
        populate-on-demand pages are populated if the pool has a frame.  (Xen crashes a
        domain whose populate-on-demand memory has run out; here the page stays a hole.)

        Source: xen/arch/x86/mm/p2m.c, p2m_get_page_from_gfn() (4.17).
        """
        store = self._store
        entry = store.p2m.entry(gfn)
        kind = entry.type
        if kind is _RW and entry.owned:
            if store.technology is not Technology.NONE and store.is_private(entry):
                store.settle(entry)
            return entry, entry.mfn
        if kind is _SHARED or kind is _POD:
            entry = self._take_own_copy(entry)
            kind = entry.type
        if kind not in ANY_RAM_TYPES or not (entry.owned or kind is _FOREIGN):
            return entry, None
        if store.is_private(entry):
            store.settle(entry)
        return entry, entry.mfn

    def _take_own_copy(self, entry: P2mEntry) -> P2mEntry:
        """mem_sharing_unshare_page(), p2m_pod_demand_populate(): a frame of its own, or not."""
        store = self._store
        if not store.pool or not isinstance(store.p2m, Mappable):
            return entry
        mfn = store.pool.pop(0)
        if entry.mfn is not None:
            page = store.ram.read(entry.mfn << PAGE_SHIFT, PAGE_SIZE)
            store.ram.write(mfn << PAGE_SHIFT, page or bytes(PAGE_SIZE))
        store.p2m.map(Gfn(entry.gfn), Mfn(mfn))
        return store.p2m.entry(entry.gfn)

    def read_frame(self, mfn: int, offset: int, size: int) -> bytes | None:
        """Bytes of a machine frame, as DRAM holds them; None where there is no RAM."""
        return self._store.ram.read(mfn << PAGE_SHIFT | offset, size)

    def write_frame(self, mfn: int, offset: int, data: bytes) -> bool:
        """Store bytes in a machine frame, as they are; False where there is no RAM."""
        return self._store.ram.write(mfn << PAGE_SHIFT | offset, data)

    def read(self, gpa: int, size: int) -> bytes | None:
        """Bytes at a guest-physical address, within one page, as Xen sees them."""
        mfn = self.resolve(gpa >> PAGE_SHIFT)[1]
        return None if mfn is None else self.read_frame(mfn, gpa & PAGE_MASK, size)


class GuestView:
    """Guest memory as the guest itself sees it: plaintext, by guest-physical address."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, gpa: int, size: int) -> bytes | None:
        """``size`` bytes, or None if any frame is not RAM that the guest can read."""
        parts = []
        while size > 0:
            piece = min(size, PAGE_SIZE - (gpa & PAGE_MASK))
            part = self._read_piece(gpa, piece)
            if part is None:
                return None
            parts.append(part)
            gpa, size = gpa + piece, size - piece
        return b"".join(parts)

    def _read_piece(self, gpa: int, size: int) -> bytes | None:
        store = self._store
        entry = store.p2m.entry(gpa >> PAGE_SHIFT)
        if entry.mfn is None or entry.type not in _GUEST_READS:
            return None
        address = entry.mfn << PAGE_SHIFT | (gpa & PAGE_MASK)
        if not store.is_private(entry):
            return store.ram.read(address, size)
        if not store.ram.is_populated(entry.mfn):
            return store.ram.read(address, size)  # cleared, so far as the guest knows
        first = address & -BLOCK
        span = (address + size - first + BLOCK - 1) & -BLOCK
        held = store.ram.read(first, span)
        if held is None:
            return None
        return store.cipher.decrypt(first, held)[address - first : address - first + size]

    def write(self, gpa: int, data: bytes) -> bool:
        """Store bytes; False, and nothing stored, if any frame is not RAM that the guest can write.

        Writes to a ``p2m_ram_ro`` or ``p2m_grant_map_ro`` frame are dropped and count as
        done: hvm_hap_nested_page_fault() hands either (p2m_is_discard_write()) to the
        emulator.  There hvmemul_map_linear_addr() drops the write to RAM; a frame that
        another domain granted gives no page, and the write goes the way of MMIO, to the
        null handler of hvmemul_do_io() where no device model claims the frame
        (xen/arch/x86/hvm/hvm.c, emulate.c, 4.17).  Not modelled: what Xen does for a guest's
        own access to a page that is shared, populated on demand or paged out.
        """
        pieces = []
        start = 0
        while start < len(data):
            size = min(len(data) - start, PAGE_SIZE - ((gpa + start) & PAGE_MASK))
            entry = self._store.p2m.entry((gpa + start) >> PAGE_SHIFT)
            if entry.type not in DISCARD_WRITE_TYPES:
                if entry.mfn is None or entry.type not in _GUEST_WRITES:
                    return False
                pieces.append((entry, (gpa + start) & PAGE_MASK, data[start : start + size]))
            start += size
        return all(self._write_piece(*piece) for piece in pieces)

    def _write_piece(self, entry: P2mEntry, offset: int, data: bytes) -> bool:
        store = self._store
        assert entry.mfn is not None
        address = entry.mfn << PAGE_SHIFT | offset
        if not store.is_private(entry):
            return store.ram.write(address, data)
        if len(data) == PAGE_SIZE:
            return store.ram.write(address, store.cipher.encrypt(address, data))
        store.settle(entry)
        first = address & -BLOCK
        span = (address + len(data) - first + BLOCK - 1) & -BLOCK
        held = store.ram.read(first, span)
        if held is None:
            return False
        plain = bytearray(store.cipher.decrypt(first, held))
        plain[address - first : address - first + len(data)] = data
        return store.ram.write(first, store.cipher.encrypt(first, bytes(plain)))
