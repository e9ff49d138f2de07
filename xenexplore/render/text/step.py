"""One step of a path, with what led to it."""

from __future__ import annotations

from xenexplore.scenario.path import Path

__all__ = ["step_text"]


def step_text(path: Path, index: int, *, unicode: bool = False) -> str:
    """One step; ``index`` is the step's number as JSON and every view show it, from 0."""
    raise NotImplementedError
