"""The guest's address spaces: regions, buffers, registered ranges, aliases."""

from __future__ import annotations

from xenexplore.scenario.path import Path

__all__ = ["map_text"]


def map_text(path: Path, index: int | None = None, *, unicode: bool = False) -> str:
    """The map as it is after a step (default: the last)."""
    raise NotImplementedError
