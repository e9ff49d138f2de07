"""Steps of the guest's own work around a hypercall, under the designs that ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.steps.base import Step, counted
from xenexplore.steps.values import Translation

__all__ = ["Flip", "GuestCopy", "GuestTranslate", "GuestWrite"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestTranslate(Step):
    """The guest finds the physical address of one of its own buffers.

    Attributes:
        va: the buffer's address.
        gpa: what it is in guest-physical space, or None if nothing is mapped.
        how: by arithmetic (directmap or kernel image) or by a table walk.
    """

    kind: ClassVar[str] = "guest-translate"

    va: Gva
    gpa: Gpa | None
    how: Translation

    def tally(self) -> Mapping[str, int]:
        return {"guest_translations": 1}

    def say(self) -> str:
        to = self.gpa.hex() if self.gpa is not None else "nothing"
        return f"The guest translates {self.va.hex()} to {to} by {self.how}."


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestCopy(Step):
    """The guest copies bytes between a buffer and its bounce page.

    Attributes:
        source: first byte copied, as the guest addresses it.
        target: where it goes.
        size: bytes.
        inbound: True for buffer to bounce page (before the call).
    """

    kind: ClassVar[str] = "guest-copy"
    alike: ClassVar[tuple[str, ...]] = ("inbound",)

    source: Gva
    target: Gva
    size: int
    inbound: bool

    def tally(self) -> Mapping[str, int]:
        return {"guest_bytes_copied": self.size}

    def say(self) -> str:
        way = "into its bounce page" if self.inbound else "back from its bounce page"
        return f"The guest copies {counted(self.size, 'byte')} {way}."


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestWrite(Step):
    """The guest writes memory that describes a call: a list, or a handle inside a struct.

    Attributes:
        gpa: where.
        size: bytes written.
        what: what they are, e.g. ``"GFN list, 4 entries"``.
    """

    kind: ClassVar[str] = "guest-write"
    alike: ClassVar[tuple[str, ...]] = ("what",)

    gpa: Gpa
    size: int
    what: str

    def tally(self) -> Mapping[str, int]:
        return {"guest_bytes_written": self.size}

    def say(self) -> str:
        return f"The guest writes {self.what}: {counted(self.size, 'byte')} at {self.gpa.hex()}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip(Step):
    """The guest changes a page between private (encrypted) and shared.

    Attributes:
        gfn: the page.
        shared: True if Xen can read it afterwards.
    """

    kind: ClassVar[str] = "flip"

    gfn: Gfn
    shared: bool

    def tally(self) -> Mapping[str, int]:
        return {"flips": 1}

    def say(self) -> str:
        to = "shared with Xen" if self.shared else "private again"
        return f"The guest makes frame {self.gfn.hex()} {to}: one change of encryption state."
