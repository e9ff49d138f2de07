"""Frozen records of what happened, and the recorder that collects them as a tree.

The lowest room that everything above describes itself with.  Every picture,
table, count and verdict of the project is computed from these records.
"""

from __future__ import annotations

from xenexplore.steps.base import (
    Cite,
    Json,
    Node,
    Recorder,
    Step,
    counted,
    field_json,
    mail,
    step_kinds,
    xen,
)
from xenexplore.steps.copies import Copy, CopyFailed, ListRead, Move, Piece, UncheckedAccess
from xenexplore.steps.errnos import ERRNOS, errno_name
from xenexplore.steps.guest import Flip, GuestCopy, GuestTranslate, GuestWrite
from xenexplore.steps.hypercall import (
    Action,
    Exit,
    Hazard,
    Hypercall,
    Note,
    Phase,
    Refusal,
    RegisterPass,
    Return,
    returned,
)
from xenexplore.steps.tlb import TlbInsert, TlbLookup, TlbPurge, TlbSlot
from xenexplore.steps.translate import Check, Fault, P2mLookup, PteRead, PteUpdate
from xenexplore.steps.values import (
    Direction,
    Ending,
    FaultKind,
    FlushCause,
    ListWord,
    PhaseName,
    PlanVerdict,
    PurgeScope,
    Purpose,
    Spoilt,
    Status,
    Translation,
    WalkCacheKind,
)
from xenexplore.steps.walk_cache import WalkCacheFlush, WalkCacheInsert, WalkCacheLookup

__all__ = [
    "ERRNOS",
    "Action",
    "Check",
    "Cite",
    "Copy",
    "CopyFailed",
    "Direction",
    "Ending",
    "Exit",
    "Fault",
    "FaultKind",
    "Flip",
    "FlushCause",
    "GuestCopy",
    "GuestTranslate",
    "GuestWrite",
    "Hazard",
    "Hypercall",
    "Json",
    "ListRead",
    "ListWord",
    "Move",
    "Node",
    "Note",
    "P2mLookup",
    "Phase",
    "PhaseName",
    "Piece",
    "PlanVerdict",
    "PteRead",
    "PteUpdate",
    "PurgeScope",
    "Purpose",
    "Recorder",
    "Refusal",
    "RegisterPass",
    "Return",
    "Spoilt",
    "Status",
    "Step",
    "TlbInsert",
    "TlbLookup",
    "TlbPurge",
    "TlbSlot",
    "Translation",
    "UncheckedAccess",
    "WalkCacheFlush",
    "WalkCacheInsert",
    "WalkCacheKind",
    "WalkCacheLookup",
    "counted",
    "errno_name",
    "field_json",
    "mail",
    "returned",
    "step_kinds",
    "xen",
]
