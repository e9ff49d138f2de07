"""Kernels: the layout of each address space, and the place of each kind of buffer.

Each module of this room but ``layout`` is one kernel: its name, its layout and how it
places each kind of buffer.  They are found by looking: a new kernel is one more module.
"""

from __future__ import annotations

import importlib
import pkgutil

from xenexplore.guest.kernels.layout import Area, BootMapping, Kernel, Manner, kernel_for

__all__ = ["Area", "BootMapping", "Kernel", "Manner", "kernel_for"]

# Linux, the usual guest, before the others.
for _name in sorted(
    (module.name for module in pkgutil.iter_modules(__path__)),
    key=lambda name: (name != "linux", name),
):
    importlib.import_module(f"{__name__}.{_name}")
