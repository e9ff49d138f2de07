"""Domain that a record belongs to."""

from __future__ import annotations

from msgspec import UNSET

from xenexplore.recording.format.columns import RecordedDomain
from xenexplore.recording.format.record_lines import RecordLine

__all__ = ["Domains"]


class Domains:
    """Distinguishes domains: by id if recorded, otherwise by kind and by ``struct vcpu``.

    Without ids, all PV hypercalls are one domain's and each ``struct vcpu``
    is another's (the recorders that write no ids ran uniprocessor guests);
    ids are then given in order of appearance.
    """

    def __init__(self) -> None:
        self.found: list[RecordedDomain] = []
        self._index: dict[tuple[str, int], int] = {}

    def index(self, row: RecordLine) -> int:
        """Index of the domain that a record belongs to, or -1."""
        if row.d is not UNSET:
            key = ("d", row.d)
        elif row.k == "pv":
            key = ("pv", 0)
        elif row.vp is not UNSET:
            key = ("vp", row.vp)
        else:
            return -1
        known = self._index.get(key)
        if known is None:
            known = self._index[key] = len(self.found)
            domid = row.d if row.d is not UNSET else self._free_domid()
            # Xen itself reaches a PV guest without the HVM helpers.
            pv = row.k == "pv" or row.c in ("from", "to", "clr")
            kind = "pv" if pv else "hvm"
            self.found.append(RecordedDomain(known, domid, kind, row.d is not UNSET))
        if row.d is not UNSET and row.vp is not UNSET:
            # Walks name the vCPU only.
            self._index.setdefault(("vp", row.vp), known)
        return known

    def _free_domid(self) -> int:
        return max((domain.domid for domain in self.found), default=-1) + 1
