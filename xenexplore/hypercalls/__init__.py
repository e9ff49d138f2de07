"""The catalogue of hypercalls: numbers, argument structs, guest handles, copy plans.

``find("evtchn send")`` gives one entry; a notebook shows it as a table.
"""

from __future__ import annotations

from xenexplore.hypercalls.catalogue import (
    Argument,
    Hypercall,
    SubOp,
    families,
    family,
    family_of,
)
from xenexplore.hypercalls.explain import Explanation, Seen, explain, name_of
from xenexplore.hypercalls.facts import Facts, facts_of
from xenexplore.hypercalls.find import find, search
from xenexplore.hypercalls.plan import FAULT, Call, Choice, Copy, Outcome, predict
from xenexplore.hypercalls.structs import Field, HandleField, Layout, structs_for
from xenexplore.hypercalls.values import Free

__all__ = [
    "FAULT",
    "Argument",
    "Call",
    "Choice",
    "Copy",
    "Explanation",
    "Facts",
    "Field",
    "Free",
    "HandleField",
    "Hypercall",
    "Layout",
    "Outcome",
    "Seen",
    "SubOp",
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
