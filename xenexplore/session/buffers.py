"""A guest's buffers by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xenexplore.display import Pictured
from xenexplore.guest.spec import no_such
from xenexplore.session.buffer import Buffer
from xenexplore.session.state import GuestState

__all__ = ["Buffers"]


class Buffers(Mapping[str, Buffer], Pictured):
    """A guest's buffers by name, in the order in which they were placed."""

    __slots__ = ("_guest",)

    def __init__(self, guest: GuestState) -> None:
        self._guest = guest

    def __getitem__(self, name: str) -> Buffer:
        if name not in self._guest.domain.buffers:
            raise no_such("buffer", name, self._guest.domain.buffers)
        return Buffer(self._guest, name)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._guest.domain.buffers))

    def __len__(self) -> int:
        return len(self._guest.domain.buffers)

    def __contains__(self, name: object) -> bool:
        return name in self._guest.domain.buffers

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def __repr__(self) -> str:
        return f"<Buffers: {', '.join(self) or 'none yet'}>"
