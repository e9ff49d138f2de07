"""A design of your own: Xen remembers the last walk of a hypercall.  Run, compare, try, replay."""

from __future__ import annotations

import xenexplore as xe


class LastWalk(xe.Design):
    """Xen remembers the last walk of a hypercall.

    A page that the hypercall walked last is not walked again.
    """

    last = None

    def prepare(self, xen, call):
        self.last = None
        return call

    def key(self, access, page):
        return page, access.writes

    def locate(self, xen, access):
        for va, size in xe.split_pages(xe.Gva(access.handle), access.size):
            key = self.key(access, va - va.offset)
            if self.last is not None and self.last[0] == key:
                yield xe.Located(self.last[1] + va.offset, size, checked=True)
                continue
            found = xe.walk_piece(xen, va, size, write=access.writes, vcpu=access.current)
            if isinstance(found, xe.Located):
                self.last = (key, found.gpa - found.gpa.offset)
            yield found


class Cured(LastWalk):
    """Xen remembers the last walk of a hypercall, for one vCPU, and for nothing else."""

    name, ident = "last-walk-cured", "LW2"

    def key(self, access, page):
        # An area's update is not part of a hypercall: nothing is remembered for it.
        inside = access.number if access.number is not None else object()
        return inside, access.current, page, access.writes


print(xe.compare(xe.load("grant-map-batch"), ["linear-walk", "software-tlb", LastWalk]).text())
tried = xe.trial(LastWalk, n=33, scenarios=["stale-entry", "straddle", "wrong-vcpu"])
print(tried.text())
print(xe.trial(Cured, n=33, scenarios=["stale-entry", "straddle", "wrong-vcpu"]))
print(xe.replay("pvh", Cured, n=60).text())
