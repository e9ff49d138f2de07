"""Compare every option of a scenario, and see why one of them is wrong."""

from __future__ import annotations

import xenexplore as xe

comparison = xe.compare(xe.load("straddle"))
print(comparison.text())
for trace in comparison.traces:
    if trace.outcome.status == "wrong":
        print(
            f"{trace.option.label}: {trace.outcome.wrong_bytes} bytes wrong, "
            f"and returns {trace.outcome.result}"
        )
