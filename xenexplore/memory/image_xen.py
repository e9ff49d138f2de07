"""``xl dump-core``: a Xen domain's memory in the sections of an ELF file.

``.xen_pages`` holds the pages; ``.xen_pfn`` says for each which guest frame it
is (HVM and PVH), ``.xen_p2m`` which guest frame and which machine frame (PV).
A PV guest's page tables hold machine frames, so its memory is addressed by
machine address here, and the guest's own numbers are kept beside.

Source: docs/misc/dump-core-format.txt and tools/libs/guest/xg_core.c;
``vcpu_guest_context_t`` in xen/include/public/arch-x86/xen.h (Xen 4.17).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE
from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import (
    Bytes,
    ImageContents,
    ImageSpace,
    Kind,
    Segment,
    Skip,
    Skipped,
)
from xenexplore.memory.image_elf import EM_386, ElfFile, cut_short, read_notes
from xenexplore.memory.image_registers import Registers
from xenexplore.memory.xen_vcpu import context_size, registers_from_context

__all__ = ["is_dump_core", "read_dump_core"]

Runs: TypeAlias = "list[tuple[int, int, int]]"

_PAGES: Final = ".xen_pages"
_PFN: Final = ".xen_pfn"
_P2M: Final = ".xen_p2m"
_PRSTATUS: Final = ".xen_prstatus"
_NOTE: Final = ".note.Xen"
_HEADER_NOTE: Final = 0x2000001  # XEN_ELFNOTE_DUMPCORE_HEADER, xen/include/public/elfnote.h
_MAGIC_PV: Final = 0xF00FEBED  # XC_CORE_MAGIC, tools/include/xenctrl.h
_MAGIC_HVM: Final = 0xF00FEBEE  # XC_CORE_MAGIC_HVM
_LAST_FRAME: Final = 1 << 40
_MOST_VCPUS: Final = 8192
_AT_ONCE: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class _Header:
    """The header note: magic, and how many vCPUs and pages there are."""

    magic: int
    vcpus: int
    pages: int


class _Pfns:
    """A PV guest's own number of a machine frame, looked up in ``.xen_p2m``."""

    __slots__ = ("_lows", "_pfns", "_runs")

    def __init__(self, runs: Runs, pfns: memoryview) -> None:
        self._runs = runs
        self._lows = [frame for frame, _, _ in runs]
        self._pfns = pfns

    def __call__(self, mfn: int, /) -> int | None:
        slot = bisect_right(self._lows, mfn) - 1
        if slot < 0:
            return None
        frame, first, length = self._runs[slot]
        if mfn >= frame + length:
            return None
        pfn: int = self._pfns[first + mfn - frame]
        return pfn


def is_dump_core(elf: ElfFile) -> bool:
    """Whether an ELF core is one of ``xl dump-core``."""
    return _NOTE in elf.sections or _PAGES in elf.sections


