"""A struct in guest memory, field by field: reading and writing a field does both for the guest."""

from __future__ import annotations

import re
from collections.abc import Callable

from xenexplore.errors import CatalogueError, MachineError
from xenexplore.guest.spec import no_such
from xenexplore.hypercalls.structs import Field, Structs
from xenexplore.session.values import field_paths

__all__ = ["StructView"]

_BITS = re.compile(r".*:(\d+)@(\d+)")
_ELEMENTS = re.compile(r"(.*)\[\d+\]$")


class StructView:
    """A struct of a Xen release's public headers in a buffer.

    Fields are attributes; what is itself a struct is another view, an array is indexed.
    ``dir()`` lists the fields.

    Args:
        struct: the struct's name.
        structs: the layouts of the release that the guest runs on.
        read: ``(offset, size)`` to bytes.
        write: ``(path, value)`` to nothing.
        path: dotted path of this view in the outermost struct, or ``""``.
        outer: the outermost struct.
    """

    __slots__ = ("_outer", "_path", "_read", "_struct", "_structs", "_write")

    _struct: str
    _structs: Structs
    _read: Callable[[int, int], bytes]
    _write: Callable[[str, object], None]
    _path: str
    _outer: str

    def __init__(
        self,
        struct: str,
        structs: Structs,
        read: Callable[[int, int], bytes],
        write: Callable[[str, object], None],
        path: str = "",
        outer: str = "",
    ) -> None:
        for name, value in (
            ("_struct", struct),
            ("_structs", structs),
            ("_read", read),
            ("_write", write),
            ("_path", path),
            ("_outer", outer or struct),
        ):
            object.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        return list(field_paths(self._struct, self._structs.xen))

    def _ipython_key_completions_(self) -> list[str]:
        return list(field_paths(self._struct, self._structs.xen))

    def _resolve(self, name: str) -> tuple[str, Field]:
        path = f"{self._path}.{name}" if self._path else name
        try:
            return path, self._structs.resolve(self._outer, path)
        except CatalogueError:
            raise no_such(f"field in struct {self._struct}", name, dir(self)) from None

    def __getitem__(self, name: str) -> object:
        path, field = self._resolve(name)
        return self._value(path, field)

    def __setitem__(self, name: str, value: object) -> None:
        self._write(self._resolve(name)[0], value)

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except MachineError as error:
            raise AttributeError(str(error)) from None

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value

    def _value(self, path: str, field: Field) -> object:
        structs = self._structs
        if structs.get(field.type) is not None:
            return StructView(field.type, structs, self._read, self._write, path, self._outer)
        array = _ELEMENTS.match(field.type)
        if array:
            count = field.size // structs.sizeof(array[1])
            each = (structs.resolve(self._outer, f"{path}[{i}]") for i in range(count))
            return tuple(self._value(f"{path}[{i}]", one) for i, one in enumerate(each))
        number = int.from_bytes(self._read(field.offset, field.size), "little")
        bits = _BITS.fullmatch(field.type)
        if bits:
            return number >> int(bits[2]) & (1 << int(bits[1])) - 1
        top = 1 << (8 * field.size - 1)
        return number - 2 * top if structs.signed(field.type) and number & top else number

    def items(self) -> tuple[tuple[str, object], ...]:
        """Each field with its value now, in the header's order."""
        return tuple((name, self[name]) for name in dir(self))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self.items())
        return f"<{self._struct} {shown}>"


def _shown(value: object) -> str:
    if isinstance(value, StructView):
        return "{…}"
    if isinstance(value, tuple):
        return f"[{len(value)}]"
    return f"{value:#x}" if isinstance(value, int) and value >= 1 << 16 else str(value)
