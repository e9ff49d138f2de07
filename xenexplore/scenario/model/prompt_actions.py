"""Actions that came with the prompt: place, write, change an entry, insert, look up, set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from xenexplore.addr import Gpa
from xenexplore.scenario.model.action import ActionSpec
from xenexplore.scenario.model.scenario import BufferSpec, Contents
from xenexplore.scenario.model.values import Value

__all__ = ["Insert", "Lookup", "Place", "SetEntry", "Setup", "Write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup(ActionSpec):
    """The design's setup happens here instead of before the first action.

    What comes before it the guest does alone, before any design is in use.
    """

    do: ClassVar[str] = "setup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(ActionSpec):
    """The guest allocates one more buffer, with its contents.

    Attributes:
        buffer: the buffer; its keys are those of ``[[buffer]]``.
    """

    do: ClassVar[str] = "place"
    by_guest: ClassVar[bool] = True

    buffer: BufferSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(ActionSpec):
    """The guest writes its memory: fields or bytes of a buffer, or bytes by physical address.

    Of a struct only the fields that are named are written.

    Attributes:
        vcpu: the vCPU that writes.
        buffer: the buffer that is written, or ``""``.
        gpa: guest-physical address, instead of a buffer.
        contents: the data written.
    """

    do: ClassVar[str] = "write"
    by_guest: ClassVar[bool] = True

    vcpu: int = 0
    buffer: str = ""
    gpa: Gpa | None = None
    contents: Contents = field(default_factory=Contents)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEntry(ActionSpec):
    """The guest changes bits of one of its page-table entries.

    Attributes:
        vcpu: the vCPU whose current page tables are changed.
        process: a process whose page tables are changed instead, or ``""``.
        address: a linear address that the entry maps.
        level: the entry's level, 1 to 5.
        set_bits: bits that are set, by name: P, RW, US, PWT, PCD, A, D, PS, PAT, G, NX, C.
        clear_bits: bits that are cleared, by name.
        value: the whole entry (64 bits), instead of bits.
    """

    do: ClassVar[str] = "entry"
    by_guest: ClassVar[bool] = True

    vcpu: int = 0
    process: str = ""
    address: Value
    level: int = 1
    set_bits: tuple[str, ...] = ()
    clear_bits: tuple[str, ...] = ()
    value: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert(ActionSpec):
    """A vCPU registers an exact range, right or not (options with registered buffers).

    Attributes:
        vcpu: the vCPU whose table it is.
        address: first linear address.
        gpa: guest-physical address that it maps to.
        size: bytes.
        is_global: declared to be the same in every address space.
        label: a descriptive name.
    """

    do: ClassVar[str] = "insert"

    vcpu: int = 0
    address: Value
    gpa: Gpa
    size: int
    is_global: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(ActionSpec):
    """Xen searches a vCPU's registered buffers for an address, outside any call.

    It counts as use, as each lookup of a copy does.

    Attributes:
        vcpu: the vCPU whose table is searched.
        address: first linear address of the access.
        size: its size in bytes.
    """

    do: ClassVar[str] = "lookup"

    vcpu: int = 0
    address: Value
    size: int = 1
