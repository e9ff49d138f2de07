"""The catalogue: every hypercall and sub-op, loaded one family at a time.

A family is one hypercall number with its sub-ops: one file, ``data/<name>.toml``, for
every release of Xen (:mod:`xenexplore.hypercalls.catalogue.at_release`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from xenexplore.display import Shown
from xenexplore.errors import CatalogueError, InputError
from xenexplore.hypercalls.catalogue.abis import ARCH_OF, HVM32, REGISTERS
from xenexplore.hypercalls.catalogue.at_release import at_release
from xenexplore.hypercalls.language.parser import parse_plan
from xenexplore.hypercalls.language.statements import Block
from xenexplore.hypercalls.releases import DEFAULT, Releases, release_of
from xenexplore.hypercalls.structs import StructLayout, Structs, structs_for

__all__ = [
    "Argument",
    "Family",
    "SubOp",
    "families",
    "family",
    "family_of",
    "gaps",
    "numbers",
]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a hypercall.

    Attributes:
        name: as the handler names it.
        type: its C type; ``handle(T)`` for a guest handle.
    """

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class SubOp(Shown):
    """One sub-op of a hypercall.

    Attributes:
        family: the hypercall's name, e.g. ``"memory_op"``.
        name: short name, e.g. ``"populate_physmap"``.
        constant: the header's name, e.g. ``"XENMEM_populate_physmap"``.
        value: its number.
        struct: what the handle argument points to, ``""`` where there is none.
        struct_for: the same for kinds of guest for which it is another struct.
        array: name of the argument that counts elements, where it is an array.
        who: who may call it.
        guests: guest kinds for which it does something.
        compat: whether the plan holds for a guest of the 32-bit ABI, too.
        summary: one sentence.
        sources: Xen source files with symbols.
        plan_text: the copy plan, or ``""``.
        missing: why there is no plan, where there is none.
        notes: further remarks for a reader.
        unbounded: why no fixed limit holds for the bytes that one call copies.
        inner: constants of a further level of sub-ops, inside the struct.
        most: bytes of the longest buffer, where Xen sets a limit above one page.
        since: the first Xen release that has it, ``""``: 4.17 or before.
        until: the last Xen release that has it, ``""``: the newest described has it.
        xen: the release that the entry describes.
    """

    family: str
    name: str
    constant: str
    value: int
    struct: str
    struct_for: Mapping[str, str]
    array: str
    who: str
    guests: tuple[str, ...]
    compat: bool
    summary: str
    sources: tuple[str, ...]
    plan_text: str
    missing: str
    notes: str
    unbounded: str
    inner: Mapping[str, int]
    most: int
    since: str
    until: str
    xen: str

    @property
    def title(self) -> str:
        """``family.name``."""
        return f"{self.family}.{self.name}"

    @property
    def plan(self) -> Block:
        """The parsed copy plan."""
        return parse_plan(self.plan_text, f"{self.family}.toml: {self.constant}", self.xen)

    def layout(self, arch: str = "x86_64") -> StructLayout | None:
        """Layout of the argument struct, or None where there is none."""
        return structs_for(arch, self.xen).get(self.struct) if self.struct else None

    def struct_of(self, guest: str) -> str:
        """Struct that the handle argument points to, for one kind of guest; ``""``: nothing."""
        return self.struct_for.get(guest, self.struct)

    def __repr__(self) -> str:
        return f"<{self.title}: {self.summary}>"


