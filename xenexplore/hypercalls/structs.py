"""Layouts of the public interface's structs: sizes, offsets, and where the handles are.

The tables in ``data/structs/<arch>/`` are generated from Xen's public headers
(tests/tools/generate_structs.py) and read one header at a time, when a
type of it is first asked for.  Structs, sizes and fields that only some releases have
say which (:meth:`~xenexplore.hypercalls.releases.Releases.parse`).  All sizes and offsets
are in bytes.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from xenexplore.errors import CatalogueError
from xenexplore.hypercalls.releases import DEFAULT, Releases

__all__ = ["ARCHES", "COMPAT", "Field", "HandleField", "StructLayout", "Structs", "structs_for"]

ARCHES = ("x86_64", "arm64")
COMPAT = "x86_32"
"""What a 32-bit x86 guest passes to a 64-bit Xen, which translates it (xen/include/xlat.lst)."""

# C's own types and stdint's, LP64.  name: (size, signed)
_C_TYPES: dict[str, tuple[int, bool]] = {
    "void": (1, False),
    "char": (1, True),
    "unsigned char": (1, False),
    "signed char": (1, True),
    "short": (2, True),
    "short int": (2, True),
    "short unsigned int": (2, False),
    "int": (4, True),
    "unsigned int": (4, False),
    "enum": (4, False),
    "long": (8, True),
    "unsigned long": (8, False),
    "long int": (8, True),
    "long unsigned int": (8, False),
    "long long int": (8, True),
    "long long unsigned int": (8, False),
    "int8_t": (1, True),
    "uint8_t": (1, False),
    "int16_t": (2, True),
    "uint16_t": (2, False),
    "int32_t": (4, True),
    "uint32_t": (4, False),
    "int64_t": (8, True),
    "uint64_t": (8, False),
}
_ILP32 = {
    name: (4 if size == 8 and "long" in name and "long long" not in name else size, signed)
    for name, (size, signed) in _C_TYPES.items()
}
_ARRAY = re.compile(r"^(.*)\[(\d+)\]$")
_STEP = re.compile(r"([A-Za-z_]\w*)((?:\[\d+\])*)(?:\.|$)")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct or union.

    Attributes:
        name: as in the header.
        offset: from the start of the struct.
        size: in bytes (of a bit-field: of the unit that holds it).
        type: as the tables spell it, e.g. ``"handle(xen_pfn_t)"``, ``"uint8_t[16]"``,
            ``"uint32_t:12@20"`` for 12 bits from bit 20.
    """

    name: str
    offset: int
    size: int
    type: str


@dataclass(frozen=True, slots=True)
class HandleField:
    """A guest handle inside a struct.

    Attributes:
        path: dotted path from the outermost struct, e.g. ``"u.readconsole.buffer"``.
        offset: from the start of the outermost struct.
        pointee: what it points to, ``"void"`` if the header does not say.
    """

    path: str
    offset: int
    pointee: str


