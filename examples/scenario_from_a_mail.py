"""Run a scenario from a mail: its text is all that is needed."""

from __future__ import annotations

import xenexplore as xe

MAIL = """
name = "runstate-into-vmalloc"
title = "VCPUOP_get_runstate_info into vmalloc memory"
text = "A made-up reader asks: what if the area crosses a page?"

[guest]
type = "pvh"
kernel = "linux"
vcpus = 1

[[buffer]]
name = "area"
place = "vmalloc"
size = 48
offset = 4080

[[action]]
do = "call"
vcpu = 0
hypercall = "vcpu_op get_runstate_info"
with = { vcpuid = 0, arg = "@area" }

[[option]]
use = "linear-walk"

[[option]]
use = "number-bit"
"""

scenario = xe.parse(MAIL)
for trace in xe.compare(scenario).traces:
    outcome = trace.outcome
    print(
        f"{trace.option.label}: {outcome.status}, result {outcome.result}, "
        f"{outcome.wrong_bytes} bytes wrong"
    )
    for hazard in outcome.hazards:
        print("  ", hazard)
