"""A kernel's symbols, from /proc/kallsyms: names for addresses and addresses for names."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from xenexplore.addr import Gva
from xenexplore.errors import InputError
from xenexplore.files import read_lines

__all__ = ["Symbol", "SymbolOffset", "SymbolTable", "read_kallsyms"]

_LINE = "ADDRESS TYPE NAME [MODULE]"
# A kernel's symbols are 5 to 20 MB of text.
_LIMIT = 64 << 20


class Symbol(NamedTuple):
    """One symbol (a tuple: a kernel has 100,000 of them).

    Attributes:
        value: linear address; for a percpu variable (x86-64: values below
            ``__per_cpu_end``) the offset from its CPU's percpu base.
        name: as the kernel spells it.
        type: nm's letter, e.g. ``"T"`` text, ``"d"`` local data, ``"A"`` absolute.
        module: the module it belongs to, or ``""`` for the kernel itself.
    """

    value: int
    name: str
    type: str
    module: str = ""


@dataclass(frozen=True, slots=True)
class SymbolOffset:
    """An address as symbol plus offset."""

    symbol: Symbol
    offset: int

    def __str__(self) -> str:
        module = f" [{self.symbol.module}]" if self.symbol.module else ""
        plus = f"+{self.offset:#x}" if self.offset else ""
        return f"{self.symbol.name}{plus}{module}"


class SymbolTable:
    """Symbols in order of value, split into addresses and percpu offsets.

    Where several symbols share a value, the first in the file names it.
    Sizes are not in kallsyms: a symbol is taken to reach to the next one.
    """

    def __init__(self, symbols: Iterable[Symbol]) -> None:
        self._by_name: dict[str, Symbol] = {}
        percpu_end = 0
        everything = list(symbols)
        for symbol in reversed(everything):
            self._by_name[symbol[1]] = symbol
        if "__per_cpu_end" in self._by_name:
            percpu_end = self._by_name["__per_cpu_end"].value
        # x86-64 links percpu variables at 0 (arch/x86/kernel/vmlinux.lds.S:
        # PERCPU_VADDR(.., 0, ..)); every other symbol is in the upper half.
        self.percpu_size = percpu_end if percpu_end < 1 << 32 else 0
        self._percpu = _sorted_unique([s for s in everything if s[0] < self.percpu_size])
        self._kernel = _sorted_unique([s for s in everything if s[0] >> 63])
        self._percpu_keys = [symbol[0] for symbol in self._percpu]
        self._kernel_keys = [symbol[0] for symbol in self._kernel]

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def value(self, name: str) -> int | None:
        """A symbol's value, or None if there is no such symbol."""
        symbol = self._by_name.get(name)
        return symbol.value if symbol is not None else None

    def modules(self) -> tuple[str, ...]:
        """Names of the modules that have symbols here, sorted."""
        return tuple(sorted({symbol.module for symbol in self._kernel if symbol.module}))

    def find(self, address: Gva) -> SymbolOffset | None:
        """The symbol at or before a kernel address, or None if there is none."""
        return _at(self._kernel, self._kernel_keys, address.value)

    def find_percpu(self, offset: int) -> SymbolOffset | None:
        """The percpu variable at an offset from a CPU's percpu base, or None."""
        if not 0 <= offset < self.percpu_size:
            return None
        return _at(self._percpu, self._percpu_keys, offset)

    def span(self, first: str, last: str) -> tuple[int, int] | None:
        """Values of two symbols, if both exist and are in order."""
        start, end = self.value(first), self.value(last)
        if start is None or end is None or end < start:
            return None
        return start, end


def _sorted_unique(symbols: Iterable[Symbol]) -> list[Symbol]:
    first: dict[int, Symbol] = {}
    for symbol in symbols:
        known = first.setdefault(symbol[0], symbol)
        # A section's bound is a worse name than the variable that starts there.
        if known is not symbol and known[1][:2] == "__" != symbol[1][:2]:
            first[symbol[0]] = symbol
    return [first[value] for value in sorted(first)]


def _at(symbols: list[Symbol], keys: list[int], value: int) -> SymbolOffset | None:
    index = bisect.bisect_right(keys, value) - 1
    if index < 0:
        return None
    return SymbolOffset(symbols[index], value - symbols[index].value)


def read_kallsyms(path: str | Path, *, limit: int | None = None) -> SymbolTable:
    """Read a saved ``/proc/kallsyms`` or ``System.map`` (plain or ``.zst``).

    Args:
        path: the file.
        limit: most bytes of text, decompressed; None for 64 MiB.

    Raises:
        InputError: a line is not ``ADDRESS TYPE NAME [MODULE]``, or every
            address is zero (as /proc/kallsyms shows them without privilege);
            there is more text than the limit.
        OSError: the file cannot be read.
    """
    lines = read_lines(path, _LIMIT if limit is None else limit, what=_LINE)
    symbols = [
        _symbol(path, number, line.decode("utf-8", "replace"))
        for number, line in enumerate(lines, 1)
    ]
    if not any(symbol[0] for symbol in symbols):
        raise InputError(
            path, "", expected="addresses", got="zeros only",
            hint="read /proc/kallsyms as root, with kptr_restrict below 2",
        )  # fmt: skip
    return SymbolTable(symbols)


def _symbol(path: str | Path, number: int, line: str) -> Symbol:
    parts = line.split()
    try:
        if len(parts) == 3:
            return Symbol(int(parts[0], 16), parts[2], parts[1])
        value, kind, name, module = parts
        return Symbol(int(value, 16), name, kind, module.strip("[]"))
    except ValueError:
        raise InputError(path, f"line {number}", expected=_LINE, got=repr(line[:60])) from None
