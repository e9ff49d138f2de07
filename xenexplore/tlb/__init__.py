"""Registered buffers as a software TLB: entries, insert, purge, lookup, policies."""

from __future__ import annotations

from xenexplore.tlb.entry import Held, TlbEntry
from xenexplore.tlb.rules import EEXIST, EINVAL, ENOSPC, InsertRefusal, InsertRules, IsRam
from xenexplore.tlb.table import (
    Found,
    Inserted,
    Policy,
    Purged,
    SearchKind,
    Straddle,
    TlbTable,
)
from xenexplore.tlb.tables import PROPOSAL, VCPUOPS, Scope, TlbTables

__all__ = [
    "EEXIST",
    "EINVAL",
    "ENOSPC",
    "PROPOSAL",
    "VCPUOPS",
    "Found",
    "Held",
    "InsertRefusal",
    "InsertRules",
    "Inserted",
    "IsRam",
    "Policy",
    "Purged",
    "Scope",
    "SearchKind",
    "Straddle",
    "TlbEntry",
    "TlbTable",
    "TlbTables",
]
