"""A matching as JSON: one object, addresses as hex strings."""

from __future__ import annotations

from xenexplore.recording.matching.matching import DomainMatching, Matching, Mismatch
from xenexplore.steps import Json

__all__ = ["matching_json"]


def matching_json(judgement: Matching) -> dict[str, Json]:
    """One object; addresses as hex strings."""
    damage = judgement.damage
    return {
        "source": judgement.source,
        "damage": str(damage) if damage is not None else None,
        "domains": [_domain_json(domain) for domain in judgement.domains],
    }


def _domain_json(judged: DomainMatching) -> dict[str, Json]:
    domain = judged.domain
    return {
        "domain": domain.domid if domain is not None else None,
        "kind": domain.kind if domain is not None else None,
        "hypercalls": judged.hypercalls,
        "accesses": judged.accesses,
        "exact": judged.exact,
        "free": judged.free,
        "unexplained": judged.unexplained,
        "logged_twice": judged.repeats,
        "ops": [
            {
                "name": op.name,
                "calls": op.calls,
                "accesses": op.accesses,
                "exact": op.exact,
                "free": op.free,
                "unexplained": op.unexplained,
                "by_xens_state": [{"what": w, "calls": n} for w, n in op.unusual],
                "free_variables": [{"what": w, "calls": n} for w, n in op.variables],
            }
            for op in judged.ops
        ],
        "mismatches": [_mismatch_json(mismatch) for mismatch in judged.mismatches],
    }


def _mismatch_json(mismatch: Mismatch) -> dict[str, Json]:
    seen = mismatch.example
    return {
        "name": mismatch.name,
        "verdict": mismatch.verdict,
        "expected": mismatch.expected,
        "calls": mismatch.count,
        "example": {
            "row": seen.row,
            "args": [f"{value:#x}" for value in seen.call.args],
            "accesses": [
                {"direction": direction, "address": f"{address:#x}", "size": size}
                for direction, address, size in seen.copies
            ],
            "matched": mismatch.matched,
            "expected": mismatch.detail,
        },
    }
