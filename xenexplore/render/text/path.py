"""A path as an indented drawing, one line a step."""

from __future__ import annotations

from xenexplore.scenario.path import Path

__all__ = ["path_text"]


def path_text(path: Path, *, unicode: bool = False, folded: bool = True) -> str:
    """Every step of a path; ``folded`` shortens runs of steps that are alike."""
    raise NotImplementedError