@dataclass(frozen=True, slots=True)
class Family(Shown):
    """One hypercall, with its sub-ops.

    Attributes:
        name: as in ``__HYPERVISOR_<name>``.
        number: what the guest puts into the number register.
        summary: one sentence.
        header: the public header, e.g. ``"memory.h"``.
        args: its arguments, in register order.
        guests: guest kind to the handler in Xen, for the guests that see it.
        compat: handler for an HVM guest of the 32-bit ABI, ``""`` where that is not described.
        who: who may call it, where that is one answer for all sub-ops.
        sources: Xen source files with symbols.
        plan_text: the copy plan that leads to the sub-op's, and follows it.
        ops: its sub-ops, by value.
        aliases: other names people use.
        constants: numbers that its plans use.
        parts: pieces of plan that several sub-ops share.
        missing: why there is no plan, where there is none.
        notes: further remarks for a reader.
        struct: what its handle argument points to, without sub-ops.
        unbounded: as for a sub-op.
        most: as for a sub-op.
        since: as for a sub-op.
        until: as for a sub-op.
        xen: the release that the entry describes.
    """

    name: str
    number: int
    summary: str
    header: str
    args: tuple[Argument, ...]
    guests: Mapping[str, str]
    compat: str
    who: str
    sources: tuple[str, ...]
    plan_text: str
    ops: Mapping[int, SubOp]
    aliases: tuple[str, ...]
    constants: Mapping[str, int]
    parts: Mapping[str, str]
    missing: str
    notes: str
    struct: str
    unbounded: str
    most: int
    since: str
    until: str
    xen: str

    @property
    def title(self) -> str:
        """Its name, like a sub-op's title."""
        return self.name

    @property
    def plan(self) -> Block:
        """The parsed copy plan of the family."""
        return parse_plan(self.plan_text, f"{self.name}.toml: plan", self.xen)

    def part(self, name: str) -> Block:
        """A shared piece of plan.

        Raises:
            CatalogueError: the family has no such part.
        """
        if name not in self.parts:
            raise CatalogueError(f"{self.name} part {name}", tuple(self.parts))
        return parse_plan(self.parts[name], f"{self.name}.toml: part {name}", self.xen)

    def struct_of(self, guest: str) -> str:
        """Struct that the handle argument points to, without sub-ops; the same for every guest."""
        return self.struct

    def registers(self, guest: str) -> tuple[str, ...]:
        """The registers that carry the arguments, in order."""
        return REGISTERS.get(guest, REGISTERS["hvm"])[: len(self.args)]

    def structs(self, guest: str) -> Structs:
        """The layouts that apply to a guest kind."""
        return structs_for(ARCH_OF.get(guest, "x86_64"), self.xen)

    def __repr__(self) -> str:
        return f"<{self.title}: {self.summary}>"


@cache
def numbers(xen: str = DEFAULT) -> Mapping[int, str]:
    """Hypercall number to family name, for all that one release of Xen has.

    Raises:
        CatalogueError: the catalogue does not describe that release.
    """
    table = at_release(_table("index")["numbers"], release_of(xen), "index.toml")
    return MappingProxyType({int(number): name for number, name in table.items()})


def family(name: str, xen: str = DEFAULT) -> Family:
    """One hypercall by name, e.g. ``"memory_op"``, as one release of Xen has it.

    Raises:
        CatalogueError: there is no such hypercall, or not in that release; or the
            catalogue does not describe the release.
        InputError: its file is malformed.
    """
    for number, known in numbers(xen).items():
        if known == name:
            return _load(number, name, release_of(xen))
    raise CatalogueError(name, tuple(n for n in numbers(xen).values() if name in n))


def family_of(number: int, xen: str = DEFAULT) -> Family | None:
    """One hypercall by number, or None where that release of Xen has none."""
    name = numbers(xen).get(number)
    return family(name, xen) if name else None


def families(xen: str = DEFAULT) -> tuple[Family, ...]:
    """Every hypercall of one release, by number (loads every file)."""
    return tuple(family(name, xen) for _, name in sorted(numbers(xen).items()))


@cache
def gaps(xen: str = DEFAULT) -> Mapping[str, str]:
    """Constants of the public headers that the catalogue leaves out, and why.

    Names may hold ``*`` and ``?`` (:mod:`fnmatch`).
    """
    return MappingProxyType(at_release(_table("gaps")["gaps"], release_of(xen), "gaps.toml"))


@cache
def _table(name: str) -> dict[str, Any]:
    root = resources.files("xenexplore.hypercalls") / "data"
    return tomllib.loads((root / f"{name}.toml").read_text(encoding="utf-8"))


