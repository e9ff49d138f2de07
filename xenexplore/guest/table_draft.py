"""Page tables as they are drafted at boot, before they are in the guest's RAM."""

from __future__ import annotations

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from xenexplore.memory import GuestView

__all__ = ["TableDraft"]


class TableDraft:
    """Tables as they are being built at boot; written to the guest's memory once, page by page.

    A private page costs its cipher for each write: a table of 512 entries would
    cost it many times over.  After :meth:`finish` accesses go straight through.
    """

    __slots__ = ("_guest", "_open", "_pages")

    def __init__(self, guest: GuestView) -> None:
        self._guest = guest
        self._open = True
        self._pages: dict[int, bytearray] = {}

    def read(self, gpa: int, size: int) -> bytes | None:
        """Bytes of one page, as drafted or as the guest sees them."""
        page = self._pages.get(gpa >> PAGE_SHIFT)
        if page is None:
            return self._guest.read(gpa, size)
        at = gpa & PAGE_MASK
        return bytes(page[at : at + size])

    def write(self, gpa: int, data: bytes) -> bool:
        """Draft bytes of one page; after boot, store them."""
        if not self._open:
            return self._guest.write(gpa, data)
        page = self._pages.setdefault(gpa >> PAGE_SHIFT, bytearray(PAGE_SIZE))
        at = gpa & PAGE_MASK
        page[at : at + len(data)] = data
        return True

    def finish(self) -> None:
        """Store what was drafted."""
        for frame, page in self._pages.items():
            self._guest.write(frame << PAGE_SHIFT, bytes(page))
        self._pages.clear()
        self._open = False
