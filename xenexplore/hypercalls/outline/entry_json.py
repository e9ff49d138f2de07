"""The catalogue as JSON values."""

from __future__ import annotations

from typing import Any

from xenexplore.hypercalls.callers import Caller, caller_of
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, family
from xenexplore.hypercalls.outline.describe import registers
from xenexplore.hypercalls.outline.entry_facts import facts_of
from xenexplore.hypercalls.outline.outline import outline
from xenexplore.hypercalls.outline.outline_line import OutlineLine
from xenexplore.hypercalls.structs import StructLayout

__all__ = ["entry_json", "layout_json"]


def entry_json(entry: Family | SubOp, who: Caller | None = None) -> dict[str, Any]:
    """One hypercall or sub-op, with registers, layout, handles and plan."""
    one = family(entry.family, entry.xen) if isinstance(entry, SubOp) else entry
    kinds = tuple(entry.guests)
    caller = who or caller_of(kinds[0] if kinds else "hvm")
    guest = caller.handlers
    facts = facts_of(entry)
    structs = one.structs(guest)
    struct = entry.struct_of(guest)
    layout = structs.get(struct) if struct else None
    record: dict[str, Any] = {
        "name": entry.title,
        "number": one.number,
        "guest": caller.name,
        "guests": {kind: one.guests[kind] for kind in kinds},
        "who": entry.who,
        "summary": entry.summary,
        "header": one.header,
        "sources": list(entry.sources),
        "version": entry.xen,
        "since": entry.since or None,
        "until": entry.until or None,
        "registers": [{"register": r, "carries": what} for r, what in registers(one, guest)],
        "struct": layout_json(layout) if layout else struct or None,
        "handles": [
            {"path": h.path, "offset": h.offset, "pointee": h.pointee} for h in facts.handles
        ],
        "nested_handles": facts.nested,
        "can_exceed_page": facts.exceeds_page,
        "unbounded": entry.unbounded if facts.unbounded else None,
        "modelled": facts.modelled,
        "missing": entry.missing or None,
        "notes": " ".join(entry.notes.split()) or None,
        "plan": [] if entry.missing else [_line(line) for line in outline(entry, caller)],
    }
    if isinstance(entry, SubOp):
        record |= {"sub_op": entry.value, "constant": entry.constant, "inner": dict(entry.inner)}
    else:
        record["sub_ops"] = {op.name: op.value for op in entry.ops.values()}
    return record


def layout_json(layout: StructLayout) -> dict[str, Any]:
    """A struct: name, size, alignment, fields with offsets."""
    return {
        "name": layout.c or layout.name,
        "size": layout.size,
        "align": layout.align,
        "header": layout.header,
        "fields": [
            {"name": f.name, "offset": f.offset, "size": f.size, "type": f.type}
            for f in layout.fields
        ],
    }


def _line(line: OutlineLine) -> dict[str, Any]:
    record: dict[str, Any] = {"depth": line.depth, "kind": line.kind, "text": line.text}
    node = line.access
    if node is not None:
        record |= {
            "direction": node.direction,
            "address": node.address.text,
            "index": node.index.text if node.index else None,
            "type": node.type,
            "field": node.member or None,
            "count": node.count.text if node.count else None,
            "size": line.size,
            "role": line.role,
        }
    return record
