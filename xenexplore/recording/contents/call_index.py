"""Find recorded hypercalls by domain, name, and the region of their buffers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.guest.layout.regions import RegionKind
from xenexplore.recording.contents.call_buffers import find_buffers
from xenexplore.recording.contents.call_names import call_name, sub_op_name, sub_ops
from xenexplore.recording.contents.guest_layouts import guest_spaces
from xenexplore.recording.format.columns import Recording

__all__ = ["CallIndex", "FoundCall"]


@dataclass(frozen=True, slots=True)
class FoundCall:
    """One recorded hypercall, in short.

    Attributes:
        row: its row in ``recording.calls``.
        seq: its sequence number in the file.
        domain: name of the domain, or ``"?"``.
        name: hypercall and sub-op.
        copies: accesses that Xen made for it.
        bytes: bytes that they moved.
        regions: where its buffers lie, each region once, in order of use.
    """

    row: int
    seq: int
    domain: str
    name: str
    copies: int
    bytes: int
    regions: tuple[str, ...]

    def __str__(self) -> str:
        where = ", ".join(self.regions) or "no buffer"
        copies = "1 copy" if self.copies == 1 else f"{self.copies} copies"
        return f"#{self.seq}  {self.domain}  {self.name}  {copies}  {where}"


class CallIndex:
    """Index of a recording's hypercalls by domain, name and region; computed once.

    Args:
        recording: the recording.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        calls = recording.calls
        self._sub = np.full(len(calls), -1, np.int64)
        for number in np.unique(calls.number):
            rows = np.flatnonzero(calls.number == number)
            self._sub[rows] = sub_ops(
                int(number), calls.args[rows], calls.arg_count[rows], recording.release
            )
        self._regions = self._region_of_each_buffer()

    def _region_of_each_buffer(self) -> list[tuple[str, ...]]:
        found: list[list[str]] = [[] for _ in range(len(self.recording.calls))]
        buffers = find_buffers(self.recording)
        for space in guest_spaces(self.recording):
            rows = np.flatnonzero((buffers.domain == space.domain.index) & (buffers.call >= 0))
            kinds = [region.kind.value for region in space.layout.regions]
            places = space.layout.classify(buffers.address[rows])
            early = space.identity(self.recording, buffers.first[rows])
            data = space.no_stack(buffers.address[rows], places)
            for call, place, identity, vmalloced in zip(
                buffers.call[rows].tolist(), places.tolist(), early.tolist(), data.tolist(),
                strict=True,
            ):  # fmt: skip
                name = kinds[place]
                if identity or vmalloced:
                    name = (RegionKind.IDENTITY if identity else RegionKind.VMALLOC_DATA).value
                if name not in found[call]:
                    found[call].append(name)
        return [tuple(names) for names in found]

    def name(self, row: int) -> str:
        """Hypercall and sub-op of a call, e.g. ``"event_channel_op send"``."""
        number = int(self.recording.calls.number[row])
        return self._named(number, int(self._sub[row]))

    def _named(self, number: int, sub_op: int) -> str:
        xen = self.recording.release
        return f"{call_name(number, xen)} {sub_op_name(number, sub_op, xen)}".rstrip()

    def names(self, domain: str | None = None) -> Mapping[str, int]:
        """Number of calls with each name, most frequent first."""
        counts: dict[str, int] = {}
        rows = self._rows(domain)
        _, index, count = np.unique(
            self._pairs(rows), axis=0, return_index=True, return_counts=True
        )
        for at, number in zip(index.tolist(), count.tolist(), strict=True):
            name = self.name(int(rows[at]))
            counts[name] = counts.get(name, 0) + number
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def coded_names(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """All names, and for each call the index of its name."""
        rows = np.arange(len(self.recording.calls), dtype=np.int64)
        kinds, of = np.unique(self._pairs(rows), axis=0, return_inverse=True)
        names = tuple(self._named(number, sub) for number, sub in kinds.tolist())
        return names, of.reshape(-1).astype(np.int64)

    def coded_regions(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """All regions of buffers, with commas, and for each call the index of its regions."""
        places: dict[tuple[str, ...], int] = {}
        of = [places.setdefault(regions, len(places)) for regions in self._regions]
        return tuple(", ".join(regions) for regions in places), np.array(of, np.int64)

    def regions(self, domain: str | None = None) -> Mapping[str, int]:
        """Number of calls with a buffer in each region, most frequent first."""
        counts = Counter(name for row in self._rows(domain).tolist() for name in self._regions[row])
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def find(
        self, *, domain: str | None = None, name: str | None = None, region: str | None = None
    ) -> NDArray[np.int64]:
        """Rows of the calls that match every condition, in the order they were made."""
        rows = self._rows(domain)
        if name is not None:
            kinds, of = np.unique(self._pairs(rows), axis=0, return_inverse=True)
            names = (self._named(number, sub) for number, sub in kinds.tolist())
            wanted = [found == name for found in names]
            rows = rows[np.array(wanted, dtype=bool)[of.reshape(-1)]]
        if region is not None:
            rows = rows[[region in self._regions[row] for row in rows.tolist()]]
        return rows

    def _pairs(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Hypercall and sub-op of each call, shape (calls, 2)."""
        numbers = self.recording.calls.number[rows].astype(np.int64)
        return np.stack([numbers, self._sub[rows]], axis=1)

    def _rows(self, domain: str | None) -> NDArray[np.int64]:
        if domain is None:
            return np.arange(len(self.recording.calls), dtype=np.int64)
        named = {found.name: found.index for found in self.recording.domains}
        return self.recording.of_domain(named.get(domain, -2))

    def call(self, row: int) -> FoundCall:
        """Summary of one call."""
        recording = self.recording
        start, end = recording.access_start[row : row + 2].tolist()
        inside = np.flatnonzero(recording.accesses.inside[start:end]) + start
        index = int(recording.calls.domain[row])
        return FoundCall(
            row=row,
            seq=int(recording.calls.seq[row]),
            domain=recording.domains[index].name if index >= 0 else "?",
            name=self.name(row),
            copies=len(inside),
            bytes=int(recording.accesses.size[inside].sum()),
            regions=self._regions[row],
        )
