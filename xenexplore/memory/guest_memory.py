"""A guest's memory: machine RAM, the P2M in front of it, and what is encrypted.

Two viewpoints on the same bytes:

* ``memory.guest``: what the guest's own accesses see: plaintext, by
  guest-physical address.
* ``memory.hypervisor``: what Xen sees: every access resolves its gfn through
  the P2M, and of a private page Xen sees what DRAM holds.

Xen's copies of one piece (at most to the end of a 4 KiB page) are
:meth:`GuestMemory.read_piece` and :meth:`GuestMemory.write_piece`; they end as
``hvm_translate_get_page()`` and ``__hvm_copy()`` (xen/arch/x86/hvm/hvm.c) do
for each type of page.
"""

from __future__ import annotations

from collections.abc import Iterable

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, Gfn, Gpa, Mfn, Range
from xenexplore.errors import MachineError
from xenexplore.memory.encryption import Technology
from xenexplore.memory.outcome import CopyResult, PieceOutcome, Stored
from xenexplore.memory.p2m import P2m, as_lookup
from xenexplore.memory.p2m_types import (
    DISCARD_WRITE_TYPES,
    GRANT_TYPES,
    PAGING_TYPES,
    P2mEntry,
    P2mType,
)
from xenexplore.memory.ram import Ram
from xenexplore.memory.views import GuestView, HypervisorView, P2mLike, Store
from xenexplore.steps import Purpose

__all__ = ["GuestMemory"]

_SHARED = P2mType.p2m_ram_shared