@dataclass(frozen=True, slots=True)
class StructLayout:
    """A struct or union of the public interface.

    Attributes:
        name: its tag, its typedef name, or ``"parent.field"`` where it has none.
        kind: ``"struct"`` or ``"union"``.
        size: ``sizeof``.
        align: ``_Alignof``.
        fields: in the header's order.
        header: the public header that declares it, e.g. ``"memory.h"``.
        c: how C spells the type; empty where only ``typeof`` can.
    """

    name: str
    kind: str
    size: int
    align: int
    fields: tuple[Field, ...]
    header: str
    c: str

    def field(self, name: str) -> Field:
        """The field of that name.

        Raises:
            CatalogueError: there is none.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise CatalogueError(f"{self.name}.{name}", tuple(f.name for f in self.fields[:4]))


class Structs:
    """Every layout of one architecture in one release of Xen, loaded header by header."""

    def __init__(self, arch: str, xen: str = DEFAULT) -> None:
        if arch not in (*ARCHES, COMPAT):
            raise CatalogueError(f"architecture {arch}", ARCHES)
        self.arch = arch
        self.xen = xen
        self._index = _read(arch, "index")
        self._loaded: dict[str, StructLayout | tuple[int, bool] | str | None] = {}
        self._c_types = _ILP32 if arch == COMPAT else _C_TYPES
        self._word = self._c_types["long"][0]
        # The others' tables hold only what differs from x86-64's.
        self._base = None if arch == "x86_64" else structs_for("x86_64", xen)
        absent = _read(arch, "absent")["names"] if self._base else ()
        self._absent = {name for name, *span in absent if self._has("".join(span))}
        self._headers: set[str] = set()
        self._sizes: dict[str, int] = {}

    def _has(self, span: str) -> bool:
        """Whether this release is in a span as the tables spell it."""
        return not span or Releases.parse(span).holds(self.xen)

    def _of(self, value: Any) -> Any:
        """A value of the tables, for this release where releases differ."""
        if not isinstance(value, dict):
            return value
        return next(own for span, own in value.items() if self._has(span))

    def _load(self, stem: str) -> None:
        for name, entry in _read(self.arch, stem).items():
            if not self._has(entry.get("versions", "")):
                self._loaded[name] = None
                continue
            kind, size = self._of(entry["kind"]), self._of(entry.get("size"))
            if kind == "typedef":
                self._loaded[name] = self._of(entry.get("of")) or (size, self._of(entry["signed"]))
                continue
            fields = tuple(
                Field(*row) for *row, span in map(_with_span, entry["fields"]) if self._has(span)
            )
            spelled = "" if "." in name else entry.get("c", f"{kind} {name}")
            header = stem.replace("arch-x86-", "arch-x86/").replace("arch-arm-", "arch-arm/")
            for folder in ("hvm", "io", "xsm"):
                header = header.replace(f"{folder}-", f"{folder}/")
            self._loaded[name] = StructLayout(
                name, kind, size, self._of(entry["align"]), fields, f"{header}.h", spelled
            )
        self._headers.add(stem)

    def _entry(self, name: str) -> StructLayout | tuple[int, bool] | str | None:
        stem = self._index.get(name)
        if stem is None:
            if self._base is None or name in self._absent:
                return None
            return self._base._entry(name)
        if stem not in self._headers:
            self._load(stem)
        return self._loaded[name]

    def names(self) -> tuple[str, ...]:
        """Every type of the interface in this release, sorted."""
        base = self._base.names() if self._base else ()
        own = {name for name in self._index if self._entry(name) is not None}
        return tuple(sorted({*own, *base} - self._absent))

    def get(self, name: str) -> StructLayout | None:
        """The struct or union of that name (or typedef name), or None if it is a scalar."""
        for wanted in (name, f"{name}_t", name.removesuffix("_t")):
            entry = self._entry(wanted)
            while isinstance(entry, str) and "[" not in entry:
                entry = self._entry(entry)
            if isinstance(entry, StructLayout):
                return entry
        return None

    def layout(self, name: str) -> StructLayout:
        """The struct or union of that name.

        Raises:
            CatalogueError: no such struct or union.
        """
        found = self.get(name)
        if found is None:
            raise CatalogueError(name)
        return found

    def sizeof(self, kind: str) -> int:
        """Size of a type as the tables and plans spell it.

        Raises:
            CatalogueError: no such type.
        """
        size = self._sizes.get(kind)
        if size is None:
            size = self._sizes[kind] = self._sizeof(kind)
        return size

    def _sizeof(self, kind: str) -> int:
        kind = kind.split(":", 1)[0]
        array = _ARRAY.match(kind)
        if array:
            return self.sizeof(array[1]) * int(array[2])
        if kind.startswith(("handle(", "pointer(")):
            return self._word
        layout = self.get(kind)
        return layout.size if layout else self._scalar(kind)[0]

    def _scalar(self, kind: str) -> tuple[int, bool]:
        for wanted in (kind, f"{kind}_t"):
            if wanted in self._c_types:
                return self._c_types[wanted]
            entry = self._entry(wanted)
            if isinstance(entry, str):
                return self.sizeof(entry), False
            if isinstance(entry, tuple):
                return entry
        raise CatalogueError(kind)

    def signed(self, kind: str) -> bool:
        """Whether a scalar type is signed."""
        kind = kind.split(":", 1)[0]
        if kind.endswith(("]", ")")) or self.get(kind):
            return False
        return self._scalar(kind)[1]

    def resolve(self, kind: str, path: str) -> Field:
        """Follow a dotted path from a struct, e.g. ``"u.info.cpus[2]"``.

        Returns:
            The last field, with its offset counted from the start of ``kind``.

        Raises:
            CatalogueError: a step of the path does not exist.
        """
        offset, at, done = 0, kind, 0
        found: Field | None = None
        for step in _STEP.finditer(path):
            if step.start() != done:
                break
            done = step.end()
            found = self.layout(at).field(step[1])
            offset += found.offset
            at = found.type
            for index in re.findall(r"\[(\d+)\]", step[2]):
                # The first bound is the outermost dimension.
                base, _, bounds = at.partition("[")
                rest = bounds.partition("]")[2]
                at = base + rest
                offset += int(index) * self.sizeof(at)
        if found is None or done != len(path):
            raise CatalogueError(f"{kind}.{path}")
        return Field(found.name, offset, self.sizeof(at) if at != found.type else found.size, at)

    def handles(self, kind: str, path: str = "", base: int = 0) -> tuple[HandleField, ...]:
        """Every guest handle in a struct, those of nested structs and unions too."""
        layout = self.get(kind)
        found: list[HandleField] = []
        for field in layout.fields if layout else ():
            where = f"{path}.{field.name}" if path else field.name
            at = base + field.offset
            inner = field.type.split("[", 1)[0]
            if inner.startswith("handle("):
                found.append(HandleField(where, at, inner[7:-1]))
            elif self.get(inner) is not None:
                found += self.handles(inner, where, at)
        return tuple(found)


def _with_span(row: list[Any]) -> list[Any]:
    """A field's row with its span, "" where every release has the field."""
    return row if len(row) == 5 else [*row, ""]


@cache
def _read(arch: str, stem: str) -> dict[str, Any]:
    root = resources.files("xenexplore.hypercalls") / "data" / "structs" / arch
    return tomllib.loads((root / f"{stem}.toml").read_text(encoding="utf-8"))


@cache
def structs_for(arch: str, xen: str = DEFAULT) -> Structs:
    """The layouts of ``"x86_64"``, ``"arm64"`` or ``"x86_32"`` in one release of Xen."""
    return Structs(arch, xen)
