"""The tables under an explorer: rows that are lit and picked together with its other views."""

from __future__ import annotations

from importlib import resources

import anywidget
import traitlets

from xenexplore.render.web.modules import joined

__all__ = ["SessionTables"]

_HERE = resources.files("xenexplore.widgets")


class SessionTables(anywidget.AnyWidget):
    """Tables of a session as it is now.

    A row with ``data-k`` is picked by a click, or by the button in its first cell.

    Attributes:
        value: the tables as HTML.
        chosen: what is picked, as keys (``"buf:send"``).
    """

    _esm = joined("session_tables", _HERE)
    _css = (_HERE / "session_tables.css").read_text(encoding="utf-8")

    value = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