class GuestMemory:
    """Machine RAM, P2M and encryption state of one domain.

    Args:
        p2m: the domain's P2M (a :class:`P2m`, or anything with its ``entry``).
        ram: machine RAM; a new one without end by default.
        technology: how memory is protected from the hypervisor.  With SEV or
            SEV-SNP every page the domain owns is private until
            :meth:`make_shared`.
        key: the guest's memory encryption key.
        pool: machine frames that Xen may take to break the sharing of a page or to
            populate a populate-on-demand page.  Empty: out of memory.
        internal_mmio: guest-physical ranges that Xen emulates itself (local
            APIC, HPET, I/O APIC: hvm_mmio_internal()); no P2M lookup is made for them.
    """

    __slots__ = ("_internal", "_store", "guest", "hypervisor", "p2m", "ram", "technology")

    def __init__(
        self,
        p2m: P2mLike,
        ram: Ram | None = None,
        *,
        technology: Technology = Technology.NONE,
        key: bytes = b"guest key",
        pool: Iterable[Mfn] = (),
        internal_mmio: Iterable[Range[Gpa]] = (),
    ) -> None:
        self.p2m = p2m
        self.ram = Ram() if ram is None else ram
        self.technology = technology
        self._store = Store(p2m, self.ram, technology, key, [mfn.value for mfn in pool])
        self._internal = tuple(internal_mmio)
        self.guest = GuestView(self._store)
        self.hypervisor = HypervisorView(self._store)

    @classmethod
    def contiguous(
        cls,
        frames: int,
        first_mfn: Mfn,
        *,
        largest: int = 18,
        technology: Technology = Technology.NONE,
        key: bytes = b"guest key",
    ) -> GuestMemory:
        """A guest of ``frames`` frames from gfn 0, on consecutive machine frames.

        Args:
            frames: size of the guest in 4 KiB frames.
            first_mfn: the machine frame behind gfn 0.
            largest: order of the largest P2M entries, 0, 9 or 18.
            technology: as for the class.
            key: as for the class.
        """
        p2m = P2m()
        p2m.map_range(Gfn(0), first_mfn, frames, largest=largest)
        return cls(p2m, technology=technology, key=key)

    def is_private(self, gfn: Gfn) -> bool:
        """Whether the guest keeps a frame encrypted."""
        return self._store.is_private(self.p2m.entry(gfn.value))

    def make_shared(self, gfn: Gfn, frames: int = 1) -> None:
        """The guest clears its C-bit for these frames: plaintext from now on.

        The bytes in DRAM stay: what was private before reads as garbage to
        both sides until it is written again.

        Raises:
            MachineError: the guest's memory is not encrypted.
        """
        self._flip(gfn, frames, shared=True)

    def make_private(self, gfn: Gfn, frames: int = 1) -> None:
        """The guest sets its C-bit for these frames: encrypted from now on."""
        self._flip(gfn, frames, shared=False)

    def _flip(self, gfn: Gfn, frames: int, *, shared: bool) -> None:
        if self.technology is Technology.NONE:
            raise MachineError("this guest's memory is not encrypted: no page is private or shared")
        for number in range(gfn.value, gfn.value + frames):
            self._store.flip(number, shared=shared)

    def read_piece(self, gpa: Gpa, size: int) -> PieceOutcome:
        """Xen copies ``size`` bytes of one page from the guest, by guest-physical address.

        Raises:
            MachineError: the piece crosses a 4 KiB page (split it: ``addr.split_pages``).
        """
        refused, entry, mfn = self._translate(gpa, size)
        if refused is not None:
            return refused
        data = self.ram.read(mfn << PAGE_SHIFT | gpa.offset, size)
        if data is None:
            return self._no_page(gpa, size, entry)
        private = self._store.is_private(entry)
        return PieceOutcome(
            gpa=gpa,
            size=size,
            result=CopyResult.OKAY,
            reason="the page is private: Xen reads ciphertext" if private else "",
            lookup=as_lookup(entry, Purpose.BUFFER),
            data=data,
            ciphertext=private,
        )

    def write_piece(self, gpa: Gpa, data: bytes, *, mapped: bool = False) -> PieceOutcome:
        """Xen copies bytes into one page of the guest, by guest-physical address.

        ``mapped``: through a mapping that Xen keeps, so that nothing asks for the
        page's P2M type any more (map_guest_area(), Xen 4.18).

        Raises:
            MachineError: the piece crosses a 4 KiB page.
        """
        refused, entry, mfn = self._translate(gpa, len(data))
        if refused is not None:
            return refused
        result, reason, stored = CopyResult.OKAY, "", Stored.DATA
        if entry.type is P2mType.p2m_ioreq_server and not mapped:
            result = CopyResult.BAD_GFN_TO_MFN
            reason, stored = "writes to this page belong to an ioreq server", Stored.NOTHING
        elif entry.type in DISCARD_WRITE_TYPES and not mapped:
            reason, stored = "the page is read-only: Xen drops the write", Stored.DISCARDED
        elif self._store.is_private(entry):
            if self.technology is Technology.SEV_SNP:
                result = CopyResult.RMP_VIOLATION
                reason, stored = _RMP, Stored.NOTHING
            else:
                reason, stored = "the page is private: Xen's write damages it", Stored.DAMAGED
        if stored in (Stored.DATA, Stored.DAMAGED) and not self.ram.write(
            mfn << PAGE_SHIFT | gpa.offset, data
        ):
            return self._no_page(gpa, len(data), entry)
        return PieceOutcome(
            gpa=gpa,
            size=len(data),
            result=result,
            reason=reason,
            lookup=as_lookup(entry, Purpose.BUFFER),
            stored=stored,
        )

    def _translate(self, gpa: Gpa, size: int) -> tuple[PieceOutcome | None, P2mEntry, int]:
        """hvm_translate_get_page() for a guest-physical address: refused, or the frame."""
        if size < 0 or gpa.offset + size > PAGE_SIZE:
            raise MachineError(f"a piece of {size} bytes at {gpa.hex()} crosses its 4 KiB page")
        for span in self._internal:
            if Gpa(gpa.value & ~PAGE_MASK) in span:
                return self._refuse_internal(gpa, size), _NO_ENTRY, 0
        entry, mfn = self.hypervisor.resolve(gpa.value >> PAGE_SHIFT)
        if mfn is None:
            return self._no_page(gpa, size, entry), entry, 0
        result, reason = CopyResult.OKAY, ""
        if entry.type in PAGING_TYPES:
            result, reason = CopyResult.GFN_PAGED_OUT, "the page is being paged out or in"
        elif entry.type is _SHARED:
            result = CopyResult.GFN_SHARED
            reason = "the page is shared and no memory is left to unshare it"
        elif entry.type in GRANT_TYPES:
            result, reason = CopyResult.UNHANDLEABLE, "the page is a grant mapping"
        if result is CopyResult.OKAY:
            return None, entry, mfn
        refused = PieceOutcome(
            gpa=gpa,
            size=size,
            result=result,
            reason=reason,
            lookup=as_lookup(entry, Purpose.BUFFER),
        )
        return refused, entry, 0

    @staticmethod
    def _no_page(gpa: Gpa, size: int, entry: P2mEntry) -> PieceOutcome:
        return PieceOutcome(
            gpa=gpa,
            size=size,
            result=CopyResult.BAD_GFN_TO_MFN,
            reason=f"no RAM of the domain behind this frame ({entry.type.name})",
            lookup=as_lookup(entry, Purpose.BUFFER),
        )

    @staticmethod
    def _refuse_internal(gpa: Gpa, size: int) -> PieceOutcome:
        return PieceOutcome(
            gpa=gpa,
            size=size,
            result=CopyResult.BAD_GFN_TO_MFN,
            reason="Xen emulates this MMIO page itself and makes no P2M lookup",
        )


_RMP = (
    "the RMP assigns the page to the guest; that Xen would fail the copy, and not die of the "
    "fault, is ours"
)
_NO_ENTRY = P2mEntry(0, None, P2mType.p2m_invalid, 0, 0)
