"""Recorded accesses through the step-by-step machine, for designs without a replay model.

A recording holds Xen's copies and the frames that it walked to, not what structs held:
a design is replayed copy by copy.  One that changes the call itself (its handles, its
number) cannot be, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gfn, Gva
from xenexplore.analysis.replay.registrations import registrations
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import NO_FRAME, Workload
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Refused
from xenexplore.hypervisor.copying import copy_from_guest, copy_to_guest
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.mistakes import blamed
from xenexplore.hypervisor.outcome import Counts, counts_of
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.variant import Variant
from xenexplore.steps import Direction, Recorder

__all__ = ["ReplayGuest", "SteppedCall"]

_WAYS = (Direction.FROM, Direction.TO, Direction.CLEAR)
_CALL_HOOKS = ("dispatch", "inner", "continued", "register_area")
_MEMORY = 2 << 30
_REGISTERED_AT_MOST = 512 << 20
"""The recording does not say how much RAM there was: no more than this machine's guest has."""


@dataclass(frozen=True, slots=True)
class SteppedCall:
    """One hypercall's copies under a design.

    Attributes:
        counts: what they cost; the hypercall's own exit is one of ``exits``.
        failed: copies that failed.
        refused: why the design does not carry the call, or ``""``.
    """

    counts: Counts
    failed: int
    refused: str


class ReplayGuest:
    """A guest with the recorded pages at their recorded frames, under one design.

    Args:
        workload: the recorded accesses.
        what: the design.
        domain: whose hypercalls.
        shape: page sizes assumed; only the P2M's matters here.

    Attributes:
        refuses: why the design cannot be used with the guest at all, or ``""``.

    Raises:
        MachineError: the design changes what a recording does not hold, or the guest
            is PV, whose frames were not recorded.
        RecordingError: the domain made its hypercalls without paging.
    """

    def __init__(self, workload: Workload, what: Variant, domain: int, shape: PageSizes) -> None:
        self._load, self._what, self._number = workload, what, domain
        workload.need_paging(domain)
        pv = workload.domains[domain].kind == "pv"
        changed = [
            name for name in _CALL_HOOKS
            if getattr(what.design, name) is not getattr(Design, name)
        ]  # fmt: skip
        if changed:
            raise _no_model(what, f"its {changed[0]}() changes the call")
        spec = GuestSpec(type="pv") if pv else GuestSpec(memory=_MEMORY, p2m_order=shape.p2m_order)
        self._guest = Domain(spec)
        design = what.make()
        with blamed(design):
            self.refuses = design.refuses(Xen(self._guest, design))
        if pv and not self.refuses:
            raise _no_model(what, "a PV guest's frames were not recorded")
        self._placed: dict[int, int] = {}
        rows = workload.inside(domain)
        first = np.searchsorted(workload.accesses.call[rows], workload.calls_of(domain))
        last = np.searchsorted(
            workload.accesses.call[rows], workload.calls_of(domain), side="right"
        )
        self._rows, self._spans = rows, list(zip(first.tolist(), last.tolist(), strict=True))
        self._frames = self._known(rows)
        self.restart()

    def restart(self) -> None:
        """A design that has seen nothing yet, set up as before the first call."""
        if self.refuses:
            return
        design = self._what.make()
        self._xen = Xen(self._guest, design)
        words: tuple[str, ...] = ()
        if "register" in design.values:
            words, design.values["register"] = design.texts("register"), ()
        with blamed(design):
            design.setup(self._xen)
        for entry in registrations(self._load, self._number, words):
            assert design.tlb is not None
            size = min(entry.size, _REGISTERED_AT_MOST)
            cut = type(entry)(entry.va, entry.pa, size, entry.is_global, entry.space, entry.label)
            design.tlb.insert_quietly(self._xen, 0, cut)

    def call(self, index: int) -> SteppedCall:
        """Replay one hypercall, by its index within the domain.

        Raises:
            MachineError: the design encodes handles, or a page's frame is not known.
            DesignError: a hook's mistake.
        """
        xen, design = self._xen, self._xen.design
        xen.record = Recorder()
        row = int(self._load.calls_of(self._number)[index])
        call = GuestCall(vcpu=0, name="recorded", number=int(self._load.calls.number[row]), args=())
        xen.user_access = bool(self._load.calls.user[row])
        failed = 0
        first, last = self._spans[index]
        rows = self._rows[first:last].tolist()
        if not all(self._lay(access) for access in rows):
            return SteppedCall(Counts(), 0, "not replayed: the frame of a page was not recorded")
        with blamed(design):
            made = design.prepare(xen, call)
            if isinstance(made, Refused):
                return SteppedCall(Counts(), 0, made.reason)
            if made != call:
                raise _no_model(self._what, "its prepare() changes the call")
            for access in rows:
                failed += not self._copy(call, access)
            design.finish(xen, call)
        xen.user_access = False
        counts = counts_of(xen.nodes)
        exits = {"exits": counts.exits + 1}
        return SteppedCall(
            Counts(**{f.name: exits.get(f.name, getattr(counts, f.name)) for f in fields(Counts)}),
            failed, "",
        )  # fmt: skip

    def _copy(self, call: GuestCall, row: int) -> bool:
        accesses = self._load.accesses
        address, size = int(accesses.address[row]), int(accesses.size[row])
        access = HandleAccess(
            direction=_WAYS[int(accesses.way[row])], handle=address, size=size, role="recorded",
            current=0, subject=0, number=call.number,
        )  # fmt: skip
        self._xen.user_access = not address >> 63
        if access.writes:
            return copy_to_guest(self._xen, access, bytes(size))
        return copy_from_guest(self._xen, access) is not None

    def _known(self, rows: NDArray[np.int64]) -> dict[int, int]:
        """Pages whose frame some access tells: for the later pages of those that cross."""
        accesses = self._load.accesses
        told = rows[accesses.gfn[rows] != NO_FRAME]
        pages, frames = accesses.page()[told].tolist(), accesses.gfn[told].tolist()
        return dict(zip(pages, frames, strict=True))

    def _lay(self, row: int) -> bool:
        """Map an access' pages at their recorded frames; False: one was not recorded."""
        address = int(self._load.accesses.address[row])
        size = int(self._load.accesses.size[row])
        first, last = address >> PAGE_SHIFT, address + size - 1 >> PAGE_SHIFT
        for page in range(first, last + 1):
            frame = int(self._load.accesses.gfn[row]) if page == first else self._frames.get(page)
            if frame is None or frame == int(NO_FRAME):
                return False
            if self._placed.get(page) == frame:
                continue
            name = f"page-{page:x}"
            if page in self._placed:
                self._guest.remap(name, frames=(Gfn(frame),))
            elif self._mapped(page) != frame:
                self._guest.place(name, "fixed", PAGE_SIZE, address=Gva(page << PAGE_SHIFT),
                                  frames=(Gfn(frame),))  # fmt: skip
            else:
                continue
            self._placed[page] = frame
        return True

    def _mapped(self, page: int) -> int | None:
        (gpa, _), *_ = self._guest.truth(Gva(page << PAGE_SHIFT), 1, vcpu=0)
        return None if gpa is None else gpa.value >> PAGE_SHIFT


def _no_model(what: Variant, why: str) -> MachineError:
    return MachineError(
        f"option {what.use!r} cannot be replayed call by call: {why}; class "
        f"{what.design.__name__} needs its own replay model (replay = ...)"
    )


def every(machine: ReplayGuest, count: int) -> Iterator[SteppedCall]:
    """All calls in order, by one design that keeps what it keeps."""
    machine.restart()
    for index in range(count):
        yield machine.call(index)
