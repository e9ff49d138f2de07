"""The list of recorded calls: searched, sorted, and sent to the browser as it is scrolled."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from xenexplore.recording.contents.call_index import CallIndex
from xenexplore.recording.contents.call_table import COLUMNS, CallListing
from xenexplore.widgets.late_module import LateModule

__all__ = ["CallList"]

_HERE = resources.files("xenexplore.widgets")


class CallList(LateModule):
    """Rows of a recording's calls, as many as there are; lines travel when they come into sight.

    Args:
        index: of the recording.

    Attributes:
        value: the chosen call's row in the recording, or -1.
        place: where it stands in the list as it is now, from 0, or -1; set by a click.
        query: words that have to stand in a line.
        sort: a column, and ``down``: whether the largest comes first.
        total: how many lines there are, in ``count`` in words.
        found: how often the list has become another one.
    """

    _css = (_HERE / "call_list.css").read_text(encoding="utf-8")

    module = traitlets.Unicode((_HERE / "call_list.js").read_text("utf-8")).tag(sync=True)
    columns = traitlets.List(list(COLUMNS)).tag(sync=True)
    value = traitlets.Int(-1)
    # The list that was clicked marks the line itself: nothing is sent back before the call's view.
    place = traitlets.Int(-1).tag(sync=True, echo_update=False)
    query = traitlets.Unicode("").tag(sync=True)
    sort = traitlets.Enum(COLUMNS, COLUMNS[0]).tag(sync=True)
    down = traitlets.Bool(False).tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    count = traitlets.Unicode("").tag(sync=True)
    found = traitlets.Int(0).tag(sync=True)

    def __init__(self, index: CallIndex, **kwargs: Any) -> None:
        self._table = CallListing(index)
        self._all: NDArray[np.int64] = index.find()
        self.rows = self._all
        super().__init__(**kwargs)
        self.observe(lambda _: self._list(), ["query", "sort", "down"])
        self.observe(lambda _: self._placed(), "place")
        self.on_msg(self._asked)

    def fill(self, rows: NDArray[np.int64]) -> None:
        """List these calls, as far as the query finds something in them."""
        self._all = rows
        self._list()

    def choose(self, row: int) -> None:
        """Choose a call by its row; it is in sight if it is in the list."""
        self.value = row
        self.place = self._place_of(row)

    def lines(self, first: int, count: int) -> list[tuple[object, ...]]:
        """Some lines: each the call's row and its cells."""
        some = self.rows[max(0, first) : max(0, first) + count].tolist()
        return [(row, f"#{(cells := self._table.cells(row))[0]}", *cells[1:]) for row in some]

    def _list(self) -> None:
        rows = self._table.search(self._all, self.query)
        self.rows = self._table.sort(rows, self.sort, down=self.down)
        with self.hold_sync():
            self.total = len(self.rows)
            self.count = f"{self.total:,} of {len(self._all):,} calls"
            self.place = self._place_of(self.value)
            self.found += 1

    def _place_of(self, row: int) -> int:
        places = np.flatnonzero(self.rows == row)
        return int(places[0]) if len(places) else -1

    def _placed(self) -> None:
        """A click has chosen a line."""
        if 0 <= self.place < len(self.rows):
            self.value = int(self.rows[self.place])

    def _asked(self, _widget: object, content: object, _buffers: object) -> None:
        """The browser asks for lines that come into sight."""
        if not isinstance(content, dict) or content.get("found") != self.found:
            return
        first, count = content.get("from"), content.get("count")
        if isinstance(first, int) and isinstance(count, int):
            lines = self.lines(first, min(count, 1000))
            self.send({"lines": lines, "from": first, "found": self.found})
