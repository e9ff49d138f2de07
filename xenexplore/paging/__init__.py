"""Guest page tables: bit-exact entries, a builder, the walk and the batch walker."""

from __future__ import annotations

from xenexplore.paging.access import (
    FETCH,
    IMPLICIT_READ,
    IMPLICIT_WRITE,
    READ,
    USER_FETCH,
    USER_READ,
    USER_WRITE,
    WRITE,
    Access,
    WalkEnd,
)
from xenexplore.paging.builder import PageFlags, PageTables, frames_from
from xenexplore.paging.entries import PageTableEntry, entry_flags, make_entry
from xenexplore.paging.plan import Mode
from xenexplore.paging.state import Manner, PagingState
from xenexplore.paging.updates import apply_updates
from xenexplore.paging.walk import Reader, TwoStageReader, walk
from xenexplore.paging.walk_record import Level, Walk

__all__ = [
    "FETCH",
    "IMPLICIT_READ",
    "IMPLICIT_WRITE",
    "READ",
    "USER_FETCH",
    "USER_READ",
    "USER_WRITE",
    "WRITE",
    "Access",
    "Level",
    "Manner",
    "Mode",
    "PageFlags",
    "PageTableEntry",
    "PageTables",
    "PagingState",
    "Reader",
    "TwoStageReader",
    "Walk",
    "WalkEnd",
    "apply_updates",
    "entry_flags",
    "frames_from",
    "make_entry",
    "walk",
]
