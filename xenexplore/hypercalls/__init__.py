"""The catalogue of hypercalls: numbers, argument structs, guest handles, copy plans.

``find("evtchn send")`` gives one entry; a notebook shows it as a table.  Everything is
that of Xen 4.17 unless a release is named: ``find("evtchn send", xen="4.20")``;
``diff("4.17", "4.21")`` is what lies between two.
"""

from __future__ import annotations

from xenexplore.hypercalls.catalogue.entries import (
    Argument,
    Family,
    SubOp,
    families,
    family,
    family_of,
)
from xenexplore.hypercalls.catalogue.search import find, search
from xenexplore.hypercalls.language.values import Free
from xenexplore.hypercalls.outline.diff import CatalogueDiff, diff
from xenexplore.hypercalls.outline.entry_facts import EntryFacts, facts_of
from xenexplore.hypercalls.plan.explain import Explanation, Seen, explain, name_of
from xenexplore.hypercalls.plan.predict import (
    FAULT,
    PlanCall,
    PlanChoice,
    PlanCopy,
    PlanOutcome,
    predict,
)
from xenexplore.hypercalls.releases import RELEASES
from xenexplore.hypercalls.structs import Field, HandleField, StructLayout, structs_for

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
