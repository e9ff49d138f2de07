"""The guest: kernel address-space layouts, and the place of each kind of buffer."""

from __future__ import annotations

# A spec names its kernel: every kernel is known before the first spec is made.
import xenexplore.guest.kernels  # noqa: F401
