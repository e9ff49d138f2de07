"""A design of a user's own, the example's: Xen remembers a hypercall's last walk.

With a replay model, and with what the example leaves to be derived.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from your_design import LastWalk as Plain

from xenexplore.hypervisor.calls import HandleAccess, Located
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


class LastWalk(Plain):
    """Linear addresses; the last page walked in a hypercall is not walked again."""

    ident: ClassVar[str] = "X1"
    name: ClassVar[str] = "last-walk"
    title: ClassVar[str] = "Remember the last walk of a hypercall"
    summary: ClassVar[str] = "A page that the hypercall walked last is not walked again."
    asked: ClassVar[Cite] = Cite("a test", "LastWalk")
    replay: ClassVar[type[ReplayModel]] = LastWalkReplay
    unanswered: ClassVar[Mapping[str, str]] = {"else": "no scenario was written for it"}

    def refuses(self, xen: Xen) -> str:
        return "a PV guest is not walked for" if xen.domain.spec.type == "pv" else ""

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        """Without today's checks, and it says so, where no walk is made."""
        before = self.last
        for found in super().locate(xen, access):
            again = isinstance(found, Located) and self.last is before
            yield replace(found, checked=False) if again else found
            before = self.last
