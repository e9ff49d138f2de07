"""Step a scenario under one option, as text for a mail."""

from __future__ import annotations

import xenexplore as xe
from xenexplore.render.text.path import path_text
from xenexplore.render.text.step import step_text

path = xe.run(xe.load("evtchn-send-from-stack"), "software-tlb")
print(path_text(path))
print(step_text(path, 8))
