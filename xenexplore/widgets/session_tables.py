"""The tables under an explorer: rows that are lit and picked together with its other views."""

from __future__ import annotations

from pathlib import Path

import traitlets

from xenexplore.render.web.modules import joined
from xenexplore.widgets.late_module import LateModule

__all__ = ["SessionTables"]

_HERE = Path(__file__).parent


class SessionTables(LateModule):
    """Tables of a session as it is now.

    A row with ``data-k`` is picked by a click, or by the button in its first cell.

    Attributes:
        value: the tables as HTML.
        chosen: what is picked, as keys (``"buf:send"``).
    """

    _css = (_HERE / "session_tables.css").read_text(encoding="utf-8")

    module = traitlets.Unicode(joined("session_tables", _HERE)).tag(sync=True)
    value = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
