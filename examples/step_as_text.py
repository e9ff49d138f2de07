"""Step a scenario under one option, as text for a mail."""

from __future__ import annotations

import xenexplore as xe

trace = xe.run(xe.load("evtchn-send-from-stack"), "software-tlb")
print(trace.text())
print(trace.text(8))
