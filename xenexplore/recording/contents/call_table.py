"""The hypercalls of a recording as a searchable, sortable table: columns of codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xenexplore.recording.contents.call_index import CallIndex

__all__ = ["COLUMNS", "CallListing"]

#: What the table can be sorted by, as its heads name it.
COLUMNS = ("call", "domain", "hypercall", "copies", "buffers in")


class CallListing:
    """Columns of every call of a recording; a search or a sort does not visit single calls.

    Args:
        index: of the recording.
    """

    def __init__(self, index: CallIndex) -> None:
        recording = index.recording
        self._seq = recording.calls.seq
        self._digits = self._seq.astype(str)
        self._domains = (*(domain.name for domain in recording.domains), "?")
        self._domain = np.where(
            recording.calls.domain < 0, len(self._domains) - 1, recording.calls.domain
        )
        self._names, self._name = index.coded_names()
        self._regions, self._region = index.coded_regions()
        inside = np.concatenate([[0], np.cumsum(recording.accesses.inside)])
        self._copies = np.diff(inside[recording.access_start])

    def cells(self, row: int) -> tuple[int, str, str, int, str]:
        """One call: its number, domain, hypercall, copies, and the regions of its buffers."""
        return (
            int(self._seq[row]),
            self._domains[int(self._domain[row])],
            self._names[int(self._name[row])],
            int(self._copies[row]),
            self._regions[int(self._region[row])],
        )

    def search(self, rows: NDArray[np.int64], text: str) -> NDArray[np.int64]:
        """The rows with every word of a text; digits match the beginning of a call's number."""
        for word in text.lower().replace("#", "").split():
            found = (
                self._holding(self._domains, word)[self._domain[rows]]
                | self._holding(self._names, word)[self._name[rows]]
                | self._holding(self._regions, word)[self._region[rows]]
            )
            if word.isdecimal():
                found |= np.char.startswith(self._digits[rows], word)
            rows = rows[found]
        return rows

    def sort(self, rows: NDArray[np.int64], column: str, *, down: bool) -> NDArray[np.int64]:
        """Some rows sorted by a column of :data:`COLUMNS`; equal rows keep their order."""
        keys = {
            "call": self._seq,
            "domain": self._ranks(self._domains)[self._domain],
            "hypercall": self._ranks(self._names)[self._name],
            "copies": self._copies,
            "buffers in": self._ranks(self._regions)[self._region],
        }
        key = keys[column][rows].astype(np.int64)
        return rows[np.argsort(-key if down else key, kind="stable")]

    @staticmethod
    def _holding(texts: Sequence[str], word: str) -> NDArray[np.bool_]:
        return np.array([word in text.lower() for text in texts], np.bool_)

    @staticmethod
    def _ranks(texts: Sequence[str]) -> NDArray[np.int64]:
        """Rank of each text in alphabetical order."""
        ranks = np.empty(len(texts), np.int64)
        ranks[np.argsort(np.array(texts), kind="stable")] = np.arange(len(texts))
        return ranks
