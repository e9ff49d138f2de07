"""Contents of a file of guest memory: segments, registers, clues, and damage."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from xenexplore.errors import ImageError
from xenexplore.memory.image_registers import Registers

__all__ = [
    "ZEROES",
    "Bytes",
    "Clues",
    "GuestOs",
    "ImageContents",
    "ImageSpace",
    "Kind",
    "Segment",
    "Skip",
    "Skipped",
]

ZEROES: Final = -1
"""Offset of a segment that is not in the file: memory that reads as zeroes."""


class Bytes(Protocol):
    """Bytes that segments point into: a mapped file, or one that is unpacked where it is read."""

    def __len__(self) -> int:
        """Bytes."""
        ...

    def __getitem__(self, where: slice, /) -> bytes | bytearray:
        """The bytes of ``start:stop``; fewer past the end."""
        ...


class Kind(enum.Enum):
    """Kind of an image file."""

    ELF = "ELF core"
    XEN = "xl dump-core"
    LIME = "LiME dump"
    AVML = "AVML dump"
    KDUMP = "kdump-compressed dump"
    WINDOWS = "Windows crash dump"
    VMWARE = "VMware memory"
    PAGES = "page-table pages"
    RAW = "raw memory"


class ImageSpace(enum.Enum):
    """Address space of an image's memory, and so of its page-table entries.

    The value is the field's word for an address in it.
    """

    GUEST = "gpa"
    MACHINE = "maddr"


class GuestOs(enum.Enum):
    """Operating system whose conventions the software-defined bits of entries follow."""

    LINUX = "linux"
    WINDOWS = "windows"


class Segment(NamedTuple):
    """Memory that is contiguous in the file.

    Attributes:
        gpa: first physical address (guest-physical, or machine where the image's
            ``space`` says so).
        size: bytes.
        offset: where it begins in the (decompressed) file, or :data:`ZEROES`.
    """

    gpa: int
    size: int
    offset: int


class Skip(enum.Enum):
    """Reason why an intact part of a file was skipped."""

    NO_ADDRESS = "no physical address (p_paddr -1)"
    EXCLUDED = "excluded when the dump was written"
    NO_PAGE = "no frame number (invalid pfn)"


class Skipped(NamedTuple):
    """Parts of a file that are not guest memory, or memory that the file omits.

    Attributes:
        why: the reason.
        parts: how many: segments or pages.
        size: bytes altogether.
    """

    why: Skip
    parts: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """Statements of a file about its page tables outside of any vCPU's registers.

    Attributes:
        source: the note or header that says so, by its own name.
        cr3: physical address of the kernel's top table, or None.
        levels: levels of page tables: 2 (32-bit), 3 (PAE), 4 or 5; None if not said.
        c_bit: position of the memory encryption bit, or None.
        os: whose kernel it is, or None.
    """

    source: str
    cr3: int | None = None
    levels: int | None = None
    c_bit: int | None = None
    os: GuestOs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageContents:
    """Everything that a reader found.

    Attributes:
        kind: what sort of file it is.
        data: what the segments' offsets point into.
        segments: the memory there is; in any order, and they may overlap.
        vcpus: what is known of each vCPU.
        clues: what the file says besides; None if nothing.
        gaps: what could not be read, each as the error that it would have been.
        skipped: what was passed over.
        space: which address space the memory is in.
        pfns: gives a PV guest's own (pseudo-physical) number of a machine frame, or None
            for a frame that is not the guest's; None for every other image.
    """

    kind: Kind
    data: Bytes
    segments: tuple[Segment, ...]
    vcpus: tuple[Registers, ...] = ()
    clues: Clues | None = None
    gaps: tuple[ImageError, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    space: ImageSpace = ImageSpace.GUEST
    pfns: Callable[[int], int | None] | None = None
