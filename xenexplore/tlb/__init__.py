"""Registered buffers as a software TLB: entries, insert, purge, look-up, policies."""

from __future__ import annotations

from xenexplore.tlb.entry import Entry, Held
from xenexplore.tlb.rules import EEXIST, EINVAL, ENOSPC, IsRam, Refusal, Rules
from xenexplore.tlb.software import (
    Found,
    Inserted,
    Policy,
    Purged,
    SearchKind,
    SoftwareTlb,
    Straddle,
)
from xenexplore.tlb.tables import PROPOSAL, VCPUOPS, Scope, Tables

__all__ = [
    "EEXIST",
    "EINVAL",
    "ENOSPC",
    "PROPOSAL",
    "VCPUOPS",
    "Entry",
    "Found",
    "Held",
    "Inserted",
    "IsRam",
    "Policy",
    "Purged",
    "Refusal",
    "Rules",
    "Scope",
    "SearchKind",
    "SoftwareTlb",
    "Straddle",
    "Tables",
]
