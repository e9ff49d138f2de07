"""A cost table of instructions from a recording's own counts.

A walk is taken apart by the two page sizes that recordings hold: it reads one entry more
for a 4 KiB page than for a 2 MiB one, and looks up one table's frame more in the P2M
(guest_walk_tables() and map_domain_gfn(), xen/arch/x86/mm/guest_walk.c).  The lookup by
itself is counted at the end of each copy (p2m_get_page_from_gfn()).  What remains of the
walk is counted once for each.
"""

from __future__ import annotations

from collections.abc import Mapping

from xenexplore.analysis.measures.cost import Cost, CostTable, CostUnit, read_costs
from xenexplore.analysis.measures.instructions import Instructions, Pieces

__all__ = ["cost_table", "costs_of"]

_LEVELS = 4
_COMPILED = ("tlb_lookups", "tlb_compares")


def costs_of(xen: str, found: Instructions | None) -> CostTable:
    """The table for a recording: from its own counts, else the built-in one of its Xen.

    Args:
        xen: the recording's release.
        found: what it counted, or None.
    """
    built_in = read_costs(xen=xen)
    if found is None or found.pieces.table_step is None:
        return built_in
    return cost_table(found, built_in)


def cost_table(found: Instructions, compiled: CostTable) -> CostTable:
    """Instructions by count.

    Args:
        found: a recording's counts, with walks of 4 KiB and 2 MiB pages.
        compiled: where the numbers of the lookup in registered buffers come from.
    """
    amounts = _amounts(found.pieces)
    source = f"recording {found.source}"
    costs = {name: Cost(float(amount), source, "") for name, amount in amounts.items()}
    costs |= {name: compiled.costs[name] for name in _COMPILED}
    unmeasured = {n: why for n, why in compiled.unmeasured.items() if n not in costs}
    if "exits" not in costs:
        unmeasured["exits"] = "the software decoding of VMMCALL was not counted separately"
    return CostTable(f"{found.source}'s own counts", costs, CostUnit.INSTRUCTIONS, unmeasured)


def _amounts(pieces: Pieces) -> Mapping[str, int]:
    step, p2m = pieces.table_step, pieces.p2m.median
    assert step is not None
    whole = pieces.walks[1].median + pieces.around_walk
    amounts = {
        "copies": pieces.copy.median,
        "walks": whole - _LEVELS * step - p2m,
        "pte_reads": step - p2m,
        "p2m_lookups": p2m,
    }
    if pieces.entry is not None:
        amounts = {"exits": pieces.entry.median, **amounts}
    return amounts
