"""Compare every option of a scenario, and ask why one of them is wrong."""

from __future__ import annotations

import xenexplore as xe
from xenexplore.render.text.comparison import comparison_text

comparison = xe.compare(xe.load("straddle"))
print(comparison_text(comparison))
for path in comparison.paths:
    if path.outcome.status == "wrong":
        print(
            f"{path.option.label}: {path.outcome.wrong_bytes} bytes wrong, "
            f"and returns {path.outcome.result}"
        )
