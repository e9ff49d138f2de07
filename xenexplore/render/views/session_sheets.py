"""What each object at the prompt shows: its sheet, by its class."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

from xenexplore.render.views.sheet import Sheet

__all__ = ["SHEETS", "sheet_of"]


def sheet_of(shown: object) -> Sheet:
    """The sheet of one of :data:`SHEETS`; what makes it is loaded when it is first needed."""
    for kind in type(shown).__mro__:
        name = f"{kind.__module__.removeprefix('xenexplore.')}:{kind.__qualname__}"
        if name in SHEETS:
            module, _, function = SHEETS[name].partition(":")
            make: Callable[[object], Sheet] = getattr(
                importlib.import_module(f"xenexplore.render.views.{module}"), function
            )
            return make(shown)
    raise TypeError(f"{type(shown).__name__} has no sheet")


SHEETS: Mapping[str, str] = {
    "session.guest:Guest": "guest_sheets:guest_sheet",
    "session.buffers:Buffers": "guest_sheets:buffers_sheet",
    "session.buffer:Buffer": "guest_sheets:buffer_sheet",
    "session.regions:Regions": "guest_sheets:regions_sheet",
    "session.p2m:P2mView": "guest_sheets:p2m_sheet",
    "session.p2m:P2mFrame": "guest_sheets:p2m_frame_sheet",
    "session.page_tables:PageTablesView": "guest_sheets:page_tables_sheet",
    "session.page_tables:TableEntry": "guest_sheets:table_entry_sheet",
    "session.memory:MemoryBytes": "guest_sheets:bytes_sheet",
    "session.memory:MemoryView": "guest_sheets:memory_sheet",
    "paging.walk_record:Walk": "walk_sheet:walk_sheet",
    "session.xen:Xen": "xen_sheets:xen_sheet",
    "session.tlb:VcpuTlbs": "xen_sheets:tlbs_sheet",
    "session.tlb:VcpuTlb": "xen_sheets:tlb_sheet",
    "session.tlb:RegisteredEntry": "xen_sheets:entry_sheet",
    "session.tlb:TlbSteps": "xen_sheets:steps_sheet",
    "steps.tlb:TlbInsert": "xen_sheets:step_sheet",
    "steps.tlb:TlbLookup": "xen_sheets:step_sheet",
    "steps.tlb:TlbPurge": "xen_sheets:step_sheet",
}
"""Class, as ``module:name`` under ``xenexplore``, to what makes its sheet, in this folder."""
