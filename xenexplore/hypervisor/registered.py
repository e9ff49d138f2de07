"""Common parts of designs with registered buffers: register, look up, fall back, purge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from xenexplore.addr import PAGE_SIZE, Gva, split_pages
from xenexplore.errors import MachineError
from xenexplore.guest.placement.placement import touched
from xenexplore.hypervisor.calls import HandleAccess, Located
from xenexplore.hypervisor.design import Parameter
from xenexplore.hypervisor.linear import walk_piece
from xenexplore.hypervisor.physical import hole_bytes, ram_range
from xenexplore.steps import (
    ERRNOS,
    Check,
    Fault,
    FaultKind,
    Note,
    TlbInsert,
    TlbLookup,
    TlbSlot,
    mail,
    xen,
)
from xenexplore.tlb import InsertRules, TlbEntry, TlbTables

if TYPE_CHECKING:
    from xenexplore.hypervisor.design import Design
    from xenexplore.hypervisor.xen import Xen

__all__ = [
    "MAP_AREA_PAGES",
    "REGISTRABLE",
    "TLB_PARAMETERS",
    "RegisteredBuffers",
    "lacking",
    "ranges_of",
    "registrable",
]

_MISS = mail("Gross", "28 Sep 2022", "94aab958-c141-4c43-a249-a55d8e5be735@suse.com")
_SEED = mail("Beulich", "29 Sep 2022", "6a3d38a8-bac3-fa59-e882-0d95a8d3e5d0@suse.com")

_GET_PAGE = xen("xen/arch/x86/hvm/hvm.c", "hvm_translate_get_page")

_REGIONS = ("directmap", "kernel-image", "percpu")
"""Regions that a kernel has or lacks, regardless of its buffers."""

REGISTRABLE = (*_REGIONS, "stack", "kernel-pages")
"""What can be registered, in scenarios and replays, in addition to a buffer (``buffer:NAME``).

``directmap``, ``kernel-image``, ``percpu``: the whole region.  ``stack``: kernel stacks:
in a scenario that of the task that runs on the vCPU; in a replay those that hypercalls
used.  ``kernel-pages``: in a replay, every kernel page that hypercalls used outside the
directmap and the kernel image; a scenario names its buffers instead.
"""

_RECORDED_ONLY = ("kernel-pages",)

TLB_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        name="entries",
        default=0,
        help="Slots of a table; 0: as many as are registered.",
        source="Beulich expects few (29 Sep 2022)",
    ),
    Parameter(
        name="policy",
        default="refuse",
        choices=("refuse", "lru", "fifo"),
        help="What a full table does with another entry.",
    ),
    Parameter(
        name="search",
        default="scan",
        choices=("scan", "sorted", "direct"),
        help="How a table is searched.",
    ),
    Parameter(
        name="scope",
        default="vcpu",
        choices=("vcpu", "domain"),
        help="One table per vCPU, or one for the whole domain.",
        source="Gross, 28 Sep 2022",
    ),
    Parameter(
        name="miss",
        default="auto",
        choices=("auto", "walk", "fail"),
        help="auto: walk as today, but fail when the guest is encrypted.",
        source="Gross, 28 Sep 2022",
    ),
    Parameter(
        name="straddle",
        default="redo",
        choices=("redo", "miss"),
        help="An access that extends past its entry: look the rest up again, or miss.",
    ),
    Parameter(
        name="cross_vcpu",
        default="current",
        choices=("current", "subject", "deferred"),
        help="Which vCPU's table serves an access on behalf of another vCPU.",
        source="Beulich, Pau Monne, 29 Sep 2022",
    ),
    Parameter(
        name="global_only",
        default=False,
        help="Only ranges that every address space maps identically may be registered.",
        source="Beulich, 29 Sep 2022",
    ),
    Parameter(
        name="on_switch",
        default="keep",
        choices=("keep", "purge", "tag"),
        help="When CR3 changes: keep entries, purge the non-global ones, or tag them with CR3.",
    ),
    Parameter(
        name="keep_mapped",
        default=False,
        help="Xen keeps each entry's pages mapped, like those of a physical twin (O12): a hit "
        "needs no P2M lookup, and each entry takes up its own number of pages plus one in Xen's "
        "map area.",
        source="Beulich, 19 Oct 2022 (about areas)",
    ),
)

MAP_AREA_PAGES = (64 << 30) // PAGE_SIZE
"""Xen's vmap area, one for the host: VMAP_VIRT_START, xen/arch/x86/include/asm/config.h: 64 GiB.

