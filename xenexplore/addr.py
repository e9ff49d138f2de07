"""One value type per address space, ranges, and the only page-splitting loop.

Xen boxes its frame numbers (xen/include/xen/mm-frame.h: ``gfn_t``, ``mfn_t``;
xen/include/xen/typesafe.h) because mixing them up compiles and is wrong.  So
do we, and byte addresses too: arithmetic stays in its space and crossing from
one space to another is a named function.  The boxes cost some 0.2 us each:
hot loops unwrap once with ``.value`` and box their result once.

========  ===========================================================
``Gva``   linear address in a guest (x86: after segmentation, before
          paging); bits 63:48 (4-level) or 63:57 (LA57) sign-extended
``Gpa``   guest-physical byte address (Xen: ``paddr_t`` of a guest)
``Gfn``   guest frame number: ``Gpa >> 12``
``Maddr`` machine (host-physical) byte address
``Mfn``   machine frame number: ``Maddr >> 12``
========  ===========================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import total_ordering
from typing import ClassVar, Generic, Self, TypeVar

from xenexplore.errors import AddressError

__all__ = [
    "PAGE_MASK",
    "PAGE_SHIFT",
    "PAGE_SIZE",
    "Gfn",
    "Gpa",
    "Gva",
    "Maddr",
    "Mfn",
    "Range",
    "Space",
    "canonical",
    "gfn_to_gpa",
    "gpa_to_gfn",
    "is_canonical",
    "maddr_to_mfn",
    "mfn_to_maddr",
    "parse_address",
    "split_pages",
]

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PAGE_MASK = PAGE_SIZE - 1


@total_ordering
@dataclass(frozen=True, slots=True, repr=False)
class Space:
    """An unsigned integer that belongs to one address space.

    Adding or subtracting an ``int`` stays in the space and raises
    :class:`AddressError` where it would leave it (addresses do not wrap);
    subtracting an address of the same space gives the distance as an ``int``.
    Two spaces never compare, not even as equal.
    """

    value: int

    BITS: ClassVar[int] = 64
    NAME: ClassVar[str] = "generic"

    def __post_init__(self) -> None:
        if type(self.value) is not int:
            raise TypeError(f"{type(self).__name__} takes an int, not {type(self.value).__name__}")
        if not 0 <= self.value < 1 << self.BITS:
            raise AddressError(self.value, self.NAME, f"0 to {(1 << self.BITS) - 1:#x}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value:#x})"

    def __str__(self) -> str:
        return f"{self.value:0{self.BITS // 4}x}"

    def __int__(self) -> int:
        return self.value

    def __index__(self) -> int:
        return self.value

    def __add__(self, distance: int) -> Self:
        if not isinstance(distance, int):
            return NotImplemented
        return type(self)(self.value + distance)

    def __sub__(self, other: Self | int) -> Self | int:
        if type(other) is type(self):
            return self.value - other.value
        if isinstance(other, int):
            return type(self)(self.value - other)
        return NotImplemented

    def __lt__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.value < other.value

    def hex(self) -> str:
        """The address as JSON carries it: ``0x`` and no leading zeros."""
        return f"{self.value:#x}"


class _Bytes(Space):
    """A byte address: knows its page."""

    __slots__ = ()

    @property
    def offset(self) -> int:
        """Offset in its 4 KiB page, in bytes."""
        return self.value & PAGE_MASK

    @property
    def page(self) -> Self:
        """Start of its 4 KiB page."""
        return type(self)(self.value & ~PAGE_MASK)


class Gva(_Bytes):
    """A guest's linear address (x86 terms; on Arm: its virtual address)."""

    __slots__ = ()
    NAME: ClassVar[str] = "linear"


class Gpa(_Bytes):
    """A guest-physical byte address (on Arm: IPA)."""

    __slots__ = ()
    NAME: ClassVar[str] = "guest-physical"


class Maddr(_Bytes):
    """A machine (host-physical) byte address."""

    __slots__ = ()
    NAME: ClassVar[str] = "machine"


class Gfn(Space):
    """A guest frame number (4 KiB frames)."""

    __slots__ = ()
    BITS: ClassVar[int] = 52
    NAME: ClassVar[str] = "guest frame"


class Mfn(Space):
    """A machine frame number (4 KiB frames)."""

    __slots__ = ()
    BITS: ClassVar[int] = 52
    NAME: ClassVar[str] = "machine frame"


def gpa_to_gfn(gpa: Gpa) -> Gfn:
    """The frame that holds a guest-physical address."""
    return Gfn(gpa.value >> PAGE_SHIFT)


def gfn_to_gpa(gfn: Gfn) -> Gpa:
    """The first byte of a guest frame."""
    return Gpa(gfn.value << PAGE_SHIFT)


