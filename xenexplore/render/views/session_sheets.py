"""Sheet of each object at the prompt, by its class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xenexplore.render.views import guest_sheets as guests
from xenexplore.render.views import xen_sheets as xens
from xenexplore.render.views.sheet import Sheet
from xenexplore.session.buffer import Buffer
from xenexplore.session.buffers import Buffers
from xenexplore.session.guest import Guest
from xenexplore.session.memory import MemoryBytes, MemoryView
from xenexplore.session.p2m import P2mFrame, P2mView
from xenexplore.session.page_tables import PageTablesView, TableEntry
from xenexplore.session.regions import Regions
from xenexplore.session.tlb import RegisteredEntry, TlbSteps, VcpuTlb, VcpuTlbs
from xenexplore.session.xen import Xen
from xenexplore.steps import TlbInsert, TlbLookup, TlbPurge

__all__ = ["SHEETS", "sheet_of"]


def sheet_of(shown: object) -> Sheet:
    """The sheet of one of :data:`SHEETS`."""
    for kind in type(shown).__mro__:
        if kind in SHEETS:
            return SHEETS[kind](shown)
    raise TypeError(f"{type(shown).__name__} has no sheet")


SHEETS: Mapping[type, Callable[[Any], Sheet]] = {
    Guest: guests.guest_sheet,
    Buffers: guests.buffers_sheet,
    Buffer: guests.buffer_sheet,
    Regions: guests.regions_sheet,
    P2mView: guests.p2m_sheet,
    P2mFrame: guests.p2m_frame_sheet,
    PageTablesView: guests.page_tables_sheet,
    TableEntry: guests.table_entry_sheet,
    MemoryBytes: guests.bytes_sheet,
    MemoryView: guests.memory_sheet,
    Xen: xens.xen_sheet,
    VcpuTlbs: xens.tlbs_sheet,
    VcpuTlb: xens.tlb_sheet,
    RegisteredEntry: xens.entry_sheet,
    TlbSteps: xens.steps_sheet,
    TlbInsert: xens.step_sheet,
    TlbLookup: xens.step_sheet,
    TlbPurge: xens.step_sheet,
}
"""Class to what makes its sheet."""
