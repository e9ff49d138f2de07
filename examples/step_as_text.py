"""Step a scenario under one option, as text for a mail."""

from __future__ import annotations

import xenexplore as xe
from xenexplore.render.text.run.step import step_text
from xenexplore.render.text.run.trace import trace_text

trace = xe.run(xe.load("evtchn-send-from-stack"), "software-tlb")
print(trace_text(trace))
print(step_text(trace, 8))
