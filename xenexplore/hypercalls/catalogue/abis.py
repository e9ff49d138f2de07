"""How each kind of guest passes arguments: registers, and whose layouts and handlers apply.

``hvm32`` is an HVM guest that is not in 64-bit code: hvm_hypercall() then takes the 32-bit
registers and the handlers of hypercall_args_table's compat half (xen/arch/x86/hvm/hypercall.c),
and structs are as a 32-bit compiler lays them out.  The catalogue describes that ABI for
the hypercalls and sub-ops that say so; it is otherwise not a guest of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Protocol

__all__ = ["ARCH_OF", "GUESTS", "HVM32", "REGISTERS", "guest_of", "kinds", "serves"]

GUESTS = ("hvm", "pv", "arm")
HVM32 = "hvm32"

REGISTERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "hvm": ("rdi", "rsi", "rdx", "r10", "r8", "r9"),
        "pv": ("rdi", "rsi", "rdx", "r10", "r8", "r9"),
        "arm": ("x0", "x1", "x2", "x3", "x4"),
        HVM32: ("ebx", "ecx", "edx", "esi", "edi", "ebp"),
    }
)
"""Guest to the registers that carry its arguments, in order."""

ARCH_OF: Mapping[str, str] = MappingProxyType(
    {"hvm": "x86_64", "pv": "x86_64", "arm": "arm64", HVM32: "x86_32"}
)
"""Guest to the layouts of its structs."""


def guest_of(guest: str) -> str:
    """The kind of guest, whatever ABI it uses."""
    return "hvm" if guest == HVM32 else guest


class _Entry(Protocol):
    """A hypercall or sub-op."""

    @property
    def guests(self) -> Collection[str]: ...

    @property
    def compat(self) -> object: ...


def serves(entry: _Entry, guest: str) -> bool:
    """Whether the catalogue has a plan of the entry for that guest."""
    return bool(entry.compat) if guest == HVM32 else guest in entry.guests


def kinds(guest: str) -> dict[str, int]:
    """The names by which a plan asks what kind of guest calls, each 1 or 0.

    >>> kinds("hvm32")
    {'hvm': 1, 'pv': 0, 'arm': 0, 'compat': 1}
    """
    return {
        **{kind: int(guest_of(guest) == kind) for kind in GUESTS},
        "compat": int(guest == HVM32),
    }
