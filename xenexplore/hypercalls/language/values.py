"""Known and free values while a copy plan runs.

A value is a plain integer, or a :class:`Free`: ``scale * variable + offset``.
A variable is bound when an observed access decides it; until then its bounds
may narrow.  Values that depend on unknown ones in any other way (a masked
field, the smaller of two fields) become variables of their own, with what
bounds can be kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from xenexplore.hypercalls.structs import Structs

__all__ = ["Free", "StructValue", "Value", "Variable", "choose", "combine", "derive", "settle"]


class Variable:
    """One unknown number, e.g. a field whose content was not recorded."""

    __slots__ = ("barred", "derived", "high", "low", "name", "source", "value")

    def __init__(
        self, name: str, low: int = 0, high: int = (1 << 64) - 1, source: Source | None = None
    ) -> None:
        self.name = name
        self.source = source
        self.low = low
        self.high = high
        self.value: int | None = None
        self.barred: set[int] = set()
        self.derived: dict[tuple[str, int, int, int], Variable] = {}

    def admits(self, value: int) -> bool:
        """Whether the variable may have that value."""
        known = self.known()
        if known is not None:
            return value == known
        return self.low <= value <= self.high and value not in self.barred

    def known(self) -> int | None:
        """Its value, if it or everything that it is computed from is bound."""
        if self.value is None and self.source is not None:
            work, left, right = self.source
            one, other = settle(left), settle(right)
            if isinstance(one, int) and isinstance(other, int):
                self.value = work(one, other)
        return self.value

    def bind(self, value: int) -> bool:
        """Give it a value; False if it cannot have it."""
        if not self.admits(value):
            return False
        self.value = value
        return True

    def __repr__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value:#x}"


@dataclass(frozen=True, slots=True)
class Free:
    """``scale * variable + offset``, not decided yet."""

    variable: Variable
    scale: int = 1
    offset: int = 0

    def resolve(self) -> int | Free:
        """The integer, once the variable is bound."""
        known = self.variable.known()
        return self if known is None else self.scale * known + self.offset

    def bind(self, value: int) -> bool:
        """Make it equal to ``value``; False if it cannot be."""
        now = self.resolve()
        if isinstance(now, int):
            return now == value
        number, rest = divmod(value - self.offset, self.scale)
        return rest == 0 and self.variable.bind(number)

    def bounds(self) -> tuple[int, int]:
        """Least and greatest value that it may still have."""
        ends = (
            self.scale * self.variable.low + self.offset,
            self.scale * self.variable.high + self.offset,
        )
        return min(ends), max(ends)

    def __str__(self) -> str:
        text = self.variable.name
        if self.scale != 1:
            text = f"{self.scale}*{text}"
        return f"{text}{self.offset:+#x}" if self.offset else text


Value: TypeAlias = "int | Free"
# How a variable is computed from two values, once these are decided.
Source: TypeAlias = "tuple[Callable[[int, int], int], Value, Value]"


def settle(value: Value) -> Value:
    """The integer behind a value, if it is already decided."""
    return value.resolve() if isinstance(value, Free) else value


class StructValue:
    """Value that one copy brought into Xen: a struct, a scalar, or an array of either.

    Attributes:
        name: as the plan calls it.
        type: its type, as in the layout tables.
        address: the guest address it came from.
        data: its bytes, or None where unknown.
        inputs: the fields that were read, as the guest had them.
    """

    __slots__ = ("_fields", "address", "data", "inputs", "name", "structs", "type")

    def __init__(
        self, name: str, kind: str, structs: Structs, address: Value, data: bytes | None
    ) -> None:
        self.name = name
        self.type = kind
        self.structs = structs
        self.address = address
        self.data = data
        self._fields: dict[str, Value] = {}
        self.inputs: dict[str, Value] = {}

    def get(self, path: str) -> Value:
        """A field's value; with no path, the scalar itself."""
        held = self._fields.get(path)
        if held is None:
            held = self._fields[path] = self.inputs[path] = self._read(path)
        return settle(held)

    def _read(self, path: str) -> Value:
        if path.startswith("["):
            index, _, rest = path[1:].partition("]")
            return self.element(int(index), self.type).get(rest.removeprefix("."))
        if path:
            field = self.structs.resolve(self.type, path)
            offset, size, kind = field.offset, field.size, field.type
        else:
            offset, size, kind = 0, self.structs.sizeof(self.type), self.type
        kind, _, bits = kind.partition(":")
        signed = self.structs.signed(kind)
        width, _, low = bits.partition("@") if bits else (str(size * 8), "", "0")
        if self.data is None or offset + size > len(self.data):
            top = (1 << int(width)) - 1
            name = f"{self.name}.{path}" if path else self.name
            if signed and not bits:
                return Free(Variable(name, -(1 << (int(width) - 1)), top >> 1))
            return Free(Variable(name, 0, top))
        raw = int.from_bytes(self.data[offset : offset + size], "little", signed=signed)
        return (raw >> int(low)) & ((1 << int(width)) - 1) if bits else raw

    def put(self, path: str, value: Value) -> None:
        """Xen changes its own copy of a field (an output, a normalised input)."""
        self._fields[path] = value

    def bytes(self) -> bytes:
        """Its bytes with the fields that Xen has changed; Xen's own values stay as read."""
        if self.data is None:
            return b""
        changed = bytearray(self.data)
        for path, held in self._fields.items():
            value = settle(held)
            if path and isinstance(value, int):
                field = self.structs.resolve(self.type, path)
                if ":" not in field.type:
                    raw = value & ((1 << 8 * field.size) - 1)
                    changed[field.offset : field.offset + field.size] = raw.to_bytes(
                        field.size, "little"
                    )
        return bytes(changed)

    def element(self, index: int, kind: str) -> StructValue:
        """One element of an array that was copied as a whole."""
        size = self.structs.sizeof(kind)
        data = None if self.data is None else self.data[index * size : (index + 1) * size]
        at = settle(self.address)
        address = at + index * size if isinstance(at, int) else at
        return StructValue(f"{self.name}[{index}]", kind, self.structs, address, data)


def derive(
    sign: str, work: Callable[[int, int], int], left: Free, right: int, low: int, high: int
) -> Free:
    """``left sign right`` as a separate variable: the same one each time it is requested."""
    key = (sign, right, left.scale, left.offset)
    made = left.variable.derived.get(key)
    if made is None:
        made = left.variable.derived[key] = Variable(
            f"{left}{sign}{right}", low, high, (work, left, right)
        )
    return Free(made)


def combine(name: str, work: Callable[[int, int], int], left: Value, right: Value) -> Value:
    """Apply an operator that is not linear: an integer, or a new variable."""
    if isinstance(left, int) and isinstance(right, int):
        return work(left, right)
    return Free(Variable(name, -(1 << 63), source=(work, left, right)))


def choose(value: Value) -> int:
    """Decide a value that depends on Xen's own state: the most that the call has room for.

    Where nothing bounds it closely (2**20), the least that is possible.  The
    choice is bound, so that what follows agrees.
    """
    now = settle(value)
    if isinstance(now, int):
        return now
    low, high = now.bounds()
    wanted = high if high < 1 << 20 else max(low, 0)
    while not now.bind(wanted):
        wanted += -1 if high < 1 << 20 else 1
    return wanted
