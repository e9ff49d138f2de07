"""Frozen records of what happened, and the recorder that collects them as a tree.

The lowest room that everything above describes itself with.  Every picture,
table, count and verdict of the project is computed from these records.
"""

from __future__ import annotations

from xenexplore.steps.base import Cite, Json, Node, Recorder, Step, field_json, mail, xen
from xenexplore.steps.tlb import TlbInsert, TlbLookup, TlbPurge, TlbSlot
from xenexplore.steps.translate import Check, Fault, P2mLookup, PteRead, PteUpdate

__all__ = [
    "Check",
    "Cite",
    "Fault",
    "Json",
    "Node",
    "P2mLookup",
    "PteRead",
    "PteUpdate",
    "Recorder",
    "Step",
    "TlbInsert",
    "TlbLookup",
    "TlbPurge",
    "TlbSlot",
    "field_json",
    "mail",
    "xen",
]
