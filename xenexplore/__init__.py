"""xenexplore: step through Xen's hypercall-buffer designs on real recorded hypercalls.

The rooms of the package are imported by name (``xenexplore.paging``,
``xenexplore.hypercalls``, ...); importing the package itself loads nothing
beyond the standard library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xenexplore import hypercalls, recording

__all__ = ["__version__", "hypercalls", "recording"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load a room at its first use, so that ``import xenexplore`` stays cheap."""
    if name in __all__:
        return importlib.import_module(f"xenexplore.{name}")
    raise AttributeError(f"module 'xenexplore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
