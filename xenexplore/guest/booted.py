"""A booted guest before anything runs on it: RAM, the kernel's page tables, free frames."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import lru_cache

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gfn, Mfn
from xenexplore.errors import MachineError
from xenexplore.guest.host_frames import GuestP2m, PvFrames, PvP2m
from xenexplore.guest.kernels import kernel_for
from xenexplore.guest.page_tables import AddressSpaces, MappingRights
from xenexplore.guest.physical import Physical
from xenexplore.guest.placement.frame_allocator import FrameAllocator
from xenexplore.guest.spec import GuestSpec
from xenexplore.memory import GuestMemory, P2mLike, P2mType, Technology
from xenexplore.paging import Mode

__all__ = ["C_BITS", "FRAMELESS", "BootedGuest", "booted_guest"]

#: Position of the C-bit, CPUID 0x8000001f EBX[5:0]: 47 on the first SEV
#: processors (EPYC 7001 and 7002), 51 from EPYC 7003, the first with SNP, on.
C_BITS = {"none": None, "sev": 47, "snp": 51}
#: P2M types that stand for a frame that is not there.
FRAMELESS = frozenset(
    {
        P2mType.p2m_invalid,
        P2mType.p2m_mmio_dm,
        P2mType.p2m_populate_on_demand,
        P2mType.p2m_ram_paged,
        P2mType.p2m_ram_paging_in,
    }
)
_TECHNOLOGY = {"none": Technology.NONE, "sev": Technology.SEV, "snp": Technology.SEV_SNP}


class BootedGuest:
    """Memory and tables of one guest, and every address that a frame is known by.

    PFNs here are the guest's own frame numbers; :meth:`to_gfn` gives what its
    page tables hold: the same, or in a PV guest the machine frame.

    Args:
        spec: what to build.
    """

    __slots__ = (
        "_aliases",
        "_boot",
        "_hidden",
        "_p2m",
        "_protected",
        "_pv",
        "frames",
        "kernel",
        "memory",
        "physical",
        "spaces",
        "spec",
    )

    def __init__(self, spec: GuestSpec) -> None:
        self.spec = spec
        self.physical = Physical(spec)
        self.kernel = kernel_for(spec, self.physical)
        self._pv: PvFrames | None = None
        self._p2m: GuestP2m | None = None
        if spec.has_p2m:
            self._p2m = GuestP2m(spec, self.physical)
            p2m: P2mLike = self._p2m
        else:
            self._pv = PvFrames(spec, self.physical)
            p2m = PvP2m(self._pv)
        self.memory = GuestMemory(
            p2m,
            technology=_TECHNOLOGY[spec.encryption],
            key=b"guest %d" % spec.seed,
            internal_mmio=self.physical.internal_mmio,
        )
        reserved = [
            (region.range.start.value >> PAGE_SHIFT, region.range.end >> PAGE_SHIFT)
            for region in self.kernel.reserved()
        ]
        self.frames = FrameAllocator(self.physical.ram, reserved, spec.seed)
        root = self.kernel.root_pfn()
        self.spaces = AddressSpaces(
            self.memory,
            Mode.LEVEL5 if spec.la57 else Mode.LEVEL4,
            _TableFrames(self),
            root=None if root is None else self.to_gfn(root),
            c_bit=C_BITS[spec.encryption],
            nx=self.kernel.nx,
            pv=spec.type == "pv",
        )
        self._boot = tuple(self.kernel.boot_mappings())
        self._aliases: dict[int, list[tuple[int, int]]] = {}
        self._hidden: dict[int, int] = {}
        self._protected: set[Gfn] = set()
        self._boot_tables()

    def copy(self) -> BootedGuest:
        """An independent copy of the current state; immutable parts are shared."""
        fixed = (self.spec, self.physical, self.kernel, self._boot)
        return deepcopy(self, {id(one): one for one in fixed})

    def _boot_tables(self) -> None:
        root = self.spaces.kernel
        for part in self._boot:
            rights = MappingRights(
                writable=part.writable, executable=part.executable, global_=part.global_
            )
            if self._pv is None:
                self.spaces.map_run(root, part.va, part.pfn, part.frames, rights, part.order)
            else:
                mfns = self._pv.to_mfns(range(part.pfn, part.pfn + part.frames))
                self.spaces.map_frames(root, part.va, mfns, rights)
        self._protect_tables()
        self.spaces.finish_boot()

    def _protect_tables(self) -> None:
        """PV: a frame that holds a table is mapped read-only wherever the kernel maps it.

        Xen gives such a frame a page table type, which excludes a writable
        mapping (get_page_type(), xen/arch/x86/mm.c); Linux makes it read-only in
        its directmap first (make_lowmem_page_readonly(), arch/x86/xen/mmu_pv.c).
        """
        if self._pv is None:
            return
        fresh = set(self.spaces.table_frames) - self._protected
        self._protected |= fresh
        pfns = [self._pv.to_pfn(frame.value) for frame in fresh]
        for first, end in _runs(sorted(pfn for pfn in pfns if pfn is not None)):
            for part in self._boot:
                low, high = max(first, part.pfn), min(end, part.pfn + part.frames)
                if low < high:
                    held = self._pv.to_mfns(range(low, high))
                    va = part.va + (low - part.pfn << PAGE_SHIFT)
                    self.spaces.map_frames(
                        self.spaces.kernel, va, held, MappingRights(writable=False)
                    )

    def to_gfn(self, pfn: int) -> Gfn:
        """Frame number that the guest's page tables hold for one of its frames."""
        return Gfn(pfn if self._pv is None else self._pv.to_mfn(pfn))

    def to_pfn(self, gfn: int) -> int | None:
        """The guest's own number for a frame in its tables; None if it is not the guest's RAM."""
        if self._pv is not None:
            return self._pv.to_pfn(gfn)
        return gfn if self.physical.is_ram(gfn) else None

    def usable_pfn(self, gfn: Gfn) -> int:
        """The guest's own number for a frame that is to be mapped.

        Raises:
            MachineError: it is not RAM of this guest, or holds one of its page tables.
        """
        pfn = self.to_pfn(gfn.value)
        if pfn is None:
            raise MachineError(f"frame {gfn.hex()} is not RAM of this guest")
        if gfn in self.spaces.table_frames:
            raise MachineError(f"frame {gfn.hex()} holds a page table of this guest")
        return pfn

    def set_p2m_type(self, gfn: Gfn, kind: P2mType) -> None:
        """Change a frame's P2M type; its machine frame is remembered while the type has none.

        Raises:
            MachineError: the guest has no P2M (PV).
        """
        if self._p2m is None:
            raise MachineError("a PV guest has no P2M")
        held = self._p2m.entry(gfn.value).mfn
        if held is not None:
            self._hidden[gfn.value] = held
        mfn = self._hidden.get(gfn.value)
        if kind in FRAMELESS:
            self._p2m.map(gfn, None, 0, kind)
        elif mfn is None:
            raise MachineError(f"no machine frame behind gfn {gfn.hex()} to give type {kind.name}")
        else:
            self._p2m.map(gfn, Mfn(mfn), 0, kind)

    def map(self, root: int, va: int, pfns: tuple[int, ...], rights: MappingRights) -> None:
        """Map 4 KiB pages from the page of ``va`` on, and remember the alias."""
        page = va & -PAGE_SIZE
        gfns = [self.to_gfn(pfn).value for pfn in pfns]
        # A frame is shared or private for all its mappings at once.
        for index, gfn in enumerate(gfns):
            at = page + (index << PAGE_SHIFT)
            if self.spaces.frame(root, at) == gfn and self.boot_mapped(at):
                continue
            private = self.spec.encrypted and self.memory.is_private(Gfn(gfn))
            self.spaces.map_frames(root, at, [gfn], rights._replace(private=private))
            known = self._aliases.setdefault(gfn, [])
            if (root, at) not in known:
                known.append((root, at))
        self._protect_tables()

    def new_root(self) -> tuple[int, int | None]:
        """A top-level table for one more process, and that of its user mode if it has its own.

        Under page-table isolation the two are neighbours, so that one bit of CR3
        tells them apart (PGD_ALLOCATION_ORDER, Linux arch/x86/include/asm/pgalloc.h).
        """
        user = None
        if self.spec.pti:
            pair = self.frames.take_run(2, 2)
            root = self.spaces.new_root(self.to_gfn(pair))
            user = self.spaces.new_user_root(self.to_gfn(pair + 1))
        else:
            root = self.spaces.new_root()
        self._protect_tables()
        return root, user

    def aliases(self, gfn: int) -> list[tuple[int, int]]:
        """Every (root, address) that maps a frame now, boot mappings among them."""
        found = list(self._aliases.get(gfn, []))
        pfn = self.to_pfn(gfn)
        if pfn is not None:
            found += [
                (self.spaces.kernel, part.va + (pfn - part.pfn << PAGE_SHIFT))
                for part in self._boot
                if part.pfn <= pfn < part.pfn + part.frames
            ]
        return [(root, va) for root, va in found if self.spaces.frame(root, va) == gfn]

    def boot_mapped(self, va: int) -> bool:
        """Whether an address belongs to the directmap, the image or another boot mapping."""
        return any(part.va <= va < part.va + (part.frames << PAGE_SHIFT) for part in self._boot)

    def set_encrypted(self, gfn: Gfn, encrypted: bool, *, keep: bool) -> None:
        """Flip a frame's state and the C-bit of every mapping of it."""
        if not self.spec.encrypted:
            raise MachineError("this guest's memory is not encrypted: no page is private or shared")
        if gfn in self.spaces.table_frames:
            raise MachineError(f"frame {gfn.hex()} holds a page table, which the CPU decrypts")
        if self.memory.is_private(gfn) == encrypted:
            return
        held = self.memory.guest.read(gfn.value << PAGE_SHIFT, PAGE_SIZE) if keep else None
        aliases = self.aliases(gfn.value)
        for root, va in aliases:
            self.spaces.set_private(root, va, encrypted)
        if encrypted:
            self.memory.make_private(gfn)
        else:
            self.memory.make_shared(gfn)
        if held is not None:
            self.memory.guest.write(gfn.value << PAGE_SHIFT, held)


class _TableFrames(Iterator[Gfn]):
    """Free frames for tables, one after the other; unlike a generator it can be copied."""

    __slots__ = ("_booted",)

    def __init__(self, booted: BootedGuest) -> None:
        self._booted = booted

    def __next__(self) -> Gfn:
        return self._booted.to_gfn(self._booted.frames.take_run(1))


# Building the tables takes longer than most runs, and a comparison asks for the same guest once
# for each design.
@lru_cache(maxsize=4)
def _built(spec: GuestSpec) -> BootedGuest:
    return BootedGuest(spec)


def booted_guest(spec: GuestSpec) -> BootedGuest:
    """A booted guest; equal specs give equal guests, independent of each other."""
    return _built(spec).copy()


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """(first, past-the-end) of each run of consecutive numbers."""
    start = 0
    for index in range(1, len(numbers) + 1):
        if index == len(numbers) or numbers[index] != numbers[index - 1] + 1:
            yield numbers[start], numbers[index - 1] + 1
            start = index
