"""Steps of a copy between Xen and a guest: pieces, list elements, moves, lost checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from xenexplore.addr import Gfn, Gpa, Gva, Mfn
from xenexplore.steps.base import Step, counted
from xenexplore.steps.values import Direction, ListWord, Spoilt

__all__ = [
    "Copy",
    "CopyFailed",
    "ListRead",
    "Move",
    "Piece",
    "UncheckedAccess",
]


_VERBS = {Direction.FROM: "copies in", Direction.TO: "copies out", Direction.CLEAR: "clears"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Step):
    """Xen copies one argument from or to the guest; its pieces and moves are nested in it.

    Attributes:
        direction: from the guest, to the guest, or clear.
        handle: the handle's value as Xen has it (an address, or an encoding of one).
        size: bytes.
        role: description of the argument.
        type: its type, with the field if only that is copied, e.g.
            ``"xen_memory_exchange.nr_exchanged"``; ``""`` if it is not in the catalogue.
        current: the vCPU running on this CPU.
        subject: the vCPU on whose behalf the copy is made.
    """

    kind: ClassVar[str] = "copy"
    alike: ClassVar[tuple[str, ...]] = ("direction", "role", "current", "subject")
    as_hex: ClassVar[frozenset[str]] = frozenset({"handle"})

    direction: Direction
    handle: int
    size: int
    role: str
    current: int
    subject: int
    type: str = ""

    def tally(self) -> Mapping[str, int]:
        return {"copies": 1}

    def say(self) -> str:
        verb = _VERBS[self.direction]
        cross = f", on behalf of vCPU {self.subject}" if self.subject != self.current else ""
        return f"Xen {verb} {self.role}: {counted(self.size, 'byte')} at {self.handle:#x}{cross}."


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFailed(Step):
    """A copy failed part-way: what moved, and what the helper reports.

    Attributes:
        moved: bytes that had already moved when a chunk failed.
        reported: bytes that the helper says were not copied.
    """

    kind: ClassVar[str] = "copy-failed"

    moved: int
    reported: int

    def say(self) -> str:
        have = "has" if self.moved == 1 else "have"
        moved = f", although {counted(self.moved, 'byte')} {have} moved" if self.moved else ""
        return f"The copy helper reports {counted(self.reported, 'byte')} uncopied{moved}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece(Step):
    """One piece of a copy, within one page; its translation is nested in it.

    Attributes:
        handle: where the piece begins, in the handle's own encoding.
        size: bytes.
    """

    kind: ClassVar[str] = "piece"
    as_hex: ClassVar[frozenset[str]] = frozenset({"handle"})

    handle: int
    size: int

    def say(self) -> str:
        return f"The next piece: {counted(self.size, 'byte')} at {self.handle:#x}."


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRead(Step):
    """Xen reads one element of a scatter/gather list in guest memory.

    Attributes:
        gpa: where the element lies.
        size: bytes read.
        element: its number in the list.
        value: what it says.
        meaning: which kind of word that is.
    """

    kind: ClassVar[str] = "list-read"
    alike: ClassVar[tuple[str, ...]] = ("meaning",)
    as_hex: ClassVar[frozenset[str]] = frozenset({"value"})

    gpa: Gpa
    size: int
    element: int
    value: int
    meaning: ListWord

    def tally(self) -> Mapping[str, int]:
        return {"list_reads": 1}

    def say(self) -> str:
        return (
            f"Xen reads element {self.element} of the list, at {self.gpa.hex()}: "
            f"{self.meaning} {self.value:#x}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Step):
    """Bytes moved between Xen and a frame.

    Attributes:
        direction: from or to the guest (clearing counts as to).
        gpa: first byte in guest-physical space.
        mfn: the machine frame.
        size: bytes.
        meant: the guest-physical address that the caller meant, or None if it
            meant nothing mapped.
        spoilt: why the bytes are unusable where they lie, or ``""``: ``"ciphertext"``,
            Xen read a private page; ``"garbage"``, Xen wrote over one, and the guest
            will decrypt what it never encrypted; ``"dropped"``, the frame is
            read-only, and Xen drops the write and reports success.
    """

    kind: ClassVar[str] = "move"
    alike: ClassVar[tuple[str, ...]] = ("direction", "spoilt")

    direction: Direction
    gpa: Gpa
    mfn: Mfn | None
    size: int
    meant: Gpa | None
    spoilt: Spoilt = Spoilt.NOT

    @property
    def right(self) -> bool:
        """Whether these bytes lie where the caller meant them, and are readable there."""
        return self.meant == self.gpa and not self.spoilt

    def tally(self) -> Mapping[str, int]:
        if self.spoilt is Spoilt.DROPPED:
            return {}
        return {"bytes_to_guest" if self.direction.writes else "bytes_from_guest": self.size}

    def say(self) -> str:
        way = "to" if self.direction.writes else "from"
        what = counted(self.size, "byte")
        frame = f"guest frame {Gfn(self.gpa.value >> 12).hex()}"
        if self.spoilt is Spoilt.DROPPED:
            return (
                f"{what} for {frame}: dropped because the page is read-only; Xen reports success."
            )
        text = f"{what} move{'s' if self.size == 1 else ''} {way} {frame}"
        if self.meant != self.gpa:
            meant = "nothing mapped" if self.meant is None else self.meant.hex()
            return f"{text}: the wrong frame, the caller meant {meant}."
        if self.spoilt is Spoilt.GARBAGE:
            return f"{text}, a private frame: the guest will decrypt garbage."
        return f"{text}, as ciphertext." if self.spoilt else f"{text}, the right frame."


@dataclass(frozen=True, slots=True, kw_only=True)
class UncheckedAccess(Step):
    """An access that today's walk would have checked was made without the check.

    Attributes:
        va: the linear address that today's walk would have started from.
        size: bytes.
        write: whether Xen writes.
        would_fail: why today's walk would have refused, or ``""`` where it would not.
        flags_not_set: Accessed and Dirty bits that the walk would have set, e.g. ``"A D"``.
    """

    kind: ClassVar[str] = "unchecked"

    va: Gva
    size: int
    write: bool
    would_fail: str
    flags_not_set: str

    def tally(self) -> Mapping[str, int]:
        return {"unchecked": 1}

    def say(self) -> str:
        verb = "written" if self.write else "read"
        if self.would_fail:
            return f"The page is {verb} although today's walk would fail: {self.would_fail}."
        flags = f"; {self.flags_not_set} not set" if self.flags_not_set else ""
        return f"The page is {verb} without the checks of today's walk{flags}."
