"""Guest-physical memory as Xen sees it: RAM, P2M, encryption state, memory images."""

from __future__ import annotations

from xenexplore.memory.encryption import Cipher, Technology
from xenexplore.memory.guest_memory import GuestMemory
from xenexplore.memory.nested_p2m import NestedP2m
from xenexplore.memory.outcome import CopyResult, PieceOutcome, Stored
from xenexplore.memory.p2m import P2m
from xenexplore.memory.p2m_types import P2mEntry, P2mType
from xenexplore.memory.ram import Ram
from xenexplore.memory.views import GuestView, HypervisorView, P2mLike

__all__ = [
    "Cipher",
    "CopyResult",
    "GuestMemory",
    "GuestView",
    "HypervisorView",
    "NestedP2m",
    "P2m",
    "P2mEntry",
    "P2mLike",
    "P2mType",
    "PieceOutcome",
    "Ram",
    "Stored",
    "Technology",
]