def maddr_to_mfn(maddr: Maddr) -> Mfn:
    """The frame that holds a machine address."""
    return Mfn(maddr.value >> PAGE_SHIFT)


def mfn_to_maddr(mfn: Mfn) -> Maddr:
    """The first byte of a machine frame."""
    return Maddr(mfn.value << PAGE_SHIFT)


def is_canonical(linear: int, bits: int = 48) -> bool:
    """Whether a 64-bit linear address is canonical for 48- or 57-bit paging.

    Source: Intel SDM vol. 1, 3.3.7.1; Xen: is_canonical_address() in
    xen/arch/x86/include/asm/x86_64/page.h (48 bits).
    """
    top = linear >> (bits - 1)
    return top in (0, (1 << (65 - bits)) - 1)


def canonical(linear: int, bits: int = 48) -> int:
    """Sign-extend the low ``bits`` bits of an address to 64."""
    low = linear & ((1 << bits) - 1)
    return low | (((1 << 64) - (1 << bits)) if low >> (bits - 1) else 0)


A = TypeVar("A", bound=Space)


@dataclass(frozen=True, slots=True, repr=False)
class Range(Generic[A]):
    """``size`` bytes (frames, for frame numbers) from ``start``, in one space.

    A range may end at the very top of its space: ``end`` is therefore an
    ``int``, exclusive.  An empty range contains and overlaps nothing.
    """

    start: A
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise AddressError(self.size, self.start.NAME, "a size of 0 or more")
        if self.start.value + self.size > 1 << self.start.BITS:
            raise AddressError(
                self.start.value + self.size, self.start.NAME, "a range that does not wrap"
            )

    @property
    def end(self) -> int:
        """First value past the range."""
        return self.start.value + self.size

    def __contains__(self, address: object) -> bool:
        if type(address) is not type(self.start):
            return False
        return self.start.value <= address.value < self.end

    def covers(self, start: A, size: int) -> bool:
        """Whether all of ``size`` units from ``start`` are inside."""
        return self.start.value <= start.value and start.value + size <= self.end

    def overlaps(self, other: Range[A]) -> bool:
        """Whether the two have a unit in common."""
        low = max(self.start.value, other.start.value)
        return low < min(self.end, other.end)

    def __repr__(self) -> str:
        return f"Range({self.start!r}, size={self.size:#x})"


B = TypeVar("B", bound=Space)


def split_pages(start: B, size: int, page_size: int = PAGE_SIZE) -> Iterator[tuple[B, int]]:
    """Cut ``size`` bytes from ``start`` at page boundaries: ``(address, bytes)`` pieces.

    The only page-splitting loop of the project; it is the loop of __hvm_copy()
    (xen/arch/x86/hvm/hvm.c), which copies at most to the end of the 4 KiB page.
    Zero bytes yield no piece.

    Args:
        start: first byte, in any address space.
        size: bytes.
        page_size: distance of the cuts, in bytes.

    Raises:
        AddressError: a later piece would start outside the address space.

    >>> list(split_pages(Gva(0xFFFFC90000000FFE), 4))
    [(Gva(0xffffc90000000ffe), 2), (Gva(0xffffc90000001000), 2)]
    """
    address, left = start, size
    while left > 0:
        piece = min(left, page_size - (address.value & (page_size - 1)))
        yield address, piece
        left -= piece
        if left:
            address = address + piece


def parse_address(text: str, space: type[A]) -> A:
    """Read an address as people write it: ``0x`` or bare hex, with ``_``, ``'`` or ````` groups.

    Decimal needs an explicit ``0t``, as in FreeBSD's ddb(4): in this field a bare ``1000`` is
    hexadecimal, and so is ``0d001000``.

    Raises:
        AddressError: the text is not a number, or is outside the space.

    >>> parse_address("0d00'008a", Gpa), parse_address("0t4096", Gpa)
    (Gpa(0xd00008a), Gpa(0x1000))
    """
    digits = text.strip().lower()
    base = 16
    if digits.startswith("0t"):
        digits, base = digits[2:], 10
    elif digits.startswith("0x"):
        digits = digits[2:]
    for group in "_'`":
        digits = digits.replace(group, "")
    if not digits.isascii() or not digits.isalnum():
        raise AddressError(text, space.NAME, "hexadecimal digits, e.g. ffff888000001000")
    try:
        value = int(digits, base)
    except ValueError:
        raise AddressError(text, space.NAME, "hexadecimal digits, e.g. ffff888000001000") from None
    if value >= 1 << space.BITS:
        raise AddressError(text, space.NAME, f"at most {space.BITS} bits")
    return space(value)
