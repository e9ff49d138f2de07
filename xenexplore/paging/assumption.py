"""Assumptions in place of facts that an image lacks."""

from __future__ import annotations

import enum

__all__ = ["Assumption"]


class Assumption(enum.Enum):
    """A fact that neither image nor caller gave, and the value assumed for it."""

    MODE = "4-level paging"
    EFER = "EFER: NX on"
    CONTROL = "WP and NX on, SMEP/SMAP/PKE off"
    MAXPHYADDR = "MAXPHYADDR 52"
    C_BIT = "the C-bit, from CR3"
    PKRU = "PKRU unknown"
