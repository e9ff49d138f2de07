"""Scatter/gather lists: their layouts, how a guest builds one, how Xen reads one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xenexplore.addr import PAGE_MASK, PAGE_SIZE, Gfn, Gpa
from xenexplore.errors import MachineError
from xenexplore.hypervisor.calls import HandleAccess, Located, Refused
from xenexplore.hypervisor.design import Parameter
from xenexplore.steps import Cite, Fault, FaultKind, GuestWrite, ListRead, ListWord, mail

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = [
    "LAYOUT",
    "LAYOUTS",
    "Layout",
    "ListHandles",
    "SgList",
    "build_list",
    "capacity",
    "locate_listed",
]

Layout = Literal["gfn-array", "tuples", "aligned-array"]
LAYOUTS: tuple[Layout, ...] = ("gfn-array", "tuples", "aligned-array")

LISTS: Cite = mail("Beulich", "28 Sep 2022", "98b857b8-f36a-e935-8318-f17dfc3457ab@suse.com")

LAYOUT = Parameter(
    name="layout",
    default="gfn-array",
    choices=LAYOUTS,
    help="Layout of the lists.",
    source="Beulich, 28 Sep 2022",
)
"""The parameter of every option that has lists."""

_WORD = 8


@dataclass(frozen=True, slots=True)
class SgList:
    """A list in guest memory.

    Attributes:
        at: guest-physical address of its first element.
        layout: ``gfn-array``: element 0 is the offset into the first page, the rest
            are GFNs; ``aligned-array``: GFNs only, the buffer begins on a page;
            ``tuples``: pairs of (address, length).
        levels: 1, or 2: a page of GFNs of list pages.
        elements: data elements (pages, or tuples).
    """

    at: Gpa
    layout: Layout
    levels: int
    elements: int


def capacity(layout: Layout, levels: int) -> int:
    """Bytes that lists of this layout can describe at most, with one root page.

    ``tuples`` describe any length each; as the thread counts them, one page of
    contiguous memory each.
    """
    per_page = PAGE_SIZE // _WORD
    if layout == "tuples":
        per_page //= 2
    if levels == 2:
        per_page *= PAGE_SIZE // _WORD
    slots = per_page - 1 if layout == "gfn-array" and levels == 1 else per_page
    return slots * PAGE_SIZE


def build_list(
    xen: Xen,
    pieces: tuple[tuple[Gpa, int], ...],
    layout: Layout,
    levels: int,
    pages: tuple[Gfn, ...],
) -> SgList:
    """Write a list over ``pieces`` into ``pages`` (list page first), and record the writes.

    Raises:
        MachineError: the pieces do not fit the layout, or the pages.
    """
    words: list[int] = []
    if layout == "tuples":
        for gpa, size in pieces:
            words += [gpa.value, size]
        per_page = PAGE_SIZE // _WORD
    else:
        if layout == "aligned-array" and pieces[0][0].offset:
            raise MachineError("an aligned list describes only page-aligned buffers")
        if layout == "gfn-array":
            words.append(pieces[0][0].offset)
        words += [gpa.value >> 12 for gpa, _ in pieces]
        per_page = PAGE_SIZE // _WORD
    chunks = [words[i : i + per_page] for i in range(0, len(words), per_page)]
    if levels == 1 and len(chunks) > 1:
        raise MachineError(f"{len(words)} elements do not fit in a single-level list of {per_page}")
    if len(pages) < len(chunks) + (levels - 1) or len(chunks) > per_page:
        raise MachineError(f"{len(chunks)} list pages do not fit in {len(pages)} pages")
    leaf_pages = pages[levels - 1 :]
    for page, chunk in zip(leaf_pages, chunks, strict=False):
        _write(xen, page, chunk, f"{layout} list, {len(chunk)} elements")
    if levels == 2:
        roots = [page.value for page in leaf_pages[: len(chunks)]]
        _write(xen, pages[0], roots, f"list of {len(roots)} list pages")
    return SgList(Gpa(pages[0].value << 12), layout, levels, len(pieces))


def _write(xen: Xen, page: Gfn, words: list[int], what: str) -> None:
    data = b"".join(word.to_bytes(_WORD, "little") for word in words)
    gpa = Gpa(page.value << 12)
    if not xen.domain.memory.guest.write(gpa.value, data):
        raise MachineError(f"the guest cannot write its list page {page!r}")
    xen.emit(GuestWrite(cite=LISTS, gpa=gpa, size=len(data), what=what))


def locate_listed(xen: Xen, lst: SgList, offset: int, size: int) -> Iterator[Located | Fault]:
    """Find ``size`` bytes from ``offset`` of a listed buffer; every element read is recorded.

    This is what copy_from_guest_offset() would cost: an array is indexed, tuples
    are scanned from the first.
    """
    if lst.layout == "tuples":
        yield from _locate_tuples(xen, lst, offset, size)
        return
    first = 0
    skip = 0
    if lst.layout == "gfn-array":
        head = _element(xen, lst, 0, ListWord.OFFSET)
        if isinstance(head, Fault):
            yield head
            return
        first, skip = 1, head & PAGE_MASK
    at = skip + offset
    while size > 0:
        gfn = _element(xen, lst, first + at // PAGE_SIZE, ListWord.GFN)
        if isinstance(gfn, Fault):
            yield gfn
            return
        length = min(size, PAGE_SIZE - at % PAGE_SIZE)
        yield Located(Gpa((gfn << 12) + at % PAGE_SIZE), length, checked=False)
        at, size = at + length, size - length


def _locate_tuples(xen: Xen, lst: SgList, offset: int, size: int) -> Iterator[Located | Fault]:
    position = 0
    for number in range(lst.elements):
        if size <= 0:
            return
        address = _element(xen, lst, 2 * number, ListWord.ADDRESS)
        length = _element(xen, lst, 2 * number + 1, ListWord.LENGTH)
        if isinstance(address, Fault) or isinstance(length, Fault):
            yield address if isinstance(address, Fault) else length  # type: ignore[misc]
            return
        while size > 0 and position <= offset < position + length:
            inside = offset - position
            start = Gpa(address + inside)
            piece = min(size, length - inside, PAGE_SIZE - start.offset)
            yield Located(start, piece, checked=False)
            offset, size = offset + piece, size - piece
        position += length


def _element(xen: Xen, lst: SgList, number: int, meaning: ListWord) -> int | Fault:
    per_page = PAGE_SIZE // _WORD
    page = lst.at
    if lst.levels == 2:
        root = _word(xen, lst.at + number // per_page * _WORD, number // per_page, ListWord.GFN)
        if isinstance(root, Fault):
            return root
        page, number = Gpa(root << 12), number % per_page
    return _word(xen, page + number * _WORD, number, meaning)


def _word(xen: Xen, gpa: Gpa, number: int, meaning: ListWord) -> int | Fault:
    data = xen.read_physical(gpa, _WORD)
    if data is None:  # the lookup's own fault has been recorded
        return Fault(cite=LISTS, what=FaultKind.P2M, reason="the list page cannot be read")
    value = int.from_bytes(data, "little")
    xen.emit(
        ListRead(cite=LISTS, gpa=gpa, size=_WORD, element=number, value=value, meaning=meaning)
    )
    return value


class ListHandles:
    """The lists of one call, by the handles that name them.

    Xen's guest handles carry a base and an offset apart; here both are in one
    number, so the base is found again as the nearest list handle below it.
    """

    def __init__(self) -> None:
        self._bound: list[tuple[int, int, SgList]] = []

    def clear(self) -> None:
        """Forget the lists of the previous call."""
        self._bound.clear()

    def bind(self, handle: int, size: int, lst: SgList) -> None:
        """Name a list of ``size`` described bytes by an encoded handle."""
        self._bound.append((handle, size, lst))

    def find(self, handle: int) -> tuple[int, SgList] | None:
        """Offset into the described buffer, and its list; None if no list handle covers it."""
        for start, size, lst in self._bound:
            if start <= handle < start + size:
                return handle - start, lst
        return None

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        """Resolve an access whose handle names a list."""
        found = self.find(access.handle)
        if found is None:
            fault = Fault(
                cite=LISTS, what=FaultKind.LIST, reason="the handle does not refer to a list"
            )
            xen.emit(fault)
            yield fault
            return
        offset, lst = found
        yield from locate_listed(xen, lst, offset, access.size)

    def make(
        self,
        xen: Xen,
        pieces: tuple[tuple[Gpa | None, int], ...],
        layout: str,
        *,
        fewest: int = 1,
    ) -> SgList | Refused:
        """Build a list over a buffer's pieces in fresh pages, with as few levels as it needs."""
        known: list[tuple[Gpa, int]] = []
        for gpa, size in pieces:
            if gpa is None:
                return Refused("a page of the buffer is not mapped")
            known.append((gpa, size))
        if layout == "aligned-array" and known[0][0].offset:
            return Refused("this list layout requires page-aligned buffers")
        words = len(known) * (2 if layout == "tuples" else 1) + (layout == "gfn-array")
        per_page = PAGE_SIZE // _WORD
        leaves = -(-words // per_page)
        levels = max(fewest, 1 if leaves == 1 else 2)
        if leaves > per_page:
            return Refused("the buffer is larger than a two-level list can describe")
        total = sum(size for _, size in known)
        frames = self._pages(xen, leaves + levels - 1, total)
        return build_list(xen, tuple(known), layout, levels, frames)  # type: ignore[arg-type]

    def _pages(self, xen: Xen, count: int, described: int) -> tuple[Gfn, ...]:
        """Pages for a list, such that its handles cannot be taken for another's."""
        while True:
            frames = xen.domain.alloc_frames(count, contiguous=False)
            start = frames[0].value << 12
            if all(
                start + described <= other or other + size <= start
                for other, size, _ in self._bound
            ):
                break
        if xen.domain.spec.encrypted:
            for frame in frames:
                xen.domain.set_encrypted(frame, encrypted=False)
        return frames
