"""How many widgets are live, asked of ipywidgets' public state."""

from __future__ import annotations

from ipywidgets import Widget

__all__ = ["live_widgets"]


def live_widgets() -> int:
    """Widgets with an open model: each is in the state that a notebook would be saved with."""
    return len(Widget.get_manager_state()["state"])