_FAMILY_KEYS = {
    "name", "number", "summary", "header", "args", "guests", "who", "sources", "plan", "op",
    "aliases", "constants", "parts", "missing", "prefix", "notes", "struct", "unbounded", "array",
    "most",
}  # fmt: skip
_OP_KEYS = {
    "constant", "name", "value", "struct", "struct_for", "who", "guests", "summary", "sources",
    "plan", "missing", "notes", "unbounded", "array", "inner", "most", "since", "until", "compat",
}  # fmt: skip


@cache
def _load(number: int, name: str, xen: str) -> Family:
    source = f"{name}.toml"
    span = _span_of(number)
    table = at_release(_table(name), xen, source)
    _known(table, _FAMILY_KEYS, source, "top level")
    if (table["name"], table["number"]) != (name, number):
        raise InputError(source, "name", expected=f"{name} {number}", got=str(table["name"]))
    guests = dict(table["guests"])
    compat = guests.pop(HVM32, "")
    ops: dict[int, SubOp] = {}
    for entry in table.get("op", ()):
        op = _op(entry, table, span, xen, source)
        if op.value in ops:
            raise InputError(source, op.constant, expected="a value of its own", got=str(op.value))
        ops[op.value] = op
    return Family(
        name=name,
        number=number,
        summary=table["summary"],
        header=table["header"],
        args=tuple(Argument(*pair) for pair in table.get("args", ())),
        guests=MappingProxyType(guests),
        compat=compat,
        who=table.get("who", ""),
        sources=tuple(table["sources"]),
        plan_text=table.get("plan", "dispatch cmd" if ops else ""),
        ops=MappingProxyType(dict(sorted(ops.items()))),
        aliases=tuple(table.get("aliases", ())),
        constants=MappingProxyType(
            {
                **table.get("constants", {}),
                **{name: n for op in ops.values() for name, n in op.inner.items()},
                **{op.constant: op.value for op in ops.values()},
            }
        ),
        parts=MappingProxyType(table.get("parts", {})),
        missing=table.get("missing", ""),
        notes=table.get("notes", ""),
        struct=table.get("struct", ""),
        unbounded=table.get("unbounded", ""),
        most=table.get("most", 0),
        since=span.since,
        until=span.until,
        xen=xen,
    )


def _span_of(number: int) -> Releases:
    """The releases that have a hypercall, as the index says."""
    entry = _table("index")["numbers"][str(number)]
    return (
        Releases.read(entry, "index.toml", str(number)) if isinstance(entry, dict) else Releases()
    )


def _op(
    entry: dict[str, Any], table: dict[str, Any], span: Releases, xen: str, source: str
) -> SubOp:
    constant = entry.get("constant", "?")
    _known(entry, _OP_KEYS, source, constant)
    if ("plan" in entry) == ("missing" in entry):
        raise InputError(source, constant, expected="a plan, or missing = why", got="both or none")
    name = entry.get("name")
    if name is None:
        prefix = table.get("prefix", "")
        if not constant.startswith(prefix):
            raise InputError(source, constant, expected=f"{prefix}... or a name", got=constant)
        name = constant.removeprefix(prefix).lower()
    return SubOp(
        family=table["name"],
        name=name,
        constant=constant,
        value=entry["value"],
        struct=entry.get("struct", ""),
        struct_for=MappingProxyType(entry.get("struct_for", {})),
        array=entry.get("array", ""),
        who=entry.get("who", table.get("who", "")),
        guests=tuple(entry.get("guests", [one for one in table["guests"] if one != HVM32])),
        compat=entry.get("compat", False),
        summary=entry.get("summary", ""),
        sources=tuple(entry.get("sources", table["sources"])),
        plan_text=entry.get("plan", ""),
        missing=entry.get("missing", ""),
        notes=entry.get("notes", ""),
        unbounded=entry.get("unbounded", ""),
        inner=MappingProxyType(entry.get("inner", {})),
        most=entry.get("most", 0),
        since=entry.get("since", span.since),
        until=entry.get("until", span.until),
        xen=xen,
    )


def _known(entry: dict[str, Any], keys: set[str], source: str, place: str) -> None:
    for key in entry:
        if key not in keys:
            raise InputError(source, place, expected="a known key", got=key)
