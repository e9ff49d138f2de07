"""Find the buffers of a recorded boot, and step through one of its calls."""

from __future__ import annotations

import xenexplore as xe

recorded = xe.open_recording("pvh")
index = xe.CallIndex(recorded)
for region, count in index.regions("dom0").items():
    print(f"{count:7,} calls of dom0 have a buffer in {region}")
row = int(index.find(domain="dom0", name="event_channel_op send")[0])
print(index.call(row))
for option in ("linear-walk", "giant-map", "software-tlb", "number-bit"):
    counts = xe.run(xe.scenario_from(recorded, row=row), option).outcome.calls
    print(
        f"{option:14} walks {counts.walks}, TLB hits {counts.tlb_hits}, "
        f"P2M lookups {counts.p2m_lookups}"
    )
