"""Memory of an image that its user has declared free, for what designs place in the guest."""

from __future__ import annotations

from collections.abc import Iterable

from xenexplore.addr import PAGE_SHIFT
from xenexplore.errors import UnsaidError

__all__ = ["SparePages"]


class SparePages:
    """Mapped pages that are handed out once each, by linear address or as frames.

    Args:
        name: the image, for messages.
        pages: ``(linear address, frame)`` of each page, ascending by address.
    """

    __slots__ = ("_name", "_pages")

    def __init__(self, name: str, pages: Iterable[tuple[int, int]]) -> None:
        self._name = name
        self._pages = list(pages)

    def take_linear(self, count: int) -> int:
        """Linear address of ``count`` consecutive pages.

        Raises:
            UnsaidError: there are not so many.
        """
        for start in range(len(self._pages) - count + 1):
            first, last = self._pages[start][0], self._pages[start + count - 1][0]
            if last - first == count - 1 << PAGE_SHIFT:
                del self._pages[start : start + count]
                return first
        raise self._lack(count, "in a row")

    def take_frames(self, count: int, *, contiguous: bool, align: int = 1) -> tuple[int, ...]:
        """Frames: consecutive, the first a multiple of ``align``; or no two consecutive.

        Raises:
            UnsaidError: there are not so many.
        """
        free = sorted({frame for _, frame in self._pages})
        if contiguous:
            known = set(free)
            found = next(
                (
                    tuple(range(first, first + count))
                    for first in free
                    if not first % align and known.issuperset(range(first, first + count))
                ),
                None,
            )
        else:
            apart: list[int] = []
            for frame in free:
                if len(apart) < count and (not apart or frame > apart[-1] + 1):
                    apart.append(frame)
            found = tuple(apart) if len(apart) == count else None
        if found is None:
            raise self._lack(count, "with consecutive frames" if contiguous else "apart")
        self._pages = [page for page in self._pages if page[1] not in found]
        return found

    def _lack(self, count: int, how: str) -> UnsaidError:
        pages = "1 page is" if count == 1 else f"{count} pages {how} are"
        left = len(self._pages)
        return UnsaidError(
            f"{self._name} does not say which of its memory is free: {pages} needed, and "
            f"{left or 'none'} of its spare pages are left (spare = ADDRESS, spare_pages = N)"
        )
