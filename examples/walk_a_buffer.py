"""Walk the page tables of a guest, as the CPU would and as Xen has to."""

from __future__ import annotations

import xenexplore as xe

domain = xe.Domain(xe.GuestSpec(kernel="linux", memory=128 << 20))
buffer = domain.place("argument", "stack", 48, offset=4080)
for va in (buffer.va, buffer.va + 16):
    by_cpu = xe.walk(domain, va)
    by_xen = xe.walk(domain, va, by="xen")
    print(
        f"{va} -> {by_cpu.gpa}: {len(by_cpu.levels)} entries; "
        f"Xen looks up {len(by_xen.lookups)} frames"
    )
    for level in by_cpu.levels:
        print(f"  L{level.number} {level.table} [{level.index:3}] {level.entry:016x} {level.flags}")
