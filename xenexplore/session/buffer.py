"""A buffer of a guest at the prompt: an address, frames, and typed fields in guest memory."""

from __future__ import annotations

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.display import Pictured
from xenexplore.errors import MachineError
from xenexplore.guest.placement import buffers as placed
from xenexplore.hypercalls.structs import Structs, structs_for
from xenexplore.scenario.model.prompt_actions import Write
from xenexplore.scenario.model.scenario import BufferSpec, Contents
from xenexplore.scenario.model.values import Reference
from xenexplore.session.fields import StructView
from xenexplore.session.state import GuestState
from xenexplore.session.values import checked_pairs, field_paths

__all__ = ["Buffer"]


class Buffer(Pictured):
    r"""A buffer in a guest's memory, as :meth:`Guest.buffer` places it.

    Where it has a struct of Xen's public headers (those of the release that the guest runs
    on), the fields are attributes: reading one reads guest memory, setting one writes it.  A
    field whose name is an attribute of the buffer itself (``size``, ``name``, ...) is reached
    by :attr:`fields`.

    >>> import xenexplore as xe
    >>> guest = xe.Guest("linux")
    >>> send = guest.buffer("stack", struct="evtchn_send", port=5)
    >>> send.port = 7
    >>> send.port, bytes(send)
    (7, b'\x07\x00\x00\x00')
    >>> send.va + 4 - send.va
    4
    """

    __slots__ = ("_guest", "_name")

    _guest: GuestState
    _name: str

    def __init__(self, guest: GuestState, name: str) -> None:
        object.__setattr__(self, "_guest", guest)
        object.__setattr__(self, "_name", name)

    @property
    def guest(self) -> GuestState:
        """The guest whose memory contains it."""
        return self._guest

    @property
    def name(self) -> str:
        """Name in the session's text."""
        return self._name

    @property
    def placed(self) -> placed.PlacedBuffer:
        """The record of its place, as it was placed or last remapped.

        Raises:
            MachineError: it was undone.
        """
        found = self._guest.domain.buffers.get(self._name)
        if found is None:
            raise MachineError(f"buffer {self._name!r} no longer exists: its placement was undone")
        return found

    @property
    def spec(self) -> BufferSpec:
        """Its description in the session's text."""
        return self._guest._spec_of(self._name)

    @property
    def struct(self) -> str:
        """The struct or scalar type of its contents, or ``""``."""
        return self.spec.contents.struct

    @property
    def place(self) -> str:
        """The kind of place it lives in: ``"stack"``, ``"kmalloc"``, ..."""
        return self.placed.kind

    @property
    def va(self) -> Gva:
        """Linear address of its first byte."""
        return self.placed.va

    @property
    def size(self) -> int:
        """Bytes."""
        return self.placed.size

    @property
    def process(self) -> str | None:
        """The process whose page tables map it; None: every address space does."""
        return self.placed.process

    @property
    def is_user(self) -> bool:
        """Whether it is a process's, in user space (a memory image's kernel has processes too)."""
        return self.process is not None and not self.va.value >> 63

    @property
    def vcpu(self) -> int:
        """The vCPU that it belongs to (stack, per-CPU), or that placed it."""
        return self.placed.vcpu

    @property
    def frames(self) -> tuple[Gfn | None, ...]:
        """The frame behind each page it touches, by the page tables now; None: not mapped."""
        return self._guest.domain.frames_of(self._name)

    @property
    def gpa(self) -> Gpa | None:
        """Guest-physical address of its first byte, by the page tables now; None: not mapped."""
        frame = self.frames[0]
        return None if frame is None else Gpa((frame.value << 12) + self.va.offset)

    @property
    def straddles(self) -> bool:
        """Whether it touches more than one page."""
        return self.placed.straddles

    @property
    def writable(self) -> bool:
        """Whether the guest maps it writable."""
        return self.placed.writable

    @property
    def shared(self) -> bool:
        """Whether Xen can read it: always, unless the guest is encrypted."""
        return self.placed.shared

    @property
    def data(self) -> bytes:
        """Its bytes as the guest reads them; setting it writes them.

        Raises:
            MachineError: a page of it is not mapped.
        """
        at = self.placed
        return self._guest.domain.read(at.va, at.size, vcpu=at.vcpu, process=at.process)

    @data.setter
    def data(self, data: bytes) -> None:
        self.write(data)

    def write(self, data: bytes, at: int = 0) -> None:
        """Write bytes from an offset on, as the guest does.

        Args:
            data: the bytes, at least one.
            at: offset in the buffer.

        Raises:
            MachineError: they do not fit, or the guest's CPU would fault.
        """
        if not isinstance(data, bytes | bytearray) or not data or at < 0:
            raise MachineError(f"write({data!r}, at={at!r}): expected bytes, and an offset from 0")
        contents = Contents(data=bytes(data), at=at, xen=self._guest.release)
        vcpu = self.placed.vcpu
        self._guest._do(Write(vcpu=vcpu, buffer=self._name, contents=contents))

    @property
    def fields(self) -> StructView:
        """Its struct, field by field.

        Raises:
            MachineError: it has no struct.
        """
        return self._view(self.spec.contents.at)

    @property
    def _structs(self) -> Structs:
        return structs_for("x86_64", self._guest.release)

    @property
    def _paths(self) -> tuple[str, ...]:
        """The fields of its struct; () where it has none."""
        return field_paths(self.struct, self._guest.release)

    def _view(self, at: int) -> StructView:
        struct = self.struct
        if not self._paths:
            what = f"holds {struct}, a scalar" if struct else "has no struct"
            raise MachineError(
                f"buffer {self._name!r} {what}: no fields (data has its bytes; place one with "
                'struct="...")'
            )
        here, release = self.placed, self._guest.release

        def read(offset: int, size: int) -> bytes:
            domain, va = self._guest.domain, here.va + (at + offset)
            return domain.read(va, size, vcpu=here.vcpu, process=here.process)

        def write(path: str, value: object) -> None:
            pairs = checked_pairs(struct, {path: value}, self._guest.domain.buffers, release)
            contents = Contents(struct=struct, fields=pairs, at=at, xen=release)
            self._guest._do(Write(vcpu=here.vcpu, buffer=self._name, contents=contents))

        return StructView(struct, self._structs, read, write)

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        if not self._paths:
            raise AttributeError(f"buffer {self._name!r} has no attribute {name!r}")
        return getattr(self.fields, name)

    def __setattr__(self, name: str, value: object) -> None:
        known = getattr(type(self), name, None)
        if isinstance(known, property) and known.fset is not None:
            known.fset(self, value)
        elif known is not None:
            inside = name in self._paths
            hint = f": the field is buffer.fields.{name}" if inside else " by assignment"
            raise MachineError(f"buffer {self._name!r}: {name} cannot be set{hint}")
        else:
            self.fields[name] = value

    def __getitem__(self, key: str | int | slice) -> object:
        """A field by its path, an element of an array by its index, or bytes by a slice."""
        if isinstance(key, str):
            return self.fields[key]
        if isinstance(key, slice):
            return self.data[key]
        struct = self.struct
        count = len(self.spec.contents.array)
        if not 0 <= key < count:
            raise MachineError(f"buffer {self._name!r} has {count} elements, from 0: no {key}")
        size = self._structs.sizeof(struct)
        at = self.spec.contents.at + key * size
        if self._paths:
            return self._view(at)
        return int.from_bytes(self.data[at : at + size], "little")

    def __setitem__(self, key: str | int | slice, value: object) -> None:
        if isinstance(key, str):
            self.fields[key] = value
        elif isinstance(key, int) and not self._paths and self.struct:
            self[key]  # the element must be there
            size = self._structs.sizeof(self.struct)
            at = self.spec.contents.at + key * size
            number = value if isinstance(value, int) else getattr(value, "value", None)
            if not isinstance(number, int) or not 0 <= number < 1 << 8 * size:
                raise MachineError(f"{value!r} is not a {self.struct} of {size} bytes")
            self.write(number.to_bytes(size, "little"), at)
        else:
            raise MachineError("set a field by its path, an element by its index, bytes by write()")

    def __dir__(self) -> list[str]:
        own = [name for name in super().__dir__() if not name.startswith("_")]
        return [*self._paths, *own]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._paths)

    @property
    def _reference_(self) -> Reference:
        return Reference(self._name)

    def __add__(self, distance: int) -> Gva:
        return self.va + distance

    def __len__(self) -> int:
        return self.size

    def __bytes__(self) -> bytes:
        return self.data

    def __repr__(self) -> str:
        if self._name not in self._guest.domain.buffers:
            return f"<Buffer {self._name}: undone>"
        size = f"{self.size} byte{'' if self.size == 1 else 's'}"
        return f"<Buffer {self._name}: {self._said()}{size} at {self.va.hex()} ({self.place})>"

    def _said(self) -> str:
        """The struct and its fields, for one line."""
        struct = self.struct
        if not struct:
            return ""
        if self.spec.contents.array or not self._paths or None in self.frames:
            many = len(self.spec.contents.array)
            return f"{many} x {struct}, " if many else f"{struct}, "
        view = repr(self.fields)[1:-1]
        return f"{view if len(view) < 60 else struct}, "
