"""Findings and replays as JSON: every figure, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction

import numpy as np

from xenexplore.analysis.findings import DomainFindings, Findings
from xenexplore.analysis.measures.cost import CostTable
from xenexplore.analysis.measures.entries_needed import SHARES
from xenexplore.analysis.replay.replayed import AccessVerdict, Replayed
from xenexplore.analysis.replay.sampled import METHOD, Stepped
from xenexplore.hypervisor.outcome import Counts
from xenexplore.options.registry import REGISTERS_ONLY
from xenexplore.steps import Json

__all__ = ["findings_json", "replayed_json", "stepped_json"]


def plain(value: object) -> Json:
    """Records, tuples, arrays and mappings of plain values."""
    if isinstance(value, Counts):
        return value.as_json()
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Fraction):
        return float(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"nothing plain: {value!r}")


def _whose(one: Replayed | Stepped, name: str) -> dict[str, Json]:
    """The design, the domain, and what was refused."""
    return {
        "design": one.design.label,
        "option": one.design.use,
        "parameters": {key: plain(value) for key, value in one.design.values},
        "domain": name,
        "hypercalls": one.hypercalls,
        "refused": one.refused,
        "why_refused": dict(one.why),
    }


def replayed_json(one: Replayed, name: str, costs: CostTable | None = None) -> dict[str, Json]:
    """One design for one domain: verdicts counted, counts summed."""
    verdicts = np.bincount(one.verdicts.verdict, minlength=len(AccessVerdict))
    record: dict[str, Json] = {
        **_whose(one, name),
        "accesses": {
            verdict.name.lower(): int(verdicts[verdict])
            for verdict in AccessVerdict
            if verdicts[verdict]
        },
        "entries": one.entries,
        "setup": one.setup.as_json(),
        "calls": one.counts.as_json(),
    }
    if costs is not None:
        record["calls_cost"] = costs.price(one.by_memory)
        record["setup_cost"] = costs.price(one.setup)
        record["saved"] = costs.saved(one)
        record["saved_is_at_most"] = costs.least(one.counts)
    return record


def stepped_json(one: Stepped, name: str) -> dict[str, Json]:
    """One design for one domain, by the step-by-step machine."""
    return {
        **_whose(one, name),
        "sampled": one.sampled,
        "exact": one.exact,
        "strata": one.strata,
        "seed": one.seed,
        "method": METHOD,
        "failed": one.failed,
        "calls": one.counts.as_json(),
        "intervals": {key: list(ends) for key, ends in one.intervals.items()},
    }


def findings_json(findings: Findings) -> dict[str, Json]:
    """A whole report."""
    return {
        "source": findings.source,
        "recorded": findings.recorded,
        "limits": plain(findings.limits),
        "hypercalls": findings.hypercalls,
        "accesses_logged_twice": findings.repeats,
        "assumed": {
            "p2m_order": findings.shape.p2m_order,
            "leaf_orders": {kind.value: order for kind, order in findings.shape.leaves.items()},
            "levels": findings.shape.levels,
        },
        "costs": {
            "origin": findings.costs.origin,
            "unit": findings.costs.unit.value,
            "guesses": findings.costs.guesses,
            "each": {name: plain(cost) for name, cost in findings.costs.costs.items()},
            "unmeasured": dict(findings.costs.unmeasured),
        },
        "executed": plain(findings.executed),
        "break_even": plain(findings.break_even),
        "entries_for": [float(share) for share in SHARES],
        "domains": [_domain(one, findings.costs) for one in findings.domains],
    }


def _domain(one: DomainFindings, costs: CostTable) -> dict[str, Json]:
    cover = one.coverage
    return {
        "name": cover.name,
        "kind": cover.kind,
        "unpaged": one.unpaged,
        "coverage": plain(cover),
        "entries": plain(one.entries),
        "curves": plain(one.curves),
        "locality": plain(one.locality),
        "walks_kept_until_switch": plain(one.kept),
        "sizes": plain(one.sizes),
        REGISTERS_ONLY.name: plain(one.fast),
        "designs": [replayed_json(replay, cover.name, costs) for replay in one.replays],
    }
