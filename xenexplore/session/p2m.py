"""A guest's P2M at the prompt."""

from __future__ import annotations

from dataclasses import dataclass

from xenexplore.addr import Gfn, Gpa, Mfn
from xenexplore.display import Pictured
from xenexplore.errors import MachineError
from xenexplore.memory import P2mType
from xenexplore.memory.p2m import P2M_SIZES
from xenexplore.session.state import GuestState
from xenexplore.session.values import as_gfn

__all__ = ["P2mFrame", "P2mRange", "P2mView"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class P2mFrame(Pictured):
    """P2M entry of one guest frame.

    Attributes:
        gfn: the guest frame.
        mfn: the machine frame, or None.
        type: Xen's type of the frame.
        order: log2 of the frames that its entry maps: 0, 9 or 18.
        private: whether an encrypted guest keeps it from Xen.
    """

    gfn: Gfn
    mfn: Mfn | None
    type: P2mType
    order: int
    private: bool

    def __repr__(self) -> str:
        mfn = "no frame" if self.mfn is None else f"mfn {self.mfn.hex()}"
        size = P2M_SIZES[self.order]
        private = ", private" if self.private else ""
        return f"<P2M gfn {self.gfn.hex()}: {mfn}, {self.type.name}, {size}{private}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class P2mRange:
    """Guest frames in a row that have one type and one entry size.

    Attributes:
        gfn: the first.
        frames: how many.
        type: Xen's type.
        order: log2 of the frames that each entry maps.
    """

    gfn: Gfn
    frames: int
    type: P2mType
    order: int


class P2mView(Pictured):
    """``guest.p2m[gfn]``: what the P2M maps a guest frame to; as text its runs.

    >>> import xenexplore as xe
    >>> guest = xe.Guest("linux")
    >>> guest.p2m[0x1000].type.name
    'p2m_ram_rw'
    """

    __slots__ = ("_guest",)

    def __init__(self, guest: GuestState) -> None:
        self._guest = guest

    def __getitem__(self, frame: Gfn | Gpa | int) -> P2mFrame:
        domain = self._guest.domain
        if not domain.spec.has_p2m:
            raise MachineError("a PV guest has no P2M: its page tables hold machine frames")
        gfn = Gfn(frame.value >> 12) if isinstance(frame, Gpa) else as_gfn(frame)
        entry = domain.memory.p2m.entry(gfn.value)
        return P2mFrame(
            gfn=gfn,
            mfn=None if entry.mfn is None else Mfn(entry.mfn),
            type=entry.type,
            order=entry.order,
            private=domain.memory.is_private(gfn),
        )

    @property
    def runs(self) -> tuple[P2mRange, ...]:
        """Contents, as runs; what lies between is a hole."""
        domain = self._guest.domain
        if not domain.spec.has_p2m:
            return ()
        found: list[P2mRange] = []
        # Regions first, then the frames whose type has changed since.
        for region in domain.gpa_regions:
            if region.kind in ("ram", "special"):
                first = region.range.start.value >> 12
                found += self._split(first, first + (region.range.size >> 12))
        return tuple(found)

    def _split(self, first: int, end: int) -> list[P2mRange]:
        p2m, runs, at = self._guest.domain.memory.p2m, [], first
        changed = sorted(g for g in self._guest.domain.retyped_frames if first <= g < end)
        for gfn in [*changed, None]:
            stop = end if gfn is None else gfn
            if at < stop:
                entry = p2m.entry(at)
                runs.append(
                    P2mRange(gfn=Gfn(at), frames=stop - at, type=entry.type, order=entry.order)
                )
            if gfn is not None:
                entry = p2m.entry(gfn)
                runs.append(P2mRange(gfn=Gfn(gfn), frames=1, type=entry.type, order=entry.order))
                at = gfn + 1
        return runs

    def __repr__(self) -> str:
        if not self._guest.spec.has_p2m:
            return "<P2M: a PV guest has none>"
        kinds = ", ".join(dict.fromkeys(run.type.name for run in self.runs))
        return f"<P2M: {self._guest.spec.memory >> 12:,} frames, {kinds}>"