Each run of pages takes one more, unmapped (vm_alloc(), xen/common/vmap.c).  That an entry is one
run is ours; page by page, as map_domain_page_global(), xen/arch/x86/domain_page.c, maps a twin's,
it would take twice its pages, or none in a build without debugging, where the directmap reaches.
A page kept mapped has one reference more: it cannot be shared meanwhile (page_make_sharable(),
xen/arch/x86/mm/mem_sharing.c: -E2BIG).
"""

_MAP_GLOBAL = xen("xen/arch/x86/domain_page.c", "map_domain_page_global")


def ranges_of(xen: Xen, word: str, vcpu: int) -> tuple[TlbEntry, ...]:
    """Ranges that a word registers, as contiguous pieces: a region, a stack, a buffer.

    ``directmap``, ``kernel-image``, ``percpu``: the region; ``stack``: the
    kernel stack of the task that runs on the vCPU; ``buffer:NAME``: a placed
    buffer; each cut where its frames are not consecutive.

    Raises:
        MachineError: the guest has no such region or buffer.
    """
    domain = xen.domain
    if word in _RECORDED_ONLY:
        raise MachineError(
            f"cannot register {word!r} in a scenario: only a recording shows which pages "
            "hypercalls use; register buffer:NAME"
        )
    if word.startswith("buffer:"):
        name = word.removeprefix("buffer:")
        if name not in domain.buffers:
            known = ", ".join(domain.buffers) or "none"
            raise MachineError(f"cannot register buffer {name!r}: placed buffers are {known}")
        buffer = domain.buffers[name]
        return _pieces(xen, buffer.va, buffer.size, vcpu, name, process=buffer.process)
    if word == "stack":
        start = domain.vcpus[vcpu].kernel_stack
        return _pieces(xen, start, domain.stack_size, vcpu, "stack")
    region = domain.linear_region(word)
    if region is None or region.physical is None:
        raise MachineError(f"cannot register {word!r}: {domain.lacks_region(word)}")
    return (TlbEntry(region.start, region.physical, region.size, True, None, word),)


def registrable(buffers: Iterable[str]) -> tuple[str, ...]:
    """Words that a scenario with these buffers can register."""
    words = (word for word in REGISTRABLE if word not in _RECORDED_ONLY)
    return (*words, *(f"buffer:{name}" for name in buffers))


def lacking(xen: Xen, words: Iterable[str]) -> str:
    """Reason why this guest cannot register one of these words, or ``""``: its kernel has none."""
    for word in words:
        region = xen.domain.linear_region(word) if word in _REGIONS else None
        if word in _REGIONS and (region is None or region.physical is None):
            return f"{xen.domain.lacks_region(word)} to register"
    return ""


def _pieces(
    xen: Xen, va: Gva, size: int, vcpu: int, label: str, process: str | None = None
) -> tuple[TlbEntry, ...]:
    truth = (
        xen.domain.truth(va, size, process=process)
        if process is not None
        else xen.domain.truth(va, size, vcpu=vcpu)
    )
    entries: list[TlbEntry] = []
    at = va
    for gpa, length in truth:
        if gpa is None:
            raise MachineError(f"cannot register {label!r}: {at.hex()} is not mapped")
        last = entries[-1] if entries else None
        if last is not None and last.pa + last.size == gpa:
            entries[-1] = TlbEntry(
                last.va, last.pa, last.size + length, process is None, None, label
            )
        else:
            entries.append(TlbEntry(at, gpa, length, process is None, None, label))
        at = at + length
    return tuple(entries)


class RegisteredBuffers:
    """The tables of one domain, and how a copy uses them.

    Args:
        xen: the domain under an option.
        design: the option; its parameters are :data:`TLB_PARAMETERS` (and more).
    """

    def __init__(self, xen: Xen, design: Design) -> None:
        self.design = design
        spec = xen.domain.spec
        self.tables = TlbTables(
            spec.vcpus,
            scope=design.text("scope"),  # type: ignore[arg-type]
            capacity=design.number("entries") or None,
            policy=design.text("policy"),  # type: ignore[arg-type]
            search=design.text("search"),  # type: ignore[arg-type]
            rules=InsertRules(
                linear_bits=57 if spec.la57 else 48,
                global_only=bool(design.values["global_only"]),
                is_ram=lambda gpa, size: ram_range(xen, gpa, size),
            ),
        )
        miss = design.text("miss")
        self.walks = miss == "walk" or (miss == "auto" and spec.encryption == "none")

    @property
    def owners(self) -> range:
        """The vCPUs for which each table is filled once: all, or the first for a domain's."""
        return range(1) if self.tables.shared else range(self.tables.vcpus)

    def _space(self, xen: Xen, vcpu: int) -> int | None:
        if self.design.text("on_switch") != "tag":
            return None
        return xen.domain.vcpus[vcpu].cr3.value

    def insert(self, xen: Xen, vcpu: int, entry: TlbEntry) -> TlbInsert:
        """Register one piece by one buffer-less hypercall: one exit, one insertion."""
        tagged = entry
        if not entry.is_global:
            tagged = TlbEntry(
                entry.va, entry.pa, entry.size, False, self._space(xen, vcpu), entry.label
            )
        xen.leave(_SEED, vcpu)
        return self.insert_quietly(xen, vcpu, tagged)

    def insert_quietly(self, xen: Xen, vcpu: int, entry: TlbEntry) -> TlbInsert:
        """One insertion, without an exit of its own (a table passed in one call)."""
        step = self._unmappable(xen, vcpu, entry) or self.tables.insert(vcpu, entry)
        xen.emit(step)
        if not step.result and (hole := hole_bytes(xen, entry.pa, entry.size)):
            text = (
                f"{hole:,} bytes of the range are not RAM: Xen can neither check it once nor "
                "keep it mapped. It must look up the frame on every hit, and reject anything "
                "that is not RAM."
            )
            xen.emit(Note(cite=_GET_PAGE, text=text))
        return step

    def _unmappable(self, xen: Xen, vcpu: int, entry: TlbEntry) -> TlbInsert | None:
        """The refusal, where pages are to be kept mapped and cannot be; None: they can."""
        if not self.design.values["keep_mapped"]:
            return None
        runs = [(one.va, one.size) for table in self._filled() for one in table]
        taken = sum(touched(va.offset, size) + 1 for va, size in (*runs, (entry.va, entry.size)))
        hole = hole_bytes(xen, entry.pa, entry.size)
        fits = not hole and taken <= MAP_AREA_PAGES
        detail = f"{hole:,} bytes are not RAM" if hole else f"{taken:,} of {MAP_AREA_PAGES:,} pages"
        name = "Xen can keep its pages mapped"
        xen.emit(Check(cite=_MAP_GLOBAL, name=name, passed=fits, detail=detail))
        if fits:
            return None
        result = -ERRNOS["EINVAL" if hole else "ENOMEM"]
        return self.tables.refused(vcpu, entry, result, f"it cannot be kept mapped: {detail}")

    def _filled(self) -> Iterator[tuple[TlbSlot, ...]]:
        """The entries of each table; one that serves the whole domain once."""
        return map(self.tables.entries, self.owners)

    def purge(self, xen: Xen, vcpu: int, va: Gva, size: int) -> int:
        """Purge a range by one buffer-less hypercall."""
        xen.leave(_SEED, vcpu)
        step = self.tables.purge(vcpu, va, size)
        xen.emit(step)
        return step.result

    def purge_all(self, xen: Xen, vcpu: int) -> int:
        """Purge everything by one buffer-less hypercall."""
        xen.leave(_SEED, vcpu)
        step = self.tables.purge_all(vcpu)
        xen.emit(step)
        return step.result

    def lookup(self, xen: Xen, vcpu: int, va: Gva, size: int) -> TlbLookup:
        """One search of a vCPU's table, outside of any copy; recorded, and counted as use."""
        found = self.tables.lookup(
            va,
            size,
            asked=vcpu,
            space=self._space(xen, vcpu),
            straddle=self.design.text("straddle"),  # type: ignore[arg-type]
        )
        xen.emit(found)
        return found

    def switched(self, xen: Xen, vcpu: int) -> None:
        """A vCPU has loaded another CR3."""
        if self.design.text("on_switch") == "purge":
            xen.emit(self.tables.purge_space(vcpu))

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        """Look each piece up; a hit needs no walk, a miss walks or fails."""
        asked = access.subject if self.design.text("cross_vcpu") == "subject" else access.current
        done = 0
        while done < access.size:
            va, left = Gva(access.handle + done), access.size - done
            found = self.tables.lookup(
                va,
                left,
                asked=asked,
                subject=access.subject,
                space=self._space(xen, asked),
                straddle=self.design.text("straddle"),  # type: ignore[arg-type]
            )
            xen.emit(found)
            if found.gpa is not None:
                for gpa, size in split_pages(found.gpa, found.covered):
                    kept = bool(self.design.values["keep_mapped"])
                    yield Located(gpa, size, checked=False, mapped=kept)
                done += found.covered
                continue
            if not self.walks:
                fault = Fault(
                    cite=_MISS,
                    what=FaultKind.TLB_MISS,
                    linear=va,
                    reason="no entry covers the handle, and Xen cannot walk this guest's tables",
                )
                xen.emit(fault)
                yield fault
                return
            # A straddle that counts as a miss is a miss of the whole access; any
            # other miss is walked to the end of its page, then looked up again.
            whole = found.slot is not None
            for piece, size in split_pages(va, left if whole else min(left, to_page_end(va))):
                located = walk_piece(xen, piece, size, write=access.writes, vcpu=asked)
                yield located
                if isinstance(located, Fault):
                    return
                done += size


def to_page_end(va: Gva) -> int:
    """Bytes from an address to the end of its page."""
    return PAGE_SIZE - va.offset
