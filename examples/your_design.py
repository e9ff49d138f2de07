"""A design of your own: Xen remembers the last walk of a hypercall.  Run, compare, try, replay.

The two classes are those of the notebook 13_your_own_design.  From the command line:
xenexplore compare grant-map-batch --design examples/your_design.py:LastWalkCured
"""

from __future__ import annotations

import xenexplore as xe


class LastWalk(xe.Design):
    """Xen remembers the last walk of a hypercall."""

    last = None

    def prepare(self, xen, call):
        self.last = None
        return call

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

    def key(self, access, page):
        return page


class LastWalkCured(LastWalk):
    """Xen remembers the last walk of a hypercall, for one vCPU and one direction."""

    ident = "LW2"

    def key(self, access, page):
        # An area's update is not part of a hypercall: nothing is remembered for it.
        inside = access.number if access.number is not None else object()
        return inside, access.current, access.writes, page


if __name__ == "__main__":
    designs = ["linear-walk", "software-tlb", LastWalk, LastWalkCured]
    print(xe.compare(xe.load("grant-map-batch"), designs).text())
    scenarios = ["stale-entry", "straddle", "wrong-vcpu"]
    print(xe.trial(LastWalk, n=33, scenarios=scenarios).text())
    print(xe.trial(LastWalkCured, n=33, scenarios=scenarios))
    print(xe.replay("pvh", LastWalkCured, n=60).text())
