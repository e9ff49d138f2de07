"""A design of a test's own, as a user would write one: Xen remembers a hypercall's last walk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import Gpa, Gva, split_pages
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.linear import walk_piece
from xenexplore.hypervisor.replay_model import RecordedAccesses, ReplayModel, Walked
from xenexplore.hypervisor.xen import Xen
from xenexplore.steps import Cite, Fault


class LastWalkReplay(Walked):
    """A page is walked unless it is the one that the hypercall walked last."""

    carries_pv = False

    def walks(self, accesses: RecordedAccesses) -> NDArray[np.int64]:
        first = accesses.address >> np.uint64(12)
        last = first + (accesses.pages - 1).astype(np.uint64)
        again = np.zeros(len(first), np.bool_)
        again[1:] = (first[1:] == last[:-1]) & (accesses.call[1:] == accesses.call[:-1])
        return accesses.pages - again


class LastWalk(Design):
    """Linear addresses; the last page walked in a hypercall is not walked again."""

    ident: ClassVar[str] = "X1"
    name: ClassVar[str] = "last-walk"
    title: ClassVar[str] = "Remember the last walk of a hypercall"
    summary: ClassVar[str] = "A page that the hypercall walked last is not walked again."
    asked: ClassVar[Cite] = Cite("a test", "LastWalk")
    replay: ClassVar[type[ReplayModel]] = LastWalkReplay
    unanswered: ClassVar[Mapping[str, str]] = {"else": "no scenario was written for it"}

    last: tuple[Gva, Gpa] | None = None

    def refuses(self, xen: Xen) -> str:
        return "a PV guest is not walked for" if xen.domain.spec.type == "pv" else ""

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        self.last = None
        return call

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        for va, size in split_pages(Gva(access.handle), access.size):
            if self.last is not None and self.last[0] == va - va.offset:
                yield Located(self.last[1] + va.offset, size, checked=False)
                continue
            found = walk_piece(xen, va, size, write=access.writes, vcpu=access.current)
            if isinstance(found, Located):
                self.last = (va - va.offset, found.gpa - found.gpa.offset)
            yield found
