"""A scenario under each of its options, side by side."""

from __future__ import annotations

from xenexplore.scenario.comparison import Comparison

__all__ = ["comparison_text"]


def comparison_text(comparison: Comparison, *, unicode: bool = False) -> str:
    """Outcome, counts, hazards and first difference of every option."""
    raise NotImplementedError
