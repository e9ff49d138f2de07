"""Registered buffers, table by table."""

from __future__ import annotations

from xenexplore.scenario.path import Path

__all__ = ["registered_text"]


def registered_text(path: Path, index: int | None = None, *, unicode: bool = False) -> str:
    """The tables as they are after a step (default: the last)."""
    raise NotImplementedError
