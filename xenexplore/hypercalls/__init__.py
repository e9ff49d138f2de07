"""The catalogue of hypercalls: numbers, argument structs, guest handles, copy plans.

``find("evtchn send")`` gives one entry; a notebook shows it as a table.  Everything is
that of Xen 4.17 unless a release is named: ``find("evtchn send", xen="4.20")``;
``diff("4.17", "4.21")`` gives the differences between two.

Each name is loaded when it is first used: a guest that makes no hypercall needs no catalogue.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xenexplore.hypercalls.catalogue.entries import Argument as Argument
    from xenexplore.hypercalls.catalogue.entries import Family as Family
    from xenexplore.hypercalls.catalogue.entries import SubOp as SubOp
    from xenexplore.hypercalls.catalogue.entries import families as families
    from xenexplore.hypercalls.catalogue.entries import family as family
    from xenexplore.hypercalls.catalogue.entries import family_of as family_of
    from xenexplore.hypercalls.catalogue.search import find as find
    from xenexplore.hypercalls.catalogue.search import search as search
    from xenexplore.hypercalls.language.values import Free as Free
    from xenexplore.hypercalls.outline.diff import CatalogueDiff as CatalogueDiff
    from xenexplore.hypercalls.outline.diff import diff as diff
    from xenexplore.hypercalls.outline.entry_facts import EntryFacts as EntryFacts
    from xenexplore.hypercalls.outline.entry_facts import facts_of as facts_of
    from xenexplore.hypercalls.plan.explain import Explanation as Explanation
    from xenexplore.hypercalls.plan.explain import Seen as Seen
    from xenexplore.hypercalls.plan.explain import explain as explain
    from xenexplore.hypercalls.plan.explain import name_of as name_of
    from xenexplore.hypercalls.plan.predict import FAULT as FAULT
    from xenexplore.hypercalls.plan.predict import PlanCall as PlanCall
    from xenexplore.hypercalls.plan.predict import PlanChoice as PlanChoice
    from xenexplore.hypercalls.plan.predict import PlanCopy as PlanCopy
    from xenexplore.hypercalls.plan.predict import PlanOutcome as PlanOutcome
    from xenexplore.hypercalls.plan.predict import predict as predict
    from xenexplore.hypercalls.releases import RELEASES as RELEASES
    from xenexplore.hypercalls.structs import Field as Field
    from xenexplore.hypercalls.structs import HandleField as HandleField
    from xenexplore.hypercalls.structs import StructLayout as StructLayout
    from xenexplore.hypercalls.structs import structs_for as structs_for

__all__ = [
    "FAULT",
    "RELEASES",
    "Argument",
    "CatalogueDiff",
    "EntryFacts",
    "Explanation",
    "Family",
    "Field",
    "Free",
    "HandleField",
    "PlanCall",
    "PlanChoice",
    "PlanCopy",
    "PlanOutcome",
    "Seen",
    "StructLayout",
    "SubOp",
    "diff",
    "explain",
    "facts_of",
    "families",
    "family",
    "family_of",
    "find",
    "name_of",
    "predict",
    "search",
    "structs_for",
]

_NAMES = {
    "FAULT": "plan.predict",
    "RELEASES": "releases",
    "Argument": "catalogue.entries",
    "CatalogueDiff": "outline.diff",
    "EntryFacts": "outline.entry_facts",
    "Explanation": "plan.explain",
    "Family": "catalogue.entries",
    "Field": "structs",
    "Free": "language.values",
    "HandleField": "structs",
    "PlanCall": "plan.predict",
    "PlanChoice": "plan.predict",
    "PlanCopy": "plan.predict",
    "PlanOutcome": "plan.predict",
    "Seen": "plan.explain",
    "StructLayout": "structs",
    "SubOp": "catalogue.entries",
    "diff": "outline.diff",
    "explain": "plan.explain",
    "facts_of": "outline.entry_facts",
    "families": "catalogue.entries",
    "family": "catalogue.entries",
    "family_of": "catalogue.entries",
    "find": "catalogue.search",
    "name_of": "plan.explain",
    "predict": "plan.predict",
    "search": "catalogue.search",
    "structs_for": "structs",
}


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
