"""Kernels: how each lays out its address space and where each kind of buffer lives."""

from __future__ import annotations

from xenexplore.guest.kernels.freebsd import FreeBsd
from xenexplore.guest.kernels.layout import Area, BootMapping, Kernel, Manner
from xenexplore.guest.kernels.linux import Linux
from xenexplore.guest.kernels.no_directmap import NoDirectmap
from xenexplore.guest.kernels.unikernel import Unikernel
from xenexplore.guest.physical import Physical
from xenexplore.guest.spec import KERNELS, GuestSpec

__all__ = [
    "Area",
    "BootMapping",
    "FreeBsd",
    "Kernel",
    "Linux",
    "Manner",
    "NoDirectmap",
    "Unikernel",
    "kernel_for",
]

_KERNELS: dict[str, type[Kernel]] = {
    kernel.name: kernel for kernel in (Linux, NoDirectmap, Unikernel, FreeBsd)
}
assert set(_KERNELS) == set(KERNELS), "each name of KernelName is one kernel's, and no other"


def kernel_for(spec: GuestSpec, physical: Physical) -> Kernel:
    """The kernel that a spec names, laid out over its RAM."""
    return _KERNELS[spec.kernel](spec, physical)