def read_dump_core(
    source: object, data: Bytes, elf: ElfFile, gaps: list[ImageError]
) -> ImageContents:
    """Memory and vCPUs of a domain.

    Args:
        source: file, for errors.
        data: its (decompressed) content.
        elf: its headers.
        gaps: what was found wrong so far; more may be added.

    Raises:
        ImageError: there is no memory in it, or pages of another size than 4 KiB.
    """
    pv = _P2M in elf.sections
    header = _header(source, data, elf, gaps, pv=pv)
    pages_at, pages_size = _section(source, elf, _PAGES, f"{_PAGES}, the domain's memory")
    name = _P2M if pv else _PFN
    table_at, table_size = _section(source, elf, name, f"{name}, the frames' numbers")
    entry = 16 if pv else 8
    count = min(header.pages, table_size // entry, pages_size >> PAGE_SHIFT)
    whole = max(min(count, (len(data) - pages_at) >> PAGE_SHIFT), 0)
    listed = max(min(count, (len(data) - table_at) // entry), 0)
    if whole < count:
        gaps.append(cut_short(source, _PAGES, pages_at, count << PAGE_SHIFT, data))
    if listed < count:
        gaps.append(cut_short(source, name, table_at, count * entry, data))
    table = memoryview(bytes(data[table_at : table_at + min(whole, listed) * entry])).cast("Q")
    numbers = table[1::2] if pv else table
    runs, invalid = _runs(numbers)
    segments = tuple(
        Segment(frame << PAGE_SHIFT, length << PAGE_SHIFT, pages_at + (first << PAGE_SHIFT))
        for frame, first, length in runs
    )
    if not segments:
        raise (
            gaps[0]
            if gaps
            else ImageError(
                source, _PAGES, expected="the domain's memory", got="no page with a frame number"
            )
        )
    return ImageContents(
        kind=Kind.XEN,
        data=data,
        segments=segments,
        vcpus=_vcpus(source, data, elf, header, gaps, pv=pv),
        gaps=tuple(gaps),
        skipped=(Skipped(Skip.NO_PAGE, invalid, invalid << PAGE_SHIFT),) if invalid else (),
        space=ImageSpace.MACHINE if pv else ImageSpace.GUEST,
        pfns=_Pfns(sorted(runs), table[::2]) if pv else None,
    )


def _section(source: object, elf: ElfFile, name: str, what: str) -> tuple[int, int]:
    """Place of a section."""
    if name not in elf.sections:
        have = ", ".join(sorted(elf.sections)) or "none"
        raise ImageError(source, "sections", expected=what, got=have)
    return elf.sections[name]


def _header(
    source: object, data: Bytes, elf: ElfFile, gaps: list[ImageError], *, pv: bool
) -> _Header:
    """The header note.  Without it, the complete sections are used."""
    at, size = elf.sections.get(_NOTE, (0, 0))
    for note in read_notes(source, data, at, min(size, 1 << 20), gaps):
        if note.name != b"Xen" or note.kind != _HEADER_NOTE or len(note.desc) < 32:
            continue
        magic, vcpus, pages, page_size = struct.unpack_from("<4Q", note.desc)
        if page_size != PAGE_SIZE:
            raise ImageError(
                source, _NOTE, expected=f"pages of {PAGE_SIZE} bytes", got=f"{page_size}"
            )
        if magic not in (_MAGIC_PV, _MAGIC_HVM):
            gaps.append(
                ImageError(
                    source,
                    _NOTE,
                    expected=f"the magic {_MAGIC_PV:#x} (PV) or {_MAGIC_HVM:#x} (HVM, PVH)",
                    got=f"{magic:#x}",
                )
            )
        return _Header(magic, vcpus, pages)
    gaps.append(
        ImageError(
            source,
            _NOTE,
            expected="the note with the numbers of vCPUs and pages",
            got="none",
            hint="the complete sections are used",
        )
    )
    return _Header(_MAGIC_PV if pv else _MAGIC_HVM, _MOST_VCPUS, 1 << 52)


def _runs(numbers: memoryview) -> tuple[Runs, int]:
    """``(frame, position, length)`` of frames in a row, and how many numbers are invalid.

    A domain of 64 GiB has 16 million of them: they are compared piece by piece, as arrays.
    """
    import numpy as np

    frames = np.asarray(numbers)
    count = len(frames)
    breaks: list[int] = []
    for low in range(1, count, _AT_ONCE):
        high = min(low + _AT_ONCE, count)
        before, after = frames[low - 1 : high - 1], frames[low:high]
        valid = after < _LAST_FRAME
        apart = (before < _LAST_FRAME) != valid
        apart |= valid & (after != before + np.uint64(1))
        breaks += (np.flatnonzero(apart) + low).tolist()
    starts = [0, *breaks] if count else []
    found: Runs = []
    invalid = 0
    for first, end in zip(starts, [*breaks, count], strict=bool(count)):
        frame = int(frames[first])
        if frame < _LAST_FRAME:
            found.append((frame, first, end - first))
        else:
            invalid += end - first
    return found, invalid


def _vcpus(
    source: object,
    data: Bytes,
    elf: ElfFile,
    header: _Header,
    gaps: list[ImageError],
    *,
    pv: bool,
) -> tuple[Registers, ...]:
    """Every whole ``vcpu_guest_context`` of ``.xen_prstatus``."""
    if _PRSTATUS not in elf.sections:
        gaps.append(ImageError(source, "sections", expected=_PRSTATUS, got="no such section"))
        return ()
    at, size = elf.sections[_PRSTATUS]
    narrow = pv and elf.machine == EM_386
    each = context_size(narrow=narrow)
    count = min(header.vcpus, size // each, _MOST_VCPUS)
    whole = max(min(count, (len(data) - at) // each), 0)
    if whole < count:
        gaps.append(cut_short(source, _PRSTATUS, at, count * each, data))
    contexts: Iterator[bytes] = (
        bytes(data[at + n * each : at + (n + 1) * each]) for n in range(whole)
    )
    return tuple(
        registers_from_context(index, context, narrow=narrow, pv=pv)
        for index, context in enumerate(contexts)
    )
