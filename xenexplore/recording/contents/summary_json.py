"""A summary as JSON: one object, addresses as hex strings."""

from __future__ import annotations

from xenexplore.recording.contents.summary import DomainSummary, Summary
from xenexplore.steps import Json

__all__ = ["damage_json", "summary_json"]


def damage_json(summary: Summary) -> Json:
    """Place where reading stopped prematurely, or None."""
    damage = summary.damage
    if damage is None:
        return None
    return {"line": damage.line, "byte": damage.byte, "what": damage.what, "cut": damage.cut}


def summary_json(summary: Summary) -> dict[str, Json]:
    """Everything that the text view shows, and every row that it leaves out."""
    return {
        "source": summary.source,
        "hypercalls": summary.hypercalls,
        "accesses_inside": summary.accesses_inside,
        "accesses_outside": summary.accesses_outside,
        "walks": summary.walks,
        "unknown_calls": summary.unknown_calls,
        "damage": damage_json(summary),
        "domains": [_domain(domain) for domain in summary.domains],
    }


def _domain(summary: DomainSummary) -> dict[str, Json]:
    domain = summary.domain
    return {
        "domain": domain.domid if domain is not None else None,
        "kind": domain.kind if domain is not None else None,
        "domain_recorded": domain.recorded if domain is not None else False,
        "hypercalls": summary.hypercalls,
        "first_s": summary.first,
        "last_s": summary.last,
        "walks": summary.walks,
        "page_tables": summary.tables,
        "calls": [
            {
                "number": call.number,
                "name": call.name,
                "count": call.count,
                "known": call.known,
                "sub_ops": [
                    {"value": s.value, "name": s.name, "count": s.count, "known": s.known}
                    for s in call.sub_ops
                ],
            }
            for call in summary.calls
        ],
        "copies": [
            {"direction": c.direction, "count": c.count, "bytes": c.bytes, "largest": c.largest}
            for c in summary.copies
        ],
        "sizes": [{"low": s.low, "high": s.high, "count": s.count} for s in summary.sizes],
        "regions": [
            {
                "name": use.name,
                "part_of": use.part_of,
                "kind": use.kind.value,
                "buffers": use.buffers,
                "pages": use.pages,
                "crossing": use.crossing,
                "on_stack": use.on_stack,
                "symbols": [{"name": name, "buffers": count} for name, count in use.places],
            }
            for use in summary.regions
        ],
        "outside": [
            {"direction": o.direction, "region": o.region, "size": o.size, "count": o.count}
            for o in summary.outside
        ],
        **_space(summary),
    }


def _space(summary: DomainSummary) -> dict[str, Json]:
    space = summary.space
    if space is None:
        return {"layout": None}
    starts: Json = {
        region.name: region.start.hex()
        for region in reversed(space.layout.regions)
        if region.name in ("directmap", "vmalloc", "vmemmap", "kernel image", "modules")
    }
    return {
        "layout": {
            "name": space.layout.name,
            "starts": starts,
            "percpu": f"{space.percpu:#x}" if space.percpu is not None else None,
            "image_shift": f"{space.image_shift:#x}",
            "evidence": [{"what": what, "how": how} for what, how in space.layout.evidence],
        }
    }
