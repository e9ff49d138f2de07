"""The kernels that there are, by name, with what a guest's spec must know of each.

A kernel enters when its class is made; nothing here knows any by name.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KernelFacts", "enter_kernel", "kernel_facts", "kernel_names"]


@dataclass(frozen=True, slots=True)
class KernelFacts:
    """Properties that a guest with this kernel may have.

    Attributes:
        pv: it has a layout as a PV guest.
        la57: it has a layout with five-level paging.
        pti: it can keep user and kernel page tables apart.
        owner: the class that it is, spelled out.
    """

    pv: bool
    la57: bool
    pti: bool
    owner: str


_KNOWN: dict[str, KernelFacts] = {}


def enter_kernel(name: str, facts: KernelFacts) -> None:
    """Register a kernel.

    Raises:
        TypeError: another class has the name.
    """
    known = _KNOWN.get(name)
    if known is not None and known.owner != facts.owner:
        raise TypeError(f"kernel {name!r}: {known.owner} already has this name")
    _KNOWN[name] = facts


def kernel_facts(name: str) -> KernelFacts | None:
    """Facts about a kernel, or None if there is none of this name."""
    return _KNOWN.get(name)


def kernel_names() -> tuple[str, ...]:
    """Every kernel's name, in the order in which they became known."""
    return tuple(_KNOWN)
